/*-------------------------------------------------------------------------
 *
 * show.h
 *	  What can be shown: the rows, their columns, and the pages of the port.
 *
 * A row is a struct that a table of columns knows how to read (columns.h).
 * SQL functions and pages fill the same structs and use the same tables, so
 * they show the same.
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
#include "src/show/columns.h"
#include "src/wait/wait.h"

/*
 * A replication link: a row of replwatch_status().  The columns of the slot
 * that it uses, or is, are a table of their own, because their metrics have
 * the slot's labels.
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
	const RwPublished *published;	/* NULL where the library is not preloaded */
	RwSyncFacts sync;
	uint64		system_identifier;
	char		system_identifier_text[24];
	RwProcessState sampler;
	int			sampler_pid;	/* 0: none runs */
	RwProcessState port;
	RwProcessState runner;
	int			waiters;		/* -1 where the library is not preloaded */
} RwNode;

extern const RwColumns rw_node_columns;
extern const RwColumns rw_upstream_columns; /* of an RwNode; only a metric */

/* An alert: a row of replwatch_alerts() is an RwAlertView. */
extern const RwColumns rw_alert_columns;

/* How many alerts fire, by severity; only metrics. */
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
	int			nalerts;
	RwAlertView *alerts;		/* those that fire come first */
	RwWaitStats waits;
} RwSnapshot;

/*
 * Observe what the row of this server shows.  Also where the library is not
 * preloaded.  Allocates in the current memory context; what is published is
 * good until the next look.
 */
extern void rw_node_take(RwNode *node);

/*
 * Observe everything.  The library is preloaded.  Allocates in the current
 * memory context.  Takes state_lock, one time after the other, and waiters'
 * locks never together with it.
 */
extern void rw_snapshot_take(RwSnapshot *snapshot);

/* Render a page of the port: /status, as JSON. */
extern void rw_render_status(RwText *page, const RwSnapshot *snapshot);

/* Render a page of the port: /metrics, in Prometheus' text format. */
extern void rw_render_metrics(RwText *page, const RwSnapshot *snapshot);

#endif							/* RW_SHOW_H */
