/*-------------------------------------------------------------------------
 *
 * command.h
 *	  alert_command: the queue of notices, and the process that runs it.
 *
 * The sampler puts a notice of each change of an alert into a queue in shared
 * memory and goes on.  A separate background worker, "replwatch command
 * runner", takes the notices out in order and runs the command for each, one
 * at a time.  It exists only while alert_command is set, has no database, and
 * nothing in the server waits for it.
 *
 * A command that is still running after alert_command_timeout, or when the
 * runner stops, is terminated with all of its process group: by SIGTERM, and a
 * moment later by SIGKILL.  The runner stops when alert_command becomes empty,
 * when the server shuts down, and when it finds the postmaster dead.
 *
 * The shell parses the setting as it is.  Subjects and details contain text
 * that others chose: names of replicas, slots and files.  So the values of a
 * change are passed in environment variables only (REPLWATCH_ALERT and so on),
 * whose contents the shell does not parse.  What the command writes goes to the
 * server's standard error and thus to the server log, as with archive_command.
 *
 * When the queue is full, further notices are dropped, which is logged.  The
 * queue is not saved: a notice whose command has not been run when the server
 * stops, or when alert_command becomes empty, is lost.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMMAND_H
#define RW_COMMAND_H

#include "datatype/timestamp.h"

#include "src/base/clock.h"
#include "src/base/name.h"

/* One change of an alert, and this server's name. */
typedef struct RwNotice
{
	char		alert[32];
	char		subject[RW_NAME_LEN];
	char		severity[16];
	char		state[16];		/* "raised" "escalated" "eased" "cleared"
								 * "repeated" */
	char		detail[512];
	char		node[RW_NAME_LEN];
	TimestampTz at;
} RwNotice;

/*
 * Define replwatch.alert_command (command_settings.c); called once from
 * _PG_init.
 */
extern void rw_command_settings(void);

/* Shared memory; called by src/shmem.c. */
extern Size rw_command_size(void);
extern void rw_command_attach(void);

/*
 * Queue a notice, if alert_command is set, and wake the runner.  Logs a
 * WARNING when the queue becomes full.  Only the sampler calls this and
 * rw_command_ensure_runner().
 */
extern void rw_command_push(const RwNotice *notice);

/*
 * Start a runner if alert_command is set and none runs; clear the queue if the
 * setting is empty.  Called in each round of the sampler.
 */
extern void rw_command_ensure_runner(void);

/* The main function of the runner (runner.c). */
extern PGDLLEXPORT void rw_command_main(Datum arg);

#endif							/* RW_COMMAND_H */
