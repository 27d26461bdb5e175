/*-------------------------------------------------------------------------
 *
 * words_node.c
 *	  The words of the alerts about this server itself, the node.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/intern.h"

static void
add_command_hint(RwAlertText *text)
{
	rw_add_hint(text,
				"Look at the processes that the command runs on this server, and at what they wait for.",
				NULL);
}

/* What resuming does depends on why replay was paused. */
static void
add_resume_hint(RwAlertText *text, const RwRecoveryFacts *recovery)
{
	char		needed[RW_NUMBER_LEN];
	int			i;

	switch (recovery->pause_cause)
	{
		case RW_PAUSE_BY_HAND:
			rw_add_hint(text, "Run pg_wal_replay_resume().", NULL);
			break;
		case RW_PAUSE_AT_TARGET:
			rw_add_hint(text,
						"Run pg_wal_replay_resume() to end recovery and promote this server; to replay more WAL instead, change the recovery target and restart it.",
						NULL);
			break;
		case RW_PAUSE_FOR_SETTING:
			for (i = 0; i < recovery->nlow; i++)
				rw_add_hint(text, "Set \"", recovery->low[i].name,
							"\" to at least ",
							rw_number_text(needed, recovery->low[i].needed),
							".", NULL);
			if (recovery->nlow == 0)
				rw_add_hint(text,
							"Raise the setting that the server log names.",
							NULL);
			rw_add_hint(text,
						"Then restart this server; pg_wal_replay_resume() would only shut it down.",
						NULL);
			break;
	}
}

static void
add_low_settings(RwAlertText *text, const RwRecoveryFacts *recovery)
{
	int			i;

	for (i = 0; i < recovery->nlow; i++)
	{
		const RwLowSetting *low = &recovery->low[i];
		char		here[RW_NUMBER_LEN];
		char		needed[RW_NUMBER_LEN];

		rw_add_detail(text, "The setting \"", low->name, "\" is ",
					  rw_number_text(here, low->here), " here and ",
					  rw_number_text(needed, low->needed),
					  " on the primary server.", NULL);
	}
	if (recovery->nlow == 0)
		rw_add_detail(text,
					  "A setting is lower than on the primary server.", NULL);
}

void
rw_words_replay_paused(const RwJudgeInput *input, const RwSubject *subject,
					   const RwFinding *finding, RwSeverity severity,
					   RwAlertText *text)
{
	const RwRecoveryFacts *recovery = &input->facts->recovery;
	char		size[RW_SIZE_LEN];

	rw_add_detail(text, "Replay is paused",
				  recovery->pause_cause == RW_PAUSE_AT_TARGET ?
				  " at the recovery target" : "",
				  subject->link->lag_bytes > 0 ? ", with " : "",
				  subject->link->lag_bytes > 0 ?
				  rw_size_text(size, subject->link->lag_bytes) : "",
				  subject->link->lag_bytes > 0 ? " to replay." :
				  ". The amount of WAL in the archive is not known.", NULL);
	if (recovery->pause_cause == RW_PAUSE_FOR_SETTING)
		add_low_settings(text, recovery);
	add_resume_hint(text, recovery);
}

/* How to end a conflict, and the query of the session that causes it. */
static void
add_conflict_hint(RwAlertText *text, const RwLink *link, const RwFacts *facts)
{
	const char *limit = link->state == RW_STATE_ARCHIVE ?
		"max_standby_archive_delay" : "max_standby_streaming_delay";
	const RwRecoveryFacts *recovery = &facts->recovery;
	char		pid[RW_NUMBER_LEN];
	char		duration[RW_CLOCK_LEN];

	if (recovery->nblockers == 0)
	{
		rw_add_hint(text,
					"Look for long queries in pg_stat_activity, or decrease \"",
					limit, "\".", NULL);
		return;
	}
	rw_number_text(pid, recovery->blockers[0]);
	if (recovery->blockers_likely)
		rw_add_hint(text, "Check process ", pid, " in pg_stat_activity.",
					NULL);
	rw_add_hint(text, "End the session with pg_terminate_backend(", pid,
				"), or decrease \"", limit, "\".", NULL);
	if (recovery->query_start != 0 && recovery->query[0] != '\0')
		rw_add_hint(text, "Its query began ",
					rw_clock_text(duration,
								  Max(facts->wall - recovery->query_start,
									  0)),
					" ago: \"", recovery->query, "\".", NULL);
}

static bool
is_paused(RwReason reason)
{
	return reason == RW_REASON_PAUSED ||
		reason == RW_REASON_PAUSED_AT_TARGET ||
		reason == RW_REASON_PAUSED_FOR_SETTING;
}

/* Replay that waits has no receiver started, either. */
static bool
holds_replay(RwReason reason)
{
	return is_paused(reason) || reason == RW_REASON_CONFLICT ||
		reason == RW_REASON_APPLY_DELAY;
}

void
rw_words_upstream_down(const RwJudgeInput *input, const RwSubject *subject,
					   const RwFinding *finding, RwSeverity severity,
					   RwAlertText *text)
{
	const RwLink *link = subject->link;
	bool		refused = rw_upstream_refuses(&input->links->published->upstream,
											  input->facts->now);
	char		lag[RW_CLOCK_LEN];

	if (link->state == RW_STATE_STREAMING)
		rw_add_detail(text,
					  "The connection is open, but nothing has come from the upstream server for ",
					  text->value, ".", NULL);
	else
		rw_add_detail(text, "This standby has not streamed for ",
					  text->value, ".", NULL);
	if (link->reason == RW_REASON_REFUSED ||
		link->reason == RW_REASON_BROKEN_WAL ||
		(link->state != RW_STATE_STREAMING && holds_replay(link->reason)) ||
		link->reason == RW_REASON_FROM_ARCHIVE ||
		link->reason == RW_REASON_RESTORE_COMMAND)
		rw_add_reason(text, link);
	if (link->lag >= 0)
		rw_add_detail(text, "Data read here is stale by ",
					  rw_bound_text(link), rw_clock_text(lag, link->lag),
					  ".", NULL);
	if (link->state != RW_STATE_STREAMING && is_paused(link->reason))
		add_resume_hint(text, &input->facts->recovery);
	else if (link->state != RW_STATE_STREAMING &&
			 link->reason == RW_REASON_CONFLICT)
		add_conflict_hint(text, link, input->facts);
	else if (link->reason == RW_REASON_BROKEN_WAL)
		rw_add_hint(text,
					"The server log says what is wrong with the WAL. Restore it from an archive, or rebuild this standby.",
					NULL);
	else if (link->reason == RW_REASON_RESTORE_COMMAND)
		add_command_hint(text);
	else if (link->reason == RW_REASON_REFUSED || refused)
		rw_add_hint(text,
					"Check pg_hba.conf, the slots, the WAL and \"max_wal_senders\" of the upstream server, and \"primary_conninfo\".",
					NULL);
	else
		rw_add_hint(text,
					"Check that the upstream server is running and reachable, and \"primary_conninfo\"; the server log has the errors.",
					NULL);
}

/* What to do about a standby's own lag depends on its reason. */
void
rw_words_self_lag(const RwJudgeInput *input, const RwSubject *subject,
				  const RwFinding *finding, RwSeverity severity,
				  RwAlertText *text)
{
	rw_add_time_lag(text, subject, finding, severity);
	switch (subject->link->reason)
	{
		case RW_REASON_PAUSED:
		case RW_REASON_PAUSED_AT_TARGET:
		case RW_REASON_PAUSED_FOR_SETTING:
			add_resume_hint(text, &input->facts->recovery);
			break;
		case RW_REASON_CONFLICT:
			add_conflict_hint(text, subject->link, input->facts);
			break;
		case RW_REASON_RECEIVER_DOWN:
		case RW_REASON_UPSTREAM_SILENT:
			rw_add_hint(text,
						"Check that the upstream server is running and reachable.",
						NULL);
			break;
		case RW_REASON_RESTORE_COMMAND:
			add_command_hint(text);
			break;
		case RW_REASON_FROM_ARCHIVE:
			rw_add_hint(text,
						"Check that new WAL reaches the archive, and \"restore_command\".",
						NULL);
			break;
		default:
			rw_add_hint(text,
						"Look at replwatch_status() on this server and its upstream.",
						NULL);
			break;
	}
}

void
rw_words_self_diverged(const RwJudgeInput *input, const RwSubject *subject,
					   const RwFinding *finding, RwSeverity severity,
					   RwAlertText *text)
{
	rw_add_reason(text, subject->link);
	rw_add_detail(text, "Data read here may never have existed there.", NULL);
}
