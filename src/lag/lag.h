/*-------------------------------------------------------------------------
 *
 * lag.h
 *	  From facts and history to one row for each replication link.
 *
 * Rows are worked out here once and shown elsewhere: by SQL, and by whatever
 * else tells of the state of replication, so that all of them say the same.
 * Figures are plain numbers with a value for "unknown", which is -1 unless
 * said otherwise; times are RwTime, durations microseconds.
 *
 * The time lag of a replica is how stale a read on it can be: now minus the
 * moment at which the first byte of WAL that it has not replayed became known
 * on this server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAG_H
#define RW_LAG_H

#include "src/lag/lag_shared.h"
#include "src/observe/observe.h"
#include "src/replica/replica_shared.h"

/* States of a link; a chart keeps them in four bits. */
typedef enum RwLinkState
{
	RW_STATE_STARTUP,			/* downstream: core's five */
	RW_STATE_CATCHUP,
	RW_STATE_STREAMING,			/* and upstream */
	RW_STATE_BACKUP,
	RW_STATE_STOPPING,
	RW_STATE_INACTIVE,			/* downstream: a slot, nobody connected */
	RW_STATE_MISSING,			/* downstream: known, gone, no slot */
	RW_STATE_LOST,				/* downstream: its slot was invalidated */
	RW_STATE_CONNECTING,		/* upstream: a receiver on its way */
	RW_STATE_WAITING,			/* upstream: a receiver without orders */
	RW_STATE_ARCHIVE,			/* upstream: no receiver, restore_command */
	RW_STATE_DISCONNECTED		/* upstream: no receiver */
} RwLinkState;

typedef enum RwReason
{
	RW_REASON_NONE,				/* not behind */
	RW_REASON_NOT_PRELOADED,
	RW_REASON_SILENT,			/* downstream */
	RW_REASON_SENDER_BEHIND,
	RW_REASON_FLUSH_BEHIND,
	RW_REASON_REPLAY_STUCK,
	RW_REASON_GONE,
	RW_REASON_SLOT_LOST,
	RW_REASON_SHARED_NAME,
	RW_REASON_REPLAY_BEHIND,	/* downstream and upstream */
	RW_REASON_PAUSED,			/* upstream */
	RW_REASON_APPLY_DELAY,
	RW_REASON_CONFLICT,
	RW_REASON_RECEIVER_DOWN,
	RW_REASON_UPSTREAM_SILENT,
	RW_REASON_FROM_ARCHIVE
} RwReason;

/* What a time lag is a bound of. */
typedef enum RwBound
{
	RW_BOUND_EXACT,
	RW_BOUND_AT_LEAST,			/* older than the history */
	RW_BOUND_AT_MOST			/* out of reach: nothing staler than this */
} RwBound;

/* In the order in which they are shown: the worst last. */
typedef enum RwHealth
{
	RW_HEALTH_OK,
	RW_HEALTH_UNKNOWN,			/* not judged lately */
	RW_HEALTH_WARNING,
	RW_HEALTH_CRITICAL
} RwHealth;

#define RW_REASON_LEN		256

typedef struct RwLink
{
	char		name[RW_NAME_LEN];
	bool		upstream;
	bool		logical;
	RwLinkState state;
	RwReason	reason;
	char		reason_text[RW_REASON_LEN];
	int64		lag_bytes;
	int64		lag;
	RwBound		bound;			/* of lag, if that is known */
	int64		catchup;
	RwTime		last_seen;		/* RW_NEVER if not known */
	RwHealth	health;
	int64		retained_bytes;
	int64		slot_time_left;
	TimestampTz inactive_since; /* 0 if used or not known */
	XLogRecPtr	position;		/* up to where it has taken the WAL, as far as
								 * is known, or InvalidXLogRecPtr */
	XLogRecPtr	sent;			/* last known, also of one that is gone */
	XLogRecPtr	write;
	XLogRecPtr	flush;
	XLogRecPtr	replay;

	/* Where it comes from; NULL where there is none. */
	const RwSenderFacts *sender;
	const RwSlotFacts *slot;
	const RwReplica *replica;
} RwLink;

/* A copy of what the worker publishes, as of one moment. */
typedef struct RwPublished
{
	RwTime		last_sample;	/* RW_NEVER: no worker has sampled yet */
	RwTime		history_start;	/* RW_NEVER: there is no history yet */
	double		wal_rate;		/* bytes a second; negative: not known */
	RwUpstream	upstream;
	RwReplica  *replicas;		/* [rw_max_replicas] */
	RwSlotNote *slot_notes;		/* [RW_MAX_SLOTS] */
} RwPublished;

typedef struct RwLinks
{
	RwPublished *published;		/* NULL where the library is not preloaded */
	int			nlinks;
	RwLink	   *links;			/* the upstream row, if any, is the first */
} RwLinks;

/*
 * Work out all links.  Allocates in the current memory context.  With
 * `explain`, reasons and forecasts too; that may look closer at what holds
 * replay back, and fills in that part of *facts.  Health stays unknown (see
 * src/alert/health.h), and the rows are not sorted.
 */
extern void rw_links(RwFacts *facts, RwLinks *links, bool explain);

/*
 * Sort links into the order of replwatch_status(): the upstream row first, then
 * by health, the worst first, then by name.
 */
extern void rw_sort_links(RwLinks *links);

/*
 * Copy what is published; NULL where the library is not preloaded.  The tables
 * are good until the next call.
 */
extern RwPublished *rw_published(const RwFacts *facts);

/* How old the worker's last sample may be to count, in microseconds. */
extern int64 rw_sample_lifetime(void);

/* When the last real message of the upstream server came, or RW_NEVER. */
extern RwTime rw_last_message(const RwFacts *facts,
							  const RwPublished *published);

/* Did a message come from the upstream server, or only a new receiver? */
extern bool rw_message_is_real(const RwReceiverFacts *receiver,
							   const RwUpstream *upstream);

/*
 * Does nobody tell a standby any more whether there is WAL beyond what it has?
 * `link` is the one upstream.
 */
extern bool rw_upstream_is_cut_off(const RwLink *link, const RwFacts *facts,
								   const RwPublished *published);

/* The words that users see. */
extern const char *rw_link_state_name(RwLinkState state);
extern const char *rw_reason_name(RwReason reason); /* NULL for none */
extern const char *rw_bound_name(RwBound bound);
extern const char *rw_health_name(RwHealth health);

/* The wall-clock time of a moment; 0 for RW_NEVER. */
extern TimestampTz rw_wall_time(const RwFacts *facts, RwTime at);

#endif							/* RW_LAG_H */
