/*-------------------------------------------------------------------------
 *
 * observe_words.c
 *	  The words for states of the server that users see.
 *
 * SQL, JSON and metrics all show these.  A pure file.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "src/base/pure.h"

#include "src/observe/observe.h"

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
		case RW_PAUSE_NONE:
			return "replaying";
		case RW_PAUSE_REQUESTED:
			return "pause requested";
		case RW_PAUSE_PAUSED:
			return "paused";
	}
	return NULL;
}

const char *
rw_receiver_state_name(const RwReceiverFacts *receiver)
{
	if (receiver->pid == 0)
		return NULL;
	switch (receiver->state)
	{
		case RW_RECEIVER_CONNECTING:
			return "connecting";
		case RW_RECEIVER_STREAMING:
			return "streaming";
		case RW_RECEIVER_WAITING:
			return "waiting";
		case RW_RECEIVER_STOPPING:
		case RW_RECEIVER_STOPPED:
			break;
	}
	return "stopping";
}

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
