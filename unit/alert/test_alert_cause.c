/*-------------------------------------------------------------------------
 *
 * test_alert_cause.c
 *	  Tests of src/alert/alert_cause.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/alert/alert_cause.h"
#include "unit/tap.h"

#define START	(100 * RW_DAY)

static RwAlertState states[RW_CLASS_MAX_ALERTS];
static RwSubject subject;

static void
reset(void)
{
	memset(states, 0, sizeof(states));
	memset(&subject, 0, sizeof(subject));
	subject.class = RW_SUBJECT_REPLICA;
}

/* This alert fires, and has been reported with a severity. */
static void
fires(RwAlertKind alert, RwSeverity severity, RwSeverity reported)
{
	states[rw_alert_place(alert)].severity = severity;
	states[rw_alert_place(alert)].reported = reported;
	states[rw_alert_place(alert)].raised_at = states[rw_alert_place(alert)].changed_at = START;
}

/* This alert fired from START for some time. */
static void
fired(RwAlertKind alert, RwTime lasted)
{
	states[rw_alert_place(alert)].severity = RW_SEVERITY_NONE;
	states[rw_alert_place(alert)].raised_at = START;
	states[rw_alert_place(alert)].changed_at = START + lasted;
}

/* "fires replica_missing" and so on, or "nothing". */
static const char *
cause_of(RwAlertKind alert, RwTime now)
{
	static const char *const names[] = {"nothing", "firing", "pending",
	"cleared"};
	static char text[64];
	RwCause		cause = rw_find_cause(alert, states, &subject, now);

	if (cause.state == RW_CAUSE_NONE)
		return "nothing";
	snprintf(text, sizeof(text), "%s %s", names[cause.state],
			 rw_alert_name(cause.alert));
	return text;
}

static void
test_firing(void)
{
	section("a firing cause");

	reset();
	fires(RW_ALERT_REPLICA_LAG, RW_SEVERITY_WARNING, RW_SEVERITY_NONE);
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "nothing",
			"without one, the alert is reported");
	fires(RW_ALERT_REPLICA_STALLED, RW_SEVERITY_WARNING, RW_SEVERITY_NONE);
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "firing replica_stalled",
			"it keeps the alert quiet");
	is_text(cause_of(RW_ALERT_REPLICA_STALLED, START), "nothing",
			"and itself not");
	states[rw_alert_place(RW_ALERT_REPLICA_LAG)].severity = RW_SEVERITY_CRITICAL;
	states[rw_alert_place(RW_ALERT_REPLICA_LAG)].reported = RW_SEVERITY_CRITICAL;
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "firing replica_stalled",
			"also one that has been reported before");
	fires(RW_ALERT_REPLICA_MISSING, RW_SEVERITY_CRITICAL, RW_SEVERITY_NONE);
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "firing replica_missing",
			"of two causes the first is named");
	reset();
	fires(RW_ALERT_REPLICA_LAG, RW_SEVERITY_WARNING, RW_SEVERITY_NONE);
	fires(RW_ALERT_REPLICA_LAG_BYTES, RW_SEVERITY_WARNING, RW_SEVERITY_NONE);
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "nothing",
			"what is no cause keeps nothing quiet");
}

static void
test_pending(void)
{
	RwFinding  *stalled = &subject.findings[rw_alert_place(RW_ALERT_REPLICA_STALLED)];

	section("a pending cause");

	reset();
	stalled->pending = true;
	fires(RW_ALERT_REPLICA_LAG, RW_SEVERITY_WARNING, RW_SEVERITY_NONE);
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "pending replica_stalled",
			"it keeps a new warning quiet");
	states[rw_alert_place(RW_ALERT_REPLICA_LAG)].reported = RW_SEVERITY_WARNING;
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "nothing",
			"but none that has been reported");
	fires(RW_ALERT_REPLICA_LAG, RW_SEVERITY_CRITICAL, RW_SEVERITY_NONE);
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "nothing",
			"and nothing critical");
	fires(RW_ALERT_REPLICA_LAG, RW_SEVERITY_WARNING, RW_SEVERITY_NONE);
	is_int(rw_find_cause(RW_ALERT_REPLICA_LAG, states, NULL, START).state,
		   RW_CAUSE_NONE, "a subject that is gone has none");
	stalled->pending = false;
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START), "nothing",
			"nor one whose condition has ended");
}

static void
test_cleared(void)
{
	RwTime		lasted = 2 * RW_MINUTE;

	section("a cause that has cleared");

	reset();
	fires(RW_ALERT_REPLICA_LAG, RW_SEVERITY_CRITICAL, RW_SEVERITY_NONE);
	fired(RW_ALERT_REPLICA_MISSING, lasted);
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START + lasted),
			"cleared replica_missing", "it keeps quiet what it has left");
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START + 2 * lasted - 1),
			"cleared replica_missing", "for as long as it lasted");
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START + 2 * lasted), "nothing",
			"and no longer");

	lasted = RW_HOUR;
	fired(RW_ALERT_REPLICA_MISSING, lasted);
	is_text(cause_of(RW_ALERT_REPLICA_LAG,
					 START + lasted + 10 * RW_MINUTE - 1),
			"cleared replica_missing", "after an hour, for ten minutes");
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START + lasted + 10 * RW_MINUTE),
			"nothing", "and no longer");

	states[rw_alert_place(RW_ALERT_REPLICA_LAG)].reported = RW_SEVERITY_CRITICAL;
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START + lasted), "nothing",
			"what has been reported goes on being reported");
	states[rw_alert_place(RW_ALERT_REPLICA_LAG)].reported = RW_SEVERITY_WARNING;
	is_text(cause_of(RW_ALERT_REPLICA_LAG, START + lasted),
			"cleared replica_missing", "but is not escalated");
}

int
main(void)
{
	test_firing();
	test_pending();
	test_cleared();
	return tap_end();
}
