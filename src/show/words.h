/*-------------------------------------------------------------------------
 *
 * words.h
 *	  The words for states that users see, the same in SQL and on pages.
 *
 * Those of links are in lag.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WORDS_H
#define RW_WORDS_H

#include "src/base/process.h"
#include "src/observe/observe.h"

/* NULL in crash recovery, which may end in either. */
extern const char *rw_role_name(const RwFacts *facts);

extern const char *rw_replay_state_name(const RwFacts *facts);
extern const char *rw_process_state_name(RwProcess process,
										 RwProcessState state);

/* NULL if no receiver runs. */
extern const char *rw_receiver_state_name(const RwReceiverFacts *receiver);

/* NULL if the slot reserves nothing yet. */
extern const char *rw_wal_status_name(const RwSlotFacts *slot);

#endif							/* RW_WORDS_H */
