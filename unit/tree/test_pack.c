/*-------------------------------------------------------------------------
 *
 * test_pack.c
 *	  Tests of src/tree/pack.c.
 *
 * Memory is allocated as long as it is said to be, so that the sanitizers see
 * what is read or written beyond it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "src/tree/pack.h"
#include "unit/tap.h"

#define N	RW_TREE_MAX

/* A record that has more than a server. */
typedef struct Record
{
	RwServer	server;
	int			number;
	char		word[12];
} Record;

static const RwPackKind record_kind = {
	sizeof(Record), 6, {RW_PACK_SERVER_TEXTS, RW_PACK_TEXT(Record, word)}
};

static RwServer servers[N];
static RwServer again[N];

static void
fill(char *text, size_t len, char with)
{
	memset(text, with, len);
	text[len] = '\0';
}

/* A server in which everything is set. */
static void
make(RwServer *server, int i, size_t name_len, size_t reason_len)
{
	memset(server, 0, sizeof(RwServer));
	server->id.part[1] = i;
	server->parent.part[0] = PG_UINT64_MAX;
	server->key = i + 1;
	fill(server->label, name_len, 'l');
	fill(server->host, name_len, 'h');
	server->state = RW_STATE_CATCHUP;
	server->lag = -1;
	server->seen_at = i;
	fill(server->name, name_len, 'n');
	server->role = RW_ROLE_CASCADE;
	server->replay = PG_UINT64_MAX - i;
	server->health = RW_HEALTH_WARNING;
	server->reason = RW_REASON_PAUSED;
	server->own_reason = true;
	fill(server->reason_text, reason_len, 'r');
	server->alerts = -1;
	server->port = 65535;
	fill(server->version, Min(name_len, RW_VERSION_LEN - 1), 'v');
	server->reported_at = PG_INT64_MAX;
	server->upstream = i;
}

/* Pack n servers into that room, and unpack them again. */
static size_t
there_and_back(int n, size_t room)
{
	char	   *packed = malloc(room);
	size_t		len = rw_pack(packed, room, &rw_pack_server, servers, n);
	char	   *moved = malloc(len);

	memcpy(moved, packed, len);
	memset(again, 0x7f, sizeof(again));
	is_int(rw_unpack(again, N, &rw_pack_server, moved, len), n,
		   "as many as there were");
	free(moved);
	free(packed);
	return len;
}

static int
differing(int n)
{
	int			wrong = 0;

	for (int i = 0; i < n; i++)
		wrong += memcmp(&again[i], &servers[i], sizeof(RwServer)) != 0;
	return wrong;
}

static void
test_servers(void)
{
	const size_t fixed = sizeof(RwServer) - 3 * RW_NAME_LEN - RW_REASON_LEN -
		RW_VERSION_LEN + 5;
	size_t		len;

	section("servers");
	len = there_and_back(0, 1);
	is_uint(len, 0, "none at all");

	make(&servers[0], 1, 0, 0);
	make(&servers[1], 2, 5, 70);
	make(&servers[2], 3, RW_NAME_LEN - 1, RW_REASON_LEN - 1);
	len = there_and_back(3, 3 * sizeof(RwServer));
	is_int(differing(3), 0, "empty, short and long texts");
	is_uint(len, 3 * fixed + 4 * 5 + 70 + 3 * (RW_NAME_LEN - 1) +
			(RW_VERSION_LEN - 1) + (RW_REASON_LEN - 1),
			"they take no more than their texts");
	is_int(rw_unpack(again, 2, &rw_pack_server, "", 0), 0, "of nothing: none");

	memset(servers[0].label, 'l', RW_NAME_LEN);
	there_and_back(1, sizeof(RwServer));
	is_uint(strlen(again[0].label), RW_NAME_LEN - 1, "a text without an end");

	for (int i = 0; i < N; i++)
		make(&servers[i], i, 12, 60);
	there_and_back(N, N * (fixed + 4 * 12 + 60));
	is_int(differing(N), 0, "256 in the room that they need");
}

static void
test_reasons(void)
{
	int			shortest = RW_REASON_LEN;
	int			longest = 0;
	int			wrong = 0;

	section("reasons that do not fit");
	for (int i = 0; i < N; i++)
		make(&servers[i], i, RW_NAME_LEN - 1, RW_REASON_LEN - 1);
	there_and_back(N, N * RW_PACKED_SIZE(sizeof(RwServer)));
	for (int i = 0; i < N; i++)
	{
		wrong += again[i].reason_text[0] != '\0';
		servers[i].reason_text[0] = '\0';
		memset(servers[i].reason_text, 0, RW_REASON_LEN);
	}
	is_int(wrong, 0, "no room for any");
	is_int(differing(N), 0, "all else is there");

	for (int i = 0; i < N; i++)
		make(&servers[i], i, RW_NAME_LEN - 1, i % 2 * (RW_REASON_LEN - 1));
	there_and_back(N, N * (RW_PACKED_SIZE(sizeof(RwServer)) + 20));
	for (int i = 1; i < N; i += 2)
	{
		int			len = strlen(again[i].reason_text);

		wrong += strncmp(again[i].reason_text, servers[i].reason_text,
						 len) != 0;
		shortest = Min(shortest, len);
		longest = Max(longest, len);
	}
	is_int(wrong, 0, "each has its beginning");
	ok(shortest >= 20, "and its share");
	ok(longest > 30, "and what others do not need");

	section("records that do not fit");
	for (int i = 0; i < N; i++)
		make(&servers[i], i, RW_NAME_LEN - 1, RW_REASON_LEN - 1);
	for (int more = 0; more < 2; more++)
	{
		size_t		room = 100 * RW_PACKED_SIZE(sizeof(RwServer)) - 1 + more;
		char	   *packed = malloc(room);
		size_t		len = rw_pack(packed, room, &rw_pack_server, servers, N);

		is_int(rw_unpack(again, N, &rw_pack_server, packed, len), 99 + more,
			   "those that do are there");
		is_uint(again[98].key, servers[98].key, "in their order");
		free(packed);
	}

	section("between characters");
	make(&servers[0], 1, 0, 0);
	strcpy(servers[0].reason_text, "f\303\274r \342\202\254");
	for (size_t room = 0; room <= 8; room++)
	{
		static const int lens[] = {0, 1, 1, 3, 4, 5, 5, 5, 8};
		char		what[40];

		there_and_back(1, RW_PACKED_SIZE(sizeof(RwServer)) -
					   3 * (RW_NAME_LEN - 1) - (RW_VERSION_LEN - 1) + room);
		snprintf(what, sizeof(what), "in %d bytes", (int) room);
		is_int(strlen(again[0].reason_text), lens[room], what);
	}
}

static void
test_records(void)
{
	Record		records[2];
	Record		back[2];
	char		packed[2 * RW_PACKED_SIZE(sizeof(Record)) + 20];
	size_t		len;

	section("other records");
	memset(records, 0, sizeof(records));
	make(&records[0].server, 1, 10, 10);
	records[0].number = 7;
	strcpy(records[0].word, "word");
	make(&records[1].server, 2, RW_NAME_LEN - 1, 10);
	records[1].number = 8;
	fill(records[1].word, 11, 'w');
	len = rw_pack(packed, sizeof(packed), &record_kind, records, 2);
	is_int(rw_unpack(back, 2, &record_kind, packed, len), 2, "two of them");
	ok(memcmp(back, records, sizeof(records)) == 0, "are the same again");
	is_int(rw_unpack(back, 1, &record_kind, packed, len), 1, "or one");
}

int
main(void)
{
	test_servers();
	test_reasons();
	test_records();
	return tap_end();
}
