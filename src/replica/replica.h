/*-------------------------------------------------------------------------
 *
 * replica.h
 *	  The table of replicas: which are connected, known, gone.
 *
 * A pure file.  In each round the worker passes what it saw of the connected
 * receivers to rw_replicas_update().  The table follows each of them under
 * its name, remembers those that have streamed long enough to be *known* when
 * they disconnect, and returns what has happened, to be logged.  It is plain
 * data of a fixed size: it lives in shared memory (replica_shared.h), and its
 * owner guards it.  Memory filled with zeros is an empty table.
 *
 * Each connection has a place of its own.  While a name is connected once,
 * its place is that of the replica, which keeps it when it disconnects:
 *
 *		unused -> connected -> known, connected <-> known, gone -> unused
 *			          \-> unused                                (forgotten)
 *
 * A name that is connected twice is either one replica that came back before
 * its old, dead connection was noticed, or two replicas that were given the
 * same name.  The difference is that a dead connection does not reply: only
 * when both stream and both have replied since the later one came is the name
 * *shared*.  Replicas with a shared name are followed while they are
 * connected, each in its own place, and are never known: nobody could say
 * which of them is missing.  A name is no longer shared once it has been
 * connected only once for known_after.  When the dead connection of a known
 * replica ends, the new one moves to its place and is known from then on.
 * That is no event: the replica was connected all the time.
 *
 * When the table is full, the replica that has been gone longest makes room,
 * unless it is expected; if there is none, a newcomer is not followed.
 *
 * replicas.c has the steps of a round, replicas_names.c what names mean in
 * it, and replicas_table.c what is asked and forgotten between rounds.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPLICA_H
#define RW_REPLICA_H

#include "src/base/clock.h"
#include "src/base/name.h"
#include "src/base/rates.h"

/* A connected receiver that is to be followed, as the worker saw it. */
typedef struct RwSeen
{
	char		name[RW_NAME_LEN];	/* by which it is shown: slot_name, else
								 * application_name */
	char		application_name[RW_NAME_LEN];	/* empty if it has none */
	char		slot_name[RW_NAME_LEN]; /* its permanent slot; empty without */
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
	bool		shared;			/* another connection has the same name */
	bool		logical;
	bool		has_slot;		/* used a permanent slot when last seen */
	bool		expected;		/* never forgotten; the owner sets it */
	char		name[RW_NAME_LEN];
	char		application_name[RW_NAME_LEN];	/* of its last connection */
	char		slot_name[RW_NAME_LEN]; /* likewise */
	char		address[RW_ADDRESS_LEN];
	int			pid;			/* of the walsender; 0 when gone */
	uint64		sent;			/* as last seen; a new connection that has */
	uint64		write;			/* not replied yet does not reset them */
	uint64		flush;
	uint64		replay;
	int64		reply_time;
	RwTime		connected_at;	/* when this connection was first seen */
	RwTime		streaming_since;	/* RW_NEVER while it does not stream */
	RwTime		streamed_at;	/* when it was last seen streaming, on any
								 * connection; RW_NEVER if never */
	RwTime		replied_at;		/* when reply_time last changed on this
								 * connection; RW_NEVER before */
	RwTime		replay_moved_at;	/* when replay last rose, or
									 * connected_at */
	RwTime		last_seen;		/* when it last replied, else connected */
	RwTime		gone_at;		/* RW_NEVER while connected */
	RwTime		alone_since;	/* name connected only once since; RW_NEVER
								 * while it is connected more than once */
	RwRate		replay_rate;	/* of this connection */
	uint64		fork_lsn;		/* where it left our WAL, if it is on a
								 * timeline that was left; else 0 */
	uint64		fork_replay;	/* the replay position that it reports then */
	uint32		generation;		/* differs for each replica that is given this
								 * place, so that data kept beside the table
								 * can be matched; never 0 while used */
} RwReplica;

typedef enum RwReplicaEventType
{
	RW_REPLICA_KNOWN,			/* it has streamed for known_after */
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

/* Further events in one round are dropped. */
#define RW_REPLICA_MAX_EVENTS	128

typedef struct RwReplicaEvents
{
	int			nevents;
	RwReplicaEvent events[RW_REPLICA_MAX_EVENTS];
} RwReplicaEvents;

/*
 * Bring the table of `size` places up to date with the `nseen` receivers
 * connected now; sets each one's place.  known_after and forget_after are in
 * microseconds; forget_after 0: never.  A gone replica that had a slot is not
 * forgotten by age (see rw_replicas_slot_dropped).  Clears *events first.  A
 * replica that has reconnected since the last round is reported as gone and
 * as back.
 */
extern void rw_replicas_update(RwReplica *table, int size,
							   RwSeen *seen, int nseen, RwTime now,
							   RwTime known_after, RwTime forget_after,
							   RwReplicaEvents *events);

/* The known replica of this name that is gone, or NULL. */
extern RwReplica *rw_replicas_find_gone(RwReplica *table, int size,
										const char *name);

/* The connection that this walsender serves, or NULL. */
extern RwReplica *rw_replicas_find_pid(RwReplica *table, int size, int pid);

/*
 * The slot of a gone replica was dropped: from now on the replica is
 * forgotten by age like one without a slot.
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
 * Timelines parted at `lsn`: what a replica has beyond that is not WAL of
 * this server.  A replica that goes on reporting the same replay position, on
 * whatever connection, has not moved and counts as being at `lsn`.
 */
extern void rw_replicas_cut(RwReplica *table, int size, uint64 lsn);

#endif							/* RW_REPLICA_H */
