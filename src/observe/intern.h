/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  What only the files of src/observe may see.
 *
 * Others include observe.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_OBSERVE_INTERN_H
#define RW_OBSERVE_INTERN_H

#include "utils/backend_status.h"

#include "src/observe/observe.h"

/*
 * backend_status.c: the entry of a process, by its pid or, for one of which
 * there is one, by its type; NULL if there is none.  It is in the snapshot of
 * the status array, which is taken unless there is one: a caller who needs it
 * fresh clears that first.
 */
extern const PgBackendStatus *rw_status_of_pid(int pid);
extern const PgBackendStatus *rw_status_of_type(BackendType type);

/* The number of entries in that snapshot, for rw_backend_status(). */
extern int	rw_backend_status_number(void);

/* observe.c: the next transaction ID that will be given. */
extern TransactionId rw_next_xid(void);

/*
 * observe_peers.c: fill in the peers of facts->senders, from their pids and
 * facts->now.  The backend_start of one that can't be described yet stays 0.
 * `remember` is rw_observe()'s.
 */
extern void rw_observe_peers(RwFacts *facts, bool remember);

/* observe_recovery.c: the receiver, and how far replay has got. */
extern void rw_observe_receiver(RwReceiverFacts *receiver);
extern void rw_observe_recovery(RwRecoveryFacts *recovery);

/*
 * blockers.c: who blocks replay, which waits as recovery->hold says; it may
 * find that a database is dropped.  `since` is as in culprit.h.
 */
extern void rw_observe_blockers(RwRecoveryFacts *recovery, TimestampTz since);

/*
 * observe_recovery.c: the server that the WAL receiver is connected to, as in
 * RwReceiverFacts.  Allocates nothing and raises nothing.
 */
extern uint32 rw_connected_upstream(void);

/*
 * observe_sync.c: fill in facts->standby_slot and which walsenders wait for it,
 * from senders and slots.
 */
extern void rw_observe_standby_slots(RwFacts *facts);

/* recovery_process.c: the startup process's PGPROC, or NULL. */
extern PGPROC *rw_startup_proc(void);

#endif							/* RW_OBSERVE_INTERN_H */
