#!/usr/bin/env bats
# A slow receiver slows its publishers, loses nothing, and cannot hold up the bus for ever.

load helper

@test "a receiver that is stopped for a while loses nothing, and the publisher waits" {
    local n=500000
    start_udsd
    background "$UDSCTL" recv -n "$n" numbers >"$DIR/out"
    local recv=$!
    wait_until subscribed 1
    kill -STOP "$recv"
    seq "$n" | "$UDSCTL" send --summary numbers 2>"$DIR/err" 3>&- &
    local send=$!
    PIDS+=("$send")
    # The receiver's socket and queue fill up, and then the daemon accepts no more messages.
    wait_until info_is clogged_clients 1
    wait_until commands_wait
    kill -0 "$send"
    [ "$(info messages_published)" -lt "$n" ]
    kill -CONT "$recv"
    wait_exit "$send"
    assert_equal "$status" 0
    wait_exit "$recv"
    assert_equal "$status" 0
    diff -q <(seq "$n") "$DIR/out"
    contains "$DIR/err" "$n answered"
    [ "$(info messages_undelivered)" = 0 ]
    is_sanitized || [ "$(resident_kib "$UDSD_PID")" -lt $((8 * 1024 + 16 * 1024)) ]
}

@test "a receiver that stays stopped is disconnected after slow_timeout, and the publisher resumes" {
    local n=500000
    start_configured '[limits]' 'slow_timeout = 700ms'
    background "$PYTHON" "$TOOLS/hostile.py" "$S" subscribe numbers >"$DIR/hostile"
    wait_until contains "$DIR/hostile" done
    background "$UDSCTL" recv -n "$n" numbers >"$DIR/out"
    local recv=$!
    wait_until has_receivers numbers 2
    seq "$n" | "$UDSCTL" send numbers 3>&- &
    local send=$!
    PIDS+=("$send")
    wait_exit "$send"
    assert_equal "$status" 0
    wait_exit "$recv"
    assert_equal "$status" 0
    diff -q <(seq "$n") "$DIR/out"
    contains "$LOG" 'took nothing for'
    [ "$(info slow_receivers_closed)" = 1 ]
    [ "$(info messages_undelivered)" -gt 0 ]
    info_is messages_undelivered_slow "$(info messages_undelivered)"
    is_sanitized || [ "$(peak_kib "$UDSD_PID")" -lt $((8 * 1024 + 24 * 1024)) ]
}

@test "a pause of the whole machine is not the receivers' fault" {
    start_configured '[limits]' 'slow_timeout = 3s'
    receive numbers
    seq 1000000 | "$UDSCTL" send numbers 3>&- &
    local send=$!
    PIDS+=("$send")
    kill -STOP "$RECV"
    wait_until info_is clogged_clients 1
    kill -STOP "$UDSD_PID"
    sleep 4 # the pause
    kill -CONT "$UDSD_PID" "$RECV"
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" 1000000
    [ "$(info slow_receivers_closed)" = 0 ]
}

@test "a pause of the whole machine does not make clients idle" {
    start_configured '[limits]' 'idle_timeout = 3s'
    background "$PYTHON" -c "
import time
from resp import Client
client = Client('$S')
client.call('CLIENT', 'SETNAME', 'idle')
print('done', flush=True)
time.sleep(1000)" >"$DIR/idle"
    wait_until contains "$DIR/idle" done
    kill -STOP "$UDSD_PID"
    sleep 4.5 # the pause
    kill -CONT "$UDSD_PID"
    printf 'CLIENT LIST\r\n' | nc -N -U "$S" | grep -q ' name=idle '
    wait_until contains "$LOG" 'did nothing for'
}

@test "the reply waits for a receiver whose socket is full, and comes when it reads" {
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import os, select, sys
from resp import Client, info
path = sys.argv[1]
# The receiver is another process, since publishers do not wait for receivers of their own.
r, w = os.pipe()
go_r, go_w = os.pipe()
pid = os.fork()
if pid == 0:
    c = Client(path)
    c.call("SUBSCRIBE", "a")
    os.write(w, b"x")
    os.read(go_r, 1)
    for i in range(20):
        assert c.read() == [b"message", b"a", b"%d" % i + b"x" * 50000]
    os._exit(0)
os.read(r, 1)
sender, other = Client(path), Client(path)
sender.send_raw(b"".join(Client.encode("PUBLISH", "a", b"%d" % i + b"x" * 50000) for i in range(20)))
assert sender.read() == 1
answered = 1
while select.select([sender.sock], [], [], 0.5)[0]:
    assert sender.read() == 1
    answered += 1
    while sender.at < len(sender.buffer):
        assert sender.read() == 1
        answered += 1
assert 0 < answered < 20, answered
# A publisher on another channel does not wait.
assert other.call("PUBLISH", "b", "x") == 0
os.write(go_w, b"x")
for i in range(20 - answered):
    assert sender.read() == 1
assert os.waitpid(pid, 0)[1] == 0
EOF
    assert_success
}

@test "a program that publishes to itself before it reads does not wait for itself, if it says so" {
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
path = sys.argv[1]
receiver, sender = Client(path), Client(path)
receiver.call("SUBSCRIBE", "a")
assert sender.call("UDSD", "WAITOWN", "OFF") == b"OK"
for i in range(40):
    assert sender.call("PUBLISH", "a", b"x" * 50000) == 1  # 2 MB, more than any socket holds
for i in range(40):
    assert receiver.read()[2] == b"x" * 50000
EOF
    assert_success
}

@test "the daemon stops reading from a client that does not read its replies, and its memory is bounded" {
    start_configured '[limits]' 'queue_limit = 1M'
    background "$PYTHON" "$TOOLS/hostile.py" "$S" flood >"$DIR/hostile"
    wait_until contains "$DIR/hostile" done
    wait_until info_is clogged_clients 1
    is_sanitized || [ "$(resident_kib "$UDSD_PID")" -lt $((24 * 1024)) ]
    "$UDSCTL" ping
}

@test "with WAITRECEIVER publishers wait for a receiver, also for one by a pattern, and their messages keep the order" {
    start_udsd
    seq 100 | "$UDSCTL" send --wait-receiver numbers 3>&- &
    local send=$!
    PIDS+=("$send")
    wait_until commands_wait
    kill -0 "$send"
    background "$UDSCTL" recv -n 100 -p 'num*' >"$DIR/out"
    local recv=$!
    wait_exit "$recv"
    diff <(seq 100) "$DIR/out"
    wait_exit "$send"
    assert_equal "$status" 0
}

commands_wait() {
    [ "$(info commands_waited)" -ge 1 ]
}

@test "a publisher that waits for a receiver and goes away is forgotten" {
    start_udsd
    background "$UDSCTL" send --wait-receiver --timeout 60s nobody one two
    local send=$!
    wait_until commands_wait
    kill -KILL "$send"
    wait_until info_is connected_clients 1
    background "$UDSCTL" recv nobody >"$DIR/out"
    wait_until subscribed 1
    "$UDSCTL" send nobody three
    wait_until has_lines "$DIR/out" 1
    assert_equal "$(cat "$DIR/out")" three
}

start_udsd_that_drops() {
    start_configured '[limits]' 'queue_limit = 256K' '[channel d.*]' 'slow = drop'
}

@test "the policy drop does not tear apart a large message whose head exceeds queue_limit" {
    start_udsd_that_drops
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, info
path = sys.argv[1]
def fill(most):
    """A receiver that does not read, and how many messages clog it: large ones, and then small ones."""
    receiver, sender, n = Client(path), Client(path), 0
    receiver.call("SUBSCRIBE", "d")
    receiver.call("SUBSCRIBE", "d.1")
    while n != most and info(sender)["clogged_clients"] == "0":
        sender.call("PUBLISH", "d.1", b"z" * (16384 if n < 21 else 1))
        n += 1
    return receiver, sender, n
receiver, sender, n = fill(None)
receiver.close()
receiver, sender, n = fill(n - 1)
sender.call("PUBLISH", "d.1", b"L" * 16384)
sender.send("PUBLISH", "d", "end")
while True:
    push = receiver.read()
    assert len(push) == 3 and push[0] == b"message" and push[1] in (b"d", b"d.1"), push[:2]
    assert isinstance(push[2], bytes), push
    if push[1] == b"d":
        break
assert sender.read() == 1
EOF
    assert_success
}

@test "the notice of missed messages comes before a large message, not in the middle of it" {
    start_udsd_that_drops
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
path = sys.argv[1]
receiver, sender = Client(path), Client(path)
for channel in "__udsd__:missed", "d.1", "w":
    receiver.call("SUBSCRIBE", channel)
big = b"x" * 60000
sender.call("UDSD", "WAITOWN", "OFF")
sender.call("MULTI")  # EXEC does not wait between its commands
for channel in ["d.1"] * 12 + ["w"]:
    sender.call("PUBLISH", channel, big)
sender.call("EXEC")
got = 0
while True:
    push = receiver.read()
    if push[1] != b"d.1":
        break
    assert push == [b"message", b"d.1", big]
    got += 1
assert push == [b"message", b"__udsd__:missed", b"%d d.1" % (12 - got)], push
assert receiver.read() == [b"message", b"w", big]
EOF
    assert_success
}
