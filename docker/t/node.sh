#!/usr/bin/env bash
#
# docker/t/node.sh - docker/node without Docker
#
# Servers on this machine, of the user who calls: a primary and a replica are
# made, the replica by a base backup that is interrupted first; the primary is
# replaced, and comes back by pg_rewind.  And every wrong setting gets a message
# that names it, while nothing is touched.  $PG_BIN has the server's programs,
# $WORK a directory for it all.
#
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C.UTF-8

docker=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=docker/t/lib.sh
. "$docker/t/lib.sh"

# Far from where another run of this looks at the same time.
port1=$(free_port "$((20000 + $$ % 1000 * 2))")
port2=$(free_port "$((port1 + 1))")
ipv6=$(grep -s '^0\{31\}1 ' /proc/net/if_inet6) || true
major=$("$PG_BIN/postgres" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
export PG_BIN

stop_all() {
	local data

	for data in "$WORK"/primary/data "$WORK"/replica1/data; do
		"$PG_BIN/pg_ctl" -D "$data" -s -m immediate stop >/dev/null 2>&1 || true
	done
}
trap stop_all EXIT
trap 'exit 130' INT TERM HUP

mkdir -p "$WORK"/{primary,replica1,cluster,ca,archive,own,secrets/1,secrets/2}
# Whether somebody installs the extension meanwhile is not to matter.
common=(HOME="$WORK" CLUSTER="$WORK/cluster" ARCHIVE_DIR="$WORK/archive" PRELOAD='' PRIMARY_HOST=localhost)
primary=("${common[@]}" SECRETS="$WORK/secrets/1" LISTEN="127.0.0.1,127.0.0.2${ipv6:+,::1}" NODE=primary ROLE=primary PGDATA="$WORK/primary/data" PGPORT="$port1" PRIMARY_PORT="$port2")
replica=("${common[@]}" SECRETS="$WORK/secrets/2" NODE=replica1 ROLE=replica PGDATA="$WORK/replica1/data" PGPORT="$port2" PRIMARY_PORT="$port1"
	PRIMARY_TIMEOUT=60)

# node VARIABLE=VALUE... -- ARGUMENT...
node() {
	local settings=()

	while [[ $1 != -- ]]; do
		settings+=("$1")
		shift
	done
	env "${settings[@]}" bash "$docker/node" "${@:2}"
}

# The same as a process, $job, that hears signals, also where this one was told to
# ignore them: env's arguments.
in_background() {
	set -m
	env --default-signal=INT "$@" &
	job=$!
	set +m
}

# How it ends by the signal that stops a container.
ended_by_int() {
	local status=0

	kill -INT "$job"
	wait "$job" || status=$?
	is "$status" 130 "$1"
}

no_copier() {
	! pgrep -f -- "--pgdata=$WORK/replica1/data.new"
}

no_watch() {
	! pgrep -f -- "$docker/node run"
}

# Does the server on a port use the certificate in a file?
serves() {
	[[ $(openssl s_client -starttls postgres -connect "127.0.0.1:$1" </dev/null 2>/dev/null | openssl x509 -noout -serial) == \
		"$(openssl x509 -noout -serial -in "$2")" ]]
}

sql() {
	"$PG_BIN/psql" -XAtqw -v ON_ERROR_STOP=1 -h "$WORK" -p "$1" -U postgres -d "${3-postgres}" -c "$2"
}

start() {
	"$PG_BIN/pg_ctl" -D "$WORK/$1/data" -s -w -l "$WORK/$1/log" -o "-c unix_socket_directories='$WORK'" start >/dev/null
}

same() {
	[[ $(sql "$1" "$2" "${4-postgres}") == "$3" ]]
}

checksum() {
	(cd "$1" && find . -type f ! -name postmaster.pid -printf '%p %s %T@\n' | sort | md5sum)
}

note "1. What the servers share"
setup=("${common[@]}" CA="$WORK/ca" SECRETS="$WORK/secrets" NODES="primary replica1")
ok "passwords and certificates are made" node "${setup[@]}" -- setup
is "$(find "$WORK"/{ca,secrets} -type f -printf '%m\n' | sort -u | xargs)" "600" "nobody else may read a password or a key"
is "$(cd "$WORK" && find cluster secrets -type f | sort | xargs)" "cluster/.lock cluster/nodes cluster/primary cluster/tls/ca.crt \
secrets/1/app secrets/1/pgpass secrets/1/primary.crt secrets/1/primary.key secrets/1/replication secrets/1/rewind \
secrets/2/pgpass secrets/2/replica1.crt secrets/2/replica1.key secrets/2/replication secrets/2/rewind" \
	"each node has its own key, and the passwords that it needs"
before=$(find "$WORK"/{ca,cluster,secrets} -type f | sort | xargs cat | md5sum)
ok "a second time" node "${setup[@]}" -- setup
is "$(find "$WORK"/{ca,cluster,secrets} -type f | sort | xargs cat | md5sum)" "$before" "nothing of it is made twice"
like "$(node "${setup[@]}" APP_PASSWORD=other -- setup 2>&1)" "APP_PASSWORD is not what it was" \
	"a password that comes too late is told of"
mkdir -p "$WORK/passwords" "$WORK"/other/{ca,cluster,secrets/1,secrets/2}
other=("${setup[@]}" CA="$WORK/other/ca" CLUSTER="$WORK/other/cluster" SECRETS="$WORK/other/secrets")
echo our-own >"$WORK/passwords/app"
ok "a password may come from a file" node "${other[@]}" PASSWORDS="$WORK/passwords" -- setup
is "$(<"$WORK/other/secrets/1/app")" our-own "it is that one"
ok "or from the environment" node "${other[@]}" REWIND_PASSWORD='it:is\ours' -- setup
refused "cannot write to .*/secrets/3.*replica2 needs a volume.*docker/ctl up" "a node without a place for its secrets" \
	node "${other[@]}" NODES="primary replica1 replica2" -- setup
rm -r "$WORK/other"
# A set that an earlier version made: all nodes could read all of it.
mkdir -p "$WORK"/other/{ca,cluster/passwords,cluster/tls,secrets/1,secrets/2}
for name in postgres app replication rewind; do
	echo "$name's" >"$WORK/other/cluster/passwords/$name"
done
touch "$WORK"/other/cluster/{pgpass,tls/primary.key,tls/primary.crt}
ok "a set of an earlier version" node "${other[@]}" -- setup
is "$(cat "$WORK"/other/secrets/1/{app,replication,rewind} | xargs -d '\n')" "app's replication's rewind's" "keeps its passwords"
is "$(cd "$WORK/other/cluster" && find . -type f | sort | xargs)" "./.lock ./nodes ./primary ./tls/ca.crt" "which no other node sees any more"
ok "nor the new keys" openssl verify -CAfile "$WORK/other/ca/ca.crt" "$WORK/other/secrets/2/replica1.crt"
rm -r "$WORK/other"
refused "NODES has \"Replica-1\"" "a name that is no slot's" node "${setup[@]}" NODES="primary Replica-1" -- setup

note "2. Settings that make no sense"
refused "ROLE is \"master\".*one of: primary replica" "unknown ROLE" node "${primary[@]}" ROLE=master -- bootstrap
refused "SYNC is \"some 2\".*any 1" "unknown SYNC" node "${primary[@]}" SYNC='some 2' -- bootstrap
refused "SYNC is \"any 0\"" "SYNC that waits for none" node "${primary[@]}" SYNC='any 0' -- bootstrap
refused "there is no node replica7.*nodes are: primary replica1" "SYNC with a name that is no node's" \
	node "${primary[@]}" SYNC='replica1, replica7' -- bootstrap
refused "HOT_STANDBY is \"maybe\"" "unknown HOT_STANDBY" node "${replica[@]}" HOT_STANDBY=maybe -- bootstrap
refused "TLS is \"yes\"" "unknown TLS" node "${replica[@]}" TLS=yes -- bootstrap
refused "ARCHIVE is \"1\"" "unknown ARCHIVE" node "${replica[@]}" ARCHIVE=1 -- bootstrap
refused "ARCHIVE_DIR" "an archive that is not there" node "${primary[@]}" ARCHIVE=on ARCHIVE_DIR="$WORK/none" -- bootstrap
refused "PRIMARY_TIMEOUT is \"soon\"" "a timeout that is no number" node "${replica[@]}" PRIMARY_TIMEOUT=soon -- bootstrap
refused "NODE is \"my-node\"" "a name that is no slot's" node "${replica[@]}" NODE=my-node -- bootstrap
refused "PRIMARY_HOST is \"a,b\"" "two primaries" node "${replica[@]}" PRIMARY_HOST=a,b -- bootstrap
refused "PRIMARY_HOST is not set" "no primary" node "${replica[@]}" PRIMARY_HOST= CLUSTER= SECRETS= TLS=off \
	REPLICATION_PASSWORD=x -- bootstrap
refused "REPLICATION_PASSWORD is not set.*REPLICATION_PASSWORD_FILE" "no password" \
	node "${replica[@]}" SECRETS= TLS=off -- bootstrap
refused "APP_PASSWORD is not set" "no password for a primary" node "${primary[@]}" SECRETS= TLS=off -- bootstrap
refused "cannot read the password file /none.*APP_PASSWORD_FILE" "a file of a password that is not there" \
	node "${primary[@]}" APP_PASSWORD_FILE=/none -- bootstrap
: >"$WORK/empty"
refused "$WORK/empty is empty.*APP_PASSWORD" "an empty password" node "${primary[@]}" APP_PASSWORD_FILE="$WORK/empty" -- bootstrap
refused "TLS_CA_FILE is not set" "no CA" node "${replica[@]}" CLUSTER= SECRETS= REPLICATION_PASSWORD=x -- bootstrap
refused "REPLWATCH_UPSTREAM_PORT is \"none\"" "a port that is no number" node "${replica[@]}" REPLWATCH_UPSTREAM_PORT=none -- bootstrap
refused "APP_USER is \"postgres\"" "an owner that is the superuser" node "${primary[@]}" APP_USER=postgres -- bootstrap
refused "MAX_SLOT_WAL_KEEP_SIZE is \"much\"" "a size that is none" node "${replica[@]}" MAX_SLOT_WAL_KEEP_SIZE=much -- bootstrap
refused "PGDATA is not set" "no data directory" node "${replica[@]}" PGDATA= -- bootstrap
refused "no PostgreSQL server in /none" "no server" node "${replica[@]}" PG_BIN=/none -- bootstrap
refused "/ belongs to user 0.*runs as user $EUID" "a directory of the wrong owner" node "${replica[@]}" PGDATA=/data -- bootstrap
mkdir -p "$WORK/full/data"
touch "$WORK/full/data/somebody's"
refused "is not empty, and holds no PostgreSQL" "somebody's directory" node "${replica[@]}" PGDATA="$WORK/full/data" -- bootstrap
ok "stays" test -e "$WORK/full/data/somebody's"
refused "did not answer within 1 s.*PRIMARY_TIMEOUT" "a primary that never comes" \
	node "${replica[@]}" PRIMARY_TIMEOUT=1 -- bootstrap
is "$(find "$WORK/primary" "$WORK/replica1" -mindepth 1)" '' "nothing was made"
in_background "${replica[@]}" PRIMARY_TIMEOUT=20 bash "$docker/node" run >"$WORK/waiting" 2>&1
comes "a replica waits" grep -q "waiting up to" "$WORK/waiting"
ended_by_int "until it is stopped"
help=$(node -- --help)
mapfile -t names < <(grep -ohE '\$\{[A-Z][A-Z_]+[-:]' "$docker"/lib/*.sh | sed 's/[^A-Z_]//g' | sort -u)
for name in "${names[@]}"; do
	[[ $name =~ ^HOME$|^HOSTNAME$|_PASSWORD_FILE$ || $help =~ [[:space:]]$name([,[:space:]]|$) ]] || fail "--help tells of $name"
done

note "3. A primary"
cat >"$WORK/first.sql" <<<"CREATE TABLE t AS SELECT 1 AS a"
mkdir "$WORK/init"
echo 'SELECT 1/0' >"$WORK/init/1.sql"
chmod 0 "$WORK/init"
refused "cannot read INIT" "scripts that it may not read" node "${primary[@]}" INIT="$WORK/init" -- bootstrap
chmod 700 "$WORK/init"
refused "1.sql failed" "a script that fails" node "${primary[@]}" INIT="$WORK/init" -- bootstrap
is "$(find "$WORK/primary" -mindepth 1)" '' "leaves nothing"
# psql shows the line that is wrong, unless it is told not to.
log=$(node "${primary[@]}" APP_USER=public APP_PASSWORD=told-to-nobody -- bootstrap 2>&1) || true
like "$log" 'role name "public" is reserved' "a name that no role may have is refused"
unlike "$log" told-to-nobody "and no password is told"
# The script runs until the file exists.
echo "DO \$\$ BEGIN WHILE (pg_stat_file('$WORK/stopped', true)).size IS NULL LOOP PERFORM pg_sleep(0.1); END LOOP; END \$\$" \
	>"$WORK/init/1.sql"
in_background "${primary[@]}" INIT="$WORK/init" bash "$docker/node" run >"$WORK/waiting" 2>&1
comes "a script runs" grep -q "running" "$WORK/waiting"
kill -INT "$job"
touch "$WORK/stopped"
wait "$job" || true
is "$(find "$WORK/primary" -mindepth 1)" '' "stopped in it, nothing is left"
mv "$WORK/first.sql" "$WORK/init/1.sql"
mkdir "$WORK/words"
like "$(node "${primary[@]}" PGDATA="$WORK/words/$major/docker" CONTAINER=yes APP_USER=user APP_PASSWORD=told-to-nobody POSTGRES_DB=order \
	INIT="$docker/init" -- bootstrap 2>&1)" "is made, with the database order of user" "names may be words of SQL"
ok "in a container the data may lie two levels deep in an empty volume" test -e "$WORK/words/$major/docker/PG_VERSION"
like "$(node "${primary[@]}" PGDATA="$WORK/words/postgres" POSTGRES_DB=postgres INIT="$docker/init" -- bootstrap 2>&1)" \
	"10-wizards.sql.*is made, with the database postgres of app" "the database may be the one that is there"
rm -r "$WORK/words"
mkdir "$WORK/primary/data.new"
like "$(node "${primary[@]}" INIT="$WORK/init" SYNC='any 2 (primary, replica1)' ARCHIVE=on -- bootstrap)" \
	"interrupted.*making a primary.*1.sql.*is made" "it is made, as the time before was interrupted"
is "$(stat -c %a "$WORK/primary/data")" 700 "for its owner alone"
mkdir "$WORK/early"
node "${replica[@]}" PGDATA="$WORK/early/data" -- bootstrap >"$WORK/early/log" 2>&1 &
early=$!
comes "a replica that comes first waits" grep -q "waiting up to 60 s for localhost:$port1" "$WORK/early/log"
start primary
status=0
wait "$early" || status=$?
is "$status" 0 "until it answers"
like "$(<"$WORK/early/log")" "base backup is complete" "and copies it then"
rm -r "$WORK/early"
is "$(sql "$port1" "SELECT count(pg_drop_replication_slot(slot_name)::text) FROM pg_replication_slots WHERE slot_name = 'replica1'")" 1 \
	"by its slot"
is "$(sql "$port1" 'SELECT a FROM t' app)" 1 "the script was run"
is "$(sql "$port1" 'SHOW synchronous_standby_names')" 'ANY 1 ("replica1")' "it does not wait for itself"
# A value of SYNC, and what it is in the server's words.
for sync in 'off|' 'any 1|ANY 1 (*)' 'first 1|FIRST 1 (*)' 'ANY 2|ANY 2 (*)' 'replica1|FIRST 1 ("replica1")' \
	'first 2 (replica1, primary)|FIRST 1 ("replica1")'; do
	node "${primary[@]}" ARCHIVE=on SYNC="${sync%|*}" -- bootstrap >/dev/null
	is "$(sed -n "s/^synchronous_standby_names = '\(.*\)'$/\1/p" "$WORK/primary/data/replwatch.conf")" "${sync#*|}" "SYNC=${sync%|*}"
done
# A full volume, as far as these files go.
for file in replwatch.conf pg_hba.conf pg_ident.conf; do
	before=$(head -c 9999 "$WORK/primary/data/$file" | md5sum)
	ln -s /dev/full "$WORK/primary/data/$file.tmp"
	refused "cannot write $WORK/primary/data/$file.*volume full" "$file cannot be written" node "${primary[@]}" ARCHIVE=on -- bootstrap
	is "$(head -c 9999 "$WORK/primary/data/$file" | md5sum)" "$before" "it stays as it was"
done
sql "$port1" "ALTER SYSTEM SET synchronous_standby_names = ''"
sql "$port1" "SELECT pg_reload_conf()" >/dev/null
is "$(sql "$port1" "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM-SHA-256%'")" 0 \
	"all passwords are scram's"
unlike "$(cat "$WORK/primary/data/pg_hba.conf")" trust "nobody is trusted"
sql "$port1" "ALTER ROLE postgres PASSWORD 'known'"
for database in dbname=postgres replication=true; do
	like "$(PGPASSWORD=known "$PG_BIN/psql" -XAtqw "host=localhost port=$port1 user=postgres $database" -c '' 2>&1)" \
		'pg_hba.conf rejects .* user "postgres"' "the superuser is not let in from the network: $database"
done
refused "the server in .* runs" "what runs is not made a replica" \
	node "${primary[@]}" CLUSTER= SECRETS= TLS=off REPLICATION_PASSWORD=x -- rejoin

note "4. A replica"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/own/ca.key" \
	-out "$WORK/own/ca.crt" -days 9 -subj /CN=other 2>/dev/null
refused "not from the CA in $WORK/own/ca.crt.*TLS_CA_FILE" "the wrong CA" \
	node "${replica[@]}" TLS_CA_FILE="$WORK/own/ca.crt" -- bootstrap
refused "is for another name" "a name that the certificate has not" \
	node "${replica[@]}" PRIMARY_HOST=127.0.0.2 -- bootstrap
refused "refuses the password.*REPLICATION_PASSWORD" "the wrong password" \
	node "${replica[@]}" CLUSTER= SECRETS= REPLICATION_PASSWORD=wrong TLS_CA_FILE="$WORK/cluster/tls/ca.crt" -- bootstrap
mkdir "$WORK/dual"
ln -s "$PG_BIN"/* "$WORK/dual"
rm "$WORK/dual/psql"
cat >"$WORK/dual/psql" <<-'END'
	#!/bin/sh
	echo 'psql: error: connection to server at "localhost" (::1), port 5432 failed: Connection refused
		Is the server running on that host and accepting TCP/IP connections?
	connection to server at "localhost" (127.0.0.1), port 5432 failed: FATAL:  password authentication failed for user "replicator"' >&2
	exit 2
END
chmod +x "$WORK/dual/psql"
refused "refuses the password" "at the second address of a name" \
	node "${replica[@]}" PG_BIN="$WORK/dual" PRIMARY_TIMEOUT=1 -- bootstrap
refused "does not let nobody in|refuses the password" "a role that is none" node "${replica[@]}" REPLICATION_USER=nobody -- bootstrap
is "$(find "$WORK/replica1" -mindepth 1)" '' "nothing was made"

if [[ $ipv6 ]]; then
	sql "$port1" "ALTER ROLE replicator PASSWORD 'a: \\ new one'"
	printf '%s\n' 'example.com:*:*:somebody: spaces ' "\\:\\:1:$port1:*:replicator:old" >"$WORK/pgpass"
	mkdir -p "$WORK"/six/{cluster,secrets/1,secrets/2}
	cp -r "$WORK/ca" "$WORK/six/ca"
	rm -r "$WORK/six/ca/passwords"
	six=("${replica[@]}" PRIMARY_HOST=::1 PGDATA="$WORK/six/data")
	like "$(node "${six[@]}" CLUSTER= SECRETS= TLS_CA_FILE="$WORK/cluster/tls/ca.crt" PASSFILE="$WORK/pgpass" REPLICATION_PASSWORD='a: \ new one' \
		-- bootstrap 2>&1)" "base backup is complete" "a primary may be an IPv6 address, and a password have any characters"
	is "$(<"$WORK/pgpass")" "example.com:*:*:somebody: spaces "$'\n'"\\:\\:1:$port1:*:replicator:a\\: \\\\ new one" \
		"which replaces the old one in the file of passwords"
	rm -rf "$WORK/six/data"
	node "${setup[@]}" CLUSTER="$WORK/six/cluster" SECRETS="$WORK/six/secrets" CA="$WORK/six/ca" REPLICATION_PASSWORD='a: \ new one' -- setup >/dev/null
	like "$(node "${six[@]}" CLUSTER="$WORK/six/cluster" SECRETS="$WORK/six/secrets/2" -- bootstrap 2>&1)" "base backup is complete" "the same with what the servers share"
	sql "$port1" "ALTER ROLE replicator PASSWORD '$(<"$WORK/ca/passwords/replication")'"
	rm -r "$WORK/six"
else
	note "left out, as this machine has no IPv6: a primary at ::1"
fi

# A base backup that is interrupted between its being renamed and all else.
mkdir "$WORK/cut"
printf '#!/bin/sh\nexit 1\n' >"$WORK/cut/sync"
chmod +x "$WORK/cut/sync"
node "${replica[@]}" PATH="$WORK/cut:$PATH" PGDATA="$WORK/cut/data" -- bootstrap >"$WORK/cut/log" 2>&1 || true
ok "an interrupted base backup that is complete is a standby" test -e "$WORK/cut/data/standby.signal"
is "$(grep -o 'application_name=[a-z0-9_]*' "$WORK/cut/data/postgresql.auto.conf")" application_name=replica1 "of the replica's name"
rm -r "$WORK/cut"
sql "$port1" "SELECT pg_drop_replication_slot('replica1')" >/dev/null

sql "$port1" "CREATE TABLE big AS SELECT repeat(md5(i::text), 60) AS t FROM generate_series(1, 20000) i"
mkdir "$WORK/slow"
ln -s "$PG_BIN"/* "$WORK/slow"
rm "$WORK/slow/pg_basebackup"
printf '#!/bin/sh\nexec %s/pg_basebackup --max-rate=1M "$@"\n' "$PG_BIN" >"$WORK/slow/pg_basebackup"
chmod +x "$WORK/slow/pg_basebackup"
in_background "${replica[@]}" PG_BIN="$WORK/slow" bash "$docker/node" bootstrap >"$WORK/replica1/log" 2>&1
wait_until test -e "$WORK/replica1/data.new/PG_VERSION"
is "$(sql "$port1" "SELECT DISTINCT application_name FROM pg_stat_replication")" pg_basebackup \
	"a base backup does not go by the name of the replica"
ended_by_int "a base backup is stopped half way"
comes "it does not go on" no_copier
ok "nothing is left of it" test ! -e "$WORK/replica1/data.new"
in_background "${replica[@]}" PG_BIN="$WORK/slow" bash "$docker/node" bootstrap >"$WORK/replica1/log" 2>&1
wait_until test -e "$WORK/replica1/data.new/PG_VERSION"
kill -KILL -- "-$job"
wait "$job" 2>/dev/null || true
wait_until same "$port1" "SELECT count(*) FROM pg_stat_replication" 0
ok "a base backup was killed half way" test -e "$WORK/replica1/data.new"
log=$(node "${replica[@]}" -- bootstrap 2>&1)
like "$log" "data.new is what an interrupted start left" "that is noticed"
like "$log" "[0-9]+/[0-9]+ kB" "progress is shown"
like "$log" "is ready to be started" "and it is made again"
is "$(stat -c %a "$WORK/replica1/data")" 700 "for its owner alone"
before=$(checksum "$WORK/replica1/data/base")
unlike "$(node "${replica[@]}" -- bootstrap 2>&1)" "copying" "a directory with data is not copied again"
is "$(checksum "$WORK/replica1/data/base")" "$before" "they are as they were"
unlike "$(cat "$WORK/replica1/data/postgresql.auto.conf" "$WORK/replica1/data/replwatch.conf")" \
	"$(<"$WORK/secrets/2/replication")" "no password is in the settings"

# A server with a library, which is not started here.
mkdir "$WORK/watched"
ln -s "$PG_BIN"/* "$WORK/watched"
rm "$WORK/watched/pg_config"
cat >"$WORK/watched/pg_config" <<-END
	#!/bin/sh
	if [ "\$1" = --pkglibdir ]; then echo $WORK/watched; else exec $PG_BIN/pg_config "\$@"; fi
END
chmod +x "$WORK/watched/pg_config"
touch "$WORK/watched/replwatch.so"
watched() {
	node "${replica[@]}" PG_BIN="$WORK/watched" PRELOAD=replwatch "$@" -- bootstrap >/dev/null
	sed -n "s/^replwatch\.\([a-z_]*\) = '\(.*\)'$/\1=\2/p" "$WORK/replica1/data/replwatch.conf" | xargs
}
is "$(watched)" "node_name=replica1 port=8009 port_serves=all" "replwatch gets the node's name and a port"
is "$(watched REPLWATCH_PORT=8010 REPLWATCH_UPSTREAM_PORT=8011)" "node_name=replica1 port=8010 upstream_port=8011 port_serves=all" \
	"and the primary's port, if that is another"
is "$(watched CONTAINER=yes PGDATA="$WORK/replica1/data" CONFIG="$WORK/replica1/data/replwatch.conf")" \
	"node_name=replica1 port=8009 listen_addresses=* port_serves=all" "in a container the other nodes reach it"
node "${replica[@]}" -- bootstrap >/dev/null
start replica1
comes "it streams" same "$port1" "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'" replica1
is "$(sql "$port1" "SELECT slot_name FROM pg_replication_slots WHERE active")" replica1 "by a slot of its name"
is "$(sql "$port1" "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)")" t "encrypted"
is "$(sql "$port2" "SELECT count(*) FROM t" app)" 1 "reads are served"
# What a role that owns the database can do for the superuser to stumble over.
sql "$port1" "CREATE SCHEMA postgres;
	CREATE FUNCTION postgres.pg_reload_conf() RETURNS boolean LANGUAGE plpgsql AS \$\$
		BEGIN COPY (SELECT 1) TO PROGRAM 'cat >$WORK/caught'; RETURN true; END \$\$;
	ALTER DATABASE postgres SET search_path = postgres, pg_catalog"
comes "which a replica has, too" same "$port2" "SELECT to_regproc('postgres.pg_reload_conf') IS NOT NULL" t
like "$(node "${replica[@]}" -- follow localhost)" "follows localhost" "it can be told whom to follow"
ok "no function of anybody's is called by that" test ! -e "$WORK/caught"
sql "$port1" "ALTER DATABASE postgres RESET search_path; DROP SCHEMA postgres CASCADE"
refused "read-only transaction" "writes are not" bash -c \
	"'$PG_BIN/psql' -XAtqw -h '$WORK' -p $port2 -U postgres -c 'CREATE TABLE x ()' || exit 1"

note "5. Data that do not fit"
"$PG_BIN/pg_ctl" -D "$WORK/replica1/data" -s -m fast stop
before=$(checksum "$WORK/replica1/data")
echo 12 >"$WORK/version"
cp -p "$WORK/replica1/data/PG_VERSION" "$WORK/version.own"
cat "$WORK/version" >"$WORK/replica1/data/PG_VERSION"
refused "was made by PostgreSQL 12" "data of another major" node "${replica[@]}" -- bootstrap
cp -p "$WORK/version.own" "$WORK/replica1/data/PG_VERSION"
for dir in "" /data /14/docker; do
	mkdir -p "$WORK/volume$dir"
	echo 14 >"$WORK/volume$dir/PG_VERSION"
	refused "$WORK/volume/$major/docker has no server, but $WORK/volume$dir has one of PostgreSQL 14" "data elsewhere in the volume" \
		node "${primary[@]}" CONTAINER=yes PGDATA="$WORK/volume/$major/docker" -- bootstrap
	rm "$WORK/volume$dir/PG_VERSION"
done
is "$(find "$WORK/volume" | wc -l)" 4 "nothing was made there"
mkdir "$WORK/other"
"$PG_BIN/initdb" -D "$WORK/other/data" -A trust >/dev/null
touch "$WORK/other/data/standby.signal"
before=$(checksum "$WORK/other/data")
refused "is of another cluster" "data of another cluster" node "${replica[@]}" PGDATA="$WORK/other/data" -- bootstrap
refused "is of another cluster" "which rejoin does not replace" node "${replica[@]}" PGDATA="$WORK/other/data" -- rejoin --copy
is "$(checksum "$WORK/other/data")" "$before" "they are as they were"
node "${replica[@]}" HOT_STANDBY=off -- bootstrap >/dev/null
start replica1
mkdir "$WORK/lost"
cp -r "$WORK/cluster" "$WORK/cluster3"
printf '%s\n' primary localhost >"$WORK/cluster3/nodes"
refused "is empty, but localhost has a server of this set" "a primary is not made anew while a replica stands by" \
	node "${primary[@]}" CLUSTER="$WORK/cluster3" PGDATA="$WORK/lost/data" -- bootstrap
"$PG_BIN/pg_ctl" -D "$WORK/replica1/data" -s -m fast stop
node "${replica[@]}" -- bootstrap >/dev/null
start replica1

note "6. Another primary"
sql "$port1" "SELECT pg_terminate_backend(pid) FROM pg_stat_replication" >/dev/null
"$PG_BIN/pg_ctl" -D "$WORK/primary/data" -s -m immediate stop
"$PG_BIN/pg_ctl" -D "$WORK/replica1/data" -s -w promote >/dev/null
sql "$port2" CHECKPOINT
sql "$port2" "CREATE TABLE after (); DROP TABLE big"
ok "replica1 is named the primary" node "${setup[@]}" -- setup primary replica1
refused "the primary is replica1 now" "the old one does not start as a primary" node "${primary[@]}" -- bootstrap
refused "$WORK/new/data is empty, and replica1 is the primary" "nor is another made" \
	bash -c "mkdir -p '$WORK/new' && env ${primary[*]@Q} PGDATA='$WORK/new/data' bash '$docker/node' bootstrap"
log=$(node "${primary[@]}" -- rejoin 2>&1)
like "$log" "rewinding.*pg_rewind: Done!.*is a replica" "pg_rewind makes it a replica"
start primary
comes "it streams" same "$port2" "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'" primary
comes "it has what was written" same "$port1" "SELECT count(*) FROM pg_class WHERE relname IN ('after', 'big')" 1

note "7. Back by a copy"
"$PG_BIN/pg_ctl" -D "$WORK/primary/data" -s -m fast stop
touch "$WORK/primary/data.rewinding"
refused "pg_rewind was interrupted" "what pg_rewind left half done does not start" node "${primary[@]}" -- bootstrap
log=$(node "${primary[@]}" -- rejoin 2>&1)
like "$log" "base backup is complete" "a base backup replaces it"
start primary
comes "it streams" same "$port2" "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'" primary
"$PG_BIN/pg_ctl" -D "$WORK/primary/data" -s -m fast stop
mkdir "$WORK/unable"
ln -s "$PG_BIN"/* "$WORK/unable"
ln -sf "$(type -P false)" "$WORK/unable/pg_rewind"
like "$(node "${primary[@]}" PG_BIN="$WORK/unable" -- rejoin 2>&1)" "pg_rewind cannot do it.*base backup is complete" \
	"and where pg_rewind cannot do it"
start primary
comes "it streams" same "$port2" "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'" primary

note "8. The archive"
echo one >"$WORK/segment"
ok "a file is archived" node -- archive "$WORK/archive" "$WORK/segment" 000000010000000000000001.test
ok "the same again is none the worse" node -- archive "$WORK/archive" "$WORK/segment" 000000010000000000000001.test
echo two >"$WORK/segment"
refused "exists with another content" "another under its name is refused" \
	node -- archive "$WORK/archive" "$WORK/segment" 000000010000000000000001.test
is "$(<"$WORK/archive/000000010000000000000001.test")" one "and does not replace it"
ok "it is restored" node -- restore "$WORK/archive" 000000010000000000000001.test "$WORK/restored"
is "$(<"$WORK/restored")" one "as it was"
is "$(find "$WORK/archive" -name '.*' -type f)" '' "no half file is left"

note "9. Certificates"
like "$(node "${primary[@]}" -- certificates)" "ca.crt [0-9]{4} .*primary.crt 36[45] " "end dates are shown"
"$PG_BIN/pg_ctl" -D "$WORK/primary/data" -s -m fast stop
node "${setup[@]}" CERTIFICATE_DAYS=10 -- setup renew >/dev/null
in_background "${primary[@]}" bash "$docker/node" run -c unix_socket_directories="$WORK" >"$WORK/run" 2>&1
comes "a server runs" serves "$port1" "$WORK/secrets/1/primary.crt"
comes "its log warns of a certificate that ends soon" \
	grep -qE "WARNING: certificate primary.crt ends on [0-9-]+, in (9|10) days" "$WORK/run"
like "$(node "${setup[@]}" -- setup)" "made a certificate for primary.*for replica1" "which is made anew without being asked for"
comes "the server uses the new one without being told" serves "$port1" "$WORK/secrets/1/primary.crt"
comes "and logs that" grep -q "there are new certificates" "$WORK/run"
is "$(grep -c "WARNING: " "$WORK/run")" 1 "it was warned of once"
kill -INT "$job"
status=0
wait "$job" || status=$?
is "$status" 0 "the server ends"
comes "nothing is left that watches certificates" no_watch
start primary
openssl req -new -x509 -key "$WORK/ca/ca.key" -out "$WORK/ca/ca.crt" -days 20 -subj "/CN=replwatch CA" \
	-addext keyUsage=critical,keyCertSign,cRLSign
node "${setup[@]}" -- setup >/dev/null
ok "the CA's own is made anew as well" openssl x509 -noout -checkend "$((3000 * 86400))" -in "$WORK/cluster/tls/ca.crt"
ok "with the same key" openssl verify -CAfile "$WORK/cluster/tls/ca.crt" "$WORK/secrets/1/primary.crt"
before=$(openssl x509 -noout -serial -in "$WORK/secrets/1/primary.crt")
ok "renewed" node "${setup[@]}" CERTIFICATE_DAYS=20 -- setup renew
unlike "$(openssl x509 -noout -serial -in "$WORK/secrets/1/primary.crt")" "$before" "they are new"
ok "signed by the same CA" openssl verify -CAfile "$WORK/cluster/tls/ca.crt" "$WORK/secrets/1/primary.crt"
node "${setup[@]}" CERTIFICATE_DAYS=0 -- setup renew >/dev/null
sleep 1
"$PG_BIN/pg_ctl" -D "$WORK/replica1/data" -s reload
mkdir "$WORK/late"
refused "is not from the CA in .*, or has ended.*docker/ctl renew" "one that has ended is refused" \
	node "${primary[@]}" ROLE=replica PGDATA="$WORK/late/data" -- bootstrap
like "$(node "${primary[@]}" -- certificates)" "primary.crt -1 " "and shown as such"
like "$(node "${setup[@]}" -- setup)" "made a certificate for primary.*for replica1" "and made anew without being asked for"
"$PG_BIN/pg_ctl" -D "$WORK/replica1/data" -s reload
own=("${setup[@]}" CERTIFICATES="$WORK/own")
refused "neither primary.crt nor server.crt" "certificates of one's own, but none" node "${own[@]}" -- setup
cp "$WORK/secrets/1/primary.crt" "$WORK/own/server.crt"
cp "$WORK/secrets/1/primary.key" "$WORK/own/server.key"
refused "not signed by the CA" "of another CA" node "${own[@]}" -- setup
cp "$WORK/cluster/tls/ca.crt" "$WORK/own/ca.crt"
refused "not for the name replica1" "for another name" node "${own[@]}" -- setup
cp "$WORK/secrets/2/replica1.key" "$WORK/own/server.key"
refused "does not belong to server.crt" "with another key" node "${own[@]}" -- setup
cp "$WORK"/secrets/?/*.crt "$WORK"/secrets/?/*.key "$WORK/own"
ok "one for each node is taken" node "${own[@]}" -- setup
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/own/server.key" \
	-out "$WORK/own/server.crt" -days 9 -subj /CN=own -addext subjectAltName=DNS:primary,DNS:replica1 2>/dev/null
cp "$WORK/own/server.crt" "$WORK/own/ca.crt"
rm "$WORK"/own/{primary,replica1}.*
ok "one for all, which signed itself" node "${own[@]}" -- setup
ok "without them" node "${setup[@]}" -- setup
ok "nodes have some of the CA made here again" openssl verify -CAfile "$WORK/ca/ca.crt" "$WORK/secrets/1/primary.crt"

note "10. Images"
sources='deb http://deb.debian.org/debian trixie main'$'\n''URIs: https://deb.debian.org/debian-security/'
unlike "$(SNAPSHOT='' sh "$docker/lib/image" apt_settings)" Check-Valid-Until "an archive that is no longer valid is refused"
like "$(SNAPSHOT=http://example.com/archive/debian/1/ sh "$docker/lib/image" apt_settings)" 'Check-Valid-Until "false"' \
	"except where it is named"
is "$(SNAPSHOT=http://example.com/archive/debian/1/ sh "$docker/lib/image" from_snapshot <<<"$sources")" \
	'deb http://example.com/archive/debian/1 trixie main'$'\n''URIs: http://example.com/archive/debian-security/1' "packages come from there"

note "11. The scripts"
if type -P shellcheck >/dev/null; then
	ok "shellcheck finds nothing" bash -c "cd '$docker/..' && shellcheck -x docker/{node,ctl,test} docker/lib/image docker/t/{node,host,set}.sh"
else
	note "left out, as shellcheck is not installed"
fi

done_testing
