/*-------------------------------------------------------------------------
 *
 * verdict.c
 *	  May reads go here?  From facts about this server and a request to a
 *	  verdict.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/units.h"
#include "src/port/intern.h"

/* Weights, in percent of the server's weight in the proxy's configuration. */
#define WEIGHT_FULL		100
#define WEIGHT_LEAST	10

/* A standby that is cut off comes after those that are not. */
#define WEIGHT_CUT_OFF	1

/* A standby that uses up to this part of its limit gets its full weight. */
#define SHARE_FULL		0.1

/* A drained standby may come back below this part of its limit. */
#define SHARE_BACK		0.5

/* What is known for a client that has not asked for so long gives way. */
#define STATE_KEPT		RW_MINUTE

/*
 * A client may ask so much later than it usually does.  One that asks more
 * seldom than this does not keep watch.
 */
#define GAP_TOLERANCE	(5 * RW_SECOND)
#define GAP_USUAL_MAX	(10 * RW_MINUTE)

/* The verdict is no, for this reason. */
static bool
say_no(RwVerdict *verdict, const char *why)
{
	RwText		out;

	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_add(&out, why);
	return false;
}

/*
 * WAL that was missing at the last sample is taken to be missing still: a lag
 * grows until another sample says otherwise.
 */
static int64
lag_now(const RwCheckFacts *facts)
{
	const RwStandbyState *standby = &facts->standby;

	return standby->stale_since == RW_NEVER ?
		0 : Max(facts->now - standby->stale_since, 0);
}

/* Is WAL missing that could have been replayed? */
static bool
is_behind(const RwStandbyState *standby)
{
	return standby->missing_bytes != 0;
}

static const char *
bound_name(const RwStandbyState *standby)
{
	return standby->at_most ? "at most" :
		standby->at_least ? "at least" : "exact";
}

/*
 * The checks: each returns true, or false with the reason in the verdict.
 */

static bool
check_fresh(const RwCheckFacts *facts, RwVerdict *verdict)
{
	RwTime		at = facts->standby.sampled_at;
	RwText		out;

	if (at == RW_NEVER)
		return say_no(verdict, "no sample yet");
	if (facts->now - at <= facts->sample_age_max)
		return true;
	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_add(&out, "no sample for ");
	rw_text_int(&out, (facts->now - at) / RW_SECOND);
	rw_text_add(&out, " s");
	return false;
}

static bool
check_accepting(const RwCheckFacts *facts, RwVerdict *verdict)
{
	return facts->accepting || say_no(verdict, "not accepting connections");
}

/* Has it been cut off for too long? */
static bool
check_cut_off(const RwAskLimits *limits, const RwCheckFacts *facts,
			  RwVerdict *verdict)
{
	const RwStandbyState *standby = &facts->standby;
	int64		duration = Max(facts->now - standby->cut_off_since, 0);
	RwText		out;

	if (!standby->cut_off || !limits->has_cut_off ||
		limits->cut_off == RW_CUT_OFF_FOR_EVER)
		return true;
	if (standby->cut_off_since == RW_NEVER)
		return say_no(verdict, "cut off from the upstream server for an unknown time");
	if (limits->cut_off > 0 && duration <= limits->cut_off)
		return true;

	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_add(&out, "cut off from the upstream server for ");
	rw_text_duration(&out, duration);
	if (limits->cut_off > 0)
	{
		rw_text_add(&out, ", more than ");
		rw_text_duration(&out, limits->cut_off);
	}
	return false;
}

static bool
check_time(const RwAskLimits *limits, const RwCheckFacts *facts,
		   RwVerdict *verdict)
{
	const RwStandbyState *standby = &facts->standby;
	RwText		out;

	/* If it may be cut off, that is no reason; being behind is. */
	if (standby->cut_off && limits->has_cut_off && !is_behind(standby))
		return true;
	if (!standby->lag_known)
		return say_no(verdict, "lag is unknown");

	/* A lower bound within the limit proves nothing. */
	if (lag_now(facts) <= limits->time && !standby->at_least)
		return true;

	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_add(&out, standby->at_most ? "lag may be up to " :
				standby->at_least ? "lag is at least " : "lag is ");
	rw_text_duration(&out, lag_now(facts));
	rw_text_add(&out, lag_now(facts) <= limits->time ?
				", perhaps more than " : ", more than ");
	rw_text_duration(&out, limits->time);
	return false;
}

static bool
check_bytes(const RwAskLimits *limits, const RwCheckFacts *facts,
			RwVerdict *verdict)
{
	int64		missing = facts->standby.missing_bytes;
	RwText		out;

	if (missing < 0)
		return say_no(verdict, "lag in bytes is unknown");
	if (missing <= limits->bytes)
		return true;
	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_int(&out, missing);
	rw_text_add(&out, " bytes are missing, more than ");
	rw_text_int(&out, limits->bytes);
	return false;
}

static bool
check_position(uint64 lsn, const RwCheckFacts *facts, RwVerdict *verdict)
{
	RwText		out;

	if (facts->position >= lsn)
		return true;
	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_add(&out, facts->in_recovery ? "replayed up to LSN " :
				"written up to LSN ");
	rw_text_lsn(&out, facts->position);
	rw_text_add(&out, ", not ");
	rw_text_lsn(&out, lsn);
	return false;
}

/* What is read on a standby that has parted is of another history. */
static bool
check_not_parted(const RwCheckFacts *facts, RwVerdict *verdict)
{
	const RwStandbyState *standby = &facts->standby;
	RwText		out;

	if (standby->parted == RW_NOT_PARTED)
		return true;
	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	switch (standby->parted)
	{
		case RW_NOT_PARTED:
			break;
		case RW_AHEAD:
			rw_text_add(&out, "this server is ahead of its upstream server from LSN ");
			break;
		case RW_DIVERGED:
			rw_text_add(&out, "this server has diverged from its upstream server at LSN ");
			break;
		case RW_LEFT_BEHIND:
			rw_text_add(&out, "the upstream server left this server's timeline at LSN ");
			break;
	}
	rw_text_lsn(&out, standby->mark);
	return false;
}

/*
 * A token's LSN only counts if the token is of our system and its timeline
 * part of our history.
 */
static bool
check_token(const RwAskLimits *limits, const RwCheckFacts *facts,
			RwVerdict *verdict)
{
	uint64		end;

	if (limits->token_system != facts->system)
		return say_no(verdict, "the commit token is of another database system");
	if (limits->token_tli > facts->tli)
		return say_no(verdict, "this server has not reached the timeline of the commit yet");
	if (limits->token_tli < facts->tli)
	{
		if (facts->timeline == NULL)
			return say_no(verdict, "could not verify that the commit is part of this server's history");
		if (!rw_timeline_find(facts->timeline, limits->token_tli, &end) ||
			limits->token_lsn > end)
			return say_no(verdict, "the commit is not part of this server's history");
	}
	/* Other WAL may be, or soon be found to be, under the same LSN. */
	if (facts->upstream_may_be_behind)
		return say_no(verdict, "the upstream server's WAL may end before what was replayed here");
	if (facts->in_recovery && facts->standby.parted != RW_NOT_PARTED &&
		limits->token_lsn > facts->standby.common)
		return check_not_parted(facts, verdict);
	return check_position(limits->token_lsn, facts, verdict);
}

/* The limits of the request; a primary has no lag. */
static bool
check_limits(const RwAskLimits *limits, const RwCheckFacts *facts,
			 RwVerdict *verdict)
{
	if (facts->in_recovery &&
		(limits->has_time || limits->has_bytes || limits->has_cut_off))
	{
		if (!check_fresh(facts, verdict) ||
			!check_cut_off(limits, facts, verdict))
			return false;
		if (limits->has_time && !check_time(limits, facts, verdict))
			return false;
		if (limits->has_bytes && !check_bytes(limits, facts, verdict))
			return false;
	}
	if (limits->has_lsn && !check_position(limits->lsn, facts, verdict))
		return false;
	return !limits->has_token || check_token(limits, facts, verdict);
}

/* What every use of a standby requires. */
static bool
check_standby(const RwCheckFacts *facts, RwVerdict *verdict)
{
	if (!facts->in_recovery)
		return say_no(verdict, "this server is a primary");
	if (!check_accepting(facts, verdict) || !check_fresh(facts, verdict) ||
		!check_not_parted(facts, verdict))
		return false;
	return facts->standby.was_in_step ||
		say_no(verdict, "this server has not caught up since it started");
}

static bool
check_topic(const RwRequest *request, const RwCheckFacts *facts,
			RwVerdict *verdict)
{
	const RwAskLimits *limits = &request->limits;

	switch (request->topic)
	{
		case RW_ASK_PRIMARY:
			if (facts->in_recovery)
				return say_no(verdict, "this server is in recovery");
			return check_accepting(facts, verdict);
		case RW_ASK_REPLICA:
			return check_standby(facts, verdict) &&
				check_limits(limits, facts, verdict);
		case RW_ASK_READ_ONLY:
			return (facts->in_recovery ? check_standby(facts, verdict) :
					check_accepting(facts, verdict)) &&
				check_limits(limits, facts, verdict);
		case RW_ASK_READINESS:
			return check_accepting(facts, verdict) &&
				check_limits(limits, facts, verdict);
		case RW_ASK_LIVENESS:
			return true;
		case RW_ASK_HEALTH:
			return check_fresh(facts, verdict);
		case RW_ASK_METRICS:
		case RW_ASK_STATUS:
		case RW_ASK_CLUSTER:
			break;
	}
	return say_no(verdict, "not a health check");
}

static const char *
role_name(const RwCheckFacts *facts)
{
	if (!facts->in_recovery)
		return "primary";
	if (facts->crash_recovery)
		return NULL;
	return facts->standby.cascade ? "cascade" : "standby";
}

void
rw_verdict(const RwRequest *request, const RwCheckFacts *facts,
		   RwVerdict *verdict)
{
	const RwStandbyState *standby = &facts->standby;

	memset(verdict, 0, sizeof(RwVerdict));
	verdict->role = role_name(facts);
	if (facts->in_recovery && !facts->crash_recovery &&
		check_fresh(facts, verdict))
	{
		verdict->shows_lag = true;
		verdict->cut_off = standby->cut_off;
		verdict->lag_known = standby->lag_known;
		verdict->lag = lag_now(facts);
		verdict->lag_bound = bound_name(standby);
		verdict->missing_bytes = standby->missing_bytes;
	}
	verdict->why[0] = '\0';
	verdict->yes = check_topic(request, facts, verdict);
}

/*
 * The agent check
 */

/*
 * The state of this client for these limits.  A new one takes the place asked
 * for longest ago, unless that is less than a minute, of its own if it has as
 * many as it may.  NULL if there is no place.
 */
static RwAgentState *
find_agent_state(RwAgentMemory *memory, RwPortPeer peer,
				 const RwAskLimits *limits, RwTime now)
{
	RwAgentState *state = &memory->states[0];
	RwAgentState *own = NULL;
	int			nown = 0;
	int			i;

	for (i = 0; i < RW_AGENT_STATES; i++)
	{
		RwAgentState *other = &memory->states[i];

		if (other->asked_at < state->asked_at)
			state = other;
		if (other->asked_at == RW_NEVER || other->peer != peer)
			continue;
		if (other->has_bytes == limits->has_bytes &&
			other->has_time == limits->has_time &&
			other->bytes == limits->bytes && other->time == limits->time)
			return other;
		nown++;
		if (own == NULL || other->asked_at < own->asked_at)
			own = other;
	}

	if (nown >= RW_AGENT_PEER_STATES)
		state = own;
	if (state->asked_at != RW_NEVER && now - state->asked_at < STATE_KEPT)
		return NULL;
	memset(state, 0, sizeof(RwAgentState));
	state->asked_at = now;
	state->peer = peer;
	state->has_bytes = limits->has_bytes;
	state->has_time = limits->has_time;
	state->bytes = limits->bytes;
	state->time = limits->time;
	return state;
}

/* The part of a limit that is used up; more than 1 is beyond it. */
static double
share_of(int64 value, int64 limit)
{
	if (limit > 0)
		return (double) value / limit;
	return value > 0 ? 2 : 0;
}

/*
 * The part of the limits that is used up, of two the greater.  Only WAL that
 * is certainly missing counts; *sure is false if there may be more.
 */
static double
share_used(const RwAskLimits *limits, const RwCheckFacts *facts, bool *sure)
{
	const RwStandbyState *standby = &facts->standby;
	double		share = 0;

	*sure = !standby->cut_off && standby->lag_known &&
		!(limits->has_time && standby->at_least);

	/* As much WAL as nobody knows is beyond any limit in bytes. */
	if (limits->has_bytes && standby->missing_bytes < 0)
		share = 2;
	else if (limits->has_bytes)
		share = share_of(standby->missing_bytes, limits->bytes);

	/*
	 * WAL that has been missing for an unknown time is beyond any limit in
	 * time.
	 */
	if (limits->has_time && is_behind(standby) && !standby->lag_known)
		share = 2;
	else if (limits->has_time && (*sure || is_behind(standby)))
		share = Max(share, share_of(lag_now(facts), limits->time));
	return share;
}

static int
weight_for_share(double share)
{
	if (share <= SHARE_FULL)
		return WEIGHT_FULL;
	return Max(WEIGHT_LEAST,
			   (int) (WEIGHT_FULL - (WEIGHT_FULL - WEIGHT_LEAST) *
					  (share - SHARE_FULL) / (1 - SHARE_FULL) + 0.5));
}

/*
 * Is this request the next one, in the rhythm in which the client has asked of
 * late?  If it has paused, or the machine was suspended, nothing is known of
 * the time in between.
 */
static bool
asks_on(RwAgentState *state, RwTime now)
{
	int64		gap = now - state->asked_at;
	bool		goes_on = gap <= state->usual_gap + GAP_TOLERANCE;

	state->asked_at = now;
	state->usual_gap = Max(Min(gap, GAP_USUAL_MAX),
						   state->usual_gap - gap / 2);
	return goes_on;
}

/*
 * Drain a standby beyond its limit, and bring it back when it has been below
 * half of it for `hold`.  True if it is drained.
 */
static bool
update_drained(RwAgentState *state, double share, RwTime now, int64 hold)
{
	if (state == NULL)
		return share >= SHARE_BACK;

	if (!asks_on(state, now))
		state->low_since = RW_NEVER;
	if (share > 1)
		state->drained = true;
	if (!state->drained)
		return false;

	if (share >= SHARE_BACK)
		state->low_since = RW_NEVER;
	else if (state->low_since == RW_NEVER)
		state->low_since = now;
	if (state->low_since != RW_NEVER && now - state->low_since >= hold)
	{
		state->drained = false;
		state->low_since = RW_NEVER;
	}
	return state->drained;
}

void
rw_verdict_agent_no(RwText *out, const char *why)
{
	rw_text_adds(out, "down #", why, "\n", NULL);
}

void
rw_verdict_agent(const RwRequest *request, const RwCheckFacts *facts,
				 RwAgentMemory *memory, RwPortPeer peer, int64 lag, int64 hold,
				 char *line)
{
	RwAskLimits limits = request->limits;
	RwVerdict	verdict;
	RwText		out;
	double		share;
	bool		sure;
	int			weight;

	rw_text_begin(&out, line, RW_AGENT_LINE_LEN);

	verdict.why[0] = '\0';
	if (request->topic == RW_ASK_PRIMARY)
	{
		if (check_topic(request, facts, &verdict))
			rw_text_add(&out, "up ready 100%\n");
		else
			rw_verdict_agent_no(&out, verdict.why);
		return;
	}
	if (!check_standby(facts, &verdict) ||
		!check_cut_off(&limits, facts, &verdict))
	{
		rw_verdict_agent_no(&out, verdict.why);
		return;
	}

	if (!limits.has_bytes && !limits.has_time)
	{
		limits.has_time = true;
		limits.time = lag;
	}
	share = share_used(&limits, facts, &sure);
	if (update_drained(find_agent_state(memory, peer, &limits, facts->now),
					   share, facts->now, hold))
	{
		if (limits.floor == 0)
		{
			rw_text_add(&out, "drain\n");
			return;
		}
		weight = limits.floor;
	}
	else
	{
		weight = sure ? weight_for_share(share) :
			facts->standby.cut_off ? WEIGHT_CUT_OFF : WEIGHT_LEAST;
		weight = Max(weight, limits.floor);
	}

	rw_text_add(&out, "up ready ");
	rw_text_int(&out, weight);
	rw_text_add(&out, "%\n");
}
