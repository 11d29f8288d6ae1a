#!/usr/bin/env bats
# The main paths under valgrind: no errors and no leaks.

load helper

setup() {
    common_setup
    command -v valgrind >/dev/null || skip "no valgrind"
    ! is_sanitized || skip "valgrind does not work with a sanitizer"
    VALGRIND=(valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,possible
        --errors-for-leak-kinds=definite,possible)
}

teardown() {
    cat "$DIR"/valgrind.* 2>/dev/null || true # shown if the test fails
    common_teardown
}

start_under_valgrind() {
    "${VALGRIND[@]}" --log-file="$DIR/valgrind.%p" "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1 3>&- &
    adopt_udsd $!
}

expect_clean() {
    run cat "$DIR"/valgrind.*
    assert_output ""
}

@test "the daemon: small and large messages, a reload, clients that break off, a stop" {
    cat >"$DIR/conf" <<EOF
[listener bus]
listen = $S
[listener echo]
listen = $DIR/echo
mode = echo
[channel d*]
publish = uid:$(id -u)
slow = drop
EOF
    start_under_valgrind
    run "$PYTHON" - "$S" "$DIR/echo" <<'EOF'
import sys
from resp import Client
path, echo = sys.argv[1:]
three, two, patterns, sender = [Client(path) for _ in range(4)]
three.call("HELLO", "3", "SETNAME", "name")
three.call("SUBSCRIBE", "a")
two.call("SUBSCRIBE", "a")
patterns.call("PSUBSCRIBE", "*")
patterns.call("SSUBSCRIBE", "s")
sender.call("UDSD", "WAITOWN", "OFF")
for size in (0, 10, 5000, 20000, 500000):
    assert sender.call("PUBLISH", "a", b"x" * size) == 3
    for receiver in (three, two, patterns):
        assert receiver.read()[-1] == b"x" * size
assert sender.call("SPUBLISH", "s", "y") == 1
assert sender.call("PUBLISH", "d1", "y") == 1
sender.call("MULTI")
for i in range(3):
    sender.call("PUBLISH", "a", b"z" * i * 9000)
assert sender.call("EXEC") == [3, 3, 3]
for command in ("INFO everything", "CLIENT LIST", "UDSD CLIENTS", "COMMAND", "COMMAND DOCS", "CONFIG GET *", "PUBSUB CHANNELS", "TIME"):
    sender.call(*command.split())
waiter, monitor = Client(path), Client(path)
monitor.call("MONITOR")
waiter.call("UDSD", "WAITRECEIVER", "ON")
patterns.close()
waiter.send("PUBLISH", "late", "z")
sender.call("PING")
late = Client(path)
late.call("SUBSCRIBE", "late")
assert waiter.read() == 1
half = Client(path)
half.send_raw(b"*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$100000\r\nxx")
bad = Client(path)
bad.send_raw(b"*x\r\n")
bad.read_to_end()
stuck = Client(path)
stuck.send("ECHO", b"x" * 1000000)
line = Client(echo)
line.send_raw(b"hello")
assert line.exactly(5) == b"hello"
sender.call("PING")
EOF
    assert_success
    sed -i 's/^slow = drop/slow = disconnect/; /^\[listener echo\]/,/^mode/d' "$DIR/conf"
    kill -HUP "$UDSD_PID"
    wait_until contains "$LOG" 'was reloaded'
    "$UDSCTL" ping
    stop_udsd
    expect_clean
}

@test "udsctl send and recv: lines, a large message, a restart of the daemon" {
    start_udsd
    background "${VALGRIND[@]}" --log-file="$DIR/valgrind.recv" "$UDSCTL" recv -n 2002 numbers >"$DIR/out" 2>"$DIR/recv.err"
    local recv=$! send
    wait_until subscribed 1
    mkfifo "$DIR/fifo"
    "${VALGRIND[@]}" --log-file="$DIR/valgrind.send" "$UDSCTL" send --wait-receiver numbers <"$DIR/fifo" >/dev/null \
        2>"$DIR/send.err" 3>&- 8>&- &
    send=$!
    PIDS+=("$send")
    exec 8>"$DIR/fifo"
    seq 1000 >&8
    wait_until has_lines "$DIR/out" 1000
    stop_udsd
    seq 1001 2000 >&8
    start_udsd
    head -c 300000 /dev/zero | tr '\0' x >&8
    printf '\nlast\n' >&8
    exec 8>&-
    wait_exit "$send"
    assert_equal "$status" 0
    wait_exit "$recv"
    assert_equal "$status" 0
    expect_clean
}
