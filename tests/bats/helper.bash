# What every test file loads: where the programs are, starting and stopping daemons, waiting with a deadline.

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
# How long a test waits for what must come; a sanitizer's program on a busy machine is slow.
PATIENCE=${UDSD_TEST_PATIENCE:-30}

# is_sanitized: whether the programs were built with a sanitizer, which takes memory and time of its own.
is_sanitized() {
    grep -q __asan_init "$UDSD"
}

common_setup() {
    DIR=$BATS_TEST_TMPDIR
    S=$DIR/s
    LOG=$DIR/udsd.log
    PIDS=()
    unset DAEMONS
    declare -gA DAEMONS=() # pids of daemons that run until the end of the test
    export UDSD_SOCKET=$S
    unset XDG_RUNTIME_DIR
}

# Every process that a test started is ended. A daemon that ended unasked, or does not end well, fails the test.
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
            echo "the daemon $pid ended unasked" >&2
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

# background COMMAND...: starts it, PID in $!; it is killed at the end of the test. Descriptor 3 is bats's own, 8
# the tests' writing end of a FIFO: who inherits them keeps others waiting for their end.
background() {
    "$@" <&0 3>&- 8>&- &
    PIDS+=($!)
}

# start_udsd [OPTION...]: a daemon on $S; $UDSD_PID. Returns when it answers connects.
start_udsd() {
    "$UDSD" --listen "$S" "$@" >>"$LOG" 2>&1 3>&- 8>&- &
    UDSD_PID=$!
    PIDS+=("$UDSD_PID")
    DAEMONS[$UDSD_PID]=1
    wait_until is_listening "$S"
}

is_listening() {
    [ -S "$1" ] && nc -zU "$1"
}

# wait_until COMMAND...: until it succeeds; fails after $PATIENCE seconds.
wait_until() {
    local end=$((SECONDS + PATIENCE)) step=0.02
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            echo "gave up waiting for: $*" >&2
            [ ! -f "$LOG" ] || tail -n 20 "$LOG" >&2
            return 1
        fi
        sleep "$step"
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

# stop_udsd: ends the daemon as systemctl stop does, and expects it to end well.
stop_udsd() {
    kill -TERM "$UDSD_PID"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

kill_udsd() {
    kill -KILL "$UDSD_PID"
    wait_exit "$UDSD_PID"
}

# block_on_big_message: a message that does not fit a socket is queued for a receiver that never reads; the sender,
# udsctl send, waits for its answer.
block_on_big_message() {
    background "$PYTHON" "$TOOLS/hostile.py" "$S" subscribe big >"$DIR/hostile"
    wait_until contains "$DIR/hostile" done
    head -c 2000000 /dev/zero | tr '\0' x >"$DIR/in"
    background "$UDSCTL" send --whole --timeout 60s big <"$DIR/in"
    wait_until info_is messages_queued 1
}

# start_stream: udsctl recv numbers writes to $DIR/out (its pid in $RECV), udsctl send reads from descriptor 8
# ($SEND) and leaves its summary in $DIR/send.err.
start_stream() {
    background "$UDSCTL" recv numbers >"$DIR/out" 2>/dev/null
    RECV=$!
    wait_until subscribed 1
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

has_lines() { # FILE N
    [ "$(wc -l <"$1")" -ge "$2" ]
}

contains() { # FILE TEXT
    grep -qF -- "$2" "$1"
}

resident_kib() {
    awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

# Clock ticks (1/100 s) of CPU that a process has used.
cpu_ticks() {
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# subscribed N: whether so many subscriptions to channels or patterns are there, udsd's own channels not counted.
subscribed() {
    [ "$(($(info pubsub_channels) + $(info pubsub_patterns)))" -ge "$1" ]
}
