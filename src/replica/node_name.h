/*-------------------------------------------------------------------------
 *
 * node_name.h
 *	  What this server is called.
 *
 * A server's name is replwatch.node_name.  Where that is empty, it goes by
 * every name by which it has been known upstream (own_names.h), by those that
 * its configuration would have it known by, and by cluster_name.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_NODE_NAME_H
#define RW_NODE_NAME_H

#include "src/observe/observe.h"
#include "src/replica/own_names.h"

/* The most names that rw_all_node_names() writes. */
#define RW_MAX_NODE_NAMES	(RW_MAX_OWN_NAMES + 2)

/* Is replwatch.node_name set? */
extern bool rw_node_is_named(void);

/*
 * The name that is shown: replwatch.node_name, else that of a standby upstream,
 * which the caller knows, and on a primary cluster_name.
 */
extern const char *rw_node_name(bool in_recovery, const char *upstream_name);

/*
 * The name that tells this server from others, for those who read it elsewhere:
 * replwatch.node_name, else the name by which it is or was last known upstream,
 * else cluster_name; empty if it has none.  Takes state_lock.
 */
extern void rw_node_name_elsewhere(const RwFacts *facts, char *name);

/*
 * Write all names that this server goes by to `names`, which has room for
 * RW_MAX_NODE_NAMES; returns how many.  Takes state_lock.
 */
extern int	rw_all_node_names(char (*names)[RW_NAME_LEN]);

/*
 * Remember the names by which a standby that streams is known upstream.  The
 * caller holds state_lock exclusively.
 */
extern void rw_note_own_names(const RwFacts *facts);

/* Define the setting; called by rw_replica_settings(). */
extern void rw_node_name_setting(void);

#endif							/* RW_NODE_NAME_H */
