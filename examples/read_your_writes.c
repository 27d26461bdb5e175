/*
 * read_your_writes.c
 *	  Write on the primary, read it back on a replica: with libpq.
 *
 *		cc read_your_writes.c -o read_your_writes \
 *			-I$(pg_config --includedir) -L$(pg_config --libdir) -lpq
 *		./read_your_writes 'host=db1 dbname=app' 'host=db2 dbname=app'
 *
 * Needs, on the primary:
 *		CREATE EXTENSION replwatch;
 *		CREATE TABLE note (id bigserial PRIMARY KEY, body text);
 *
 * Copyright (c) 2026, the replwatch authors
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libpq-fe.h"

/* A token has 43 characters; and the final 0. */
#define TOKEN_LEN	44

static void
die(PGconn *conn)
{
	fprintf(stderr, "%s", PQerrorMessage(conn));
	exit(1);
}

/* A server that has not loaded replwatch reports no version. */
static bool
has_replwatch(PGconn *conn)
{
	return PQparameterStatus(conn, "replwatch.version") != NULL;
}

/* Run a query that returns one value; NULL, if it does not. */
static char *
query_value(PGconn *conn, const char *query, int nparams,
			const char *const *params)
{
	PGresult   *result = PQexecParams(conn, query, nparams, NULL, params,
									  NULL, NULL, 0);
	char	   *value = NULL;

	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
		value = strdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

/*
 * Insert a note; returns its id, and in `token` where that is in the primary's
 * WAL, "" if the primary does not say.
 */
static char *
write_note(PGconn *primary, const char *body, char *token)
{
	const char *params[] = {body};
	const char *reported;
	char	   *id = query_value(primary,
								 "INSERT INTO note (body) VALUES ($1) RETURNING id",
								 1, params);

	if (id == NULL)
		die(primary);

	/* It came along with the answer.  The next commit overwrites it: copy. */
	reported = PQparameterStatus(primary, "replwatch.commit_token");
	snprintf(token, TOKEN_LEN, "%s", reported ? reported : "");
	return id;
}

static char *
read_note(PGconn *conn, const char *id)
{
	const char *params[] = {id};

	return query_value(conn, "SELECT body FROM note WHERE id = $1", 1, params);
}

/*
 * Has the replica replayed the commit, or does it within half a second?  If
 * not, says why: there is then always the primary to read on.
 */
static bool
wait_for_token(PGconn *replica, const char *token)
{
	const char *params[] = {token, "500 ms"};
	const char *sqlstate;
	PGresult   *result;
	bool		replayed = false;

	if (PQstatus(replica) != CONNECTION_OK)
	{
		printf("replica: %s", PQerrorMessage(replica));
		return false;
	}
	if (!has_replwatch(replica))
	{
		printf("replica: replwatch is not loaded\n");
		return false;
	}

	/* A statement of its own, outside of any transaction block. */
	result = PQexecParams(replica, "SELECT replwatch_wait_for_token($1, $2)",
						  2, NULL, params, NULL, NULL, 0);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		replayed = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
		if (!replayed)
			printf("replica: not replayed within 500 ms\n");
	}
	else
	{
		sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		if (sqlstate && strcmp(sqlstate, "RW001") == 0)
			printf("replica: the commit was lost in a failover\n");
		else
			printf("replica: %s", PQerrorMessage(replica));
	}
	PQclear(result);
	return replayed;
}

int
main(int argc, char **argv)
{
	PGconn	   *primary;
	PGconn	   *replica;
	char		token[TOKEN_LEN];
	char	   *id;
	char	   *body = NULL;

	if (argc != 3)
	{
		fprintf(stderr, "usage: %s PRIMARY REPLICA\n", argv[0]);
		return 2;
	}

	primary = PQconnectdb(argv[1]);
	if (PQstatus(primary) != CONNECTION_OK)
		die(primary);
	replica = PQconnectdb(argv[2]);

	/* Once for each connection; ALTER ROLE ... SET does without it. */
	if (has_replwatch(primary))
		PQclear(PQexec(primary, "SET replwatch.report_commit_token = on"));

	id = write_note(primary, "written with libpq", token);
	printf("wrote note %s, token %s\n", id, token);

	/* A replica may cancel a query in favour of replay: then, too, fall back. */
	if (token[0] && wait_for_token(replica, token))
		body = read_note(replica, id);
	if (body)
		printf("read on the replica:\n%s\n", body);
	else
	{
		body = read_note(primary, id);
		if (body == NULL)
			die(primary);
		printf("read on the primary:\n%s\n", body);
	}

	free(id);
	free(body);
	PQfinish(replica);
	PQfinish(primary);
	return 0;
}
