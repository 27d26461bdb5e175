/*-------------------------------------------------------------------------
 *
 * judge.c
 *	  What the alerts' rules say of the facts of this moment.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "src/alert/judge.h"
#include "src/alert/judge_node.h"
#include "src/alert/judge_replica.h"
#include "src/alert/judge_slot.h"
#include "src/replica/expected.h"

/* What the worker remembers of the node from one round to the next. */
static RwTime watching_since = RW_NEVER;	/* in the role that it has */
static bool was_in_recovery;

static RwSubject *
add_subject(RwSubjects *subjects, RwSubjectClass class, const char *name,
			const RwLink *link)
{
	RwSubject  *subject = &subjects->subjects[subjects->n++];
	int			i;

	memset(subject, 0, sizeof(RwSubject));
	subject->class = class;
	rw_name_copy(subject->name, name);
	subject->link = link;
	for (i = 0; i < rw_class_alerts[class].n; i++)
	{
		subject->findings[i].judged = rw_judge_level(RW_SEVERITY_NONE);
		subject->findings[i].value = -1;
	}
	return subject;
}

/*
 * The connection that a replica is on.  As long as its old one is not noticed
 * to be dead it has two, and the old one is the one that is known.
 */
static const RwLink *
latest_connection(const RwLinks *links, const RwLink *link)
{
	const RwLink *latest = link;
	int			i;

	if (link->sender == NULL || link->replica->alone_since != RW_NEVER)
		return link;
	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *other = &links->links[i];

		if (other->sender && other->replica &&
			other->last_seen > latest->last_seen &&
			rw_name_equal(other->name, link->name))
			latest = other;
	}
	return latest;
}

static void
add_replicas(RwSubjects *subjects, const RwFacts *facts, const RwLinks *links)
{
	const char	(*expected)[RW_NAME_LEN];
	char		own[RW_NAME_LEN];
	int			nexpected;
	int			njudged;
	RwSubject  *subject;
	int			i;
	int			j = 0;
	int			k = 0;

	/* Links come in the order of their names: equal ones are neighbours. */
	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];

		if (!rw_is_judged(link, facts))
			continue;
		subject = subjects->n > 0 ? &subjects->subjects[subjects->n - 1] : NULL;
		if (subject && subject->class == RW_SUBJECT_REPLICA &&
			rw_name_equal(subject->name, link->name))
		{
			/* Of those that share a name the worst counts. */
			if (link->lag > subject->link->lag)
				subject->link = link;
			continue;
		}
		add_subject(subjects, RW_SUBJECT_REPLICA, link->name,
					link->replica->shared ? link :
					latest_connection(links, link));
	}

	/* Only a primary can say that nobody else has it. */
	if (facts->in_recovery)
		return;

	/* These come in order, too: what was found above is looked at once. */
	expected = rw_expected(&nexpected);
	njudged = subjects->n;
	rw_own_name(own);
	for (i = 0; i < nexpected; i++)
	{
		const char *name = expected[i];

		if (rw_name_equal(name, own) ||
			(cluster_name && rw_name_equal(name, cluster_name)))
			continue;
		while (j < njudged && rw_name_compare(subjects->subjects[j].name, name) < 0)
			j++;
		if (j < njudged && rw_name_equal(subjects->subjects[j].name, name))
			subject = &subjects->subjects[j];
		else
		{
			subject = add_subject(subjects, RW_SUBJECT_REPLICA, name, NULL);
			while (k < links->nlinks && rw_name_compare(links->links[k].name, name) < 0)
				k++;
			for (; k < links->nlinks && rw_name_equal(links->links[k].name, name); k++)
				subject->link = &links->links[k];
		}
		subject->expected = true;
	}
}

static const RwSlotNote *
note_of(const RwLinks *links, const RwSlotFacts *slot)
{
	const RwSlotNote *note = &links->published->slot_notes[slot->number];

	return rw_name_equal(note->name, slot->name) ? note : NULL;
}

void
rw_judge(const RwFacts *facts, const RwLinks *links, RwSubjects *subjects)
{
	int			nexpected;
	int			i;

	if (watching_since == RW_NEVER || was_in_recovery != facts->in_recovery)
		watching_since = facts->now;
	was_in_recovery = facts->in_recovery;

	memset(subjects, 0, sizeof(RwSubjects));
	(void) rw_expected(&nexpected);
	subjects->subjects = palloc((1 + 2 * links->nlinks + nexpected) *
								sizeof(RwSubject));

	rw_observe_sync(&subjects->node.sync);
	subjects->node.last_replica_gone = true;
	for (i = 0; i < links->nlinks; i++)
	{
		if (rw_link_streams(&links->links[i]))
			subjects->node.last_replica_gone = false;
	}

	add_replicas(subjects, facts, links);
	for (i = 0; i < subjects->n; i++)
		rw_judge_replica(&subjects->subjects[i], facts, &subjects->node,
						 watching_since);

	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];
		const RwSlotNote *note;

		if (link->slot == NULL || link->slot->temporary)
			continue;
		note = note_of(links, link->slot);
		if (facts->in_recovery && !(note && note->used_here))
			continue;
		rw_judge_slot(add_subject(subjects, RW_SUBJECT_SLOT, link->slot->name,
								  link), facts, note, watching_since);
	}

	if (!facts->in_recovery)
		rw_judge_primary(add_subject(subjects, RW_SUBJECT_NODE,
									 rw_primary_name(), NULL),
						 facts, &subjects->node);
	else if (links->nlinks > 0 && links->links[0].upstream)
		rw_judge_standby(add_subject(subjects, RW_SUBJECT_NODE,
									 links->links[0].name, &links->links[0]),
						 facts, &links->published->upstream);
}
