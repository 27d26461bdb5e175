/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  A function that waits without holding a snapshot.
 *
 * Replay on a standby can be waiting for the snapshot of the caller's
 * statement, or for a lock of the caller's transaction; the wait would then
 * never end.  So a wait releases the statement's snapshot, which is possible
 * only if nothing else in the statement can use it: where the statement
 * consists of the call and was sent by the client, in READ COMMITTED, in a
 * transaction that holds no lock.  Everywhere else the call is refused, with a
 * hint.
 *
 * A session on a primary that waits for replicas cannot block their replay.
 * There the snapshot is released where that is possible, and kept elsewhere.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STATEMENT_H
#define RW_STATEMENT_H

#include "executor/execdesc.h"
#include "fmgr.h"

/*
 * Check that the called function may wait in this statement; raises 55000 if
 * not.  Returns the query, whose snapshot is still held.
 */
extern QueryDesc *rw_statement_check(FunctionCallInfo fcinfo,
									 const char *function);

/*
 * The query, if the called function could wait in this statement without a
 * snapshot but for locks that the transaction holds; otherwise NULL.
 */
extern QueryDesc *rw_statement_alone(FunctionCallInfo fcinfo);

/*
 * Check that the isolation level lets a transaction see what is replayed after
 * its first statement; raises 55000 if not.  `function` is for the message.
 */
extern void rw_isolation_check(const char *function);

/*
 * Release the statement's snapshot.  Until rw_statement_resume() no catalog
 * may be read.
 */
extern void rw_statement_release(QueryDesc *query, const char *function);

/* Take a new snapshot, for the rest of the statement. */
extern void rw_statement_resume(QueryDesc *query);

/*
 * Check that a SET command, which takes no snapshot, may wait; raises 55000 if
 * the transaction has a snapshot or a lock.  `what` is for the message.
 */
extern void rw_set_command_check(const char *what);

#endif							/* RW_STATEMENT_H */
