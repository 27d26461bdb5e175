/*-------------------------------------------------------------------------
 *
 * persist_state.c
 *	  The contents of the state file, and how they are written and read.
 *
 * The file holds the known replicas and their charts, the slot notes, alerts
 * and silences, what is remembered of the link to the upstream server, and the
 * names by which this server has been known there.
 *
 * Structures are written as they are in memory.  A file with the right
 * checksum may still be from another build or other settings, so sizes,
 * counts, indexes and the ends of strings are checked before use.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "replication/slot.h"

#include "src/alert/alerts_shared.h"
#include "src/base/compat.h"
#include "src/lag/lag_shared.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"
#include "src/worker/intern.h"

/* The payload of the state file: this, then the arrays that it counts. */
typedef struct StateHeader
{
	uint32		header_size;	/* sizes, which may differ in another
								 * build's file */
	uint32		replica_size;
	uint32		note_size;
	uint32		nreplicas;
	uint32		nnotes;
	uint32		alert_size;
	uint32		nalerts;		/* firing ones first, then the cleared ones,
								 * oldest first */
	uint32		nsilences;
	RwTime		message_at;		/* these nine as in RwUpstream */
	RwTime		complete_at;
	bool		tended;
	bool		settled;
	bool		lost_wal;
	RwParted	parted;
	uint64		mark;
	uint64		ahead_to;
	uint32		in_step_with;
	RwChart		upstream_chart;
	RwOwnNames	own_names;
} StateHeader;

typedef struct SavedReplica
{
	RwReplica	replica;
	RwChart		chart;
} SavedReplica;

/* Append alerts and silences at p, return the end; state_lock is held. */
static char *
save_alerts(char *p, StateHeader *header)
{
	int			i;

	for (i = 0; i < rw_alerts->nfiring; i++)
	{
		/* An alert to be forgotten must not come back after a restart. */
		if (!rw_alerts->firing[i].used || rw_alerts->firing[i].forgotten)
			continue;
		memcpy(p, &rw_alerts->firing[i], sizeof(RwAlert));
		p += sizeof(RwAlert);
		header->nalerts++;
	}
	for (i = 1; i <= RW_CLEARED_ALERTS; i++)
	{
		const RwAlert *alert =
			&rw_alerts->cleared[(rw_alerts->newest_cleared + i) %
								RW_CLEARED_ALERTS];

		if (!alert->used)
			continue;
		memcpy(p, alert, sizeof(RwAlert));
		p += sizeof(RwAlert);
		header->nalerts++;
	}
	header->nsilences = rw_alerts->nsilences;
	memcpy(p, rw_alerts->silences,
		   rw_alerts->nsilences * sizeof(RwSilence));
	return p + rw_alerts->nsilences * sizeof(RwSilence);
}

void
rw_collect_state(RwNewFile *file, const RwStoreLabel *label)
{
	Size		room = sizeof(StateHeader) +
		rw_max_replicas * sizeof(SavedReplica) +
		RW_MAX_SLOTS * sizeof(RwSlotNote) +
		(rw_alerts_max + RW_CLEARED_ALERTS) * sizeof(RwAlert) +
		RW_MAX_SILENCES * sizeof(RwSilence);
	char	   *payload = rw_store_begin(file, RW_STATE_FILE, room);
	char	   *p = payload + sizeof(StateHeader);
	StateHeader header;
	int			i;

	memset(&header, 0, sizeof(header));
	header.header_size = sizeof(StateHeader);
	header.replica_size = sizeof(SavedReplica);
	header.note_size = sizeof(RwSlotNote);
	header.alert_size = sizeof(RwAlert);

	LWLockAcquire(rw_state_lock, LW_SHARED);
	header.message_at = rw_lag_shared->upstream.message_at;
	header.complete_at = rw_lag_shared->upstream.complete_at;
	header.tended = rw_lag_shared->upstream.tended;
	header.settled = rw_lag_shared->upstream.settled;
	header.lost_wal = rw_lag_shared->upstream.lost_wal;
	header.parted = rw_lag_shared->upstream.parted;
	header.mark = rw_lag_shared->upstream.mark;
	header.ahead_to = rw_lag_shared->upstream.ahead_to;
	header.in_step_with = rw_lag_shared->upstream.in_step_with;
	header.upstream_chart = rw_lag_shared->upstream_chart;
	header.own_names = *rw_own_names;
	for (i = 0; i < rw_max_replicas; i++)
	{
		if (rw_replicas[i].used && rw_replicas[i].known)
		{
			memcpy(p + offsetof(SavedReplica, replica), &rw_replicas[i],
				   sizeof(RwReplica));
			if (rw_charts[i].generation == rw_replicas[i].generation)
				memcpy(p + offsetof(SavedReplica, chart),
					   &rw_charts[i].chart, sizeof(RwChart));
			p += sizeof(SavedReplica);
			header.nreplicas++;
		}
	}
	for (i = 0; i < RW_MAX_SLOTS; i++)
	{
		if (rw_slot_notes[i].name[0] != '\0')
		{
			memcpy(p, &rw_slot_notes[i], sizeof(RwSlotNote));
			p += sizeof(RwSlotNote);
			header.nnotes++;
		}
	}
	p = save_alerts(p, &header);
	LWLockRelease(rw_state_lock);

	memcpy(payload, &header, sizeof(header));
	rw_store_finish(file, RW_STORE_STATE, label, p - payload);
}

/*
 * A moment of the file on the present clock; RW_NEVER stays RW_NEVER.  None is
 * in the future.
 */
static RwTime
shift_moment(RwTime at, int64 delta)
{
	return at == RW_NEVER ? RW_NEVER :
		Min(Max(at + delta, 1), rw_clock_now());
}

/*
 * Shift a chart's points, whose times are seconds.  Points from before the
 * clock's zero end up there, before everything that is shown.
 */
static void
shift_ring(RwChartPoint *points, int npoints, int64 delta)
{
	int			i;

	for (i = 0; i < npoints; i++)
		points[i].at = Max((int64) points[i].at + delta / RW_SECOND, 0);
}

/* Shift a chart's times; false if its contents are not those of a chart. */
static bool
shift_chart(RwChart *chart, int64 delta)
{
	if (chart->fine_ring.npoints < 0 ||
		chart->fine_ring.npoints > RW_CHART_FINE_POINTS ||
		chart->fine_ring.newest < 0 ||
		chart->fine_ring.newest >= RW_CHART_FINE_POINTS ||
		chart->coarse_ring.npoints < 0 ||
		chart->coarse_ring.npoints > RW_CHART_COARSE_POINTS ||
		chart->coarse_ring.newest < 0 ||
		chart->coarse_ring.newest >= RW_CHART_COARSE_POINTS)
		return false;
	shift_ring(chart->fine, RW_CHART_FINE_POINTS, delta);
	shift_ring(chart->coarse, RW_CHART_COARSE_POINTS, delta);
	return true;
}

/* A saved replica is known after a restart, and gone. */
static void
restore_replica(RwReplica *replica, const RwReplica *saved, int64 delta,
	   RwTime saved_at, uint32 generation)
{
	memset(replica, 0, sizeof(RwReplica));
	replica->used = true;
	replica->known = true;
	replica->logical = saved->logical;
	replica->has_slot = saved->has_slot;
	rw_name_copy(replica->name, saved->name);
	rw_name_copy(replica->application_name, saved->application_name);
	rw_name_copy(replica->slot_name, saved->slot_name);
	rw_address_copy(replica->address, saved->address);
	replica->sent = saved->sent;
	replica->write = saved->write;
	replica->flush = saved->flush;
	replica->replay = saved->replay;
	replica->reply_time = saved->reply_time;
	replica->position = saved->position;
	if (saved->parted <= RW_LEFT_BEHIND)
	{
		replica->parted = saved->parted;
		replica->mark = saved->mark;
	}
	replica->connected_at = shift_moment(saved->connected_at, delta);
	replica->streamed_at = shift_moment(saved->streamed_at, delta);
	replica->replay_moved_at = shift_moment(saved->replay_moved_at, delta);
	replica->progressed_at = shift_moment(saved->progressed_at, delta);
	replica->last_seen = shift_moment(saved->last_seen, delta);
	replica->alone_since = shift_moment(saved->alone_since, delta);
	saved_at = shift_moment(saved_at, delta);
	replica->gone_at = saved->connected ? saved_at :
		shift_moment(saved->gone_at, delta);
	/* It could not come back meanwhile. */
	replica->unwatched = Max(rw_clock_now() - saved_at, 0);
	if (!saved->connected)
		replica->unwatched += Max(saved->unwatched, 0);
	replica->generation = generation;
	rw_rate_init(&replica->replay_rate);
}

/*
 * Restore alerts and silences.  Firing alerts are published as firing, and the
 * worker goes on judging them; those of another role it will clear.
 */
static void
restore_alerts(const char *p, const StateHeader *header, int64 delta,
			   bool same_role)
{
	uint32		i;

	for (i = 0; i < header->nalerts; i++, p += sizeof(RwAlert))
	{
		RwAlert		alert;

		memcpy(&alert, p, sizeof(RwAlert));
		if (!rw_alert_exists(alert.alert) ||
			alert.severity <= RW_SEVERITY_NONE ||
			alert.severity >= RW_NUM_SEVERITIES ||
			memchr(alert.subject, '\0', sizeof(alert.subject)) == NULL ||
			memchr(alert.value, '\0', sizeof(alert.value)) == NULL ||
			memchr(alert.threshold, '\0', sizeof(alert.threshold)) == NULL ||
			memchr(alert.detail, '\0', sizeof(alert.detail)) == NULL)
			continue;
		alert.used = true;
		alert.rule.severity = alert.severity;
		if (alert.rule.reported > RW_SEVERITY_CRITICAL)
			alert.rule.reported = alert.severity;
		alert.rule.raised_at = shift_moment(alert.rule.raised_at, delta);
		alert.rule.changed_at = shift_moment(alert.rule.changed_at, delta);
		alert.rule.reported_at = shift_moment(alert.rule.reported_at, delta);
		/* Slots are judged alike in both roles. */
		alert.forgotten = alert.cleared_at == 0 && !same_role &&
			rw_alert_class(alert.alert) != RW_SUBJECT_SLOT;
		if (alert.cleared_at != 0)
		{
			rw_alerts->newest_cleared =
				(rw_alerts->newest_cleared + 1) % RW_CLEARED_ALERTS;
			rw_alerts->cleared[rw_alerts->newest_cleared] = alert;
		}
		else if (rw_alerts->nfiring < rw_alerts_max)
			rw_alerts->firing[rw_alerts->nfiring++] = alert;
	}
	if (!same_role)
		rw_alerts->requests++;

	rw_alerts->nsilences = Min(header->nsilences, RW_MAX_SILENCES);
	memcpy(rw_alerts->silences, p, rw_alerts->nsilences * sizeof(RwSilence));
	for (i = 0; i < rw_alerts->nsilences; i++)
	{
		rw_alerts->silences[i].name[RW_NAME_LEN - 1] = '\0';
		rw_alerts->silences[i].classes &= RW_ALL_CLASSES;
	}
}

static void
restore_replicas(const char *p, const StateHeader *header,
				 const RwStoreLabel *label, int64 delta)
{
	uint32		i;
	int			place = 0;

	for (i = 0; i < header->nreplicas; i++, p += sizeof(SavedReplica))
	{
		const RwReplica *saved = (const RwReplica *)
			(p + offsetof(SavedReplica, replica));
		RwPlaceChart *chart;

		if (place >= rw_max_replicas ||
			memchr(saved->name, '\0', RW_NAME_LEN) == NULL ||
			memchr(saved->application_name, '\0', RW_NAME_LEN) == NULL ||
			memchr(saved->slot_name, '\0', RW_NAME_LEN) == NULL ||
			memchr(saved->address, '\0', RW_ADDRESS_LEN) == NULL)
			continue;
		restore_replica(&rw_replicas[place], saved, delta, label->clock,
						place + 1);

		chart = &rw_charts[place];
		memcpy(&chart->chart, p + offsetof(SavedReplica, chart),
			   sizeof(RwChart));
		if (!shift_chart(&chart->chart, delta))
			rw_chart_init(&chart->chart);
		chart->generation = rw_replicas[place].generation;
		place++;
	}
}

/* Slots keep their places, unless the file is another server's. */
static void
restore_slot_notes(const char *p, const StateHeader *header, int64 delta)
{
	uint32		i;

	for (i = 0; i < header->nnotes && i < RW_MAX_SLOTS;
		 i++, p += sizeof(RwSlotNote))
	{
		RwSlotNote *note = &rw_slot_notes[i];

		memcpy(note, p, sizeof(RwSlotNote));
		note->name[RW_NAME_LEN - 1] = '\0';
		note->inactive_since = shift_moment(note->inactive_since, delta);
		note->lost_at = shift_moment(note->lost_at, delta);
		note->moved_at = shift_moment(note->moved_at, delta);
		/* A start is no use of the slot, and its last user is gone. */
		note->released = note->reply_time = 0;
		note->user = 0;
	}
}

bool
rw_restore_state(const char *payload, uint32 length,
				 const RwStoreLabel *label, int64 delta, bool same_role)
{
	StateHeader header;
	const char *replicas = payload + sizeof(StateHeader);
	const char *notes;
	const char *alerts;

	if (length < sizeof(StateHeader))
		return false;
	memcpy(&header, payload, sizeof(header));
	if (header.header_size != sizeof(StateHeader) ||
		header.replica_size != sizeof(SavedReplica) ||
		header.note_size != sizeof(RwSlotNote) ||
		header.alert_size != sizeof(RwAlert) ||
		(uint64) length != sizeof(StateHeader) +
		(uint64) header.nreplicas * sizeof(SavedReplica) +
		(uint64) header.nnotes * sizeof(RwSlotNote) +
		(uint64) header.nalerts * sizeof(RwAlert) +
		(uint64) header.nsilences * sizeof(RwSilence))
		return false;

	notes = replicas + header.nreplicas * sizeof(SavedReplica);
	alerts = notes + header.nnotes * sizeof(RwSlotNote);
	restore_alerts(alerts, &header, delta, same_role);
	rw_own_names_restore(rw_own_names, &header.own_names);
	/* A slot that is left over from another role has not moved since then. */
	restore_slot_notes(notes, &header, delta);
	if (!same_role)
		return true;

	rw_lag_shared->upstream.message_at =
		shift_moment(header.message_at, delta);
	rw_lag_shared->upstream.complete_at =
		shift_moment(header.complete_at, delta);
	rw_lag_shared->upstream.tended = header.tended;
	rw_lag_shared->upstream.settled = header.settled;
	if (header.parted <= RW_LEFT_BEHIND)
	{
		rw_lag_shared->upstream.parted = header.parted;
		rw_lag_shared->upstream.mark = header.mark;
		rw_lag_shared->upstream.ahead_to = header.ahead_to;
		rw_lag_shared->upstream.lost_wal = header.lost_wal;
	}
	rw_lag_shared->upstream.in_step_with = header.in_step_with;
	if (shift_chart(&header.upstream_chart, delta))
		rw_lag_shared->upstream_chart = header.upstream_chart;
	restore_replicas(replicas, &header, label, delta);
	return true;
}
