/*-------------------------------------------------------------------------
 *
 * visible.c
 *	  Whether a primary's commits can be seen.
 *
 * A snapshot does not see a transaction whose ID is in the array of running
 * transactions.  A backend that commits, also by COMMIT PREPARED, does this:
 *
 *	1.	sets DELAY_CHKPT_START in its PGPROC, for the sake of checkpoints;
 *	2.	writes the commit record, and flushes it if the commit is synchronous;
 *	3.	marks the transaction committed in pg_xact;
 *	4.	clears DELAY_CHKPT_START;
 *	5.	waits for synchronous standbys;
 *	6.	takes the transaction out of the array, under ProcArrayLock.
 *
 * A look at a moment when the WAL ends at P takes these for commits that
 * could end at or before P and cannot be seen:
 *
 *	-	backends with DELAY_CHKPT_START (1 to 4);
 *	-	transactions that are in the array and committed in pg_xact (3 to 6).
 *
 * It misses none.  The record of such a commit has its place in the WAL when
 * P is read, and the flag was set before that.  The spinlock or atomic
 * variable of the insert position orders the two, with our barrier after it.
 * So either we find the flag set, or it has been cleared again.  In that case
 * step 3 is done, and since we read flag, ID and pg_xact in this order, we
 * find the ID gone or committed.  If it is gone, the process that took it out
 * of the array held ProcArrayLock, which the next snapshot will take.  All
 * flags are read before the prepared transactions, whose IDs are in PGPROCs
 * of their own.
 *
 * This rests on what the server itself needs to be right, not on callbacks: a
 * transaction that gets its ID late in the commit (NOTIFY, other libraries'
 * callbacks) and the COMMIT PREPARED of an apply worker are commits like any
 * other.
 *
 * Such commits must not hold up a wait for an LSN before them.  Two numbers
 * of a backend are lower bounds of the end of whatever it is committing:
 *
 *	-	its mark, set before the commit record is written, to the end of its own
 *		last record or the flushed position, which both lie before it, and
 *		after a commit to the end of that, for a transaction that gets its ID
 *		late;
 *	-	the LSN that synchronous standbys must confirm (waitLSN), which is the
 *		very end of the record.
 *
 * Old values are sound, too: a backend's records follow each other, so they
 * are only smaller than they could be.  Values of the backend's next commit
 * prove that this one is over.  Therefore neither needs a lock or a barrier,
 * and no mark is ever removed, whatever a transaction ends with.  The exact
 * bound would be the insert position, whose spinlock is the busiest of the
 * server.  The flushed position costs little: the backend is about to read it
 * anyway, to see whether it has to flush.
 *
 * So everything is visible up to P or the smallest of those bounds.  That is
 * kept (`visible`), and later questions about lower LSNs need no look.
 *
 * The bound of a prepared transaction that is committed and still in the
 * array is not known, since the server does not say which backend executes
 * the command.  Before a client's command there is a look at what is visible
 * already; a wait for an LSN between that and the commit may have to wait for
 * it without need.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#include "src/base/compat.h"
#include "src/base/layout.h"
#include "src/wait/visible.h"
#include "src/wait/wait_shared.h"

/*
 * All commits of this backend from now on end beyond this LSN.  No error can
 * be raised here.
 */
static void
set_mark(XLogRecPtr lsn)
{
	Assert(rw_my_proc_number() < MaxBackends);
	pg_atomic_write_u64(&rw_wait_shared->marks[rw_my_proc_number()].lsn, lsn);
}

void
rw_visible_before_commit(void)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		set_mark(Max(XactLastRecEnd, GetFlushRecPtr(NULL)));
}

void
rw_visible_after_commit(void)
{
	set_mark(XactLastCommitEnd);
}

/* Whatever this backend is committing ends beyond this LSN. */
static XLogRecPtr
lower_bound(int number)
{
	XLogRecPtr	mark = pg_atomic_read_u64(&rw_wait_shared->marks[number].lsn);

#ifdef PG_HAVE_8BYTE_SINGLE_COPY_ATOMICITY
	XLogRecPtr	end = *(volatile const XLogRecPtr *)
		&ProcGlobal->allProcs[number].waitLSN;

	if (end > mark)
		return end - 1;
#endif
	return mark;
}

/*
 * May this backend be writing a commit record?  Truncating a relation sets
 * both flags.
 */
static bool
may_be_committing(const PGPROC *proc)
{
	int			flags = *(volatile const int *) &proc->delayChkptFlags;

	return (flags & (DELAY_CHKPT_START | DELAY_CHKPT_COMPLETE)) ==
		DELAY_CHKPT_START;
}

/*
 * The prepared transactions that are in the array; returns their number.  A
 * PGPROC that is not in use keeps the ID of its last transaction.
 */
static int
running_prepared(TransactionId *xids)
{
	int			n = 0;
	int			i;

	LWLockAcquire(ProcArrayLock, LW_SHARED);
	for (i = 0; i < max_prepared_xacts; i++)
	{
		const PGPROC *proc = &PreparedXactProcs[i];

		if (TransactionIdIsValid(proc->xid) &&
			ProcGlobal->xids[proc->pgxactoff] == proc->xid)
			xids[n++] = proc->xid;
	}
	LWLockRelease(ProcArrayLock);
	return n;
}

/*
 * Lower `visible` for prepared transactions.  `executing` is the smallest
 * bound of backends that may be committing one of them.  They cannot if there
 * are none; then they do something else, such as writing hint bits.
 */
static XLogRecPtr
visible_prepared(XLogRecPtr visible, XLogRecPtr executing)
{
	TransactionId *xids;
	int			n;

	if (max_prepared_xacts == 0)
		return visible;

	xids = palloc(max_prepared_xacts * sizeof(TransactionId));
	n = running_prepared(xids);
	if (n > 0)
		visible = Min(visible, executing);
	while (n > 0)
	{
		if (TransactionIdDidCommit(xids[--n]))
			visible = InvalidXLogRecPtr;
	}
	pfree(xids);
	return visible;
}

/* Take a look: up to which LSN is everything visible? */
static XLogRecPtr
visible_now(void)
{
	XLogRecPtr	visible = GetXLogInsertRecPtr();
	XLogRecPtr	executing = visible;
	int			i;

	/* Pairs with the insertion of a commit record: see above. */
	pg_memory_barrier();
	for (i = 0; i < MaxBackends; i++)
	{
		const PGPROC *proc = &ProcGlobal->allProcs[i];
		bool		committing = may_be_committing(proc);
		TransactionId xid;
		XLogRecPtr	bound;

		/* Pairs with the release of the lock on pg_xact at its update. */
		pg_read_barrier();
		xid = *(volatile const TransactionId *) &proc->xid;
		if (!committing && !TransactionIdIsValid(xid))
			continue;

		bound = lower_bound(i);
		if (bound >= visible)
			continue;
		if (!TransactionIdIsValid(xid))
			executing = Min(executing, bound);
		else if (committing || TransactionIdDidCommit(xid))
			visible = bound;
	}
	return visible_prepared(visible, executing);
}

bool
rw_visible(XLogRecPtr lsn)
{
	pg_atomic_uint64 *shared = &rw_wait_shared->visible.lsn;
	uint64		known = pg_atomic_read_u64(shared);
	XLogRecPtr	visible;

	if (lsn <= known)
		return true;

	visible = visible_now();
	while (known < visible &&
		   !pg_atomic_compare_exchange_u64(shared, &known, visible))
		;
	return lsn <= visible;
}

void
rw_visible_commit_prepared(void)
{
	XLogRecPtr	end;

	/* Without the array of processes no look is possible. */
	if (RecoveryInProgress() || !rw_procs_are_trusted())
		return;
	end = GetXLogInsertRecPtr();
	set_mark(end);
	(void) rw_visible(end);
}
