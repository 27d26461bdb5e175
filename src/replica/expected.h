/*-------------------------------------------------------------------------
 *
 * expected.h
 *	  replwatch.expected_replicas: replicas that are missed from the start.
 *
 * The setting is a list of names, separated by commas.  A name may be in
 * double quotes, and is kept as the server would show it if a replica
 * connected under it.  An expected replica is never forgotten, and is missed
 * by a primary even if it has never connected.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_EXPECTED_H
#define RW_EXPECTED_H

#include "src/base/name.h"

/* Names that the list can have. */
#define RW_MAX_EXPECTED		64

/*
 * The names in the list, each once, in the order of rw_name_compare(), and in
 * *n how many there are.  Valid until the next reload.
 */
extern const char (*rw_expected(int *n))[RW_NAME_LEN];

/* Define the settings of this folder; called once from _PG_init. */
extern void rw_replica_settings(void);

#endif							/* RW_EXPECTED_H */
