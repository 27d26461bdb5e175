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

#include "src/alert/alert_settings.h"
#include "src/alert/alerts.h"
#include "src/base/compat.h"
#include "src/history/history.h"
#include "src/lag/lag.h"
#include "src/lag/lag_shared.h"
#include "src/lag/upstream.h"
#include "src/port/check_facts.h"
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

/* The receivers that are followed: those that replay or apply. */
static RwSeen *
seen_replicas(const RwFacts *facts, int *nseen)
{
	RwSeen	   *seen = palloc0(Max(facts->nsenders, 1) * sizeof(RwSeen));
	int			i;

	*nseen = 0;
	for (i = 0; i < facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &facts->senders[i];
		RwSeen	   *s = &seen[*nseen];

		/* One whose name is not known yet is taken up when it is. */
		if (!sender->replica || sender->peer.backend_start == 0)
			continue;
		rw_name_copy(s->name, sender->name);
		rw_address_copy(s->address, sender->peer.address);
		s->pid = sender->pid;
		s->logical = sender->slot >= 0 && facts->slots[sender->slot].logical;
		s->streaming = sender->state == WALSNDSTATE_STREAMING;
		s->has_slot = sender->slot >= 0 &&
			!facts->slots[sender->slot].temporary;
		s->sent = sender->sent;
		s->write = sender->write;
		s->flush = sender->flush;
		s->replay = sender->replay;
		s->reply_time = sender->reply_time;
		(*nseen)++;
	}
	return seen;
}

/*
 * A standby without its slot is forgotten like one that never had any: some
 * drop the slot of one that is only away.
 */
static void
notice_dropped_slots(const RwFacts *facts)
{
	int			i;
	int			j;

	for (i = 0; i < rw_max_replicas; i++)
	{
		RwReplica  *replica = &rw_replicas[i];

		if (!replica->used || replica->connected || !replica->has_slot)
			continue;
		for (j = 0; j < facts->nslots; j++)
		{
			if (rw_name_equal(facts->slots[j].name, replica->name))
				break;
		}
		if (j < facts->nslots)
			continue;
		/* A subscriber is given up by that: DROP SUBSCRIPTION does it. */
		if (replica->logical && !replica->expected)
			(void) rw_replicas_forget(rw_replicas, rw_max_replicas,
									  replica->name);
		else
			rw_replicas_slot_dropped(rw_replicas, rw_max_replicas,
									 replica->name);
	}
}

static void
report_events(const RwReplicaEvents *events)
{
	int			i;

	for (i = 0; i < events->nevents; i++)
	{
		const char *name = events->events[i].name;

		switch (events->events[i].type)
		{
			case RW_REPLICA_KNOWN:
				ereport(DEBUG1,
						(errmsg_internal("replica \"%s\" is known from now on", name)));
				break;
			case RW_REPLICA_GONE:
				ereport(DEBUG1,
						(errmsg_internal("known replica \"%s\" has gone", name)));
				break;
			case RW_REPLICA_BACK:
				ereport(DEBUG1,
						(errmsg_internal("known replica \"%s\" is back", name)));
				break;
			case RW_REPLICA_SHARED:
				ereport(LOG,
						(errmsg("several replicas are connected under the name \"%s\"", name),
						 errdetail("They are watched while they are connected, but none is missed when it goes."),
						 errhint("Set \"primary_slot_name\", or application_name in \"primary_conninfo\", to a name of its own on each.")));
				break;
			case RW_REPLICA_EVICTED:
				ereport(LOG,
						(errmsg("replica \"%s\" is forgotten to make room for another", name),
						 errhint("Consider increasing \"replwatch.max_replicas\".")));
				break;
			case RW_REPLICA_EXPIRED:
				ereport(LOG,
						(errmsg("replica \"%s\" is forgotten after it has been gone for %d s",
								name, rw_forget_after_s)));
				break;
		}
	}
}

/* Bring the published state up to date. */
static void
publish(const RwFacts *facts, bool role_or_timeline_changed)
{
	RwReplicaEvents *events = palloc0(sizeof(RwReplicaEvents));
	RwSeen	   *seen;
	int			nseen;
	int			i;

	seen = seen_replicas(facts, &nseen);

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	rw_lag_shared->last_sample = facts->now;
	if (role_or_timeline_changed)
		rw_rate_init(&rw_lag_shared->wal_rate);
	rw_rate_add(&rw_lag_shared->wal_rate, facts->horizon, facts->now);
	rw_follow_upstream(&rw_lag_shared->upstream, facts);
	if (rw_lag_shared->state_loaded)
	{
		for (i = 0; i < rw_max_replicas; i++)
			rw_replicas[i].expected = rw_replicas[i].used &&
				rw_is_expected(rw_replicas[i].name);
		rw_replicas_update(rw_replicas, rw_max_replicas, seen, nseen,
						   facts->now, rw_known_after_s * RW_SECOND,
						   rw_forget_after_s * RW_SECOND, events);
		notice_dropped_slots(facts);
		rw_slot_notes_update(rw_slot_notes, facts);
	}
	LWLockRelease(rw_state_lock);

	report_events(events);
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
	rw_check_facts_publish(facts, &links);
	chart(facts, &links);
	begin = rw_clock_now();
	*alerts_changed = rw_alerts_round(facts, &links);
	ereport(DEBUG2,
			(errmsg_internal("alerts were judged in %d us",
							 (int) (rw_clock_now() - begin))));
	each_second(facts);
	return has_moved(facts);
}
