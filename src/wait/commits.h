/*-------------------------------------------------------------------------
 *
 * commits.h
 *	  Where parallel workers find the last commit of their session.
 *
 * A parallel worker is part of its leader's session, and a condition that it
 * evaluates may ask for replwatch.commit_token.  Core hands the leader's
 * settings to it, but for read-only ones.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_COMMITS_H
#define RW_COMMITS_H

#include "access/xlogdefs.h"

/* Shared memory; called from the shared room. */
extern Size rw_commits_size(void);
extern void rw_commits_attach(void);

/*
 * This session has committed; with 0, not yet.  Three stores and no more: may
 * be called when nothing may fail.
 */
extern void rw_commit_publish(TimeLineID tli, XLogRecPtr lsn);

/* The last commit of this parallel worker's leader; *tli is 0 if none yet. */
extern void rw_commit_of_leader(TimeLineID *tli, XLogRecPtr *lsn);

#endif							/* RW_COMMITS_H */
