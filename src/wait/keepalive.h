/*-------------------------------------------------------------------------
 *
 * keepalive.h
 *	  The pulse of a replication link.
 *
 * A standby whose upstream is idle hears nothing for up to half of
 * wal_receiver_timeout, and so can't tell an idle server from a dead
 * connection.  Where replwatch.tend_walsenders is on, each walsender that
 * streams to a physical standby sends the protocol's own keepalive message
 * each second.  No WAL is written, and a standby without replwatch takes the
 * message as it takes core's.
 *
 * While the standby has not replayed everything, the keepalive also asks for
 * a reply, so that the primary's figures about a standby that stands still are
 * a second old and not wal_receiver_status_interval.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_KEEPALIVE_H
#define RW_KEEPALIVE_H

#include "src/base/clock.h"

/* The time from one keepalive to the next. */
#define RW_KEEPALIVE_INTERVAL	RW_SECOND

/*
 * If this new process is a walsender, have it send keepalives and follow its
 * replica's replies, where replwatch.tend_walsenders is on.
 */
extern void rw_keepalive_connection(void);

#endif							/* RW_KEEPALIVE_H */
