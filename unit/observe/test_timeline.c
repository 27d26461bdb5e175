/*-------------------------------------------------------------------------
 *
 * test_timeline.c
 *	  Tests of src/observe/timeline.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/observe/timeline.h"
#include "unit/tap.h"

/* As the server writes it, of versions before 19 and since. */
#define TWO_SWITCHES \
	"1\t0/3000060\tno recovery target specified\n" \
	"\n" \
	"2\t0/050001A8\tat restore point \"before\"\n"

static RwTimeline timeline;

/*
 * Parse from memory of exactly that size, so that reading beyond its end is
 * noticed.
 */
static bool
parse_bytes(RwTimeline *to, uint32 tli, const char *contents, size_t len)
{
	char	   *copy = malloc(len);
	bool		result;

	memcpy(copy, contents, len);
	result = rw_timeline_parse(to, tli, copy, len);
	free(copy);
	return result;
}

static bool
parse(RwTimeline *to, uint32 tli, const char *contents)
{
	return parse_bytes(to, tli, contents, strlen(contents));
}

static void
accepts(const char *contents, const char *what)
{
	bool		good = parse(&timeline, 3, contents);

	ok(good && timeline.nentries == 3 &&
	   timeline.entries[0].tli == 1 &&
	   timeline.entries[0].end == UINT64CONST(0x3000060) &&
	   timeline.entries[1].tli == 2 &&
	   timeline.entries[1].end == UINT64CONST(0x50001A8) &&
	   timeline.entries[2].tli == 3 &&
	   timeline.entries[2].end == PG_UINT64_MAX, what);
}

static void
refuses(uint32 tli, const char *contents, const char *what)
{
	timeline.nentries = 99;
	ok(!parse(&timeline, tli, contents) && timeline.nentries == 0, what);
}

static void
test_parse(void)
{
	static char many[64 * RW_TIMELINE_MAX];
	int			used = 0;

	section("well-formed");

	accepts(TWO_SWITCHES, "as the server writes it");
	accepts("1\t0/3000060\n2\t0/50001a8\n", "no reasons, small letters");
	accepts("1\t0/3000060\n2\t0/50001A8", "no end of the last line");
	accepts("1\t0/3000060\r\n\r\n2\t0/50001A8\r\n", "carriage returns");
	accepts("# 1\n1 0/3000060 x\n  # 2\n \t\n\t2  0/50001A8 y # 3\n#",
			"by hand");
	accepts("01\t00000000/03000060\n0002\t0/50001A8\n", "leading zeros");
	accepts("1\t0/3000060\t\xff\xfe\n2\t0/50001A8 \x80\n",
			"reasons in any encoding");
	ok(parse_bytes(&timeline, 3, "1\t0/60\t\0\0\n2\t0/70\n", 17),
	   "zero bytes in a reason");

	ok(rw_timeline_parse(&timeline, 1, NULL, 0) && timeline.nentries == 1 &&
	   timeline.entries[0].tli == 1 &&
	   timeline.entries[0].end == PG_UINT64_MAX, "timeline 1 has no file");
	ok(parse(&timeline, 1, "# nothing\n\n"), "or one with nothing in it");
	ok(parse(&timeline, 3, "1\t0/60\n2\t0/60\n"),
	   "left where it began: no WAL of its own");
	ok(parse(&timeline, 9, "3\t0/60\n"), "not all numbers were used");
	ok(parse(&timeline, 2, "1\t0/1\n"), "the smallest LSN");
	ok(parse(&timeline, 2, "1\t9abcdef0/9ABCDEF0\n") &&
	   timeline.entries[0].end == UINT64CONST(0x9abcdef09abcdef0),
	   "all digits");
	ok(parse(&timeline, 4294967295U, "4294967294\tFFFFFFFF/FFFFFFFE\n") &&
	   timeline.entries[0].tli == 4294967294U &&
	   timeline.entries[0].end == PG_UINT64_MAX - 1, "the largest numbers");

	section("malformed");

	refuses(3, "", "no ancestor: a file that was cut off");
	refuses(3, "# nothing\n\n", "only a comment");
	refuses(0, "", "there is no timeline 0");
	refuses(3, "x\n", "no number");
	refuses(3, "1\n", "number only");
	refuses(3, "1\t\n", "number and tab");
	refuses(3, "1\t0\n", "half an LSN");
	refuses(3, "1\t0/\n", "and the slash");
	refuses(3, "1\t0/\n60\n", "the rest on the next line");
	refuses(3, "1\t/60\n", "the other half");
	refuses(3, "1\t0 /60\n", "blank before the slash");
	refuses(3, "1\t0/ 60\n", "blank after it");
	refuses(3, "1\t0/60\n2", "the last line cut off");
	refuses(3, "1\t0/60no reason\n", "something on the LSN");
	refuses(3, "1A/60\n", "nothing between number and LSN");
	refuses(3, "1\t0x0/60\n", "another way to write it");
	refuses(3, "+1\t0/60\n", "a sign");
	refuses(3, "-1\t0/60\n", "a negative number");
	refuses(3, "0\t0/60\n", "timeline 0");
	refuses(3, "1\t0/0\n", "an LSN that is none");
	refuses(3, "1\tFFFFFFFF/FFFFFFFF\n", "an LSN that means no end");
	refuses(3, "4294967297\t0/60\n", "a number beyond 32 bits");
	refuses(3, "1\t100000000/60\n", "half of an LSN beyond 32 bits");
	refuses(3, "1\t0/100000000\n", "the other half");
	refuses(3, "2\t0/60\n1\t0/70\n", "numbers that fall");
	refuses(3, "1\t0/60\n1\t0/70\n", "numbers that stand still");
	refuses(3, "1\t0/60\n3\t0/70\n", "numbers that reach the timeline's");
	refuses(3, "4\t0/60\n", "or pass it");
	refuses(1, "1\t0/60\n", "timeline 1 with an ancestor");
	refuses(3, "1\t0/60\n2\t0/5F\n", "LSNs that fall");
	ok(!parse_bytes(&timeline, 3, "\0\0\0\0\0\0\0\0", 8), "zero bytes");
	ok(!parse_bytes(&timeline, 3, "1\t0/60\n\0\0\0\0", 11),
	   "zero bytes at the end");
	ok(!parse_bytes(&timeline, 3, "1\t0/60\0\n", 8),
	   "a zero byte on the LSN");

	section("how many");

	for (int i = 1; i < RW_TIMELINE_MAX; i++)
		used += snprintf(many + used, sizeof(many) - used, "%d\t0/%X\n", i,
						 i + 100);
	ok(parse_bytes(&timeline, RW_TIMELINE_MAX, many, used) &&
	   timeline.nentries == RW_TIMELINE_MAX, "as many as there is room for");
	used += snprintf(many + used, sizeof(many) - used, "%d\t1/0\n",
					 RW_TIMELINE_MAX);
	ok(!parse_bytes(&timeline, RW_TIMELINE_MAX + 1, many, used) &&
	   timeline.nentries == 0, "one more");
}

static void
test_find(void)
{
	uint64		end = 4711;

	section("finding");

	parse(&timeline, 5, "1\t0/60\n3\t0/70\n");
	ok(rw_timeline_find(&timeline, 1, &end) && end == 0x60, "the first");
	ok(rw_timeline_find(&timeline, 3, &end) && end == 0x70, "an ancestor");
	ok(rw_timeline_find(&timeline, 5, &end) && end == PG_UINT64_MAX,
	   "itself");
	end = 4711;
	ok(!rw_timeline_find(&timeline, 2, &end) && end == 4711, "a stranger");
	ok(!rw_timeline_find(&timeline, 4, &end), "another one");
	ok(!rw_timeline_find(&timeline, 6, &end), "a later one");
	timeline.nentries = 0;
	ok(!rw_timeline_find(&timeline, 5, &end), "in nothing");
}

/* In both orders. */
static void
is_fork(uint32 tli_a, const char *a, uint32 tli_b, const char *b,
		uint64 expected, const char *what)
{
	static RwTimeline first;
	static RwTimeline second;
	uint64		fork;

	if (!parse(&first, tli_a, a) || !parse(&second, tli_b, b))
	{
		ok(false, what);
		return;
	}
	fork = rw_timeline_fork(&first, &second);
	if (fork == expected)
		fork = rw_timeline_fork(&second, &first);
	is_uint(fork, expected, what);
}

static void
test_fork(void)
{
	static RwTimeline nothing;

	section("parting");

	is_fork(3, TWO_SWITCHES, 3, TWO_SWITCHES, PG_UINT64_MAX,
			"the same, with history");
	is_fork(1, "", 1, "", PG_UINT64_MAX, "the same, without history");
	is_fork(1, "", 2, "1\t0/60\n", 0x60, "parent and child");
	is_fork(1, "", 3, "1\t0/60\n2\t0/70\n", 0x60, "and grandchild");
	is_fork(2, "1\t0/60\n", 3, "1\t0/60\n2\t0/70\n", 0x70,
			"the nearest ancestor counts");
	is_fork(2, "1\t0/60\n", 3, "1\t0/60\n", 0x60, "brothers");
	is_fork(2, "1\t0/60\n", 3, "1\t0/50\n", 0x50,
			"that left at different LSNs");
	is_fork(4, "1\t0/60\n2\t0/70\n", 5, "1\t0/60\n3\t0/80\n", 0x60,
			"cousins");
	is_fork(2, "1\t0/60\n", 2, "1\t0/50\n", 0x50,
			"two that were given the same number");
	is_fork(3, "1\t0/60\n2\t0/70\n", 3, "1\t0/50\n2\t0/70\n", 0x50,
			"two whose fathers were");
	is_fork(2, "1\t0/60\n", 4, "3\t0/50\n", 0, "strangers");
	is_fork(3, "2\t0/60\n", 3, "1\t0/50\n", 0, "strangers of one number");

	memset(&nothing, 0, sizeof(nothing));
	parse(&timeline, 3, TWO_SWITCHES);
	is_uint(rw_timeline_fork(&nothing, &timeline), 0, "with nothing");
	is_uint(rw_timeline_fork(&timeline, &nothing), 0, "nothing with it");
}

/*
 * What the server's reader makes of it, as far as that is not an error: it
 * takes a line with sscanf.  Returns the number of entries.
 */
static int
read_as_server(const char *contents, size_t len, RwTimelineEntry *entries)
{
	int			n = 0;
	size_t		at = 0;

	while (at < len)
	{
		char		line[1024];
		size_t		used = 0;
		const char *start = line;
		uint32		high;
		uint32		low;

		while (at < len && used < sizeof(line) - 1)
		{
			line[used++] = contents[at++];
			if (line[used - 1] == '\n')
				break;
		}
		line[used] = '\0';

		start += strspn(start, " \t\n\v\f\r");
		if (*start == '\0' || *start == '#')
			continue;
		if (sscanf(line, "%u\t%X/%X", &entries[n].tli, &high, &low) != 3)
			return -1;
		entries[n++].end = (uint64) high << 32 | low;
	}
	return n;
}

static void
test_fuzz(void)
{
	const char *seeds[] = {
		TWO_SWITCHES,
		"1\t0/3000060\r\n2 0/50001A8 x\r\n",
		"# comment\n 1\t0/60\tno\n\n2\tFFFFFFFF/70\n",
		"1\t0/60\n2\t0/60\n3\tA/0\n",
	};
	const char	bytes[] = "0123456789ABCDEFabcdef/\t\n\r #x+-\0\xff";
	uint64		state = 20260101;
	int			nbytes = sizeof(bytes) - 1;
	int			accepted = 0;
	int			wrong = 0;
	int			unlike = 0;

	section("damaged files");

	for (int round = 0; round < 200000; round++)
	{
		char		contents[256];
		RwTimelineEntry entries[256];
		size_t		len;
		int			n;

		strcpy(contents, seeds[next_random(&state) % lengthof(seeds)]);
		len = strlen(contents);

		for (int i = next_random(&state) % 4; i >= 0 && len > 1; i--)
		{
			size_t		at = next_random(&state) % len;

			switch (next_random(&state) % 5)
			{
				case 0:			/* another byte */
					contents[at] = bytes[next_random(&state) % nbytes];
					break;
				case 1:			/* any byte */
					contents[at] = (char) next_random(&state);
					break;
				case 2:			/* cut off */
					len = at + 1;
					break;
				case 3:			/* one byte less */
					memmove(contents + at, contents + at + 1, len - at - 1);
					len--;
					break;
				default:		/* one more */
					memmove(contents + at + 1, contents + at, len - at);
					contents[at] = bytes[next_random(&state) % nbytes];
					len++;
					break;
			}
		}

		if (!parse_bytes(&timeline, 4, contents, len))
		{
			wrong += timeline.nentries != 0;
			continue;
		}

		accepted++;
		n = read_as_server(contents, len, entries);
		if (n != timeline.nentries - 1)
		{
			unlike++;
			continue;
		}
		for (int i = 0; i < n; i++)
			unlike += entries[i].tli != timeline.entries[i].tli ||
				entries[i].end != timeline.entries[i].end;

		for (int i = 1; i <= n; i++)
			wrong += timeline.entries[i].tli <= timeline.entries[i - 1].tli ||
				timeline.entries[i].end < timeline.entries[i - 1].end;
		wrong += timeline.entries[n].tli != 4 ||
			timeline.entries[n].end != PG_UINT64_MAX;
	}

	ok(accepted > 20000 && accepted < 180000, "many pass, many do not");
	is_int(wrong, 0, "what passes is in order, what does not leaves nothing");
	is_int(unlike, 0, "what passes is read as the server reads it");
}

int
main(void)
{
	test_parse();
	test_find();
	test_fork();
	test_fuzz();
	return tap_end();
}
