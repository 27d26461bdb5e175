/*-------------------------------------------------------------------------
 *
 * test_session.c
 *	  Sessions of the line: who gets in, and who does not.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include <stdlib.h>

#include "unit/line/pair.h"
#include "unit/tap.h"

#define NOW			(2000 * RW_DAY)
#define KEY			0x42

static RwSession client;
static RwSession server;
static RwFrame to_server;
static RwFrame to_client;
static RwServer told;

/* What a session makes of these bytes, and that it used all of them. */
static RwSessionEvent
receive(RwSession *session, const void *data, size_t len, RwFrame *out)
{
	/* In memory of just that size: to read beyond it is an error. */
	uint8	   *copy = malloc(Max(len, 1));
	size_t		used;
	RwSessionEvent event;

	memcpy(copy, data, len);
	event = rw_session_receive(session, copy, len, &used, NOW, &told, out);
	if (used > len || (event != RW_SESSION_INCOMPLETE &&
					   event != RW_SESSION_IS_BROKEN && used != len))
		abort();
	free(copy);
	return event;
}

static RwSessionEvent
at_server(const RwFrame *frame)
{
	RwFrame		copy = *frame;

	return receive(&server, copy.data, copy.len, &to_client);
}

static RwSessionEvent
at_client(const RwFrame *frame)
{
	RwFrame		copy = *frame;

	return receive(&client, copy.data, copy.len, &to_server);
}

/* Both begin, with other challenges each time. */
static void
begin(void)
{
	static uint8 challenge = 0;

	challenge += 2;
	begin_client(&client, KEY, challenge);
	begin_server(&server, KEY, challenge + 1);
	rw_session_hello(&client, &to_server);
}

/*
 * Up to the state in which the server waits for the client's proof, which this
 * client is about to send.
 */
static void
wait_for_proof(void)
{
	begin();
	if (at_server(&to_server) != RW_SESSION_ANSWER ||
		at_client(&to_client) != RW_SESSION_ANSWER)
		abort();
	client.sent = 0;
}

/* Up to the state in which the server has to welcome the client. */
static void
prove(void)
{
	begin();
	if (at_server(&to_server) != RW_SESSION_ANSWER ||
		at_client(&to_client) != RW_SESSION_ANSWER ||
		at_server(&to_server) != RW_SESSION_PROVEN)
		abort();
}

static void
come_up(void)
{
	prove();
	if (!rw_session_welcome(&server, &to_client) ||
		at_client(&to_client) != RW_SESSION_WELCOMED)
		abort();
}

/* Is this what strangers get? */
static bool
is_plain_refusal(const RwFrame *frame)
{
	static const uint8 plain[] = {RW_FRAME_MAGIC, RW_FRAME_REFUSED, 0, 0};

	return frame->len == sizeof(plain) &&
		memcmp(frame->data, plain, sizeof(plain)) == 0;
}

/* A frame with these bytes of payload, as if it had a MAC. */
static void
make_frame(RwFrame *frame, uint8 type, const void *payload, size_t len,
		   size_t mac_len)
{
	rw_frame_begin(frame, type);
	memcpy(frame->data + frame->len, payload, len);
	frame->len += len;
	rw_frame_finish(frame);
	memset(frame->data + frame->len, 0, mac_len);
	frame->len += mac_len;
}

/* A frame that this session could have sent: with its next MAC. */
static void
make_authentic(const RwSession *from, RwFrame *frame, uint8 type,
			   const void *payload, size_t len)
{
	uint8		number[RW_FRAME_NUMBER];
	RwMacPiece	pieces[] = {{number, sizeof(number)}, {frame->data, 0}};

	make_frame(frame, type, payload, len, 0);
	pieces[1].len = frame->len;
	rw_put_number(number, from->sent);
	unit_hmac(from->send_key, RW_LINE_KEY_LEN, pieces, 2,
			  frame->data + frame->len);
	frame->len += RW_FRAME_MAC;
}

static RwServer
some_server(int i)
{
	RwServer	some;

	memset(&some, 0, sizeof(some));
	some.id = (RwServerId) {{i + 1, 77}};
	some.lag = some.streaming_for = some.gone_for = -1;
	some.staleness = some.alerts = -1;
	some.replay = 1000 + i;
	some.upstream = -1;
	snprintf(some.name, sizeof(some.name), "server %d", i);
	return some;
}

static bool
mac_is(const void *key, size_t key_len, const void *data, size_t len,
	   const char *expected)
{
	RwMacPiece	pieces[] = {
		{data, len / 2},
		{(const char *) data + len / 2, len - len / 2}
	};
	uint8		mac[RW_FRAME_MAC];
	char		hex[2 * RW_FRAME_MAC + 1];

	unit_hmac(key, key_len, pieces, 2, mac);
	for (int i = 0; i < RW_FRAME_MAC; i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	return strcmp(hex, expected) == 0;
}

static void
test_hmac(void)
{
	uint8		bytes[152];
	uint8		key[131];

	section("The HMAC of these tests: RFC 4231");
	memset(key, 0x0b, 20);
	ok(mac_is(key, 20, "Hi There", 8,
			  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
	   "test case 1");
	ok(mac_is("Jefe", 4, "what do ya want for nothing?", 28,
			  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
	   "test case 2");
	memset(key, 0xaa, 20);
	memset(bytes, 0xdd, 50);
	ok(mac_is(key, 20, bytes, 50,
			  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
	   "test case 3");
	memset(key, 0xaa, 131);
	ok(mac_is(key, 131,
			  "Test Using Larger Than Block-Size Key - Hash Key First", 54,
			  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
	   "test case 6");
	ok(mac_is(key, 131,
			  "This is a test using a larger than block-size key and a "
			  "larger than block-size data. The key needs to be hashed "
			  "before being used by the HMAC algorithm.", 152,
			  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
	   "test case 7");
}

static void
test_equal(void)
{
	const uint8 *zeroes = bytes_of(0);
	uint8		other[32];
	int			wrong = 0;

	section("Bytes that are compared");
	ok(rw_bytes_equal(zeroes, bytes_of(0), 32), "equal ones");
	for (int i = 0; i < 256; i++)
	{
		memset(other, 0, sizeof(other));
		other[i / 8] = 1 << i % 8;
		wrong += rw_bytes_equal(zeroes, other, sizeof(other));
	}
	is_int(wrong, 0, "any bit makes a difference");
}

static void
test_line(void)
{
	static RwSession none;

	section("A line comes up");
	begin();
	ok(to_server.data[1] == RW_FRAME_HELLO, "the client says hello");
	is_int(at_server(&to_server), RW_SESSION_ANSWER, "the server answers");
	ok(to_client.data[1] == RW_FRAME_CHALLENGE, "with a challenge");
	ok(memcmp(server.key, none.key, RW_LINE_KEY_LEN) == 0,
	   "and needs the system's key no longer");
	is_int(at_client(&to_client), RW_SESSION_ANSWER, "the client answers");
	ok(to_server.data[1] == RW_FRAME_PROOF, "with its proof");
	is_text(server.application_name, "",
			"before it, the server takes no name");
	is_int(at_server(&to_server), RW_SESSION_PROVEN,
		   "which the server accepts");
	is_int(to_client.len, 0, "without an answer yet");
	is_text(server.application_name, "replica1", "it has the client's name");
	is_text(server.slot_name, "replica1_slot", "and its slot's");
	ok(rw_server_id_equal(server.peer, standby_id), "and its id");
	ok(rw_session_welcome(&server, &to_client), "the client is welcomed");
	is_int(at_client(&to_client), RW_SESSION_WELCOMED, "and notices");
	ok(client.state == RW_SESSION_UP && server.state == RW_SESSION_UP,
	   "both are up");
	ok(rw_server_id_equal(client.peer, upstream_id),
	   "the client has an id, too");
	ok(memcmp(client.send_key, server.receive_key, RW_LINE_KEY_LEN) == 0 &&
	   memcmp(client.receive_key, server.send_key, RW_LINE_KEY_LEN) == 0,
	   "they have the same keys");
	ok(memcmp(client.send_key, client.receive_key, RW_LINE_KEY_LEN) != 0,
	   "another one in each direction");
}

static void
test_wire(void)
{
	/* Made by hand: any other implementation has to agree. */
	static const uint8 hello[] = {
		0xf1, 1, 0, 65,
		1, 0, 8, 0, 0, 0, 0, 0, 1, 0, 0,
		2, 0, 16, 0, 0, 0, 0, 0, 0, 0x11, 0x11, 0, 0, 0, 0, 0, 0, 0, 1,
		3, 0, 32, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
		5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5
	};
	uint8		derived[16 + 16 + 32 + 64];
	uint8		key[RW_LINE_KEY_LEN];
	uint8		mac[RW_FRAME_MAC];
	RwMacPiece	piece = {derived, sizeof(derived)};
	RwMacPiece	proof[2];
	static const uint8 zero[8] = {0};

	section("The bytes on the wire");
	begin_client(&client, KEY, 5);
	begin_server(&server, KEY, 6);
	rw_session_hello(&client, &to_server);
	ok(to_server.len == sizeof(hello) &&
	   memcmp(to_server.data, hello, sizeof(hello)) == 0, "HELLO");
	(void) at_server(&to_server);
	ok(to_client.len == sizeof(hello) && to_client.data[1] == 2,
	   "CHALLENGE is as long");
	(void) at_client(&to_client);

	memcpy(derived, "replwatch client", 16);
	memcpy(derived + 16, hello + 7, 8);
	memcpy(derived + 24, hello + 7, 8);
	memcpy(derived + 32, hello + 18, 16);
	rw_put_id(derived + 48, upstream_id);
	memset(derived + 64, 5, 32);
	memset(derived + 96, 6, 32);
	unit_hmac(bytes_of(KEY), RW_LINE_KEY_LEN, &piece, 1, key);
	ok(memcmp(key, client.send_key, sizeof(key)) == 0, "the client's key");
	memcpy(derived, "replwatch server", 16);
	unit_hmac(bytes_of(KEY), RW_LINE_KEY_LEN, &piece, 1, mac);
	ok(memcmp(mac, client.receive_key, sizeof(mac)) == 0, "the server's key");

	is_int(to_server.len, 4 + 3 + 8 + 3 + 13 + 32, "PROOF");
	proof[0] = (RwMacPiece) {zero, sizeof(zero)};
	proof[1] = (RwMacPiece) {to_server.data, to_server.len - RW_FRAME_MAC};
	unit_hmac(key, sizeof(key), proof, 2, mac);
	ok(memcmp(mac, to_server.data + to_server.len - RW_FRAME_MAC,
			  sizeof(mac)) == 0, "and its MAC, the first of its direction");
}

static void
test_tell(void)
{
	static uint8 sent[RW_TREE_MAX * 1024];
	RwServer	expected;
	size_t		len = 0;
	size_t		at = 0;
	int			nservers = 0;
	int			wrong = 0;
	RwSessionEvent event = RW_SESSION_INCOMPLETE;
	uint64		state = 1;

	section("256 servers, in pieces of any size, in both directions");
	come_up();
	for (int i = 0; i < RW_TREE_MAX; i++)
	{
		expected = some_server(i);
		wrong += !rw_session_tell(&server, &expected, NOW, &to_client);
		memcpy(sent + len, to_client.data, to_client.len);
		len += to_client.len;
		wrong += !rw_session_tell(&client, &expected, NOW, &to_server);
		wrong += at_server(&to_server) != RW_SESSION_TOLD_SERVER;
		wrong += memcmp(&told, &expected, sizeof(told)) != 0;
	}
	is_int(wrong, 0, "all can be told, and upwards all come");
	ok(rw_session_end(&server, &to_client), "and that they were all");
	memcpy(sent + len, to_client.data, to_client.len);
	len += to_client.len;

	for (size_t end = 0; event != RW_SESSION_TOLD_END && end < len;)
	{
		end = Min(len, end + next_random(&state) % 700);
		for (;;)
		{
			size_t		used;
			uint8	   *copy = malloc(Max(end - at, 1));

			memcpy(copy, sent + at, end - at);
			event = rw_session_receive(&client, copy, end - at, &used, NOW,
									   &told, &to_server);
			free(copy);
			at += used;
			if (event == RW_SESSION_INCOMPLETE)
			{
				wrong += used != 0;
				break;
			}
			if (event != RW_SESSION_TOLD_SERVER)
				break;
			expected = some_server(nservers++);
			wrong += memcmp(&told, &expected, sizeof(told)) != 0;
		}
	}
	is_int(event, RW_SESSION_TOLD_END, "downwards the end comes");
	is_int(nservers, RW_TREE_MAX, "after all servers");
	is_int(wrong, 0, "each as it was told");
	is_uint(at, len, "and nothing else");
	ok(rw_session_end(&client, &to_server) &&
	   at_server(&to_server) == RW_SESSION_TOLD_END, "upwards it comes, too");
}

static void
test_strangers(void)
{
	RwFrame		frame;
	int			learned = 0;

	section("Strangers");
	begin();
	begin_client(&client, KEY + 1, 7);
	rw_session_hello(&client, &to_server);
	(void) at_server(&to_server);
	(void) at_client(&to_client);
	is_int(at_server(&to_server), RW_SESSION_IS_BROKEN,
		   "a client with another key is not accepted");
	ok(is_plain_refusal(&to_client), "it learns only that");
	is_text(server.problem, "frame is not authentic", "the server knows why");
	is_text(server.application_name, "", "and does not know its names");
	is_int(at_client(&to_client), RW_SESSION_IS_REFUSED, "the client notices");
	is_int(client.refusal, RW_LINE_REFUSED_PLAIN, "without a reason");
	is_int(client.state, RW_SESSION_BROKEN, "and that was all");
	is_int(at_server(&to_server), RW_SESSION_IS_BROKEN,
		   "the server hears it no longer");
	is_int(to_client.len, 0, "nor says anything");

	begin();
	begin_server(&server, KEY + 1, 8);
	(void) at_server(&to_server);
	(void) at_client(&to_client);
	server.state = RW_SESSION_AWAITS_WELCOME;
	(void) rw_session_welcome(&server, &to_client);
	is_int(at_client(&to_client), RW_SESSION_IS_BROKEN,
		   "a server with another key is not accepted either");
	is_int(to_server.len, 0, "and gets no answer");

	for (int type = 0; type < 256; type++)
	{
		begin();
		make_frame(&frame, type, "", 0, RW_FRAME_MAC);
		if (type == RW_FRAME_HELLO)
			continue;
		if (at_server(&frame) != RW_SESSION_IS_BROKEN ||
			!is_plain_refusal(&to_client))
			learned++;
		begin();
		(void) at_server(&to_server);
		if (at_server(&frame) != RW_SESSION_IS_BROKEN ||
			!is_plain_refusal(&to_client))
			learned++;
	}
	is_int(learned, 0, "no other frame gets anything else");

	begin();
	make_frame(&frame, RW_FRAME_HELLO, "\x01\x00\x08", 3, 0);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN, "half a HELLO");
	ok(is_plain_refusal(&to_client), "gets that, too");
	begin();
	is_int(receive(&server, "GET / HTTP/1.0", 14, &to_client),
		   RW_SESSION_IS_BROKEN, "another language");
}

/* HELLO with these fields; a NULL leaves one out. */
static RwSessionEvent
greet(const uint64 *protocol, const RwServerId *id, const uint8 *challenge,
	  size_t challenge_len)
{
	RwFrame		frame;

	begin();
	rw_frame_begin(&frame, RW_FRAME_HELLO);
	rw_frame_add(&frame, 99, "future", 6);
	if (protocol)
		rw_frame_add_number(&frame, RW_TAG_PROTOCOL, *protocol);
	if (id)
		rw_frame_add_id(&frame, RW_TAG_ID, *id);
	if (challenge)
		rw_frame_add(&frame, RW_TAG_CHALLENGE, challenge, challenge_len);
	rw_frame_finish(&frame);
	return at_server(&frame);
}

static void
test_greetings(void)
{
	const uint64 ours = 65536;
	const uint64 minor = 65536 + 17;
	const uint64 major = 2 * 65536;
	const uint64 zero = 0;
	const RwServerId none = {{0, 0}};
	const uint8 *challenge = bytes_of(9);
	RwFrame		frame;

	section("Greetings");
	is_int(greet(&ours, &standby_id, challenge, 32), RW_SESSION_ANSWER,
		   "what is not known is skipped");
	is_int(greet(&minor, &standby_id, challenge, 32), RW_SESSION_ANSWER,
		   "another minor version is accepted");
	is_int(greet(&major, &standby_id, challenge, 32), RW_SESSION_IS_BROKEN,
		   "another major version is not");
	ok(is_plain_refusal(&to_client), "but refused");
	is_text(server.problem, "unsupported protocol version",
			"and why is known");
	is_int(greet(&zero, &standby_id, challenge, 32), RW_SESSION_IS_BROKEN,
		   "nor is none");
	is_int(greet(NULL, &standby_id, challenge, 32), RW_SESSION_IS_BROKEN,
		   "a protocol is required");
	is_int(greet(&ours, NULL, challenge, 32), RW_SESSION_IS_BROKEN,
		   "so is an id");
	is_int(greet(&ours, &none, challenge, 32), RW_SESSION_IS_BROKEN,
		   "which is not zero");
	is_int(greet(&ours, &standby_id, NULL, 0), RW_SESSION_IS_BROKEN,
		   "so is a challenge");
	is_int(greet(&ours, &standby_id, challenge, 31), RW_SESSION_IS_BROKEN,
		   "of its length");

	begin();
	make_authentic(&client, &frame, RW_FRAME_HELLO,
				   to_server.data + RW_FRAME_HEADER,
				   to_server.len - RW_FRAME_HEADER);
	frame.data[3] += 2;
	frame.len += 2 - RW_FRAME_MAC;
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN,
		   "nothing but fields may follow");

	section("Proofs");
	wait_for_proof();
	make_authentic(&client, &frame, RW_FRAME_PROOF, "\x63\x00\x01x", 4);
	is_int(at_server(&frame), RW_SESSION_PROVEN, "need no names");
	is_text(server.application_name, "", "which are empty then");
	wait_for_proof();
	make_authentic(&client, &frame, RW_FRAME_PROOF, "\x04\x00\x02x\n", 5);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN,
		   "a name with a control character");
	wait_for_proof();
	make_authentic(&client, &frame, RW_FRAME_PROOF, "\x05\x00\x01\x7f", 4);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN, "a slot's likewise");
	wait_for_proof();
	make_authentic(&client, &frame, RW_FRAME_PROOF, "\x04\x00\x02x", 4);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN, "half a name");

	section("What is in the keys");
	begin();
	(void) at_server(&to_server);
	to_client.data[RW_FRAME_HEADER + 3 + 7]++;
	(void) at_client(&to_client);
	is_int(at_server(&to_server), RW_SESSION_IS_BROKEN,
		   "a version that was changed on the way");
	begin();
	to_server.data[RW_FRAME_HEADER + 11 + 3 + 15]++;
	(void) at_server(&to_server);
	(void) at_client(&to_client);
	is_int(at_server(&to_server), RW_SESSION_IS_BROKEN, "an id likewise");

	section("A client that waits for a challenge");
	begin();
	make_frame(&frame, RW_FRAME_REFUSED, "", 0, 0);
	is_int(at_client(&frame), RW_SESSION_IS_REFUSED, "can be refused");
	begin();
	make_authentic(&server, &frame, RW_FRAME_REFUSED, "\x63\x00\x00", 3);
	is_int(at_client(&frame), RW_SESSION_IS_BROKEN,
		   "but not with a MAC, by the zeroes that are no key yet");
	begin();
	is_int(at_client(&to_server), RW_SESSION_IS_BROKEN,
		   "and takes no HELLO, as its own");
}

static void
test_self(void)
{
	section("A server whose upstream server is itself");
	begin();
	server.own = standby_id;
	(void) at_server(&to_server);
	(void) at_client(&to_client);
	is_int(at_server(&to_server), RW_SESSION_IS_BROKEN, "is not accepted");
	is_int(at_client(&to_client), RW_SESSION_IS_REFUSED, "and refused");
	is_int(client.refusal, RW_LINE_NO_STANDBY, "with the reason");
}

static void
test_refusals(void)
{
	RwFrame		frame;
	uint8		bytes[3 + RW_FRAME_NUMBER] = {
		RW_TAG_REFUSAL, 0, RW_FRAME_NUMBER
	};
	int			wrong = 0;

	section("Refusals with a reason");
	for (int refusal = RW_LINE_REFUSED_PLAIN; refusal <= RW_LINE_NO_STANDBY;
		 refusal++)
	{
		prove();
		wrong += !rw_session_refuse(&server, refusal, &to_client) ||
			at_client(&to_client) != RW_SESSION_IS_REFUSED ||
			client.refusal != refusal || server.state != RW_SESSION_BROKEN;
		come_up();
		wrong += !rw_session_refuse(&server, refusal, &to_client) ||
			at_client(&to_client) != RW_SESSION_IS_REFUSED ||
			client.refusal != refusal;
	}
	is_int(wrong, 0, "come in place of a welcome, and later");
	ok(!rw_session_refuse(&server, RW_LINE_FULL, &to_client) &&
	   to_client.len == 0, "once only");

	begin();
	ok(rw_session_refuse(&server, RW_LINE_FULL, &to_client) &&
	   is_plain_refusal(&to_client), "a stranger is told none");

	prove();
	rw_put_number(bytes + 3, 1000);
	make_authentic(&server, &frame, RW_FRAME_REFUSED, bytes, sizeof(bytes));
	is_int(at_client(&frame), RW_SESSION_IS_REFUSED, "one of a later version");
	is_int(client.refusal, RW_LINE_REFUSED_PLAIN, "is a refusal all the same");
	prove();
	rw_put_number(bytes + 3, RW_LINE_NOT_REFUSED);
	make_authentic(&server, &frame, RW_FRAME_REFUSED, bytes, sizeof(bytes));
	(void) at_client(&frame);
	is_int(client.refusal, RW_LINE_REFUSED_PLAIN,
		   "also one that says it is none");
	prove();
	make_authentic(&server, &frame, RW_FRAME_REFUSED, bytes, 10);
	is_int(at_client(&frame), RW_SESSION_IS_BROKEN, "half a reason is none");

	section("Refusals without MAC");
	make_frame(&frame, RW_FRAME_REFUSED, "", 0, 0);
	prove();
	is_int(at_client(&frame), RW_SESSION_IS_REFUSED, "before the welcome");
	come_up();
	is_int(at_client(&frame), RW_SESSION_IS_BROKEN,
		   "after it, nobody can send them in the server's name");
	is_int(client.refusal, RW_LINE_NOT_REFUSED, "and it is not taken for one");

	section("A server is never refused");
	come_up();
	make_authentic(&client, &frame, RW_FRAME_REFUSED, bytes, sizeof(bytes));
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN, "with a reason");
	come_up();
	make_frame(&frame, RW_FRAME_REFUSED, "", 0, 0);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN, "nor without");
}

static void
test_turns(void)
{
	RwFrame		frame;
	RwServer	some = some_server(1);
	int			wrong = 0;

	section("Out of turn");
	prove();
	make_authentic(&client, &frame, RW_FRAME_END, "", 0);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN,
		   "a client that tells before it is welcomed");
	is_int(to_client.len, 0, "and has proven itself is told nothing");
	prove();
	ok(!rw_session_tell(&client, &some, NOW, &to_server) &&
	   to_server.len == 0 && client.state == RW_SESSION_BROKEN,
	   "nor does ours");
	begin();
	ok(!rw_session_end(&server, &to_client), "a server before");
	begin();
	ok(!rw_session_welcome(&server, &to_client),
	   "nobody is welcomed without proof");
	is_int(server.state, RW_SESSION_BROKEN, "and that is the end");
	ok(!rw_session_tell(&server, &some, NOW, &to_client) &&
	   to_client.len == 0, "after which nothing is told");

	prove();
	make_authentic(&client, &frame, RW_FRAME_WELCOME, "", 0);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN,
		   "a client does not welcome itself");
	begin();
	(void) at_server(&to_server);
	frame = to_client;
	(void) at_client(&frame);
	is_int(at_client(&frame), RW_SESSION_IS_BROKEN, "a second challenge");
	is_text(client.problem, "unexpected frame", "is known as that");
	for (int type = RW_FRAME_HELLO; type <= RW_FRAME_WELCOME; type++)
	{
		come_up();
		make_authentic(&client, &frame, type, "", 0);
		wrong += at_server(&frame) != RW_SESSION_IS_BROKEN;
		come_up();
		make_authentic(&server, &frame, type, "", 0);
		wrong += at_client(&frame) != RW_SESSION_IS_BROKEN;
	}
	is_int(wrong, 0, "no greeting twice");

	section("Types of a later version");
	come_up();
	make_authentic(&client, &frame, 77, "what is this?", 13);
	is_int(at_server(&frame), RW_SESSION_ANSWER, "are skipped");
	is_int(to_client.len, 0, "without an answer");
	client.sent++;
	ok(rw_session_end(&client, &to_server) &&
	   at_server(&to_server) == RW_SESSION_TOLD_END, "and the line goes on");
	make_frame(&frame, 77, "", 0, RW_FRAME_MAC);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN, "if they are authentic");

	section("Long frames");
	begin();
	memcpy(frame.data, "\xf1\x01\x04\x00", 4);
	is_int(receive(&server, frame.data, 4, &to_client), RW_SESSION_IS_BROKEN,
		   "are not waited for before the welcome");
	ok(is_plain_refusal(&to_client), "but refused");
	come_up();
	memcpy(frame.data, "\xf1\x05\x04\x00", 4);
	is_int(receive(&server, frame.data, 4, &to_client), RW_SESSION_INCOMPLETE,
		   "but after it");
	memcpy(frame.data, "\xf1\x05\x40\x00", 4);
	is_int(receive(&server, frame.data, 4, &to_client), RW_SESSION_IS_BROKEN,
		   "unless they are too long for anything");
	come_up();
	make_authentic(&client, &frame, RW_FRAME_SERVER, "\x10\x00\x10", 3);
	is_int(at_server(&frame), RW_SESSION_IS_BROKEN, "authentic but malformed");
	is_text(server.problem, "malformed frame", "is known as that");
}

/* Frames of a session, as somebody on the way has recorded them. */
#define RECORDED	6
static RwFrame recorded[RECORDED];

static void
record(void)
{
	RwServer	some = some_server(3);

	begin();
	recorded[0] = to_server;
	(void) at_server(&to_server);
	(void) at_client(&to_client);
	recorded[1] = to_server;
	(void) at_server(&to_server);
	(void) rw_session_welcome(&server, &to_client);
	(void) at_client(&to_client);
	for (int i = 2; i < RECORDED; i++)
	{
		some.replay++;
		(void) rw_session_tell(&client, &some, NOW, &recorded[i]);
	}
}

static void
test_recorded(void)
{
	int			wrong = 0;

	section("A recorded session");
	record();
	begin_server(&server, KEY, 200);
	is_int(at_server(&recorded[0]), RW_SESSION_ANSWER,
		   "played again, it gets a challenge");
	is_int(at_server(&recorded[1]), RW_SESSION_IS_BROKEN, "but not further");
	ok(is_plain_refusal(&to_client), "and is refused");

	section("Frames that are moved");
	record();
	for (int i = 2; i < RECORDED; i++)
		wrong += at_server(&recorded[i]) != RW_SESSION_TOLD_SERVER;
	is_int(wrong, 0, "in their order they are taken");
	for (int first = 3; first < RECORDED; first++)
	{
		record();
		wrong += at_server(&recorded[first]) != RW_SESSION_IS_BROKEN;
	}
	is_int(wrong, 0, "not if some before were dropped");
	for (int i = 2; i < RECORDED; i++)
	{
		record();
		for (int j = 2; j <= i; j++)
			(void) at_server(&recorded[j]);
		wrong += at_server(&recorded[i]) != RW_SESSION_IS_BROKEN;
	}
	is_int(wrong, 0, "nor twice");

	section("Frames that are reflected");
	record();
	is_int(at_client(&recorded[2]), RW_SESSION_IS_BROKEN,
		   "a client does not take what it has sent");
	come_up();
	(void) rw_session_end(&server, &to_client);
	is_int(at_server(&to_client), RW_SESSION_IS_BROKEN, "nor does a server");
	begin();
	(void) at_server(&to_server);
	to_client = to_server;
	to_client.data[1] = RW_FRAME_CHALLENGE;
	is_int(at_client(&to_client), RW_SESSION_ANSWER,
		   "its own HELLO as a challenge gets a proof");
	to_server.data[1] = RW_FRAME_WELCOME;
	is_int(at_client(&to_server), RW_SESSION_IS_BROKEN,
		   "which is no welcome");
}

/*
 * Does this session, which expects this frame, take it with any bit flipped?
 * What a frame without MAC says is not checked by itself.
 */
static int
flips_taken(const RwSession *session, const RwFrame *frame)
{
	int			taken = 0;

	for (size_t bit = 0; bit < frame->len * 8; bit++)
	{
		RwSession	copy = *session;
		RwFrame		flipped = *frame;
		RwFrame		out;
		size_t		used;
		RwSessionEvent event;

		flipped.data[bit / 8] ^= 1 << bit % 8;
		event = rw_session_receive(&copy, flipped.data, flipped.len, &used,
								   NOW, &told, &out);
		if (event != RW_SESSION_IS_BROKEN && event != RW_SESSION_INCOMPLETE &&
			event != RW_SESSION_IS_REFUSED)
			taken++;
	}
	return taken;
}

static void
test_flipped(void)
{
	RwServer	some = some_server(5);

	section("Any bit flipped");
	begin();
	(void) at_server(&to_server);
	(void) at_client(&to_client);
	is_int(flips_taken(&server, &to_server), 0, "in PROOF");
	(void) at_server(&to_server);
	(void) rw_session_welcome(&server, &to_client);
	is_int(flips_taken(&client, &to_client), 0, "in WELCOME");
	(void) at_client(&to_client);
	(void) rw_session_tell(&server, &some, NOW, &to_client);
	is_int(flips_taken(&client, &to_client), 0, "in SERVER");
	is_int(at_client(&to_client), RW_SESSION_TOLD_SERVER,
		   "which is taken as it is");
	(void) rw_session_end(&server, &to_client);
	is_int(flips_taken(&client, &to_client), 0, "in END");
	(void) rw_session_refuse(&server, RW_LINE_FULL, &to_client);
	(void) rw_session_end(&client, &to_server);
	prove();
	(void) rw_session_refuse(&server, RW_LINE_FULL, &to_client);
	to_client.data[to_client.len - 1] ^= 1;
	is_int(at_client(&to_client), RW_SESSION_IS_BROKEN, "in REFUSED");
}

static bool
no_mac(const uint8 *key, size_t key_len, const RwMacPiece *pieces,
	   int npieces, uint8 *mac)
{
	return false;
}

static void
test_no_hmac(void)
{
	section("An HMAC that cannot be computed");
	begin();
	server.mac = no_mac;
	is_int(at_server(&to_server), RW_SESSION_IS_BROKEN, "for the keys");
	is_text(server.problem, "could not compute HMAC", "is known as that");
	prove();
	server.mac = no_mac;
	ok(!rw_session_welcome(&server, &to_client) && to_client.len == 0 &&
	   server.state == RW_SESSION_BROKEN, "for a frame to send");
	come_up();
	(void) rw_session_end(&server, &to_client);
	client.mac = no_mac;
	is_int(at_client(&to_client), RW_SESSION_IS_BROKEN,
		   "for one that has come");
	is_text(client.problem, "could not compute HMAC", "likewise");
}

/*
 * Frames with random payloads, in the form of fields, half of them with a
 * valid MAC: no server comes of them that could not be.
 */
static void
test_random(void)
{
	int			frames = getenv("REPLWATCH_SOAK") ? 1000000 : 20000;
	uint64		state = 4711;
	int			entered = 0;
	int			taken = 0;
	int			wrong = 0;

	section("Random frames");
	for (int i = 0; i < frames; i++)
	{
		uint8		payload[256];
		size_t		len = 0;
		bool		authentic = next_random(&state) % 2 == 0;
		uint8		type = next_random(&state) % 2 == 0 ? RW_FRAME_SERVER :
			next_random(&state) % 9;
		RwFrame		frame;
		RwSessionEvent event;

		if (server.state == RW_SESSION_BROKEN || i == 0)
			come_up();
		while (len < sizeof(payload) - 24 && next_random(&state) % 8 != 0)
		{
			uint8		tag = len == 0 ? RW_TAG_SERVER_ID :
				next_random(&state) % 40;
			bool		is_text = tag == RW_TAG_LABEL || tag == RW_TAG_HOST ||
				tag == RW_TAG_NAME || tag == RW_TAG_REASON_TEXT ||
				tag == RW_TAG_VERSION;
			int			value = tag == RW_TAG_SERVER_ID ||
				tag == RW_TAG_PARENT ? RW_FRAME_ID : RW_FRAME_NUMBER;

			payload[len] = tag;
			payload[len + 1] = 0;
			payload[len + 2] = value;
			memset(payload + len + 3, is_text ? 'x' : 0, value);
			payload[len + 3 + value - 1] += next_random(&state) % 16;
			if (next_random(&state) % 8 == 0)
				payload[len + 3 + next_random(&state) % value] =
					next_random(&state);
			len += 3 + value;
		}
		if (next_random(&state) % 8 == 0 && len > 0)
			payload[next_random(&state) % len] ^= 1 << next_random(&state) % 8;
		if (authentic)
		{
			make_authentic(&client, &frame, type, payload, len);
			client.sent++;
		}
		else
			make_frame(&frame, type, payload, len, RW_FRAME_MAC);
		event = receive(&server, frame.data, frame.len, &to_client);
		if (event == RW_SESSION_IS_BROKEN)
			continue;
		entered += !authentic;
		if (event != RW_SESSION_TOLD_SERVER)
			continue;
		taken++;
		wrong += told.state > RW_STATE_DISCONNECTED ||
			told.reason > RW_REASON_RESTORE_COMMAND ||
			told.role > RW_ROLE_CASCADE || told.health > RW_HEALTH_CRITICAL ||
			told.lag < -1 || told.lag > RW_TOLD_AGE_MAX ||
			told.staleness < -1 || told.staleness > RW_TOLD_AGE_MAX ||
			told.port < 0 || told.port > 65535 || told.alerts < -1 ||
			told.seen_at < 0 || told.seen_at > NOW ||
			told.reported_at < 0 || told.reported_at > NOW ||
			(!rw_server_id_is_set(told.id) &&
			 !rw_server_id_is_set(told.parent));
	}
	is_int(entered, 0, "none is taken without a valid MAC");
	printf("# %d of %d were taken\n", taken, frames);
	ok(taken > frames / 100, "many are that have one");
	is_int(wrong, 0, "and all of these say what a server can say");
}

int
main(void)
{
	test_hmac();
	test_equal();
	test_line();
	test_wire();
	test_tell();
	test_strangers();
	test_greetings();
	test_self();
	test_refusals();
	test_turns();
	test_recorded();
	test_flipped();
	test_no_hmac();
	test_random();
	return tap_end();
}
