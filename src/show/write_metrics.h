/*-------------------------------------------------------------------------
 *
 * write_metrics.h
 *	  Writes rows in Prometheus' text format.
 *
 * A pure file.  Units are base units: bytes, seconds, and for times the
 * seconds since 1970.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WRITE_METRICS_H
#define RW_WRITE_METRICS_H

#include "src/base/render.h"
#include "src/show/columns.h"

/*
 * Add the metrics of a table's columns for `nrows` rows, an array of structs
 * of `row_size` bytes.  The samples of a family stand together, below its HELP
 * and TYPE.  What is not known, absent, or a time before 2000 has no sample,
 * and a family without samples is left out.
 *
 * The caller sees to it that no two rows have the same labels.
 */
extern void rw_metrics_rows(RwText *out, const RwColumns *columns,
							const void *rows, size_t row_size, int nrows);

#endif							/* RW_WRITE_METRICS_H */
