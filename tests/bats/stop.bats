#!/usr/bin/env bats
# Ending the daemon in an orderly way.

load helper

@test "a graceful stop in the middle of a stream loses nothing and repeats nothing" {
    local n=600000 i
    start_udsd
    start_stream
    seq 1 $((n / 3)) >&8
    for i in 1 2; do
        seq $((n / 3 * i + 1)) $((n / 3 * (i + 1))) >&8 &
        local feeder=$!
        wait_until has_lines "$DIR/out" $((n / 3 * i - n / 6))
        stop_udsd
        start_udsd
        wait "$feeder"
    done
    exec 8>&-
    wait_exit "$SEND"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" "$n"
    diff -q <(seq "$n") "$DIR/out"
    contains "$DIR/send.err" "2 reconnects"
}

@test "a stop writes what is queued for a slow receiver" {
    start_udsd
    background "$UDSCTL" recv big >"$DIR/out" 2>/dev/null
    local recv=$!
    wait_until subscribed 1
    kill -STOP "$recv"
    # More than a socket holds, and its reply is held back for so long.
    head -c 2000000 /dev/zero | tr '\0' x >"$DIR/in"
    background "$UDSCTL" send --whole --timeout 60s big <"$DIR/in"
    local send=$!
    wait_until info_is messages_queued 1
    kill -TERM "$UDSD_PID"
    wait_until contains "$LOG" stopping
    kill -0 "$UDSD_PID"
    kill -CONT "$recv"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" 1
    cmp <(cat "$DIR/in"; echo) "$DIR/out"
}

@test "a stop does not wait longer than shutdown_timeout, and says what is left" {
    printf '[udsd]\nshutdown_timeout = 300ms\n[listener bus]\nlisten = %s\n' "$S" >"$DIR/conf"
    background "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1
    UDSD_PID=$!
    wait_until is_listening "$S"
    block_on_big_message
    stop_udsd
    contains "$LOG" 'output unsent'
    contains "$LOG" '1 messages not delivered'
}

@test "a stop while many clients have more than one pass takes answers what was read" {
    start_udsd
    run "$PYTHON" "$TOOLS/busy-stop.py" "$S" "$UDSD_PID" 3>&- 8>&-
    assert_success
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

@test "a second signal ends it at once" {
    start_udsd
    block_on_big_message
    kill -TERM "$UDSD_PID"
    wait_until contains "$LOG" stopping
    kill -INT "$UDSD_PID"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    contains "$LOG" 'ending at once'
    [ ! -e "$S" ]
}

@test "SIGINT and SIGQUIT stop it as SIGTERM does" {
    local signal
    for signal in INT QUIT; do
        # Not through the shell's &, which ignores SIGINT and SIGQUIT for what it starts.
        "$PYTHON" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$UDSD" --listen "$S" >>"$LOG" 2>&1 3>&- &
        UDSD_PID=$!
        PIDS+=("$UDSD_PID")
        wait_until is_listening "$S"
        kill -"$signal" "$UDSD_PID"
        wait_exit "$UDSD_PID"
        assert_equal "$status" 0
        [ ! -e "$S" ]
    done
}
