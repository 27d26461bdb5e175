/*-------------------------------------------------------------------------
 *
 * stall.h
 *	  Keeping a walsender from missing WAL.
 *
 * Called in a walsender, through its copy of PqCommMethods, between messages.
 * Raises nothing and takes no lock but the server's spinlocks, and
 * ReplicationSlotControlLock where synchronized_standby_slots matters.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STALL_H
#define RW_STALL_H

/*
 * To be called whenever the walsender asks whether output is pending, with the
 * answer, and whether output has been flushed, as far as that does not block,
 * since it last asked.  If the walsender is about to sleep although it has WAL
 * to send, it will check again instead.
 */
extern void rw_stall_asked(bool pending, bool was_flushed);

#endif							/* RW_STALL_H */
