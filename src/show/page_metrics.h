/*-------------------------------------------------------------------------
 *
 * page_metrics.h
 *	  How samples are written; internal to the page of metrics.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PAGE_METRICS_H
#define RW_PAGE_METRICS_H

#include "src/show/snapshot.h"

typedef struct RwMetrics
{
	RwText	   *page;
	const RwSnapshot *look;
	const char *family;			/* of links or slots, whose head was written
								 * last */
} RwMetrics;

/* How a value is written. */
typedef enum RwSampleUnit
{
	RW_SAMPLE_WHOLE,			/* bytes, numbers */
	RW_SAMPLE_MICROSECONDS,		/* as seconds */
	RW_SAMPLE_MOMENT			/* TimestampTz, as seconds since 1970 */
} RwSampleUnit;

/* What comes before a family's samples. */
extern void rw_metrics_head(RwMetrics *out, const char *family,
							const char *type, const char *help);

/* What comes after a sample's name and labels. */
extern void rw_metrics_value(RwMetrics *out, int64 value, RwSampleUnit unit);

/* The families of links and slots. */
extern void rw_metrics_links(RwMetrics *out);

#endif							/* RW_PAGE_METRICS_H */
