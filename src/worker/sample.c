/*-------------------------------------------------------------------------
 *
 * sample.c
 *	  One round of the sampling worker.
 *
 * rw_sample() calls the folders below in the order in which they need each
 * other's results: observe, history, replica, lag, alert, tree.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"

#include "src/alert/alert.h"
#include "src/base/compat.h"
#include "src/history/history.h"
#include "src/lag/lag.h"
#include "src/lag/lag_chart.h"
#include "src/lag/lag_shared.h"
#include "src/lag/standby_state_shared.h"
#include "src/lag/upstream.h"
#include "src/observe/timeline_file.h"
#include "src/observe/wal_file.h"
#include "src/replica/node_name.h"
#include "src/replica/replica_round.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"
#include "src/wait/wait.h"
#include "src/worker/intern.h"

/* How often a standby looks whether there is a newer timeline. */
#define NEWER_INTERVAL		(1 * RW_SECOND)

/* How often it looks which process a command of recovery is. */
#define COMMAND_INTERVAL	(5 * RW_SECOND)

/*
 * See whether nobody has watched since the last round, which may be that of a
 * worker before this one.
 */
static void
note_round(RwFacts *facts)
{
	/* Only the worker writes it, so no lock is needed. */
	facts->watch = rw_lag_shared->watch;
	rw_watch_round(&facts->watch, facts->now, facts->wall,
				   rw_sample_lifetime());
	if (rw_watch_resumed(&facts->watch))
		ereport(DEBUG1,
				(errmsg_internal("nothing was watched for %d s, and the clock stood still for %d s",
								 (int) (facts->watch.unwatched / RW_SECOND),
								 (int) (facts->watch.stood_still / RW_SECOND))));
}

/* Record the horizon in the LSN history. */
static void
record_horizon(RwSampler *sampler)
{
	const RwFacts *facts = &sampler->facts;

	if (facts->horizon == InvalidXLogRecPtr || facts->tli == 0)
		return;

	if (facts->tli != rw_history_shared->tli)
		rw_persist_follow_timeline(sampler);

	LWLockAcquire(rw_history_lock, LW_EXCLUSIVE);
	rw_history_add(&rw_history_shared->history, facts->horizon, facts->now);
	LWLockRelease(rw_history_lock);
}

/*
 * Has the first message of a connection come since the last round?  Before that
 * the receiver has fetched the histories of timelines which are new to it, and
 * the message may be about the end of the timeline that was left.
 */
static bool
has_first_message(RwSampler *sampler)
{
	const RwReceiverFacts *receiver = &sampler->facts.receiver;

	if (receiver->pid == 0 || receiver->pid == sampler->newer_receiver ||
		!rw_message_is_real(receiver))
		return false;
	sampler->newer_receiver = receiver->pid;
	return true;
}

/* Have the history of this server's timeline and of newer ones at hand. */
static void
load_timelines(RwSampler *sampler)
{
	RwFacts    *facts = &sampler->facts;
	bool		first_message = has_first_message(sampler);

	if (facts->tli != sampler->timeline_tli)
	{
		sampler->timeline_tli = 0;
		sampler->timeline.nentries = 0;
		if (facts->tli != 0 &&
			rw_timeline_load(&sampler->timeline, facts->tli))
			sampler->timeline_tli = facts->tli;
	}

	if (!facts->in_recovery || facts->recovery.replay_tli == 0)
		return;
	if (facts->recovery.replay_tli != sampler->newer.tli || first_message ||
		facts->now - sampler->newer_looked >= NEWER_INTERVAL)
	{
		rw_newer_timelines(&sampler->newer, facts->recovery.replay_tli);
		sampler->newer_looked = facts->now;
	}
	facts->left_at = sampler->newer.left_at;
}

/*
 * See whether only a part of a record is left to replay.  Mostly something has
 * moved since the last round, or nothing is left, and no file is read.
 */
static void
look_at_next_record(RwSampler *sampler)
{
	RwFacts    *facts = &sampler->facts;

	if (facts->in_recovery && facts->recovery.replay < facts->horizon &&
		facts->recovery.replay == sampler->last_round.replay &&
		facts->horizon == sampler->last_round.horizon)
		rw_observe_next_record(facts);
}

/* See what the processes of recovery wait for, and which command runs. */
static void
look_at_commands(RwSampler *sampler)
{
	RwFacts    *facts = &sampler->facts;

	if (!facts->in_recovery)
		return;
	rw_observe_recovery_processes(facts);
	if (facts->recovery.command != RW_COMMAND_NONE &&
		facts->now - sampler->command_looked >= COMMAND_INTERVAL)
	{
		sampler->command_looked = facts->now;
		rw_observe_command_pid(facts);
	}
}

/*
 * While no receiver streams, see once a second what replay waits for if there
 * is WAL that it does not replay.
 */
static void
look_at_replay(RwSampler *sampler)
{
	RwFacts    *facts = &sampler->facts;

	if (facts->in_recovery &&
		facts->recovery.replay < facts->horizon &&
		facts->receiver.state != RW_RECEIVER_STREAMING &&
		facts->now - sampler->replay_looked >= RW_SECOND)
	{
		sampler->replay_looked = facts->now;
		rw_observe_hold(facts, RW_NEVER);
	}
}

/* Bring the published links and replicas up to date. */
static void
publish_round(RwSampler *sampler, bool role_or_timeline_changed)
{
	const RwFacts *facts = &sampler->facts;
	RwReplicaRound *round = rw_replica_round_prepare(facts,
													 &sampler->timeline);

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	rw_lag_shared->last_sample = facts->now;
	rw_lag_shared->watch = facts->watch;
	if (role_or_timeline_changed || rw_watch_resumed(&facts->watch))
		rw_rate_init(&rw_lag_shared->wal_rate);
	rw_rate_add(&rw_lag_shared->wal_rate, facts->horizon, facts->now);
	rw_follow_upstream(&rw_lag_shared->upstream, facts,
					   rw_known_after_s * RW_SECOND);
	if (rw_lag_shared->state_loaded)
	{
		rw_replica_round_apply(round);
		rw_note_own_names(facts);
	}
	LWLockRelease(rw_state_lock);

	rw_replica_round_log(round);
}

static bool
sends_to_standbys(const RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &facts->senders[i];

		if (sender->state == RW_SENDER_STREAMING &&
			(sender->slot < 0 || !facts->slots[sender->slot].logical))
			return true;
	}
	return false;
}

/* Have the walsenders and the receiver report, once a second. */
static void
each_second(RwSampler *sampler)
{
	const RwFacts *facts = &sampler->facts;

	if (facts->now - sampler->second_begun < RW_KEEPALIVE_INTERVAL)
		return;
	sampler->second_begun = facts->now;

	if (rw_tend_walsenders && sends_to_standbys(facts))
		rw_wake_walsenders();

	/*
	 * While a standby replays a backlog, core reports its progress only every
	 * wal_receiver_status_interval.
	 */
	if (facts->in_recovery &&
		facts->recovery.replay != sampler->replay_reported)
	{
		sampler->replay_reported = facts->recovery.replay;
		if (facts->receiver.pid != 0 &&
			facts->receiver.state == RW_RECEIVER_STREAMING)
			rw_request_receiver_reply();
	}
}

/*
 * Have WAL flushed that has waited for it since the last round.  While a
 * transaction is open and nothing else is written, the WAL writer flushes full
 * pages only, and the flushed WAL ends within a record, which no standby can
 * replay, for up to 15 s.
 *
 * This takes a spinlock and wakes the WAL writer, which any process may do; the
 * WAL writer flushes it within wal_writer_delay or so.  It must not be asked
 * for a page header that has not been written.
 */
static void
flush_inserted(RwSampler *sampler)
{
	const RwFacts *facts = &sampler->facts;
	XLogRecPtr	inserted;

	if (facts->in_recovery)
		return;

	inserted = rw_before_page_header(GetXLogInsertRecPtr());
	if (sampler->unflushed > facts->horizon &&
		sampler->flush_requested != inserted)
	{
		XLogSetAsyncXactLSN(inserted);
		sampler->flush_requested = inserted;
	}
	sampler->unflushed = inserted > facts->horizon ?
		inserted : InvalidXLogRecPtr;
}

/* Log the replication connections that have ended, for debugging. */
static void
log_ended(const RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nended; i++)
	{
		const RwEndedFacts *ended = &facts->ended[i];

		ereport(DEBUG1,
				(errmsg_internal("replication connection of \"%s\" ended: %s",
								 ended->application_name,
								 ended->message[0] != '\0' ?
								 ended->message : "no error"),
				 errdetail_internal("%s %d, slot \"%s\"%s%s, start " RW_LSN_FORMAT " on timeline %u, sent " RW_LSN_FORMAT ", replayed " RW_LSN_FORMAT ".",
									ended->receiver ? "Receiver" : "Sender",
									ended->pid, ended->slot,
									ended->connected ? ", connected" : "",
									ended->backup ? ", base backup" : "",
									LSN_FORMAT_ARGS(ended->start_lsn),
									ended->start_tli,
									LSN_FORMAT_ARGS(ended->sent),
									LSN_FORMAT_ARGS(ended->replay))));
	}
}

static bool
has_moved(RwSampler *sampler)
{
	const RwFacts *facts = &sampler->facts;
	RwRoundSeen seen;
	bool		moved;
	int			i;

	/* The comparison includes padding. */
	memset(&seen, 0, sizeof(seen));
	seen.in_recovery = facts->in_recovery;
	seen.tli = facts->tli;
	seen.horizon = facts->horizon;
	if (facts->in_recovery)
		seen.replay = facts->recovery.replay;
	for (i = 0; i < facts->nsenders; i++)
		seen.senders += facts->senders[i].pid +
			facts->senders[i].state + facts->senders[i].sent +
			facts->senders[i].flush + facts->senders[i].replay;

	moved = memcmp(&seen, &sampler->last_round, sizeof(RwRoundSeen)) != 0;
	memcpy(&sampler->last_round, &seen, sizeof(RwRoundSeen));
	return moved;
}

/*
 * Have the sessions that wait for replicas check again.  A reply wakes only
 * sessions whose LSN it reaches, and whether an earlier one counts may have
 * changed.
 */
static void
wake_for_replicas(void)
{
	rw_waiters_wake_all(RW_QUEUE_REPLICA_WRITE);
	rw_waiters_wake_all(RW_QUEUE_REPLICA_FLUSH);
	rw_waiters_wake_all(RW_QUEUE_REPLICA_REPLAY);
}

bool
rw_sample(RwSampler *sampler)
{
	RwFacts    *facts = &sampler->facts;
	RwLinks		links;
	RwTime		begin;
	RwParted	parted;
	uint32		parted_set;
	bool		role_or_timeline_changed;
	bool		moved;

	rw_observe(facts, true);
	rw_observe_ended(facts);
	rw_observe_decoded(facts);
	note_round(facts);
	log_ended(facts);

	role_or_timeline_changed =
		facts->in_recovery != sampler->last_round.in_recovery ||
		facts->tli != sampler->last_round.tli;

	/*
	 * Only the worker writes state_loaded, so no lock is needed to read it; a
	 * worker before this one may have loaded the state.
	 */
	if (!rw_lag_shared->state_loaded && !facts->crash_recovery &&
		facts->tli != 0)
	{
		rw_persist_load_state(facts);
		rw_lag_shared->state_loaded = true;
	}
	record_horizon(sampler);
	load_timelines(sampler);
	look_at_next_record(sampler);
	look_at_commands(sampler);
	look_at_replay(sampler);
	parted = rw_lag_shared->upstream.parted;	/* only written here */
	parted_set = pg_atomic_read_u32(rw_parted_set);
	publish_round(sampler, role_or_timeline_changed);
	if (role_or_timeline_changed ||
		pg_atomic_read_u32(rw_parted_set) != parted_set)
		wake_for_replicas();
	/* After a promotion or timeline switch, awaited WAL may never come. */
	if (role_or_timeline_changed)
		rw_waiters_wake_all(RW_QUEUE_REPLAY);

	rw_links(facts, &links, false);
	rw_sort_links(&links);
	rw_standby_state_publish(facts, &links);
	/* Tokens may be confirmed again. */
	if (parted != rw_lag_shared->upstream.parted)
		rw_waiters_wake_all(RW_QUEUE_REPLAY);
	rw_lag_chart_add(facts, &links);

	begin = rw_clock_now();
	sampler->urgent |= rw_alerts_round(facts, &links);
	ereport(DEBUG2,
			(errmsg_internal("alerts were judged in %d us",
							 (int) (rw_clock_now() - begin))));

	rw_report_round(sampler, &links);

	flush_inserted(sampler);
	if (rw_tend_walsenders)
		rw_stall_round(sampler->senders, facts);
	each_second(sampler);
	moved = has_moved(sampler);
	sampler->unsaved |= moved;

	/* Nothing of this round waits for the disk. */
	rw_alerts_look(facts);
	return moved;
}
