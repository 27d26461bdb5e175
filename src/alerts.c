/*-------------------------------------------------------------------------
 *
 * alerts.c
 *	  The alerts: their life in the worker, and where others see them.
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

#include "src/alerts.h"
#include "src/alerttext.h"
#include "src/command.h"
#include "src/judge.h"
#include "src/lag_reason.h"
#include "src/settings.h"

/* How often the words about a firing alert are brought up to date. */
#define REFRESH_INTERVAL	(1 * RW_SECOND)

/* For how long a cause that is over is given as one at most. */
#define AFTERMATH_MAX		(10 * RW_MINUTE)

typedef struct EntryKey
{
	RwSubjectClass class;
	char		name[RW_NAME_LEN];	/* padded with zeroes: hashed as it is */
} EntryKey;

typedef struct Entry
{
	EntryKey	key;
	uint64		round;			/* in which its subject was last there */
	RwRuleState states[RW_CLASS_MAX_ALERTS];
	uint64		marks[RW_CLASS_MAX_ALERTS];
	int			places[RW_CLASS_MAX_ALERTS];	/* where it is published, -1
												 * if it is not */
} Entry;

/* One alert that changed, fires or is to be told of in this round. */
typedef struct AlertItem
{
	Entry	   *entry;
	int			i;				/* of its class's alerts */
	RwAlertKind alert;
	RwSeverity	told_before;	/* what was told last */
	RwChange	change;
	RwChange	told;
	bool		muted;
	const char *cause;			/* the alert that mutes it, or NULL */
	const char *how;			/* what that does */
	const RwSubject *subject;	/* NULL if that is gone */
	RwRuleState state;			/* a copy: the entry may be gone, too */
	RwAlertText text;			/* only if there is something to tell */
} AlertItem;

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
	AlertItem  *items;
} Round;

static HTAB *entries = NULL;
static uint64 round_number = 0;
static uint32 seen_requests = 0;
static RwTime refreshed_at = RW_NEVER;
static bool was_in_recovery;

static Entry *
find_entry(RwSubjectClass class, const char *name)
{
	EntryKey	key;
	Entry	   *entry;
	bool		found;
	int			i;

	memset(&key, 0, sizeof(key));
	key.class = class;
	strlcpy(key.name, name, RW_NAME_LEN);
	entry = hash_search(entries, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->round = 0;
		memset(entry->states, 0, sizeof(entry->states));
		memset(entry->marks, 0, sizeof(entry->marks));
		for (i = 0; i < RW_CLASS_MAX_ALERTS; i++)
			entry->places[i] = -1;
	}
	return entry;
}

static RwSubjectClass
class_of(RwAlertKind alert)
{
	if (alert >= rw_class_alerts[RW_SUBJECT_NODE].first)
		return RW_SUBJECT_NODE;
	if (alert >= rw_class_alerts[RW_SUBJECT_SLOT].first)
		return RW_SUBJECT_SLOT;
	return RW_SUBJECT_REPLICA;
}

/* Entries for what a worker before this one, or the file, left behind. */
static void
take_over(void)
{
	HASHCTL		control;
	int			nfiring;
	int			i;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(EntryKey);
	control.entrysize = sizeof(Entry);
	entries = hash_create("replwatch alerts", 128, &control,
						  HASH_ELEM | HASH_BLOBS);

	LWLockAcquire(rw_shared->state_lock, LW_SHARED);
	nfiring = rw_alerts->nfiring;
	LWLockRelease(rw_shared->state_lock);

	for (i = 0; i < nfiring; i++)
	{
		/* Only its flag `forgotten` is changed by anybody but us. */
		const RwAlert *alert = &rw_alerts->firing[i];
		RwSubjectClass class = class_of(alert->alert);
		int			k = alert->alert - rw_class_alerts[class].first;
		Entry	   *entry;

		if (!alert->used)
			continue;
		entry = find_entry(class, alert->subject);
		entry->states[k] = alert->rule;
		rw_rule_restart(&entry->states[k]);
		entry->marks[k] = alert->mark;
		entry->places[k] = i;
	}
}

bool
rw_is_silenced(const char *name, TimestampTz wall)
{
	int			i;

	for (i = 0; i < rw_alerts->nsilences; i++)
	{
		if (rw_alerts->silences[i].until > wall &&
			strcmp(rw_alerts->silences[i].name, name) == 0)
			return true;
	}
	return false;
}

/* The same with the round's own copy. */
static bool
is_silenced(const Round *round, const char *name)
{
	int			i;

	for (i = 0; i < round->nsilences; i++)
	{
		if (round->silences[i].until > round->facts->wall &&
			strcmp(round->silences[i].name, name) == 0)
			return true;
	}
	return false;
}

static AlertItem *
add_item(Round *round)
{
	if (round->nitems == round->room)
	{
		round->room = Max(2 * round->room, 16);
		round->items = round->items ?
			repalloc(round->items, round->room * sizeof(AlertItem)) :
			palloc(round->room * sizeof(AlertItem));
	}
	memset(&round->items[round->nitems], 0, offsetof(AlertItem, text));
	return &round->items[round->nitems++];
}

/*
 * The alert that keeps this one quiet, or NULL; *how says in which way.  A
 * cause that has just begun keeps a warning quiet until it is due itself, and
 * what it leaves behind has as long to go away as it lasted.
 */
static const char *
find_cause(const Round *round, const Entry *entry, int i,
		   const RwSubject *subject, const char **how)
{
	RwAlertKind first = rw_class_alerts[entry->key.class].first;
	const RwRuleState *state = &entry->states[i];
	int			j;

	for (j = 0; j < i; j++)
	{
		const RwRuleState *cause = &entry->states[j];

		if (!rw_alert_follows_from(first + i, first + j))
			continue;
		if (cause->severity != RW_SEVERITY_NONE)
			*how = "fires";
		else if (state->severity <= state->told)
			continue;
		else if (subject && subject->findings[j].begun &&
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
settle(Round *round, Entry *entry, int i, RwChange change,
	   const RwSubject *subject)
{
	RwClassAlerts alerts = rw_class_alerts[entry->key.class];
	RwRuleState *state = &entry->states[i];
	RwSeverity	told_before;
	RwChange	told;
	const char *how = NULL;
	const char *cause;
	AlertItem  *item;
	bool		muted;

	/* Nothing is there to be muted or told in most rounds. */
	if (state->severity == RW_SEVERITY_NONE &&
		state->told == RW_SEVERITY_NONE && change == RW_CHANGE_NONE)
		return;

	cause = find_cause(round, entry, i, subject, &how);
	told_before = state->told;
	muted = cause != NULL || is_silenced(round, entry->key.name);
	told = rw_rule_tell(state, muted, round->repeat, round->facts->now);

	if (state->severity == RW_SEVERITY_NONE && change == RW_CHANGE_NONE &&
		told == RW_CHANGE_NONE)
		return;

	item = add_item(round);
	item->entry = entry;
	item->i = i;
	item->alert = alerts.first + i;
	item->told_before = told_before;
	item->change = change;
	item->told = told;
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
	Entry	   *entry = find_entry(subject->class, subject->name);
	int			i;

	entry->round = round_number;
	for (i = 0; i < rw_class_alerts[subject->class].n; i++)
	{
		const RwFinding *finding = &subject->findings[i];
		RwRuleState *state = &entry->states[i];
		RwSeverity	before = state->severity;
		RwJudged	judged = finding->judged;
		RwChange	change;

		if (finding->mark != 0 && before != RW_SEVERITY_NONE &&
			finding->mark == entry->marks[i])
			judged.keep = Max(judged.keep, before);
		change = rw_rule_step(state, &judged, round->hold, round->facts->now);
		if (change == RW_CHANGE_RAISED)
			entry->marks[i] = finding->mark;
		settle(round, entry, i, change, subject);
	}
}

/*
 * Step the alerts of a subject that is not there any more, at once if nobody
 * wants to hear of it, or it can't come back.  True if nothing is left.
 */
static bool
step_absent(Round *round, Entry *entry, bool at_once)
{
	RwJudged	judged = rw_judge_level(RW_SEVERITY_NONE);
	bool		idle = true;
	int			i;

	for (i = 0; i < rw_class_alerts[entry->key.class].n; i++)
	{
		RwRuleState *state = &entry->states[i];
		RwChange	change;

		if (at_once)
			change = rw_rule_end(state, round->facts->now);
		else
			change = rw_rule_step(state, &judged, round->hold,
								  round->facts->now);
		settle(round, entry, i, change, NULL);
		idle &= rw_rule_idle(state);
	}
	return idle;
}

/* Is an alert of this subject marked as forgotten? */
static bool
is_forgotten(const Entry *entry)
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
drop_entry(Round *round, Entry *entry)
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
	Entry	   *entry;

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
	Entry	   *entry;

	hash_seq_init(&status, entries);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if ((changed_role && entry->key.class == RW_SUBJECT_NODE) ||
			is_forgotten(entry))
			(void) step_absent(round, entry, true);
	}
}

/* A place for an alert that begins to fire; -1 if there is none. */
static int
find_place(void)
{
	int			i;

	for (i = 0; i < rw_alerts_max; i++)
	{
		if (!rw_alerts->firing[i].used)
		{
			rw_alerts->nfiring = Max(rw_alerts->nfiring, i + 1);
			return i;
		}
	}
	return -1;
}

/* Bring one alert's place up to date; state_lock is held. */
static void
publish_item(const AlertItem *item, RwTime now, TimestampTz wall)
{
	Entry	   *entry = item->entry;
	int			place = entry->places[item->i];
	RwAlert    *alert;

	if (place < 0)
	{
		if (item->state.severity == RW_SEVERITY_NONE ||
			(place = find_place()) < 0)
			return;
		entry->places[item->i] = place;
		alert = &rw_alerts->firing[place];
		memset(alert, 0, sizeof(RwAlert));
		alert->used = true;
		alert->alert = item->alert;
		strlcpy(alert->subject, entry->key.name, RW_NAME_LEN);
		alert->raised_at = wall - (now - item->state.raised_at);
		alert->changed_at = alert->raised_at;
	}
	alert = &rw_alerts->firing[place];
	if (item->change != RW_CHANGE_NONE)
		alert->changed_at = wall;
	alert->rule = item->state;
	alert->mark = entry->marks[item->i];
	if (item->text.detail[0] != '\0')
	{
		memcpy(alert->value, item->text.value, RW_ALERT_VALUE_LEN);
		memcpy(alert->threshold, item->text.threshold, RW_ALERT_VALUE_LEN);
		memcpy(alert->detail, item->text.detail, RW_ALERT_DETAIL_LEN);
	}

	if (item->state.severity != RW_SEVERITY_NONE)
	{
		alert->severity = item->state.severity;
		return;
	}

	/* It goes to the cleared ones, with the severity that it had. */
	alert->forgotten = false;
	alert->cleared_at = wall;
	rw_alerts->newest_cleared =
		(rw_alerts->newest_cleared + 1) % RW_CLEARED_ALERTS;
	rw_alerts->cleared[rw_alerts->newest_cleared] = *alert;
	memset(alert, 0, sizeof(RwAlert));
	entry->places[item->i] = -1;
	while (rw_alerts->nfiring > 0 &&
		   !rw_alerts->firing[rw_alerts->nfiring - 1].used)
		rw_alerts->nfiring--;
}

/* Does the finding say that the alert is to go on? */
static bool
is_on(const AlertItem *item)
{
	const RwFinding *finding = &item->subject->findings[item->i];

	return finding->judged.known &&
		(finding->judged.keep > RW_SEVERITY_NONE ||
		 (finding->mark != 0 &&
		  finding->mark == item->entry->marks[item->i]));
}

/*
 * Find words for what fires.  Once its condition is over, and it only has to
 * hold for that to count, the last words stay.
 */
static void
describe(Round *round, RwLinks *links, const RwSubjects *subjects)
{
	int			i;

	rw_explain(round->facts, links);
	for (i = 0; i < round->nitems; i++)
	{
		AlertItem  *item = &round->items[i];
		const RwAlert *published;
		size_t		len;

		memset(&item->text, 0, sizeof(RwAlertText));
		if (item->state.severity == RW_SEVERITY_NONE ||
			item->subject == NULL || !is_on(item))
		{
			/* Nobody but us writes them. */
			if (item->entry->places[item->i] < 0)
				continue;
			published = &rw_alerts->firing[item->entry->places[item->i]];
			memcpy(item->text.detail, published->detail, RW_ALERT_DETAIL_LEN);
			memcpy(item->text.value, published->value, RW_ALERT_VALUE_LEN);
			memcpy(item->text.threshold, published->threshold,
				   RW_ALERT_VALUE_LEN);
			continue;
		}
		rw_alert_describe(item->subject, item->alert, item->state.severity,
						  round->facts, &subjects->node, links->published,
						  &item->text);
		len = strlen(item->text.detail);
		if (item->cause)
			snprintf(item->text.detail + len, RW_ALERT_DETAIL_LEN - len,
					 " It is not told of while %s %s.", item->cause,
					 item->how);
		else if (!item->muted && item->state.told == RW_SEVERITY_NONE)
			snprintf(item->text.detail + len, RW_ALERT_DETAIL_LEN - len,
					 " It is not told of, being about to be cleared.");
	}
}

static void
log_item(const AlertItem *item, RwTime now)
{
	const char *alert = rw_alert_name(item->alert);
	const char *severity = rw_severity_name(item->state.severity);
	const char *subject = item->entry->key.name;
	const RwAlertText *text = &item->text;
	char		lasted[RW_CLOCK_LEN];

	switch (item->told)
	{
		case RW_CHANGE_NONE:
			break;
		case RW_CHANGE_RAISED:
			ereport(WARNING,
					(errmsg("replication alert raised: %s (%s) on \"%s\"",
							alert, severity, subject),
					 text->detail[0] ? errdetail("%s", text->detail) : 0,
					 text->hint[0] ? errhint("%s", text->hint) : 0));
			break;
		case RW_CHANGE_ESCALATED:
			ereport(WARNING,
					(errmsg("replication alert escalated: %s (%s) on \"%s\"",
							alert, severity, subject),
					 text->detail[0] ? errdetail("%s", text->detail) : 0,
					 text->hint[0] ? errhint("%s", text->hint) : 0));
			break;
		case RW_CHANGE_REPEATED:
			ereport(WARNING,
					(errmsg("replication alert still firing: %s (%s) on \"%s\" after %s",
							alert, severity, subject,
							rw_clock_text(lasted, now - item->state.raised_at)),
					 text->detail[0] ? errdetail("%s", text->detail) : 0,
					 text->hint[0] ? errhint("%s", text->hint) : 0));
			break;
		case RW_CHANGE_EASED:
			ereport(LOG,
					(errmsg("replication alert eased: %s (%s) on \"%s\"",
							alert, severity, subject),
					 text->detail[0] ? errdetail("%s", text->detail) : 0));
			break;
		case RW_CHANGE_CLEARED:
			ereport(LOG,
					(errmsg("replication alert cleared: %s on \"%s\" after %s",
							alert, subject,
							rw_clock_text(lasted, item->state.changed_at -
										  item->state.raised_at))));
			break;
	}
}

/* The words that an alert_command gets, by what is told. */
static const char *const change_names[] = {
	[RW_CHANGE_NONE] = "",
	[RW_CHANGE_RAISED] = "raised",
	[RW_CHANGE_ESCALATED] = "escalated",
	[RW_CHANGE_EASED] = "eased",
	[RW_CHANGE_CLEARED] = "cleared",
	[RW_CHANGE_REPEATED] = "repeated",
};

static void
push_item(const AlertItem *item, TimestampTz wall)
{
	RwNotice	notice;

	if (item->told == RW_CHANGE_NONE)
		return;
	memset(&notice, 0, sizeof(notice));
	strlcpy(notice.alert, rw_alert_name(item->alert), sizeof(notice.alert));
	strlcpy(notice.subject, item->entry->key.name, sizeof(notice.subject));
	strlcpy(notice.severity,
			rw_severity_name(item->told == RW_CHANGE_CLEARED ?
							 item->told_before : item->state.severity),
			sizeof(notice.severity));
	strlcpy(notice.state, change_names[item->told], sizeof(notice.state));
	strlcpy(notice.detail, item->text.detail, sizeof(notice.detail));
	notice.at = wall;
	rw_command_push(&notice);
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
	if (facts->crash_recovery || !rw_shared->state_loaded)
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
	LWLockAcquire(rw_shared->state_lock, LW_SHARED);
	round.nsilences = rw_alerts->nsilences;
	memcpy(round.silences, rw_alerts->silences,
		   round.nsilences * sizeof(RwSilence));
	requests = rw_alerts->requests;
	LWLockRelease(rw_shared->state_lock);

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
		told |= round.items[i].told != RW_CHANGE_NONE;
	}
	if (changed || told ||
		(round.nfiring > 0 && facts->now - refreshed_at >= REFRESH_INTERVAL))
	{
		describe(&round, links, &subjects);
		refreshed_at = facts->now;
	}
	else
		round.nitems = 0;

	LWLockAcquire(rw_shared->state_lock, LW_EXCLUSIVE);
	rw_alerts->judged_at = facts->now;
	for (i = 0; i < round.nitems; i++)
		publish_item(&round.items[i], facts->now, facts->wall);
	LWLockRelease(rw_shared->state_lock);

	for (i = 0; i < round.nitems; i++)
	{
		if (rw_log_alerts)
			log_item(&round.items[i], facts->now);
		push_item(&round.items[i], facts->wall);
	}
	return changed || told;
}

bool
rw_alerts_forget(const char *name)
{
	bool		found = false;
	int			i;

	for (i = 0; i < rw_alerts->nfiring; i++)
	{
		RwAlert    *alert = &rw_alerts->firing[i];

		if (alert->used && class_of(alert->alert) != RW_SUBJECT_NODE &&
			strcmp(alert->subject, name) == 0)
			found = alert->forgotten = true;
	}
	if (found)
		rw_alerts->requests++;
	return found;
}

RwAlert *
rw_alerts_copy(int *n)
{
	RwAlert    *copy = palloc((rw_alerts_max + RW_CLEARED_ALERTS) *
							  sizeof(RwAlert));
	int			i;

	*n = 0;
	LWLockAcquire(rw_shared->state_lock, LW_SHARED);
	for (i = 0; i < rw_alerts->nfiring; i++)
	{
		if (rw_alerts->firing[i].used)
			copy[(*n)++] = rw_alerts->firing[i];
	}
	for (i = 0; i < RW_CLEARED_ALERTS && rw_alerts->newest_cleared >= 0; i++)
	{
		const RwAlert *alert =
			&rw_alerts->cleared[(rw_alerts->newest_cleared - i +
								 RW_CLEARED_ALERTS) % RW_CLEARED_ALERTS];

		if (!alert->used)
			break;
		copy[(*n)++] = *alert;
	}
	LWLockRelease(rw_shared->state_lock);
	return copy;
}
