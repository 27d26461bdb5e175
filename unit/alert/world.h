/*-------------------------------------------------------------------------
 *
 * world.h
 *	  A server in simulated time, for the tests of judging and wording.
 *
 * reset_primary() or reset_standby() begins with a server on which all is
 * well; a test then changes what it is about, and asks judge() what is found.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef WORLD_H
#define WORLD_H

#include "src/alert/intern.h"
#include "unit/tap.h"

#define START		(100 * RW_DAY)
#define WATCHED		RW_DAY		/* for how long the worker has run */
#define MAX_THINGS	8

typedef struct World
{
	RwFacts		facts;
	RwNodeFacts node;
	RwArchiveFacts archive;
	RwLinks		links;
	RwPublished published;
	RwJudgeMemory memory;
	RwJudgeInput input;
	RwLimits	limits;			/* in force for all subjects */
	RwLink		link[MAX_THINGS];
	RwSenderFacts senders[MAX_THINGS];
	RwSlotFacts slots[MAX_THINGS];
	RwReplica	replicas[MAX_THINGS];
	RwSlotNote	notes[MAX_THINGS];
	RwServer	told[MAX_THINGS];
	char		expected[MAX_THINGS][RW_NAME_LEN];
	char		own[2][RW_NAME_LEN];
	int			nsubjects;
	RwSubject	subjects[4 * MAX_THINGS];
} World;

static World world;

/* Some limits, all different. */
static inline void
default_limits(RwLimits *limits)
{
	memset(limits, 0, sizeof(RwLimits));
	limits->of[RW_LIMIT_LAG_WARNING] = 30 * RW_SECOND;
	limits->of[RW_LIMIT_LAG_CRITICAL] = 300 * RW_SECOND;
	limits->of[RW_LIMIT_LAG_BYTES_WARNING] = 1000;
	limits->of[RW_LIMIT_LAG_BYTES_CRITICAL] = 10000;
	limits->of[RW_LIMIT_STALL_TIMEOUT] = 60 * RW_SECOND;
	limits->of[RW_LIMIT_SILENT_TIMEOUT] = 35 * RW_SECOND;
	limits->of[RW_LIMIT_MISSING_TIMEOUT] = 120 * RW_SECOND;
	limits->of[RW_LIMIT_SLOT_INACTIVE_TIMEOUT] = 900 * RW_SECOND;
	limits->of[RW_LIMIT_SLOT_TIME_LEFT] = 3600 * RW_SECOND;
	limits->of[RW_LIMIT_UPSTREAM_TIMEOUT] = 50 * RW_SECOND;
	limits->of[RW_LIMIT_ARCHIVER_FAILING_TIMEOUT] = 310 * RW_SECOND;
	limits->of[RW_LIMIT_WAL_DISK_TIME_LEFT] = 14400 * RW_SECOND;
	limits->of[RW_LIMIT_WAL_DISK_FREE] = 5;
	limits->of[RW_LIMIT_XMIN_AGE] = 100000;
}

/* The two names that the server goes by. */
static inline void
rename_node(const char *name, const char *other)
{
	world.input.nown = 2;
	rw_name_copy(world.own[0], name);
	rw_name_copy(world.own[1], other);
}

static inline void
reset_primary(void)
{
	memset(&world, 0, sizeof(world));
	world.facts.now = START;
	world.facts.sender_timeout_ms = 60000;
	world.facts.segment_size = 16777216;
	world.facts.senders = world.senders;
	world.facts.slots = world.slots;
	world.links.links = world.link;
	world.links.published = &world.published;
	world.published.replicas = world.replicas;
	world.published.slot_notes = world.notes;
	world.published.max_slots = lengthof(world.notes);
	world.published.max_replicas = lengthof(world.replicas);
	world.published.own_id.part[0] = 1;
	world.published.told = world.told;
	world.memory.watching_since = START - WATCHED;
	world.archive.looked_at = START;
	world.archive.active = world.archive.known = true;
	world.input.facts = &world.facts;
	world.input.node = &world.node;
	world.input.archive = &world.archive;
	world.input.links = &world.links;
	world.input.memory = &world.memory;
	world.input.known_after = RW_MINUTE;
	world.input.expected = (const char (*)[RW_NAME_LEN]) world.expected;
	world.input.node_name = "main";
	world.input.own = (const char (*)[RW_NAME_LEN]) world.own;
	rename_node("me", "main");
	default_limits(&world.limits);
}

static inline RwLink *
add_link(const char *name, RwLinkState state)
{
	RwLink	   *link = &world.link[world.links.nlinks++];

	rw_name_copy(link->name, name);
	link->state = state;
	link->last_seen = world.facts.now;
	link->catchup = link->retained_bytes = link->slot_time_left = -1;
	link->slot_idle_left = -1;
	return link;
}

static inline void
reset_standby(void)
{
	RwLink	   *link;

	reset_primary();
	world.facts.in_recovery = world.memory.in_recovery = true;
	world.facts.receiver.has_conninfo = true;
	world.published.upstream.settled = true;
	world.input.node_name = "upstream";
	link = add_link("upstream", RW_STATE_STREAMING);
	link->upstream = true;
}

/* A known replica that streams and is in step. */
static inline RwReplica *
add_replica(const char *name)
{
	int			i = world.links.nlinks;
	RwLink	   *link = add_link(name, RW_STATE_STREAMING);
	RwReplica  *replica = &world.replicas[i];

	link->sender = &world.senders[i];
	link->replica = replica;
	world.senders[i].reply_time = 1;
	replica->used = replica->connected = replica->known = true;
	replica->belongs = replica->steady = true;
	rw_name_copy(replica->name, name);
	replica->streaming_since = replica->alone_since = START - RW_HOUR;
	replica->streamed_at = replica->replay_moved_at = world.facts.now;
	return replica;
}

/* A segment that has waited to be archived since then, while nothing happens. */
static inline void
waits_for_archive(RwTime since)
{
	RwArchiveFile *segment = &world.archive.first[RW_ARCHIVE_SEGMENT];

	strcpy(segment->name, "000000010000000000000001");
	segment->since = since;
	world.archive.nwaiting = 1;
	world.archive.by = RW_ARCHIVE_BY_COMMAND;
	world.archive.pid = 4711;
}

/* A slot that is in use and retains nothing. */
static inline RwSlotNote *
add_slot(const char *name)
{
	int			i = world.links.nlinks;
	RwLink	   *link = add_link(name, RW_STATE_INACTIVE);

	link->slot = &world.slots[i];
	link->retained_bytes = 0;
	rw_name_copy(world.slots[i].name, name);
	world.slots[i].number = i;
	world.slots[i].sender = -1;
	world.slots[i].active_pid = 4711;
	world.slots[i].wal_status = RW_WAL_RESERVED;
	rw_name_copy(world.notes[i].name, name);
	world.notes[i].user = 4711;
	world.notes[i].moved_at = world.facts.now;
	return &world.notes[i];
}

/* The replica of this link has not streamed since then. */
static inline void
goes_away(int i, RwTime since)
{
	world.link[i].state = RW_STATE_MISSING;
	world.link[i].sender = NULL;
	world.link[i].last_seen = since;
	world.replicas[i].connected = world.replicas[i].belongs = false;
	world.replicas[i].steady = false;
	world.replicas[i].streaming_since = RW_NEVER;
	world.replicas[i].streamed_at = world.replicas[i].gone_at = since;
}

/* Another server says that a replica of this name has streamed there so long. */
static inline RwServer *
streams_elsewhere(const char *name, int64 streaming_for)
{
	RwServer   *server = &world.told[world.published.ntold++];

	server->parent.part[0] = 2;
	server->key = world.published.ntold;
	rw_name_copy(server->label, name);
	server->state = RW_STATE_STREAMING;
	server->streaming_for = streaming_for;
	server->seen_at = world.facts.now;
	return server;
}

static inline void
expect(const char *name)
{
	rw_name_copy(world.expected[world.input.nexpected++], name);
}

/*
 * The volume of pg_wal has size 1000 MB, max_wal_size is 40 MB, and `held` is
 * what somebody holds, `rate` of it, in MB, for each second of two minutes.
 */
static inline void
set_volume(int64 free, int64 held, double rate)
{
	RwWalDisk  *disk = &world.memory.wal_disk;
	RwHeldPoint *then = &disk->levels[0].points[0];

	memset(disk, 0, sizeof(RwWalDisk));
	disk->volume.at = disk->now.at = world.facts.now;
	disk->volume.known = true;
	disk->volume.size = 1000 * 1048576;
	disk->volume.free = free * 1048576;
	disk->volume.max_wal_size = 40 * 1048576;
	disk->now.held = held * 1048576;
	disk->levels[0].npoints = 1;
	then->at = world.facts.now - 120 * RW_SECOND;
	then->held = disk->now.held - (int64) (120 * rate * 1048576);
}

/* Find and judge all subjects. */
static inline void
judge_world(void)
{
	world.input.standby_streams =
		rw_any_standby_streams(&world.links, world.facts.now);
	world.nsubjects = rw_find_subjects(&world.input, world.subjects);
	for (int i = 0; i < world.nsubjects; i++)
	{
		world.subjects[i].limits = world.limits;
		rw_judge_subject(&world.input, &world.subjects[i]);
	}
}

/* The first subject that has such an alert, or NULL. */
static inline RwSubject *
subject_of(RwAlertKind alert)
{
	for (int i = 0; i < world.nsubjects; i++)
	{
		if (world.subjects[i].class == rw_alert_class(alert))
			return &world.subjects[i];
	}
	return NULL;
}

#endif							/* WORLD_H */
