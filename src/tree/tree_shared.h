/*-------------------------------------------------------------------------
 *
 * tree_shared.h
 *	  The tree in shared memory.
 *
 * Three parts, each with one writer: the sampling worker publishes this
 * server and its replicas (the *report*), the port what other servers have
 * told, and how the line to the upstream server is.  Nobody takes a lock:
 * each part has a number of changes, which is odd while it is being written,
 * and readers try again when it has changed, as in
 * lag/standby_state_shared.h.  So a process that is stopped anywhere holds
 * nobody up.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TREE_SHARED_H
#define RW_TREE_SHARED_H

#include "src/tree/told_upstream.h"
#include "src/tree/tree.h"

/* The line to the upstream server; line_state of replwatch_node(). */
typedef enum RwLineState
{
	RW_LINE_OFF,				/* there is none to be: no port, no upstream
								 * server, no key, or no WAL receiver */
	RW_LINE_CONNECTING,
	RW_LINE_UP,
	RW_LINE_REFUSED				/* the other side does not listen, is no
								 * replwatch, or turns us down */
} RwLineState;

extern const char *rw_line_state_name(RwLineState state);

/* A replica of this server, as the worker sees it, and its connection. */
typedef struct RwChild
{
	RwServer	server;			/* seen part, key, parent; no id */
	int			pid;			/* of its walsender; 0: not connected */
	char		application_name[RW_NAME_LEN];
	char		slot_name[RW_NAME_LEN]; /* empty without */
} RwChild;

/* The connection to the upstream server, as the line needs it. */
typedef struct RwReportReceiver
{
	int			pid;			/* 0: no WAL receiver */
	bool		streaming;
	char		host[RW_NAME_LEN * 4];	/* as pg_stat_wal_receiver shows it */
	char		hostaddr[RW_ADDRESS_LEN];	/* from primary_conninfo; may be
											 * empty */
	char		application_name[RW_NAME_LEN];
	char		slot_name[RW_NAME_LEN];
} RwReportReceiver;

typedef struct RwReport
{
	RwServer	own;			/* reported_at is the time of the sample;
								 * RW_NEVER: no sample yet */
	bool		in_recovery;
	RwReportReceiver receiver;
	int			nchildren;
	RwChild    *children;		/* the reader's: [rw_max_replicas] */
} RwReport;

/*
 * This server's id, drawn when its shared memory was set up.  None if there
 * was no randomness to be had.
 */
extern RwServerId rw_own_server_id(void);

/*
 * Publish the report; called by the worker alone.  At most rw_max_replicas
 * children.  Sets the ids of own and the children's parent.  `changed`: other
 * words than before, so the port is woken.
 */
extern void rw_report_publish(const RwReport *report, bool changed);

/*
 * A copy of the report.  report->children has room for rw_max_replicas.  If
 * none can be had, or no sample was made, own.reported_at is RW_NEVER and
 * there are no children.
 */
extern void rw_report_read(RwReport *report);

/* Has the report changed since the one with this number?  Sets the number. */
extern bool rw_report_changed(uint32 *number);

/*
 * What other servers have told: RW_TREE_MAX at most.  Written by the port
 * alone; rw_told_publish(NULL, 0) when nothing counts any more.
 */
extern void rw_told_publish(const RwServer *told, int ntold);
extern int	rw_told_read(RwServer *told);	/* room for RW_TREE_MAX */

/* What the upstream server has told, and the line to it; as above. */
extern void rw_told_upstream_publish(const RwToldUpstream *told,
									 RwLineState state);
extern RwToldUpstream rw_told_upstream_read(RwLineState *state);

/*
 * The tree, allocated in the current memory context: the report and what was
 * told, put together.  NULL where the library is not preloaded.
 */
extern RwTree *rw_tree_take(void);

/* Shared memory; called by src/shmem.c. */
extern Size rw_tree_size(void);
extern void rw_tree_attach(void);

#endif							/* RW_TREE_SHARED_H */
