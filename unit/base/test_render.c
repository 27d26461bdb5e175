/*-------------------------------------------------------------------------
 *
 * test_render.c
 *	  Tests of src/base/render.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/base/render.h"
#include "unit/tap.h"

static char buffer[128];
static RwText out;

static const char *
fresh(void)
{
	rw_text_begin(&out, buffer, sizeof(buffer));
	return buffer;
}

static void
test_bounds(void)
{
	char	   *small = malloc(4);

	section("what does not fit");

	rw_text_begin(&out, small, 4);
	is_text(small, "", "begins empty");
	rw_text_add(&out, "abc");
	is_text(small, "abc", "as much as there is room for");
	ok(!out.full, "nothing is left out");
	rw_text_add(&out, "d");
	is_text(small, "abc", "one more is left out");
	ok(out.full, "which is noted");
	is_int(out.len, 3, "its length is what is there");
	rw_text_add(&out, "");
	ok(out.full, "and stays noted");
	free(small);

	small = malloc(1);
	rw_text_begin(&out, small, 1);
	rw_text_int(&out, 5);
	is_text(small, "", "there may be room for nothing");
	ok(out.full, "not even a digit");
	free(small);
}

static void
test_strings(void)
{
	section("strings");

	fresh();
	rw_text_adds(&out, "a", "", "bc", NULL);
	is_text(buffer, "abc", "several");
	fresh();
	rw_text_quoted(&out, "it's \"x\\y\"");
	is_text(buffer, "\"it's \\\"x\\\\y\\\"\"", "quotes and backslashes");
	fresh();
	rw_text_quoted(&out, "a\nb\tc\x7f\xc3\xa4\x01");
	is_text(buffer, "\"a?b?c????\"", "what is not printable ASCII");
	fresh();
	rw_text_quoted(&out, "");
	is_text(buffer, "\"\"", "empty");
}

static void
int_is(int64 value, const char *expected)
{
	fresh();
	rw_text_int(&out, value);
	is_text(buffer, expected, expected);
}

static void
decimal_is(int64 value, int decimals, const char *expected)
{
	fresh();
	rw_text_decimal(&out, value, decimals);
	is_text(buffer, expected, expected);
}

static void
number_is(uint64 value, unsigned base, int least, const char *expected)
{
	fresh();
	rw_text_number(&out, value, base, least);
	is_text(buffer, expected, expected);
}

static void
test_numbers(void)
{
	section("numbers");

	int_is(0, "0");
	int_is(-7, "-7");
	int_is(PG_INT64_MAX, "9223372036854775807");
	int_is(PG_INT64_MIN, "-9223372036854775808");

	decimal_is(0, 6, "0.000000");
	decimal_is(1500, 3, "1.500");
	decimal_is(5, 3, "0.005");
	decimal_is(-5, 3, "-0.005");
	decimal_is(42, 0, "42");
	decimal_is(PG_INT64_MAX, 6, "9223372036854.775807");
	decimal_is(PG_INT64_MIN, 6, "-9223372036854.775808");

	number_is(0, 10, 1, "0");
	number_is(0, 10, 0, "");
	number_is(7, 10, 2, "07");
	number_is(123, 10, 2, "123");
	number_is(255, 16, 8, "000000FF");
	number_is(PG_UINT64_MAX, 16, 1, "FFFFFFFFFFFFFFFF");
	number_is(PG_UINT64_MAX, 10, 1, "18446744073709551615");
}

int
main(void)
{
	test_bounds();
	test_strings();
	test_numbers();
	return tap_end();
}
