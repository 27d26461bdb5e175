/*-------------------------------------------------------------------------
 *
 * port.h
 *	  The port: a process that answers health checks and scrapes.
 *
 * One process, "replwatch port", runs while replwatch.port is set, from the
 * start of the server, before consistency and whether or not a standby accepts
 * connections.  It has shared memory and no database, one set of sockets that
 * do not block, and no timer while it has no client.  What it tells is read
 * from shared memory; it needs the sampling worker for samples, and to be
 * started, but goes on without it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PORT_H
#define RW_PORT_H

#include "src/base/clock.h"

/* How the port is, for those who look from outside. */
typedef enum RwPortState
{
	RW_PORT_OFF,				/* not wanted */
	RW_PORT_STARTING,
	RW_PORT_LISTENING,			/* on each address */
	RW_PORT_LISTENING_PARTLY,	/* on some */
	RW_PORT_DEAF,				/* it runs, and has no address yet */
	RW_PORT_NO_SLOT,			/* max_worker_processes leaves no room */
	RW_PORT_DOWN				/* nobody is there to start it */
} RwPortState;

/* What the process itself tells of that. */
typedef enum RwPortListens
{
	RW_LISTENS_NOT_YET,
	RW_LISTENS_NOWHERE,
	RW_LISTENS_SOMEWHERE,
	RW_LISTENS_EVERYWHERE
} RwPortListens;

/*
 * How the port is; also where the library is not preloaded.  `sampled`: there
 * is a sampling worker, or will be.
 */
extern RwPortState rw_port_state(bool sampled);

/*
 * Have the process started if the settings want it and none runs; when that is
 * impossible, say so once in the log.  Called by the sampling worker now and
 * then.
 */
extern void rw_port_ensure(RwTime now);

extern PGDLLEXPORT void rw_port_main(Datum arg);

#endif							/* RW_PORT_H */
