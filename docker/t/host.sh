#!/usr/bin/env bash
#
# docker/t/host.sh - docker/node on a plain Debian host
#
# SYNOPSIS
#	PG_CONFIG=... WORK=DIRECTORY TOP=TREE host.sh
#
# Takes the commands of docker/README.md by the word and runs them as root, in
# namespaces where the machine's own clusters, its addresses and the server's
# directories of extensions are covered: nothing that is made here is seen
# outside, and all of it is gone at the end.  There is a primary as Debian's tools
# make one, and a cluster that becomes its standby; then the other way round.
#
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C.UTF-8

if [[ ${1-} != inside ]]; then
	exec unshare --mount --net --pid --fork --kill-child --mount-proc bash "$0" inside
fi

# shellcheck source=docker/t/lib.sh
. "$TOP/docker/t/lib.sh"

PG_BIN=$("$PG_CONFIG" --bindir)
major=$("$PG_CONFIG" --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
main=/etc/postgresql/$major/main
export PG_BIN

#
# Another host, as it were
#

for dir in /etc/postgresql /var/lib/postgresql /var/log/postgresql /run/postgresql; do
	mount -t tmpfs -o "mode=0755,uid=$(id -u postgres),gid=$(id -g postgres)" tmpfs "$dir"
done
mkdir "$WORK/covers" "$WORK/socket"
mount -t tmpfs -o mode=0755 tmpfs "$WORK/covers"
cover "$("$PG_CONFIG" --pkglibdir)" "$WORK/covers/lib"
cover "$("$PG_CONFIG" --sharedir)/extension" "$WORK/covers/share"
chown postgres: "$WORK/socket"
printf '127.0.0.1 localhost\n127.0.0.2 primary.example.com\n127.0.0.1 replica3.example.com\n' >"$WORK/hosts"
mount --bind "$WORK/hosts" /etc/hosts
# "ip link set lo up", which not every machine has.
perl -MSocket -e 'socket(my $s, AF_INET, SOCK_DGRAM, 0) or die $!;
	my $up = pack("a16 s x22", "lo", 1); ioctl($s, 0x8914, $up) or die $!'

# shellcheck disable=SC2317
stop_all() {
	local status=$? log

	if ((status)); then
		for log in /var/log/postgresql/*; do
			printf -- '--- %s\n' "$log"
			tail -n 20 "$log"
		done | sed 's/^/# /'
	fi
	for dir in /var/lib/postgresql/"$major"/*; do
		runuser -u postgres -- "$PG_BIN/pg_ctl" -D "$dir" -s -m immediate stop >/dev/null 2>&1 || true
	done
	exit "$status"
}
trap stop_all EXIT
trap 'exit 130' INT TERM HUP

as_postgres() {
	runuser -u postgres -- "$@"
}

sql() {
	as_postgres "$PG_BIN/psql" -XAtqw -v ON_ERROR_STOP=1 -h "$1" -d postgres <<<"$2"
}

primary=$WORK/socket standby=/run/postgresql

same() {
	[[ $(sql "$1" "$2") == "$3" ]]
}

# The block of the README that has this in it, as it is to be run here.
block() {
	awk -v word="$1" '/^ *```/ { if (inside && index(text, word)) printf "%s", text; inside = !inside; text = ""; next }
		inside { sub(/^   /, ""); text = text $0 "\n" }' "$TOP/docker/README.md" |
		sed -E "s/systemctl (stop|start) postgresql@17-([a-z]+)/pg_ctlcluster $major \2 \1/; s,/17/,/$major/,g
			s,/etc/ssl/certs/our-ca.pem,$WORK/ca.crt,; s,192\.0\.2\.0/24,127.0.0.0/8,"
}

cd "$TOP"

note "1. An existing primary, and Debian's cluster on the new host"
ok "the extension is built" make -s -j2 PG_CONFIG="$PG_CONFIG" with_llvm=no
ok "and installed" make -s PG_CONFIG="$PG_CONFIG" with_llvm=no install
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/ca.key" \
	-out "$WORK/ca.crt" -days 9 -subj /CN=our-ca 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$WORK/server.key" -subj /CN=server 2>/dev/null |
	openssl x509 -req -CA "$WORK/ca.crt" -CAkey "$WORK/ca.key" -set_serial 1 -days 9 -out "$WORK/server.crt" \
		-extfile <(echo subjectAltName=DNS:primary.example.com,DNS:replica3.example.com) 2>/dev/null
chown postgres "$WORK/server.key"
chmod 644 "$WORK/ca.crt"

# What an administrator has set up on either host.
prepare() {
	local cluster=$1

	printf '%s\n' "ssl = on" "ssl_cert_file = '$WORK/server.crt'" "ssl_key_file = '$WORK/server.key'" \
		"shared_preload_libraries = 'replwatch'" "wal_log_hints = on" >"/etc/postgresql/$major/$cluster/conf.d/a.conf"
	{
		echo "local all postgres peer"
		block "CREATE ROLE" | grep ^host
	} >"/etc/postgresql/$major/$cluster/pg_hba.conf"
}

pg_createcluster "$major" main --port 5432 >/dev/null
pg_createcluster "$major" primary --port 5432 >/dev/null
prepare primary
printf '%s\n' "listen_addresses = '127.0.0.2'" "unix_socket_directories = '$primary'" "replwatch.port = 8010" "replwatch.listen_addresses = '127.0.0.2'" \
	>>"/etc/postgresql/$major/primary/conf.d/a.conf"
# What is the new host's own, and to stay.
printf '%s\n' "shared_preload_libraries = 'pg_stat_statements'" "wal_level = logical" "archive_mode = on" \
	"archive_command = 'true our own'" "restore_command = 'false our own'" \
	>"$main/conf.d/own.conf"
ok "the primary runs" pg_ctlcluster "$major" primary start
pg_ctlcluster "$major" main start
sql "$primary" "CREATE EXTENSION replwatch; CREATE TABLE t AS SELECT 1 AS a"

note "2. The commands of the README"
sql "$primary" "$(block "CREATE ROLE" | grep -vE '^(host|\\)')
	ALTER ROLE replicator PASSWORD 'told to nobody'; ALTER ROLE rewinder PASSWORD 'nor this'"
echo 'told to nobody' >/var/lib/postgresql/replication.password
echo 'nor this' >/var/lib/postgresql/rewind.password
chown postgres: /var/lib/postgresql/*.password
chmod 600 /var/lib/postgresql/*.password
block "docker/node bootstrap" | sed "s/ROLE=replica/& REPLWATCH_UPSTREAM_PORT=8010/" >"$WORK/bootstrap"
like "$(<"$WORK/bootstrap")" "pg_ctlcluster $major main stop.*docker/node bootstrap.*pg_ctlcluster $major main start" "are found there"
log=$(bash -e "$WORK/bootstrap" 2>&1) || true
like "$log" "base backup is complete.*is ready to be started" "make Debian's cluster a standby, by a base backup"
comes "it streams by its slot" same "$primary" "SELECT slot_name FROM pg_replication_slots WHERE active" replica3
comes "it reads what the primary has" same "$standby" "SELECT a FROM t" 1
is "$(sql "$primary" "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)")" t "encrypted"
like "$(sql "$standby" "SHOW primary_conninfo")" "sslmode=verify-full" "and checked"
is "$(sql "$standby" "SELECT worker_state FROM replwatch_node()")" running "replwatch works there"
comes "and each of the two knows what the other knows" same "$standby" "SELECT string_agg(node, ' ' ORDER BY depth)
	FROM replwatch_cluster() WHERE reported_at IS NOT NULL" "$major/primary replica3"
ok "its settings are where the README says" grep -q replica3 "$main/conf.d/replwatch.conf"
is "$(sql "$standby" "SELECT string_agg(setting, '; ' ORDER BY name) FROM pg_settings
	WHERE name IN ('wal_level', 'archive_mode', 'archive_command', 'restore_command')")" \
	"true our own; on; false our own; logical" "what the host has of archiving stays"
is "$(sql "$standby" "SHOW shared_preload_libraries")" "pg_stat_statements, replwatch" "so does what it preloads"
is "$(stat -c '%a %U' /var/lib/postgresql/.pgpass)" "600 postgres" "the password, too"
like "$(pg_lsclusters -h)" "$major +main +5432 online,recovery " "Debian's tools see a standby"
pg_ctlcluster "$major" main restart
comes "they restart it" same "$primary" "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'" 1

note "3. The old primary comes back"
prepare main
pg_ctlcluster "$major" main reload
sql "$primary" "SELECT pg_terminate_backend(pid) FROM pg_stat_replication" >/dev/null
pg_ctlcluster "$major" primary stop -m immediate
pg_ctlcluster "$major" main promote
comes "the standby is promoted" same "$standby" "SELECT pg_is_in_recovery()" f
sql "$standby" "CHECKPOINT; CREATE TABLE after AS SELECT 2 AS a"
# Here it is another cluster of the same host.
block "docker/node rejoin" | sed "s,/main,/primary,; s/$major main/$major primary/; s/ROLE=replica/& REPLWATCH_PORT=8010/" >"$WORK/rejoin"
log=$(bash -e "$WORK/rejoin" 2>&1) || true
like "$log" "pg_rewind: Done!.*is a replica of replica3.example.com" "pg_rewind makes it a replica"
comes "it streams" same "$standby" "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'" old_primary
comes "and has what was written" same "$primary" "SELECT a FROM after" 2
unlike "$(<"/etc/postgresql/$major/primary/conf.d/replwatch.conf")" "shared_preload_libraries" "what is preloaded already is not said again"
pg_ctlcluster "$major" primary stop
mount --bind "/var/lib/postgresql/$major/primary" "/var/lib/postgresql/$major/primary"
sed "s/rejoin/& --copy/" "$WORK/rejoin" >"$WORK/copy"
like "$(bash -e "$WORK/copy" 2>&1)" "cannot make .*/primary.new beside.*Mount the volume" "a data directory that is a mount cannot be replaced"
ok "nothing is left" test ! -e "/var/lib/postgresql/$major/primary.new"

done_testing
