/*-------------------------------------------------------------------------
 *
 * shares.c
 *	  How the addresses of clients share the port.  Pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/port/intern.h"

RwPortPeer
rw_peer_of(const struct sockaddr_storage *address)
{
	const unsigned char *bytes;
	RwPortPeer	peer = 0;
	int			i;

	if (address->ss_family == AF_INET)
	{
		bytes = (const unsigned char *)
			&((const struct sockaddr_in *) address)->sin_addr;
		return RW_PEER_IPV4 | (RwPortPeer) bytes[0] << 24 | bytes[1] << 16 |
			bytes[2] << 8 | bytes[3];
	}
	if (address->ss_family != AF_INET6)
		return 0;

	bytes = (const unsigned char *)
		&((const struct sockaddr_in6 *) address)->sin6_addr;
	for (i = 0; i < 8; i++)
		peer = peer << 8 | bytes[i];
	if (peer != 0)
		return peer;

	/* ::ffff:a.b.c.d, or ::1, which is the only other one in use */
	for (i = 8; i < 16; i++)
		peer = peer << 8 | bytes[i];
	return peer == 1 ? RW_PEER_IPV4 | 0x7f000001 : peer;
}

/* Does a client have a place, or a page if that is what is shared? */
static bool
has_share(const RwClient *client, bool of_pages)
{
	return client->state != RW_CLIENT_NONE &&
		(!of_pages || client->response.page != NULL);
}

/* How many of these an address has. */
static int
count_shares(const RwClients *clients, RwPortPeer peer, bool of_pages)
{
	int			n = 0;
	int			i;

	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		if (clients->places[i].peer == peer &&
			has_share(&clients->places[i], of_pages))
			n++;
	}
	return n;
}

/*
 * The longest-idle client of the address that has the most, the newcomer's one
 * more included, or -1; *most is how many.
 */
static int
find_greediest(const RwClients *clients, RwPortPeer newcomer, bool of_pages,
			   int *most)
{
	int			found = -1;
	int			i;

	*most = 0;
	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		const RwClient *client = &clients->places[i];
		int			n;

		if (!has_share(client, of_pages))
			continue;
		n = count_shares(clients, client->peer, of_pages);
		if (client->peer == newcomer)
			n++;
		if (n > *most ||
			(n == *most &&
			 client->idle_since < clients->places[found].idle_since))
		{
			*most = n;
			found = i;
		}
	}
	return found;
}

int
rw_client_to_drop(const RwClients *clients, RwPortPeer newcomer)
{
	int			most;

	return find_greediest(clients, newcomer, false, &most);
}

int
rw_client_to_drop_for_page(const RwClients *clients, RwPortPeer newcomer)
{
	int			most;
	int			found = find_greediest(clients, newcomer, true, &most);

	return most > count_shares(clients, newcomer, true) + 1 ? found : -1;
}

int
rw_client_to_get_page(const RwClients *clients, bool met_lock)
{
	int			least = 0;
	int			found = -1;
	int			i;

	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		const RwClient *client = &clients->places[i];
		int			n;

		if (client->state != RW_CLIENT_WAITING ||
			client->met_lock != met_lock)
			continue;
		n = count_shares(clients, client->peer, false);
		if (found < 0 || n < least ||
			(n == least &&
			 client->deadline < clients->places[found].deadline))
		{
			least = n;
			found = i;
		}
	}
	return found;
}
