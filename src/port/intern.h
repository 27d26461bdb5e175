/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  What the files of the port share; others include port.h.
 *
 * In the order in which a request passes through them: the request, what is
 * known of this server, the verdict, the answer, and then the process around
 * these.  Includes none of the server's headers, so that pure files can use
 * it.  The pages have a header of their own, page.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PORT_INTERN_H
#define RW_PORT_INTERN_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "src/base/clock.h"
#include "src/base/name.h"
#include "src/base/render.h"
#include "src/lag/standby_state.h"
#include "src/observe/timeline.h"

/*
 * A client's address: of IPv4 RW_PEER_IPV4 | the address, of IPv6 the first 64
 * bits, because a host may use any address of its network.  0: unknown.
 */
typedef uint64 RwPortPeer;

#define RW_PEER_IPV4	UINT64CONST(0x0000ffff00000000)

/*
 * request.c: what a client of the port asks.  Bytes in, request out.  Pure.
 *
 * The port understands two languages.  A request that begins with a small
 * letter is a line of HAProxy's agent check, as its agent-send sends it:
 *
 *	primary
 *	replica [lag=AMOUNT] [lag=AMOUNT] [cut_off=DURATION] [floor=PERCENT]
 *
 * Any other is HTTP/1.0 or 1.1.  Of its header only what changes the answer is
 * used, but all of it has to be well-formed.  Where the port is for this machine
 * only, a request must not be for another host: a web page whose name has been
 * made to stand for 127.0.0.1 could read the answer in the user's browser.
 *
 * An amount is a whole or decimal number with one of PostgreSQL's units: B,
 * kB, MB, GB, TB for WAL that may be missing, us, ms, s, min, h, d for time; a
 * bare number is bytes.  A duration is an amount of time, or 0, or "serve" for
 * any time.
 *
 * A request with a parameter that is not understood is refused: a client that
 * gives a limit is never answered without it.
 */

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
	RW_ASK_STATUS,
	RW_ASK_CLUSTER
} RwTopic;

typedef enum RwMethod
{
	RW_METHOD_GET,
	RW_METHOD_HEAD,
	RW_METHOD_OPTIONS			/* HAProxy's default */
} RwMethod;

/* cut_off=serve */
#define RW_CUT_OFF_FOR_EVER	PG_INT64_MAX

/* What the client asks for beyond its topic. */
typedef struct RwAskLimits
{
	bool		has_bytes;
	bool		has_time;
	bool		has_lsn;
	bool		has_token;
	bool		has_cut_off;
	int64		bytes;			/* that may be missing */
	int64		time;			/* microseconds of lag that are accepted */
	int64		cut_off;		/* microseconds for which a standby may be cut
								 * off, RW_CUT_OFF_FOR_EVER: any time */
	uint64		lsn;
	uint64		token_system;
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
	bool		has_body;		/* more follows, which is discarded */
	bool		has_host;		/* there is a header Host */
	bool		other_host;		/* it is for a host, and that is not named
								 * localhost or by an address of loopback */
} RwRequest;

/*
 * The length of the request at the beginning of these bytes, or 0 if its end
 * has not come yet.  The first `seen` bytes were passed before and had no end
 * in them.  Bytes that cannot become a request are one at once, to be refused.
 */
extern size_t rw_request_length(const char *data, size_t len, size_t seen);

/* Read a whole request of that length. */
extern void rw_request_parse(const char *data, size_t len,
							 RwRequest *request);

/* The word for a topic in answers: "replica". */
extern const char *rw_topic_name(RwTopic topic);

/*
 * Pieces of a request, for request.c and request_parameters.c.  A piece points
 * into the request's bytes.  They are not terminated: nothing may be read
 * beyond the end.
 */
typedef struct RwPiece
{
	const char *at;
	const char *end;
} RwPiece;

/* Is a piece this word, in the same case? */
static inline bool
rw_piece_is(RwPiece piece, const char *word)
{
	size_t		len = strlen(word);

	return piece.end - piece.at == len && memcmp(piece.at, word, len) == 0;
}

/* Take what is before the next `separator`, or all that is left. */
static inline RwPiece
rw_take_until(RwPiece *rest, char separator)
{
	RwPiece		piece = *rest;
	const char *at = memchr(rest->at, separator, rest->end - rest->at);

	if (at == NULL)
		rest->at = rest->end;
	else
	{
		piece.end = at;
		rest->at = at + 1;
	}
	return piece;
}

/*
 * Refuse a request, with an HTTP status and a constant that says why.  Returns
 * false, as a step that did not understand does.
 */
static inline bool
rw_refuse(RwRequest *request, int status, const char *problem)
{
	request->refusal = status;
	request->problem = problem;
	return false;
}

/*
 * request_parameters.c: the parameters of a request.  Pure.
 *
 * HTTP requests and an agent's lines have different ones, and some topics have
 * none: request->agent and request->topic have to be set before.
 */

/*
 * Read one parameter into request->limits, for a topic that takes some; the
 * value is not encoded.  False, and the request is refused, if it is not
 * understood.
 */
extern bool rw_read_parameter(RwRequest *request, RwPiece name, RwPiece value);

/*
 * Read all parameters of an HTTP request, as they follow the question mark:
 * "lag=10MB&cut_off=serve", values percent-encoded.  False as above, also if
 * there are some and the topic takes none.
 */
extern bool rw_read_query(RwRequest *request, RwPiece query);

/*
 * check_facts.c: what is known of this server when a request comes.
 *
 * The state as a standby is that of the sampling worker's last sample; the
 * rest is read from the server.
 */
typedef struct RwCheckFacts
{
	RwTime		now;
	bool		in_recovery;
	bool		crash_recovery; /* it may become primary or standby */
	bool		accepting;		/* takes connections of ordinary users; only
								 * set for topics that need it */
	uint64		position;		/* replayed, on a primary written; only set
								 * with a limit of an LSN or a token */
	uint32		tli;			/* of that position */
	uint64		system;			/* identifier; only set with a token */
	bool		upstream_may_be_behind; /* its last message does not show that it
										 * is not; likewise */
	const RwTimeline *timeline; /* its history, only set for a token of an
								 * older timeline; NULL if it cannot be read */
	int64		sample_age_max; /* microseconds */
	RwStandbyState standby;
} RwCheckFacts;

/* The last timeline whose history was needed. */
typedef struct RwTimelineCache
{
	uint32		tli;			/* 0: none */
	RwTimeline	timeline;
} RwTimelineCache;

/*
 * Collect what a request is judged by.  facts->timeline is good until the next
 * call.  A history file is read again only after this server has changed its
 * timeline; that allocates in the current memory context.
 */
extern void rw_check_facts_collect(RwCheckFacts *facts,
								   const RwRequest *request,
								   RwTimelineCache *cache);

/*
 * verdict.c: may reads go here?  From facts and a request to a verdict.  Pure.
 *
 * What is said about a standby rests on the sampling worker's last sample, but
 * for its role, whether it accepts connections and how far it has replayed.
 * A sample that is too old counts for nothing.
 *
 * An upstream server that is out of reach does not by itself make a standby
 * unfit: when the primary dies, reads must not die with it.  A request with a
 * limit in time is refused once the standby can no longer know that it is
 * within the limit, unless it says for how long a standby may be cut off; one
 * that is cut off for longer is refused, whatever the other limits.  A standby
 * that has never been in step since it started is no replica: it may be of any
 * age.
 */
#define RW_WHY_LEN		160

typedef struct RwVerdict
{
	bool		yes;
	char		why[RW_WHY_LEN];	/* why not; empty if yes */
	const char *role;			/* as in replwatch_node(); NULL: open */
	bool		shows_lag;		/* a standby with a fresh sample: the rest is
								 * set */
	bool		cut_off;
	bool		lag_known;
	int64		lag;			/* now, microseconds */
	const char *lag_bound;		/* as in replwatch_status() */
	int64		missing_bytes;	/* -1 if unknown */
} RwVerdict;

/* Answer a health check that was understood. */
extern void rw_verdict(const RwRequest *request, const RwCheckFacts *facts,
					   RwVerdict *verdict);

/*
 * The agent check.  A standby that was drained for its lag gets reads again
 * only when it has been well within the limit for some time.  Whether it is
 * drained is kept here, for each client and each set of limits that it asks
 * with.
 *
 * A place that was asked for within a minute is not given away, and a client
 * has a part of them only, so no client can make the server forget what it
 * knows for another.  If there is no place, the answer is given without memory:
 * the server counts as drained unless it is well within the limit.
 */
#define RW_AGENT_STATES			128
#define RW_AGENT_PEER_STATES	8

typedef struct RwAgentState
{
	RwTime		asked_at;		/* RW_NEVER: this place is free */
	int64		usual_gap;		/* microseconds from one request to the next,
								 * of late */
	RwPortPeer	peer;
	bool		has_bytes;		/* the limits */
	bool		has_time;
	int64		bytes;
	int64		time;
	bool		drained;
	RwTime		low_since;		/* below half the limit at each request since
								 * then, which came without a pause; RW_NEVER
								 * if it is not */
} RwAgentState;

typedef struct RwAgentMemory
{
	RwAgentState states[RW_AGENT_STATES];	/* begins as zeroes */
} RwAgentMemory;

#define RW_AGENT_LINE_LEN	(RW_WHY_LEN + 32)

/*
 * The line that takes a server out, with the reason.  Without the space before
 * the reason HAProxy would take both for one word, which it does not know, and
 * go on as before.
 */
extern void rw_verdict_agent_no(RwText *out, const char *why);

/*
 * Answer an agent's line that was understood, in HAProxy's words, with a line
 * feed; `line` has RW_AGENT_LINE_LEN bytes.  `lag` (microseconds) is the limit
 * if the request has none.  A drained standby has to be below half its limit
 * for `hold` microseconds to come back; time in which nobody asked, although
 * the client usually does, is not part of it.
 */
extern void rw_verdict_agent(const RwRequest *request,
							 const RwCheckFacts *facts, RwAgentMemory *memory,
							 RwPortPeer peer, int64 lag, int64 hold,
							 char *line);

/*
 * answer.c: answers in HTTP.  Pure.
 *
 * Each answer ends the connection and has its length in the header.  Unless it
 * is a page, it has a body of JSON with the reason:
 *
 *	{"ok":false,"check":"replica","role":"standby","lag":12.034,
 *	 "lag_bound":"exact","lag_bytes":4096,"cut_off":false,
 *	 "reason":"lag is 12 s, more than 10 s"}
 */

/* Room for any answer but a page's body. */
#define RW_ANSWER_MAX	2048

/* The answer to a health check: 200 or 503. */
extern void rw_answer_check(RwText *out, const RwRequest *request,
							const RwVerdict *verdict);

/* Any other status, with a reason. */
extern void rw_answer_refusal(RwText *out, int status, RwMethod method,
							  const char *reason);

/* The header of a page of that media type and length. */
extern void rw_answer_head(RwText *out, int status, const char *type,
						   size_t length);

/*
 * respond.c: from a request's bytes to the bytes that answer it.
 */

/* An answer: the bytes in `out`, and after them those of the page, if any. */
typedef struct RwResponse
{
	RwText		out;
	struct RwPage *page;		/* NULL if there is none; the client's until
								 * rw_page_release() */
	bool		try_again;		/* respond again later, for a better answer */
	bool		lacks_buffer;	/* respond again if a page can be released */
	char		buffer[RW_ANSWER_MAX];
} RwResponse;

/* What answers depend on and leave behind; begins as zeroes. */
typedef struct RwResponder
{
	bool		loopback_only;	/* the port is only for this machine */
	bool		may_make_page;	/* none has been tried in this turn */
	char		busy[RW_WHY_LEN];	/* why the last page that was tried could not
									 * be made yet; empty if it was */
	RwAgentMemory agents;
	RwTimelineCache timelines;
} RwResponder;

/*
 * Answer a whole request of that length from a client at that address.  It is
 * parsed into *request.  Allocates in the current memory context.  With
 * response->try_again the answer is that a page cannot be made, because a lock
 * is busy or another page has been tried in this turn: it is the last word only
 * once the client's time is over.
 */
extern void rw_respond(RwResponder *responder, RwPortPeer peer,
					   const char *data, size_t length,
					   RwRequest *request,
					   RwResponse *response);

/* Refuse a request that is not whole, for that reason. */
extern void rw_respond_refusal(int status, const char *reason,
							   RwResponse *response);

/*
 * clients.c: the clients of the port, each with a request and a time limit.
 *
 * A client asks once, is answered and is disconnected.  From connection to end
 * it has five seconds, and there is room for 64.  When the room is full, a
 * client is dropped for a new one, see shares.c.  Clients whose requests have
 * come are served before that, so that those that ask at once are answered,
 * however many there are.
 *
 * One page is tried in a turn of the loop, because it takes a hundred times as
 * long as a health check.  A client whose page meets a busy lock waits, and
 * the page is tried again now and then, for one client at a time, until the
 * five seconds are over; then it gets a 503.  Meanwhile other pages get their
 * turn: they may need no lock.  A client counts as idle while it waits, so
 * that clients that ask for pages do not keep others out.
 *
 * A client that wants to be a line, from a standby, is one of the 64 and has
 * these five seconds too, until it is welcome; then it leaves this room.
 *
 * Nothing here waits: sockets do not block, and each call does a bounded
 * amount of work.
 */
#define RW_CLIENTS_MAX		64
#define RW_CLIENT_TIME		(5 * RW_SECOND)

typedef enum RwClientState
{
	RW_CLIENT_NONE,				/* the place is free */
	RW_CLIENT_ASKING,			/* its request is being read */
	RW_CLIENT_WAITING,			/* its page cannot be made yet */
	RW_CLIENT_JOINING,			/* it wants to be a line, see line/line.h */
	RW_CLIENT_READING,			/* the answer is being sent */
	RW_CLIENT_LEAVING			/* answered, and its further input is being
								 * discarded */
} RwClientState;

typedef struct RwClient
{
	RwClientState state;
	pgsocket	sock;
	RwPortPeer	peer;
	uint32		waits_for;		/* events, as the loop knows; 0: none */
	RwTime		deadline;
	RwTime		idle_since;		/* it has not sent its request since then, or
								 * not read the answer */
	size_t		asked;			/* bytes of the request so far */
	size_t		seen;			/* of these, known not to hold its end */
	size_t		length;			/* of the request, once it is whole */
	bool		sends_more;		/* than the request that was answered */
	size_t		sent;			/* bytes of the answer so far */
	size_t		discarded;		/* bytes that came after the request */
	bool		met_lock;		/* WAITING: its page was tried, and a lock was
								 * busy; else it waits for its turn */
	struct RwLineGuest *guest;	/* JOINING: its request is what it has sent
								 * and is not used yet */
	RwResponse	response;
	char		request[RW_REQUEST_MAX];
} RwClient;

typedef struct RwClients
{
	int			number;			/* of places in use */
	bool		changed;		/* see rw_clients_changed() */
	RwTime		accept_again;	/* no accept() before this */
	RwTime		page_again;		/* no page that has met a busy lock is tried
								 * before this */
	RwTime		page_pause;		/* how long after the last such try */
	struct RwLines *lines;
	RwResponder responder;
	RwClient	places[RW_CLIENTS_MAX];
} RwClients;						/* begins as zeroes, but for the lines */

/* Accept one client; false if there is none, or the system cannot. */
extern bool rw_clients_accept(RwClients *clients, pgsocket listening,
							  RwTime now);

/*
 * May clients be accepted now?  If not, because the system was out of
 * descriptors or memory, *when is when to ask again.
 */
extern bool rw_clients_may_accept(const RwClients *clients, RwTime now,
								  RwTime *when);

/*
 * Go on with a client whose socket is ready.  It may have been dropped since, for
 * the page of another one, which is harmless: nobody takes its place before
 * rw_clients_accept().
 */
extern void rw_client_serve(RwClients *clients, RwClient *client, RwTime now);

/*
 * Disconnect clients whose time is over.  Returns the next deadline, or
 * RW_NEVER without clients.
 */
extern RwTime rw_clients_expire(RwClients *clients, RwTime now);

/*
 * A turn of the loop begins, in which one page may be tried; clients that ask
 * for more of them wait.  Those that wait already come first, and of these the
 * one that has met a busy lock, if it is due again.
 * Returns when to call this again, or RW_NEVER if nobody waits.  Allocates in
 * the current memory context.
 */
extern RwTime rw_clients_try_page(RwClients *clients, RwTime now);

/*
 * A turn of the loop begins: clients that want to be lines may be welcome now.
 * Returns when to call this again, or RW_NEVER without such clients.
 */
extern RwTime rw_clients_look(RwClients *clients, RwTime now);

/*
 * The client in place number i, from 0 to RW_CLIENTS_MAX - 1, and the events
 * that it waits for; false if there is none.
 */
extern bool rw_client_wait(RwClients *clients, int i, RwClient **client,
						   uint32 *events);

/* Have sockets come or gone, or what they wait for, since the last call? */
extern bool rw_clients_changed(RwClients *clients);

/*
 * shares.c: how the addresses of clients share the port.  Pure.
 *
 * An address that has no more than its share never loses a client for another
 * address that has more, and one that fills the room only displaces its own.
 * Each returns the place of a client, or -1 if there is none.
 */

/*
 * Which client is dropped for a new one of that address: the longest-idle one
 * of the address that has the most, the new one included.
 */
extern int	rw_client_to_drop(const RwClients *clients, RwPortPeer newcomer);

/*
 * Which client that reads a page is dropped for one of that address, likewise,
 * but only if its address has more than the other would have then.
 */
extern int	rw_client_to_drop_for_page(const RwClients *clients,
									   RwPortPeer newcomer);

/*
 * Which client that waits for a page gets the next one, of those that have
 * met a busy lock or of the others: of the address that has the fewest
 * clients, the one that came first.  -1 if there is none.
 */
extern int	rw_client_to_get_page(const RwClients *clients, bool met_lock);

/* The client at an address, as accept() returns it. */
extern RwPortPeer rw_peer_of(const struct sockaddr_storage *address);

/*
 * addresses.c: addresses to listen on.  Pure.
 *
 * A list has IP addresses, localhost and *, separated by commas.  Nothing is
 * resolved: localhost stands for 127.0.0.1 and ::1, and * for 0.0.0.0 and ::,
 * which include all others.
 */

/* The port listens on no more addresses than that. */
#define RW_LISTEN_MAX	16

/* Room for the name or number of an interface. */
#define RW_SCOPE_LEN	16

typedef struct RwAddress
{
	bool		is_ipv6;
	bool		optional;		/* skipped if this machine does not have it */
	unsigned char bytes[16];	/* as in packets; of IPv4 the first four */
	char		scope[RW_SCOPE_LEN];	/* "eth0" of fe80::1%eth0; mostly
										 * empty */
} RwAddress;

/* No address twice, or within another; what is not used is zeroes. */
typedef struct RwAddresses
{
	int			number;
	RwAddress	addresses[RW_LISTEN_MAX];
} RwAddresses;

typedef enum RwAddressesFault
{
	RW_ADDRESSES_FINE,
	RW_ADDRESSES_GAP,			/* nothing between two commas */
	RW_ADDRESSES_NAME,			/* neither an address nor localhost nor * */
	RW_ADDRESSES_MANY			/* more than RW_LISTEN_MAX */
} RwAddressesFault;

/*
 * Read a list, which may be empty.  Unless it is fine, *where is the member of
 * the text that is at fault.
 */
extern RwAddressesFault rw_addresses_parse(const char *text,
										   RwAddresses *list,
										   RwPiece *where);

/* Are they the same, optional or not? */
extern bool rw_address_equal(const RwAddress *a, const RwAddress *b);

/* Is it ::1 or one of 127.0.0.0/8? */
extern bool rw_address_is_loopback(const RwAddress *address);

/* Is this address in the list? */
extern bool rw_addresses_include(const RwAddresses *list,
								 const RwAddress *address);

/* Write an address; `out` has RW_ADDRESS_LEN bytes, which is enough. */
extern void rw_address_write(const RwAddress *address, char *out);

/*
 * listen_addresses.c: replwatch.listen_addresses.  port.h declares its
 * definition.
 */

/* The addresses of the setting. */
extern const RwAddresses *rw_listen_addresses(void);

/*
 * listen.c: the sockets on which the port listens.
 */
typedef struct RwListener
{
	pgsocket	sock;
	RwAddress	address;
} RwListener;

typedef struct RwListeners
{
	int			port;			/* the settings at the last call */
	RwAddresses addresses;
	int			number;			/* of sockets */
	RwListener	sockets[RW_LISTEN_MAX];
} RwListeners;					/* begins as zeroes */

/*
 * Listen on replwatch.listen_addresses and replwatch.port, and no longer on
 * anything else.  Sockets that fit already stay.  False if an address is
 * missing, which may come right by itself: another program uses it, or the
 * machine does not have it yet.  Each is reported as a WARNING if `warn`.
 * Never waits.
 */
extern bool rw_listen(RwListeners *listeners, bool warn);

/* Have these settings changed since the last rw_listen()? */
extern bool rw_listen_is_outdated(const RwListeners *listeners);

#endif							/* RW_PORT_INTERN_H */
