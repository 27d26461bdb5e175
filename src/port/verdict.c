/*-------------------------------------------------------------------------
 *
 * verdict.c
 *	  May reads go here?  From facts about this server and a request to an
 *	  answer.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/base/units.h"
#include "src/port/verdict.h"

/* Weights, in percent of what the proxy's configuration gives the server. */
#define WEIGHT_FULL		100
#define WEIGHT_LEAST	10

/* Up to this part of the limit a standby gets its full weight. */
#define SHARE_FULL		0.1

/* Below this part of the limit it may come back. */
#define SHARE_BACK		0.5

static bool
refuse(RwVerdict *verdict, const char *why)
{
	RwText		out;

	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_add(&out, why);
	return false;
}

/*
 * What was missing at the sample is taken to be missing still: a lag goes on
 * growing until another sample says otherwise.
 */
static int64
lag_now(const RwCheckFacts *facts)
{
	const RwStandbyState *standby = &facts->standby;

	return standby->stale_since == RW_NEVER ?
		0 : Max(facts->now - standby->stale_since, 0);
}

/* Is something missing that could have been replayed? */
static bool
is_behind(const RwStandbyState *standby)
{
	return standby->missing_bytes != 0 && !standby->run_dry;
}

static const char *
bound_name(const RwStandbyState *standby)
{
	return standby->at_most ? "at most" :
		standby->at_least ? "at least" : "exact";
}

static bool
is_fresh(const RwCheckFacts *facts, RwVerdict *verdict)
{
	RwTime		at = facts->standby.sampled_at;
	RwText		out;

	if (at == RW_NEVER)
		return refuse(verdict, "no sample yet");
	if (facts->now - at <= facts->sample_age_max)
		return true;
	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_add(&out, "no sample for ");
	rw_text_int(&out, (facts->now - at) / RW_SECOND);
	rw_text_add(&out, " s");
	return false;
}

static bool
is_accepting(const RwCheckFacts *facts, RwVerdict *verdict)
{
	return facts->accepting || refuse(verdict, "not accepting connections");
}

static bool
within_time(const RwAskLimits *limits, const RwCheckFacts *facts,
			RwVerdict *verdict)
{
	const RwStandbyState *standby = &facts->standby;
	RwText		out;

	/* Nobody tells, and the client has said that this is no reason. */
	if (standby->cut_off && limits->serve_cut_off && !is_behind(standby))
		return true;
	if (!standby->lag_known)
		return refuse(verdict, "lag is not known");

	/* What is at least within the limit may be beyond it. */
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
within_bytes(const RwAskLimits *limits, const RwCheckFacts *facts,
			 RwVerdict *verdict)
{
	int64		missing = facts->standby.missing_bytes;
	RwText		out;

	if (missing < 0)
		return refuse(verdict, "lag in bytes is not known");
	if (missing <= limits->bytes)
		return true;
	rw_text_begin(&out, verdict->why, RW_WHY_LEN);
	rw_text_int(&out, missing);
	rw_text_add(&out, " bytes are missing, more than ");
	rw_text_int(&out, limits->bytes);
	return false;
}

static bool
has_reached(uint64 lsn, const RwCheckFacts *facts, RwVerdict *verdict)
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

/* A token's LSN means something on the way that led here only. */
static bool
has_commit(const RwAskLimits *limits, const RwCheckFacts *facts,
		   RwVerdict *verdict)
{
	uint64		end;

	if (limits->token_tli > facts->tli)
		return refuse(verdict, "this server is not on that timeline yet");
	if (limits->token_tli < facts->tli)
	{
		if (facts->timeline == NULL)
			return refuse(verdict, "could not verify that the commit is part of this server's history");
		if (!rw_timeline_find(facts->timeline, limits->token_tli, &end) ||
			limits->token_lsn > end)
			return refuse(verdict, "the commit is not part of this server's history");
	}
	return has_reached(limits->token_lsn, facts, verdict);
}

/* The limits that were asked for; on a primary nothing is late. */
static bool
is_within(const RwAskLimits *limits, const RwCheckFacts *facts,
		  RwVerdict *verdict)
{
	if (facts->in_recovery && (limits->has_time || limits->has_bytes))
	{
		if (!is_fresh(facts, verdict))
			return false;
		if (limits->has_time && !within_time(limits, facts, verdict))
			return false;
		if (limits->has_bytes && !within_bytes(limits, facts, verdict))
			return false;
	}
	if (limits->has_lsn && !has_reached(limits->lsn, facts, verdict))
		return false;
	return !limits->has_token || has_commit(limits, facts, verdict);
}

/* Whatever it is asked for, it has to be able to serve. */
static bool
is_fit_standby(const RwCheckFacts *facts, RwVerdict *verdict)
{
	if (!facts->in_recovery)
		return refuse(verdict, "this server is a primary");
	return is_accepting(facts, verdict) && is_fresh(facts, verdict);
}

static bool
judge(const RwRequest *request, const RwCheckFacts *facts, RwVerdict *verdict)
{
	const RwAskLimits *limits = &request->limits;

	switch (request->topic)
	{
		case RW_ASK_PRIMARY:
			return !facts->in_recovery ||
				refuse(verdict, "this server is in recovery");
		case RW_ASK_REPLICA:
			return is_fit_standby(facts, verdict) &&
				is_within(limits, facts, verdict);
		case RW_ASK_READ_ONLY:
			return (facts->in_recovery ? is_fit_standby(facts, verdict) :
					is_accepting(facts, verdict)) &&
				is_within(limits, facts, verdict);
		case RW_ASK_READINESS:
			return is_accepting(facts, verdict) &&
				is_within(limits, facts, verdict);
		case RW_ASK_LIVENESS:
			return true;
		case RW_ASK_HEALTH:
			return is_fresh(facts, verdict);
		case RW_ASK_METRICS:
		case RW_ASK_STATUS:
			break;
	}
	return refuse(verdict, "this is no health check");
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
		is_fresh(facts, verdict))
	{
		verdict->shows_lag = true;
		verdict->cut_off = standby->cut_off;
		verdict->lag_known = standby->lag_known;
		verdict->lag = lag_now(facts);
		verdict->lag_bound = bound_name(standby);
		verdict->missing_bytes = standby->missing_bytes;
	}
	verdict->why[0] = '\0';
	verdict->yes = judge(request, facts, verdict);
}

/*
 * The agent check
 */

static RwAgentState *
remember(RwAgentMemory *memory, const RwAskLimits *limits, RwTime now)
{
	RwAgentState *state = &memory->states[0];
	int			i;

	for (i = 0; i < RW_AGENT_LIMITS; i++)
	{
		RwAgentState *other = &memory->states[i];

		if (other->asked_at != RW_NEVER &&
			other->has_bytes == limits->has_bytes &&
			other->has_time == limits->has_time &&
			other->bytes == limits->bytes && other->time == limits->time)
		{
			other->asked_at = now;
			return other;
		}
		/* Else the place of those that were last asked with longest ago. */
		if (other->asked_at < state->asked_at)
			state = other;
	}

	memset(state, 0, sizeof(RwAgentState));
	state->asked_at = now;
	state->has_bytes = limits->has_bytes;
	state->has_time = limits->has_time;
	state->bytes = limits->bytes;
	state->time = limits->time;
	return state;
}

/* What part of a limit is used up; more than 1 is beyond it. */
static double
share_of(int64 value, int64 limit)
{
	if (limit > 0)
		return (double) value / limit;
	return value > 0 ? 2 : 0;
}

/*
 * Of a limit that more than one is given, the one that is used up most counts.
 * What is not known to be missing is not counted; *sure is false then.
 */
static double
share_used(const RwAskLimits *limits, const RwCheckFacts *facts, bool *sure)
{
	const RwStandbyState *standby = &facts->standby;
	double		share = 0;

	*sure = !standby->cut_off && standby->lag_known &&
		!(limits->has_time && standby->at_least);

	if (limits->has_bytes && standby->missing_bytes < 0)
		*sure = false;
	else if (limits->has_bytes)
		share = share_of(standby->missing_bytes, limits->bytes);

	/*
	 * Something is missing, and has been for longer than anybody knows: that
	 * is beyond any limit.
	 */
	if (limits->has_time && is_behind(standby) && !standby->lag_known)
		share = 2;
	else if (limits->has_time && (*sure || is_behind(standby)))
		share = Max(share, share_of(lag_now(facts), limits->time));
	return share;
}

static int
weigh(double share)
{
	if (share <= SHARE_FULL)
		return WEIGHT_FULL;
	return Max(WEIGHT_LEAST,
			   (int) (WEIGHT_FULL - (WEIGHT_FULL - WEIGHT_LEAST) *
					  (share - SHARE_FULL) / (1 - SHARE_FULL) + 0.5));
}

/* Is a standby to be drained, now or still? */
static bool
is_drained(RwAgentState *state, double share, RwTime now, int64 hold)
{
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
				 RwAgentMemory *memory, int64 lag, int64 hold, char *line)
{
	RwAskLimits limits = request->limits;
	RwVerdict	verdict;
	RwText		out;
	double		share;
	bool		sure;
	int			weight;

	rw_text_begin(&out, line, RW_AGENT_LINE_LEN);

	verdict.why[0] = '\0';
	if (request->topic == RW_ASK_PRIMARY ?
		!judge(request, facts, &verdict) : !is_fit_standby(facts, &verdict))
	{
		rw_verdict_agent_no(&out, verdict.why);
		return;
	}
	if (request->topic == RW_ASK_PRIMARY)
	{
		rw_text_add(&out, "up ready 100%\n");
		return;
	}

	if (!limits.has_bytes && !limits.has_time)
	{
		limits.has_time = true;
		limits.time = lag;
	}
	share = share_used(&limits, facts, &sure);
	if (is_drained(remember(memory, &limits, facts->now), share, facts->now,
				   hold))
	{
		if (limits.floor == 0)
		{
			rw_text_add(&out, "drain\n");
			return;
		}
		weight = limits.floor;
	}
	else
		weight = Max(sure ? weigh(share) : WEIGHT_LEAST, limits.floor);

	rw_text_add(&out, "up ready ");
	rw_text_int(&out, weight);
	rw_text_add(&out, "%\n");
}
