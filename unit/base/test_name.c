/*-------------------------------------------------------------------------
 *
 * test_name.c
 *	  Tests of src/base/name.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/base/name.h"
#include "unit/tap.h"

/* Names of few letters, so that some are equal. */
static void
random_name(char *name)
{
	int			len = random() % 4;

	memset(name, 0, RW_NAME_LEN);
	for (int i = 0; i < len; i++)
		name[i] = "aAb-_."[random() % 6];
}

static void
test_equal(void)
{
	char		name[RW_NAME_LEN];
	char		longer[RW_NAME_LEN + 8];

	section("equality");

	ok(rw_name_equal("", ""), "two empty names");
	ok(!rw_name_equal("", "a"), "an empty name and another");
	ok(rw_name_equal("replica1", "replica1"), "the same name");
	ok(!rw_name_equal("replica1", "replica2"), "another last letter");
	ok(!rw_name_equal("replica1", "replica"), "the beginning of a name");
	ok(!rw_name_equal("replica1", "Replica1"), "another case");
	ok(!rw_name_equal("my-replica", "my_replica"), "another separator");
	ok(!rw_name_equal("a", " a"), "a space before it");

	memset(name, 'n', RW_NAME_LEN - 1);
	name[RW_NAME_LEN - 1] = '\0';
	memset(longer, 'n', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ok(rw_name_equal(name, longer), "a name that is too long counts as cut off");
	longer[RW_NAME_LEN - 2] = 'x';
	ok(!rw_name_equal(name, longer), "its last byte before that counts");
	memset(longer, 'n', sizeof(longer));
	ok(rw_name_equal(name, longer), "a name need not end within the array");
}

static void
test_alike(void)
{
	char		name[RW_NAME_LEN];
	char		longer[RW_NAME_LEN + 8];
	int			wrong = 0;

	section("alike");

	ok(rw_name_alike("", ""), "two empty names");
	ok(rw_name_alike("pg-1", "pg-1"), "equal names");
	ok(rw_name_alike("pg-1", "pg_1"), "a hyphen");
	ok(rw_name_alike("pg.1", "pg_1"), "a full stop");
	ok(rw_name_alike("pg-1", "pg.1"), "a hyphen and a full stop");
	ok(rw_name_alike("PG-1.Eu", "pg_1_eu"), "all at once");
	ok(rw_name_alike("AZ", "az"), "the whole alphabet");
	ok(!rw_name_alike("pg-1", "pg-2"), "another name");
	ok(!rw_name_alike("pg1", "pg_1"), "a separator and none");
	ok(!rw_name_alike("pg 1", "pg_1"), "a space is no separator");
	ok(!rw_name_alike("pg", "pg_"), "the beginning of a name");
	ok(!rw_name_alike("", "_"), "an empty name and another");
	ok(!rw_name_alike("@[", "`{"), "what is beside the letters");
	ok(!rw_name_alike("\xc3\x84", "\xc3\xa4"), "ASCII only");

	memset(name, 'n', RW_NAME_LEN - 1);
	name[RW_NAME_LEN - 1] = '\0';
	memset(longer, 'N', sizeof(longer));
	ok(rw_name_alike(name, longer), "a name that is too long counts as cut off");
	longer[RW_NAME_LEN - 2] = 'x';
	ok(!rw_name_alike(name, longer), "its last byte before that counts");

	srandom(2);
	for (int i = 0; i < 100000; i++)
	{
		char		a[RW_NAME_LEN];
		char		b[RW_NAME_LEN];
		char		c[RW_NAME_LEN];

		random_name(a);
		random_name(b);
		random_name(c);
		wrong += rw_name_equal(a, b) && !rw_name_alike(a, b);
		wrong += rw_name_alike(a, b) != rw_name_alike(b, a);
		wrong += rw_name_alike(a, b) && rw_name_alike(b, c) &&
			!rw_name_alike(a, c);
	}
	is_int(wrong, 0, "an equivalence that equal names are part of");
}

static void
test_compare(void)
{
	section("order");

	ok(rw_name_compare("a", "b") < 0, "before");
	ok(rw_name_compare("b", "a") > 0, "after");
	ok(rw_name_compare("a", "a") == 0, "equal");
	ok(rw_name_compare("a", "aa") < 0, "a name before those that it begins");
	ok(rw_name_compare("", "a") < 0, "the empty name before all others");
	ok(rw_name_compare("a", "\xc3\xa4") < 0, "bytes are compared unsigned");
}

static void
test_random(void)
{
	int			wrong = 0;

	section("random names");

	srandom(1);
	for (int i = 0; i < 100000; i++)
	{
		char		a[RW_NAME_LEN];
		char		b[RW_NAME_LEN];
		char		c[RW_NAME_LEN];

		random_name(a);
		random_name(b);
		random_name(c);
		wrong += !rw_name_equal(a, a);
		wrong += rw_name_equal(a, b) != rw_name_equal(b, a);
		wrong += rw_name_equal(a, b) != (rw_name_compare(a, b) == 0);
		wrong += (rw_name_compare(a, b) < 0) != (rw_name_compare(b, a) > 0);
		wrong += rw_name_compare(a, b) <= 0 && rw_name_compare(b, c) <= 0 &&
			rw_name_compare(a, c) > 0;
	}
	is_int(wrong, 0, "equality and order agree");
}

static void
test_copy(void)
{
	char		to[RW_NAME_LEN];
	char		from[RW_NAME_LEN + 8];
	int			nonzero = 0;

	section("copies");

	memset(to, 'x', sizeof(to));
	rw_name_copy(to, "abc");
	is_text(to, "abc", "a name");
	for (int i = 3; i < RW_NAME_LEN; i++)
		nonzero += to[i] != '\0';
	is_int(nonzero, 0, "zeros to the end");

	memset(from, 'n', sizeof(from));
	rw_name_copy(to, from);
	is_int(strlen(to), RW_NAME_LEN - 1, "what is too long is cut off");
	ok(rw_name_equal(to, from), "and equals what it was copied from");

	memset(to, 'x', sizeof(to));
	rw_name_copy(to, "");
	nonzero = 0;
	for (int i = 0; i < RW_NAME_LEN; i++)
		nonzero += to[i] != '\0';
	is_int(nonzero, 0, "the empty name is all zeros");

	rw_address_copy(to, "2001:db8::1");
	is_text(to, "2001:db8::1", "an address");
}

int
main(void)
{
	test_equal();
	test_alike();
	test_compare();
	test_random();
	test_copy();
	return tap_end();
}
