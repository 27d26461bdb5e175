/*-------------------------------------------------------------------------
 *
 * token.h
 *	  The commit token: where this session's last commit is in the WAL.
 *
 * A token is SYSTEM:TIMELINE:LSN, the LSN being the end of the commit record;
 * on a server of that system that has replayed up to there on that timeline,
 * the commit is visible.  The system identifier tells database systems apart,
 * in which timelines and LSNs have nothing to do with each other.  Of two
 * tokens of one system the greater string is the later commit's.
 *
 * A session's token changes when a transaction with a transaction
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

/* A token and the final 0 */
#define RW_TOKEN_LEN	(RW_TOKEN_WIDTH + 1)

/* The number of bytes of an invalid token that a message shows. */
#define RW_SHOWN_LEN	64

/* The token that messages show as an example. */
#define RW_TOKEN_EXAMPLE	"6a1f0c2e9b3d4857:00000001:00000000/594F2870"

/* A token of this server's system. */
typedef struct RwToken
{
	TimeLineID	tli;			/* 0: no commit yet */
	XLogRecPtr	lsn;
} RwToken;

/* This session's last commit that wrote; tli is 0 in parallel workers. */
extern RwToken rw_last_commit(void);

/*
 * Read a token; false if the string is anything but a token.  Raises RW003 if
 * it is of another system.
 */
extern bool rw_token_in(const char *string, RwToken *token);

/* The same for an argument; raises 22P02 if it is no token. */
extern void rw_token_argument(text *argument, RwToken *token);

/* What a position of this server says about a token. */
typedef enum RwTokenStanding
{
	RW_TOKEN_HERE,				/* the token's timeline is this server's, or an
								 * ancestor that was left after the commit */
	RW_TOKEN_UNCERTAIN,			/* as above, but it is not known whether the
								 * upstream server has this WAL, too */
	RW_TOKEN_NEWER				/* the timeline is newer than this server's,
								 * which may follow it later */
} RwTokenStanding;

/*
 * Check that the commit is in this server's history or may still get there: a
 * position of this server counts for the token only if it is RW_TOKEN_HERE.
 * Raises RW001 if the commit was lost, 55000 if the history of this server's
 * timeline cannot be read.
 */
extern RwTokenStanding rw_token_check(RwToken token);

#endif							/* RW_TOKEN_H */
