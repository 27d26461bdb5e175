/*-------------------------------------------------------------------------
 *
 * alert_words.c
 *	  An alert in words: value, limit, detail and hint.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <ctype.h>
#include <stdarg.h>

#include "src/alert/intern.h"

/* Append a sentence, made of `strings`, of which the last is NULL. */
static void
add_sentence(char *buffer, size_t size, va_list strings)
{
	size_t		len = strlen(buffer);
	const char *string;
	RwText		out;

	/* With no room for a blank and one more character there is none left. */
	if (len + 2 > size)
		return;
	if (len > 0)
		buffer[len++] = ' ';
	rw_text_begin(&out, buffer + len, size - len);
	while ((string = va_arg(strings, const char *)) != NULL)
		rw_text_add(&out, string);
}

void
rw_add_detail(RwAlertText *text,...)
{
	va_list		strings;

	va_start(strings, text);
	add_sentence(text->detail, sizeof(text->detail), strings);
	va_end(strings);
}

void
rw_add_hint(RwAlertText *text,...)
{
	va_list		strings;

	va_start(strings, text);
	add_sentence(text->hint, sizeof(text->hint), strings);
	va_end(strings);
}

const char *
rw_number_text(char *buffer, int64 value)
{
	RwText		out;

	rw_text_begin(&out, buffer, RW_NUMBER_LEN);
	rw_text_int(&out, value);
	return buffer;
}

const char *
rw_quoted_name(char *buffer, const char *name)
{
	bool		escape = strchr(name, '\\') != NULL;
	RwText		out;

	rw_text_begin(&out, buffer, RW_QUOTED_NAME_LEN);
	rw_text_add(&out, escape ? "E'" : "'");
	for (; *name; name++)
	{
		char		character[] = {*name, '\0'};

		if (*name == '\'' || *name == '\\')
			rw_text_add(&out, character);
		rw_text_add(&out, character);
	}
	rw_text_add(&out, "'");
	return buffer;
}

/* A value as SQL and log show it; empty if it is not known. */
static void
value_text(char *buffer, RwUnit unit, int64 value)
{
	StaticAssertStmt(RW_ALERT_VALUE_LEN >= RW_NUMBER_LEN &&
					 RW_ALERT_VALUE_LEN >= RW_CLOCK_LEN &&
					 RW_ALERT_VALUE_LEN >= RW_SIZE_LEN, "all of them fit");
	buffer[0] = '\0';
	if (value < 0)
		return;
	switch (unit)
	{
		case RW_UNIT_NONE:
			rw_number_text(buffer, value);
			break;
		case RW_UNIT_TIME:
			rw_clock_text(buffer, value);
			break;
		case RW_UNIT_SIZE:
			rw_size_text(buffer, value);
			break;
	}
}

const char *
rw_bound_text(const RwLink *link)
{
	switch (link->bound)
	{
		case RW_BOUND_EXACT:
			break;
		case RW_BOUND_AT_LEAST:
			return "at least ";
		case RW_BOUND_AT_MOST:
			return "at most ";
	}
	return "";
}

const char *
rw_above_text(const RwFinding *finding, RwSeverity severity)
{
	return finding->value > finding->limits[severity] ? "above " :
		"no longer above ";
}

void
rw_add_reason(RwAlertText *text, const RwLink *link)
{
	char		first[] = {toupper((unsigned char) link->reason_text[0]), '\0'};

	if (link->own_reason)
		rw_add_detail(text, "It reports: ", link->reason_text, ".", NULL);
	else if (link->reason != RW_REASON_NONE)
		rw_add_detail(text, first, link->reason_text + 1, ".", NULL);
}

void
rw_add_replica_hint(RwAlertText *text, const RwLink *link, const char *where,
					const char *guess)
{
	if (link && link->own_reason && link->reason == RW_REASON_PAUSED)
		rw_add_hint(text, "Run pg_wal_replay_resume() on ", where, ".", NULL);
	else if (link && link->own_reason && link->reason == RW_REASON_CONFLICT)
		rw_add_hint(text, "On ", where,
					", end the sessions that block replay, or decrease \"max_standby_streaming_delay\".",
					NULL);
	else
		rw_add_hint(text, "Look at replwatch_status() on ", where,
					link && link->own_reason ? "" : guess, ".", NULL);
}

void
rw_add_time_lag(RwAlertText *text, const RwSubject *subject,
				const RwFinding *finding, RwSeverity severity)
{
	const RwLink *link = subject->link;
	char		lag[RW_CLOCK_LEN];
	char		size[RW_SIZE_LEN];

	if (link->lag >= 0)
	{
		bool		sized = link->lag_bytes >= 0;

		rw_add_detail(text, "Time lag is ", rw_bound_text(link),
					  rw_clock_text(lag, link->lag), sized ? " (" : "",
					  sized ? rw_size_text(size, link->lag_bytes) : "",
					  sized ? "), " : ", ", rw_above_text(finding, severity),
					  text->threshold, ".", NULL);
		if (subject->delay > 0)
			rw_add_detail(text, "Of that, ",
						  rw_clock_text(lag, subject->delay),
						  " is intentional.", NULL);
	}
	rw_add_reason(text, link);
}

void
rw_describe_alert(const RwJudgeInput *input, const RwSubject *subject,
				  RwAlertKind alert, RwSeverity severity, RwAlertText *text)
{
	const RwAlertInfo *info = &rw_alert_table[alert];
	const RwFinding *finding = &subject->findings[rw_alert_place(alert)];
	int64		limit = finding->limits[severity];

	memset(text, 0, sizeof(RwAlertText));
	value_text(text->value, finding->unit, finding->value);

	/* An alert with one limit for both severities has it with the warning. */
	if (limit == 0)
		limit = finding->limits[RW_SEVERITY_WARNING];
	if (limit > 0)
		value_text(text->threshold, finding->unit, limit);

	info->words(input, subject, finding, severity, text);
	rw_add_hint(text, "See \"", info->name, "\" in doc/runbook.md.", NULL);
}

void
rw_add_why_quiet(RwAlertText *text, RwCause cause)
{
	switch (cause.state)
	{
		case RW_CAUSE_NONE:
			break;
		case RW_CAUSE_FIRING:
			rw_add_detail(text, "Not reported while ",
						  rw_alert_name(cause.alert), " is firing.", NULL);
			break;
		case RW_CAUSE_PENDING:
			rw_add_detail(text, "Not reported because ",
						  rw_alert_name(cause.alert),
						  " may be about to fire.", NULL);
			break;
		case RW_CAUSE_CLEARED:
			rw_add_detail(text, "Not reported because ",
						  rw_alert_name(cause.alert), " has just cleared.",
						  NULL);
			break;
	}
}
