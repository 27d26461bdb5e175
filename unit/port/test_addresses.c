/*-------------------------------------------------------------------------
 *
 * test_addresses.c
 *	  Tests of src/port/addresses.c.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/port/intern.h"
#include "unit/tap.h"

static RwAddresses list;
static RwPiece where;
static RwAddressesFault fault;

/* The addresses of a list, optional ones in parentheses. */
static const char *
read_list(const char *text)
{
	static char all[RW_LISTEN_MAX * (RW_ADDRESS_LEN + 4)];
	int			i;

	all[0] = '\0';
	fault = rw_addresses_parse(text, &list, &where);
	for (i = 0; fault == RW_ADDRESSES_FINE && i < list.number; i++)
	{
		char		address[RW_ADDRESS_LEN];

		rw_address_write(&list.addresses[i], address);
		if (i > 0)
			strcat(all, " ");
		if (list.addresses[i].optional)
			strcat(all, "(");
		strcat(all, address);
		if (list.addresses[i].optional)
			strcat(all, ")");
	}
	return all;
}

static void
list_is(const char *text, const char *expected)
{
	is_text(read_list(text), expected, text);
	is_int(fault, RW_ADDRESSES_FINE, "it is accepted");
}

/* A list is refused for this member. */
static void
refused(const char *text, RwAddressesFault expected, const char *member)
{
	(void) read_list(text);
	is_int(fault, expected, text);
	ok(rw_piece_is(where, member), "and where");
}

static void
test_lists(void)
{
	section("lists");

	list_is("", "");
	list_is(" \t\n", "");
	list_is("10.0.0.11", "10.0.0.11");
	list_is(" 10.0.0.11 ,\t::1,2001:DB8::0:1 ", "10.0.0.11 ::1 2001:db8::1");
	list_is("localhost", "127.0.0.1 (::1)");
	list_is("LocalHost", "127.0.0.1 (::1)");
	list_is("*", "0.0.0.0 (::)");
	list_is("0.0.0.0, ::", "0.0.0.0 ::");
	list_is("fe80::1%eth0", "fe80::1%eth0");
	list_is("fe80::1%2, fe80::1%3", "fe80::1%2 fe80::1%3");
	list_is("::ffff:255.255.255.255%fifteen-letters",
			"::ffff:255.255.255.255%fifteen-letters");
	list_is("1111:2222:3333:4444:5555:6666:123.123.123.123%fifteen-letters",
			"1111:2222:3333:4444:5555:6666:7b7b:7b7b%fifteen-letters");
}

static void
test_twice(void)
{
	section("an address that is listed twice");

	list_is("127.0.0.1, 127.0.0.1", "127.0.0.1");
	list_is("localhost, 127.0.0.1, localhost", "127.0.0.1 (::1)");
	list_is("localhost, ::1", "127.0.0.1 ::1");
	list_is("::1, localhost", "::1 127.0.0.1");
	list_is("::1, 0:0::1", "::1");
	list_is("localhost, *", "0.0.0.0 (::)");
	list_is("0.0.0.0, localhost, 10.0.0.11", "0.0.0.0 (::1)");
	list_is("127.0.0.1, fe80::1%eth0, ::", "127.0.0.1 ::");
}

static void
test_refused(void)
{
	section("what is refused");

	refused("db1", RW_ADDRESSES_NAME, "db1");
	refused("127.0.0.1, db1.example.com , ::1", RW_ADDRESSES_NAME,
			"db1.example.com");
	refused("localhost.localdomain", RW_ADDRESSES_NAME,
			"localhost.localdomain");
	refused("127.0.0.1 127.0.0.2", RW_ADDRESSES_NAME, "127.0.0.1 127.0.0.2");
	refused("\"localhost\"", RW_ADDRESSES_NAME, "\"localhost\"");
	refused("127.1", RW_ADDRESSES_NAME, "127.1");
	refused("256.0.0.1", RW_ADDRESSES_NAME, "256.0.0.1");
	refused("127.0.0.1:8009", RW_ADDRESSES_NAME, "127.0.0.1:8009");
	refused("127.0.0.1%lo", RW_ADDRESSES_NAME, "127.0.0.1%lo");
	refused("10.0.0.0/8", RW_ADDRESSES_NAME, "10.0.0.0/8");
	refused("[::1]", RW_ADDRESSES_NAME, "[::1]");
	refused("::1%", RW_ADDRESSES_NAME, "::1%");
	refused("::1%sixteen-letters-", RW_ADDRESSES_NAME,
			"::1%sixteen-letters-");
	refused("%lo", RW_ADDRESSES_NAME, "%lo");
	refused("**", RW_ADDRESSES_NAME, "**");
	refused("0000000000000000000000000000000000000000000000000000000000000001",
			RW_ADDRESSES_NAME,
			"0000000000000000000000000000000000000000000000000000000000000001");

	refused(",", RW_ADDRESSES_GAP, "");
	refused("127.0.0.1,", RW_ADDRESSES_GAP, "");
	refused(", 127.0.0.1", RW_ADDRESSES_GAP, "");
	refused("127.0.0.1, ,::1", RW_ADDRESSES_GAP, "");
}

static void
test_many(void)
{
	char		text[RW_LISTEN_MAX * 16 + 16];
	size_t		len = 0;
	int			i;

	section("many addresses");

	for (i = 1; i <= RW_LISTEN_MAX; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s10.0.0.%d",
						i > 1 ? "," : "", i);
	(void) read_list(text);
	is_int(fault, RW_ADDRESSES_FINE, "as many as there may be");
	is_int(list.number, RW_LISTEN_MAX, "all of them");
	strcpy(text + len, ",10.0.0.16");
	(void) read_list(text);
	is_int(fault, RW_ADDRESSES_FINE, "one of them twice");
	strcpy(text + len, ",10.0.0.17");
	refused(text, RW_ADDRESSES_MANY, "10.0.0.17");

	/* Room for one of the two. */
	len = strrchr(text, ',') - text;
	text[len] = '\0';
	len = strrchr(text, ',') - text;
	strcpy(text + len, ",localhost");
	refused(text, RW_ADDRESSES_MANY, "localhost");
	strcpy(text + len, ",::1");
	(void) read_list(text);
	is_int(fault, RW_ADDRESSES_FINE, "one of the two alone");
}

/* Lists are compared as bytes. */
static void
test_compared(void)
{
	RwAddresses before;
	RwAddress	address;

	section("comparisons");

	(void) read_list("127.0.0.1, fe80::1%eth0, ::1");
	before = list;
	(void) read_list("db1");
	(void) read_list(" 127.0.0.1,fe80::1%eth0,   0::1");
	ok(memcmp(&before, &list, sizeof(list)) == 0,
	   "the same list, written in another way");

	address = list.addresses[2];
	ok(rw_addresses_include(&list, &address), "an address of the list");
	address.optional = true;
	ok(rw_addresses_include(&list, &address), "the same, optional");
	strcpy(address.scope, "eth0");
	ok(!rw_addresses_include(&list, &address), "with a scope it is another");
	memset(&address, 0, sizeof(address));
	ok(!rw_addresses_include(&list, &address), "an address that is not there");
}

static void
test_loopback(void)
{
	int			i;

	section("loopback");

	(void) read_list("127.0.0.1, 127.255.255.255, ::1, 128.0.0.1, ::2, 1::1");
	for (i = 0; i < list.number; i++)
	{
		char		text[RW_ADDRESS_LEN];

		rw_address_write(&list.addresses[i], text);
		is_int(rw_address_is_loopback(&list.addresses[i]), i < 3, text);
	}
	(void) read_list("*");
	for (i = 0; i < list.number; i++)
		is_int(rw_address_is_loopback(&list.addresses[i]), false, "*");
}

/* Whatever the bytes, nothing is read or written beyond its end. */
static void
test_random(void)
{
	static const char parts[][10] = {"localhost", "*", ",", ", ", ":", "::",
	"1", "127.0.0.1", "%", "fe80", ".", "eth0", " ", "\377"};
	uint64		state = 1;
	int			wrong = 0;
	int			i;

	section("random lists");

	for (i = 0; i < 200000; i++)
	{
		char		text[512];
		int			n = next_random(&state) % 24;

		text[0] = '\0';
		while (n-- > 0)
			strcat(text, parts[next_random(&state) % lengthof(parts)]);
		(void) read_list(text);
		if (where.at < text || where.end > text + strlen(text) ||
			where.at > where.end || list.number > RW_LISTEN_MAX)
			wrong++;
	}
	is_int(wrong, 0, "each is read within its bounds");
}

int
main(void)
{
	test_lists();
	test_twice();
	test_refused();
	test_many();
	test_compared();
	test_loopback();
	test_random();
	return tap_end();
}
