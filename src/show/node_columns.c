/*-------------------------------------------------------------------------
 *
 * node_columns.c
 *	  The columns of this server.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "src/replica/node_name.h"
#include "src/settings.h"
#include "src/show/show.h"

/*
 * NODE_GETTER(timeline, value) defines node_timeline(), the getter of the
 * column "timeline" of an RwNode.  The value is an expression of `node`.
 * RECOVERY_GETTER is for columns that only a server in recovery has, and
 * PUBLISHED_GETTER for what the sampling worker publishes.
 */
#define NODE_GETTER(column, value) \
static RwValue \
node_##column(const void *row) \
{ \
	const RwNode *node pg_attribute_unused() = row; \
\
	return value; \
}

#define RECOVERY_GETTER(column, value) \
	NODE_GETTER(column, \
				node->facts.in_recovery ? value : rw_value_absent())

#define PUBLISHED_GETTER(column, value) \
	NODE_GETTER(column, \
				node->published ? value : rw_value_unknown())

/* A time on the worker's clock. */
static RwValue
node_wall_time(const RwNode *node, RwTime at)
{
	return rw_value_nonzero(rw_wall_time(&node->facts, at));
}

/* The port "listens" where other workers run. */
static const char *
process_state_name(RwProcess process, RwProcessState state)
{
	bool		port = process == RW_PROCESS_PORT;

	switch (state)
	{
		case RW_PROCESS_OFF:
			return "off";
		case RW_PROCESS_STARTING:
			return "starting";
		case RW_PROCESS_RUNNING:
			return port ? "listening" : "running";
		case RW_PROCESS_RUNNING_PARTLY:
			return "partly listening";
		case RW_PROCESS_RUNNING_DEAF:
			return "not listening";
		case RW_PROCESS_NO_SLOT:
			return process == RW_PROCESS_SAMPLER ?
				"not running" : "no worker slot";
		case RW_PROCESS_DOWN:
			return "not running";
	}
	return NULL;
}

static RwValue
node_process_state(RwProcess process, RwProcessState state)
{
	return rw_value_text(process_state_name(process, state));
}

NODE_GETTER(role, rw_value_text(rw_role_name(&node->facts)))
NODE_GETTER(system_identifier,
			((RwValue) {.number = (int64) node->system_identifier,
						.text = node->system_identifier_text}))
NODE_GETTER(timeline, rw_value_number(node->facts.tli))
NODE_GETTER(horizon, rw_value_nonzero(node->facts.horizon))
PUBLISHED_GETTER(wal_rate, rw_value_real(node->published->wal_rate))
RECOVERY_GETTER(upstream_host, rw_value_text(node->facts.receiver.host))
RECOVERY_GETTER(upstream_port, rw_value_nonzero(node->facts.receiver.port))
RECOVERY_GETTER(receiver_state,
				rw_value_text(rw_receiver_state_name(&node->facts.receiver)))
PUBLISHED_GETTER(any_message,
				 node_wall_time(node, rw_last_message(&node->facts,
													  node->published)))
RECOVERY_GETTER(last_message, node_any_message(row))
RECOVERY_GETTER(apply_delay,
				rw_value_number(node->facts.recovery.apply_delay_ms * RW_MS))
RECOVERY_GETTER(replay_blocked_by,
				rw_value_pids(node->facts.recovery.blockers,
							  node->facts.recovery.nblockers))
NODE_GETTER(replay_state, rw_value_text(rw_replay_state_name(&node->facts)))
NODE_GETTER(sync_wanted, rw_value_number(node->sync.wanted))
NODE_GETTER(sync_connected, rw_value_number(node->sync.connected))
NODE_GETTER(commits_waiting, rw_value_number(node->sync.waiting))
NODE_GETTER(worker_state,
			node_process_state(RW_PROCESS_SAMPLER, node->sampler))
NODE_GETTER(worker_pid, rw_value_nonzero(node->sampler_pid))
PUBLISHED_GETTER(last_sample,
				 node_wall_time(node, node->published->last_sample))
PUBLISHED_GETTER(history_start,
				 node_wall_time(node, node->published->history_start))
NODE_GETTER(waiters, rw_value_count(node->waiters))
NODE_GETTER(version, rw_value_text(REPLWATCH_VERSION))
NODE_GETTER(port, rw_value_nonzero(rw_port))
NODE_GETTER(port_state, node_process_state(RW_PROCESS_PORT, node->port))
NODE_GETTER(command_runner_state,
			node_process_state(RW_PROCESS_RUNNER, node->runner))
NODE_GETTER(name,
			rw_value_text(rw_node_name(node->facts.in_recovery &&
									   !node->facts.crash_recovery,
									   node->facts.receiver.name)))
NODE_GETTER(staleness, rw_value_count(node->staleness.staleness))
NODE_GETTER(staleness_of, node->staleness.staleness < 0 ? rw_value_unknown() :
			rw_value_text(node->staleness.of_primary ? "primary" :
						  "upstream"))
NODE_GETTER(line_state, rw_value_text(rw_line_state_name(node->line_state)))

static const RwColumn node_columns[] = {
	{"role", RW_TEXT, 0, .get = node_role,
		.metric = {"replwatch_role",
			.help = "Role of this server, in the label role: primary, standby, or cascade, which is a standby with replicas; absent in crash recovery.",
			.label = "role"}},
	{"system_identifier", RW_IDENTIFIER, 0, .get = node_system_identifier,
		.metric = {"replwatch_cluster_info",
			.help = "Always 1; the label system_identifier is the same on all servers of a cluster.",
			.label = "system_identifier"}},
	{"timeline", RW_INTEGER, 0, .get = node_timeline,
		.metric = {"replwatch_timeline",
			.help = "Timeline of the newest WAL that this server can send."}},
	{"horizon", RW_LSN, 0, .get = node_horizon,
		.metric = {"replwatch_horizon_bytes",
			.help = "LSN of the newest WAL that this server can send, in bytes since 0/0; absent if unknown."}},
	{"wal_rate", RW_DOUBLE, 0, .get = node_wal_rate,
		.metric = {"replwatch_wal_bytes_per_second",
			.help = "Rate at which WAL grew on this server in the last minute, in bytes per second; absent if unknown."}},
	{"upstream_host", RW_TEXT, RW_HIDDEN, .get = node_upstream_host},
	{"upstream_port", RW_INTEGER, RW_HIDDEN, .get = node_upstream_port},
	{"receiver_state", RW_TEXT, RW_HIDDEN, .get = node_receiver_state,
		.metric = {"replwatch_receiver_state",
			.help = "State of the WAL receiver, in the label state: connecting, streaming, waiting or stopping; absent if none runs.",
			.label = "state"}},
	{"last_message", RW_TIME, RW_HIDDEN, .get = node_last_message,
		.metric = {"replwatch_receiver_last_message_timestamp_seconds",
			.help = "Time of the last message from the upstream server, in seconds since 1970; absent on a primary or before the first message."}},
	{"apply_delay", RW_DURATION, 0, .get = node_apply_delay,
		.metric = {"replwatch_replay_delay_seconds",
			.help = "Value of recovery_min_apply_delay, in seconds; absent on a primary."}},
	{"replay_blocked_by", RW_PIDS, 0, .get = node_replay_blocked_by,
		.metric = {"replwatch_replay_blockers",
			.help = "Number of processes that are known to block WAL replay on this server; absent on a primary."}},
	{"replay_state", RW_TEXT, 0, .get = node_replay_state,
		.metric = {"replwatch_replay_state",
			.help = "State of WAL replay, in the label state: not in recovery, replaying, pause requested or paused.",
			.label = "state"}},
	{"sync_wanted", RW_INTEGER, 0, .get = node_sync_wanted,
		.metric = {"replwatch_sync_standbys_wanted",
			.help = "Number of synchronous standbys that commits wait for; 0 without synchronous replication."}},
	{"sync_connected", RW_INTEGER, 0, .get = node_sync_connected,
		.metric = {"replwatch_sync_standbys_connected",
			.help = "Number of standbys in synchronous_standby_names that are streaming."}},
	{"commits_waiting", RW_INTEGER, 0, .get = node_commits_waiting,
		.metric = {"replwatch_commits_waiting",
			.help = "Number of commits that are waiting for synchronous standbys."}},
	{"worker_state", RW_TEXT, 0, .get = node_worker_state,
		.metric = {"replwatch_sampler_state",
			.help = "State of the sampling worker of replwatch, in the label state: starting, running or not running.",
			.label = "state"}},
	{"worker_pid", RW_INTEGER, 0, .get = node_worker_pid},
	{"last_sample", RW_TIME, 0, .get = node_last_sample,
		.metric = {"replwatch_last_sample_timestamp_seconds",
			.help = "Time at which the sampling worker of replwatch last took a sample, in seconds since 1970; absent before the first sample."}},
	{"history_start", RW_TIME, 0, .get = node_history_start,
		.metric = {"replwatch_history_start_timestamp_seconds",
			.help = "Time at which the recorded history of LSNs begins, in seconds since 1970; absent if nothing is recorded."}},
	{"waiters", RW_INTEGER, 0, .get = node_waiters,
		.metric = {"replwatch_waiters",
			.help = "Number of sessions that are waiting for an LSN or for replicas."}},
	{"version", RW_TEXT, 0, .get = node_version,
		.metric = {"replwatch_build_info",
			.help = "Always 1; the label version is the version of replwatch.",
			.label = "version"}},
	{"port", RW_INTEGER, 0, .get = node_port},
	{"port_state", RW_TEXT, 0, .get = node_port_state,
		.metric = {"replwatch_port_state",
			.help = "State of the port of replwatch, in the label state: listening, or partly listening if it could not bind one of its addresses.",
			.label = "state"}},
	{"command_runner_state", RW_TEXT, 0, .get = node_command_runner_state,
		.metric = {"replwatch_command_runner_state",
			.help = "State of the process that runs alert_command, in the label state: off, starting, running, no worker slot or not running.",
			.label = "state"}},
	{"name", RW_TEXT, 0, .get = node_name},
	{"staleness", RW_DURATION, 0, .get = node_staleness,
		.metric = {"replwatch_staleness_seconds",
			.help = "How stale a read on this server can be, in seconds; 0 on a primary, absent if unknown."}},
	{"staleness_of", RW_TEXT, 0, .get = node_staleness_of,
		.metric = {"replwatch_staleness_of",
			.help = "What the staleness of this server is measured against, in the label of: primary or upstream; absent if the staleness is unknown.",
			.label = "of"}},
	{"line_state", RW_TEXT, 0, .get = node_line_state,
		.metric = {"replwatch_line_state",
			.help = "State of the line to the upstream server, in the label state: off, connecting, up or refused.",
			.label = "state"}},
};

const RwColumns rw_node_columns = {
	node_columns, lengthof(node_columns), NULL, 0
};

/*
 * The upstream server: one sample with two labels
 */

RECOVERY_GETTER(has_upstream, node->facts.receiver.host[0] != '\0' ?
				rw_value_number(1) : rw_value_absent())

static const RwColumn upstream_columns[] = {
	{NULL, RW_INTEGER, 0, .get = node_has_upstream,
		.metric = {"replwatch_upstream_info",
			.help = "Always 1; the labels host and port are those of the server that this standby receives WAL from; absent if unknown."}},
};

static const RwColumn upstream_labels[] = {
	{"host", RW_TEXT, 0, .get = node_upstream_host},
	{"port", RW_INTEGER, 0, .get = node_upstream_port},
};

const RwColumns rw_upstream_columns = {
	upstream_columns, lengthof(upstream_columns),
	upstream_labels, lengthof(upstream_labels)
};
