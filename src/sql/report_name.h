/*-------------------------------------------------------------------------
 *
 * report_name.h
 *	  The error about an argument that may name two things.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REPORT_NAME_H
#define RW_REPORT_NAME_H

#include "src/replica/resolve.h"

/* Raise it (22023); the search has found RW_NAME_AMBIGUOUS. */
extern void rw_report_ambiguous_name(const RwNameSearch *search);

#endif							/* RW_REPORT_NAME_H */
