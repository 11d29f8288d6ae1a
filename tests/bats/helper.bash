# Loaded by every test file: paths of the programs, daemons that a test starts and stops, waiting with a deadline.
#
# Each test has a directory of its own, $DIR, with the daemon's socket $S and log $LOG. A test never sleeps until
# something has probably happened: wait_until repeats a command until it succeeds or $PATIENCE seconds have passed.

bats_require_minimum_version 1.5.0
for dir in /usr/lib/bats /usr/share/bats /usr/local/lib/bats; do
    if [ -d "$dir/bats-support" ]; then
        load "$dir/bats-support/load.bash"
        load "$dir/bats-assert/load.bash"
        break
    fi
done

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=${UDSD_BUILD:-$TOP/build}
UDSD=$BUILD/daemon/udsd
UDSCTL=$BUILD/cli/udsctl
TOOLS=$TOP/tests/tools
PYTHON=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOOLS
# Seconds that wait_until waits; programs with a sanitizer are slow on a busy machine.
PATIENCE=${UDSD_TEST_PATIENCE:-30}

# Whether the programs were built with a sanitizer, which needs more memory and time.
is_sanitized() {
    grep -q "__[at]san_init" "$UDSD"
}

# Whether the sanitizer must be the first library: then none can be preloaded.
is_preload_refused() {
    grep -q __asan_init "$UDSD"
}

# The path of redis-server. Debian's redis-check-rdb is the same program: what runs it must call it redis-server.
find_redis() {
    command -v redis-server || command -v redis-check-rdb
}

common_setup() {
    DIR=$BATS_TEST_TMPDIR
    S=$DIR/s
    LOG=$DIR/udsd.log
    PIDS=()
    unset DAEMONS
    declare -gA DAEMONS=() # pids of daemons that must run until the end of the test
    export UDSD_SOCKET=$S
    unset XDG_RUNTIME_DIR
}

# Ends every process that the test started. A daemon that has ended by itself, or that does not end well, fails the test.
common_teardown() {
    local pid
    for pid in "${PIDS[@]}"; do
        [ -z "${DAEMONS[$pid]:-}" ] || continue
        kill -CONT "$pid" 2>/dev/null || true
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    for pid in "${!DAEMONS[@]}"; do
        if is_gone "$pid"; then
            echo "the daemon $pid ended during the test" >&2
            tail -n 20 "$LOG" >&2
            return 1
        fi
        kill -TERM "$pid"
        wait_exit "$pid" || kill -KILL "$pid"
        [ "$status" -eq 0 ] || return 1
    done
    if [ -f "$LOG" ] && grep -E 'ERROR: (Address|Leak)Sanitizer|runtime error|Assertion' "$LOG"; then
        return 1
    fi
}

setup() { common_setup; }
teardown() { common_teardown; }

# background COMMAND...: starts it; its pid is in $!. The end of the test kills it. It inherits neither bats's
# descriptor 3 nor 8, a FIFO's writing end in many tests: their readers would wait for its end as well.
background() {
    "$@" <&0 3>&- 8>&- &
    PIDS+=($!)
}

# adopt_udsd PID: this process is the test's daemon, $UDSD_PID. Returns when it answers connects.
adopt_udsd() {
    UDSD_PID=$1
    PIDS+=("$UDSD_PID")
    DAEMONS[$UDSD_PID]=1
    wait_until is_listening "$S"
}

# start_udsd [OPTION...]: a daemon on $S.
start_udsd() {
    "$UDSD" --listen "$S" "$@" >>"$LOG" 2>&1 3>&- 8>&- &
    adopt_udsd $!
}

# start_with_config: a daemon with the configuration in $DIR/conf, which listens on $S.
start_with_config() {
    "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1 3>&- 8>&- &
    adopt_udsd $!
}

# start_configured [LINE...]: a daemon on $S with these lines in its configuration, $DIR/conf.
start_configured() {
    printf '%s\n' '[listener bus]' "listen = $S" "$@" >"$DIR/conf"
    start_with_config
}

is_listening() {
    [ -S "$1" ] && nc -zU "$1"
}

# wait_until COMMAND...: repeats it until it succeeds; fails after $PATIENCE seconds.
wait_until() {
    local end=$((SECONDS + PATIENCE))
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            echo "gave up waiting for: $*" >&2
            [ ! -f "$LOG" ] || tail -n 20 "$LOG" >&2
            return 1
        fi
        sleep 0.02
    done
}

# wait_exit PID: waits for a child with a deadline; $status is its exit status.
wait_exit() {
    wait_until is_gone "$1" || return 1
    unset "DAEMONS[$1]"
    status=0
    wait "$1" || status=$?
}

is_gone() {
    # A zombie is gone as well.
    ! grep -q '^State:[[:space:]]*[^Z]' "/proc/$1/status" 2>/dev/null
}

# stop_udsd: ends the daemon as systemctl stop does, and expects exit status 0.
stop_udsd() {
    kill -TERM "$UDSD_PID"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

kill_udsd() {
    kill -KILL "$UDSD_PID"
    wait_exit "$UDSD_PID"
}

# block_on_big_message: queues a message that does not fit a socket for a receiver that never reads. Its sender, udsctl
# send, waits for the reply.
block_on_big_message() {
    background "$PYTHON" "$TOOLS/hostile.py" "$S" subscribe big >"$DIR/hostile"
    wait_until contains "$DIR/hostile" done
    head -c 2000000 /dev/zero | tr '\0' x >"$DIR/in"
    background "$UDSCTL" send --whole --timeout 60s big <"$DIR/in"
    wait_until info_is messages_queued 1
}

# receive CHANNEL...: udsctl recv, $RECV, writes what arrives on these channels to $DIR/out. Returns when it receives.
receive() {
    local before
    before=$(subscriptions)
    background "$UDSCTL" recv "$@" >"$DIR/out" 2>/dev/null
    RECV=$!
    wait_until subscribed $((before + $#))
}

# start_stream: udsctl recv numbers writes to $DIR/out (its pid is $RECV), udsctl send reads from descriptor 8 (its pid
# is $SEND) and leaves its summary in $DIR/send.err.
start_stream() {
    receive numbers
    mkfifo "$DIR/fifo"
    "$UDSCTL" send --wait-receiver --summary numbers <"$DIR/fifo" 2>"$DIR/send.err" 3>&- 8>&- &
    SEND=$!
    PIDS+=("$SEND")
    exec 8>"$DIR/fifo"
}

# info FIELD: a value of INFO.
info() {
    printf 'INFO\r\n' | nc -N -U "$S" | tr -d '\r' | sed -n "s/^$1://p"
}

info_is() {
    [ "$(info "$1")" = "$2" ]
}

# subscriptions: the number of channels and patterns with a receiver, without udsd's own channels.
subscriptions() {
    echo $(($(info pubsub_channels) + $(info pubsub_patterns)))
}

# subscribed N: whether there are as many.
subscribed() {
    [ "$(subscriptions)" -ge "$1" ]
}

has_receivers() { # CHANNEL N
    [ "$(printf 'PUBSUB NUMSUB %s\r\n' "$1" | nc -N -U "$S" | tail -n 1 | tr -d ':\r')" = "$2" ]
}

has_lines() { # FILE N
    [ "$(wc -l <"$1")" -ge "$2" ]
}

contains() { # FILE TEXT
    grep -qF -- "$2" "$1"
}

resident_kib() { # PID
    awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

peak_kib() { # PID
    awk '/^VmHWM:/ { print $2 }' "/proc/$1/status"
}

# memory_below KIB: whether the daemon's resident memory is below that.
memory_below() {
    [ "$(resident_kib "$UDSD_PID")" -lt "$1" ]
}

# free_port: a TCP port of 127.0.0.1 that nobody listens on.
free_port() {
    "$PYTHON" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# verbs: the verbs of udsctl, as its help lists them.
verbs() {
    "$UDSCTL" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}
