#!/bin/sh
# Copyright (c) 2026, the replwatch authors
#
# Write on the primary, read it back on a replica: with psql.
#
#   read_your_writes.sh 'host=db1 dbname=app' 'host=db2 dbname=app'
#
# Needs, on the primary:
#   CREATE EXTENSION replwatch;
#   CREATE TABLE note (id bigserial PRIMARY KEY, body text);

set -eu

if [ $# -ne 2 ]; then
	echo "usage: $0 PRIMARY REPLICA" >&2
	exit 2
fi
primary=$1 replica=$2

# Run the SQL on standard input; nothing but values on standard output.
# psql quotes :'name', given with -v name=value, as a literal.
sql() {
	psql -X -q -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -d "$@"
}

read_note() {
	sql "$1" -v id="$id" <<-'EOF'
		SELECT body FROM note WHERE id = :'id';
	EOF
}

# psql does not show what a server reports beside its results, so the token is
# asked for, in the same session.  It is empty on a server that has not loaded
# replwatch.
written=$(sql "$primary" <<-'EOF'
	INSERT INTO note (body) VALUES ('written with psql') RETURNING id;
	SELECT coalesce(current_setting('replwatch.commit_token', true), '');
EOF
)
id=$(printf '%s\n' "$written" | sed -n 1p)
token=$(printf '%s\n' "$written" | sed -n 2p)
echo "wrote note $id, token $token"

# Wait on the replica, half a second at most, as a statement of its own: t or
# f, or an error.  Whatever its trouble is, the primary has the write, unless
# that was lost in a failover.
if [ -z "$token" ]; then
	why='there is no token to wait for'
elif answer=$(sql "$replica" -v token="$token" 2>&1 <<-'EOF'
	SELECT replwatch_wait_for_token(:'token', '500 ms');
EOF
); then
	[ "$answer" = t ] && why= || why='not replayed within 500 ms'
else
	case $answer in
		*'ERROR:  RW001:'*) why='the commit was lost in a failover' ;;
		*'ERROR:  55000: replwatch must be loaded'*)
			why='replwatch is not loaded' ;;
		*) why=$answer ;;
	esac
fi

# The replica may still fail, or cancel the query in favour of replay.
if [ -z "$why" ] && body=$(read_note "$replica"); then
	printf 'read on the replica:\n%s\n' "$body"
else
	printf 'replica: %s\n' "${why:-failed}"
	printf 'read on the primary:\n'
	read_note "$primary"
fi
