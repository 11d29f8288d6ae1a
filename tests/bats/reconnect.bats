#!/usr/bin/env bats
# udsctl waits for a daemon that is away, and reconnects after restarts.

load helper

# send_line TEXT: into the FIFO that udsctl pipe reads.
send_line() {
    printf '%s\n' "$1" >&8
}

@test "pipe: lines that are sent while the daemon is away arrive in order, after the greeting" {
    start_udsd --mode echo
    mkfifo "$DIR/fifo"
    "$UDSCTL" pipe --hello "hello from me" <"$DIR/fifo" >"$DIR/out" 2>"$DIR/err" 3>&- &
    local pipe=$!
    PIDS+=("$pipe")
    exec 8>"$DIR/fifo"

    send_line one
    wait_until contains "$DIR/out" one
    stop_udsd
    wait_until test ! -e "$S"
    send_line two
    send_line three
    # udsctl holds the lines: it still runs, and no answer has come.
    kill -0 "$pipe"
    run cat "$DIR/out"
    assert_output $'hello from me\none'

    start_udsd --mode echo
    wait_until contains "$DIR/out" three
    send_line four
    wait_until contains "$DIR/out" four
    exec 8>&-
    wait_exit "$pipe"
    assert_equal "$status" 0
    run cat "$DIR/out"
    assert_output $'hello from me\none\nhello from me\ntwo\nthree\nfour'
}

@test "pipe sends commands to a route listener" {
    start_udsd
    run bash -c "printf 'PING\r\nPUBLISH a b\r\n' | '$UDSCTL' pipe"
    assert_success
    assert_output $'+PONG\r\n:0\r'
}

@test "send waits for a daemon that is not running, and delivers when it starts" {
    seq 1000 | "$UDSCTL" send --wait-receiver numbers 3>&- &
    local send=$!
    PIDS+=("$send")
    background "$UDSCTL" recv -n 1000 numbers >"$DIR/out"
    local recv=$!
    kill -0 "$send"
    start_udsd
    wait_exit "$send"
    assert_equal "$status" 0
    wait_exit "$recv"
    assert_equal "$status" 0
    diff <(seq 1000) "$DIR/out"
}

@test "send with --timeout gives up with 75 and reports how many messages were not sent" {
    local start=$SECONDS
    run bash -c "seq 7 | '$UDSCTL' send --timeout 1s numbers"
    assert_failure 75
    assert_output --partial "7 of 7 messages"
    assert_output --partial "$S"
    [ $((SECONDS - start)) -lt 30 ]
}

@test "send with arguments gives up after 5 s by default" {
    local start=$SECONDS
    run "$UDSCTL" send numbers one two
    assert_failure 75
    assert_output --partial "2 of 2 messages"
    [ $((SECONDS - start)) -ge 4 ]
}

@test "send connects at once when the socket appears" {
    # A watch of the directory notices the socket; the pause between attempts does not delay it.
    "$UDSCTL" send -v --timeout 60s numbers one 2>"$DIR/err" 3>&- &
    local send=$!
    PIDS+=("$send")
    wait_until contains "$DIR/err" waiting
    start_udsd
    wait_exit "$send"
    assert_equal "$status" 0
}

@test "recv subscribes again after a restart and reports the gap" {
    start_udsd
    background "$UDSCTL" recv --summary -n 2 -p 'n*' >"$DIR/out" 2>"$DIR/err"
    local recv=$!
    wait_until subscribed 1
    "$UDSCTL" send news one
    kill_udsd
    start_udsd
    wait_until subscribed 1
    "$UDSCTL" send news two
    wait_exit "$recv"
    assert_equal "$status" 0
    run cat "$DIR/out"
    assert_output $'one\ntwo'
    contains "$DIR/err" 'subscribed again'
    contains "$DIR/err" '2 messages, 1 reconnect'
}

@test "recv reads the messages that a killed daemon had delivered" {
    start_udsd
    receive numbers
    kill -STOP "$RECV"
    seq 500 | "$UDSCTL" send numbers
    kill_udsd
    kill -CONT "$RECV"
    wait_until has_lines "$DIR/out" 500
    diff <(seq 500) "$DIR/out"
}
