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
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "src/listen.h"
#include "src/settings.h"

/* Connections that wait until there is room for one more client. */
#define BACKLOG		256

/* Room for an address and a port as text. */
#define NAME_LEN	64

pgsocket	rw_listen_sockets[RW_SOCKETS_MAX];
int			rw_listen_count = 0;

static SockAddr addresses[RW_SOCKETS_MAX];
static bool wanted[RW_SOCKETS_MAX];
static int	nwanted;
static bool unresolved;			/* a name could not be looked up */

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
	wanted[i] = wanted[rw_listen_count];
}

/* Is it listened on already?  Then it is to stay. */
static bool
listens_already(const struct addrinfo *address)
{
	int			i;

	for (i = 0; i < rw_listen_count; i++)
	{
		if (addresses[i].salen == address->ai_addrlen &&
			memcmp(&addresses[i].addr, address->ai_addr,
				   address->ai_addrlen) == 0)
		{
			if (!wanted[i])
				nwanted++;
			wanted[i] = true;
			return true;
		}
	}
	return false;
}

/* Listen on one address; false and errno if that can't be done. */
static bool
listen_on(const struct addrinfo *address)
{
	pgsocket	sock;
	char		host[NAME_LEN];

	sock = open_socket(address);
	if (sock == PGINVALID_SOCKET)
		return false;

	rw_listen_sockets[rw_listen_count] = sock;
	memset(&addresses[rw_listen_count], 0, sizeof(SockAddr));
	memcpy(&addresses[rw_listen_count].addr, address->ai_addr,
		   address->ai_addrlen);
	addresses[rw_listen_count].salen = address->ai_addrlen;
	wanted[rw_listen_count] = true;
	nwanted++;
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

/* Listen on all that a name stands for. */
static bool
listen_on_name(const char *name, bool warn)
{
	struct addrinfo hint;
	struct addrinfo *list = NULL;
	struct addrinfo *address;
	char		service[16];
	bool		complete = true;
	int			listening = 0;
	int			code;

	memset(&hint, 0, sizeof(hint));
	hint.ai_family = AF_UNSPEC;
	hint.ai_flags = AI_PASSIVE;
	hint.ai_socktype = SOCK_STREAM;
	snprintf(service, sizeof(service), "%d", rw_port);

	code = pg_getaddrinfo_all(strcmp(name, "*") == 0 ? NULL : name, service,
							  &hint, &list);
	if (code != 0 || list == NULL)
	{
		unresolved = true;
		if (warn)
			ereport(WARNING,
					(errmsg("could not translate host name \"%s\" for \"replwatch.listen_addresses\": %s",
							name, gai_strerror(code))));
		return false;
	}

	for (address = list; address; address = address->ai_next)
	{
		char		host[NAME_LEN];
		int			problem;

		if (address->ai_family != AF_INET && address->ai_family != AF_INET6)
			continue;
		if (listens_already(address))
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
		if (listen_on(address))
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
	pg_freeaddrinfo_all(hint.ai_family, list);
	return complete;
}

/* Are the settings those that they were at the last call? */
static bool
settings_stayed(void)
{
	static char *last_addresses = NULL;
	static int	last_port = 0;

	if (last_addresses && last_port == rw_port &&
		strcmp(last_addresses, rw_listen_addresses) == 0)
		return true;
	if (last_addresses)
		pfree(last_addresses);
	last_addresses = MemoryContextStrdup(TopMemoryContext,
										 rw_listen_addresses);
	last_port = rw_port;
	return false;
}

/* Have those stay that nobody has asked for, as long as there is room. */
static void
want_all(void)
{
	int			i;

	for (i = 0; i < rw_listen_count && nwanted < RW_LISTEN_MAX; i++)
	{
		if (!wanted[i])
			nwanted++;
		wanted[i] = true;
	}
}

bool
rw_listen(bool warn)
{
	bool		stayed = settings_stayed();
	char	   *setting = pstrdup(rw_listen_addresses);
	bool		complete = true;
	List	   *names;
	ListCell   *cell;
	int			i;

	memset(wanted, 0, sizeof(wanted));
	nwanted = 0;
	unresolved = false;
	if (!SplitGUCList(setting, ',', &names))
	{
		if (warn)
			ereport(WARNING,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid list syntax in parameter \"%s\"",
							"replwatch.listen_addresses")));
		return false;
	}

	foreach(cell, names)
		complete &= listen_on_name((const char *) lfirst(cell), warn);

	/*
	 * The address of a name is not given up because the name server is silent
	 * at the moment of a reload that is about something else.
	 */
	if (unresolved && stayed)
		want_all();

	for (i = rw_listen_count - 1; i >= 0; i--)
	{
		if (!wanted[i])
			drop(i);
	}
	return complete;
}
