/*-------------------------------------------------------------------------
 *
 * lag_upstream_reason.c
 *	  The row of a standby's own link: why it is behind.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/render.h"
#include "src/lag/intern.h"
#include "src/observe/start_command.h"

/* What the worker has seen of replay so lately counts. */
#define WAITED_LATELY		(5 * RW_SECOND)

/* Replay that does not get past a whole record for so long can't read it. */
#define BROKEN_AFTER		(3 * RW_SECOND)

static void
explain_low_settings(RwLink *link, const RwRecoveryFacts *recovery)
{
	char		settings[RW_REASON_LEN];
	RwText		text;
	int			i;

	rw_text_begin(&text, settings, sizeof(settings));
	for (i = 0; i < recovery->nlow; i++)
	{
		const RwLowSetting *low = &recovery->low[i];

		rw_text_adds(&text, i == 0 ? "" : ", ", low->name, " = ", NULL);
		rw_text_int(&text, low->needed);
		rw_text_add(&text, " (now ");
		rw_text_int(&text, low->here);
		rw_text_add(&text, ")");
	}
	if (recovery->nlow > 0)
		rw_give_reason(link, RW_REASON_PAUSED_FOR_SETTING,
					   "replay is paused until this server is restarted with ",
					   settings, NULL);
	else
		rw_give_reason(link, RW_REASON_PAUSED_FOR_SETTING,
					   "replay is paused because a setting is lower than on the primary server; the server log says which",
					   NULL);
}

/* What resuming does depends on why replay was paused. */
static void
explain_pause(RwLink *link, const RwRecoveryFacts *recovery)
{
	switch (recovery->pause_cause)
	{
		case RW_PAUSE_BY_HAND:
			rw_give_reason(link, RW_REASON_PAUSED,
						   "replay is paused; run pg_wal_replay_resume()",
						   NULL);
			break;
		case RW_PAUSE_AT_TARGET:
			rw_give_reason(link, RW_REASON_PAUSED_AT_TARGET,
						   "replay is paused at the recovery target; pg_wal_replay_resume() promotes this server",
						   NULL);
			break;
		case RW_PAUSE_FOR_SETTING:
			explain_low_settings(link, recovery);
			break;
	}
}

/* Give the reason for which replay waits, if it does. */
static void
explain_replay_wait(RwLink *link, const RwRecoveryFacts *recovery)
{
	const char *waits_for = "for another session";
	char		details[RW_REASON_LEN];
	RwText		text;
	int			i;

	rw_text_begin(&text, details, sizeof(details));
	switch (recovery->hold)
	{
		case RW_REPLAY_WAIT_NONE:
			return;
		case RW_REPLAY_WAIT_PAUSED:
			explain_pause(link, recovery);
			return;
		case RW_REPLAY_WAIT_DELAY:
			rw_text_int(&text, recovery->apply_delay_ms);
			rw_give_reason(link, RW_REASON_APPLY_DELAY,
						   "replay is delayed by recovery_min_apply_delay (",
						   details, " ms)", NULL);
			return;
		case RW_REPLAY_WAIT_SNAPSHOT:
			waits_for = "for a snapshot";
			break;
		case RW_REPLAY_WAIT_LOCK:
			waits_for = "for a lock";
			break;
		case RW_REPLAY_WAIT_PIN:
			waits_for = "for a buffer pin";
			break;
		case RW_REPLAY_WAIT_TABLESPACE:
			waits_for = "to drop a tablespace, for the transaction";
			break;
		case RW_REPLAY_WAIT_DATABASE:
			waits_for = "to drop a database, for the session";
			break;
		case RW_REPLAY_WAIT_OTHER:
			break;
	}

	for (i = 0; i < recovery->nblockers; i++)
	{
		rw_text_add(&text, i == 0 ? " of process " : ", ");
		rw_text_int(&text, recovery->blockers[i]);
	}
	if (recovery->nblockers > 0 && recovery->blockers_likely)
		rw_text_add(&text, " (likely)");
	rw_give_reason(link, RW_REASON_CONFLICT, "replay waits ", waits_for,
				   details, NULL);
}

void
rw_add_query_to_reason(RwLink *link, const RwFacts *facts)
{
	const RwRecoveryFacts *recovery = &facts->recovery;
	char		duration[RW_DURATION_LEN];
	RwText		text = {link->reason_text, RW_REASON_LEN, 0, false};

	if (link->reason != RW_REASON_CONFLICT || recovery->query_start == 0)
		return;
	text.len = strlen(link->reason_text);
	rw_text_adds(&text, "; its query began ",
				 rw_duration(duration,
							 Max(facts->wall - recovery->query_start, 0)),
				 " ago", recovery->query[0] != '\0' ? ": " : "", NULL);
	rw_first_line(text.data + text.len, recovery->query, text.size - text.len);
}

/* Give the reason of a standby whose WAL is not its upstream server's. */
static void
explain_parted(RwLink *link, const RwUpstream *upstream)
{
	char		lsn[RW_DURATION_LEN];
	RwText		text;

	rw_text_begin(&text, lsn, sizeof(lsn));
	rw_text_lsn(&text, upstream->mark);
	switch (upstream->parted)
	{
		case RW_NOT_PARTED:
			break;
		case RW_DIVERGED:
			rw_give_reason(link, RW_REASON_DIVERGED,
						   "the upstream server left this timeline at LSN ",
						   lsn,
						   ", and this standby has replayed beyond that; run pg_rewind on it, or rebuild it",
						   NULL);
			break;
		case RW_AHEAD:
			rw_give_reason(link, RW_REASON_AHEAD,
						   "this standby has replayed WAL beyond LSN ", lsn,
						   upstream->lost_wal ?
						   " that the upstream server no longer has; unless that is a standby which is only behind, rebuild this one" :
						   ", where the WAL of the upstream server ended",
						   NULL);
			break;
		case RW_LEFT_BEHIND:
			rw_give_reason(link, RW_REASON_TIMELINE_LEFT,
						   "the upstream server left this timeline at LSN ",
						   lsn,
						   ", and this standby does not follow; check recovery_target_timeline",
						   NULL);
			break;
	}
}

/* Give the reason of a standby to which its upstream server sends no WAL. */
static void
explain_refused(RwLink *link, const RwFacts *facts,
				const RwUpstream *upstream)
{
	char		number[RW_DURATION_LEN];
	RwText		text;

	rw_text_begin(&text, number, sizeof(number));
	rw_text_int(&text, rw_attempts_count(&upstream->attempts, facts->now));
	rw_give_reason(link, RW_REASON_REFUSED, "the upstream server refused ",
				   number, " connections in the last minute",
				   upstream->refusal[0] != '\0' ? ": " : "",
				   upstream->refusal, NULL);
}

/*
 * Does replay wait for WAL although there is a whole record?  It reads what is
 * here even while the upstream server is away.
 */
static bool
is_wal_broken(const RwFacts *facts, const RwUpstream *upstream)
{
	return facts->complete > facts->recovery.replay &&
		upstream->waited_at != RW_NEVER &&
		facts->now - upstream->waited_at <= WAITED_LATELY &&
		facts->now - upstream->replay_moved_at >= BROKEN_AFTER;
}

static void
explain_broken_wal(RwLink *link, const RwFacts *facts)
{
	char		lsn[RW_DURATION_LEN];
	RwText		text;

	rw_text_begin(&text, lsn, sizeof(lsn));
	rw_text_lsn(&text, facts->recovery.replay);
	rw_give_reason(link, RW_REASON_BROKEN_WAL,
				   "replay does not get past LSN ", lsn,
				   ", where the WAL cannot be read; see the server log", NULL);
}

/*
 * Give the reason of a standby whose WAL comes from the archive, with how old
 * that is, and why it is not streamed.
 */
static void
explain_archive(RwLink *link, const RwFacts *facts,
				const RwUpstream *upstream)
{
	RwTime		commit_at = rw_archived_commit(facts, upstream);
	char		duration[RW_DURATION_LEN];
	RwLink		why;

	if (commit_at != RW_NEVER && !upstream->archive.commit_streamed)
		rw_give_reason(link, RW_REASON_FROM_ARCHIVE,
					   "WAL comes from the archive; the last replayed commit is ",
					   rw_duration(duration, facts->now - commit_at),
					   " old, and what there is beyond it is not known", NULL);
	else
		rw_give_reason(link, RW_REASON_FROM_ARCHIVE,
					   "WAL comes from the archive; what there is beyond it is not known",
					   NULL);
	if (facts->receiver.has_conninfo &&
		rw_upstream_refuses(upstream, facts->now))
	{
		explain_refused(&why, facts, upstream);
		rw_add_to_reason(link, "; ");
		rw_add_to_reason(link, why.reason_text);
	}
}

/* Has a command run for long that started then? */
static bool
runs_long(const RwFacts *facts, RwTime since)
{
	return since != RW_NEVER && facts->now - since >= RW_LONG_COMMAND;
}

/* Give the reason of a standby that waits for a command of its own. */
static void
explain_command(RwLink *link, const RwFacts *facts,
				const RwArchive *archive)
{
	char		duration[RW_DURATION_LEN];
	bool		restore = archive->command == RW_COMMAND_RESTORE;

	rw_give_reason(link, RW_REASON_RESTORE_COMMAND,
				   restore ? "the restore_command" :
				   "the recovery_end_command",
				   " has been running for ",
				   rw_duration(duration, facts->now - archive->command_since),
				   restore ? ", and replay waits for it" :
				   ", and recovery ends only after it", NULL);
}

/*
 * Name an archive_cleanup_command that runs long, whether the standby is behind
 * or not.
 */
static void
explain_cleanup(RwLink *link, const RwFacts *facts, const RwArchive *archive)
{
	char		duration[RW_DURATION_LEN];

	if (!runs_long(facts, archive->cleanup_since))
		return;
	if (link->reason == RW_REASON_NONE)
		rw_give_reason(link, RW_REASON_RESTORE_COMMAND, NULL);
	else
		rw_add_to_reason(link, "; ");
	rw_add_to_reason(link, "the archive_cleanup_command has been running for ");
	rw_add_to_reason(link, rw_duration(duration,
									   facts->now - archive->cleanup_since));
	rw_add_to_reason(link, ", and the restartpoint waits for it");
}

/* Give the reason for which this standby is behind, if it is. */
static void
explain_behind(RwLink *link, const RwFacts *facts,
			   const RwPublished *published)
{
	char		duration[RW_DURATION_LEN];
	bool		receiver_down = link->state != RW_STATE_STREAMING;
	const RwUpstream *upstream = &published->upstream;

	if (upstream->parted != RW_NOT_PARTED)
	{
		explain_parted(link, upstream);
		return;
	}
	if (link->lag_bytes > 0)
	{
		explain_replay_wait(link, &facts->recovery);
		if (link->reason != RW_REASON_NONE)
			return;
	}
	else if (link->lag == 0 && link->bound == RW_BOUND_EXACT)
		return;
	else if (receiver_down)
	{
		/*
		 * Replay that waits looks for no WAL, so how much there is is not
		 * known, nor does it have a receiver started.
		 */
		explain_replay_wait(link, &facts->recovery);
		if (link->reason != RW_REASON_NONE)
			return;
	}

	if (runs_long(facts, upstream->archive.command_since))
		explain_command(link, facts, &upstream->archive);
	else if (receiver_down && is_wal_broken(facts, upstream))
		explain_broken_wal(link, facts);
	else if (rw_upstream_feeds_from_archive(upstream, &facts->receiver))
		explain_archive(link, facts, upstream);
	else if (upstream->down_since != RW_NEVER &&
			 rw_upstream_refuses(upstream, facts->now))
		explain_refused(link, facts, upstream);
	else if (receiver_down && !facts->receiver.has_conninfo)
		rw_give_reason(link, RW_REASON_RECEIVER_DOWN,
					   "primary_conninfo is not set", NULL);
	else if (receiver_down && link->last_seen != RW_NEVER)
		rw_give_reason(link, RW_REASON_RECEIVER_DOWN,
					   "not streaming; last message from upstream ",
					   rw_duration(duration, facts->now - link->last_seen),
					   " ago", NULL);
	else if (receiver_down)
		rw_give_reason(link, RW_REASON_RECEIVER_DOWN,
					   "not streaming; no message from upstream since server start",
					   NULL);
	else if (rw_upstream_is_incomplete(facts, published))
		rw_give_reason(link, RW_REASON_REPLAY_BEHIND,
					   "not all WAL of the upstream server has been received yet",
					   NULL);
	else if (link->lag_bytes > 0)
		rw_give_reason(link, RW_REASON_REPLAY_BEHIND,
					   "received WAL is being replayed", NULL);
	else if (link->last_seen == RW_NEVER)
		rw_give_reason(link, RW_REASON_UPSTREAM_SILENT,
					   "no message from upstream yet", NULL);
	else
		rw_give_reason(link, RW_REASON_UPSTREAM_SILENT,
					   "no message from upstream for ",
					   rw_duration(duration, facts->now - link->last_seen),
					   link->lag < 0 ?
					   "; wal_receiver_timeout is 0, so silence means nothing" :
					   "", NULL);
}

void
rw_explain_upstream(RwLink *link, const RwFacts *facts,
					const RwPublished *published)
{
	explain_behind(link, facts, published);
	explain_cleanup(link, facts, &published->upstream.archive);
}
