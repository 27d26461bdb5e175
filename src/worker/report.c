/*-------------------------------------------------------------------------
 *
 * report.c
 *	  Publishes what the worker knows of this server and its replicas.
 *
 * This is done in each round, so that the line and replwatch_cluster() have
 * figures of the last sample.  The reasons of a round are looked for only when
 * its words have changed, each second, and more often while this standby is
 * behind: that may mean to look at all processes.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "src/alert/health.h"
#include "src/base/process.h"
#include "src/lag/staleness.h"
#include "src/replica/node_name.h"
#include "src/settings.h"
#include "src/worker/intern.h"
#include "src/worker/report_fill.h"

/* How often reasons are looked for, at least, and while replay is behind. */
#define EXPLAIN_INTERVAL	(1 * RW_SECOND)
#define BEHIND_INTERVAL		(200 * RW_MS)

static RwLink *
upstream_row(const RwLinks *links)
{
	return links->nlinks > 0 && links->links[0].upstream ?
		&links->links[0] : NULL;
}

/* Is it time to look for reasons, whatever else has changed? */
static bool
is_explaining_due(const RwReporter *reporter, const RwFacts *facts,
				  const RwLinks *links)
{
	const RwLink *link = upstream_row(links);
	int64		age = facts->now - reporter->explained_at;
	bool		behind = link &&
		(link->lag_bytes > 0 || link->state != RW_STATE_STREAMING ||
		 reporter->last.own.reason != RW_REASON_NONE);

	return age >= (behind ? BEHIND_INTERVAL : EXPLAIN_INTERVAL);
}

static void
explain(RwReporter *reporter, RwFacts *facts, RwLinks *links)
{
	if (!links->explained)
		rw_explain(facts, links);
	reporter->explained_at = facts->now;
}

/* How stale reads are here.  Where there is no line, nothing told counts. */
static RwStaleness
own_staleness(const RwFacts *facts, const RwLinks *links)
{
	RwToldUpstream told;
	RwLineState line = RW_LINE_OFF;

	if (facts->in_recovery)
		told = rw_told_upstream_read(&line);
	return rw_staleness(facts, links->published, upstream_row(links),
						line == RW_LINE_UP || line == RW_LINE_CONNECTING ?
						&told : NULL);
}

/* Where clients find this server's port; 0 if it does not listen. */
static int
listening_port(void)
{
	switch (rw_process_state(RW_PROCESS_PORT, rw_port != 0))
	{
		case RW_PROCESS_RUNNING:
		case RW_PROCESS_RUNNING_PARTLY:
			return rw_port;
		default:
			return 0;
	}
}

/* What primary_conninfo says of the receiver's connection. */
static void
look_at_conninfo(RwReporter *reporter, const RwReceiverFacts *receiver)
{
	reporter->receiver_pid = receiver->pid;
	rw_own_application_name(reporter->application_name);
	rw_upstream_hostaddr(receiver->host, reporter->hostaddr);
}

void
rw_report_round(RwSampler *sampler, RwLinks *links)
{
	RwReporter *reporter = &sampler->reporter;
	RwFacts    *facts = &sampler->facts;
	RwReportInput input = {
		.facts = facts,
		.links = links,
		.version = REPLWATCH_VERSION,
		.application_name = reporter->application_name,
		.hostaddr = reporter->hostaddr,
		.max_children = rw_max_replicas
	};
	RwReport	next;
	uint64		words;

	if (reporter->spare == NULL)
	{
		Size		size = rw_max_replicas * sizeof(RwChild);

		reporter->last.children = MemoryContextAlloc(TopMemoryContext, size);
		reporter->spare = MemoryContextAlloc(TopMemoryContext, size);
	}
	if (links->explained || is_explaining_due(reporter, facts, links))
		explain(reporter, facts, links);
	if (facts->receiver.pid != 0 &&
		(facts->receiver.pid != reporter->receiver_pid || links->explained))
		look_at_conninfo(reporter, &facts->receiver);
	rw_give_health(facts, links);

	input.staleness = own_staleness(facts, links);
	rw_node_name_elsewhere(facts, input.name);
	input.alerts = rw_own_health(facts, &input.health);
	input.port = listening_port();

	next.children = reporter->spare;
	rw_report_fill(&next, &reporter->last, &input);
	words = rw_report_words(&next);
	if (words != reporter->words && !links->explained)
	{
		explain(reporter, facts, links);
		rw_report_fill(&next, &reporter->last, &input);
		words = rw_report_words(&next);
	}
	rw_report_publish(&next, words != reporter->words);

	reporter->words = words;
	reporter->spare = reporter->last.children;
	reporter->last = next;
}
