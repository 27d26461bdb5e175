/*-------------------------------------------------------------------------
 *
 * clients.h
 *	  The clients of the port, each with a request and a time limit.
 *
 * A client asks once, is answered and has to go.  From connection to end it
 * has five seconds, whatever it does, and there is room for 64.  When the room
 * is full, who has been idle longest gives way to a newcomer: idle is who has
 * not asked yet, or does not read the answer.  Newcomers wait, in the
 * system's queue, until somebody has been idle for a tenth of a second, since
 * who has just come is not idle yet.
 *
 * Nothing here waits: sockets do not block, and each call does a bounded
 * amount of work.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_CLIENTS_H
#define RW_CLIENTS_H

#include "src/base/clock.h"

#define RW_CLIENTS_MAX		64
#define RW_CLIENT_TIME		(5 * RW_SECOND)

typedef struct RwClient RwClient;

/* Make room for the clients; once a process. */
extern void rw_clients_init(void);

/* Take one newcomer, if there is one; false if there is none, or no room. */
extern bool rw_clients_accept(pgsocket listening, RwTime now);

/* Can a newcomer be taken?  If not, *when is when to ask again. */
extern bool rw_clients_have_room(RwTime now, RwTime *when);

/* Go on with a client whose socket is ready; it may be another by now. */
extern void rw_client_serve(RwClient *client, RwTime now);

/* Send those away whose time is over; returns when the next one's is. */
extern RwTime rw_clients_expire(RwTime now);

/*
 * The clients' sockets, and what each waits for: for client number i, from 0
 * to RW_CLIENTS_MAX - 1, or false if there is none.
 */
extern bool rw_client_wait(int i, RwClient **client, pgsocket *sock,
						   uint32 *events);

/* Have sockets come or gone since the last call, or what they wait for? */
extern bool rw_clients_changed(void);

#endif							/* RW_CLIENTS_H */
