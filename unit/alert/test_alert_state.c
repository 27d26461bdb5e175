/*-------------------------------------------------------------------------
 *
 * test_alert_state.c
 *	  Tests of src/alert/alert_state.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/alert/alert_state.h"
#include "unit/tap.h"

#define START	(100 * RW_DAY)
#define HOLD	(5 * RW_SECOND)
#define REPEAT	RW_HOUR

/* The state's change and what is reported of it, in one round. */
typedef struct Outcome
{
	RwChange	change;
	RwChange	reported;
} Outcome;

static Outcome
play(RwAlertState *state, RwJudged judged, RwTime now)
{
	Outcome		outcome;

	outcome.change = rw_alert_step(state, &judged, HOLD, now);
	outcome.reported = rw_alert_report(state, false, REPEAT, now);
	return outcome;
}

/* A state in which the alert has fired with this severity since START. */
static RwAlertState
firing(RwSeverity severity)
{
	RwAlertState state;
	RwJudged	judged = rw_judge_level(severity);

	memset(&state, 0, sizeof(state));
	(void) rw_alert_step(&state, &judged, 0, START);
	(void) rw_alert_report(&state, false, REPEAT, START);
	return state;
}

static void
test_severities(void)
{
	section("names of severities");

	ok(rw_severity_name(RW_SEVERITY_NONE) == NULL, "no severity has no name");
	is_text(rw_severity_name(RW_SEVERITY_WARNING), "warning", "a warning");
	is_text(rw_severity_name(RW_SEVERITY_CRITICAL), "critical", "critical");
}

/* "raise keep", and what else a judgement says. */
static const char *
shown(RwJudged judged)
{
	static char text[4][64];
	static int	next = 0;
	static const char *const levels[] = {"none", "warning", "critical"};
	char	   *buffer = text[next++ % lengthof(text)];

	if (!judged.known)
		snprintf(buffer, sizeof(text[0]), "unknown");
	else
		snprintf(buffer, sizeof(text[0]), "%s %s%s", levels[judged.raise],
				 levels[judged.keep],
				 judged.no_warning ? ", no warnings" : "");
	return buffer;
}

static void
test_values(void)
{
	int			wrong = 0;
	uint64		random = 17;

	section("a value and its limits");

	is_text(shown(rw_judge_value(0, 30, 300)), "none none", "nothing");
	is_text(shown(rw_judge_value(14, 30, 300)), "none none",
			"below half the limit");
	is_text(shown(rw_judge_value(15, 30, 300)), "none warning",
			"half of it is kept");
	is_text(shown(rw_judge_value(30, 30, 300)), "none warning",
			"the limit itself is allowed");
	is_text(shown(rw_judge_value(31, 30, 300)), "warning warning", "above it");
	is_text(shown(rw_judge_value(149, 30, 300)), "warning warning",
			"below half the critical limit");
	is_text(shown(rw_judge_value(150, 30, 300)), "warning critical",
			"half of it is kept");
	is_text(shown(rw_judge_value(300, 30, 300)), "warning critical",
			"the critical limit itself is allowed");
	is_text(shown(rw_judge_value(301, 30, 300)), "critical critical",
			"above that");
	is_text(shown(rw_judge_value(-1, 30, 300)), "unknown", "not known");

	is_text(shown(rw_judge_value(2, 5, 0)), "none none",
			"less than half of an odd limit");
	is_text(shown(rw_judge_value(3, 5, 0)), "none warning",
			"more than half of it");
	is_text(shown(rw_judge_value(0, 1, 0)), "none none", "the lowest limit");
	is_text(shown(rw_judge_value(1, 1, 0)), "none warning", "reached");
	is_text(shown(rw_judge_value(2, 1, 0)), "warning warning", "exceeded");

	is_text(shown(rw_judge_value(PG_INT64_MAX, 30, 0)), "warning warning",
			"no critical limit");
	is_text(shown(rw_judge_value(299, 0, 300)), "none critical, no warnings",
			"no limit for warnings");
	is_text(shown(rw_judge_value(149, 0, 300)), "none none, no warnings",
			"well below the only limit");
	is_text(shown(rw_judge_value(PG_INT64_MAX, 0, 0)),
			"none none, no warnings", "no limit at all");
	is_text(shown(rw_judge_value(-1, 0, 0)), "none none, no warnings",
			"then it need not be known");
	is_text(shown(rw_judge_value(-1, 0, 300)), "unknown",
			"else it need be");
	is_text(shown(rw_judge_value(PG_INT64_MAX, PG_INT64_MAX, PG_INT64_MAX)),
			"none critical", "the greatest limits");

	is_text(shown(rw_judge_value(101, 300, 100)), "critical critical",
			"a critical limit below the other counts");
	is_text(shown(rw_judge_value(100, 300, 100)), "none critical",
			"at the lower of both");
	is_text(shown(rw_judge_value(49, 300, 100)), "none none",
			"and well below");

	/* What is raised is kept, and more is never better. */
	for (int i = 0; i < 100000; i++)
	{
		int64		warning = next_random(&random) % 100;
		int64		critical = next_random(&random) % 200;
		int64		value = next_random(&random) % 300;
		RwJudged	judged = rw_judge_value(value, warning, critical);
		RwJudged	more = rw_judge_value(value + 1, warning, critical);

		wrong += !judged.known || judged.keep < judged.raise ||
			more.raise < judged.raise || more.keep < judged.keep ||
			(warning == 0 && judged.raise == RW_SEVERITY_WARNING) ||
			(critical == 0 && judged.keep == RW_SEVERITY_CRITICAL);
	}
	is_int(wrong, 0, "any value and limits");
}

static void
test_other_judgements(void)
{
	RwJudged	off = rw_judge_value(5, 0, 0);
	RwJudged	none = rw_judge_level(RW_SEVERITY_NONE);
	RwJudged	warning = rw_judge_level(RW_SEVERITY_WARNING);
	RwJudged	critical = rw_judge_level(RW_SEVERITY_CRITICAL);
	RwJudged	kept = rw_judge_value(20, 30, 0);

	section("something that lasts");

	is_text(shown(rw_judge_lasting(-1, 60, 300)), "none none",
			"it does not go on");
	is_text(shown(rw_judge_lasting(0, 60, 300)), "none critical",
			"it has just begun, or not ended");
	is_text(shown(rw_judge_lasting(59, 60, 300)), "none critical",
			"not for long");
	is_text(shown(rw_judge_lasting(60, 60, 300)), "warning critical",
			"for long");
	is_text(shown(rw_judge_lasting(299, 60, 300)), "warning critical",
			"for longer");
	is_text(shown(rw_judge_lasting(300, 60, 300)), "critical critical",
			"for too long");
	is_text(shown(rw_judge_lasting(300, 60, 0)), "warning warning",
			"it is never critical");
	is_text(shown(rw_judge_lasting(300, 0, 0)), "none none, no warnings",
			"it does not matter");

	section("a plain condition");

	is_text(shown(none), "none none", "it is not met");
	is_text(shown(warning), "warning warning", "it is met");
	is_text(shown(critical), "critical critical", "it is met, and bad");
	is_text(shown(rw_judge_nothing()), "unknown", "nobody knows");

	section("either of two");

	is_text(shown(rw_judge_either(none, none)), "none none", "neither");
	is_text(shown(rw_judge_either(none, warning)), "warning warning", "one");
	is_text(shown(rw_judge_either(critical, warning)), "critical critical",
			"the worse one");
	is_text(shown(rw_judge_either(warning, critical)), "critical critical",
			"whichever it is");
	is_text(shown(rw_judge_either(none, kept)), "none warning",
			"one is not over yet");
	is_text(shown(rw_judge_either(warning, rw_judge_nothing())),
			"warning warning", "one is enough to raise it");
	is_text(shown(rw_judge_either(rw_judge_nothing(), warning)),
			"warning warning", "whichever it is");
	is_text(shown(rw_judge_either(none, rw_judge_nothing())), "unknown",
			"not to clear it");
	is_text(shown(rw_judge_either(kept, rw_judge_nothing())), "unknown",
			"nor to go on waiting for that");
	is_text(shown(rw_judge_either(off, off)), "none none, no warnings",
			"both are switched off");
	is_text(shown(rw_judge_either(off, warning)), "warning warning",
			"one is not");
}

static void
test_hold(void)
{
	RwAlertState state;
	RwJudged	warning = rw_judge_level(RW_SEVERITY_WARNING);
	RwJudged	critical = rw_judge_level(RW_SEVERITY_CRITICAL);
	RwJudged	none = rw_judge_level(RW_SEVERITY_NONE);
	RwJudged	between = rw_judge_value(20, 30, 0);
	RwJudged	unknown = rw_judge_nothing();

	section("the hold time");

	memset(&state, 0, sizeof(state));
	ok(rw_alert_idle(&state), "nothing has ever been");
	is_int(play(&state, warning, START).change, RW_CHANGE_NONE,
		   "one look raises nothing");
	ok(!rw_alert_idle(&state), "something is on its way");
	is_int(play(&state, warning, START + HOLD - 1).change, RW_CHANGE_NONE,
		   "just before the hold time is over");
	is_int(state.severity, RW_SEVERITY_NONE, "it does not fire");
	is_int(play(&state, warning, START + HOLD).change, RW_CHANGE_RAISED,
		   "when it is over");
	is_int(state.severity, RW_SEVERITY_WARNING, "it fires");
	is_int(state.raised_at, START + HOLD, "since then");
	is_int(state.changed_at, START + HOLD, "changed then");
	is_int(state.reported_at, START + HOLD, "reported then");
	is_int(play(&state, warning, START + 2 * HOLD).change, RW_CHANGE_NONE,
		   "once");

	is_int(play(&state, none, START + 3 * HOLD).change, RW_CHANGE_NONE,
		   "one good look does not clear it");
	is_int(play(&state, none, START + 4 * HOLD - 1).change, RW_CHANGE_NONE,
		   "nor a little less than the hold time");
	is_int(play(&state, none, START + 4 * HOLD).change, RW_CHANGE_CLEARED,
		   "when that is over");
	is_int(state.severity, RW_SEVERITY_NONE, "it no longer fires");
	is_int(state.raised_at, START + HOLD, "when it was raised remains");
	is_int(state.changed_at, START + 4 * HOLD, "changed when cleared");
	ok(rw_alert_idle(&state), "nothing is left");

	section("interruptions");

	memset(&state, 0, sizeof(state));
	play(&state, warning, START);
	play(&state, none, START + HOLD / 2);
	play(&state, warning, START + HOLD / 2 + 1);
	is_int(play(&state, warning, START + HOLD).change, RW_CHANGE_NONE,
		   "a good moment begins the hold time anew");
	is_int(play(&state, warning, START + HOLD + HOLD / 2 + 1).change,
		   RW_CHANGE_RAISED, "which then has to go by");

	play(&state, none, START + 2 * HOLD);
	play(&state, between, START + 2 * HOLD + 1);
	is_int(play(&state, none, START + 3 * HOLD).change, RW_CHANGE_NONE,
		   "a moment above half the limit does so, too");
	is_int(play(&state, none, START + 4 * HOLD).change, RW_CHANGE_CLEARED,
		   "when it clears");
	is_int(play(&state, between, START + 6 * HOLD).change, RW_CHANGE_NONE,
		   "and is no reason to raise anything");
	ok(rw_alert_idle(&state), "or to remember it");

	section("nobody knows");

	memset(&state, 0, sizeof(state));
	play(&state, unknown, START);
	ok(rw_alert_idle(&state), "what is not known begins nothing");
	play(&state, warning, START + 1);
	is_int(play(&state, unknown, START + HOLD + 1).change, RW_CHANGE_NONE,
		   "it raises nothing");
	is_int(play(&state, warning, START + HOLD + 2).change, RW_CHANGE_RAISED,
		   "and interrupts nothing");
	is_int(play(&state, unknown, START + RW_DAY).change, RW_CHANGE_NONE,
		   "what fires goes on");
	play(&state, none, START + RW_DAY + 1);
	play(&state, unknown, START + RW_DAY + 2);
	is_int(play(&state, none, START + RW_DAY + 1 + HOLD).change,
		   RW_CHANGE_NONE, "two good looks with nothing known between them");
	is_int(play(&state, none, START + RW_DAY + 2 * HOLD - 1).change,
		   RW_CHANGE_NONE, "do not clear it");
	is_int(play(&state, none, START + RW_DAY + 2 * HOLD).change,
		   RW_CHANGE_CLEARED, "until it is known to be over for long enough");

	memset(&state, 0, sizeof(state));
	play(&state, warning, START);
	play(&state, unknown, START + RW_SECOND);
	play(&state, unknown, START + RW_MINUTE);
	is_int(play(&state, warning, START + RW_HOUR).change, RW_CHANGE_NONE,
		   "two bad looks with an hour between them raise nothing");
	is_int(play(&state, warning, START + RW_HOUR + HOLD - RW_SECOND - 1).change,
		   RW_CHANGE_NONE, "that was a second");
	is_int(play(&state, warning, START + RW_HOUR + HOLD - RW_SECOND).change,
		   RW_CHANGE_RAISED, "and the others have to follow");

	section("nobody looks");

	memset(&state, 0, sizeof(state));
	play(&state, warning, START);
	rw_alert_unseen(&state, RW_HOUR);
	is_int(play(&state, warning, START + RW_HOUR).change, RW_CHANGE_NONE,
		   "the time until a late look raises nothing");
	is_int(play(&state, warning, START + RW_HOUR + HOLD).change,
		   RW_CHANGE_RAISED, "but the time after it");
	play(&state, none, START + 2 * RW_HOUR);
	play(&state, unknown, START + 2 * RW_HOUR + 1);
	rw_alert_unseen(&state, RW_HOUR);
	is_int(play(&state, none, START + 3 * RW_HOUR + 1).change, RW_CHANGE_NONE,
		   "nor does it clear anything");
	is_int(play(&state, none, START + 3 * RW_HOUR + HOLD).change,
		   RW_CHANGE_CLEARED, "which takes as long");

	state = firing(RW_SEVERITY_WARNING);
	rw_alert_unseen(&state, 8 * RW_HOUR);
	is_int(play(&state, warning, START + 8 * RW_HOUR).reported, RW_CHANGE_NONE,
		   "what fires is not reported again for it");
	is_int(play(&state, warning, START + 9 * RW_HOUR).reported,
		   RW_CHANGE_REPEATED, "but when it is due otherwise");
	is_int(state.raised_at, START, "and has been raised when it was");
	play(&state, none, START + 10 * RW_HOUR);
	play(&state, none, START + 10 * RW_HOUR + HOLD);
	rw_alert_unseen(&state, 8 * RW_HOUR);
	is_int(state.changed_at, START + 18 * RW_HOUR + HOLD,
		   "one that was cleared has ended as long ago as before");
	is_int(state.changed_at - state.raised_at, 10 * RW_HOUR + HOLD,
		   "and lasted as long");

	section("severities");

	memset(&state, 0, sizeof(state));
	play(&state, warning, START);
	play(&state, critical, START + HOLD - 1);
	is_int(play(&state, critical, START + HOLD).change, RW_CHANGE_RAISED,
		   "bad for long enough, very bad for a moment");
	is_int(state.severity, RW_SEVERITY_WARNING, "is a warning");
	is_int(play(&state, critical, START + 2 * HOLD - 1).change,
		   RW_CHANGE_ESCALATED, "critical after a hold time of its own");
	is_int(state.raised_at, START + HOLD, "that is when it was not raised");
	is_int(state.changed_at, START + 2 * HOLD - 1, "but changed");
	play(&state, warning, START + 3 * HOLD);
	is_int(play(&state, warning, START + 4 * HOLD).change, RW_CHANGE_EASED,
		   "a warning again after another");
	is_int(state.severity, RW_SEVERITY_WARNING, "which it is then");

	memset(&state, 0, sizeof(state));
	play(&state, critical, START);
	is_int(play(&state, critical, START + HOLD).change, RW_CHANGE_RAISED,
		   "critical from the start");
	is_int(state.severity, RW_SEVERITY_CRITICAL, "is reported at once");
	play(&state, none, START + 2 * HOLD);
	is_int(play(&state, none, START + 3 * HOLD).change, RW_CHANGE_CLEARED,
		   "and cleared at once");

	state = firing(RW_SEVERITY_CRITICAL);
	play(&state, none, START + HOLD);
	play(&state, warning, START + HOLD + HOLD / 2);
	is_int(play(&state, none, START + 2 * HOLD).change, RW_CHANGE_EASED,
		   "no longer critical for long enough, good for a moment");
	is_int(play(&state, none, START + 3 * HOLD).change, RW_CHANGE_CLEARED,
		   "is cleared after a hold time of its own");

	section("no hold time");

	memset(&state, 0, sizeof(state));
	is_int(rw_alert_step(&state, &warning, 0, START), RW_CHANGE_RAISED,
		   "one look raises it");
	is_int(rw_alert_step(&state, &critical, 0, START), RW_CHANGE_ESCALATED,
		   "escalates it");
	is_int(rw_alert_step(&state, &warning, 0, START), RW_CHANGE_EASED,
		   "eases it");
	is_int(rw_alert_step(&state, &none, 0, START), RW_CHANGE_CLEARED,
		   "clears it");
}

static void
test_held(void)
{
	RwAlertState state;
	RwJudged	judged = rw_judge_level(RW_SEVERITY_CRITICAL);

	section("a condition that has held already");

	memset(&state, 0, sizeof(state));
	judged.held = RW_SEVERITY_WARNING;
	is_int(rw_alert_step(&state, &judged, HOLD, START), RW_CHANGE_RAISED,
		   "it is raised at once");
	is_int(state.severity, RW_SEVERITY_WARNING, "as far as it has held");
	is_int(rw_alert_step(&state, &judged, HOLD, START + HOLD),
		   RW_CHANGE_ESCALATED, "the rest takes the hold time");
	memset(&state, 0, sizeof(state));
	judged.held = RW_SEVERITY_CRITICAL;
	is_int(rw_alert_step(&state, &judged, HOLD, START), RW_CHANGE_RAISED,
		   "critical at once");
	is_int(state.severity, RW_SEVERITY_CRITICAL, "it is");
	judged = rw_judge_either(judged, rw_judge_level(RW_SEVERITY_NONE));
	is_int(judged.held, RW_SEVERITY_CRITICAL, "either of two may have held");
	memset(&state, 0, sizeof(state));
	judged = rw_judge_level(RW_SEVERITY_WARNING);
	judged.held = RW_SEVERITY_WARNING;
	judged.no_warning = true;
	is_int(rw_alert_step(&state, &judged, HOLD, START), RW_CHANGE_NONE,
		   "but not a warning that is switched off");
}

static void
test_reports(void)
{
	RwAlertState state;
	RwJudged	warning = rw_judge_level(RW_SEVERITY_WARNING);
	RwJudged	critical = rw_judge_level(RW_SEVERITY_CRITICAL);
	RwJudged	none = rw_judge_level(RW_SEVERITY_NONE);
	int			reports = 0;
	int			early = 0;
	RwTime		last = START;

	section("telling");

	memset(&state, 0, sizeof(state));
	is_int(rw_alert_report(&state, false, REPEAT, START), RW_CHANGE_NONE,
		   "there is nothing to report");
	rw_alert_step(&state, &warning, 0, START);
	is_int(rw_alert_report(&state, false, REPEAT, START), RW_CHANGE_RAISED,
		   "it is raised");
	is_int(rw_alert_report(&state, false, REPEAT, START), RW_CHANGE_NONE,
		   "which is reported once");
	is_int(rw_alert_report(&state, false, REPEAT, START + REPEAT - 1),
		   RW_CHANGE_NONE, "and not again too soon");
	is_int(rw_alert_report(&state, false, REPEAT, START + REPEAT),
		   RW_CHANGE_REPEATED, "but then");
	rw_alert_step(&state, &critical, 0, START + REPEAT + RW_MINUTE);
	is_int(rw_alert_report(&state, false, REPEAT, START + REPEAT + RW_MINUTE),
		   RW_CHANGE_ESCALATED, "it gets worse");
	is_int(rw_alert_report(&state, false, REPEAT, START + 2 * REPEAT),
		   RW_CHANGE_NONE, "which counts as telling");
	rw_alert_step(&state, &warning, 0, START + 2 * REPEAT);
	is_int(rw_alert_report(&state, false, REPEAT, START + 2 * REPEAT),
		   RW_CHANGE_EASED, "it gets better");
	rw_alert_step(&state, &none, 0, START + 2 * REPEAT);
	is_int(rw_alert_report(&state, false, REPEAT, START + 2 * REPEAT),
		   RW_CHANGE_CLEARED, "it is over");
	is_int(rw_alert_report(&state, false, REPEAT, START + 9 * REPEAT),
		   RW_CHANGE_NONE, "nobody wants to hear that again");

	section("for three days");

	state = firing(RW_SEVERITY_WARNING);
	for (RwTime now = START; now <= START + 3 * RW_DAY; now += 250 * RW_MS)
	{
		RwChange	change = play(&state, warning, now).reported;

		if (change == RW_CHANGE_NONE)
			continue;
		reports++;
		early += change != RW_CHANGE_REPEATED || now - last < REPEAT;
		last = now;
	}
	is_int(reports, 3 * 24, "each hour it is reported to go on");
	is_int(early, 0, "no sooner");

	state = firing(RW_SEVERITY_WARNING);
	for (RwTime now = START; now <= START + 3 * RW_DAY; now += RW_MINUTE)
		early += rw_alert_report(&state, false, 0, now) != RW_CHANGE_NONE;
	is_int(early, 0, "never, if that is not wanted");

	section("muted");

	memset(&state, 0, sizeof(state));
	rw_alert_step(&state, &warning, 0, START);
	is_int(rw_alert_report(&state, true, REPEAT, START), RW_CHANGE_NONE,
		   "nothing is reported");
	is_int(state.severity, RW_SEVERITY_WARNING, "it fires all the same");
	is_int(rw_alert_report(&state, true, REPEAT, START + 2 * REPEAT),
		   RW_CHANGE_NONE, "nothing is reported again");
	rw_alert_step(&state, &critical, 0, START + 2 * REPEAT);
	is_int(rw_alert_report(&state, false, REPEAT, START + 2 * REPEAT),
		   RW_CHANGE_RAISED, "afterwards it is reported as raised");
	is_int(state.reported, RW_SEVERITY_CRITICAL, "with the severity that it has");

	rw_alert_step(&state, &none, 0, START + 3 * REPEAT);
	is_int(rw_alert_report(&state, true, REPEAT, START + 3 * REPEAT),
		   RW_CHANGE_NONE, "nor is the end reported");
	ok(!rw_alert_idle(&state), "it is remembered");
	is_int(rw_alert_report(&state, false, REPEAT, START + 4 * REPEAT),
		   RW_CHANGE_CLEARED, "but afterwards");
	ok(rw_alert_idle(&state), "then nothing is left");

	memset(&state, 0, sizeof(state));
	rw_alert_step(&state, &warning, 0, START);
	rw_alert_report(&state, true, REPEAT, START);
	rw_alert_step(&state, &none, HOLD, START + 1);
	is_int(rw_alert_report(&state, false, REPEAT, START + 1), RW_CHANGE_NONE,
		   "what is about to be cleared is not raised any more");
	is_int(rw_alert_step(&state, &none, HOLD, START + 1 + HOLD),
		   RW_CHANGE_CLEARED, "and cleared");
	is_int(rw_alert_report(&state, false, REPEAT, START + 1 + HOLD),
		   RW_CHANGE_NONE, "without a word");

	rw_alert_step(&state, &warning, 0, START);
	rw_alert_report(&state, true, REPEAT, START);
	rw_alert_step(&state, &none, HOLD, START + 1);
	rw_alert_step(&state, &warning, HOLD, START + 2);
	is_int(rw_alert_report(&state, false, REPEAT, START + 2), RW_CHANGE_RAISED,
		   "unless it goes on after all");

	memset(&state, 0, sizeof(state));
	rw_alert_step(&state, &critical, 0, START);
	rw_alert_step(&state, &warning, HOLD, START + 1);
	is_int(rw_alert_report(&state, false, REPEAT, START + 1), RW_CHANGE_NONE,
		   "what is about to be eased");
	rw_alert_step(&state, &warning, HOLD, START + 1 + HOLD);
	is_int(rw_alert_report(&state, false, REPEAT, START + 1 + HOLD),
		   RW_CHANGE_RAISED, "is raised");
	is_int(state.reported, RW_SEVERITY_WARNING, "as what it then is");

	memset(&state, 0, sizeof(state));
	rw_alert_step(&state, &warning, 0, START);
	rw_alert_report(&state, true, REPEAT, START);
	rw_alert_step(&state, &none, 0, START + 1);
	ok(rw_alert_idle(&state), "what came and went muted is forgotten");
	is_int(rw_alert_report(&state, false, REPEAT, START + 1), RW_CHANGE_NONE,
		   "and never reported");

	state = firing(RW_SEVERITY_CRITICAL);
	rw_alert_step(&state, &none, 0, START + 1);
	rw_alert_report(&state, true, REPEAT, START + 1);
	rw_alert_step(&state, &warning, 0, START + 2);
	is_int(rw_alert_report(&state, false, REPEAT, START + 2), RW_CHANGE_EASED,
		   "reports fit each other");

	state = firing(RW_SEVERITY_WARNING);
	rw_alert_step(&state, &none, 0, START + 1);
	rw_alert_step(&state, &warning, 0, START + 2);
	is_int(rw_alert_report(&state, false, REPEAT, START + 2), RW_CHANGE_NONE,
		   "if its end was not reported, its return need not be");
	is_int(rw_alert_report(&state, false, REPEAT, START + REPEAT),
		   RW_CHANGE_REPEATED, "only, in time, that it still fires");
}

static void
test_end(void)
{
	RwAlertState state;
	RwJudged	warning = rw_judge_level(RW_SEVERITY_WARNING);
	RwJudged	none = rw_judge_level(RW_SEVERITY_NONE);
	RwAlertState before;

	section("ended by decree");

	state = firing(RW_SEVERITY_CRITICAL);
	is_int(rw_alert_end(&state, START + 1), RW_CHANGE_CLEARED,
		   "what fires is cleared at once");
	is_int(state.changed_at, START + 1, "now");
	is_int(rw_alert_report(&state, false, REPEAT, START + 1), RW_CHANGE_CLEARED,
		   "and that is reported");
	ok(rw_alert_idle(&state), "nothing is left");
	is_int(rw_alert_end(&state, START + 2), RW_CHANGE_NONE,
		   "what does not fire can't be cleared");
	is_int(state.changed_at, START + 1, "nor changed");

	memset(&state, 0, sizeof(state));
	rw_alert_step(&state, &warning, HOLD, START);
	is_int(rw_alert_end(&state, START + 1), RW_CHANGE_NONE,
		   "what was on its way");
	ok(rw_alert_idle(&state), "is no longer");
	rw_alert_step(&state, &warning, HOLD, START + 2);
	is_int(rw_alert_step(&state, &warning, HOLD, START + HOLD + 1),
		   RW_CHANGE_NONE, "but begins anew");

	section("another process");

	state = firing(RW_SEVERITY_WARNING);
	rw_alert_step(&state, &none, HOLD, START);
	before = state;
	rw_alert_restart(&state);
	is_int(state.severity, before.severity, "what fires goes on");
	is_int(state.raised_at, before.raised_at, "since then");
	is_int(rw_alert_report(&state, false, REPEAT, START + 1), RW_CHANGE_NONE,
		   "it is not raised again");
	is_int(rw_alert_step(&state, &none, HOLD, START + HOLD), RW_CHANGE_NONE,
		   "it did not see that it has been over since");
	is_int(rw_alert_step(&state, &none, HOLD, START + 2 * HOLD),
		   RW_CHANGE_CLEARED, "and has to see that for itself");

	memset(&state, 0, sizeof(state));
	rw_alert_step(&state, &warning, HOLD, START);
	rw_alert_restart(&state);
	ok(rw_alert_idle(&state), "what was on its way is not");
}

/* When a value, which is the time since START, changes what. */
static void
test_ramp(void)
{
	RwAlertState state;
	RwTime		now;
	RwTime		at[RW_CHANGE_REPEATED + 1] = {0};
	int			changes = 0;

	section("a lag that grows for ten minutes, and shrinks");

	memset(&state, 0, sizeof(state));
	for (now = 0; now < 20 * RW_MINUTE; now += 100 * RW_MS)
	{
		int64		lag = now < 10 * RW_MINUTE ? now : 20 * RW_MINUTE - now;
		RwChange	change = play(&state,
								  rw_judge_value(lag, 30 * RW_SECOND,
												 5 * RW_MINUTE),
								  START + now).change;

		if (change == RW_CHANGE_NONE)
			continue;
		changes++;
		at[change] = now;
	}
	is_int(changes, 4, "it changes four times");
	is_int(at[RW_CHANGE_RAISED], 30 * RW_SECOND + HOLD + 100 * RW_MS,
		   "raised, once above the limit for the hold time");
	is_int(at[RW_CHANGE_ESCALATED], 5 * RW_MINUTE + HOLD + 100 * RW_MS,
		   "escalated");
	is_int(at[RW_CHANGE_EASED],
		   20 * RW_MINUTE - 150 * RW_SECOND + HOLD + 100 * RW_MS,
		   "eased, once below half the limit");
	is_int(at[RW_CHANGE_CLEARED],
		   20 * RW_MINUTE - 15 * RW_SECOND + HOLD + 100 * RW_MS, "cleared");
}

static void
test_settings(void)
{
	RwAlertState state;

	section("settings that change under a firing alert");

	state = firing(RW_SEVERITY_WARNING);
	play(&state, rw_judge_value(40, 0, 0), START);
	is_int(play(&state, rw_judge_value(40, 0, 0), START + HOLD).reported,
		   RW_CHANGE_CLEARED, "switched off, it is cleared");

	state = firing(RW_SEVERITY_CRITICAL);
	play(&state, rw_judge_value(-1, 0, 0), START);
	is_int(play(&state, rw_judge_value(-1, 0, 0), START + HOLD).reported,
		   RW_CHANGE_CLEARED, "whether or not its value is known");

	state = firing(RW_SEVERITY_WARNING);
	play(&state, rw_judge_value(200, 0, 300), START);
	is_int(play(&state, rw_judge_value(200, 0, 300), START + HOLD).reported,
		   RW_CHANGE_CLEARED, "warnings switched off, one is cleared");

	state = firing(RW_SEVERITY_CRITICAL);
	play(&state, rw_judge_value(200, 0, 300), START);
	is_int(play(&state, rw_judge_value(200, 0, 300), START + HOLD).reported,
		   RW_CHANGE_NONE, "what is critical goes on");
	play(&state, rw_judge_value(140, 0, 300), START + 2 * HOLD);
	is_int(play(&state, rw_judge_value(140, 0, 300), START + 3 * HOLD).reported,
		   RW_CHANGE_CLEARED, "and is not eased to a warning");

	state = firing(RW_SEVERITY_CRITICAL);
	play(&state, rw_judge_value(400, 30, 0), START);
	is_int(play(&state, rw_judge_value(400, 30, 0), START + HOLD).reported,
		   RW_CHANGE_EASED, "nothing is critical any more");
	is_int(play(&state, rw_judge_value(400, 30, 0), START + RW_MINUTE).change,
		   RW_CHANGE_NONE, "it is a warning still");

	state = firing(RW_SEVERITY_WARNING);
	play(&state, rw_judge_value(40, 100, 1000), START);
	is_int(play(&state, rw_judge_value(40, 100, 1000), START + HOLD).reported,
		   RW_CHANGE_CLEARED, "a higher limit");
	state = firing(RW_SEVERITY_WARNING);
	play(&state, rw_judge_value(60, 100, 1000), START);
	is_int(play(&state, rw_judge_value(60, 100, 1000), START + HOLD).reported,
		   RW_CHANGE_NONE, "that is not twice the value");

	state = firing(RW_SEVERITY_WARNING);
	play(&state, rw_judge_value(40, 100, 20), START);
	is_int(play(&state, rw_judge_value(40, 100, 20), START + HOLD).reported,
		   RW_CHANGE_ESCALATED, "a critical limit below the other");
	play(&state, rw_judge_value(9, 100, 20), START + 2 * HOLD);
	is_int(play(&state, rw_judge_value(9, 100, 20), START + 3 * HOLD).reported,
		   RW_CHANGE_CLEARED, "then nothing is in between");

	memset(&state, 0, sizeof(state));
	play(&state, rw_judge_value(40, 30, 300), START);
	play(&state, rw_judge_value(400, 0, 300), START + HOLD - 1);
	is_int(play(&state, rw_judge_value(400, 0, 300), START + HOLD).change,
		   RW_CHANGE_NONE, "warnings switched off, none is raised");
	is_int(play(&state, rw_judge_value(400, 0, 300),
				START + 2 * HOLD).change,
		   RW_CHANGE_RAISED, "but what is critical");
	is_int(state.severity, RW_SEVERITY_CRITICAL, "as such");
}

/* How often an alert that goes up and down is reported, for all waves. */
static void
test_flapping(void)
{
	uint64		random = 4711;
	RwJudged	up = rw_judge_level(RW_SEVERITY_CRITICAL);
	RwJudged	down = rw_judge_level(RW_SEVERITY_NONE);
	int			close = 0;
	int			turned = 0;
	int			twice = 0;
	int			left = 0;
	int			reports = 0;
	int			waves = 0;

	section("fifty times up and down a minute, for an hour");

	for (RwTime hold = 0; hold <= HOLD; hold += 100 * RW_MS)
	{
		RwAlertState state;
		RwTime		last[RW_CHANGE_REPEATED + 1] = {0};
		RwTime		last_report_at = START - hold;
		RwChange	last_report = RW_CHANGE_CLEARED;
		RwTime		turn = START;
		bool		is_up = false;

		memset(&state, 0, sizeof(state));
		for (RwTime now = START; now < START + RW_HOUR + 2 * HOLD; now += 50 * RW_MS)
		{
			RwChange	change;

			/* In the end it remains down. */
			if (now >= START + RW_HOUR)
				is_up = false;
			else if (now >= turn)
			{
				is_up = !is_up;
				turn = now + next_random(&random) % (1100 * RW_MS);
				waves += is_up;
			}
			(void) rw_alert_step(&state, is_up ? &up : &down, hold, now);
			change = rw_alert_report(&state, false, 0, now);
			if (change == RW_CHANGE_NONE)
				continue;
			reports++;
			close += last[change] != 0 && now - last[change] < hold;
			last[change] = now;
			close += hold > 1150 * RW_MS;
			turned += now - last_report_at < hold;
			twice += change == last_report;
			last_report = change;
			last_report_at = now;
		}
		left += last_report != RW_CHANGE_CLEARED || !rw_alert_idle(&state);
	}
	ok(waves > 51 * 60 * 50, "it was up often enough");
	ok(reports > 0, "with short hold times it is reported");
	is_int(close, 0,
		   "at most once raised and once cleared a hold time, long ones never");
	is_int(turned, 0, "each remains so for the hold time");
	is_int(twice, 0, "they take turns");
	is_int(left, 0, "and all that was raised is cleared");
}

/* What the machine was handed, to work out from scratch what it should say. */
#define LOOKS	4096

typedef struct Look
{
	RwTime		at;
	RwJudged	judged;			/* known */
} Look;

typedef struct Model
{
	int			nlooks;			/* since the beginning, end or restart */
	Look		looks[LOOKS];	/* the latest, in a ring */
} Model;

static bool
exceeds(const RwJudged *judged, RwSeverity severity)
{
	return judged->raise >= severity &&
		!(severity == RW_SEVERITY_WARNING && judged->no_warning);
}

static bool
is_below(const RwJudged *judged, RwSeverity severity)
{
	return judged->keep < severity ||
		(severity == RW_SEVERITY_WARNING && judged->no_warning);
}

/* Has a condition been met at all looks, one of which was a hold time ago? */
static bool
has_been(const Model *model,
		 bool (*condition) (const RwJudged *judged, RwSeverity severity),
		 RwSeverity severity, RwTime hold, RwTime now)
{
	for (int i = model->nlooks - 1; i >= 0 && i >= model->nlooks - LOOKS; i--)
	{
		const Look *look = &model->looks[i % LOOKS];

		if (!condition(&look->judged, severity))
			return false;
		if (look->at <= now - hold)
			return true;
	}
	return false;
}

static RwSeverity
expected_severity(const Model *model, RwSeverity before, RwTime hold,
				  RwTime now)
{
	RwSeverity	severity;

	for (severity = RW_SEVERITY_CRITICAL; severity > before; severity--)
	{
		if (has_been(model, exceeds, severity, hold, now))
			return severity;
	}
	while (severity > RW_SEVERITY_NONE &&
		   has_been(model, is_below, severity, hold, now))
		severity--;
	return severity;
}

static RwChange
change_of(RwSeverity before, RwSeverity after)
{
	if (before == after)
		return RW_CHANGE_NONE;
	if (before == RW_SEVERITY_NONE)
		return RW_CHANGE_RAISED;
	if (after == RW_SEVERITY_NONE)
		return RW_CHANGE_CLEARED;
	return after > before ? RW_CHANGE_ESCALATED : RW_CHANGE_EASED;
}

/* What went wrong, by kind, and what happened at all. */
typedef struct Tally
{
	int			severity;
	int			change;
	int			times;
	int			unknown;
	int			turned;
	int			reported_muted;
	int			reported_wrong;
	int			reported_early;
	int			left_unreported;
	int			idle;
	int			seen[RW_CHANGE_REPEATED + 1];
	int			seen_reported[RW_CHANGE_REPEATED + 1];
} Tally;

/* A day in the life of an alert. */
static void
live(uint64 *random, Tally *tally)
{
	static Model model;
	static const RwTime holds[] = {0, 1, 300 * RW_MS, RW_SECOND, HOLD,
	RW_MINUTE};
	static const RwTime repeats[] = {0, 1, RW_SECOND, RW_MINUTE, RW_HOUR};
	RwTime		hold = holds[next_random(random) % lengthof(holds)];
	RwTime		repeat = repeats[next_random(random) % lengthof(repeats)];
	RwTime		pace = 1 + next_random(random) % (500 * RW_MS);
	int			calm = 2 + next_random(random) % 200;
	RwTime		now = START;
	RwTime		unknown_since = RW_NEVER;
	RwTime		not_counted = 0;
	int64		warning = 30;
	int64		critical = 300;
	int64		value = 0;
	bool		muted = false;
	RwSeverity	reported = RW_SEVERITY_NONE;
	RwTime		reported_at = RW_NEVER;
	RwTime		up_at = RW_NEVER;
	RwTime		down_at = RW_NEVER;
	RwAlertState state;

	memset(&state, 0, sizeof(state));
	model.nlooks = 0;
	for (int i = 0; i < 20000; i++)
	{
		RwAlertState old = state;
		RwJudged	judged;
		RwSeverity	expected;
		RwChange	change;
		bool		decreed = false;

		now += next_random(random) % (2 * pace);

		/* Now and then something happens. */
		if (next_random(random) % calm == 0)
		{
			switch (next_random(random) % 12)
			{
				case 0:
					warning = next_random(random) % 3 * 30;
					break;
				case 1:
					critical = next_random(random) % 4 * 100;
					break;
				case 2:
				case 3:
					muted = !muted;
					break;
				case 4:
					rw_alert_restart(&state);
					old = state;
					model.nlooks = 0;
					unknown_since = RW_NEVER;
					break;
				case 5:
					decreed = true;
					break;
				case 6:
					value = -1;
					break;
				case 7:
					now += RW_HOUR;
					rw_alert_unseen(&state, RW_HOUR);
					old = state;
					not_counted += RW_HOUR;
					if (reported_at != RW_NEVER)
						reported_at += RW_HOUR;
					if (unknown_since != RW_NEVER)
						unknown_since += RW_HOUR;
					break;
				default:
					value = next_random(random) % 600;
					if (next_random(random) % 2)
						value /= 20;
			}
		}

		judged = rw_judge_value(value, warning, critical);
		expected = state.severity;
		if (decreed)
		{
			expected = RW_SEVERITY_NONE;
			model.nlooks = 0;
			unknown_since = RW_NEVER;
			change = rw_alert_end(&state, now);
		}
		else
		{
			if (judged.known)
			{
				/* The model's clock stands still while nothing is known. */
				if (unknown_since != RW_NEVER)
					not_counted += now - unknown_since;
				unknown_since = RW_NEVER;
				model.looks[model.nlooks % LOOKS].at = now - not_counted;
				model.looks[model.nlooks++ % LOOKS].judged = judged;
				expected = expected_severity(&model, expected, hold,
											 now - not_counted);
			}
			else if (unknown_since == RW_NEVER)
				unknown_since = now;
			change = rw_alert_step(&state, &judged, hold, now);
			old.unknown_since = state.unknown_since;
			tally->unknown += !judged.known &&
				memcmp(&old, &state, sizeof(state)) != 0;
		}
		tally->seen[change]++;
		tally->severity += state.severity != expected;
		tally->change += change != change_of(old.severity, state.severity);
		tally->times +=
			state.raised_at != (change == RW_CHANGE_RAISED ?
								now : old.raised_at) ||
			state.changed_at != (change != RW_CHANGE_NONE ?
								 now : old.changed_at);

		/* Turned sooner than the hold time allows, settings apart? */
		if (state.severity > old.severity)
		{
			up_at = now;
			tally->turned += down_at != RW_NEVER && now - down_at < hold;
		}
		if (state.severity < old.severity && !decreed && !judged.no_warning)
		{
			down_at = now;
			tally->turned += up_at != RW_NEVER && now - up_at < hold;
		}

		change = rw_alert_report(&state, muted, repeat, now);
		tally->seen_reported[change]++;
		tally->reported_muted += muted && change != RW_CHANGE_NONE;
		if (change == RW_CHANGE_REPEATED)
		{
			tally->reported_early += repeat == 0 || now - reported_at < repeat ||
				reported == RW_SEVERITY_NONE || reported != state.severity;
			reported_at = now;
		}
		else if (change != RW_CHANGE_NONE)
		{
			tally->reported_wrong += change != change_of(reported, state.severity);
			reported = state.severity;
			reported_at = now;
		}
		tally->left_unreported += !muted && reported != state.severity &&
			!(reported == RW_SEVERITY_NONE && model.nlooks > 0 &&
			  is_below(&model.looks[(model.nlooks - 1) % LOOKS].judged,
					   state.severity));
		tally->left_unreported += !muted && repeat > 0 &&
			reported != RW_SEVERITY_NONE && now - reported_at >= repeat;
		tally->idle += rw_alert_idle(&state) &&
			(reported != RW_SEVERITY_NONE || state.severity != RW_SEVERITY_NONE ||
			 (model.nlooks > 0 && exceeds(&model.looks[(model.nlooks - 1) % LOOKS].judged,
										  RW_SEVERITY_CRITICAL)));
	}
}

static void
test_at_random(void)
{
	uint64		random = 20261120;
	Tally		tally;
	int			rare = PG_INT32_MAX;

	section("at random, against what all looks say");

	memset(&tally, 0, sizeof(tally));
	for (int i = 0; i < 60; i++)
		live(&random, &tally);

	for (int i = RW_CHANGE_RAISED; i <= RW_CHANGE_CLEARED; i++)
		rare = Min(rare, Min(tally.seen[i], tally.seen_reported[i]));
	ok(rare > 100 && tally.seen_reported[RW_CHANGE_REPEATED] > 100,
	   "everything happened often");
	is_int(tally.severity, 0,
		   "it fires when its hold time has gone by, and not before");
	is_int(tally.change, 0, "raised and cleared alternate");
	is_int(tally.times, 0, "and are dated");
	is_int(tally.unknown, 0, "what is not known changes nothing");
	is_int(tally.turned, 0, "there is a hold time between up and down");
	is_int(tally.reported_muted, 0, "nothing is reported while muted");
	is_int(tally.reported_wrong, 0, "reports alternate, too");
	is_int(tally.reported_early, 0, "nothing is reported again too soon");
	is_int(tally.left_unreported, 0, "and nothing forgotten");
	is_int(tally.idle, 0, "only what is over is idle");
}

int
main(void)
{
	test_severities();
	test_values();
	test_other_judgements();
	test_hold();
	test_held();
	test_reports();
	test_end();
	test_ramp();
	test_settings();
	test_flapping();
	test_at_random();
	return tap_end();
}
