/*-------------------------------------------------------------------------
 *
 * shared.h
 *	  What the sampling worker publishes, in shared memory.
 *
 * The worker writes, everybody else copies.  Four locks guard all of it:
 *
 *	history_lock	the LSN history, and nothing else
 *	state_lock		everything else here
 *	waiters_lock	who waits for an LSN (waiters.h)
 *	command_lock	what alert_command is still to be run for (command.h)
 *
 * A lock is held to look up, to copy in or to copy out: never while memory
 * is allocated, a message is written or a function of the server is called
 * that could wait.  Whoever needs both takes state_lock first.  The atomics
 * are read and written without a lock.
 *
 * Everything here is plain data.  It begins empty at every start of the
 * server, also at the restart after a crash, and the worker then brings back
 * what the two files hold (store.h).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SHARED_H
#define RW_SHARED_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/lwlock.h"

#include "src/alert/alert_state.h"
#include "src/base/clock.h"
#include "src/base/rates.h"
#include "src/history/chart.h"
#include "src/history/lsntime.h"
#include "src/lag/standby_state.h"
#include "src/replica/replicas.h"

#define RW_ALERT_VALUE_LEN	32
#define RW_ALERT_DETAIL_LEN	384

/* Cleared alerts that are remembered, and subjects that can be silenced. */
#define RW_CLEARED_ALERTS	64
#define RW_MAX_SILENCES		64

/* What the worker knows of the link to the upstream server. */
typedef struct RwUpstream
{
	int			receiver_pid;	/* whose messages these are; 0 without */
	TimestampTz send_time;		/* of the last message, the sender's clock */
	TimestampTz receipt_time;	/* of the last message, our wall clock */
	uint64		latest_end;		/* the sender's end of WAL, as last told */
	RwTime		message_at;		/* when the last real message came; kept when
								 * the receiver goes, RW_NEVER if none ever */
	uint64		written;		/* by the receiver, at the last message */
	int32		quick_messages; /* messages without WAL that came within two
								 * seconds of another; -1 before the
								 * connection's first */
	bool		tended;			/* the upstream server sends a keepalive each
								 * second */

	/*
	 * WAL that it told of may not be here yet.  `reported` is the greatest end on
	 * its timeline; the target is where that was some time ago.
	 */
	uint32		reported_tli;
	TimestampTz reported_since;		/* only messages received after it count */
	uint64		reported;
	uint64		catchup_target;
	RwTime		catchup_target_at;
	RwTime		complete_at;	/* all that was told by then is here; RW_NEVER
								 * if not known */

	RwTime		replay_moved_at;
	uint64		replay;			/* as of the last sample */
	RwRate		replay_rate;

	RwTime		down_since;		/* nothing has come; RW_NEVER while it does */
	RwTime		streaming_since;	/* RW_NEVER while not connected */
	bool		streamed;		/* since the worker started */
	bool		settled;		/* has streamed for known_after, once */
	RwTime		paused_since;	/* RW_NEVER while replay is not paused */
} RwUpstream;

/* What the worker remembers of a replication slot beyond what core does. */
typedef struct RwSlotNote
{
	char		name[RW_NAME_LEN];	/* empty: no such slot */
	RwTime		inactive_since; /* RW_NEVER while it is used */
	RwTime		lost_at;		/* RW_NEVER while it is not */
	uint64		retained;		/* bytes it kept when last seen intact */
	uint64		restart_lsn;	/* as last seen intact */
	uint64		confirmed_flush;
	RwTime		moved_at;		/* when one of these last changed */
	bool		used_here;		/* by a walsender since the server started */
	bool		for_backup;		/* last used by pg_basebackup */
} RwSlotNote;

/* An alert that fires, or did: what is told of it, and what goes on from it. */
typedef struct RwAlert
{
	bool		used;
	bool		forgotten;		/* about to be cleared by the worker */
	RwAlertKind alert;
	char		subject[RW_NAME_LEN];
	RwSeverity	severity;		/* of a cleared one: its last */
	RwAlertState rule;
	uint64		progress;			/* RwFinding's, when it was raised */

	/* On the wall clock, as the log has them: the same at each look. */
	TimestampTz raised_at;
	TimestampTz changed_at;
	TimestampTz cleared_at;		/* 0 while it fires */
	char		value[RW_ALERT_VALUE_LEN];
	char		threshold[RW_ALERT_VALUE_LEN];
	char		detail[RW_ALERT_DETAIL_LEN];
} RwAlert;

/* Whose alerts are kept from log and command, and until when. */
typedef struct RwSilence
{
	char		name[RW_NAME_LEN];
	TimestampTz until;
} RwSilence;

typedef struct RwAlerts
{
	RwTime		judged_at;		/* by this server's worker; RW_NEVER before */
	uint32		requests;		/* rises with each forget or silence */
	int			nsilences;
	RwSilence	silences[RW_MAX_SILENCES];
	int			newest_cleared; /* place in the ring; -1: none yet */
	RwAlert		cleared[RW_CLEARED_ALERTS];
	int			nfiring;		/* places up to the last that is used */
	RwAlert		firing[FLEXIBLE_ARRAY_MEMBER];	/* [rw_alerts_max] */
} RwAlerts;

/*
 * What the worker says to health checks, which wait for nothing.  Odd while it
 * is being written.
 */
typedef struct RwStandbyStatePage
{
	pg_atomic_uint32 changes;
	RwStandbyState	standing;
} RwStandbyStatePage;

typedef struct RwShared
{
	LWLock	   *history_lock;
	LWLock	   *state_lock;
	LWLock	   *waiters_lock;
	LWLock	   *command_lock;

	/* Without a lock */
	pg_atomic_uint32 worker_pid;	/* 0: none runs */
	pg_atomic_uint64 worker_wanted_at;	/* RwTime: since when none runs */
	pg_atomic_flag no_worker_reported;	/* that none can be started is logged */
	pg_atomic_uint32 port_pid;	/* the port's process; 0: none runs */
	pg_atomic_uint64 port_wanted_at;	/* RwTime: since when none runs, or
										 * one was asked for */
	pg_atomic_flag no_port_reported;	/* as above, of the port */
	pg_atomic_uint32 port_listens;	/* RwPortListens (port.h) */
	RwStandbyStatePage standby_state_page;

	/* Under state_lock */
	RwTime		last_sample;	/* RW_NEVER until the first */
	bool		state_loaded;	/* what the state file held is here */
	RwRate		wal_rate;		/* of the horizon */
	RwUpstream	upstream;
	RwChart		upstream_chart;
	char		upstream_name[RW_NAME_LEN];

	/* Under history_lock */
	uint32		history_tli;	/* timeline of the newest point */
	RwHistory	history;
} RwShared;

/* One chart for each place in the table of replicas. */
typedef struct RwPlaceChart
{
	uint32		generation;		/* of the replica that it is about */
	RwChart		chart;
} RwPlaceChart;

/*
 * Attached to in every process of a server that preloads the library; NULL
 * otherwise.
 */
extern RwShared *rw_shared;
extern RwReplica *rw_replicas;	/* [rw_max_replicas], under state_lock */
extern RwPlaceChart *rw_charts; /* [rw_max_replicas], under state_lock */
extern RwSlotNote *rw_slot_notes;	/* [RW_MAX_SLOTS], under state_lock */
extern RwAlerts *rw_alerts;		/* under state_lock */
extern int	rw_alerts_max;		/* places for alerts that fire */

/* Ask for the memory at server start; called once from _PG_init. */
extern void rw_shared_init(void);

/* Raise the error for a function that needs what the worker keeps. */
extern void rw_require_preload(void);

#endif							/* RW_SHARED_H */
