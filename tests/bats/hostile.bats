#!/usr/bin/env bats
# Clients and surroundings that mean no good: what they cost is bounded, and the others are served.

load helper

@test "a few unread bytes do not keep whole chunks of others' output" {
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
    PIDS+=($!)
    wait_until is_listening "$S"
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

@test "names, patterns and what clients say of themselves have limits" {
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import sys, time
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
# The pattern that is worst to match, and the name that is worst for it.
hostile = Client(sys.argv[1])
hostile.call("PSUBSCRIBE", b"*a" * 500 + b"b")
for i in range(200):
    c.call("PUBLISH", b"a" * 1023 + b"%d" % (i % 10), "x")
EOF
    assert_success
}

@test "many patterns that match cost a bounded amount, which is given back" {
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
    is_sanitized || [ "$(awk '/^VmHWM:/ { print $2 }' "/proc/$UDSD_PID/status")" -lt $((64 * 1024)) ]
    is_sanitized || wait_until memory_below $((before + 2048))
}

memory_below() {
    [ "$(resident_kib "$UDSD_PID")" -lt "$1" ]
}

@test "large unfinished messages of clients that leave are given back" {
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
receiver.send("PUBLISH", "x")  # an answer that it does not read: its end is a reset
sender.call("PING")
# Asleep, it has forgotten that the sender was last; awake again, it hears of the receiver first.
wait_until(lambda: is_in_state("S"), "the daemon to sleep")
os.kill(pid, signal.SIGSTOP)
wait_until(lambda: is_in_state("T"), "the daemon to stop")
receiver.close()
sender.send("PUBLISH", "c", "one")
os.kill(pid, signal.SIGCONT)
# Nobody receives any more, so the message waits for somebody who does.
again = Client(path)
again.call("SUBSCRIBE", "c")
assert again.read() == [b"message", b"c", b"one"]
assert sender.read() == 1
EOF
    assert_success
}

@test "slow_timeout begins when a receiver stops taking, however long it was idle before" {
    printf '[listener bus]\nlisten = %s\n[limits]\nslow_timeout = 1s\n' "$S" >"$DIR/conf"
    "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1 3>&- &
    UDSD_PID=$!
    PIDS+=("$UDSD_PID")
    wait_until is_listening "$S"
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
    """Connected by a child: receivers of the publisher's own process would not be waited for."""
    client = Client.__new__(Client)
    client.sock, client.buffer, client.at = socket.socket(socket.AF_UNIX), b"", 0
    child = os.fork()
    if child == 0:
        client.sock.connect(path)
        os._exit(0)
    os.waitpid(child, 0)
    client.sock.settimeout(30)
    return client
# How many messages a socket takes before the answer to the next one is held back.
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
time.sleep(4.5)  # idle for longer than slow_timeout: this is what is tested
sender.send("PUBLISH", "c", message)
time.sleep(0.4)  # does not read for less than slow_timeout
for _ in range(taken + 1):
    assert receiver.read()[2] == message
EOF
    assert_success
}

@test "reload follows no symbolic link that stands where the socket was" {
    printf '[listener bus]\nlisten = %s\nsocket_mode = 0600\n' "$S" >"$DIR/conf"
    background "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1
    UDSD_PID=$!
    wait_until is_listening "$S"
    echo secret >"$DIR/victim"
    chmod 600 "$DIR/victim"
    ln -sf "$DIR/victim" "$S"
    sed -i 's/0600/0666/' "$DIR/conf"
    kill -HUP "$UDSD_PID"
    wait_until contains "$LOG" reloaded
    [ "$(stat -c %a "$DIR/victim")" = 600 ]
}

@test "a daemon that is stopping is not found any more" {
    start_udsd
    block_on_big_message
    kill -TERM "$UDSD_PID"
    wait_until test ! -e "$S"
    kill -0 "$UDSD_PID"
    run "$UDSCTL" ping
    assert_failure 69
    # Nor can another one take the path while this one lives.
    run "$UDSD" --listen "$S"
    assert_failure 78
    kill -TERM "$UDSD_PID"
    wait_exit "$UDSD_PID"
}
