/*-------------------------------------------------------------------------
 *
 * frame.h
 *	  Frames of the line: bytes to fields and back.
 *
 * A pure file.  A frame is
 *
 *		0xF1 | type, 1 byte | length of the payload, 2 bytes | payload | MAC
 *
 * Numbers are big-endian.  No request of the port's other languages begins
 * with 0xF1.  The MAC has 32 bytes, which the length does not include, see
 * session.h.  HELLO, CHALLENGE and a REFUSED without payload have none.
 *
 * A payload is a list of fields: tag, 1 byte; length, 2 bytes; value.  RwTag
 * has the tags.  A number has 8 bytes, an id 16, a challenge 32; a text is
 * one line of UTF-8 without a final zero.
 *
 * A reader skips a tag that it does not know, and takes a field that is
 * missing as not known, so that servers of different releases understand each
 * other.  A code (a state, a role, a reason) that it does not know counts as
 * missing, too.  Of two fields with one tag the later counts.  A field of the
 * wrong length, a number that is out of range, a text with a zero byte or a
 * control character in it, or anything after the last field makes the frame
 * malformed.  A text that is too long for its place is cut off between
 * characters, and each byte in it that is not UTF-8 becomes '?'.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_FRAME_H
#define RW_FRAME_H

#include "src/tree/tree.h"

#define RW_FRAME_MAGIC		0xF1
#define RW_FRAME_HEADER		4
#define RW_FRAME_MAC		32
#define RW_FRAME_MAX		16384	/* header and MAC included */
#define RW_FRAME_NUMBER		8		/* bytes of a number */
#define RW_FRAME_ID			16		/* bytes of an id */

typedef enum RwFrameType
{
	RW_FRAME_HELLO = 1,			/* client: protocol, id, challenge */
	RW_FRAME_CHALLENGE,			/* server: likewise */
	RW_FRAME_PROOF,				/* client: names of its connection */
	RW_FRAME_WELCOME,			/* server */
	RW_FRAME_SERVER,			/* both: one server of the tree */
	RW_FRAME_END,				/* both: all servers have been told */
	RW_FRAME_REFUSED			/* server: a code, if it has a MAC */
} RwFrameType;

/* The fields.  These numbers are on the wire: they never change. */
typedef enum RwTag
{
	/* HELLO and CHALLENGE, all three required */
	RW_TAG_PROTOCOL = 1,		/* number: 65536 * major + minor version */
	RW_TAG_ID = 2,				/* id */
	RW_TAG_CHALLENGE = 3,		/* challenge */

	/* PROOF */
	RW_TAG_APPLICATION_NAME = 4,	/* text */
	RW_TAG_SLOT_NAME = 5,		/* text */

	/* REFUSED */
	RW_TAG_REFUSAL = 6,			/* number: RwLineRefusal */

	/*
	 * SERVER.  Each is a field of RwServer.  Ages and lags are numbers in
	 * microseconds; a field that is not known, empty or 0 is left out.
	 */
	RW_TAG_SERVER_ID = 16,		/* id */
	RW_TAG_PARENT = 17,			/* id */
	RW_TAG_KEY = 18,			/* number */
	RW_TAG_LABEL = 19,			/* text */
	RW_TAG_HOST = 20,			/* text */
	RW_TAG_STATE = 21,			/* number: RwLinkState */
	RW_TAG_LAG = 22,			/* number */
	RW_TAG_STREAMING_FOR = 23,	/* number */
	RW_TAG_SEEN_AGE = 24,		/* number: the age of seen_at */
	RW_TAG_NAME = 25,			/* text */
	RW_TAG_ROLE = 26,			/* number: RwServerRole */
	RW_TAG_TIMELINE = 27,		/* number */
	RW_TAG_REPLAY = 28,			/* number */
	RW_TAG_STALENESS = 29,		/* number */
	RW_TAG_OF_PRIMARY = 30,		/* number: 0 or 1 */
	RW_TAG_HEALTH = 31,			/* number: RwHealth */
	RW_TAG_REASON = 32,			/* number: RwReason */
	RW_TAG_OWN_REASON = 33,		/* number: 0 or 1 */
	RW_TAG_REASON_TEXT = 34,	/* text */
	RW_TAG_ALERTS = 35,			/* number */
	RW_TAG_PORT = 36,			/* number */
	RW_TAG_VERSION = 37,		/* text */
	RW_TAG_REPORT_AGE = 38,		/* number: the age of reported_at */
	RW_TAG_GONE_FOR = 39		/* number */
} RwTag;

/* A frame to be sent, while it is made and after. */
typedef struct RwFrame
{
	size_t		len;
	bool		overflow;		/* a field did not fit: not to be sent */
	uint8		data[RW_FRAME_MAX];
} RwFrame;

/*
 * The length of the frame at the beginning of these bytes, without its MAC,
 * whether or not all of it has come; 0 if its header has not, -1 if they
 * cannot be a frame.
 */
extern int	rw_frame_length(const uint8 *data, size_t len);

/*
 * Begin a frame, add fields, and set the length in its header.  Room for a
 * MAC is left.  An empty text adds nothing; a longer one than any place has
 * is cut off.
 */
extern void rw_frame_begin(RwFrame *frame, RwFrameType type);
extern void rw_frame_add(RwFrame *frame, uint8 tag, const void *value,
						 size_t len);
extern void rw_frame_add_number(RwFrame *frame, uint8 tag, uint64 value);
extern void rw_frame_add_id(RwFrame *frame, uint8 tag, RwServerId id);
extern void rw_frame_add_text(RwFrame *frame, uint8 tag, const char *text);
extern void rw_frame_finish(RwFrame *frame);

/*
 * The next field of a payload; *at advances.  False at the end, or malformed:
 * then *malformed is set, which is not touched otherwise.  The others return
 * false if the field is malformed; a text's place has at most RW_REASON_LEN
 * bytes.
 */
typedef struct RwField
{
	uint8		tag;
	size_t		len;
	const uint8 *value;
} RwField;

extern bool rw_frame_next(const uint8 **at, const uint8 *end, RwField *field,
						  bool *malformed);
extern bool rw_field_number(const RwField *field, uint64 *value);
extern bool rw_field_id(const RwField *field, RwServerId *id);
extern bool rw_field_text(const RwField *field, char *text, size_t size);

/* A number and an id as bytes. */
extern void rw_put_number(uint8 *to, uint64 value);
extern void rw_put_id(uint8 *to, RwServerId id);

/*
 * The payload of RW_FRAME_SERVER.  Ages are told, relative to `now`, so no
 * server's clock matters to another.  rw_frame_read_server() returns false if
 * it is malformed, or has neither an id nor a parent.  What a server without
 * an id says of itself has no time, and without a parent nobody has seen it.
 * What a parent sees counts only with RW_TAG_SEEN_AGE.  Lags and ages of more
 * than RW_TOLD_AGE_MAX count as that.
 */
#define RW_TOLD_AGE_MAX		(36500 * RW_DAY)

extern void rw_frame_add_server(RwFrame *frame, const RwServer *server,
								RwTime now);
extern bool rw_frame_read_server(const uint8 *payload, size_t len,
								 RwServer *server, RwTime now);

#endif							/* RW_FRAME_H */
