/*-------------------------------------------------------------------------
 *
 * write_metrics.c
 *	  Writes rows in Prometheus' text format.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "datatype/timestamp.h"

#include "src/show/write_metrics.h"

#define UNIX_EPOCH \
	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static bool
is_text_type(RwColumnType type)
{
	return type == RW_TEXT || type == RW_NAME || type == RW_IDENTIFIER;
}

/* Does a value have a sample? */
static bool
has_sample(const RwColumn *column, const RwValue *value)
{
	const RwMetric *metric = &column->metric;

	if (value->state == RW_VALUE_UNKNOWN)
		return metric->type == RW_SUMMARY && metric->suffix == NULL;
	if (value->state == RW_VALUE_ABSENT)
		return false;
	/* The clock of a replica may be wrong; a time before 2000 is of no use. */
	return column->type != RW_TIME || value->number >= 0;
}

static void
add_metric_head(RwText *out, const RwMetric *metric)
{
	static const char *const types[] = {
		[RW_GAUGE] = "gauge",
		[RW_COUNTER] = "counter",
		[RW_SUMMARY] = "summary",
	};

	rw_text_adds(out, "# HELP ", metric->family, " ", metric->help, "\n",
				 "# TYPE ", metric->family, " ", types[metric->type], "\n",
				 NULL);
}

/* A label without a value is left out, which to Prometheus is the same. */
static bool
add_metric_label(RwText *out, const RwColumn *label, const void *row,
				 bool first)
{
	RwValue		value = label->get(row);

	if (value.state != RW_VALUE_KNOWN)
		return false;
	rw_text_adds(out, first ? "" : ",", label->name, "=", NULL);
	if (is_text_type(label->type))
		rw_text_quoted(out, value.text);
	else
	{
		rw_text_add(out, "\"");
		rw_text_int(out, value.number);
		rw_text_add(out, "\"");
	}
	return true;
}

/* The labels of the row, then the column's own. */
static void
add_metric_labels(RwText *out, const RwColumns *columns,
				  const RwMetric *metric, const RwValue *value,
				  const void *row)
{
	int			n = 0;
	int			i;

	if (columns->nlabels == 0 && metric->label == NULL)
		return;
	rw_text_add(out, "{");
	for (i = 0; i < columns->nlabels; i++)
		n += add_metric_label(out, &columns->labels[i], row, n == 0);
	if (metric->label)
	{
		rw_text_adds(out, n > 0 ? "," : "", metric->label, "=", NULL);
		rw_text_quoted(out, metric->label_value ? metric->label_value :
					   value->text);
	}
	rw_text_add(out, "}");
}

static void
add_metric_value(RwText *out, RwColumnType type, const RwValue *value)
{
	if (value->state == RW_VALUE_UNKNOWN)
		rw_text_add(out, "NaN");
	else if (is_text_type(type))
		rw_text_add(out, "1");
	else if (type == RW_DURATION)
		rw_text_decimal(out, value->number, 6);
	else if (type == RW_TIME)
		rw_text_decimal(out, value->number + UNIX_EPOCH, 6);
	else if (type == RW_DOUBLE)
		rw_text_int(out, (int64) value->real);
	else
		rw_text_int(out, value->number);
}

/* The family of `ncolumns` columns from `first` on. */
static void
add_metric_family(RwText *out, const RwColumns *columns,
				  const RwColumn *first, int ncolumns,
				  const char *rows, size_t row_size, int nrows)
{
	bool		begun = false;
	int			i;
	int			j;

	for (i = 0; i < nrows; i++)
	{
		const void *row = rows + i * row_size;

		for (j = 0; j < ncolumns; j++)
		{
			const RwMetric *metric = &first[j].metric;
			RwValue		value = first[j].get(row);

			if (!has_sample(&first[j], &value))
				continue;
			if (!begun)
				add_metric_head(out, &first->metric);
			begun = true;
			rw_text_adds(out, metric->family,
						 metric->suffix ? metric->suffix : "", NULL);
			add_metric_labels(out, columns, metric, &value, row);
			rw_text_add(out, " ");
			add_metric_value(out, first[j].type, &value);
			rw_text_add(out, "\n");
		}
	}
}

void
rw_metrics_rows(RwText *out, const RwColumns *columns, const void *rows,
				size_t row_size, int nrows)
{
	const RwColumn *end = columns->columns + columns->ncolumns;
	const RwColumn *first = columns->columns;

	while (first < end)
	{
		const RwColumn *next = first + 1;

		if (first->metric.family != NULL)
		{
			while (next < end && next->metric.family != NULL &&
				   strcmp(next->metric.family, first->metric.family) == 0)
				next++;
			add_metric_family(out, columns, first, next - first,
							  rows, row_size, nrows);
		}
		first = next;
	}
}
