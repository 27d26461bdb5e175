/*-------------------------------------------------------------------------
 *
 * read_after.h
 *	  SET replwatch.read_after: a wait that is a setting.
 *
 * The command SET takes no snapshot, so it can wait where a function can't:
 * before the first query of a REPEATABLE READ transaction, and in the same
 * transaction, hence on the same server, as the read behind a transaction
 * pooler.  It waits once, when it is executed; the value is then only
 * remembered.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_READ_AFTER_H
#define RW_READ_AFTER_H

/* Define the setting and follow SET; called once from _PG_init. */
extern void rw_read_after_init(void);

#endif							/* RW_READ_AFTER_H */
