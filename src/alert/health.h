/*-------------------------------------------------------------------------
 *
 * health.h
 *	  How well each link is: by the worst alert that fires on it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_HEALTH_H
#define RW_HEALTH_H

#include "src/lag/lag.h"

/*
 * Set the health of all links.  It stays unknown where the alerts have not
 * been judged lately, or the library is not preloaded.  Takes state_lock.
 */
extern void rw_give_health(const RwFacts *facts, RwLinks *links);

#endif							/* RW_HEALTH_H */
