/*-------------------------------------------------------------------------
 *
 * clients.c
 *	  The clients of the port, each with a request and a time limit.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "src/port/clients.h"
#include "src/port/respond.h"

/* For so long nobody is idle, however little it does. */
#define IDLE_GRACE		(RW_SECOND / 10)

/* When the system has no descriptor or memory left, try again after. */
#define ACCEPT_PAUSE	(RW_SECOND / 10)

/*
 * A client that has been answered may still be sending.  To close at once
 * would take the answer from it; but it is not listened to for ever.
 */
#define LEAVING_MAX		(256 * 1024)

typedef enum ClientState
{
	CLIENT_NONE,				/* nobody is in this place */
	CLIENT_ASKING,
	CLIENT_READING,				/* what we write */
	CLIENT_LEAVING				/* has been answered and has sent more */
} ClientState;

struct RwClient
{
	ClientState state;
	pgsocket	sock;
	uint32		waits_for;		/* events, as the loop was told last; 0: not
								 * told of it */
	RwTime		deadline;
	RwTime		idle_since;
	size_t		asked;			/* bytes of the request so far */
	size_t		seen;			/* of these, known not to hold its end */
	bool		sends_more;		/* than what was answered */
	size_t		sent;			/* of the answer */
	size_t		dropped;		/* bytes that came after the request */
	RwResponse	response;
	char		request[RW_REQUEST_MAX];
};

static RwClient *clients;
static int	number = 0;
static bool changed = false;
static RwTime accept_again = RW_NEVER;

void
rw_clients_init(void)
{
	clients = MemoryContextAllocZero(TopMemoryContext,
									 RW_CLIENTS_MAX * sizeof(RwClient));
}

static void
leave(RwClient *client)
{
	if (client->response.page)
		rw_page_release(client->response.page);
	client->response.page = NULL;
	closesocket(client->sock);
	ReleaseExternalFD();
	client->state = CLIENT_NONE;
	number--;
	if (client->waits_for != 0)
		changed = true;
	client->waits_for = 0;
}

static uint32
events_for(const RwClient *client)
{
	switch (client->state)
	{
		case CLIENT_NONE:
			return 0;
		case CLIENT_READING:
			return WL_SOCKET_WRITEABLE;
		case CLIENT_ASKING:
		case CLIENT_LEAVING:
			break;
	}
	return WL_SOCKET_READABLE;
}

/* Who has been idle longest, or NULL. */
static RwClient *
find_idle(void)
{
	RwClient   *idle = NULL;
	int			i;

	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		if (clients[i].state != CLIENT_NONE &&
			(idle == NULL || clients[i].idle_since < idle->idle_since))
			idle = &clients[i];
	}
	return idle;
}

bool
rw_clients_have_room(RwTime now, RwTime *when)
{
	if (now < accept_again)
	{
		*when = accept_again;
		return false;
	}
	if (number < RW_CLIENTS_MAX)
		return true;
	*when = find_idle()->idle_since + IDLE_GRACE;
	return now >= *when;
}

bool
rw_clients_accept(pgsocket listening, RwTime now)
{
	RwClient   *client = clients;
	RwTime		when;
	pgsocket	sock;
	int			one = 1;

	if (!rw_clients_have_room(now, &when))
		return false;
	sock = accept(listening, NULL, NULL);
	if (sock == PGINVALID_SOCKET)
	{
		/* Without a pause, what the system lacks would be asked for again. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			errno == ENOMEM)
			accept_again = now + ACCEPT_PAUSE;
		return errno == ECONNABORTED || errno == EINTR;
	}

	if (number == RW_CLIENTS_MAX)
		leave(find_idle());
	if (!AcquireExternalFD())
	{
		closesocket(sock);
		return true;
	}
	if (!pg_set_noblock(sock) || fcntl(sock, F_SETFD, FD_CLOEXEC) != 0)
	{
		closesocket(sock);
		ReleaseExternalFD();
		return true;
	}
	(void) setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

	while (client->state != CLIENT_NONE)
		client++;
	client->state = CLIENT_ASKING;
	client->sock = sock;
	client->deadline = now + RW_CLIENT_TIME;
	client->idle_since = now;
	client->asked = 0;
	client->seen = 0;
	client->sends_more = false;
	client->sent = 0;
	client->dropped = 0;
	client->response.page = NULL;
	number++;

	/* Mostly the request is there already. */
	rw_client_serve(client, now);
	return true;
}

/* Receive into a buffer: bytes, 0 if there are none now, -1 at the end. */
static ssize_t
receive(RwClient *client, char *buffer, size_t size)
{
	ssize_t		n = recv(client->sock, buffer, size, 0);

	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	return -1;
}

static void
drop_rest(RwClient *client)
{
	char		rest[RW_REQUEST_MAX];
	ssize_t		n = receive(client, rest, sizeof(rest));

	if (n < 0)
	{
		leave(client);
		return;
	}
	client->dropped += n;
	if (client->dropped > LEAVING_MAX)
		leave(client);
}

/* The answer is sent. */
static void
say_goodbye(RwClient *client)
{
	char		rest[RW_REQUEST_MAX];
	ssize_t		n = receive(client, rest, sizeof(rest));

	/* Who has sent nothing but its request is done. */
	if (n < 0 || (n == 0 && !client->sends_more) ||
		shutdown(client->sock, SHUT_WR) != 0)
	{
		leave(client);
		return;
	}
	client->dropped += n;
	client->state = CLIENT_LEAVING;
}

static void
send_answer(RwClient *client, RwTime now)
{
	RwResponse *response = &client->response;
	RwText	   *page = response->page ? &response->page->text : NULL;
	size_t		total = response->out.len + (page ? page->len : 0);
	struct iovec parts[2];
	struct msghdr message;
	ssize_t		n;

	memset(&message, 0, sizeof(message));
	message.msg_iov = parts;
	if (client->sent < response->out.len)
	{
		parts[0].iov_base = response->out.data + client->sent;
		parts[0].iov_len = response->out.len - client->sent;
		message.msg_iovlen = 1;
	}
	if (page)
	{
		size_t		from = client->sent -
			Min(client->sent, response->out.len);

		parts[message.msg_iovlen].iov_base = page->data + from;
		parts[message.msg_iovlen].iov_len = page->len - from;
		message.msg_iovlen++;
	}

	n = sendmsg(client->sock, &message, 0);
	if (n < 0)
	{
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			leave(client);
		return;
	}
	client->sent += n;
	client->idle_since = now;
	if (client->sent == total)
		say_goodbye(client);
}

static void
answer(RwClient *client, size_t length, RwTime now)
{
	RwRequest	request;

	rw_respond(client->request, length, &request, &client->response);
	client->sends_more = client->asked > length || request.has_body ||
		request.refusal != 0;
	client->state = CLIENT_READING;
	send_answer(client, now);
}

static void
refuse(RwClient *client, int status, const char *reason, RwTime now)
{
	rw_respond_refusal(status, reason, &client->response);
	client->sends_more = true;
	client->state = CLIENT_READING;
	send_answer(client, now);
}

static void
read_request(RwClient *client, RwTime now)
{
	ssize_t		n = receive(client, client->request + client->asked,
							RW_REQUEST_MAX - client->asked);
	size_t		length;

	if (n < 0)
		leave(client);
	if (n <= 0)
		return;

	client->asked += n;
	length = rw_request_length(client->request, client->asked, client->seen);
	client->seen = client->asked;
	if (length > 0)
		answer(client, length, now);
	else if (client->asked == RW_REQUEST_MAX)
		refuse(client, 431, "the request is longer than 8 kB", now);
}

void
rw_client_serve(RwClient *client, RwTime now)
{
	switch (client->state)
	{
		case CLIENT_NONE:
			break;
		case CLIENT_ASKING:
			read_request(client, now);
			break;
		case CLIENT_READING:
			send_answer(client, now);
			break;
		case CLIENT_LEAVING:
			drop_rest(client);
			break;
	}
	if (client->waits_for != events_for(client))
		changed = true;
}

RwTime
rw_clients_expire(RwTime now)
{
	RwTime		next = RW_NEVER;
	int			i;

	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		RwClient   *client = &clients[i];

		if (client->state != CLIENT_NONE && now >= client->deadline)
		{
			/* Who has begun is told; there is no time to see it received. */
			if (client->state == CLIENT_ASKING && client->asked > 0)
				refuse(client, 408, "the request did not come within 5 s",
					   now);
			if (client->state != CLIENT_NONE)
				leave(client);
		}
		if (client->state != CLIENT_NONE &&
			(next == RW_NEVER || client->deadline < next))
			next = client->deadline;
	}
	return next;
}

bool
rw_client_wait(int i, RwClient **client, pgsocket *sock, uint32 *events)
{
	*client = &clients[i];
	*sock = clients[i].sock;
	*events = clients[i].waits_for = events_for(&clients[i]);
	return *events != 0;
}

bool
rw_clients_changed(void)
{
	bool		result = changed;

	changed = false;
	return result;
}
