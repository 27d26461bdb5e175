--
-- CREATE, ALTER and DROP EXTENSION.
--
\set VERBOSITY terse
CREATE EXTENSION replwatch;
CREATE EXTENSION replwatch;
CREATE EXTENSION IF NOT EXISTS replwatch;
DROP EXTENSION replwatch;

-- nothing is left, and it can come again
SELECT count(*) FROM pg_proc WHERE proname LIKE 'replwatch%';
SELECT count(*) FROM pg_class WHERE relname LIKE 'replwatch%';
SELECT role FROM replwatch_node();
CREATE EXTENSION replwatch;
SELECT role FROM replwatch_node();

-- the script is not for psql: it says so and stops
SELECT c.setting || '/extension/replwatch--' || e.default_version || '.sql' AS script
FROM pg_config() c, pg_available_extensions e
WHERE c.name = 'SHAREDIR' AND e.name = 'replwatch' \gset
\i :script

-- =====================================================================
-- Another schema
-- =====================================================================

CREATE SCHEMA watch;
ALTER EXTENSION replwatch SET SCHEMA watch;
SELECT role FROM replwatch_node();
SELECT role FROM watch.replwatch_node();

-- views go on working, whatever the search path
SET search_path = pg_catalog;
SELECT count(*) FROM watch.replwatch_lag;
SELECT count(*) FROM watch.replwatch_slots;
RESET search_path;

-- and back
ALTER EXTENSION replwatch SET SCHEMA public;
SELECT count(*) FROM replwatch_lag;
DROP EXTENSION replwatch;

-- made there from the start
CREATE EXTENSION replwatch SCHEMA watch;
SELECT count(*) FROM watch.replwatch_lag;
SELECT count(*) FROM replwatch_lag;
SET search_path = watch;
SELECT count(*) FROM replwatch_lag;
RESET search_path;

-- =====================================================================
-- What depends on it
-- =====================================================================

CREATE VIEW mine AS SELECT name, lag FROM watch.replwatch_status();
\set VERBOSITY default
DROP EXTENSION replwatch;
\set VERBOSITY terse
DROP EXTENSION replwatch CASCADE;
SELECT count(*) FROM mine;
DROP SCHEMA watch;

-- members can't go one by one
CREATE EXTENSION replwatch;
DROP FUNCTION replwatch_status();
DROP VIEW replwatch_lag;
DROP EXTENSION replwatch;
