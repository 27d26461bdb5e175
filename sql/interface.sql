--
-- The interface as users see it: names, types, defaults, privileges.
--
-- The expected output is the contract: within 1.x a column may only be added
-- at the end.
--
CREATE EXTENSION replwatch;

-- =====================================================================
-- Objects
-- =====================================================================

-- all of them, but for the row types of the views
SELECT pg_describe_object(classid, objid, 0) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND
	refobjid = (SELECT oid FROM pg_extension WHERE extname = 'replwatch') AND
	classid <> 'pg_type'::regclass
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

-- each has a comment: no rows
SELECT pg_describe_object(classid, objid, 0) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND
	refobjid = (SELECT oid FROM pg_extension WHERE extname = 'replwatch') AND
	classid <> 'pg_type'::regclass AND
	obj_description(objid, classid::regclass::name) IS NULL
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

-- the extension itself
SELECT extversion, extrelocatable,
	obj_description(oid, 'pg_extension') IS NOT NULL AS has_comment
FROM pg_extension WHERE extname = 'replwatch';

-- =====================================================================
-- Functions
-- =====================================================================

CREATE VIEW functions AS
	SELECT p.* FROM pg_proc p, pg_depend d, pg_extension e
	WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND
		d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND
		d.deptype = 'e' AND e.extname = 'replwatch';

-- how they are called: arguments with their defaults
SELECT proname, pg_get_function_arguments(oid) AS arguments, proretset AS set
FROM functions
WHERE cardinality(proallargtypes) IS NULL OR proname = 'replwatch_history'
ORDER BY proname;

-- what they say of themselves to the planner
SELECT proname, provolatile AS volatile, proparallel AS parallel,
	proisstrict AS strict, prosecdef AS definer
FROM functions ORDER BY proname;

-- columns that they return
CREATE FUNCTION columns_of(function text, OUT number bigint, OUT name text,
						   OUT type regtype)
RETURNS SETOF record LANGUAGE sql AS $$
	SELECT row_number() OVER (), a.name, a.type::regtype
	FROM functions f,
		unnest(f.proargnames, f.proallargtypes, f.proargmodes)
			WITH ORDINALITY a(name, type, mode, position)
	WHERE f.proname = function AND a.mode = 'o'
	ORDER BY a.position
$$;

SELECT * FROM columns_of('replwatch_status');
SELECT * FROM columns_of('replwatch_node');
SELECT * FROM columns_of('replwatch_cluster');
SELECT * FROM columns_of('replwatch_history');
SELECT * FROM columns_of('replwatch_waiters');
SELECT * FROM columns_of('replwatch_wait_stats');
SELECT * FROM columns_of('replwatch_alerts');

-- what bears the name of a column of core's has its type, too: no rows
SELECT c.name, c.type, a.attrelid::regclass, a.atttypid::regtype
FROM columns_of('replwatch_status') c, pg_attribute a
WHERE a.attrelid IN ('pg_stat_replication'::regclass,
					 'pg_replication_slots'::regclass) AND
	a.attname = c.name AND a.atttypid <> c.type;

-- those that return a value
SELECT proname, prorettype::regtype FROM functions
WHERE prorettype <> 'record'::regtype ORDER BY proname;

-- none returns a bare record: no rows
SELECT proname FROM functions
WHERE prorettype = 'record'::regtype AND NOT 'o' = ANY (proargmodes);

-- what is not wanted does not run
SELECT port, port_state, command_runner_state, line_state FROM replwatch_node();

-- a primary is never stale
SELECT staleness, staleness_of FROM replwatch_node();

-- =====================================================================
-- Views
-- =====================================================================

SELECT column_name, data_type FROM information_schema.columns
WHERE table_name = 'replwatch_lag' ORDER BY ordinal_position;
SELECT column_name, data_type FROM information_schema.columns
WHERE table_name = 'replwatch_slots' ORDER BY ordinal_position;

-- =====================================================================
-- Privileges
-- =====================================================================

CREATE ROLE regress_replwatch_nobody;
CREATE ROLE regress_replwatch_monitor IN ROLE pg_monitor;
CREATE ROLE regress_replwatch_stats IN ROLE pg_read_all_stats;

SELECT f.proname,
	has_function_privilege('regress_replwatch_nobody', f.oid, 'EXECUTE')
		AS nobody,
	has_function_privilege('regress_replwatch_stats', f.oid, 'EXECUTE')
		AS stats,
	has_function_privilege('regress_replwatch_monitor', f.oid, 'EXECUTE')
		AS monitor
FROM functions f ORDER BY f.proname;

SELECT v.name,
	has_table_privilege('regress_replwatch_nobody', v.name, 'SELECT')
		AS nobody,
	has_table_privilege('regress_replwatch_stats', v.name, 'SELECT')
		AS stats,
	has_table_privilege('regress_replwatch_monitor', v.name, 'SELECT')
		AS monitor,
	has_table_privilege('regress_replwatch_monitor', v.name,
						'INSERT, UPDATE, DELETE, TRUNCATE') AS monitor_writes
FROM (VALUES ('replwatch_lag'), ('replwatch_slots')) v(name);

-- whoever may write or read may wait for it; nothing else is for everybody
SELECT p.proname, a.privilege_type
FROM functions p,
	aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE a.grantee = 0 ORDER BY p.proname;
SELECT c.relname, a.privilege_type
FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
WHERE c.relname LIKE 'replwatch%' AND a.grantee = 0;

-- to forget is for superusers, and can be granted
SET ROLE regress_replwatch_monitor;
SELECT replwatch_forget('nobody');
RESET ROLE;
GRANT EXECUTE ON FUNCTION replwatch_forget(text) TO regress_replwatch_monitor;
SET ROLE regress_replwatch_monitor;
SELECT replwatch_forget('nobody');
RESET ROLE;

-- whoever may not look is told so, in each place
SET ROLE regress_replwatch_nobody;
SELECT * FROM replwatch_status();
SELECT * FROM replwatch_node();
SELECT * FROM replwatch_cluster();
SELECT * FROM replwatch_history();
SELECT replwatch_lsn_time('0/1');
SELECT replwatch_time_lsn('now');
SELECT replwatch_trend('nobody', 'downstream');
SELECT replwatch_forget('nobody');
SELECT * FROM replwatch_waiters();
SELECT * FROM replwatch_wait_stats();
SELECT * FROM replwatch_lag;
SELECT * FROM replwatch_slots;
RESET ROLE;

-- a view is no way around: its functions are called as the caller
GRANT SELECT ON replwatch_lag, replwatch_slots TO regress_replwatch_nobody;
SET ROLE regress_replwatch_nobody;
SELECT * FROM replwatch_lag;
SELECT * FROM replwatch_slots;
RESET ROLE;

-- pg_monitor may look everywhere
SET ROLE regress_replwatch_monitor;
SELECT count(*) FROM replwatch_status();
SELECT role FROM replwatch_node();
SELECT count(*) <= 1 AS allowed FROM replwatch_cluster();
SELECT count(*) FROM replwatch_history();
SELECT count(*) FROM replwatch_waiters();
SELECT count(*) FROM replwatch_wait_stats();
SELECT replwatch_lsn_time('FFFFFFFF/FFFFFFFF') IS NULL AS allowed;
SELECT replwatch_time_lsn('infinity') IS NULL AS allowed;
SELECT count(*) FROM replwatch_lag;
SELECT count(*) FROM replwatch_slots;
RESET ROLE;

-- =====================================================================
-- Clean up
-- =====================================================================
DROP FUNCTION columns_of;
DROP VIEW functions;
DROP EXTENSION replwatch;
DROP ROLE regress_replwatch_nobody, regress_replwatch_monitor,
	regress_replwatch_stats;
