/*-------------------------------------------------------------------------
 *
 * port.c
 *	  The port: a process that answers health checks and scrapes.
 *
 * Everything that comes from the network is bounded before it is parsed
 * (clients.c, request.c, request_parameters.c): a fault here would restart the
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
#include "src/base/layout.h"
#include "src/base/locks.h"
#include "src/base/process.h"
#include "src/line/line.h"
#include "src/port/intern.h"
#include "src/port/page.h"
#include "src/port/port.h"
#include "src/settings.h"

/* The pause before listening is tried again doubles, up to the limit. */
#define BIND_PAUSE_MIN		(1 * RW_SECOND)
#define BIND_PAUSE_MAX		(1 * RW_MINUTE)

/* Latch, postmaster, listening sockets, clients, lines */
#define EVENTS_MAX			(2 + RW_LISTEN_MAX + RW_CLIENTS_MAX + \
							 RW_LINE_SOCKETS_MAX)

/* How many clients are accepted on each socket in one turn of the loop. */
#define ACCEPT_MAX			64

/* The state of the process, owned by rw_port_main. */
typedef struct RwPort
{
	MemoryContext context;		/* current, and reset in each turn */
	WaitEventSet *set;			/* what the loop waits for; NULL: to be made */
	bool		set_listens;	/* the listening sockets are in the set */
	int			first_line;		/* the positions in it from here on are lines */
	int			next_line;		/* which of the lines that are ready is the
								 * first to be served */
	RwTime		bind_at;		/* next attempt to listen; RW_NEVER: none is
								 * needed */
	RwTime		bind_pause;		/* before it; RW_NEVER: the first attempt */
	RwListeners listeners;
	RwLines    *lines;
	RwClients	clients;
} RwPort;

static void
free_wait_set(RwPort *port)
{
	if (port->set)
		FreeWaitEventSet(port->set);
	port->set = NULL;
}

/* Make the set anew, with the listening sockets or without. */
static void
make_wait_set(RwPort *port, bool with_listeners)
{
	int			i;

	free_wait_set(port);
	port->set = rw_create_wait_event_set(EVENTS_MAX);
	port->set_listens = with_listeners;

	AddWaitEventToSet(port->set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch,
					  NULL);
	port->first_line = 1 +
		AddWaitEventToSet(port->set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET,
						  NULL, NULL);
	for (i = 0; with_listeners && i < port->listeners.number; i++)
		port->first_line = 1 +
			AddWaitEventToSet(port->set, WL_SOCKET_READABLE,
							  port->listeners.sockets[i].sock, NULL, NULL);
	for (i = 0; i < RW_CLIENTS_MAX; i++)
	{
		RwClient   *client;
		uint32		events;

		if (rw_client_wait(&port->clients, i, &client, &events))
			port->first_line = 1 +
				AddWaitEventToSet(port->set, events, client->sock, NULL,
								  client);
	}
	for (i = 0; i < RW_LINE_SOCKETS_MAX; i++)
	{
		RwLine	   *line;
		pgsocket	sock;
		uint32		events;

		if (rw_line_wait(port->lines, i, &line, &sock, &events))
			AddWaitEventToSet(port->set, events, sock, NULL, line);
	}
}

static void
accept_clients(RwPort *port, RwTime now)
{
	int			i;
	int			n;

	for (i = 0; i < port->listeners.number; i++)
	{
		for (n = 0; n < ACCEPT_MAX; n++)
		{
			if (!rw_clients_accept(&port->clients,
								   port->listeners.sockets[i].sock, now))
				break;
		}
	}
}

/* The earlier of two moments, either of which may be RW_NEVER. */
static RwTime
earlier(RwTime a, RwTime b)
{
	if (a == RW_NEVER || b == RW_NEVER)
		return a == RW_NEVER ? b : a;
	return Min(a, b);
}

/* Does the port listen on addresses of loopback, and no others? */
static bool
is_loopback_only(const RwListeners *listeners)
{
	int			i;

	for (i = 0; i < listeners->number; i++)
	{
		if (!rw_address_is_loopback(&listeners->sockets[i].address))
			return false;
	}
	return true;
}

/* Listen as the settings say, and set when to try again if that fails. */
static void
try_to_listen(RwPort *port)
{
	bool		complete;

	/* Only the first failure is logged. */
	complete = rw_listen(&port->listeners, port->bind_pause == RW_NEVER);
	port->clients.responder.loopback_only = is_loopback_only(&port->listeners);
	free_wait_set(port);
	rw_process_report(RW_PROCESS_PORT,
					  port->listeners.number == 0 ? RW_PROCESS_RUNNING_DEAF :
					  complete ? RW_PROCESS_RUNNING :
					  RW_PROCESS_RUNNING_PARTLY);
	if (complete)
	{
		port->bind_at = port->bind_pause = RW_NEVER;
		return;
	}

	port->bind_pause = port->bind_pause == RW_NEVER ? BIND_PAUSE_MIN :
		Min(2 * port->bind_pause, BIND_PAUSE_MAX);
	port->bind_at = rw_clock_now() + port->bind_pause;
	ereport(DEBUG1,
			(errmsg_internal("replwatch port will try again to listen after %d s",
							 (int) (port->bind_pause / RW_SECOND))));
}

/*
 * Serve the lines that are ready, after all clients.  They share what one turn
 * may do of them, so each time another one is the first.
 */
static void
serve_lines(RwPort *port, const WaitEvent *events, int nevents, RwTime now)
{
	for (int i = 0; i < nevents; i++)
	{
		const WaitEvent *event = &events[(port->next_line + i) % nevents];

		if (event->pos >= port->first_line)
			rw_line_serve(port->lines, event->user_data, now);
	}
	port->next_line = (port->next_line + 1) % EVENTS_MAX;
}

/*
 * One turn of the loop: wait until a socket is ready or something is due, and
 * serve the sockets that are.
 */
static void
wait_and_serve(RwPort *port, uint32 wait_event)
{
	WaitEvent	events[EVENTS_MAX];
	RwTime		now = rw_clock_now();
	RwTime		accept_at;
	RwTime		next;
	bool		changed;
	bool		may_accept;
	bool		knocked = false;
	long		timeout;
	int			nevents;
	int			i;

	next = earlier(rw_clients_expire(&port->clients, now), port->bind_at);
	next = earlier(next, rw_clients_try_page(&port->clients, now));
	next = earlier(next, rw_clients_look(&port->clients, now));
	next = earlier(next, rw_lines_turn(port->lines, now));
	may_accept = rw_clients_may_accept(&port->clients, now, &accept_at);
	if (!may_accept)
		next = earlier(next, accept_at);

	/* Both are asked, because each forgets it. */
	changed = rw_clients_changed(&port->clients);
	changed |= rw_lines_changed(port->lines);
	if (changed || port->set == NULL ||
		may_accept != port->set_listens)
		make_wait_set(port, may_accept);
	MemoryContextReset(port->context);

	/* Rounded up, so as not to wake just before. */
	timeout = next == RW_NEVER ? -1 :
		(Max(next - now, 0) + RW_MS - 1) / RW_MS;
	nevents = WaitEventSetWait(port->set, timeout, events, lengthof(events),
							   wait_event);
	now = rw_clock_now();
	for (i = 0; i < nevents; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		else if (events[i].pos >= port->first_line)
			continue;
		else if (events[i].user_data)
			rw_client_serve(&port->clients, events[i].user_data, now);
		else
			knocked = true;
	}
	serve_lines(port, events, nevents, now);

	/* Last, so that no client is dropped whose request has come. */
	if (knocked)
		accept_clients(port, now);
}

static void
end_lines(int code, Datum lines)
{
	rw_lines_end((RwLines *) DatumGetPointer(lines));
}

void
rw_port_main(Datum arg)
{
	RwPort	   *port;
	uint32		wait_event;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	/* A second process exits with 0, so that it is not started again. */
	if (!rw_process_claim(RW_PROCESS_PORT))
		proc_exit(0);

	/* Both take locks of the server's, once in a process. */
	(void) rw_layout_is_trusted();
	wait_event = rw_wait_event("ReplwatchPort");
	rw_locks_do_not_wait();
	port = MemoryContextAllocZero(TopMemoryContext, sizeof(RwPort));
	port->context = AllocSetContextCreate(TopMemoryContext, "replwatch port",
										  ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(port->context);
	port->lines = port->clients.lines = rw_lines_create();
	before_shmem_exit(end_lines, PointerGetDatum(port->lines));
	port->bind_at = rw_clock_now();
	port->bind_pause = RW_NEVER;

	while (!ShutdownRequestPending)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			rw_lines_reload(port->lines);

			/* Other changes touch no socket and cut no pause short. */
			if (rw_listen_is_outdated(&port->listeners))
			{
				port->bind_at = rw_clock_now();
				port->bind_pause = RW_NEVER;
			}
		}
		/* With exit code 0 it is not started again before it is wanted. */
		if (rw_port == 0)
			proc_exit(0);
		if (rw_port_serves != RW_SERVES_HEALTH)
			rw_pages_init();

		if (port->bind_at != RW_NEVER && rw_clock_now() >= port->bind_at)
			try_to_listen(port);
		wait_and_serve(port, wait_event);
	}

	/*
	 * With exit code 0 the postmaster would not start the port again when only
	 * this process was terminated.
	 */
	proc_exit(1);
}
