/*-------------------------------------------------------------------------
 *
 * staleness.h
 *	  How stale reads on this server are at most.
 *
 * A pure file.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STALENESS_H
#define RW_STALENESS_H

#include "src/lag/lag.h"
#include "src/tree/told_upstream.h"

typedef struct RwStaleness
{
	int64		staleness;		/* microseconds; -1: not known */
	bool		of_primary;		/* towards the primary; else towards the
								 * upstream server only */
} RwStaleness;

/*
 * The staleness of this server.  `link` is its upstream row, with its lag; NULL
 * on a primary, which is never stale.  A lag that is only a lower bound, and a
 * standby that has parted from its upstream server, have none that is known.
 * Where nothing is missing, the age of the last real message counts.
 *
 * With `told`, and if that is of the upstream server that the WAL receiver
 * follows or last followed, it is towards the primary.
 */
extern RwStaleness rw_staleness(const RwFacts *facts,
								const RwPublished *published,
								const RwLink *link,
								const RwToldUpstream *told);

#endif							/* RW_STALENESS_H */
