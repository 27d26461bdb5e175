/*-------------------------------------------------------------------------
 *
 * command.h
 *	  alert_command: what is to be run, and the process that runs it.
 *
 * The sampling worker puts a notice of each change of an alert into a queue in
 * shared memory and goes on.  A process of its own, "replwatch command runner",
 * takes them out in order and runs the command for each, one at a time.  It is
 * there only while alert_command is set, has shared memory and no database,
 * and whatever the command does, nobody waits for it.
 *
 * A command that has not ended after alert_command_timeout, or when the runner
 * itself ends, is ended with all of its process group: by SIGTERM, and a
 * moment later by SIGKILL.  The runner ends when alert_command becomes empty,
 * when the server stops, and when it finds the postmaster dead.
 *
 * The queue has an end: when it is full, further notices are dropped, which is
 * logged.  It survives nothing: what is not run when the server stops, or when
 * alert_command becomes empty, is not run later.
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

/* One change of an alert. */
typedef struct RwNotice
{
	char		alert[32];
	char		subject[RW_NAME_LEN];
	char		severity[16];
	char		state[16];		/* "raised" "escalated" "eased" "cleared"
								 * "repeated" */
	char		detail[512];
	TimestampTz at;
} RwNotice;

/* Shared memory; called from the shared room. */
extern Size rw_command_size(void);
extern void rw_command_attach(void);

/*
 * Have the command run for this, if there is one.  Only the sampling worker
 * does this, as the following.
 */
extern void rw_command_push(const RwNotice *notice);

/*
 * See that a runner is there while alert_command is set; called in each round
 * of the worker.  Where none can be started, it says so once in the log and
 * tries again each second.
 */
extern void rw_command_tend(void);

/* Take out the notice that came first; false if there is none. */
extern bool rw_command_take(RwNotice *notice);

/* The runner's life; it is in runner.c. */
extern PGDLLEXPORT void rw_command_main(Datum arg);

#endif							/* RW_COMMAND_H */
