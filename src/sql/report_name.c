/*-------------------------------------------------------------------------
 *
 * report_name.c
 *	  The error about an argument that may name two things.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/sql/report_name.h"

void
rw_report_ambiguous_name(const RwNameSearch *search)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("replica name \"%s\" is ambiguous", search->wanted),
			 errdetail("It could be \"%s\" or \"%s\".",
					   search->found[0], search->found[1]),
			 errhint("Write the name exactly as replwatch_status() shows it.")));
}
