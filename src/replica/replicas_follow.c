/*-------------------------------------------------------------------------
 *
 * replicas_follow.c
 *	  What a round learns of one connection, and of its replica.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/intern.h"

/* A connection that has streamed for so long gets somewhere. */
#define STEADY_AFTER		(3 * RW_SECOND)

static void follow_parting(RwReplica *replica, const RwSeen *seen,
						   const RwReported *reported, const RwOwnWal *own,
						   RwTime now);
static void follow_position(RwReplica *replica, const RwSeen *seen,
							const RwOwnWal *own, RwTime now);

uint64
rw_seen_position(const RwSeen *seen)
{
	return seen->replay == 0 && seen->logical ? seen->flush : seen->replay;
}

/*
 * Does a connection belong to a replica, and is not only an attempt of one?
 * `first_sent` is what had been sent when it was first seen.
 */
bool
rw_replica_is_own(const RwSeen *seen, uint64 first_sent)
{
	return rw_seen_position(seen) != 0 &&
		(seen->streaming || seen->sent > first_sent);
}

static bool
streams_steadily(const RwReplica *replica, RwTime now)
{
	return replica->streaming_since != RW_NEVER &&
		now - replica->streaming_since >= STEADY_AFTER;
}

/*
 * A replica that catches up is not steady, but is not refused either if this
 * goes on and it gets further.  One that can't replay its WAL does not.
 */
bool
rw_replica_proves(const RwReplica *connection, RwTime now)
{
	return connection->steady || connection->parted != RW_NOT_PARTED ||
		(connection->moves && now - connection->connected_at >= STEADY_AFTER);
}

/* Update a place with what was seen of its connection. */
void
rw_replica_follow(RwReplica *replica, const RwSeen *seen, const RwOwnWal *own,
				  RwTime now)
{
	if (!seen->ended)
	{
		replica->logical = seen->logical;
		replica->has_slot = seen->has_slot;
		rw_name_copy(replica->slot_name, seen->slot_name);
	}
	rw_name_copy(replica->application_name, seen->application_name);
	rw_address_copy(replica->address, seen->address);

	if (!seen->streaming)
		replica->streaming_since = RW_NEVER;
	else if (replica->streaming_since == RW_NEVER)
		replica->streaming_since = now;

	if (seen->reply_time != replica->reply_time)
	{
		replica->reply_time = seen->reply_time;
		replica->replied_at = now;
		replica->last_seen = now;
	}
	replica->belongs |= rw_replica_is_own(seen, replica->first_sent);
	follow_position(replica, seen, own, now);

	if (replica->belongs && replica->parted == RW_NOT_PARTED &&
		streams_steadily(replica, now))
		replica->steady = true;
	if (rw_replica_streams(replica, now))
		replica->streamed_at = now;
}

/* Follow whether the replica has this server's WAL. */
static void
follow_parting(RwReplica *replica, const RwSeen *seen,
			   const RwReported *reported, const RwOwnWal *own, RwTime now)
{
	/* One whose WAL has only ended at a fork may be left behind there. */
	RwParted	before = replica->ended_at_mark != RW_NEVER &&
		replica->parted == RW_NOT_PARTED ? RW_LEFT_BEHIND : replica->parted;
	RwParted	parted;
	uint64		mark = 0;

	if (before != RW_NOT_PARTED &&
		(rw_is_reunited(before, replica->mark, reported, own) ||
		 (replica->parted_by_request && streams_steadily(replica, now))))
		rw_replica_reunite(replica);
	if (seen->logical)
		return;

	parted = seen->ended ?
		rw_parted_at_end(seen->sent, seen->replay, own, &mark) :
		rw_parted_live(reported, own, &mark);
	/* So much it shows of being a replica, whether or not it streams. */
	replica->belongs |= parted != RW_NOT_PARTED;
	if (parted == RW_LEFT_BEHIND)
		rw_replica_reach_fork(replica, mark, now);
	else if (parted != RW_NOT_PARTED)
		rw_replica_part(replica, parted, mark);
	if (parted != RW_NOT_PARTED)
		replica->parted_by_request = false;

	/* What a cascade has received since is its upstream's, too. */
	if (parted == RW_AHEAD && own->in_recovery)
		replica->mark = mark;
}

/*
 * Follow how far the replica has got.  A walsender starts with its LSNs at 0
 * and knows where the replica is only after the first reply.  Until then the
 * place keeps where the replica was; afterwards it has where the replica is,
 * even if that is less, as it is after a rebuild from a backup.
 */
static void
follow_position(RwReplica *replica, const RwSeen *seen, const RwOwnWal *own,
				RwTime now)
{
	RwReported	reported = {seen->streaming, seen->sent,
	rw_seen_position(seen)};
	uint64		flushed = Min(seen->flush, seen->sent);
	uint64		position;

	if (seen->sent != 0)
		replica->sent = seen->sent;
	if (seen->write != 0)
		replica->write = seen->write;
	/* One whose WAL is broken gets more of it at each attempt. */
	if (flushed > replica->flush &&
		now - replica->connected_at >= STEADY_AFTER)
		replica->progressed_at = now;
	if (seen->flush != 0)
		replica->flush = seen->flush;
	if (seen->replay != 0)
		replica->replay = seen->replay;
	rw_rate_add(&replica->replay_rate, seen->replay, now);
	if (reported.position == 0)
		return;

	if (replica->first_reported == 0)
		replica->first_reported = reported.position;
	replica->moves |= reported.position > replica->first_reported;
	follow_parting(replica, seen, &reported, own, now);
	if (seen->streaming && replica->moves &&
		replica->parted == RW_NOT_PARTED)
		replica->steady = true;

	position = rw_replica_position_from(replica, &reported);
	if (position > replica->position)
	{
		replica->replay_moved_at = now;
		replica->progressed_at = now;
	}
	replica->position = position;
}
