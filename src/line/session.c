/*-------------------------------------------------------------------------
 *
 * session.c
 *	  Who is at the other end of a line, and what it says.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/line/session.h"

#define LABEL_LEN			16
static const char client_label[LABEL_LEN + 1] = "replwatch client";
static const char server_label[LABEL_LEN + 1] = "replwatch server";

#define OWN_PROTOCOL		(((uint64) RW_LINE_PROTOCOL << 16) | RW_LINE_MINOR)

static const char malformed_frame[] = "malformed frame";
static const char unexpected_frame[] = "unexpected frame";
static const char not_authentic[] = "frame is not authentic";
static const char other_protocol[] = "unsupported protocol version";
static const char no_hmac[] = "could not compute HMAC";
static const char same_server[] = "other end is this server itself";

/* The largest payload that this release writes has to fit. */
StaticAssertDecl(RW_FRAME_HEADER + RW_FRAME_MAC + sizeof(RwServer) + 64 * 11 <
				 RW_FRAME_MAX, "a server does not fit into a frame");

bool
rw_bytes_equal(const uint8 *a, const uint8 *b, size_t len)
{
	volatile uint8 difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

void
rw_session_begin(RwSession *session, bool client, RwMacFunction mac,
				 const uint8 *key, RwServerId own, const uint8 *challenge)
{
	memset(session, 0, sizeof(RwSession));
	session->client = client;
	session->state = client ? RW_SESSION_AWAITS_CHALLENGE :
		RW_SESSION_AWAITS_HELLO;
	session->mac = mac;
	memcpy(session->key, key, RW_LINE_KEY_LEN);
	session->own = own;
	memcpy(session->own_challenge, challenge, RW_CHALLENGE_LEN);
}

void
rw_session_set_claim(RwSession *session, const char *application_name,
					 const char *slot_name)
{
	rw_name_copy(session->application_name, application_name);
	rw_name_copy(session->slot_name, slot_name);
}

/* It is over; whoever has not proven itself is told only that. */
static RwSessionEvent
break_session(RwSession *session, const char *problem, RwFrame *out)
{
	bool		stranger = session->state == RW_SESSION_AWAITS_HELLO ||
		session->state == RW_SESSION_AWAITS_PROOF;

	out->len = 0;
	if (stranger)
	{
		rw_frame_begin(out, RW_FRAME_REFUSED);
		rw_frame_finish(out);
	}
	session->state = RW_SESSION_BROKEN;
	session->problem = problem;
	return RW_SESSION_IS_BROKEN;
}

/*
 * Keys and MACs
 */

static bool
make_keys(RwSession *session)
{
	const RwSession *s = session;
	uint8		protocols[2][RW_FRAME_NUMBER];
	uint8		ids[2][RW_FRAME_ID];
	RwMacPiece	pieces[] = {
		{NULL, LABEL_LEN},
		{protocols, sizeof(protocols)},
		{ids, sizeof(ids)},
		{s->client ? s->own_challenge : s->peer_challenge, RW_CHALLENGE_LEN},
		{s->client ? s->peer_challenge : s->own_challenge, RW_CHALLENGE_LEN}
	};
	int			own = s->client ? 0 : 1;
	bool		made;

	rw_put_number(protocols[own], OWN_PROTOCOL);
	rw_put_number(protocols[1 - own], s->peer_protocol);
	rw_put_id(ids[own], s->own);
	rw_put_id(ids[1 - own], s->peer);

	pieces[0].data = s->client ? client_label : server_label;
	made = session->mac(session->key, RW_LINE_KEY_LEN, pieces,
						lengthof(pieces), session->send_key);
	pieces[0].data = s->client ? server_label : client_label;
	made = made && session->mac(session->key, RW_LINE_KEY_LEN, pieces,
								lengthof(pieces), session->receive_key);
	memset(session->key, 0, sizeof(session->key));
	return made;
}

static bool
make_mac(RwSession *session, bool sending, const uint8 *frame, size_t len,
		 uint8 *mac)
{
	uint8		number[RW_FRAME_NUMBER];
	RwMacPiece	pieces[] = {{number, sizeof(number)}, {frame, len}};

	rw_put_number(number, sending ? session->sent : session->received);
	return session->mac(sending ? session->send_key : session->receive_key,
						RW_LINE_KEY_LEN, pieces, lengthof(pieces), mac);
}

/* Add the MAC to a frame that has been made. */
static bool
seal_frame(RwSession *session, RwFrame *out)
{
	rw_frame_finish(out);
	if (out->overflow ||
		!make_mac(session, true, out->data, out->len, out->data + out->len))
	{
		(void) break_session(session,
							 out->overflow ? malformed_frame : no_hmac, out);
		return false;
	}
	out->len += RW_FRAME_MAC;
	session->sent++;
	return true;
}

/* Have both keys of the session been made? */
static bool
has_keys(const RwSession *session)
{
	return session->state == RW_SESSION_AWAITS_PROOF ||
		session->state == RW_SESSION_AWAITS_WELCOME ||
		session->state == RW_SESSION_UP;
}

/*
 * Frames to send
 */

static void
make_greeting(const RwSession *session, RwFrameType type, RwFrame *out)
{
	rw_frame_begin(out, type);
	rw_frame_add_number(out, RW_TAG_PROTOCOL, OWN_PROTOCOL);
	rw_frame_add_id(out, RW_TAG_ID, session->own);
	rw_frame_add(out, RW_TAG_CHALLENGE, session->own_challenge,
				 RW_CHALLENGE_LEN);
	rw_frame_finish(out);
}

void
rw_session_hello(RwSession *session, RwFrame *out)
{
	make_greeting(session, RW_FRAME_HELLO, out);
}

/* Is this the state to make a frame in?  Breaks the session otherwise. */
static bool
require_state(RwSession *session, RwSessionState state, RwFrame *out)
{
	if (session->state == state)
		return true;
	if (session->state != RW_SESSION_BROKEN)
		(void) break_session(session, unexpected_frame, out);
	out->len = 0;
	return false;
}

bool
rw_session_welcome(RwSession *session, RwFrame *out)
{
	Assert(!session->client);
	if (!require_state(session, RW_SESSION_AWAITS_WELCOME, out))
		return false;
	rw_frame_begin(out, RW_FRAME_WELCOME);
	if (!seal_frame(session, out))
		return false;
	session->state = RW_SESSION_UP;
	return true;
}

bool
rw_session_refuse(RwSession *session, RwLineRefusal refusal, RwFrame *out)
{
	bool		proven = session->state == RW_SESSION_AWAITS_WELCOME ||
		session->state == RW_SESSION_UP;
	bool		made = false;

	Assert(!session->client);
	if (session->state == RW_SESSION_BROKEN)
		out->len = 0;
	else
	{
		rw_frame_begin(out, RW_FRAME_REFUSED);
		if (proven)
		{
			rw_frame_add_number(out, RW_TAG_REFUSAL, refusal);
			made = seal_frame(session, out);
		}
		else
		{
			rw_frame_finish(out);
			made = true;
		}
	}
	session->state = RW_SESSION_BROKEN;
	session->refusal = refusal;
	return made;
}

bool
rw_session_tell(RwSession *session, const RwServer *server, RwTime now,
				RwFrame *out)
{
	if (!require_state(session, RW_SESSION_UP, out))
		return false;
	rw_frame_begin(out, RW_FRAME_SERVER);
	rw_frame_add_server(out, server, now);
	return seal_frame(session, out);
}

bool
rw_session_end(RwSession *session, RwFrame *out)
{
	if (!require_state(session, RW_SESSION_UP, out))
		return false;
	rw_frame_begin(out, RW_FRAME_END);
	return seal_frame(session, out);
}

/*
 * Frames that have come
 */

/* HELLO or CHALLENGE: false if it is malformed. */
static bool
read_greeting(RwSession *session, const uint8 *payload, const uint8 *end)
{
	RwField		field;
	bool		malformed = false;
	bool		has_challenge = false;

	while (rw_frame_next(&payload, end, &field, &malformed))
	{
		switch (field.tag)
		{
			case RW_TAG_PROTOCOL:
				if (!rw_field_number(&field, &session->peer_protocol))
					return false;
				break;
			case RW_TAG_ID:
				if (!rw_field_id(&field, &session->peer))
					return false;
				break;
			case RW_TAG_CHALLENGE:
				if (field.len != RW_CHALLENGE_LEN)
					return false;
				memcpy(session->peer_challenge, field.value, RW_CHALLENGE_LEN);
				has_challenge = true;
				break;
		}
	}
	return !malformed && has_challenge && rw_server_id_is_set(session->peer);
}

static RwSessionEvent
take_greeting(RwSession *session, const uint8 *payload, const uint8 *end,
			  RwFrame *out)
{
	if (!read_greeting(session, payload, end))
		return break_session(session, malformed_frame, out);
	if (session->peer_protocol >> 16 != RW_LINE_PROTOCOL)
		return break_session(session, other_protocol, out);
	if (!make_keys(session))
		return break_session(session, no_hmac, out);

	if (!session->client)
	{
		make_greeting(session, RW_FRAME_CHALLENGE, out);
		session->state = RW_SESSION_AWAITS_PROOF;
		return RW_SESSION_ANSWER;
	}
	session->state = RW_SESSION_AWAITS_WELCOME;
	rw_frame_begin(out, RW_FRAME_PROOF);
	rw_frame_add_text(out, RW_TAG_APPLICATION_NAME, session->application_name);
	rw_frame_add_text(out, RW_TAG_SLOT_NAME, session->slot_name);
	return seal_frame(session, out) ? RW_SESSION_ANSWER : RW_SESSION_IS_BROKEN;
}

static RwSessionEvent
take_proof(RwSession *session, const uint8 *payload, const uint8 *end,
		   RwFrame *out)
{
	RwField		field;
	bool		malformed = false;
	bool		fine = true;

	session->state = RW_SESSION_AWAITS_WELCOME;
	while (fine && rw_frame_next(&payload, end, &field, &malformed))
	{
		if (field.tag == RW_TAG_APPLICATION_NAME)
			fine = rw_field_text(&field, session->application_name,
								 RW_NAME_LEN);
		else if (field.tag == RW_TAG_SLOT_NAME)
			fine = rw_field_text(&field, session->slot_name, RW_NAME_LEN);
	}
	if (!fine || malformed)
		return break_session(session, malformed_frame, out);
	if (rw_server_id_equal(session->peer, session->own))
	{
		(void) rw_session_refuse(session, RW_LINE_NO_STANDBY, out);
		session->problem = same_server;
		return RW_SESSION_IS_BROKEN;
	}
	return RW_SESSION_PROVEN;
}

static RwSessionEvent
take_refusal(RwSession *session, const uint8 *payload, const uint8 *end,
			 RwFrame *out)
{
	RwField		field;
	bool		malformed = false;
	uint64		number = RW_LINE_REFUSED_PLAIN;

	while (rw_frame_next(&payload, end, &field, &malformed))
	{
		if (field.tag == RW_TAG_REFUSAL && !rw_field_number(&field, &number))
			malformed = true;
	}
	if (malformed)
		return break_session(session, malformed_frame, out);

	/* A code that is not known says at least that. */
	if (number == RW_LINE_NOT_REFUSED || number > RW_LINE_NO_STANDBY)
		number = RW_LINE_REFUSED_PLAIN;
	session->refusal = (RwLineRefusal) number;
	session->state = RW_SESSION_BROKEN;
	return RW_SESSION_IS_REFUSED;
}

/* May a frame of this type come now? */
static bool
is_expected(const RwSession *session, uint8 type, bool has_mac)
{
	switch (type)
	{
		case RW_FRAME_HELLO:
			return session->state == RW_SESSION_AWAITS_HELLO;
		case RW_FRAME_CHALLENGE:
			return session->state == RW_SESSION_AWAITS_CHALLENGE;
		case RW_FRAME_PROOF:
			return session->state == RW_SESSION_AWAITS_PROOF;
		case RW_FRAME_WELCOME:
			return session->client &&
				session->state == RW_SESSION_AWAITS_WELCOME;
		case RW_FRAME_REFUSED:
			return session->client &&
				(has_mac ? has_keys(session) :
				 session->state != RW_SESSION_UP);
		default:
			return session->state == RW_SESSION_UP;
	}
}

static bool
type_has_mac(uint8 type, size_t payload)
{
	return type != RW_FRAME_HELLO && type != RW_FRAME_CHALLENGE &&
		(type != RW_FRAME_REFUSED || payload > 0);
}

RwSessionEvent
rw_session_receive(RwSession *session, const uint8 *data, size_t len,
				   size_t *used, RwTime now, RwServer *server, RwFrame *out)
{
	int			length = rw_frame_length(data, len);
	const uint8 *payload;
	const uint8 *end;
	size_t		whole;
	bool		has_mac;

	*used = 0;
	out->len = 0;
	if (session->state == RW_SESSION_BROKEN)
		return RW_SESSION_IS_BROKEN;
	if (length == 0)
		return RW_SESSION_INCOMPLETE;
	if (length < 0)
		return break_session(session, malformed_frame, out);

	payload = data + RW_FRAME_HEADER;
	end = data + length;

	/* What is not to come is not waited for. */
	has_mac = type_has_mac(data[1], length - RW_FRAME_HEADER);
	whole = length + (has_mac ? RW_FRAME_MAC : 0);
	if (!is_expected(session, data[1], has_mac))
		return break_session(session, unexpected_frame, out);
	if (session->state != RW_SESSION_UP && whole > RW_FRAME_EARLY_MAX)
		return break_session(session, malformed_frame, out);
	if (len < whole)
		return RW_SESSION_INCOMPLETE;

	*used = whole;
	if (has_mac)
	{
		uint8		mac[RW_FRAME_MAC];

		if (!make_mac(session, false, data, length, mac))
			return break_session(session, no_hmac, out);
		if (!rw_bytes_equal(mac, end, RW_FRAME_MAC))
			return break_session(session, not_authentic, out);
		session->received++;
	}

	switch (data[1])
	{
		case RW_FRAME_HELLO:
		case RW_FRAME_CHALLENGE:
			return take_greeting(session, payload, end, out);
		case RW_FRAME_PROOF:
			return take_proof(session, payload, end, out);
		case RW_FRAME_WELCOME:
			session->state = RW_SESSION_UP;
			return RW_SESSION_WELCOMED;
		case RW_FRAME_REFUSED:
			return take_refusal(session, payload, end, out);
		case RW_FRAME_SERVER:
			if (!rw_frame_read_server(payload, end - payload, server, now))
				return break_session(session, malformed_frame, out);
			return RW_SESSION_TOLD_SERVER;
		case RW_FRAME_END:
			return RW_SESSION_TOLD_END;
		default:
			return RW_SESSION_ANSWER;
	}
}
