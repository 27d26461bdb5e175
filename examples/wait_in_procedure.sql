-- Copyright (c) 2026, the replwatch authors
--
-- A wait for a commit inside a procedure, where a statement of its own is not
-- possible.  Run it on the primary; the procedure reaches the replicas by
-- replication:
--
--   psql -f wait_in_procedure.sql dbname=app
--
-- Then, on a replica, outside a transaction block:
--
--   CALL wait_until_replayed('6a1f0c2e9b3d4857:00000001:00000000/594F2870', '500 ms');
--
-- or within another procedure, or a DO block, that is itself called outside a
-- transaction block:
--
--   CALL wait_until_replayed(token, '500 ms', replayed);
--
-- The result is true if the following statements see the commit.

CREATE PROCEDURE wait_until_replayed(token text, timeout interval,
	INOUT replayed boolean DEFAULT NULL)
LANGUAGE plpgsql
AS $$
DECLARE
	deadline timestamptz := clock_timestamp() + timeout;
BEGIN
	LOOP
		-- With timeout 0 it only looks, which is possible everywhere.
		replayed := replwatch_wait_for_token(token, '0');
		EXIT WHEN replayed OR clock_timestamp() >= deadline;

		-- Replay can be waiting for the snapshot of these statements and for what
		-- the transaction has locked, so sleep briefly and give them up.
		PERFORM pg_sleep(0.005);
		COMMIT;
	END LOOP;
END
$$;
