/*-------------------------------------------------------------------------
 *
 * verdict.h
 *	  May reads go here?  From facts about this server and a request to an
 *	  answer.
 *
 * Pure: everything that is known comes in as an argument, the time included.
 *
 * What is said about a standby rests on the sampling worker's last sample, but
 * for its role, whether it accepts connections and how far it has replayed,
 * which are read when the request comes.  A sample that is too old counts for
 * nothing.
 *
 * An upstream server that is out of reach does not by itself make a standby
 * unfit: when the primary dies, reads must not die with it.  Only who gives a
 * limit in time is refused once the standby can't know any more that it is
 * within it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_VERDICT_H
#define RW_VERDICT_H

#include "src/base/render.h"
#include "src/lag/standby_state.h"
#include "src/observe/timeline.h"
#include "src/port/request.h"

/* What a request is judged by. */
typedef struct RwCheckFacts
{
	RwTime		now;
	bool		in_recovery;
	bool		crash_recovery; /* it may become primary or standby */
	bool		accepting;		/* takes connections of ordinary users */
	uint64		position;		/* replayed, on a primary written */
	uint32		tli;			/* of that position */
	const RwTimeline *timeline; /* its history; NULL if it can't be read. Only
								 * looked at for a token of an older one */
	int64		sample_age_max; /* microseconds */
	RwStandbyState standby;
} RwCheckFacts;

#define RW_WHY_LEN		160

typedef struct RwVerdict
{
	bool		yes;
	char		why[RW_WHY_LEN];	/* why not; empty if yes */
	const char *role;			/* as in replwatch_node(); NULL: open */
	bool		shows_lag;		/* a standby with a fresh sample: the rest
								 * means something */
	bool		cut_off;
	bool		lag_known;
	int64		lag;			/* now, microseconds */
	const char *lag_bound;		/* as in replwatch_status() */
	int64		missing_bytes;
} RwVerdict;

/* Answer a health check that was understood. */
extern void rw_verdict(const RwRequest *request, const RwCheckFacts *facts,
					   RwVerdict *verdict);

/*
 * The agent check.  A standby that was too late is not sent reads again as
 * soon as it is a little less late: what was drained is kept here, for each
 * set of limits that is asked with.
 */
#define RW_AGENT_LIMITS		16

typedef struct RwAgentState
{
	RwTime		asked_at;		/* RW_NEVER: this place is free */
	bool		has_bytes;		/* the limits */
	bool		has_time;
	int64		bytes;
	int64		time;
	bool		drained;
	RwTime		low_since;		/* below half the limit at each look since
								 * then, RW_NEVER if it is not */
} RwAgentState;

typedef struct RwAgentMemory
{
	RwAgentState states[RW_AGENT_LIMITS];	/* begins as zeroes */
} RwAgentMemory;

#define RW_AGENT_LINE_LEN	(RW_WHY_LEN + 32)

/*
 * The line that takes a server out, and tells why.  Without the space before
 * the reason HAProxy takes both for one word, which it does not know, and goes
 * on as before.
 */
extern void rw_verdict_agent_no(RwText *out, const char *why);

/*
 * Answer an agent's line that was understood in HAProxy's words, with the line
 * feed; `line` has RW_AGENT_LINE_LEN bytes.  Without a limit in the request
 * `lag` (microseconds) is one in time.  `hold` is how long it has to be below
 * half the limit to come back.
 */
extern void rw_verdict_agent(const RwRequest *request, const RwCheckFacts *facts,
							 RwAgentMemory *memory, int64 lag, int64 hold,
							 char *line);

#endif							/* RW_VERDICT_H */
