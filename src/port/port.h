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

extern PGDLLEXPORT void rw_port_main(Datum arg);

#endif							/* RW_PORT_H */
