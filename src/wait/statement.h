/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  A function that waits without holding a snapshot.
 *
 * A standby's replay can be waiting for just the snapshot with which the
 * caller's statement runs, or for a lock of the caller's transaction; the wait
 * would then never end.  So a wait gives the statement's snapshot up, which is
 * possible only if nothing else in the statement could use it: where the
 * statement is the call and nothing more, sent by the client, in READ
 * COMMITTED, in a transaction that holds no lock.  Everywhere else it is
 * refused, with a hint.
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
 * Check that the function called may wait in this statement; raises 55000 if
 * not.  Nothing is given up yet.
 */
extern QueryDesc *rw_statement_check(FunctionCallInfo fcinfo,
									 const char *function);

/* Check that a call that does not wait makes sense: not in REPEATABLE READ. */
extern void rw_isolation_check(const char *function);

/* Give the statement's snapshot up.  From here until rw_statement_resume no
 * catalog may be looked at. */
extern void rw_statement_release(QueryDesc *query, const char *function);

/* Take a new snapshot: what the statement returns is computed under it. */
extern void rw_statement_resume(QueryDesc *query);

/*
 * The same checks for a command that takes no snapshot; `what` is the name of
 * what waits.
 */
extern void rw_set_command_check(const char *what);

#endif							/* RW_STATEMENT_H */
