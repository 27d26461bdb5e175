/*-------------------------------------------------------------------------
 *
 * own_names.h
 *	  The names by which this server has been known upstream.
 *
 * A pure file.  A standby is known to its upstream server by its slot and by
 * its application_name.  Promoted, it has neither any more where a failover
 * manager takes them out of the configuration, but it must not miss itself
 * as a replica: so it remembers them.  They are in shared memory
 * (replica_shared.h) and in the state file, whatever the server's role was
 * when that was written.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_OWN_NAMES_H
#define RW_OWN_NAMES_H

#include "src/base/name.h"

#define RW_MAX_OWN_NAMES	8

/* Memory filled with zeros has no names. */
typedef struct RwOwnNames
{
	int			n;
	char		names[RW_MAX_OWN_NAMES][RW_NAME_LEN];	/* newest first */
} RwOwnNames;

/*
 * The server is known upstream by this slot and this application_name, either
 * of which may be empty.  If there are too many names, the oldest are dropped.
 */
extern void rw_own_names_note(RwOwnNames *own, const char *slot_name,
							  const char *application_name);

/*
 * Take over names from a file, whose contents may be anything: what is no name
 * is left out.
 */
extern void rw_own_names_restore(RwOwnNames *own, const RwOwnNames *saved);

#endif							/* RW_OWN_NAMES_H */
