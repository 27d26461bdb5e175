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

/*
 * How many alerts fire on this server, silenced ones included, and in *health
 * the worst of them; -1 and unknown where they have not been judged lately.
 * Takes state_lock.
 */
extern int	rw_own_health(const RwFacts *facts, RwHealth *health);

#endif							/* RW_HEALTH_H */
