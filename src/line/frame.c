/*-------------------------------------------------------------------------
 *
 * frame.c
 *	  Frames of the line: bytes to fields and back.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/line/frame.h"
#include "src/observe/start_command.h"

#define FIELD_HEADER	3		/* tag and length */

int
rw_frame_length(const uint8 *data, size_t len)
{
	int			length;

	if (len > 0 && data[0] != RW_FRAME_MAGIC)
		return -1;
	if (len < RW_FRAME_HEADER)
		return 0;
	length = RW_FRAME_HEADER + (data[2] << 8 | data[3]);
	return length > RW_FRAME_MAX - RW_FRAME_MAC ? -1 : length;
}

/*
 * Writing
 */

void
rw_put_number(uint8 *to, uint64 value)
{
	for (int i = 0; i < RW_FRAME_NUMBER; i++)
		to[i] = (uint8) (value >> (56 - 8 * i));
}

void
rw_put_id(uint8 *to, RwServerId id)
{
	rw_put_number(to, id.part[0]);
	rw_put_number(to + RW_FRAME_NUMBER, id.part[1]);
}

void
rw_frame_begin(RwFrame *frame, RwFrameType type)
{
	frame->overflow = false;
	frame->data[0] = RW_FRAME_MAGIC;
	frame->data[1] = (uint8) type;
	frame->len = RW_FRAME_HEADER;
}

void
rw_frame_add(RwFrame *frame, uint8 tag, const void *value, size_t len)
{
	size_t		room = RW_FRAME_MAX - RW_FRAME_MAC - frame->len;
	uint8	   *at = frame->data + frame->len;

	if (frame->overflow || room < FIELD_HEADER || len > room - FIELD_HEADER)
	{
		frame->overflow = true;
		return;
	}
	at[0] = tag;
	at[1] = (uint8) (len >> 8);
	at[2] = (uint8) len;
	memcpy(at + FIELD_HEADER, value, len);
	frame->len += FIELD_HEADER + len;
}

void
rw_frame_add_number(RwFrame *frame, uint8 tag, uint64 value)
{
	uint8		bytes[RW_FRAME_NUMBER];

	rw_put_number(bytes, value);
	rw_frame_add(frame, tag, bytes, sizeof(bytes));
}

void
rw_frame_add_id(RwFrame *frame, uint8 tag, RwServerId id)
{
	uint8		bytes[RW_FRAME_ID];

	rw_put_id(bytes, id);
	rw_frame_add(frame, tag, bytes, sizeof(bytes));
}

void
rw_frame_add_text(RwFrame *frame, uint8 tag, const char *text)
{
	char		line[RW_REASON_LEN];

	/* Without what a reader would refuse. */
	rw_first_line(line, text, sizeof(line));
	if (line[0] != '\0')
		rw_frame_add(frame, tag, line, strlen(line));
}

void
rw_frame_finish(RwFrame *frame)
{
	size_t		len = frame->len - RW_FRAME_HEADER;

	frame->data[2] = (uint8) (len >> 8);
	frame->data[3] = (uint8) len;
}

/*
 * Reading
 */

static uint64
get_number(const uint8 *from)
{
	uint64		value = 0;

	for (int i = 0; i < RW_FRAME_NUMBER; i++)
		value = value << 8 | from[i];
	return value;
}

bool
rw_frame_next(const uint8 **at, const uint8 *end, RwField *field,
			  bool *malformed)
{
	size_t		left = end - *at;

	if (left == 0)
		return false;
	if (left >= FIELD_HEADER)
	{
		field->tag = (*at)[0];
		field->len = (size_t) (*at)[1] << 8 | (*at)[2];
		field->value = *at + FIELD_HEADER;
		if (field->len <= left - FIELD_HEADER)
		{
			*at = field->value + field->len;
			return true;
		}
	}
	*malformed = true;
	return false;
}

bool
rw_field_number(const RwField *field, uint64 *value)
{
	if (field->len != RW_FRAME_NUMBER)
		return false;
	*value = get_number(field->value);
	return true;
}

bool
rw_field_id(const RwField *field, RwServerId *id)
{
	if (field->len != RW_FRAME_ID)
		return false;
	id->part[0] = get_number(field->value);
	id->part[1] = get_number(field->value + RW_FRAME_NUMBER);
	return true;
}

bool
rw_field_text(const RwField *field, char *text, size_t size)
{
	/* A character of four bytes may begin at the last place. */
	char		copy[RW_REASON_LEN + 4];
	size_t		len = Min(field->len, size + 3);

	Assert(size > 0 && size <= RW_REASON_LEN);
	for (size_t i = 0; i < field->len; i++)
	{
		if (field->value[i] < ' ' || field->value[i] == 0x7f)
			return false;
	}
	memcpy(copy, field->value, len);
	copy[len] = '\0';
	memset(text, 0, size);
	rw_first_line(text, copy, size);
	return true;
}

/* A number up to `max`. */
static bool
field_up_to(const RwField *field, uint64 max, uint64 *value)
{
	return rw_field_number(field, value) && *value <= max;
}

static bool
field_bool(const RwField *field, bool *value)
{
	uint64		number;

	if (!field_up_to(field, 1, &number))
		return false;
	*value = number == 1;
	return true;
}

/* A code from 0 to `last`; one that is not known becomes `unknown`. */
static bool
field_code(const RwField *field, int last, int unknown, int *code)
{
	uint64		number;

	if (!rw_field_number(field, &number))
		return false;
	*code = number <= (uint64) last ? (int) number : unknown;
	return true;
}

static bool
field_duration(const RwField *field, int64 *value)
{
	uint64		number;

	if (!field_up_to(field, PG_INT64_MAX, &number))
		return false;
	*value = Min((int64) number, RW_TOLD_AGE_MAX);
	return true;
}

/* The moment that is so long ago: never RW_NEVER. */
static bool
field_age(const RwField *field, RwTime now, RwTime *at)
{
	int64		age;

	if (!field_duration(field, &age))
		return false;
	*at = Max(now - age, RW_NEVER + 1);
	return true;
}

/*
 * A server
 */

static void
add_duration(RwFrame *frame, uint8 tag, int64 value)
{
	if (value >= 0)
		rw_frame_add_number(frame, tag, value);
}

static void
add_age(RwFrame *frame, uint8 tag, RwTime at, RwTime now)
{
	if (at != RW_NEVER)
		rw_frame_add_number(frame, tag, Max(now - at, 0));
}

static void
add_unless_zero(RwFrame *frame, uint8 tag, uint64 value)
{
	if (value != 0)
		rw_frame_add_number(frame, tag, value);
}

static void
add_unless_none(RwFrame *frame, uint8 tag, RwServerId id)
{
	if (rw_server_id_is_set(id))
		rw_frame_add_id(frame, tag, id);
}

void
rw_frame_add_server(RwFrame *frame, const RwServer *server, RwTime now)
{
	add_unless_none(frame, RW_TAG_SERVER_ID, server->id);
	add_unless_none(frame, RW_TAG_PARENT, server->parent);
	add_unless_zero(frame, RW_TAG_KEY, server->key);

	if (server->seen_at != RW_NEVER)
	{
		rw_frame_add_text(frame, RW_TAG_LABEL, server->label);
		rw_frame_add_text(frame, RW_TAG_HOST, server->host);
		rw_frame_add_number(frame, RW_TAG_STATE, server->state);
		add_duration(frame, RW_TAG_LAG, server->lag);
		add_duration(frame, RW_TAG_STREAMING_FOR, server->streaming_for);
		add_duration(frame, RW_TAG_GONE_FOR, server->gone_for);
		add_age(frame, RW_TAG_SEEN_AGE, server->seen_at, now);
	}

	rw_frame_add_text(frame, RW_TAG_NAME, server->name);
	add_unless_zero(frame, RW_TAG_ROLE, server->role);
	add_unless_zero(frame, RW_TAG_TIMELINE, server->tli);
	add_unless_zero(frame, RW_TAG_REPLAY, server->replay);
	add_duration(frame, RW_TAG_STALENESS, server->staleness);
	add_unless_zero(frame, RW_TAG_OF_PRIMARY, server->of_primary);
	rw_frame_add_number(frame, RW_TAG_HEALTH, server->health);
	if (server->reason != RW_REASON_NONE)
	{
		rw_frame_add_number(frame, RW_TAG_REASON, server->reason);
		add_unless_zero(frame, RW_TAG_OWN_REASON, server->own_reason);
		rw_frame_add_text(frame, RW_TAG_REASON_TEXT, server->reason_text);
	}
	if (server->alerts >= 0)
		rw_frame_add_number(frame, RW_TAG_ALERTS, server->alerts);
	add_unless_zero(frame, RW_TAG_PORT, server->port);
	rw_frame_add_text(frame, RW_TAG_VERSION, server->version);
	add_age(frame, RW_TAG_REPORT_AGE, server->reported_at, now);
}

/* What a parent sees, and whose replica it is. */
static bool
read_seen_field(const RwField *field, RwServer *server, RwTime now)
{
	int			code;

	switch (field->tag)
	{
		case RW_TAG_PARENT:
			return rw_field_id(field, &server->parent);
		case RW_TAG_KEY:
			return rw_field_number(field, &server->key);
		case RW_TAG_LABEL:
			return rw_field_text(field, server->label, sizeof(server->label));
		case RW_TAG_HOST:
			return rw_field_text(field, server->host, sizeof(server->host));
		case RW_TAG_STATE:
			if (!field_code(field, RW_STATE_DISCONNECTED, RW_STATE_STARTUP,
							&code))
				return false;
			server->state = code;
			return true;
		case RW_TAG_LAG:
			return field_duration(field, &server->lag);
		case RW_TAG_STREAMING_FOR:
			return field_duration(field, &server->streaming_for);
		case RW_TAG_GONE_FOR:
			return field_duration(field, &server->gone_for);
		case RW_TAG_SEEN_AGE:
			return field_age(field, now, &server->seen_at);
	}
	return true;
}

/* What a server says of itself. */
static bool
read_own_field(const RwField *field, RwServer *server, RwTime now)
{
	uint64		number;
	int			code;

	switch (field->tag)
	{
		case RW_TAG_SERVER_ID:
			return rw_field_id(field, &server->id);
		case RW_TAG_NAME:
			return rw_field_text(field, server->name, sizeof(server->name));
		case RW_TAG_ROLE:
			if (!field_code(field, RW_ROLE_CASCADE, RW_ROLE_UNKNOWN, &code))
				return false;
			server->role = code;
			return true;
		case RW_TAG_TIMELINE:
			if (!field_up_to(field, PG_UINT32_MAX, &number))
				return false;
			server->tli = (uint32) number;
			return true;
		case RW_TAG_REPLAY:
			return rw_field_number(field, &server->replay);
		case RW_TAG_STALENESS:
			return field_duration(field, &server->staleness);
		case RW_TAG_OF_PRIMARY:
			return field_bool(field, &server->of_primary);
		case RW_TAG_HEALTH:
			if (!field_code(field, RW_HEALTH_CRITICAL, RW_HEALTH_UNKNOWN,
							&code))
				return false;
			server->health = code;
			return true;
		case RW_TAG_REASON:
			if (!field_code(field, RW_REASON_RESTORE_COMMAND, RW_REASON_NONE,
							&code))
				return false;
			server->reason = code;
			return true;
		case RW_TAG_OWN_REASON:
			return field_bool(field, &server->own_reason);
		case RW_TAG_REASON_TEXT:
			return rw_field_text(field, server->reason_text,
								 sizeof(server->reason_text));
		case RW_TAG_ALERTS:
			if (!field_up_to(field, PG_INT32_MAX, &number))
				return false;
			server->alerts = (int) number;
			return true;
		case RW_TAG_PORT:
			if (!field_up_to(field, 65535, &number))
				return false;
			server->port = (int) number;
			return true;
		case RW_TAG_VERSION:
			return rw_field_text(field, server->version,
								 sizeof(server->version));
		case RW_TAG_REPORT_AGE:
			return field_age(field, now, &server->reported_at);
	}
	return true;
}

bool
rw_frame_read_server(const uint8 *payload, size_t len, RwServer *server,
					 RwTime now)
{
	const uint8 *at = payload;
	RwField		field;
	bool		malformed = false;

	memset(server, 0, sizeof(RwServer));
	rw_server_clear_seen(server);
	server->staleness = -1;
	server->health = RW_HEALTH_UNKNOWN;
	server->alerts = -1;
	server->upstream = -1;

	while (rw_frame_next(&at, payload + len, &field, &malformed))
	{
		if (!read_seen_field(&field, server, now) ||
			!read_own_field(&field, server, now))
			return false;
	}
	if (malformed ||
		(!rw_server_id_is_set(server->id) &&
		 !rw_server_id_is_set(server->parent)))
		return false;

	/* Parts that nobody has told. */
	if (!rw_server_id_is_set(server->id))
		server->reported_at = RW_NEVER;
	if (!rw_server_id_is_set(server->parent))
	{
		server->key = 0;
		server->seen_at = RW_NEVER;
	}
	if (server->seen_at == RW_NEVER)
		rw_server_clear_seen(server);
	if (server->reason == RW_REASON_NONE)
	{
		server->own_reason = false;
		memset(server->reason_text, 0, sizeof(server->reason_text));
	}
	return true;
}
