/*-------------------------------------------------------------------------
 *
 * silence.c
 *	  Subjects whose alerts are kept from log and command.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"

#include "src/alert/alert.h"
#include "src/base/compat.h"
#include "src/lag/lag_shared.h"
#include "src/replica/expected.h"
#include "src/replica/node_name.h"
#include "src/replica/replica_shared.h"
#include "src/settings.h"

bool
rw_is_silenced(const RwSilence *silences, int nsilences, const char *name,
			   TimestampTz wall)
{
	int			i;

	for (i = 0; i < nsilences; i++)
	{
		if (silences[i].until > wall && rw_name_equal(silences[i].name, name))
			return true;
	}
	return false;
}

bool
rw_is_subject(const char *name)
{
	int			i;

	/* Unused entries of the tables have an empty name. */
	if (name[0] == '\0')
		return false;
	for (i = 0; i < rw_alerts->nsilences; i++)
	{
		if (rw_name_equal(rw_alerts->silences[i].name, name))
			return true;
	}
	for (i = 0; i < rw_max_replicas; i++)
	{
		if (rw_replicas[i].used && rw_name_equal(rw_replicas[i].name, name))
			return true;
	}
	for (i = 0; i < RW_MAX_SLOTS; i++)
	{
		if (rw_name_equal(rw_slot_notes[i].name, name))
			return true;
	}
	for (i = 0; i < rw_alerts->nfiring; i++)
	{
		if (rw_alerts->firing[i].used &&
			rw_name_equal(rw_alerts->firing[i].subject, name))
			return true;
	}
	return rw_name_equal(rw_node_name(RecoveryInProgress(),
									  rw_lag_shared->upstream_name), name) ||
		rw_is_expected(name);
}

bool
rw_set_silence(const char *name, TimestampTz until, TimestampTz wall)
{
	RwSilence  *silences = rw_alerts->silences;
	int			n = 0;
	int			i;

	/* Drop those that have ended, and an earlier one of this name. */
	for (i = 0; i < rw_alerts->nsilences; i++)
	{
		if (silences[i].until > wall && !rw_name_equal(silences[i].name, name))
			silences[n++] = silences[i];
	}
	if (until > wall)
	{
		if (n == RW_MAX_SILENCES)
			return false;
		memset(&silences[n], 0, sizeof(RwSilence));
		rw_name_copy(silences[n].name, name);
		silences[n++].until = until;
	}
	rw_alerts->nsilences = n;
	/* Ask the worker to save it. */
	rw_alerts->requests++;
	return true;
}
