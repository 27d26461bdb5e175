/*-------------------------------------------------------------------------
 *
 * test_frame.c
 *	  Frames of the line: what is written is read, and nothing else is.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <stdlib.h>

#include "src/line/frame.h"
#include "unit/tap.h"

#define NOW		(2000 * RW_DAY)

static RwFrame frame;

static const uint8 *
payload_of(const RwFrame *made)
{
	return made->data + RW_FRAME_HEADER;
}

static size_t
payload_len(const RwFrame *made)
{
	return made->len - RW_FRAME_HEADER;
}

/* All that a server can say. */
static RwServer
full_server(void)
{
	RwServer	server;

	memset(&server, 0, sizeof(server));
	server.id = (RwServerId) {{UINT64CONST(0x0102030405060708), 9}};
	server.parent = (RwServerId) {{0, UINT64CONST(0xfffffffffffffff0)}};
	server.key = 7 << 16 | 3;
	rw_name_copy(server.label, "replica_1");
	rw_address_copy(server.host, "fe80::1%eth0");
	server.state = RW_STATE_DISCONNECTED;
	server.lag = 1500000;
	server.streaming_for = 0;
	server.gone_for = 3;
	server.seen_at = NOW - 40;
	rw_name_copy(server.name, "pg-1.eu");
	server.role = RW_ROLE_CASCADE;
	server.tli = PG_UINT32_MAX;
	server.replay = PG_UINT64_MAX;
	server.staleness = 0;
	server.of_primary = true;
	server.health = RW_HEALTH_CRITICAL;
	server.reason = RW_REASON_RESTORE_COMMAND;
	server.own_reason = true;
	strcpy(server.reason_text, "restore_command runs since 5 s: \"\xc3\xa4\"");
	server.alerts = 0;
	server.port = 65535;
	strcpy(server.version, "1.0");
	server.reported_at = NOW - 2 * RW_SECOND;
	server.upstream = -1;
	return server;
}

/* What the other side makes of it, at another time of its own clock. */
static bool
tell(const RwServer *server, RwServer *told, RwTime now)
{
	rw_frame_begin(&frame, RW_FRAME_SERVER);
	rw_frame_add_server(&frame, server, NOW);
	rw_frame_finish(&frame);
	return !frame.overflow &&
		rw_frame_read_server(payload_of(&frame), payload_len(&frame), told,
							 now);
}

static void
test_length(void)
{
	const uint8 bytes[] = {RW_FRAME_MAGIC, RW_FRAME_END, 0, 3};
	const uint8 largest[] = {RW_FRAME_MAGIC, 0, 0x3f, 0xdc};
	const uint8 larger[] = {RW_FRAME_MAGIC, 0, 0x3f, 0xdd};

	section("The length of a frame");
	is_int(rw_frame_length(bytes, 0), 0, "nothing has come");
	is_int(rw_frame_length(bytes, 3), 0, "half a header");
	is_int(rw_frame_length(bytes, 4), 7, "a header says how long it is");
	is_int(rw_frame_length((const uint8 *) "G", 1), -1, "another language");
	is_int(rw_frame_length(largest, 4), RW_FRAME_MAX - RW_FRAME_MAC,
		   "the longest frame has room for a MAC");
	is_int(rw_frame_length(larger, 4), -1, "a longer one is none");
}

static void
test_whole_server(void)
{
	RwServer	server = full_server();
	RwServer	told;
	RwServer	expected = server;

	section("A server that says all");
	ok(tell(&server, &told, 5000 * RW_DAY), "it is read");
	expected.seen_at = 5000 * RW_DAY - 40;
	expected.reported_at = 5000 * RW_DAY - 2 * RW_SECOND;
	is_uint(told.id.part[0], server.id.part[0], "id");
	ok(rw_server_id_equal(told.id, server.id) &&
	   rw_server_id_equal(told.parent, server.parent), "both ids");
	is_int(told.seen_at, expected.seen_at, "when it was seen, by our clock");
	is_int(told.reported_at, expected.reported_at, "and when it reported");
	is_text(told.reason_text, server.reason_text, "reason");
	ok(memcmp(&told, &expected, sizeof(told)) == 0, "and everything else");
	is_uint(payload_of(&frame)[0], RW_TAG_SERVER_ID, "the first tag");
	is_uint(payload_of(&frame)[3], 1, "numbers begin with their upper byte");

	ok(tell(&server, &told, RW_SECOND), "a clock that has just begun");
	is_int(told.reported_at, 1, "what is older than that is not never");
	server.reported_at = NOW + 5;
	ok(tell(&server, &told, NOW) && told.reported_at == NOW,
	   "what is from the future is from now");
}

static void
test_empty_server(void)
{
	RwServer	server;
	RwServer	told;

	section("A server of which nothing is known");
	memset(&server, 0, sizeof(server));
	server.lag = server.streaming_for = server.gone_for = -1;
	server.staleness = server.alerts = -1;
	server.health = RW_HEALTH_UNKNOWN;
	ok(!tell(&server, &told, NOW), "it has neither id nor parent");
	server.id.part[1] = 1;
	ok(tell(&server, &told, NOW), "an id is enough");
	is_int(payload_len(&frame), 19 + 11, "there is only that, and its health");
	server.upstream = -1;
	ok(memcmp(&told, &server, sizeof(told)) == 0, "all else is not known");
	ok(rw_frame_read_server(payload_of(&frame), 19, &told, NOW),
	   "also by who tells nothing but its id");
	is_int(told.health, RW_HEALTH_UNKNOWN,
		   "health that is not told is unknown");

	server.id.part[1] = 0;
	server.parent.part[0] = 1;
	server.key = 5;
	server.reported_at = NOW;
	server.seen_at = NOW;
	ok(tell(&server, &told, NOW), "a parent is enough");
	is_int(told.reported_at, RW_NEVER, "without an id it has not reported");
	is_int(told.seen_at, NOW, "but is seen");
	is_uint(told.key, 5, "as this replica");

	server.id.part[1] = 1;
	server.parent.part[0] = 0;
	ok(tell(&server, &told, NOW), "an id without a parent");
	is_int(told.seen_at, RW_NEVER, "nobody sees it");
	is_uint(told.key, 0, "and it is nobody's replica");
	is_int(told.reported_at, NOW, "but has reported");
}

static void
test_texts(void)
{
	RwField		field = {RW_TAG_NAME, 0, NULL};
	char		text[8];
	RwServer	server = full_server();
	RwServer	told;

	section("Texts");
#define READ(string) \
	(field.value = (const uint8 *) (string), \
	 field.len = sizeof(string) - 1, \
	 rw_field_text(&field, text, sizeof(text)))
	ok(READ("1234567") && strcmp(text, "1234567") == 0,
	   "as long as its place");
	ok(READ("12345678") && strcmp(text, "1234567") == 0, "longer: cut off");
	ok(READ("12345\xc3\xa4") && strcmp(text, "12345\xc3\xa4") == 0,
	   "a character that just fits");
	ok(READ("123456\xc3\xa4") && strcmp(text, "123456") == 0,
	   "and one that does not");
	ok(READ("1234\xf0\x9f\x98\x80") && strcmp(text, "1234") == 0,
	   "one of four bytes");
	ok(READ("12345\xf0\x9f\x98\x80") && strcmp(text, "12345") == 0,
	   "one that begins where there is room");
	ok(READ("1") && memcmp(text, "1\0\0\0\0\0\0", sizeof(text)) == 0,
	   "the rest of the place is zero");
	ok(READ("1\xc3" "2\xff") && strcmp(text, "1?2?") == 0,
	   "bytes that are not UTF-8");
	ok(READ("1\xc3") && strcmp(text, "1?") == 0,
	   "half a character at the end");
	ok(READ("") && text[0] == '\0', "nothing");
	ok(!READ("12\0" "34"), "a zero byte");
	ok(!READ("12\n34"), "a control character");
	ok(!READ("12\x7f"), "another");
	ok(!READ("123456789\x1b"), "also behind what is kept");
#undef READ

	memset(server.reason_text, 'x', RW_REASON_LEN - 1);
	server.reason_text[RW_REASON_LEN - 1] = '\0';
	memset(server.name, 'n', RW_NAME_LEN - 1);
	ok(tell(&server, &told, NOW) &&
	   strcmp(told.reason_text, server.reason_text) == 0 &&
	   strcmp(told.name, server.name) == 0, "texts that fill their places");
	strcpy(server.name, "a\tb\xff");
	strcpy(server.reason_text, "one\ntwo");
	ok(tell(&server, &told, NOW), "what no reader takes is not sent");
	is_text(told.name, "a?b?", "but replaced");
	is_text(told.reason_text, "one", "and of lines the first is sent");
}

/* The answer to a payload of an id and this field. */
static bool
read_with(uint8 tag, const void *value, size_t len, RwServer *server)
{
	rw_frame_begin(&frame, RW_FRAME_SERVER);
	rw_frame_add_id(&frame, RW_TAG_SERVER_ID, (RwServerId) {{1, 2}});
	rw_frame_add_id(&frame, RW_TAG_PARENT, (RwServerId) {{3, 4}});
	rw_frame_add(&frame, tag, value, len);
	return rw_frame_read_server(payload_of(&frame), payload_len(&frame),
								server, NOW);
}

static bool
read_number(uint8 tag, uint64 value, RwServer *server)
{
	uint8		bytes[RW_FRAME_NUMBER];

	rw_put_number(bytes, value);
	return read_with(tag, bytes, sizeof(bytes), server);
}

static void
test_numbers(void)
{
	static const struct
	{
		uint8		tag;
		uint64		max;
	}			ranges[] = {
		{RW_TAG_LAG, PG_INT64_MAX},
		{RW_TAG_STREAMING_FOR, PG_INT64_MAX},
		{RW_TAG_SEEN_AGE, PG_INT64_MAX},
		{RW_TAG_TIMELINE, PG_UINT32_MAX},
		{RW_TAG_STALENESS, PG_INT64_MAX},
		{RW_TAG_OF_PRIMARY, 1},
		{RW_TAG_OWN_REASON, 1},
		{RW_TAG_ALERTS, PG_INT32_MAX},
		{RW_TAG_PORT, 65535},
		{RW_TAG_REPORT_AGE, PG_INT64_MAX}
	};
	const uint8 zeroes[64] = {0};
	RwServer	server;
	int			wrong = 0;

	section("Numbers");
	for (int i = 0; i < lengthof(ranges); i++)
	{
		if (!read_number(ranges[i].tag, ranges[i].max, &server) ||
			read_number(ranges[i].tag, ranges[i].max + 1, &server) ||
			read_number(ranges[i].tag, PG_UINT64_MAX, &server))
		{
			wrong++;
			printf("# tag %d\n", ranges[i].tag);
		}
	}
	is_int(wrong, 0, "each has its range, and beyond it is malformed");
	ok(read_number(RW_TAG_STALENESS, PG_INT64_MAX, &server) &&
	   server.staleness == RW_TOLD_AGE_MAX,
	   "staleness is a hundred years at most");
	ok(read_number(RW_TAG_REPORT_AGE, PG_INT64_MAX, &server) &&
	   server.reported_at == 1, "and so is an age");

	wrong = 0;
	for (int tag = RW_TAG_SERVER_ID; tag <= RW_TAG_REPORT_AGE; tag++)
	{
		bool		is_text = tag == RW_TAG_LABEL || tag == RW_TAG_HOST ||
			tag == RW_TAG_NAME || tag == RW_TAG_REASON_TEXT ||
			tag == RW_TAG_VERSION;
		bool		is_id = tag == RW_TAG_SERVER_ID || tag == RW_TAG_PARENT;

		for (size_t len = 0; len <= sizeof(zeroes); len++)
		{
			bool		right = is_text ? len == 0 :
				len == (is_id ? RW_FRAME_ID : RW_FRAME_NUMBER);

			if (read_with(tag, zeroes, len, &server) != right)
			{
				wrong++;
				printf("# tag %d, length %zu\n", tag, len);
			}
		}
	}
	is_int(wrong, 0, "a field has its length, and any other is malformed");
}

static void
test_other_releases(void)
{
	RwServer	server;
	RwServer	told;
	int			wrong = 0;

	section("Other releases");
	ok(read_number(RW_TAG_STATE, RW_STATE_DISCONNECTED + 1, &server),
	   "a state that is not known");
	is_int(server.state, RW_STATE_STARTUP, "says at least that there is one");
	ok(read_number(RW_TAG_LAG, 5, &server) && server.lag == -1,
	   "a lag without the time at which it was seen");
	ok(read_number(RW_TAG_ROLE, PG_UINT64_MAX, &server) &&
	   server.role == RW_ROLE_UNKNOWN, "a role that is not known");
	ok(read_number(RW_TAG_HEALTH, RW_HEALTH_CRITICAL + 1, &server) &&
	   server.health == RW_HEALTH_UNKNOWN, "a health that is not known");
	ok(read_number(RW_TAG_REASON, UINT64CONST(1) << 32, &server) &&
	   server.reason == RW_REASON_NONE, "a reason that is not known");

	server = full_server();
	rw_frame_begin(&frame, RW_FRAME_SERVER);
	rw_frame_add_server(&frame, &server, NOW);
	rw_frame_add_number(&frame, RW_TAG_REASON, 200);
	ok(rw_frame_read_server(payload_of(&frame), payload_len(&frame), &told,
							NOW), "of two fields with one tag");
	is_int(told.reason, RW_REASON_NONE, "the later counts");
	is_text(told.reason_text, "", "without a reason there is no text");
	ok(!told.own_reason, "nor whose it is");

	for (int tag = 0; tag < 256; tag++)
	{
		if ((tag < RW_TAG_SERVER_ID || tag > RW_TAG_GONE_FOR) &&
			!read_with(tag, "\0\n", 2, &told))
			wrong++;
	}
	is_int(wrong, 0, "a tag that is not known is skipped, whatever it has");
}

static void
test_truncated(void)
{
	RwServer	server = full_server();
	RwServer	told;
	int			fields = 0;
	int			taken = 0;

	section("Payloads that end too early");
	(void) tell(&server, &told, NOW);
	for (size_t len = 0; len < payload_len(&frame); len++)
	{
		/* In memory of just that size: to read beyond it is an error. */
		uint8	   *copy = malloc(Max(len, 1));

		memcpy(copy, payload_of(&frame), len);
		taken += rw_frame_read_server(copy, len, &told, NOW);
		free(copy);
	}
	for (const uint8 *at = payload_of(&frame);
		 at < frame.data + frame.len; at += 3 + (at[1] << 8 | at[2]))
		fields++;
	is_int(fields, 24, "there are fields for everything");
	is_int(taken, fields - 1, "a payload ends where a field ends");
}

static void
test_overflow(void)
{
	static uint8 bytes[RW_FRAME_MAX];

	section("What does not fit");
	rw_frame_begin(&frame, RW_FRAME_SERVER);
	rw_frame_add(&frame, 200, bytes,
				 RW_FRAME_MAX - RW_FRAME_MAC - RW_FRAME_HEADER - 3);
	rw_frame_finish(&frame);
	ok(!frame.overflow, "a frame can be full");
	is_int(frame.len, RW_FRAME_MAX - RW_FRAME_MAC, "but for its MAC");
	is_int(rw_frame_length(frame.data, frame.len), frame.len, "and is read");
	rw_frame_add(&frame, 200, bytes, 0);
	ok(frame.overflow, "then nothing more fits");

	rw_frame_begin(&frame, RW_FRAME_SERVER);
	rw_frame_add(&frame, 200, bytes,
				 RW_FRAME_MAX - RW_FRAME_MAC - RW_FRAME_HEADER - 2);
	ok(frame.overflow, "one byte more does not fit");
	is_int(frame.len, RW_FRAME_HEADER, "and is not there");
	rw_frame_add(&frame, 200, bytes, 1);
	is_int(frame.len, RW_FRAME_HEADER, "nor is what comes after it");
}

int
main(void)
{
	test_length();
	test_whole_server();
	test_empty_server();
	test_texts();
	test_numbers();
	test_other_releases();
	test_truncated();
	test_overflow();
	return tap_end();
}
