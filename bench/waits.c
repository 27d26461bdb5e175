/*-------------------------------------------------------------------------
 *
 * waits.c
 *	  Writes on a primary and waits for replay, repeatedly, for bench/run.
 *
 *	waits cycle METHODS PRIMARY STANDBY CLIENTS HOW_LONG
 *	waits commit METHODS PRIMARY HOW_LONG
 *	waits hold SERVER CLIENTS LSN
 *
 * PRIMARY, STANDBY and SERVER are connection strings, METHODS names with
 * commas between them.  A client takes turns in its methods, of some cycles
 * each, in an order that changes: what else goes on, and where the kernel has
 * put the processes, is then the same for all of them.  HOW_LONG is a number
 * of seconds or, with an x after it, of each client's waits.
 *
 * cycle: each client has a thread and a connection to both servers.  It
 * updates a row of its own on the primary, waits for the commit on the
 * standby by a method, and reads the row there:
 *
 *	wait		SELECT replwatch_wait_for_lsn(...), as a simple query
 *	prepared	the same prepared, with parameters
 *	set			SET replwatch.read_after, a simple query
 *	core		WAIT FOR LSN, a simple query: it takes no parameters
 *	poll		calls pg_last_wal_replay_lsn() without a pause
 *	server		a procedure on the standby that polls every millisecond, and
 *				commits in between, so as not to hold back replay
 *	nothing		does not wait: a bare round trip
 *
 * commit: a client updates its row on the primary and waits for a standby to
 * replay it, by the method `replicas` (replwatch_wait_for_replicas) or
 * `remote_apply` (synchronous_commit), or does not wait (`local`).  With
 * `pipelined`, it sends the call of replwatch_wait_for_replicas together with
 * the update, without waiting for the answer to that.
 *
 * Both print cycles per second of the time spent on a method, and in
 * microseconds the median, the 99th percentile and the maximum of all waits
 * (for `commit`, of commit and wait together); with several methods, a line
 * for each that begins with its name and ends with the mean.  A failed wait or
 * a stale read ends the program, except with `nothing`.
 *
 * hold: so many sessions wait for an LSN, or do nothing if that is "none",
 * until standard input ends.  Prints a line when all are connected.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "timing.h"

#define LSN_LEN		32

/*
 * Cycles of a turn.  Those before are not counted, to get used to the method,
 * if there is another one.
 */
#define TURN		20
#define TURN_BEFORE	2

typedef enum Method
{
	WAIT,
	PREPARED,
	SET,
	CORE,
	POLL,
	SERVER,
	NOTHING,
	REPLICAS,
	PIPELINED,
	REMOTE_APPLY,
	LOCAL
} Method;

static const char *const methods[] = {
	[WAIT] = "wait",
	[PREPARED] = "prepared",
	[SET] = "set",
	[CORE] = "core",
	[POLL] = "poll",
	[SERVER] = "server",
	[NOTHING] = "nothing",
	[REPLICAS] = "replicas",
	[PIPELINED] = "pipelined",
	[REMOTE_APPLY] = "remote_apply",
	[LOCAL] = "local"
};

#define NMETHODS	((int) (sizeof(methods) / sizeof(methods[0])))

/* Times in microseconds. */
typedef struct Times
{
	double	   *waits;
	long		nwaits;
	long		size;
	double		cycles;			/* all cycles together */
} Times;

typedef struct Client
{
	pthread_t	thread;
	char		id[16];			/* of its row */
	PGconn	   *primary;
	PGconn	   *standby;
	Method		method;
	unsigned	random;
	long		nwaits;			/* by all methods */
	Times		times[NMETHODS];
} Client;

static Method used[NMETHODS];	/* the methods asked for */
static int	nused;

/* When a client stops: at a time in microseconds, or after so many waits. */
static double end = INFINITY;
static double most = INFINITY;

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "waits: %s: %s\n", what, why);
	exit(1);
}

static PGconn *
connect_to(const char *conninfo)
{
	PGconn	   *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		fail("cannot connect", PQerrorMessage(conn));
	return conn;
}

/* Ends the program on an error. */
static PGresult *
check(PGconn *conn, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail("a query failed", PQerrorMessage(conn));
	return result;
}

static void
run(PGconn *conn, const char *query)
{
	PQclear(check(conn, PQexec(conn, query)));
}

static void
prepare(PGconn *conn, const char *name, const char *query)
{
	PQclear(check(conn, PQprepare(conn, name, query, 0, NULL)));
}

/* The first value of a result, which is freed. */
static long
number(PGresult *result)
{
	long		value = PQntuples(result) > 0 ?
		atol(PQgetvalue(result, 0, 0)) : -1;

	PQclear(result);
	return value;
}

static bool
is_true(PGresult *result)
{
	bool		value = PQntuples(result) == 1 &&
		strcmp(PQgetvalue(result, 0, 0), "t") == 0;

	PQclear(result);
	return value;
}

/* Updates the client's row and returns its new value. */
static long
write_row(Client *client)
{
	const char *params[] = {client->id};

	return number(check(client->primary,
						PQexecPrepared(client->primary, "write", 1, params,
									   NULL, NULL, 0)));
}

static long
read_row(Client *client)
{
	const char *params[] = {client->id};

	return number(check(client->standby,
						PQexecPrepared(client->standby, "read", 1, params,
									   NULL, NULL, 0)));
}

/* The LSN of the last commit, from the token that the server reported. */
static void
last_commit(PGconn *conn, char *lsn)
{
	const char *token = PQparameterStatus(conn, "replwatch.commit_token");
	const char *colon = token ? strrchr(token, ':') : NULL;

	if (colon == NULL || strlen(colon + 1) >= LSN_LEN)
		fail("the server reported no commit token", token ? token : "none");
	strcpy(lsn, colon + 1);
}

/* Waits on the standby; returns whether it has replayed the LSN. */
static bool
wait_for(PGconn *conn, Method method, const char *lsn)
{
	const char *params[] = {lsn};
	char		query[128];
	PGresult   *result;

	switch (method)
	{
		case WAIT:
			snprintf(query, sizeof(query),
					 "SELECT replwatch_wait_for_lsn('%s', '20 s')", lsn);
			return is_true(check(conn, PQexec(conn, query)));
		case PREPARED:
			return is_true(check(conn, PQexecPrepared(conn, "wait", 1, params,
													  NULL, NULL, 0)));
		case SET:
			snprintf(query, sizeof(query),
					 "SET replwatch.read_after = '%s'", lsn);
			run(conn, query);
			return true;
		case CORE:
			snprintf(query, sizeof(query),
					 "WAIT FOR LSN '%s' WITH (TIMEOUT '20s')", lsn);
			run(conn, query);
			return true;
		case POLL:
			snprintf(query, sizeof(query),
					 "SELECT pg_last_wal_replay_lsn() >= '%s'", lsn);
			while (!is_true(check(conn, PQexec(conn, query))))
				;
			return true;
		case SERVER:
			snprintf(query, sizeof(query),
					 "CALL look_each_millisecond('%s')", lsn);
			run(conn, query);
			return true;
		default:
			result = check(conn, PQexec(conn, "SELECT 1"));
			PQclear(result);
			return true;
	}
}

static void
note(Times *times, double wait)
{
	if (times->nwaits == times->size)
	{
		times->size = times->size ? 2 * times->size : 1024;
		times->waits = realloc(times->waits, times->size * sizeof(double));
		if (times->waits == NULL)
			fail("realloc", "out of memory");
	}
	times->waits[times->nwaits++] = wait;
}

/* Writes, waits on the standby and reads there; returns the time of the wait. */
static double
cycle_standby(Client *client)
{
	char		lsn[LSN_LEN];
	double		begin;
	double		wait;
	long		written = write_row(client);

	last_commit(client->primary, lsn);
	begin = now();
	if (!wait_for(client->standby, client->method, lsn))
		fail("not replayed in time", lsn);
	wait = now() - begin;
	if (read_row(client) != written && client->method != NOTHING)
		fail("a stale read", lsn);
	return wait;
}

/* The next result in pipeline mode, with the Sync after it. */
static PGresult *
next_result(PGconn *conn)
{
	PGresult   *result = check(conn, PQgetResult(conn));

	if (PQgetResult(conn) != NULL)
		fail("a query failed", "it has two results");
	PQclear(PQgetResult(conn));
	return result;
}

/* Writes and waits in one go; returns how many replicas have the commit. */
static long
write_and_wait(Client *client)
{
	const char *params[] = {client->id};
	PGconn	   *conn = client->primary;
	long		replicas;

	if (!PQenterPipelineMode(conn) ||
		!PQsendQueryPrepared(conn, "write", 1, params, NULL, NULL, 0) ||
		!PQpipelineSync(conn) ||
		!PQsendQueryPrepared(conn, "replicas", 0, NULL, NULL, NULL, 0) ||
		!PQpipelineSync(conn))
		fail("cannot send", PQerrorMessage(conn));
	PQclear(next_result(conn));
	replicas = number(next_result(conn));
	if (!PQexitPipelineMode(conn))
		fail("cannot leave pipeline mode", PQerrorMessage(conn));
	return replicas;
}

/* Commits on the primary and waits there; returns the time of both. */
static double
cycle_primary(Client *client)
{
	double		begin = now();
	long		replicas = 1;

	if (client->method == PIPELINED)
		replicas = write_and_wait(client);
	else
		write_row(client);
	if (client->method == REPLICAS)
		replicas = number(check(client->primary,
								PQexecPrepared(client->primary, "replicas", 0,
											   NULL, NULL, NULL, 0)));
	if (replicas != 1)
		fail("no replica has replayed the commit", client->id);
	return now() - begin;
}

static bool
is_done(const Client *client)
{
	return now() >= end || client->nwaits >= most;
}

/* Some cycles by one method. */
static void
take_turn(Client *client, Method method)
{
	Times	   *times = &client->times[method];

	client->method = method;
	if (client->standby == NULL)
		run(client->primary, method == REMOTE_APPLY ?
			"SET synchronous_commit = remote_apply" :
			"SET synchronous_commit = local");
	for (int i = nused > 1 ? -TURN_BEFORE : 0;
		 i < TURN && !is_done(client); i++)
	{
		double		begin = now();
		double		wait = client->standby ? cycle_standby(client) :
			cycle_primary(client);

		if (i < 0)
			continue;
		note(times, wait);
		client->nwaits++;
		times->cycles += now() - begin;
	}
}

static void *
run_client(void *arg)
{
	Client	   *client = arg;
	Method		order[NMETHODS];

	memcpy(order, used, sizeof(used));
	while (!is_done(client))
	{
		for (int i = 0; i < nused; i++)
		{
			int			j = i + rand_r(&client->random) % (nused - i);
			Method		method = order[j];

			order[j] = order[i];
			order[i] = method;
			take_turn(client, method);
		}
	}
	return NULL;
}

static void
print_times(Client *clients, int nclients, Method method)
{
	Times		all = {0};

	for (int i = 0; i < nclients; i++)
	{
		const Times *times = &clients[i].times[method];

		for (long j = 0; j < times->nwaits; j++)
			note(&all, times->waits[j]);
		all.cycles += times->cycles / nclients;
	}
	if (all.nwaits == 0)
		fail("no cycle was finished", "the time is too short");
	qsort(all.waits, all.nwaits, sizeof(double), compare);
	if (nused > 1)
		printf("%s ", methods[method]);
	printf("%.0f %.1f %.1f %.1f", all.nwaits / all.cycles * 1e6,
		   all.waits[all.nwaits / 2], all.waits[all.nwaits * 99 / 100],
		   all.waits[all.nwaits - 1]);
	if (nused > 1)
	{
		double		sum = 0;

		for (long i = 0; i < all.nwaits; i++)
			sum += all.waits[i];
		printf(" %.1f", sum / all.nwaits);
	}
	putchar('\n');
	free(all.waits);
}

/* Runs the clients and prints the results. */
static void
run_clients(Client *clients, int nclients, const char *how_long)
{
	char	   *unit;
	double		number = strtod(how_long, &unit);

	if (number <= 0 || (*unit != '\0' && strcmp(unit, "x") != 0))
		fail("neither seconds nor a number of waits", how_long);
	if (*unit == 'x')
		most = number;
	else
		end = now() + number * 1e6;
	for (int i = 0; i < nclients; i++)
	{
		if (pthread_create(&clients[i].thread, NULL, run_client,
						   &clients[i]) != 0)
			fail("pthread_create", "no more threads");
	}
	for (int i = 0; i < nclients; i++)
		pthread_join(clients[i].thread, NULL);
	for (int i = 0; i < nused; i++)
		print_times(clients, nclients, used[i]);
}

static void
connect_client(Client *client, int id, const char *primary,
			   const char *standby)
{
	snprintf(client->id, sizeof(client->id), "%d", id + 1);
	client->primary = connect_to(primary);
	prepare(client->primary, "write",
			"UPDATE written SET n = n + 1 WHERE id = $1::int RETURNING n");
	client->random = (unsigned) now() + id;
	if (standby == NULL)
	{
		prepare(client->primary, "replicas",
				"SELECT replwatch_wait_for_replicas(timeout => '20 s')");
		return;
	}

	run(client->primary, "SET replwatch.report_commit_token = on");
	client->standby = connect_to(standby);
	run(client->standby, "SET replwatch.wait_timeout = '20 s'");
	prepare(client->standby, "read",
			"SELECT n FROM written WHERE id = $1::int");
	prepare(client->standby, "wait",
			"SELECT replwatch_wait_for_lsn($1, '20 s')");
}

/* Notes which methods to use; their names are cut apart. */
static void
use_methods(char *names)
{
	char	   *rest;

	for (char *name = strtok_r(names, ",", &rest); name != NULL;
		 name = strtok_r(NULL, ",", &rest))
	{
		int			method = 0;

		while (method < NMETHODS && strcmp(methods[method], name) != 0)
			method++;
		if (method == NMETHODS || nused == NMETHODS)
			fail("no such method", name);
		used[nused++] = method;
	}
	if (nused == 0)
		fail("no method", "none is named");
}

static void
hold(const char *server, int nclients, const char *lsn)
{
	char		query[128];
	char		c;

	snprintf(query, sizeof(query), "SELECT replwatch_wait_for_lsn('%s', '1 day')",
			 lsn);
	for (int i = 0; i < nclients; i++)
	{
		PGconn	   *conn = connect_to(server);

		if (strcmp(lsn, "none") != 0 && !PQsendQuery(conn, query))
			fail("cannot send", PQerrorMessage(conn));
	}
	puts("waiting");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

int
main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "cycle") == 0)
	{
		int			nclients = atoi(argv[5]);
		Client	   *clients = calloc(nclients, sizeof(Client));

		if (nclients < 1 || clients == NULL)
			fail("invalid number of clients", argv[5]);
		use_methods(argv[2]);
		for (int i = 0; i < nclients; i++)
			connect_client(&clients[i], i, argv[3], argv[4]);
		run_clients(clients, nclients, argv[6]);
	}
	else if (argc == 5 && strcmp(argv[1], "commit") == 0)
	{
		Client		client = {0};

		use_methods(argv[2]);
		connect_client(&client, 0, argv[3], NULL);
		run_clients(&client, 1, argv[4]);
	}
	else if (argc == 5 && strcmp(argv[1], "hold") == 0)
		hold(argv[2], atoi(argv[3]), argv[4]);
	else
	{
		fprintf(stderr, "usage: waits cycle METHODS PRIMARY STANDBY CLIENTS HOW_LONG\n"
				"       waits commit METHODS PRIMARY HOW_LONG\n"
				"       waits hold SERVER CLIENTS LSN\n");
		return 1;
	}
	return 0;
}
