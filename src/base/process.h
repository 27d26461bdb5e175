/*-------------------------------------------------------------------------
 *
 * process.h
 *	  The background workers of replwatch: registering and starting them.
 *
 * There are three: the sampler, the runner of alert_command and the port.
 * At most one of each runs: it claims its place in shared memory, and a
 * second one exits.  Each is started when it is wanted and none runs.  When
 * max_worker_processes leaves no room, that is logged once and tried again
 * every few seconds.
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

/* How a process is doing, for those who look from outside. */
typedef enum RwProcessState
{
	RW_PROCESS_OFF,				/* not wanted */
	RW_PROCESS_STARTING,		/* on its way, or not at work yet */
	RW_PROCESS_RUNNING,			/* the port: listens on all its addresses */
	RW_PROCESS_RUNNING_PARTLY,	/* the port: listens on some of them */
	RW_PROCESS_RUNNING_DEAF,	/* the port: listens on none yet */
	RW_PROCESS_NO_SLOT,			/* max_worker_processes leaves no room */
	RW_PROCESS_DOWN				/* none runs, and nobody starts one */
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
 * See that the process runs if it is wanted: start one if none runs and none
 * was started lately.  Does nothing where the library is not preloaded or no
 * process can be started.
 */
extern void rw_process_ensure(RwProcess process, bool wanted);

/*
 * Called by the process itself: take its place, to be given back when it
 * exits.  False if another one has it.
 */
extern bool rw_process_claim(RwProcess process);

/*
 * Called by the process itself: what rw_process_state() says of it from now
 * on.  RW_PROCESS_STARTING until the first call.
 */
extern void rw_process_report(RwProcess process, RwProcessState state);

/* The pid of the process, or 0 if none runs. */
extern int	rw_process_pid(RwProcess process);

/*
 * How the process is doing, given that it is wanted or not; also where the
 * library is not preloaded.
 */
extern RwProcessState rw_process_state(RwProcess process, bool wanted);

/* Set the latch of the process, if one runs. */
extern void rw_process_wake(RwProcess process);

#endif							/* RW_PROCESS_H */
