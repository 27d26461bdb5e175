/*-------------------------------------------------------------------------
 *
 * test_write_json.c
 *	  Tests of src/show/write_json.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/show/write_json.h"
#include "unit/tap.h"

/* A row is a value, which each column shows. */
static RwValue
get_value(const void *row)
{
	return *(const RwValue *) row;
}

static void
add_lsn(RwText *out, uint64 lsn)
{
	rw_text_add(out, "LSN ");
	rw_text_int(out, (int64) lsn);
}

static void
add_time(RwText *out, int64 at)
{
	rw_text_add(out, "time ");
	rw_text_int(out, at);
}

static const RwJsonFormats formats = {add_lsn, add_time};

static char buffer[256];

/* The members that a row has by these columns. */
static const char *
members(const RwColumn *array, int n, RwValue value)
{
	RwColumns	columns = {array, n, NULL, 0};
	RwText		out;

	rw_text_begin(&out, buffer, sizeof(buffer));
	rw_text_add(&out, "{");
	rw_json_members(&out, &columns, &value, &formats);
	return buffer;
}

/* The member of a column of this type. */
static const char *
member(RwColumnType type, RwValue value)
{
	RwColumn	column = {"a", type, 0, .get = get_value};

	return members(&column, 1, value);
}

static void
test_types(void)
{
	int			pids[] = {10, 20};

	section("types");

	is_text(member(RW_TEXT, rw_value_text("b\"c")), "{\"a\":\"b\\\"c\"", "text");
	is_text(member(RW_NAME, rw_value_text("b")), "{\"a\":\"b\"", "a name");
	is_text(member(RW_BOOLEAN, rw_value_number(1)), "{\"a\":true", "true");
	is_text(member(RW_BOOLEAN, rw_value_number(0)), "{\"a\":false", "false");
	is_text(member(RW_INTEGER, rw_value_number(-1)), "{\"a\":-1", "an integer");
	is_text(member(RW_BIGINT, rw_value_number(INT64CONST(1) << 40)),
			"{\"a\":1099511627776", "a bigint");
	is_text(member(RW_DOUBLE, rw_value_real(2.9)), "{\"a\":2",
			"a double is cut off");
	is_text(member(RW_LSN, rw_value_nonzero(5)), "{\"a\":LSN 5", "an LSN");
	is_text(member(RW_TIME, rw_value_nonzero(-5)), "{\"a\":time -5", "a time");
	is_text(member(RW_DURATION, rw_value_count(1500000)), "{\"a\":1.500000",
			"a duration is seconds");
	is_text(member(RW_PIDS, rw_value_pids(pids, 2)), "{\"a\":[10,20]", "pids");
	is_text(member(RW_PIDS, rw_value_pids(pids, 0)), "{\"a\":[]", "no pids");
	is_text(member(RW_IDENTIFIER, (RwValue) {.number = -1,.text = "18446744073709551615"}),
			"{\"a\":\"18446744073709551615\"", "an identifier is a string");
}

static void
test_unknown(void)
{
	section("values that are not there");

	is_text(member(RW_TEXT, rw_value_text(NULL)), "{\"a\":null", "no text");
	is_text(member(RW_TEXT, (RwValue) {.text = ""}), "{\"a\":null",
			"an empty text");
	is_text(member(RW_BIGINT, rw_value_count(-1)), "{\"a\":null",
			"a negative count");
	is_text(member(RW_BIGINT, rw_value_count(0)), "{\"a\":0",
			"a count of 0");
	is_text(member(RW_LSN, rw_value_nonzero(0)), "{\"a\":null",
			"an LSN of 0");
	is_text(member(RW_DOUBLE, rw_value_real(-1)), "{\"a\":null",
			"a negative rate");
	is_text(member(RW_TEXT, rw_value_absent()), "{",
			"an absent value is left out");
}

static void
test_columns(void)
{
	static const RwColumn columns[] = {
		{NULL, RW_INTEGER, 0, .get = get_value},
		{"a", RW_INTEGER, RW_HIDDEN, .get = get_value},
		{"b", RW_INTEGER, RW_NOT_ON_PAGES, .get = get_value},
		{"c", RW_INTEGER, 0, .get = get_value},
	};
	RwColumns	table = {columns, lengthof(columns), NULL, 0};
	RwValue		value = rw_value_number(1);
	RwText		out;

	section("columns");

	is_text(members(columns, lengthof(columns), value), "{\"a\":1,\"c\":1",
			"those that are for pages, in order");

	rw_text_begin(&out, buffer, sizeof(buffer));
	rw_text_add(&out, "{");
	rw_json_members(&out, &table, &value, &formats);
	rw_json_members(&out, &table, &value, &formats);
	is_text(buffer, "{\"a\":1,\"c\":1,\"a\":1,\"c\":1",
			"those of another table follow");
	rw_text_add(&out, "},{");
	rw_json_members(&out, &table, &value, &formats);
	is_text(buffer, "{\"a\":1,\"c\":1,\"a\":1,\"c\":1},{\"a\":1,\"c\":1",
			"another object begins without a comma");
}

int
main(void)
{
	test_types();
	test_unknown();
	test_columns();
	return tap_end();
}
