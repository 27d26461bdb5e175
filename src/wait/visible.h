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
 * at or before this LSN?  The LSN must have been written, this server must not
 * be in recovery, and rw_procs_are_trusted() must be true.  False is also
 * returned while another backend cannot be told from such a commit: one that
 * commits beyond the LSN and whose mark (visible.c) is below it, which is rare
 * if it began after the LSN was flushed, or one that holds up checkpoints for a
 * moment for another reason, such as writing hint bits.  Takes ProcArrayLock
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
