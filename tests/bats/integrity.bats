#!/usr/bin/env bats
# Messages arrive complete, unaltered and in order.

load helper

@test "4 publishers, 8 receivers, 2 channels and a pattern, 0 bytes to 1 MiB" {
    local seed=${UDSD_TEST_SEED:-$RANDOM}
    echo "seed $seed"
    start_udsd
    run "$PYTHON" "$TOOLS/integrity.py" "$S" "$seed"
    assert_success
    [ "$(info messages_undelivered)" = 0 ]
}

@test "a session with a channel and a matching pattern gets both, channel first, message by message" {
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
both, sender = Client(sys.argv[1]), Client(sys.argv[1])
both.call("PSUBSCRIBE", "a*")
both.call("SUBSCRIBE", "abc")
sender.send_raw(b"".join(Client.encode("PUBLISH", "abc", "%d" % i) for i in range(50)))
assert [sender.read() for i in range(50)] == [2] * 50
for i in range(50):
    n = b"%d" % i
    assert both.read() == [b"message", b"abc", n]
    assert both.read() == [b"pmessage", b"a*", b"abc", n]
EOF
    assert_success
}

@test "in RESP3 the reply to PUBLISH comes before the publisher's own message" {
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
c = Client(sys.argv[1])
c.call("HELLO", "3")
c.call("SUBSCRIBE", "me")
c.send_raw(b"".join(Client.encode("PUBLISH", "me", "%d" % i) for i in range(20)))
for i in range(20):
    assert c.read() == 1
    assert c.read() == [b"message", b"me", b"%d" % i]
EOF
    assert_success
}


@test "answered means delivered, also to a child that reads from a connection its parent made" {
    start_udsd
    run "$PYTHON" - "$S" "$UDSD_PID" <<'EOF'
import os, signal, socket, sys
from resp import Client
path, pid = sys.argv[1], int(sys.argv[2])
sender, receiver = Client(path), Client(path)  # both have the pid of this process
receiver.call("SUBSCRIBE", "c")
start_r, start_w = os.pipe()
count_r, count_w = os.pipe()
if os.fork() == 0:  # the child reads what has come when the daemon is dead
    os.read(start_r, 1)
    n = 0
    try:
        while receiver.read():
            n += 1
    except (EOFError, OSError):
        pass
    os.write(count_w, b"%d" % n)
    os._exit(0)
answered = 0
sender.sock.settimeout(2)
try:
    for i in range(3000):
        assert sender.call("PUBLISH", "c", b"x" * 1000) == 1
        answered += 1
except socket.timeout:
    pass  # the receiver's socket is full
os.kill(pid, signal.SIGKILL)
os.write(start_w, b"x")
assert 0 < answered < 3000, answered
received = int(os.read(count_r, 16))
assert received >= answered, (received, answered)
EOF
    unset "DAEMONS[$UDSD_PID]" # it was killed
    assert_success
}
