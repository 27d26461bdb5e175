/*-------------------------------------------------------------------------
 *
 * visible.h
 *	  Whether a primary's commits can be seen.
 *
 * A commit becomes visible some time after its record has been written: after
 * the record has been flushed and, with synchronous replication, after the
 * standbys have confirmed it, which can take for ever.  The WAL position of a
 * primary therefore says nothing about what a snapshot sees.
 *
 * A look costs some microseconds: it visits the entries of all backends, and
 * looks up the status of each transaction that has an ID and runs.  Targets
 * below the result of an earlier look cost one read.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_VISIBLE_H
#define RW_VISIBLE_H

#include "access/xlogdefs.h"

/*
 * Does a snapshot that is taken from now on see all commits whose records end
 * at or before this LSN?  The LSN must have been written, and this server must
 * not be in recovery.  False is also returned for a commit beyond the LSN that
 * is just being written, if its mark (visible.c) is below the LSN; that is
 * rare for commits that begin after the LSN was flushed.  Takes ProcArrayLock
 * for a moment if prepared transactions are enabled.  Raises an error if the
 * status of a transaction cannot be read.
 */
extern bool rw_visible(XLogRecPtr lsn);

/*
 * Called after a commit that wrote something: this backend's next one lies
 * beyond it, even if rw_visible_before_commit() finds no transaction ID.
 * Cannot fail.
 */
extern void rw_visible_after_commit(void);

/*
 * Called before COMMIT PREPARED: what can be seen before it does not have to
 * wait for it.  Raises what rw_visible() raises.
 */
extern void rw_visible_commit_prepared(void);

#endif							/* RW_VISIBLE_H */
