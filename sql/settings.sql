--
-- The settings: defaults, units, ranges, and what bad values get.
--
-- The server words a range in another way in each major, so that those errors
-- are looked at by their SQLSTATE: 22023 is an invalid value.
--
CREATE EXTENSION replwatch;

-- the version is another one in each release
SELECT name, unit, context, vartype, min_val, max_val,
	CASE WHEN name <> 'replwatch.version' THEN boot_val END AS boot_val
FROM pg_settings WHERE name LIKE 'replwatch.%' ORDER BY name;

-- each has its default, but for the token of the last commit: no rows
SELECT name, setting FROM pg_settings
WHERE name LIKE 'replwatch.%' AND setting <> boot_val AND
	name <> 'replwatch.commit_token';

-- each is described in core's style: no rows
SELECT name, short_desc, extra_desc
FROM pg_settings
WHERE name LIKE 'replwatch.%' AND
	(short_desc !~ '^[A-Z][a-z]+s,? .*\.$' OR extra_desc !~ '^[A-Z0-9].*\.$' OR
	 category <> 'Customized Options');

-- =====================================================================
-- Values out of range
-- =====================================================================

\set VERBOSITY sqlstate
ALTER SYSTEM SET replwatch.sample_interval = 9;
ALTER SYSTEM SET replwatch.sample_interval = 10001;
ALTER SYSTEM SET replwatch.sample_interval = '11s';
ALTER SYSTEM SET replwatch.sample_interval = 0;
ALTER SYSTEM SET replwatch.sample_interval = -1;
ALTER SYSTEM SET replwatch.sample_interval = 99999999999;
ALTER SYSTEM SET replwatch.sample_interval = '100 kB';
ALTER SYSTEM SET replwatch.sample_interval = 'often';
ALTER SYSTEM SET replwatch.sample_interval = '';
ALTER SYSTEM SET replwatch.known_after = -1;
ALTER SYSTEM SET replwatch.known_after = '86401s';
ALTER SYSTEM SET replwatch.known_after = 'soon';
ALTER SYSTEM SET replwatch.forget_after = -1;
ALTER SYSTEM SET replwatch.forget_after = '2147483648s';
ALTER SYSTEM SET replwatch.forget_after = 'never';
ALTER SYSTEM SET replwatch.max_replicas = 0;
ALTER SYSTEM SET replwatch.max_replicas = 1001;
ALTER SYSTEM SET replwatch.max_replicas = 'all';
ALTER SYSTEM SET replwatch.tend_walsenders = 2;
ALTER SYSTEM SET replwatch.tend_walsenders = 'perhaps';
ALTER SYSTEM SET replwatch.wake_on_replay = 'perhaps';
ALTER SYSTEM SET replwatch.max_waiters = -1;
ALTER SYSTEM SET replwatch.max_waiters = 2147483648;
ALTER SYSTEM SET replwatch.alert_hold = '61min';
ALTER SYSTEM SET replwatch.alert_repeat = -1;
ALTER SYSTEM SET replwatch.lag_warning = '-1s';
ALTER SYSTEM SET replwatch.lag_critical = '25d';
ALTER SYSTEM SET replwatch.lag_bytes_warning = '1 potato';
ALTER SYSTEM SET replwatch.log_alerts = 'loud';
ALTER SYSTEM SET replwatch.alert_command_timeout = 99;
ALTER SYSTEM SET replwatch.alert_command_timeout = '3601s';
ALTER SYSTEM SET replwatch.alert_command_timeout = 'long';
ALTER SYSTEM SET replwatch.port = -1;
ALTER SYSTEM SET replwatch.port = 65536;
ALTER SYSTEM SET replwatch.port = 'http';
ALTER SYSTEM SET replwatch.upstream_port = -1;
ALTER SYSTEM SET replwatch.upstream_port = 65536;
ALTER SYSTEM SET replwatch.port_serves = 'everything';
ALTER SYSTEM SET replwatch.route_lag = 0;
ALTER SYSTEM SET replwatch.route_lag = '10 MB';
ALTER SYSTEM SET replwatch.route_hold = -1;
ALTER SYSTEM SET replwatch.route_hold = '61min';
SET replwatch.wait_timeout = -2;
SET replwatch.wait_timeout = 'soon';
SET replwatch.report_commit_token = 'perhaps';

-- it is the server that speaks
ALTER SYSTEM SET replwatch.sample_interval = 9;
SELECT :'LAST_ERROR_MESSAGE' LIKE '%9 ms is outside the valid range for parameter "replwatch.sample_interval" (10%10000%)' AS words;
\set VERBOSITY terse
ALTER SYSTEM SET replwatch.tend_walsenders = 'perhaps';

-- lists that are none
\set VERBOSITY default
ALTER SYSTEM SET replwatch.replica_overrides = 'a';
ALTER SYSTEM SET replwatch.replica_overrides = 'a: lag_critical';
ALTER SYSTEM SET replwatch.replica_overrides = 'a: lag_critical=soon';
ALTER SYSTEM SET replwatch.replica_overrides = 'a: lag_critical=1 potato';
ALTER SYSTEM SET replwatch.replica_overrides = 'a: lag_critical=-1';
ALTER SYSTEM SET replwatch.replica_overrides = 'a: sample_interval=1s';
ALTER SYSTEM SET replwatch.replica_overrides = ': lag_critical=1s';
SELECT 'ALTER SYSTEM SET replwatch.replica_overrides = ' || quote_literal(repeat('a', 64) || ': delay=1s') \gexec
ALTER SYSTEM SET replwatch.expected_replicas = 'a,,b';
SELECT 'ALTER SYSTEM SET replwatch.node_name = ' || quote_literal(repeat('a', 64)) \gexec
ALTER SYSTEM SET replwatch.listen_addresses = 'db1';
ALTER SYSTEM SET replwatch.listen_addresses = '::1', 'db1.example.com';
ALTER SYSTEM SET replwatch.listen_addresses = '127.0.0.1,,::1';
SELECT 'ALTER SYSTEM SET replwatch.listen_addresses = ' ||
	string_agg(format('%L', '10.0.0.' || i), ', ') || ', localhost'
FROM generate_series(1, 15) i \gexec

-- a command is looked at when it is set
ALTER SYSTEM SET replwatch.alert_command = 'page --host %s "%a is %t" %v %d 100%%';
\set VERBOSITY terse
ALTER SYSTEM SET replwatch.alert_command = 'page %d';
ALTER SYSTEM SET replwatch.alert_command = 'page "$(date +%F)" 100% %';
ALTER SYSTEM SET replwatch.alert_command = 'printf %s "$REPLWATCH_DETAIL"';

-- =====================================================================
-- Values within it, ends included
-- =====================================================================

ALTER SYSTEM SET replwatch.replica_overrides = '';
ALTER SYSTEM SET replwatch.replica_overrides = ' a* : lag_critical = 2h ,stall_timeout=0 ; b?: delay=90min, slot_retained=5GB;';
ALTER SYSTEM SET replwatch.node_name = '';
SELECT 'ALTER SYSTEM SET replwatch.node_name = ' || quote_literal(repeat('a', 63)) \gexec
ALTER SYSTEM SET replwatch.expected_replicas = '';
ALTER SYSTEM SET replwatch.expected_replicas = 'replica1', 'Replica 2', 'it''s';
ALTER SYSTEM SET replwatch.lag_warning = 0;
ALTER SYSTEM SET replwatch.lag_critical = 2147483647;
ALTER SYSTEM SET replwatch.alert_hold = 0;
ALTER SYSTEM SET replwatch.sample_interval = 10;
ALTER SYSTEM SET replwatch.sample_interval = '10s';
ALTER SYSTEM SET replwatch.known_after = 0;
ALTER SYSTEM SET replwatch.known_after = '1d';
ALTER SYSTEM SET replwatch.forget_after = 0;
ALTER SYSTEM SET replwatch.forget_after = 2147483647;
ALTER SYSTEM SET replwatch.max_replicas = 1;
ALTER SYSTEM SET replwatch.max_replicas = 1000;
ALTER SYSTEM SET replwatch.tend_walsenders = off;
ALTER SYSTEM SET replwatch.alert_command = 'page "$REPLWATCH_SUBJECT"';
ALTER SYSTEM SET replwatch.alert_command_timeout = 100;
ALTER SYSTEM SET replwatch.alert_command_timeout = '1h';
ALTER SYSTEM SET replwatch.port = 65535;
ALTER SYSTEM SET replwatch.upstream_port = 65535;
ALTER SYSTEM SET replwatch.listen_addresses = '*';
ALTER SYSTEM SET replwatch.listen_addresses = 'localhost, 192.0.2.1, fe80::1%eth0';
ALTER SYSTEM SET replwatch.port_serves = metrics;
ALTER SYSTEM SET replwatch.port_serves = 'all';
ALTER SYSTEM SET replwatch.route_lag = '1ms';
ALTER SYSTEM SET replwatch.route_lag = '24d';
ALTER SYSTEM SET replwatch.route_hold = 0;
ALTER SYSTEM SET replwatch.route_hold = '1h';
SELECT name, setting FROM pg_file_settings
WHERE name LIKE 'replwatch.%' ORDER BY name;

ALTER SYSTEM RESET replwatch.sample_interval;
ALTER SYSTEM RESET replwatch.known_after;
ALTER SYSTEM RESET replwatch.forget_after;
ALTER SYSTEM RESET replwatch.max_replicas;
ALTER SYSTEM RESET replwatch.tend_walsenders;
ALTER SYSTEM RESET replwatch.alert_command;
ALTER SYSTEM RESET replwatch.alert_command_timeout;
ALTER SYSTEM RESET replwatch.port;
ALTER SYSTEM RESET replwatch.upstream_port;
ALTER SYSTEM RESET replwatch.listen_addresses;
ALTER SYSTEM RESET replwatch.port_serves;
ALTER SYSTEM RESET replwatch.route_lag;
ALTER SYSTEM RESET replwatch.route_hold;

-- =====================================================================
-- The wrong place
-- =====================================================================

SET replwatch.sample_interval = 50;
SET replwatch.known_after = 50;
SET replwatch.forget_after = 50;
SET replwatch.max_replicas = 50;
SET replwatch.tend_walsenders = off;
SET replwatch.wake_on_replay = off;
SET replwatch.max_waiters = 50;
SET replwatch.alert_command = 'page';
SET replwatch.alert_command_timeout = 1000;
SET replwatch.port = 8009;
SET replwatch.upstream_port = 8009;
SET replwatch.listen_addresses = '*';
SET replwatch.port_serves = 'all';
SET replwatch.route_lag = '1s';
SET replwatch.route_hold = '1s';
SET replwatch.line_secret = 'known';
SET replwatch.commit_token = '6a1f0c2e9b3d4857:00000001:00000000/594F2870';
SET replwatch.version = '2.0';
SELECT set_config('replwatch.sample_interval', '50', false);
ALTER ROLE CURRENT_USER SET replwatch.sample_interval = 50;
ALTER ROLE CURRENT_USER SET replwatch.max_replicas = 50;

-- these may hold what is not for everybody
CREATE ROLE regress_replwatch_nobody;
SET ROLE regress_replwatch_nobody;
\set VERBOSITY sqlstate
SHOW replwatch.alert_command;
SHOW replwatch.line_secret;
RESET ROLE;
DROP ROLE regress_replwatch_nobody;

-- =====================================================================
-- Names that do not exist
-- =====================================================================

\set VERBOSITY default
SET replwatch.sample_intervall = 50;
ALTER ROLE CURRENT_USER SET replwatch.nothing = 50;
SELECT set_config('replwatch.nothing', '50', false);
SHOW replwatch.nothing;

-- all is as it was: no rows
SELECT name, setting FROM pg_settings
WHERE name LIKE 'replwatch.%' AND setting <> boot_val AND
	name <> 'replwatch.commit_token';

DROP EXTENSION replwatch;
