/*-------------------------------------------------------------------------
 *
 * test_resolve.c
 *	  Tests of src/replica/resolve.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/replica/resolve.h"
#include "unit/tap.h"

#define SIZE		12
#define MAX_OTHERS	4

static RwReplica table[SIZE];
static const char *others[MAX_OTHERS];
static int	nused;
static int	nothers;

static void
begin(const char *title)
{
	section(title);
	memset(table, 0, sizeof(table));
	nused = nothers = 0;
}

/* A known replica that is gone; slot may be empty. */
static RwReplica *
add(const char *slot, const char *application)
{
	RwReplica  *replica = &table[nused++];

	replica->used = replica->known = true;
	rw_name_copy(replica->slot_name, slot);
	rw_name_copy(replica->application_name, application);
	rw_name_copy(replica->name, slot[0] ? slot : application);
	return replica;
}

/* What a name finds: "pg_1", "pg_1 or pg-1", or "nobody". */
static const char *
found(const char *name)
{
	static char result[2 * RW_NAME_LEN + 4];
	RwNameSearch search;

	rw_search_begin(&search, name);
	rw_search_replicas(&search, table, SIZE);
	for (int i = 0; i < nothers; i++)
		rw_search_add(&search, others[i]);
	switch (rw_search_end(&search))
	{
		case RW_NAME_UNKNOWN:
			return "nobody";
		case RW_NAME_FOUND:
			return strcpy(result, search.found[0]);
		case RW_NAME_AMBIGUOUS:
			snprintf(result, sizeof(result), "%s or %s", search.found[0],
					 search.found[1]);
			return result;
	}
	return "?";
}

static void
test_one(void)
{
	begin("one replica");
	is_text(found("pg_1"), "nobody", "an empty table");
	is_text(found(""), "nobody", "no name");
	add("pg_1", "pg-1");
	add("", "reports");
	is_text(found("pg_1"), "pg_1", "its slot");
	is_text(found("pg-1"), "pg_1", "its application_name");
	is_text(found("PG.1"), "pg_1", "a name that is like both");
	is_text(found("reports"), "reports", "an application_name without slot");
	is_text(found("Reports"), "reports", "in another case");
	is_text(found("report"), "nobody", "the beginning of a name");
	is_text(found("pg_2"), "nobody", "another name");
	is_text(found(""), "nobody", "no name");

	begin("quite another application_name");
	add("slot_7", "Pg-1");
	is_text(found("Pg-1"), "slot_7", "exactly");
	is_text(found("pg_1"), "slot_7", "one that is alike");

	begin("two connections of one replica");
	add("", "a-b")->connected = true;
	add("", "a-b")->connected = true;
	is_text(found("a-b"), "a-b", "exactly");
	is_text(found("A_B"), "a-b", "one that is alike");
}

static void
test_several(void)
{
	begin("two that are alike");
	add("a_b", "x");
	add("", "a-b");
	is_text(found("a_b"), "a_b", "exactly the one");
	is_text(found("a-b"), "a-b", "exactly the other");
	is_text(found("A.B"), "a_b or a-b", "neither exactly");
	is_text(found("X"), "a_b", "a name of only one of them");

	begin("an application_name that several use");
	add("pg_1", "walreceiver");
	add("pg_2", "walreceiver");
	is_text(found("walreceiver"), "nobody", "is nobody's");
	is_text(found("WalReceiver"), "nobody", "nor is one that is like it");
	is_text(found("pg-2"), "pg_2", "the slots' names are theirs");

	begin("an application_name that another is shown by");
	add("pg_1", "pg_2");
	add("", "pg_2");
	is_text(found("pg_2"), "pg_2", "is the other's");
	is_text(found("PG-2"), "pg_2", "and so is one that is like it");

	begin("an exact application_name before names that are alike");
	add("s1", "pg-1");
	add("pg_1", "y");
	is_text(found("pg-1"), "s1", "exactly");
	is_text(found("pg_1"), "pg_1", "exactly the other");
	is_text(found("pg.1"), "s1 or pg_1", "neither exactly");

	begin("three that are alike");
	add("", "a-b");
	add("", "a.b");
	add("", "a_b");
	is_text(found("A-B"), "a-b or a.b", "the first two are named");
}

static void
test_others(void)
{
	begin("other things");
	add("", "standby1");
	add("pg_1", "pg-1");
	others[nothers++] = "standby1";
	others[nothers++] = "pg_7";
	others[nothers++] = "Standby1";
	others[nothers++] = "";
	is_text(found("standby1"), "standby1", "a replica and a slot of one name");
	is_text(found("Standby1"), "Standby1", "exactly another");
	is_text(found("STANDBY1"), "standby1 or Standby1", "neither exactly");
	is_text(found("pg-7"), "pg_7", "one that is alike");
	is_text(found(""), "nobody", "an empty name is none");

	begin("an application_name before other things");
	add("pg_1", "pg-1");
	others[nothers++] = "pg-1";
	is_text(found("pg-1"), "pg_1", "the replica");
}

static void
test_expected(void)
{
	const char	names[][RW_NAME_LEN] = {"pg-1", "A.B", "reports", "nobody"};
	int			last;

	begin("marking those expected");
	add("pg_1", "pg-1");
	add("", "a-b");
	add("", "a_b");
	add("", "reports")->connected = true;
	add("", "reports")->connected = true;
	last = nused;
	add("", "other")->expected = true;
	rw_mark_expected(table, SIZE, names, lengthof(names));
	ok(table[0].expected, "by its application_name");
	ok(!table[1].expected && !table[2].expected, "not what is ambiguous");
	ok(table[3].expected && table[4].expected, "both connections of one");
	ok(!table[last].expected, "no longer one that is not in the list");
}

static void
test_long(void)
{
	char		name[RW_NAME_LEN];
	char		other[RW_NAME_LEN];

	begin("names as long as can be");
	memset(name, 'n', RW_NAME_LEN - 1);
	name[RW_NAME_LEN - 1] = '\0';
	strcpy(other, name);
	name[RW_NAME_LEN - 2] = '-';
	other[RW_NAME_LEN - 2] = '_';
	add(other, name);
	is_text(found(name), other, "63 bytes");
	other[0] = 'N';
	is_text(found(other), table[0].name, "and one that is alike");
	other[RW_NAME_LEN - 2] = 'x';
	is_text(found(other), "nobody", "the last byte counts");
}

static void
random_name(char *name, uint64 *state)
{
	int			end = next_random(state) % 2 ? RW_NAME_LEN - 1 : 3;
	int			begin = end - 3;

	memset(name, 0, RW_NAME_LEN);
	memset(name, 'n', begin);
	for (int i = begin; i < end; i++)
		name[i] = "ab-_"[next_random(state) % 4];
	if (next_random(state) % 16 == 0)
		name[begin] = '\0';
}

/* Is this string a name of some replica, exactly or alike? */
static bool
occurs(const char *name, bool alike)
{
	for (int i = 0; i < SIZE; i++)
	{
		if (!table[i].used)
			continue;
		if (alike ? rw_name_alike(table[i].name, name) ||
			rw_name_alike(table[i].application_name, name) :
			strcmp(table[i].name, name) == 0 ||
			strcmp(table[i].application_name, name) == 0)
			return true;
	}
	return false;
}

static void
test_at_random(void)
{
	uint64		state = 1;
	int			exact = 0;
	int			ambiguous = 0;
	int			applications = 0;
	int			wrong = 0;

	begin("tables at random");
	for (int i = 0; i < 20000; i++)
	{
		int			n = next_random(&state) % SIZE;

		memset(table, 0, sizeof(table));
		nused = 0;
		while (nused < n)
		{
			char		slot[RW_NAME_LEN] = "";
			char		application[RW_NAME_LEN];

			if (next_random(&state) % 2)
				random_name(slot, &state);
			random_name(application, &state);
			add(slot, application);
		}
		for (int j = 0; j < 20; j++)
		{
			char		name[RW_NAME_LEN];
			RwNameSearch search;
			RwNameFound result;
			bool		shown = false;

			random_name(name, &state);
			rw_search_begin(&search, name);
			rw_search_replicas(&search, table, SIZE);
			result = rw_search_end(&search);
			for (int k = 0; k < nused; k++)
				shown |= strcmp(table[k].name, name) == 0;

			/* One that is shown by exactly this name is always found. */
			wrong += shown && (result != RW_NAME_FOUND ||
							   strcmp(search.found[0], name) != 0);
			/* What is exact is never ambiguous. */
			wrong += search.fit != RW_FIT_ALIKE && search.fit != RW_FIT_NONE &&
				result != RW_NAME_FOUND;
			/* Nothing is found where nothing is alike. */
			wrong += result != RW_NAME_UNKNOWN && !occurs(name, true);
			/* Two that it could be are two. */
			wrong += result == RW_NAME_AMBIGUOUS &&
				strcmp(search.found[0], search.found[1]) == 0;
			/* What is found is there. */
			wrong += result != RW_NAME_UNKNOWN &&
				!occurs(search.found[0], false);
			exact += shown;
			ambiguous += result == RW_NAME_AMBIGUOUS;
			applications += search.fit == RW_FIT_APPLICATION;
		}

		/* What is a replica's own application_name finds that replica. */
		for (int k = 0; k < nused; k++)
		{
			const char *own = rw_own_application(table, SIZE, &table[k]);

			wrong += own[0] != '\0' && strcmp(found(own), table[k].name) != 0;
		}
	}
	is_int(wrong, 0, "nothing contradicts");
	ok(exact > 1000, "exact names were looked for");
	ok(ambiguous > 1000, "ambiguous names were looked for");
	ok(applications > 1000, "application_names were looked for");
}

int
main(void)
{
	test_one();
	test_several();
	test_others();
	test_expected();
	test_long();
	test_at_random();
	return tap_end();
}
