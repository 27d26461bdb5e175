/*-------------------------------------------------------------------------
 *
 * token.c
 *	  The commit token: where this session's last commit is in the WAL.
 *
 * The transaction callback runs after the commit record has been written,
 * when an error would bring the server down: it copies a few numbers and does
 * nothing else.  The message to the client is formatted in a buffer of fixed
 * size when the next ReadyForQuery is sent, which is where core reports
 * changed settings, too.  There is no hook there: at the first commit that it
 * is to report, the process gets a copy of its table of protocol functions
 * (PqCommMethods), as in keepalive.c, whose putmessage is ours.  Only a
 * process with a client does, which includes a walsender: connected to a
 * database, it executes SQL.  Others that commit may have a table that leads
 * to the process that started them.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/libpq_compat.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/pg_lsn.h"

#include "src/base/compat.h"
#include "src/base/errcodes.h"
#include "src/base/locks.h"
#include "src/lag/standby_state_shared.h"
#include "src/observe/timeline_file.h"
#include "src/settings.h"
#include "src/wait/token.h"
#include "src/wait/visible.h"
#include "src/wait/wait.h"

#define TOKEN_SETTING	"replwatch.commit_token"

PG_FUNCTION_INFO_V1(replwatch_commit_token);
PG_FUNCTION_INFO_V1(replwatch_commit_lsn);

static const PQcommMethods *core_methods = NULL;	/* or keepalive.c's */
static PQcommMethods reporting_methods;

static RwToken last_commit;		/* tli 0: none yet */
static bool committing_prepared = false;
static bool to_be_reported = false;

/* The variables of the two read-only settings. */
static char *token_setting = NULL;
static char *version_setting = NULL;

RwToken
rw_last_commit(void)
{
	return last_commit;
}

/* Format a token; returns buffer, of RW_TOKEN_LEN bytes. */
static const char *
format_token(RwToken token, char *buffer)
{
	RwText		out;

	rw_text_begin(&out, buffer, RW_TOKEN_LEN);
	rw_text_token(&out, GetSystemIdentifier(), token.tli, token.lsn);
	return buffer;
}

bool
rw_token_in(const char *string, RwToken *token)
{
	const char *at = string;
	const char *end = string + strlen(string);
	uint64		system;

	if (!rw_take_token(&at, end, &system, &token->tli, &token->lsn) ||
		at != end)
		return false;
	if (system != GetSystemIdentifier())
		ereport(ERROR,
				(errcode(RW_ERRCODE_OTHER_SYSTEM),
				 errmsg("commit token is of another database system"),
				 errdetail("The token is of system %016llx, this server is of system %016llx.",
						   (unsigned long long) system,
						   (unsigned long long) GetSystemIdentifier()),
				 errhint("Drop the token and read on the primary, or obtain a new one there.")));
	return true;
}

static char *
text_to_cstring_limited(text *argument)
{
	text	   *slice = DatumGetTextPSlice(PointerGetDatum(argument), 0,
										   RW_SHOWN_LEN);
	int			len = VARSIZE_ANY_EXHDR(slice);

	/* Do not end within a character. */
	len = pg_mbcliplen(VARDATA_ANY(slice), len, len);
	return pnstrdup(VARDATA_ANY(slice), len);
}

void
rw_token_argument(text *argument, RwToken *token)
{
	/* A longer argument is not a token; a message shows only its beginning. */
	char	   *shown = text_to_cstring_limited(argument);

	if (!rw_token_in(shown, token))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for commit token: \"%s\"", shown),
				 errdetail("A commit token is a system identifier, a timeline and an LSN, such as %s.",
						   RW_TOKEN_EXAMPLE)));
	pfree(shown);
}

/* Send a ParameterStatus message, which consists of two strings. */
static int
report_token(void)
{
	char		message[sizeof(TOKEN_SETTING) + RW_TOKEN_LEN] = TOKEN_SETTING;
	char	   *value = message + sizeof(TOKEN_SETTING);

	format_token(last_commit, value);
	return core_methods->putmessage('S', message,
									sizeof(TOKEN_SETTING) + strlen(value) + 1);
}

static int
putmessage_reporting(char msgtype, const char *s, size_t len)
{
	if (to_be_reported && msgtype == 'Z')
	{
		to_be_reported = false;
		(void) report_token();
	}
	return core_methods->putmessage(msgtype, s, len);
}

/* Have the last commit reported.  Called after a commit: cannot fail. */
static void
report_commit(void)
{
	if (MyProcPort == NULL)
		return;
	if (core_methods == NULL)
	{
		core_methods = PqCommMethods;
		reporting_methods = *core_methods;
		reporting_methods.putmessage = putmessage_reporting;
		PqCommMethods = &reporting_methods;
	}
	to_be_reported = true;
}

void
rw_token_xact_callback(XactEvent event)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:

			/*
			 * XactLastCommitEnd also moves with transactions that wrote WAL
			 * without changing anything, for example by pruning a page; they
			 * have no transaction ID.  Neither has COMMIT PREPARED one of its
			 * own.
			 */
			if (committing_prepared ||
				TransactionIdIsValid(GetTopTransactionIdIfAny()))
			{
				last_commit.tli = GetWALInsertionTimeLine();
				last_commit.lsn = XactLastCommitEnd;
				rw_visible_after_commit();
				if (rw_report_commit_token)
					report_commit();
			}
			committing_prepared = false;
			break;
		case XACT_EVENT_ABORT:
			committing_prepared = false;
			break;
		default:
			break;
	}
}

void
rw_token_utility(const Node *command)
{
	if (IsA(command, TransactionStmt) &&
		((const TransactionStmt *) command)->kind ==
		TRANS_STMT_COMMIT_PREPARED)
	{
		rw_visible_commit_prepared();
		committing_prepared = true;
	}
}

static const char *
show_token(void)
{
	static char buffer[RW_TOKEN_LEN];

	return last_commit.tli == 0 ? "" : format_token(last_commit, buffer);
}

void
rw_token_settings(void)
{
	DefineCustomStringVariable("replwatch.commit_token",
							   "Shows the commit token of the last commit in this session that wrote.",
							   NULL,
							   &token_setting,
							   "",
							   PGC_INTERNAL,
							   GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   NULL, NULL, show_token);

	DefineCustomStringVariable("replwatch.version",
							   "Shows the version of replwatch.",
							   NULL,
							   &version_setting,
							   REPLWATCH_VERSION,
							   PGC_INTERNAL,
							   GUC_REPORT | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   NULL, NULL, NULL);
}

static void
raise_lost(RwToken token, TimeLineID tli)
{
	char		buffer[RW_TOKEN_LEN];

	ereport(ERROR,
			(errcode(RW_ERRCODE_COMMIT_LOST),
			 errmsg("commit %s is not part of this server's history",
					format_token(token, buffer)),
			 errdetail("This server is on timeline %u, which does not contain the commit.",
					   tli),
			 errhint("The commit was lost in a failover. Read the current data and write again.")));
}

/*
 * Is this LSN beyond what this standby and its upstream server are known to
 * have in common?  Until the sampler has worked that out, the first message on
 * a connection is waited for: that of an upstream server which was replaced by
 * an older copy shows that it is behind.
 */
static bool
is_beyond_common(XLogRecPtr lsn)
{
	RwStandbyState state;

	if (!RecoveryInProgress())
		return false;
	state = rw_standby_state_read();
	if (state.parted != RW_NOT_PARTED)
		return lsn > state.common;
	return rw_upstream_may_be_behind();
}

/* Raise an error unless the token's timeline led to `tli` after the commit. */
static void
check_ancestor(RwToken token, TimeLineID tli)
{
	char		buffer[RW_TOKEN_LEN];
	RwTimeline *timeline = palloc(sizeof(RwTimeline));
	uint64		end;

	if (!rw_timeline_load(timeline, tli))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not verify that commit %s is part of this server's history",
						format_token(token, buffer)),
				 errdetail("The history file of timeline %u is missing or cannot be read.",
						   tli)));
	if (!rw_timeline_find(timeline, token.tli, &end) || token.lsn > end)
		raise_lost(token, tli);
	pfree(timeline);
}

RwTokenStanding
rw_token_check(RwToken token)
{
	TimeLineID	tli;

	/*
	 * The timeline of the record that is being replayed: core's own position,
	 * with its timeline, moves later than the one that woke us.
	 */
	if (RecoveryInProgress())
		(void) GetCurrentReplayRecPtr(&tli);
	else
		tli = GetWALInsertionTimeLine();

	if (token.tli > tli)
		return RW_TOKEN_NEWER;
	if (token.tli < tli)
		check_ancestor(token, tli);
	return is_beyond_common(token.lsn) ? RW_TOKEN_UNCERTAIN : RW_TOKEN_HERE;
}

/*
 * The token of this session's last commit that wrote; NULL before the first.
 */
Datum
replwatch_commit_token(PG_FUNCTION_ARGS)
{
	char		buffer[RW_TOKEN_LEN];

	rw_require_preload();
	if (last_commit.tli == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(format_token(last_commit, buffer)));
}

/* The LSN at the end of that commit; NULL before the first. */
Datum
replwatch_commit_lsn(PG_FUNCTION_ARGS)
{
	rw_require_preload();
	if (last_commit.tli == 0)
		PG_RETURN_NULL();
	PG_RETURN_LSN(last_commit.lsn);
}
