#!/usr/bin/env bash
#
# docker/t/set.sh - the set of docker-compose.yml on a Docker engine
#
# SYNOPSIS
#	TOP=TREE WORK=DIRECTORY set.sh [SECTION]...
#
# One set lives through all sections, in the order in which they stand here, from
# the first "up" to the end; what a section breaks it mends, but for the last, which
# makes another set.  It has a name, ports and images of its own, and a copy of the
# tree.  Sections may be named, to run only these after the first.
#
set -euo pipefail
shopt -s inherit_errexit
export LC_ALL=C.UTF-8

# shellcheck source=docker/t/lib.sh
. "$TOP/docker/t/lib.sh"

sections=("$@")
(($#)) || sections=(first tls roles secrets proxy restart replicas documents sync archive slots failover
	warm certificates alerts wrong other)
for section in "${sections[@]}"; do
	grep -q "^$section() {" "${BASH_SOURCE[0]}" || {
		fail "there is no section $section"
		exit 1
	}
done

# Nothing of the caller's is to reach the set.
for name in "${!PG@}" $(sed -n 's/^\([A-Z_]*\)=.*/\1/p' "$TOP/docker/.env"); do
	[[ $name == PG_MAJOR || $name == DEBIAN || $name == SNAPSHOT ]] || unset "$name"
done
unset "${!POSTGRES_@}" "${!COMPOSE_@}" APP_PASSWORD REPLICATION_PASSWORD REWIND_PASSWORD

project=replwatch-test-$$
export COMPOSE_PROJECT_NAME=$project IMAGE_PREFIX=$project READ_LAG=3s
export PRIMARY_PORT REPLICA1_PORT REPLICA2_PORT WRITE_PORT READ_PORT STATS_PORT PROMETHEUS_PORT
replica3_port='' data=''
port=$((22000 + $$ % 5000))
for variable in PRIMARY_PORT REPLICA1_PORT REPLICA2_PORT replica3_port WRITE_PORT READ_PORT STATS_PORT PROMETHEUS_PORT; do
	port=$(free_port "$((port + 1))")
	printf -v "$variable" '%s' "$port"
done

mkdir -p "$WORK/tree"
tar -C "$TOP" -c --exclude-vcs --exclude='*.o' --exclude='*.so' --exclude=tmp_check --exclude=docker-compose.override.yml . |
	tar -C "$WORK/tree" -x --no-same-owner
cd "$WORK/tree/docker"
# As under a strict umask: only what is mounted has to be readable by others.
chmod -R go= "$WORK/tree"
chmod -R a+rX init

if type -P docker-compose >/dev/null; then
	compose=(docker-compose)
else
	compose=(docker compose)
fi
export COMPOSE="${compose[*]}"

# What an engine of somebody's had before.
had=$(docker images -aq --no-trunc)
had_containers=$(docker ps -aq)

# shellcheck disable=SC2317
finish() {
	local status=$?

	trap '' INT TERM HUP
	if ((status == 1)); then
		for node in primary replica1 replica2; do
			printf '# --- %s\n' "$node"
			logs "$node" | tail -n 40 | sed 's/^/# /'
		done
	fi
	exec >/dev/null 2>&1
	set +e
	"${compose[@]}" --profile monitoring down --volumes --remove-orphans --timeout 5
	# By label, as a name may be part of another test's.
	docker ps -aq --filter "label=com.docker.compose.project=$project" | xargs -r docker rm -f -v
	docker volume ls -q --filter "label=com.docker.compose.project=$project" | xargs -r docker volume rm
	docker volume rm "${project}_lost"
	# By name, as somebody's own set may have the same under another.  What they were
	# made of stays with an engine of the tests' own, for the next time.
	docker images --format '{{.Repository}}:{{.Tag}}' "$project-*" | xargs -r docker rmi --no-prune || true
	[[ ${OWN_ENGINE-} ]] || remove_new_images || true
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Of an engine of somebody's: what a build was interrupted at; all steps of a build,
# as long as one has no other that came after it; and Debian's own image.
# shellcheck disable=SC2317
remove_new_images() {
	local image removed=yes

	for image in $(docker ps -aq --filter status=exited --filter status=created); do
		[[ $had_containers == *"$image"* || $(docker inspect --format '{{.Config.Cmd}}' "$image") != *"/replwatch/image"* ]] ||
			docker rm -f -v "$image"
	done
	while [[ $removed ]]; do
		removed=''
		for image in $(docker images -aq --no-trunc); do
			[[ $had == *"$image"* || $(docker image inspect --format '{{.RepoTags}}' "$image") != '[]' ||
				$(docker history --no-trunc "$image") != *"PG_MAJOR"* ]] ||
				! docker rmi --no-prune "$image" || removed=yes
		done
	done
	image=$(docker images -q --no-trunc "debian:${DEBIAN:-trixie}-slim")
	[[ ! $image || $had == *"$image"* ]] || docker rmi "$image"
}

#
# Ways to ask
#

container() {
	docker ps -aq --filter "label=com.docker.compose.project=$project" --filter "label=replwatch.node=$1" \
		--filter label=com.docker.compose.oneoff=False
}

# SQL as the superuser, in the container of a node.
sql() {
	docker exec -i "$(container "$1")" psql -XAtq -v ON_ERROR_STOP=1 -U "${POSTGRES_USER-postgres}" -d "${3-postgres}" <<<"$2"
}

same() {
	[[ $(sql "$1" "$2" "${4-postgres}") == "$3" ]]
}

# SQL as the application, from this host.
from_host() {
	PGPASSWORD=$app_password psql -XAtqw -v ON_ERROR_STOP=1 \
		"host=localhost port=$1 user=app dbname=app sslmode=verify-full sslrootcert=$WORK/ca.crt connect_timeout=5" -c "$2" 2>&1
}

ctl() {
	./ctl "$@" 2>&1
}

logs() {
	docker logs "$(container "$1")" 2>&1
}

log_has() {
	logs "$1" | grep -qE "$2"
}

healthy() {
	[[ $(docker inspect --format '{{.State.Health.Status}}' "$(container "$1")") == healthy ]]
}

all_healthy() {
	local node

	for node in primary replica1 replica2; do
		healthy "$node" || return
	done
}

# The address of a node, by which the proxy knows it.
address() {
	docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(container "$1")"
}

# The names of the nodes that a pool of the proxy sends to.
pool() {
	local node up

	up=$(curl -s "http://127.0.0.1:$STATS_PORT/;csv" | awk -F, -v pool="$1" '$1 == pool && $18 ~ /^UP/ && $19 > 0 {print $0}')
	for node in $(docker ps --filter "label=com.docker.compose.project=$project" --format '{{.Label "replwatch.node"}}' | sort); do
		[[ ! $node || $up != *",$(address "$node"):5432,"* ]] || printf '%s ' "$node"
	done
}

# The weight that the proxy gives a replica.
weight() {
	curl -s "http://127.0.0.1:$STATS_PORT/;csv" |
		awk -F, -v address=",$(address "$1"):5432," '$1 == "replicas" && index($0, address) {print $19}'
}

# A write to be late with, and what the proxy makes of it.
is_lighter() {
	from_host "$PRIMARY_PORT" "UPDATE wizards SET name = name"
	[[ $(weight "$1") =~ ^[1-9][0-9]?$ ]]
}

pool_is() {
	[[ $(pool "$1") == "$2 " ]]
}

writes_reach() {
	[[ $(from_host "$WRITE_PORT" "SHOW cluster_name") == "$1" ]]
}

reads_reach() {
	[[ $(from_host "$READ_PORT" "SHOW cluster_name") == "$1" ]]
}

# Who answers reads, of a dozen.
readers() {
	local i

	for ((i = 0; i < 12; i++)); do
		from_host "$READ_PORT" "SHOW cluster_name"
	done | sort -u | xargs
}

readers_are() {
	[[ $(readers) == "$1" ]]
}

# A container of a node's image with settings of its own, in the set's network.
node() {
	timeout 60 docker run --rm --network "${project}_default" --tmpfs "/var/lib/postgresql:uid=999,gid=999,mode=0700,size=${SIZE-300m}" \
		-v "${project}_cluster:/cluster:ro" -e CLUSTER=/cluster -v "${project}_secrets-replica1:/secrets:ro" -e SECRETS=/secrets \
		"$@" "$project-node:${PG_MAJOR:-17}" run 2>&1
}

# The ports of the containers that a Compose command publishes, with addresses.
published() {
	"$@" --profile monitoring config | awk '
		/host_ip: / { address = $2 }
		/target: [0-9]+$/ { print address ":" $2 }
		/^ *- [0-9.]+:[0-9]+:[0-9]+\/tcp$/ { split($2, part, "[:/]"); print part[1] ":" part[3] }' |
		sort -t : -k 1,1r -k 2,2 | xargs
}

#
# The sections
#

first() {
	note "1. Up"
	local node published='127.0.0.1:8404 127.0.0.1:9090 0.0.0.0:5432 0.0.0.0:5432 0.0.0.0:5432 0.0.0.0:5432 0.0.0.0:5433'

	ok "Compose takes the file" "${compose[@]}" config -q
	is "$(BIND=0.0.0.0 published "${compose[@]}")" "$published" "what asks for no password is on loopback, whatever BIND is"
	if [[ ${OTHER_COMPOSE-} ]]; then
		# shellcheck disable=SC2086
		ok "so does its other version" $OTHER_COMPOSE config -q
		is "$(BIND=0.0.0.0 published "$OTHER_COMPOSE")" "$published" "with the same ports"
	elif [[ ${OWN_ENGINE-} && ${CI-} == true ]]; then
		fail "there is another version of Compose"
	fi
	"${compose[@]}" --profile monitoring build >"$WORK/build.log" 2>&1 || {
		tail -n 30 "$WORK/build.log"
		fail "the images are built"
		exit 1
	}
	refused "there is no set yet.*docker-compose up" "before the first up there are no passwords" ./ctl password
	refused "there is no set yet" "and no status" ./ctl status
	is "$(docker volume ls -q --filter "label=com.docker.compose.project=$project")" '' "asking for them makes nothing"
	ok "docker-compose up" "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
	app_password=$(ctl password app)
	ctl ca >"$WORK/ca.crt"
	is "$(from_host "$PRIMARY_PORT" "SELECT count(*) FROM wizards")" 3 "psql on the host's port reads three wizards on the primary"
	comes "on the first replica" same replica1 "SELECT count(*) FROM wizards" 3 app
	is "$(from_host "$REPLICA1_PORT" "SELECT count(*) FROM wizards")" 3 "on its port"
	is "$(from_host "$REPLICA2_PORT" "SELECT count(*) FROM wizards")" 3 "and on the second's"
	like "$(from_host "$REPLICA1_PORT" "DELETE FROM wizards")" "read-only transaction" "a write on a replica is refused"
	from_host "$PRIMARY_PORT" "INSERT INTO wizards (name, element) VALUES ('Isolde', 'earth')"
	comes "a row written on the primary is read on the first replica" same replica1 "SELECT count(*) FROM wizards" 4 app
	comes "and on the second" same replica2 "SELECT count(*) FROM wizards" 4 app
	like "$(ctl verify)" "replica1: reads what.*replica2: reads what.*All is well" "verify carries a write round"
	like "$(ctl status)" "primary +running, healthy +primary +1 .*replica1 +running, healthy +replica +1 " "status shows all"
	for node in primary replica1 replica2; do
		comes "$node knows all" same "$node" "SELECT string_agg(node, ' ' ORDER BY node) FROM replwatch_cluster()
			WHERE reported_at > now() - interval '3 s'" "primary replica1 replica2"
	done
	sql replica2 "SELECT pg_wal_replay_pause()" >/dev/null
	from_host "$PRIMARY_PORT" "UPDATE wizards SET name = name" >/dev/null
	comes "the primary knows why a replica is late" same primary "SELECT reason_code FROM replwatch_status() WHERE name = 'replica2'" paused
	sql replica2 "SELECT pg_wal_replay_resume()" >/dev/null
	is "$(docker volume ls --format '{{.Name}}' --filter "label=com.docker.compose.project=$project" |
		grep -v prometheus | sort | xargs)" \
		"$(printf "${project}_%s " archive ca certificates cluster passwords primary replica1 replica2 \
			secrets-primary secrets-replica1 secrets-replica2 | xargs)" \
		"its volumes have names"
	like "$(logs replica1)" "[0-9]+/[0-9]+ kB.*base backup is complete" "the progress of the base backup was shown"
	if ((${PG_MAJOR:-17} < 18)); then
		data=/var/lib/postgresql/data
	else
		data=/var/lib/postgresql/$PG_MAJOR/docker
	fi
	is "$(docker exec "$(container replica1)" stat -c '%a %U' "$data")" "700 postgres" \
		"the data directory is where official images have it, with the right owner and mode"
	is "$(docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' "$(container primary)")" unless-stopped "it would be restarted"
}

several() {
	printf '%s' "host=localhost,localhost,localhost port=$REPLICA1_PORT,$PRIMARY_PORT,$REPLICA2_PORT user=app dbname=app \
		sslmode=verify-full sslrootcert=$WORK/ca.crt"
}

tls() {
	note "2. TLS, and several hosts"
	like "$(PGPASSWORD=$app_password psql -XAtqw "host=localhost port=$PRIMARY_PORT user=app dbname=app sslmode=disable" -c '' 2>&1)" \
		"no encryption" "without TLS nobody gets in"
	like "$(PGPASSWORD=wrong psql -XAtqw "host=localhost port=$PRIMARY_PORT user=app dbname=app" -c '' 2>&1)" \
		"password authentication failed" "nor with a wrong password"
	is "$(sql primary "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)")" t "replication is encrypted"
	like "$(sql replica1 "SHOW primary_conninfo")" "sslmode=verify-full" "and checks who it talks to"
	is "$(PGPASSWORD=$app_password psql -XAtqw "$(several) target_session_attrs=primary" -c 'SHOW cluster_name')" primary \
		"libpq finds the primary by itself"
	like "$(PGPASSWORD=$app_password psql -XAtqw "$(several) target_session_attrs=prefer-standby" -c 'SHOW cluster_name')" replica \
		"and a standby"
}

roles() {
	note "3. Roles and slots"
	is "$(sql primary "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, rolconnlimit
		FROM pg_roles WHERE rolname = 'replicator'")" "f|f|f|f|t|20" "the role for replication may do that alone"
	is "$(sql primary "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM-SHA-256%'")" 0 \
		"all passwords are scram's"
	is "$(sql primary "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method IN ('trust', 'password', 'md5')")" 0 "nobody is trusted"
	is "$(sql primary "SELECT count(*) FROM pg_hba_file_rules WHERE type NOT IN ('local', 'hostssl') AND auth_method <> 'reject'")" 0 "and all is encrypted"
	like "$(PGPASSWORD=$(ctl password replication) psql -XAtqw "host=localhost port=$PRIMARY_PORT user=replicator dbname=app" -c '' 2>&1)" \
		"pg_hba.conf rejects" "the role for replication gets into no database"
	like "$(psql -XAtqw "host=localhost port=$PRIMARY_PORT user=postgres dbname=app" -c '' 2>&1)" \
		"pg_hba.conf rejects" "the superuser gets in from nowhere"
	comes "each replica has a slot of its name" same primary \
		"SELECT string_agg(slot_name, ' ' ORDER BY slot_name) FROM pg_replication_slots WHERE active" "replica1 replica2"
	comes "and an application_name" same primary \
		"SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM pg_stat_replication" "replica1 replica2"
	is "$(sql primary "SHOW max_slot_wal_keep_size")" 2GB "what a slot may keep has a limit"

	# As in a set with POSTGRES_DB=postgres, made before docker/ctl had a database.
	sql primary "DROP DATABASE IF EXISTS docker_ctl; ALTER DATABASE postgres OWNER TO app" template1
	lay_traps
	# And a node that has been taken over answers with a command.
	mkdir "$WORK/liar"
	cat >"$WORK/liar/docker" <<-END
		#!/bin/sh
		case \$* in
			"exec -i $(container replica1) node certificates") exit 1 ;;
			"exec -i $(container replica2) node certificates") echo 'ca.crt a[\$(touch $WORK/caught)] 2030-01-01' ;;
			*) exec $(type -P docker) "\$@" ;;
		esac
	END
	chmod 755 "$WORK/liar/docker"
	refused "replica1: reads what.*replica2: reads what.*WRONG: replica1 does not show its certificates.*WRONG: replica2 does not show its certificates" \
		"verify works where the application owns the database, and believes no node" env PATH="$WORK/liar:$PATH" ./ctl verify
	is_no_superuser "the application's trigger is not run"
	ok "nor what the node answers" test ! -e "$WORK/caught"
	like "$(ctl status)" "primary +running, healthy +primary .*streaming .*streaming " "so does status"
	is_no_superuser "and nothing of the application's is called"
	sql primary "ALTER DATABASE docker_ctl OWNER TO app" template1
	refused "docker_ctl is not a superuser's" "what ctl calls its own has to be that" ./ctl verify
	comes "a replica has it, too" same replica1 "SELECT datdba::regrole FROM pg_database WHERE datname = 'docker_ctl'" app
	docker pause "$(container primary)" >/dev/null
	like "$(ctl status)" "replica1 +running, [a-z]+ +closed .*does not answer" "nothing is asked there, with or without a primary"
	docker unpause "$(container primary)" >/dev/null
	sql primary "ALTER DATABASE docker_ctl OWNER TO postgres; ALTER DATABASE postgres OWNER TO postgres;
		ALTER DATABASE postgres RESET ALL" template1
	sql primary "SET client_min_messages = warning; DROP SCHEMA postgres CASCADE; DROP TABLE ctl_verify; DROP TABLE verify; DROP FUNCTION trigger_trap; DROP FUNCTION trap CASCADE"
}

# What the owner of a database can do for the superuser to stumble over: a table that
# is there already, and a schema named like it with functions and operators.
lay_traps() {
	PGPASSWORD=$app_password psql -XAtqw -v ON_ERROR_STOP=1 \
		"host=localhost port=$PRIMARY_PORT user=app dbname=postgres sslmode=verify-full sslrootcert=$WORK/ca.crt" <<-'SQL'
			CREATE FUNCTION public.trap() RETURNS boolean LANGUAGE plpgsql AS $$
				BEGIN
					ALTER ROLE app SUPERUSER;
					RETURN false;
				EXCEPTION WHEN OTHERS THEN
					RETURN false;
				END $$;
			CREATE FUNCTION public.trigger_trap() RETURNS trigger LANGUAGE plpgsql AS
				'BEGIN PERFORM public.trap(); RETURN new; END';
			CREATE TABLE public.ctl_verify (word text);
			CREATE TABLE public.verify (word text);
			CREATE TRIGGER trap BEFORE INSERT ON public.ctl_verify FOR EACH ROW EXECUTE FUNCTION public.trigger_trap();
			CREATE TRIGGER trap BEFORE INSERT ON public.verify FOR EACH ROW EXECUTE FUNCTION public.trigger_trap();
			CREATE SCHEMA postgres;
			CREATE FUNCTION postgres.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT public.trap()';
			CREATE FUNCTION postgres.equal(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap()';
			CREATE OPERATOR postgres.= (LEFTARG = text, RIGHTARG = text, FUNCTION = postgres.equal);
			CREATE OPERATOR postgres.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = postgres.equal);
			ALTER DATABASE postgres SET search_path = postgres, public, pg_catalog;
		SQL
}

is_no_superuser() {
	is "$(sql primary "SELECT rolsuper FROM pg_roles WHERE rolname = 'app'" template1)" f "$1"
	sql primary "ALTER ROLE app NOSUPERUSER" template1
}

secrets() {
	local who node word key seen
	local -A limit=([node]=200 [proxy]=120 [monitor]=450)

	note "4. Nothing runs as root, nothing tells a password"
	is "$(ctl password | sed -E 's/ +[0-9a-f]{32}$//' | xargs)" "app replicator rewinder" "docker/ctl password shows who has one"
	is "$(for node in $(docker ps -q --filter "label=com.docker.compose.project=$project"); do
		docker top "$node" -eo pid,uid,args
	done | awk '$2 == 0')" '' "no process is root's"
	is "$(docker inspect --format '{{.Config.User}}' "$project-node:${PG_MAJOR:-17}" "$project-proxy:${DEBIAN:-trixie}" \
		"$project-monitor:${DEBIAN:-trixie}" | xargs)" "postgres haproxy prometheus" "no image says otherwise"
	is "$(docker ps -aq --filter "label=com.docker.compose.project=$project" |
		xargs docker inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}' | sort -u)" "true [ALL]" \
		"containers are read-only and without capabilities"
	for node in node:${PG_MAJOR:-17} proxy:${DEBIAN:-trixie} monitor:${DEBIAN:-trixie}; do
		seen=$(docker image inspect --format '{{.Size}}' "$project-$node")
		note "$node has $((seen / 1000000)) MB"
		((seen < ${limit[${node%:*}]} * 1000000)) || fail "${node%:*}'s image is small" "it has $seen bytes"
	done
	is "$(docker run --rm --network none --entrypoint sh "$project-node:${PG_MAJOR:-17}" -c 'command -v gcc make apt-key perldoc; ls /build /out' 2>/dev/null)" '' \
		"what built the extension is not in the image"
	seen=$(docker ps -aq --filter "label=com.docker.compose.project=$project" | xargs docker inspect
		docker history --no-trunc "$project-node:${PG_MAJOR:-17}"
		for node in primary replica1 replica2; do
			logs "$node"
			docker top "$(container "$node")" -eo pid,args
			docker exec "$(container "$node")" sh -c 'cat "$PGDATA"/*.conf'
		done)
	for who in app replication rewind; do
		word=$(ctl password "$who")
		like "$word" "^[0-9a-f]{32}$" "$who has a password made at random"
		unlike "$seen" "$word" "which no image, container, log, process list or configuration tells"
	done
	word=$(ctl password app)
	key=$(docker exec "$(container primary)" sed -n 2p /secrets/primary.key)
	is "$(has_secrets primary "$word" "$key")" "/secrets/app /secrets/primary.key" "the primary has the application's password, and its own key"
	is "$(has_secrets replica1 "$word" "$key")" '' "of which a replica can read neither"
	refused "Read-only" "nor can a node change what it has" docker exec "$(container replica1)" touch /secrets/replica1.key
	refused 'ROLE is ""' "without settings a node refuses" \
		docker run --rm --network none -e NODE=one "$project-node:${PG_MAJOR:-17}"
	refused "APP_PASSWORD is not set" "and without passwords" \
		docker run --rm --network none -e NODE=one -e ROLE=primary -e TLS=off "$project-node:${PG_MAJOR:-17}"
}

# The files with one of these words that can be read in a node's container.
has_secrets() {
	# shellcheck disable=SC2016
	docker exec "$(container "$1")" sh -c 'grep -rlsF -e "$1" -e "$2" /secrets /nodes /ca /cluster /archive /init /tmp /run /var/lib/postgresql' \
		- "${@:2}" | sort | xargs
}

proxy() {
	note "5. The proxy"
	comes "writes reach the primary" writes_reach primary
	comes "reads have both replicas" pool_is replicas "replica1 replica2"
	comes "and reach both" readers_are "replica1 replica2"
	like "$(curl -s "http://127.0.0.1:$STATS_PORT/")" "Statistics Report" "there is a page of statistics"

	sql replica1 "SELECT pg_wal_replay_pause()" >/dev/null
	from_host "$PRIMARY_PORT" "UPDATE wizards SET name = name"
	comes "a replica that lags gets no reads" pool_is replicas replica2
	comes "the other one does" readers_are replica2
	sql replica2 "SELECT pg_wal_replay_pause()" >/dev/null
	from_host "$PRIMARY_PORT" "UPDATE wizards SET name = name"
	comes "when no replica is fit reads reach the primary" reads_reach primary
	sql replica1 "SELECT pg_wal_replay_resume()" >/dev/null
	sql replica2 "SELECT pg_wal_replay_resume()" >/dev/null
	comes "both come back" pool_is replicas "replica1 replica2"
	sql replica1 "ALTER SYSTEM SET recovery_min_apply_delay = '2s'; SELECT pg_reload_conf()" >/dev/null
	comes "one that is a little late gets fewer reads" is_lighter replica1
	sql replica1 "ALTER SYSTEM RESET recovery_min_apply_delay; SELECT pg_reload_conf()" >/dev/null
	comes "both come back" pool_is replicas "replica1 replica2"
}

restart() {
	local started before

	note "6. Stop and start"
	before=$(docker exec "$(container replica1)" stat -c %i "$data/global/pg_control")
	started=$(date +%s)
	docker stop --time 60 "$(container replica1)" >/dev/null
	like "$(logs replica1)" "received fast shutdown request" "docker stop is a fast shutdown"
	is "$(docker inspect --format '{{.State.ExitCode}}' "$(container replica1)")" 0 "and clean"
	docker start "$(container replica1)" >/dev/null
	comes "started again, it is fit" healthy replica1
	unlike "$(docker logs --since "$started" "$(container replica1)" 2>&1)" "copying" "data that are there are not copied again"
	is "$(docker exec "$(container replica1)" stat -c %i "$data/global/pg_control")" "$before" "they are the same"

	is "$(docker exec "$(container replica1)" node health)" "/readiness 200" "its health is what replwatch's port says"
	refused "refused" "which is none when nothing answers there" \
		docker exec -e REPLWATCH_PORT=1 "$(container replica1)" node health
	docker exec "$(container replica1)" sh -c 'kill -KILL "$(head -n 1 "$PGDATA/postmaster.pid")"'
	comes "a server that is killed is started again" started_again replica1
	comes "and fit" healthy replica1
	comes "it streams" same primary "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'replica1' AND state = 'streaming'" 1
}

started_again() {
	[[ $(docker inspect --format '{{.RestartCount}} {{.State.Status}}' "$(container "$1")") == "1 running" ]]
}

replicas() {
	note "7. More replicas"
	ok "docker-compose --profile monitoring up" "${compose[@]}" --profile monitoring up -d
	comes "Prometheus sees all servers" prometheus 'query?query=sum(up{job="replwatch"})' '"3"\]'
	echo '# My own' >docker-compose.override.yml
	refused "docker-compose.override.yml is not docker/ctl's" "an override of somebody's own is not replaced" ./ctl add replica3
	is "$(<docker-compose.override.yml)" '# My own' "it stays"
	rm docker-compose.override.yml
	like "$(ctl add replica3 "$replica3_port")" "replica3 streams from primary, and listens on port $replica3_port" "a third replica"
	like "$(ctl add reports)" "reports streams from primary" "a fourth"
	is "$(from_host "$replica3_port" "SELECT count(*) FROM wizards")" 4 "is read on its port"
	comes "the proxy has found both" pool_is replicas "replica1 replica2 replica3 reports"
	comes "replica1 knows them" same replica1 "SELECT count(reported_at) FROM replwatch_cluster()" 5
	comes "so has Prometheus" prometheus 'query?query=sum(up{job="replwatch"})' '"5"\]'
	is "$(docker exec "$(container reports)" ls /secrets | xargs)" "pgpass replication reports.crt reports.key rewind" "and secrets of its own"
	like "$(docker volume ls -q --filter "name=${project}_re" | xargs)" "_replica3 .*_reports|_reports .*_replica3" "each has a volume"
	comes "each has a slot" same primary "SELECT count(*) FROM pg_replication_slots WHERE active" 4
	like "$(ctl verify)" "reports: reads what.*All is well" "verify knows them"
	cp docker-compose.override.yml "$WORK/override"
	sed -i '/secrets-/d' docker-compose.override.yml
	like "$(ctl up)" "All is up" "an override that an earlier version wrote is taken"
	is "$(<docker-compose.override.yml)" "$(<"$WORK/override")" "and brought up to date"
	refused "there is a node \"reports\" already" "no name is given twice" ./ctl add reports
	refused "no name for a node" "nor one that a slot cannot have" ./ctl add Reports-2
	refused "means something else" "nor one that is taken otherwise" ./ctl add proxy
	docker pause "$(container primary)" >/dev/null
	refused "primary, the primary, does not answer.*Nothing was removed" "none is removed whose slot would stay" ./ctl remove reports
	docker unpause "$(container primary)" >/dev/null
	like "$(ctl remove reports)" "reports is gone" "one is removed"
	is "$(sql primary "SELECT count(*) FROM pg_replication_slots")" 3 "its slot, too"
	is "$(docker volume ls -q | grep -c "^${project}_.*reports" || true)" 0 "its volumes, too"
	like "$(ctl remove replica3)" "replica3 is gone" "the other one"
}

# Every statement that stands there, by the command that it names.
documents() {
	local doc=$TOP/doc/replication.md node statement column settings

	note "8. doc/replication.md"
	while read -r node statement; do
		ok "$node: $statement" bash -c "./ctl psql $node -XAtqw -v ON_ERROR_STOP=1 <<<\"\$1\"" - "$statement"
	done < <(grep -oE 'psql@[a-z0-9]+ +(SELECT|SHOW|\\)[^`]*' "$doc" | sed 's/^psql@//')
	is "$(grep -n "docker/ctl" "$doc"; grep -n '`docker/ctl' README.md)" '' "docker/ctl is called from where the reader is"
	while read -r statement; do
		ok "$statement" bash -c "$statement" </dev/null
	done < <(grep -oE '^\$ \./ctl (verify|status)' "$doc" | sed 's/^\$ //')
	for column in $(sql primary "SELECT attname FROM pg_attribute WHERE attrelid = 'pg_stat_replication'::regclass AND attnum > 0"); do
		grep -q "^| .*\`$column\`.* | ." "$doc" || fail "it explains pg_stat_replication.$column"
	done
	mapfile -t settings < <(sed -nE 's/.*\$\{([A-Z_0-9]+).*/\1/p' docker-compose.yml | grep -v _PORT | sort -u)
	for column in "${settings[@]}"; do
		grep -q "^| .*\`${column}[=\`]" README.md || fail "README.md explains $column"
		grep -q "^$column=" .env || [[ $column =~ PASSWORD$|^IMAGE_PREFIX$|^BUILD_NETWORK$ ]] || fail ".env has $column"
	done
}

sync() {
	note "9. Synchronous replication"
	ok "SYNC=any 1" env SYNC='any 1' "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
	is "$(from_host "$PRIMARY_PORT" "SELECT count(*) FROM wizards")" 4 "new containers have the data of the old"
	is "$(sql primary "SHOW synchronous_standby_names")" 'ANY 1 (*)' "is set"
	comes "and holds" same primary "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'" 2
	sql primary "ALTER SYSTEM SET replwatch.alert_hold = '1s'; SELECT pg_reload_conf()" >/dev/null
	docker stop "$(container replica1)" "$(container replica2)" >/dev/null
	comes "without replicas the alert sync_short is raised" log_has primary 'alert raised: sync_short'
	comes "in SQL too" same primary "SELECT state FROM replwatch_alerts() WHERE alert = 'sync_short'" firing
	refused "WRONG: 0 of 1 synchronous replicas" "verify does not wait as well" timeout 120 ./ctl verify
	docker start "$(container replica1)" >/dev/null
	comes "one that is back clears it" log_has primary 'alert cleared: sync_short'
	ok "a commit goes through" from_host "$PRIMARY_PORT" "UPDATE wizards SET name = name"
	ok "SYNC=off" "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
}

# Writes WAL by the segment, with hardly any data, until a slot is lost, and waits
# for those that are connected, or they would lose theirs as well.
lose_slot() {
	local i lsn

	for ((i = 0; i < 40; i++)); do
		lsn=$(sql primary "SELECT pg_switch_wal() FROM pg_logical_emit_message(false, 'test', 'x')")
		wait_until same primary "SELECT count(*) FROM pg_stat_replication WHERE flush_lsn < '$lsn'" 0
		((i % 4)) || sql primary CHECKPOINT
		if same primary "SELECT wal_status FROM pg_replication_slots WHERE slot_name = '$1'" lost; then
			return
		fi
	done
	return 1
}

archive() {
	note "10. The archive"
	export ARCHIVE=on MAX_SLOT_WAL_KEEP_SIZE=48MB
	ok "ARCHIVE=on, and SYNC with names" env SYNC='replica1, replica2' "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
	comes "they are waited for in that order" same primary "SELECT string_agg(application_name || ' ' || sync_state, ', ' ORDER BY application_name)
		FROM pg_stat_replication" "replica1 sync, replica2 potential"
	docker stop "$(container replica2)" >/dev/null
	ok "a replica is away for longer than its slot allows" lose_slot replica2
	from_host "$PRIMARY_PORT" "UPDATE wizards SET element = 'aether' WHERE name = 'Isolde'"
	is "$(sql primary "SELECT failed_count FROM pg_stat_archiver")" 0 "nothing failed to be archived"
	docker start "$(container replica2)" >/dev/null
	comes "it comes back" same replica2 "SELECT element FROM wizards WHERE name = 'Isolde'" aether app
	like "$(logs replica2)" "slot replica2 was lost on primary: making it anew.*restored log file" "through the archive"
	comes "and streams" same primary "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'replica2' AND state = 'streaming'" 1
	unset ARCHIVE
	ok "ARCHIVE=off, and SYNC=off" "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
	is "$(sql primary "SHOW synchronous_standby_names")" '' "nobody is waited for any more"
	unset MAX_SLOT_WAL_KEEP_SIZE
}

slots() {
	note "11. A lost slot without an archive"
	export MAX_SLOT_WAL_KEEP_SIZE=48MB
	ok "a small limit" "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
	docker stop "$(container replica2)" >/dev/null
	ok "a replica is away for longer than its slot allows" lose_slot replica2
	docker start "$(container replica2)" >/dev/null
	comes "it is told apart from a fresh one" log_has replica2 "slot replica2 was lost on primary, which has removed WAL.*"
	comes "it starts with what it has" same replica2 "SELECT count(*) FROM wizards" 4 app
	unlike "$(logs replica2 | sed '1,/slot replica2 was lost/d')" "copying" "and is not copied"
	refused "replica2 does not stream" "verify finds it" ./ctl verify
	like "$(ctl rejoin replica2 --copy)" "base backup is complete.*replica2 is a replica of primary" "on demand it is copied"
	unset MAX_SLOT_WAL_KEEP_SIZE
}

failover() {
	local token lost

	note "12. Failover"
	comes "a replica streams" same primary "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'" 2
	# A container that stops at this moment is asked for nothing.
	mkdir "$WORK/late"
	cat >"$WORK/late/docker" <<-END
		#!/bin/sh
		case \$* in
			"exec -i $(container primary) cat "*)
				echo "cannot exec in a stopped state: unknown"
				exit 126
				;;
		esac
		exec $(type -P docker) "\$@"
	END
	chmod 755 "$WORK/late/docker"
	unlike "$(PATH=$WORK/late:$PATH ctl status)" "cannot exec|does not answer" "what docker says of one that stops is no answer"
	token=$(sql primary "UPDATE wizards SET name = name; SELECT replwatch_commit_token()" app)
	comes "the replicas have what was written" same replica1 "SELECT replwatch_wait_for_token('$token', '10 s')" t
	comes "both" same replica2 "SELECT replwatch_wait_for_token('$token', '10 s')" t
	# The cable is pulled: what is written now no replica gets.
	docker network disconnect "${project}_default" "$(container primary)"
	lost=$(sql primary "INSERT INTO wizards (name, element) VALUES ('Lost', 'none'); SELECT replwatch_commit_token()" app)
	docker kill "$(container primary)" >/dev/null
	docker network connect --alias nodes --alias primary "${project}_default" "$(container primary)"
	refused "primary is the primary, and does not answer" "status tells of a dead primary" ./ctl status
	comes "reads go on meanwhile" readers_are "replica1 replica2"
	like "$(ctl promote replica1)" "replica1 is the primary.*replica2: follows replica1" "replica1 is promoted, replica2 follows"
	comes "the proxy follows by itself" writes_reach replica1
	comes "reads have the replica that is left" pool_is replicas replica2
	comes "which knows whose it is" same replica2 "SELECT upstream FROM replwatch_cluster() WHERE node = 'replica2'" replica1
	is "$(PGPASSWORD=$app_password psql -XAtqw "$(several) target_session_attrs=primary" -c 'SHOW cluster_name')" replica1 \
		"libpq finds the new primary without it"
	is "$(sql replica1 "SELECT replwatch_wait_for_token('$token', '1 s')")" t "a token of a commit that was kept is taken"
	like "$(sql replica1 "\\set VERBOSITY sqlstate
		SELECT replwatch_wait_for_token('$lost', '1 s')" 2>&1)" RW001 "that of a lost commit is refused"
	comes "on the replica too" bash -c "[[ \$(docker exec -i $(container replica2) psql -XAtq -v VERBOSITY=sqlstate -U postgres \
		-c \"SELECT replwatch_wait_for_token('$lost', '1 s')\" 2>&1) == *RW001* ]]"
	docker start "$(container primary)" >/dev/null
	comes "the old primary does not start as one" log_has primary "the primary is replica1 now"
	like "$(ctl rejoin primary)" "pg_rewind: Done!.*primary is a replica of replica1" "pg_rewind makes it a replica"
	comes "it is fit" healthy primary
	is "$(sql primary "SELECT count(*) FROM wizards WHERE name = 'Lost'" app)" 0 "what was lost is gone there, too"
	like "$(ctl verify)" "primary: reads what.*replica2: reads what.*All is well" "all is well"
	comes "the proxy spreads reads over it" pool_is replicas "primary replica2"

	refused "replica1 is the primary" "the primary does not rejoin itself" ./ctl rejoin replica1
	like "$(ctl promote primary)" "stopping replica1.*primary is the primary.*replica2: follows primary" "back again, in order"
	like "$(ctl rejoin replica1)" "replica1 is a replica of primary" "and the other way round"
	comes "writes reach the primary" writes_reach primary
}

warm() {
	note "13. Warm standby"
	ok "HOT_STANDBY=off" env HOT_STANDBY=off "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
	like "$(from_host "$REPLICA1_PORT" "SELECT 1")" "not accepting connections|Hot standby mode is disabled" "no reads"
	comes "replication goes on" same primary "SELECT count(*) FROM replwatch_status() WHERE state = 'streaming' AND lag_bytes = 0" 2
	comes "replwatch's worker runs there" log_has replica1 "replwatch sampler started"
	is "$(docker exec "$(container replica1)" node health)" "/liveness 200" "and its port"
	comes "reads reach the primary" reads_reach primary
	like "$(ctl verify)" "replica1 +running, healthy +closed .*All is well" "all is well"
	is "$(ctl promote replica2 | tail -n 1)" "primary becomes its replica by: docker/ctl rejoin primary" "it can be promoted"
	comes "writes reach it" writes_reach replica2
	ctl rejoin primary >/dev/null
	ok "HOT_STANDBY=on" "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
	ctl promote primary >/dev/null
	like "$(ctl rejoin replica2)" "is a replica of primary" "back again"
}

# The serial number of the primary's certificate.
served() {
	openssl s_client -starttls postgres -connect "127.0.0.1:$PRIMARY_PORT" </dev/null 2>/dev/null | openssl x509 -noout -serial
}

serves_another() {
	local serial

	serial=$(served)
	[[ $serial && $serial != "$1" ]]
}

certificates() {
	local before days

	note "14. Certificates"
	before=$(docker exec "$(container primary)" cat /secrets/primary.crt | openssl x509 -noout -serial)
	like "$(CERTIFICATE_DAYS=20 ctl renew)" "primary has taken its certificate" "new ones are made by one command"
	comes "and in use without a restart" serves_another "$before"
	is "$(from_host "$PRIMARY_PORT" "SELECT 1")" 1 "clients go on, by the same CA"
	like "$(ctl verify)" "WARNING: primary: certificate primary.crt ends on .*docker/ctl renew" "verify warns 30 days before the end"
	comes "so does each server's log, without being asked" log_has primary "WARNING: certificate primary.crt ends on"
	before=$(served)
	"${compose[@]}" up -d >/dev/null 2>&1
	comes "docker-compose up renews them" serves_another "$before"
	days=$(ctl verify)
	unlike "$days" WARNING "renewed, it does not"
	like "$days" "certificate primary.crt is good until" "and shows the date"

	# Of one's own, with the CA above it.
	mkdir own
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout own/ca.key -out own/ca.crt \
		-days 60 -subj "/CN=Our own" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout own/server.key -subj /CN=server 2>/dev/null |
		openssl x509 -req -CA own/ca.crt -CAkey own/ca.key -set_serial 4711 -days 60 -out own/server.crt \
			-extfile <(echo subjectAltName=DNS:primary,DNS:replica1,DNS:replica2,DNS:localhost) 2>/dev/null
	chmod 644 own/*
	export CERTIFICATES=./own
	ok "certificates of one's own" "${compose[@]}" up -d
	comes "all servers are fit" all_healthy
	cp own/ca.crt "$WORK/ca.crt"
	comes "are taken without a restart" bash -c "$(declare -f from_host); app_password=$app_password WORK=$WORK; [[ \$(from_host $PRIMARY_PORT 'SELECT 1') == 1 ]]"
	sql primary "SELECT pg_terminate_backend(pid) FROM pg_stat_replication" >/dev/null
	comes "replicas check them" same primary "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'" 2
	is "$(docker exec "$(container primary)" cat /secrets/primary.crt | openssl x509 -noout -serial)" serial=1267 "they are those"
}

alerts() {
	note "15. Monitoring"
	like "$(ctl up --monitoring)" "All is up" "docker/ctl up --monitoring"
	comes "Prometheus sees all servers" prometheus 'query?query=sum(up{job="replwatch"})' '"3"\]'
	sql primary "ALTER SYSTEM SET replwatch.known_after = 0; ALTER SYSTEM SET replwatch.missing_timeout = '2s';
		ALTER SYSTEM SET replwatch.alert_hold = '1s'; SELECT pg_reload_conf()" >/dev/null
	docker stop "$(container replica2)" >/dev/null
	comes "a replica is stopped: the server's log tells" log_has primary 'alert raised: replica_missing .* on "replica2"'
	comes "and Prometheus" prometheus alerts '"alert":"replica_missing".*"state":"firing"'
	docker start "$(container replica2)" >/dev/null
	comes "it is back, and the alert is cleared" log_has primary 'alert cleared: replica_missing on "replica2"'
}

prometheus() {
	curl -sg "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/$1" | grep -qE "$2"
}

wrong() {
	local before waiting extra=(-e NODE=extra -e ROLE=replica -e TLS_CERT_FILE=/secrets/replica1.crt -e TLS_KEY_FILE=/secrets/replica1.key)

	note "16. What cannot work"
	SIZE=30m refused "No space left.*the base backup of primary failed.*free in /var/lib/postgresql.*volume large enough" \
		"a volume that is too small" node "${extra[@]}"
	refused "nobody:5432 did not answer within 2 s.*PRIMARY_HOST" \
		"a primary that never comes" node "${extra[@]}" -e PRIMARY_HOST=nobody -e PRIMARY_TIMEOUT=2
	waiting=$(docker run -d --label "com.docker.compose.project=$project" --network "${project}_default" \
		--tmpfs "/var/lib/postgresql:uid=999,gid=999,mode=0700" -v "${project}_cluster:/cluster:ro" -e CLUSTER=/cluster \
		-v "${project}_secrets-replica1:/secrets:ro" -e SECRETS=/secrets "${extra[@]}" -e PRIMARY_HOST=nobody "$project-node:${PG_MAJOR:-17}")
	comes "while it waits" bash -c "docker logs $waiting 2>&1 | grep 'waiting up to'"
	docker stop --time 30 "$waiting" >/dev/null
	is "$(docker inspect --format '{{.State.ExitCode}}' "$waiting")" 130 "docker stop ends it, and kills nothing"
	docker rm "$waiting" >/dev/null
	refused "/var/lib/postgresql belongs to user 1234.*runs as user 999.*chown" "a volume of the wrong owner" \
		docker run --rm --network none --tmpfs /var/lib/postgresql:uid=1234,mode=0755 -v "${project}_cluster:/cluster:ro" -e CLUSTER=/cluster \
		-v "${project}_secrets-replica1:/secrets:ro" -e SECRETS=/secrets -e NODE=replica1 -e ROLE=replica "$project-node:${PG_MAJOR:-17}"
	refused "ROLE is" "an unknown role" node -e NODE=replica1 -e ROLE=slave
	refused "SYNC is" "an unknown SYNC" node -e NODE=replica1 -e ROLE=replica -e SYNC=sometimes
	sql primary "SELECT pg_drop_replication_slot('extra') FROM pg_replication_slots WHERE slot_name = 'extra'" >/dev/null
	refused "another container uses $data" "two servers on one volume" \
		"${compose[@]}" run --rm -T --no-deps replica1 run
	refused "there is no node \"replica9\"" "a node that is none" ./ctl promote replica9
	docker volume create "${project}_lost" >/dev/null
	before=$(sql primary "SELECT system_identifier FROM pg_control_system()")
	refused "is empty, but replica[12] has a server of this set.*docker/ctl promote" "a primary whose volume is lost is not made anew" \
		docker run --rm --network "${project}_default" -v "${project}_lost:/var/lib/postgresql" -v "${project}_cluster:/cluster:ro" \
		-v "${project}_secrets-primary:/secrets:ro" -e CLUSTER=/cluster -e SECRETS=/secrets -e NODE=primary -e ROLE=primary "$project-node:${PG_MAJOR:-17}"
	docker volume rm "${project}_lost" >/dev/null
	is "$(sql primary "SELECT system_identifier FROM pg_control_system()")" "$before" "nothing has changed"
	like "$(ctl verify)" "All is well" "all is well"
}

other() {
	local seen node

	note "17. Another set: the other Compose, names, passwords, no TLS"
	"${compose[@]}" --profile monitoring down --volumes --timeout 5 >/dev/null 2>&1
	is "$(docker volume ls -q --filter "label=com.docker.compose.project=$project")" '' "down --volumes leaves nothing"
	if [[ ${OTHER_COMPOSE-} ]]; then
		read -ra compose <<<"$OTHER_COMPOSE"
		export COMPOSE=$OTHER_COMPOSE
	fi
	unset CERTIFICATES
	mkdir passwords
	echo 'of: a \ file' >passwords/replication
	chmod -R a+rX passwords
	export POSTGRES_USER=boss POSTGRES_DB=shop APP_USER=clerk APP_PASSWORD="clerk's: \\ own" PASSWORDS=./passwords TLS=off \
		SYNC='first 1'
	like "$(ctl up)" "port=$WRITE_PORT user=clerk dbname=shop\"" "docker/ctl up says how to connect"
	is "$(other_from_host "$PRIMARY_PORT" "SELECT current_user, count(*) FROM wizards")" "clerk|3" "the owner has another name, and the database"
	is "$(other_from_host "$REPLICA1_PORT" "SELECT count(*) FROM wizards")" 3 "on a replica, too"
	is "$(sql primary "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper")" boss "and the superuser"
	is "$(ctl password replication)" 'of: a \ file' "a password is that of the file"
	is "$(ctl password app)" "$APP_PASSWORD" "another that of the environment"
	seen=$(for node in primary replica1 replica2; do
		docker inspect "$(container "$node")"
		logs "$node"
		docker top "$(container "$node")" -eo pid,args
	done)
	for node in "clerk's" 'of: a'; do
		[[ $seen != *"$node"* ]] || fail "no server's container, log or process list tells it"
	done
	like "$(sql primary "SHOW synchronous_standby_names")" '^FIRST 1 \(\*\)$' "SYNC=first 1 is set"
	comes "and holds" same primary "SELECT string_agg(sync_state, ' ' ORDER BY sync_state) FROM pg_stat_replication" "potential sync"
	like "$(ctl add replica3)" "replica3 streams from primary" "a third replica"
	like "$(ctl verify)" "replica3: reads what.*All is well" "verify"
	"${compose[@]}" rm --stop --force primary >/dev/null 2>&1
	like "$(ctl promote replica2)" "replica2 is the primary.*replica1: follows replica2" "promote, also where the old container is gone"
	"${compose[@]}" up -d primary >/dev/null 2>&1
	like "$(ctl rejoin primary)" "primary is a replica of replica2" "and rejoin"
	like "$(ctl status)" "replica2 +running, healthy +primary +2 .*primary +running, (healthy|starting) +replica +2 " "status shows it"
	ok "down" "${compose[@]}" down --timeout 20
	like "$(ctl up)" "All is up" "and up: the data are there"
	comes "with the primary that was promoted" writes_reach_other replica2
	like "$(ctl remove replica3)" "replica3 is gone" "the third is removed"
}

other_from_host() {
	PGPASSWORD=$APP_PASSWORD psql -XAtqw -v ON_ERROR_STOP=1 \
		"host=localhost port=$1 user=clerk dbname=shop sslmode=disable connect_timeout=5" -c "$2" 2>&1
}

writes_reach_other() {
	[[ $(other_from_host "$WRITE_PORT" "SHOW cluster_name") == "$1" ]]
}

for section in first "${sections[@]/#first}"; do
	[[ ! $section ]] || "$section"
done
done_testing
