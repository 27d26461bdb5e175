/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  A function that waits without holding a snapshot.
 *
 * A call is the whole statement if the expression that it was made from is,
 * by address, the only one in the plan of the active portal.  A call from
 * within a function, a DO block, a trigger or a sub-select runs under the
 * same portal, but comes from another expression.
 *
 * Such a statement holds its snapshot in three places: the stack of active
 * snapshots and two registrations that belong to the portal's resource owner.
 * All are released with the functions for that, and made anew after the wait.
 * If the wait ends in an error, there is nothing left to release.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "nodes/primnodes.h"
#include "storage/lmgr.h"
#include "tcop/pquery.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "src/base/compat.h"
#include "src/wait/statement.h"

/* Names of portals that EXECUTE and functions create begin with this. */
#define SERVERS_PORTAL	"<unnamed portal "

static bool
is_mutable(Oid function, void *context)
{
	return func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

/* A cast is allowed even if it depends on settings, as text to interval. */
static bool
is_cast(Node *node)
{
	return IsA(node, CoerceViaIO) ||
		(IsA(node, FuncExpr) &&
		 ((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CALL);
}

static bool
calls_mutable(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, SQLValueFunction) || IsA(node, NextValueExpr) ||
		(!is_cast(node) && check_functions_in_node(node, is_mutable, NULL)))
		return true;
	return expression_tree_walker(node, calls_mutable, context);
}

/*
 * Are the arguments constants, parameters, casts of them, and immutable
 * functions of these?  The planner replaces such an expression by a constant
 * if it knows the parameters, but not in a generic plan, and the answer must
 * not depend on the plan.
 */
static bool
has_plain_arguments(Node *expr)
{
	return IsA(expr, FuncExpr) &&
		!calls_mutable((Node *) ((FuncExpr *) expr)->args, NULL);
}

/* The expression of a plan that only evaluates one; otherwise NULL. */
static Node *
only_expression(Plan *plan)
{
	TargetEntry *entry;

	/* LIMIT is a separate node on top; with constants it is harmless. */
	while (IsA(plan, Limit) && plan->lefttree && !plan->initPlan)
		plan = plan->lefttree;

	if (list_length(plan->targetlist) != 1 || plan->initPlan || plan->qual ||
		plan->lefttree || plan->righttree)
		return NULL;
	entry = linitial_node(TargetEntry, plan->targetlist);

	if (IsA(plan, Result))
		return ((Result *) plan)->resconstantqual ? NULL :
			(Node *) entry->expr;

	/* SELECT * FROM f(...) */
	if (IsA(plan, FunctionScan) && IsA(entry->expr, Var) &&
		list_length(((FunctionScan *) plan)->functions) == 1)
	{
		RangeTblFunction *function =
			linitial(((FunctionScan *) plan)->functions);

		return function->funcexpr;
	}
	return NULL;
}

/* The query, if it consists of this call only; otherwise NULL. */
static QueryDesc *
bare_query(FunctionCallInfo fcinfo)
{
	Portal		portal = ActivePortal;
	QueryDesc  *query;
	PlannedStmt *statement;
	Node	   *expr;

	if (portal == NULL || portal->strategy != PORTAL_ONE_SELECT ||
		portal->queryDesc == NULL ||
		strncmp(portal->name, SERVERS_PORTAL, strlen(SERVERS_PORTAL)) == 0)
		return NULL;

	/* Cursors are declared with more options than the protocol's portals. */
	if (portal->cursorOptions & ~CURSOR_OPT_NO_SCROLL)
		return NULL;

	query = portal->queryDesc;
	statement = query->plannedstmt;
	if (statement->commandType != CMD_SELECT || statement->hasModifyingCTE ||
		statement->subplans || statement->rowMarks)
		return NULL;

	expr = only_expression(statement->planTree);
	if (expr == NULL || expr != fcinfo->flinfo->fn_expr ||
		!has_plain_arguments(expr))
		return NULL;
	return query;
}

/* Is the statement's snapshot the only one, and held only where we know? */
static bool
holds_one_snapshot(QueryDesc *query)
{
	Snapshot	snapshot;

	InvalidateCatalogSnapshot();
	if (!ActiveSnapshotSet())
		return false;
	snapshot = GetActiveSnapshot();
	return snapshot == query->snapshot &&
		snapshot == query->estate->es_snapshot &&
		snapshot->active_count == 1 && snapshot->regd_count == 2 &&
		snapshot->ph_node.first_child == NULL &&
		snapshot->ph_node.next_sibling == NULL &&
		snapshot->ph_node.prev_or_parent == NULL;
}

static void
refuse_isolation(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s cannot wait in a transaction with isolation level %s",
					what, XactIsoLevel == XACT_SERIALIZABLE ?
					"SERIALIZABLE" : "REPEATABLE READ"),
			 errdetail("Such a transaction keeps its snapshot and cannot see later changes."),
			 errhint("Wait before the transaction begins, or use SET replwatch.read_after as its first command.")));
}

static void
refuse_lock(const char *what)
{
	if (rw_holds_lock())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot wait while this transaction holds locks",
						what),
				 errdetail("Replay could be waiting for one of them, or for a session that does."),
				 errhint("Wait before the transaction reads or locks anything, and release session-level advisory locks first.")));
}

void
rw_isolation_check(const char *function)
{
	if (IsolationUsesXactSnapshot())
		refuse_isolation(function);
}

QueryDesc *
rw_statement_check(FunctionCallInfo fcinfo, const char *function)
{
	QueryDesc  *query;

	rw_isolation_check(function);

	query = bare_query(fcinfo);
	if (query == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot wait within EXECUTE, a larger statement, a function or a cursor",
						function),
				 errdetail("The snapshot of the statement could block the replay that it waits for."),
				 errhint("Send SELECT %s(...) as a separate statement, with constants or parameters as arguments.",
						 function)));
	if (!holds_one_snapshot(query))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot wait while another snapshot is held",
						function),
				 errdetail("The session has an open cursor, an unfinished portal or an exported snapshot."),
				 errhint("Close it first, or wait before opening it.")));
	refuse_lock(function);
	return query;
}

QueryDesc *
rw_statement_alone(FunctionCallInfo fcinfo)
{
	QueryDesc  *query = IsolationUsesXactSnapshot() ? NULL :
		bare_query(fcinfo);

	return query && holds_one_snapshot(query) ? query : NULL;
}

void
rw_statement_release(QueryDesc *query, const char *function)
{
	EState	   *estate = query->estate;

	InvalidateCatalogSnapshot();
	PopActiveSnapshot();
	UnregisterSnapshot(estate->es_snapshot);
	estate->es_snapshot = InvalidSnapshot;
	UnregisterSnapshot(query->snapshot);
	query->snapshot = InvalidSnapshot;
	InvalidateCatalogSnapshot();

	/* Has been checked, but waiting with a snapshot could last forever. */
	if (HaveRegisteredOrActiveSnapshot() || TransactionIdIsValid(MyProc->xmin))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot wait while another snapshot is held",
						function)));
}

void
rw_statement_resume(QueryDesc *query)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	query->snapshot = RegisterSnapshot(GetActiveSnapshot());
	query->estate->es_snapshot = RegisterSnapshot(query->snapshot);
}

void
rw_set_command_check(const char *what)
{
	InvalidateCatalogSnapshot();
	if (HaveRegisteredOrActiveSnapshot() || TransactionIdIsValid(MyProc->xmin))
	{
		if (IsolationUsesXactSnapshot())
			refuse_isolation(what);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot wait while another snapshot is held", what),
				 errdetail("The session has an open cursor, an unfinished portal or an exported snapshot."),
				 errhint("Close it first, or set the parameter before opening it.")));
	}
	refuse_lock(what);
}
