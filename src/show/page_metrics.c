/*-------------------------------------------------------------------------
 *
 * page_metrics.c
 *	  /metrics, in Prometheus' text format.
 *
 * Units are base units: bytes, seconds, and for times the seconds since 1970.
 * What is not known has no sample.  A state is a sample of value 1 with a
 * label that names it.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/show/page_metrics.h"
#include "src/show/words.h"

#define UNIX_EPOCH \
	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

void
rw_metrics_head(RwMetrics *out, const char *family, const char *type,
				const char *help)
{
	rw_text_adds(out->page, "# HELP ", family, " ", help, "\n",
				 "# TYPE ", family, " ", type, "\n", NULL);
}

void
rw_metrics_value(RwMetrics *out, int64 value, RwSampleUnit unit)
{
	rw_text_add(out->page, " ");
	switch (unit)
	{
		case RW_SAMPLE_WHOLE:
			rw_text_int(out->page, value);
			break;
		case RW_SAMPLE_MICROSECONDS:
			rw_text_decimal(out->page, value, 6);
			break;
		case RW_SAMPLE_MOMENT:
			rw_text_decimal(out->page, value + UNIX_EPOCH, 6);
			break;
	}
	rw_text_add(out->page, "\n");
}

/*
 * Of this server: a family of one sample
 */

static void
node_value(RwMetrics *out, const char *family, const char *help, int64 value,
		   RwSampleUnit unit)
{
	rw_metrics_head(out, family, "gauge", help);
	rw_text_add(out->page, family);
	rw_metrics_value(out, value, unit);
}

/* Negative is not known. */
static void
node_count(RwMetrics *out, const char *family, const char *help, int64 value,
		   RwSampleUnit unit)
{
	if (value >= 0)
		node_value(out, family, help, value, unit);
}

static void
node_time(RwMetrics *out, const char *family, const char *help, RwTime at)
{
	if (at != RW_NEVER)
		node_value(out, family, help, rw_wall_time(&out->look->facts, at),
				   RW_SAMPLE_MOMENT);
}

static void
node_word(RwMetrics *out, const char *family, const char *help,
		  const char *label,
		  const char *word)
{
	if (word == NULL || word[0] == '\0')
		return;
	rw_metrics_head(out, family, "gauge", help);
	rw_text_adds(out->page, family, "{", label, "=", NULL);
	rw_text_quoted(out->page, word);
	rw_text_add(out->page, "}");
	rw_metrics_value(out, 1, RW_SAMPLE_WHOLE);
}

static void
node_counter(RwMetrics *out, const char *family, const char *help, uint64 value)
{
	rw_metrics_head(out, family, "counter", help);
	rw_text_add(out->page, family);
	rw_metrics_value(out, (int64) value, RW_SAMPLE_WHOLE);
}

static void
add_upstream(RwMetrics *out)
{
	const RwFacts *facts = &out->look->facts;
	char		port[16] = "";

	if (facts->receiver.port > 0)
		snprintf(port, sizeof(port), "%d", facts->receiver.port);
	if (facts->receiver.host[0] != '\0')
	{
		rw_metrics_head(out, "replwatch_upstream_info", "gauge",
						"The server that this standby receives WAL from.");
		rw_text_add(out->page, "replwatch_upstream_info{host=");
		rw_text_quoted(out->page, facts->receiver.host);
		rw_text_add(out->page, ",port=");
		rw_text_quoted(out->page, port);
		rw_text_add(out->page, "}");
		rw_metrics_value(out, 1, RW_SAMPLE_WHOLE);
	}
	node_word(out, "replwatch_receiver_state",
			  "What the WAL receiver does; no sample if none runs.",
			  "state", rw_receiver_state_name(&facts->receiver));
	node_time(out, "replwatch_receiver_last_message_timestamp_seconds",
			  "When the last message came from the upstream server.",
			  rw_last_message(facts, out->look->links.published));
	node_value(out, "replwatch_replay_delay_seconds",
			   "What recovery_min_apply_delay is set to.",
			   facts->recovery.apply_delay_ms * RW_MS, RW_SAMPLE_MICROSECONDS);
	node_value(out, "replwatch_replay_blockers",
			   "Processes that are known to hold replay up.",
			   facts->recovery.nblockers, RW_SAMPLE_WHOLE);
}

static void
add_node(RwMetrics *out)
{
	const RwSnapshot *look = out->look;
	const RwFacts *facts = &look->facts;
	const RwPublished *published = look->links.published;
	char		identifier[32];

	snprintf(identifier, sizeof(identifier), UINT64_FORMAT,
			 GetSystemIdentifier());
	node_word(out, "replwatch_build_info", "The version of replwatch.",
			  "version", REPLWATCH_VERSION);
	node_word(out, "replwatch_cluster_info",
			  "The system identifier, the same on all servers of a cluster.",
			  "system_identifier", identifier);
	node_word(out, "replwatch_role",
			  "What this server is: primary, standby, or cascade, a standby with replicas.",
			  "role", rw_role_name(facts));
	node_value(out, "replwatch_timeline", "The timeline of the newest WAL.",
			   facts->tli, RW_SAMPLE_WHOLE);
	node_value(out, "replwatch_horizon_bytes",
			   "The position of the newest WAL that this server can send.",
			   (int64) facts->horizon, RW_SAMPLE_WHOLE);
	node_count(out, "replwatch_wal_bytes_per_second",
			   "How fast WAL grew in the last minute.",
			   (int64) published->wal_rate, RW_SAMPLE_WHOLE);
	if (facts->in_recovery)
		add_upstream(out);
	node_word(out, "replwatch_replay_state",
			  "What replay does: not in recovery, replaying, pause requested, paused.",
			  "state", rw_replay_state_name(facts));
	node_value(out, "replwatch_sync_standbys_wanted",
			   "Synchronous standbys that commits need.",
			   look->sync.wanted, RW_SAMPLE_WHOLE);
	node_value(out, "replwatch_sync_standbys_connected",
			   "Synchronous standbys that are connected.",
			   look->sync.connected, RW_SAMPLE_WHOLE);
	node_value(out, "replwatch_commits_waiting",
			   "Commits that wait for synchronous standbys.",
			   look->sync.waiting, RW_SAMPLE_WHOLE);
	node_word(out, "replwatch_sampler_state",
			  "What the sampling worker does: starting, running, not running.",
			  "state", rw_process_state_name(RW_PROCESS_SAMPLER, look->worker));
	node_time(out, "replwatch_last_sample_timestamp_seconds",
			  "When the sampling worker looked last.", published->last_sample);
	node_time(out, "replwatch_history_start_timestamp_seconds",
			  "When the recorded history begins.", published->history_start);
	node_word(out, "replwatch_port_state",
			  "How the port listens: listening, or partly listening if an address is missing.",
			  "state", rw_process_state_name(RW_PROCESS_PORT, look->port));
	node_word(out, "replwatch_command_runner_state",
			  "What runs alert_command does: off, starting, running, no worker slot, not running.",
			  "state", rw_process_state_name(RW_PROCESS_RUNNER, look->runner));
}

static void
add_waits(RwMetrics *out)
{
	static const char *const labels[] = {"0.5", "0.95", "0.99"};
	static const double fractions[] = {0.5, 0.95, 0.99};
	const RwWaitStats *waits = &out->look->waits;
	const char *family = "replwatch_wait_duration_seconds";
	int			i;

	node_value(out, "replwatch_waiters",
			   "Sessions that wait for an LSN, or for replicas.",
			   out->look->waiters, RW_SAMPLE_WHOLE);
	node_counter(out, "replwatch_waits_total",
				 "Waits for an LSN or for replicas that are over.",
				 waits->waits);
	node_counter(out, "replwatch_waits_immediate_total",
				 "Waits that were over at once.", waits->immediate);
	node_counter(out, "replwatch_waits_timed_out_total",
				 "Waits that timed out.", waits->timeouts);
	node_counter(out, "replwatch_waits_failed_total",
				 "Waits that ended in an error.", waits->errors);

	rw_metrics_head(out, family, "summary", "How long those took that were not over at once.");
	for (i = 0; i < lengthof(labels); i++)
	{
		int64		value = rw_wait_percentile(waits, fractions[i]);

		rw_text_adds(out->page, family, "{quantile=\"", labels[i],
					 "\"}", NULL);
		if (value < 0)
			rw_text_add(out->page, " NaN\n");
		else
			rw_metrics_value(out, value, RW_SAMPLE_MICROSECONDS);
	}
	rw_text_adds(out->page, family, "_sum", NULL);
	rw_metrics_value(out, (int64) waits->total_time, RW_SAMPLE_MICROSECONDS);
	rw_text_adds(out->page, family, "_count", NULL);
	rw_metrics_value(out, (int64) (waits->waits - waits->immediate),
					 RW_SAMPLE_WHOLE);
	node_value(out, "replwatch_wait_duration_max_seconds",
			   "The longest of them.", (int64) waits->max_time, RW_SAMPLE_MICROSECONDS);
}

static void
add_alerts(RwMetrics *out)
{
	const RwSnapshot *look = out->look;
	int			firing[RW_NUM_SEVERITIES] = {0};
	int			nfiring = 0;
	int			i;

	/* Those that fire come first. */
	while (nfiring < look->nalerts &&
		   look->alerts[nfiring].cleared_at == 0)
		firing[look->alerts[nfiring++].alert.severity]++;

	rw_metrics_head(out, "replwatch_alerts_firing", "gauge",
					"Alerts that fire now, silenced ones among them.");
	for (i = RW_SEVERITY_WARNING; i <= RW_SEVERITY_CRITICAL; i++)
	{
		rw_text_adds(out->page, "replwatch_alerts_firing{severity=\"",
					 rw_severity_name(i), "\"}", NULL);
		rw_metrics_value(out, firing[i], RW_SAMPLE_WHOLE);
	}

	if (nfiring > 0)
		rw_metrics_head(out, "replwatch_alert_raised_timestamp_seconds",
						"gauge", "An alert that fires, and since when.");
	for (i = 0; i < nfiring; i++)
	{
		const RwAlertView *view = &look->alerts[i];

		rw_text_adds(out->page,
					 "replwatch_alert_raised_timestamp_seconds{alert=\"",
					 rw_alert_name(view->alert.alert), "\",severity=\"",
					 rw_severity_name(view->alert.severity), "\",state=\"",
					 view->state, "\",subject=", NULL);
		rw_text_quoted(out->page, view->alert.subject);
		rw_text_add(out->page, "}");
		rw_metrics_value(out, view->alert.raised_at, RW_SAMPLE_MOMENT);
	}
}

void
rw_render_metrics(RwText *page, const RwSnapshot *look)
{
	RwMetrics	out;

	out.page = page;

	out.look = look;
	out.family = NULL;

	add_node(&out);
	rw_metrics_links(&out);
	add_alerts(&out);
	add_waits(&out);
}
