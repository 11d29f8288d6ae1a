#!/usr/bin/env bats
# Listeners for programs that only write: lines, length-prefixed pieces, whole connections, packets.

load helper
load users

# start_modes [LINE...]: a bus on $S, and listeners for lines, pieces, whole connections, packets and datagrams in $DIR,
# all for the channel "log"; the lines are added to the configuration.
start_modes() {
    start_hub_with <<EOF
[listener line]
listen  = $DIR/line
mode    = line
channel = log
socket_mode = 0666
[listener chat]
listen  = $DIR/chat
mode    = line
channel = log
deliver = yes
socket_mode = 0666
[listener length]
listen  = $DIR/length
mode    = length
channel = log
deliver = yes
[listener whole]
listen  = $DIR/whole
mode    = whole
channel = log
ack     = yes
socket_mode = 0666
[listener packets]
listen  = $DIR/packets
type    = seqpacket
mode    = whole
channel = log
ack     = yes
[listener datagrams]
listen  = $DIR/datagrams
type    = dgram
mode    = whole
channel = log
socket_mode = 0666
$(printf '%s\n' "$@")
EOF
    # The daemon opens them in this order.
    wait_until [ -S "$DIR/datagrams" ]
    export DIR
}

# receive_log N: a receiver of "log", $RECV, that ends after N messages.
receive_log() {
    background "$UDSCTL" recv -n "$1" log >"$DIR/out"
    RECV=$!
    wait_until subscribed 1
}

PRELUDE='
import socket, struct, time
from users import *
hub = Hub()
DIR = os.environ["DIR"]
control = Client(hub.path)

def stat(field):
    return int(info(control)[field])

def connect(name, kind=socket.SOCK_STREAM):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.settimeout(float(os.environ.get("UDSD_TEST_PATIENCE", "30")))
    sock.connect(DIR + "/" + name)
    return sock

def to_end(sock):
    parts = []
    try:
        while True:
            parts.append(sock.recv(1 << 16))
            if not parts[-1]:
                break
    except ConnectionResetError:
        pass
    return b"".join(parts)

def exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        assert more, "closed after %d of %d bytes" % (len(data), n)
        data += more
    return data

def receiver(channel="log"):
    """A process of its own, so that publishers here wait for it."""
    client = hub.user(os.getuid(), os.getgid(), keep="receiver") if os.getuid() == 0 else Client(hub.path)
    client.call("SUBSCRIBE", channel)
    return client

def message(client):
    return client.read()[2]

def as_user(uid, gid, groups, do):
    """Does it in a process of that user."""
    pid = os.fork()
    if pid == 0:
        try:
            become(uid, gid, groups)
            do()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
'

modes_test() { # the rest of the program is on stdin
    run "$PYTHON" -c "$PRELUDE$(cat)"
    assert_success
}

@test "line: each line is a message, whoever writes it" {
    start_modes
    receive_log 10
    printf 'one\r\ntwo\n\nwith \r inside\nno end' | nc -N -U "$DIR/line"
    printf 'first\nsecond\n' | logger -u "$DIR/line" --socket-errors=on -t me
    logger --socket "$DIR/line" -t me logged
    printf 'by itself' | nc -N -U "$DIR/line"
    "$UDSCTL" send log 'by command'
    wait_exit "$RECV"
    sed -E 's/^<13>.* me: /me: /' "$DIR/out" >"$DIR/got"
    printf 'one\ntwo\n\nwith \r inside\nno end\nme: first\nme: second\nme: logged\nby itself\nby command\n' |
        diff - "$DIR/got"
}

@test "line: a hundred thousand lines arrive in order" {
    start_modes
    receive_log 100000
    seq 100000 >"$DIR/in"
    nc -N -U "$DIR/line" <"$DIR/in"
    wait_exit "$RECV"
    cmp "$DIR/in" "$DIR/out"
}

@test "deliver: clients of the mode line receive each message of the channel as a line, also their own" {
    start_modes
    background nc -d -U "$DIR/chat" >"$DIR/chat.out"
    wait_until subscribed 1
    printf 'hello\n' | nc -N -U "$DIR/line"
    wait_until has_lines "$DIR/chat.out" 1
    "$UDSCTL" send --whole log <<<$'two\nlines'
    head -c 200000 /dev/zero | tr '\0' x >"$DIR/large"
    "$UDSCTL" send --whole log <"$DIR/large"
    "$UDSCTL" send log end
    { printf 'hello\ntwo\nlines\n\n'; cat "$DIR/large"; printf '\nend\n'; } >"$DIR/expected"
    wait_until cmp "$DIR/expected" "$DIR/chat.out"
    modes_test <<'PY'
chat = connect("chat")
wait_until(lambda: stat("pubsub_clients") == 2, "the subscription")
chat.sendall(b"mine\n")
assert exactly(chat, 5) == b"mine\n"
PY
}

@test "length: pieces of any bytes, in and out" {
    start_modes
    modes_test <<'PY'
def frame(payload):
    return struct.pack(">I", len(payload)) + payload

bus, client = receiver(), connect("length")
wait_until(lambda: stat("pubsub_clients") == 2, "both subscriptions")
payloads = [b"one", b"", b"\n\r\0" * 5, bytes(range(256)) * 1000, b"last"]
for byte in b"".join(map(frame, payloads[:3])):
    client.sendall(bytes([byte]))
client.sendall(b"".join(map(frame, payloads[3:])))
assert [message(bus) for _ in payloads] == payloads
expected = b"".join(map(frame, payloads))
assert exactly(client, len(expected)) == expected
# A piece that is cut short is dropped, counted and logged.
client.sendall(frame(b"whole") + frame(b"cut")[:-1])
client.shutdown(socket.SHUT_WR)
assert message(bus) == b"whole"
assert to_end(client) == frame(b"whole")
wait_until(lambda: stat("messages_refused") == 1, "the refusal")
hub.logged("the end of a message is missing; closed")
# A piece is refused by its length, before its bytes arrive.
client = connect("length")
client.sendall(struct.pack(">I", 0xffffffff))
assert to_end(client) == b""
hub.logged("a message is over max_message (16777216 bytes); closed")
assert stat("messages_refused") == 2
PY
}

@test "whole: a connection is a message, and ack replies with the number of receivers" {
    start_modes '[limits]' 'max_message = 1M'
    run bash -c "printf 'no receiver' | nc -N -U '$DIR/whole'"
    assert_output 0
    receive_log 2
    head -c 750000 /dev/urandom | base64 -w 0 >"$DIR/in"
    run bash -c "nc -N -U '$DIR/whole' <'$DIR/in'"
    assert_output 1
    run bash -c "printf 'several\nlines' | nc -N -U '$DIR/whole'"
    assert_output 1
    wait_exit "$RECV"
    { cat "$DIR/in"; printf '\nseveral\nlines\n'; } | cmp - "$DIR/out"
    run bash -c "nc -N -U '$DIR/whole' </dev/null"
    assert_output 'ERR nothing was sent'
    modes_test <<'PY'
client = connect("whole")
try:
    client.sendall(b"x" * (1 << 20) + b"y")
except BrokenPipeError:
    pass
assert to_end(client) == b"ERR a message is over max_message (1048576 bytes)\n"
hub.logged("over max_message (1048576 bytes); closed")
assert stat("messages_refused") == 1
PY
}

@test "ack waits until the message is in its receivers' sockets" {
    need_root
    start_modes
    modes_test <<'PY'
sleeper = receiver()
big = b"x" * 2000000
client = connect("whole")
client.sendall(big)
client.shutdown(socket.SHUT_WR)
wait_until(lambda: stat("messages_queued") == 1, "the message")
patience = client.gettimeout()
client.settimeout(0.2)
try:
    raise AssertionError("answered: %r" % client.recv(64))
except TimeoutError:
    pass
client.settimeout(patience)
assert message(sleeper) == big
assert to_end(client) == b"1\n"
PY
}

@test "seqpacket: each packet is a message, and each is answered by a packet" {
    start_modes '[listener echo]' "listen = $DIR/echo" 'type = seqpacket' 'mode = echo'
    modes_test <<'PY'
bus = receiver()
client = connect("packets", socket.SOCK_SEQPACKET)
sent = [b"one", b"", b"two\nlines", b"x" * 100000]
for packet in sent:
    client.send(packet)
assert [client.recv(100) for _ in sent] == [b"1\n"] * 4
assert [message(bus) for _ in sent] == sent
client.close()

client = connect("echo", socket.SOCK_SEQPACKET)
for packet in sent:
    client.send(packet)
assert [client.recv(1 << 17) for _ in sent] == sent
client.shutdown(socket.SHUT_WR)
assert to_end(client) == b""

if os.getuid() == 0:
    client = connect("packets", socket.SOCK_SEQPACKET)
    client.setsockopt(socket.SOL_SOCKET, 32, 1 << 20)  # SO_SNDBUFFORCE
    client.send(b"x" * 262145)
    assert client.recv(100) == b"ERR a packet of 262145 bytes is too long; the limit is 262144\n"
    assert to_end(client) == b""
    assert stat("messages_refused") == 1
PY
}

@test "seqpacket: packets of a client that left without reading its replies are published" {
    start_modes
    modes_test <<'PY'
import signal
bus, client = receiver(), connect("packets", socket.SOCK_SEQPACKET)
client.send(b"0")
assert message(bus) == b"0"
wait_until(lambda: client.recv(100, socket.MSG_PEEK) == b"1\n", "the answer")
os.kill(int(os.environ["UDSD_PID"]), signal.SIGSTOP)
for i in range(1, 6):
    client.send(b"%d" % i)
client.close()
os.kill(int(os.environ["UDSD_PID"]), signal.SIGCONT)
assert [message(bus) for _ in range(5)] == [b"%d" % i for i in range(1, 6)]
PY
}

@test "datagrams: each is a message, and the kernel says which user sent it" {
    need_root
    start_modes '[channel log]' 'publish = root, uid:54002, gid:54003'
    receive_log 5
    logger --socket "$DIR/datagrams" -t me hello
    "$PYTHON" -c "
import socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'not bound', '$DIR/datagrams')"
    modes_test <<'PY'
def send(text):
    return lambda: connect("datagrams", socket.SOCK_DGRAM).send(text)

as_user(54002, 54009, [], send(b"by user"))
as_user(54001, 54003, [], send(b"by group"))
# The kernel does not pass on the supplementary groups of a datagram's sender.
as_user(54001, 54009, [54003], send(b"denied"))
wait_until(lambda: stat("messages_refused") == 1, "the refusal")
assert stat("acl_access_denied_channel") == 1
hub.logged("uid 54001): may not publish to 'log' ([channel log])")
as_user(0, 0, [], send(b""))
PY
    wait_exit "$RECV"
    sed -E 's/^<13>.* me: /me: /' "$DIR/out" >"$DIR/got"
    printf 'me: hello\nnot bound\nby user\nby group\n\n' | diff - "$DIR/got"
}

@test "records of syslog arrive without the NUL or line feed at their end" {
    start_modes
    background "$UDSCTL" recv -n 11 --format %j log >"$DIR/out"
    local recv=$!
    wait_until subscribed 1
    "$PYTHON" - "$DIR" <<'PY'
import logging.handlers, socket, sys
for name in "datagrams", "line":
    handler = logging.handlers.SysLogHandler(address=sys.argv[1] + "/" + name)
    for text in "first", "second":
        handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "%s %s" % (name, text), None, None))
    handler.close()
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in b"one line feed\n\n", b"one NUL\0\0", b"inside\0\nx", b"\n", b"end":
    sock.sendto(text, sys.argv[1] + "/datagrams")
packets = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
packets.connect(sys.argv[1] + "/packets")
packets.send(b"a packet\0")
packets.recv(10)
packets.send(b"the last\n")
packets.recv(10)
PY
    wait_exit "$recv"
    cat >"$DIR/expected" <<'EOF'
"<14>datagrams first"
"<14>datagrams second"
"<14>line first"
"<14>line second"
"one line feed\n"
"one NUL\u0000"
"inside\u0000\nx"
""
"end"
"a packet\u0000"
"the last\n"
EOF
    diff <(sort "$DIR/expected") <(sort "$DIR/out")
}

@test "nc and socat send datagrams" {
    start_modes
    receive_log 2
    printf 'from nc' | nc -uU -w 1 "$DIR/datagrams"
    if command -v socat >/dev/null; then
        printf 'from socat' | socat - "UNIX-SENDTO:$DIR/datagrams"
    else
        logger --socket "$DIR/datagrams" socat
    fi
    wait_exit "$RECV"
    grep -qx 'from nc' "$DIR/out"
    grep -q 'socat$' "$DIR/out"
}

@test "a datagram that is too long is refused and counted, never delivered in part" {
    need_root
    start_modes '[limits]' 'max_message = 1K'
    modes_test <<'PY'
bus, client = receiver(), connect("datagrams", socket.SOCK_DGRAM)
client.setsockopt(socket.SOL_SOCKET, 32, 1 << 20)  # SO_SNDBUFFORCE
client.send(b"x" * 1025)
client.send(b"y" * 1024)
client.send(b"z" * 300000)
client.send(b"last")
assert message(bus) == b"y" * 1024 and message(bus) == b"last"
assert stat("messages_refused") == 2
hub.logged("a message is over max_message (1024 bytes)\n")
hub.logged("a packet of 300000 bytes is too long; the limit is 262144\n")
PY
}

@test "a client that may not publish is closed, logged and counted, and learns why where the mode has replies" {
    need_root
    start_modes '[channel log]' 'publish = root' 'subscribe = root'
    modes_test <<'PY'
def denied(name, say, expected):
    client = User(DIR + "/" + name, 54001, keep="stranger")
    client.send_raw(say)
    got = client.read_to_end() if name != "whole" else client.sock.shutdown(socket.SHUT_WR) or client.read_to_end()
    assert got == expected, got

denied("line", b"hello\n", b"")
hub.logged("'stranger', uid 54001): may not publish to 'log' ([channel log]); closed")
denied("whole", b"hello", b"ERR may not publish to 'log' ([channel log])\n")
chat = User(DIR + "/chat", 54001)
assert chat.read_to_end() == b""
hub.logged("may not subscribe to 'log' ([channel log]); closed")
assert stat("acl_access_denied_channel") == 3 and stat("messages_published") == 0
# A reload that takes the right away applies at once.
line = "[listener line]\nlisten = %s/line\nmode = line\nchannel = log\nsocket_mode = 0666\n" % DIR
hub.reload(line)
client = User(DIR + "/line", 54001)
client.send_raw(b"one\n")
wait_until(lambda: stat("messages_published") == 1, "the message")
hub.reload(line + "[channel log]\npublish = root\n")
client.send_raw(b"two\n")
assert client.read_to_end() == b"" and stat("messages_published") == 1
PY
}

@test "a slow receiver holds up writers, and the messages of writers that have left arrive as well" {
    need_root
    start_modes '[limits]' 'queue_limit = 64K' 'slow_timeout = 0'
    modes_test <<'PY'
sleeper, writer, n = receiver(), connect("line"), 0
writer.settimeout(0.5)
rest = b""
try:
    while not rest:
        line = b"%d " % n + b"x" * 1000 + b"\n"
        n += 1
        rest = line
        rest = line[writer.send(line):]
except TimeoutError:
    pass
assert stat("clogged_clients") == 1 and stat("blocked_clients") == 1
# A second writer writes and leaves at once; another sends datagrams until there is no room for more.
other = connect("line")
other.sendall(b"last words")
other.close()
datagrams = connect("datagrams", socket.SOCK_DGRAM)
datagrams.setblocking(False)
k = 0
try:
    while k < 10000:
        datagrams.send(b"datagram %d" % k)
        k += 1
except BlockingIOError:
    pass
assert 0 < k < 10000
time.sleep(1.2)  # longer than the daemon's interval for checking whether waiting clients are still there
got = []
while len(got) < n - 1 + k + 1:
    got.append(message(sleeper))
writer.settimeout(30)
writer.sendall(rest)
got.append(message(sleeper))
numbers = [int(m.split(b" ")[0]) for m in got if m.endswith(b"x")]
assert numbers == list(range(n)), (len(numbers), n)
assert got.count(b"last words") == 1
assert [m for m in got if m.startswith(b"datagram")] == [b"datagram %d" % i for i in range(k)]
assert stat("messages_refused") == 0 and stat("messages_dropped") == 0 and stat("messages_undelivered") == 0
PY
}

@test "a datagram socket that waits for a slow receiver resumes after a reload of its channel" {
    need_root
    start_modes
    modes_test <<'PY'
def rules(channel):
    return ("[limits]\nqueue_limit = 64K\nslow_timeout = 0\n"
            "[listener x]\nlisten = %s/x\ntype = dgram\nmode = whole\nchannel = %s\n" % (DIR, channel))

hub.reload(rules("slow"))
sleeper, other = receiver("slow"), receiver("other")
sock, n = connect("x", socket.SOCK_DGRAM), 0
sock.settimeout(0.5)
try:
    while n < 10000:
        sock.send(b"x" * 10000)
        n += 1
except TimeoutError:
    pass
assert stat("blocked_clients") == 1
hub.reload(rules("other"))
sock.settimeout(30)
sock.send(b"end")
while message(other) != b"end":
    pass
PY
}

@test "waiting packets take as much memory as queue_limit_per_uid allows" {
    need_root
    start_modes '[limits]' 'queue_limit = 64K' 'queue_limit_per_uid = 1M' 'max_message = 256K' 'slow_timeout = 0'
    ! is_sanitized || skip "a sanitizer delays freeing memory"
    modes_test <<'PY'
sleeper, n = receiver(), 200
clients = [connect("packets", socket.SOCK_SEQPACKET) for _ in range(n)]
filler = Client(hub.path)
for _ in range(3):
    filler.send_raw(Client.encode("PUBLISH", "log", b"x" * 200000))
wait_until(lambda: stat("clogged_clients") == 1, "the receiver to be clogged")
before = hub.rss()
for i, client in enumerate(clients):
    client.send(b"%03d" % i + b"x" * 200000)
wait_until(lambda: stat("blocked_clients") >= n, "all to wait")
assert hub.rss() - before < 8 << 10, (before, hub.rss())
got = {message(sleeper)[:3] for _ in range(3 + n)}
assert got == {b"%03d" % i for i in range(n)} | {b"xxx"}
assert [client.recv(10) for client in clients] == [b"1\n"] * n
PY
}

@test "a deliver client that leaves without reading loses nothing that it wrote" {
    need_root
    start_modes
    modes_test <<'PY'
bus, chat = receiver(), connect("chat")
wait_until(lambda: stat("pubsub_clients") == 2, "both subscriptions")
sent = b"".join(b"%d " % i + b"x" * 500 + b"\n" for i in range(2000))
chat.sendall(sent)
chat.close()
got = [message(bus) for _ in range(2000)]
assert b"".join(m + b"\n" for m in got) == sent
PY
}

@test "a deliver client that does not read counts as slow, and the number of messages that it missed is logged" {
    start_modes '[limits]' 'queue_limit = 64K' 'slow_timeout = 0' '[channel log]' 'slow = drop'
    modes_test <<'PY'
chat = connect("chat")
wait_until(lambda: stat("pubsub_clients") == 1, "the subscription")
n = 0
while stat("messages_dropped") == 0:
    for _ in range(50):
        control.call("PUBLISH", "log", b"%d " % n + b"x" * 1000)
        n += 1
dropped = stat("messages_dropped")
got = b""
while got.count(b"\n") < n - dropped:
    got += chat.recv(1 << 16)
hub.logged("missed %d messages while it was clogged" % dropped)
assert control.call("PUBLISH", "log", "back") == 1
assert exactly(chat, 5) == b"back\n"
PY
}

@test "a stop publishes everything that was sent before it" {
    start_modes
    receive_log 4001
    kill -STOP "$UDSD_PID"
    "$PYTHON" -c "import os, socket
sock = socket.socket(socket.AF_UNIX)
sock.connect('$DIR/line')
sock.sendall(b''.join(b'line %d\n' % i for i in range(4000)) + b'unfinished')
datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
datagram.sendto(b'datagram', '$DIR/datagrams')
os.kill($UDSD_PID, 15)
os.kill($UDSD_PID, 18)
sock.recv(1)"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
    wait_exit "$RECV"
    grep -v datagram "$DIR/out" | diff - <(seq 0 3999 | sed 's/^/line /')
    grep -qx datagram "$DIR/out"
    contains "$LOG" 'has not sent the end of a message; closed'
    [ ! -e "$DIR/datagrams" ]
    [ ! -e "$DIR/datagrams.lock" ]
}

@test "a stop publishes all packets that were sent before it, even more than one pass of the loop handles" {
    need_root
    start_modes
    modes_test <<'PY'
import signal
bus, n, pid = receiver(), 100, int(os.environ["UDSD_PID"])
clients = [connect("packets", socket.SOCK_SEQPACKET) for _ in range(n)]
wait_until(lambda: stat("connected_clients") == n + 2, "all clients")
os.kill(pid, signal.SIGSTOP)
control.send_raw(b"SHUTDOWN\r\n")  # the daemon reads this first
for i, client in enumerate(clients):
    client.send(b"%03d" % i + b"x" * 200000)
os.kill(pid, signal.SIGCONT)
assert {message(bus)[:3] for _ in range(n)} == {b"%03d" % i for i in range(n)}
PY
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

@test "SIGHUP changes modes and channels for new clients, and replaces a socket whose type changes" {
    start_modes
    modes_test <<'PY'
def rules(**keys):
    return "[listener x]\nlisten = %s/x\n" % DIR + "".join("%s = %s\n" % pair for pair in keys.items())

one, two = receiver("one"), receiver("two")
hub.reload(rules(mode="line", channel="one"))
old = connect("x")
old.sendall(b"a\n")
assert message(one) == b"a"
hub.reload(rules(mode="line", channel="two"))
new = connect("x")
new.sendall(b"b\n")
assert message(two) == b"b"
old.sendall(b"c\n")
assert message(one) == b"c"

hub.reload(rules(mode="whole", channel="two", type="dgram"))
datagrams = connect("x", socket.SOCK_DGRAM)
datagrams.send(b"d")
assert message(two) == b"d"
new.sendall(b"e\n")
assert message(two) == b"e"
hub.reload(rules(mode="whole", channel="one", type="dgram"))
datagrams.send(b"f")
assert message(one) == b"f"
# A reload that fails leaves the listener as it is.
failed = "the configuration was not reloaded"
hub.reload(rules(mode="whole", type="dgram"), failed)
hub.logged("channel: is missing; mode = whole needs the channel that messages go to")
datagrams.send(b"g")
assert message(one) == b"g"
for kind in "dgram", "stream":
    hub.reload(rules(mode="whole", channel="two", type=kind) + "[listener no]\nlisten = /no/where\n", failed)
    connect("x", socket.SOCK_DGRAM).send(b"h")
    assert message(one) == b"h"
hub.reload("")
assert not os.path.exists(DIR + "/x")
PY
}

@test "UDSD CLIENTS shows the mode, and CLIENT KILL closes such clients" {
    start_modes
    modes_test <<'PY'
def clients():
    lines = control.call("UDSD", "CLIENTS").decode().splitlines()
    return [dict(field.split("=", 1) for field in line.split(" ")) for line in lines]

line, packets = connect("line"), connect("packets", socket.SOCK_SEQPACKET)
connect("datagrams", socket.SOCK_DGRAM).send(b"hello")
line.sendall(b"unfinished")
wait_until(lambda: sorted(c["qbuf"] for c in clients()) == ["0", "0", "10"], "what is unfinished")
assert sorted(c["mode"] for c in clients()) == ["line", "route", "whole"], clients()
assert stat("connected_clients") == 3
found = {c["mode"]: c["id"] for c in clients() if c["pid"] == str(os.getpid())}
assert control.call("CLIENT", "KILL", "ID", found["line"]) == 1
assert to_end(line) == b""
assert control.call("CLIENT", "KILL", "ID", found["whole"]) == 1
assert to_end(packets) == b""
# Sockets for datagrams are no clients.
assert control.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == 0
connect("datagrams", socket.SOCK_DGRAM).send(b"still there")
wait_until(lambda: stat("messages_published") == 2, "the datagram")
PY
}

@test "idle_timeout disconnects who sends nothing" {
    start_modes '[limits]' 'idle_timeout = 1s'
    modes_test <<'PY'
line, datagrams = connect("line"), connect("datagrams", socket.SOCK_DGRAM)
assert to_end(line) == b""
datagrams.send(b"the socket stays")
control = Client(hub.path)
wait_until(lambda: stat("messages_published") == 1, "the datagram")
PY
}

@test "a stale datagram socket is replaced, a live socket of any type is not" {
    background "$UDSD" --listen "$DIR/d" --type dgram --mode whole --channel log >>"$LOG" 2>&1
    UDSD_PID=$!
    wait_until test -S "$DIR/d"
    run "$UDSD" --listen "$DIR/d"
    assert_failure 78
    assert_output --partial "(pid $UDSD_PID) is using this socket"
    kill_udsd
    [ -S "$DIR/d" ]
    background "$PYTHON" -c "
import socket, time
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind('$DIR/other')
print(flush=True)
time.sleep(1000)" >"$DIR/ready"
    wait_until has_lines "$DIR/ready" 1
    for type in stream seqpacket dgram; do
        run "$UDSD" --listen "$DIR/other" --type $type --mode whole --channel log
        assert_failure 78
        assert_output --partial "is using this socket"
    done
    S=$DIR/d
    start_udsd --mode whole --channel log # replaces the stale socket by one of another type
}

@test "options that contradict each other are mistakes, in the file and on the command line" {
    cat >"$DIR/conf" <<'EOF'
[listener a]
listen = @a
mode = line
[listener b]
listen = @b
channel = x
[listener c]
listen = @c
mode = whole
channel = x
deliver = yes
[listener d]
listen = @d
ack = perhaps
[listener e]
listen = @e
mode = length
channel = x
ack = yes
[listener f]
listen = @f
type = dgram
[listener g]
listen = 127.0.0.1:1
type = seqpacket
mode = echo
[listener h]
listen = @h
type = seqpacket
mode = line
channel = x
[listener i]
listen = @i
mode = line
channel = __udsd__:missed
[listener j]
listen = @j
type = dgram
mode = whole
channel = x
ack = yes
[listener k]
listen = @k
type = pipe
EOF
    run "$UDSD" --config "$DIR/conf" --check-config
    assert_failure 78
    assert_output "$(sed "s|^|$DIR/conf:|" <<'EOF'
1: channel: is missing; mode = line needs the channel that messages go to
6: channel: 'x' does not go with mode = route; expected mode = line, length or whole
11: deliver: 'yes' does not go with mode = whole; expected mode = line or length
14: ack: 'perhaps' is not yes or no
19: ack: 'yes' does not go with mode = length; expected mode = whole
22: type: 'dgram' does not go with mode = route; expected mode = whole
25: type: 'seqpacket' is not for TCP; expected stream
29: type: 'seqpacket' does not go with mode = line; expected mode = whole or echo
35: channel: '__udsd__:missed' is udsd's own; nobody may publish to __udsd__:*
41: ack: 'yes' does not go with type = dgram; expected type = stream or seqpacket
44: type: 'pipe' is not a type of socket (stream, seqpacket or dgram)
EOF
)"
    run "$UDSD" --listen "$S" --mode line
    assert_failure 78
    assert_output "udsd: --listen '$S': --channel: is missing; mode = line needs the channel that messages go to"
    run "$UDSD" --channel log
    assert_failure 64
    assert_line 'udsd: --channel goes with --listen'
    run "$UDSD" --listen "$S" --deliver perhaps
    assert_failure 64
    assert_line "udsd: --deliver: 'perhaps' is not yes or no"
}

@test "lists of clients and CLIENT KILL beside many sockets for datagrams, which stand for no client" {
    printf '[listener bus]\nlisten = %s\n' "$S" >"$DIR/many"
    local i
    for i in $(seq 40); do
        printf '[listener d%d]\nlisten = %s/d%d\ntype = dgram\nmode = whole\nchannel = log\n' "$i" "$DIR" "$i" >>"$DIR/many"
    done
    "$UDSD" --config "$DIR/many" >>"$LOG" 2>&1 3>&- 8>&- &
    UDSD_PID=$!
    PIDS+=("$UDSD_PID")
    DAEMONS[$UDSD_PID]=1
    wait_until is_listening "$S"
    wait_until info_is connected_clients 1
    local reply
    reply=$(printf 'CLIENT LIST ID %s\r\n' "$(seq -s ' ' 200)" | nc -N -U "$S")
    assert_equal "$(grep -c '^id=' <<<"$reply")" 1
    assert_equal "$(printf 'CLIENT LIST\r\n' | nc -N -U "$S" | grep -c '^id=')" 1
    assert_equal "$(printf 'UDSD CLIENTS\r\n' | nc -N -U "$S" | grep -c '^id=')" 1
}
