#
# docker/t/engine.sh - a Docker engine for the tests
#
# One that answers is used as it is: then images come from where it gets them.
# Else root starts one.  It has its own data, socket and namespaces, in which its
# mounts and processes end with it; it makes no packet filter rules, so images are
# built on the host's network, and ports are forwarded by a process each.
#
# shellcheck shell=bash disable=SC2154,SC2034

no_engine='' engine=''
# Of the caller's environment nothing may say that an engine is the tests' own.
unset OWN_ENGINE OTHER_COMPOSE
cache=/var/cache/replwatch/docker
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

start_engine() {
	if type -P docker >/dev/null && docker version >/dev/null 2>&1; then
		type -P docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || {
			no_engine="an engine answers, but there is no Compose"
			return 1
		}
		return
	fi
	((EUID == 0)) || {
		no_engine="none answers, and only root can start one"
		return 1
	}
	install_engine || return 1
	launch_engine
}

# What programs come with; somebody's own are as good.
install_engine() {
	local package missing=()

	type -P dockerd >/dev/null || missing+=(docker.io)
	type -P docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
	for package in debootstrap iptables curl openssl; do
		type -P "$package" >/dev/null || missing+=("$package")
	done
	[[ -e $keyring ]] || missing+=(debian-archive-keyring)
	[[ ! ${missing[*]} ]] || install_packages "${missing[@]}" || return 1
	# In later suites the client is a package of its own.
	type -P docker >/dev/null || install_packages docker-cli
}

install_packages() {
	printf '# installing %s\n' "$*"
	# RUNLEVEL keeps the package from starting a service.
	{
		apt-get -qq update || true
		DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 \
			--no-install-recommends --no-remove install "$@"
	} >"$work/apt.log" 2>&1 || {
		no_engine="cannot install $*: $(tail -n 3 "$work/apt.log")"
		return 1
	}
}

launch_engine() {
	local lock

	mkdir -p "$cache" "$work/engine"
	exec {lock}>"$cache.lock"
	flock -n "$lock" || {
		echo "# waiting until another test has ended, whose engine uses $cache"
		flock "$lock"
	}
	DOCKER_HOST=unix://$work/engine/socket
	export DOCKER_HOST
	# It ends with this shell, however that ends.
	setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc \
		dockerd --data-root "$cache" --exec-root "$work/engine/run" --pidfile "$work/engine/pid" \
		--host "$DOCKER_HOST" --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
		--cgroup-parent=/replwatch-test </dev/null >"$work/engine/log" 2>&1 &
	engine=$!
	printf '%s\n' "$engine" >"$work/engine/leader"
	until docker version >/dev/null 2>&1; do
		kill -0 "$engine" 2>/dev/null || {
			no_engine="dockerd does not start: $(tail -n 5 "$work/engine/log")"
			return 1
		}
		sleep 0.2
	done
	BUILD_NETWORK=host OWN_ENGINE=yes
	export BUILD_NETWORK OWN_ENGINE
	# A machine that takes its own packages from an archive of the past has only that.
	if [[ ! ${SNAPSHOT-} && $(apt-config dump Acquire::Check-Valid-Until) == *false* ]]; then
		SNAPSHOT=$(mirror)
		export SNAPSHOT
	fi
	empty_engine
	make_base "${DEBIAN:-trixie}" || {
		no_engine="cannot make debian:${DEBIAN:-trixie}-slim: $(tail -n 3 "$work/debootstrap.log")"
		return 1
	}
	fetch_compose
}

# What tests have left that were killed.  What images are made of stays, for a week.
empty_engine() {
	{
		docker ps -aq | xargs -r docker rm -f -v
		docker volume ls -q | xargs -r docker volume rm -f
		docker network prune -f
		docker images --format '{{.Repository}}:{{.Tag}}' 'replwatch-test-*' | xargs -r docker rmi --no-prune
		docker image prune -f --filter until=168h
	} >/dev/null 2>&1 || true
}

# Compose 2 beside Debian's 1, as the file is for both.
fetch_compose() {
	local apt dir=$cache.compose suite=stable

	[[ $(docker-compose version --short) == 1.* ]] || return 0
	if [[ ! -e $dir/$suite ]]; then
		mkdir -p "$dir/lists" "$dir/$suite.new"
		printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$(mirror)" "$suite" >"$dir/sources.list"
		apt=(-qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$dir/lists"
			-o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root)
		(
			cd "$dir/$suite.new"
			apt-get "${apt[@]}" update && apt-get "${apt[@]}" download "docker-compose/$suite" && dpkg -x ./*.deb .
		) >"$work/compose.log" 2>&1 || {
			printf '# cannot fetch Compose 2: %s\n' "$(tail -n 3 "$work/compose.log")"
			return 0
		}
		mv "$dir/$suite.new" "$dir/$suite"
	fi
	OTHER_COMPOSE=$dir/$suite/usr/libexec/docker/cli-plugins/docker-compose
	export OTHER_COMPOSE
}

mirror() {
	[[ $(apt-get indextargets 'Created-By: Packages' 'Label: Debian') ]] || apt-get -qq update >&2
	apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' 'Label: Debian' 'Component: main' | head -n 1
}

# The image that a Dockerfile's FROM names, where no registry is.
make_base() {
	local suite=$1 root=$work/base mirror script=$1

	[[ ! $(docker images -q "debian:$suite-slim") ]] || return 0
	mirror=$(mirror)
	[[ -e /usr/share/debootstrap/scripts/$suite ]] || script=sid
	printf '# making debian:%s-slim\n' "$suite"
	debootstrap --variant=minbase "$suite" "$root" "$mirror" "/usr/share/debootstrap/scripts/$script" \
		>"$work/debootstrap.log" 2>&1 || return 1
	rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
		"$root"/usr/share/{doc,man,locale,info}/*
	tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "debian:$suite-slim" >/dev/null
	rm -rf "$root"
}

# Ends it with all that runs in it; the images stay for the next time.
stop_engine() {
	local leader daemon

	[[ -e $work/engine/leader ]] || return 0
	leader=$(<"$work/engine/leader")
	daemon=$(ps -o pid= --ppid "$leader" | tr -d ' ') || true
	[[ ! $daemon ]] || kill -TERM "$daemon" 2>/dev/null || true
	for ((i = 0; i < 100; i++)); do
		kill -0 "$leader" 2>/dev/null || break
		sleep 0.2
	done
	kill -KILL "$leader" 2>/dev/null || true
	find /sys/fs/cgroup -depth -type d -path '*/replwatch-test*' -exec rmdir {} + 2>/dev/null || true
}
