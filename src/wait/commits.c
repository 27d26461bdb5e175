/*-------------------------------------------------------------------------
 *
 * commits.c
 *	  Where parallel workers find the last commit of their session.
 *
 * Each backend has a place, by the number of its PGPROC, and is the only one
 * to write there.  It does not while it has workers: a transaction that runs a
 * parallel query does not commit meanwhile.  So nobody needs a lock.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#include "src/base/compat.h"
#include "src/wait/commits.h"

typedef struct SessionCommit
{
	int			pid;			/* whose it is; the place may have changed
								 * hands since */
	TimeLineID	tli;
	XLogRecPtr	lsn;
} SessionCommit;

static SessionCommit *commits = NULL;	/* [MaxBackends] */

Size
rw_commits_size(void)
{
	return MAXALIGN(mul_size(MaxBackends, sizeof(SessionCommit)));
}

void
rw_commits_attach(void)
{
	bool		found;

	commits = ShmemInitStruct("replwatch commits", rw_commits_size(), &found);
	if (!found)
		memset(commits, 0, rw_commits_size());
}

void
rw_commit_publish(TimeLineID tli, XLogRecPtr lsn)
{
	SessionCommit *ours = &commits[rw_proc_number(MyProc)];

	ours->pid = MyProcPid;
	ours->tli = tli;
	ours->lsn = lsn;
}

void
rw_commit_of_leader(TimeLineID *tli, XLogRecPtr *lsn)
{
	const PGPROC *leader = MyProc->lockGroupLeader;
	const SessionCommit *theirs;

	*tli = 0;
	*lsn = InvalidXLogRecPtr;
	if (leader == NULL)
		return;
	theirs = &commits[rw_proc_number(leader)];
	if (theirs->pid == leader->pid)
	{
		*tli = theirs->tli;
		*lsn = theirs->lsn;
	}
}
