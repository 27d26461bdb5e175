/*-------------------------------------------------------------------------
 *
 * fuzz_line.c
 *	  Feeds bytes to the line.
 *
 * Built with clang's libFuzzer and sanitizers; "make fuzz" runs it, on the
 * inputs in unit/corpus/line and on those that it derives from them.  The
 * first byte of an input chooses what the rest is: the payload of a frame
 * that tells a server; what a stranger sends to a server, or to a client; or
 * frames of somebody who has the key, to either.  A stranger's bytes come in
 * pieces of sizes that the second byte chooses.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres_fe.h"

#include "unit/fuzz.h"
#include "unit/line/pair.h"

#define NOW		(2000 * RW_DAY)

static RwSession client;
static RwSession server;
static RwFrame out;
static RwServer told;

/* What was read can be told to others, and they read the same. */
static void
check_server(const RwServer *read)
{
	static RwFrame frame;
	static RwServer again;

	MUST(rw_server_id_is_set(read->id) || rw_server_id_is_set(read->parent));
	MUST(read->state <= RW_STATE_DISCONNECTED);
	MUST(read->reason <= RW_REASON_RESTORE_COMMAND);
	MUST(read->role <= RW_ROLE_CASCADE);
	MUST(read->health <= RW_HEALTH_CRITICAL);
	MUST(read->lag >= -1 && read->lag <= RW_TOLD_AGE_MAX);
	MUST(read->streaming_for >= -1 && read->streaming_for <= RW_TOLD_AGE_MAX);
	MUST(read->gone_for >= -1 && read->gone_for <= RW_TOLD_AGE_MAX);
	MUST(read->staleness >= -1 && read->staleness <= RW_TOLD_AGE_MAX);
	MUST(read->alerts >= -1);
	MUST(read->port >= 0 && read->port <= 65535);
	MUST(read->seen_at >= 0 && read->seen_at <= NOW);
	MUST(read->reported_at >= 0 && read->reported_at <= NOW);
	MUST(memchr(read->label, '\0', sizeof(read->label)) != NULL);
	MUST(memchr(read->host, '\0', sizeof(read->host)) != NULL);
	MUST(memchr(read->name, '\0', sizeof(read->name)) != NULL);
	MUST(memchr(read->reason_text, '\0', sizeof(read->reason_text)) != NULL);
	MUST(memchr(read->version, '\0', sizeof(read->version)) != NULL);

	rw_frame_begin(&frame, RW_FRAME_SERVER);
	rw_frame_add_server(&frame, read, NOW);
	MUST(!frame.overflow);
	MUST(rw_frame_read_server(frame.data + RW_FRAME_HEADER,
							  frame.len - RW_FRAME_HEADER, &again, NOW));
	MUST(memcmp(read, &again, sizeof(again)) == 0);
}

/* Both ends, as far as bytes need nobody else for it. */
static void
begin(void)
{
	size_t		used;

	begin_client(&client, 1, 2);
	begin_server(&server, 1, 3);
	rw_session_hello(&client, &out);
	MUST(rw_session_receive(&server, out.data, out.len, &used, NOW, &told,
							&out) == RW_SESSION_ANSWER);
}

static void
come_up(void)
{
	size_t		used;
	RwFrame		frame;

	begin();
	frame = out;
	MUST(rw_session_receive(&client, frame.data, frame.len, &used, NOW, &told,
							&out) == RW_SESSION_ANSWER);
	frame = out;
	MUST(rw_session_receive(&server, frame.data, frame.len, &used, NOW, &told,
							&out) == RW_SESSION_PROVEN);
	MUST(rw_session_welcome(&server, &frame));
	MUST(rw_session_receive(&client, frame.data, frame.len, &used, NOW, &told,
							&out) == RW_SESSION_WELCOMED);
}

/* Nobody gets in without the key. */
static void
receive_from_stranger(RwSession *session, const uint8 *data, size_t len,
					  size_t step)
{
	size_t		at = 0;
	size_t		end = 0;

	while (end < len)
	{
		RwSessionEvent event = RW_SESSION_ANSWER;

		end = Min(end + step, len);
		while (event != RW_SESSION_INCOMPLETE)
		{
			/* In memory of just that size: to read beyond it is an error. */
			uint8	   *copy = malloc(Max(end - at, 1));
			size_t		used;

			memcpy(copy, data + at, end - at);
			event = rw_session_receive(session, copy, end - at, &used, NOW,
									   &told, &out);
			free(copy);
			MUST(used <= end - at);
			MUST(out.len <= RW_FRAME_EARLY_MAX);
			MUST(event == RW_SESSION_INCOMPLETE ||
				 event == RW_SESSION_ANSWER ||
				 event == RW_SESSION_IS_REFUSED ||
				 event == RW_SESSION_IS_BROKEN);
			MUST(session->state != RW_SESSION_UP);
			if (session->state == RW_SESSION_BROKEN)
				return;
			MUST((used > 0) == (event == RW_SESSION_ANSWER));
			at += used;
		}
	}
}

/* Frames with a valid MAC: type, length and payload of each are the input. */
static void
receive_from_peer(RwSession *from, RwSession *to, const uint8 *data,
				  size_t len)
{
	static RwFrame frame;

	while (len > 0)
	{
		uint8		number[RW_FRAME_NUMBER];
		RwMacPiece	pieces[] = {{number, sizeof(number)}, {frame.data, 0}};
		size_t		payload = 0;
		size_t		used;
		RwSessionEvent event;

		rw_frame_begin(&frame, data[0]);
		if (len >= 3)
		{
			payload = Min(data[1] << 8 | data[2], len - 3);
			payload = Min(payload,
						  RW_FRAME_MAX - RW_FRAME_MAC - RW_FRAME_HEADER);
			memcpy(frame.data + RW_FRAME_HEADER, data + 3, payload);
		}
		frame.len += payload;
		rw_frame_finish(&frame);
		rw_put_number(number, from->sent++);
		pieces[1].len = frame.len;
		unit_hmac(from->send_key, RW_LINE_KEY_LEN, pieces, lengthof(pieces),
				  frame.data + frame.len);
		frame.len += RW_FRAME_MAC;
		event = rw_session_receive(to, frame.data, frame.len, &used, NOW,
								   &told, &out);
		if (event == RW_SESSION_TOLD_SERVER)
			check_server(&told);
		MUST(event != RW_SESSION_PROVEN && event != RW_SESSION_WELCOMED);
		MUST(out.len == 0);
		if (to->state == RW_SESSION_BROKEN)
			return;
		MUST(event != RW_SESSION_INCOMPLETE && used == frame.len);
		len -= Min(len, 3 + payload);
		data += 3 + payload;
	}
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	uint8	   *copy;
	size_t		step;

	if (size < 2)
		return 0;
	step = data[1] + 1;
	switch (data[0] % 6)
	{
		case 0:
			copy = malloc(size - 1);
			memcpy(copy, data + 1, size - 1);
			if (rw_frame_read_server(copy, size - 1, &told, NOW))
				check_server(&told);
			free(copy);
			break;
		case 1:
			begin_server(&server, 1, 3);
			receive_from_stranger(&server, data + 2, size - 2, step);
			break;
		case 2:
			begin();
			receive_from_stranger(&server, data + 2, size - 2, step);
			break;
		case 3:
			begin_client(&client, 1, 2);
			receive_from_stranger(&client, data + 2, size - 2, step);
			break;
		case 4:
			come_up();
			receive_from_peer(&client, &server, data + 1, size - 1);
			break;
		case 5:
			come_up();
			receive_from_peer(&server, &client, data + 1, size - 1);
			break;
	}
	return 0;
}
