/*-------------------------------------------------------------------------
 *
 * words.c
 *	  The words for states that users see, the same in SQL and on pages.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/show/words.h"

const char *
rw_process_state_name(RwProcess process, RwProcessState state)
{
	bool		port = process == RW_PROCESS_PORT;

	switch (state)
	{
		case RW_PROCESS_OFF:
			return "off";
		case RW_PROCESS_STARTING:
			return "starting";
		case RW_PROCESS_RUNNING:
			return port ? "listening" : "running";
		case RW_PROCESS_RUNNING_PARTLY:
			return "partly listening";
		case RW_PROCESS_RUNNING_DEAF:
			return "not listening";
		case RW_PROCESS_NO_SLOT:
			return process == RW_PROCESS_SAMPLER ?
				"not running" : "no worker slot";
		case RW_PROCESS_DOWN:
			return "not running";
	}
	return NULL;
}
