/*-------------------------------------------------------------------------
 *
 * shares.c
 *	  Which client is dropped when there is no room for another one.  Pure.
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
	RwPortPeer		peer = 0;
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

/* How many clients an address has. */
static int
count_clients(const RwClients *clients, RwPortPeer peer)
{
	int			n = 0;
	int			i;

	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		if (clients->places[i].state != RW_CLIENT_NONE &&
			clients->places[i].peer == peer)
			n++;
	}
	return n;
}

int
rw_client_to_drop(const RwClients *clients, RwPortPeer newcomer)
{
	int			most = 0;
	int			drop = -1;
	int			i;

	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		const RwClient *client = &clients->places[i];
		int			n;

		if (client->state == RW_CLIENT_NONE)
			continue;
		n = count_clients(clients, client->peer);
		if (client->peer == newcomer)
			n++;
		if (n > most ||
			(n == most &&
			 client->idle_since < clients->places[drop].idle_since))
		{
			most = n;
			drop = i;
		}
	}
	return drop;
}
