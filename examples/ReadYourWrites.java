/*
 * ReadYourWrites.java
 *	  Write on the primary, read it back on a replica: with JDBC.
 *
 *		java -cp /usr/share/java/postgresql.jar ReadYourWrites.java \
 *			'jdbc:postgresql://db1/app?user=app' 'jdbc:postgresql://db2/app?user=app'
 *
 * Needs, on the primary:
 *		CREATE EXTENSION replwatch;
 *		CREATE TABLE note (id bigserial PRIMARY KEY, body text);
 *
 * Copyright (c) 2026, the replwatch authors
 */
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

import org.postgresql.PGConnection;

public class ReadYourWrites {

	/** The replica can't show the write, or not yet. */
	static class NotReplayed extends Exception {
		NotReplayed(String why) {
			super(why);
		}
	}

	/** What the server has told beside its results; null if it has not. */
	static String reported(Connection conn, String name) throws SQLException {
		// unwrap() also reaches through the connections of a pool.
		return conn.unwrap(PGConnection.class).getParameterStatus(name);
	}

	/** A server that has not loaded replwatch reports no version. */
	static boolean hasReplwatch(Connection conn) throws SQLException {
		return reported(conn, "replwatch.version") != null;
	}

	static long writeNote(Connection primary, String body) throws SQLException {
		try (PreparedStatement insert = primary.prepareStatement(
				"INSERT INTO note (body) VALUES (?) RETURNING id")) {
			insert.setString(1, body);
			try (ResultSet row = insert.executeQuery()) {
				row.next();
				return row.getLong(1);
			}
		}
	}

	static String readNote(Connection conn, long id) throws SQLException {
		try (PreparedStatement select = conn.prepareStatement(
				"SELECT body FROM note WHERE id = ?")) {
			select.setLong(1, id);
			try (ResultSet row = select.executeQuery()) {
				row.next();
				return row.getString(1);
			}
		}
	}

	/** Wait until the replica has the commit, half a second at most, and read. */
	static String readNoteOnReplica(String url, long id, String token)
			throws SQLException, NotReplayed {
		try (Connection replica = DriverManager.getConnection(url)) {
			if (!hasReplwatch(replica))
				throw new NotReplayed("replwatch is not loaded");

			// A statement of its own.  A new connection is in autocommit; with
			// setAutoCommit(false) it has to be the first of the transaction.
			try (PreparedStatement wait = replica.prepareStatement(
					"SELECT replwatch_wait_for_token(?, ?::interval)")) {
				wait.setString(1, token);
				wait.setString(2, "500 ms");
				try (ResultSet row = wait.executeQuery()) {
					row.next();
					if (!row.getBoolean(1))
						throw new NotReplayed("not replayed within 500 ms");
				}
			}
			return readNote(replica, id);
		}
	}

	public static void main(String[] args) throws SQLException {
		if (args.length != 2) {
			System.err.println("usage: ReadYourWrites PRIMARY_URL REPLICA_URL");
			System.exit(2);
		}

		try (Connection primary = DriverManager.getConnection(args[0])) {
			// Once for each connection; ALTER ROLE ... SET does without it.
			if (hasReplwatch(primary))
				try (Statement set = primary.createStatement()) {
					set.execute("SET replwatch.report_commit_token = on");
				}

			// The token comes along with the answer to what committed: here the
			// INSERT itself, in a transaction commit().
			long id = writeNote(primary, "written with Java");
			String token = reported(primary, "replwatch.commit_token");
			System.out.printf("wrote note %d, token %s%n", id, token);

			try {
				if (token == null)
					throw new NotReplayed("there is no token to wait for");
				String body = readNoteOnReplica(args[1], id, token);
				System.out.printf("read on the replica:%n%s%n", body);
			} catch (NotReplayed e) {
				fallBack(primary, id, e.getMessage());
			} catch (SQLException e) {
				fallBack(primary, id, "RW001".equals(e.getSQLState())
						? "the commit was lost in a failover" : e.getMessage());
			}
		}
	}

	/** Whatever the replica's trouble is, the primary has the write, unless it was lost. */
	static void fallBack(Connection primary, long id, String why) throws SQLException {
		System.out.printf("replica: %s%n", why);
		System.out.printf("read on the primary:%n%s%n", readNote(primary, id));
	}
}
