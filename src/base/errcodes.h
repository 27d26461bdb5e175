/*-------------------------------------------------------------------------
 *
 * errcodes.h
 *	  The SQLSTATEs that are replwatch's own.
 *
 * Class RW is for conditions that an application should handle in a way of
 * their own; all other errors have one of the server's SQLSTATEs.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ERRCODES_H
#define RW_ERRCODES_H

#include "utils/elog.h"

/*
 * RW001 commit_lost: the commit of a token is not part of this server's
 * history.  It was lost in a failover; reading elsewhere does not help.
 */
#define RW_ERRCODE_COMMIT_LOST	MAKE_SQLSTATE('R', 'W', '0', '0', '1')

/*
 * RW002 not_replayed: the target of replwatch.read_after was not replayed
 * within replwatch.wait_timeout.  Retry, or read from another server.
 */
#define RW_ERRCODE_NOT_REPLAYED	MAKE_SQLSTATE('R', 'W', '0', '0', '2')

/*
 * RW003 other_system: a commit token is of another database system than this
 * server.  No wait helps: drop the token and read on the primary.
 */
#define RW_ERRCODE_OTHER_SYSTEM	MAKE_SQLSTATE('R', 'W', '0', '0', '3')

#endif							/* RW_ERRCODES_H */
