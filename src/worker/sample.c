/*-------------------------------------------------------------------------
 *
 * sample.c
 *	  One round of the sampling worker.
 *
 * What it learns of the link to the upstream server is in upstream.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/slot.h"
#include "replication/walreceiver.h"

#include "src/alert/alert.h"
#include "src/base/compat.h"
#include "src/history/history.h"
#include "src/lag/lag.h"
#include "src/lag/lag_shared.h"
#include "src/lag/standby_state_shared.h"
#include "src/lag/upstream.h"
#include "src/replica/replica_round.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"
#include "src/wait/keepalive.h"
#include "src/wait/waiters.h"
#include "src/worker/persist.h"
#include "src/worker/sample.h"

/* What the last round saw, to tell whether anything moves. */
typedef struct LastRound
{
	bool		in_recovery;
	TimeLineID	tli;
	XLogRecPtr	horizon;
	XLogRecPtr	replay;
	uint64		senders;		/* sum of pids and positions */
} LastRound;

static LastRound last_round;

static void
record(const RwFacts *facts)
{
	if (facts->horizon == InvalidXLogRecPtr || facts->tli == 0)
		return;

	if (facts->tli != rw_history_shared->tli)
		rw_persist_follow_timeline(facts);

	LWLockAcquire(rw_history_lock, LW_EXCLUSIVE);
	rw_history_add(&rw_history_shared->history, facts->horizon, facts->now);
	LWLockRelease(rw_history_lock);
}

/* Bring the published state up to date. */
static void
publish(const RwFacts *facts, bool role_or_timeline_changed)
{
	RwReplicaRound *round = rw_replica_round_prepare(facts);

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	rw_lag_shared->last_sample = facts->now;
	if (role_or_timeline_changed)
		rw_rate_init(&rw_lag_shared->wal_rate);
	rw_rate_add(&rw_lag_shared->wal_rate, facts->horizon, facts->now);
	rw_follow_upstream(&rw_lag_shared->upstream, facts);
	if (rw_lag_shared->state_loaded)
		rw_replica_round_apply(round, facts->now);
	LWLockRelease(rw_state_lock);

	rw_replica_round_log(round);
}

/* Note each followed link's lag in its chart. */
static void
chart(const RwFacts *facts, const RwLinks *links)
{
	int			i;

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];
		uint64		bytes = link->lag_bytes < 0 ?
			RW_CHART_NO_BYTES : (uint64) link->lag_bytes;

		if (link->upstream)
		{
			rw_name_copy(rw_lag_shared->upstream_name, link->name);
			rw_chart_add(&rw_lag_shared->upstream_chart, facts->now, bytes,
						 link->lag, link->state);
		}
		else if (link->replica)
		{
			int			place = link->replica - links->published->replicas;
			RwPlaceChart *its = &rw_charts[place];

			if (its->generation != link->replica->generation)
			{
				rw_chart_init(&its->chart);
				its->generation = link->replica->generation;
			}
			rw_chart_add(&its->chart, facts->now, bytes, link->lag,
						 link->state);
		}
	}
	LWLockRelease(rw_state_lock);
}

static bool
sends_to_standbys(const RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &facts->senders[i];

		if (sender->state == WALSNDSTATE_STREAMING &&
			(sender->slot < 0 || !facts->slots[sender->slot].logical))
			return true;
	}
	return false;
}

/* What is done each second. */
static void
each_second(const RwFacts *facts)
{
	static RwTime last_time = RW_NEVER;
	static XLogRecPtr last_replay = InvalidXLogRecPtr;

	if (facts->now - last_time < RW_KEEPALIVE_INTERVAL)
		return;
	last_time = facts->now;

	if (rw_tend_walsenders && sends_to_standbys(facts))
		rw_wake_walsenders();

	/*
	 * While a backlog is replayed, core reports how far it got each
	 * wal_receiver_status_interval only.
	 */
	if (facts->in_recovery && facts->recovery.replay != last_replay)
	{
		last_replay = facts->recovery.replay;
		if (facts->receiver.pid != 0 &&
			facts->receiver.state == WALRCV_STREAMING)
			rw_request_receiver_reply();
	}
}

static bool
has_moved(const RwFacts *facts)
{
	LastRound	this_round;
	bool		moved;
	int			i;

	/* All of it is compared, padding included. */
	memset(&this_round, 0, sizeof(this_round));
	this_round.in_recovery = facts->in_recovery;
	this_round.tli = facts->tli;
	this_round.horizon = facts->horizon;
	if (facts->in_recovery)
		this_round.replay = facts->recovery.replay;
	for (i = 0; i < facts->nsenders; i++)
		this_round.senders += facts->senders[i].pid +
			facts->senders[i].state + facts->senders[i].sent +
			facts->senders[i].flush + facts->senders[i].replay;

	moved = memcmp(&this_round, &last_round, sizeof(LastRound)) != 0;
	memcpy(&last_round, &this_round, sizeof(LastRound));
	return moved;
}

bool
rw_sample(RwFacts *facts, bool *alerts_changed)
{
	RwLinks		links;
	RwTime		begin;
	bool		role_or_timeline_changed;

	rw_observe(facts, true);

	role_or_timeline_changed = facts->in_recovery != last_round.in_recovery ||
		facts->tli != last_round.tli;

	/* Written by us alone; a worker before this one may have done it. */
	if (!rw_lag_shared->state_loaded && !facts->crash_recovery && facts->tli != 0)
	{
		rw_persist_load_state(facts);
		rw_lag_shared->state_loaded = true;
	}
	record(facts);
	publish(facts, role_or_timeline_changed);
	/* Promotion, another timeline: what is waited for may never come. */
	if (role_or_timeline_changed)
		rw_waiters_wake_all(RW_QUEUE_REPLAY);
	rw_links(facts, &links, false);
	rw_standby_state_publish(facts, &links);
	chart(facts, &links);
	begin = rw_clock_now();
	*alerts_changed = rw_alerts_round(facts, &links);
	ereport(DEBUG2,
			(errmsg_internal("alerts were judged in %d us",
							 (int) (rw_clock_now() - begin))));
	each_second(facts);
	return has_moved(facts);
}
