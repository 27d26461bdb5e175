/*-------------------------------------------------------------------------
 *
 * read_after.c
 *	  SET replwatch.read_after: a wait that is a setting.
 *
 * The command SET takes no snapshot, so it can wait where a function cannot:
 * before the first query of a REPEATABLE READ transaction, and, behind a
 * transaction pooler, in the same transaction as the read and hence on the
 * same server.  It waits once, when it is executed; the value is then only
 * remembered.
 *
 * The ProcessUtility hook waits before the command sets anything, so a wait
 * that fails leaves the old value.  All other ways to set a parameter (a
 * function's SET clause, set_config, ALTER ROLE, files, the startup packet)
 * reach the check hook only, which cannot wait and refuses the value.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"

#include "src/base/compat.h"
#include "src/base/errcodes.h"
#include "src/base/locks.h"
#include "src/settings.h"
#include "src/wait/intern.h"
#include "src/wait/statement.h"
#include "src/wait/token.h"

#define READ_AFTER	"replwatch.read_after"

static char *read_after = NULL;

/* A SET command that has waited is being executed. */
static bool in_set = false;

/* Parallel workers take over the leader's settings without waiting again. */
static bool
check_read_after(char **newval, void **extra, GucSource source)
{
	if (*newval == NULL || **newval == '\0' || in_set ||
		InitializingParallelWorker)
		return true;

	GUC_check_errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE);
	GUC_check_errmsg("parameter \"%s\" can only be set by a SET command from the client",
					 READ_AFTER);
	GUC_check_errdetail("Setting it waits for replay, which is not possible here.");
	GUC_check_errhint("Send SET %s = '...' as a separate command.",
					  READ_AFTER);
	return false;
}

/* Read a commit token, or an LSN, which has timeline 0. */
static RwToken
parse_read_after(const char *value)
{
	RwToken		token;

	if (rw_token_in(value, &token))
		return token;
	token.tli = 0;
	if (!rw_lsn_in(value, &token.lsn))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid value for parameter \"%s\": \"%.*s\"",
						READ_AFTER,
						pg_mbcliplen(value, strlen(value), RW_SHOWN_LEN), value),
				 errdetail("The value must be a commit token, such as %s, or an LSN.",
						   RW_TOKEN_EXAMPLE)));
	return token;
}

static void
raise_not_replayed(RwToken token)
{
	XLogRecPtr	target = token.lsn;
	XLogRecPtr	replayed = rw_replayed();
	uint64		missing = target > replayed ? target - replayed : 0;
	int64		eta = rw_replay_eta(missing);
	TimeLineID	tli;

	(void) GetXLogReplayRecPtr(&tli);
	if (token.tli > tli)
		ereport(ERROR,
				(errcode(RW_ERRCODE_NOT_REPLAYED),
				 errmsg("LSN " RW_LSN_FORMAT " of timeline %u has not been replayed within %d ms",
						LSN_FORMAT_ARGS(target), token.tli,
						rw_wait_timeout_ms),
				 errdetail("This server is on timeline %u.", tli)));

	ereport(ERROR,
			(errcode(RW_ERRCODE_NOT_REPLAYED),
			 errmsg("LSN " RW_LSN_FORMAT " has not been replayed within %d ms",
					LSN_FORMAT_ARGS(target), rw_wait_timeout_ms),
			 eta < 0 ?
			 errdetail("Replay has reached LSN " RW_LSN_FORMAT ", is %llu bytes behind, and is not catching up.",
					   LSN_FORMAT_ARGS(replayed),
					   (unsigned long long) missing) :
			 errdetail("Replay has reached LSN " RW_LSN_FORMAT ", is %llu bytes behind, and needs about %lld ms at the current rate.",
					   LSN_FORMAT_ARGS(replayed),
					   (unsigned long long) missing,
					   (long long) (eta / RW_MS))));
}

static void
raise_not_visible(RwToken token)
{
	ereport(ERROR,
			(errcode(RW_ERRCODE_NOT_REPLAYED),
			 errmsg("commits up to LSN " RW_LSN_FORMAT " have not become visible within %d ms",
					LSN_FORMAT_ARGS(token.lsn), rw_wait_timeout_ms),
			 errdetail("At least one of them has been written but not finished, for example because it waits for a synchronous standby.")));
}

static void
wait_for_value(const char *value)
{
	RwToken		token = parse_read_after(value);
	bool		in_recovery;
	RwWaitResult result;

	rw_set_command_check("SET " READ_AFTER);
	result = rw_wait_here(RW_WAIT_READ_AFTER, token.tli, token.lsn,
						  rw_wait_timeout_ms, &in_recovery);
	rw_wait_raise(result, token.lsn, in_recovery);
	if (result != RW_WAIT_TIMED_OUT)
		return;
	if (in_recovery)
		raise_not_replayed(token);
	else
		raise_not_visible(token);
}

bool
rw_read_after_begin(Node *command, bool from_client)
{
	VariableSetStmt *set = (VariableSetStmt *) command;
	char	   *value;

	if (!IsA(command, VariableSetStmt) || set->kind != VAR_SET_VALUE ||
		set->name == NULL || pg_strcasecmp(set->name, READ_AFTER) != 0 ||
		!from_client)
		return false;

	value = ExtractSetVariableArgs(set);

	/* Core only warns; here the wait would seem to protect later commands. */
	if (set->is_local)
		RequireTransactionBlock(true, "SET LOCAL");
	if (value && value[0] != '\0')
		wait_for_value(value);

	in_set = true;
	return true;
}

void
rw_read_after_end(void)
{
	in_set = false;
}

void
rw_read_after_settings(void)
{
	DefineCustomStringVariable(READ_AFTER,
							   "Waits, when set, until a commit token or LSN has been replayed.",
							   "SET waits once, for at most \"replwatch.wait_timeout\"; an empty string does not wait.",
							   &read_after,
							   "",
							   PGC_USERSET,
							   GUC_NOT_IN_SAMPLE,
							   check_read_after, NULL, NULL);
}
