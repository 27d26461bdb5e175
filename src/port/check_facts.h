/*-------------------------------------------------------------------------
 *
 * check_facts.h
 *	  What health checks need to know of this server.
 *
 * The sampling worker publishes its part with each sample, without a lock, so
 * that who answers never waits: not for a worker that has been stopped between
 * two steps either.  The rest is read from the server when somebody asks.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_CHECK_FACTS_H
#define RW_CHECK_FACTS_H

#include "src/port/verdict.h"

/*
 * Collect what a request is judged by.  Needs no memory but, where a token is
 * asked for whose timeline is an older one, that of the history file's room,
 * for the while and from the current memory context; the file is read again
 * only after this server has changed its timeline.
 */
extern void rw_check_facts_collect(RwCheckFacts *facts, const RwRequest *request);

#endif							/* RW_CHECK_FACTS_H */
