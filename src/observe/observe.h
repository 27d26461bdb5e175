/*-------------------------------------------------------------------------
 *
 * observe.h
 *	  One look at the server: walsenders, slots, receiver, recovery.
 *
 * This is the only room that reads the server's own structures; it turns them
 * into plain facts, and everything else works on those.  It needs no database
 * connection and no transaction, so that the worker, a backend and whoever
 * answers for the server can all use it.  Names of roles and databases, which
 * need a catalog, stay OIDs.
 *
 * Each process, slot or receiver may be gone by the time its facts are used.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_OBSERVE_H
#define RW_OBSERVE_H

#include "access/xlogdefs.h"
#include "access/xlogrecovery.h"
#include "datatype/timestamp.h"
#include "replication/walreceiver.h"
#include "replication/walsender_private.h"

#include "src/base/clock.h"
#include "src/base/name.h"

/* Who is at the other end of a walsender. */
typedef struct RwPeer
{
	char		application_name[RW_NAME_LEN];
	char		address[RW_ADDRESS_LEN];	/* empty for a local socket */
	char		hostname[RW_NAME_LEN * 2];	/* empty if not looked up */
	int			port;			/* -1 for a local socket, 0 if not known */
	Oid			role;
	TimestampTz backend_start;
	TransactionId backend_xmin;
} RwPeer;

typedef struct RwSenderFacts
{
	int			pid;
	WalSndState state;
	XLogRecPtr	sent;			/* each InvalidXLogRecPtr if not known */
	XLogRecPtr	write;
	XLogRecPtr	flush;
	XLogRecPtr	replay;
	TimeOffset	write_lag;		/* core's measure in microseconds, or -1 */
	TimeOffset	flush_lag;
	TimeOffset	replay_lag;
	int			sync_priority;
	const char *sync_state;
	TimestampTz reply_time;		/* the replica's clock; 0 if none yet */
	RwPeer		peer;
	int			slot;			/* index of the slot in use, or -1 */
	bool		replica;		/* something that replays or applies: neither
								 * a base backup nor pg_receivewal */
	bool		receiver;		/* something that keeps the WAL, such as
								 * pg_receivewal: neither of these */
	char		name[RW_NAME_LEN];	/* slot's, else application's */
	int			place;			/* in the table of replicas, or -1 */
} RwSenderFacts;

typedef enum RwWalStatus
{
	RW_WAL_UNKNOWN,				/* the slot reserves nothing yet */
	RW_WAL_RESERVED,
	RW_WAL_EXTENDED,
	RW_WAL_UNRESERVED,
	RW_WAL_LOST
} RwWalStatus;

typedef struct RwSlotFacts
{
	char		name[RW_NAME_LEN];
	int			number;			/* place in the server's array */
	bool		logical;
	bool		temporary;
	bool		synced;
	Oid			database;
	int			active_pid;
	XLogRecPtr	restart_lsn;
	XLogRecPtr	confirmed_flush;
	int32		xmin_age;		/* of the older of both xmins; -1 if none */
	RwWalStatus wal_status;
	bool		limited;		/* safe_wal_size is known */
	int64		safe_wal_size;
	TimestampTz inactive_since; /* core's; 0 if it does not say */
	const char *invalidation;	/* NULL if intact */
	int			sender;			/* index of the walsender using it, or -1 */
} RwSlotFacts;

/* The receiver's end of the link upstream, on a standby. */
typedef struct RwReceiverFacts
{
	int			pid;			/* 0 if none runs */
	WalRcvState state;
	XLogRecPtr	written;
	XLogRecPtr	flushed;
	TimeLineID	tli;
	TimestampTz send_time;
	TimestampTz receipt_time;
	XLogRecPtr	latest_end;
	TimestampTz latest_end_time;
	char		host[RW_NAME_LEN * 4];
	int			port;
	char		name[RW_NAME_LEN];	/* by which the upstream server knows us */
	bool		has_conninfo;	/* primary_conninfo is set */
	bool		has_restore_command;
} RwReceiverFacts;

#define RW_MAX_BLOCKERS		8

/* What holds replay back, as far as it can be seen. */
typedef enum RwReplayWait
{
	RW_REPLAY_WAIT_NONE,
	RW_REPLAY_WAIT_PAUSED,
	RW_REPLAY_WAIT_DELAY,				/* recovery_min_apply_delay */
	RW_REPLAY_WAIT_SNAPSHOT,			/* recovery conflict with a snapshot */
	RW_REPLAY_WAIT_LOCK,				/* recovery conflict with a lock */
	RW_REPLAY_WAIT_PIN,				/* recovery conflict with a buffer pin */
	RW_REPLAY_WAIT_OTHER				/* another recovery conflict */
} RwReplayWait;

typedef struct RwRecoveryFacts
{
	XLogRecPtr	replay;
	TimeLineID	replay_tli;
	RecoveryPauseState pause_state;
	int			apply_delay_ms;
	TimestampTz latest_commit_time; /* of the last replayed commit, the
									 * primary's clock; 0 if none */
	RwReplayWait		hold;
	int			nblockers;		/* 0 where they can't be known */
	int			blockers[RW_MAX_BLOCKERS];
	bool		blockers_likely;	/* guessed, not known */
} RwRecoveryFacts;

typedef struct RwSyncFacts
{
	int			wanted;			/* synchronous standbys that commits need */
	int			connected;		/* of those listed, streaming now */
	int			waiting;		/* commits waiting now */
} RwSyncFacts;

typedef struct RwFacts
{
	RwTime		now;
	TimestampTz wall;			/* the same moment on the wall clock */
	bool		in_recovery;
	bool		crash_recovery; /* role not decided yet: before recovery ends
								 * or turns out to be a standby's */
	XLogRecPtr	horizon;		/* newest WAL that this server can send */
	TimeLineID	tli;
	int			nsenders;
	RwSenderFacts *senders;
	int			nslots;
	RwSlotFacts *slots;
	RwReceiverFacts receiver;	/* only in recovery */
	RwRecoveryFacts recovery;	/* only in recovery */
} RwFacts;

/*
 * Look.  Arrays are allocated in the current memory context.  With
 * `remember`, who the peers are is looked up once and kept for ten seconds by
 * this process, for the worker, which looks ten times a second.
 */
extern void rw_observe(RwFacts *facts, bool remember);

/* Synchronous replication, as this server is set now. */
extern void rw_observe_sync(RwSyncFacts *sync);

/*
 * Fill facts->recovery's hold and blockers.  Apart from rw_observe because it
 * may look at all backends and locks: for when replay is behind.
 */
extern void rw_observe_hold(RwFacts *facts);

/*
 * The name by which this server is known to an upstream server, also when it
 * is a primary now, into RW_NAME_LEN bytes; and how a primary calls itself.
 */
extern void rw_own_name(char *name);
extern const char *rw_primary_name(void);

/* Only the horizon, for lookups in the history. */
extern XLogRecPtr rw_horizon(TimeLineID *tli);

#endif							/* RW_OBSERVE_H */
