#
# docker/lib/replica.sh - makes a replica: by base backup, by pg_rewind, or by
# following
#
# shellcheck shell=bash disable=SC2004,SC2034,SC2153,SC2154

#
# Talking to the primary
#

conninfo_value() {
	local value=${1//\\/\\\\}

	printf "'%s'" "${value//\'/\\\'}"
}

# Print a connection string to $PRIMARY_HOST for a role; the password is in a file.
connection() {
	local role=$1 name=${2:-$NODE}

	printf 'host=%s port=%s user=%s application_name=%s connect_timeout=%s passfile=%s ' \
		"$(conninfo_value "$PRIMARY_HOST")" "$PRIMARY_PORT" "$role" "$name" 5 "$(conninfo_value "$(passfile)")"
	if [[ $TLS == on ]]; then
		printf 'sslmode=verify-full sslrootcert=%s' "$(conninfo_value "$TLS_CA_FILE")"
	else
		printf 'sslmode=disable'
	fi
}

passfile() {
	if [[ $SECRETS ]]; then
		printf '%s' "$SECRETS/pgpass"
	else
		printf '%s' "${PASSFILE:-${HOME:-/var/lib/postgresql}/.pgpass}"
	fi
}

# Quote a field of a password file; an IPv6 address has colons as well.
passfile_field() {
	local field=${1//\\/\\\\}

	printf '%s' "${field//:/\\:}"
}

# Print a line of it: host, port, password, role.
passfile_line() {
	printf '%s:%s:*:%s:%s\n' "$(passfile_field "$1")" "$2" "$4" "$(passfile_field "$3")"
}

# Print a password file without the lines for a host, a port and a role.
passfile_without() {
	local file=$1 line start

	start=$(passfile_line "$2" "$3" '' "$4")
	while IFS= read -r line || [[ $line ]]; do
		[[ $line == "$start"* ]] || printf '%s\n' "$line"
	done <"$file"
}

# Replace the passwords in the user's file, which may hold others.
write_passfile() {
	local file role variable text

	[[ ! $SECRETS ]] || return 0
	file=$(passfile)
	touch "$file" || die "cannot write $file" "Set PASSFILE to a file that the server can read: it holds the password."
	chmod 600 "$file"
	for variable in REPLICATION REWIND; do
		role=${variable}_USER
		[[ $variable == REPLICATION || ${REWIND_PASSWORD-}${REWIND_PASSWORD_FILE-} ]] || continue
		text=$(
			passfile_without "$file" "$PRIMARY_HOST" "$PRIMARY_PORT" "${!role}"
			passfile_line "$PRIMARY_HOST" "$PRIMARY_PORT" "$(password "$variable")" "${!role}"
		)
		replace "$file" <<<"$text"
	done
}

# Run a command of the replication protocol.
ask() {
	"$PG_BIN/psql" -XAtqw "$(connection "$REPLICATION_USER") replication=true" -c "$1"
}

# Give up at once on errors of psql that waiting does not cure.
check_answer() {
	local line=$1

	case $line in
		*"certificate verify failed"*)
			die "the certificate of $PRIMARY_HOST is not from the CA in $TLS_CA_FILE, or has ended" \
				"TLS_CA_FILE has to be the certificate of the CA that signed it; docker/ctl renew makes new ones. Nothing was changed."
			;;
		*"server certificate for"*"does not match host name"*)
			die "the certificate of $PRIMARY_HOST is for another name: ${line##*: }" \
				"Set PRIMARY_HOST to a name in it, or give that server one with this name. Nothing was changed."
			;;
		*"certificate file"*"does not exist"* | *"could not read root certificate"*)
			die "cannot use TLS_CA_FILE $TLS_CA_FILE: ${line##*: }" "Nothing was changed."
			;;
		*"server does not support SSL"*)
			die "$PRIMARY_HOST has no TLS" "Switch it on there, or set TLS=off on all nodes. Nothing was changed."
			;;
		*"password authentication failed"* | *"no password supplied"*)
			die "$PRIMARY_HOST refuses the password of $REPLICATION_USER" \
				"Set REPLICATION_PASSWORD, or REPLICATION_PASSWORD_FILE, to the one it has there. Nothing was changed."
			;;
		*"no pg_hba.conf entry"* | *"pg_hba.conf rejects"*)
			die "$PRIMARY_HOST does not let $REPLICATION_USER in: ${line##*FATAL:  }" \
				"Its pg_hba.conf needs: hostssl replication $REPLICATION_USER ADDRESS scram-sha-256. Nothing was changed."
			;;
	esac
}

# Wait for the primary, up to so many seconds, and get its identity.  1 if it does
# not answer.  A name may have several addresses, each with a line in the answer.
primary_id='' primary_timeline=''
find_primary() {
	local seconds=$1 end=$((SECONDS + $1)) answer line why said='' limit

	write_passfile
	until answer=$(ask IDENTIFY_SYSTEM 2>&1); do
		why=''
		while read -r line; do
			check_answer "$line"
			[[ $why && $line != *FATAL:* ]] || why=${line##*: }
		done <<<"$answer"
		((SECONDS < end)) || {
			primary_error=$why
			return 1
		}
		((seconds < 10)) || [[ $said ]] ||
			say "waiting up to $seconds s for $PRIMARY_HOST:$PRIMARY_PORT: $why"
		said=yes
		sleep 0.5
	done
	IFS='|' read -r primary_id primary_timeline _ <<<"$answer"
	for limit in "${limits[@]}"; do
		primary_limits[$limit]=$(ask "SHOW $limit" 2>/dev/null) || unset "primary_limits[$limit]"
	done
}

need_primary() {
	find_primary "$1" || die "$PRIMARY_HOST:$PRIMARY_PORT did not answer within $1 s: $primary_error" \
		"Is PRIMARY_HOST right, and does it run? PRIMARY_TIMEOUT is how long to wait. Nothing was changed."
}

# Check that the data belong to the primary's cluster.
check_same_cluster() {
	local id

	id=$(control "Database system identifier")
	[[ $id == "$primary_id" ]] ||
		die "$PGDATA is of another cluster: its system identifier is $id, that of $PRIMARY_HOST $primary_id" \
			"Set PRIMARY_HOST or PGDATA right. To give these data up, empty the directory. Nothing was changed."
}

#
# Its slot on the primary
#

# Print valid, lost or none.
slot_state() {
	local answer type lsn

	answer=$(ask "READ_REPLICATION_SLOT $NODE") || die "cannot look for slot $NODE on $PRIMARY_HOST"
	IFS='|' read -r type lsn _ <<<"$answer"
	if [[ ! $type ]]; then
		echo none
	elif [[ ! $lsn ]]; then
		echo lost
	else
		echo valid
	fi
}

make_slot() {
	[[ $1 != lost ]] || ask "DROP_REPLICATION_SLOT $NODE" >/dev/null
	[[ $1 == valid ]] || ask "CREATE_REPLICATION_SLOT $NODE PHYSICAL RESERVE_WAL" >/dev/null ||
		die "cannot make slot $NODE on $PRIMARY_HOST" "Are there max_replication_slots enough?"
}

#
# Existing data
#

# A server with a primary's data must not start if another primary has replaced it.
# A replica may, even without the primary, and serves reads until it is back.
check_place() {
	local named state

	[[ ! -e $PGDATA.rewinding ]] ||
		die "pg_rewind was interrupted in $PGDATA, which cannot be started any more" \
			"Finish it: docker/ctl rejoin $NODE, or: node rejoin --copy"
	named=$(named_primary)
	if ! is_standby; then
		[[ ! $named || $named == "$NODE" ]] ||
			die "$PGDATA is a primary's, and the primary is $named now" \
				"Two primaries would part for ever. Make this one a replica: docker/ctl rejoin $NODE. Nothing was changed."
		[[ $named || $ROLE == primary ]] ||
			die "ROLE is \"replica\", and $PGDATA is a primary's" \
				"Set ROLE=primary, or make it a replica: node rejoin. Nothing was changed."
		return
	fi

	[[ $PRIMARY_HOST ]] || return 0
	if [[ $named == "$NODE" ]]; then
		say "this is named the primary, and is a replica still: docker/ctl promote $NODE"
		return
	fi
	if ! find_primary 0; then
		say "$PRIMARY_HOST does not answer ($primary_error): starting without it"
		return
	fi
	check_same_cluster
	state=$(slot_state)
	case $state-$ARCHIVE in
		none-*)
			say "$PRIMARY_HOST has no slot $NODE: making it"
			make_slot none
			;;
		lost-on)
			say "slot $NODE was lost on $PRIMARY_HOST: making it anew, and catching up from the archive in $ARCHIVE_DIR"
			make_slot lost
			;;
		lost-off)
			say "WARNING: slot $NODE was lost on $PRIMARY_HOST, which has removed WAL that is needed here" >&2
			say "  This replica starts with what it has and gets no further. Copy it anew: docker/ctl rejoin $NODE --copy" >&2
			;;
	esac
}

# Write the settings that pg_basebackup -R writes, from the present environment.
write_upstream() {
	local file=$1/postgresql.auto.conf text

	[[ $PRIMARY_HOST && $PRIMARY_HOST != "$NODE" ]] || return 0
	text=$(
		grep -vE '^primary_(conninfo|slot_name) *=' "$file" || true
		setting primary_conninfo "$(connection "$REPLICATION_USER")"
		setting primary_slot_name "$NODE"
	)
	replace "$file" <<<"$text"
}

#
# Making one
#

make_replica() {
	[[ $(named_primary) != "$NODE" ]] ||
		die "$PGDATA is empty, and $NODE is the primary of this set" \
			"Make another the primary: docker/ctl promote, then: docker/ctl rejoin $NODE"
	begin_new
	need_primary "$PRIMARY_TIMEOUT"
	say "$PGDATA is empty: copying $PRIMARY_HOST"
	copy
}

copy() {
	make_slot "$(slot_state)"
	# Not under the name of the replica, which is missing as long as this runs, but
	# under the one by which replwatch knows that the slot's replica is not made yet.
	# With -R, that name would become the replica's.
	"$PG_BIN/pg_basebackup" --dbname="$(connection "$REPLICATION_USER" pg_basebackup)" --pgdata="$PGDATA.new" --no-password \
		--slot="$NODE" --wal-method=stream --checkpoint=fast --progress --verbose 2>&1 &
	# In the background, because a signal would wait for a foreground program; there it
	# ignores SIGINT.
	copier=$!
	trap 'kill "$copier" 2>/dev/null || true; wait "$copier" 2>/dev/null || true; rm -rf "$PGDATA.new"' EXIT
	wait "$copier" || fail_new "the base backup of $PRIMARY_HOST failed" \
		"What pg_basebackup said stands above. Is the volume large enough? Nothing else was changed."
	trap - EXIT
	touch "$PGDATA.new/standby.signal"
	write_upstream "$PGDATA.new"
	finish_new
	say "the base backup is complete"
}

rejoin_primary() {
	local copy=$1

	! "$PG_BIN/pg_ctl" -D "$PGDATA" status >/dev/null 2>&1 || die "the server in $PGDATA runs" "Stop it first."
	[[ $(named_primary) != "$NODE" ]] ||
		die "$NODE is the primary of this set" "Make another the primary first: docker/ctl promote"
	if ! has_data; then
		make_replica
		return
	fi
	check_data
	begin_new
	need_primary "$PRIMARY_TIMEOUT"
	check_same_cluster
	[[ ! -e $PGDATA.rewinding ]] || copy=yes
	if [[ ! $copy ]] && ! rewind; then
		say "pg_rewind cannot do it, as it says above: copying $PRIMARY_HOST"
		copy=yes
	fi
	if [[ $copy ]]; then
		check_beside
		copy
	fi
	rm -f "$PGDATA.rewinding"
	touch "$PGDATA/standby.signal"
}

rewind() {
	local options=()

	password REWIND >/dev/null
	make_slot "$(slot_state)"
	[[ $ARCHIVE != on ]] || options+=(--restore-target-wal)
	[[ $CONFIG == "$PGDATA/"* ]] || options+=(--config-file="${CONFIG%/conf.d/*}/postgresql.conf")
	say "rewinding to where $PRIMARY_HOST went another way"
	touch "$PGDATA.rewinding"
	"$PG_BIN/pg_rewind" --target-pgdata="$PGDATA" --source-server="$(connection "$REWIND_USER") dbname=postgres" \
		--progress "${options[@]}" 2>&1 || return 1
	# Slots from its time as a primary would keep WAL forever.
	rm -rf "$PGDATA"/pg_replslot/*
	rm -f "$PGDATA.rewinding"
}

follow_primary() {
	local socket port

	"$PG_BIN/pg_ctl" -D "$PGDATA" status >/dev/null 2>&1 || die "no server runs in $PGDATA" "Start it first."
	is_standby || die "$NODE is no replica" "A primary becomes one by: docker/ctl rejoin $NODE"
	need_primary 30
	check_same_cluster
	make_slot "$(slot_state)"
	{
		read -r
		read -r
		read -r
		read -r port
		read -r socket
	} <"$PGDATA/postmaster.pid"
	# In a database that is no application's, whose settings and objects do not count.
	PGOPTIONS=$safe_options "$PG_BIN/psql" -XAtq -v ON_ERROR_STOP=1 -h "$socket" -p "$port" \
		-U "$POSTGRES_USER" -d template1 >/dev/null <<-END
		$(upstream_statement primary_conninfo "$(connection "$REPLICATION_USER")")
		$(upstream_statement primary_slot_name "$NODE")
		SELECT pg_catalog.pg_reload_conf();
	END
	say "follows $PRIMARY_HOST"
}

upstream_statement() {
	printf "ALTER SYSTEM SET %s = '%s';\n" "$1" "${2//\'/\'\'}"
}
