/*-------------------------------------------------------------------------
 *
 * fail_reload.c
 *	  Has a background worker fail when it reloads its settings: for t/121.
 *
 * The worker whose name is set as fail_reload.worker raises an error when it
 * takes over the setting.
 *
 * Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

static char *worker = NULL;

static bool
check_worker(char **newval, void **extra, GucSource source)
{
	if (MyBgworkerEntry != NULL &&
		strcmp(MyBgworkerEntry->bgw_name, *newval) == 0)
		ereport(ERROR, (errmsg("fail_reload.worker is this worker")));
	return true;
}

void
_PG_init(void)
{
	DefineCustomStringVariable("fail_reload.worker",
							   "Name of the worker that is to fail.", NULL,
							   &worker, "", PGC_SIGHUP, 0,
							   check_worker, NULL, NULL);
}
