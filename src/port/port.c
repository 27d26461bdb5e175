/*-------------------------------------------------------------------------
 *
 * port.c
 *	  The port: a process that answers health checks and scrapes.
 *
 * Whatever comes from the network is bounded before it is looked at
 * (clients.c, request.c, request_parameters.c); a fault here would restart the
 * whole server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "src/base/compat.h"
#include "src/base/process.h"
#include "src/port/clients.h"
#include "src/port/listen.h"
#include "src/port/page.h"
#include "src/port/port.h"
#include "src/settings.h"

/* An address that can't be had is tried for again, less and less often. */
#define BIND_PAUSE_MIN		(1 * RW_SECOND)
#define BIND_PAUSE_MAX		(1 * RW_MINUTE)

/*
 * And never so often that looking up names would leave less than nine tenths
 * of the time to clients: a name server that is silent can take long.  But
 * what took long may have been this process, which was stopped.
 */
#define BIND_REST			9
#define BIND_REST_MAX		(10 * RW_MINUTE)

/* Latch, postmaster, listening sockets, clients */
#define EVENTS_MAX			(2 + RW_LISTEN_MAX + RW_CLIENTS_MAX)

/* Newcomers that are taken in one go. */
#define ACCEPT_MAX			16

/* What the loop waits for; made anew when that changes. */
static WaitEventSet *
make_set(bool with_listeners)
{
	WaitEventSet *set = rw_create_wait_event_set(EVENTS_MAX);
	int			i;

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (i = 0; with_listeners && i < rw_listen_count; i++)
		AddWaitEventToSet(set, WL_SOCKET_READABLE, rw_listen_sockets[i], NULL,
						  NULL);
	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		RwClient   *client;
		pgsocket	sock;
		uint32		events;

		if (rw_client_wait(i, &client, &sock, &events))
			AddWaitEventToSet(set, events, sock, NULL, client);
	}
	return set;
}

static void
accept_newcomers(RwTime now)
{
	int			i;
	int			n;

	for (i = 0; i < rw_listen_count; i++)
	{
		for (n = 0; n < ACCEPT_MAX; n++)
		{
			if (!rw_clients_accept(rw_listen_sockets[i], now))
				break;
		}
	}
}

/* The earlier of two moments, of which either may be none. */
static RwTime
earlier(RwTime a, RwTime b)
{
	if (a == RW_NEVER || b == RW_NEVER)
		return a == RW_NEVER ? b : a;
	return Min(a, b);
}

void
rw_port_main(Datum arg)
{
	WaitEventSet *set = NULL;
	WaitEvent	events[EVENTS_MAX];
	MemoryContext context;
	RwTime		bind_at;		/* RW_NEVER: all that is wanted is bound */
	RwTime		bind_pause = RW_NEVER;
	bool		set_listens = false;
	uint32		wait_event;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	/* A second one has nothing to do, and is not to be started again. */
	if (!rw_process_claim(RW_PROCESS_PORT))
		proc_exit(0);

	wait_event = rw_wait_event("ReplwatchPort");
	rw_clients_init();
	context = AllocSetContextCreate(TopMemoryContext, "replwatch port",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	bind_at = rw_clock_now();

	while (!ShutdownRequestPending)
	{
		RwTime		now;
		RwTime		next;
		RwTime		room_at = RW_NEVER;
		bool		listens;
		long		timeout;
		int			nevents;
		int			i;

		CHECK_FOR_INTERRUPTS();
		now = rw_clock_now();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			bind_at = now;
			bind_pause = RW_NEVER;
		}
		/* Started while it was wanted, it may not be any more. */
		if (rw_port == 0)
			proc_exit(0);
		if (rw_port_serves != RW_SERVES_HEALTH)
			rw_pages_init();

		if (bind_at != RW_NEVER && now >= bind_at)
		{
			RwTime		begin = now;

			/* It is said once, not each time. */
			if (rw_listen(bind_pause == RW_NEVER))
			{
				rw_process_report(RW_PROCESS_PORT, rw_listen_count > 0 ?
								  RW_PROCESS_RUNNING :
								  RW_PROCESS_RUNNING_DEAF);
				bind_at = bind_pause = RW_NEVER;
			}
			else
			{
				rw_process_report(RW_PROCESS_PORT, rw_listen_count > 0 ?
								  RW_PROCESS_RUNNING_PARTLY :
								  RW_PROCESS_RUNNING_DEAF);
				bind_pause = bind_pause == RW_NEVER ? BIND_PAUSE_MIN :
					Min(2 * bind_pause, BIND_PAUSE_MAX);
				now = rw_clock_now();
				bind_at = now + Max(bind_pause,
									Min(BIND_REST * (now - begin),
										BIND_REST_MAX));
				ereport(DEBUG1,
						(errmsg_internal("replwatch port tries again to listen, after a pause of %d s",
										 (int) (bind_pause / RW_SECOND))));
			}
			if (set)
				FreeWaitEventSet(set);
			set = NULL;
		}

		next = earlier(rw_clients_expire(now), bind_at);
		listens = rw_clients_have_room(now, &room_at);
		if (!listens)
			next = earlier(next, room_at);

		if (rw_clients_changed() || set == NULL || listens != set_listens)
		{
			if (set)
				FreeWaitEventSet(set);
			set = make_set(listens);
			set_listens = listens;
		}
		MemoryContextReset(context);

		/* Rounded up, so that nobody wakes just before it. */
		timeout = next == RW_NEVER ? -1 :
			(Max(next - now, 0) + RW_MS - 1) / RW_MS;
		nevents = WaitEventSetWait(set, timeout, events, lengthof(events),
								   wait_event);
		now = rw_clock_now();
		for (i = 0; i < nevents; i++)
		{
			if (events[i].events & WL_LATCH_SET)
				ResetLatch(MyLatch);
			else if (events[i].user_data)
				rw_client_serve(events[i].user_data, now);
			else
				accept_newcomers(now);
		}
	}

	/* As the sampling worker: somebody may have terminated just this one. */
	proc_exit(1);
}
