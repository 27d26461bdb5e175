/*-------------------------------------------------------------------------
 *
 * standby_slots.h
 *	  Which slot of synchronized_standby_slots holds logical walsenders back.
 *
 * A pure file.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_STANDBY_SLOTS_H
#define RW_STANDBY_SLOTS_H

#include "src/observe/observe.h"

/*
 * Find it among facts->slots: the first of the list with which something is
 * wrong; else, of those that lack WAL, the one that lacks most.  Writes to the
 * list.
 */
extern void rw_find_standby_slot(const RwFacts *facts, char *list,
								 RwStandbySlotFacts *found);

#endif							/* RW_STANDBY_SLOTS_H */
