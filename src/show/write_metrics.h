/*-------------------------------------------------------------------------
 *
 * write_metrics.h
 *	  Writes rows in Prometheus' text format.
 *
 * Pure.  Units are base units: bytes, seconds, and for times the seconds since
 * 1970.
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
 * Add the metrics of an array of `nrows` rows, each a struct of `row_size`
 * bytes.  The samples of a family stand together, below its HELP and TYPE.  A
 * value that is unknown or absent, or a time before 2000, has no sample, and a
 * family without samples is left out.
 *
 * No two rows may have the same labels.
 */
extern void rw_metrics_rows(RwText *out, const RwColumns *columns,
							const void *rows, size_t row_size, int nrows);

#endif							/* RW_WRITE_METRICS_H */
