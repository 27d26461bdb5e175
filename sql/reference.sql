--
-- doc/reference.md and the server: neither has anything that the other lacks.
--
-- The document is read from the source directory.  The server of this run can
-- do that, because it runs as the user who runs the tests.
--
CREATE EXTENSION replwatch;

-- the default of an interval is shown in this style
SET intervalstyle = 'postgres';

\getenv source PG_ABS_SRCDIR
\set document :source '/doc/reference.md'
\set errcodes :source '/src/base/errcodes.h'

-- lines, with the heading that each is under
CREATE TEMP TABLE headings AS
	SELECT n, substring(line FROM '^#+ (.*)$') AS heading
	FROM regexp_split_to_table(pg_read_file(:'document'), E'\n')
		WITH ORDINALITY l(line, n)
	WHERE line ~ '^#+ ';

-- rows of tables; the first cell is cells[2]
CREATE TEMP TABLE rows AS
	SELECT regexp_split_to_array(line, '\s*\|\s*') AS cells,
		(SELECT heading FROM headings h WHERE h.n < l.n
		 ORDER BY h.n DESC LIMIT 1) AS heading
	FROM regexp_split_to_table(pg_read_file(:'document'), E'\n')
		WITH ORDINALITY l(line, n)
	WHERE line LIKE '| `%';

CREATE TEMP VIEW members AS
	SELECT classid, objid FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND
		refobjid = (SELECT oid FROM pg_extension WHERE extname = 'replwatch');

-- what both say, a line for each thing
CREATE TEMP TABLE facts (kind text, documented boolean, fact text);

-- =====================================================================
-- Functions: arguments, defaults, results
-- =====================================================================

INSERT INTO facts
	SELECT 'function', true, line
	FROM regexp_split_to_table(pg_read_file(:'document'), E'\n') line
	WHERE line ~ '^replwatch_[a-z_]+\(';

INSERT INTO facts
	SELECT 'function', false,
		proname || '(' || coalesce(arguments, '') || ') -> ' ||
		CASE WHEN proretset THEN 'setof ' ELSE '' END ||
		CASE prorettype WHEN 'timestamptz'::regtype THEN 'timestamptz'
			ELSE prorettype::regtype::text END
	FROM pg_proc p, members m,
		LATERAL (
			SELECT string_agg(proargnames[i] || ' ' ||
				CASE proargtypes[i - 1] WHEN 'timestamptz'::regtype
					THEN 'timestamptz'
					ELSE proargtypes[i - 1]::regtype::text END ||
				coalesce(' DEFAULT ' || regexp_replace(
					pg_get_function_arg_default(p.oid, i), '::[a-z_]+$', ''),
					''), ', ' ORDER BY i) AS arguments
			FROM generate_series(1, pronargs) i) a
	WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid;

-- =====================================================================
-- Who may execute them
-- =====================================================================

INSERT INTO facts
	SELECT 'privilege', true, trim('`' FROM cells[2]) || ': ' ||
		trim('`' FROM cells[3])
	FROM rows WHERE heading = 'Functions';

INSERT INTO facts
	SELECT 'privilege', false, proname || ': ' ||
		CASE WHEN has_function_privilege('public', p.oid, 'EXECUTE')
			THEN 'PUBLIC'
			WHEN has_function_privilege('pg_monitor', p.oid, 'EXECUTE')
			THEN 'pg_monitor'
			ELSE 'superuser' END
	FROM pg_proc p, members m
	WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid;

-- =====================================================================
-- Columns of functions and views
-- =====================================================================

INSERT INTO facts
	SELECT 'column', true, heading || '.' || trim('`' FROM cells[2]) || ' ' ||
		coalesce(to_regtype(cells[3])::text, cells[3])
	FROM rows WHERE heading ~ '^replwatch_[a-z_]+$';

INSERT INTO facts
	SELECT 'column', false, proname || '.' || a.name || ' ' ||
		a.type::regtype
	FROM pg_proc p, members m,
		unnest(proargnames, proallargtypes, proargmodes) a(name, type, mode)
	WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid AND
		a.mode = 'o'
	UNION ALL
	SELECT 'column', false, c.relname || '.' || a.attname || ' ' ||
		a.atttypid::regtype
	FROM pg_class c, members m, pg_attribute a
	WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid AND
		a.attrelid = c.oid AND a.attnum > 0;

-- =====================================================================
-- Settings: type, default, range, unit, context
-- =====================================================================

-- a value with a unit as a number of another unit, if it is one
CREATE FUNCTION pg_temp.in_unit(value text, unit text) RETURNS text
LANGUAGE sql AS $$
	WITH units(name, kind, factor) AS (VALUES
		('us', 'time', 1), ('ms', 'time', 1000), ('s', 'time', 1000000),
		('min', 'time', 60000000), ('h', 'time', 3600000000),
		('d', 'time', 86400000000),
		('B', 'size', 1), ('kB', 'size', 1024), ('MB', 'size', 1048576),
		('GB', 'size', 1073741824), ('TB', 'size', 1099511627776))
	SELECT coalesce((
		SELECT trim_scale(m[1]::numeric * given.factor / wanted.factor)::text
		FROM regexp_match(value, '^(-?\d+)([A-Za-z]+)$') m,
			units given, units wanted
		WHERE given.name = m[2] AND wanted.name = unit AND
			given.kind = wanted.kind), value)
$$;

INSERT INTO facts
	SELECT 'setting', true,
		format('%s: %s, default "%s", range "%s", unit "%s", %s',
			   trim('`' FROM cells[2]), cells[3],
			   pg_temp.in_unit(cells[4], cells[6]),
			   coalesce(pg_temp.in_unit(range[1], cells[6]) || ' to ' ||
						pg_temp.in_unit(range[2], cells[6]), cells[5]),
			   cells[6], cells[7])
	FROM rows, regexp_split_to_array(cells[5], ' to ') range
	WHERE cells[2] LIKE '`replwatch.%';

-- the version is another one in each release
INSERT INTO facts
	SELECT 'setting', false,
		format('%s: %s, default "%s", range "%s", unit "%s", %s',
			   name, vartype,
			   CASE WHEN name <> 'replwatch.version' THEN boot_val END,
			   coalesce(min_val || ' to ' || max_val,
						array_to_string(enumvals, ', ')),
			   unit, context)
	FROM pg_settings WHERE name LIKE 'replwatch.%';

-- =====================================================================
-- SQLSTATEs of replwatch's own
-- =====================================================================

INSERT INTO facts
	SELECT 'SQLSTATE', true, trim('`' FROM cells[2])
	FROM rows WHERE heading = 'SQLSTATEs';

INSERT INTO facts
	SELECT 'SQLSTATE', false, regexp_replace(m[1], '[^A-Z0-9]', '', 'g')
	FROM regexp_matches(pg_read_file(:'errcodes'),
						'MAKE_SQLSTATE\(([^)]*)\)', 'g') m;

-- =====================================================================
-- The comparison
-- =====================================================================

-- both say something of each kind
SELECT kind, bool_or(documented) AS documented, bool_or(NOT documented) AS real
FROM facts GROUP BY kind ORDER BY kind COLLATE "C";

-- and nothing twice, as a table that is copied would: no rows
SELECT kind, fact FROM facts GROUP BY kind, fact, documented
HAVING count(*) > 1 ORDER BY fact COLLATE "C";

-- and the same: no rows
SELECT CASE WHEN bool_and(documented) THEN 'doc/reference.md'
		ELSE 'the server' END AS only_in, kind, fact
FROM facts GROUP BY kind, fact HAVING count(*) = 1
ORDER BY fact COLLATE "C";

DROP EXTENSION replwatch;
