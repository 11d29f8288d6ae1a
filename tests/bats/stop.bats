#!/usr/bin/env bats
# Stopping the daemon by a signal.

load helper

@test "a stop in the middle of a stream loses and repeats no message" {
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

@test "a stop first writes the queued output of a slow receiver" {
    start_udsd
    receive big
    kill -STOP "$RECV"
    # More than a socket holds, so the reply is delayed.
    head -c 2000000 /dev/zero | tr '\0' x >"$DIR/in"
    background "$UDSCTL" send --whole --timeout 60s big <"$DIR/in"
    local send=$!
    wait_until info_is messages_queued 1
    kill -TERM "$UDSD_PID"
    wait_until contains "$LOG" stopping
    kill -0 "$UDSD_PID"
    kill -CONT "$RECV"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" 1
    cmp <(cat "$DIR/in"; echo) "$DIR/out"
}

@test "a stop takes at most shutdown_timeout, and logs the output that it drops" {
    start_configured '[udsd]' 'shutdown_timeout = 300ms'
    block_on_big_message
    stop_udsd
    contains "$LOG" 'output unsent'
    contains "$LOG" '1 messages not delivered'
}

@test "a stop answers every command that was read, even if one pass of the loop cannot handle them all" {
    start_udsd
    run "$PYTHON" "$TOOLS/busy-stop.py" "$S" "$UDSD_PID" 3>&- 8>&-
    assert_success
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

@test "a second signal ends the daemon at once" {
    start_udsd
    block_on_big_message
    kill -TERM "$UDSD_PID"
    wait_until contains "$LOG" stopping
    kill -TERM "$UDSD_PID"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    contains "$LOG" 'ending at once'
    [ ! -e "$S" ]
}

@test "SIGINT and SIGQUIT stop the daemon as SIGTERM does" {
    local signal
    for signal in INT QUIT; do
        # The shell ignores both signals for a command in the background.
        env --default-signal=INT,QUIT "$UDSD" --listen "$S" >>"$LOG" 2>&1 3>&- &
        adopt_udsd $!
        kill -"$signal" "$UDSD_PID"
        wait_exit "$UDSD_PID"
        assert_equal "$status" 0
        [ ! -e "$S" ]
    done
}
