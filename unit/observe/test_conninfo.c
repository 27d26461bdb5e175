/*-------------------------------------------------------------------------
 *
 * test_conninfo.c
 *	  Tests of src/observe/conninfo.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/base/name.h"
#include "src/observe/conninfo.h"
#include "unit/tap.h"

static char value[64];

/*
 * Search in memory of exactly that size, so that reading beyond its end is
 * noticed.
 */
static bool
get(const char *conninfo, size_t size)
{
	char	   *copy = malloc(strlen(conninfo) + 1);
	bool		found;

	strcpy(copy, conninfo);
	found = rw_conninfo_get(copy, "application_name", value, size);
	free(copy);
	return found;
}

static void
finds(const char *conninfo, const char *expected, const char *what)
{
	if (!get(conninfo, sizeof(value)))
		strcpy(value, "(not found)");
	is_text(value, expected, what);
}

static void
misses(const char *conninfo, const char *what)
{
	bool		found = get(conninfo, sizeof(value));

	ok(!found && value[0] == '\0', what);
}

static void
test_keywords(void)
{
	section("keyword = value");

	finds("application_name=r1", "r1", "alone");
	finds("host=a application_name=r1 port=5432", "r1", "between others");
	finds("  application_name \t=\n r1  ", "r1", "white space around");
	finds("application_name='r 1'", "r 1", "quoted");
	finds("application_name='it\\'s \\\\'", "it's \\", "escapes in quotes");
	finds("application_name=r\\ 1 host=a", "r 1", "escape without quotes");
	finds("application_name=r1 application_name=r2", "r2", "the last wins");
	finds("password='application_name=x' application_name=r1", "r1",
		  "a value that looks like it");
	finds("host=a application_name='r1", "r1", "quotes not closed");

	misses("", "nothing");
	misses("   ", "white space");
	misses("host=a port=5432", "not there");
	misses("application_name=", "empty");
	misses("application_name=''", "empty in quotes");
	misses("application_name=r1 application_name=''", "the last is empty");
	misses("fallback_application_name=r1", "a longer keyword");
	misses("application_nam=r1", "a shorter keyword");
	misses("APPLICATION_NAME=r1", "keywords are lower case");
	misses("application_name", "no equal sign");
	misses("host a application_name=r1", "malformed before it");
	misses("password='application_name=x'", "only in another's value");
}

static void
test_uris(void)
{
	section("URI");

	finds("postgresql://u@h:5432/db?application_name=r1", "r1", "alone");
	finds("postgres://h/?a=b&application_name=r1&c=d", "r1",
		  "between others");
	finds("postgresql://?application_name=r%201%2F%c3%A4", "r 1/\xc3\xa4",
		  "percent-encoded");
	finds("postgresql://h/?application_name=r1&application_name=r2", "r2",
		  "the last wins");
	finds("postgresql://h/?flag&application_name=r1", "r1",
		  "after a parameter without value");

	misses("postgresql://h/db", "no parameters");
	misses("postgresql://h/db?", "a question mark alone");
	misses("postgresql://h/db?host=a", "not there");
	misses("postgresql://h/db?application_name=", "empty");
	misses("postgresql://h/db?application_name", "no equal sign");
	misses("postgresql://h/db?application_name=%", "cut in an escape");
	misses("postgresql://h/db?application_name=%4", "cut later in an escape");
	misses("postgresql://h/db?application_name=%zz", "not hexadecimal");
	misses("postgresql://h/db?application_name=%00", "a zero byte");
	misses("postgresql://h/application_name=r1", "in the path");
}

static void
test_sizes(void)
{
	char		longer[200] = "application_name=";

	section("sizes");

	memset(longer + strlen(longer), 'x', 100);
	ok(get(longer, 8) && strcmp(value, "xxxxxxx") == 0, "a longer one is cut");
	ok(!get("application_name=r1", 1) && value[0] == '\0',
	   "room for the final 0 only");
	value[0] = '!';
	ok(!rw_conninfo_get("application_name=r1", "application_name", value, 0) &&
	   value[0] == '!', "no room at all");
}

static void
has_address(const char *conninfo, const char *host, const char *expected,
			const char *what)
{
	char		hostaddr[RW_ADDRESS_LEN];

	memset(hostaddr, '!', sizeof(hostaddr));
	rw_conninfo_hostaddr(conninfo, host, hostaddr);
	is_text(hostaddr, expected, what);
}

static void
test_hostaddr(void)
{
	char		longer[200] = "host=a hostaddr=";

	section("the address of a host");

	has_address("host=a hostaddr=10.0.0.1", "a", "10.0.0.1", "of one");
	has_address("host=a hostaddr=10.0.0.1", "b", "", "of another host, none");
	has_address("host=a", "a", "", "there is none");
	has_address("hostaddr=10.0.0.1", "10.0.0.1", "", "there is no name");
	has_address("", "a", "", "there is nothing");
	has_address("host=a,b,c hostaddr=10.0.0.1,::1,10.0.0.3", "b", "::1",
				"of the second");
	has_address("host=a,b,c hostaddr=10.0.0.1,::1,10.0.0.3", "c",
				"10.0.0.3", "of the last");
	has_address("host=a,b hostaddr=10.0.0.1,", "b", "", "of one without");
	has_address("host=a,b hostaddr=10.0.0.1", "b", "", "beyond the list");
	has_address("host=a,ab hostaddr=10.0.0.1,10.0.0.2", "ab", "10.0.0.2",
				"of a longer name");
	memset(longer + strlen(longer), '1', RW_ADDRESS_LEN);
	has_address(longer, "a", "", "one that is too long is none");
}

/* Whatever the bytes, it ends, inside its memory. */
static void
test_garbage(void)
{
	static const char alphabet[] = "application_name= '\\%&?/:pq0\n";
	uint64		state = 42;
	int			found = 0;

	section("garbage");

	for (int i = 0; i < 200000; i++)
	{
		char		conninfo[80];
		size_t		len = 0;

		if (i % 2 == 0)
			len = strlen(strcpy(conninfo, "postgresql://h/?application_name="));
		while (len < sizeof(conninfo) - 1 && next_random(&state) % 40 != 0)
			conninfo[len++] =
				alphabet[next_random(&state) % (sizeof(alphabet) - 1)];
		conninfo[len] = '\0';
		if (get(conninfo, 1 + next_random(&state) % sizeof(value)))
			found++;
	}
	ok(found > 0, "some of it has a value, none does harm");
}

int
main(void)
{
	test_keywords();
	test_uris();
	test_sizes();
	test_hostaddr();
	test_garbage();
	return tap_end();
}
