#!/usr/bin/env bats
# Notifications to a service manager by sd_notify(3), and sockets that it hands over, with a stand-in for systemd;
# systemd.bats has the real one.

load helper
load users

# start_managed [OPTION...]: a daemon whose notifications go to $DIR/told.
start_managed() {
    background "$PYTHON" "$TOOLS/notified.py" "$DIR/notify" >"$DIR/told"
    wait_until test -S "$DIR/notify"
    NOTIFY_SOCKET=$DIR/notify start_udsd "$@"
    wait_until contains "$DIR/told" READY=1
}

last_status_is() {
    [ "$(grep '^STATUS=' "$DIR/told" | tail -n 1)" = "STATUS=$1" ]
}

@test "it reports readiness, its status and its stop, and sends nothing when idle" {
    start_managed
    background "$UDSCTL" recv news
    wait_until subscribed 1
    seq 100 | "$UDSCTL" send news
    # The status has a rate only while messages flow.
    wait_until grep -E '^STATUS=[12] clients?; 100 messages published \([0-9]+/s\), 100 delivered, 0 dropped$' "$DIR/told"
    wait_until last_status_is '1 client; 100 messages published, 100 delivered, 0 dropped'
    local n woken
    n=$(wc -l <"$DIR/told")
    woken=$(woken)
    sleep 3 # in which nothing must be sent
    assert_equal "$(wc -l <"$DIR/told")" "$n"
    # Without a watchdog the idle daemon sleeps, but for cleaning up after clients that have left.
    assert [ "$(woken)" -le $((woken + 3)) ]
    refute grep WATCHDOG "$DIR/told"
    stop_udsd
    wait_until contains "$DIR/told" STOPPING=1
}

woken() {
    sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$UDSD_PID/status"
}

@test "a watchdog gets keep-alives, and none when the daemon hangs" {
    export WATCHDOG_USEC=400000
    start_managed
    wait_until eval '[ "$(grep -c WATCHDOG=1 "$DIR/told")" -ge 3 ]'
    kill -STOP "$UDSD_PID"
    local n
    n=$(grep -c WATCHDOG=1 "$DIR/told")
    sleep 1 # more than two intervals of the watchdog
    assert_equal "$(grep -c WATCHDOG=1 "$DIR/told")" "$n"
    kill -CONT "$UDSD_PID"
    wait_until eval '[ "$(grep -c WATCHDOG=1 "$DIR/told")" -gt '"$n"' ]'
}

@test "the status mentions a failed reload until one succeeds" {
    echo '[udsd]' >"$DIR/conf"
    start_managed --config "$DIR/conf"
    echo 'nonsense = yes' >>"$DIR/conf"
    kill -HUP "$UDSD_PID"
    wait_until contains "$DIR/told" 'STATUS=The last reload failed, see the log; '
    contains "$DIR/told" RELOADING=1
    echo '[udsd]' >"$DIR/conf"
    kill -HUP "$UDSD_PID"
    wait_until eval 'tail -n 1 "$DIR/told" | grep "^STATUS=[0-9]"'
}

@test "errors carry a priority in the journal, and none on a terminal" {
    printf '[listener bus]\nnonsense = yes\nlisten = nowhere:0:0\n' >"$DIR/conf"
    run "$UDSD" --config "$DIR/conf"
    assert_failure 78
    assert_line --index 0 --partial "$DIR/conf:2: nonsense"
    # The daemon recognizes the journal by the device and inode of its stderr.
    run bash -c 'exec 2>"$1/journal"; JOURNAL_STREAM=$(stat -L -c %d:%i /dev/fd/2) exec "$2" --config "$1/conf"' \
        - "$DIR" "$UDSD"
    assert_failure 78
    run cat "$DIR/journal"
    assert_success
    assert_line --index 0 --partial "<3>$DIR/conf:2: nonsense"
    assert_line --index 1 --partial "<3>$DIR/conf:3: listen"
}

@test "the daemon uses a socket that is handed over, and does not remove it" {
    command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
    printf '[listener bus]\nlisten = %s\nmode = echo\n' "$S" >"$DIR/conf"
    background systemd-socket-activate --listen "$S" "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1
    local pid=$!
    wait_until test -S "$S"
    run bash -c "printf 'first\n' | '$UDSCTL' --socket '$S'"
    assert_success
    assert_output first
    kill -TERM "$pid"
    wait_exit "$pid"
    [ -S "$S" ]
}

@test "a socket that is handed over is the only one, unless the configuration has others" {
    command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
    need_root
    printf '[udsd]\n' >"$DIR/conf"
    chmod 644 "$DIR/conf"
    mkdir -m 777 "$DIR/run"
    background systemd-socket-activate --listen "$S" env XDG_RUNTIME_DIR="$DIR/run" \
        setpriv --reuid=nobody --regid=nogroup --clear-groups "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1
    local pid=$!
    wait_until test -S "$S"
    wait_until "$UDSCTL" ping
    refute contains "$LOG" udsd/udsd.sock
    [ ! -e "$DIR/run/udsd" ]
    kill -TERM "$pid"
    wait_exit "$pid"
}
