#!/usr/bin/env bats
# Who may do what with streams: real users, the access rules of the channel of the same name, and quotas.

load helper
load users

setup() {
    common_setup
    need_root
}

# start_hub_of_streams [KEY...]: a daemon with a store, with these keys in [store], and with the sections on stdin.
start_hub_of_streams() {
    CONF=$DIR/conf PORT=0
    printf '%s\n' '[listener bus]' "listen = $S" 'socket_mode = 0666' '[store]' "directory = $DIR/store" "$@" '# rules' \
        >"$CONF"
    cat >>"$CONF"
    start_with_config
    export UDSD_PID LOG CONF PORT
}

@test "publish adds, subscribe reads and works groups, administrators delete and trim" {
    start_hub_of_streams <<'EOF'
[channel jobs]
publish   = uid:54001
subscribe = uid:54002
[channel secret]
publish   =
subscribe =
[admin]
allow = uid:54003
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
adder, worker, admin, root, nobody = hub.user(54001), hub.user(54002), hub.user(54003), hub.user(0), hub.user("nobody")

adder.call("XADD", "jobs", "1-1", "f", "v")
adds = [("XADD", "jobs", "*", "f", "v"), ("XADD", "jobs", "NOMKSTREAM", "*", "f", "v")]
reads = [
    ("XRANGE", "jobs", "-", "+"), ("XREVRANGE", "jobs", "+", "-"), ("XREAD", "COUNT", "1", "STREAMS", "jobs", "0"),
    ("XREAD", "BLOCK", "1", "STREAMS", "jobs", "$"), ("XREAD", "COUNT", "1", "STREAMS", "open", "jobs", "0", "0"),
    ("XINFO", "STREAM", "jobs"), ("XINFO", "GROUPS", "jobs"), ("XGROUP", "CREATE", "jobs", "g", "0"),
    ("XGROUP", "CREATECONSUMER", "jobs", "g", "c"), ("XINFO", "CONSUMERS", "jobs", "g"),
    ("XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "jobs", ">"), ("XPENDING", "jobs", "g"),
    ("XCLAIM", "jobs", "g", "d", "0", "1-1"), ("XAUTOCLAIM", "jobs", "g", "c", "0", "0"),
    ("XNACK", "jobs", "g", "FAIL", "IDS", "1", "1-1"), ("XACK", "jobs", "g", "1-1"),
    ("XGROUP", "SETID", "jobs", "g", "0"), ("XGROUP", "DELCONSUMER", "jobs", "g", "d"), ("XGROUP", "DESTROY", "jobs", "g"),
]
administers = [
    ("XDEL", "jobs", "7-7"), ("XDELEX", "jobs", "IDS", "1", "7-7"), ("XTRIM", "jobs", "MAXLEN", "100"),
    ("XSETID", "jobs", "18446744073709551615-1"), ("RENAME", "jobs", "other"), ("RENAME", "other", "jobs"),
    ("EXPIRE", "jobs", "1000"), ("PERSIST", "jobs"), ("UNLINK", "jobs"), ("DEL", "jobs"), ("FLUSHDB",), ("FLUSHALL",),
]
for command in adds:
    assert adder.may(*command) and not worker.may(*command) and not nobody.may(*command), command
for command in reads:
    assert not nobody.may(*command) and not adder.may(*command), command
    assert worker.may(*command), command
for command in administers:
    for user in adder, worker, nobody:
        assert not user.may(*command), command
text = adder.refused("XREAD", "STREAMS", "jobs", "0")
assert text.startswith("NOPERM No permissions to access a key: uid 54001 may not ") and "'jobs'" in text, text
# Who works a group may delete what no group needs any more, and nothing else.
for group in "g", "h":
    worker.call("XGROUP", "CREATE", "jobs", group, "0")
    worker.call("XREADGROUP", "GROUP", group, "c", "COUNT", "1", "STREAMS", "jobs", ">")
for refs in [], ["KEEPREF"], ["DELREF"]:
    text = worker.refused("XACKDEL", "jobs", "g", *refs, "IDS", "1", "1-1")
    assert text.startswith("NOPERM uid 54002 ") and "'xackdel'" in text and "ACKED" in text, text
    assert not adder.may("XACKDEL", "jobs", "g", *refs, "IDS", "1", "1-1")
assert worker.call("XPENDING", "jobs", "g")[0] == 1, "a refused XACKDEL acknowledges nothing"
assert worker.call("XACKDEL", "jobs", "g", "ACKED", "IDS", "1", "1-1") == [2]
assert worker.call("XLEN", "jobs") == 3
assert worker.call("XACKDEL", "jobs", "h", "ACKED", "IDS", "1", "1-1") == [1]
assert worker.call("XLEN", "jobs") == 2
adder.call("XADD", "jobs", "*", "f", "v")
# In a transaction it is refused when it is queued.
for user, command in (worker, adds[0]), (adder, reads[0]), (worker, administers[0]):
    assert user.call("MULTI") == b"OK"
    assert user.refused(*command).startswith("NOPERM ")
    assert user.refused("EXEC").startswith("EXECABORT ")
# Nothing of what was refused has happened.
assert adder.call("XLEN", "jobs") == 3
# Who may neither add nor read learns nothing of it.
for command in ("XLEN", "jobs"), ("EXISTS", "jobs"), ("TYPE", "jobs"), ("TTL", "jobs"):
    if nobody.may(*command):
        assert nobody.call(*command) in (0, -2, b"none"), command
assert b"jobs" not in nobody.call("KEYS", "*")
assert b"jobs" not in nobody.call("SCAN", "0", "COUNT", "1000")[1]
assert b"jobs" in worker.call("KEYS", "*") and b"jobs" in adder.call("KEYS", "*")
# Administrators do what the rules of channels do not say; root has always been one.
for user in admin, root:
    root.call("DEL", "jobs")
    adder.call("XADD", "jobs", "1-1", "f", "v")
    for command in administers:
        try:
            user.call(*command)
        except Error as error:
            assert not str(error).startswith("NOPERM"), (command, error)
for user in adder, worker, nobody:
    assert not user.may("XADD", "secret", "*", "f", "v") and not user.may("XREAD", "STREAMS", "secret", "0")
    assert not user.may("XGROUP", "CREATE", "secret", "g", "0", "MKSTREAM")
    # What no section names is everybody's.
    assert user.may("XADD", "open", "*", "f", "v") and user.may("XRANGE", "open", "-", "+")
EOF
    assert_success
}

@test "a reload that takes a right away ends waiting for what may not be read any more" {
    start_hub_of_streams </dev/null
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
reader, worker, root = hub.user(54001), hub.user(54001), hub.user(0)
root.call("XGROUP", "CREATE", "jobs", "g", "$", "MKSTREAM")
reader.send("XREAD", "BLOCK", "0", "STREAMS", "jobs", "$")
worker.send("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "jobs", ">")
wait_until(lambda: info(root)["blocked_clients"] == "2", "blocked clients")
hub.reload("[channel jobs]\nsubscribe = root\n")
root.call("XADD", "jobs", "*", "f", "secret")
for client in reader, worker:
    try:
        answer = client.read()
    except (Error, EOFError, ConnectionResetError) as error:
        assert not isinstance(error, Error) or str(error).startswith("NOPERM"), error
    else:
        raise AssertionError("got %r" % answer)
assert root.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "jobs", ">")[0][1][0][1] == [b"f", b"secret"]
EOF
    assert_success
}

@test "each user's streams have a limit of their own, which others do not feel" {
    start_hub_of_streams 'max_bytes_per_uid = 4M' </dev/null
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
greedy, other, root = hub.user(54001), hub.user(54002), hub.user(0)

def fill(user, key):
    for n in range(100000):
        try:
            user.call("XADD", key, "*", "f", "%d" % n + "x" * 10000)
        except Error as error:
            assert str(error) == "OOM command not allowed: the streams of uid 54001 are full (max_bytes_per_uid = 4M)", error
            return n

n = fill(greedy, "one")
assert 300 < n < 450, n
# Another stream, or another connection, does not help; trimming does.
assert fill(greedy, "two") == 0 and fill(hub.user(54001), "three") == 0
for i in range(200):
    other.call("XADD", "theirs", "*", "f", "x" * 10000)
assert root.call("XTRIM", "one", "MAXLEN", "10") == n - 10
assert fill(greedy, "two") > 200
assert greedy.call("XLEN", "theirs") == 200
EOF
    assert_success
}

@test "a blocked client is unblocked or killed by its own user, and by no other" {
    start_hub_of_streams </dev/null
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
waiter, same, other = hub.user(54001), hub.user(54001), hub.user(54002)
number = str(waiter.call("CLIENT", "ID"))
for turn in "unblock", "kill":
    waiter.send("XREAD", "BLOCK", "0", "STREAMS", "jobs", "$")
    wait_until(lambda: info(same)["blocked_clients"] == "1", "a blocked client")
    try:
        assert other.call("CLIENT", "UNBLOCK", number) == 0
    except Error as error:
        assert str(error).startswith("NOPERM"), error
    assert info(same)["blocked_clients"] == "1"
    if turn == "unblock":
        assert same.call("CLIENT", "UNBLOCK", number) == 1
        assert waiter.read() is None
    else:
        assert same.call("CLIENT", "KILL", "ID", number) == 1
        assert waiter.read_to_end() == b""
wait_until(lambda: info(same)["blocked_clients"] == "0", "nobody blocked")
assert other.call("XADD", "jobs", "*", "f", "v")
EOF
    assert_success
}

@test "who works a group sets its values, and names only dead-letter streams that they may add to" {
    start_hub_of_streams <<'EOF'
[channel jobs]
publish   = uid:54001
subscribe = uid:54002
[channel graves]
publish   = uid:54001
[channel jobs.dead]
publish   =
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
adder, worker, root, nobody = hub.user(54001), hub.user(54002), hub.user(0), hub.user("nobody")
adder.call("XADD", "jobs", "1-1", "f", "v")
worker.call("XGROUP", "CREATE", "jobs", "g", "0")
worker.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "jobs", ">")
works = [("UDSD", "GROUP", "jobs", "g"), ("UDSD", "GROUP", "jobs", "g", "SET", "max_deliveries", "3"),
         ("UDSD", "PENDING", "jobs", "g"), ("UDSD", "NACK", "jobs", "g", "FAIL", "1-1")]
for command in works:
    assert not nobody.may(*command) and not adder.may(*command), command
    assert worker.may(*command), command
assert worker.refused("UDSD", "GROUP", "jobs", "g", "SET", "dead_letter", "graves").startswith("NOPERM")
for name in "%s.dead", "open", "%s.open":
    worker.call("UDSD", "GROUP", "jobs", "g", "SET", "dead_letter", name)
worker.call("UDSD", "GROUP", "jobs", "g", "SET", "dead_letter", "")
# The daemon itself adds to the default one, for whoever made the stream.
worker.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "jobs", ">")
worker.call("UDSD", "NACK", "jobs", "g", "FATAL", "1-1", "TEXT", "broken")
entry = dict(zip(*[iter(root.call("XRANGE", "jobs.dead", "-", "+")[0][1])] * 2))
assert entry[b"udsd-text"] == b"broken", entry
streams = [dict(zip(*[iter(m)] * 2)) for m in root.call("UDSD", "STREAMS", "jobs*")]
assert [m[b"uid"] for m in streams] == [54001, 54001], streams
EOF
    assert_success
}

@test "who may add to a stream delays entries, lists and cancels them; others do not see them" {
    start_hub_of_streams 'max_bytes_per_uid = 1M' <<'EOF'
[channel jobs]
publish   = uid:54001
subscribe = uid:54002
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
adder, worker, root, nobody = hub.user(54001), hub.user(54002), hub.user(0), hub.user("nobody")
ticket = adder.call("UDSD", "LATER", "ADD", "jobs", "3600000", "f", "v")
for user in worker, nobody:
    assert user.refused("UDSD", "LATER", "ADD", "jobs", "0", "f", "v").startswith("NOPERM")
    assert user.refused("UDSD", "LATER", "LIST", "jobs").startswith("NOPERM")
    assert user.refused("UDSD", "LATER", "CANCEL", ticket).startswith("NOPERM")
    assert user.call("UDSD", "LATER", "LIST") == []
nobody.call("UDSD", "LATER", "ADD", "open", "3600000", "f", "v")
assert len(worker.call("UDSD", "LATER", "LIST")) == 1
assert len(adder.call("UDSD", "LATER", "LIST")) == 2
assert adder.call("UDSD", "LATER", "CANCEL", ticket) == 1
# They count for whoever made the stream, and nobody else feels that.
for _ in range(100):
    try:
        adder.call("UDSD", "LATER", "ADD", "jobs", "3600000", "f", "x" * 20000)
    except Error as error:
        assert "max_bytes_per_uid" in str(error) and "54001" in str(error), error
        break
else:
    raise AssertionError("there is no limit")
nobody.call("UDSD", "LATER", "ADD", "open", "0", "f", "x" * 20000)
wait_until(lambda: nobody.call("XLEN", "open") == 1, "a delayed entry")
root.call("DEL", "jobs")
adder.call("UDSD", "LATER", "ADD", "jobs", "0", "f", "x" * 20000)
EOF
    assert_success
}

@test "where the configuration asks for it, entries tell who has added them, and nobody can pretend" {
    start_hub_of_streams <<'EOF'
[stream jobs*]
sender = yes
published = yes
max_deliveries = 1
[admin]
allow = uid:54003
EOF
    run "$PYTHON" - <<'EOF'
from users import *
hub = Hub()
alice, bob, admin = hub.user(54001), hub.user(54002), hub.user(54003)

def newest(stream="jobs"):
    return b" ".join(alice.call("XREVRANGE", stream, "+", "-", "COUNT", "1")[0][1]).decode()

def expect(want, stream="jobs"):
    assert newest(stream) == want, (newest(stream), want)

alice.call("XADD", "jobs", "*", "f", "v")
expect("f v udsd-sender 54001")
bob.call("XADD", "jobs", "MAXLEN", "100", "*", "udsd-sender", "0", "f", "v", "udsd-sender", "54001")
expect("f v udsd-sender 54002")
bob.call("XADD", "jobs", "*", "udsd-sender", "0")
expect("udsd-sender 54002")
bob.call("XADD", "jobs", "*", "udsd-sender2", "0", "Udsd-sender", "1")
expect("udsd-sender2 0 Udsd-sender 1 udsd-sender 54002")
admin.call("XADD", "jobs", "*", "udsd-sender", "54001", "f", "v")
expect("udsd-sender 54001 f v")
admin.call("XADD", "jobs", "*", "f", "v")
expect("f v udsd-sender 54003")
bob.call("XADD", "other", "*", "udsd-sender", "0")
expect("udsd-sender 0", "other")

# An entry is recognized again by what its producer has given.
ids = {bob.call("XADD", "jobs", "IDMPAUTO", "p", "*", "a", "b") for _ in range(2)}
assert len(ids) == 1, ids
for command in ("MULTI",), ("XADD", "jobs", "*", "in", "exec"), ("EXEC",):
    bob.call(*command)
expect("in exec udsd-sender 54002")

# Messages have one, too, and are messages all the same.
receiver = hub.user(54001)
receiver.call("SUBSCRIBE", "jobs")
bob.call("PUBLISH", "jobs", "hello")
assert receiver.read() == [b"message", b"jobs", b"hello"]
expect("message hello udsd-sender 54002")
bob.call("XADD", "jobs", "*", "message", "again")
assert receiver.read() == [b"message", b"jobs", b"again"]
expect("message again udsd-sender 54002")

bob.call("UDSD", "LATER", "ADD", "jobs", "1", "udsd-sender", "0", "late", "r")
wait_until(lambda: newest() == "late r udsd-sender 54002", "a delayed entry")

# A dead letter keeps it.
alice.call("XGROUP", "CREATE", "jobs", "g", "$")
bob.call("XADD", "jobs", "*", "f", "bad")
taken = alice.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "jobs", ">")[0][1][0][0]
alice.call("XNACK", "jobs", "g", "FAIL", "IDS", "1", taken)
wait_until(lambda: alice.call("XLEN", "jobs.dead") == 1, "a dead letter")
assert newest("jobs.dead").startswith("f bad udsd-sender 54002 udsd-stream jobs "), newest("jobs.dead")

# One that somebody has made up does not come in as a dead letter of another stream.
bob.call("XGROUP", "CREATE", "other", "g", "$")
bob.call("UDSD", "GROUP", "other", "g", "SET", "dead_letter", "jobs")
bob.call("XADD", "other", "*", "udsd-sender", "0", "f", "forged")
taken = bob.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "other", ">")[0][1][0][0]
bob.call("XNACK", "other", "g", "FATAL", "IDS", "1", taken)
wait_until(lambda: newest().startswith("f forged "), "another dead letter")
assert "sender" not in newest(), newest()
EOF
    assert_success
}
