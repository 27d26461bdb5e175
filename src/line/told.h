/*-------------------------------------------------------------------------
 *
 * told.h
 *	  What came over the lines: the servers that others have told of.
 *
 * A pure file.  There are two tables, one for what the standbys' lines tell,
 * and one for the upstream server's.  A round of a line is all that the other
 * end has to tell, in the order of the tree: a server before its replicas.
 * What a round brings is taken up at once, and what it has left out goes at
 * its end.  What a line has told stays when it ends, and gets older.
 *
 * The standbys' table has a branch for each replica of this server that
 * reports.  A branch is known by the replica's key.  A full table takes room
 * from the branch that has most, and never the entry of the replica itself: a
 * branch, no matter what it tells, crowds no other out.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_TOLD_H
#define RW_TOLD_H

#include "src/tree/tree.h"

/* The branch of all that the upstream server tells; no replica's key is 0. */
#define RW_BRANCH_ABOVE		0

typedef struct RwToldEntry
{
	uint64		branch;
	uint32		round;			/* of its line, in which it was told last */
	bool		live;			/* that line is up */
	RwServer	server;
} RwToldEntry;

typedef struct RwTold
{
	int			number;
	RwToldEntry entries[RW_TREE_MAX];
} RwTold;						/* begins as zeroes */

/*
 * Take up what the standby with the id `peer`, which is this server's (`own`)
 * replica `branch`, tells of a server.  What it tells of itself becomes the
 * entry of the replica, without what only a parent can say.  Any other server
 * counts only below one that the same round has told before; one that has a
 * line to this server itself does not.  Returns whether words are other than
 * before.
 */
extern bool rw_told_from_below(RwTold *told, RwServerId own, uint64 branch,
							   RwServerId peer, uint32 round,
							   const RwServer *server);

/*
 * Take up what the upstream server tells of a server.  Of this server (`own`)
 * itself only what its parent can say is taken.
 */
extern bool rw_told_from_above(RwTold *told, RwServerId own, uint32 round,
							   const RwServer *server);

/* A round is over: drop what it has not told.  Returns whether there was any. */
extern bool rw_told_end_round(RwTold *told, uint64 branch, uint32 round);

/* The line of a branch has ended: what it told stays. */
extern void rw_told_end_line(RwTold *told, uint64 branch);

/* Drop a branch, if there is one. */
extern bool rw_told_drop(RwTold *told, uint64 branch);

/*
 * One list of both tables, RW_TREE_MAX at most: the replicas of this server
 * first, then the upstream server (`upstream`) and what it says of this one.
 * What comes from above and belongs to a branch that is live is left out; but
 * of the servers on the way up from this one, what a line from below tells.
 * Returns the number.
 */
extern int	rw_told_list(const RwTold *below, const RwTold *above,
						 RwServerId own, RwServerId upstream,
						 RwServer *list);

/*
 * Are these two reports of a server in other words?  Positions, times and the
 * figures in the text of a reason do not count.
 */
extern bool rw_server_words_differ(const RwServer *a, const RwServer *b);

#endif							/* RW_TOLD_H */
