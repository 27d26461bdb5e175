/*-------------------------------------------------------------------------
 *
 * observe_recovery.h
 *	  One look at the server: the receiving side.
 *
 * Internal to the observe room; others include observe.h.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_OBSERVE_RECOVERY_H
#define RW_OBSERVE_RECOVERY_H

#include "src/observe/observe.h"

extern void rw_observe_receiver(RwReceiverFacts *receiver);
extern void rw_observe_recovery(RwRecoveryFacts *recovery);

#endif							/* RW_OBSERVE_RECOVERY_H */
