# For tests of what other users may: a daemon that all users can reach, as tests/tools/users.py knows it.

need_root() {
    [ "$(id -u)" -eq 0 ] || skip "needs root to become other users"
    chmod a+x "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR"
}

# start_hub_with [tcp]: a daemon with the sections that come from stdin; with a TCP listener as well if asked for.
start_hub_with() {
    CONF=$DIR/conf PORT=0
    printf '[listener bus]\nlisten = %s\nsocket_mode = 0666\n' "$S" >"$CONF"
    if [ "${1:-}" = tcp ]; then
        PORT=$("$PYTHON" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
        printf '[listener tcp]\nlisten = 127.0.0.1:%s\n' "$PORT" >>"$CONF"
    fi
    { echo '# rules'; cat; } >>"$CONF"
    "$UDSD" --config "$CONF" >>"$LOG" 2>&1 3>&- 8>&- &
    UDSD_PID=$!
    PIDS+=("$UDSD_PID")
    DAEMONS[$UDSD_PID]=1
    ! is_sanitized || export SANITIZED=1
    export UDSD_PID LOG CONF PORT
    wait_until is_listening "$S"
}

start_hub() { # [tcp]
    start_hub_with "$@" </dev/null
}
