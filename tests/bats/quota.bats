#!/usr/bin/env bats
# Quotas of a user: the clients of one user together are bounded, and other users are served meanwhile.

load helper
load users

setup() {
    common_setup
    need_root
}

@test "max_clients_per_uid turns away further clients of that user only" {
    start_hub_with tcp <<'EOF'
[limits]
max_clients_per_uid = 3
EOF
    # Three clients of one user, in different groups; the log names the client that is turned away.
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
refusal = b"-ERR max number of clients reached for uid 54001\r\n"
clients = [hub.user(54001, gid) for gid in (54001, 54002, 0)]
assert all(client.call("PING") == b"PONG" for client in clients)
further = hub.user(54001, keep="one too many")
assert further.read_to_end() == refusal
hub.logged("max_clients_per_uid is reached (3) by uid 54001: pid %d 'one too many' is turned away" % further.pid)
assert hub.user(54001, 0).read_to_end() == refusal  # another group does not make it another user
assert hub.user(54002, 54001).call("PING") == b"PONG"
assert all(client.call("PING") == b"PONG" for client in clients)
clients.pop().close()

def admitted(connect):
    client = connect()
    try:
        return client.call("PING") and client
    except (Error, OSError, EOFError):
        return None

places = []
wait_until(lambda: places.append(admitted(lambda: hub.user(54001))) or places[-1], "room again")
assert hub.user(54001).read_to_end() == refusal
# The limit applies to root as well, and to all clients by TCP together.
roots = [hub.user(0) for _ in range(3)]
assert all(client.call("PING") == b"PONG" for client in roots)
assert hub.user(0).read_to_end() == refusal.replace(b"54001", b"0")
strangers = [Anonymous(hub.port) for _ in range(3)]
assert all(client.call("PING") == b"PONG" for client in strangers)
assert Anonymous(hub.port).read_to_end() == refusal.replace(b"uid 54001", b"anonymous clients")
assert int(info(roots[0])["rejected_connections"]) >= 4
# A reload that lowers it disconnects no client, and applies to new ones.
hub.reload("[limits]\nmax_clients_per_uid = 1\n")
assert all(client.call("PING") == b"PONG" for client in clients + roots)
assert hub.user(54001).read_to_end() == refusal
hub.reload("[limits]\nmax_clients_per_uid = 4\n")
assert hub.user(54001).call("PING") == b"PONG"
EOF
    assert_success
}

@test "a user who connects endlessly does not keep another user out" {
    start_hub_with <<'EOF'
[limits]
max_clients_per_uid = 500
EOF
    run "$PYTHON" - <<'EOF'
import signal, time
from users import *
hub = Hub()
control, user = Client(hub.path), hub.user(54002)
attackers = []
# The first fills its quota and is turned away ever after; the second connects and leaves.
for uid, kept in (54001, 500), (54003, 0):
    pid = os.fork()
    if pid == 0:
        become(uid, uid)
        keep, held = [], []
        while True:
            try:
                (keep if len(keep) < kept else held).append(Client(hub.path))
            except OSError:
                pass
            if len(held) > 800:
                held = []
    attackers.append(pid)
worst = 0
try:
    wait_until(lambda: int(info(control)["rejected_connections"]) > 500, "refusals")
    for _ in range(5):
        start = time.monotonic()
        client = hub.user(54002)
        assert client.call("PING") == b"PONG"
        client.close()
        worst = max(worst, time.monotonic() - start)
finally:
    for pid in attackers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
assert worst < 10, worst
assert user.call("PING") == b"PONG"
assert hub.log().count("max_clients_per_uid is reached") <= 3
EOF
    assert_success
}

@test "max_subscriptions_per_uid counts the subscriptions of all clients of a user, of every kind" {
    start_hub_with <<'EOF'
[limits]
max_subscriptions_per_uid = 100
max_subscriptions         = 60
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()

def subscribe(client, command, names):
    client.send_raw(b"".join(Client.encode(command, name) for name in names))
    refused = set()
    for _ in names:
        try:
            client.read()
        except Error as error:
            refused.add(str(error))
    return refused

one, two, other = hub.user(54001), hub.user(54001, 0), hub.user(54002)
for client in one, two, other:
    client.call("HELLO", "3")
assert subscribe(one, "SUBSCRIBE", ["c%d" % i for i in range(50)]) == set()
assert subscribe(two, "PSUBSCRIBE", ["p%d*" % i for i in range(25)]) == set()
assert subscribe(two, "SSUBSCRIBE", ["s%d" % i for i in range(25)]) == set()
text = "ERR too many subscriptions; the limit for all clients of uid 54001 is 100"
for client, command in [(one, "SUBSCRIBE"), (one, "PSUBSCRIBE"), (two, "SSUBSCRIBE"), (two, "SUBSCRIBE")]:
    assert subscribe(client, command, ["more"]) == {text}
assert subscribe(one, "SUBSCRIBE", ["c1", "c2"]) == set()  # subscribed already
assert subscribe(other, "SUBSCRIBE", ["c%d" % i for i in range(60)]) == set()
assert subscribe(other, "SUBSCRIBE", ["more"]) == {"ERR too many subscriptions; the limit for one client is 60"}
two.call("PUNSUBSCRIBE", "p1*")
assert subscribe(one, "SUBSCRIBE", ["more", "still more"]) == {text}
two.close()
wait_until(lambda: subscribe(one, "PSUBSCRIBE", ["room"]) == set(), "room again")
EOF
    assert_success
}

@test "slow receivers of one user are clogged together, and other users' messages flow" {
    start_hub_with <<'EOF'
[limits]
queue_limit         = 1M
queue_limit_per_uid = 8M
slow_timeout        = 0
EOF
    run "$PYTHON" - <<'EOF'
import select, threading, time
from users import *
hub = Hub()
before = hub.rss()
slow = [hub.user(54001) for _ in range(100)]
for i, client in enumerate(slow):
    client.call("SUBSCRIBE", "slow%d" % i)
receiver, publisher = hub.user(54002), hub.user(54003)
receiver.call("SUBSCRIBE", "news")
# One publisher for each receiver; it publishes until the daemon holds it up.
feeders = [hub.user(54004) for _ in slow]
message = [Client.encode("PUBLISH", "slow%d" % i, b"x" * 30000) for i in range(len(slow))]
sent = [0] * len(slow)
for feeder in feeders:
    feeder.sock.setblocking(False)

def feed():
    for i, feeder in enumerate(feeders):
        try:
            while True:
                sent[i] = (sent[i] + feeder.sock.send(message[i][sent[i]:])) % len(message[i])
        except BlockingIOError:
            pass
    return hub.info("blocked_clients") == len(feeders)

wait_until(feed, "the feeders to be held up")
hub.logged("uid 54001: ")
assert "over queue_limit_per_uid (8388608)" in hub.log()
# Besides the 8M of the quota, each of the hundred may have 64K and one message, and each feeder 256K that the daemon has
# read. Without the quota each receiver could have 1M.
grown = hub.rss() - before
assert os.environ.get("SANITIZED") or grown < 64 * 1024, grown
worst = 0
for i in range(300):
    start = time.monotonic()
    assert publisher.call("PUBLISH", "news", b"%d" % i) == 1
    assert receiver.read()[2] == b"%d" % i
    worst = max(worst, time.monotonic() - start)
assert worst < 1, worst
# When the receivers read, the feeders resume.
stop = []

def drain():
    while not stop:
        for sock in select.select([client.sock for client in slow], [], [], 0.1)[0]:
            sock.recv(1 << 18)

reader = threading.Thread(target=drain)
reader.start()
try:
    wait_until(lambda: hub.info("blocked_clients") == 0 and hub.info("clogged_clients") == 0, "the feeders to resume")
finally:
    stop.append(1)
    reader.join()
EOF
    assert_success
}

@test "a client that is held up by other clients of its user resumes when they have left" {
    start_configured '[limits]' 'queue_limit_per_uid = 1M' 'slow_timeout = 0'
    run "$PYTHON" - "$S" <<'PY'
import sys
from resp import Client, info, wait_until
control, a, b = Client(sys.argv[1]), Client(sys.argv[1]), Client(sys.argv[1])
def clogged(n):
    wait_until(lambda: info(control)["clogged_clients"] == str(n), "%d clogged clients" % n)
def pings():
    return control.call("INFO", "commandstats").decode().partition("cmdstat_ping:calls=")[2].partition(",")[0]
a.send("ECHO", b"x" * 400000)
wait_until(lambda: int(info(control)["unsent_bytes"]) > 0, "unread output")
b.send("ECHO", b"x" * 800000)
clogged(2)
a.send("PING")  # not read now, although its own output is within queue_limit
control.call("ECHO", "x")
assert pings() == ""
b.sock.close()
clogged(0)
wait_until(lambda: pings() == "1", "the command to be read")
PY
    assert_success
}
