#!/usr/bin/env bats
# Limits of streams: what is too large or too much is refused with its reason, and all of what is allowed works.

load helper

@test "long answers: XREAD stops and goes on, XRANGE asks for COUNT" {
    start_configured '[store]' "directory = $DIR/store" '[limits]' 'queue_limit = 4M' 'queue_limit_per_uid = 64M'
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])
client.send_raw(b"".join(client.encode("XADD", "big", "*", "f", b"%d" % i + b"x" * 10000) for i in range(1000)))
ids = [client.read() for _ in range(1000)]

for command in ("XRANGE", "big", "-", "+"), ("XREVRANGE", "big", "+", "-"):
    try:
        raise AssertionError("answered with %d entries" % len(client.call(*command)))
    except Error as error:
        assert "COUNT" in str(error), error
assert client.call("PING") == b"PONG"
assert [entry for entry, _ in client.call("XRANGE", "big", "-", "+", "COUNT", "300")] == ids[:300]

def read_all(ask, start):
    got, turns = [], 0
    while len(got) < len(ids):
        entries = ask(got[-1] if got else start)[0][1]
        size = sum(len(fields[1]) for _, fields in entries)
        assert 500000 < size < 1100000 or len(got) + len(entries) == len(ids), size
        got += [entry for entry, _ in entries]
        turns += 1
    assert got == ids and 9 < turns < 22, turns

read_all(lambda start: client.call("XREAD", "STREAMS", "big", start), "0")
client.call("XGROUP", "CREATE", "big", "g", "0")
read_all(lambda start: client.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "big", ">"), ">")
read_all(lambda start: client.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "big", start), "0")
# A single entry that is larger than that comes whole.
entry = client.call("XADD", "one", "*", "f", b"y" * 3000000)
assert client.call("XREAD", "STREAMS", "one", "0") == [[b"one", [[entry, [b"f", b"y" * 3000000]]]]]
EOF
    assert_success
}

@test "entries with many fields, empty ones and all bytes survive a kill" {
    start_udsd --store "$DIR/store"
    cat >"$DIR/odd.py" <<'EOF'
import sys
from resp import Client
client = Client(sys.argv[1])
every = bytes(range(256))
odd = {
    "many": [b"f%d" % i if i % 2 == 0 else b"v%d" % i for i in range(20000)],
    "empty": [b"", b"", b"", b"x"],
    "bytes": [every, every * 40, b"\r\n", b"$-1\r\n"],
    "large": [b"n" * 100000, b"v" * 1000000],
    every[1:101]: [b"f", b"v"],
}
for key, fields in odd.items():
    if sys.argv[2] == "add":
        # Twice: the second entry has the fields of the first one.
        client.call("XADD", key, "1-1", *fields)
        client.call("XADD", key, "1-2", *fields)
    assert client.call("XRANGE", key, "-", "+") == [[b"1-1", fields], [b"1-2", fields]], key
    assert client.call("XREVRANGE", key, "+", "-", "COUNT", "1") == [[b"1-2", fields]], key
EOF
    run "$PYTHON" "$DIR/odd.py" "$S" add
    assert_success
    kill_udsd
    start_udsd --store "$DIR/store"
    run "$PYTHON" "$DIR/odd.py" "$S" look
    assert_success
}

@test "max_streams and max_pending hold, and end when there is room again" {
    start_configured '[store]' "directory = $DIR/store" 'max_streams = 10' '[stream *]' 'max_pending = 100'
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])

for i in range(10):
    client.call("XADD", "s%d" % i, "*", "f", "v")
assert "max_streams" in client.refusal("XADD", "s10", "*", "f", "v")
assert "max_streams" in client.refusal("XGROUP", "CREATE", "s10", "g", "$", "MKSTREAM")
assert client.call("XADD", "s10", "NOMKSTREAM", "*", "f", "v") is None
client.call("XADD", "s9", "*", "f", "v")
assert client.call("DEL", "s8") == 1
client.call("XADD", "s10", "*", "f", "v")

client.send_raw(b"".join(client.encode("XADD", "s1", "*", "n", "%d" % i) for i in range(300)))
ids = [client.read() for _ in range(300)]
client.call("XGROUP", "CREATE", "s1", "g", ids[0])
def take():
    answer = client.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s1", ">")
    return [entry for entry, _ in answer[0][1]] if answer else []
got = take()
assert got == ids[1:101], len(got)
assert take() == []
assert client.call("XREADGROUP", "GROUP", "g", "c", "BLOCK", "1", "STREAMS", "s1", ">") is None
assert client.call("XACK", "s1", "g", *got[:30]) == 30
assert take() == ids[101:131]
# Who waits for room is woken by an acknowledgement.
waiter = Client(sys.argv[1])
waiter.send("XREADGROUP", "GROUP", "g", "d", "BLOCK", "0", "STREAMS", "s1", ">")
while b"blocked_clients:1" not in client.call("INFO"):
    pass
assert client.call("XACK", "s1", "g", got[40]) == 1
assert waiter.read()[0][1][0][0] == ids[131]
EOF
    assert_success
}

@test "a queue that is full before it has a worker can be worked off" {
    start_configured '[store]' "directory = $DIR/store" 'max_bytes_per_uid = 1M'
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
a = Client(sys.argv[1])
add = "XADD", "jobs", "*", "f", "v" * 10000
while not isinstance(a.try_call(*add), Error):
    pass
assert a.refusal(*add).startswith("OOM")
assert a.refusal("XGROUP", "CREATE", "other", "g", "0", "MKSTREAM").startswith("OOM")
assert a.call("XGROUP", "CREATE", "jobs", "g", "0") == b"OK"
assert a.call("UDSD", "GROUP", "jobs", "g", "SET", "paused", "0") == b"OK"
ids = [entry[0] for entry in a.call("XREADGROUP", "GROUP", "g", "c", "COUNT", "50", "STREAMS", "jobs", ">")[0][1]]
assert a.call("XACKDEL", "jobs", "g", "ACKED", "IDS", str(len(ids)), *ids) == [1] * len(ids)
a.call(*add)
EOF
    # A store that is full as a whole.
    stop_udsd
    start_configured '[store]' "directory = $DIR/whole" 'max_bytes = 1M'
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
a = Client(sys.argv[1])
while not isinstance(a.try_call("XADD", "jobs", "*", "f", "v" * 10000), Error):
    pass
assert a.call("XGROUP", "CREATE", "jobs", "g", "0") == b"OK"
EOF
}

@test "who is over max_bytes_per_uid can end a pause, change a group's values, and delete" {
    start_configured '[store]' "directory = $DIR/store" 'max_bytes_per_uid = 16K'
    run -0 "$UDSCTL" -s "$S" send --store a x y
    run -0 "$UDSCTL" -s "$S" pause --create a
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
a = Client(sys.argv[1])
a.call("XGROUP", "CREATE", "a", "plain", "0")
got = a.call("XREADGROUP", "GROUP", "plain", "c", "COUNT", "2", "STREAMS", "a", ">")[0][1]
n = 0
while not isinstance(a.try_call("XGROUP", "CREATE", "a", "g%d" % n, "0"), Error):
    n += 1
assert a.refusal("UDSD", "GROUP", "a", "plain", "SET", "paused", "1").startswith("OOM")
assert a.call("UDSD", "GROUP", "a", "plain", "SET", "paused", "0") == b"OK"
assert a.call("UDSD", "GROUP", "a", "work", "SET", "max_deliveries", "3") == b"OK"
EOF
    run -0 "$UDSCTL" -s "$S" resume a
    run -0 "$UDSCTL" -s "$S" jobs a
    refute_output --partial paused
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
a = Client(sys.argv[1])
entries = [entry[0] for entry in a.call("XRANGE", "a", "-", "+")]
values = a.call("UDSD", "GROUP", "a", "work")
assert values[values.index(b"max_deliveries") + 1] == 3, values
assert a.call("UDSD", "GROUP", "a", "work", "SET", "max_deliveries", "") == b"OK"
assert a.refusal("XADD", "a", "*", "f", "v").startswith("OOM")
assert a.call("XACK", "a", "plain", entries[0]) == 1
assert a.call("XGROUP", "DELCONSUMER", "a", "plain", "c") == 1
assert a.call("XDEL", "a", entries[0]) == 1
assert a.call("XTRIM", "a", "MAXLEN", "0") == 1
assert a.call("XGROUP", "DESTROY", "a", "plain") == 1
assert a.call("DEL", "a") == 1
assert a.call("XADD", "a", "*", "f", "v")
EOF
}

@test "commands with as many ids as there may be end" {
    start_configured '[store]' "directory = $DIR/store" '[limits]' 'queue_limit = 16M' 'queue_limit_per_uid = 256M'
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
client = Client(sys.argv[1])
client.call("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
ids = ["%d-1" % i for i in range(1, 65000)]
last = [client.call("XADD", "s", ids[-1], "f", "v")]
client.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
assert client.call("XCLAIM", "s", "g", "d", "0", *ids, "JUSTID") == last
# However many options there are.
assert client.call("XCLAIM", "s", "g", "d", "0", *ids[-10:], *["JUSTID"] * 60000) == last
assert client.call("XNACK", "s", "g", "FAIL", "IDS", str(len(ids)), *ids) == 1
assert client.call("XACKDEL", "s", "g", "ACKED", "IDS", str(len(ids)), *ids) == [-1] * (len(ids) - 1) + [1]
client.call("XADD", "s", "65001-1", "f", "v")
assert client.call("XDELEX", "s", "IDS", str(len(ids)), *ids[1:], "65001-1") == [-1] * (len(ids) - 1) + [1]
assert client.call("XDEL", "s", *ids) == 0 and client.call("XACK", "s", "g", *ids) == 0
EOF
    assert_success
}

@test "streams that come and go within a transaction do not count as waiting for the disk" {
    start_configured '[store]' "directory = $DIR/store" 'queue_bytes = 1M'
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
client = Client(sys.argv[1])
for i in range(20):
    client.call("MULTI")
    client.call("XADD", "s", "*", "f", b"x" * 200000)
    client.call("DEL", "s")
    assert client.call("EXEC")[1] == 1
client.call("XADD", "t", "*", "f", "v")
EOF
    assert_success
}

@test "a command with thousands of streams, of which one expires while it runs" {
    start_configured '[store]' "directory = $DIR/store"
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])
def replies(n):
    answers = [client.try_read() for _ in range(n)]
    assert all("NOGROUP" in str(answer) for answer in answers if isinstance(answer, Error)), answers
names = ["k%d" % i for i in range(3000)]
client.send_raw(b"".join(client.encode("XGROUP", "CREATE", name, "g", "0", "MKSTREAM") for name in names))
replies(len(names))
read = client.encode("XREADGROUP", "GROUP", "g", "c", "STREAMS", "e", *names, *[">"] * (len(names) + 1))
for i in range(50):
    client.call("XGROUP", "CREATE", "e", "g", "0", "MKSTREAM")
    client.send_raw(client.encode("PEXPIRE", "e", str(1 + i % 12)) + 4 * read)
    replies(5)
    client.call("DEL", "e")
EOF
    assert_success
}

@test "a transaction that needs more from disk than fits into memory is refused as a whole" {
    start_configured '[store]' "directory = $DIR/store" 'cache = 64K'
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])

def read():
    try:
        return client.read()
    except Error as error:
        return str(error)

def transaction(*command):
    client.send_raw(client.encode("MULTI") + client.encode(*command) + client.encode("EXEC"))
    assert [client.read(), client.read()] == [b"OK", b"QUEUED"]
    assert client.line() == b"*1"
    return read()

# Each entry has a block of its own. The first one that is kept may be of any size, and then there is room for 64K.
ids = [client.call("XADD", "s", "*", "f", "v" * 20000) for _ in range(40)]
for command in ("XDEL", "s", *ids[:5]), ("XDELEX", "s", "IDS", "5", *ids[::6][:5]), ("XRANGE", "s", "-", ids[4]):
    client.send_raw(client.encode("MULTI") + client.encode("XADD", "t", "*", "f", "v") + client.encode(*command) +
                    client.encode("EXEC"))
    answer = [client.read() for _ in range(3)] + [read()]
    assert answer[3].startswith("EXECABORT") and "[store] cache" in answer[3], answer
    assert client.call("XLEN", "s") == 40 and client.call("XLEN", "t") == 0
assert transaction("XDEL", "s", *ids[:3]) == 3
assert len(transaction("XRANGE", "s", ids[3], ids[5])) == 3
# What is named twice is looked for in the block before, once it is gone with its own.
ids[-3:] = [client.call("XADD", "s", "*", "f", "v" * 20000) for _ in range(3)]
assert transaction("XDEL", "s", ids[-1], ids[-1]) == 1
assert transaction("XDELEX", "s", "IDS", "2", ids[-2], ids[-2]) == [1, -1]
EOF
    assert_success
}

@test "what a group has pending is searched and dropped in turns" {
    start_configured '[store]' "directory = $DIR/store" '[stream *]' 'max_pending = 1000000'
    "$PYTHON" - "$S" 300000 <<'EOF'
import sys
from crowd import encode_all
from resp import Client
client, n = Client(sys.argv[1]), int(sys.argv[2])
for begin in range(1, n + 1, 10000):
    client.send_raw(encode_all([["XADD", "s", "1-%d" % i, "f", "v"] for i in range(begin, begin + 10000)]))
    for _ in range(10000):
        client.read()
client.call("XGROUP", "CREATE", "s", "g", "0")
while client.call("XREADGROUP", "GROUP", "g", "c", "COUNT", "10000", "STREAMS", "s", ">"):
    pass
assert client.call("XPENDING", "s", "g")[0] == n
EOF
    stop_udsd
    start_with_config # its costliest pass is one of these
    run "$PYTHON" - "$S" 300000 <<'EOF'
import sys
from resp import Client, info
path, n = sys.argv[1], int(sys.argv[2])
client, sees, paces = Client(path), Client(path), Client(path)

def costliest():
    return int(info(paces)["pass_work_max"])

def ids(answer):
    return [entry[0] for entry in answer[0][1]]

# The oldest first: those that were claimed a moment ago come last.
claim = ["XREADGROUP", "GROUP", "g", "d", "COUNT", "3", "CLAIM", "0", "STREAMS", "s", ">"]
assert ids(client.call(*claim)) == [b"1-1", b"1-2", b"1-3"]
assert costliest() < 3000000, costliest()  # what the clients of a user get in one pass, and a little
client.call("MULTI")
client.call(*claim)
client.call("XACK", "s", "g", "1-1")
answers = client.call("EXEC")
assert ids(answers[0]) == [b"1-4", b"1-5", b"1-6"] and answers[1] == 1, answers
client.send("XGROUP", "DELCONSUMER", "s", "g", "c")
for _ in range(100):
    sees.send("XPENDING", "s", "g")
    paces.call("PING")
counts = [sees.read()[0] for _ in range(100)]
assert client.read() == n - 6
assert any(5 < count < n - 1 for count in counts), counts
assert client.call("XPENDING", "s", "g")[0] == 5
assert [row[1] for row in client.call("XINFO", "CONSUMERS", "s", "g")] == [b"d"]
assert costliest() < 8000000, costliest()
EOF
    assert_success
}
