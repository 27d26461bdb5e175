/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings of replwatch, as plain variables.
 *
 * Each is "replwatch." and the variable's name without rw_ and without its
 * unit.  A process sees a change when it processes a SIGHUP.
 *
 * Not here are settings whose check hook turns them into something else;
 * their folders define them: the limits of the alerts
 * (alert/alert_settings.h), replwatch.expected_replicas (replica/expected.h),
 * replwatch.listen_addresses (port/port.h), replwatch.read_after and the
 * read-only ones (wait/read_after.c, wait/token.c).
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SETTINGS_H
#define RW_SETTINGS_H

/* ----------------------------------------------------------------
 *		Sampling and replicas
 * ----------------------------------------------------------------
 */

/* Time between two samples while something moves. */
extern int	rw_sample_interval_ms;

/* Places in the table of replicas; fixed at server start. */
extern int	rw_max_replicas;

/* How long a replica must stream before it is missed when it goes. */
extern int	rw_known_after_s;

/* How long a gone replica without a slot is remembered; 0: for ever. */
extern int	rw_forget_after_s;

/* ----------------------------------------------------------------
 *		Waits and commit tokens
 * ----------------------------------------------------------------
 */

/* Default timeout of a wait; 0 checks once, -1 waits indefinitely. */
extern int	rw_wait_timeout_ms;

/* How often a waiter that was not woken checks by itself. */
extern int	rw_wait_recheck_ms;

/* How many sessions may wait at a time; 0: no limit. */
extern int	rw_max_waiters;

/* Does replay wake the sessions that wait for it?  Fixed at server start. */
extern bool rw_wake_on_replay;

/* Do our walsenders send a keepalive each second?  Fixed at server start. */
extern bool rw_tend_walsenders;

/* Is each commit's token reported to the client? */
extern bool rw_report_commit_token;

/* ----------------------------------------------------------------
 *		Alerts
 * ----------------------------------------------------------------
 */

/* How long a condition must hold for its alert to change. */
extern int	rw_alert_hold_ms;

/* How often a firing alert is reported again; 0: never. */
extern int	rw_alert_repeat_s;

/* Are changes of alerts logged? */
extern bool rw_log_alerts;

/*
 * What the shell runs for each change of an alert; empty: nothing.  Its check
 * hook is in command/command_settings.c.
 */
extern char *rw_alert_command;

/* How long one such command may run. */
extern int	rw_alert_command_timeout_ms;

/* ----------------------------------------------------------------
 *		The port
 * ----------------------------------------------------------------
 */

/* Where health checks and metrics are answered; port 0: nowhere. */
extern int	rw_port;

/* What is answered there. */
typedef enum RwServes
{
	RW_SERVES_HEALTH,			/* health checks and agent checks */
	RW_SERVES_METRICS,			/* /metrics, /status and /cluster */
	RW_SERVES_ALL
} RwServes;

extern int	rw_port_serves;

/* Where the upstream server's port is; 0: the same as here. */
extern int	rw_upstream_port;

/* The limit of an agent check that has none. */
extern int	rw_route_lag_ms;

/* How long a drained standby must stay below half its limit to come back. */
extern int	rw_route_hold_ms;

/* ----------------------------------------------------------------
 *		The line
 * ----------------------------------------------------------------
 */

/* Part of the key that the servers of the system share; may be empty. */
extern char *rw_line_secret;

/*
 * Define the settings above; called once from _PG_init.  Those that are fixed
 * at server start, and those that do nothing without shared memory, exist
 * only where the library is preloaded.
 */
extern void rw_settings_init(void);

#endif							/* RW_SETTINGS_H */
