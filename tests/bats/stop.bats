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
    contains "$LOG" '1 message not delivered'
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

# start_with_all_kinds: a daemon with a listener of each kind, all for the channel log, which $RECV receives.
start_with_all_kinds() {
    PORT=$(free_port)
    start_configured "[listener lines]" "listen = $DIR/lines" "mode = line" "channel = log" \
        "[listener abstract]" "listen = @$DIR/lines" "mode = line" "channel = log" \
        "[listener tcp]" "listen = 127.0.0.1:$PORT" "mode = line" "channel = log" \
        "[listener packets]" "listen = $DIR/packets" "type = seqpacket" "mode = whole" "channel = log" \
        "[listener datagrams]" "listen = $DIR/datagrams" "type = dgram" "mode = whole" "channel = log"
    receive log
}

# send_to_all_kinds SIGNAL [ARGUMENT...]: while the daemon is stopped, 400 programs and more send a message each and leave.
send_to_all_kinds() {
    "$PYTHON" "$TOOLS/backlog.py" "$UDSD_PID" "$1" "stream:$DIR/lines:lines %d" "stream:@$DIR/lines:abstract %d\\n" \
        "tcp:$PORT:tcp %d" "seqpacket:$DIR/packets:packet %d" "dgram:$DIR/datagrams:datagram %d" "${@:2}"
    printf '%s\n' {lines,abstract,tcp,packet}' '{0..99} 'datagram '{0..7} >"$DIR/expected"
}

got_expected() {
    sort "$DIR/out" | diff -q <(sort "$DIR/expected") -
}

@test "a stop publishes what was sent on connections that were not accepted yet, and runs the commands sent there" {
    start_with_all_kinds
    send_to_all_kinds 15 "stream:$S:PUBLISH log route\\r\\n"
    echo route >>"$DIR/expected"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    wait_until got_expected
}

@test "a reload that takes listeners away publishes what was sent on connections that were not accepted yet" {
    start_with_all_kinds
    printf '[listener bus]\nlisten = %s\n' "$S" >"$DIR/conf"
    send_to_all_kinds 1
    wait_until got_expected
    contains "$LOG" 'the configuration was reloaded'
    run ! nc -zU "$DIR/lines"
}

@test "a reload that changes a socket's type publishes what was sent on connections that were not accepted yet" {
    start_with_all_kinds
    sed -i 's/^type = seqpacket/type = stream/; s/^type = dgram/type = seqpacket/' "$DIR/conf"
    send_to_all_kinds 1
    wait_until got_expected
    wait_until contains "$LOG" 'the configuration was reloaded'
}

@test "what a stop has no time to read is counted in the log" {
    start_configured '[udsd]' 'shutdown_timeout = 0' '[listener lines]' "listen = $DIR/lines" 'mode = line' 'channel = log'
    "$PYTHON" "$TOOLS/backlog.py" "$UDSD_PID" 15 "stream:$DIR/lines:lines %d"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    contains "$LOG" 'stopping with output unsent to 0 clients, and with input unread of 100'
}

# keep_busy: clients have sent commands that take minutes.
keep_busy() {
    background "$PYTHON" -c "
import time
from resp import Client
idle = [Client('$S') for _ in range(500)]
busy = [Client('$S') for _ in range(8)]
for client in busy:
    client.send_raw(b'CLIENT REPLY OFF\n')
    client.sock.setblocking(False)
    try:
        while True:
            client.sock.send(b'CLIENT LIST\n' * 20000)
    except BlockingIOError:
        pass
print('done', flush=True)
time.sleep(1000)" >"$DIR/busy"
    wait_until contains "$DIR/busy" done
}

@test "a stop ends after shutdown_timeout even if clients have sent what takes minutes to handle" {
    start_configured '[udsd]' 'shutdown_timeout = 1s'
    keep_busy
    stop_udsd
}

@test "a second signal ends the daemon at once even if it is busy with what takes minutes" {
    start_configured '[udsd]' 'shutdown_timeout = 1h'
    keep_busy
    # Two signals of a kind, of which the first has not arrived yet, are one.
    wait_until eval '{ kill -TERM "$UDSD_PID" || :; } && is_gone "$UDSD_PID"'
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

@test "signals that are ignored at the start stay ignored, and blocked ones are unblocked" {
    printf '[listener bus]\nlisten = %s\n' "$S" >"$DIR/conf"
    env --ignore-signal=HUP,INT,QUIT --block-signal=TERM "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1 3>&- 8>&- &
    adopt_udsd $!
    kill -HUP "$UDSD_PID"
    kill -INT "$UDSD_PID"
    kill -QUIT "$UDSD_PID"
    run "$UDSCTL" ping
    assert_success
    run ! contains "$LOG" reloaded
    stop_udsd
}

@test "a daemon that hangs ends a second after shutdown_timeout all the same" {
    ! is_sanitized || skip "a sanitizer ends where there is no memory"
    mkfifo "$DIR/conf"
    printf '[udsd]\nshutdown_timeout = 1s\n[listener bus]\nlisten = %s\n' "$S" >"$DIR/conf" 3>&- &
    start_with_config
    # Without memory for a thread the loop itself reads the file, and waits for its writer.
    prlimit --pid "$UDSD_PID" --as=4096
    kill -HUP "$UDSD_PID"
    wait_until eval '! "$UDSCTL" ping --timeout 300ms'
    kill -TERM "$UDSD_PID"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    contains "$LOG" 'the stop took too long'
}
