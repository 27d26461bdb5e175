/*-------------------------------------------------------------------------
 *
 * stall.h
 *	  Keeping a walsender from missing WAL.
 *
 * Both functions are called in a walsender, through its copy of PqCommMethods,
 * between messages.  They raise nothing; rw_stall_asked() may take
 * ReplicationSlotControlLock shared.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STALL_H
#define RW_STALL_H

/* To be called after each flush of output that does not block. */
extern void rw_stall_flushed(void);

/*
 * To be called whenever the walsender asks whether output is pending, with the
 * answer.  If the walsender is about to sleep although it has WAL to send, it
 * will check again instead.
 */
extern void rw_stall_asked(bool pending);

#endif							/* RW_STALL_H */
