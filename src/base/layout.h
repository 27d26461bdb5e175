/*-------------------------------------------------------------------------
 *
 * layout.h
 *	  Are the server's arrays laid out as replwatch was built for?
 *
 * replwatch walks through three arrays of the server in shared memory: those
 * of walsenders, slots and processes.  Releases of one major version may add
 * fields to their structs, and a library that was built for another minor
 * release then finds only the first entry.  Extensions are not always rebuilt
 * when the server is upgraded, so the arrays are checked against the server
 * that runs, by their size:
 *
 *	processes	by the distance between two pointers into the array
 *	walsenders, slots
 *				up to 18 by the size that the server exports; from 19 on by
 *				attaching to the array under its name, which the server refuses
 *				if the size differs, and which only children of the postmaster
 *				can do; in single-user mode the versions are compared instead
 *
 * Where one of them differs, nothing reads any of them: the sampler logs a
 * WARNING and exits, so neither port nor command runner start, walsenders are
 * not tended, and functions that would show replicas, slots or alerts raise an
 * error.  Commit tokens need no array, and neither do waits for this server's
 * own WAL on a standby.  On a primary these need that of the processes, and
 * raise an error if that one differs.  Replay then leaves sessions to check by
 * themselves.
 *
 * A process's own entry (MyProc, MyWalSnd), and those that functions of the
 * server return, are found without the array.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LAYOUT_H
#define RW_LAYOUT_H

/*
 * Are all three as expected?  Checked by each process once, when it first
 * asks; not to be called with an LWLock held, nor in the postmaster, the startup
 * process or a critical section.
 */
extern bool rw_layout_is_trusted(void);

/* Raise an error (55000) if they are not. */
extern void rw_layout_require(void);

/* Log the same as a WARNING, with what it means for the server. */
extern void rw_layout_warn(void);

/*
 * Is the array of processes as expected, so that rw_proc_latch() finds a latch?
 * A comparison of pointers, which may be done anywhere.
 */
extern bool rw_procs_are_trusted(void);

#endif							/* RW_LAYOUT_H */
