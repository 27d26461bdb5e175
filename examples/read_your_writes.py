#!/usr/bin/env python3
# Copyright (c) 2026, the replwatch authors
"""Write on the primary, read it back on a replica: with psycopg2.

    read_your_writes.py 'host=db1 dbname=app' 'host=db2 dbname=app'

Needs, on the primary:
    CREATE EXTENSION replwatch;
    CREATE TABLE note (id bigserial PRIMARY KEY, body text);

With psycopg 3 the import differs, and pgcode is called sqlstate there.
"""

import sys

import psycopg2


def has_replwatch(conn):
    """A server that has not loaded replwatch reports no version."""
    return conn.info.parameter_status("replwatch.version") is not None


def connect(conninfo):
    """Connect, in autocommit.

    By default the driver opens a transaction with the first statement, and
    leaves it open.  There the wait would have to be that first statement, and
    on a replica a transaction left open holds back replay.
    """
    conn = psycopg2.connect(conninfo)
    conn.autocommit = True
    return conn


def write_note(primary, body):
    """Insert a note; returns its id and the commit token, or None."""
    with primary.cursor() as cur:
        cur.execute("INSERT INTO note (body) VALUES (%s) RETURNING id", (body,))
        (note_id,) = cur.fetchone()
    # Came along with the answer to what committed: here the INSERT itself, in
    # a transaction commit().
    return note_id, primary.info.parameter_status("replwatch.commit_token")


def read_note(conn, note_id):
    with conn.cursor() as cur:
        cur.execute("SELECT body FROM note WHERE id = %s", (note_id,))
        return cur.fetchone()[0]


class NotReplayed(Exception):
    """The replica can't show the write, or not yet."""


def read_note_on_replica(conninfo, note_id, token):
    """Wait until the replica has the commit, half a second at most, and read."""
    replica = connect(conninfo)
    try:
        if not has_replwatch(replica):
            raise NotReplayed("replwatch is not loaded")
        with replica.cursor() as cur:
            # A statement of its own.
            cur.execute("SELECT replwatch_wait_for_token(%s, %s)",
                        (token, "500 ms"))
            if not cur.fetchone()[0]:
                raise NotReplayed("not replayed within 500 ms")
        return read_note(replica, note_id)
    finally:
        replica.close()


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: read_your_writes.py PRIMARY REPLICA")

    primary = connect(sys.argv[1])
    if has_replwatch(primary):
        # Once for each connection; ALTER ROLE ... SET does without it.
        with primary.cursor() as cur:
            cur.execute("SET replwatch.report_commit_token = on")

    note_id, token = write_note(primary, "written with Python")
    print(f"wrote note {note_id}, token {token}")

    try:
        if token is None:
            raise NotReplayed("there is no token to wait for")
        body = read_note_on_replica(sys.argv[2], note_id, token)
        print(f"read on the replica:\n{body}")
    except (NotReplayed, psycopg2.Error) as reason:
        # Whatever the replica's trouble is, the primary has the write, unless
        # it was lost in a failover.
        if getattr(reason, "pgcode", None) == "RW001":
            reason = "the commit was lost in a failover"
        print(f"replica: {str(reason).strip()}")
        print(f"read on the primary:\n{read_note(primary, note_id)}")
    primary.close()


if __name__ == "__main__":
    main()
