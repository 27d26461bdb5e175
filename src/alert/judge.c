/*-------------------------------------------------------------------------
 *
 * judge.c
 *	  What is wrong at this moment: facts in, findings out.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/judge.h"

bool
rw_judge_remember(RwJudgeMemory *memory, const RwFacts *facts,
				  const RwNodeFacts *node)
{
	bool		first = memory->watching_since == RW_NEVER;
	bool		role_changed = !first &&
		memory->in_recovery != facts->in_recovery;

	if (first || role_changed)
		memory->watching_since = facts->now;
	memory->in_recovery = facts->in_recovery;
	rw_watch_sync(&memory->sync, &node->sync_queues, facts->now);
	rw_watch_standby_slot(&memory->standby_slot, facts);
	return role_changed;
}

bool
rw_link_streams(const RwLink *link)
{
	return link && link->sender && link->replica &&
		(link->state == RW_STATE_STREAMING ||
		 link->state == RW_STATE_STOPPING);
}

bool
rw_is_judged(const RwLink *link, const RwJudgeInput *input)
{
	const RwReplica *replica = link->replica;

	if (link->upstream || replica == NULL)
		return false;
	return replica->known ||
		(replica->shared && replica->streaming_since != RW_NEVER &&
		 input->facts->now - replica->streaming_since >= input->known_after);
}

int
rw_max_subjects(const RwJudgeInput *input)
{
	/* A link can be a replica's and a slot's; and there is the node. */
	return 2 * input->links->nlinks + input->nexpected + 1;
}

static RwSubject *
start_subject(RwSubject *subject, RwSubjectClass class, const char *name,
			  const RwLink *link)
{
	/* A finding is filled in when its alert is judged. */
	memset(subject, 0, offsetof(RwSubject, findings));
	subject->class = class;
	rw_name_copy(subject->name, name);
	subject->link = link;
	return subject;
}

/*
 * The newest connection of the replica of this link.  Until the server notices
 * that an old connection is dead there are two of one name, and the old one is
 * the one that is known.
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

/* The replicas that have a link of their own; returns how many. */
static int
find_replicas(const RwJudgeInput *input, RwSubject *subjects)
{
	const RwLinks *links = input->links;
	int			n = 0;
	int			i;

	/* Links are in order of name, so equal names are neighbours. */
	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];

		if (!rw_is_judged(link, input))
			continue;
		if (n > 0 && rw_name_equal(subjects[n - 1].name, link->name))
		{
			/* Of connections that share a name the worst counts. */
			if (link->lag > subjects[n - 1].link->lag)
				subjects[n - 1].link = link;
			continue;
		}
		start_subject(&subjects[n++], RW_SUBJECT_REPLICA, link->name,
					  link->replica->shared ? link :
					  latest_connection(links, link));
	}
	return n;
}

/* Is this one of the server's own names, or with `alike`, is it like one? */
static bool
is_own_name(const RwJudgeInput *input, const char *name, bool alike)
{
	int			i;

	for (i = 0; i < input->nown; i++)
	{
		if (alike ? rw_name_alike(input->own[i], name) :
			rw_name_equal(input->own[i], name))
			return true;
	}
	return false;
}

void
rw_search_expected(const RwJudgeInput *input, RwNameSearch *search,
				   const char *name)
{
	const RwPublished *published = input->links->published;

	rw_search_begin(search, name);
	rw_search_replicas(search, published->replicas, published->max_replicas);
}

/* The place of the first link that is not before those of this name. */
static int
first_link(const RwLinks *links, const char *name)
{
	int			low = 0;
	int			high = links->nlinks;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		const RwLink *link = &links->links[middle];

		if (link->upstream || rw_name_compare(link->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The link of an expected replica that is not judged: its own, rather than
 * that of a slot of the same name; NULL if there is none.  A connection that
 * belongs to no replica is not its link.
 */
static const RwLink *
find_link(const RwLinks *links, const char *name)
{
	const RwLink *found = NULL;
	int			i;

	/* Links are in order of name. */
	for (i = first_link(links, name); i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];

		if (!rw_name_equal(link->name, name))
			break;
		if (rw_is_replicas_link(link))
			return link;
		if (rw_is_slot_alone(link))
			found = link;
	}
	return found;
}

/*
 * The subject that an expected name means; added to the *n if it is new.  It
 * has the name in the list until a replica is known that the name means:
 * slots and connections that come and go must not change it.
 */
static RwSubject *
find_expected(const RwJudgeInput *input, RwSubject *subjects, int *n,
			  const char *name)
{
	RwNameSearch search;
	const RwLink *link;
	const char *shown = name;
	int			i;

	rw_search_expected(input, &search, name);
	if (rw_search_end(&search) == RW_NAME_FOUND)
		shown = search.found[0];
	link = find_link(input->links, shown);
	/* Names in the list are different, and this one is nobody's. */
	if (shown == name)
		return start_subject(&subjects[(*n)++], RW_SUBJECT_REPLICA, name,
							 link);
	for (i = 0; i < *n; i++)
	{
		if (rw_name_equal(subjects[i].name, shown) ||
			(link != NULL && subjects[i].link == link))
			return &subjects[i];
	}
	return start_subject(&subjects[(*n)++], RW_SUBJECT_REPLICA, name, link);
}

/*
 * Mark those of the `njudged` replicas that are expected, and append those
 * that are expected and not among them; returns how many there are then.
 */
static int
add_expected(const RwJudgeInput *input, RwSubject *subjects, int njudged)
{
	bool		has_own = false;
	int			n = njudged;
	int			i;
	int			j = 0;

	/* If the list has one of its own names, another one is another server's. */
	for (i = 0; i < input->nexpected; i++)
		has_own |= is_own_name(input, input->expected[i], false);

	for (i = 0; i < input->nexpected; i++)
	{
		const char *name = input->expected[i];
		RwSubject  *subject;

		if (is_own_name(input, name, false))
			continue;

		/*
		 * Most names are those of replicas that are judged.  Both lists are
		 * in order of name: go through them side by side.
		 */
		while (j < njudged && rw_name_compare(subjects[j].name, name) < 0)
			j++;
		if (j < njudged && rw_name_equal(subjects[j].name, name))
			subject = &subjects[j];
		else if (!has_own && is_own_name(input, name, true))
			continue;
		else
			subject = find_expected(input, subjects, &n, name);
		subject->expected = true;
	}
	return n;
}

/* The slots; returns how many. */
static int
find_slots(const RwJudgeInput *input, RwSubject *subjects)
{
	const RwLinks *links = input->links;
	int			n = 0;
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];

		if (link->slot == NULL || link->slot->temporary)
			continue;
		start_subject(&subjects[n], RW_SUBJECT_SLOT, link->slot->name, link);
		subjects[n++].note = rw_find_slot_note(links->published, link->slot);
	}
	return n;
}

int
rw_find_subjects(const RwJudgeInput *input, RwSubject *subjects)
{
	const RwLinks *links = input->links;
	int			n = find_replicas(input, subjects);

	/* On a standby, an expected replica may well stream from the primary. */
	if (!input->facts->in_recovery)
		n = add_expected(input, subjects, n);

	n += find_slots(input, subjects + n);

	if (!input->facts->in_recovery)
		start_subject(&subjects[n++], RW_SUBJECT_NODE, input->node_name,
					  NULL);
	else if (links->nlinks > 0 && links->links[0].upstream)
		start_subject(&subjects[n++], RW_SUBJECT_NODE, input->node_name,
					  &links->links[0]);
	return n;
}

/* A finding that all is well, with the limits of the alert. */
static void
start_finding(RwFinding *finding, const RwAlertInfo *info,
			  const RwLimits *limits)
{
	memset(finding, 0, sizeof(RwFinding));
	finding->judged = rw_judge_level(RW_SEVERITY_NONE);
	finding->unit = info->unit;
	finding->value = -1;
	finding->limits[RW_SEVERITY_WARNING] = limits->of[info->warning];
	finding->limits[RW_SEVERITY_CRITICAL] = info->critical_factor ?
		limits->of[info->warning] * info->critical_factor :
		limits->of[info->critical];
}

/*
 * What has lasted for longer than a limit raises its alert only once the limit
 * has passed since the last gap (base/watch.h).  What fires is kept.
 */
static void
discount_gap(const RwFacts *facts, RwFinding *finding)
{
	int64		watched = facts->now - facts->watch.resumed_at;
	RwSeverity	severity = RW_SEVERITY_CRITICAL;

	for (; severity > RW_SEVERITY_NONE; severity--)
	{
		if (finding->limits[severity] > watched)
			finding->judged.raise = Min(finding->judged.raise, severity - 1);
	}
}

bool
rw_may_be_elsewhere(const RwSubject *subject)
{
	return subject->class == RW_SUBJECT_REPLICA &&
		(subject->link == NULL || subject->link->sender == NULL);
}

/* Does a replica that is not connected stream from another server? */
static bool
is_elsewhere(const RwJudgeInput *input, const RwSubject *subject)
{
	const RwPublished *published = input->links->published;
	const RwLink *link = subject->link;
	RwTime		now = input->facts->now;
	bool		followed = link && rw_is_replicas_link(link);

	if (!rw_may_be_elsewhere(subject) || (link && link->logical))
		return false;
	return rw_tree_streams_elsewhere(published->told, published->ntold,
									 published->own_id,
									 followed ?
									 rw_replica_key(published,
													link->replica) : 0,
									 subject->name,
									 followed ? rw_gone_for(link, now) : now,
									 now);
}

void
rw_judge_subject(const RwJudgeInput *input, RwSubject *subject)
{
	int			i;

	subject->elsewhere = is_elsewhere(input, subject);
	if (subject->class == RW_SUBJECT_REPLICA)
		subject->delay = subject->limits.of[RW_LIMIT_DELAY];
	else if (subject->class == RW_SUBJECT_NODE && input->facts->in_recovery)
		subject->delay = input->facts->recovery.apply_delay_ms * RW_MS;

	for (i = 0; i < rw_class_alerts(subject->class); i++)
	{
		const RwAlertInfo *info =
			&rw_alert_table[rw_alerts_of_class[subject->class][i]];
		RwFinding  *finding = &subject->findings[i];

		start_finding(finding, info, &subject->limits);
		info->judge(input, subject, finding);
		if (info->lasting)
			discount_gap(input->facts, finding);
	}
}
