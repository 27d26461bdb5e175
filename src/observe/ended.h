/*-------------------------------------------------------------------------
 *
 * ended.h
 *	  Replication connections that have ended, as their processes note it.
 *
 * A standby that is refused is connected for some milliseconds every few
 * seconds, which the sampler does not see.  So the processes themselves leave
 * a note (RwEndedFacts in observe.h) in a ring in shared memory when they
 * end: each walsender, each walsender that is refused before it is one, and
 * the WAL receiver.  The sampler drains the ring in each round
 * (rw_observe_ended()).  A receiver's note has the last message that it got,
 * which the next receiver overwrites when it starts.
 *
 * The ring has room for RW_MAX_ENDED notes; when it is full, the oldest is
 * lost.  A spinlock protects it, held to copy one note.
 *
 * A process knows its last error from emit_log_hook, so errors that
 * log_min_messages keeps from the log, which is those below FATAL at most,
 * have no message in the note.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_ENDED_H
#define RW_ENDED_H

#include "utils/elog.h"

#include "src/observe/observe.h"

#define RW_MAX_ENDED		64

/*
 * To be called in each process once its client is authenticated: if it is a
 * walsender, have it leave its note at its end.
 */
extern void rw_ended_connection(void);

/*
 * To be called for each message on its way to the log, in any process and
 * state: it allocates nothing, takes only the ring's spinlock and that of the
 * process's own entry, and raises nothing.  Keeps the errors of walsenders for
 * their notes; leaves the note of a walsender that is refused, and of a WAL
 * receiver, which always ends by an error.
 */
extern void rw_ended_message(const ErrorData *edata);

/* Shared memory; called by src/shmem.c. */
extern Size rw_ended_size(void);
extern void rw_ended_attach(void);

#endif							/* RW_ENDED_H */
