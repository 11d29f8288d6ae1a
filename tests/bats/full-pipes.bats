#!/usr/bin/env bats
# udsctl while nobody reads its standard output or standard error: it can be ended, and nothing is lost.

load helper
load streams

# fill FIFO: makes FIFO, opens it as descriptor 8 and fills it, so that it takes no more.
fill() {
    mkfifo "$1"
    exec 8<>"$1"
    "$PYTHON" -c '
import os
fd = os.open("/proc/self/fd/8", os.O_WRONLY | os.O_NONBLOCK)
size = 65536
while size:
    try:
        os.write(fd, b"x" * size)
    except BlockingIOError:
        size //= 2'
}

# ends_on_signal PID: SIGTERM ends it.
ends_on_signal() {
    kill -TERM "$1"
    wait_exit "$1"
    assert_equal "$status" 143
}

has_more_connections() { # THAN
    [ "$(info total_connections_received)" -gt "$(($1 + 1))" ] # info's own one
}

@test "a signal ends every verb that goes on, while standard output takes nothing" {
    start_udsd
    fill "$DIR/fifo"
    local words pid before
    for words in monitor 'stats -w50ms' 'top --batch --interval 50ms' 'recv x' 'ping -n 1000000'; do
        before=$(info total_connections_received)
        # shellcheck disable=SC2086 # a verb and its options
        background "$UDSCTL" $words >"$DIR/fifo" 2>/dev/null
        pid=$!
        wait_until has_more_connections "$before"
        [ "$words" != monitor ] || wait_until info_is monitor_clients 1
        [ "$words" != 'recv x' ] || wait_until subscribed 1
        seq 100 | "$UDSCTL" send x
        ends_on_signal "$pid"
    done
}

@test "a signal ends udsctl while standard error takes nothing" {
    start_configured '[channel no]' 'publish ='
    fill "$DIR/fifo"
    background "$UDSCTL" recv --exec 'exit 1' --jobs 8 x 2>"$DIR/fifo"
    local recv=$!
    wait_until subscribed 1
    seq 100 | "$UDSCTL" send x
    ends_on_signal "$recv"
    seq 5000 >"$DIR/lines"
    background "$UDSCTL" send -f "$DIR/lines" no 2>"$DIR/fifo"
    local send=$!
    wait_until info_is acl_access_denied_channel 5000
    # The signal may come before or after its last line.
    kill -TERM "$send"
    wait_exit "$send"
    [ "$status" -eq 143 ] || [ "$status" -eq 77 ]
}

@test "lines for a standard error that is read late arrive all, in order" {
    start_configured '[channel no]' 'publish ='
    seq 3000 >"$DIR/lines"
    run "$PYTHON" - "$UDSCTL" "$DIR/lines" "$S" <<'EOF'
import os, re, socket, subprocess, sys, time
from resp import Client
def denied():
    return int(re.search(rb"acl_access_denied_channel:(\d+)", Client(sys.argv[3]).call("INFO")).group(1))
for number, make in enumerate((os.pipe, lambda: [s.detach() for s in socket.socketpair()]), 1):
    near, far = make()
    send = subprocess.Popen([sys.argv[1], "send", "-f", sys.argv[2], "no"], stderr=far)
    os.close(far)
    end = time.monotonic() + 60
    while denied() < 3000 * number:
        assert time.monotonic() < end and send.poll() is None
    text = b""
    while block := os.read(near, 65536):
        text += block
    assert send.wait() == 77
    numbers = [int(n) for n in re.findall(rb"line (\d+) ", text)]
    assert numbers == list(range(1, 3001)), (len(numbers), text[-200:])
EOF
    assert_success
}

@test "standard output that somebody set to O_NONBLOCK, and that is read late: everything arrives" {
    start_udsd
    # shellcheck disable=SC2046 # names
    receive $(seq -f 'a-channel-with-a-rather-long-name-%g' 1500)
    run "$PYTHON" - "$UDSCTL" <<'EOF'
import fcntl, os, subprocess, sys, termios
udsctl = sys.argv[1]
def read_late(*words):
    near, far = os.pipe()
    fcntl.fcntl(far, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(far, False)
    p = subprocess.Popen([udsctl, *words], stdout=far, stderr=subprocess.PIPE)
    os.close(far)
    # A late reader begins when the pipe is full, or udsctl has ended.
    while int.from_bytes(fcntl.ioctl(near, termios.FIONREAD, bytes(4)), sys.byteorder) < 4096 and p.poll() is None:
        pass
    text = b""
    while block := os.read(near, 65536):
        text += block
    assert p.wait() == 0, (words, p.stderr.read())
    return text
assert read_late("channels").count(b"a-channel-") == 1500
assert read_late("channels", "--json").count(b"}\n") == 1500
assert read_late("channels", "--names").count(b"\n") == 1500
EOF
    assert_success
}

@test "monitor ends when the reader of its pipe leaves, even if no message is published" {
    start_udsd
    mkfifo "$DIR/out"
    exec 8<>"$DIR/out"
    background "$UDSCTL" monitor >"$DIR/out" 2>"$DIR/err"
    local monitor=$!
    wait_until info_is monitor_clients 1
    exec 8<&-
    wait_exit "$monitor"
    assert_equal "$status" 0
    assert_equal "$(cat "$DIR/err")" ''
}

@test "send --print-id, told to end while standard output is full, says that IDs are missing" {
    start_store
    fill "$DIR/out"
    background bash -c "echo x | '$UDSCTL' send --store --print-id jobs >'$DIR/out' 2>'$DIR/err'; echo \$? >'$DIR/status'"
    wait_until has_one
    pkill -TERM -f "send --store --print-id jobs" -P "$!"
    wait_until test -s "$DIR/status"
    assert_equal "$(cat "$DIR/status")" 74
    assert_equal "$(cat "$DIR/err")" 'udsctl: timed out after 5s: all messages are answered, but standard output takes no more IDs'
    exec 8<&-
}

has_one() {
    [ "$(ask XLEN jobs)" = :1 ]
}
