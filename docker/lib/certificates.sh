#
# docker/lib/certificates.sh - warns of certificates that end, and has the server
# use new ones, without anybody having to ask
#
# shellcheck shell=bash disable=SC2154

# The days before its end from which on a certificate is warned of and renewed.
renewal_days=30

ends_soon() {
	! openssl x509 -noout -checkend "$((renewal_days * 86400))" -in "$1" >/dev/null 2>&1
}

# Print what changes when a file with a certificate or its key does.
certificate_state() {
	cat "$TLS_CA_FILE" "$TLS_CERT_FILE" "$TLS_KEY_FILE" 2>/dev/null | md5sum
}

warn_of_certificates() {
	local file days end

	while read -r file days end; do
		((days < renewal_days)) || continue
		if ((days < 0)); then
			say "WARNING: certificate $file ended on $end"
		else
			say "WARNING: certificate $file ends on $end, in $days days"
		fi
		say "  docker-compose up -d makes a new one, or takes that in CERTIFICATES. The servers use it without a restart."
	done < <(certificates)
}

# Warn at the start and each day, and reload when there are new certificates, as
# long as the server lives.
watch_certificates() {
	local server=$1 seen now warned=0

	seen=$(certificate_state)
	while kill -0 "$server" 2>/dev/null; do
		if ((EPOCHSECONDS - warned >= 86400)); then
			warn_of_certificates
			warned=$EPOCHSECONDS
		fi
		sleep 5
		now=$(certificate_state)
		if [[ $now != "$seen" ]] && "$PG_BIN/pg_ctl" -D "$PGDATA" -s reload >/dev/null 2>&1; then
			say "there are new certificates, and the server was told to use them"
			seen=$now warned=0
		fi
	done
}

# Start that for the server that this process becomes.  As a child of the server's,
# it would be taken for one of its processes, and ended by a signal for a crash.
start_certificate_watch() {
	[[ $TLS == on && $TLS_CERT_FILE ]] || return 0
	(
		# The lock is held by those who hold the file open.
		[[ ! ${data_lock-} ]] || exec {data_lock}>&-
		trap - INT TERM
		set +e
		watch_certificates "$$" &
	)
}
