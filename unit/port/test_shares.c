/*-------------------------------------------------------------------------
 *
 * test_shares.c
 *	  Tests of src/port/shares.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <arpa/inet.h>

#include "src/port/intern.h"
#include "unit/tap.h"

#define MAX_ADDRESSES	100

static RwClients clients;
static RwTime now;

static void
empty_room(void)
{
	memset(&clients, 0, sizeof(clients));
	now = 0;
}

/* Put a client into a place, later than all others. */
static void
put_client(int i, RwPortPeer peer)
{
	if (clients.places[i].state == RW_CLIENT_NONE)
		clients.number++;
	clients.places[i].state = RW_CLIENT_ASKING;
	clients.places[i].peer = peer;
	clients.places[i].idle_since = ++now;
}

static int
number_of(RwPortPeer peer)
{
	int			n = 0;
	int			i;

	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		if (clients.places[i].state != RW_CLIENT_NONE &&
			clients.places[i].peer == peer)
			n++;
	}
	return n;
}

/* Accept a client; returns the address that loses one, or 0. */
static RwPortPeer
accept_client(RwPortPeer peer)
{
	RwPortPeer	dropped = 0;
	int			i = 0;

	if (clients.number == RW_CLIENTS_MAX)
	{
		i = rw_client_to_drop(&clients, peer);
		dropped = clients.places[i].peer;
	}
	else
	{
		while (clients.places[i].state != RW_CLIENT_NONE)
			i++;
	}
	put_client(i, peer);
	return dropped;
}

static void
test_choice(void)
{
	int			i;

	section("which client is dropped");

	empty_room();
	is_int(rw_client_to_drop(&clients, 1), -1, "nobody is there");
	put_client(7, 1);
	is_int(rw_client_to_drop(&clients, 2), 7, "the only one");

	/* One client of 2 is older than all those of 1. */
	empty_room();
	put_client(63, 2);
	for (i = 0; i < 63; i++)
		put_client(i, 1);
	is_int(rw_client_to_drop(&clients, 3), 0,
		   "for another address, one of the address that has the most");
	is_int(rw_client_to_drop(&clients, 2), 0, "also for its own");
	is_int(rw_client_to_drop(&clients, 1), 0, "which displaces its own");
	clients.places[0].idle_since = ++now;
	is_int(rw_client_to_drop(&clients, 3), 1, "the longest-idle one");

	/* Half the room each. */
	for (i = 0; i < 64; i++)
		put_client(i, i % 2 ? 1 : 2);
	is_int(rw_client_to_drop(&clients, 1), 1, "the newcomer counts");
	is_int(rw_client_to_drop(&clients, 2), 0, "also that of the other");
	is_int(rw_client_to_drop(&clients, 3), 0,
		   "of two that have as many, the one idle for longest");

	for (i = 0; i < 64; i++)
		put_client(i, i + 1);
	is_int(rw_client_to_drop(&clients, 100), 0,
		   "of many addresses, the one idle for longest");
	is_int(rw_client_to_drop(&clients, 50), 49,
		   "unless the newcomer's has one already");

	/* Those whose address is not known are one. */
	for (i = 0; i < 64; i++)
		put_client(i, i < 2 ? 0 : i);
	is_int(rw_client_to_drop(&clients, 100), 0, "an unknown address");
}

/*
 * Clients of random addresses come and go.  One address may be much busier
 * than others.
 */
static void
test_random(void)
{
	uint64		state = 42;
	int			not_most = 0;
	int			not_oldest = 0;
	int			below_share = 0;
	int			dropped = 0;
	int			round;

	section("random clients");

	for (round = 0; round < 200; round++)
	{
		int			addresses = 1 + next_random(&state) % MAX_ADDRESSES;
		int			busy = next_random(&state) % 100;
		int			step;

		empty_room();
		for (step = 0; step < 500; step++)
		{
			RwPortPeer	peer = 1 + next_random(&state) % addresses;
			RwPortPeer	other;
			int			present = 0;
			int			n;
			int			most = 0;
			int			drop;
			int			i;

			if (next_random(&state) % 100 < busy)
				peer = 1;
			if (next_random(&state) % 8 == 0)
			{
				i = next_random(&state) % RW_CLIENTS_MAX;
				if (clients.places[i].state != RW_CLIENT_NONE)
					clients.number--;
				clients.places[i].state = RW_CLIENT_NONE;
			}
			if (clients.number < RW_CLIENTS_MAX)
			{
				accept_client(peer);
				continue;
			}

			drop = rw_client_to_drop(&clients, peer);
			dropped++;
			for (other = 1; other <= addresses; other++)
			{
				int			m = number_of(other) + (other == peer);

				most = Max(most, m);
				if (m > 0)
					present++;
			}
			n = number_of(clients.places[drop].peer) +
				(clients.places[drop].peer == peer);
			if (n < most)
				not_most++;
			if (n < most && n <= RW_CLIENTS_MAX / present)
				below_share++;
			for (i = 0; i < RW_CLIENTS_MAX; i++)
			{
				if (clients.places[i].peer == clients.places[drop].peer &&
					clients.places[i].idle_since <
					clients.places[drop].idle_since)
					not_oldest++;
			}
			accept_client(peer);
		}
	}
	ok(dropped > 10000, "many were dropped");
	is_int(not_most, 0, "none of an address that has less than another");
	is_int(below_share, 0,
		   "none of an address that has no more than its share");
	is_int(not_oldest, 0, "each the longest-idle one of its address");
}

static void
test_pages(void)
{
	struct RwPage *page = (struct RwPage *) &clients;
	int			i;

	section("pages");

	empty_room();
	is_int(rw_client_to_get_page(&clients, false), -1, "nobody waits");
	is_int(rw_client_to_drop_for_page(&clients, 1), -1, "nobody reads");

	/* Ten clients of 1, of which four read a page, and two of 2. */
	for (i = 0; i < 12; i++)
	{
		put_client(i, i < 10 ? 1 : 2);
		clients.places[i].deadline = now;
		if (i < 4)
			clients.places[i].response.page = page;
	}
	is_int(rw_client_to_drop_for_page(&clients, 2), 0,
		   "the longest-idle reader of the address that has all pages");
	is_int(rw_client_to_drop_for_page(&clients, 1), -1,
		   "not for that address itself");
	clients.places[0].peer = clients.places[1].peer = 2;
	is_int(rw_client_to_drop_for_page(&clients, 2), -1,
		   "not for one that has as many");
	is_int(rw_client_to_drop_for_page(&clients, 3), 0,
		   "but for one that has none");
	for (i = 0; i < 4; i++)
		clients.places[i].peer = 1 + i;
	is_int(rw_client_to_drop_for_page(&clients, 5), -1,
		   "not if each address has one");

	/* Who waits: 4 to 9 of address 1, 10 and 11 of address 2. */
	for (i = 4; i < 12; i++)
		clients.places[i].state = RW_CLIENT_WAITING;
	clients.places[10].deadline = ++now;
	is_int(rw_client_to_get_page(&clients, false), 11,
		   "the next page is for the address that has fewer clients");
	clients.places[10].state = clients.places[11].state = RW_CLIENT_READING;
	is_int(rw_client_to_get_page(&clients, false), 4,
		   "then for the first that came");
	is_int(rw_client_to_get_page(&clients, true), -1, "no page met a lock");
	clients.places[4].met_lock = clients.places[6].met_lock = true;
	is_int(rw_client_to_get_page(&clients, false), 5,
		   "one that met a lock keeps no other one waiting");
	is_int(rw_client_to_get_page(&clients, true), 4,
		   "of those that did, the first that came");
}

/* A flood leaves the others what they have, and takes what nobody wants. */
static void
test_flood(void)
{
	int			lost = 0;
	int			i;

	section("a flood");

	empty_room();
	for (i = 0; i < 20; i++)
		accept_client(1 + i);
	for (i = 0; i < 10000; i++)
	{
		RwPortPeer	dropped = accept_client(100);

		if (dropped != 0 && dropped != 100)
			lost++;
	}
	is_int(lost, 0, "nobody else loses a client");
	is_int(number_of(100), 44, "it has the rest of the room");

	/* Two floods share it. */
	for (i = 0; i < 10000; i++)
		accept_client(i % 10 == 0 ? 200 : 100);
	is_int(number_of(100), 22, "of two floods, one has half of that");
	is_int(number_of(200), 22, "and the slower one the other half");
	for (i = 0; i < 20; i++)
		lost += number_of(1 + i) != 1;
	is_int(lost, 0, "all others are still there");
}

static void
peer_is(int family, const char *text, RwPortPeer expected)
{
	struct sockaddr_storage address;

	memset(&address, 0, sizeof(address));
	address.ss_family = family;
	if (family == AF_INET)
		inet_pton(family, text,
				  &((struct sockaddr_in *) &address)->sin_addr);
	else if (family == AF_INET6)
		inet_pton(family, text,
				  &((struct sockaddr_in6 *) &address)->sin6_addr);
	is_uint(rw_peer_of(&address), expected, text);
}

static void
test_peers(void)
{
	section("addresses of clients");

	peer_is(AF_INET, "10.1.2.3", UINT64CONST(0x0000ffff0a010203));
	peer_is(AF_INET, "255.254.253.252", UINT64CONST(0x0000fffffffefdfc));
	peer_is(AF_INET6, "::ffff:255.254.253.252",
			UINT64CONST(0x0000fffffffefdfc));
	peer_is(AF_INET6, "2001:db8:1:2:3:4:5:6",
			UINT64CONST(0x20010db800010002));
	peer_is(AF_INET6, "2001:db8:1:2:ffff::1",
			UINT64CONST(0x20010db800010002));
	peer_is(AF_INET6, "ffff:fffe::", UINT64CONST(0xfffffffe00000000));
	peer_is(AF_INET6, "::1", UINT64CONST(0x0000ffff7f000001));
	peer_is(AF_UNSPEC, "not known", 0);
}

int
main(void)
{
	test_choice();
	test_random();
	test_pages();
	test_flood();
	test_peers();
	return tap_end();
}
