/*-------------------------------------------------------------------------
 *
 * intern.h
 *	  What the files of the line's sockets share; the port includes line.h.
 *
 * From the bottom up: the child that looks up a name, one line's socket, the
 * line to the upstream server, those from standbys, and what is known and
 * told, by all of them.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LINE_INTERN_H
#define RW_LINE_INTERN_H

#include <sys/socket.h>

#include "src/line/line.h"
#include "src/line/told.h"

/* A line on which nothing has come for so long is closed. */
#define RW_LINE_SILENCE		(5 * RW_SECOND)

/* What one turn of the port's loop receives and sends of all lines. */
#define RW_LINE_FRAMES_PER_TURN	64

/*
 * What is received of one line in a second, many times what another release
 * may have to tell.
 */
#define RW_LINE_FRAMES_PER_SECOND	4096

/*
 * resolve_child.c: look up a host name where nobody waits for it.
 *
 * A child does nothing but that, and passes on what it finds.  There is one at
 * most.
 */
#define RW_RESOLVED_MAX		8
#define RW_RESOLVE_TIME		(5 * RW_SECOND)

typedef struct RwSocketAddress
{
	socklen_t	len;
	struct sockaddr_storage storage;
} RwSocketAddress;

typedef struct RwResolved
{
	int			error;			/* of getaddrinfo(), or 0 */
	int			number;
	RwSocketAddress addresses[RW_RESOLVED_MAX];
} RwResolved;

typedef struct RwResolver
{
	pid_t		pid;			/* 0: none runs */
	int			in_the_way;		/* how often it was, of the next lookup */
	pgsocket	pipe;			/* of the lookup that is going on, or
								 * PGINVALID_SOCKET */
} RwResolver;

/*
 * Resolve an address that is one already; false if it is a name.  A Unix
 * socket or nothing stands for loopback.
 */
extern bool rw_resolve_address(const char *host, int port,
							   RwResolved *resolved);

/*
 * Begin to look up a name.  False if that cannot be done now; errno is 0 if an
 * earlier child has not ended yet.
 */
extern bool rw_resolver_start(RwResolver *resolver, const char *host,
							  int port);

/* Has it an answer?  Then the lookup is over. */
extern bool rw_resolver_read(RwResolver *resolver, RwResolved *resolved);

/* Give it up. */
extern void rw_resolver_stop(RwResolver *resolver);

/* Have the system forget a child that has ended; waits for nothing. */
extern void rw_resolver_reap(RwResolver *resolver);

/*
 * line_socket.c: the socket of one line, and what goes in and out.
 *
 * A round, all that there is to tell at one time, is a list of its own that is
 * made into frames as the socket takes them, with the ages of that moment.
 */
struct RwLine
{
	pgsocket	sock;			/* PGINVALID_SOCKET: there is no line */
	uint32		waits_for;		/* events, as the loop knows; 0: none */
	RwSession	session;
	uint64		branch;			/* of what it tells, see told.h */
	int			pid;			/* the walsender or WAL receiver it goes with */
	uint32		round;			/* of what it tells */
	RwTime		opened_at;
	bool		heard_all;		/* a whole round has come */
	RwTime		heard_at;		/* last frame */
	RwTime		moved_at;		/* the socket last took something that was to
								 * be sent, or there was nothing */
	RwTime		second;			/* when the one began for which this counts */
	int			allowed;		/* frames that may still come in it */
	bool		due;			/* a round is to begin */
	RwServer   *telling;		/* the round; NULL: none */
	int			ntelling;
	int			ntold;			/* of these */
	size_t		nreceived;		/* less than a frame, between calls */
	size_t		nunsent;
	size_t		unsent_from;	/* where these begin */
	uint8		received[RW_FRAME_MAX];
	uint8		unsent[2 * RW_FRAME_MAX];
};

/* The line has this socket from now on; the session is the caller's. */
extern void rw_line_open(RwLine *line, pgsocket sock, RwTime now);

/* Close it and give back its descriptor. */
extern void rw_line_close(RwLines *lines, RwLine *line);

/* Send later, by rw_line_flush().  There must be room for RW_FRAME_MAX. */
extern void rw_line_put(RwLine *line, const uint8 *data, size_t len);
extern bool rw_line_has_room(const RwLine *line);

/* Send what the socket takes.  False, and errno, if the connection is broken. */
extern bool rw_line_flush(RwLine *line, RwTime now);

/* The events to wait for. */
extern uint32 rw_line_events(const RwLine *line);

/*
 * Let it receive again, if it may.  Returns when it may, RW_NEVER if it does.
 */
extern RwTime rw_line_allow(RwLine *line, RwTime now);

/*
 * Receive what there is, if it may.  False if that was the end: errno says
 * why, and is 0 if the other end has closed the connection.
 */
extern bool rw_line_receive(RwLine *line);

/*
 * The next frame of what was received.  What has to be sent in return is put.
 * lines->server is set with RW_SESSION_TOLD_SERVER.
 */
extern RwSessionEvent rw_line_next(RwLines *lines, RwLine *line, RwTime now);

/* Go on with the round.  False as in rw_line_flush(). */
extern bool rw_line_tell(RwLines *lines, RwLine *line, RwTime now);

/* Has the other end been silent, or taken nothing, for too long? */
extern bool rw_line_is_dead(const RwLine *line, RwTime now);
extern RwTime rw_line_dies_at(const RwLine *line);

/*
 * upstream_line.c: the line to the upstream server.
 */
typedef enum RwUpstreamStep
{
	RW_UPSTREAM_OFF,			/* there is no server to have a line to */
	RW_UPSTREAM_PAUSES,			/* before the next attempt */
	RW_UPSTREAM_RESOLVES,
	RW_UPSTREAM_CONNECTS,
	RW_UPSTREAM_GREETS,			/* until it is welcome */
	RW_UPSTREAM_IS_UP
} RwUpstreamStep;

/* Whom the line is to, and for which replication connection. */
typedef struct RwLineTarget
{
	char		host[RW_NAME_LEN * 4];	/* or an address */
	int			port;
	char		application_name[RW_NAME_LEN];
	char		slot_name[RW_NAME_LEN];
	int			receiver_pid;
} RwLineTarget;

#define RW_FAILURE_LEN	256

typedef struct RwUpstreamLine
{
	RwUpstreamStep step;
	RwLineState state;			/* as users see it */
	RwLineTarget target;		/* kept while it is off */
	RwTime		gone_since;		/* no WAL receiver streams; RW_NEVER: one does */
	RwTime		deadline;		/* of the step, but for OFF and IS_UP */
	RwTime		pause;			/* before the next attempt but one */
	RwTime		up_since;
	bool		challenged;		/* the other end is a replwatch */
	bool		refusal_logged;
	int			failure_rank;	/* how far the best address of this attempt got */
	char		failure[RW_FAILURE_LEN];
	RwResolved	resolved;
	int			next_address;
	RwResolver	resolver;
	RwLine		line;
	RwToldUpstream told;
} RwUpstreamLine;

/* Do what is due; returns when that is again, or RW_NEVER. */
extern RwTime rw_upstream_turn(RwLines *lines, RwTime now);

/* Its socket, or the resolver's pipe, is ready. */
extern void rw_upstream_serve(RwLines *lines, RwTime now);

/* The connection is broken, with errno, or 0 at its end. */
extern void rw_upstream_handle_broken(RwLines *lines, RwTime now);

/* What the loop waits for. */
extern uint32 rw_upstream_events(RwUpstreamLine *upstream, pgsocket *sock);

/* Begin anew, with another key or none. */
extern void rw_upstream_restart(RwLines *lines);

/* Close it for good. */
extern void rw_upstream_end(RwLines *lines);

/*
 * downstream_lines.c: the lines from standbys.
 */

/* Close the lines that are dead; returns when the next may be. */
extern RwTime rw_downstream_turn(RwLines *lines, RwTime now);

/* The report is another one: close lines whose walsender is gone. */
extern void rw_downstream_follow_report(RwLines *lines);

extern void rw_downstream_serve(RwLines *lines, RwLine *line, RwTime now);
extern void rw_downstream_end_line(RwLines *lines, RwLine *line,
								   const char *why);

/*
 * lines.c: all of them.
 */
struct RwLines
{
	MemoryContext context;		/* of all that lines allocate */
	bool		has_key;
	uint8		key[RW_LINE_KEY_LEN];
	const char *key_problem;	/* as reported; NULL: none */
	RwServerId	own;
	int			budget;			/* frames that this turn may still handle */
	bool		changed;		/* see rw_lines_changed() */

	/* Most turns of a port with many clients find nothing to do. */
	RwTime		idle_until;		/* nothing is due before, unless something
								 * comes; RW_NEVER: not known */
	RwTime		next_turn;		/* as rw_lines_turn() last returned */

	/* What this server knows of itself and of its replicas. */
	RwReport	report;			/* reported_at is RW_NEVER before the first */
	RwReport	next_report;	/* room to read the next one */
	uint32		report_number;
	RwTime		report_read_at;

	/* What others have told. */
	uint32		rounds;			/* how many have begun, of all lines */
	RwTold		below;
	RwTold		above;
	bool		told_changed;	/* to be published */
	bool		upstream_changed;	/* likewise */

	/* What is told. */
	bool		words_changed;	/* so that it is told soon */
	bool		upstream_told;	/* a round of the upstream server has ended
								 * since the last turn */
	RwTime		told_at;		/* when the last rounds became due */
	bool		tree_is_fresh;	/* made in this turn */
	RwTree		tree;

	RwUpstreamLine upstream;
	RwLine	   *downstream[RW_LINES_MAX];	/* NULL: never used */

	/* Room for what is short-lived. */
	RwServer	server;
	RwFrame		frame;
	RwServer	list[RW_TREE_MAX];
	RwServer	children[FLEXIBLE_ARRAY_MEMBER];	/* [rw_max_replicas] */
};

/* Take what a line has told: RW_SESSION_TOLD_SERVER or RW_SESSION_TOLD_END. */
extern void rw_lines_take(RwLines *lines, RwLine *line,
						  RwSessionEvent event);

/* Begin with what a new line tells, and is told. */
extern void rw_lines_begin_rounds(RwLines *lines, RwLine *line);

/* Read the report, if it has other words or the last one is older than that. */
extern void rw_lines_read_report(RwLines *lines, RwTime now, int64 age_max);

/* A challenge that was never used; false if there is no randomness. */
extern bool rw_lines_draw_challenge(uint8 *challenge);

#endif							/* RW_LINE_INTERN_H */
