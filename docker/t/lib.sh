#
# docker/t/lib.sh - what the tests of docker/ have in common
#
# Each file of tests counts for itself, and prints TAP.
#
# shellcheck shell=bash

tests=0 failed=0

note() {
	printf '# %s (%d s)\n' "$*" "$SECONDS"
}

pass() {
	printf 'ok %d - %s\n' "$((++tests))" "$1"
}

fail() {
	printf 'not ok %d - %s\n' "$((++tests))" "$1"
	((++failed))
	shift
	(($# == 0)) || printf '%s\n' "$@" | sed 's/^/#   /'
}

# is SEEN EXPECTED NAME
is() {
	if [[ $1 == "$2" ]]; then
		pass "$3"
	else
		fail "$3" "seen: $1" "expected: $2"
	fi
}

# like SEEN EXPRESSION NAME
like() {
	if [[ $1 =~ $2 ]]; then
		pass "$3"
	else
		fail "$3" "seen: $1" "should match: $2"
	fi
}

unlike() {
	if [[ $1 =~ $2 ]]; then
		fail "$3" "seen: $1" "should not match: $2"
	else
		pass "$3"
	fi
}

# ok NAME COMMAND...
ok() {
	local name=$1 output

	shift
	if output=$("$@" 2>&1); then
		pass "$name"
	else
		fail "$name" "failed: $*" "$output"
	fi
}

# refused EXPRESSION NAME COMMAND...: it ends with 1, and says this.
refused() {
	local expression=$1 name=$2 output status=0

	shift 2
	output=$("$@" 2>&1) || status=$?
	if ((status == 1)) && [[ $output =~ $expression ]]; then
		pass "$name"
	else
		fail "$name" "seen: exit status $status, $output" "should be 1, and match: $expression"
	fi
}

# Waits for a condition, a command; the limit is for a machine that is stuck.
wait_until() {
	local end=$((SECONDS + ${WAIT_LIMIT-180}))

	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.3
	done
}

# comes NAME COMMAND...: the condition comes true
comes() {
	local name=$1

	shift
	if wait_until "$@"; then
		pass "$name"
	else
		fail "$name" "never came true: $*"
	fi
}

# A port of this machine's that nobody has, from the number on.
free_port() {
	local port=$1

	while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		((++port))
	done
	printf '%s\n' "$port"
}

# cover DIRECTORY CHANGES: what is written there goes to CHANGES instead
cover() {
	mkdir -p "$2/upper" "$2/work"
	mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$1"
}

done_testing() {
	printf '1..%d\n' "$tests"
	((failed == 0))
}
