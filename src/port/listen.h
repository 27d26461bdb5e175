/*-------------------------------------------------------------------------
 *
 * listen.h
 *	  The sockets on which the port listens.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_LISTEN_H
#define RW_LISTEN_H

/* More addresses than that are not listened on. */
#define RW_LISTEN_MAX	16

/* Those that are there may be at the end of a list of others. */
#define RW_SOCKETS_MAX	(2 * RW_LISTEN_MAX)

/* What is listened on now: no more than RW_LISTEN_MAX between two calls. */
extern pgsocket rw_listen_sockets[RW_SOCKETS_MAX];
extern int	rw_listen_count;

/*
 * Listen on replwatch.listen_addresses and replwatch.port, and no longer on
 * what is not among them.  Sockets that fit already stay, as do those of a
 * name that is still there and can't be looked up now.  False if something is
 * missing, most of which may come right by itself: an address that another
 * program has, a name that can't be resolved, one address too many.  Why is a
 * WARNING if `warn`.  Looking up names may take as long as the system's
 * resolver does.  Allocates in the current memory context.
 */
extern bool rw_listen(bool warn);

#endif							/* RW_LISTEN_H */
