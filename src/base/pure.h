/*-------------------------------------------------------------------------
 *
 * pure.h
 *	  The first include of a pure file, in place of postgres.h.
 *
 * A pure file calls no function of the server, takes the time as an argument,
 * raises no errors and keeps no state.  So its unit test is a program of its
 * own, in simulated time: "make unit" compiles each file that includes this
 * header a second time, without the server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_PURE_H
#define RW_PURE_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#endif							/* RW_PURE_H */
