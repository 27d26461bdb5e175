--
-- Bad input: NULL, out of range, beyond all bounds.
--
CREATE EXTENSION replwatch;

-- What follows says NULL where the history has no answer; it must have one.
DO $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		EXIT WHEN (SELECT history_start IS NOT NULL FROM replwatch_node());
		PERFORM pg_sleep(0.1);
	END LOOP;
END
$$;
\pset null '(null)'

-- =====================================================================
-- replwatch_lsn_time
-- =====================================================================

-- reached now, and some time since the history began
SELECT replwatch_lsn_time(pg_current_wal_flush_lsn())
	BETWEEN history_start - interval '1 s' AND clock_timestamp() AS known
FROM replwatch_node();

SELECT replwatch_lsn_time(NULL);
SELECT replwatch_lsn_time('0/0');
SELECT replwatch_lsn_time('0/1');
SELECT replwatch_lsn_time('FFFFFFFF/FFFFFFFF');
SELECT replwatch_lsn_time(pg_current_wal_insert_lsn() + 1000000000);
SELECT replwatch_lsn_time('');
SELECT replwatch_lsn_time('0/G');
SELECT replwatch_lsn_time('100000000/0');

-- =====================================================================
-- replwatch_time_lsn
-- =====================================================================

SELECT replwatch_time_lsn(clock_timestamp())
	BETWEEN '0/1' AND pg_current_wal_flush_lsn() AS known;

SELECT replwatch_time_lsn(NULL);
SELECT replwatch_time_lsn('-infinity');
SELECT replwatch_time_lsn('infinity');
SELECT replwatch_time_lsn('4714-11-24 00:00:00+00 BC');
SELECT replwatch_time_lsn('294276-12-31 23:59:59.999999+00');
SELECT replwatch_time_lsn('epoch');
SELECT replwatch_time_lsn('1999-12-31 23:59:59+00');
SELECT replwatch_time_lsn(clock_timestamp() + interval '1 s');
SELECT replwatch_time_lsn(clock_timestamp() + interval '1000 years');
SELECT replwatch_time_lsn(history_start - interval '1 s')
FROM replwatch_node();
SELECT replwatch_time_lsn(clock_timestamp() - interval '1000 days');
SELECT replwatch_time_lsn('yesteryear');

-- =====================================================================
-- replwatch_history
-- =====================================================================

-- no replica has ever been here
SELECT * FROM replwatch_history();
SELECT * FROM replwatch_history('nobody');
SELECT * FROM replwatch_history('');
SELECT * FROM replwatch_history(NULL, NULL);
SELECT * FROM replwatch_history(repeat('x', 100000));
SELECT * FROM replwatch_history(since => '0');
SELECT * FROM replwatch_history(since => '178000000 years');
SELECT * FROM replwatch_history(since => '2147483647 months 2147483647 days 2562047788 hours');
SELECT * FROM replwatch_history(since => '1 month -30 days');

-- for ever: since 17 an interval can be infinite
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000
	THEN 'infinity' ELSE '178000000 years' END AS ever \gset
SELECT * FROM replwatch_history(since => :'ever');

-- the future has no history
SELECT * FROM replwatch_history(since => '-1 microseconds');
SELECT * FROM replwatch_history(since => '-1 day');
SELECT * FROM replwatch_history(since => '1 month -31 days');
SELECT * FROM replwatch_history(since => '-178000000 years');
SELECT * FROM replwatch_history(since => ('-' || :'ever')::interval);
SELECT * FROM replwatch_history(NULL, '-1 second');
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;

-- =====================================================================
-- replwatch_trend
-- =====================================================================

SELECT replwatch_trend('nobody', 'downstream');
SELECT replwatch_trend('', 'downstream');
SELECT replwatch_trend('nobody', 'sideways');
SELECT replwatch_trend(NULL, 'downstream');
SELECT replwatch_trend('nobody', NULL);
-- a primary has nothing upstream
SELECT replwatch_trend('nobody', 'upstream');

-- =====================================================================
-- replwatch_forget
-- =====================================================================

SELECT replwatch_forget('nobody');
SELECT replwatch_forget('');
SELECT replwatch_forget(NULL);
SELECT replwatch_forget(repeat('x', 100000));
SELECT replwatch_forget(E'tab\tquote''backslash\\');

-- =====================================================================
-- replwatch_wait_for_lsn
-- =====================================================================

-- this is a primary: what is written is there
SELECT replwatch_wait_for_lsn(NULL);
SELECT replwatch_wait_for_lsn('0/0');
SELECT replwatch_wait_for_lsn('0/1', NULL);
SELECT replwatch_wait_for_lsn('0/1', '0');
SELECT replwatch_wait_for_lsn(timeout => '178000000 years', target => '0/1');
SELECT replwatch_wait_for_lsn('');
SELECT replwatch_wait_for_lsn('garbage');
SELECT replwatch_wait_for_lsn('100000000/0');
SELECT replwatch_wait_for_lsn('0/1 ');
SELECT replwatch_wait_for_lsn('0/1', 'a while');
SELECT replwatch_wait_for_lsn('0/1', '-1 microsecond');
SELECT replwatch_wait_for_lsn(NULL, '-1 day');
\set VERBOSITY terse
SELECT replwatch_wait_for_lsn(1);
SELECT replwatch_wait_for_lsn('0/1', 1);
SELECT replwatch_wait_for_lsn('FFFFFFFF/FFFFFFFF');
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;
\set VERBOSITY default

-- not here
DO $$ BEGIN PERFORM replwatch_wait_for_lsn('0/1'); END $$;
SELECT replwatch_wait_for_lsn('0/1'), 1;
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;
BEGIN;
SELECT 1 FROM pg_class LIMIT 1;
SELECT replwatch_wait_for_lsn('0/1');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT replwatch_wait_for_lsn('0/1', '0');
ROLLBACK;

-- =====================================================================
-- replwatch_wait_for_token
-- =====================================================================

SELECT replwatch_wait_for_token(NULL);
SELECT lpad(to_hex(system_identifier), 16, '0') AS system
FROM pg_control_system() \gset
SELECT replwatch_wait_for_token(:'system' || ':00000001:00000000/00000001');
SELECT replwatch_wait_for_token('');
SELECT replwatch_wait_for_token('garbage');
SELECT replwatch_wait_for_token('1:0/1');
SELECT replwatch_wait_for_token('6a1f0c2e9b3d4857:00000000:00000000/00000001');
SELECT replwatch_wait_for_token('6a1f0c2e9b3d4857:1:0/1');
SELECT replwatch_wait_for_token('6a1f0c2e9b3d4857:00000001:00000000/594F2870x');
SELECT replwatch_wait_for_token('6a1f0c2e9b3d4857:00000001:00000000/594F2870 ');
SELECT replwatch_wait_for_token(repeat('x', 10000000));
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;
SELECT replwatch_wait_for_token('6a1f0c2e9b3d4857:00000001:00000000/594F2870', '-1 s');
\set VERBOSITY terse
SELECT replwatch_wait_for_token(:'system' || ':00000002:FFFFFFFF/FFFFFFFF');
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;

-- of another system, the detail of which names this one's
SELECT replwatch_wait_for_token('6a1f0c2e9b3d4857:00000001:00000000/594F2870');
SELECT replwatch_wait_for_token('6a1f0c2e9b3d4857:00000001:00000000/594F2870', '0');
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;
SET replwatch.read_after = '6a1f0c2e9b3d4857:00000001:00000000/594F2870';
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;
\set VERBOSITY default

-- =====================================================================
-- replwatch_wait_for_replicas
-- =====================================================================

-- nobody has anything
SELECT replwatch_wait_for_replicas(NULL, 0);
SELECT replwatch_wait_for_replicas('0/0', 0);
SELECT replwatch_wait_for_replicas('0/1', NULL, NULL, '10 ms');
SELECT replwatch_wait_for_replicas('0/1', -1);
SELECT replwatch_wait_for_replicas('0/1', 2147483647);
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;
SELECT replwatch_wait_for_replicas('0/1', 1, '');
SELECT replwatch_wait_for_replicas('0/1', 1, 'Replay');
SELECT replwatch_wait_for_replicas('0/1', 1, repeat('x', 10000000));
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;
SELECT replwatch_wait_for_replicas('0/1', 1, 'flush', '-1 s');
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;
BEGIN;
SELECT pg_current_xact_id() IS NOT NULL AS has_id;
SELECT replwatch_wait_for_replicas();
ROLLBACK;

-- =====================================================================
-- replwatch.read_after
-- =====================================================================

SET replwatch.read_after = '0/1';
SHOW replwatch.read_after;
SET replwatch.read_after = 'garbage';
SET replwatch.read_after = '1:0/1';
SET LOCAL replwatch.read_after = '0/1';
SET replwatch.read_after = '0/1', '0/2';
SET replwatch.read_after = 1;
SELECT set_config('replwatch.read_after', '0/1', false);
SHOW replwatch.read_after;
RESET replwatch.read_after;

-- =====================================================================
-- replwatch_alerts, replwatch_silence
-- =====================================================================

-- there are neither replicas nor slots
SELECT * FROM replwatch_alerts();
SELECT replwatch_silence('nobody', '1 hour');
SELECT replwatch_silence('', '1 hour');
SELECT replwatch_silence(NULL, '1 hour');
SELECT replwatch_silence('nobody', NULL);
SELECT replwatch_silence('nobody', '-1 hour');
SELECT replwatch_silence('nobody', 'a while');
SELECT replwatch_silence(repeat('x', 100000), '1 hour');
SELECT replwatch_silence(E'tab\tquote''backslash\\', '1 hour');
SELECT replwatch_silence('nobody', '178000000 years');
SELECT :'LAST_ERROR_SQLSTATE' AS sqlstate;

-- =====================================================================
-- Where the functions may stand
-- =====================================================================

SELECT (replwatch_node()).role;
SELECT count(*) FROM (SELECT replwatch_status()) s;
SELECT count(*) FROM replwatch_status() WITH ORDINALITY;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT role FROM replwatch_node();
SELECT count(*) FROM replwatch_lag;
DECLARE scrolling SCROLL CURSOR FOR SELECT kind FROM replwatch_status();
FETCH ALL FROM scrolling;
FETCH BACKWARD ALL FROM scrolling;
COMMIT;

DROP EXTENSION replwatch;
