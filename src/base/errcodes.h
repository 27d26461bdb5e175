/*-------------------------------------------------------------------------
 *
 * errcodes.h
 *	  The SQLSTATEs that are replwatch's own.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ERRCODES_H
#define RW_ERRCODES_H

#include "utils/elog.h"

/* A commit that a failover left behind: reading elsewhere does not help. */
#define RW_ERRCODE_COMMIT_LOST	MAKE_SQLSTATE('R', 'W', '0', '0', '1')

/* What replwatch.read_after asked for did not come in time. */
#define RW_ERRCODE_NOT_REPLAYED	MAKE_SQLSTATE('R', 'W', '0', '0', '2')

#endif							/* RW_ERRCODES_H */
