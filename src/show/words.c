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
rw_worker_state_name(RwWorkerState state)
{
	switch (state)
	{
		case RW_WORKER_STARTING:
			return "starting";
		case RW_WORKER_RUNNING:
			return "running";
		case RW_WORKER_DOWN:
			return "not running";
	}
	return NULL;
}

const char *
rw_port_state_name(RwPortState state)
{
	switch (state)
	{
		case RW_PORT_OFF:
			return "off";
		case RW_PORT_STARTING:
			return "starting";
		case RW_PORT_LISTENING:
			return "listening";
		case RW_PORT_LISTENING_PARTLY:
			return "partly listening";
		case RW_PORT_DEAF:
			return "not listening";
		case RW_PORT_NO_SLOT:
			return "no worker slot";
		case RW_PORT_DOWN:
			return "not running";
	}
	return NULL;
}

const char *
rw_runner_state_name(RwRunnerState state)
{
	switch (state)
	{
		case RW_RUNNER_OFF:
			return "off";
		case RW_RUNNER_STARTING:
			return "starting";
		case RW_RUNNER_RUNNING:
			return "running";
		case RW_RUNNER_NO_SLOT:
			return "no worker slot";
		case RW_RUNNER_DOWN:
			return "not running";
	}
	return NULL;
}
