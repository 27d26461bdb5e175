/*-------------------------------------------------------------------------
 *
 * request.h
 *	  What a client of the port asks: bytes in, request out.
 *
 * Two languages come in by the same port.  A request that begins with a small
 * letter is a line of HAProxy's agent check, as HAProxy's agent-send sends it:
 *
 *	primary
 *	replica [lag=AMOUNT] [lag=AMOUNT] [floor=PERCENT]
 *
 * Any other is HTTP/1.0 or 1.1.  Of its header only what changes the answer is
 * looked at, but all of it has to be well-formed.
 *
 * An amount is a whole or decimal number with one of PostgreSQL's units: B, kB,
 * MB, GB, TB for WAL that may be missing, us, ms, s, min, h, d for time; a bare
 * number is bytes.
 *
 * A parameter that is not understood makes the request one that is refused:
 * who asks for a limit is never answered without it.  All of this is pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REQUEST_H
#define RW_REQUEST_H

/* No request is longer. */
#define RW_REQUEST_MAX	8192

typedef enum RwTopic
{
	RW_ASK_PRIMARY,				/* / /primary /read-write, agent: primary */
	RW_ASK_REPLICA,				/* /replica, agent: replica */
	RW_ASK_READ_ONLY,
	RW_ASK_LIVENESS,
	RW_ASK_READINESS,
	RW_ASK_HEALTH,
	RW_ASK_METRICS,
	RW_ASK_STATUS
} RwTopic;

typedef enum RwMethod
{
	RW_METHOD_GET,
	RW_METHOD_HEAD,
	RW_METHOD_OPTIONS			/* what HAProxy asks with, unless told */
} RwMethod;

/* What the client asks for beyond its topic. */
typedef struct RwAskLimits
{
	bool		has_bytes;
	bool		has_time;
	bool		has_lsn;
	bool		has_token;
	bool		serve_cut_off;	/* cut_off=serve */
	int64		bytes;			/* that may be missing */
	int64		time;			/* microseconds of lag that there may be */
	uint64		lsn;
	uint32		token_tli;
	uint64		token_lsn;
	int			floor;			/* agent: least weight in %; 0: none */
} RwAskLimits;

typedef struct RwRequest
{
	int			refusal;		/* HTTP status 400, 404, 405; 0: understood */
	const char *problem;		/* why it is refused; a constant */
	bool		agent;
	RwMethod	method;
	RwTopic		topic;
	RwAskLimits limits;
	bool		has_body;		/* more follows, which nobody wants */
} RwRequest;

/*
 * How long is the request at the beginning of these bytes?  0 if its end has
 * not come yet.  The first `seen` bytes had no end in them when they were
 * looked at before.  What can't become a request is one at once, to be
 * refused.
 */
extern size_t rw_request_length(const char *data, size_t len, size_t seen);

/* Read a whole request of that length. */
extern void rw_request_parse(const char *data, size_t len,
							 RwRequest *request);

/* The word for a topic in answers: "replica". */
extern const char *rw_topic_name(RwTopic topic);

#endif							/* RW_REQUEST_H */
