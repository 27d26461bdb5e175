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

#include "nodes/nodes.h"

/* Define the setting; called once from _PG_init. */
extern void rw_read_after_settings(void);

/*
 * Called before a utility command.  If it sets replwatch.read_after and comes
 * from the client, waits, and returns true: the caller executes the command
 * and calls rw_read_after_end(), also after an error.  Raises what a wait
 * raises, 22P02 if the value is neither a token nor an LSN, and RW002 if it
 * was not replayed in time.
 */
extern bool rw_read_after_begin(Node *command, bool from_client);
extern void rw_read_after_end(void);

#endif							/* RW_READ_AFTER_H */
