/*-------------------------------------------------------------------------
 *
 * frame.h
 *	  Frames of the line: bytes to fields and back.
 *
 * A pure file.  A frame is
 *
 *		0xF1 | type, 1 byte | length of the payload, 2 bytes | payload | MAC
 *
 * Numbers are big-endian.  No request of the port's other languages begins with
 * 0xF1.  All frames but HELLO, CHALLENGE and an early REFUSED have a MAC of 32
 * bytes, see session.h; the length does not include it.
 *
 * A payload is a list of fields: tag, 1 byte; length, 2 bytes; value.  A reader
 * skips a tag that it does not know, and takes a field that is missing as not
 * known, so that servers of different releases understand each other.  A field
 * of the wrong length, a text with a zero byte or a control character in it, a
 * code out of range or anything after the end makes the frame malformed.  A text
 * that is too long for its place is cut off between characters.
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

typedef enum RwFrameType
{
	RW_FRAME_HELLO = 1,			/* client: protocol, id, challenge */
	RW_FRAME_CHALLENGE,			/* server: likewise */
	RW_FRAME_PROOF,				/* client: names of its connection */
	RW_FRAME_WELCOME,			/* server */
	RW_FRAME_SERVER,			/* both: one server of the tree */
	RW_FRAME_END,				/* both: all servers have been told */
	RW_FRAME_REFUSED			/* server: a code */
} RwFrameType;

/* A frame to be sent, while it is made and after. */
typedef struct RwFrame
{
	size_t		len;
	bool		overflow;		/* a field did not fit: not to be sent */
	uint8		data[RW_FRAME_MAX];
} RwFrame;

/*
 * The length of the frame at the beginning of these bytes, without its MAC; 0
 * if its header has not come yet, -1 if they cannot be a frame.
 */
extern int	rw_frame_length(const uint8 *data, size_t len);

/* Begin a frame, add fields, and set the length in its header. */
extern void rw_frame_begin(RwFrame *frame, RwFrameType type);
extern void rw_frame_add(RwFrame *frame, uint8 tag, const void *value,
						 size_t len);
extern void rw_frame_add_number(RwFrame *frame, uint8 tag, uint64 value);
extern void rw_frame_add_text(RwFrame *frame, uint8 tag, const char *text);
extern void rw_frame_finish(RwFrame *frame);

/* The next field of a payload; *at advances.  False at the end, or malformed:
 * then *malformed is set. */
typedef struct RwField
{
	uint8		tag;
	size_t		len;
	const uint8 *value;
} RwField;

extern bool rw_frame_next(const uint8 **at, const uint8 *end, RwField *field,
						  bool *malformed);
extern bool rw_field_number(const RwField *field, uint64 *value);
extern bool rw_field_text(const RwField *field, char *text, size_t size);

/*
 * The payload of RW_FRAME_SERVER.  Ages are told, relative to `now`, so no
 * server's clock matters to another.  rw_frame_read_server() returns false if it
 * is malformed, or has neither an id nor a parent.
 */
extern void rw_frame_add_server(RwFrame *frame, const RwServer *server,
								RwTime now);
extern bool rw_frame_read_server(const uint8 *payload, size_t len,
								 RwServer *server, RwTime now);

#endif							/* RW_FRAME_H */
