/*-------------------------------------------------------------------------
 *
 * judge.h
 *	  What is wrong at this moment: facts in, findings out.
 *
 * A pure file.  Each subject gets a finding for each alert of its class.  A
 * finding is what one look shows; whether the alert is raised or cleared for
 * it is decided by the alert's state (alert_state.h), which follows findings
 * over time.
 *
 * Subjects are: replicas that are known, that are expected, or that share
 * their name with another connection and have streamed for known_after;
 * replication slots, but for temporary ones; and the node.
 *
 * This file finds the subjects and calls the function in each alert's row of
 * the table (alert_kinds.h).  Those are in judge_replica.c, judge_slot.c,
 * judge_sync.c, judge_node.c and judge_held.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_JUDGE_H
#define RW_JUDGE_H

#include "src/alert/alert_kinds.h"
#include "src/alert/sync_watch.h"
#include "src/alert/wal_disk.h"
#include "src/lag/lag.h"
#include "src/observe/archive_queue.h"
#include "src/observe/observe_node.h"
#include "src/replica/resolve.h"

typedef struct RwFinding
{
	RwJudged	judged;
	RwUnit		unit;
	int64		value;			/* negative: not known */
	int64		limits[RW_NUM_SEVERITIES];	/* 0: none */
	uint64		progress;		/* unless 0: what fires is kept while this
								 * stays as it was when the alert was raised */
	bool		pending;		/* the condition has begun; the alert will be
								 * raised if it lasts */
} RwFinding;

typedef struct RwSubject
{
	RwSubjectClass class;
	char		name[RW_NAME_LEN];
	const RwLink *link;			/* its row; NULL: none, as for a primary and
								 * for an expected replica never seen */
	const RwSlotNote *note;		/* of a slot; NULL: none yet */
	bool		expected;		/* a replica listed in expected_replicas */
	bool		elsewhere;		/* a replica that streams from another one */
	RwLimits	limits;			/* in force for it; the caller fills them in */
	int64		delay;			/* lag on purpose, in microseconds */
	RwFinding	findings[RW_CLASS_MAX_ALERTS];	/* by rw_alert_place() */
} RwSubject;

/*
 * What lasts from one round to the next.  Begins as all zero; the caller keeps
 * it.
 */
typedef struct RwJudgeMemory
{
	RwTime		watching_since; /* in the present role */
	bool		in_recovery;	/* the role of the last round */
	RwSyncWatch sync;
	RwStandbySlotWatch standby_slot;
	RwWalDisk	wal_disk;
} RwJudgeMemory;

/* What a round is judged by; the same for all subjects. */
typedef struct RwJudgeInput
{
	const RwFacts *facts;
	const RwNodeFacts *node;
	const RwArchiveFacts *archive;	/* of the last look */
	const RwLinks *links;		/* with links->published; in the order of
								 * rw_sort_links() */
	bool		standby_streams;	/* rw_any_standby_streams() */
	const RwJudgeMemory *memory;
	int64		known_after;	/* replwatch.known_after, in microseconds */
	int64		hold;			/* replwatch.alert_hold, in microseconds */

	/* replwatch.expected_replicas: in order of name, without duplicates. */
	int			nexpected;
	const char	(*expected)[RW_NAME_LEN];

	/* What this server is called: see src/replica/node_name.h. */
	const char *node_name;		/* the name of its subject */
	bool		node_is_named;	/* by replwatch.node_name */
	int			nown;			/* all its names, which it does not expect */
	const char	(*own)[RW_NAME_LEN];
} RwJudgeInput;

/*
 * Bring *memory up to date, before anything else of a round.  Returns true if
 * the server's role has changed since the last round.
 */
extern bool rw_judge_remember(RwJudgeMemory *memory, const RwFacts *facts,
							  const RwNodeFacts *node);

/* The room that rw_find_subjects() needs. */
extern int	rw_max_subjects(const RwJudgeInput *input);

/*
 * Fill in the subjects that there are now, without limits and findings: the
 * replicas in order of name, the slots, the node.  Returns how many.
 */
extern int	rw_find_subjects(const RwJudgeInput *input, RwSubject *subjects);

/*
 * Search for the replica or slot that a name in expected_replicas means.  What
 * is found is the subject's name.
 */
extern void rw_search_expected(const RwJudgeInput *input,
							   RwNameSearch *search, const char *name);

/* Judge all alerts of a subject, whose limits have been filled in. */
extern void rw_judge_subject(const RwJudgeInput *input, RwSubject *subject);

/*
 * May this subject be a replica that streams from another server?  If any may,
 * what other servers have reported is looked at (rw_published_told() in
 * src/lag/lag.h).
 */
extern bool rw_may_be_elsewhere(const RwSubject *subject);

/* Is a replica that is followed connected by this link?  NULL is no link. */
extern bool rw_link_streams(const RwLink *link);

/* Does any standby stream from this server?  A subscriber is none. */
extern bool rw_any_standby_streams(const RwLinks *links, RwTime now);

/* Is this the link of a replica that is judged? */
extern bool rw_is_judged(const RwLink *link, const RwJudgeInput *input);

#endif							/* RW_JUDGE_H */
