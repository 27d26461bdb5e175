/*-------------------------------------------------------------------------
 *
 * test_start_command.c
 *	  Tests of src/observe/start_command.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/observe/start_command.h"
#include "unit/tap.h"

static RwStartCommand command;

/*
 * Parse in memory of exactly that size, so that reading beyond its end is
 * noticed.
 */
static bool
parse(const char *string)
{
	char	   *copy = strdup(string);
	bool		parsed = rw_start_command_in(copy, &command);

	free(copy);
	return parsed;
}

static void
asks(const char *string, const char *slot, XLogRecPtr lsn, TimeLineID tli,
	 const char *what)
{
	if (!ok(parse(string), what))
		return;
	is_text(command.slot, slot, what);
	is_uint(command.lsn, lsn, what);
	is_uint(command.tli, tli, what);
}

static void
is_none(const char *string, const char *what)
{
	ok(!parse(string) && command.slot[0] == '\0' && command.lsn == 0 &&
	   command.tli == 0, what);
}

static void
test_commands(void)
{
	char		longer[200] = "START_REPLICATION SLOT \"";
	char		name[RW_NAME_LEN];

	section("commands");

	asks("START_REPLICATION 0/3000000 TIMELINE 1", "", 0x3000000, 1,
		 "a walreceiver's without slot");
	asks("START_REPLICATION SLOT \"r1\" A/3000000 TIMELINE 12", "r1",
		 UINT64CONST(0xA03000000), 12, "a walreceiver's with slot");
	asks("START_REPLICATION SLOT \"r1\" PHYSICAL 0/0", "r1", 0, 0,
		 "no timeline");
	asks("START_REPLICATION 0/03000000", "", 0x3000000, 0,
		 "leading zeros, as 19 writes them");
	asks("START_REPLICATION SLOT \"sub\" LOGICAL 0/15 (proto_version '4')",
		 "sub", 0x15, 0, "a subscriber's");
	asks("START_REPLICATION SLOT \"s\" LOGICAL 0/15 TIMELINE 3", "s", 0x15, 0,
		 "LOGICAL has no timeline");
	asks("START_REPLICATION PHYSICAL F/F", "", UINT64CONST(0xF0000000F), 0,
		 "PHYSICAL without slot");
	asks(" start_replication\tSlot\nR1  Physical 0/1 timeLine 4294967295;",
		 "r1", 1, 4294967295U, "any case and white space");
	asks("START_REPLICATION SLOT \"slot\" 0/1", "slot", 1, 0,
		 "a slot named slot");
	asks("START_REPLICATION SLOT \"a \"\"b\"\" C\" 0/1", "a \"b\" C", 1, 0,
		 "quotes in a name");
	asks("START_REPLICATION SLOT \"\"\"\" 0/1", "\"", 1, 0,
		 "a name of one quote");
	asks("START_REPLICATION SLOT slot 0/1", "slot", 1, 0,
		 "a keyword as a name");

	memset(longer + strlen(longer), 'x', 100);
	strcat(longer, "\" 0/1");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	asks(longer, name, 1, 0, "a longer name is cut off");
}

static void
test_others(void)
{
	section("other texts");

	is_none("", "nothing");
	is_none("START_REPLICATION", "cut after the keyword");
	is_none("START_REPLICATION ", "cut after a blank");
	is_none("START_REPLICATION SLOT", "cut before the name");
	is_none("START_REPLICATION SLOT \"r1", "cut in the name");
	is_none("START_REPLICATION SLOT \"r1\"", "cut before the LSN");
	is_none("START_REPLICATION SLOT \"r1\" 0/", "cut in the LSN");
	is_none("START_REPLICATION SLOT \"\" 0/1", "an empty name");
	is_none("START_REPLICATION 0/1 TIMELINE", "cut before the timeline");
	is_none("START_REPLICATION 0/1 TIMELINE x", "no number");
	is_none("START_REPLICATION 0/1 TIMELINE 4294967296", "too large a number");
	is_none("START_REPLICATION 0/123456789", "too long an LSN");
	is_none("START_REPLICATIONS 0/1", "a longer word");
	is_none("IDENTIFY_SYSTEM", "another command");
	is_none("SELECT 'START_REPLICATION 0/1'", "SQL");
}

static void
first_line(const char *from, size_t size, const char *expected,
		   const char *what)
{
	char	   *copy = strdup(from);
	char	   *to = malloc(size);

	rw_first_line(to, copy, size);
	is_text(to, expected, what);
	free(to);
	free(copy);
}

static void
test_lines(void)
{
	section("the first line");

	first_line("", 8, "", "nothing");
	first_line("one", 8, "one", "one line");
	first_line("one\n\ttwo", 8, "one", "two lines");
	first_line("one\r\ntwo", 8, "one", "two lines of a file of Windows");
	first_line("a\tb\x01" "c\x7f", 8, "a?b?c?", "control characters");
	first_line("12345678", 8, "1234567", "cut off");
	first_line("1234567", 8, "1234567", "fits exactly");
	first_line("12345678", 1, "", "room for the final 0 only");
	first_line("123456\xc3\xa4", 8, "123456", "cut before two bytes");
	first_line("12345\xc3\xa4", 8, "12345\xc3\xa4", "two bytes fit");
	first_line("12345\xe2\x82\xac", 8, "12345", "cut before three bytes");
	first_line("\xf0\x9f\x98\x80", 8, "\xf0\x9f\x98\x80", "four bytes");
	first_line("\xe4 \xf6\xfc", 8, "? ??", "Latin-1");
	first_line("a\xc3", 8, "a?", "a character that is cut");
	first_line("\xf0\x9f\x98", 8, "???", "a longer one that is cut");
	first_line("\xc0\xaf", 8, "??", "longer than needed");
	first_line("\xe0\x80\xaf", 8, "???", "three bytes for one");
	first_line("\xed\xa0\x80", 8, "???", "a surrogate");
	first_line("\xf4\x90\x80\x80", 8, "????", "beyond the last character");
}

/* Whatever the bytes, it ends, inside its memory. */
static void
test_garbage(void)
{
	static const char alphabet[] =
		"START_REPLICATION SLOT \"LOGICAL PHYSICAL TIMELINE 0/1 9\t\xc3\xa4";
	uint64		state = 42;
	int			parsed = 0;

	section("garbage");

	for (int i = 0; i < 200000; i++)
	{
		char		string[130];
		size_t		len = strlen(strcpy(string, "START_REPLICATION SLOT "));
		char		line[16];

		len -= next_random(&state) % 8;
		while (len < 120 && next_random(&state) % 10 != 0)
			string[len++] =
				alphabet[next_random(&state) % (sizeof(alphabet) - 1)];
		strcpy(string + len, next_random(&state) % 2 ? " 0/1" : "");
		if (parse(string))
			parsed++;
		rw_first_line(line, string + 20, 1 + next_random(&state) % 16);
	}
	ok(parsed > 0, "some of it is a command, none does harm");
}

int
main(void)
{
	test_commands();
	test_others();
	test_lines();
	test_garbage();
	return tap_end();
}
