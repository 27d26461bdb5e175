/*-------------------------------------------------------------------------
 *
 * port.h
 *	  The port: a process that answers health checks and scrapes.
 *
 * One process, "replwatch port", runs while replwatch.port is set, from the
 * start of the server, before consistency, and whether or not a standby
 * accepts connections.  It uses shared memory and no database, and sockets
 * that do not block; on a primary without clients and lines it has no timer.
 * Its answers are read from shared memory.  The sampling worker starts it and
 * takes the samples, but the port goes on without it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PORT_H
#define RW_PORT_H

/* Define replwatch.listen_addresses; called once from _PG_init. */
extern void rw_port_settings(void);

/* The process's entry point, started by the postmaster (base/process.h). */
extern PGDLLEXPORT void rw_port_main(Datum arg);

#endif							/* RW_PORT_H */
