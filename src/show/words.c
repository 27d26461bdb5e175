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

#include "src/base/compat.h"
#include "src/show/words.h"

const char *
rw_wal_status_name(const RwSlotFacts *slot)
{
	switch (slot->wal_status)
	{
		case RW_WAL_UNKNOWN:
			return NULL;
		case RW_WAL_RESERVED:
			return "reserved";
		case RW_WAL_EXTENDED:
			return "extended";
		case RW_WAL_UNRESERVED:
			return "unreserved";
		case RW_WAL_LOST:
			return "lost";
	}
	return NULL;
}

const char *
rw_role_name(const RwFacts *facts)
{
	int			i;

	if (!facts->in_recovery)
		return "primary";
	if (facts->crash_recovery)
		return NULL;
	for (i = 0; i < facts->nsenders; i++)
	{
		if (facts->senders[i].replica)
			return "cascade";
	}
	return "standby";
}

const char *
rw_replay_state_name(const RwFacts *facts)
{
	if (!facts->in_recovery)
		return "not in recovery";
	switch (facts->recovery.pause_state)
	{
		case RECOVERY_NOT_PAUSED:
			return "replaying";
		case RECOVERY_PAUSE_REQUESTED:
			return "pause requested";
		case RECOVERY_PAUSED:
			return "paused";
	}
	return NULL;
}

const char *
rw_receiver_state_name(const RwReceiverFacts *receiver)
{
	if (receiver->pid == 0)
		return NULL;
	if (receiver->state == WALRCV_STREAMING)
		return "streaming";
	if (receiver->state == WALRCV_WAITING)
		return "waiting";
	if (rw_receiver_is_connecting(receiver->state))
		return "connecting";
	return "stopping";
}

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
