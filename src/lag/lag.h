/*-------------------------------------------------------------------------
 *
 * lag.h
 *	  From facts and history to one row for each replication link.
 *
 * Rows are worked out here once, and shown by SQL, by the port and judged by
 * the alerts, so that all of them agree.  Figures are plain numbers, -1 for
 * "unknown" unless said otherwise; times are RwTime, durations microseconds,
 * LSNs InvalidXLogRecPtr if not known.
 *
 * The time lag of a replica is how stale a read on it can be: now minus the
 * moment at which the first byte of WAL that it has not replayed became known
 * on this server.
 *
 * This header needs no server, so that files which work on rows can be pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAG_H
#define RW_LAG_H

#include "src/base/link.h"
#include "src/lag/upstream.h"
#include "src/observe/observe.h"
#include "src/replica/replica.h"
#include "src/replica/slot_notes.h"
#include "src/tree/tree.h"

typedef struct RwLink
{
	char		name[RW_NAME_LEN];
	bool		upstream;
	bool		logical;
	RwLinkState state;
	RwReason	reason;
	char		reason_text[RW_REASON_LEN]; /* empty for RW_REASON_NONE */
	bool		own_reason;		/* the replica itself has said so */
	RwTime		reported_at;	/* when the replica last reported over the
								 * line; RW_NEVER: it does not, or the reasons
								 * have not been looked for */
	int64		lag_bytes;
	int64		lag;
	RwBound		bound;			/* of lag, if that is known */
	RwTime		missing_since;	/* the first missing byte was not here yet then;
								 * RW_NEVER: none is missing, or not known */
	int64		catchup;
	RwTime		last_seen;		/* RW_NEVER if not known */
	RwHealth	health;
	int64		retained_bytes;
	int64		slot_time_left;
	int64		slot_idle_left; /* until idle_replication_slot_timeout ends
								 * it; slot_time_left is never longer */
	RwTime		restart_passed; /* when the WAL after the restart_lsn of a
								 * connected logical consumer appeared;
								 * RW_NEVER if not known */
	TimestampTz inactive_since; /* 0 if used or not known */
	XLogRecPtr	position;		/* how far the replica has the WAL, as far as
								 * is known */
	XLogRecPtr	sent;			/* the last known, also of a gone replica */
	XLogRecPtr	write;
	XLogRecPtr	flush;
	XLogRecPtr	replay;

	bool		past_sent;		/* it has replayed WAL that it was not sent */

	/* What the row was made of; each may be NULL. */
	const RwSenderFacts *sender;
	const RwSlotFacts *slot;
	const RwReplica *replica;
} RwLink;

/*
 * A copy of what the worker publishes, as of one moment, with the settings
 * that rows depend on.
 */
typedef struct RwPublished
{
	RwTime		last_sample;	/* RW_NEVER: no worker has sampled yet */
	RwWatch		watch;			/* of the worker's rounds */
	RwTime		history_start;	/* RW_NEVER: there is no history yet */
	double		wal_rate;		/* bytes a second; negative: not known */
	RwUpstream	upstream;
	int			max_replicas;	/* places up to the last one in use */
	RwReplica  *replicas;		/* [max_replicas] */
	int			max_slots;
	RwSlotNote *slot_notes;		/* [max_slots], as the server's own array */
	bool		tends_walsenders;	/* replwatch.tend_walsenders */

	/* What other servers have reported; see rw_published_told(). */
	RwServerId	own_id;
	int			ntold;
	const RwServer *told;		/* NULL: not copied */
} RwPublished;

typedef struct RwLinks
{
	RwPublished *published;		/* NULL where the library is not preloaded */
	int			nlinks;
	RwLink	   *links;			/* the upstream row, if any, is the first */
	bool		explained;		/* rw_explain() has been called */
} RwLinks;

/*
 * Make the rows of all links, with positions and lags; with `explain`, also
 * what rw_explain() adds.  Allocates in the current memory context.  Health
 * stays unknown (see src/alert/health.h), and the rows are not sorted.  Takes
 * state_lock and history_lock, one after the other.
 */
extern void rw_links(RwFacts *facts, RwLinks *links, bool explain);

/*
 * Add the reasons and forecasts to the rows.  This calls rw_observe_hold() if
 * replay is behind.  Where a replica itself says why it is behind, and that is
 * more than can be seen of it here, its reason stands in its row; nothing else
 * of the row follows from what it says, but for reported_at.
 */
extern void rw_explain(RwFacts *facts, RwLinks *links);

/*
 * Sort links into the order of replwatch_status(): the upstream row first,
 * then by health, the worst first, then by name.  Allocates in the current
 * memory context.
 */
extern void rw_sort_links(RwLinks *links);

/*
 * The note on a slot, or NULL if there is none, or its place in the server's
 * array had another slot when the worker last looked.
 */
extern const RwSlotNote *rw_find_slot_note(const RwPublished *published,
										   const RwSlotFacts *slot);

/*
 * Copy what is published, allocated in the current memory context.  NULL where
 * the library is not preloaded.  The two tables are valid until this process
 * calls it again.
 */
extern RwPublished *rw_published(const RwFacts *facts);

/*
 * Add what other servers have reported over the line, unless it is there.  It
 * can be much, so this is called only where it is needed.  Takes no lock.
 * Valid until this process calls it for another copy.
 */
extern void rw_published_told(RwPublished *published);

/*
 * The worker's last sample, and what followed from it, counts up to this age
 * in microseconds.
 */
extern int64 rw_sample_lifetime(void);

/*
 * Add the query of the session that blocks replay, and when it began, to the
 * reason of the upstream row: for those who may see it.
 */
extern void rw_add_query_to_reason(RwLink *link, const RwFacts *facts);

/* When the last real message of the upstream server came, or RW_NEVER. */
extern RwTime rw_last_message(const RwFacts *facts,
							  const RwPublished *published);

/*
 * Is there nobody to report whether there is WAL beyond what this standby has?
 * `link` is its upstream row.
 */
extern bool rw_upstream_is_cut_off(const RwLink *link, const RwFacts *facts,
								   const RwPublished *published);

/*
 * Is this the link of a replica, and not only of a connection that belongs to
 * none?
 */
static inline bool
rw_is_replicas_link(const RwLink *link)
{
	return link->replica &&
		(link->replica->known || link->replica->expected ||
		 link->replica->belongs);
}

/*
 * The key by which a replica is one of this server's in the tree
 * (tree/tree.h): never 0, and the same as long as it keeps its place in the
 * table.
 */
static inline uint64
rw_replica_key(const RwPublished *published, const RwReplica *replica)
{
	return (uint64) replica->generation << 16 |
		(replica - published->replicas + 1);
}

/*
 * How long a replica has not been seen here; for ever if it never was.  -1: it
 * is connected.
 */
static inline int64
rw_gone_for(const RwLink *link, RwTime now)
{
	return link->sender ? -1 : now - link->last_seen;
}

/* Is this the row of a slot that no replica is known to use? */
static inline bool
rw_is_slot_alone(const RwLink *link)
{
	return link->slot && link->sender == NULL && link->replica == NULL;
}

/* Does the replica of a downstream link have WAL that is not this server's? */
static inline bool
rw_has_parted(const RwLink *link)
{
	return link->replica && link->replica->parted != RW_NOT_PARTED;
}

/* The age of the last reply of a connected replica; -1 if not known. */
extern int64 rw_reply_age(const RwLink *link, const RwFacts *facts);

/* The wall-clock time of a moment; 0 for RW_NEVER. */
extern TimestampTz rw_wall_time(const RwFacts *facts, RwTime at);

#endif							/* RW_LAG_H */
