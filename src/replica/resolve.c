/*-------------------------------------------------------------------------
 *
 * resolve.c
 *	  Which replica is meant by a name in a list or an argument.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/replica/resolve.h"

void
rw_search_begin(RwNameSearch *search, const char *wanted)
{
	memset(search, 0, sizeof(RwNameSearch));
	search->wanted = wanted;
	search->fit = RW_FIT_NONE;
}

/* Something that is shown by this name fits so well. */
static void
note_found(RwNameSearch *search, RwNameFit fit, const char *shown)
{
	if (fit > search->fit)
		return;
	if (fit < search->fit)
	{
		search->fit = fit;
		search->nfound = 0;
	}
	for (int i = 0; i < search->nfound; i++)
	{
		if (rw_name_equal(search->found[i], shown))
			return;
	}
	if (search->nfound < 2)
		rw_name_copy(search->found[search->nfound++], shown);
}

/* Is this name alike, and does that matter still? */
static bool
is_alike(const RwNameSearch *search, const char *name)
{
	return search->fit >= RW_FIT_ALIKE && rw_name_alike(name, search->wanted);
}

/*
 * Does somebody else in the table use this name, as the one that it is shown
 * by or as its application_name?
 */
static bool
is_used_elsewhere(const RwReplica *table, int size, const RwReplica *replica,
				  const char *name)
{
	for (int i = 0; i < size; i++)
	{
		if (table[i].used && !rw_name_equal(table[i].name, replica->name) &&
			(rw_name_equal(table[i].name, name) ||
			 rw_name_equal(table[i].application_name, name)))
			return true;
	}
	return false;
}

const char *
rw_own_application(const RwReplica *table, int size, const RwReplica *replica)
{
	const char *name = replica->application_name;

	if (rw_name_equal(name, replica->name) ||
		!is_used_elsewhere(table, size, replica, name))
		return name;
	return "";
}

void
rw_search_replicas(RwNameSearch *search, const RwReplica *table, int size)
{
	const char *wanted = search->wanted;

	/* Nothing fits better than the name that one is shown by. */
	for (int i = 0; i < size && search->fit != RW_FIT_SHOWN; i++)
	{
		const RwReplica *replica = &table[i];
		bool		exact;

		if (!replica->used)
			continue;
		if (rw_name_equal(replica->name, wanted))
			note_found(search, RW_FIT_SHOWN, replica->name);
		else if (is_alike(search, replica->name))
			note_found(search, RW_FIT_ALIKE, replica->name);

		/* Few get to the last test, which goes through the whole table. */
		exact = rw_name_equal(replica->application_name, wanted);
		if ((exact || is_alike(search, replica->application_name)) &&
			rw_own_application(table, size, replica)[0] != '\0')
			note_found(search, exact ? RW_FIT_APPLICATION : RW_FIT_ALIKE,
					   replica->name);
	}
}

void
rw_search_add(RwNameSearch *search, const char *name)
{
	if (name[0] == '\0')
		return;
	if (rw_name_equal(name, search->wanted))
		note_found(search, RW_FIT_OTHER, name);
	else if (is_alike(search, name))
		note_found(search, RW_FIT_ALIKE, name);
}

RwNameFound
rw_search_end(const RwNameSearch *search)
{
	if (search->nfound == 0)
		return RW_NAME_UNKNOWN;
	return search->nfound == 1 ? RW_NAME_FOUND : RW_NAME_AMBIGUOUS;
}

void
rw_mark_expected(RwReplica *table, int size,
				 const char (*names)[RW_NAME_LEN], int nnames)
{
	for (int i = 0; i < size; i++)
		table[i].expected = false;

	for (int i = 0; i < nnames; i++)
	{
		RwNameSearch search;

		rw_search_begin(&search, names[i]);
		rw_search_replicas(&search, table, size);
		if (rw_search_end(&search) != RW_NAME_FOUND)
			continue;
		for (int j = 0; j < size; j++)
		{
			if (table[j].used && rw_name_equal(table[j].name, search.found[0]))
				table[j].expected = true;
		}
	}
}
