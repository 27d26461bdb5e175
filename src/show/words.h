/*-------------------------------------------------------------------------
 *
 * words.h
 *	  The words for states that users see, the same in SQL and on pages.
 *
 * Those of links are in lag/link.h, those of the server in observe/observe.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_WORDS_H
#define RW_WORDS_H

#include "src/base/process.h"

extern const char *rw_process_state_name(RwProcess process,
										 RwProcessState state);

#endif							/* RW_WORDS_H */
