/*-------------------------------------------------------------------------
 *
 * pages.c
 *	  Renders the pages of the port, /status, /cluster and /metrics.
 *
 * Members of the JSON of /status have the names of the columns of
 * replwatch_status(), replwatch_node() and replwatch_alerts(), those of
 * /cluster of replwatch_cluster().  Anyone who
 * reaches the port may read the pages: users, clients' addresses and xmins are
 * left out, and names of databases, which only a database can look up.
 *
 * In /metrics a series goes on when a replica reconnects, because its labels
 * are the link's name and kind, which stay.  Several connections of one name
 * would be several samples of one series: the known replica's, else the one
 * that is furthest behind, stands for all, and replwatch_link_connections
 * counts them.  A slot that is no replica's is a series of its own, by the
 * label slot.  Temporary slots have another name each time, and are left out.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/show/show.h"
#include "src/show/write_json.h"
#include "src/show/write_metrics.h"

/*
 * /status and /cluster
 */

/* As this release of the server prints it. */
static void
add_json_lsn(RwText *out, uint64 lsn)
{
	char		shown[32];

	snprintf(shown, sizeof(shown), RW_LSN_FORMAT, LSN_FORMAT_ARGS(lsn));
	rw_text_quoted(out, shown);
}

/* ISO 8601 in UTC. */
static void
add_json_time(RwText *out, TimestampTz at)
{
	char		shown[MAXDATELEN + 1];
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
	{
		rw_text_add(out, "null");
		return;
	}
	snprintf(shown, sizeof(shown), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
			 tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec, (int) fsec);
	rw_text_quoted(out, shown);
}

static const RwJsonFormats json_formats = {add_json_lsn, add_json_time};

static void
add_json_object(RwText *page, const RwColumns *columns, const void *row)
{
	rw_text_add(page, "{");
	rw_json_members(page, columns, row, &json_formats);
	rw_text_add(page, "}");
}

void
rw_render_status(RwText *page, const RwSnapshot *snapshot)
{
	int			i;

	rw_text_add(page, "{\"node\":");
	add_json_object(page, &rw_node_columns, &snapshot->node);

	rw_text_add(page, ",\n\"status\":[");
	for (i = 0; i < snapshot->links.nlinks; i++)
	{
		RwLinkRow	row = {&snapshot->node.facts, &snapshot->links.links[i]};

		rw_text_add(page, i == 0 ? "\n{" : ",\n{");
		rw_json_members(page, &rw_link_columns, &row, &json_formats);
		rw_json_members(page, &rw_slot_columns, &row, &json_formats);
		rw_text_add(page, "}");
	}

	rw_text_add(page, "],\n\"alerts\":[");
	for (i = 0; i < snapshot->nalerts; i++)
	{
		rw_text_add(page, i == 0 ? "\n" : ",\n");
		add_json_object(page, &rw_alert_columns, &snapshot->alerts[i]);
	}
	rw_text_add(page, "]}\n");
}

void
rw_render_cluster(RwText *page, const RwCluster *cluster)
{
	int			i;

	rw_text_add(page, "{\"cluster\":[");
	for (i = 0; i < cluster->tree->nservers; i++)
	{
		RwServerRow row = {cluster, &cluster->tree->servers[i]};

		rw_text_add(page, i == 0 ? "\n" : ",\n");
		add_json_object(page, &rw_cluster_columns, &row);
	}
	rw_text_add(page, "]}\n");
}

/*
 * /metrics
 */

static bool
same_series(const RwLink *link, const RwLink *other)
{
	return other->upstream == link->upstream &&
		other->logical == link->logical &&
		rw_is_slot_alone(other) == rw_is_slot_alone(link) &&
		rw_name_equal(other->name, link->name);
}

/*
 * Does another link of the series stand for both?  A replica's stands for that
 * of a connection which belongs to no replica; an unknown lag counts as the
 * greatest; of equal ones the first stands.
 */
static bool
is_outdone(const RwLink *link, const RwLink *other)
{
	bool		known = link->replica && link->replica->known;
	bool		other_known = other->replica && other->replica->known;

	if (known != other_known)
		return other_known;
	if (link->lag < 0 || other->lag < 0)
		return other->lag < 0 && (link->lag >= 0 || other < link);
	return other->lag > link->lag ||
		(other->lag == link->lag && other < link);
}

/* Of the links of one series, is this the one that is shown? */
static bool
stands_for_all(const RwLinks *links, int i)
{
	const RwLink *link = &links->links[i];
	int			j;

	/* Links of one name are neighbours. */
	for (j = i - 1; j >= 0 && rw_name_equal(links->links[j].name, link->name); j--)
	{
		if (same_series(link, &links->links[j]) &&
			is_outdone(link, &links->links[j]))
			return false;
	}
	for (j = i + 1;
		 j < links->nlinks && rw_name_equal(links->links[j].name, link->name); j++)
	{
		if (same_series(link, &links->links[j]) &&
			is_outdone(link, &links->links[j]))
			return false;
	}
	return true;
}

static void
add_link_metrics(RwText *page, const RwSnapshot *snapshot)
{
	const RwLinks *links = &snapshot->links;
	RwLinkRow  *rows = palloc(Max(links->nlinks, 1) * sizeof(RwLinkRow));
	int			n = 0;
	int			i;

	for (i = 0; i < links->nlinks; i++)
	{
		if (stands_for_all(links, i))
			rows[n++] = (RwLinkRow) {&snapshot->node.facts, &links->links[i]};
	}
	rw_metrics_rows(page, &rw_link_columns, rows, sizeof(RwLinkRow), n);

	n = 0;
	for (i = 0; i < links->nlinks; i++)
	{
		const RwLink *link = &links->links[i];

		if (link->slot != NULL && !link->slot->temporary)
			rows[n++] = (RwLinkRow) {&snapshot->node.facts, link};
	}
	rw_metrics_rows(page, &rw_slot_columns, rows, sizeof(RwLinkRow), n);
	pfree(rows);
}

/* Is there an alert of the same name and subject before this one? */
static bool
is_there_before(const RwAlertView *alerts, int i)
{
	int			j;

	for (j = 0; j < i; j++)
	{
		if (strcmp(rw_alert_name(alerts[j].alert.alert),
				   rw_alert_name(alerts[i].alert.alert)) == 0 &&
			rw_name_equal(alerts[j].alert.subject, alerts[i].alert.subject))
			return true;
	}
	return false;
}

static void
add_alert_metrics(RwText *page, const RwSnapshot *snapshot)
{
	RwAlertTotals totals = {0, 0};
	RwAlertView *firing;
	int			nfiring = 0;
	int			n = 0;
	int			i;

	while (nfiring < snapshot->nalerts &&
		   snapshot->alerts[nfiring].cleared_at == 0)
	{
		if (snapshot->alerts[nfiring].alert.severity == RW_SEVERITY_CRITICAL)
			totals.criticals++;
		else
			totals.warnings++;
		nfiring++;
	}
	rw_metrics_rows(page, &rw_alert_totals_columns, &totals,
					sizeof(totals), 1);

	/* One name may be that of a replica and of this server. */
	firing = palloc(Max(nfiring, 1) * sizeof(RwAlertView));
	for (i = 0; i < nfiring; i++)
	{
		if (!is_there_before(snapshot->alerts, i))
			firing[n++] = snapshot->alerts[i];
	}
	rw_metrics_rows(page, &rw_alert_columns, firing, sizeof(RwAlertView), n);
	pfree(firing);
}

void
rw_render_metrics(RwText *page, const RwSnapshot *snapshot)
{
	rw_metrics_rows(page, &rw_node_columns, &snapshot->node,
					sizeof(RwNode), 1);
	rw_metrics_rows(page, &rw_upstream_columns, &snapshot->node,
					sizeof(RwNode), 1);
	rw_metrics_rows(page, &rw_cluster_totals_columns, &snapshot->cluster,
					sizeof(RwCluster), 1);
	add_link_metrics(page, snapshot);
	add_alert_metrics(page, snapshot);
	rw_metrics_rows(page, &rw_wait_columns, &snapshot->waits,
					sizeof(RwWaitStats), 1);
}
