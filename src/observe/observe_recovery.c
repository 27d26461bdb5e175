/*-------------------------------------------------------------------------
 *
 * observe_recovery.c
 *	  One look at the server: the receiving side.
 *
 * A standby's startup process does not report why it does not advance, but
 * its wait event shows it, under the same names in all supported releases.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/twophase.h"
#include "access/xlog.h"
#include "access/xlogrecovery.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "replication/walreceiver.h"
#include "storage/spin.h"
#include "utils/guc.h"

#include "src/base/compat.h"
#include "src/observe/conninfo.h"
#include "src/observe/culprit.h"
#include "src/observe/intern.h"
#include "src/observe/replaying.h"

/* What a receiver calls itself without an application_name or cluster_name. */
#define DEFAULT_APPLICATION	"walreceiver"

/*
 * The application_name that libpq sends upstream, whose default a walreceiver
 * sets to cluster_name; false if there is neither.
 */
static bool
application_sent_upstream(char *name)
{
	char		application[RW_NAME_LEN];

	if (PrimaryConnInfo &&
		rw_conninfo_get(PrimaryConnInfo, "application_name",
						application, sizeof(application)))
		rw_clean_name(name, application, RW_NAME_LEN);
	else if (cluster_name && cluster_name[0] != '\0')
		rw_name_copy(name, cluster_name);
	else
		return false;
	return true;
}

/* The same, or the one that a receiver uses then. */
void
rw_own_application_name(char *name)
{
	if (!application_sent_upstream(name))
		rw_name_copy(name, DEFAULT_APPLICATION);
}

/*
 * The name under which the upstream server knows this one: its slot, else its
 * application_name, which is empty if it is the default.  A temporary
 * slot's name changes with each connection, so neither server uses it.
 */
static void
name_known_upstream(char *name, const char *running_slot,
					const char *application)
{
	if (running_slot[0] != '\0')
		rw_name_copy(name, running_slot);
	else if (PrimarySlotName && PrimarySlotName[0] != '\0')
		rw_name_copy(name, PrimarySlotName);
	else
		rw_name_copy(name, application[0] != '\0' ?
					 application : DEFAULT_APPLICATION);
}

void
rw_own_name(char *name)
{
	char		application[RW_NAME_LEN] = "";

	(void) application_sent_upstream(application);
	name_known_upstream(name, "", application);
}

void
rw_upstream_hostaddr(const char *host, char *hostaddr)
{
	hostaddr[0] = '\0';
	if (PrimaryConnInfo)
		rw_conninfo_hostaddr(PrimaryConnInfo, host, hostaddr);
}

static RwReceiverState
receiver_state_from_core(WalRcvState state)
{
	if (rw_receiver_is_connecting(state))
		return RW_RECEIVER_CONNECTING;
	switch (state)
	{
		case WALRCV_STREAMING:
			return RW_RECEIVER_STREAMING;
		case WALRCV_WAITING:
			return RW_RECEIVER_WAITING;
		case WALRCV_STOPPING:
			return RW_RECEIVER_STOPPING;
		default:
			return RW_RECEIVER_STOPPED;
	}
}

static uint32
upstream_id(const char *host, int port)
{
	return 1 | hash_combine(hash_bytes((const unsigned char *) host,
									   strlen(host)),
							(uint32) port);
}

uint32
rw_connected_upstream(void)
{
	RwReceiverFacts receiver;
	bool		connected;

	SpinLockAcquire(&WalRcv->mutex);
	connected = rw_receiver_is_connected(WalRcv);
	strlcpy(receiver.host, WalRcv->sender_host, sizeof(receiver.host));
	receiver.port = WalRcv->sender_port;
	SpinLockRelease(&WalRcv->mutex);
	return connected ? upstream_id(receiver.host, receiver.port) : 0;
}

void
rw_observe_receiver(RwReceiverFacts *receiver)
{
	char		slot[NAMEDATALEN];
	bool		connected;

	SpinLockAcquire(&WalRcv->mutex);
	receiver->pid = WalRcv->pid;
	receiver->state = receiver_state_from_core(WalRcv->walRcvState);
	receiver->flushed = WalRcv->flushedUpto;
	receiver->tli = WalRcv->receivedTLI;
	receiver->send_time = WalRcv->lastMsgSendTime;
	receiver->receipt_time = WalRcv->lastMsgReceiptTime;
	receiver->latest_end = WalRcv->latestWalEnd;
	receiver->latest_end_time = WalRcv->latestWalEndTime;
	connected = rw_receiver_is_connected(WalRcv);
	strlcpy(receiver->host, WalRcv->sender_host, sizeof(receiver->host));
	receiver->port = WalRcv->sender_port;
	/* Up to 18 a receiver is "streaming" before it has connected. */
	if (!connected && receiver->state == RW_RECEIVER_STREAMING)
		receiver->state = RW_RECEIVER_CONNECTING;
	if (WalRcv->is_temp_slot)
		slot[0] = '\0';
	else
		strlcpy(slot, WalRcv->slotname, sizeof(slot));
	SpinLockRelease(&WalRcv->mutex);

	receiver->written = pg_atomic_read_u64(&WalRcv->writtenUpto);

	/* In shared memory there may still be the server that was connected last. */
	if (!connected)
	{
		receiver->host[0] = '\0';
		receiver->port = 0;
	}
	receiver->upstream = connected ?
		upstream_id(receiver->host, receiver->port) : 0;

	/* So may the slot, but that setting may have changed since. */
	if (receiver->pid == 0)
		slot[0] = '\0';
	(void) application_sent_upstream(receiver->application_name);
	name_known_upstream(receiver->name, slot, receiver->application_name);
	rw_name_copy(receiver->slot_name, slot);
	receiver->timeout_ms = wal_receiver_timeout;
	receiver->sends_feedback = hot_standby_feedback;
	receiver->has_conninfo = PrimaryConnInfo && PrimaryConnInfo[0] != '\0';
	receiver->has_restore_command =
		recoveryRestoreCommand && recoveryRestoreCommand[0] != '\0';
	receiver->follows_latest =
		recoveryTargetTimeLineGoal == RECOVERY_TARGET_TIMELINE_LATEST;
}

bool
rw_upstream_may_be_behind(void)
{
	/* Read in this order, no healthy upstream server seems to be behind. */
	XLogRecPtr	replay = GetXLogReplayRecPtr(NULL);
	XLogRecPtr	end;
	bool		connected;
	bool		known;

	/* A receiver that starts sets both times to one value. */
	SpinLockAcquire(&WalRcv->mutex);
	connected = rw_receiver_is_connected(WalRcv);
	known = WalRcv->lastMsgSendTime != WalRcv->lastMsgReceiptTime &&
		WalRcv->latestWalEnd != InvalidXLogRecPtr;
	end = WalRcv->latestWalEnd;
	SpinLockRelease(&WalRcv->mutex);
	return connected && (!known || end < replay);
}

static RwPauseState
pause_state_from_core(RecoveryPauseState state)
{
	switch (state)
	{
		case RECOVERY_NOT_PAUSED:
			return RW_PAUSE_NONE;
		case RECOVERY_PAUSE_REQUESTED:
			return RW_PAUSE_REQUESTED;
		case RECOVERY_PAUSED:
			return RW_PAUSE_PAUSED;
	}
	return RW_PAUSE_NONE;
}

/*
 * Why replay is paused.  By hand or at the recovery target it pauses between
 * two records, for a setting within the record that reports the primary's.
 */
static void
observe_pause(RwRecoveryFacts *recovery)
{
	const int	here[RW_NUM_STANDBY_SETTINGS] = {
		MaxConnections, max_worker_processes, max_wal_senders,
		max_prepared_xacts, max_locks_per_xact
	};
	RwReplaying replaying;

	recovery->pause_cause = RW_PAUSE_BY_HAND;
	recovery->nlow = 0;
	if (recovery->pause_state != RW_PAUSE_PAUSED)
		return;
	if (rw_target_was_reached())
		recovery->pause_cause = RW_PAUSE_AT_TARGET;
	else if (rw_is_replaying())
	{
		recovery->pause_cause = RW_PAUSE_FOR_SETTING;
		if (rw_replaying_read(&replaying) &&
			replaying.kind == RW_REPLAYING_SETTINGS)
			rw_find_low_settings(recovery, here, replaying.settings);

		/* It may have been resumed since we looked. */
		recovery->pause_state = pause_state_from_core(GetRecoveryPauseState());
	}
}

void
rw_observe_recovery(RwRecoveryFacts *recovery)
{
	recovery->replay = GetXLogReplayRecPtr(&recovery->replay_tli);
	recovery->begun = GetCurrentReplayRecPtr(NULL);
	recovery->pause_state = pause_state_from_core(GetRecoveryPauseState());
	observe_pause(recovery);
	recovery->apply_delay_ms = recovery_min_apply_delay;
	recovery->latest_commit_time = GetLatestXTime();
}

/* What the startup process waits for, and whether that is WAL. */
static RwReplayWait
hold_from_wait_event(uint32 wait_event, bool *waits_for_wal)
{
	const char *type = pgstat_get_wait_event_type(wait_event);
	const char *event;

	/* Names that extensions have chosen are found under a lock. */
	if (type == NULL || strcmp(type, "Extension") == 0 ||
		strcmp(type, "InjectionPoint") == 0)
		return RW_REPLAY_WAIT_NONE;
	event = pgstat_get_wait_event(wait_event);
	*waits_for_wal = strcmp(event, "RecoveryWalStream") == 0 ||
		strcmp(event, "RecoveryRetrieveRetryInterval") == 0;
	if (strcmp(event, "RecoveryApplyDelay") == 0)
		return RW_REPLAY_WAIT_DELAY;
	if (strcmp(event, "RecoveryConflictSnapshot") == 0)
		return RW_REPLAY_WAIT_SNAPSHOT;
	if (strcmp(type, "Lock") == 0)
		return RW_REPLAY_WAIT_LOCK;
	if (strcmp(event, "BufferPin") == 0 ||
		strcmp(event, "BufferCleanup") == 0)	/* its name from 19 on */
		return RW_REPLAY_WAIT_PIN;
	if (strcmp(event, "RecoveryConflictTablespace") == 0)
		return RW_REPLAY_WAIT_TABLESPACE;
	if (strncmp(event, "RecoveryConflict", 16) == 0)
		return RW_REPLAY_WAIT_OTHER;
	return RW_REPLAY_WAIT_NONE;
}

void
rw_observe_hold(RwFacts *facts, RwTime begun_at)
{
	RwRecoveryFacts *recovery = &facts->recovery;
	TimestampTz since = begun_at == RW_NEVER ? 0 :
		facts->wall - Max(facts->now - begun_at, 0);
	PGPROC	   *proc;

	recovery->hold = RW_REPLAY_WAIT_NONE;
	recovery->waits_for_wal = false;
	recovery->nblockers = 0;
	recovery->blockers_likely = false;
	recovery->query_start = 0;
	recovery->query[0] = '\0';

	if (recovery->pause_state == RW_PAUSE_PAUSED)
	{
		recovery->hold = RW_REPLAY_WAIT_PAUSED;
		return;
	}

	proc = rw_startup_proc();
	if (proc == NULL)
		return;
	recovery->hold = hold_from_wait_event(proc->wait_event_info,
										  &recovery->waits_for_wal);
	rw_observe_blockers(recovery, since);
}
