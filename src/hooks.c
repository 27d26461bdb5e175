/*-------------------------------------------------------------------------
 *
 * hooks.c
 *	  Where replwatch reaches into the server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/libpq_compat.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "tcop/utility.h"

#include "src/base/process.h"
#include "src/hooks.h"
#include "src/observe/ended.h"
#include "src/observe/replaying.h"
#include "src/shmem.h"
#include "src/wait/wait.h"

static shmem_request_hook_type next_shmem_request_hook = NULL;
static shmem_startup_hook_type next_shmem_startup_hook = NULL;
static ClientAuthentication_hook_type next_client_authentication_hook = NULL;
static emit_log_hook_type next_emit_log_hook = NULL;
static ProcessUtility_hook_type next_process_utility_hook = NULL;

static void
hook_shmem_request(void)
{
	if (next_shmem_request_hook)
		next_shmem_request_hook();
	rw_shmem_request();
}

static void
hook_shmem_startup(void)
{
	if (next_shmem_startup_hook)
		next_shmem_startup_hook();
	rw_shmem_startup();
	rw_replay_init();
}

static void
hook_client_authentication(Port *port, int status)
{
	if (next_client_authentication_hook)
		next_client_authentication_hook(port, status);

	rw_keepalive_connection();
	if (status == STATUS_OK)
		rw_ended_connection();
	rw_process_ensure(RW_PROCESS_SAMPLER, true);
}

static void
hook_emit_log(ErrorData *edata)
{
	rw_ended_message(edata);
	rw_replaying_message(edata);

	if (next_emit_log_hook)
		next_emit_log_hook(edata);
}

static void
next_process_utility(PlannedStmt *pstmt, const char *queryString,
					 bool readOnlyTree, ProcessUtilityContext context,
					 ParamListInfo params, QueryEnvironment *queryEnv,
					 DestReceiver *dest, QueryCompletion *qc)
{
	if (next_process_utility_hook)
		next_process_utility_hook(pstmt, queryString, readOnlyTree, context,
								  params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context,
								params, queryEnv, dest, qc);
}

static void
hook_process_utility(PlannedStmt *pstmt, const char *queryString,
					 bool readOnlyTree, ProcessUtilityContext context,
					 ParamListInfo params, QueryEnvironment *queryEnv,
					 DestReceiver *dest, QueryCompletion *qc)
{
	bool		sets_read_after =
		rw_read_after_begin(pstmt->utilityStmt,
							context == PROCESS_UTILITY_TOPLEVEL);

	rw_token_utility(pstmt->utilityStmt);

	if (!sets_read_after)
	{
		next_process_utility(pstmt, queryString, readOnlyTree, context,
							 params, queryEnv, dest, qc);
		return;
	}

	PG_TRY();
	{
		next_process_utility(pstmt, queryString, readOnlyTree, context,
							 params, queryEnv, dest, qc);
	}
	PG_FINALLY();
	{
		rw_read_after_end();
	}
	PG_END_TRY();
}

static void
hook_xact(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		rw_visible_before_commit();
	else
		rw_token_xact_callback(event);
}

void
rw_hooks_init(void)
{
	next_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = hook_shmem_request;
	next_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = hook_shmem_startup;

	next_client_authentication_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = hook_client_authentication;
	next_emit_log_hook = emit_log_hook;
	emit_log_hook = hook_emit_log;
	next_process_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = hook_process_utility;
	RegisterXactCallback(hook_xact, NULL);
}
