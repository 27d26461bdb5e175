/*-------------------------------------------------------------------------
 *
 * alert_settings.c
 *	  The limits of the alerts, for one subject.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "src/alert/alert_settings.h"
#include "src/base/clock.h"
#include "src/base/compat.h"
#include "src/base/trim.h"
#include "src/replica/resolve.h"

/* Patterns that replica_overrides can have. */
#define MAX_OVERRIDES	64

typedef struct LimitInfo
{
	const char *name;			/* with "replwatch.", which overrides omit */
	const char *short_desc;
	const char *long_desc;
	int			boot_value;
	int			unit;			/* GUC_UNIT_MS, GUC_UNIT_KB or 0 */
} LimitInfo;

#define PREFIX_LEN		(sizeof("replwatch.") - 1)
#define ZERO_IS_OFF		"Zero disables the alert."

static const LimitInfo limit_infos[RW_NUM_LIMITS] = {
	[RW_LIMIT_LAG_WARNING] = {
		"replwatch.lag_warning",
		"Sets the time lag above which a warning alert is raised.",
	ZERO_IS_OFF, 30 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_LAG_CRITICAL] = {
		"replwatch.lag_critical",
		"Sets the time lag above which a critical alert is raised.",
	ZERO_IS_OFF, 5 * 60 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_LAG_BYTES_WARNING] = {
		"replwatch.lag_bytes_warning",
		"Sets the amount of missing WAL above which a warning alert is raised for a replica.",
	ZERO_IS_OFF, 1024 * 1024, GUC_UNIT_KB},
	[RW_LIMIT_LAG_BYTES_CRITICAL] = {
		"replwatch.lag_bytes_critical",
		"Sets the amount of missing WAL above which a critical alert is raised for a replica.",
	ZERO_IS_OFF, 10 * 1024 * 1024, GUC_UNIT_KB},
	[RW_LIMIT_STALL_TIMEOUT] = {
		"replwatch.stall_timeout",
		"Sets the time replay may stand still, with WAL to replay, before an alert is raised.",
	"The alert is critical after five times as long. " ZERO_IS_OFF, 60 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_SILENT_TIMEOUT] = {
		"replwatch.silent_timeout",
		"Sets the time a connected replica may not reply before an alert is raised.",
	"At least half of \"wal_sender_timeout\" plus five seconds is used. " ZERO_IS_OFF, 35 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_MISSING_TIMEOUT] = {
		"replwatch.missing_timeout",
		"Sets the time a known or expected replica may be disconnected before an alert is raised.",
	ZERO_IS_OFF, 2 * 60 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_SLOT_INACTIVE_TIMEOUT] = {
		"replwatch.slot_inactive_timeout",
		"Sets the time a replication slot that retains WAL may not move before an alert is raised.",
	ZERO_IS_OFF, 15 * 60 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_SLOT_TIME_LEFT] = {
		"replwatch.slot_time_left",
		"Sets the time before the expected loss of a replication slot at which an alert is raised.",
	ZERO_IS_OFF, 60 * 60 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_SLOT_RETAINED] = {
		"replwatch.slot_retained",
		"Sets the amount of WAL retained by a replication slot above which an alert is raised.",
	ZERO_IS_OFF, 0, GUC_UNIT_KB},
	[RW_LIMIT_UPSTREAM_TIMEOUT] = {
		"replwatch.upstream_timeout",
		"Sets the time a standby may not stream before an alert is raised.",
	"The alert is critical after five times as long. " ZERO_IS_OFF, 60 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_ARCHIVER_FAILING_TIMEOUT] = {
		"replwatch.archiver_failing_timeout",
		"Sets the time a finished WAL file may wait to be archived before an alert is raised.",
	ZERO_IS_OFF, 5 * 60 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_WAL_DISK_TIME_LEFT] = {
		"replwatch.wal_disk_time_left",
		"Sets the time before held WAL is expected to fill its volume at which an alert is raised.",
	"The alert is critical within a quarter of it. " ZERO_IS_OFF, 4 * 60 * 60 * 1000, GUC_UNIT_MS},
	[RW_LIMIT_WAL_DISK_FREE] = {
		"replwatch.wal_disk_free",
		"Sets the free part, in percent, of the volume of WAL files below which an alert is raised.",
	"Less than four times \"max_wal_size\" must be free, too. The alert is critical below half of that. " ZERO_IS_OFF, 5, 0},
	[RW_LIMIT_XMIN_AGE] = {
		"replwatch.xmin_age",
		"Sets the number of transactions by which replication may hold back vacuum before an alert is raised.",
	ZERO_IS_OFF, 50 * 1000 * 1000, 0},
	[RW_LIMIT_DELAY] = {
		"replwatch.delay", NULL, NULL, 0, GUC_UNIT_MS
	},
};

static int	limit_values[RW_NUM_LIMITS];

typedef struct Override
{
	char		pattern[RW_NAME_LEN];
	uint32		given;			/* a bit for each limit */
	int			values[RW_NUM_LIMITS];
} Override;

/* The parsed setting, from its check hook to its assign hook. */
typedef struct Overrides
{
	int			n;
	Override	overrides[FLEXIBLE_ARRAY_MEMBER];
} Overrides;

StaticAssertDecl(RW_NUM_LIMITS <= 32, "an override has a bit for each limit");

static char *overrides_string;
static const Overrides *overrides;

/*
 * Does a name match a pattern, or with `folded`, is one that is alike?  See
 * alert_settings.h.
 */
static bool
matches_pattern(const char *pattern, const char *name, bool folded)
{
	const char *star = NULL;	/* the pattern behind the last asterisk */
	const char *rest = NULL;	/* the name behind what that has matched */

	while (*name)
	{
		if (*pattern == '*')
		{
			star = ++pattern;
			rest = name;
		}
		else if (*pattern == '?' || *pattern == *name ||
				 (folded && rw_name_folded(*pattern) == rw_name_folded(*name)))
		{
			pattern++;
			name++;
		}
		else if (star)
		{
			pattern = star;
			name = ++rest;
		}
		else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Does the pattern match one of a subject's names, the second maybe empty? */
static bool
matches_subject(const char *pattern, const char *name,
				const char *application_name, const RwReplica *table,
				int size)
{
	bool		second = application_name[0] != '\0';
	RwNameSearch search;

	if (!matches_pattern(pattern, name, true) &&
		!(second && matches_pattern(pattern, application_name, true)))
		return false;
	if (matches_pattern(pattern, name, false) ||
		(second && matches_pattern(pattern, application_name, false)))
		return true;

	rw_search_begin(&search, pattern);
	rw_search_replicas(&search, table, size);
	return search.fit != RW_FIT_SHOWN && search.fit != RW_FIT_APPLICATION;
}

/* One is a percentage. */
static int
max_value_of(int limit)
{
	return limit == RW_LIMIT_WAL_DISK_FREE ? 100 : INT_MAX;
}

static int64
limit_of(int limit, int value)
{
	switch (limit_infos[limit].unit)
	{
		case GUC_UNIT_KB:
			return value * INT64CONST(1024);
		case GUC_UNIT_MS:
			return value * RW_MS;
		default:
			return value;
	}
}

void
rw_general_limits(RwLimits *limits)
{
	int			i;

	for (i = 0; i < RW_NUM_LIMITS; i++)
		limits->of[i] = limit_of(i, limit_values[i]);
}

void
rw_override_limits(RwLimits *limits, const char *name,
				   const RwReplica *replica, const RwReplica *table, int size)
{
	const char *application_name = "";
	int			i;
	int			j;

	if (overrides == NULL || overrides->n == 0)
		return;

	if (replica)
		application_name = rw_own_application(table, size, replica);
	for (i = 0; i < overrides->n; i++)
	{
		const Override *override = &overrides->overrides[i];

		if (!matches_subject(override->pattern, name, application_name,
							 table, size))
			continue;
		for (j = 0; j < RW_NUM_LIMITS; j++)
		{
			if (override->given & (1U << j))
				limits->of[j] = limit_of(j, override->values[j]);
		}
	}
}

/* Parse one "name=value"; if it is not, report why and return false. */
static bool
parse_assignment(char *text, Override *override)
{
	char	   *value = strchr(text, '=');
	const char *hint = NULL;
	int			i;

	if (value == NULL)
	{
		GUC_check_errdetail("\"%s\" is not of the form name=value.", rw_trim(text));
		return false;
	}
	*value++ = '\0';
	text = rw_trim(text);
	value = rw_trim(value);

	for (i = RW_LIMIT_NONE + 1; i < RW_NUM_LIMITS; i++)
	{
		if (strcmp(limit_infos[i].name + PREFIX_LEN, text) == 0)
			break;
	}
	if (i == RW_NUM_LIMITS)
	{
		GUC_check_errdetail("\"%s\" is not a limit that can be set by replica.", text);
		return false;
	}
	if (!parse_int(value, &override->values[i], limit_infos[i].unit, &hint) ||
		override->values[i] < 0 || override->values[i] > max_value_of(i))
	{
		GUC_check_errdetail("\"%s\" is not a value of \"%s\".", value, text);
		if (hint)
			GUC_check_errhint("%s", hint);
		return false;
	}
	override->given |= 1U << i;
	return true;
}

/* Parse one "pattern: assignments", in the same way. */
static bool
parse_override(char *text, Override *override)
{
	char	   *assignment = strchr(text, ':');
	char	   *pattern;

	if (assignment == NULL)
	{
		GUC_check_errdetail("\"%s\" is not of the form pattern: name=value.",
							rw_trim(text));
		return false;
	}
	*assignment++ = '\0';
	pattern = rw_trim(text);
	if (pattern[0] == '\0' || strlen(pattern) >= RW_NAME_LEN)
	{
		GUC_check_errdetail("A pattern has from 1 to %d characters.",
							RW_NAME_LEN - 1);
		return false;
	}
	strlcpy(override->pattern, pattern, RW_NAME_LEN);

	while (assignment)
	{
		char	   *next = strchr(assignment, ',');

		if (next)
			*next++ = '\0';
		if (!parse_assignment(assignment, override))
			return false;
		assignment = next;
	}
	return true;
}

static bool
check_overrides(char **newval, void **extra, GucSource source)
{
	char	   *text = pstrdup(*newval ? *newval : "");
	char	   *entry = text;
	Overrides  *parsed;
	bool		ok = true;

	parsed = rw_guc_malloc(LOG, offsetof(Overrides, overrides) +
						   MAX_OVERRIDES * sizeof(Override));
	if (parsed == NULL)
		return false;
	memset(parsed, 0, offsetof(Overrides, overrides) +
		   MAX_OVERRIDES * sizeof(Override));

	while (ok && entry)
	{
		char	   *next = strchr(entry, ';');

		if (next)
			*next++ = '\0';
		if (*rw_trim(entry) == '\0')
			;					/* empty: after the last semicolon, say */
		else if (parsed->n == MAX_OVERRIDES)
		{
			GUC_check_errdetail("The list can have at most %d patterns.",
								MAX_OVERRIDES);
			ok = false;
		}
		else
			ok = parse_override(entry, &parsed->overrides[parsed->n++]);
		entry = next;
	}
	pfree(text);
	if (!ok)
	{
		rw_guc_free(parsed);
		return false;
	}
	*extra = parsed;
	return true;
}

static void
assign_overrides(const char *newval, void *extra)
{
	overrides = extra;
}

void
rw_alert_settings(void)
{
	int			i;

	for (i = 0; i < RW_NUM_LIMITS; i++)
	{
		if (limit_infos[i].short_desc)
			DefineCustomIntVariable(limit_infos[i].name, limit_infos[i].short_desc,
									limit_infos[i].long_desc, &limit_values[i],
									limit_infos[i].boot_value, 0, max_value_of(i),
									PGC_SIGHUP, limit_infos[i].unit,
									NULL, NULL, NULL);
	}

	DefineCustomStringVariable("replwatch.replica_overrides",
							   "Sets other limits for replicas and slots whose names match a pattern.",
							   "A list such as \"pattern: lag_critical=2h, stall_timeout=0; pattern: delay=1h\".",
							   &overrides_string, "", PGC_SIGHUP, 0,
							   check_overrides, assign_overrides, NULL);
}
