/* replwatch--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION replwatch" to load this file. \quit

--
-- Current state
--
CREATE FUNCTION replwatch_status(
	OUT name text,
	OUT link text,
	OUT kind text,
	OUT state text,
	OUT health text,
	OUT reason_code text,
	OUT reason text,
	OUT lag_bytes bigint,
	OUT lag interval,
	OUT lag_bound text,
	OUT catchup interval,
	OUT last_seen timestamptz,
	OUT sent_lsn pg_lsn,
	OUT write_lsn pg_lsn,
	OUT flush_lsn pg_lsn,
	OUT replay_lsn pg_lsn,
	OUT write_lag interval,
	OUT flush_lag interval,
	OUT replay_lag interval,
	OUT sync_priority integer,
	OUT sync_state text,
	OUT reply_time timestamptz,
	OUT pid integer,
	OUT usesysid oid,
	OUT usename name,
	OUT application_name text,
	OUT client_addr inet,
	OUT client_hostname text,
	OUT client_port integer,
	OUT backend_start timestamptz,
	OUT backend_xmin xid,
	OUT slot_name name,
	OUT database name,
	OUT slot_synced boolean,
	OUT restart_lsn pg_lsn,
	OUT confirmed_flush_lsn pg_lsn,
	OUT wal_status text,
	OUT safe_wal_size bigint,
	OUT retained_bytes bigint,
	OUT slot_time_left interval,
	OUT slot_xmin_age integer,
	OUT inactive_since timestamptz,
	OUT invalidation_reason text,
	OUT reported_at timestamptz
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'replwatch_status'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;

COMMENT ON FUNCTION replwatch_status() IS
'replication links of this server: connected walsenders, unused slots, known replicas that are gone, and on a standby its link upstream';

CREATE FUNCTION replwatch_node(
	OUT role text,
	OUT system_identifier bigint,
	OUT timeline integer,
	OUT horizon pg_lsn,
	OUT wal_rate double precision,
	OUT upstream_host text,
	OUT upstream_port integer,
	OUT receiver_state text,
	OUT last_message timestamptz,
	OUT replay_state text,
	OUT apply_delay interval,
	OUT replay_blocked_by integer[],
	OUT sync_wanted integer,
	OUT sync_connected integer,
	OUT commits_waiting integer,
	OUT worker_state text,
	OUT worker_pid integer,
	OUT last_sample timestamptz,
	OUT history_start timestamptz,
	OUT waiters integer,
	OUT version text,
	OUT port integer,
	OUT port_state text,
	OUT command_runner_state text,
	OUT name text,
	OUT staleness interval,
	OUT staleness_of text,
	OUT line_state text
)
RETURNS record
AS 'MODULE_PATHNAME', 'replwatch_node'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION replwatch_node() IS
'state of this server in replication, and of the background workers of replwatch';

CREATE FUNCTION replwatch_cluster(
	OUT node text,
	OUT upstream text,
	OUT depth integer,
	OUT role text,
	OUT host text,
	OUT timeline integer,
	OUT replay_lsn pg_lsn,
	OUT lag interval,
	OUT staleness interval,
	OUT state text,
	OUT health text,
	OUT reason_code text,
	OUT reason text,
	OUT alerts integer,
	OUT port integer,
	OUT version text,
	OUT reported_at timestamptz
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'replwatch_cluster'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;

COMMENT ON FUNCTION replwatch_cluster() IS
'servers of this system that are known here, in the order of the tree in which they replicate';

--
-- History
--
CREATE FUNCTION replwatch_lsn_time(lsn pg_lsn)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'replwatch_lsn_time'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION replwatch_lsn_time(pg_lsn) IS
'time at which the end of WAL reached an LSN, or NULL outside the recorded history';

CREATE FUNCTION replwatch_time_lsn(at timestamptz)
RETURNS pg_lsn
AS 'MODULE_PATHNAME', 'replwatch_time_lsn'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION replwatch_time_lsn(timestamptz) IS
'end of WAL at a time, or NULL outside the recorded history';

CREATE FUNCTION replwatch_history(
	name text DEFAULT NULL,
	since interval DEFAULT '1 hour',
	OUT at timestamptz,
	OUT name text,
	OUT lag_bytes bigint,
	OUT lag interval,
	OUT state text
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'replwatch_history'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 360;

COMMENT ON FUNCTION replwatch_history(text, interval) IS
'recorded lag of one replica, or of all replicas if name is NULL';

CREATE FUNCTION replwatch_trend(name text, link text)
RETURNS text
AS 'MODULE_PATHNAME', 'replwatch_trend'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION replwatch_trend(text, text) IS
'time lag of a link over the last five minutes, one character for every ten seconds';

CREATE FUNCTION replwatch_forget(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'replwatch_forget'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;

COMMENT ON FUNCTION replwatch_forget(text) IS
'forget a replica that was removed or rebuilt, and clear its alerts; slot:NAME only clears those of a slot';

--
-- Reading your own writes
--
CREATE FUNCTION replwatch_wait_for_lsn(target pg_lsn, timeout interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'replwatch_wait_for_lsn'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION replwatch_wait_for_lsn(pg_lsn, interval) IS
'wait until this server has replayed an LSN, or on a primary until all commits up to there are visible; false if the timeout has passed';

CREATE FUNCTION replwatch_wait_for_token(token text, timeout interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'replwatch_wait_for_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION replwatch_wait_for_token(text, interval) IS
'wait until this server has replayed a commit, or on a primary until it and all before it are visible; false if the timeout has passed; an error if the token is of another database system';

CREATE FUNCTION replwatch_commit_token()
RETURNS text
AS 'MODULE_PATHNAME', 'replwatch_commit_token'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION replwatch_commit_token() IS
'commit token, SYSTEM:TIMELINE:LSN, of the last commit of this session that wrote something';

CREATE FUNCTION replwatch_commit_lsn()
RETURNS pg_lsn
AS 'MODULE_PATHNAME', 'replwatch_commit_lsn'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION replwatch_commit_lsn() IS
'LSN at the end of the last commit of this session that wrote something';

CREATE FUNCTION replwatch_wait_for_replicas(
	target pg_lsn DEFAULT NULL,
	count integer DEFAULT 1,
	stage text DEFAULT 'replay',
	timeout interval DEFAULT NULL
)
RETURNS integer
AS 'MODULE_PATHNAME', 'replwatch_wait_for_replicas'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION replwatch_wait_for_replicas(pg_lsn, integer, text, interval) IS
'wait until a number of replicas have written, flushed or replayed an LSN; returns how many have, not counting those whose WAL is not this server''s, and no more than the count to a role without pg_read_all_stats; on a primary it can be called anywhere';

CREATE FUNCTION replwatch_waiters(
	OUT pid integer,
	OUT kind text,
	OUT target pg_lsn,
	OUT count integer,
	OUT stage text,
	OUT since timestamptz,
	OUT deadline timestamptz,
	OUT missing_bytes bigint,
	OUT eta interval,
	OUT reason text
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'replwatch_waiters'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;

COMMENT ON FUNCTION replwatch_waiters() IS
'sessions that wait for an LSN or for replicas';

CREATE FUNCTION replwatch_wait_stats(
	OUT waits bigint,
	OUT immediate bigint,
	OUT timeouts bigint,
	OUT errors bigint,
	OUT total_time interval,
	OUT max_time interval,
	OUT p50 interval,
	OUT p95 interval,
	OUT p99 interval,
	OUT rescued bigint
)
RETURNS record
AS 'MODULE_PATHNAME', 'replwatch_wait_stats'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION replwatch_wait_stats() IS
'statistics about waits, and about walsenders that had missed WAL, since server start';

--
-- Alerts
--
CREATE FUNCTION replwatch_alerts(
	OUT alert text,
	OUT severity text,
	OUT subject text,
	OUT state text,
	OUT raised_at timestamptz,
	OUT changed_at timestamptz,
	OUT cleared_at timestamptz,
	OUT value text,
	OUT threshold text,
	OUT detail text
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'replwatch_alerts'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10;

COMMENT ON FUNCTION replwatch_alerts() IS
'alerts that are firing on this server, followed by those cleared recently';

CREATE FUNCTION replwatch_silence(name text, duration interval)
RETURNS boolean
AS 'MODULE_PATHNAME', 'replwatch_silence'
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;

COMMENT ON FUNCTION replwatch_silence(text, interval) IS
'silence the alerts of a replica, slot (also slot:NAME) or server for a time, or end that if it is zero';

--
-- Views
--
CREATE VIEW replwatch_lag AS
	SELECT s.name, s.link, s.state, s.health, s.lag_bytes,
		   pg_catalog.date_trunc('milliseconds', s.lag) AS lag, s.lag_bound,
		   pg_catalog.date_trunc('seconds', s.catchup) AS catchup, s.reason,
		   replwatch_trend(s.name,
						   CASE WHEN s.state OPERATOR(pg_catalog.=)
									 ANY (ARRAY['inactive', 'lost'])
								THEN 'slot' ELSE s.link END) AS trend
	FROM replwatch_status() s;

COMMENT ON VIEW replwatch_lag IS
'lag of each replica, its reason, and its recent trend';

CREATE VIEW replwatch_slots AS
	SELECT s.slot_name, s.kind, s.database, s.state, s.wal_status,
		   s.retained_bytes, s.slot_time_left, s.inactive_since,
		   s.slot_xmin_age, s.invalidation_reason
	FROM replwatch_status() s
	WHERE s.slot_name IS NOT NULL
	ORDER BY s.slot_name;

COMMENT ON VIEW replwatch_slots IS
'WAL retained by each replication slot, and the time left until the slot is lost';

--
-- Privileges: everybody can wait, and ask for a commit token.  Monitoring roles
-- can see the state of replication; the rest is for superusers, who can grant it.
--
REVOKE ALL ON FUNCTION replwatch_status() FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_node() FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_cluster() FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_lsn_time(pg_lsn) FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_time_lsn(timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_history(text, interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_trend(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_forget(text) FROM PUBLIC;
REVOKE ALL ON replwatch_lag FROM PUBLIC;
REVOKE ALL ON replwatch_slots FROM PUBLIC;

REVOKE ALL ON FUNCTION replwatch_alerts() FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_silence(text, interval) FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_waiters() FROM PUBLIC;
REVOKE ALL ON FUNCTION replwatch_wait_stats() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION replwatch_alerts() TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_waiters() TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_wait_stats() TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_status() TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_node() TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_cluster() TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_lsn_time(pg_lsn) TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_time_lsn(timestamptz) TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_history(text, interval) TO pg_monitor;
GRANT EXECUTE ON FUNCTION replwatch_trend(text, text) TO pg_monitor;
GRANT SELECT ON replwatch_lag TO pg_monitor;
GRANT SELECT ON replwatch_slots TO pg_monitor;
