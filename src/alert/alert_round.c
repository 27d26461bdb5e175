/*-------------------------------------------------------------------------
 *
 * alert_round.c
 *	  The alerts: their life in the worker.
 *
 * The worker keeps an entry for each subject that there is, with the machines
 * of its alerts.  Of those only what fires is published; a worker that starts
 * makes its entries from that, so that nothing is raised twice.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "src/alert/alert.h"
#include "src/alert/alerts_item.h"
#include "src/alert/alerts_notify.h"
#include "src/alert/alerts_publish.h"
#include "src/alert/judge.h"
#include "src/lag/lag_shared.h"
#include "src/settings.h"

/* How often the words about a firing alert are brought up to date. */
#define REFRESH_INTERVAL	(1 * RW_SECOND)

/* For how long a cause that is over is given as one at most. */
#define AFTERMATH_MAX		(10 * RW_MINUTE)

typedef struct Round
{
	RwFacts    *facts;
	RwTime		hold;
	RwTime		repeat;
	int			nsilences;
	RwSilence	silences[RW_MAX_SILENCES];
	int			nitems;
	int			nfiring;		/* of the items */
	int			room;
	RwAlertItem *items;
} Round;

static HTAB *entries = NULL;
static uint64 round_number = 0;
static uint32 seen_requests = 0;
static RwTime refreshed_at = RW_NEVER;
static bool was_in_recovery;

static RwAlertEntry *
find_entry(RwSubjectClass class, const char *name)
{
	RwAlertEntryKey key;
	RwAlertEntry *entry;
	bool		found;
	int			i;

	memset(&key, 0, sizeof(key));
	key.class = class;
	rw_name_copy(key.name, name);
	entry = hash_search(entries, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->round = 0;
		memset(entry->states, 0, sizeof(entry->states));
		memset(entry->progress, 0, sizeof(entry->progress));
		for (i = 0; i < RW_CLASS_MAX_ALERTS; i++)
			entry->places[i] = -1;
	}
	return entry;
}

/* Entries for what a worker before this one, or the file, left behind. */
static void
take_over(void)
{
	HASHCTL		control;
	int			nfiring;
	int			i;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(RwAlertEntryKey);
	control.entrysize = sizeof(RwAlertEntry);
	entries = hash_create("replwatch alerts", 128, &control,
						  HASH_ELEM | HASH_BLOBS);

	LWLockAcquire(rw_state_lock, LW_SHARED);
	nfiring = rw_alerts->nfiring;
	LWLockRelease(rw_state_lock);

	for (i = 0; i < nfiring; i++)
	{
		/* Only its flag `forgotten` is changed by anybody but us. */
		const RwAlert *alert = &rw_alerts->firing[i];
		RwSubjectClass class = rw_alert_class(alert->alert);
		int			k = alert->alert - rw_class_alerts[class].first;
		RwAlertEntry *entry;

		if (!alert->used)
			continue;
		entry = find_entry(class, alert->subject);
		entry->states[k] = alert->rule;
		rw_alert_restart(&entry->states[k]);
		entry->progress[k] = alert->progress;
		entry->places[k] = i;
	}
}

/* As rw_is_silenced() says, with the round's own copy. */
static bool
is_silenced(const Round *round, const char *name)
{
	int			i;

	for (i = 0; i < round->nsilences; i++)
	{
		if (round->silences[i].until > round->facts->wall &&
			rw_name_equal(round->silences[i].name, name))
			return true;
	}
	return false;
}

static RwAlertItem *
add_item(Round *round)
{
	if (round->nitems == round->room)
	{
		round->room = Max(2 * round->room, 16);
		round->items = round->items ?
			repalloc(round->items, round->room * sizeof(RwAlertItem)) :
			palloc(round->room * sizeof(RwAlertItem));
	}
	memset(&round->items[round->nitems], 0, offsetof(RwAlertItem, text));
	return &round->items[round->nitems++];
}

/*
 * The alert that keeps this one quiet, or NULL; *how says in which way.  A
 * cause that has just begun keeps a warning quiet until it is due itself, and
 * what it leaves behind has as long to go away as it lasted.
 */
static const char *
find_cause(const Round *round, const RwAlertEntry *entry, int i,
		   const RwSubject *subject, const char **how)
{
	RwAlertKind first = rw_class_alerts[entry->key.class].first;
	const RwAlertState *state = &entry->states[i];
	int			j;

	for (j = 0; j < i; j++)
	{
		const RwAlertState *cause = &entry->states[j];

		if (!rw_alert_follows_from(first + i, first + j))
			continue;
		if (cause->severity != RW_SEVERITY_NONE)
			*how = "fires";
		else if (state->severity <= state->reported)
			continue;
		else if (subject && subject->findings[j].pending &&
				 state->severity == RW_SEVERITY_WARNING)
			*how = "may be about to fire";
		else if (cause->changed_at != RW_NEVER &&
				 round->facts->now - cause->changed_at <
				 Min(cause->changed_at - cause->raised_at, AFTERMATH_MAX))
			*how = "has just been cleared";
		else
			continue;
		return rw_alert_name(first + j);
	}
	return NULL;
}

/* What becomes of one alert, `change` being how it has changed. */
static void
settle(Round *round, RwAlertEntry *entry, int i, RwChange change,
	   const RwSubject *subject)
{
	RwClassAlerts alerts = rw_class_alerts[entry->key.class];
	RwAlertState *state = &entry->states[i];
	RwSeverity	reported_before;
	RwChange	reported;
	const char *how = NULL;
	const char *cause;
	RwAlertItem *item;
	bool		muted;

	/* Nothing is there to be muted or told in most rounds. */
	if (state->severity == RW_SEVERITY_NONE &&
		state->reported == RW_SEVERITY_NONE && change == RW_CHANGE_NONE)
		return;

	cause = find_cause(round, entry, i, subject, &how);
	reported_before = state->reported;
	muted = cause != NULL || is_silenced(round, entry->key.name);
	reported = rw_alert_report(state, muted, round->repeat, round->facts->now);

	if (state->severity == RW_SEVERITY_NONE && change == RW_CHANGE_NONE &&
		reported == RW_CHANGE_NONE)
		return;

	item = add_item(round);
	item->entry = entry;
	item->i = i;
	item->alert = alerts.first + i;
	item->reported_before = reported_before;
	item->change = change;
	item->reported = reported;
	item->muted = muted;
	item->cause = cause;
	item->how = how;
	item->subject = subject;
	item->state = *state;
	if (state->severity != RW_SEVERITY_NONE)
		round->nfiring++;
}

/* Step the alerts of a subject that is there. */
static void
step_subject(Round *round, const RwSubject *subject)
{
	RwAlertEntry *entry = find_entry(subject->class, subject->name);
	int			i;

	entry->round = round_number;
	for (i = 0; i < rw_class_alerts[subject->class].n; i++)
	{
		const RwFinding *finding = &subject->findings[i];
		RwAlertState *state = &entry->states[i];
		RwSeverity	before = state->severity;
		RwJudged	judged = finding->judged;
		RwChange	change;

		if (finding->progress != 0 && before != RW_SEVERITY_NONE &&
			finding->progress == entry->progress[i])
			judged.keep = Max(judged.keep, before);
		change = rw_alert_step(state, &judged, round->hold, round->facts->now);
		if (change == RW_CHANGE_RAISED)
			entry->progress[i] = finding->progress;
		settle(round, entry, i, change, subject);
	}
}

/*
 * Step the alerts of a subject that is not there any more, at once if nobody
 * wants to hear of it, or it can't come back.  True if nothing is left.
 */
static bool
step_absent(Round *round, RwAlertEntry *entry, bool at_once)
{
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);
	bool		idle = true;
	int			i;

	for (i = 0; i < rw_class_alerts[entry->key.class].n; i++)
	{
		RwAlertState *state = &entry->states[i];
		RwChange	change;

		if (at_once)
			change = rw_alert_end(state, round->facts->now);
		else
			change = rw_alert_step(state, &judged, round->hold,
								  round->facts->now);
		settle(round, entry, i, change, NULL);
		idle &= rw_alert_idle(state);
	}
	return idle;
}

/* Is an alert of this subject marked as forgotten? */
static bool
is_forgotten(const RwAlertEntry *entry)
{
	int			i;

	for (i = 0; i < rw_class_alerts[entry->key.class].n; i++)
	{
		if (entry->places[i] >= 0 &&
			rw_alerts->firing[entry->places[i]].forgotten)
			return true;
	}
	return false;
}

static void
drop_entry(Round *round, RwAlertEntry *entry)
{
	int			i;

	/* What is still to be published of it no longer needs it. */
	for (i = 0; i < round->nitems; i++)
	{
		if (round->items[i].entry == entry)
			return;
	}
	hash_search(entries, &entry->key, HASH_REMOVE, NULL);
}

static void
step_others(Round *round)
{
	HASH_SEQ_STATUS status;
	RwAlertEntry *entry;

	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->round == round_number)
			continue;
		if (step_absent(round, entry, false))
			drop_entry(round, entry);
	}
}

/*
 * End what replwatch_forget() was called for and, when the role has changed,
 * what was about this server in its old one.
 */
static void
end_outdated(Round *round, bool changed_role)
{
	HASH_SEQ_STATUS status;
	RwAlertEntry *entry;

	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if ((changed_role && entry->key.class == RW_SUBJECT_NODE) ||
			is_forgotten(entry))
			(void) step_absent(round, entry, true);
	}
}

bool
rw_alerts_round(RwFacts *facts, RwLinks *links)
{
	Round		round;
	RwSubjects	subjects;
	uint32		requests;
	bool		changed = false;
	bool		told = false;
	int			i;

	/* Who we are is not decided yet, or what was before not known. */
	if (facts->crash_recovery || !rw_lag_shared->state_loaded)
		return false;

	if (entries == NULL)
	{
		take_over();
		was_in_recovery = facts->in_recovery;
	}
	round_number++;

	memset(&round, 0, offsetof(Round, silences));
	round.facts = facts;
	round.hold = rw_alert_hold_ms * RW_MS;
	round.repeat = rw_alert_repeat_s * RW_SECOND;
	round.nitems = round.nfiring = round.room = 0;
	round.items = NULL;
	LWLockAcquire(rw_state_lock, LW_SHARED);
	round.nsilences = rw_alerts->nsilences;
	memcpy(round.silences, rw_alerts->silences,
		   round.nsilences * sizeof(RwSilence));
	requests = rw_alerts->requests;
	LWLockRelease(rw_state_lock);

	rw_judge(facts, links, &subjects);
	if (requests != seen_requests || was_in_recovery != facts->in_recovery)
		end_outdated(&round, was_in_recovery != facts->in_recovery);
	changed = requests != seen_requests;
	seen_requests = requests;
	was_in_recovery = facts->in_recovery;
	for (i = 0; i < subjects.n; i++)
		step_subject(&round, &subjects.subjects[i]);
	step_others(&round);

	for (i = 0; i < round.nitems; i++)
	{
		changed |= round.items[i].change != RW_CHANGE_NONE;
		told |= round.items[i].reported != RW_CHANGE_NONE;
	}
	if (changed || told ||
		(round.nfiring > 0 && facts->now - refreshed_at >= REFRESH_INTERVAL))
	{
		rw_alert_items_describe(round.items, round.nitems, facts, links,
								&subjects);
		refreshed_at = facts->now;
	}
	else
		round.nitems = 0;

	LWLockAcquire(rw_state_lock, LW_EXCLUSIVE);
	rw_alerts->judged_at = facts->now;
	for (i = 0; i < round.nitems; i++)
		rw_alert_item_publish(&round.items[i], facts->now, facts->wall);
	LWLockRelease(rw_state_lock);

	for (i = 0; i < round.nitems; i++)
	{
		if (rw_log_alerts)
			rw_alert_item_log(&round.items[i], facts->now);
		rw_alert_item_push(&round.items[i], facts->wall);
	}
	return changed || told;
}
