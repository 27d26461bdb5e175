/*-------------------------------------------------------------------------
 *
 * replica.h
 *	  The table of replicas: which are connected, known, gone.
 *
 * A pure file.  In each round the worker passes what it saw of the connected
 * receivers, and which have ended since, to rw_replicas_update().  The table
 * follows each replica under its names, remembers those that have streamed
 * long enough to be *known* when they disconnect, and returns what has
 * happened, to be logged.  It is plain data of a fixed size: it lives in
 * shared memory (replica_shared.h), and its owner guards it.  Memory filled
 * with zeros is an empty table.
 *
 * A replica is an identity, and a connection is not a replica.  A connection
 * gets a place of its own when it comes.  It *belongs* to a replica once it
 * streams, or has been sent WAL, and has reported a position.  If a replica of
 * its names is gone, the connection then moves to that replica's place; until
 * then, and if it ends before, the replica is gone as it was.
 *
 *		unused -> connected -> known, connected <-> known, gone -> unused
 *			          \-> unused                                (forgotten)
 *
 * A replica is found by its shown name, which is its slot's, else its
 * application_name.  One that has come without its slot, or has been given
 * one, is found by its application_name, if it comes from the same address and
 * no others use that name.  (Many servers are given one by their cluster_name.)
 *
 * A replica that connects again and again and gets nowhere would, at each
 * attempt, stream for some milliseconds or not, and be seen doing so or not.
 * Therefore after an attempt that failed, or half a minute without a
 * connection, streaming counts only once it is *steady*: it has gone on for
 * three seconds, or the position that it reports has risen.  To the place of a
 * replica that is refused, after two such attempts, a connection moves only
 * then, or when it has been catching up for three seconds and that has risen.
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
 * A replica that has parted from this server (position.h) is known at once,
 * and stays parted, connected or gone, until it is seen to have this server's
 * WAL again, or is forgotten.  That a refused request alone shows it counts
 * from the second one on, because anybody can ask for anything, and ends once
 * the replica streams steadily.
 *
 * Attempts are counted for names that are not known, too, in places that are
 * gone and not known.  Those last for a minute, give way to any other, and are
 * not shown, unless the name is expected.
 *
 * When the table is full, the replica that has been gone longest makes room,
 * unless it is expected; if there is none, a newcomer is not followed.  A
 * connection that may be that of a gone replica takes nobody's place but that
 * one's, once it has reported a position.
 *
 * replicas.c has the steps of a round, replicas_follow.c what it learns of one
 * connection, replicas_ended.c what follows from those that have ended,
 * replicas_names.c what names mean, and replicas_table.c what is asked and
 * forgotten between rounds.
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
#include "src/replica/attempts.h"
#include "src/replica/position.h"

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
	bool		ended;			/* the stream has ended; it may begin again */
	bool		has_slot;		/* uses a permanent slot */
	uint64		sent;
	uint64		write;
	uint64		flush;
	uint64		replay;
	int64		reply_time;		/* the replica's clock: compared for change */

	int			place;			/* out: its place in the table, or -1 */
} RwSeen;

/* A connection that has ended since the last round, or got no WAL. */
typedef struct RwSeenEnd
{
	char		application_name[RW_NAME_LEN];
	char		slot_name[RW_NAME_LEN]; /* used or asked for; empty: none */
	char		address[RW_ADDRESS_LEN];
	int			pid;
	bool		backup;			/* it was for a base backup */
	bool		goes_on;		/* the connection is there, but does not
								 * stream what was asked for */
	uint64		start;			/* asked for in vain; 0 if nothing was */
	uint32		start_tli;
	uint64		sent;			/* positions at its end */
	uint64		write;
	uint64		flush;
	uint64		replay;
	char		message[RW_REFUSAL_LEN];	/* its last error; may be empty */
} RwSeenEnd;

typedef struct RwReplica
{
	bool		used;
	bool		connected;
	bool		belongs;		/* its connection is the replica's */
	bool		steady;			/* its connection gets somewhere */
	bool		moves;			/* what it reports on this connection has risen */
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
	uint64		first_sent;		/* when this connection was first seen */
	uint64		first_reported; /* the first position that was reported on
								 * this connection; 0: none yet */
	uint64		position;		/* how far it has replayed this server's WAL;
								 * 0 if not known */
	int64		reply_time;
	RwTime		connected_at;	/* when this connection was first seen */
	RwTime		streaming_since;	/* RW_NEVER while it does not stream */
	RwTime		streamed_at;	/* when it last streamed, as far as that
								 * counts, on any connection; RW_NEVER if
								 * never */
	RwTime		replied_at;		/* when reply_time last changed on this
								 * connection; RW_NEVER before */
	RwTime		replay_moved_at;	/* when its position last rose, or it
									 * first connected */
	RwTime		progressed_at;	/* when that, or what it has flushed, rose */
	RwTime		last_seen;		/* when it last replied, else connected */
	RwTime		gone_at;		/* RW_NEVER while connected */
	int64		unwatched;		/* of the time since then, how long this
								 * server was down, or nobody watched */
	RwTime		alone_since;	/* name connected only once since; RW_NEVER
								 * while it is connected more than once */
	RwRate		replay_rate;	/* of this connection */
	RwParted	parted;
	bool		parted_by_request;	/* so a request says that was refused, and
									 * nothing else */
	uint64		mark;			/* where it has parted */
	RwTime		ended_at_mark;	/* when WAL first ended there, for one that
								 * may be left behind; RW_NEVER: it did not */
	RwAttempts	attempts;		/* connections that got nowhere */
	char		refusal[RW_REFUSAL_LEN];	/* why the last one did not, as
											 * far as is known */
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

/* What the worker saw in a round, and what it is judged by. */
typedef struct RwRound
{
	RwTime		now;
	RwOwnWal	own;			/* this server's WAL */
	RwTime		known_after;	/* microseconds */
	RwTime		forget_after;	/* microseconds; 0: never */
	bool		resumed;		/* nobody has watched since the last round */
	int64		unwatched;		/* for so long; see base/watch.h */
	int			nseen;
	RwSeen	   *seen;			/* the receivers that are connected now */
	int			nended;
	const RwSeenEnd *ended;		/* in the order in which they have ended */
} RwRound;

/*
 * Bring the table of `size` places up to date; sets the place of each receiver
 * in round->seen.  Time during which this server was down, or nobody watched,
 * does not count towards forget_after, and the latter not towards known_after.
 * A gone replica that had a slot is not forgotten by age (see
 * rw_replicas_slot_dropped).  Clears *events first.  A replica that has
 * reconnected since the last round is reported as gone and as back.
 */
extern void rw_replicas_update(RwReplica *table, int size, RwRound *round,
							   RwReplicaEvents *events);

/*
 * The replica that a connection with these names, from this address, would
 * belong to, if it is gone; else NULL.  slot_name may be empty.
 */
extern RwReplica *rw_replicas_find_returning(RwReplica *table, int size,
											 const char *application_name,
											 const char *slot_name,
											 const char *address);

/*
 * Does this replica stream now?  After an attempt that failed, or half a minute
 * away, only a steady connection counts, and one of a replica that has parted
 * from this server never does.
 */
extern bool rw_replica_streams(const RwReplica *replica, RwTime now);

/*
 * Has it parted, and will not be found not to have?  A server in recovery may
 * only be behind, as a cascade can be.
 */
extern bool rw_replica_parted_for_good(const RwReplica *replica,
									   const RwOwnWal *own);

/*
 * Which connected replicas have parted for good: 0 if none has, otherwise a
 * number that most likely differs for another set of connections.
 */
extern uint32 rw_replicas_parted(const RwReplica *table, int size,
								 const RwOwnWal *own);

/*
 * The WAL that the replica asks for has ended at `mark`, where its timeline was
 * left, and it has replayed all of that.  One that follows to the next timeline
 * soon does.
 */
extern void rw_replica_reach_fork(RwReplica *replica, uint64 mark,
								  RwTime now);

/* Is this replica gone, and has it tried to connect and failed? */
extern bool rw_replica_is_refused(const RwReplica *replica, RwTime now);

/*
 * Has this gone replica been refused, so that a connection is its own only once
 * it gets somewhere, or shows that the replica has parted?
 */
extern bool rw_replica_must_prove(const RwReplica *gone, RwTime now);

/* The known replica of this name that is gone, or NULL. */
extern RwReplica *rw_replicas_find_gone(RwReplica *table, int size,
										const char *name);

/* The known or expected replica that is gone and has this slot, or NULL. */
extern RwReplica *rw_replicas_find_gone_slot(RwReplica *table, int size,
											 const char *slot_name);

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
 * this server.
 */
extern void rw_replicas_cut(RwReplica *table, int size, uint64 lsn);

#endif							/* RW_REPLICA_H */
