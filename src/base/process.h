/*-------------------------------------------------------------------------
 *
 * process.h
 *	  The background workers of replwatch: registering and starting them.
 *
 * There are three: the sampler, the runner of alert_command and the port.
 * At most one of each is at work: it claims its place in shared memory, and a
 * second one exits.  A process that is wanted and does not run is started by
 * the next caller of rw_process_ensure(): any new connection and
 * replwatch_node() for the sampler, the sampler for the others.  If there is no free background worker slot,
 * that is logged once, and starting is retried every few seconds.
 *
 * In single-user mode and under pg_upgrade no process is started.  After a
 * crash of the server all shared memory begins anew, and the postmaster
 * restarts what ran before.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PROCESS_H
#define RW_PROCESS_H

#include "src/base/clock.h"

typedef enum RwProcess
{
	RW_PROCESS_SAMPLER,			/* worker/worker.h */
	RW_PROCESS_RUNNER,			/* command/command.h */
	RW_PROCESS_PORT				/* port/port.h */
} RwProcess;

#define RW_NUM_PROCESSES	(RW_PROCESS_PORT + 1)

/* How a process is doing, as shown to users. */
typedef enum RwProcessState
{
	RW_PROCESS_OFF,				/* not wanted */
	RW_PROCESS_STARTING,		/* about to run, or not at work yet */
	RW_PROCESS_RUNNING,			/* the port: listens on all its addresses */
	RW_PROCESS_RUNNING_PARTLY,	/* the port: listens on some of them */
	RW_PROCESS_RUNNING_DEAF,	/* the port: listens on none yet */
	RW_PROCESS_NO_SLOT,			/* there is no free background worker slot */
	RW_PROCESS_DOWN				/* it does not run, and nobody starts it */
} RwProcessState;

/* Shared memory; called by src/shmem.c. */
extern Size rw_process_size(void);
extern void rw_process_attach(void);

/*
 * Have the postmaster start a process together with the server; called from
 * _PG_init.
 */
extern void rw_process_register(RwProcess process);

/*
 * Start the process if it is wanted, does not run, and has not been started
 * in the last few seconds.  Logs a WARNING if there is no slot for it.  Does
 * nothing where the library is not preloaded or no process can be started.
 * One that is no longer wanted has to exit by itself, with code 0.
 */
extern void rw_process_ensure(RwProcess process, bool wanted);

/*
 * Called by the process itself, once: claim its place, which is released when
 * it exits.  False if another process has it; the caller then exits with code
 * 0, so that it is not restarted.
 */
extern bool rw_process_claim(RwProcess process);

/*
 * Called by the process itself: set what rw_process_state() returns for it.
 * Until the first call that is RW_PROCESS_STARTING.
 */
extern void rw_process_report(RwProcess process, RwProcessState state);

/* The pid of the process, or 0 if none runs. */
extern int	rw_process_pid(RwProcess process);

/*
 * How the process is doing, if it is `wanted`.  Works where the library is
 * not preloaded, too.
 */
extern RwProcessState rw_process_state(RwProcess process, bool wanted);

/*
 * Set the latch of the process, if one runs.  What it is woken for must have
 * been published before by releasing a lock; a process that claims its place
 * later has to look for it first.
 */
extern void rw_process_wake(RwProcess process);

#endif							/* RW_PROCESS_H */
