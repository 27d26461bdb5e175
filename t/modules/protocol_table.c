/*-------------------------------------------------------------------------
 *
 * protocol_table.c
 *	  Does a process have the server's own table of protocol functions?
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#undef ENABLE_GSS
#include "libpq/libpq.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(has_own_table);

void		_PG_init(void);

static const PQcommMethods *servers_table = NULL;

Datum
has_own_table(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PqCommMethods == servers_table);
}

/* In the postmaster, from which all processes have it. */
void
_PG_init(void)
{
	servers_table = PqCommMethods;
}
