/*-------------------------------------------------------------------------
 *
 * status.c
 *	  SQL functions about the present: replwatch_status, replwatch_node,
 *	  replwatch_cluster.
 *
 * The first two observe the server at each call, so that they agree with core's
 * views.
 * The columns are described in src/show/.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"

#include "src/alert/health.h"
#include "src/base/layout.h"
#include "src/base/locks.h"
#include "src/show/show.h"
#include "src/sql/write_row.h"

PG_FUNCTION_INFO_V1(replwatch_status);
PG_FUNCTION_INFO_V1(replwatch_node);
PG_FUNCTION_INFO_V1(replwatch_cluster);

/*
 * Words of other databases and servers are UTF-8, which is not valid in each
 * encoding.
 */
static void
fit_encoding(char *text)
{
	int			encoding = GetDatabaseEncoding();
	char	   *at;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return;
	for (at = text; *at != '\0'; at++)
	{
		if (IS_HIGHBIT_SET(*at))
			*at = '?';
	}
}

/*
 * The replication links of this server, one row each.
 *
 * Callers without the privileges of pg_read_all_stats see what core shows
 * them: of a walsender or the WAL receiver its pid, slots in full, and nothing
 * of replicas that are gone.
 */
Datum
replwatch_status(PG_FUNCTION_ARGS)
{
	bool		privileged = has_privs_of_role(GetUserId(),
											   ROLE_PG_READ_ALL_STATS);
	RwFacts		facts;
	RwLinks		links;
	RwRows		rows;
	int			i;

	rw_rows_begin(&rows, fcinfo, &rw_link_columns, &rw_slot_columns);

	rw_observe(&facts, false);
	rw_links(&facts, &links, true);
	rw_give_health(&facts, &links);
	rw_sort_links(&links);
	if (privileged && links.nlinks > 0 && links.links[0].upstream)
		rw_add_query_to_reason(&links.links[0], &facts);

	for (i = 0; i < links.nlinks; i++)
	{
		RwLink	   *link = &links.links[i];
		RwLinkRow	row = {&facts, link};
		bool		of_process = link->sender || link->upstream;

		fit_encoding(link->reason_text);
		if (privileged || of_process || link->slot)
			rw_rows_add(&rows, &row, !privileged && of_process);
	}
	return (Datum) 0;
}

/*
 * This server in replication, as one row.  Callers without the privileges of
 * pg_read_all_stats do not see its WAL receiver, as in core.
 */
Datum
replwatch_node(PG_FUNCTION_ARGS)
{
	bool		privileged = has_privs_of_role(GetUserId(),
											   ROLE_PG_READ_ALL_STATS);
	RwNode	   *node = palloc(sizeof(RwNode));

	rw_process_ensure(RW_PROCESS_SAMPLER, true);
	rw_node_take(node);
	return rw_row_result(fcinfo, &rw_node_columns, node, !privileged);
}

/*
 * The servers of this system that are known here, one row each, in the order of
 * the tree.  Callers without the privileges of pg_read_all_stats see only this
 * server, and as little of its link as replwatch_status() shows them.
 */
Datum
replwatch_cluster(PG_FUNCTION_ARGS)
{
	bool		privileged = has_privs_of_role(GetUserId(),
											   ROLE_PG_READ_ALL_STATS);
	RwCluster	cluster;
	RwServer   *servers;
	RwRows		rows;
	int			i;

	rw_require_preload();
	rw_layout_require();
	rw_rows_begin(&rows, fcinfo, &rw_cluster_columns, NULL);

	rw_cluster_take(&cluster);
	servers = cluster.tree->servers;

	/* All of them first: a row also shows the name of another server. */
	for (i = 0; i < cluster.tree->nservers; i++)
	{
		fit_encoding(servers[i].label);
		fit_encoding(servers[i].host);
		fit_encoding(servers[i].name);
		fit_encoding(servers[i].reason_text);
		fit_encoding(servers[i].version);
	}
	for (i = 0; i < cluster.tree->nservers; i++)
	{
		RwServerRow row = {&cluster, &servers[i]};

		if (privileged ||
			rw_server_id_equal(servers[i].id, rw_own_server_id()))
			rw_rows_add(&rows, &row, !privileged);
	}
	return (Datum) 0;
}
