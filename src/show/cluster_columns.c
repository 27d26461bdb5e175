/*-------------------------------------------------------------------------
 *
 * cluster_columns.c
 *	  The columns of the servers of a system, and their number.
 *
 * What a server's upstream server sees of it is known only of those that have
 * one, and what it says of itself only of those that report; tree.h says which
 * is which.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/show/show.h"

/*
 * SERVER_GETTER(port, value) defines server_port(), the getter of the column
 * "port" of an RwServerRow.  The value is an expression of `server` and
 * `cluster`.  SEEN_GETTER is for what only the upstream server sees.
 */
#define SERVER_GETTER(column, value) \
static RwValue \
server_##column(const void *row) \
{ \
	const RwServer *server pg_attribute_unused() = \
		((const RwServerRow *) row)->server; \
	const RwCluster *cluster pg_attribute_unused() = \
		((const RwServerRow *) row)->cluster; \
\
	return value; \
}

#define SEEN_GETTER(column, value) \
	SERVER_GETTER(column, server->seen_at != RW_NEVER ? value : \
				  rw_value_unknown())

/*
 * What it calls itself, else what its upstream server calls it.  A primary may
 * have neither, and has the name that replwatch_node() shows there.
 */
static const char *
server_name(const RwServer *server)
{
	if (server->name[0] != '\0')
		return server->name;
	if (server->label[0] != '\0')
		return server->label;
	return server->role == RW_ROLE_PRIMARY ? "primary" : NULL;
}

SERVER_GETTER(node, rw_value_text(server_name(server)))
SERVER_GETTER(upstream, server->upstream < 0 ? rw_value_unknown() :
			  rw_value_text(server_name(&cluster->tree->servers[server->upstream])))
SERVER_GETTER(depth, rw_value_number(server->depth))
SERVER_GETTER(role, rw_value_text(rw_server_role_name(server->role)))
SEEN_GETTER(host, rw_value_text(server->host))
SERVER_GETTER(timeline, rw_value_nonzero(server->tli))
SERVER_GETTER(replay_lsn, rw_value_nonzero(server->replay))
SEEN_GETTER(lag, rw_value_count(server->lag))
SERVER_GETTER(staleness,
			  rw_value_count(rw_server_staleness(server, cluster->now)))
SEEN_GETTER(state, rw_value_text(rw_link_state_name(server->state)))
SERVER_GETTER(health, rw_value_text(rw_health_name(server->health)))
SERVER_GETTER(reason_code, rw_value_text(rw_reason_name(server->reason)))
SERVER_GETTER(reason, rw_value_text(server->reason_text))
SERVER_GETTER(alerts, rw_value_count(server->alerts))
SERVER_GETTER(port, rw_value_nonzero(server->port))
SERVER_GETTER(version, rw_value_text(server->version))
SERVER_GETTER(reported_at, server->reported_at == RW_NEVER ?
			  rw_value_unknown() :
			  rw_value_number(cluster->wall -
							  (cluster->now - server->reported_at)))

static const RwColumn cluster_columns[] = {
	{"node", RW_TEXT, 0, .get = server_node},
	{"upstream", RW_TEXT, RW_HIDDEN, .get = server_upstream},
	{"depth", RW_INTEGER, 0, .get = server_depth},
	{"role", RW_TEXT, 0, .get = server_role},
	{"host", RW_TEXT, RW_HIDDEN | RW_NOT_ON_PAGES, .get = server_host},
	{"timeline", RW_INTEGER, 0, .get = server_timeline},
	{"replay_lsn", RW_LSN, 0, .get = server_replay_lsn},
	{"lag", RW_DURATION, RW_HIDDEN, .get = server_lag},
	{"staleness", RW_DURATION, 0, .get = server_staleness},
	{"state", RW_TEXT, RW_HIDDEN, .get = server_state},
	{"health", RW_TEXT, RW_HIDDEN, .get = server_health},
	{"reason_code", RW_TEXT, RW_HIDDEN, .get = server_reason_code},
	{"reason", RW_TEXT, RW_HIDDEN, .get = server_reason},
	{"alerts", RW_INTEGER, RW_HIDDEN, .get = server_alerts},
	{"port", RW_INTEGER, 0, .get = server_port},
	{"version", RW_TEXT, 0, .get = server_version},
	{"reported_at", RW_TIME, 0, .get = server_reported_at},
};

const RwColumns rw_cluster_columns = {
	cluster_columns, lengthof(cluster_columns), NULL, 0
};

/*
 * The number of servers.  A report takes up to a second from server to server,
 * so that of one far below is some seconds old.
 */
#define REPORTS_WITHIN	(10 * RW_SECOND)

static RwValue
count_servers(const RwCluster *cluster, bool reporting)
{
	int			n = 0;
	int			i;

	for (i = 0; i < cluster->tree->nservers; i++)
	{
		RwTime		reported_at = cluster->tree->servers[i].reported_at;

		n += (reported_at != RW_NEVER &&
			  cluster->now - reported_at <= REPORTS_WITHIN) == reporting;
	}
	return rw_value_number(n);
}

static RwValue
servers_reporting(const void *row)
{
	return count_servers(row, true);
}

static RwValue
servers_silent(const void *row)
{
	return count_servers(row, false);
}

static const RwColumn totals_columns[] = {
	{NULL, RW_INTEGER, 0, .get = servers_reporting,
		.metric = {"replwatch_servers",
			.help = "Number of servers of the cluster that this one knows of, itself included, by the label state: reporting, or silent for those that have not reported within the last 10 s.",
			.label = "state", .label_value = "reporting"}},
	{NULL, RW_INTEGER, 0, .get = servers_silent,
		.metric = {"replwatch_servers",
			.label = "state", .label_value = "silent"}},
};

const RwColumns rw_cluster_totals_columns = {
	totals_columns, lengthof(totals_columns), NULL, 0
};
