#
# docker/lib/setup.sh - makes what the nodes of a set share, and each node's secrets
#
# $CA has the CA's key and all passwords, and no node sees it.  $CLUSTER has what all
# nodes may read: the CA's certificate, the names of the nodes, that of the primary.
# $SECRETS has a directory for each node, named by its number in $NODES, which this
# node alone sees.
#
# shellcheck shell=bash disable=SC2034

#
# Passwords
#

setup_passwords() {
	local who text path number=0 node dir

	mkdir -p "$CA/passwords"
	for who in APP REPLICATION REWIND; do
		path=$CA/passwords/${who,,}
		# Where sets made by earlier versions have it.
		[[ -s $path || ! -s $CLUSTER/passwords/${who,,} ]] || install_file "$CLUSTER/passwords/${who,,}" "$path"
		text=$(given_password "$who")
		if [[ ! -s $path ]]; then
			[[ $text ]] || text=$(openssl rand -hex 16)
			printf '%s\n' "$text" >"$path.tmp"
			mv "$path.tmp" "$path"
		elif [[ $text && $text != "$(<"$path")" ]]; then
			say "WARNING: ${who}_PASSWORD is not what it was when this set was made, and is ignored." >&2
			say "  Change it in the server, by ALTER ROLE, or take the old one." >&2
		fi
	done
	for node in $NODES; do
		dir=$SECRETS/$((++number))
		for who in replication rewind; do
			install_file "$CA/passwords/$who" "$dir/$who"
		done
		# Only the first may have to make the application's role.
		((number > 1)) || install_file "$CA/passwords/app" "$dir/app"
		{
			passfile_line '*' '*' "$(<"$CA/passwords/replication")" "$REPLICATION_USER"
			passfile_line '*' '*' "$(<"$CA/passwords/rewind")" "$REWIND_USER"
		} >"$dir/pgpass.tmp"
		mv "$dir/pgpass.tmp" "$dir/pgpass"
	done
}

install_file() {
	cat "$1" >"$2.tmp"
	mv "$2.tmp" "$2"
}

# Print the directory of a node's secrets.
secrets_of() {
	local number=0 node

	for node in $NODES; do
		((++number))
		[[ $node != "$1" ]] || printf '%s/%d' "$SECRETS" "$number"
	done
}

# Print a password from the environment or a file, if there is one.
given_password() {
	local variable=$1_PASSWORD file=$1_PASSWORD_FILE path=${PASSWORDS-}/${1,,}

	if [[ ! ${!variable-}${!file-} && ${PASSWORDS-} && -e $path ]]; then
		local "$file=$path"
	fi
	[[ ! ${!variable-}${!file-} ]] || password "$1"
}

#
# Certificates
#

key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)

# Make a CA for this set alone.  No node can see its key.
setup_ca() {
	if [[ ! -s $CA/ca.key ]]; then
		openssl req -new -x509 "${key[@]}" -keyout "$CA/ca.key.tmp" -out "$CA/ca.crt" -days 3650 \
			-subj "/CN=replwatch CA" -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null ||
			die "cannot make a CA in CA \"$CA\"" "It has to be a directory of user $EUID's. Is openssl installed?"
		mv "$CA/ca.key.tmp" "$CA/ca.key"
	elif [[ $1 ]] || ends_soon "$CA/ca.crt"; then
		# The same key with a new date, so that its certificates stay valid.
		openssl req -new -x509 -key "$CA/ca.key" -out "$CA/ca.crt.tmp" -days 3650 \
			-subj "/CN=replwatch CA" -addext keyUsage=critical,keyCertSign,cRLSign
		mv "$CA/ca.crt.tmp" "$CA/ca.crt"
	fi
	cp "$CA/ca.crt" "$CLUSTER/tls/ca.crt"
}

# Make a certificate for the node's name and the names that clients on the host use.
setup_certificate() {
	local node=$1 names=DNS:$1,DNS:localhost,DNS:proxy,IP:127.0.0.1,IP:::1 name
	local file

	file=$(secrets_of "$node")/$node
	for name in ${CERTIFICATE_NAMES//,/ }; do
		if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then
			names+=,IP:$name
		else
			names+=,DNS:$name
		fi
	done
	openssl req -new "${key[@]}" -keyout "$file.key.tmp" -out "$file.csr" -subj "/CN=$node" 2>/dev/null
	openssl x509 -req -in "$file.csr" -CA "$CA/ca.crt" -CAkey "$CA/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
		-days "$CERTIFICATE_DAYS" -out "$file.crt.tmp" -extfile <(
			printf '%s\n' "subjectAltName=$names" extendedKeyUsage=serverAuth basicConstraints=CA:FALSE
		) 2>/dev/null ||
		die "cannot make a certificate for $node" "Are CERTIFICATE_NAMES names and addresses? They are \"$CERTIFICATE_NAMES\"."
	rm -f "$file.csr"
	mv "$file.key.tmp" "$file.key"
	mv "$file.crt.tmp" "$file.crt"
	say "made a certificate for $node, valid until $(end_date "$file.crt")"
}

# Use the administrator's own certificates, if they fit.
setup_own_certificates() {
	local node file from

	openssl x509 -noout -in "$CERTIFICATES/ca.crt" 2>/dev/null ||
		die "CERTIFICATES: cannot read a certificate in ca.crt" "It has to be a PEM file that user $EUID may read."
	for node in $NODES; do
		from=$CERTIFICATES/$node
		[[ -e $from.crt ]] || from=$CERTIFICATES/server
		[[ -e $from.crt ]] ||
			die "CERTIFICATES has neither $node.crt nor server.crt" "Put a certificate for $node there."
		[[ -r $from.crt && -r $from.key ]] ||
			die "cannot read ${from##*/}.crt and ${from##*/}.key in CERTIFICATES" "User $EUID has to be able to read both."
		openssl verify -CAfile "$CERTIFICATES/ca.crt" -untrusted "$from.crt" "$from.crt" >/dev/null 2>&1 ||
			die "${from##*/}.crt in CERTIFICATES is not signed by the CA in ca.crt, or not valid today" \
				"openssl verify -CAfile ca.crt ${from##*/}.crt tells more."
		[[ $(openssl x509 -noout -pubkey -in "$from.crt") == "$(openssl pkey -pubout -in "$from.key" 2>/dev/null)" ]] ||
			die "${from##*/}.key in CERTIFICATES does not belong to ${from##*/}.crt" "Take the key that it was made with."
		[[ $(openssl x509 -noout -checkhost "$node" -in "$from.crt") != *"NOT match"* ]] ||
			die "${from##*/}.crt in CERTIFICATES is not for the name $node" \
				"Replicas check it (verify-full): the certificate needs DNS:$node among its names."
	done
	for node in $NODES; do
		from=$CERTIFICATES/$node
		[[ -e $from.crt ]] || from=$CERTIFICATES/server
		for file in crt key; do
			install_file "$from.$file" "$(secrets_of "$node")/$node.$file"
		done
	done
	cat "$CERTIFICATES/ca.crt" >"$CLUSTER/tls/ca.crt"
	say "took the certificates in CERTIFICATES"
}

setup_certificates() {
	local renew=$1 node

	mkdir -p "$CLUSTER/tls"
	if [[ -e ${CERTIFICATES-}/ca.crt ]]; then
		setup_own_certificates
		return
	fi
	setup_ca "$renew"
	for node in $NODES; do
		if [[ $renew ]] || ! is_signed "$node"; then
			setup_certificate "$node"
		fi
	done
}

# Is it from the present CA (it may have been another one's), and valid for a while?
is_signed() {
	local file

	file=$(secrets_of "$1")/$1
	[[ -s $file.key && -s $file.crt ]] && ! ends_soon "$file.crt" &&
		openssl verify -CAfile "$CLUSTER/tls/ca.crt" "$file.crt" >/dev/null 2>&1
}

end_date() {
	date -u -d "$(openssl x509 -noout -enddate -in "$1" | cut -d= -f2)" '+%Y-%m-%d'
}

# Print a line for each certificate: name, days left, end date.
certificates() {
	local file end now

	defaults
	[[ $TLS == on ]] || return 0
	now=$(date +%s)
	for file in "$TLS_CA_FILE" "$TLS_CERT_FILE"; do
		end=$(date -u -d "$(openssl x509 -noout -enddate -in "$file" | cut -d= -f2)" +%s)
		# Negative as soon as it has ended: a division truncates towards zero.
		printf '%s %d %s\n' "${file##*/}" "$(((end - now) / 86400 - (end < now)))" "$(end_date "$file")"
	done
}

#
# All of it
#

setup() {
	local command=${1-} node number=0 renew='' lock

	NODE=setup
	defaults
	CERTIFICATE_DAYS=${CERTIFICATE_DAYS:-365} CERTIFICATE_NAMES=${CERTIFICATE_NAMES-}
	number CERTIFICATE_DAYS " of days"
	choice TLS on off
	for node in REPLICATION_USER REWIND_USER; do
		name "$node"
	done
	[[ ${NODES-} ]] || die "NODES is not set" "Set it to the names of all nodes, the primary first."
	for node in $NODES; do
		[[ $node =~ ^[a-z_][a-z0-9_]{0,62}$ ]] ||
			die "NODES has \"$node\"" "Names are made of a to z, 0 to 9 and _ here, and begin with no digit."
	done
	for node in CLUSTER CA; do
		[[ ${!node-} && -w ${!node} ]] ||
			die "cannot write to $node \"${!node-}\"" "It has to be a directory of user $EUID's."
	done

	exec {lock}>"$CLUSTER/.lock"
	flock "$lock"
	case $command in
		'') ;;
		renew) renew=yes ;;
		primary)
			# shellcheck disable=SC2086
			is_one_of "${2-}" $NODES || die "there is no node \"${2-}\" in NODES: $NODES"
			printf '%s\n' "$2" >"$CLUSTER/primary.tmp"
			mv "$CLUSTER/primary.tmp" "$CLUSTER/primary"
			return
			;;
		*) usage ;;
	esac
	for node in $NODES; do
		[[ -w $SECRETS/$((++number)) ]] ||
			die "cannot write to $SECRETS/$number" \
				"$node needs a volume there for its secrets. Replicas of \"ctl add\" get theirs by: docker/ctl up"
	done
	setup_passwords
	[[ $TLS == off ]] || setup_certificates "$renew"
	# What earlier versions showed to all nodes.
	rm -rf "$CLUSTER/passwords" "$CLUSTER/pgpass"
	[[ ! -d $CLUSTER/tls ]] || find "$CLUSTER/tls" -type f ! -name ca.crt -delete
	tr ' ' '\n' <<<"$NODES" >"$CLUSTER/nodes.tmp"
	mv "$CLUSTER/nodes.tmp" "$CLUSTER/nodes"
	[[ -e $CLUSTER/primary ]] || printf '%s\n' "${NODES%% *}" >"$CLUSTER/primary"
}

# The health check of a container.  A replica that accepts no connections is
# healthy while it is alive.
health() {
	local path=/readiness code

	[[ ${HOT_STANDBY-on} == on || ! -e $PGDATA/standby.signal ]] || path=/liveness
	exec {port}<>"/dev/tcp/127.0.0.1/${REPLWATCH_PORT:-8009}"
	printf 'GET %s HTTP/1.0\r\n\r\n' "$path" >&"$port"
	read -r _ code _ <&"$port"
	printf '%s %s\n' "$path" "$code"
	[[ $code == 200 ]]
}
