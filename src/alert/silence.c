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

#include "src/alert/alert.h"

bool
rw_is_silenced(const RwSilence *silences, int nsilences,
			   RwSubjectClass class, const char *name, TimestampTz wall)
{
	int			i;

	for (i = 0; i < nsilences; i++)
	{
		if (silences[i].until > wall &&
			(silences[i].classes & RW_CLASS_BIT(class)) &&
			rw_name_equal(silences[i].name, name))
			return true;
	}
	return false;
}

bool
rw_set_silence(const RwSubjectMeant *meant, TimestampTz until,
			   TimestampTz wall)
{
	const char *name = meant->search.found[0];
	RwSilence  *silences = rw_alerts->silences;
	RwSilence	kept[RW_MAX_SILENCES];
	int			n = 0;
	int			i;

	/* Drop those that have ended, and what was silenced of this name. */
	for (i = 0; i < rw_alerts->nsilences; i++)
	{
		RwSilence  *silence = &kept[n];

		*silence = silences[i];
		if (rw_name_equal(silence->name, name))
			silence->classes &= ~meant->classes;
		if (silence->until > wall && silence->classes != 0)
			n++;
	}
	if (until > wall)
	{
		if (n == RW_MAX_SILENCES)
			return false;
		memset(&kept[n], 0, sizeof(RwSilence));
		rw_name_copy(kept[n].name, name);
		kept[n].classes = meant->classes;
		kept[n++].until = until;
	}
	memcpy(silences, kept, n * sizeof(RwSilence));
	rw_alerts->nsilences = n;
	/* Ask the worker to save it. */
	rw_alerts->requests++;
	return true;
}
