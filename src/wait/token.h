/*-------------------------------------------------------------------------
 *
 * token.h
 *	  The commit token: where this session's last commit is in the WAL.
 *
 * A token is TIMELINE:LSN, the LSN being the end of the commit record; on a
 * server that has replayed up to there on that timeline, the commit is
 * visible.  A session's token changes when a transaction with a transaction
 * ID commits, and with COMMIT PREPARED.  A read-only transaction, a rollback,
 * VACUUM and a SELECT that happens to prune a page do not change it.
 * Parallel workers have no token: the functions run in the leader, and the
 * setting is empty there.
 *
 * With replwatch.report_commit_token the server also sends the token to the
 * client, in a ParameterStatus message before the next ReadyForQuery.  It is
 * not sent at the commit itself, because a client that does not read would
 * block the session while it holds resources; before ReadyForQuery it holds
 * none, and the wait can be interrupted.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TOKEN_H
#define RW_TOKEN_H

#include "access/xlogdefs.h"

#include "src/base/units.h"

/* "4294967295:FFFFFFFF/FFFFFFFF" and the final 0 */
#define RW_TOKEN_LEN	30

/* The number of bytes of an invalid token that a message shows. */
#define RW_SHOWN_LEN	64

typedef struct RwToken
{
	TimeLineID	tli;			/* 0: no commit yet */
	XLogRecPtr	lsn;
} RwToken;

/* This session's last commit that wrote; tli is 0 in parallel workers. */
extern RwToken rw_last_commit(void);

/* Read a token; false if the string is anything but a token. */
extern bool rw_token_in(const char *string, RwToken *token);

/* Read a token from an argument; raises 22P02 if it is none. */
extern void rw_token_argument(text *argument, RwToken *token);

/*
 * Check that the commit is in this server's history or may still get there.
 * *reachable is true if the token's timeline is this server's, or an ancestor
 * that was left after the commit; false if it is newer than this server's,
 * which may follow it later.  Raises RW001 if the commit was lost, 55000 if
 * the history of this server's timeline cannot be read.
 */
extern void rw_token_check(RwToken token, bool *reachable);

#endif							/* RW_TOKEN_H */
