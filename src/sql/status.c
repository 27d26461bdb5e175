/*-------------------------------------------------------------------------
 *
 * status.c
 *	  SQL functions about the present: replwatch_status, replwatch_node.
 *
 * They observe the server at each call, so that they agree with core's views.
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
#include "src/show/show.h"
#include "src/sql/write_row.h"

PG_FUNCTION_INFO_V1(replwatch_status);
PG_FUNCTION_INFO_V1(replwatch_node);

/*
 * Add the query that blocks replay to the reason, if there is one.  It is UTF-8,
 * which is not valid in each encoding.
 */
static void
show_query(const RwFacts *facts, RwLink *upstream)
{
	int			encoding = GetDatabaseEncoding();
	char	   *at;

	rw_add_query_to_reason(upstream, facts);
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return;
	for (at = upstream->reason_text; *at != '\0'; at++)
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
		show_query(&facts, &links.links[0]);

	for (i = 0; i < links.nlinks; i++)
	{
		const RwLink *link = &links.links[i];
		RwLinkRow	row = {&facts, link};
		bool		of_process = link->sender || link->upstream;

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
