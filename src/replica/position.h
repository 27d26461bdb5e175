/*-------------------------------------------------------------------------
 *
 * position.h
 *	  How far another server has this server's WAL.
 *
 * A pure file.  An LSN means nothing without the history that it belongs to:
 * two servers that were promoted, or restored, at different times have
 * different WAL under the same LSNs.  What a replica reports therefore counts
 * only as far as it is WAL that this server has sent, or that was known before
 * to be this server's.
 *
 * Everything that compares a position of a replica with this server's WAL
 * gets it from here: rows and their lag, alerts, charts, forecasts, and
 * sessions that wait for replicas.
 *
 * A replica whose WAL is not this server's has *parted* from it, in one of
 * three ways.  Its mark is the LSN up to which both have the same WAL.
 *
 *		diverged	it follows a timeline that this server has left, and
 *					has replayed beyond the LSN at which it was left
 *		left behind	it follows such a timeline, has replayed all of it, and
 *					does not follow this server to the next one
 *		ahead		it is on this server's timeline, with WAL that this
 *					server does not have: lost here, or never received
 *
 * How the server's walsenders behave is what this is worked out from.  On a
 * timeline that the server has left, a walsender sends WAL up to the LSN at
 * which it was left and no further, and then ends the stream.  A receiver asks
 * for WAL from the start of a segment, so that while a walsender catches up,
 * what it has sent is less than what the replica has.  Once it streams, it has
 * sent all the WAL that there is on the timeline.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_POSITION_H
#define RW_POSITION_H

#include "src/observe/timeline.h"

/* How the WAL of a replica, or of this standby, parts from its upstream's. */
typedef enum RwParted
{
	RW_NOT_PARTED,				/* as far as is known */
	RW_AHEAD,
	RW_DIVERGED,
	RW_LEFT_BEHIND
} RwParted;

/* What is known of the WAL of this server. */
typedef struct RwOwnWal
{
	uint64		horizon;
	bool		in_recovery;
	uint32		tli;			/* of the horizon */
	const RwTimeline *timeline; /* its history; empty if it can't be read */
	uint64		segment_size;	/* of WAL files */
} RwOwnWal;

/* A walsender and what the replica at its other end has reported. */
typedef struct RwReported
{
	bool		streaming;		/* has caught up once on this connection */
	uint64		sent;			/* 0 if nothing was */
	uint64		position;		/* of the replica; 0 if it has not replied */
} RwReported;

/*
 * How far the replica has this server's WAL.  `known` is what was known before
 * this connection to be this server's WAL; 0 if nothing is.
 */
extern uint64 rw_position_here(const RwReported *reported, uint64 known);

/*
 * Has the replica, on a connection that has caught up, replayed WAL that was
 * not sent to it?  A record that ends a segment early has been replayed up to
 * the segment's end while the empty rest is still on its way.
 */
extern bool rw_is_past_sent(const RwReported *reported, uint64 segment_size);

/*
 * Has the replica at the other end of a live connection parted from this
 * server?  If so, *mark is where.  Its position is what it has replayed: WAL
 * that it has only received it would drop again.
 */
extern RwParted rw_parted_live(const RwReported *reported,
							   const RwOwnWal *own, uint64 *mark);

/*
 * The same for a connection that has ended with these positions, and whose
 * state was not seen.  RW_LEFT_BEHIND means that it may have been: a replica
 * that follows this server to its timeline ends one connection like this, too.
 */
extern RwParted rw_parted_at_end(uint64 sent, uint64 replayed,
								 const RwOwnWal *own, uint64 *mark);

/*
 * The same for a replica that has asked for WAL from `start` on timeline `tli`
 * and did not get it.  A receiver has replayed all that comes before the
 * segment that it asks for; if the timeline was left there, it may have
 * replayed more.
 */
extern RwParted rw_parted_by_request(uint64 start, uint32 tli,
									 const RwOwnWal *own, uint64 *mark);

/*
 * Is a replica that has parted from this server at `mark` known to have this
 * server's WAL again, by what its live connection shows?
 */
extern bool rw_is_reunited(RwParted parted, uint64 mark,
						   const RwReported *reported, const RwOwnWal *own);

#endif							/* RW_POSITION_H */
