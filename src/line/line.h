/*-------------------------------------------------------------------------
 *
 * line.h
 *	  The lines of this server: to its upstream server and from its standbys.
 *
 * All of it runs in the port's process, and nothing of it waits: sockets do
 * not block, and each call does a bounded amount of work.
 *
 * A standby keeps one line, to the server that its WAL receiver is connected
 * to (upstream_line.c).  A host name is looked up by a child that does
 * nothing else (resolve_child.c).  After a failure it tries again after 1 s,
 * 2 s, ... 1 min, and at once when the WAL receiver is another one or the
 * settings change.
 *
 * A server takes lines of its standbys (downstream_lines.c).  The port hands
 * over a client that has begun with RW_FRAME_MAGIC.  Until it has proven
 * itself and the walsender is found that streams to it, it stays one of the
 * port's clients, with their number and time limit (RwLineGuest).  Then it is
 * a line, for as long as that walsender lives.
 *
 * Each end tells all it knows that the other does not, when words have
 * changed, at most every 100 ms and 4 ms more for each server, and otherwise
 * each second; a standby when it has heard all that its upstream server
 * tells, so that neither wakes up for that alone.  A standby speaks first on
 * a new line, so that it recognizes itself in what it hears.  A replica that
 * has just come is told of after 2 s, or once it has reported.  A line on
 * which nothing has come for 5 s is closed.  What was told is kept when a
 * line ends, and gets older; what the upstream server told goes when the WAL
 * receiver connects to another host, or the standby is promoted.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LINE_H
#define RW_LINE_H

#include "storage/latch.h"

#include "src/base/clock.h"
#include "src/base/name.h"
#include "src/line/session.h"
#include "src/tree/tree_shared.h"

/* Lines from standbys. */
#define RW_LINES_MAX	128

/* What the port's loop has to wait for: at most one more, the line upstream. */
#define RW_LINE_SOCKETS_MAX	(RW_LINES_MAX + 1)

typedef struct RwLines RwLines;
typedef struct RwLine RwLine;
typedef struct RwLineGuest RwLineGuest;

/* Make it, in TopMemoryContext. */
extern RwLines *rw_lines_create(void);

/* The settings were read again: lines whose key has changed are closed. */
extern void rw_lines_reload(RwLines *lines);

/*
 * Do what is due: connect, send, expire, publish.  Returns when to call it
 * again at the latest.
 */
extern RwTime rw_lines_turn(RwLines *lines, RwTime now);

/* The sockets, as clients.c has them. */
extern bool rw_lines_changed(RwLines *lines);
extern bool rw_line_wait(RwLines *lines, int i, RwLine **line,
						 pgsocket *sock, uint32 *events);
extern void rw_line_serve(RwLines *lines, RwLine *line, RwTime now);

/*
 * A client that wants to be a line.  `address` as pg_stat_replication shows
 * it, empty if not known.  NULL: lines are off here, and it is to be closed.
 */
extern RwLineGuest *rw_line_guest_create(RwLines *lines, const char *address);
extern void rw_line_guest_free(RwLineGuest *guest);

typedef enum RwGuestVerdict
{
	RW_GUEST_STAYS,				/* call again when more has come, or by
								 * rw_line_guest_look() in each turn */
	RW_GUEST_GOES,				/* send what is in *out, and close */
	RW_GUEST_IS_LINE			/* rw_line_guest_adopt() */
} RwGuestVerdict;

/* Take what it has sent; *used bytes are done with.  *out is to be sent. */
extern RwGuestVerdict rw_line_guest_receive(RwLines *lines,
											RwLineGuest *guest,
											const uint8 *data, size_t len,
											size_t *used, RwTime now,
											RwFrame *out);

/* Has its walsender come meanwhile? */
extern RwGuestVerdict rw_line_guest_look(RwLines *lines, RwLineGuest *guest,
										 RwTime now, RwFrame *out);

/*
 * Make a line of it, which owns the socket from now on, with the bytes that it
 * has sent beyond and those that it has not been sent yet.  The caller keeps
 * AcquireExternalFD() as it is.
 */
extern void rw_line_guest_adopt(RwLines *lines, RwLineGuest *guest,
								pgsocket sock, const uint8 *received,
								size_t nreceived, const uint8 *unsent,
								size_t nunsent, RwTime now);

/* The port ends: nothing told counts any more. */
extern void rw_lines_end(RwLines *lines);

#endif							/* RW_LINE_H */
