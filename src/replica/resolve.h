/*-------------------------------------------------------------------------
 *
 * resolve.h
 *	  Which replica is meant by a name in a list or an argument.
 *
 * A pure file.  A replica has up to two names, the one that it is shown by and
 * its application_name, which differ if it uses a slot.  An application_name
 * that several use is nobody's name, and one that another replica is shown by
 * is only that one's.  What is looked for is, in this order,
 *
 *		the replica that is shown by exactly this name,
 *		the replica that has exactly this application_name,
 *		something else of exactly this name, such as a slot,
 *		the one thing that has a name alike (rw_name_alike).
 *
 * If there are several of the last kind, the name is ambiguous.
 *
 *		rw_search_begin(&search, name);
 *		rw_search_replicas(&search, table, size);
 *		rw_search_add(&search, slot);		(for each other thing)
 *		switch (rw_search_end(&search)) ...
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_RESOLVE_H
#define RW_RESOLVE_H

#include "src/replica/replica.h"

/* How well a name fits, from the best on. */
typedef enum RwNameFit
{
	RW_FIT_SHOWN,				/* shown by exactly this name */
	RW_FIT_APPLICATION,			/* exactly this application_name */
	RW_FIT_OTHER,				/* something else of exactly this name */
	RW_FIT_ALIKE,				/* a name that is alike */
	RW_FIT_NONE
} RwNameFit;

typedef enum RwNameFound
{
	RW_NAME_UNKNOWN,
	RW_NAME_FOUND,
	RW_NAME_AMBIGUOUS
} RwNameFound;

typedef struct RwNameSearch
{
	const char *wanted;
	RwNameFit	fit;			/* the best so far */
	int			nfound;			/* things that fit so well; at most 2 */
	char		found[2][RW_NAME_LEN];	/* the names that they are shown by */
} RwNameSearch;

/* Start to search for a name, which must stay where it is. */
extern void rw_search_begin(RwNameSearch *search, const char *wanted);

/*
 * Search the table of replicas.  A replica that is connected twice is one, as
 * are replicas that share their name.
 */
extern void rw_search_replicas(RwNameSearch *search, const RwReplica *table,
							   int size);

/* Search one more thing, which has a single name.  An empty name is none. */
extern void rw_search_add(RwNameSearch *search, const char *name);

/*
 * What has been found: search->found[0] is the name that it is shown by, which
 * is the empty string if there is none; if it is ambiguous, search->found[1]
 * is the name of another.
 */
extern RwNameFound rw_search_end(const RwNameSearch *search);

/*
 * Set `expected` of the replicas that the names of a list mean, and reset that
 * of all others.  An ambiguous name means nobody.
 */
extern void rw_mark_expected(RwReplica *table, int size,
							 const char (*names)[RW_NAME_LEN], int nnames);

/*
 * The application_name of this replica of the table, if it is a name of this
 * replica alone; else an empty string.
 */
extern const char *rw_own_application(const RwReplica *table, int size,
									  const RwReplica *replica);

#endif							/* RW_RESOLVE_H */
