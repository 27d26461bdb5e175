/*-------------------------------------------------------------------------
 *
 * culprit.c
 *	  Which of the sessions that may block replay are the ones that do.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "access/transam.h"

#include "src/observe/culprit.h"

static const char *const setting_names[RW_NUM_STANDBY_SETTINGS] = {
	"max_connections",
	"max_worker_processes",
	"max_wal_senders",
	"max_prepared_transactions",
	"max_locks_per_transaction",
};

void
rw_add_blocker(RwRecoveryFacts *recovery, int pid)
{
	if (pid != 0 && recovery->nblockers < RW_MAX_BLOCKERS)
		recovery->blockers[recovery->nblockers++] = pid;
}

/* Did this transaction exist when replay came to the record? */
static bool
was_there(const RwHolder *holder, TimestampTz since)
{
	return holder->began == 0 || since == 0 || holder->began <= since;
}

/* Numbers of transactions go round. */
static bool
is_older(TransactionId a, TransactionId b)
{
	return (int32) (a - b) < 0;
}

/* Add the holders of the oldest snapshots, in this order. */
static void
blame_oldest(RwRecoveryFacts *recovery, RwHolder *holders, int n)
{
	int			i;
	int			j;

	for (i = 0; i < n && i < RW_MAX_BLOCKERS; i++)
	{
		int			oldest = i;
		RwHolder	holder;

		for (j = i + 1; j < n; j++)
		{
			if (is_older(holders[j].xmin, holders[oldest].xmin))
				oldest = j;
		}
		holder = holders[oldest];
		holders[oldest] = holders[i];
		holders[i] = holder;
		rw_add_blocker(recovery, holder.pid);
	}
}

/* Blame the only one; nobody if there are more. */
static void
blame_only_one(RwRecoveryFacts *recovery, const RwHolder *only, int n)
{
	if (n != 1)
		return;
	rw_add_blocker(recovery, only->pid);
	recovery->blockers_likely = true;
}

void
rw_blame_snapshots(RwRecoveryFacts *recovery, RwHolder *holders, int n,
				   TransactionId horizon, TimestampTz since)
{
	const RwHolder *only = NULL;
	int			nthere = 0;
	int			nblamed = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		RwHolder	holder = holders[i];

		if (!was_there(&holder, since))
			continue;
		nthere++;
		only = &holders[i];
		/* The blamed ones move to the front. */
		if (TransactionIdIsNormal(holder.xmin) &&
			!is_older(horizon, holder.xmin))
		{
			holders[i] = holders[nblamed];
			holders[nblamed++] = holder;
		}
	}
	if (nblamed == 0 && since != 0)
	{
		/* One that began at no known time may have come later. */
		if (only != NULL && only->began != 0)
			blame_only_one(recovery, only, nthere);
		return;
	}

	blame_oldest(recovery, holders, nblamed);
	recovery->blockers_likely = since == 0;
}

void
rw_blame_any_snapshot(RwRecoveryFacts *recovery, const RwHolder *holders,
					  int n, TimestampTz since)
{
	const RwHolder *only = NULL;
	int			nfound = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (TransactionIdIsNormal(holders[i].xmin) &&
			was_there(&holders[i], since))
		{
			only = &holders[i];
			nfound++;
		}
	}
	blame_only_one(recovery, only, nfound);
}

void
rw_blame_pins(RwRecoveryFacts *recovery, const RwHolder *holders, int n)
{
	/* Pages are pinned while replay waits, too. */
	rw_blame_any_snapshot(recovery, holders, n, 0);
}

void
rw_blame_transactions(RwRecoveryFacts *recovery, const RwHolder *holders,
					  int n, TimestampTz since)
{
	int			i;

	for (i = 0; i < n; i++)
	{
		if (holders[i].began != 0 && was_there(&holders[i], since))
			rw_add_blocker(recovery, holders[i].pid);
	}
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void
rw_one_line(char *to, const char *query, size_t size)
{
	size_t		used = 0;

	while (is_space(*query))
		query++;
	while (*query != '\0' && used + 1 < size)
	{
		if (!is_space(*query))
		{
			to[used++] = *query++;
			continue;
		}
		while (is_space(*query))
			query++;
		if (*query != '\0')
			to[used++] = ' ';
	}
	to[used] = '\0';
}

void
rw_find_low_settings(RwRecoveryFacts *recovery, const int *here,
					 const int *primary)
{
	int			i;

	recovery->nlow = 0;
	for (i = 0; i < RW_NUM_STANDBY_SETTINGS; i++)
	{
		RwLowSetting *low = &recovery->low[recovery->nlow];

		if (here[i] >= primary[i])
			continue;
		low->name = setting_names[i];
		low->here = here[i];
		low->needed = primary[i];
		recovery->nlow++;
	}
}
