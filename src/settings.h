/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  All settings of replwatch, as variables.
 *
 * Each is "replwatch." and the variable's name less rw_ and less its unit.
 * They are read as plain variables (alert_settings.h has those of the alerts); a process sees a change when it processes
 * a SIGHUP.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SETTINGS_H
#define RW_SETTINGS_H

/* Time between two samples while something moves. */
extern int	rw_sample_interval_ms;

/* Places in the table of replicas; fixed at server start. */
extern int	rw_max_replicas;

/* Do our walsenders send a keepalive each second?  Fixed at server start. */
extern bool rw_tend_walsenders;

/* How long a replica has to stream before it is missed when it goes. */
extern int	rw_known_after_s;

/* How long a gone replica without slot is remembered; 0 means for ever. */
extern int	rw_forget_after_s;

/* Does replay wake those who wait for it?  Fixed at server start. */
extern bool rw_wake_on_replay;

/* How long a wait may take that does not say; 0 only looks, -1 is for ever. */
extern int	rw_wait_timeout_ms;

/* How often a waiter that was not woken looks for itself. */
extern int	rw_wait_recheck_ms;

/* How many may wait at a time; 0 means no limit. */
extern int	rw_max_waiters;

/* Is the client told of each commit's token? */
extern bool rw_report_commit_token;

/* How long an alert's condition has to hold for it to change. */
extern int	rw_alert_hold_ms;

/* How often a firing alert is told of again; 0 means never. */
extern int	rw_alert_repeat_s;

/* Do changes of alerts go to the log? */
extern bool rw_log_alerts;

/* What the shell runs for each change of an alert; empty for nothing. */
extern char *rw_alert_command;

/* How long one such command may take. */
extern int	rw_alert_command_timeout_ms;

/* Where health checks and metrics are answered; port 0 means nowhere. */
extern int	rw_port;
extern char *rw_listen_addresses;

/* What is answered there. */
typedef enum RwServes
{
	RW_SERVES_HEALTH,			/* health checks and agent checks */
	RW_SERVES_METRICS,			/* /metrics and /status */
	RW_SERVES_ALL
} RwServes;

extern int	rw_port_serves;

/* The limit of an agent check that has none. */
extern int	rw_route_lag_ms;

/* How long a drained standby has to be below half its limit to come back. */
extern int	rw_route_hold_ms;

/*
 * Define the settings; called once from _PG_init.  Those that are fixed at
 * server start exist only where the library is preloaded.
 */
extern void rw_settings_init(void);

#endif							/* RW_SETTINGS_H */
