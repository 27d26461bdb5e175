#
# docker/lib/settings.sh - the server's settings, written anew at each start
#
# ALTER SYSTEM and options on the command line override these.
#
# shellcheck shell=bash disable=SC2154

hba_mark='# Written by docker/node at each start. Remove this line to keep your own.'

# Settings that a standby must not have lower than its primary.
limits=(max_connections max_worker_processes max_wal_senders max_prepared_transactions
	max_locks_per_transaction)

setting() {
	printf "%s = '%s'\n" "$1" "${2//\'/\'\'}"
}

shell_quoted() {
	printf "'%s'" "${1//\'/\'\\\'\'}"
}

# Print shared_preload_libraries: on a plain host in addition to the present ones,
# and nothing if these suffice.
preload_list() {
	local config=${CONFIG%/conf.d/*}/postgresql.conf list='' library changed=''

	if [[ $CONTAINER ]]; then
		printf '%s' "$PRELOAD"
		return
	fi
	[[ -e $config ]] || config=$PGDATA/postgresql.conf
	[[ ! -e $config ]] || list=$("$PG_BIN/postgres" -D "$PGDATA" --config-file="$config" -C shared_preload_libraries) ||
		die "cannot read the server's configuration" "Correct $config, or a file that it includes."
	for library in ${PRELOAD//,/ }; do
		if [[ " ${list//,/ } " != *" $library "* ]]; then
			list+=${list:+, }$library
			changed=yes
		fi
	done
	# The present list includes what was added at an earlier start.
	if [[ $changed ]] || grep -qs '^shared_preload_libraries' "$CONFIG"; then
		printf '%s' "$list"
	fi
}

settings() {
	local limit preload

	echo "# Written by docker/node at each start; ALTER SYSTEM goes over it."
	setting cluster_name "$NODE"
	[[ ! $LISTEN ]] || setting listen_addresses "$LISTEN"
	setting port "$PGPORT"
	if [[ -e $("$PG_BIN/pg_config" --pkglibdir)/replwatch.so && $PRELOAD ]]; then
		preload=$(preload_list)
		[[ ! $preload ]] || setting shared_preload_libraries "$preload"
		setting replwatch.node_name "$NODE"
		setting replwatch.port "$REPLWATCH_PORT"
		[[ ! $REPLWATCH_UPSTREAM_PORT ]] || setting replwatch.upstream_port "$REPLWATCH_UPSTREAM_PORT"
		[[ ! $CONTAINER ]] || setting replwatch.listen_addresses '*'
		setting replwatch.port_serves all
	fi

	setting password_encryption scram-sha-256
	# A replica on a plain host may have no certificate, or one of its own.
	[[ $TLS == on && ! $TLS_CERT_FILE ]] || setting ssl "$TLS"
	if [[ $TLS == on && $TLS_CERT_FILE ]]; then
		setting ssl_ca_file "$TLS_CA_FILE"
		setting ssl_cert_file "$TLS_CERT_FILE"
		setting ssl_key_file "$TLS_KEY_FILE"
	fi

	[[ ! $CONTAINER ]] || setting wal_level replica
	setting wal_log_hints on
	setting hot_standby "$HOT_STANDBY"
	setting max_wal_senders "$((REPLICATION_CONNECTIONS + 5))"
	setting max_replication_slots "$((REPLICATION_CONNECTIONS + 5))"
	setting max_slot_wal_keep_size "$MAX_SLOT_WAL_KEEP_SIZE"
	[[ ! $sync_given ]] || setting synchronous_standby_names "$(synchronous_names)"
	[[ ! $archive_given ]] || setting archive_mode on
	if [[ $ARCHIVE == on ]]; then
		setting archive_command "$(shell_quoted "$self") archive $(shell_quoted "$ARCHIVE_DIR") \"%p\" \"%f\""
		setting restore_command "$(shell_quoted "$self") restore $(shell_quoted "$ARCHIVE_DIR") \"%f\" \"%p\""
	elif [[ $archive_given ]]; then
		# On, so that archiving can be enabled later without a restart.
		setting archive_command /bin/true
		setting restore_command ''
	fi
	if is_standby; then
		for limit in "${limits[@]}"; do
			[[ ! ${primary_limits[$limit]-} ]] || setting "$limit" "${primary_limits[$limit]}"
		done
	fi
}

declare -A primary_limits=()

# Without an answer of the primary, keep those written before.
old_limits() {
	local limit value

	for limit in "${limits[@]}"; do
		value=$(sed -n "s/^$limit = '\([0-9]*\)'$/\1/p" "$CONFIG" 2>/dev/null | tail -n 1) || true
		[[ ${primary_limits[$limit]-} || ! $value ]] || primary_limits[$limit]=$value
	done
}

# Replace a file by standard input, or on failure leave it unchanged.
replace() {
	local file=$1 remedy=${2-}

	if ! cat >"$file.tmp"; then
		rm -f "$file.tmp"
		die "cannot write $file" "Is the volume full? ${remedy:+$remedy }It stays as it was."
	fi
	mv "$file.tmp" "$file"
}

write_settings() {
	local text

	if is_standby; then
		old_limits
		write_upstream "$PGDATA"
	fi
	# A command of its own, because errexit has no effect in a condition.
	text=$(settings)
	replace "$CONFIG" "Else set CONFIG to a file that the server's configuration includes." <<<"$text"
	if [[ -e $PGDATA/postgresql.conf && $CONFIG == "$PGDATA/"* ]] &&
		! grep -qs "^include_if_exists = '${CONFIG##*/}'" "$PGDATA/postgresql.conf"; then
		text=$(<"$PGDATA/postgresql.conf")
		replace "$PGDATA/postgresql.conf" <<<"$text"$'\n\n'"include_if_exists = '${CONFIG##*/}'"
	fi
	if [[ $(head -n 1 "$PGDATA/pg_hba.conf" 2>/dev/null) == "$hba_mark" ]]; then
		write_hba "$PGDATA"
	fi
}

# Client authentication: network connections need a password and, except with
# TLS=off, encryption.  The superuser has none.
write_hba() {
	local dir=$1 host=hostssl

	[[ $TLS == on ]] || host=host
	replace "$dir/pg_hba.conf" <<-END
		$hba_mark
		# The superuser comes by the socket alone.
		# TYPE	DATABASE	USER	ADDRESS	METHOD
		local	all	all		peer map=node
		host	all,replication	"$POSTGRES_USER"	all	reject
		$host	replication	"$REPLICATION_USER"	all	scram-sha-256
		$host	postgres	"$REWIND_USER"	all	scram-sha-256
		$host	all	"$REPLICATION_USER","$REWIND_USER"	all	reject
		$host	all	all	all	scram-sha-256
	END
	replace "$dir/pg_ident.conf" <<-END
		# Written by docker/node at each start.
		# MAP	SYSTEM-USER	DATABASE-USER
		node	$(id -un)	$POSTGRES_USER
	END
}
