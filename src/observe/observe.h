/*-------------------------------------------------------------------------
 *
 * observe.h
 *	  One look at the server: walsenders, slots, receiver, recovery.
 *
 * Rows, alerts and pages are made from these facts, and never read the
 * server's own structures.  The facts are plain data, with enums of our own
 * and the timeouts that matter, so that files which work on them need no
 * server and can be pure.
 *
 * rw_observe() needs neither a database connection nor a transaction: the
 * worker, a backend and the process that serves the port all use it.  Names
 * of roles and databases, which need a catalog, stay OIDs.  Any process, slot
 * or receiver may be gone by the time its facts are used.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_OBSERVE_H
#define RW_OBSERVE_H

#include "access/xlogdefs.h"
#include "datatype/timestamp.h"

#include "src/base/clock.h"
#include "src/base/name.h"
#include "src/base/watch.h"

/* The process at the other end of a walsender. */
typedef struct RwPeer
{
	char		application_name[RW_NAME_LEN];
	char		address[RW_ADDRESS_LEN];	/* empty for a local socket */
	char		hostname[RW_NAME_LEN * 2];	/* empty if not looked up */
	int			port;			/* -1 for a local socket, 0 if not known */
	Oid			role;
	TimestampTz backend_start;
	TransactionId backend_xmin;

	/* What it last asked for, if it does not stream; 0 if that is not known. */
	XLogRecPtr	asked_lsn;
	TimeLineID	asked_tli;
	char		asked_slot[RW_NAME_LEN];
} RwPeer;

/* Core's states of a walsender, in core's order. */
typedef enum RwSenderState
{
	RW_SENDER_STARTUP,			/* connected; has sent no WAL yet */
	RW_SENDER_BACKUP,			/* sends a base backup */
	RW_SENDER_CATCHUP,			/* sends WAL and has not caught up yet */
	RW_SENDER_STREAMING,		/* has caught up once */
	RW_SENDER_STOPPING			/* the server shuts down; sends the rest */
} RwSenderState;

typedef struct RwSenderFacts
{
	int			pid;
	int			number;			/* place in the server's array */
	RwSenderState state;
	XLogRecPtr	sent;			/* each InvalidXLogRecPtr if not known */
	XLogRecPtr	write;
	XLogRecPtr	flush;
	XLogRecPtr	replay;
	TimeOffset	write_lag;		/* core's measure in microseconds, or -1 */
	TimeOffset	flush_lag;
	TimeOffset	replay_lag;
	int			sync_priority;
	const char *sync_state;		/* as in pg_stat_replication */
	TimestampTz reply_time;		/* the replica's clock; 0 if none yet */
	RwPeer		peer;
	int			slot;			/* index of the slot in use, or -1 */
	int32		xmin_age;		/* of the feedback of a standby without a slot;
								 * -1 if it holds nothing back */
	bool		replica;		/* something that replays or applies: neither
								 * a base backup nor pg_receivewal */
	bool		receiver;		/* something that keeps the WAL, such as
								 * pg_receivewal: neither of these */
	char		name[RW_NAME_LEN];	/* slot's, else application's */
	bool		parted;			/* the replica's WAL is not this server's; set
								 * by rw_find_parted() only */
	bool		waits_for_standby;	/* sends nothing until the slots of
									 * synchronized_standby_slots have got
									 * further */
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
	bool		failover;		/* its consumer waits for the slots in
								 * synchronized_standby_slots */
	bool		table_sync;		/* of core's own, for the initial copy of a
								 * table by a subscription, which drops it
								 * after that */
	Oid			database;
	int			active_pid;
	XLogRecPtr	restart_lsn;
	XLogRecPtr	confirmed_flush;
	int32		xmin_age;		/* of the older of both xmins; -1 if none */
	bool		catalog_only;	/* that is catalog_xmin */
	RwWalStatus wal_status;
	bool		limited;		/* safe_wal_size is known */
	int64		safe_wal_size;
	TimestampTz inactive_since; /* core's; 0 if it does not say */
	const char *invalidation;	/* NULL if intact */
	const char *sync_skipped;	/* why slot synchronization did not bring it
								 * up to date the last time; NULL: it did, or
								 * core does not say */
	int			sender;			/* index of the walsender using it, or -1 */
	bool		counted;		/* `decoded` is known, see
								 * rw_observe_decoded */
	uint64		decoded;
} RwSlotFacts;

/*
 * Is this slot invalidated?  16 and 17 let a standby stream through such a
 * physical slot, and then show it as unreserved; it retains nothing all the
 * same.
 */
static inline bool
rw_slot_is_lost(const RwSlotFacts *slot)
{
	return slot->invalidation != NULL || slot->wal_status == RW_WAL_LOST;
}

/* The oldest transaction of this server that is open and has an ID. */
typedef struct RwOldestTransaction
{
	bool		found;
	int			pid;			/* 0: it is prepared */
	TimestampTz begun;			/* 0 if not known */
} RwOldestTransaction;

typedef enum RwReceiverState
{
	RW_RECEIVER_STOPPED,		/* none runs */
	RW_RECEIVER_CONNECTING,		/* starting, also before it has a pid, or about
								 * to stream again */
	RW_RECEIVER_STREAMING,
	RW_RECEIVER_WAITING,		/* for a position to stream from */
	RW_RECEIVER_STOPPING
} RwReceiverState;

/* The standby's end of the link to its upstream server. */
typedef struct RwReceiverFacts
{
	int			pid;			/* 0 if none runs */
	RwReceiverState state;
	int			timeout_ms;		/* wal_receiver_timeout; 0: none */
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
	char		slot_name[RW_NAME_LEN]; /* in use now, unless temporary */
	char		application_name[RW_NAME_LEN];	/* empty if it is a default
												 * that says nothing */
	bool		has_conninfo;	/* primary_conninfo is set */
	bool		has_restore_command;
	bool		sends_feedback; /* hot_standby_feedback is on */
	bool		follows_latest; /* recovery_target_timeline is 'latest' */
	uint32		upstream;		/* a hash of the host and port of the server
								 * that it is connected to; 0: none */
} RwReceiverFacts;

#define RW_MAX_BLOCKERS		8

/* What replay waits for, as far as it can be seen. */
typedef enum RwReplayWait
{
	RW_REPLAY_WAIT_NONE,
	RW_REPLAY_WAIT_PAUSED,
	RW_REPLAY_WAIT_DELAY,		/* recovery_min_apply_delay */
	RW_REPLAY_WAIT_SNAPSHOT,	/* recovery conflict with a snapshot */
	RW_REPLAY_WAIT_LOCK,		/* recovery conflict with a lock */
	RW_REPLAY_WAIT_PIN,			/* recovery conflict with a buffer pin */
	RW_REPLAY_WAIT_TABLESPACE,	/* sessions that may use a dropped tablespace */
	RW_REPLAY_WAIT_DATABASE,	/* sessions in a dropped database */
	RW_REPLAY_WAIT_OTHER		/* another recovery conflict */
} RwReplayWait;

typedef enum RwPauseState
{
	RW_PAUSE_NONE,
	RW_PAUSE_REQUESTED,			/* replay stops before the next record */
	RW_PAUSE_PAUSED
} RwPauseState;

/* A command that the startup process has started, and waits for. */
typedef enum RwRecoveryCommand
{
	RW_COMMAND_NONE,
	RW_COMMAND_RESTORE,			/* restore_command */
	RW_COMMAND_END				/* recovery_end_command */
} RwRecoveryCommand;

/* Why replay is paused, which decides what resuming does. */
typedef enum RwPauseCause
{
	RW_PAUSE_BY_HAND,			/* resuming goes on with replay */
	RW_PAUSE_AT_TARGET,			/* of recovery; resuming promotes */
	RW_PAUSE_FOR_SETTING		/* one is lower than on the primary; resuming
								 * stops the server */
} RwPauseCause;

/*
 * The settings that must not be lower on a standby than they were on its
 * primary, in the order in which the server checks them.
 */
#define RW_NUM_STANDBY_SETTINGS 5

/* One of them that is too low. */
typedef struct RwLowSetting
{
	const char *name;
	int			here;
	int			needed;
} RwLowSetting;

#define RW_QUERY_LEN		128

typedef struct RwRecoveryFacts
{
	XLogRecPtr	replay;
	TimeLineID	replay_tli;
	XLogRecPtr	begun;			/* end of the record that is being replayed,
								 * or of the last one */
	RwPauseState pause_state;
	RwPauseCause pause_cause;	/* while paused */
	int			nlow;			/* if paused for settings; 0 if they are not
								 * known */
	RwLowSetting low[RW_NUM_STANDBY_SETTINGS];
	int			apply_delay_ms; /* recovery_min_apply_delay */
	TimestampTz latest_commit_time; /* of the last replayed commit, the
									 * primary's clock; 0 if none */
	RwReplayWait hold;			/* see rw_observe_hold */
	bool		waits_for_wal;	/* likewise, and see
								 * rw_observe_recovery_processes */
	bool		waits_for_delay;	/* for recovery_min_apply_delay: see
									 * rw_observe_recovery_processes */
	RwRecoveryCommand command;	/* likewise */
	int			command_pid;	/* likewise: its process; 0 if not known */
	bool		cleanup_runs;	/* likewise: archive_cleanup_command */
	int			nblockers;		/* 0 if they can't be known */
	int			blockers[RW_MAX_BLOCKERS];
	bool		blockers_likely;	/* guessed, not known */
	TimestampTz query_start;	/* of the first of them; 0 if not known */
	char		query[RW_QUERY_LEN];	/* its text, current or last, one line
										 * of UTF-8; empty if not known */
	bool		partial;		/* only a part of the next record is here; see
								 * rw_observe_next_record in wal_file.h */
} RwRecoveryFacts;

typedef struct RwSyncFacts
{
	int			wanted;			/* synchronous standbys that commits need */
	bool		quorum;			/* any of those listed, not the first */
	int			connected;		/* streaming now, of those listed */
	int			waiting;		/* commits waiting now */
} RwSyncFacts;

/*
 * What is wrong with a slot of synchronized_standby_slots; core's order of
 * looking, in which the first that applies counts.
 */
typedef enum RwStandbySlotFault
{
	RW_STANDBY_SLOT_FINE,
	RW_STANDBY_SLOT_ABSENT,		/* there is no such slot */
	RW_STANDBY_SLOT_LOGICAL,
	RW_STANDBY_SLOT_INVALID,	/* invalidated */
	RW_STANDBY_SLOT_UNUSED,
	RW_STANDBY_SLOT_BEHIND		/* in use, and lacks WAL */
} RwStandbySlotFault;

/* The slot of synchronized_standby_slots that holds logical walsenders back. */
typedef struct RwStandbySlotFacts
{
	RwStandbySlotFault fault;	/* FINE: none does */
	char		name[RW_NAME_LEN];	/* as it is listed */
	XLogRecPtr	restart_lsn;	/* of one that is BEHIND */
} RwStandbySlotFacts;

#define RW_ENDED_MESSAGE_LEN 128

/* A replication connection that has ended, or was refused. */
typedef struct RwEndedFacts
{
	bool		receiver;		/* this standby's own, to its upstream; else a
								 * walsender's */
	int			pid;
	bool		connected;		/* of a receiver: its upstream had accepted
								 * the connection, or answered why not */
	uint32		upstream;		/* which one that was, as in RwReceiverFacts; 0:
								 * not known */
	bool		backup;			/* it sent a base backup */
	char		application_name[RW_NAME_LEN];
	char		slot[RW_NAME_LEN];	/* used or asked for; empty: none */
	char		address[RW_ADDRESS_LEN];	/* of a walsender's client, as in
											 * RwPeer */
	XLogRecPtr	start_lsn;		/* of a START_REPLICATION that failed; or 0 */
	TimeLineID	start_tli;		/* or 0 if it named none */
	XLogRecPtr	sent;			/* of the walsender, at the end */
	XLogRecPtr	write;
	XLogRecPtr	flush;
	XLogRecPtr	replay;
	TimeLineID	tli;			/* of a receiver that ends, what it received
								 * last, as in RwReceiverFacts; no message if
								 * both times are the same */
	TimestampTz send_time;
	TimestampTz receipt_time;
	RwTime		received_at;	/* receipt_time, on our clock */
	XLogRecPtr	latest_end;
	int			nlsns;			/* how many LSNs were in a receiver's message,
								 * and the first two of them */
	XLogRecPtr	lsns[2];
	char		message[RW_ENDED_MESSAGE_LEN];	/* its last error, one line of
												 * UTF-8; empty: none */
} RwEndedFacts;

typedef struct RwFacts
{
	RwTime		now;
	TimestampTz wall;			/* the same moment on the wall clock */
	bool		in_recovery;
	bool		crash_recovery; /* the role is not decided yet: this may end
								 * as a primary or go on as a standby */
	XLogRecPtr	horizon;		/* newest WAL that this server can send */
	XLogRecPtr	complete;		/* end of the WAL of which whole records are
								 * known, towards which lag is measured; the
								 * horizon unless rw_complete_wal() knows
								 * better */
	TimeLineID	tli;			/* of the horizon */
	int			sender_timeout_ms;	/* wal_sender_timeout; 0: none */
	uint64		segment_size;	/* of WAL files */
	TransactionId next_xid;
	int			nsenders;
	RwSenderFacts *senders;
	int			nslots;
	RwSlotFacts *slots;			/* but for those that the server keeps for
								 * itself: they are nobody's */
	RwStandbySlotFacts standby_slot;	/* only on a primary */
	int			idle_slot_timeout_s;	/* idle_replication_slot_timeout; 0:
										 * none */
	bool		syncs_slots;	/* sync_replication_slots */
	RwOldestTransaction oldest; /* see rw_observe_oldest_transaction */
	XLogRecPtr	left_at;		/* a standby: where a newer timeline, whose
								 * history file is here, parts from the one
								 * that is replayed; 0: none does.  Only the
								 * worker fills it in */
	RwReceiverFacts receiver;	/* only in recovery */
	RwRecoveryFacts recovery;	/* only in recovery */
	int			nended;			/* see rw_observe_ended */
	RwEndedFacts *ended;
	RwWatch		watch;			/* of the rounds, this one included.  Only the
								 * worker fills it in */
} RwFacts;

/*
 * Fill *facts.  Arrays are allocated in the current memory context.  Raises
 * 55000 if the server's arrays are not as expected (base/layout.h).  With
 * `remember`, this process looks up each peer once and keeps it for ten
 * seconds: for processes that observe several times a second.
 */
extern void rw_observe(RwFacts *facts, bool remember);

/*
 * The walsenders alone, and the slots that they use, for a process that often
 * checks how far replicas have got.  Of these, sync_state, xmin_age,
 * wal_status, limited and safe_wal_size are not filled in, and of the rest
 * only in_recovery, segment_size and `now` are.
 * Remembers peers as rw_observe() does with `remember`.  The caller has called
 * rw_layout_require(), also for rw_glance_at_sender().
 */
extern void rw_observe_senders(RwFacts *facts);

/* The positions of one walsender that streams. */
typedef struct RwGlance
{
	int			pid;
	bool		physical;		/* as far as the server's release says */
	XLogRecPtr	sent;			/* the others as in RwSenderFacts */
	XLogRecPtr	write;
	XLogRecPtr	flush;
	XLogRecPtr	replay;
} RwGlance;

/*
 * A glance at one place in core's array of walsenders, of max_wal_senders;
 * false if none streams there.  Allocates nothing and raises nothing.
 */
extern bool rw_glance_at_sender(int place, RwGlance *glance);

/* Synchronous replication as this server is configured now. */
extern void rw_observe_sync(RwSyncFacts *sync);

/*
 * Fill facts->recovery's hold, waits_for_wal and blockers, which rw_observe()
 * leaves empty.  `begun_at` is when that record was first seen to be replayed,
 * RW_NEVER if that is not known: what began later does not block it.
 * This may read the state of all backends and locks: call it when replay is
 * behind.  Only for a server in recovery.
 */
extern void rw_observe_hold(RwFacts *facts, RwTime begun_at);

/*
 * Fill `counted` and `decoded` of the logical slots that walsenders use, which
 * rw_observe() leaves empty: a number that changes whenever a transaction was
 * decoded for the slot's consumer.  For the sampler alone.
 */
extern void rw_observe_decoded(RwFacts *facts);

/*
 * Fill facts->oldest, which rw_observe() leaves empty.  This may read the
 * state of all backends.  On a standby it stays empty: the processes are the
 * primary's.
 */
extern void rw_observe_oldest_transaction(RwFacts *facts);

/*
 * Fill facts->recovery's waits_for_wal, waits_for_delay, command and
 * cleanup_runs, which rw_observe() leaves empty, from what the startup process
 * and the checkpointer wait for: for the sampler alone.  Only for a server in
 * recovery.
 */
extern void rw_observe_recovery_processes(RwFacts *facts);

/*
 * Fill facts->recovery.command_pid, if a command runs.  This reads a file of
 * the operating system's, and finds nothing where there is none such.
 */
extern void rw_observe_command_pid(RwFacts *facts);

/*
 * Fill facts->ended, which rw_observe() leaves empty, with the replication
 * connections that have ended since the last call in any process, oldest
 * first: for the sampler alone.  Allocated in the current memory context.
 */
extern void rw_observe_ended(RwFacts *facts);

/*
 * Write the name under which this server's upstream knows it, or would if this
 * server followed one, to RW_NAME_LEN bytes.
 */
extern void rw_own_name(char *name);

/*
 * Write the application_name of this server's WAL receiver to RW_NAME_LEN bytes,
 * and the address that primary_conninfo gives for the host that it is connected
 * to, or nothing, to RW_ADDRESS_LEN.  Allocates nothing and raises nothing.
 */
extern void rw_own_application_name(char *name);
extern void rw_upstream_hostaddr(const char *host, char *hostaddr);

/*
 * May the upstream server's WAL end before what has been replayed here?  So it
 * may until the first message on a connection shows that it does not.  Only in
 * recovery.  On a connection that catches up that can be so for a moment.
 */
extern bool rw_upstream_may_be_behind(void);

/* The horizon alone, and its timeline: for lookups in the history. */
extern XLogRecPtr rw_horizon(TimeLineID *tli);

/* The words for states that users see (observe_words.c, a pure file). */

/* NULL in crash recovery, because the role is not decided then. */
extern const char *rw_role_name(const RwFacts *facts);

extern const char *rw_replay_state_name(const RwFacts *facts);

/* NULL if no receiver runs. */
extern const char *rw_receiver_state_name(const RwReceiverFacts *receiver);

/* NULL if the slot reserves nothing yet. */
extern const char *rw_wal_status_name(const RwSlotFacts *slot);

#endif							/* RW_OBSERVE_H */
