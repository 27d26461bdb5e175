/*-------------------------------------------------------------------------
 *
 * addresses.c
 *	  Addresses to listen on.  Pure.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

#include "src/port/intern.h"

/* An address as text, with '%' and the scope. */
StaticAssertDecl(INET6_ADDRSTRLEN + RW_SCOPE_LEN <= RW_ADDRESS_LEN,
				 "there must be room for any address");

/* Remove white space around a member of the list. */
static RwPiece
trim_piece(RwPiece piece)
{
	while (piece.at < piece.end && isspace((unsigned char) *piece.at))
		piece.at++;
	while (piece.at < piece.end && isspace((unsigned char) piece.end[-1]))
		piece.end--;
	return piece;
}

/* Read one address; false if it is none. */
static bool
read_address(const char *text, RwAddress *address)
{
	char		host[INET6_ADDRSTRLEN];
	const char *scope = strchr(text, '%');
	size_t		len = scope ? scope - text : strlen(text);

	memset(address, 0, sizeof(RwAddress));
	if (scope == NULL && inet_pton(AF_INET, text, address->bytes) == 1)
		return true;

	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	address->is_ipv6 = true;
	if (inet_pton(AF_INET6, host, address->bytes) != 1)
		return false;
	if (scope == NULL)
		return true;
	len = strlen(scope + 1);
	if (len == 0 || len >= sizeof(address->scope))
		return false;
	memcpy(address->scope, scope + 1, len);
	return true;
}

bool
rw_address_equal(const RwAddress *a, const RwAddress *b)
{
	return a->is_ipv6 == b->is_ipv6 &&
		memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0 &&
		strcmp(a->scope, b->scope) == 0;
}

bool
rw_address_is_loopback(const RwAddress *address)
{
	if (!address->is_ipv6)
		return address->bytes[0] == IN_LOOPBACKNET;
	return memcmp(address->bytes, &in6addr_loopback,
				  sizeof(address->bytes)) == 0;
}

/* The place of an address in the list, or -1. */
static int
find_address(const RwAddresses *list, const RwAddress *address)
{
	int			i;

	for (i = 0; i < list->number; i++)
	{
		if (rw_address_equal(&list->addresses[i], address))
			return i;
	}
	return -1;
}

bool
rw_addresses_include(const RwAddresses *list, const RwAddress *address)
{
	return find_address(list, address) >= 0;
}

/* Add an address that is not there yet; false if there is no room. */
static bool
add_address(RwAddresses *list, const RwAddress *address)
{
	int			i = find_address(list, address);

	if (i >= 0)
	{
		/* It is required as soon as one member requires it. */
		list->addresses[i].optional &= address->optional;
		return true;
	}
	if (list->number == RW_LISTEN_MAX)
		return false;
	list->addresses[list->number++] = *address;
	return true;
}

/* Add the addresses of a member of the list. */
static RwAddressesFault
add_member(RwAddresses *list, RwPiece member)
{
	char		text[RW_ADDRESS_LEN];
	const char *ipv4 = NULL;
	const char *ipv6 = NULL;
	RwAddress	address;

	if (member.at == member.end)
		return RW_ADDRESSES_GAP;
	if (member.end - member.at >= sizeof(text))
		return RW_ADDRESSES_NAME;
	memcpy(text, member.at, member.end - member.at);
	text[member.end - member.at] = '\0';

	if (strcasecmp(text, "localhost") == 0)
	{
		ipv4 = "127.0.0.1";
		ipv6 = "::1";
	}
	else if (strcmp(text, "*") == 0)
	{
		ipv4 = "0.0.0.0";
		ipv6 = "::";
	}
	if (!read_address(ipv4 ? ipv4 : text, &address))
		return RW_ADDRESSES_NAME;
	if (!add_address(list, &address))
		return RW_ADDRESSES_MANY;
	if (ipv6)
	{
		(void) read_address(ipv6, &address);
		address.optional = true;
		if (!add_address(list, &address))
			return RW_ADDRESSES_MANY;
	}
	return RW_ADDRESSES_FINE;
}

/*
 * Remove the addresses that another one includes: 0.0.0.0 is all of IPv4, and ::
 * all of IPv6.  Two sockets cannot share a port then.
 */
static void
remove_included(RwAddresses *list)
{
	RwAddresses whole = *list;
	RwAddress	all[2];
	int			i;

	(void) read_address("0.0.0.0", &all[false]);
	(void) read_address("::", &all[true]);
	memset(list, 0, sizeof(RwAddresses));
	for (i = 0; i < whole.number; i++)
	{
		const RwAddress *address = &whole.addresses[i];
		const RwAddress *family = &all[address->is_ipv6];

		if (rw_address_equal(address, family) ||
			!rw_addresses_include(&whole, family))
			list->addresses[list->number++] = *address;
	}
}

RwAddressesFault
rw_addresses_parse(const char *text, RwAddresses *list, RwPiece *where)
{
	RwPiece		rest = {text, text + strlen(text)};
	const char *comma;

	memset(list, 0, sizeof(RwAddresses));
	rest = trim_piece(rest);
	*where = rest;
	if (rest.at == rest.end)
		return RW_ADDRESSES_FINE;

	/* A list that ends with a comma has a member after it. */
	do
	{
		RwAddressesFault fault;

		comma = memchr(rest.at, ',', rest.end - rest.at);
		*where = trim_piece(rw_take_until(&rest, ','));
		fault = add_member(list, *where);
		if (fault != RW_ADDRESSES_FINE)
			return fault;
	} while (comma != NULL);
	remove_included(list);
	return RW_ADDRESSES_FINE;
}

void
rw_address_write(const RwAddress *address, char *out)
{
	size_t		len;

	if (inet_ntop(address->is_ipv6 ? AF_INET6 : AF_INET, address->bytes,
				  out, RW_ADDRESS_LEN) == NULL)
		out[0] = '\0';			/* cannot happen: there is room */
	if (address->scope[0] == '\0')
		return;
	len = strlen(out);
	out[len++] = '%';
	strcpy(out + len, address->scope);
}
