/*-------------------------------------------------------------------------
 *
 * tree.h
 *	  The servers of one system, as the tree in which they replicate.
 *
 * A pure file.  Each server tells of itself, and its upstream server of what
 * it sees of it.  An RwServer holds both.  A server is known by an id that is
 * drawn when it starts; names are labels.  One that does not report has no
 * id: it is known as one of the replicas of the server that sees it.
 *
 * What comes from other servers is a claim.  It can explain, locate and add
 * to staleness, and it never makes anything look healthier or fresher than
 * what this server sees itself.
 *
 * rw_tree_build() makes the tree out of what this server knows of itself and
 * of its replicas, and what it was told over the line.  Each server is in it
 * once, by its latest report.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TREE_H
#define RW_TREE_H

#include "src/base/clock.h"
#include "src/base/link.h"
#include "src/base/name.h"

/* Drawn at random; all zero: none. */
typedef struct RwServerId
{
	uint64		part[2];
} RwServerId;

static inline bool
rw_server_id_is_set(RwServerId id)
{
	return id.part[0] != 0 || id.part[1] != 0;
}

static inline bool
rw_server_id_equal(RwServerId a, RwServerId b)
{
	return a.part[0] == b.part[0] && a.part[1] == b.part[1];
}

#define RW_VERSION_LEN		16	/* of replwatch, with the final 0 */

typedef enum RwServerRole
{
	RW_ROLE_UNKNOWN,
	RW_ROLE_PRIMARY,
	RW_ROLE_STANDBY,
	RW_ROLE_CASCADE				/* a standby with replicas of its own */
} RwServerRole;

/* NULL for unknown */
extern const char *rw_server_role_name(RwServerRole role);

typedef struct RwServer
{
	RwServerId	id;				/* none: it has never reported */
	RwServerId	parent;			/* the server whose replica it is, as that
								 * says; none: of this one nothing is known */
	uint64		key;			/* which of the parent's replicas it is; 0
								 * without a parent */

	/* As its parent sees it. */
	char		label[RW_NAME_LEN]; /* the name of its link */
	char		host[RW_ADDRESS_LEN];	/* empty: a local socket, or not
								 * known */
	int64		lag;			/* microseconds; -1: not known */
	int64		streaming_for;	/* microseconds; -1: it does not stream */
	int64		gone_for;		/* microseconds; -1: it is connected, or not
								 * known */
	RwTime		seen_at;		/* when the parent said so; RW_NEVER: no
								 * parent did */
	RwLinkState state;			/* of that link */

	/* As it says itself; else what its parent knows of it. */
	char		name[RW_NAME_LEN];	/* what it calls itself; may be empty */
	RwServerRole role;
	uint32		tli;			/* 0: not known */
	int			alerts;			/* that fire on it; -1: not known */
	uint64		replay;			/* on a primary written; 0: not known */
	int64		staleness;		/* microseconds when it reported; -1: it does
								 * not know */
	RwHealth	health;			/* the worse of both opinions */
	RwReason	reason;
	bool		of_primary;		/* its staleness is towards the primary that it
								 * follows, not its upstream server only */
	bool		own_reason;		/* the reason is its own */
	char		reason_text[RW_REASON_LEN];
	int			port;			/* 0: none, or not known */
	char		version[RW_VERSION_LEN];	/* empty: not known */
	RwTime		reported_at;	/* when it last reported, on this server's
								 * axis; RW_NEVER: it does not report */

	/* Set by rw_tree_build(). */
	int			depth;			/* below the uppermost server that is known */
	int			upstream;		/* index of its parent in the tree; -1: none */
} RwServer;

#define RW_TREE_MAX		256

typedef struct RwTree
{
	int			nservers;
	RwServer	servers[RW_TREE_MAX];
} RwTree;

/*
 * Make the tree in its order: a server before its replicas, and these by
 * name.
 *
 * own is this server; children its replicas as it sees them, each with its
 * key and own->id as parent.  told is what came over the line.  A server
 * there whose parent is own->id counts only with the key of one of the
 * children, and brings what that says of itself; those below it count as that
 * child's.
 *
 * Of two reports with one id the later counts; but before others' claims,
 * that of a child that is connected, unless it is silent (its connection may
 * be dead).  If two such children report with one id, both stay, and the
 * earlier report is ignored.  Of two servers with one parent and key, likewise
 * the later.
 *
 * Ids change when servers start, so of several with one name (its own, or
 * that of its link) those that are gone give way to one that has come since,
 * else to the one that was there last.  Two that are connected stay two, once
 * the former one has been seen since the latter came, give or take
 * RW_ELSEWHERE_SLACK.  Until then only one of them is shown: that of this
 * server if it is one, else the former for RW_ELSEWHERE_LASTS, and the latter
 * thereafter.
 *
 * Of what comes from others and has this server's id, only its place counts:
 * the latest parent and key, and how it is seen from there; on a primary not
 * even that.  What has no way up to a server without a parent is ignored;
 * this server then is one without a parent.  If there are more than
 * RW_TREE_MAX servers, the deepest are left out.
 *
 * own->reported_at is taken for the time.  Of more than RW_TREE_MAX children,
 * or servers told, the first are looked at.
 */
extern void rw_tree_build(RwTree *tree, const RwServer *own,
						  const RwServer *children, int nchildren,
						  const RwServer *told, int ntold);

/*
 * Does the replica `key` of the server `own`, of this name, that has been
 * gone from there for `gone_for` microseconds, stream from another server?
 * So says the server that it streams from, and not longer than
 * RW_ELSEWHERE_LASTS ago (each server on the way may be a second late).  A
 * replica whose id is known is found by that, if it was seen there after its
 * last report here.  Otherwise, and after a restart with another id, the name
 * has to do, and then it must not have streamed there for longer than it has
 * been gone here, give or take RW_ELSEWHERE_SLACK: that is another server of
 * the same name.
 */
#define RW_ELSEWHERE_SLACK	(2 * RW_SECOND)
#define RW_ELSEWHERE_LASTS	(10 * RW_SECOND)

extern bool rw_tree_streams_elsewhere(const RwServer *told, int ntold,
									  RwServerId own, uint64 key,
									  const char *name, int64 gone_for,
									  RwTime now);

/*
 * What the replica `key` of the server `own` says of itself, or NULL if it
 * has not reported.
 */
extern const RwServer *rw_tree_find_report(const RwServer *told, int ntold,
										   RwServerId own, uint64 key);

/*
 * For this long a report is fresh.  After that, what may have changed since
 * does not count: its health, its reason and its position, where its parent
 * knows one.
 */
#define RW_REPORT_FRESH		(3 * RW_SECOND)

extern bool rw_report_is_fresh(const RwServer *report, RwTime now);

/*
 * Does this reason, which a server sees for its replica, say no more than
 * that it is behind?  Then it gives way to the replica's own, if that says
 * more than that WAL is being replayed.
 */
extern bool rw_reason_gives_way(RwReason reason);
extern bool rw_reason_says_more(RwReason reason);

/*
 * How stale reads on a server are at `now`, by what it reported: the age of
 * the report is added.  A primary's is 0.  -1: not known.
 */
extern int64 rw_server_staleness(const RwServer *server, RwTime now);

/*
 * What only the parent of a server can say: forget it, so that it is as not
 * known; copy it, with whose replica it is.
 */
extern void rw_server_clear_seen(RwServer *server);
extern void rw_server_copy_seen(RwServer *to, const RwServer *from);

#endif							/* RW_TREE_H */
