/*-------------------------------------------------------------------------
 *
 * upstream_line.c
 *	  The line to the upstream server.
 *
 * There is one while the WAL receiver streams.  An attempt looks up the host,
 * and tries one address after the other until one of them takes this standby:
 * another server may listen on the first one, to which the WAL receiver is not
 * connected.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storage/fd.h"
#include "storage/latch.h"

#include "src/line/intern.h"
#include "src/line/key.h"
#include "src/settings.h"

/* An address gets so much time, until this standby is welcome there. */
#define ATTEMPT_TIME	(5 * RW_SECOND)

/* The pause before the next attempt doubles, up to the limit. */
#define PAUSE_MIN		(1 * RW_SECOND)
#define PAUSE_MAX		(1 * RW_MINUTE)

/* How long the line outlives the WAL receiver that it goes with. */
#define RECEIVER_GRACE	(2 * RW_SECOND)

/*
 * How often to look whether there is a WAL receiver, and whether a child has
 * ended.
 */
#define LOOK_INTERVAL	(250 * RW_MS)

/* How long to give a child that was told to end. */
#define RESOLVER_PAUSE	(50 * RW_MS)

/* How far an address got: the failure of the best one is reported. */
typedef enum FailureRank
{
	FAILED_TO_RESOLVE = 1,
	FAILED_TO_CONNECT,
	FAILED_TO_SPEAK,
	FAILED_TO_PROVE,
	FAILED_TO_BE_WELCOME
} FailureRank;

static void
set_state(RwLines *lines, RwLineState state)
{
	if (lines->upstream.state != state)
		lines->upstream_changed = true;
	lines->upstream.state = state;
}

/* Stop whatever is going on. */
static void
close_line(RwLines *lines)
{
	RwUpstreamLine *upstream = &lines->upstream;

	if (upstream->step == RW_UPSTREAM_RESOLVES)
	{
		rw_resolver_stop(&upstream->resolver);
		lines->changed = true;
	}
	rw_line_close(lines, &upstream->line);
	rw_told_end_line(&lines->above, RW_BRANCH_ABOVE);
	upstream->step = RW_UPSTREAM_OFF;
}

/* Nothing counts any more of what the upstream server has told. */
static void
forget_upstream(RwLines *lines)
{
	if (rw_told_drop(&lines->above, RW_BRANCH_ABOVE))
		lines->told_changed = lines->words_changed = true;
	if (rw_server_id_is_set(lines->upstream.told.id))
		lines->upstream_changed = true;
	memset(&lines->upstream.told, 0, sizeof(RwToldUpstream));
}

/*
 * Whom the line should be to.  False if there is nobody, because no WAL
 * receiver streams, or because there can be no line.
 */
static bool
make_target(const RwLines *lines, RwLineTarget *target)
{
	const RwReportReceiver *receiver = &lines->report.receiver;

	if (!lines->has_key || rw_port == 0 || !lines->report.in_recovery ||
		receiver->pid == 0 || !receiver->streaming)
		return false;

	memset(target, 0, sizeof(RwLineTarget));
	strlcpy(target->host, receiver->hostaddr[0] != '\0' ?
			receiver->hostaddr : receiver->host, sizeof(target->host));
	target->port = rw_upstream_port != 0 ? rw_upstream_port : rw_port;
	rw_name_copy(target->application_name, receiver->application_name);
	rw_name_copy(target->slot_name, receiver->slot_name);
	target->receiver_pid = receiver->pid;
	return true;
}

static bool
is_same_server(const RwLineTarget *a, const RwLineTarget *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port;
}

static bool
is_same_target(const RwLineTarget *a, const RwLineTarget *b)
{
	return is_same_server(a, b) && a->receiver_pid == b->receiver_pid &&
		rw_name_equal(a->application_name, b->application_name) &&
		rw_name_equal(a->slot_name, b->slot_name);
}

/* The attempt has failed: pause, and say so unless that was said. */
static void
end_attempt(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;

	close_line(lines);
	upstream->step = RW_UPSTREAM_PAUSES;
	upstream->deadline = now + upstream->pause;
	upstream->pause = Min(2 * upstream->pause, PAUSE_MAX);
	set_state(lines, RW_LINE_REFUSED);
	if (upstream->refusal_logged)
		return;
	upstream->refusal_logged = true;
	ereport(LOG,
			(errmsg("could not set up the replwatch line to the upstream server at \"%s\", port %d",
					upstream->target.host, upstream->target.port),
			 errdetail_internal("%s", upstream->failure),
			 upstream->failure_rank == FAILED_TO_CONNECT ?
			 errhint("Check \"replwatch.port\" and \"replwatch.listen_addresses\" there, and \"replwatch.upstream_port\" here.") : 0));
}

/* Note why an address, or the whole attempt, has failed. */
static void note_failure(RwLines *lines, FailureRank rank,
						 const char *format,...) pg_attribute_printf(3, 4);

static void
note_failure(RwLines *lines, FailureRank rank, const char *format,...)
{
	RwUpstreamLine *upstream = &lines->upstream;
	va_list		args;

	if ((int) rank <= upstream->failure_rank)
		return;
	upstream->failure_rank = rank;
	va_start(args, format);
	vsnprintf(upstream->failure, sizeof(upstream->failure), format, args);
	va_end(args);
}

/* The address is connected: introduce this standby. */
static bool
greet(RwLines *lines)
{
	RwUpstreamLine *upstream = &lines->upstream;
	RwSession  *session = &upstream->line.session;
	uint8		challenge[RW_CHALLENGE_LEN];

	if (!rw_lines_draw_challenge(challenge))
	{
		note_failure(lines, FAILED_TO_CONNECT,
					 "There are no random numbers.");
		return false;
	}
	rw_session_begin(session, true, rw_line_mac, lines->key, lines->own,
					 challenge);
	rw_session_set_claim(session, upstream->target.application_name,
						 upstream->target.slot_name);
	rw_session_hello(session, &lines->frame);
	rw_line_put(&upstream->line, lines->frame.data, lines->frame.len);
	upstream->step = RW_UPSTREAM_GREETS;
	return true;
}

/* A socket that is being connected, or PGINVALID_SOCKET and errno. */
static pgsocket
open_socket(const RwSocketAddress *address)
{
	pgsocket	sock;
	int			one = 1;
	int			code;

	if (!AcquireExternalFD())
		return PGINVALID_SOCKET;
	sock = socket(address->storage.ss_family, SOCK_STREAM, 0);
	if (sock != PGINVALID_SOCKET)
	{
		if (fcntl(sock, F_SETFD, FD_CLOEXEC) == 0 && pg_set_noblock(sock))
		{
			(void) setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one,
							  sizeof(one));
			if (connect(sock, (const struct sockaddr *) &address->storage,
						address->len) == 0 ||
				errno == EINPROGRESS || errno == EINTR)
				return sock;
		}
		code = errno;
		closesocket(sock);
		errno = code;
	}
	code = errno;
	ReleaseExternalFD();
	errno = code;
	return PGINVALID_SOCKET;
}

/*
 * Try the addresses that are left.  What was wrong with the one before has
 * been noted; without any more the attempt is over.
 */
static void
try_next_address(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;
	RwResolved *resolved = &upstream->resolved;
	pgsocket	sock;

	rw_line_close(lines, &upstream->line);
	while (upstream->next_address < resolved->number)
	{
		sock = open_socket(&resolved->addresses[upstream->next_address++]);
		if (sock == PGINVALID_SOCKET)
		{
			note_failure(lines, FAILED_TO_CONNECT,
						 "Could not connect: %s.", strerror(errno));
			continue;
		}
		rw_line_open(&upstream->line, sock, now);
		upstream->step = RW_UPSTREAM_CONNECTS;
		upstream->deadline = now + ATTEMPT_TIME;
		upstream->challenged = false;
		return;
	}
	end_attempt(lines, now);
}

/* Begin with an attempt. */
static void
begin_attempt(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;
	const RwLineTarget *target = &upstream->target;

	upstream->failure_rank = 0;
	upstream->failure[0] = '\0';
	upstream->next_address = 0;
	if (rw_resolve_address(target->host, target->port, &upstream->resolved))
	{
		try_next_address(lines, now);
		return;
	}
	if (!rw_resolver_start(&upstream->resolver, target->host, target->port))
	{
		if (errno == 0)
		{
			/* The child of a lookup that was given up has not ended yet. */
			upstream->step = RW_UPSTREAM_PAUSES;
			upstream->deadline = now + RESOLVER_PAUSE;
			return;
		}
		note_failure(lines, FAILED_TO_RESOLVE,
					 "Could not look up the host name: %s.", strerror(errno));
		end_attempt(lines, now);
		return;
	}
	lines->changed = true;
	upstream->step = RW_UPSTREAM_RESOLVES;
	upstream->deadline = now + RW_RESOLVE_TIME;
}

/* Begin anew with this target. */
static void
aim(RwLines *lines, const RwLineTarget *target, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;

	close_line(lines);
	if (!is_same_server(&upstream->target, target))
	{
		forget_upstream(lines);
		upstream->refusal_logged = false;
	}
	upstream->target = *target;
	upstream->pause = PAUSE_MIN;
	if (!upstream->refusal_logged)
		set_state(lines, RW_LINE_CONNECTING);
	else
		set_state(lines, RW_LINE_REFUSED);
	begin_attempt(lines, now);
}

/* What a refusal means. */
static const char *
refusal_text(RwLineRefusal refusal)
{
	switch (refusal)
	{
		case RW_LINE_NO_CONNECTION:
			return "It has no replication connection of this standby, with this application_name and slot and from this address.";
		case RW_LINE_AMBIGUOUS:
			return "It has several replication connections with this application_name and slot from this address.";
		case RW_LINE_FULL:
			return "It has too many lines.";
		case RW_LINE_NO_STANDBY:
			return "It is this server itself.";
		case RW_LINE_NOT_REFUSED:
		case RW_LINE_REFUSED_PLAIN:
			break;
	}
	return "It does not accept this server's proof: it is of another system, or \"replwatch.line_secret\" differs.";
}

/* The line was up, and is not any more. */
static void
lose_line(RwLines *lines, const char *why, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;

	ereport(DEBUG1,
			(errmsg_internal("replwatch line to the upstream server has ended: %s",
							 why)));
	close_line(lines);

	/* One that never stays up gets no faster attempts. */
	if (now - upstream->up_since > upstream->pause)
		upstream->pause = PAUSE_MIN;
	upstream->step = RW_UPSTREAM_PAUSES;
	upstream->deadline = now + upstream->pause;
	upstream->pause = Min(2 * upstream->pause, PAUSE_MAX);
	set_state(lines, RW_LINE_CONNECTING);
}

void
rw_upstream_handle_broken(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;
	const char *why = errno != 0 ? strerror(errno) : "connection closed";

	if (upstream->step == RW_UPSTREAM_IS_UP)
	{
		lose_line(lines, why, now);
		return;
	}
	if (upstream->step == RW_UPSTREAM_CONNECTS)
		note_failure(lines, FAILED_TO_CONNECT, "Could not connect: %s.", why);
	else if (!upstream->challenged)
		note_failure(lines, FAILED_TO_SPEAK,
					 "It does not speak replwatch's line: %s.", why);
	else
		note_failure(lines, FAILED_TO_PROVE,
					 "It has ended the connection before this server was welcome: %s.",
					 why);
	try_next_address(lines, now);
}

static void
handle_welcome(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;

	upstream->step = RW_UPSTREAM_IS_UP;
	upstream->up_since = now;
	upstream->line.branch = RW_BRANCH_ABOVE;
	upstream->line.pid = upstream->target.receiver_pid;
	rw_lines_begin_rounds(lines, &upstream->line);
	set_state(lines, RW_LINE_UP);
	if (upstream->refusal_logged)
		ereport(LOG,
				(errmsg("replwatch line to the upstream server at \"%s\", port %d, is up",
						upstream->target.host, upstream->target.port)));
	upstream->refusal_logged = false;
}

/* Take a frame; false if the line has come to an end. */
static bool
handle_event(RwLines *lines, RwSessionEvent event, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;
	RwSession  *session = &upstream->line.session;

	switch (event)
	{
		case RW_SESSION_ANSWER:
			upstream->challenged = true;
			return true;
		case RW_SESSION_WELCOMED:
			handle_welcome(lines, now);
			return true;
		case RW_SESSION_TOLD_SERVER:
		case RW_SESSION_TOLD_END:
			rw_lines_take(lines, &upstream->line, event);
			return true;
		case RW_SESSION_IS_REFUSED:
			note_failure(lines,
						 session->refusal > RW_LINE_REFUSED_PLAIN ?
						 FAILED_TO_BE_WELCOME : FAILED_TO_PROVE,
						 "%s", refusal_text(session->refusal));
			break;
		case RW_SESSION_IS_BROKEN:
			if (upstream->challenged)
				note_failure(lines, FAILED_TO_PROVE,
							 "What it has sent is not valid: %s.",
							 session->problem ? session->problem : "");
			else
				note_failure(lines, FAILED_TO_SPEAK,
							 "What answers there is no replwatch.");
			break;
		case RW_SESSION_INCOMPLETE:
		case RW_SESSION_PROVEN:
			return false;
	}

	if (upstream->step == RW_UPSTREAM_IS_UP)
		lose_line(lines, session->problem ? session->problem : "refused", now);
	else
		try_next_address(lines, now);
	return false;
}

/* Is the connection made?  False, and errno, if it failed. */
static bool
finish_connect(RwUpstreamLine *upstream)
{
	int			code = 0;
	socklen_t	len = sizeof(code);

	if (getsockopt(upstream->line.sock, SOL_SOCKET, SO_ERROR, &code,
				   &len) != 0)
		return false;
	errno = code;
	return code == 0;
}

static void
read_resolver(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;
	RwResolved *resolved = &upstream->resolved;

	if (!rw_resolver_read(&upstream->resolver, resolved))
		return;
	lines->changed = true;
	if (resolved->error != 0)
		note_failure(lines, FAILED_TO_RESOLVE,
					 "Could not look up the host name: %s.",
					 gai_strerror(resolved->error));
	else if (resolved->number == 0)
		note_failure(lines, FAILED_TO_RESOLVE,
					 "The host name has no IP address.");
	try_next_address(lines, now);
}

void
rw_upstream_serve(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;
	RwLine	   *line = &upstream->line;
	RwSessionEvent event;

	if (upstream->step == RW_UPSTREAM_RESOLVES)
	{
		read_resolver(lines, now);
		return;
	}
	if (line->sock == PGINVALID_SOCKET)
		return;
	if (upstream->step == RW_UPSTREAM_CONNECTS)
	{
		if (!finish_connect(upstream))
			rw_upstream_handle_broken(lines, now);
		else if (!greet(lines))
			try_next_address(lines, now);
		else if (!rw_line_flush(line, now))
			rw_upstream_handle_broken(lines, now);
		return;
	}

	if (!rw_line_receive(line))
	{
		rw_upstream_handle_broken(lines, now);
		return;
	}
	while ((event = rw_line_next(lines, line, now)) != RW_SESSION_INCOMPLETE)
	{
		if (!handle_event(lines, event, now))
			return;
	}
	if (!rw_line_tell(lines, line, now))
		rw_upstream_handle_broken(lines, now);
}

uint32
rw_upstream_events(RwUpstreamLine *upstream, pgsocket *sock)
{
	RwLine	   *line = &upstream->line;

	*sock = line->sock;
	switch (upstream->step)
	{
		case RW_UPSTREAM_OFF:
		case RW_UPSTREAM_PAUSES:
			return 0;
		case RW_UPSTREAM_RESOLVES:
			*sock = upstream->resolver.pipe;
			return WL_SOCKET_READABLE;
		case RW_UPSTREAM_CONNECTS:
			return WL_SOCKET_CONNECTED;
		case RW_UPSTREAM_GREETS:
		case RW_UPSTREAM_IS_UP:
			break;
	}
	return rw_line_events(line);
}

/* A step has taken too long, or the pause is over. */
static void
handle_deadline(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;

	switch (upstream->step)
	{
		case RW_UPSTREAM_OFF:
			break;
		case RW_UPSTREAM_PAUSES:
			begin_attempt(lines, now);
			break;
		case RW_UPSTREAM_RESOLVES:
			note_failure(lines, FAILED_TO_RESOLVE,
						 "Looking up the host name has taken %d s.",
						 (int) (RW_RESOLVE_TIME / RW_SECOND));
			end_attempt(lines, now);
			break;
		case RW_UPSTREAM_CONNECTS:
		case RW_UPSTREAM_GREETS:
			errno = ETIMEDOUT;
			rw_upstream_handle_broken(lines, now);
			break;
		case RW_UPSTREAM_IS_UP:
			lose_line(lines, "nothing has come for 5 s", now);
			break;
	}
}

/* When handle_deadline() is due; RW_NEVER: never. */
static RwTime
next_deadline(const RwUpstreamLine *upstream)
{
	switch (upstream->step)
	{
		case RW_UPSTREAM_OFF:
			return RW_NEVER;
		case RW_UPSTREAM_IS_UP:
			return rw_line_dies_at(&upstream->line);
		default:
			return upstream->deadline;
	}
}

/* There is nobody to have a line to.  One that is up may stay for a moment. */
static void
be_without_target(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;

	if (upstream->gone_since == RW_NEVER)
		upstream->gone_since = now;
	if (upstream->step == RW_UPSTREAM_IS_UP && lines->has_key &&
		lines->report.in_recovery &&
		now < upstream->gone_since + RECEIVER_GRACE)
		return;
	close_line(lines);
	set_state(lines, RW_LINE_OFF);
}

RwTime
rw_upstream_turn(RwLines *lines, RwTime now)
{
	RwUpstreamLine *upstream = &lines->upstream;
	bool		sampled = lines->report.own.reported_at != RW_NEVER;
	RwLineTarget target;
	RwTime		deadline;

	rw_resolver_reap(&upstream->resolver);

	/* A primary has no upstream server, whatever it had before. */
	if (sampled && !lines->report.in_recovery)
	{
		be_without_target(lines, now);
		forget_upstream(lines);
		memset(&upstream->target, 0, sizeof(upstream->target));
		upstream->refusal_logged = false;
		return RW_NEVER;
	}

	if (!make_target(lines, &target))
		be_without_target(lines, now);
	else
	{
		upstream->gone_since = RW_NEVER;
		if (upstream->step == RW_UPSTREAM_OFF ||
			!is_same_target(&upstream->target, &target))
			aim(lines, &target, now);
	}

	deadline = next_deadline(upstream);
	if (deadline != RW_NEVER && now >= deadline)
	{
		handle_deadline(lines, now);
		deadline = next_deadline(upstream);
	}

	/*
	 * The worker need not wake the port for a WAL receiver.  What is to be
	 * told wakes it often enough while the line is up.
	 */
	if (upstream->step != RW_UPSTREAM_IS_UP &&
		(deadline == RW_NEVER || deadline > now + LOOK_INTERVAL))
		deadline = now + LOOK_INTERVAL;
	return deadline;
}

void
rw_upstream_restart(RwLines *lines)
{
	close_line(lines);
	lines->upstream.pause = PAUSE_MIN;
	lines->upstream.refusal_logged = false;
}

void
rw_upstream_end(RwLines *lines)
{
	close_line(lines);
	forget_upstream(lines);
	lines->upstream.state = RW_LINE_OFF;
	rw_told_upstream_publish(&lines->upstream.told, RW_LINE_OFF);
}
