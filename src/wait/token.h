/*-------------------------------------------------------------------------
 *
 * token.h
 *	  The commit token: where this session's last commit is in the WAL.
 *
 * A token is TIMELINE:LSN, the LSN being the end of the commit record; a
 * server that has replayed up to there on that timeline shows what was
 * committed.  It moves when a transaction commits that has a transaction ID,
 * and with COMMIT PREPARED; a read-only transaction, a rollback, VACUUM and
 * a SELECT that happens to clean a page leave it alone.
 *
 * With replwatch.report_commit_token the server tells the client as well, by
 * a ParameterStatus message before the ReadyForQuery that follows.  It is
 * sent then and not at the commit itself, because a client that does not
 * read would hold up whatever the sender holds: by then that is nothing, and
 * the wait can be interrupted.
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

typedef struct RwToken
{
	TimeLineID	tli;			/* 0: no commit yet */
	XLogRecPtr	lsn;
} RwToken;

/* This session's last commit that wrote; tli is 0 in parallel workers. */
extern RwToken rw_last_commit(void);

/* Write a token; returns buffer, of RW_TOKEN_LEN bytes. */
extern const char *rw_token_out(RwToken token, char *buffer);

/* Read a token; false if it is none.  Nothing before or after is allowed. */
extern bool rw_token_in(const char *string, RwToken *token);

/* Read a token from an argument; 22P02 if it is none. */
extern void rw_token_argument(text *argument, RwToken *token);

/*
 * Can this server ever replay what the token stands for?  True if its
 * timeline is this server's or a later one's ancestor, up to where that was
 * left; RW001 if the commit was lost; 55000 if that can't be told.  A timeline
 * newer than this server's is not lost: *reachable is false, and the answer
 * may be another when this server follows it.
 */
extern void rw_token_check(RwToken token, bool *reachable);

#endif							/* RW_TOKEN_H */
