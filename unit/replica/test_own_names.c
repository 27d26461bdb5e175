/*-------------------------------------------------------------------------
 *
 * test_own_names.c
 *	  Tests of src/replica/own_names.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/replica/own_names.h"
#include "unit/tap.h"

static RwOwnNames own;

/* All of them: "pg_2 pg-2". */
static const char *
listed(const RwOwnNames *names)
{
	static char result[RW_MAX_OWN_NAMES * (RW_NAME_LEN + 1)];

	result[0] = '\0';
	for (int i = 0; i < names->n; i++)
	{
		if (i > 0)
			strcat(result, " ");
		strcat(result, names->names[i]);
	}
	return result;
}

static void
test_note(void)
{
	char		name[RW_NAME_LEN];

	section("noting");
	is_text(listed(&own), "", "none at first");
	rw_own_names_note(&own, "", "");
	is_text(listed(&own), "", "no names");
	rw_own_names_note(&own, "", "pg-2");
	is_text(listed(&own), "pg-2", "an application_name");
	rw_own_names_note(&own, "pg_2", "pg-2");
	is_text(listed(&own), "pg_2 pg-2", "a slot goes first");
	rw_own_names_note(&own, "pg_2", "pg-2");
	is_text(listed(&own), "pg_2 pg-2", "the same again");
	rw_own_names_note(&own, "same", "same");
	is_text(listed(&own), "same pg_2 pg-2", "one name for both");
	rw_own_names_note(&own, "", "pg-2");
	is_text(listed(&own), "pg-2 same pg_2", "an old one comes to the front");

	for (int i = 0; i < 5; i++)
	{
		snprintf(name, sizeof(name), "n%d", i);
		rw_own_names_note(&own, name, "");
	}
	is_text(listed(&own), "n4 n3 n2 n1 n0 pg-2 same pg_2", "as many as fit");
	rw_own_names_note(&own, "pg_2", "");
	is_text(listed(&own), "pg_2 n4 n3 n2 n1 n0 pg-2 same", "the last one again");
	rw_own_names_note(&own, "x", "y");
	is_text(listed(&own), "x y pg_2 n4 n3 n2 n1 n0", "the oldest are dropped");
}

static void
test_restore(void)
{
	RwOwnNames	restored;
	RwOwnNames	saved;

	section("restoring");
	memset(&restored, 0x7f, sizeof(restored));
	rw_own_names_restore(&restored, &own);
	is_text(listed(&restored), listed(&own), "what was saved");

	saved = own;
	saved.n = 1000;
	rw_own_names_restore(&restored, &saved);
	is_text(listed(&restored), listed(&own), "a number that is too great");
	saved.n = -1;
	rw_own_names_restore(&restored, &saved);
	is_text(listed(&restored), "", "a number that is negative");

	saved.n = 4;
	memset(saved.names[1], 'x', RW_NAME_LEN);
	saved.names[2][0] = '\0';
	rw_own_names_restore(&restored, &saved);
	is_text(listed(&restored), "x n4", "what is no name is left out");
}

int
main(void)
{
	test_note();
	test_restore();
	return tap_end();
}
