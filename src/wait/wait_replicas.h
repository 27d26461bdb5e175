/*-------------------------------------------------------------------------
 *
 * wait_replicas.h
 *	  Waiting until n replicas have an LSN.
 *
 * Counted are standbys and subscribers that stream, for the stages write and
 * flush also receivers such as pg_receivewal; neither base backups nor the
 * first copy of a subscriber's table; a name counts once.
 *
 * Who waits is woken by the walsender that is told of it (keepalive.h).  A standby
 * with replwatch is asked to tell at once; without that, it reports what it
 * has replayed when it runs out of WAL, or each wal_receiver_status_interval.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WAIT_REPLICAS_H
#define RW_WAIT_REPLICAS_H

#include "access/xlogdefs.h"

#include "src/observe/observe.h"
#include "src/wait/waiters.h"

/*
 * Where one connection is at a stage; InvalidXLogRecPtr if it does not count.
 */
extern XLogRecPtr rw_replica_position(const RwSenderFacts *sender,
									  RwQueue stage);

/*
 * How many replicas have the target at a stage, of those seen.  If not NULL,
 * positions gets the position of each; it has room for all senders.
 */
extern int	rw_replica_positions(const RwFacts *facts, RwQueue stage,
								 XLogRecPtr target, XLogRecPtr *positions);

#endif							/* RW_WAIT_REPLICAS_H */
