/*-------------------------------------------------------------------------
 *
 * upstream.h
 *	  What the worker learns of the link to the upstream server over time.
 *
 * A pure file.  One look shows the link as it is.  Since when it has been so,
 * and what silence on it means, shows only from one look to the next.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_UPSTREAM_H
#define RW_UPSTREAM_H

#include "src/base/rates.h"
#include "src/lag/archive.h"
#include "src/base/link.h"
#include "src/observe/observe.h"
#include "src/replica/attempts.h"
#include "src/replica/position.h"

typedef struct RwUpstream
{
	/*
	 * The last real message: one that the upstream server has sent, of the
	 * timeline that it is on now.
	 */
	int			receiver_pid;	/* the receiver it came to; 0 without one */
	TimestampTz send_time;		/* on the upstream server's clock */
	TimestampTz receipt_time;	/* on this server's wall clock */
	uint64		latest_end;		/* the upstream server's end of WAL */
	RwTime		message_at;		/* when it came; kept when the receiver ends,
								 * RW_NEVER if none ever came */
	uint64		written;		/* by the receiver by then */
	int			message_pid;	/* the receiver it came to, also of one that has
								 * ended; 0 if not known */
	int32		quick_messages; /* messages without WAL that came within two
								 * seconds of another; -1 before the first
								 * message of a connection */
	bool		tended;			/* the upstream server sends a keepalive each
								 * second */

	/*
	 * The upstream server may have reported WAL that is not here yet.
	 * `reported` is the greatest end of WAL on its timeline, catchup_target
	 * is what that was at catchup_target_at.
	 */
	uint32		reported_tli;
	TimestampTz reported_since; /* only messages received after it count */
	uint64		reported;
	uint64		catchup_target;
	RwTime		catchup_target_at;
	RwTime		complete_at;	/* all WAL that was reported by then is here;
								 * RW_NEVER if not known */

	/*
	 * WAL up to late_end may have come later than it was written: what the
	 * receiver of the last message brought up to contact_end, the end of WAL
	 * at its first message, and what was not here long after it was reported.
	 * It was not written before late_proof: then nothing was missing.  And all
	 * that there was at proven_at has been replayed.
	 */
	uint64		contact_end;
	uint64		late_end;
	RwTime		late_proof;		/* RW_NEVER if not known */
	RwTime		proven_at;		/* RW_NEVER if not known */
	RwTime		reported_at;	/* of the last message with an end of WAL on
								 * our timeline; RW_NEVER: none came */
	uint64		replay_target;	/* the end of WAL that was reported at */
	RwTime		replay_target_at;	/* RW_NEVER: there is no target */

	/*
	 * Has this standby been in step since the server started?  If not, what is
	 * read here may be of any age.  It has been once it has replayed all that
	 * the upstream server had at first contact, or waits for nothing but
	 * recovery_min_apply_delay.
	 */
	bool		was_in_step;
	uint64		first_reported; /* that end of its WAL; 0: no contact yet */

	/* As of the last sample.  The horizon may be in the middle of a record. */
	uint64		replay;
	uint64		horizon;
	bool		partial;		/* between them there is no whole record */

	RwTime		replay_moved_at;
	uint64		begun;			/* end of the record that was begun last, */
	RwTime		begun_at;		/* and when that was first seen */
	RwTime		waited_at;		/* when replay, which has not moved since, was
								 * last seen to wait for WAL; RW_NEVER: not */
	RwRate		replay_rate;

	/*
	 * The upstream server has left our timeline: a history file that is here
	 * says at which LSN; 0 if none does.  The file may also be of a server
	 * that was promoted and given up, so what the upstream sends decides.
	 */
	uint64		left_at;
	RwTime		left_since;		/* we have replayed to there; RW_NEVER: not */
	RwTime		caught_up_since;	/* this receiver has all that the upstream
									 * reports; RW_NEVER: not */

	/* Have we got WAL that the upstream does not have?  See position.h. */
	RwParted	parted;
	uint64		mark;
	uint64		refuted_at;		/* a left_at that was not the upstream's */
	bool		lost_wal;		/* ahead of the server that it came from */
	uint64		ahead_to;		/* what we had replayed when we got ahead */
	uint64		behind_end;		/* where the upstream's WAL ends, behind ours,
								 * as a message says; 0: none does */
	RwTime		behind_since;
	TimestampTz behind_message; /* its send time */
	uint32		in_step_with;	/* that of the server that last had all our
								 * WAL; 0: none had */

	/* Receivers that have ended. */
	RwAttempts	attempts;		/* which got no real message */
	char		refusal[RW_REFUSAL_LEN];	/* what the upstream server said to
											 * the last of them */
	bool		refused;		/* it did, since the last real message */
	bool		not_in_history; /* because our WAL is not in its history */
	bool		message_came;	/* to the receiver that runs now */

	RwTime		down_since;		/* nothing comes; RW_NEVER while it does */
	RwTime		streaming_since;	/* RW_NEVER while not connected */
	bool		streamed;		/* since the server started */
	bool		settled;		/* has streamed for known_after, once */
	RwTime		paused_since;	/* RW_NEVER while replay is not paused */

	RwArchive	archive;		/* WAL that comes without a stream */
} RwUpstream;

/*
 * Bring *upstream up to date; called in each round of the worker.  A link that
 * has streamed for `known_after` microseconds is settled.  On a primary all of
 * it is cleared.  The caller holds state_lock exclusively.
 */
extern void rw_follow_upstream(RwUpstream *upstream, const RwFacts *facts,
							   int64 known_after);

/*
 * Steps of it, in upstream_parting.c.  Follow whether this standby has WAL that
 * its upstream server does not have: by what that sends, and by why it has
 * refused to send.
 */
extern void rw_follow_parting(RwUpstream *upstream, const RwFacts *facts);
extern void rw_follow_refusal(RwUpstream *upstream, const RwFacts *facts,
							  const RwEndedFacts *ended);

/*
 * The end of the WAL of which this server has whole records, as far as that is
 * known: replay where the worker has seen that only a part of the next one is
 * here, else the horizon.
 */
extern uint64 rw_complete_wal(const RwUpstream *upstream,
							  const RwFacts *facts);

/*
 * Forget that this standby has parted from its upstream server; true if it had.
 * What the upstream server says from now on counts.
 */
extern bool rw_upstream_forget(RwUpstream *upstream);

/*
 * Has this standby replayed its WAL up to this LSN, which it has been told of?
 * A part of a record at the end does not count.
 */
extern bool rw_upstream_has_replayed(const RwUpstream *upstream,
									 const RwFacts *facts, uint64 lsn);

/* The state of the upstream row. */
extern RwLinkState rw_upstream_state(const RwReceiverFacts *receiver);

/*
 * Have the times in *receiver been set by a message from the upstream server,
 * and not only by a receiver that has started?
 */
extern bool rw_message_is_real(const RwReceiverFacts *receiver);

/* Has one come on the present connection? */
extern bool rw_upstream_streams(const RwReceiverFacts *receiver);

/* Does WAL come from the archive? */
extern bool rw_upstream_feeds_from_archive(const RwUpstream *upstream,
										   const RwReceiverFacts *receiver);

/*
 * Does such a message, which says that the upstream server's WAL ends at
 * latest_end, show that this standby is up to date?  A stream of a
 * timeline that the upstream server has left does not, and neither does its
 * end.
 */
extern bool rw_message_counts(uint64 latest_end, const RwUpstream *upstream,
							  RwTime now);

/*
 * Does the upstream server refuse to send WAL, again and again?
 */
extern bool rw_upstream_refuses(const RwUpstream *upstream, RwTime now);

/*
 * How old the last message can be, in microseconds, while all is well.
 */
extern int64 rw_allowed_silence(const RwUpstream *upstream,
								const RwReceiverFacts *receiver);

/*
 * When the worker first saw that the record is being replayed that is now; now
 * if it has not seen that, RW_NEVER if it has not looked yet.
 */
extern RwTime rw_record_begun_at(const RwFacts *facts,
								 const RwUpstream *upstream);

/*
 * Does silence mean nothing, however long it lasts?  So it is where the
 * receiver has no timeout and the upstream server sends no keepalives.
 */
extern bool rw_silence_is_normal(const RwUpstream *upstream,
								 const RwReceiverFacts *receiver);

#endif							/* RW_UPSTREAM_H */
