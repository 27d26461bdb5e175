#
# docker/lib/primary.sh - makes a primary
#
# shellcheck shell=bash disable=SC2154

# An empty directory becomes a primary only if the set has no server yet.  One that
# refuses connections, because it is starting or takes no reads, counts as well.
check_no_primary() {
	local named peer answer

	named=$(named_primary)
	[[ ! $named || $named == "$NODE" ]] ||
		die "$PGDATA is empty, and $named is the primary of this set" \
			"To have a replica here: docker/ctl rejoin $NODE"
	[[ -e $CLUSTER/nodes ]] || return 0
	while read -r peer; do
		[[ $peer != "$NODE" ]] || continue
		if answer=$(PRIMARY_HOST=$peer ask IDENTIFY_SYSTEM 2>&1) || [[ $answer == *FATAL:* || $answer == *"SSL error"* ]]; then
			die "$PGDATA is empty, but $peer has a server of this set" \
				"A primary made here would be another cluster. Use what is there: docker/ctl promote $peer"
		fi
	done <"$CLUSTER/nodes"
}

literal() {
	printf "'%s'" "${1//\'/\'\'}"
}

# The SQL goes to standard input and not to the log, because it has passwords.
# Names may be key words of SQL, such as user.
roles() {
	cat <<-END
		SET log_statement = none;
		SET log_min_duration_statement = -1;
		SET log_min_error_statement = panic;
		SET standard_conforming_strings = on;
		CREATE ROLE "$REPLICATION_USER" LOGIN REPLICATION
			CONNECTION LIMIT $REPLICATION_CONNECTIONS PASSWORD $(literal "$(password REPLICATION)");
		CREATE ROLE "$REWIND_USER" LOGIN CONNECTION LIMIT 5 PASSWORD $(literal "$(password REWIND)");
		GRANT EXECUTE ON FUNCTION
			pg_ls_dir(text, boolean, boolean),
			pg_stat_file(text, boolean),
			pg_read_binary_file(text),
			pg_read_binary_file(text, bigint, bigint, boolean)
			TO "$REWIND_USER";
		CREATE ROLE "$APP_USER" LOGIN PASSWORD $(literal "$(password APP)");
	END
	if [[ $POSTGRES_DB != postgres ]]; then
		printf 'CREATE DATABASE "%s" OWNER "%s";\n' "$POSTGRES_DB" "$APP_USER"
	else
		printf 'ALTER DATABASE postgres OWNER TO "%s";\n' "$APP_USER"
	fi
	# A database of docker/ctl's own, where nobody else can leave anything.
	[[ ! $CONTAINER ]] || cat <<-END
		CREATE DATABASE docker_ctl TEMPLATE template0;
		REVOKE ALL ON DATABASE docker_ctl FROM PUBLIC;
		COMMENT ON DATABASE docker_ctl IS 'for docker/ctl alone';
	END
}

primary_failed() {
	"$PG_BIN/pg_ctl" -D "$PGDATA.new" -m immediate -s stop >/dev/null 2>&1 || true
	[[ ! -e $PGDATA.new.log ]] || tail -n 20 "$PGDATA.new.log" >&2
	rm -rf "$PGDATA.new.log" "$socket"
	fail_new "$1" "What was made is removed; mend it and start again."
}

make_primary() {
	local socket file sql database databases=(postgres "$POSTGRES_DB" ${CONTAINER:+docker_ctl}) files=()

	check_no_primary
	is_one_of "$APP_USER" "$POSTGRES_USER" "$REPLICATION_USER" "$REWIND_USER" &&
		die "APP_USER is \"$APP_USER\"" "It has to be another role than the superuser and those for replicas."
	[[ ! $INIT || -d $INIT && -r $INIT && -x $INIT ]] ||
		die "cannot read INIT \"$INIT\"" "It has to be a directory that $(id -un) may read. Nothing was made."
	begin_new
	say "$PGDATA is empty: making a primary with PostgreSQL $major"
	socket=$(mktemp -d /tmp/node.XXXXXX)
	trap 'primary_failed "this was interrupted"' INT TERM
	"$PG_BIN/initdb" --pgdata="$PGDATA.new" --username="$POSTGRES_USER" \
		--auth-local=peer --auth-host=scram-sha-256 --data-checksums --encoding=UTF8 --locale=C.UTF-8 \
		>"$PGDATA.new.log" 2>&1 || primary_failed "initdb failed"

	# The same settings as later, but without a port.
	(write_hba "$PGDATA.new") || primary_failed "its configuration cannot be written"
	"$PG_BIN/pg_ctl" -D "$PGDATA.new" -s -w -l "$PGDATA.new.log" -o "-c listen_addresses='' \
		-c unix_socket_directories='$socket' -c cluster_name=$NODE $(preload_option)" start >/dev/null ||
		primary_failed "the new server does not start"

	sql="$PG_BIN/psql -XAtq -v ON_ERROR_STOP=1 -h $socket -U $POSTGRES_USER -v app_user=$APP_USER"
	# Terse, because an error would show the line of SQL with its password.
	roles | $sql -v VERBOSITY=terse -d postgres || primary_failed "cannot make the roles and the database"
	for database in "${databases[@]}"; do
		[[ ! $(preload_option) ]] ||
			$sql -d "$database" -c 'CREATE EXTENSION IF NOT EXISTS replwatch' 2>/dev/null ||
			primary_failed "cannot create the extension in $database"
	done
	[[ ! $INIT ]] || mapfile -t files < <(find "$INIT" -maxdepth 1 -name '*.sql' | sort)
	for file in "${files[@]}"; do
		say "running $file"
		$sql -d "$POSTGRES_DB" -f "$file" || primary_failed "$file failed"
	done

	"$PG_BIN/pg_ctl" -D "$PGDATA.new" -s -m fast stop || primary_failed "the new server does not stop"
	rm -rf "$PGDATA.new.log" "$socket"
	end_on_signals
	finish_new
	say "the primary is made, with the database $POSTGRES_DB of $APP_USER"
}

preload_option() {
	[[ ! -e $("$PG_BIN/pg_config" --pkglibdir)/replwatch.so || ! $PRELOAD ]] ||
		printf '%s' "-c shared_preload_libraries=$PRELOAD"
}
