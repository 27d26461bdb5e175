/*-------------------------------------------------------------------------
 *
 * test_units.c
 *	  Tests of src/base/units.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <limits.h>

#include "src/base/clock.h"
#include "src/base/units.h"
#include "unit/tap.h"

#define ROUNDS	200000

#define GOOD_TOKEN	"6a1f0c2e9b3d4857:00000001:00000000/594F2870"

static char buffer[64];

/* ----------------------------------------------------------------
 *		Writing
 * ----------------------------------------------------------------
 */

static void
text_duration_is(int64 value, const char *expected)
{
	RwText		out;

	rw_text_begin(&out, buffer, sizeof(buffer));
	rw_text_duration(&out, value);
	is_text(buffer, expected, expected);
}

static void
duration_is(int64 value, const char *expected)
{
	is_text(rw_duration(buffer, value), expected, expected);
}

static void
clock_is(int64 value, const char *expected)
{
	is_text(rw_clock_text(buffer, value), expected, expected);
}

static void
size_is(int64 value, const char *expected)
{
	is_text(rw_size_text(buffer, value), expected, expected);
}

static void
lsn_is(uint64 value, const char *expected)
{
	RwText		out;

	rw_text_begin(&out, buffer, sizeof(buffer));
	rw_text_lsn(&out, value);
	is_text(buffer, expected, expected);
}

static void
token_is(uint64 system, uint32 tli, uint64 lsn, const char *expected)
{
	RwText		out;

	rw_text_begin(&out, buffer, sizeof(buffer));
	rw_text_token(&out, system, tli, lsn);
	is_text(buffer, expected, expected);
}

static void
test_durations(void)
{
	section("durations in answers of the port");
	text_duration_is(0, "0 ms");
	text_duration_is(999, "0 ms");
	text_duration_is(34567, "34 ms");
	text_duration_is(999999, "999 ms");
	text_duration_is(RW_SECOND, "1.0 s");
	text_duration_is(1099999, "1.0 s");
	text_duration_is(9999999, "9.9 s");
	text_duration_is(10 * RW_SECOND, "10 s");
	text_duration_is(42999999, "42 s");
	text_duration_is(2 * RW_HOUR, "7200 s");
	text_duration_is(-1500000, "-1.5 s");

	section("durations in reasons");
	duration_is(0, "0 s");
	duration_is(-RW_SECOND, "0 s");
	duration_is(999999, "0 s");
	duration_is(119999999, "119 s");
	duration_is(2 * RW_MINUTE, "0:02:00");
	duration_is(RW_HOUR - 1, "0:59:59");
	duration_is(RW_DAY + RW_SECOND, "24:00:01");
	duration_is(PG_INT64_MAX, "2562047788:00:54");

	section("durations in alerts");
	clock_is(0, "00:00:00");
	clock_is(-RW_SECOND, "00:00:00");
	clock_is(312 * RW_SECOND + 999999, "00:05:12");
	clock_is(10 * RW_HOUR, "10:00:00");
	clock_is(100 * RW_HOUR - 1, "99:59:59");
	clock_is(100 * RW_HOUR, "100:00:00");
	clock_is(PG_INT64_MAX, "2562047788:00:54");
}

static void
test_sizes(void)
{
	section("sizes in alerts");
	size_is(0, "0 bytes");
	size_is(-1, "0 bytes");
	size_is(10239, "10239 bytes");
	size_is(10240, "10 kB");
	size_is(10240 + 511, "10 kB");
	size_is(10240 + 512, "11 kB");
	size_is(INT64CONST(1342) << 20, "1342 MB");
	size_is(INT64CONST(10) << 40, "10 TB");
	size_is(PG_INT64_MAX, "8388608 TB");
}

static void
test_positions(void)
{
	section("LSNs and commit tokens");
	lsn_is(0, "0/0");
	lsn_is(0x3000060, "0/3000060");
	lsn_is(UINT64CONST(0x1A00000000), "1A/0");
	lsn_is(PG_UINT64_MAX, "FFFFFFFF/FFFFFFFF");
	token_is(UINT64CONST(0x6A1F0C2E9B3D4857), 1, 0x594F2870, GOOD_TOKEN);
	token_is(0, 0x1F, UINT64CONST(0xAB00000000),
			 "0000000000000000:0000001F:000000AB/00000000");
	token_is(PG_UINT64_MAX, PG_UINT32_MAX, PG_UINT64_MAX,
			 "ffffffffffffffff:FFFFFFFF:FFFFFFFF/FFFFFFFF");
	is_uint(strlen(buffer), RW_TOKEN_WIDTH, "the width of a token");
}

/* ----------------------------------------------------------------
 *		Reading
 * ----------------------------------------------------------------
 */

/* In memory of exactly its size, so that reading beyond its end is noticed. */
static char *
exact(const char *string)
{
	char	   *copy = malloc(Max(strlen(string), 1));

	memcpy(copy, string, strlen(string));
	return copy;
}

static void
number_reads(const char *string, int base, int digits, uint64 most,
			 uint64 expected, const char *rest)
{
	char	   *copy = exact(string);
	const char *at = copy;
	uint64		value = 0;

	ok(rw_take_number(&at, copy + strlen(string), base, digits, most, &value),
	   string);
	is_uint(value, expected, "its value");
	is_int(at - copy, strlen(string) - strlen(rest), "and its end");
	free(copy);
}

static void
number_fails(const char *string, int base, int digits, uint64 most)
{
	char	   *copy = exact(string);
	const char *at = copy;
	uint64		value;

	ok(!rw_take_number(&at, copy + strlen(string), base, digits, most, &value),
	   string);
	free(copy);
}

static void
test_numbers(void)
{
	section("numbers");
	number_reads("0", 10, 1, 0, 0, "");
	number_reads("42 s", 10, 18, PG_UINT64_MAX, 42, " s");
	number_reads("fFg", 16, 8, 255, 255, "g");
	number_reads("007", 10, 3, 7, 7, "");
	number_reads("00000000000000000000000000000001", 16, INT_MAX,
				 PG_UINT32_MAX, 1, "");
	number_reads("18446744073709551615", 10, 20, PG_UINT64_MAX,
				 PG_UINT64_MAX, "");

	section("what is no number");
	number_fails("", 10, 10, 100);
	number_fails("x", 10, 10, 100);
	number_fails("-1", 10, 10, 100);
	number_fails("+1", 10, 10, 100);
	number_fails(" 1", 10, 10, 100);
	number_fails("0001", 10, 3, 100);
	number_fails("101", 10, 3, 100);
	number_fails("9", 10, 3, 8);
	number_fails("18446744073709551616", 10, 20, PG_UINT64_MAX);
	number_fails("99999999999999999999", 10, 20, PG_UINT64_MAX);
	number_fails("100000000", 16, INT_MAX, PG_UINT32_MAX);
}

static bool
read_token(const char *string, uint64 *system, uint32 *tli, uint64 *lsn)
{
	char	   *copy = exact(string);
	const char *at = copy;
	const char *end = copy + strlen(string);
	bool		good = rw_take_token(&at, end, system, tli, lsn) &&
		at == end;

	free(copy);
	return good;
}

static void
test_lsns(void)
{
	static const char *const bad[] = {
		"", "/", "0", "0/", "/0", "0/0/0", "0/0 ", " 0/0", "0x0/0", "0/-1",
		"g/0", "000000000/0", "0/000000000", "1:0/0"
	};
	uint64		lsn = 0;

	section("LSNs, read");
	ok(rw_lsn_in("0/3000060", &lsn), "an LSN");
	is_uint(lsn, 0x3000060, "its value");
	ok(rw_lsn_in("1a/00bc", &lsn), "small letters and leading zeros");
	is_uint(lsn, UINT64CONST(0x1A000000BC), "its value");
	for (int i = 0; i < lengthof(bad); i++)
		ok(!rw_lsn_in(bad[i], &lsn), bad[i]);
}

static void
token_fails(const char *string)
{
	uint64		system;
	uint64		lsn;
	uint32		tli;

	ok(!read_token(string, &system, &tli, &lsn), string);
}

static void
test_tokens(void)
{
	static const char *const good[] = {
		GOOD_TOKEN,
		"6A1F0C2E9B3D4857:00000001:00000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:00000000/594f2870",
		"6A1f0c2E9b3D4857:00000001:00000000/594f2870"
	};
	static const char *const bad[] = {
		"",
		/* Of the two parts that it once had, and other parts alone */
		"1:0/594F2870",
		"00000001:00000000/594F2870",
		"6a1f0c2e9b3d4857",
		"6a1f0c2e9b3d4857:",
		"6a1f0c2e9b3d4857:00000001",
		"6a1f0c2e9b3d4857:00000001:",
		"00000000/594F2870",
		/* Without leading zeros */
		"6a1f0c2e9b3d4857:1:0/594F2870",
		"6a1f0c2e9b3d4857:00000001:0/594F2870",
		"6a1f0c2e9b3d4857:1:00000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:00000000/1",
		"1:00000001:00000000/594F2870",
		/* Timeline 0 */
		"6a1f0c2e9b3d4857:00000000:00000000/594F2870",
		/* A digit too many or too few, the length kept or not */
		"06a1f0c2e9b3d4857:00000001:00000000/594F2870",
		"6a1f0c2e9b3d4857:000000001:00000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:000000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:00000000/594F28700",
		"6a1f0c2e9b3d485:000000001:00000000/594F2870",
		"6a1f0c2e9b3d4857:0000001:000000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:0000000/0594F2870",
		/* Blanks */
		" 6a1f0c2e9b3d4857:00000001:00000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:00000000/594F2870 ",
		"6a1f0c2e9b3d4857:00000001:00000000/594F2870\n",
		"6a1f0c2e9b3d4857 :00000001:00000000/594F2870",
		"6a1f0c2e9b3d4857: 0000001:00000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:00000000/ 94F2870",
		/* Other separators */
		"6a1f0c2e9b3d4857/00000001:00000000/594F2870",
		"6a1f0c2e9b3d4857-00000001-00000000/594F2870",
		"6a1f0c2e9b3d4857:00000001/00000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:00000000:594F2870",
		"6a1f0c2e9b3d4857000000010000000000594F2870",
		/* Other characters where a digit belongs */
		"0x1f0c2e9b3d4857:00000001:00000000/594F2870",
		"-a1f0c2e9b3d4857:00000001:00000000/594F2870",
		"6a1f0c2e9b3d485g:00000001:00000000/594F2870",
		"6a1f0c2e9b3d4857:+0000001:00000000/594F2870",
		"6a1f0c2e9b3d4857:0000000g:00000000/594F2870",
		"6a1f0c2e9b3d4857:00000001:0000000g/594F2870",
		"6a1f0c2e9b3d4857:00000001:00000000/594F287\xc3",
		/* More behind it */
		"6a1f0c2e9b3d4857:00000001:00000000/594F2870x",
		"6a1f0c2e9b3d4857:00000001:00000000/594F2870:1"
	};
	char		shortened[] = GOOD_TOKEN;
	char		changed[] = GOOD_TOKEN;
	int			i;

	section("commit tokens, read");
	for (i = 0; i < lengthof(good); i++)
	{
		uint64		system = 0;
		uint64		lsn = 0;
		uint32		tli = 0;

		ok(read_token(good[i], &system, &tli, &lsn), good[i]);
		is_uint(system, UINT64CONST(0x6A1F0C2E9B3D4857), "its system");
		is_uint(tli, 1, "its timeline");
		is_uint(lsn, 0x594F2870, "its LSN");
	}

	section("what is no commit token");
	for (i = 0; i < lengthof(bad); i++)
		token_fails(bad[i]);
	for (i = 0; i < RW_TOKEN_WIDTH; i++)
	{
		changed[i] = '_';
		token_fails(changed);
		changed[i] = GOOD_TOKEN[i];
	}
	for (i = RW_TOKEN_WIDTH - 1; i >= 0; i--)
	{
		shortened[i] = '\0';
		token_fails(shortened);
	}
}

static bool
read_amount(const char *string, bool *is_time, int64 *amount)
{
	char	   *copy = exact(string);
	bool		good = rw_amount_in(copy, copy + strlen(string), is_time, amount);

	free(copy);
	return good;
}

static void
amount_is(const char *string, bool time, int64 expected)
{
	bool		is_time = !time;
	int64		amount = -1;

	ok(read_amount(string, &is_time, &amount) && is_time == time, string);
	is_int(amount, expected, "its value");
}

static void
test_amounts(void)
{
	static const char *const bad[] = {
		"", "MB", "-5", "+5", "10mb", "10M", "10 MB", "1.", ".5s", "1.5.5s",
		"1.1234567s", "0x10", "1e3", "10MB5s", "8388608TB",
		"999999999999999999d", "9999999999999999999"
	};
	bool		is_time;
	int64		amount;

	section("amounts");
	amount_is("0", false, 0);
	amount_is("0s", true, 0);
	amount_is("7B", false, 7);
	amount_is("1.5kB", false, 1536);
	amount_is("10MB", false, 10 << 20);
	amount_is("2GB", false, INT64CONST(2) << 30);
	amount_is("8388606TB", false, INT64CONST(8388606) << 40);
	amount_is("4us", true, 4);
	amount_is("0.5ms", true, 500);
	amount_is("0.000001s", true, 1);
	amount_is("2min", true, 2 * RW_MINUTE);
	amount_is("1h", true, RW_HOUR);
	amount_is("1.25d", true, 30 * RW_HOUR);

	section("what is no amount");
	for (int i = 0; i < lengthof(bad); i++)
		ok(!read_amount(bad[i], &is_time, &amount), bad[i]);
}

/* ----------------------------------------------------------------
 *		There and back
 * ----------------------------------------------------------------
 */

/* Of random length, so that small numbers come as often as large ones. */
static uint64
random_number(void)
{
	uint64		value = (uint64) random() << 42 ^ (uint64) random() << 21 ^ random();

	return value >> (random() % 64);
}

static int
sign_of(int value)
{
	return (value > 0) - (value < 0);
}

static void
test_round_trips(void)
{
	int			wrong_lsns = 0;
	int			wrong_tokens = 0;
	int			wrong_orders = 0;
	uint64		last_lsn = 0;
	uint32		last_tli = 1;
	int			wrong_clocks = 0;
	int			wrong_amounts = 0;

	section("random values, written and read");
	srandom(1);
	for (int i = 0; i < ROUNDS; i++)
	{
		uint64		lsn = random_number();
		uint32		tli = (uint32) random_number() | 1;
		int64		duration = random_number() >> 1;
		uint64		system = random_number();
		uint64		system_read = ~system;
		uint64		lsn_read = ~lsn;
		uint32		tli_read = ~tli;
		char		last_token[sizeof(buffer)];
		int			order;
		RwText		out;
		uint64		part[3];
		const char *at;
		const char *end;
		int64		amount = -1;
		bool		is_time;

		rw_text_begin(&out, buffer, sizeof(buffer));
		rw_text_lsn(&out, lsn);
		wrong_lsns += !rw_lsn_in(buffer, &lsn_read) || lsn_read != lsn;

		rw_text_begin(&out, buffer, sizeof(buffer));
		rw_text_token(&out, system, tli, lsn);
		wrong_tokens += strlen(buffer) != RW_TOKEN_WIDTH ||
			!read_token(buffer, &system_read, &tli_read, &lsn_read) ||
			system_read != system || tli_read != tli || lsn_read != lsn;

		/* Half of the time of one timeline, as tokens mostly are */
		if (i % 2 == 0)
			last_tli = tli;
		rw_text_begin(&out, last_token, sizeof(last_token));
		rw_text_token(&out, system, last_tli, last_lsn);
		order = last_tli != tli ? (last_tli < tli ? -1 : 1) :
			last_lsn != lsn ? (last_lsn < lsn ? -1 : 1) : 0;
		wrong_orders += sign_of(strcmp(last_token, buffer)) != order;
		last_tli = tli;
		last_lsn = lsn;

		at = rw_clock_text(buffer, duration);
		end = at + strlen(at);
		for (int j = 0; j < 3; j++, at++)
		{
			if (!rw_take_number(&at, end, 10, 18, PG_UINT64_MAX, &part[j]) ||
				(j < 2 ? *at != ':' : at != end))
				wrong_clocks++;
		}
		wrong_clocks += part[1] >= 60 || part[2] >= 60 ||
			(part[0] * 60 + part[1]) * 60 + part[2] != duration / RW_SECOND;

		/* Up to 10^12, which any unit but TB can hold. */
		duration %= INT64CONST(1000000000000);
		rw_text_begin(&out, buffer, sizeof(buffer));
		rw_text_decimal(&out, duration, 6);
		rw_text_add(&out, "s");
		wrong_amounts += !read_amount(buffer, &is_time, &amount) || !is_time ||
			llabs(amount - duration) > 1;
	}
	is_int(wrong_lsns, 0, "LSNs");
	is_int(wrong_tokens, 0, "commit tokens");
	is_int(wrong_orders, 0, "their order, which is that of timeline and LSN");
	is_int(wrong_clocks, 0, "durations of alerts");
	is_int(wrong_amounts, 0, "amounts of time, but for a microsecond of rounding");
}

int
main(void)
{
	test_durations();
	test_sizes();
	test_positions();
	test_numbers();
	test_lsns();
	test_tokens();
	test_amounts();
	test_round_trips();
	return tap_end();
}
