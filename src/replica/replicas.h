/*-------------------------------------------------------------------------
 *
 * replicas.h
 *	  The table of replicas: who is connected, who is known, who is gone.
 *
 * A pure file.  The worker hands in what it saw of the connected receivers;
 * the table follows each of them under its name, remembers those that have
 * streamed long enough to be *known* when they go, and says what happened so
 * that it can be logged.  Plain data of a fixed size: it lives in shared
 * memory, and its owner guards it.
 *
 * One place a connection.  While a name is connected once, its place is that
 * of the replica, and it keeps it over a disconnection:
 *
 *		unused -> connected -> connected, known -> gone, known -> connected, known
 *				      \-> unused (was not known)          \-> unused (forgotten)
 *
 * A name connected twice is either one replica that came back before its
 * old, dead connection was noticed, or two replicas that were given the same
 * name.  The difference is that a dead connection does not reply: only when
 * both stream and both have replied since the later one came is the name
 * *shared*.  Replicas with a shared name are followed while they are
 * connected, each in its own place, and are never known: nobody could say
 * which of them is missing.  A name is no longer shared once it has been
 * connected only once for known_after.  When the dead connection of a known
 * replica ends, the new one inherits being known and moves to its place.
 * Nobody is told of that: the replica was there all the time.
 *
 * When the table is full, the replica that has been gone longest makes room,
 * unless it is expected back; if there is none, a further one is not followed.
 *
 * A round is in replicas.c, what names tell in it in replicas_names.c, and what
 * is asked and forgotten between rounds in replicas_table.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLICAS_H
#define RW_REPLICAS_H

#include "src/base/clock.h"
#include "src/base/name.h"
#include "src/base/rates.h"

/* One connected receiver that is to be followed, as the worker saw it. */
typedef struct RwSeen
{
	char		name[RW_NAME_LEN];
	char		address[RW_ADDRESS_LEN];
	int			pid;			/* of its walsender */
	bool		logical;
	bool		streaming;		/* has caught up once and streams */
	bool		has_slot;		/* uses a permanent slot */
	uint64		sent;
	uint64		write;
	uint64		flush;
	uint64		replay;
	int64		reply_time;		/* the replica's clock: compared for change */

	int			place;			/* out: its place in the table, or -1 */
} RwSeen;

typedef struct RwReplica
{
	bool		used;
	bool		connected;
	bool		known;
	bool		shared;			/* the name is shared with another connection */
	bool		logical;
	bool		has_slot;		/* used a permanent slot when last seen */
	bool		expected;		/* never forgotten; whoever keeps the table says
								 * so */
	char		name[RW_NAME_LEN];
	char		address[RW_ADDRESS_LEN];
	int			pid;			/* of the walsender; 0 when gone */
	uint64		sent;			/* as last seen; never reset to 0 by a new */
	uint64		write;			/* connection that has not replied yet */
	uint64		flush;
	uint64		replay;
	int64		reply_time;
	RwTime		connected_at;	/* when this connection was first seen */
	RwTime		streaming_since;	/* RW_NEVER while it does not stream */
	RwTime		streamed_at;	/* when it was last seen streaming; RW_NEVER
								 * before, whatever its connections */
	RwTime		replied_at;		/* when reply_time last changed on this
								 * connection; RW_NEVER before */
	RwTime		replay_moved_at;	/* when replay last rose, or connected_at */
	RwTime		last_seen;		/* when it last replied, else connected */
	RwTime		gone_at;		/* RW_NEVER while connected */
	RwTime		alone_since;	/* name connected only once since; RW_NEVER
								 * while it is connected more than once */
	RwRate		replay_rate;	/* of this connection */
	uint64		fork_lsn;			/* where it left our WAL, if what it shows is
								 * of a timeline that was left; else 0 */
	uint64		fork_replay;			/* the replay position that it shows then */
	uint32		generation;		/* another number for each replica that is
								 * given this place, never 0 in use: what is
								 * kept beside the table starts anew then */
} RwReplica;

typedef enum RwReplicaEventType
{
	RW_REPLICA_KNOWN,			/* has streamed for known_after */
	RW_REPLICA_GONE,			/* a known one's connection ended */
	RW_REPLICA_BACK,			/* a known one that was gone is connected */
	RW_REPLICA_SHARED,			/* its name turned out to be shared */
	RW_REPLICA_EVICTED,			/* forgotten to make room */
	RW_REPLICA_EXPIRED			/* forgotten after forget_after */
} RwReplicaEventType;

typedef struct RwReplicaEvent
{
	RwReplicaEventType type;
	char		name[RW_NAME_LEN];
} RwReplicaEvent;

/* More events than this in one round are not told. */
#define RW_REPLICA_MAX_EVENTS	128

typedef struct RwReplicaEvents
{
	int			nevents;
	RwReplicaEvent events[RW_REPLICA_MAX_EVENTS];
} RwReplicaEvents;

/*
 * Bring the table of `size` places up to date with the `nseen` receivers
 * connected now; sets each one's place.  known_after and forget_after in
 * microseconds; forget_after 0: never.  A gone replica that had a slot is not
 * forgotten by age: see rw_replicas_slot_dropped.  Clears *events first.  A
 * replica that has reconnected since the last round is told of as gone and as
 * back.
 */
extern void rw_replicas_update(RwReplica *table, int size,
							   RwSeen *seen, int nseen, RwTime now,
							   RwTime known_after, RwTime forget_after,
							   RwReplicaEvents *events);

/* The known replica of this name that is gone, or NULL. */
extern RwReplica *rw_replicas_find_gone(RwReplica *table, int size,
										const char *name);

/* The followed connection of this walsender, or NULL. */
extern RwReplica *rw_replicas_find_pid(RwReplica *table, int size, int pid);

/*
 * The slot of a gone replica is there no more: from now on it is forgotten
 * like one without.
 */
extern void rw_replicas_slot_dropped(RwReplica *table, int size,
									 const char *name);

/*
 * Forget a name.  A gone replica's place becomes unused; a connected one's is
 * no longer known and has to stream for known_after again.  True if there was
 * such a known replica.
 */
extern bool rw_replicas_forget(RwReplica *table, int size, const char *name);

/*
 * Timelines parted at `lsn`: what a replica has beyond that is not WAL of this
 * server.  A replica that goes on showing the same replay position as then, on
 * whatever connection, is still there, and counts as being at `lsn`.
 */
extern void rw_replicas_cut(RwReplica *table, int size, uint64 lsn);

/*
 * Forget all: another role, another cluster.  The memory of a table's first
 * use is to be zero.
 */
extern void rw_replicas_init(RwReplica *table, int size);

#endif							/* RW_REPLICAS_H */
