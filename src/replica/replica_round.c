/*-------------------------------------------------------------------------
 *
 * replica_round.c
 *	  The replicas and slots in one round of the sampling worker.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/base/compat.h"
#include "src/replica/expected.h"
#include "src/replica/replica_round.h"
#include "src/replica/replica_shared.h"
#include "src/replica/resolve.h"
#include "src/settings.h"

/* ----------------------------------------------------------------
 *		Preparing
 * ----------------------------------------------------------------
 */

/* The receivers that are followed: those that replay or apply. */
static void
prepare_replicas(RwReplicaRound *round, const RwFacts *facts)
{
	RwRound    *replicas = &round->replicas;
	int			i;

	replicas->seen = palloc0(Max(facts->nsenders, 1) * sizeof(RwSeen));
	for (i = 0; i < facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &facts->senders[i];
		RwSeen	   *seen;

		/* A sender whose name is not known yet is followed once it is. */
		if (!sender->replica || sender->peer.backend_start == 0)
			continue;
		seen = &replicas->seen[replicas->nseen++];
		rw_name_copy(seen->name, sender->name);
		rw_name_copy(seen->application_name, sender->peer.application_name);
		rw_address_copy(seen->address, sender->peer.address);
		seen->pid = sender->pid;
		seen->logical = sender->slot >= 0 &&
			facts->slots[sender->slot].logical;
		seen->streaming = sender->state == RW_SENDER_STREAMING;
		seen->ended = sender->state == RW_SENDER_STARTUP;
		seen->has_slot = sender->slot >= 0 &&
			!facts->slots[sender->slot].temporary;
		if (seen->has_slot)
			rw_name_copy(seen->slot_name, facts->slots[sender->slot].name);
		seen->sent = sender->sent;
		seen->write = sender->write;
		seen->flush = sender->flush;
		seen->replay = sender->replay;
		seen->reply_time = sender->reply_time;
	}
}

/* The walsenders that have ended since the last round. */
static void
prepare_ended(RwReplicaRound *round, const RwFacts *facts)
{
	RwSeenEnd  *ended = palloc0((facts->nended + facts->nsenders + 1) *
								sizeof(RwSeenEnd));
	int			i;

	for (i = 0; i < facts->nended; i++)
	{
		const RwEndedFacts *from = &facts->ended[i];
		RwSeenEnd  *end = &ended[round->replicas.nended];

		if (from->receiver)
			continue;
		rw_name_copy(end->application_name, from->application_name);
		rw_name_copy(end->slot_name, from->slot);
		rw_address_copy(end->address, from->address);
		end->pid = from->pid;
		end->backup = from->backup;
		end->start = from->start_lsn;
		end->start_tli = from->start_tli;
		end->sent = from->sent;
		end->write = from->write;
		end->flush = from->flush;
		end->replay = from->replay;
		strlcpy(end->message, from->message, sizeof(end->message));
		round->replicas.nended++;
	}

	/*
	 * A standby whose WAL ends at the very start of the segment that it asks
	 * for gets none of a timeline that was left, and asks again.
	 */
	for (i = 0; i < facts->nsenders; i++)
	{
		const RwSenderFacts *sender = &facts->senders[i];
		RwSeenEnd  *end = &ended[round->replicas.nended];

		if (sender->state != RW_SENDER_STARTUP || sender->replica ||
			sender->peer.asked_tli == 0 ||
			sender->peer.asked_tli == facts->tli)
			continue;
		rw_name_copy(end->application_name, sender->peer.application_name);
		rw_name_copy(end->slot_name, sender->peer.asked_slot);
		rw_address_copy(end->address, sender->peer.address);
		end->pid = sender->pid;
		end->goes_on = true;
		end->start = sender->peer.asked_lsn;
		end->start_tli = sender->peer.asked_tli;
		round->replicas.nended++;
	}
	round->replicas.ended = ended;
}

/* The walsenders that have used a slot and ended since the last round. */
static void
add_ended_users(RwSlotSeen *seen, const RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nended && seen->nended < RW_SLOT_MAX_ENDED; i++)
	{
		const RwEndedFacts *ended = &facts->ended[i];

		/* One that failed to start never had the slot for long. */
		if (!ended->receiver && ended->start_lsn == InvalidXLogRecPtr &&
			rw_name_equal(ended->slot, seen->name))
			seen->ended[seen->nended++] = ended->pid;
	}
}

static void
prepare_slots(RwReplicaRound *round, const RwFacts *facts)
{
	int			i;

	round->slots = palloc0(Max(facts->nslots, 1) * sizeof(RwSlotSeen));
	round->nslots = facts->nslots;
	for (i = 0; i < facts->nslots; i++)
	{
		const RwSlotFacts *slot = &facts->slots[i];
		RwSlotSeen *seen = &round->slots[i];

		rw_name_copy(seen->name, slot->name);
		seen->number = slot->number;
		seen->logical = slot->logical;
		seen->pid = slot->active_pid;
		/* A standby decodes what it has replayed. */
		seen->end = slot->logical && facts->in_recovery ?
			facts->recovery.replay : facts->horizon;
		seen->replaying = facts->in_recovery;
		seen->segment_size = facts->segment_size;
		seen->counted = slot->counted;
		seen->decoded = slot->decoded;
		/* Each look of slot synchronization gives a synced slot back. */
		if (!slot->synced)
			seen->released = slot->inactive_since;
		add_ended_users(seen, facts);
		if (slot->sender >= 0)
		{
			const RwSenderFacts *sender = &facts->senders[slot->sender];

			seen->sending = true;
			seen->sent = sender->sent;
			seen->written = sender->write;
			seen->reply_time = sender->reply_time;
			seen->for_backup = !sender->replica &&
				strcmp(sender->peer.application_name, "pg_basebackup") == 0;
		}
		seen->lost = rw_slot_is_lost(slot);
		seen->restart_lsn = slot->restart_lsn;
		seen->confirmed_flush = slot->confirmed_flush;
		if (slot->restart_lsn != InvalidXLogRecPtr &&
			facts->horizon > slot->restart_lsn)
			seen->retained = facts->horizon - slot->restart_lsn;
	}
}

RwReplicaRound *
rw_replica_round_prepare(const RwFacts *facts, const RwTimeline *timeline)
{
	RwReplicaRound *round = palloc0(sizeof(RwReplicaRound));

	round->replicas.now = facts->now;
	round->replicas.own.horizon = facts->horizon;
	round->replicas.own.in_recovery = facts->in_recovery;
	round->replicas.own.tli = facts->tli;
	round->replicas.own.timeline = timeline;
	round->replicas.own.segment_size = facts->segment_size;
	round->replicas.known_after = rw_known_after_s * RW_SECOND;
	round->replicas.forget_after = rw_forget_after_s * RW_SECOND;
	round->replicas.resumed = rw_watch_resumed(&facts->watch);
	round->replicas.unwatched = facts->watch.unwatched;
	prepare_replicas(round, facts);
	prepare_ended(round, facts);
	prepare_slots(round, facts);
	return round;
}

/* ----------------------------------------------------------------
 *		Applying
 * ----------------------------------------------------------------
 */

static bool
has_slot_named(const RwReplicaRound *round, const char *name)
{
	int			i;

	for (i = 0; i < round->nslots; i++)
	{
		if (rw_name_equal(round->slots[i].name, name))
			return true;
	}
	return false;
}

/*
 * A gone replica whose slot was dropped is forgotten like one that never had
 * a slot: the slot may have been dropped because the standby is only away.  A
 * subscriber is forgotten at once, because DROP SUBSCRIPTION drops its slot.
 */
static void
notice_dropped_slots(const RwReplicaRound *round, int size)
{
	int			i;

	for (i = 0; i < size; i++)
	{
		RwReplica  *replica = &rw_replicas[i];

		if (!replica->used || replica->connected || !replica->has_slot ||
			has_slot_named(round, replica->name))
			continue;
		if (replica->logical && !replica->expected)
			(void) rw_replicas_forget(rw_replicas, size, replica->name);
		else
			rw_replicas_slot_dropped(rw_replicas, size, replica->name);
	}
}

/*
 * How many places the steps of a round have to go through: those in use, and
 * as many as there are connections, now or until they have ended, each of
 * which may need a new one.
 */
static int
places_needed(const RwReplicaRound *round)
{
	int			size = rw_max_replicas;

	while (size > 0 && !rw_replicas[size - 1].used)
		size--;
	size += round->replicas.nseen + round->replicas.nended;
	return Min(size, rw_max_replicas);
}

void
rw_replica_round_apply(RwReplicaRound *round)
{
	int			size = places_needed(round);
	const char	(*expected)[RW_NAME_LEN];
	int			nexpected;

	/* The list, or whom it means, may have changed since the last round. */
	expected = rw_expected(&nexpected);
	rw_mark_expected(rw_replicas, size, expected, nexpected);

	rw_replicas_update(rw_replicas, size, &round->replicas, &round->events);
	pg_atomic_write_u32(rw_parted_set,
						rw_replicas_parted(rw_replicas, size,
										   &round->replicas.own));
	notice_dropped_slots(round, size);
	rw_slot_notes_update(rw_slot_notes, RW_MAX_SLOTS, round->slots,
						 round->nslots, round->replicas.now);
}

/* ----------------------------------------------------------------
 *		Logging
 * ----------------------------------------------------------------
 */

static void
log_event(const RwReplicaEvent *event)
{
	const char *name = event->name;

	switch (event->type)
	{
		case RW_REPLICA_KNOWN:
			ereport(DEBUG1,
					(errmsg_internal("replica \"%s\" is now known", name)));
			break;
		case RW_REPLICA_GONE:
			ereport(DEBUG1,
					(errmsg_internal("known replica \"%s\" has disconnected",
									 name)));
			break;
		case RW_REPLICA_BACK:
			ereport(DEBUG1,
					(errmsg_internal("known replica \"%s\" has reconnected",
									 name)));
			break;
		case RW_REPLICA_SHARED:
			ereport(LOG,
					(errmsg("several replicas are connected under the name \"%s\"",
							name),
					 errdetail("They are monitored while they are connected, but are not missed when they disconnect."),
					 errhint("Set \"primary_slot_name\", or application_name in \"primary_conninfo\", to a different name on each of them.")));
			break;
		case RW_REPLICA_EVICTED:
			ereport(LOG,
					(errmsg("replica \"%s\" was forgotten to make room for another",
							name),
					 errhint("Consider increasing \"replwatch.max_replicas\".")));
			break;
		case RW_REPLICA_EXPIRED:
			ereport(LOG,
					(errmsg("replica \"%s\" was forgotten after %d s without a connection",
							name, rw_forget_after_s)));
			break;
	}
}

void
rw_replica_round_log(const RwReplicaRound *round)
{
	int			i;

	for (i = 0; i < round->events.nevents; i++)
		log_event(&round->events.events[i]);
}
