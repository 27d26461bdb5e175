/*-------------------------------------------------------------------------
 *
 * show.h
 *	  What is shown: rows, their tables of columns, and the port's pages.
 *
 * SQL functions and pages fill the same structs and read them by the same
 * tables of columns (columns.h), so they show the same.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SHOW_H
#define RW_SHOW_H

#include "src/alert/alert_list.h"
#include "src/base/process.h"
#include "src/base/render.h"
#include "src/lag/lag.h"
#include "src/lag/staleness.h"
#include "src/show/columns.h"
#include "src/tree/tree_shared.h"
#include "src/wait/wait.h"

/*
 * A replication link: a row of replwatch_status().  The columns of its slot
 * are a table of their own, because their metrics have labels of their own.
 */
typedef struct RwLinkRow
{
	const RwFacts *facts;
	const RwLink *link;
} RwLinkRow;

extern const RwColumns rw_link_columns;
extern const RwColumns rw_slot_columns;

/* This server: the row of replwatch_node(). */
typedef struct RwNode
{
	RwFacts		facts;
	const RwPublished *published;	/* NULL without preload */
	RwSyncFacts sync;
	uint64		system_identifier;
	char		system_identifier_text[24];
	RwProcessState sampler;
	int			sampler_pid;	/* 0: none runs */
	RwProcessState port;
	RwProcessState runner;
	int			waiters;		/* -1 without preload */
	RwStaleness staleness;
	RwLineState line_state;
} RwNode;

extern const RwColumns rw_node_columns;
extern const RwColumns rw_upstream_columns; /* of an RwNode; a metric only */

/* The servers of this system that are known, as of one moment. */
typedef struct RwCluster
{
	RwTree	   *tree;
	RwTime		now;
	TimestampTz wall;			/* the same moment on the wall clock */
} RwCluster;

/* One of them: a row of replwatch_cluster(). */
typedef struct RwServerRow
{
	const RwCluster *cluster;
	const RwServer *server;		/* in its tree */
} RwServerRow;

extern const RwColumns rw_cluster_columns;
extern const RwColumns rw_cluster_totals_columns;	/* of an RwCluster;
													 * metrics only */

/* An alert: a row of replwatch_alerts() is an RwAlertView. */
extern const RwColumns rw_alert_columns;

/* The number of alerts that fire, by severity; metrics only. */
typedef struct RwAlertTotals
{
	int			warnings;
	int			criticals;
} RwAlertTotals;

extern const RwColumns rw_alert_totals_columns;

/* The waits since server start: the row of replwatch_wait_stats(). */
extern const RwColumns rw_wait_columns; /* of an RwWaitStats */

/* Everything, as of one moment. */
typedef struct RwSnapshot
{
	RwNode		node;
	RwLinks		links;
	RwCluster	cluster;
	int			nalerts;
	RwAlertView *alerts;		/* those that fire come first */
	RwWaitStats waits;
} RwSnapshot;

/*
 * Observe this server for its row, with or without preload.  Allocates in the
 * current memory context.  node->published is valid until the next call of
 * this, of rw_snapshot_take() or of rw_links().
 */
extern void rw_node_take(RwNode *node);

/*
 * Take all servers, in the order of the tree.  Only where the library is
 * preloaded.  Allocates in the current memory context, and takes no lock.
 */
extern void rw_cluster_take(RwCluster *cluster);

/*
 * Observe everything.  Only where the library is preloaded.  Allocates in the
 * current memory context; the same holds for what is published.
 */
extern void rw_snapshot_take(RwSnapshot *snapshot);

/* Add the page /status, as JSON. */
extern void rw_render_status(RwText *page, const RwSnapshot *snapshot);

/* Add the page /cluster, as JSON. */
extern void rw_render_cluster(RwText *page, const RwCluster *cluster);

/* Add the page /metrics, in Prometheus' text format. */
extern void rw_render_metrics(RwText *page, const RwSnapshot *snapshot);

#endif							/* RW_SHOW_H */
