/*-------------------------------------------------------------------------
 *
 * expected.c
 *	  replwatch.expected_replicas: replicas that are missed from the start.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "src/base/compat.h"
#include "src/base/trim.h"
#include "src/replica/expected.h"
#include "src/replica/node_name.h"

/* What the check hook makes of the setting, for the assign hook. */
typedef struct ExpectedNames
{
	int			n;
	char		names[FLEXIBLE_ARRAY_MEMBER][RW_NAME_LEN];
} ExpectedNames;

static char *expected_string = NULL;
static const ExpectedNames *expected = NULL;

const char	(*rw_expected(int *n))[RW_NAME_LEN]
{
	*n = expected ? expected->n : 0;
	return expected ? expected->names : NULL;
}

/* Remove white space and one pair of double quotes around a list member. */
static char *
unquote(char *member)
{
	size_t		len;

	member = rw_trim(member);
	len = strlen(member);
	if (len >= 2 && member[0] == '"' && member[len - 1] == '"')
	{
		member[len - 1] = '\0';
		member++;
	}
	return member;
}

/*
 * Read the list, which is overwritten; false with an errdetail if it is bad.
 */
static bool
parse_expected(char *list, ExpectedNames *parsed)
{
	char	   *member = list;

	parsed->n = 0;
	if (*rw_trim(list) == '\0')
		return true;

	while (member)
	{
		char	   *next = strchr(member, ',');

		if (next)
			*next++ = '\0';
		member = unquote(member);
		if (*member == '\0')
		{
			GUC_check_errdetail("The list contains an empty name.");
			return false;
		}
		if (parsed->n == RW_MAX_EXPECTED)
		{
			GUC_check_errdetail("The list can have at most %d names.",
								RW_MAX_EXPECTED);
			return false;
		}
		if (strlen(member) >= RW_NAME_LEN)
		{
			GUC_check_errdetail("A name can have at most %d bytes.",
								RW_NAME_LEN - 1);
			return false;
		}
		rw_clean_name(parsed->names[parsed->n++], member, RW_NAME_LEN);
		member = next;
	}
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return rw_name_compare(a, b);
}

/* Sort the names and drop duplicates. */
static void
sort_names(ExpectedNames *parsed)
{
	int			kept = 0;
	int			i;

	qsort(parsed->names, parsed->n, RW_NAME_LEN, compare_names);
	for (i = 0; i < parsed->n; i++)
	{
		if (kept > 0 &&
			rw_name_equal(parsed->names[kept - 1], parsed->names[i]))
			continue;
		if (kept != i)
			rw_name_copy(parsed->names[kept], parsed->names[i]);
		kept++;
	}
	parsed->n = kept;
}

static bool
check_expected(char **newval, void **extra, GucSource source)
{
	char	   *list = pstrdup(*newval ? *newval : "");
	ExpectedNames *parsed;
	bool		good;

	parsed = rw_guc_malloc(LOG, offsetof(ExpectedNames, names) +
						   RW_MAX_EXPECTED * RW_NAME_LEN);
	if (parsed == NULL)
		return false;

	good = parse_expected(list, parsed);
	pfree(list);
	if (!good)
	{
		rw_guc_free(parsed);
		return false;
	}
	sort_names(parsed);
	*extra = parsed;
	return true;
}

static void
assign_expected(const char *newval, void *extra)
{
	expected = extra;
}

void
rw_replica_settings(void)
{
	DefineCustomStringVariable("replwatch.expected_replicas",
							   "Sets the names of the replicas that a primary expects to be connected.",
							   "A server ignores its own name, so all servers can have the same list.",
							   &expected_string, "", PGC_SIGHUP, GUC_LIST_INPUT,
							   check_expected, assign_expected, NULL);
	rw_node_name_setting();
}
