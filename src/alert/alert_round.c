/*-------------------------------------------------------------------------
 *
 * alert_round.c
 *	  A round of the alerts, in the sampling worker.
 *
 * The worker keeps an entry for each subject, with the states of its alerts.
 * Only firing alerts are published; a worker that starts makes its entries
 * from those, so that nothing is raised twice.
 *
 * A round judges all subjects, steps the states by what was found, and makes
 * an item of each alert that has changed, fires or is to be reported.  Items
 * are put into words, published, and reported.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "src/alert/alert.h"
#include "src/alert/intern.h"
#include "src/lag/lag.h"
#include "src/lag/lag_shared.h"
#include "src/observe/archive_status.h"
#include "src/replica/expected.h"
#include "src/replica/node_name.h"
#include "src/settings.h"

/* How often the words of firing alerts are brought up to date. */
#define REFRESH_INTERVAL	(1 * RW_SECOND)

/* What the worker keeps from round to round. */
typedef struct AlertWorker
{
	HTAB	   *entries;		/* RwAlertEntry; NULL before the first round */
	RwAlertEntry *first;		/* of the first subject of the last round */
	uint64		round;
	RwTime		round_at;		/* when it was; RW_NEVER before the first */
	uint32		seen_requests;	/* RwAlerts' requests, as of the last round */
	RwTime		refreshed_at;
	RwJudgeMemory memory;
	RwArchiveFacts archive;		/* looked at after the round */
	int			max_subjects;	/* the room in subjects */
	RwSubject  *subjects;		/* of a round; kept because it is large */
} AlertWorker;

/* What a round works on. */
typedef struct Round
{
	const RwFacts *facts;
	RwTime		hold;
	RwTime		unseen;			/* the time before this round in which nobody
								 * looked */
	RwTime		repeat;
	uint32		requests;
	int			nsilences;
	RwSilence	silences[RW_MAX_SILENCES];
	int			nitems;
	int			nfiring;		/* of the items */
	int			max_items;		/* the room in items */
	RwAlertItem *items;
} Round;

static AlertWorker worker;

/* The entry of a subject, made if there is none. */
static RwAlertEntry *
find_entry(RwSubjectClass class, const char *name)
{
	RwAlertEntryKey key;
	RwAlertEntry *entry;
	bool		found;
	int			i;

	key.class = class;
	rw_name_copy(key.name, name);
	entry = hash_search(worker.entries, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->round = 0;
		entry->next = NULL;
		memset(entry->states, 0, sizeof(entry->states));
		memset(entry->progress, 0, sizeof(entry->progress));
		for (i = 0; i < RW_CLASS_MAX_ALERTS; i++)
			entry->places[i] = -1;
	}
	return entry;
}

/* Make entries of what an earlier worker, or the state file, has left. */
static void
adopt_published_alerts(void)
{
	HASHCTL		control;
	int			nfiring;
	int			i;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(RwAlertEntryKey);
	control.entrysize = sizeof(RwAlertEntry);
	worker.entries = hash_create("replwatch alerts", 128, &control,
								 HASH_ELEM | HASH_BLOBS);

	LWLockAcquire(rw_state_lock, LW_SHARED);
	nfiring = rw_alerts->nfiring;
	LWLockRelease(rw_state_lock);

	for (i = 0; i < nfiring; i++)
	{
		/* Other processes change only its `forgotten`. */
		const RwAlert *alert = &rw_alerts->firing[i];
		RwAlertEntry *entry;
		int			place;

		if (!alert->used)
			continue;
		place = rw_alert_place(alert->alert);
		entry = find_entry(rw_alert_class(alert->alert), alert->subject);
		entry->states[place] = alert->rule;
		rw_alert_restart(&entry->states[place]);
		entry->progress[place] = alert->progress;
		entry->places[place] = i;
	}
}

static RwAlertItem *
add_item(Round *round)
{
	if (round->nitems == round->max_items)
	{
		round->max_items = Max(2 * round->max_items, 16);
		round->items = round->items ?
			repalloc(round->items, round->max_items * sizeof(RwAlertItem)) :
			palloc(round->max_items * sizeof(RwAlertItem));
	}
	memset(&round->items[round->nitems], 0, sizeof(RwAlertItem));
	return &round->items[round->nitems++];
}

/*
 * After all alerts of a subject have been stepped: decide what is reported of
 * one of them, whose severity has changed by `change`, and make an item of it
 * unless there is nothing to do for it.
 */
static void
settle_alert(Round *round, RwAlertEntry *entry, RwAlertKind alert,
			 RwChange change, const RwSubject *subject)
{
	RwAlertState *state = &entry->states[rw_alert_place(alert)];
	RwSeverity	reported_before = state->reported;
	RwChange	reported;
	RwCause		cause;
	RwAlertItem *item;
	bool		muted;

	/* This is so of most alerts in most rounds. */
	if (state->severity == RW_SEVERITY_NONE &&
		state->reported == RW_SEVERITY_NONE && change == RW_CHANGE_NONE)
		return;

	cause = rw_find_cause(alert, entry->states, subject, round->facts->now);
	muted = cause.state != RW_CAUSE_NONE ||
		rw_is_silenced(round->silences, round->nsilences, entry->key.class,
					   entry->key.name, round->facts->wall);
	reported = rw_alert_report(state, muted, round->repeat,
							   round->facts->now);

	if (state->severity == RW_SEVERITY_NONE && change == RW_CHANGE_NONE &&
		reported == RW_CHANGE_NONE)
		return;

	item = add_item(round);
	item->entry = entry;
	item->alert = alert;
	item->reported_before = reported_before;
	item->change = change;
	item->reported = reported;
	item->muted = muted;
	item->cause = cause;
	item->subject = subject;
	item->state = *state;
	if (state->severity != RW_SEVERITY_NONE)
		round->nfiring++;
}

static RwChange
step_state(const Round *round, RwAlertState *state, const RwJudged *judged)
{
	if (round->unseen > 0)
		rw_alert_unseen(state, round->unseen);
	return rw_alert_step(state, judged, round->hold, round->facts->now);
}

/* Step one alert by its finding. */
static RwChange
step_alert(const Round *round, RwAlertEntry *entry, RwAlertKind alert,
		   const RwFinding *finding)
{
	int			place = rw_alert_place(alert);
	RwAlertState *state = &entry->states[place];
	RwJudged	judged = finding->judged;
	RwChange	change;

	/* Without progress, an alert that fires does not get better. */
	if (finding->progress != 0 &&
		finding->progress == entry->progress[place])
		judged.keep = Max(judged.keep, state->severity);
	change = step_state(round, state, &judged);
	if (change == RW_CHANGE_RAISED)
		entry->progress[place] = finding->progress;
	return change;
}

/*
 * The entry of a subject, which is *at if the subject before it is the same as
 * in the last round; updates *at.  Subjects come and go so seldom that few have
 * to be looked up.  The memory of an entry that was removed stays the table's,
 * but is not one that was stepped in the last round.
 */
static RwAlertEntry *
find_entry_at(RwAlertEntry **at, const RwSubject *subject)
{
	RwAlertEntry *entry = *at;

	if (entry == NULL || entry->round != worker.round - 1 ||
		entry->key.class != subject->class ||
		!rw_name_equal(entry->key.name, subject->name))
		*at = entry = find_entry(subject->class, subject->name);
	return entry;
}

/*
 * Step the alerts of a subject that is there; `at` is for find_entry_at().
 * Returns the same for the next subject.
 */
static RwAlertEntry **
step_subject(Round *round, RwAlertEntry **at, const RwSubject *subject)
{
	RwAlertEntry *entry = find_entry_at(at, subject);
	const RwAlertKind *alerts = rw_alerts_of_class[subject->class];
	int			nalerts = rw_class_alerts(subject->class);
	RwChange	changes[RW_CLASS_MAX_ALERTS];
	int			i;

	entry->round = worker.round;
	for (i = 0; i < nalerts; i++)
		changes[i] = step_alert(round, entry, alerts[i],
								&subject->findings[i]);
	for (i = 0; i < nalerts; i++)
		settle_alert(round, entry, alerts[i], changes[i], subject);
	return &entry->next;
}

/*
 * Step the alerts of a subject that is gone: they end when the hold time is
 * over, or `at_once`.  Returns true if nothing is left of them.
 */
static bool
step_absent(Round *round, RwAlertEntry *entry, bool at_once)
{
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);
	const RwAlertKind *alerts = rw_alerts_of_class[entry->key.class];
	int			nalerts = rw_class_alerts(entry->key.class);
	RwChange	changes[RW_CLASS_MAX_ALERTS];
	bool		idle = true;
	int			i;

	for (i = 0; i < nalerts; i++)
	{
		RwAlertState *state = &entry->states[i];

		changes[i] = at_once ? rw_alert_end(state, round->facts->now) :
			step_state(round, state, &judged);
	}
	for (i = 0; i < nalerts; i++)
	{
		settle_alert(round, entry, alerts[i], changes[i], NULL);
		idle &= rw_alert_idle(&entry->states[i]);
	}
	return idle;
}

/* Has replwatch_forget() been called for this subject? */
static bool
is_forgotten(const RwAlertEntry *entry)
{
	int			i;

	for (i = 0; i < RW_CLASS_MAX_ALERTS; i++)
	{
		if (entry->places[i] >= 0 &&
			rw_alerts->firing[entry->places[i]].forgotten)
			return true;
	}
	return false;
}

/* Remove an entry, unless an item still needs it to be published. */
static void
drop_entry(const Round *round, RwAlertEntry *entry)
{
	int			i;

	for (i = 0; i < round->nitems; i++)
	{
		if (round->items[i].entry == entry)
			return;
	}
	hash_search(worker.entries, &entry->key, HASH_REMOVE, NULL);
}

static void
step_absent_subjects(Round *round)
{
	HASH_SEQ_STATUS status;
	RwAlertEntry *entry;

	hash_seq_init(&status, worker.entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->round == worker.round)
			continue;
		if (step_absent(round, entry, false))
			drop_entry(round, entry);
	}
}

/*
 * End the alerts that replwatch_forget() was called for and, if the role has
 * changed, those about this server in its old role.
 */
static void
end_outdated_alerts(Round *round, bool role_changed)
{
	HASH_SEQ_STATUS status;
	RwAlertEntry *entry;

	hash_seq_init(&status, worker.entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if ((role_changed && entry->key.class == RW_SUBJECT_NODE) ||
			is_forgotten(entry))
			(void) step_absent(round, entry, true);
	}
}

/* Does the finding say that the alert goes on? */
static bool
goes_on(const RwAlertItem *item)
{
	int			place = rw_alert_place(item->alert);
	const RwFinding *finding = &item->subject->findings[place];

	return finding->judged.known &&
		(finding->judged.keep > RW_SEVERITY_NONE ||
		 (finding->progress != 0 &&
		  finding->progress == item->entry->progress[place]));
}

/*
 * Put an item into words.  Once its condition is over, and only the hold time
 * has to go by, the last words stay.
 */
static void
describe_item(RwAlertItem *item, const RwJudgeInput *input)
{
	int			place = item->entry->places[rw_alert_place(item->alert)];

	if (item->state.severity != RW_SEVERITY_NONE && item->subject != NULL &&
		goes_on(item))
	{
		rw_describe_alert(input, item->subject, item->alert,
						  item->state.severity, &item->text);
		if (item->cause.state != RW_CAUSE_NONE)
			rw_add_why_quiet(&item->text, item->cause);
		else if (!item->muted && item->state.reported == RW_SEVERITY_NONE)
			rw_add_detail(&item->text,
						  "Not reported because it is about to clear.", NULL);
	}
	else if (place >= 0)
	{
		/* Only this process writes them, so no lock is needed. */
		const RwAlert *published = &rw_alerts->firing[place];

		memcpy(item->text.detail, published->detail, RW_ALERT_DETAIL_LEN);
		memcpy(item->text.value, published->value, RW_ALERT_VALUE_LEN);
		memcpy(item->text.threshold, published->threshold,
			   RW_ALERT_VALUE_LEN);
	}
}

/* Start a round, with a copy of the silences. */
static void
begin_round(Round *round, const RwFacts *facts)
{
	if (worker.entries == NULL)
		adopt_published_alerts();
	worker.round++;

	memset(round, 0, offsetof(Round, silences));
	round->facts = facts;
	round->hold = rw_alert_hold_ms * RW_MS;
	if (worker.round_at != RW_NEVER &&
		facts->watch.resumed_at > worker.round_at)
		round->unseen = facts->now - worker.round_at;
	worker.round_at = facts->now;
	round->repeat = rw_alert_repeat_s * RW_SECOND;
	round->nitems = round->nfiring = round->max_items = 0;
	round->items = NULL;

	LWLockAcquire(rw_state_lock, LW_SHARED);
	round->requests = rw_alerts->requests;
	round->nsilences = rw_alerts->nsilences;
	memcpy(round->silences, rw_alerts->silences,
		   round->nsilences * sizeof(RwSilence));
	LWLockRelease(rw_state_lock);
}

/* Room for all subjects of a round. */
static RwSubject *
room_for_subjects(int n)
{
	if (n > worker.max_subjects)
	{
		if (worker.subjects != NULL)
			pfree(worker.subjects);
		worker.subjects = NULL;
		worker.max_subjects = 0;
		worker.subjects = MemoryContextAlloc(TopMemoryContext,
											 n * sizeof(RwSubject));
		worker.max_subjects = n;
	}
	return worker.subjects;
}

/* Find all subjects and judge them; returns how many in *n. */
static RwSubject *
judge_subjects(const RwJudgeInput *input, int *n)
{
	RwSubject  *subjects = room_for_subjects(rw_max_subjects(input));
	RwPublished *published = input->links->published;
	RwLimits	general;
	int			i;

	rw_general_limits(&general);
	*n = rw_find_subjects(input, subjects);
	for (i = 0; i < *n; i++)
	{
		if (rw_may_be_elsewhere(&subjects[i]))
		{
			rw_published_told(published);
			break;
		}
	}
	for (i = 0; i < *n; i++)
	{
		RwSubject  *subject = &subjects[i];

		subject->limits = general;
		rw_override_limits(&subject->limits, subject->name,
						   subject->link ? subject->link->replica : NULL,
						   published->replicas, published->max_replicas);
		rw_judge_subject(input, subject);
	}
	return subjects;
}

/* Publish and report the items of a round. */
static void
finish_round(Round *round)
{
	int			i;

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	rw_alerts->judged_at = round->facts->now;
	for (i = 0; i < round->nitems; i++)
		rw_publish_alert(&round->items[i], round->facts->now,
						 round->facts->wall);
	LWLockRelease(rw_state_lock);

	for (i = 0; i < round->nitems; i++)
	{
		if (rw_log_alerts)
			rw_log_alert(&round->items[i], round->facts->now);
		rw_push_alert(&round->items[i], round->facts);
	}
}

bool
rw_alerts_round(RwFacts *facts, RwLinks *links)
{
	Round		round;
	RwNodeFacts node;
	RwJudgeInput input;
	RwSubject  *subjects;
	RwAlertEntry **at;
	char		own_names[RW_MAX_NODE_NAMES][RW_NAME_LEN];
	int			nsubjects;
	bool		role_changed;
	bool		changed;
	bool		reported = false;
	int			i;

	/* The role is not decided yet, or the earlier alerts are not known. */
	if (facts->crash_recovery || !rw_lag_shared->state_loaded)
		return false;

	begin_round(&round, facts);
	rw_observe_node(facts, &node);
	role_changed = rw_judge_remember(&worker.memory, facts, &node);

	input.facts = facts;
	input.node = &node;
	input.archive = &worker.archive;
	input.links = links;
	input.standby_streams = rw_any_standby_streams(links, facts->now);
	input.memory = &worker.memory;
	input.known_after = rw_known_after_s * RW_SECOND;
	input.hold = round.hold;
	input.expected = rw_expected(&input.nexpected);
	input.node_name = rw_node_name(facts->in_recovery, facts->receiver.name);
	input.node_is_named = rw_node_is_named();
	/* A standby expects no replicas, and so does not need its names. */
	input.own = (const char (*)[RW_NAME_LEN]) own_names;
	input.nown = facts->in_recovery ? 0 : rw_all_node_names(own_names);
	subjects = judge_subjects(&input, &nsubjects);

	changed = round.requests != worker.seen_requests;
	if (changed || role_changed)
		end_outdated_alerts(&round, role_changed);
	worker.seen_requests = round.requests;
	at = &worker.first;
	for (i = 0; i < nsubjects; i++)
		at = step_subject(&round, at, &subjects[i]);
	step_absent_subjects(&round);

	for (i = 0; i < round.nitems; i++)
	{
		changed |= round.items[i].change != RW_CHANGE_NONE;
		reported |= round.items[i].reported != RW_CHANGE_NONE;
	}

	/* If nothing has changed, publishing the words again can wait. */
	if (changed || reported ||
		(round.nfiring > 0 &&
		 facts->now - worker.refreshed_at >= REFRESH_INTERVAL))
	{
		worker.refreshed_at = facts->now;
		rw_explain(facts, links);
		for (i = 0; i < round.nitems; i++)
			describe_item(&round.items[i], &input);
	}
	else
		round.nitems = 0;
	finish_round(&round);
	return changed || reported;
}

void
rw_alerts_look(const RwFacts *facts)
{
	if (facts->crash_recovery)
		return;
	rw_observe_archive(&worker.archive, facts->in_recovery);
	if (rw_observe_wal_volume(facts, &worker.archive,
							  &worker.memory.wal_disk.volume))
		rw_wal_disk_add(&worker.memory.wal_disk, facts);
}
