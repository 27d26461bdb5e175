/*-------------------------------------------------------------------------
 *
 * observe_peers.c
 *	  One look at the server: the peer of each walsender.
 *
 * Peers come from the backend status array, which can only be read by copying
 * all of it.  A process that observes often therefore remembers its peers.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/socket.h>

#include "common/ip.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/memutils.h"

#include "src/base/compat.h"
#include "src/base/locks.h"
#include "src/observe/intern.h"
#include "src/observe/start_command.h"

/* A remembered peer is looked up again after this time. */
#define PEER_AGE_MAX		(10 * RW_SECOND)

/* Room for the host and service names that getnameinfo() makes. */
#define NAMEINFO_LEN		128

typedef struct RememberedPeer
{
	int			pid;
	RwTime		at;
	RwPeer		peer;
	const PGPROC *proc;			/* of its walsender; NULL: not known */
} RememberedPeer;

/* What this process remembers, [max_wal_senders]; NULL until it does. */
static RememberedPeer *remembered = NULL;

/*
 * Applications choose their names freely.  Control characters would break
 * lines in logs and on pages.
 */
static void
copy_printable_name(char *dst, const char *src)
{
	rw_name_copy(dst, src);
	for (; *dst; dst++)
	{
		if ((unsigned char) *dst < ' ' || *dst == 0x7f)
			*dst = '?';
	}
}

static void
describe_peer(RwSenderFacts *sender, const LocalPgBackendStatus *local)
{
	RwPeer	   *peer = &sender->peer;
	const PgBackendStatus *status = &local->backendStatus;
	const SockAddr *client = &status->st_clientaddr;
	RwStartCommand command;

	copy_printable_name(peer->application_name, status->st_appname);
	peer->role = status->st_userid;
	peer->backend_start = status->st_proc_start_timestamp;
	peer->backend_xmin = local->backend_xmin;
	if (sender->state == RW_SENDER_STARTUP && status->st_activity_raw &&
		rw_start_command_in(status->st_activity_raw, &command))
	{
		peer->asked_lsn = command.lsn;
		peer->asked_tli = command.tli;
		rw_clean_name(peer->asked_slot, command.slot, RW_NAME_LEN);
	}

	if (client->addr.ss_family == AF_UNIX)
		peer->port = -1;
	else if (client->addr.ss_family == AF_INET ||
			 client->addr.ss_family == AF_INET6)
	{
		char		host[NAMEINFO_LEN];
		char		service[NAMEINFO_LEN];

		if (pg_getnameinfo_all(&client->addr, client->salen,
							   host, sizeof(host), service, sizeof(service),
							   NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		{
			char	   *zone = strchr(host, '%');

			/* The inet type takes no zone. */
			if (zone)
				*zone = '\0';
			rw_address_copy(peer->address, host);
			peer->port = atoi(service);
			if (status->st_clienthostname)
				strlcpy(peer->hostname, status->st_clienthostname,
						sizeof(peer->hostname));
		}
	}
}

/*
 * Find the peers of all walsenders in this process's copy of the backend
 * status array.  Returns true if all of them are there.
 */
static bool
find_peers(RwFacts *facts)
{
	int			nbackends = rw_backend_status_number();
	int			found = 0;
	int			i;
	int			j;

	for (i = 1; i <= nbackends && found < facts->nsenders; i++)
	{
		LocalPgBackendStatus *local = rw_backend_status(i);

		if (local == NULL ||
			local->backendStatus.st_backendType != B_WAL_SENDER)
			continue;
		for (j = 0; j < facts->nsenders; j++)
		{
			RwSenderFacts *sender = &facts->senders[j];

			if (sender->pid == local->backendStatus.st_procpid)
			{
				describe_peer(sender, local);
				found++;
				break;
			}
		}
	}
	return found == facts->nsenders;
}

/*
 * The xmin of a walsender now, which changes with each feedback of its standby.
 * Reading it needs no lock.
 */
static TransactionId
present_xmin(const RememberedPeer *peer)
{
	const volatile PGPROC *proc = peer->proc;

	return proc && proc->pid == peer->pid ? proc->xmin : InvalidTransactionId;
}

/* Fill in the peers as remembered; false if one of them is not. */
static bool
recall_peers(RwFacts *facts)
{
	int			i;

	for (i = 0; i < facts->nsenders; i++)
	{
		RwSenderFacts *sender = &facts->senders[i];
		int			j;

		for (j = 0; j < max_wal_senders; j++)
		{
			if (remembered[j].pid == sender->pid &&
				facts->now - remembered[j].at < PEER_AGE_MAX)
			{
				sender->peer = remembered[j].peer;
				sender->peer.backend_xmin = present_xmin(&remembered[j]);
				break;
			}
		}
		if (j == max_wal_senders)
			return false;
	}
	return true;
}

void
rw_observe_peers(RwFacts *facts, bool remember)
{
	int			i;

	if (facts->nsenders == 0)
		return;

	if (!remember)
	{
		/*
		 * The first copy of the status array is kept until the end of the
		 * transaction, and pg_stat_activity shows it, too.  It is discarded
		 * only if a walsender has started since.
		 */
		if (!find_peers(facts))
		{
			pgstat_clear_backend_activity_snapshot();
			(void) find_peers(facts);
		}
		return;
	}

	if (remembered == NULL)
		remembered = MemoryContextAllocZero(TopMemoryContext,
											max_wal_senders * sizeof(RememberedPeer));
	if (recall_peers(facts))
		return;

	pgstat_clear_backend_activity_snapshot();
	(void) find_peers(facts);
	pgstat_clear_backend_activity_snapshot();

	/* Taken first: a peer is remembered with its PGPROC, or not at all. */
	rw_hold_for_call(ProcArrayLock);
	memset(remembered, 0, max_wal_senders * sizeof(RememberedPeer));
	for (i = 0; i < facts->nsenders; i++)
	{
		/* One that can't be described yet is looked up again next time. */
		if (facts->senders[i].peer.backend_start != 0)
		{
			remembered[i].pid = facts->senders[i].pid;
			remembered[i].at = facts->now;
			remembered[i].peer = facts->senders[i].peer;
			remembered[i].proc = BackendPidGetProc(facts->senders[i].pid);
		}
	}
	rw_release_after_call(ProcArrayLock);
}
