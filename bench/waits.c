/*-------------------------------------------------------------------------
 *
 * waits.c
 *	  Writes on a primary and waits for replay, repeatedly, for bench/run.
 *
 *	waits cycle METHOD PRIMARY STANDBY CLIENTS SECONDS
 *	waits commit METHOD PRIMARY SECONDS
 *	waits hold SERVER CLIENTS LSN
 *
 * PRIMARY, STANDBY and SERVER are connection strings.
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
 *	server		a function on the standby that polls every millisecond
 *	nothing		does not wait: a bare round trip
 *
 * commit: a client updates its row on the primary and waits for a standby to
 * replay it, by the method `replicas` (replwatch_wait_for_replicas) or
 * `remote_apply` (synchronous_commit).
 *
 * Both print cycles per second, and in microseconds the median, the 99th
 * percentile and the maximum of all waits (for `commit`, of commit and wait
 * together).  A failed wait or a stale read ends the program, except with
 * `nothing`.
 *
 * hold: so many sessions wait for an LSN, or do nothing if that is "none",
 * until standard input ends.  Prints a line when all are connected.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define LSN_LEN		32

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
	REMOTE_APPLY
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
	[REMOTE_APPLY] = "remote_apply"
};

#define NMETHODS	((int) (sizeof(methods) / sizeof(methods[0])))

typedef struct Client
{
	pthread_t	thread;
	char		id[16];			/* of its row */
	PGconn	   *primary;
	PGconn	   *standby;
	double	   *times;			/* of each wait, microseconds */
	long		ntimes;
	long		size;
} Client;

static Method method;
static double end;				/* when to stop, microseconds */

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

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
wait_for(PGconn *conn, const char *lsn)
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
					 "SELECT look_each_millisecond('%s')", lsn);
			run(conn, query);
			return true;
		default:
			result = check(conn, PQexec(conn, "SELECT 1"));
			PQclear(result);
			return true;
	}
}

static void
note(Client *client, double time)
{
	if (client->ntimes == client->size)
	{
		client->size = client->size ? 2 * client->size : 1024;
		client->times = realloc(client->times,
								client->size * sizeof(double));
		if (client->times == NULL)
			fail("realloc", "out of memory");
	}
	client->times[client->ntimes++] = time;
}

static void *
cycle(void *arg)
{
	Client	   *client = arg;
	char		lsn[LSN_LEN];
	double		begin;

	while ((begin = now()) < end)
	{
		long		written = write_row(client);

		if (method == REPLICAS || method == REMOTE_APPLY)
		{
			if (method == REPLICAS &&
				number(check(client->primary,
							 PQexecPrepared(client->primary, "replicas", 0,
											NULL, NULL, NULL, 0))) != 1)
				fail("no replica has replayed the commit", client->id);
			note(client, now() - begin);
			continue;
		}

		last_commit(client->primary, lsn);
		begin = now();
		if (!wait_for(client->standby, lsn))
			fail("not replayed in time", lsn);
		note(client, now() - begin);
		if (read_row(client) != written && method != NOTHING)
			fail("a stale read", lsn);
	}
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	double		left = *(const double *) a;
	double		right = *(const double *) b;

	return left < right ? -1 : left > right;
}

/* Runs the clients and prints the results. */
static void
run_clients(Client *clients, int nclients, double seconds)
{
	Client		all = {0};
	double		begin = now();
	double		elapsed;

	end = begin + seconds * 1e6;
	for (int i = 0; i < nclients; i++)
	{
		if (pthread_create(&clients[i].thread, NULL, cycle, &clients[i]) != 0)
			fail("pthread_create", "no more threads");
	}
	for (int i = 0; i < nclients; i++)
		pthread_join(clients[i].thread, NULL);
	elapsed = now() - begin;

	for (int i = 0; i < nclients; i++)
	{
		for (long j = 0; j < clients[i].ntimes; j++)
			note(&all, clients[i].times[j]);
	}
	if (all.ntimes == 0)
		fail("no cycle was finished", "the time is too short");
	qsort(all.times, all.ntimes, sizeof(double), compare);
	printf("%.0f %.1f %.1f %.1f\n", all.ntimes / elapsed * 1e6,
		   all.times[all.ntimes / 2], all.times[all.ntimes * 99 / 100],
		   all.times[all.ntimes - 1]);
}

static void
connect_client(Client *client, int id, const char *primary,
			   const char *standby)
{
	snprintf(client->id, sizeof(client->id), "%d", id + 1);
	client->primary = connect_to(primary);
	prepare(client->primary, "write",
			"UPDATE written SET n = n + 1 WHERE id = $1::int RETURNING n");
	if (standby == NULL)
	{
		run(client->primary, method == REMOTE_APPLY ?
			"SET synchronous_commit = remote_apply" :
			"SET synchronous_commit = local");
		if (method == REPLICAS)
			prepare(client->primary, "replicas",
					"SELECT replwatch_wait_for_replicas(timeout => '20 s')");
		return;
	}

	run(client->primary, "SET replwatch.report_commit_token = on");
	client->standby = connect_to(standby);
	run(client->standby, "SET replwatch.wait_timeout = '20 s'");
	prepare(client->standby, "read",
			"SELECT n FROM written WHERE id = $1::int");
	if (method == PREPARED)
		prepare(client->standby, "wait",
				"SELECT replwatch_wait_for_lsn($1, '20 s')");
}

static Method
method_named(const char *name)
{
	for (int i = 0; i < NMETHODS; i++)
	{
		if (strcmp(methods[i], name) == 0)
			return i;
	}
	fail("no such method", name);
	return NOTHING;
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
		method = method_named(argv[2]);
		for (int i = 0; i < nclients; i++)
			connect_client(&clients[i], i, argv[3], argv[4]);
		run_clients(clients, nclients, atof(argv[6]));
	}
	else if (argc == 5 && strcmp(argv[1], "commit") == 0)
	{
		Client		client = {0};

		method = method_named(argv[2]);
		connect_client(&client, 0, argv[3], NULL);
		run_clients(&client, 1, atof(argv[4]));
	}
	else if (argc == 5 && strcmp(argv[1], "hold") == 0)
		hold(argv[2], atoi(argv[3]), argv[4]);
	else
	{
		fprintf(stderr, "usage: waits cycle METHOD PRIMARY STANDBY CLIENTS SECONDS\n"
				"       waits commit METHOD PRIMARY SECONDS\n"
				"       waits hold SERVER CLIENTS LSN\n");
		return 1;
	}
	return 0;
}
