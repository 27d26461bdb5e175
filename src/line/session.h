/*-------------------------------------------------------------------------
 *
 * session.h
 *	  Who is at the other end of a line, and what it says.
 *
 * A pure file.  The client is the standby.
 *
 *		client			server
 *		HELLO	->				protocol, id, challenge
 *				<-	CHALLENGE	likewise
 *		PROOF	->				names of its replication connection
 *				<-	WELCOME		once that connection is found; or REFUSED
 *		SERVER... END, both ways, as often as there is something to tell
 *
 * Each direction has a key of its own.  It is HMAC-SHA-256, under the
 * system's key (key.h), of
 *
 *		"replwatch client" or "replwatch server", who sends in this direction,
 *			16 bytes
 *		the client's protocol, the server's protocol, 8 bytes each
 *		the client's id, the server's id, 16 bytes each
 *		the client's challenge, the server's challenge, 32 bytes each
 *
 * so nothing that was sent in another session, or in the other direction, is
 * valid.  A frame's MAC is HMAC-SHA-256, under that key, of
 *
 *		its number: of the frames with a MAC in this direction, from 0, 8 bytes
 *		its header, 4 bytes, and its payload
 *
 * so no frame can be left out, repeated or moved.  MACs are compared in
 * constant time.  The client proves itself first: a stranger gets nothing but
 * a challenge and a refusal without a reason, an empty REFUSED without MAC.
 * That is valid until WELCOME.  Any other refusal has a MAC.
 *
 * Until WELCOME a frame has at most RW_FRAME_EARLY_MAX bytes.  After it,
 * frames of a type that is not known are skipped: a later minor version may
 * have them.  The session never reads beyond what it is given, and after
 * anything that is malformed, out of turn or not authentic it is broken for
 * good.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SESSION_H
#define RW_SESSION_H

#include "src/line/frame.h"

#define RW_LINE_PROTOCOL	1	/* another major version is refused, */
#define RW_LINE_MINOR		0	/* another minor is not */
#define RW_FRAME_EARLY_MAX	1024
#define RW_LINE_KEY_LEN		32
#define RW_CHALLENGE_LEN	32

/*
 * HMAC-SHA-256 of these pieces, in this order; false if it cannot be
 * computed.  key.h has the server's.
 */
typedef struct RwMacPiece
{
	const void *data;
	size_t		len;
} RwMacPiece;

typedef bool (*RwMacFunction) (const uint8 *key, size_t key_len,
							   const RwMacPiece *pieces, int npieces,
							   uint8 *mac);

typedef enum RwLineRefusal
{
	RW_LINE_NOT_REFUSED,
	RW_LINE_REFUSED_PLAIN,		/* no reason is given to strangers */
	RW_LINE_NO_CONNECTION,		/* no walsender here streams to this standby */
	RW_LINE_AMBIGUOUS,			/* several do, by the names and the address */
	RW_LINE_FULL,				/* there are too many lines */
	RW_LINE_NO_STANDBY			/* the other end is this server itself */
} RwLineRefusal;

typedef enum RwSessionState
{
	RW_SESSION_AWAITS_HELLO,	/* server */
	RW_SESSION_AWAITS_CHALLENGE,	/* client */
	RW_SESSION_AWAITS_PROOF,	/* server */
	RW_SESSION_AWAITS_WELCOME,	/* client; server: to be welcomed */
	RW_SESSION_UP,
	RW_SESSION_BROKEN
} RwSessionState;

typedef struct RwSession
{
	bool		client;
	RwSessionState state;
	RwMacFunction mac;
	uint8		key[RW_LINE_KEY_LEN];	/* the system's, until there are the
										 * two below */
	RwServerId	own;
	RwServerId	peer;
	uint64		peer_protocol;
	uint8		own_challenge[RW_CHALLENGE_LEN];
	uint8		peer_challenge[RW_CHALLENGE_LEN];
	uint8		send_key[RW_LINE_KEY_LEN];
	uint8		receive_key[RW_LINE_KEY_LEN];
	uint64		sent;			/* frames with a MAC */
	uint64		received;
	char		application_name[RW_NAME_LEN];	/* the client's claim, */
	char		slot_name[RW_NAME_LEN]; /* once it has proven itself */
	RwLineRefusal refusal;
	const char *problem;		/* why it is broken: a constant, or NULL */
} RwSession;

typedef enum RwSessionEvent
{
	RW_SESSION_INCOMPLETE,		/* no whole frame has come */
	RW_SESSION_ANSWER,			/* *out is to be sent, unless it is empty: a
								 * frame was skipped */
	RW_SESSION_PROVEN,			/* server: welcome or refuse the client */
	RW_SESSION_WELCOMED,		/* client: the line is up */
	RW_SESSION_TOLD_SERVER,		/* *server is set */
	RW_SESSION_TOLD_END,
	RW_SESSION_IS_REFUSED,		/* client: session->refusal; broken as well */
	RW_SESSION_IS_BROKEN		/* session->problem; *out, unless empty, is a
								 * refusal to be sent before it is closed */
} RwSessionEvent;

/* Begin.  The challenge is random, and never used again. */
extern void rw_session_begin(RwSession *session, bool client,
							 RwMacFunction mac, const uint8 *key,
							 RwServerId own, const uint8 *challenge);

/* The client's names, for its proof; before the first bytes are received. */
extern void rw_session_set_claim(RwSession *session,
								 const char *application_name,
								 const char *slot_name);

/* The client's first frame. */
extern void rw_session_hello(RwSession *session, RwFrame *out);

/*
 * Take the first frame of these bytes; *used is its length with its MAC, 0 if
 * none was whole.  Sets out->len to 0 if there is nothing to send.  A frame
 * that is longer than may be is not waited for.  A client that has proven
 * itself and has the server's own id is refused here, and broken:
 * RW_LINE_NO_STANDBY.
 */
extern RwSessionEvent rw_session_receive(RwSession *session,
										 const uint8 *data, size_t len,
										 size_t *used, RwTime now,
										 RwServer *server, RwFrame *out);

/*
 * Make a frame, with its MAC.  False if it cannot be made: the session is
 * broken then, and *out empty.  rw_session_refuse() breaks it in any case; a
 * client that has not proven itself yet is refused without a reason.
 */
extern bool rw_session_welcome(RwSession *session, RwFrame *out);
extern bool rw_session_refuse(RwSession *session, RwLineRefusal refusal,
							  RwFrame *out);
extern bool rw_session_tell(RwSession *session, const RwServer *server,
							RwTime now, RwFrame *out);
extern bool rw_session_end(RwSession *session, RwFrame *out);

/* Are these bytes equal?  Takes the same time wherever they differ. */
extern bool rw_bytes_equal(const uint8 *a, const uint8 *b, size_t len);

#endif							/* RW_SESSION_H */
