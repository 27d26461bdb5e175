/*-------------------------------------------------------------------------
 *
 * downstream_lines.c
 *	  The lines from standbys, and the port's clients that want to be one.
 *
 * A client that has proven itself is one of the replicas of this server if a
 * walsender streams to it: to a standby of that application_name and slot, at
 * the address that the client comes from.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "storage/fd.h"
#include "utils/memutils.h"

#include "src/line/intern.h"
#include "src/line/key.h"

/* How long the sampling worker may take to see a walsender. */
#define WALSENDER_TIME	(2 * RW_SECOND)

/* How old a report may be that says who streams from here. */
#define REPORT_AGE_MAX	(50 * RW_MS)

/* Descriptors that lines leave to the port's clients. */
#define SPARE_FDS		8

struct RwLineGuest
{
	RwSession	session;
	RwTime		proven_at;		/* RW_NEVER: not yet */
	char		address[RW_ADDRESS_LEN];
	uint64		branch;			/* as which it was welcomed */
	int			pid;			/* of the walsender */
};

RwLineGuest *
rw_line_guest_create(RwLines *lines, const char *address)
{
	RwLineGuest *guest;
	uint8		challenge[RW_CHALLENGE_LEN];

	if (!lines->has_key || !rw_lines_draw_challenge(challenge))
		return NULL;
	guest = MemoryContextAllocExtended(lines->context, sizeof(RwLineGuest),
									   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (guest == NULL)
		return NULL;
	guest->proven_at = RW_NEVER;
	rw_address_copy(guest->address, address);
	rw_session_begin(&guest->session, false, rw_line_mac, lines->key,
					 lines->own, challenge);
	return guest;
}

void
rw_line_guest_free(RwLineGuest *guest)
{
	memset(guest, 0, sizeof(RwLineGuest));
	pfree(guest);
}

/* Read an address as bytes; those of IPv4 as mapped into IPv6. */
static bool
read_address(const char *text, uint8 *bytes)
{
	char		host[RW_ADDRESS_LEN];
	char	   *scope;

	/* A scope is of this machine only. */
	strlcpy(host, text, sizeof(host));
	if ((scope = strchr(host, '%')) != NULL)
		*scope = '\0';

	memset(bytes, 0, 16);
	if (inet_pton(AF_INET6, host, bytes) == 1)
		return true;
	bytes[10] = bytes[11] = 0xff;
	return inet_pton(AF_INET, host, bytes + 12) == 1;
}

static bool
is_loopback(const uint8 *bytes)
{
	static const uint8 ipv4[12] = {[10] = 0xff,[11] = 0xff};
	static const uint8 ipv6[16] = {[15] = 1};

	return (memcmp(bytes, ipv4, sizeof(ipv4)) == 0 && bytes[12] == 127) ||
		memcmp(bytes, ipv6, sizeof(ipv6)) == 0;
}

/*
 * Can a client from `address` be the standby whose walsender is connected to
 * `host`, which is empty for a Unix socket?
 */
static bool
address_fits(const char *host, const char *address)
{
	uint8		a[16];
	uint8		b[16];

	if (!read_address(address, b))
		return false;
	if (host[0] == '\0')
		return is_loopback(b);
	return read_address(host, a) && memcmp(a, b, sizeof(a)) == 0;
}

/* The replica that a client is; NULL if there are several or none. */
static const RwChild *
find_child(const RwLines *lines, const RwLineGuest *guest, int *number)
{
	const RwChild *found = NULL;

	*number = 0;
	for (int i = 0; i < lines->report.nchildren; i++)
	{
		const RwChild *child = &lines->report.children[i];

		if (child->pid == 0 ||
			!rw_name_equal(child->application_name,
						   guest->session.application_name) ||
			!rw_name_equal(child->slot_name, guest->session.slot_name) ||
			!address_fits(child->server.host, guest->address))
			continue;
		found = child;
		(*number)++;
	}
	return *number == 1 ? found : NULL;
}

/* The line of a branch, or NULL. */
static RwLine *
find_line(RwLines *lines, uint64 branch)
{
	for (int i = 0; i < RW_LINES_MAX; i++)
	{
		RwLine	   *line = lines->downstream[i];

		if (line && line->sock != PGINVALID_SOCKET && line->branch == branch)
			return line;
	}
	return NULL;
}

/* Has the server with that id a line as another replica than this one? */
static bool
has_other_line(const RwLines *lines, RwServerId id, uint64 branch)
{
	for (int i = 0; i < RW_LINES_MAX; i++)
	{
		const RwLine *line = lines->downstream[i];

		if (line && line->sock != PGINVALID_SOCKET &&
			line->branch != branch &&
			rw_server_id_equal(line->session.peer, id))
			return true;
	}
	return false;
}

/* A place for a line, or NULL if there is none. */
static RwLine *
find_place(RwLines *lines)
{
	for (int i = 0; i < RW_LINES_MAX; i++)
	{
		RwLine	   *line = lines->downstream[i];

		if (line == NULL)
		{
			/* It is never freed, because the loop may have its address. */
			line = MemoryContextAllocExtended(lines->context, sizeof(RwLine),
											  MCXT_ALLOC_NO_OOM);
			if (line == NULL)
				return NULL;
			line->sock = PGINVALID_SOCKET;
			line->waits_for = 0;
			lines->downstream[i] = line;
		}
		if (line->sock == PGINVALID_SOCKET)
			return line;
	}
	return NULL;
}

/*
 * Do lines leave descriptors to the port's clients?  The one of this client is
 * in use already.
 */
static bool
are_fds_left(void)
{
	int			n = 0;
	bool		enough;

	while (n < SPARE_FDS && AcquireExternalFD())
		n++;
	enough = n == SPARE_FDS;
	while (n-- > 0)
		ReleaseExternalFD();
	return enough;
}

static RwGuestVerdict
refuse(RwLineGuest *guest, RwLineRefusal refusal, RwFrame *out)
{
	if (!rw_session_refuse(&guest->session, refusal, out))
		out->len = 0;
	return RW_GUEST_GOES;
}

RwGuestVerdict
rw_line_guest_look(RwLines *lines, RwLineGuest *guest, RwTime now,
				   RwFrame *out)
{
	const RwChild *child;
	RwLine	   *line;
	int			number;

	out->len = 0;
	if (guest->proven_at == RW_NEVER)
		return RW_GUEST_STAYS;

	rw_lines_read_report(lines, now, REPORT_AGE_MAX);
	child = find_child(lines, guest, &number);

	/*
	 * Its walsender may not have been seen yet; nor that an earlier one, as
	 * another replica, has ended.
	 */
	if (child == NULL ||
		has_other_line(lines, guest->session.peer, child->server.key))
	{
		if (now < guest->proven_at + WALSENDER_TIME)
			return RW_GUEST_STAYS;
		return refuse(guest, number == 0 ? RW_LINE_NO_CONNECTION :
					  RW_LINE_AMBIGUOUS, out);
	}

	/* A server may come again before its old line is known to be dead. */
	line = find_line(lines, child->server.key);
	if (line &&
		!rw_server_id_equal(line->session.peer, guest->session.peer))
		return refuse(guest, RW_LINE_AMBIGUOUS, out);
	if (line == NULL && (find_place(lines) == NULL || !are_fds_left()))
		return refuse(guest, RW_LINE_FULL, out);

	if (!rw_session_welcome(&guest->session, out))
	{
		out->len = 0;
		return RW_GUEST_GOES;
	}
	if (line)
		rw_downstream_end_line(lines, line, "it has another one");
	guest->branch = child->server.key;
	guest->pid = child->pid;
	return RW_GUEST_IS_LINE;
}

RwGuestVerdict
rw_line_guest_receive(RwLines *lines, RwLineGuest *guest, const uint8 *data,
					  size_t len, size_t *used, RwTime now, RwFrame *out)
{
	*used = 0;
	out->len = 0;

	/* It has nothing to say before it is welcome. */
	if (guest->proven_at != RW_NEVER)
		return rw_line_guest_look(lines, guest, now, out);

	switch (rw_session_receive(&guest->session, data, len, used, now,
							   &lines->server, out))
	{
		case RW_SESSION_INCOMPLETE:
			*used = 0;
			return RW_GUEST_STAYS;
		case RW_SESSION_ANSWER:
			return RW_GUEST_STAYS;
		case RW_SESSION_PROVEN:
			guest->proven_at = now;
			return rw_line_guest_look(lines, guest, now, out);
		default:
			return RW_GUEST_GOES;
	}
}

/* Take the frames that a line has received, and go on with what it is told. */
static void
handle_frames(RwLines *lines, RwLine *line, RwTime now)
{
	RwSessionEvent event;

	while ((event = rw_line_next(lines, line, now)) != RW_SESSION_INCOMPLETE)
	{
		if (event == RW_SESSION_TOLD_SERVER || event == RW_SESSION_TOLD_END)
			rw_lines_take(lines, line, event);
		else if (event != RW_SESSION_ANSWER)	/* a frame that is skipped */
		{
			rw_downstream_end_line(lines, line, line->session.problem ?
								   line->session.problem :
								   "unexpected frame");
			return;
		}
	}
	errno = 0;
	if (!rw_line_tell(lines, line, now))
		rw_downstream_end_line(lines, line,
							   errno != 0 ? strerror(errno) :
							   "a frame could not be made");
}

void
rw_line_guest_adopt(RwLines *lines, RwLineGuest *guest, pgsocket sock,
					const uint8 *received, size_t nreceived,
					const uint8 *unsent, size_t nunsent, RwTime now)
{
	RwLine	   *line = find_place(lines);

	if (line == NULL || nreceived > sizeof(line->received) ||
		nunsent > RW_FRAME_MAX)
	{
		closesocket(sock);
		ReleaseExternalFD();
		rw_line_guest_free(guest);
		return;
	}

	rw_line_open(line, sock, now);
	line->session = guest->session;
	line->branch = guest->branch;
	line->pid = guest->pid;
	rw_line_guest_free(guest);
	rw_line_put(line, unsent, nunsent);
	memcpy(line->received, received, nreceived);
	line->nreceived = nreceived;
	rw_lines_begin_rounds(lines, line);
	lines->changed = true;
	lines->idle_until = RW_NEVER;
	handle_frames(lines, line, now);
}

void
rw_downstream_end_line(RwLines *lines, RwLine *line, const char *why)
{
	ereport(DEBUG1,
			(errmsg_internal("replwatch line of standby \"%s\" has ended: %s",
							 line->session.application_name, why)));
	rw_line_close(lines, line);
	rw_told_end_line(&lines->below, line->branch);
}

void
rw_downstream_serve(RwLines *lines, RwLine *line, RwTime now)
{
	if (!rw_line_receive(line))
		rw_downstream_end_line(lines, line,
							   errno != 0 ? strerror(errno) :
							   "connection closed");
	else
		handle_frames(lines, line, now);
}

RwTime
rw_downstream_turn(RwLines *lines, RwTime now)
{
	RwTime		next = RW_NEVER;

	for (int i = 0; i < RW_LINES_MAX; i++)
	{
		RwLine	   *line = lines->downstream[i];

		if (line == NULL || line->sock == PGINVALID_SOCKET)
			continue;
		if (rw_line_is_dead(line, now))
			rw_downstream_end_line(lines, line, "nothing has come for 5 s");
		else if (next == RW_NEVER || rw_line_dies_at(line) < next)
			next = rw_line_dies_at(line);
	}
	return next;
}

/* The replica with that key, or NULL. */
static const RwChild *
find_key(const RwLines *lines, uint64 key)
{
	for (int i = 0; i < lines->report.nchildren; i++)
	{
		if (lines->report.children[i].server.key == key)
			return &lines->report.children[i];
	}
	return NULL;
}

void
rw_downstream_follow_report(RwLines *lines)
{
	for (int i = 0; i < RW_LINES_MAX; i++)
	{
		RwLine	   *line = lines->downstream[i];
		const RwChild *child;

		if (line == NULL || line->sock == PGINVALID_SOCKET)
			continue;
		child = find_key(lines, line->branch);
		if (child == NULL || child->pid != line->pid)
			rw_downstream_end_line(lines, line, "its walsender has ended");
	}

	/* What a replica has told goes when the replica is forgotten. */
	for (int i = 0; i < lines->below.number; i++)
	{
		uint64		branch = lines->below.entries[i].branch;

		if (find_key(lines, branch) != NULL)
			continue;
		(void) rw_told_drop(&lines->below, branch);
		lines->told_changed = lines->words_changed = true;
		i = -1;
	}
}
