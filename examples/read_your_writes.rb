#!/usr/bin/env ruby
# Copyright (c) 2026, the replwatch authors
#
# Write on the primary, read it back on a replica: with ruby-pg.
#
#   read_your_writes.rb 'host=db1 dbname=app' 'host=db2 dbname=app'
#
# Needs, on the primary:
#   CREATE EXTENSION replwatch;
#   CREATE TABLE note (id bigserial PRIMARY KEY, body text);

require 'pg'

# The replica can't show the write, or not yet.
class NotReplayed < StandardError; end

# A server that has not loaded replwatch reports no version.
def replwatch?(conn)
  !conn.parameter_status('replwatch.version').nil?
end

# Insert a note; returns its id and the commit token, or nil.
def write_note(primary, body)
  id = primary.exec_params('INSERT INTO note (body) VALUES ($1) RETURNING id',
                           [body]).getvalue(0, 0)
  # Came along with the answer to what committed: here the INSERT itself, in a
  # transaction the COMMIT.
  [id, primary.parameter_status('replwatch.commit_token')]
end

def read_note(conn, id)
  conn.exec_params('SELECT body FROM note WHERE id = $1', [id]).getvalue(0, 0)
end

# Wait until the replica has the commit, half a second at most, and read.
def read_note_on_replica(conninfo, id, token)
  replica = PG.connect(conninfo)
  raise NotReplayed, 'replwatch is not loaded' unless replwatch?(replica)

  # A statement of its own, outside of any transaction block.
  replayed = replica.exec_params('SELECT replwatch_wait_for_token($1, $2)',
                                 [token, '500 ms']).getvalue(0, 0)
  raise NotReplayed, 'not replayed within 500 ms' unless replayed == 't'

  read_note(replica, id)
ensure
  replica&.close
end

abort 'usage: read_your_writes.rb PRIMARY REPLICA' unless ARGV.length == 2

primary = PG.connect(ARGV[0])
# Once for each connection; ALTER ROLE ... SET does without it.
primary.exec('SET replwatch.report_commit_token = on') if replwatch?(primary)

id, token = write_note(primary, 'written with Ruby')
puts "wrote note #{id}, token #{token}"

begin
  raise NotReplayed, 'there is no token to wait for' if token.nil?

  body = read_note_on_replica(ARGV[1], id, token)
  puts "read on the replica:\n#{body}"
rescue NotReplayed, PG::Error => e
  # Whatever the replica's trouble is, the primary has the write, unless it was
  # lost in a failover.
  lost = e.is_a?(PG::Error) && e.result&.error_field(PG::PG_DIAG_SQLSTATE) == 'RW001'
  puts "replica: #{lost ? 'the commit was lost in a failover' : e.message.strip}"
  puts "read on the primary:\n#{read_note(primary, id)}"
end
primary.close
