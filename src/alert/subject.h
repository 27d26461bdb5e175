/*-------------------------------------------------------------------------
 *
 * subject.h
 *	  Which subject of alerts is meant by an argument.
 *
 * A plain name means a replica where there is one (src/replica/resolve.h), and
 * with it the slot that it uses or, gone, has used.  A slot of the same name
 * that the replica does not use is another subject.  Where there is no such
 * replica, a plain name means the slot, with the replica that will use it.
 * "slot:NAME" is the slot alone.  The server itself is meant by its own name,
 * whatever else has it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_SUBJECT_H
#define RW_SUBJECT_H

#include "src/alert/alert_kinds.h"
#include "src/replica/resolve.h"

typedef struct RwSubjectMeant
{
	RwNameFound found;
	uint32		classes;		/* RW_CLASS_BIT() of each that is meant */
	RwNameSearch search;		/* found[0]: the subject's name; if it is
								 * ambiguous, found[1]: another's */
} RwSubjectMeant;

/*
 * Find what an argument means, which must stay where it is: among replicas,
 * slots, this server, what is expected or silenced, and what has alerts.  The
 * caller holds state_lock.
 */
extern void rw_find_subject_meant(RwSubjectMeant *meant, const char *argument);

#endif							/* RW_SUBJECT_H */
