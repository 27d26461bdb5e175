/*-------------------------------------------------------------------------
 *
 * alert_state.c
 *	  When an alert is raised, escalated, eased, cleared and reported again.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/alert/alert_state.h"

static const char *const severity_names[] = {
	[RW_SEVERITY_NONE] = NULL,
	[RW_SEVERITY_WARNING] = "warning",
	[RW_SEVERITY_CRITICAL] = "critical",
};

StaticAssertDecl(lengthof(severity_names) == RW_NUM_SEVERITIES,
				 "every severity has a name");

const char *
rw_severity_name(RwSeverity severity)
{
	return severity_names[severity];
}

/* Note since when a condition has held. */
static void
note_since(RwTime *since, bool holds, RwTime now)
{
	if (!holds)
		*since = RW_NEVER;
	else if (*since == RW_NEVER)
		*since = now;
}

static bool
has_held(RwTime since, RwTime hold, RwTime now)
{
	return since != RW_NEVER && now - since >= hold;
}

/* So much of the time since then is no part of a hold time. */
static void
leave_out(RwAlertState *state, RwTime lasted)
{
	RwSeverity	severity;

	for (severity = RW_SEVERITY_WARNING; severity < RW_NUM_SEVERITIES; severity++)
	{
		if (state->over[severity] != RW_NEVER)
			state->over[severity] += lasted;
		if (state->under[severity] != RW_NEVER)
			state->under[severity] += lasted;
	}
	if (state->unknown_since != RW_NEVER)
		state->unknown_since += lasted;
}

void
rw_alert_unseen(RwAlertState *state, RwTime lasted)
{
	leave_out(state, lasted);
	if (state->reported_at != RW_NEVER)
		state->reported_at += lasted;
	if (state->severity == RW_SEVERITY_NONE && state->changed_at != RW_NEVER)
	{
		state->raised_at += lasted;
		state->changed_at += lasted;
	}
}

RwChange
rw_alert_step(RwAlertState *state, const RwJudged *judged, RwTime hold,
			 RwTime now)
{
	RwSeverity	before = state->severity;
	RwSeverity	severity;

	if (!judged->known)
	{
		note_since(&state->unknown_since, true, now);
		return RW_CHANGE_NONE;
	}
	if (state->unknown_since != RW_NEVER)
	{
		leave_out(state, now - state->unknown_since);
		state->unknown_since = RW_NEVER;
	}

	for (severity = RW_SEVERITY_WARNING; severity < RW_NUM_SEVERITIES; severity++)
	{
		bool		off = severity == RW_SEVERITY_WARNING && judged->no_warning;

		note_since(&state->over[severity], judged->raise >= severity && !off, now);
		note_since(&state->under[severity], judged->keep < severity || off, now);
	}

	/* Go up to the highest that has held, or down past all that have ended. */
	for (severity = RW_SEVERITY_CRITICAL; severity > before; severity--)
	{
		if (state->over[severity] != RW_NEVER &&
			(judged->held >= severity ||
			 has_held(state->over[severity], hold, now)))
		{
			state->severity = severity;
			break;
		}
	}
	if (state->severity == before)
	{
		while (state->severity > RW_SEVERITY_NONE &&
			   has_held(state->under[state->severity], hold, now))
			state->severity--;
	}
	if (state->severity == before)
		return RW_CHANGE_NONE;

	state->changed_at = now;
	if (before == RW_SEVERITY_NONE)
	{
		state->raised_at = now;
		return RW_CHANGE_RAISED;
	}
	if (state->severity == RW_SEVERITY_NONE)
		return RW_CHANGE_CLEARED;
	return state->severity > before ? RW_CHANGE_ESCALATED : RW_CHANGE_EASED;
}

RwChange
rw_alert_end(RwAlertState *state, RwTime now)
{
	bool		fired = state->severity != RW_SEVERITY_NONE;

	rw_alert_restart(state);
	state->severity = RW_SEVERITY_NONE;
	if (!fired)
		return RW_CHANGE_NONE;
	state->changed_at = now;
	return RW_CHANGE_CLEARED;
}

RwChange
rw_alert_report(RwAlertState *state, bool muted, RwTime repeat, RwTime now)
{
	RwSeverity	reported = state->reported;

	if (muted)
		return RW_CHANGE_NONE;

	if (state->severity == reported)
	{
		if (reported == RW_SEVERITY_NONE || repeat <= 0 ||
			now - state->reported_at < repeat)
			return RW_CHANGE_NONE;
		state->reported_at = now;
		return RW_CHANGE_REPEATED;
	}

	/* It was muted while its condition lasted. */
	if (reported == RW_SEVERITY_NONE && state->under[state->severity] != RW_NEVER)
		return RW_CHANGE_NONE;

	state->reported = state->severity;
	state->reported_at = now;
	if (reported == RW_SEVERITY_NONE)
		return RW_CHANGE_RAISED;
	if (state->severity == RW_SEVERITY_NONE)
		return RW_CHANGE_CLEARED;
	return state->severity > reported ? RW_CHANGE_ESCALATED : RW_CHANGE_EASED;
}

void
rw_alert_restart(RwAlertState *state)
{
	memset(state->over, 0, sizeof(state->over));
	memset(state->under, 0, sizeof(state->under));
	state->unknown_since = RW_NEVER;
}

bool
rw_alert_idle(const RwAlertState *state)
{
	RwSeverity	severity;

	if (state->severity != RW_SEVERITY_NONE ||
		state->reported != RW_SEVERITY_NONE)
		return false;
	for (severity = RW_SEVERITY_WARNING; severity < RW_NUM_SEVERITIES; severity++)
	{
		if (state->over[severity] != RW_NEVER)
			return false;
	}
	return true;
}

RwJudged
rw_judge_value(int64 value, int64 warning, int64 critical)
{
	RwJudged	judged = rw_judge_nothing();

	judged.no_warning = warning <= 0;
	judged.known = value >= 0 || (warning <= 0 && critical <= 0);
	if (value < 0)
		return judged;

	if (critical > 0 && value > critical)
		judged.raise = RW_SEVERITY_CRITICAL;
	else if (warning > 0 && value > warning)
		judged.raise = RW_SEVERITY_WARNING;

	/* Half the limit, rounded up. */
	if (critical > 0 && value >= critical - critical / 2)
		judged.keep = RW_SEVERITY_CRITICAL;
	else if (warning > 0 && value >= warning - warning / 2)
		judged.keep = RW_SEVERITY_WARNING;
	return judged;
}

RwJudged
rw_judge_lasting(int64 lasts, int64 warning, int64 critical)
{
	RwJudged	judged = rw_judge_nothing();

	judged.known = true;
	judged.no_warning = warning <= 0;
	if (lasts < 0)
		return judged;

	if (critical > 0 && lasts >= critical)
		judged.raise = RW_SEVERITY_CRITICAL;
	else if (warning > 0 && lasts >= warning)
		judged.raise = RW_SEVERITY_WARNING;

	if (critical > 0)
		judged.keep = RW_SEVERITY_CRITICAL;
	else if (warning > 0)
		judged.keep = RW_SEVERITY_WARNING;
	return judged;
}

RwJudged
rw_judge_either(RwJudged one, RwJudged other)
{
	RwJudged	judged;

	judged.raise = one.raise > other.raise ? one.raise : other.raise;
	judged.keep = one.keep > other.keep ? one.keep : other.keep;
	judged.held = one.held > other.held ? one.held : other.held;
	judged.no_warning = one.no_warning && other.no_warning;
	judged.known = (one.known && other.known) ||
		judged.raise > RW_SEVERITY_NONE;
	return judged;
}
