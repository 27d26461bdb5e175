/*-------------------------------------------------------------------------
 *
 * listen.c
 *	  The sockets on which the port listens.
 *
 * Follows the server's own: a name may stand for several addresses, of which
 * those that this machine does not have are skipped.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "common/ip.h"
#include "storage/fd.h"
#include "utils/varlena.h"

#include "src/port/intern.h"
#include "src/settings.h"

/* Connections that wait until there is room for one more client. */
#define BACKLOG		256

/* Room for an address as text. */
#define NAME_LEN	64

/* A name to listen on, and what it stands for. */
typedef struct Lookup
{
	const char *name;
	struct addrinfo *list;		/* NULL: the lookup failed */
	int			code;			/* the reason then */
} Lookup;

static void
numeric_host(char *host, const struct addrinfo *address)
{
	const struct sockaddr_storage *storage =
		(const struct sockaddr_storage *) address->ai_addr;

	if (pg_getnameinfo_all(storage, address->ai_addrlen, host, NAME_LEN,
						   NULL, 0, NI_NUMERICHOST) != 0)
		strlcpy(host, "???", NAME_LEN);
}

/* A socket that listens there, or PGINVALID_SOCKET and errno. */
static pgsocket
open_socket(const struct addrinfo *address)
{
	pgsocket	sock;
	int			one = 1;
	int			code;

	if (!AcquireExternalFD())
		return PGINVALID_SOCKET;
	sock = socket(address->ai_family, SOCK_STREAM, 0);
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
		(address->ai_family != AF_INET6 ||
		 setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0) &&
		pg_set_noblock(sock) &&
		bind(sock, address->ai_addr, address->ai_addrlen) == 0 &&
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
	if (i < listeners->number)
		listeners->sockets[i] = listeners->sockets[listeners->number];
}

static bool
listens_there(const RwListener *listener, const struct addrinfo *address)
{
	return listener->address_len == address->ai_addrlen &&
		memcmp(&listener->address, address->ai_addr,
			   address->ai_addrlen) == 0;
}

/* The socket that listens there, or NULL. */
static RwListener *
find_listener(RwListeners *listeners, const struct addrinfo *address)
{
	int			i;

	for (i = 0; i < listeners->number; i++)
	{
		if (listens_there(&listeners->sockets[i], address))
			return &listeners->sockets[i];
	}
	return NULL;
}

/* Did this name lead to the socket?  Then it stays while lookups fail. */
static bool
stays_for_name(const RwListener *listener, const char *name)
{
	return listener->port == rw_port && strcmp(listener->name, name) == 0;
}

/* Keep a socket, for this name. */
static void
want_listener(RwListeners *listeners, RwListener *listener, const char *name)
{
	Assert(!listener->wanted && listeners->nwanted < RW_LISTEN_MAX);
	listener->wanted = true;
	listeners->nwanted++;
	strlcpy(listener->name, name, NI_MAXHOST);
}

/* Keep the sockets to which a name led. */
static void
want_sockets_of_name(RwListeners *listeners, const char *name)
{
	int			i;

	for (i = 0; i < listeners->number &&
		 listeners->nwanted < RW_LISTEN_MAX; i++)
	{
		RwListener *listener = &listeners->sockets[i];

		if (!listener->wanted && stays_for_name(listener, name))
			want_listener(listeners, listener, name);
	}
}

/* Listen on one address; false and errno if that fails. */
static bool
listen_on_address(RwListeners *listeners, const struct addrinfo *address,
				  const char *name)
{
	RwListener *listener = &listeners->sockets[listeners->number];
	pgsocket	sock;
	char		host[NAME_LEN];

	/*
	 * Cannot happen: at most RW_LISTEN_MAX are left of the old ones, and as
	 * many are wanted.
	 */
	if (listeners->number == RW_SOCKETS_MAX)
	{
		errno = EMFILE;
		return false;
	}
	sock = open_socket(address);
	if (sock == PGINVALID_SOCKET)
		return false;

	memset(listener, 0, sizeof(RwListener));
	listener->sock = sock;
	memcpy(&listener->address, address->ai_addr, address->ai_addrlen);
	listener->address_len = address->ai_addrlen;
	listener->port = rw_port;
	want_listener(listeners, listener, name);
	listeners->number++;

	numeric_host(host, address);
	ereport(LOG,
			(errmsg("replwatch listens on address \"%s\", port %d",
					host, rw_port)));
	return true;
}

static void
warn_too_many_addresses(const struct addrinfo *address)
{
	char		host[NAME_LEN];

	numeric_host(host, address);
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("replwatch cannot listen on more than %d addresses",
					RW_LISTEN_MAX),
			 errdetail("Address \"%s\" is not used.", host)));
}

/* `problem` is the errno. */
static void
warn_cannot_listen(const struct addrinfo *address, int problem)
{
	char		host[NAME_LEN];

	numeric_host(host, address);
	errno = problem;
	ereport(WARNING,
			(errcode_for_socket_access(),
			 errmsg("could not listen on address \"%s\", port %d, for replwatch: %m",
					host, rw_port),
			 problem == EADDRINUSE ?
			 errhint("Is another program using this port? replwatch will retry.") :
			 errhint("replwatch will retry.")));
}

static List *
look_up_names(List *listed_names)
{
	List	   *lookups = NIL;
	ListCell   *cell;

	foreach(cell, listed_names)
	{
		Lookup	   *lookup = palloc0(sizeof(Lookup));
		struct addrinfo hint;
		char		service[16];

		memset(&hint, 0, sizeof(hint));
		hint.ai_family = AF_UNSPEC;
		hint.ai_flags = AI_PASSIVE;
		hint.ai_socktype = SOCK_STREAM;
		snprintf(service, sizeof(service), "%d", rw_port);

		lookup->name = lfirst(cell);
		lookup->code = pg_getaddrinfo_all(strcmp(lookup->name, "*") == 0 ?
										  NULL : lookup->name, service,
										  &hint, &lookup->list);
		lookups = lappend(lookups, lookup);
	}
	return lookups;
}

static bool
is_listed(const RwListener *listener, List *lookups)
{
	ListCell   *cell;

	foreach(cell, lookups)
	{
		const Lookup *lookup = lfirst(cell);
		const struct addrinfo *address;

		if (lookup->list == NULL && stays_for_name(listener, lookup->name))
			return true;
		for (address = lookup->list; address; address = address->ai_next)
		{
			if (listens_there(listener, address))
				return true;
		}
	}
	return false;
}

/* Listen on every address that a name stands for. */
static bool
listen_on_name(RwListeners *listeners, const Lookup *lookup, bool warn)
{
	const char *name = lookup->name;
	struct addrinfo *address;
	bool		complete = true;
	int			listening = 0;

	if (lookup->list == NULL)
	{
		want_sockets_of_name(listeners, name);
		if (warn)
			ereport(WARNING,
					(errmsg("could not translate host name \"%s\" for \"replwatch.listen_addresses\": %s",
							name, gai_strerror(lookup->code))));
		return false;
	}

	for (address = lookup->list; address; address = address->ai_next)
	{
		RwListener *listener;
		int			problem;

		if (address->ai_family != AF_INET && address->ai_family != AF_INET6)
			continue;
		listener = find_listener(listeners, address);
		if (listener && listener->wanted)
		{
			listening++;
			continue;
		}
		if (listeners->nwanted == RW_LISTEN_MAX)
		{
			complete = false;
			if (warn)
				warn_too_many_addresses(address);
			continue;
		}
		if (listener)
		{
			want_listener(listeners, listener, name);
			listening++;
			continue;
		}
		if (listen_on_address(listeners, address, name))
		{
			listening++;
			continue;
		}
		problem = errno;

		/* A machine need not have an address of each family. */
		if ((problem == EADDRNOTAVAIL || problem == EAFNOSUPPORT) &&
			(listening > 0 || address->ai_next))
			continue;
		complete = false;
		if (warn)
			warn_cannot_listen(address, problem);
	}
	return complete;
}

bool
rw_listen(RwListeners *listeners, bool warn)
{
	char	   *setting = pstrdup(rw_listen_addresses);
	bool		complete = true;
	List	   *listed_names;
	List	   *lookups;
	ListCell   *cell;
	int			i;

	if (!SplitGUCList(setting, ',', &listed_names))
	{
		if (warn)
			ereport(WARNING,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid list syntax in parameter \"%s\"",
							"replwatch.listen_addresses")));
		return false;
	}
	lookups = look_up_names(listed_names);

	/*
	 * Sockets that are no longer listed go first: one on all addresses and one
	 * on a single address cannot listen on the same port.
	 */
	for (i = listeners->number - 1; i >= 0; i--)
	{
		if (!is_listed(&listeners->sockets[i], lookups))
			close_listener(listeners, i);
	}

	for (i = 0; i < listeners->number; i++)
		listeners->sockets[i].wanted = false;
	listeners->nwanted = 0;
	foreach(cell, lookups)
		complete &= listen_on_name(listeners, lfirst(cell), warn);

	/* The list may hold more addresses than there can be sockets. */
	for (i = listeners->number - 1; i >= 0; i--)
	{
		if (!listeners->sockets[i].wanted)
			close_listener(listeners, i);
	}
	Assert(listeners->number <= RW_LISTEN_MAX);

	foreach(cell, lookups)
	{
		Lookup	   *lookup = lfirst(cell);

		if (lookup->list)
			pg_freeaddrinfo_all(AF_UNSPEC, lookup->list);
	}
	return complete;
}
