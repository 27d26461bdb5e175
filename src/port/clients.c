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

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "storage/fd.h"
#include "storage/latch.h"

#include "src/line/line.h"
#include "src/port/intern.h"
#include "src/port/page.h"

/* How long to pause when the system is out of descriptors or memory. */
#define ACCEPT_PAUSE	(RW_SECOND / 10)

/*
 * The pause before a page is tried again doubles, up to the limit: most locks
 * are free in no time.
 */
#define PAGE_PAUSE_MIN	RW_MS
#define PAGE_PAUSE_MAX	(50 * RW_MS)

/*
 * A client that has been answered may still be sending.  Closing the
 * connection at once could destroy the answer before it is read; but only this
 * much further input is read and discarded.
 */
#define DISCARD_MAX		(256 * 1024)

/* How often to look whether a client that wants to be a line is welcome. */
#define LOOK_INTERVAL	(RW_SECOND / 10)

/* Its place is free, and its socket is somebody else's. */
static void
leave_room(RwClients *clients, RwClient *client)
{
	client->state = RW_CLIENT_NONE;
	clients->number--;
	if (client->waits_for != 0)
		clients->changed = true;
	client->waits_for = 0;
}

static void
close_client(RwClients *clients, RwClient *client)
{
	if (client->response.page)
		rw_page_release(client->response.page);
	client->response.page = NULL;
	if (client->guest)
		rw_line_guest_free(client->guest);
	client->guest = NULL;
	closesocket(client->sock);
	ReleaseExternalFD();
	leave_room(clients, client);
}

static uint32
events_for(const RwClient *client)
{
	switch (client->state)
	{
		case RW_CLIENT_NONE:
		case RW_CLIENT_WAITING:
			return 0;
		case RW_CLIENT_READING:
			return WL_SOCKET_WRITEABLE;
		case RW_CLIENT_JOINING:
			if (client->sent < client->response.out.len)
				return WL_SOCKET_WRITEABLE;
			break;
		case RW_CLIENT_ASKING:
		case RW_CLIENT_LEAVING:
			break;
	}
	return WL_SOCKET_READABLE;
}

bool
rw_clients_may_accept(const RwClients *clients, RwTime now, RwTime *when)
{
	*when = clients->accept_again;
	return now >= *when;
}

/* Make room for a client of that address. */
static void
make_room(RwClients *clients, RwPortPeer peer)
{
	close_client(clients, &clients->places[rw_client_to_drop(clients, peer)]);
}

/* Have room and a descriptor for a client of that address. */
static bool
reserve_place(RwClients *clients, RwPortPeer peer)
{
	if (clients->number == RW_CLIENTS_MAX)
		make_room(clients, peer);
	if (AcquireExternalFD())
		return true;

	/* With a small max_files_per_process, the room is full before. */
	if (clients->number == 0)
		return false;
	make_room(clients, peer);
	return AcquireExternalFD();
}

bool
rw_clients_accept(RwClients *clients, pgsocket listening, RwTime now)
{
	RwClient   *client = clients->places;
	struct sockaddr_storage address;
	socklen_t	len = sizeof(address);
	RwTime		when;
	RwPortPeer	peer;
	pgsocket	sock;
	int			one = 1;

	if (!rw_clients_may_accept(clients, now, &when))
		return false;
	memset(&address, 0, sizeof(address));
	sock = accept(listening, (struct sockaddr *) &address, &len);
	if (sock == PGINVALID_SOCKET)
	{
		/* Without a pause the loop would spin until there are some again. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			errno == ENOMEM)
			clients->accept_again = now + ACCEPT_PAUSE;
		return errno == ECONNABORTED || errno == EINTR;
	}

	peer = rw_peer_of(&address);
	if (!reserve_place(clients, peer))
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

	while (client->state != RW_CLIENT_NONE)
		client++;
	client->state = RW_CLIENT_ASKING;
	client->sock = sock;
	client->peer = peer;
	client->deadline = now + RW_CLIENT_TIME;
	client->idle_since = now;
	client->asked = 0;
	client->seen = 0;
	client->sends_more = false;
	client->sent = 0;
	client->discarded = 0;
	client->guest = NULL;
	client->response.page = NULL;
	clients->number++;

	/* Usually the request has come already. */
	rw_client_serve(clients, client, now);
	return true;
}

/* Receive into a buffer: bytes, 0 if there are none now, -1 at the end. */
static ssize_t
receive_bytes(RwClient *client, char *buffer, size_t size)
{
	ssize_t		n = recv(client->sock, buffer, size, 0);

	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	return -1;
}

static void
discard_input(RwClients *clients, RwClient *client)
{
	char		rest[RW_REQUEST_MAX];
	ssize_t		n = receive_bytes(client, rest, sizeof(rest));

	if (n < 0)
	{
		close_client(clients, client);
		return;
	}
	client->discarded += n;
	if (client->discarded > DISCARD_MAX)
		close_client(clients, client);
}

/* Disconnect a client whose answer is sent, once its input ends. */
static void
finish_client(RwClients *clients, RwClient *client)
{
	char		rest[RW_REQUEST_MAX];
	ssize_t		n = receive_bytes(client, rest, sizeof(rest));

	/* Most clients send nothing but the request. */
	if (n < 0 || (n == 0 && !client->sends_more) ||
		shutdown(client->sock, SHUT_WR) != 0)
	{
		close_client(clients, client);
		return;
	}
	client->discarded += n;
	client->state = RW_CLIENT_LEAVING;
}

static void
send_response(RwClients *clients, RwClient *client, RwTime now)
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
			close_client(clients, client);
		return;
	}
	client->sent += n;
	client->idle_since = now;
	if (client->sent == total)
		finish_client(clients, client);
}

/* Take a page's buffer from an address that has more of them than this one. */
static bool
take_buffer(RwClients *clients, RwPortPeer peer)
{
	int			i = rw_client_to_drop_for_page(clients, peer);

	if (i < 0)
		return false;
	close_client(clients, &clients->places[i]);
	return true;
}

/* Answer a client whose request is whole, or have it wait for its page. */
static void
answer_client(RwClients *clients, RwClient *client, RwTime now)
{
	bool		is_tried = clients->responder.may_make_page;
	RwRequest	request;

	rw_respond(&clients->responder, client->peer, client->request,
			   client->length, &request, &client->response);
	if (client->response.lacks_buffer && take_buffer(clients, client->peer))
		rw_respond(&clients->responder, client->peer, client->request,
				   client->length, &request, &client->response);
	client->sends_more = client->asked > client->length ||
		request.has_body || request.refusal != 0;
	if (client->response.try_again)
	{
		if (is_tried && rw_client_to_get_page(clients, true) < 0)
		{
			clients->page_pause = PAGE_PAUSE_MIN;
			clients->page_again = now + PAGE_PAUSE_MIN;
		}
		client->met_lock = is_tried;
		client->state = RW_CLIENT_WAITING;
		return;
	}
	client->state = RW_CLIENT_READING;
	send_response(clients, client, now);
}

/* Try the page of a client that waits. */
static void
try_page(RwClients *clients, RwClient *client, RwTime now)
{
	answer_client(clients, client, now);
	if (client->waits_for != events_for(client))
		clients->changed = true;
}

RwTime
rw_clients_try_page(RwClients *clients, RwTime now)
{
	int			behind_lock;
	int			in_turn;

	clients->responder.may_make_page = true;
	if (clients->number == 0)
		return RW_NEVER;

	behind_lock = rw_client_to_get_page(clients, true);
	in_turn = rw_client_to_get_page(clients, false);
	if (behind_lock >= 0 && now >= clients->page_again)
	{
		RwClient   *client = &clients->places[behind_lock];

		try_page(clients, client, now);
		if (client->state == RW_CLIENT_WAITING)
		{
			clients->page_pause = Min(2 * clients->page_pause, PAGE_PAUSE_MAX);
			clients->page_again = now + clients->page_pause;
		}
	}
	else if (in_turn >= 0)
		try_page(clients, &clients->places[in_turn], now);

	if (rw_client_to_get_page(clients, false) >= 0)
		return now;
	return rw_client_to_get_page(clients, true) >= 0 ?
		clients->page_again : RW_NEVER;
}

static void
refuse_client(RwClients *clients, RwClient *client, int status,
			  const char *reason, RwTime now)
{
	rw_respond_refusal(status, reason, &client->response);
	client->sends_more = true;
	client->state = RW_CLIENT_READING;
	send_response(clients, client, now);
}

/* Send a guest what it is to get; false if it has not all of it. */
static bool
send_to_guest(RwClients *clients, RwClient *client, RwTime now)
{
	const RwText *out = &client->response.out;
	ssize_t		n;

	if (client->sent == out->len)
		return true;
	n = send(client->sock, out->data + client->sent, out->len - client->sent,
			 0);
	if (n < 0)
	{
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			close_client(clients, client);
		return false;
	}
	client->sent += n;
	client->idle_since = now;
	return client->sent == out->len;
}

/* A guest may stay, goes, or has become a line. */
static void
obey_verdict(RwClients *clients, RwClient *client, RwGuestVerdict verdict,
			 const RwFrame *out, RwTime now)
{
	RwResponse *response = &client->response;

	if (verdict == RW_GUEST_IS_LINE)
	{
		rw_line_guest_adopt(clients->lines, client->guest, client->sock,
							(const uint8 *) client->request, client->asked,
							out->data, out->len, now);
		client->guest = NULL;
		leave_room(clients, client);
		return;
	}

	/* Neither a challenge nor a refusal is that long. */
	if (out->len > RW_ANSWER_MAX ||
		(verdict == RW_GUEST_GOES && out->len == 0))
	{
		close_client(clients, client);
		return;
	}
	rw_text_begin(&response->out, response->buffer, RW_ANSWER_MAX);
	memcpy(response->buffer, out->data, out->len);
	response->out.len = out->len;
	client->sent = 0;
	if (verdict == RW_GUEST_STAYS)
	{
		(void) send_to_guest(clients, client, now);
		return;
	}
	rw_line_guest_free(client->guest);
	client->guest = NULL;
	client->sends_more = true;
	client->state = RW_CLIENT_READING;
	send_response(clients, client, now);
}

/* Take what a guest has sent. */
static void
take_from_guest(RwClients *clients, RwClient *client, RwTime now)
{
	RwFrame		out;
	size_t		used;

	do
	{
		RwGuestVerdict verdict;

		verdict = rw_line_guest_receive(clients->lines, client->guest,
										(const uint8 *) client->request,
										client->asked, &used, now, &out);
		client->asked -= used;
		memmove(client->request, client->request + used, client->asked);
		obey_verdict(clients, client, verdict, &out, now);
	} while (used > 0 && client->state == RW_CLIENT_JOINING &&
			 client->sent == client->response.out.len);

	/* It has nothing so long to say before it is welcome. */
	if (client->state == RW_CLIENT_JOINING && client->asked == RW_REQUEST_MAX)
		close_client(clients, client);
}

static void
serve_guest(RwClients *clients, RwClient *client, RwTime now)
{
	ssize_t		n;

	if (!send_to_guest(clients, client, now))
		return;
	n = receive_bytes(client, client->request + client->asked,
					  RW_REQUEST_MAX - client->asked);
	if (n < 0)
	{
		close_client(clients, client);
		return;
	}
	client->asked += n;
	take_from_guest(clients, client, now);
}

/* The first byte says that a client wants to be a line. */
static void
begin_guest(RwClients *clients, RwClient *client, RwTime now)
{
	struct sockaddr_storage peer;
	socklen_t	len = sizeof(peer);
	char		address[RW_ADDRESS_LEN] = "";

	memset(&peer, 0, sizeof(peer));
	if (getpeername(client->sock, (struct sockaddr *) &peer, &len) == 0)
	{
		const void *bytes = peer.ss_family == AF_INET6 ?
			(const void *) &((struct sockaddr_in6 *) &peer)->sin6_addr :
			(const void *) &((struct sockaddr_in *) &peer)->sin_addr;

		if (inet_ntop(peer.ss_family, bytes, address, sizeof(address)) == NULL)
			address[0] = '\0';
	}
	client->guest = rw_line_guest_create(clients->lines, address);
	if (client->guest == NULL)
	{
		close_client(clients, client);
		return;
	}
	client->state = RW_CLIENT_JOINING;
	rw_text_begin(&client->response.out, client->response.buffer, RW_ANSWER_MAX);
	take_from_guest(clients, client, now);
}

RwTime
rw_clients_look(RwClients *clients, RwTime now)
{
	bool		any = false;

	if (clients->number == 0)
		return RW_NEVER;
	for (int i = 0; i < RW_CLIENTS_MAX; i++)
	{
		RwClient   *client = &clients->places[i];
		RwGuestVerdict verdict;
		RwFrame		out;

		if (client->state != RW_CLIENT_JOINING)
			continue;
		if (client->sent == client->response.out.len)
		{
			verdict = rw_line_guest_look(clients->lines, client->guest, now,
										 &out);
			if (verdict != RW_GUEST_STAYS)
				obey_verdict(clients, client, verdict, &out, now);
		}
		any |= client->state == RW_CLIENT_JOINING;
		if (client->waits_for != events_for(client))
			clients->changed = true;
	}
	return any ? now + LOOK_INTERVAL : RW_NEVER;
}

static void
read_request(RwClients *clients, RwClient *client, RwTime now)
{
	ssize_t		n = receive_bytes(client, client->request + client->asked,
								  RW_REQUEST_MAX - client->asked);
	size_t		length;

	if (n < 0)
		close_client(clients, client);
	if (n <= 0)
		return;

	if (client->asked == 0 && (uint8) client->request[0] == RW_FRAME_MAGIC)
	{
		client->asked = n;
		begin_guest(clients, client, now);
		return;
	}
	client->asked += n;
	length = rw_request_length(client->request, client->asked, client->seen);
	client->seen = client->asked;
	client->length = length;
	if (length > 0)
		answer_client(clients, client, now);
	else if (client->asked == RW_REQUEST_MAX)
		refuse_client(clients, client, 431, "the request is longer than 8 kB",
					  now);
}

void
rw_client_serve(RwClients *clients, RwClient *client, RwTime now)
{
	switch (client->state)
	{
		case RW_CLIENT_NONE:
		case RW_CLIENT_WAITING:
			break;
		case RW_CLIENT_ASKING:
			read_request(clients, client, now);
			break;
		case RW_CLIENT_JOINING:
			serve_guest(clients, client, now);
			break;
		case RW_CLIENT_READING:
			send_response(clients, client, now);
			break;
		case RW_CLIENT_LEAVING:
			discard_input(clients, client);
			break;
	}
	if (client->waits_for != events_for(client))
		clients->changed = true;
}

RwTime
rw_clients_expire(RwClients *clients, RwTime now)
{
	RwTime		next = RW_NEVER;
	int			i;

	if (clients->number == 0)
		return RW_NEVER;
	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		RwClient   *client = &clients->places[i];

		if (client->state != RW_CLIENT_NONE && now >= client->deadline)
		{
			/* The last words are sent without waiting for the client. */
			if (client->state == RW_CLIENT_ASKING && client->asked > 0)
				refuse_client(clients, client, 408,
							  "the request was not complete within 5 s", now);
			else if (client->state == RW_CLIENT_WAITING)
			{
				client->state = RW_CLIENT_READING;
				send_response(clients, client, now);
			}
			if (client->state != RW_CLIENT_NONE)
				close_client(clients, client);
		}
		if (client->state != RW_CLIENT_NONE &&
			(next == RW_NEVER || client->deadline < next))
			next = client->deadline;
	}
	return next;
}

bool
rw_client_wait(RwClients *clients, int i, RwClient **client, uint32 *events)
{
	*client = &clients->places[i];
	*events = (*client)->waits_for = events_for(*client);
	return *events != 0;
}

bool
rw_clients_changed(RwClients *clients)
{
	bool		result = clients->changed;

	clients->changed = false;
	return result;
}
