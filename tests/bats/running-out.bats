#!/usr/bin/env bats
# Missing resources: no room for the log, no memory, a time of day that jumps, endless reloads.

load helper

# log_and_serve: makes the daemon log much, and checks that it serves clients.
log_and_serve() {
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
for i in range(200):
    bad = Client(sys.argv[1])
    bad.send_raw(b"*x\r\n")
    answer = bad.read_to_end()
    assert answer == b"-ERR Protocol error: invalid multibulk length\r\n", answer
    bad.close()
receiver, sender = Client(sys.argv[1]), Client(sys.argv[1])
receiver.call("SUBSCRIBE", "c")
assert sender.call("PUBLISH", "c", "x" * 100000) == 1
assert receiver.read()[2] == b"x" * 100000
EOF
    assert_success
}

@test "a log on a full device does not stop the daemon" {
    "$UDSD" --listen "$S" --log-level debug 2>/dev/full 3>&- &
    adopt_udsd $!
    log_and_serve
}

@test "a log on a full file system does not stop the daemon" {
    unshare --mount true 2>/dev/null || skip "no right to mount"
    mkdir "$DIR/full"
    unshare --mount sh -c 'mount -t tmpfs -o size=16k none "$1" && { head -c 100k /dev/zero >"$1/fill" || :; } 2>&- &&
        exec "$2" --listen "$3" --log-level debug 2>"$1/log"' sh "$DIR/full" "$UDSD" "$S" 3>&- &
    adopt_udsd $!
    log_and_serve
}

@test "a log into a pipe without a reader does not stop the daemon" {
    mkfifo "$DIR/log"
    exec 8<>"$DIR/log"
    "$UDSD" --listen "$S" --log-level debug 2>"$DIR/log" 3>&- 8>&- &
    adopt_udsd $!
    exec 8>&-
    log_and_serve
}

@test "with closed standard descriptors the daemon does not log into any other file" {
    "$UDSD" --listen "$S" --log-level debug <&- >&- 2>&- 3>&- &
    adopt_udsd $!
    log_and_serve
    local fd
    for fd in 0 1 2; do
        assert_equal "$(readlink "/proc/$UDSD_PID/fd/$fd")" /dev/null
    done
}

@test "hundreds of SIGHUPs while messages flow: no message is lost, and the last configuration applies" {
    start_configured '[limits]' 'max_clients = 100'
    start_stream
    seq 200000 >&8 &
    local seq=$!
    PIDS+=("$seq")
    for i in $(seq 300); do
        case $((i % 3)) in
        0) sed -i "s/^max_clients = .*/max_clients = $((100 + i))/" "$DIR/conf" ;;
        1) sed -i "s/^max_clients = .*/max_clients = many/" "$DIR/conf" ;;
        esac
        kill -HUP "$UDSD_PID"
    done
    sed -i 's/^max_clients = .*/max_clients = 77/' "$DIR/conf"
    kill -HUP "$UDSD_PID"
    wait "$seq"
    exec 8>&-
    wait_exit "$SEND"
    assert_equal "$status" 0
    contains "$DIR/send.err" '200000 messages, 200000 answered'
    wait_until has_lines "$DIR/out" 200000
    seq 200000 | cmp - "$DIR/out"
    wait_until max_clients_is 77
    contains "$LOG" "'many' is not"
}

max_clients_is() {
    [ "$(printf 'CONFIG GET max_clients\r\n' | nc -N -U "$S" | tail -n 1 | tr -d '\r')" = "$1" ]
}

# make_jumping_clock: a library that makes the time of day jump by a day, back and forth, whenever a program reads it.
# The monotonic clock is unchanged.
make_jumping_clock() {
    command -v gcc >/dev/null || skip "no gcc"
    cat >"$DIR/jump.c" <<'EOF'
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long jump(void) { static long n; return n++ % 2 ? 86400 : -86400; }
int clock_gettime(clockid_t id, struct timespec *ts) {
    int r = (int)syscall(SYS_clock_gettime, id, ts);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) ts->tv_sec += jump();
    return r;
}
int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
    struct timespec ts;
    (void)tz;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec, tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *t) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (t) *t = ts.tv_sec;
    return ts.tv_sec;
}
EOF
    gcc -shared -fPIC -o "$DIR/jump.so" "$DIR/jump.c"
}

@test "jumps of the time of day do not affect timeouts" {
    ! is_preload_refused || skip "a sanitizer must be the first library"
    make_jumping_clock
    printf '%s\n' '[listener bus]' "listen = $S" '[limits]' 'idle_timeout = 1s' 'slow_timeout = 1s' >"$DIR/conf"
    LD_PRELOAD=$DIR/jump.so "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1 3>&- &
    adopt_udsd $!
    run "$PYTHON" - "$S" <<'EOF'
import os, sys, time
from resp import Client, info, wait_until
path = sys.argv[1]
busy, idle, sender = Client(path), Client(path), Client(path)
times = [int(busy.call("TIME")[0]) for _ in range(4)]
assert max(times) - min(times) > 80000, times  # the clock does jump
ready_r, ready_w = os.pipe()
end_r, end_w = os.pipe()
if os.fork() == 0:  # another process, since publishers do not wait for receivers of their own
    os.close(end_w)
    stuck = Client(path)
    stuck.call("SUBSCRIBE", "c")
    os.write(ready_w, b"x")
    os.read(end_r, 1)
    os._exit(0)
os.read(ready_r, 1)
start = time.monotonic()
sender.send("PUBLISH", "c", b"x" * 2000000)  # more than a socket takes
wait_until(lambda: info(busy)["slow_receivers_closed"] == "1", "the slow receiver to be disconnected")
passed = time.monotonic() - start
assert passed > 0.9, passed
assert int(passed) - 1 <= int(info(busy)["uptime_in_seconds"]) < 3600
assert sender.read() == 1
assert idle.read_to_end() == b""
EOF
    assert_success
}

@test "a client that the daemon has no memory for is closed, and others are served" {
    ! is_sanitized || skip "a sanitizer reserves more memory than the limit allows"
    (
        ulimit -v 100000
        exec "$UDSD" --listen "$S" >>"$LOG" 2>&1 3>&- 8>&-
    ) &
    adopt_udsd $!
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
path = sys.argv[1]
small, receiver = Client(path), Client(path)
receiver.call("SUBSCRIBE", "c")
head = b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$16000000\r\n"
hoarders, closed = [Client(path) for _ in range(20)], 0
for hoarder in hoarders:
    try:
        hoarder.send_raw(head + b"x" * 15000000)
    except (BrokenPipeError, ConnectionResetError):
        closed += 1
    assert small.call("PING") == b"PONG"
assert 5 < closed < 20, closed
for hoarder in hoarders:
    hoarder.close()
sender = Client(path)
sender.call("UDSD", "WAITOWN", "OFF")
for size in (10, 20000, 8000000):
    assert sender.call("PUBLISH", "c", b"y" * size) == 1
    assert receiver.read()[2] == b"y" * size
assert small.call("PING") == b"PONG"
EOF
    assert_success
    contains "$LOG" 'out of memory, closed'
}

@test "thousands of clients that come and go leave no descriptor or subscription behind" {
    start_udsd
    local before
    "$UDSCTL" ping
    before=$(find "/proc/$UDSD_PID/fd" | wc -l)
    run "$PYTHON" - "$S" <<'EOF'
import socket, sys
from resp import Client, info, wait_until
path = sys.argv[1]
says = [b"", b"PING\r\n", b"SUBSCRIBE a b c\r\nPSUBSCRIBE *\r\n", b"*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$100000\r\nxx",
        b"MULTI\r\nPUBLISH a b\r\n", b"MONITOR\r\n", b"UDSD WAITRECEIVER ON\r\nPUBLISH nobody x\r\n", b"*x\r\n", b"QUIT\r\n"]
for i in range(4500):
    client = Client(path)
    client.send_raw(says[i % len(says)])
    if i % 4 == 0:
        client.sock.shutdown(socket.SHUT_WR)
    client.close()
last = Client(path)
wait_until(lambda: info(last)["connected_clients"] == "1", "the clients to be gone")
now = info(last)
assert (now["pubsub_channels"], now["pubsub_patterns"], now["blocked_clients"]) == ("0", "0", "0"), now
EOF
    assert_success
    wait_until has_descriptors "$before"
}

has_descriptors() {
    [ "$(find "/proc/$UDSD_PID/fd" | wc -l)" -le "$1" ]
}

@test "idle_timeout: a client that completes no command is disconnected; busy, receiving and waiting clients stay" {
    start_configured '[limits]' 'idle_timeout = 1s'
    run "$PYTHON" - "$S" <<'EOF'
import itertools, select, sys, time
from resp import Client, PATIENCE
path = sys.argv[1]
c = {name: Client(path) for name in "idle typist busy subscribed monitor waiting late".split()}
c["subscribed"].call("SUBSCRIBE", "c")
c["monitor"].call("MONITOR")
c["waiting"].call("UDSD", "WAITRECEIVER", "ON")
c["waiting"].send("PUBLISH", "nobody", "x")
typed = itertools.chain(b"PUBLISH c ", itertools.repeat(ord("a")))
start, gone = time.monotonic(), {}
since = {name: start for name in c}
while len(gone) < 3 and time.monotonic() - start < PATIENCE:
    for name in ("idle", "typist", "late"):
        if name not in gone and select.select([c[name].sock], [], [], 0)[0]:
            assert c[name].read_to_end() == b"", name
            gone[name] = time.monotonic() - since[name]
    if "typist" not in gone:
        try:
            c["typist"].send_raw(bytes([next(typed)]))
        except BrokenPipeError:
            pass
    c["busy"].call("PING")
    if time.monotonic() - start < 1.5:
        since["late"] = time.monotonic()
        c["late"].call("PING")
    time.sleep(0.1)
assert set(gone) == {"idle", "typist", "late"}, gone
assert all(t > 0.9 for t in gone.values()), gone
receiver = Client(path)
receiver.call("SUBSCRIBE", "nobody")
assert c["waiting"].read() == 1
assert receiver.read()[2] == b"x"
assert c["busy"].call("PUBLISH", "c", "y") == 1
assert c["subscribed"].read() == [b"message", b"c", b"y"]
while b"nobody" not in c["monitor"].read():
    pass
EOF
    assert_success
}
