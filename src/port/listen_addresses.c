/*-------------------------------------------------------------------------
 *
 * listen_addresses.c
 *	  replwatch.listen_addresses, which is checked when it is set.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "src/base/compat.h"
#include "src/port/intern.h"
#include "src/port/port.h"

static char *addresses_string = NULL;
static const RwAddresses *addresses = NULL;

const RwAddresses *
rw_listen_addresses(void)
{
	return addresses;
}

static bool
check_listen_addresses(char **newval, void **extra, GucSource source)
{
	RwAddresses *parsed = rw_guc_malloc(LOG, sizeof(RwAddresses));
	RwPiece		where;

	if (parsed == NULL)
		return false;
	switch (rw_addresses_parse(*newval, parsed, &where))
	{
		case RW_ADDRESSES_FINE:
			*extra = parsed;
			return true;
		case RW_ADDRESSES_GAP:
			GUC_check_errdetail("List syntax is invalid.");
			break;
		case RW_ADDRESSES_NAME:
			GUC_check_errdetail("\"%.*s\" is not an IP address, localhost or *.",
								(int) (where.end - where.at), where.at);
			GUC_check_errhint("Names are not resolved. Use the IP address itself, localhost or *.");
			break;
		case RW_ADDRESSES_MANY:
			GUC_check_errdetail("The list can have at most %d addresses. localhost and * are two each.",
								RW_LISTEN_MAX);
			break;
	}
	rw_guc_free(parsed);
	return false;
}

static void
assign_listen_addresses(const char *newval, void *extra)
{
	addresses = extra;
}

void
rw_port_settings(void)
{
	DefineCustomStringVariable("replwatch.listen_addresses",
							   "Sets the IP addresses on which health checks and metrics are served.",
							   "A comma-separated list of addresses, localhost or *, which stands for all addresses. Names are not resolved.",
							   &addresses_string,
							   "localhost",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   check_listen_addresses,
							   assign_listen_addresses, NULL);
}
