#!/usr/bin/env bats
# Hostile clients and surroundings: their cost is bounded, and other clients are served.

load helper

@test "a few unread bytes do not keep whole chunks with other clients' output in memory" {
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, info
path = sys.argv[1]
stuck, busy = Client(path), Client(path)
stuck.send("ECHO", b"x" * 4000000)  # fills its socket
busy.call("PING")
for i in range(1500):
    stuck.send_raw(b"PING\r\n")
    assert len(busy.call("ECHO", b"y" * 15000)) == 15000
grown = int(info(busy)["chunk_bytes"])
assert grown < 12 << 20, grown
EOF
    assert_success
}

@test "a log that nobody reads does not stop the daemon" {
    mkfifo "$DIR/log"
    exec 8<>"$DIR/log"
    "$UDSD" --listen "$S" 2>&8 3>&- 8>&- &
    adopt_udsd $!
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
for i in range(3000):
    bad = Client(sys.argv[1])
    bad.send_raw(b"*x\r\n")
    bad.read_to_end()
    bad.close()
assert Client(sys.argv[1]).call("PING") == b"PONG"
EOF
    exec 8>&-
    assert_success
}

@test "names, patterns and client names have limits" {
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
c = Client(sys.argv[1])
def refused(*args):
    try:
        c.call(*args)
    except Error as error:
        return str(error)
    raise AssertionError("not refused: %r" % (args[0],))
long = b"a" * 1025
for args in [("PUBLISH", long, "x"), ("SUBSCRIBE", long), ("PSUBSCRIBE", long), ("PUBSUB", "CHANNELS", long)]:
    assert "may have 1024" in refused(*args)
assert "256" in refused("CLIENT", "SETNAME", "n" * 257)
assert "too many commands" in refused(*(["COMMAND", "DOCS"] + ["ping"] * 300))
assert c.call("PUBLISH", b"a" * 1024, "x") == 0
# The most expensive pattern, and the most expensive name for it.
hostile = Client(sys.argv[1])
hostile.call("PSUBSCRIBE", b"*a" * 500 + b"b")
for i in range(200):
    c.call("PUBLISH", b"a" * 1023 + b"%d" % (i % 10), "x")
EOF
    assert_success
}

@test "many matching patterns cost a bounded amount of memory, which is given back" {
    start_udsd
    local before
    before=$(resident_kib "$UDSD_PID")
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
path = sys.argv[1]
receiver, sender = Client(path), Client(path)
receiver.send("SUBSCRIBE", "c")
receiver.read()
for i in range(500):
    receiver.send("PSUBSCRIBE", "*" * (i + 1))
    receiver.read()
for i in range(300):
    sender.send("PUBLISH", "d%d" % i, "x")
    for _ in range(500):
        receiver.read()
    assert sender.read() == 500
sender.send_raw(Client.encode("PUBLISH", "c", "x") * 300)
for _ in range(300 * 501):
    receiver.read()
EOF
    assert_success
    is_sanitized || [ "$(peak_kib "$UDSD_PID")" -lt $((64 * 1024)) ]
    is_sanitized || wait_until memory_below $((before + 2048))
}

@test "the memory of large unfinished messages is given back when their clients leave" {
    start_udsd
    local before
    before=$(resident_kib "$UDSD_PID")
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
clients = [Client(sys.argv[1]) for _ in range(20)]
for c in clients:
    c.send_raw(b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$3900000\r\n" + b"x" * 3800000)
assert Client(sys.argv[1]).call("PING") == b"PONG"
EOF
    assert_success
    is_sanitized || wait_until memory_below $((before + 2048))
}

@test "a message for a receiver that has just died counts as undelivered, not as delivered" {
    start_udsd
    run "$PYTHON" - "$S" "$UDSD_PID" <<'EOF'
import os, signal, sys
from resp import Client, wait_until
path, pid = sys.argv[1], int(sys.argv[2])
def is_in_state(letter):
    with open("/proc/%d/stat" % pid) as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == letter
sender = Client(path)
sender.call("UDSD", "WAITRECEIVER", "ON")
receiver = Client(path)
receiver.call("SUBSCRIBE", "c")
receiver.send("PUBLISH", "x")  # it does not read the reply, so its close is a reset
sender.call("PING")
# Asleep, the daemon forgets that the sender was last; when it wakes, it handles the receiver's end first.
wait_until(lambda: is_in_state("S"), "the daemon to sleep")
os.kill(pid, signal.SIGSTOP)
wait_until(lambda: is_in_state("T"), "the daemon to stop")
receiver.close()
sender.send("PUBLISH", "c", "one")
os.kill(pid, signal.SIGCONT)
# There is no receiver any more, so the message waits for a new one.
again = Client(path)
again.call("SUBSCRIBE", "c")
assert again.read() == [b"message", b"c", b"one"]
assert sender.read() == 1
EOF
    assert_success
}

@test "slow_timeout begins when a receiver stops reading, however long it was idle before" {
    start_configured '[limits]' 'slow_timeout = 1s'
    run "$PYTHON" - "$S" <<'EOF'
import os, select, socket, sys, time
from resp import Client
path = sys.argv[1]
message = b"x" * 20000
def receiver_of(channel):
    receiver = Client(path)
    receiver.call("SUBSCRIBE", channel)
    return receiver
def sender_apart():
    """A child connects it: a publisher does not wait for receivers of its own process."""
    client = Client.__new__(Client)
    client.sock, client.buffer, client.at = socket.socket(socket.AF_UNIX), b"", 0
    child = os.fork()
    if child == 0:
        client.sock.connect(path)
        os._exit(0)
    os.waitpid(child, 0)
    client.sock.settimeout(30)
    return client
# The number of messages that fit a socket: the reply to the next one is delayed.
probe, sender, taken = receiver_of("probe"), sender_apart(), 0
while True:
    sender.send("PUBLISH", "probe", message)
    if not select.select([sender.sock], [], [], 0.3)[0]:
        break
    assert sender.read() == 1
    taken += 1
probe.close()
assert sender.read() == 1
receiver = receiver_of("c")
for _ in range(taken):
    assert sender.call("PUBLISH", "c", message) == 1
time.sleep(4.5)  # idle for much longer than slow_timeout, which is the point of this test
sender.send("PUBLISH", "c", message)
time.sleep(0.4)  # then does not read, but for less than slow_timeout
for _ in range(taken + 1):
    assert receiver.read()[2] == message
EOF
    assert_success
}

@test "a reload follows no symbolic link at the socket's path" {
    start_configured 'socket_mode = 0600'
    echo secret >"$DIR/victim"
    chmod 600 "$DIR/victim"
    ln -sf "$DIR/victim" "$S"
    sed -i 's/0600/0666/' "$DIR/conf"
    kill -HUP "$UDSD_PID"
    wait_until contains "$LOG" reloaded
    [ "$(stat -c %a "$DIR/victim")" = 600 ]
}

@test "a stopping daemon cannot be found, and keeps other daemons from its path" {
    start_udsd
    block_on_big_message
    kill -TERM "$UDSD_PID"
    wait_until test ! -e "$S"
    kill -0 "$UDSD_PID"
    run "$UDSCTL" ping
    assert_failure 69
    run "$UDSD" --listen "$S"
    assert_failure 78
    kill -TERM "$UDSD_PID"
    wait_exit "$UDSD_PID"
}

@test "of a million subscriptions those over the limit are refused, and memory stays within the limits" {
    start_udsd
    ! is_sanitized || export SANITIZED=1
    run "$PYTHON" - "$S" "$UDSD_PID" <<'EOF'
import os, sys, threading
from resp import Client, Error, info
path, pid = sys.argv[1], sys.argv[2]
def rss():
    return int(open("/proc/%s/statm" % pid).read().split()[1]) * 4
before = rss()
hostile, other, batch, total = Client(path), Client(path), 10000, 1000000
answers = {}
def read():
    left = total
    while left:
        try:
            kind = hostile.read()[0]
        except Error as error:
            kind = str(error)
        answers[kind] = answers.get(kind, 0) + 1
        left -= 1
reader = threading.Thread(target=read)
reader.start()
for i in range(total // batch):
    hostile.send_raw(b"".join(b"SUBSCRIBE c%d\r\n" % (i * batch + j) for j in range(batch)))
    assert other.call("PING") == b"PONG"
reader.join()
limit = "ERR too many subscriptions; the limit for one client is 10000"
assert answers == {b"subscribe": 10000, limit: total - 10000}, answers
grown = rss() - before
# Unread replies take up to queue_limit of this, and as much again while they are copied.
assert os.environ.get("SANITIZED") or grown < 32 * 1024, grown
# Names of the greatest length.
longs = Client(path)
longs.send("SUBSCRIBE", *(b"%01024d" % i for i in range(9000)))
for _ in range(9000):
    longs.read()
grown = rss() - before
assert os.environ.get("SANITIZED") or grown < 56 * 1024, grown
hostile.close(), longs.close()
assert other.call("PING") == b"PONG"
EOF
    assert_success
}

@test "patterns that are slow to match do not keep other clients waiting" {
    start_udsd
    local publishers=50
    ! is_sanitized || publishers=8 # matching takes many times as long
    run "$PYTHON" - "$S" "$publishers" <<'EOF'
import socket, sys, threading, time
from resp import Client, Error
path = sys.argv[1]
n = 750
hostile, other = Client(path), Client(path)
publishers = [Client(path) for _ in range(int(sys.argv[2]))]
hostile.send_raw(b"".join(Client.encode("PSUBSCRIBE", b"a*" * 200 + b"b%d" % i) for i in range(n)))
for _ in range(n):
    hostile.read()
def latency():
    times = []
    for i in range(20):
        start = time.monotonic()
        assert other.call("PING") == b"PONG"
        times.append(time.monotonic() - start)
    return max(times)
# Every name is new, so the daemon must try all patterns for it.
def attack(publisher, number):
    names = b"".join(Client.encode("PUBLISH", b"a" * 1000 + b"%08d.%08d" % (number, i), "x") for i in range(3000))
    try:
        publisher.send_raw(names)
    except OSError:
        pass
attackers = [threading.Thread(target=attack, args=(p, i)) for i, p in enumerate(publishers)]
for attacker in attackers:
    attacker.start()
for publisher in publishers:  # all of them make progress
    assert publisher.read() == 0
worst = latency()
# A transaction of such messages is refused if it would take too long.
transaction = [Client.encode("MULTI")]
transaction += [Client.encode("PUBLISH", b"a" * 1000 + b"%d" % i, "x") for i in range(1000)] + [Client.encode("EXEC")]
other.send_raw(b"".join(transaction))
assert [other.read() for _ in range(1001)] == [b"OK"] + [b"QUEUED"] * 1000
try:
    assert False, other.read()
except Error as error:
    assert "EXECABORT" in str(error) and "too long" in str(error), error
for publisher in publishers:
    publisher.sock.shutdown(socket.SHUT_RDWR)
for attacker in attackers:
    attacker.join()
assert worst < 1, worst
EOF
    assert_success
}

@test "thousands of clients that come and leave do not slow a client that stays, and leave no memory behind" {
    [ "$(ulimit -n)" -ge 4096 ] || ulimit -n 4096 || skip "no right to 4,096 descriptors"
    start_udsd
    local before
    before=$(resident_kib "$UDSD_PID")
    run "$PYTHON" - "$S" <<'EOF'
import random, socket, sys, time
from resp import Client, info, wait_until
path = sys.argv[1]
stays = Client(path)
half = b"*2\r\n$9\r\nSUBSCRIBE\r\n$100\r\nx"
words = [b"", b"PING\r\n", half, b"SUBSCRIBE a b c\r\n", b"MULTI\r\nPUBLISH a x\r\n", b"*x\r\n", b"PSUBSCRIBE *\r\n",
         b"UDSD WAITRECEIVER ON\r\nPUBLISH nobody x\r\n", b"PUBLISH a " + b"x" * 5000 + b"\r\n"]
worst = 0
for turn in range(4):
    clients = []
    for i in range(2000):
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        try:
            client.send(words[i % len(words)])
        except BrokenPipeError:
            pass
        clients.append(client)
        if i % 100 == 0:
            start = time.monotonic()
            assert stays.call("PING") == b"PONG"
            worst = max(worst, time.monotonic() - start)
    random.shuffle(clients)
    for client in clients:
        client.close()
for _ in range(5000):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    client.close()
wait_until(lambda: info(stays)["connected_clients"] == "1", "the others to be gone")
assert info(stays)["pubsub_channels"] == "0" and info(stays)["pubsub_patterns"] == "0"
assert worst < 2, worst
EOF
    assert_success
    is_sanitized || wait_until memory_below $((before + 4096))
}
