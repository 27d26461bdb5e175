/*-------------------------------------------------------------------------
 *
 * listen.c
 *	  The sockets on which the port listens.
 *
 * Follows the server's own: a name may stand for several addresses, of which
 * those that this machine does not have are passed over.
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

#include "common/ip.h"
#include "storage/fd.h"
#include "utils/varlena.h"

#include "src/port/listen.h"
#include "src/settings.h"

/* Connections that wait until there is room for one more client. */
#define BACKLOG		256

/* Room for an address and a port as text. */
#define NAME_LEN	64

pgsocket	rw_listen_sockets[RW_SOCKETS_MAX];
int			rw_listen_count = 0;

/* Of each socket: its address, port and the name that led to it. */
static SockAddr addresses[RW_SOCKETS_MAX];
static int	ports[RW_SOCKETS_MAX];
static char names[RW_SOCKETS_MAX][NI_MAXHOST];

/* Whether it is to stay; never more than RW_LISTEN_MAX are. */
static bool wanted[RW_SOCKETS_MAX];
static int	nwanted;

/* A name to listen on, and what it stands for. */
typedef struct Lookup
{
	const char *name;
	struct addrinfo *list;		/* NULL: it could not be looked up, */
	int			code;			/* for this reason */
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

	/* Connections that are over may linger on the port, others may not. */
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

static void
drop(int i)
{
	closesocket(rw_listen_sockets[i]);
	ReleaseExternalFD();
	rw_listen_count--;
	rw_listen_sockets[i] = rw_listen_sockets[rw_listen_count];
	addresses[i] = addresses[rw_listen_count];
	ports[i] = ports[rw_listen_count];
	memmove(names[i], names[rw_listen_count], NI_MAXHOST);
	wanted[i] = wanted[rw_listen_count];
}

static bool
listens_there(int i, const struct addrinfo *address)
{
	return addresses[i].salen == address->ai_addrlen &&
		memcmp(&addresses[i].addr, address->ai_addr,
			   address->ai_addrlen) == 0;
}

/* The socket that listens there, -1 if none does. */
static int
find_socket(const struct addrinfo *address)
{
	int			i;

	for (i = 0; i < rw_listen_count; i++)
	{
		if (listens_there(i, address))
			return i;
	}
	return -1;
}

/* What a name has led to stays while it can't be looked up. */
static bool
stays_for(int i, const char *name)
{
	return ports[i] == rw_port && strcmp(names[i], name) == 0;
}

/* A socket is to stay, for this name. */
static void
want(int i, const char *name)
{
	Assert(!wanted[i] && nwanted < RW_LISTEN_MAX);
	wanted[i] = true;
	nwanted++;
	strlcpy(names[i], name, NI_MAXHOST);
}

static void
want_name(const char *name)
{
	int			i;

	for (i = 0; i < rw_listen_count && nwanted < RW_LISTEN_MAX; i++)
	{
		if (!wanted[i] && stays_for(i, name))
			want(i, name);
	}
}

/* Listen on one address; false and errno if that can't be done. */
static bool
listen_on(const struct addrinfo *address, const char *name)
{
	pgsocket	sock;
	char		host[NAME_LEN];

	/* Each old one that stays and each new one is wanted: it can't be full. */
	if (rw_listen_count == RW_SOCKETS_MAX)
	{
		errno = EMFILE;
		return false;
	}
	sock = open_socket(address);
	if (sock == PGINVALID_SOCKET)
		return false;

	rw_listen_sockets[rw_listen_count] = sock;
	memset(&addresses[rw_listen_count], 0, sizeof(SockAddr));
	memcpy(&addresses[rw_listen_count].addr, address->ai_addr,
		   address->ai_addrlen);
	addresses[rw_listen_count].salen = address->ai_addrlen;
	ports[rw_listen_count] = rw_port;
	wanted[rw_listen_count] = false;
	want(rw_listen_count, name);
	rw_listen_count++;

	numeric_host(host, address);
	ereport(LOG,
			(errmsg("replwatch listens on address \"%s\", port %d",
					host, rw_port)));
	return true;
}

static void
warn_of_too_many(const struct addrinfo *address)
{
	char		host[NAME_LEN];

	numeric_host(host, address);
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("replwatch cannot listen on more than %d addresses",
					RW_LISTEN_MAX),
			 errdetail("Address \"%s\" is left out.", host)));
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
is_listed(int i, List *lookups)
{
	ListCell   *cell;

	foreach(cell, lookups)
	{
		const Lookup *lookup = lfirst(cell);
		const struct addrinfo *address;

		if (lookup->list == NULL && stays_for(i, lookup->name))
			return true;
		for (address = lookup->list; address; address = address->ai_next)
		{
			if (listens_there(i, address))
				return true;
		}
	}
	return false;
}

/* Listen on all that a name stands for. */
static bool
listen_on_name(const Lookup *lookup, bool warn)
{
	const char *name = lookup->name;
	struct addrinfo *address;
	bool		complete = true;
	int			listening = 0;

	if (lookup->list == NULL)
	{
		want_name(name);
		if (warn)
			ereport(WARNING,
					(errmsg("could not translate host name \"%s\" for \"replwatch.listen_addresses\": %s",
							name, gai_strerror(lookup->code))));
		return false;
	}

	for (address = lookup->list; address; address = address->ai_next)
	{
		char		host[NAME_LEN];
		int			problem;
		int			i;

		if (address->ai_family != AF_INET && address->ai_family != AF_INET6)
			continue;
		i = find_socket(address);
		if (i >= 0 && wanted[i])
		{
			listening++;
			continue;
		}
		if (nwanted == RW_LISTEN_MAX)
		{
			complete = false;
			if (warn)
				warn_of_too_many(address);
			continue;
		}
		if (i >= 0)
		{
			want(i, name);
			listening++;
			continue;
		}
		if (listen_on(address, name))
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
		if (!warn)
			continue;
		numeric_host(host, address);
		errno = problem;
		ereport(WARNING,
				(errcode_for_socket_access(),
				 errmsg("could not listen on address \"%s\", port %d, for replwatch: %m",
						host, rw_port),
				 problem == EADDRINUSE ?
				 errhint("Is another program using this port? It is tried again.") :
				 errhint("It is tried again.")));
	}
	return complete;
}

bool
rw_listen(bool warn)
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
	 * What is not to stay goes first: a socket on all addresses and one of a
	 * single address can't listen on the same port.
	 */
	for (i = rw_listen_count - 1; i >= 0; i--)
	{
		if (!is_listed(i, lookups))
			drop(i);
	}

	memset(wanted, 0, sizeof(wanted));
	nwanted = 0;
	foreach(cell, lookups)
		complete &= listen_on_name(lfirst(cell), warn);

	/* There may be more on the list than there may be sockets. */
	for (i = rw_listen_count - 1; i >= 0; i--)
	{
		if (!wanted[i])
			drop(i);
	}
	Assert(rw_listen_count <= RW_LISTEN_MAX);

	foreach(cell, lookups)
	{
		Lookup	   *lookup = lfirst(cell);

		if (lookup->list)
			pg_freeaddrinfo_all(AF_UNSPEC, lookup->list);
	}
	return complete;
}
