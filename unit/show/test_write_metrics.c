/*-------------------------------------------------------------------------
 *
 * test_write_metrics.c
 *	  Tests of src/show/write_metrics.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/show/write_metrics.h"
#include "unit/tap.h"

typedef struct TestRow
{
	const char *name;
	RwValue		first;
	RwValue		second;
} TestRow;

static RwValue
get_name(const void *row)
{
	return rw_value_text(((const TestRow *) row)->name);
}

static RwValue
get_first(const void *row)
{
	return ((const TestRow *) row)->first;
}

static RwValue
get_second(const void *row)
{
	return ((const TestRow *) row)->second;
}

static const RwColumn labels[] = {
	{"name", RW_TEXT, 0, .get = get_name},
};

static char buffer[1024];

static const char *
page(const RwColumns *columns, const TestRow *rows, int nrows)
{
	RwText		out;

	rw_text_begin(&out, buffer, sizeof(buffer));
	rw_metrics_rows(&out, columns, rows, sizeof(TestRow), nrows);
	return buffer;
}

/* The sample of a value of this type, without its head. */
static const char *
sample(RwColumnType type, RwValue value)
{
	RwColumn	column = {NULL, type, 0, .get = get_first,
	.metric = {"m", .help = "h"}};
	RwColumns	columns = {&column, 1, NULL, 0};
	TestRow		row = {.first = value};
	const char *text = page(&columns, &row, 1);
	const char *head = "# HELP m h\n# TYPE m gauge\n";

	return strncmp(text, head, strlen(head)) == 0 ? text + strlen(head) : text;
}

static void
test_types(void)
{
	int			pids[] = {10, 20};

	section("types");

	is_text(sample(RW_INTEGER, rw_value_number(-1)), "m -1\n", "an integer");
	is_text(sample(RW_BOOLEAN, rw_value_number(1)), "m 1\n", "true");
	is_text(sample(RW_BOOLEAN, rw_value_number(0)), "m 0\n", "false");
	is_text(sample(RW_DOUBLE, rw_value_real(2.9)), "m 2\n",
			"a double is cut off");
	is_text(sample(RW_LSN, rw_value_nonzero(INT64CONST(0x200000000))),
			"m 8589934592\n", "an LSN is bytes");
	is_text(sample(RW_DURATION, rw_value_count(1500000)), "m 1.500000\n",
			"a duration is seconds");
	is_text(sample(RW_TIME, rw_value_nonzero(1)), "m 946684800.000001\n",
			"a time is seconds since 1970");
	is_text(sample(RW_TIME, rw_value_nonzero(-1)), "",
			"a time before 2000 has no sample");
	is_text(sample(RW_PIDS, rw_value_pids(pids, 2)), "m 2\n",
			"pids are counted");
	is_text(sample(RW_PIDS, rw_value_pids(pids, 0)), "m 0\n", "no pids");
	is_text(sample(RW_INTEGER, rw_value_unknown()), "",
			"an unknown value has no sample");
	is_text(sample(RW_INTEGER, rw_value_absent()), "",
			"nor has an absent one");
}

static void
test_families(void)
{
	static const RwColumn columns_array[] = {
		{"a", RW_INTEGER, 0, .get = get_first,
			.metric = {"m", .help = "h", .label = "stage", .label_value = "x"}},
		{"b", RW_INTEGER, 0, .get = get_second,
			.metric = {"m", .label = "stage", .label_value = "y"}},
		{"c", RW_INTEGER, 0, .get = get_first},
		{"d", RW_INTEGER, 0, .get = get_second,
			.metric = {"n_total", .help = "i", .type = RW_COUNTER}},
	};
	RwColumns	columns = {
		columns_array, lengthof(columns_array), labels, lengthof(labels)
	};
	TestRow		rows[] = {
		{"one", rw_value_number(1), rw_value_number(2)},
		{"two", rw_value_number(3), rw_value_unknown()},
	};

	section("families");

	is_text(page(&columns, rows, 2),
			"# HELP m h\n# TYPE m gauge\n"
			"m{name=\"one\",stage=\"x\"} 1\n"
			"m{name=\"one\",stage=\"y\"} 2\n"
			"m{name=\"two\",stage=\"x\"} 3\n"
			"# HELP n_total i\n# TYPE n_total counter\n"
			"n_total{name=\"one\"} 2\n",
			"their samples stand together");
	is_text(page(&columns, rows, 0), "", "no rows, no families");

	rows[0].first = rw_value_unknown();
	is_text(page(&columns, rows, 1),
			"# HELP m h\n# TYPE m gauge\n"
			"m{name=\"one\",stage=\"y\"} 2\n"
			"# HELP n_total i\n# TYPE n_total counter\n"
			"n_total{name=\"one\"} 2\n",
			"the head is that of the first column, whoever has a sample");
	rows[0].second = rw_value_unknown();
	is_text(page(&columns, rows, 1), "", "a family without samples is left out");
}

static void
test_labels(void)
{
	static const RwColumn state = {"state", RW_TEXT, 0, .get = get_name,
	.metric = {"m", .help = "h", .label = "state"}};
	static const RwColumn number_labels[] = {
		{"port", RW_INTEGER, 0, .get = get_first},
		{"host", RW_TEXT, 0, .get = get_second},
	};
	RwColumns	columns = {&state, 1, NULL, 0};
	TestRow		row = {"up\"\\", rw_value_number(7), rw_value_text("")};

	section("labels");

	is_text(page(&columns, &row, 1),
			"# HELP m h\n# TYPE m gauge\nm{state=\"up\\\"\\\\\"} 1\n",
			"a text is a label, and its sample is 1");
	columns.labels = number_labels;
	columns.nlabels = 2;
	is_text(page(&columns, &row, 1),
			"# HELP m h\n# TYPE m gauge\n"
			"m{port=\"7\",state=\"up\\\"\\\\\"} 1\n",
			"a number as a label, and an unknown one");
}

static void
test_summary(void)
{
	static const RwColumn columns_array[] = {
		{"p50", RW_DURATION, 0, .get = get_first,
			.metric = {"s", .help = "h", .label = "quantile",
			.label_value = "0.5", .type = RW_SUMMARY}},
		{"total", RW_DURATION, 0, .get = get_second,
			.metric = {"s", .type = RW_SUMMARY, .suffix = "_sum"}},
	};
	RwColumns	columns = {columns_array, lengthof(columns_array), NULL, 0};
	TestRow		row = {NULL, rw_value_unknown(), rw_value_unknown()};

	section("summaries");

	is_text(page(&columns, &row, 1),
			"# HELP s h\n# TYPE s summary\ns{quantile=\"0.5\"} NaN\n",
			"an unknown quantile is NaN, an unknown sum is left out");
	row.first = rw_value_number(500000);
	row.second = rw_value_number(2000000);
	is_text(page(&columns, &row, 1),
			"# HELP s h\n# TYPE s summary\n"
			"s{quantile=\"0.5\"} 0.500000\ns_sum 2.000000\n",
			"known ones");
}

int
main(void)
{
	test_types();
	test_families();
	test_labels();
	test_summary();
	return tap_end();
}
