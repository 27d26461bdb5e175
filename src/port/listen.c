/*-------------------------------------------------------------------------
 *
 * listen.c
 *	  The sockets on which the port listens.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storage/fd.h"

#include "src/port/intern.h"
#include "src/settings.h"

/*
 * Connections that wait to be accepted, and no more than the system allows.
 * When this queue is full, the system drops further ones, whose clients try
 * again after a second.
 */
#define BACKLOG		1024

/* Bind a socket; false and errno if that fails. */
static bool
bind_socket(pgsocket sock, const RwAddress *address)
{
	struct sockaddr_in6 ipv6;
	struct sockaddr_in ipv4;

	if (!address->is_ipv6)
	{
		memset(&ipv4, 0, sizeof(ipv4));
		ipv4.sin_family = AF_INET;
		ipv4.sin_port = htons(rw_port);
		memcpy(&ipv4.sin_addr, address->bytes, sizeof(ipv4.sin_addr));
		return bind(sock, (struct sockaddr *) &ipv4, sizeof(ipv4)) == 0;
	}

	memset(&ipv6, 0, sizeof(ipv6));
	ipv6.sin6_family = AF_INET6;
	ipv6.sin6_port = htons(rw_port);
	memcpy(&ipv6.sin6_addr, address->bytes, sizeof(ipv6.sin6_addr));
	if (address->scope[0] != '\0')
	{
		/* The interface is given by its name or its number. */
		ipv6.sin6_scope_id = if_nametoindex(address->scope);
		if (ipv6.sin6_scope_id == 0)
			ipv6.sin6_scope_id = strtoul(address->scope, NULL, 10);
		if (ipv6.sin6_scope_id == 0)
		{
			errno = ENODEV;
			return false;
		}
	}
	return bind(sock, (struct sockaddr *) &ipv6, sizeof(ipv6)) == 0;
}

/* A socket that listens there, or PGINVALID_SOCKET and errno. */
static pgsocket
open_socket(const RwAddress *address)
{
	pgsocket	sock;
	int			one = 1;
	int			code;

	if (!AcquireExternalFD())
		return PGINVALID_SOCKET;
	sock = socket(address->is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	if (sock == PGINVALID_SOCKET)
	{
		code = errno;
		ReleaseExternalFD();
		errno = code;
		return PGINVALID_SOCKET;
	}

	/* SO_REUSEADDR: closed connections may linger on the port. */
	if (fcntl(sock, F_SETFD, FD_CLOEXEC) == 0 &&
		setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
		(!address->is_ipv6 ||
		 setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0) &&
		pg_set_noblock(sock) &&
		bind_socket(sock, address) &&
		listen(sock, BACKLOG) == 0)
		return sock;

	code = errno;
	closesocket(sock);
	ReleaseExternalFD();
	errno = code;
	return PGINVALID_SOCKET;
}

/* Close socket number i; the last one takes its place. */
static void
close_listener(RwListeners *listeners, int i)
{
	closesocket(listeners->sockets[i].sock);
	ReleaseExternalFD();
	listeners->number--;
	listeners->sockets[i] = listeners->sockets[listeners->number];
}

static bool
has_listener(const RwListeners *listeners, const RwAddress *address)
{
	int			i;

	for (i = 0; i < listeners->number; i++)
	{
		if (rw_address_equal(&listeners->sockets[i].address, address))
			return true;
	}
	return false;
}

/* Listen on one address; false and errno if that fails. */
static bool
listen_on_address(RwListeners *listeners, const RwAddress *address)
{
	pgsocket	sock = open_socket(address);
	RwListener *listener;
	char		text[RW_ADDRESS_LEN];

	if (sock == PGINVALID_SOCKET)
		return false;

	/* There is one for each address of the list at most. */
	Assert(listeners->number < RW_LISTEN_MAX);
	listener = &listeners->sockets[listeners->number++];
	listener->sock = sock;
	listener->address = *address;

	rw_address_write(address, text);
	ereport(LOG,
			(errmsg("replwatch listens on address \"%s\", port %d",
					text, rw_port)));
	return true;
}

/* `problem` is the errno. */
static void
warn_cannot_listen(const RwAddress *address, int problem)
{
	char		text[RW_ADDRESS_LEN];

	rw_address_write(address, text);
	errno = problem;
	ereport(WARNING,
			(errcode_for_socket_access(),
			 errmsg("could not listen on address \"%s\", port %d, for replwatch: %m",
					text, rw_port),
			 problem == EADDRINUSE ?
			 errhint("Is another program using this port? replwatch will retry.") :
			 errhint("replwatch will retry.")));
}

bool
rw_listen(RwListeners *listeners, bool warn)
{
	bool		same_port = listeners->port == rw_port;
	bool		complete = true;
	int			i;

	listeners->port = rw_port;
	listeners->addresses = *rw_listen_addresses();

	/*
	 * Sockets that are no longer listed go first: one on all addresses and one
	 * on a single address cannot listen on the same port.
	 */
	for (i = listeners->number - 1; i >= 0; i--)
	{
		if (!same_port ||
			!rw_addresses_include(&listeners->addresses,
								  &listeners->sockets[i].address))
			close_listener(listeners, i);
	}

	for (i = 0; i < listeners->addresses.number; i++)
	{
		const RwAddress *address = &listeners->addresses.addresses[i];
		int			problem;

		if (has_listener(listeners, address) ||
			listen_on_address(listeners, address))
			continue;
		problem = errno;
		if (address->optional &&
			(problem == EADDRNOTAVAIL || problem == EAFNOSUPPORT))
			continue;
		complete = false;
		if (warn)
			warn_cannot_listen(address, problem);
	}
	return complete;
}

bool
rw_listen_is_outdated(const RwListeners *listeners)
{
	return listeners->port != rw_port ||
		memcmp(&listeners->addresses, rw_listen_addresses(),
			   sizeof(RwAddresses)) != 0;
}
