#!/usr/bin/env bats
# Commands about streams and keys beyond what redis-server can be compared with: rights, databases, what is on disk
# only, long answers, many keys. tests/differential has their answers.

load helper
load streams
load users

# restart_store: kills the daemon; all that is in the store is on disk only then.
restart_store() {
    kill_udsd
    start_with_config
}

# redis WORD...: a command, and its answer as Python writes it, or the text of the error.
redis() {
    "$PYTHON" - "$@" <<'EOF'
import os, sys
from resp import Client, Error
try:
    print(Client(os.environ["UDSD_SOCKET"]).call(*sys.argv[1:]))
except Error as error:
    print(error)
EOF
}

answers() { # TEXT WORD...
    local text=$1
    shift
    [ "$(redis "$@")" = "$text" ]
}

@test "without a store, commands about streams say that streams are off" {
    start_udsd
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])
for command in ("XADD s * f v", "XLEN s", "XRANGE s - +", "XREVRANGE s + -", "XDEL s 1", "XDELEX s IDS 1 1",
                "XTRIM s MAXLEN 1", "XSETID s 1", "DEL s", "UNLINK s", "EXISTS s", "TOUCH s", "TYPE s", "KEYS x",
                "SCAN 0", "DBSIZE", "RANDOMKEY", "RENAME a b", "RENAMENX a b", "FLUSHALL", "FLUSHDB", "EXPIRE s 1",
                "PEXPIRE s 1", "EXPIREAT s 1", "PEXPIREAT s 1", "TTL s", "PTTL s", "EXPIRETIME s", "PEXPIRETIME s",
                "PERSIST s"):
    try:
        raise AssertionError(client.call(*command.split()))
    except Error as error:
        assert str(error) == "ERR streams are off: set [store] directory, or start udsd with --store", command
EOF
    assert_success
    run redis WAITAOF 1 0 0
    assert_output "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
    run redis WAITAOF 0 0 0
    assert_output "[0, 0]"
    run redis GET s
    assert_output "ERR unknown command 'GET': udsd stores streams and no other keys"
}

@test "streams are in database 0" {
    start_store
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])
assert client.call("SELECT", "3") == b"OK"
for command in ["XADD", "s", "*", "f", "v"], ["EXISTS", "s"], ["KEYS", "*"], ["FLUSHDB"], ["DBSIZE"]:
    try:
        raise AssertionError(client.call(*command))
    except Error as error:
        assert str(error) == "ERR streams are in database 0, and this connection has selected database 3", error
assert client.call("PUBLISH", "s", "x") == 0
assert client.call("SELECT", "0") == b"OK"
assert client.call("DBSIZE") == 0
EOF
    assert_success
}

@test "who may publish may add, who may subscribe may read, administrators do the rest" {
    need_root
    start_hub_with <<EOF
[store]
directory = $DIR/store
[channel in.*]
publish = nobody
subscribe = root
[channel out.*]
publish = root
subscribe = nobody
[channel private]
publish = root
subscribe = root
EOF
    run "$PYTHON" - "$S" <<'EOF'
import sys
from crowd import As, NOBODY
from resp import Client, Error
root = Client(sys.argv[1])
with As(NOBODY):
    nobody = Client(sys.argv[1])

def refused(*command):
    try:
        answer = nobody.call(*command)
    except Error as error:
        return str(error)
    raise AssertionError("%s: %s" % (command, answer))

assert nobody.call("XADD", "in.1", "1-1", "f", "v") == b"1-1"
for key in "out.1", "private", "free":
    assert root.call("XADD", key, "1-1", "f", "v") == b"1-1"
name = "uid %d" % NOBODY
key = "NOPERM No permissions to access a key: " + name + " may not "
assert refused("XADD", "out.1", "*", "f", "v") == key + "add to 'out.1'"
assert refused("XADD", "private", "*", "f", "v") == key + "add to 'private'"
assert refused("XRANGE", "in.1", "-", "+") == key + "read 'in.1'"
assert refused("XREVRANGE", "private", "+", "-") == key + "read 'private'"
assert nobody.call("XRANGE", "out.1", "-", "+") == [[b"1-1", [b"f", b"v"]]]
assert nobody.call("XADD", "free", "2-1", "f", "v") == b"2-1"
# That a stream is there, how long it is, and when it ends, may be asked by who may do either.
for command in "XLEN", "EXISTS", "TOUCH":
    assert nobody.call(command, "in.1") == nobody.call(command, "out.1") == 1
    assert refused(command, "private") == key + "read 'private'"
assert nobody.call("TYPE", "in.1") == b"stream"
assert nobody.call("TTL", "out.1") == -1
assert refused("PTTL", "private") == key + "read 'private'"
assert refused("EXISTS", "in.1", "private") == key + "read 'private'"
assert sorted(nobody.call("KEYS", "*")) == [b"free", b"in.1", b"out.1"]
assert sorted(nobody.call("SCAN", "0", "COUNT", "100")[1]) == [b"free", b"in.1", b"out.1"]
assert sorted(root.call("KEYS", "*")) == [b"free", b"in.1", b"out.1", b"private"]
assert all(nobody.call("RANDOMKEY") != b"private" for _ in range(50))
for command in (["DEL", "in.1"], ["UNLINK", "free"], ["XDEL", "free", "1-1"], ["XDELEX", "free", "IDS", "1", "1-1"],
                ["XTRIM", "free", "MAXLEN", "0"], ["XSETID", "free", "9-9"], ["RENAME", "free", "f"],
                ["RENAMENX", "free", "f"], ["FLUSHALL"], ["FLUSHDB"], ["EXPIRE", "free", "1"], ["PEXPIRE", "free", "1"],
                ["EXPIREAT", "free", "1"], ["PEXPIREAT", "free", "1"], ["PERSIST", "free"],
                ["CONFIG", "SET", "stream-node-max-entries", "5"]):
    expected = "config|set" if command[0] == "CONFIG" else command[0].lower()
    assert refused(*command) == ("NOPERM %s has no permissions to run the '%s' command: administrators only" %
                                 (name, expected)), command
# A transaction refuses at once, and fails then.
assert nobody.call("MULTI") == b"OK"
assert refused("XADD", "out.1", "*", "f", "v") == key + "add to 'out.1'"
assert nobody.call("XADD", "in.1", "*", "f", "v") == b"QUEUED"
assert refused("EXEC").startswith("EXECABORT")
assert nobody.call("XLEN", "in.1") == 1
# Who may add may trim with it.
assert nobody.call("XADD", "in.1", "MAXLEN", "1", "5-1", "f", "v") == b"5-1"
assert root.call("XRANGE", "in.1", "-", "+") == [[b"5-1", [b"f", b"v"]]]
EOF
    assert_success
}

@test "names of udsd itself and names that are too long are refused" {
    start_store
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])

def refused(*command):
    try:
        answer = client.call(*command)
    except Error as error:
        return str(error)
    raise AssertionError("%s: %s" % (command, answer))

reserved, long = "__udsd__:x", "x" * 1025
client.call("XADD", "s", "*", "f", "v")
for key in reserved, long:
    text = "NOPERM No permissions to access a key: names that begin with '__udsd__:' are reserved" \
        if key == reserved else "ERR the name has 1025 bytes; names of channels and patterns may have 1024"
    for command in (["XADD", key, "*", "f", "v"], ["XRANGE", key, "-", "+"], ["XLEN", key], ["EXISTS", key],
                    ["RENAME", "s", key], ["RENAMENX", "s", key], ["EXPIRE", key, "1"], ["TYPE", key]):
        assert refused(*command) == text, command
    assert client.call("DEL", key) == 0
assert client.call("XADD", "x" * 1024, "1-1", "f", "v") == b"1-1"
assert client.call("RENAME", "x" * 1024, "y" * 1024) == b"OK"
assert client.call("XLEN", "y" * 1024) == 1
EOF
    assert_success
}

@test "what was answered is there after kill -9" {
    start_store
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
client = Client(sys.argv[1])
for command in ("XADD kept 1-1 f v", "XADD kept 1-2 f v", "XDEL kept 1-1", "XADD gone 1-1 f v", "DEL gone",
                "XADD old 1-1 f v", "RENAME old new", "EXPIREAT new 4000000000", "XADD trimmed 1-1 f v",
                "XADD trimmed MAXLEN 1 1-2 f v", "XADD set 1-1 f v", "XSETID set 9-9 ENTRIESADDED 5 MAXDELETEDID 3-3"):
    client.call(*command.split())
EOF
    restart_store
    run redis XRANGE kept - +
    assert_output "[[b'1-2', [b'f', b'v']]]"
    run redis EXISTS gone old
    assert_output 0
    run redis EXPIRETIME new
    assert_output 4000000000
    run redis XRANGE trimmed - +
    assert_output "[[b'1-2', [b'f', b'v']]]"
    run redis XADD set 9-9 f v
    assert_output "ERR The ID specified in XADD is equal or smaller than the target stream top item"
    redis FLUSHALL
    restart_store
    run redis DBSIZE
    assert_output 0
}

@test "each command works on what is on disk only" {
    start_store
    "$PYTHON" - "$S" <<'EOF'
import sys
from crowd import encode_all
from resp import Client
client = Client(sys.argv[1])
for key in "range", "reverse", "del", "delex", "trim", "add", "minid", "set", "exec":
    client.send_raw(encode_all([["XADD", key, "1-%d" % i, "n", str(i), "x", "y" * 100] for i in range(1, 1001)]))
    for _ in range(1000):
        client.read()
EOF
    restart_store
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])
call = client.call

def entries(low, high, step=1):
    return [[b"1-%d" % i, [b"n", b"%d" % i, b"x", b"y" * 100]] for i in range(low, high + step, step)]

# EXEC fetches what it needs before it begins.
call("MULTI")
call("XRANGE", "exec", "1-300", "1-700")
call("XLEN", "exec")
assert call("EXEC") == [entries(300, 700), 1000]

assert call("XRANGE", "range", "-", "+") == entries(1, 1000)
assert call("XREVRANGE", "reverse", "+", "-", "COUNT", "500") == entries(1000, 501, -1)
assert call("XDEL", "del", *["1-%d" % i for i in range(1, 1001, 3)]) == 334
assert call("XLEN", "del") == 666
assert call("XRANGE", "del", "1-1", "1-5") == [e for e in entries(1, 5) if e[0] not in (b"1-1", b"1-4")]
assert call("XDELEX", "delex", "IDS", "4", "1-700", "1-5", "9-9", "1-5") == [1, 1, -1, -1]
assert call("XTRIM", "trim", "MAXLEN", "513") == 487
assert call("XRANGE", "trim", "-", "+", "COUNT", "2") == entries(488, 489)
assert call("XADD", "add", "MAXLEN", "333", "2-1", "f", "v") == b"2-1"
assert call("XLEN", "add") == 333
assert call("XTRIM", "minid", "MINID", "1-555") == 554
assert call("XRANGE", "minid", "-", "+", "COUNT", "1") == entries(555, 555)
assert call("XDEL", "set", "1-1000") == 1
assert call("XSETID", "set", "1-1000") == b"OK"
EOF
    assert_success
}

@test "many clients read what is on disk at once, with little memory for it" {
    start_store "cache = 1M"
    "$PYTHON" - "$S" <<'EOF'
import sys
from crowd import encode_all
from resp import Client
client = Client(sys.argv[1])
for begin in range(1, 20001, 1000):
    client.send_raw(encode_all([["XADD", "s", "1-%d" % i, "n", str(i), "x", "y" * 200]
                                for i in range(begin, begin + 1000)]))
    for _ in range(1000):
        client.read()
EOF
    restart_store
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
clients = [Client(sys.argv[1]) for _ in range(20)]
for i, client in enumerate(clients):
    client.send("XRANGE", "s", "1-%d" % (i * 500 + 1), "+", "COUNT", "10000")
    client.send("XREVRANGE", "s", "+", "-", "COUNT", "50")
    client.send("XLEN", "s")
for i, client in enumerate(clients):
    answer = client.read()
    assert [e[0] for e in answer] == [b"1-%d" % n for n in range(i * 500 + 1, i * 500 + 10001)]
    assert len(client.read()) == 50
    assert client.read() == 20000
EOF
    assert_success
}

@test "an answer over queue_limit is an error that says what to do" {
    start_store '[limits]' 'queue_limit = 1M'
    run "$PYTHON" - "$S" <<'EOF'
import sys
from crowd import encode_all
from resp import Client, Error
client = Client(sys.argv[1])
for begin in range(1, 5001, 1000):
    client.send_raw(encode_all([["XADD", "s", "1-%d" % i, "f", "x" * 1000] for i in range(begin, begin + 1000)]))
    for _ in range(1000):
        client.read()
for command in ["XRANGE", "s", "-", "+"], ["XREVRANGE", "s", "+", "-", "COUNT", "5000"]:
    try:
        raise AssertionError(client.call(*command))
    except Error as error:
        assert str(error) == "ERR the answer takes more than queue_limit (1048576 bytes): ask for less, with COUNT"
assert len(client.call("XRANGE", "s", "-", "+", "COUNT", "900")) == 900
assert client.call("PING") == b"PONG"
EOF
    assert_success
}

@test "KEEPREF, DELREF and ACKED say what deleting means for groups" {
    start_store
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
call = Client(sys.argv[1]).call
for i in range(1, 7):
    call("XADD", "s", "1-%d" % i, "f", "v")
for group, count in ("g", "4"), ("h", "2"):
    call("XGROUP", "CREATE", "s", group, "0")
    call("XREADGROUP", "GROUP", group, "c", "COUNT", count, "STREAMS", "s", ">")
    call("XACK", "s", group, "1-1", "1-2")

def pending():
    return call("XPENDING", "s", "g")[0]

# 1-1 and 1-2 are done with; g has not acknowledged the next two, and h has not seen them.
assert call("XDELEX", "s", "ACKED", "IDS", "3", "1-1", "1-3", "9-9") == [1, 2, -1]
assert call("XTRIM", "s", "MAXLEN", "0", "ACKED") == 1
assert call("XADD", "s", "ACKED", "MAXLEN", "1", "2-1", "f", "v") == b"2-1"
assert call("XLEN", "s") == 5 and pending() == 2
assert call("XDELEX", "s", "IDS", "1", "1-3") == [1]
assert pending() == 2
assert call("XDELEX", "s", "DELREF", "IDS", "2", "1-3", "1-4") == [-1, 1]
assert pending() == 0
call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")
assert pending() == 3
assert call("XADD", "s", "MAXLEN", "2", "3-1", "f", "v") == b"3-1"
assert call("XLEN", "s") == 2 and pending() == 3
assert call("XTRIM", "s", "DELREF", "MINID", "3") == 1
assert pending() == 2
assert call("XADD", "s", "DELREF", "MAXLEN", "0", "4-1", "f", "v") == b"4-1"
assert call("XLEN", "s") == 0
EOF
    assert_success
}

@test "a trim that looks at each entry goes on in turns, and waits for the disk" {
    start_store "cache = 1M"
    "$PYTHON" - "$S" <<'EOF'
import sys
from crowd import encode_all
from resp import Client
client = Client(sys.argv[1])
for key in "s", "t":
    for begin in range(0, 40000, 1000):
        client.send_raw(encode_all([["XADD", key, "1-%d" % (begin + i + 1), "f", "v" * 50] for i in range(1000)]))
        for _ in range(1000):
            client.read()
    client.call("XGROUP", "CREATE", key, "g", "1-30000")
EOF
    restart_store
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
client, other = Client(sys.argv[1]), Client(sys.argv[1])
client.send("XTRIM", "s", "MAXLEN", "0", "ACKED")
client.send("XADD", "t", "MAXLEN", "100", "ACKED", "2-1", "f", "v")
client.send("XLEN", "t")
for _ in range(20):
    assert other.call("PING") == b"PONG"
assert client.read() == 30000
assert client.read() == b"2-1"
assert client.read() == 10001
assert client.call("XLEN", "s") == 10000
EOF
    assert_success
}

@test "clients leave in the middle of long commands, and others take their turn" {
    start_store "cache = 1M"
    run "$PYTHON" - "$S" <<'EOF'
import sys
from crowd import encode_all
from resp import Client
path = sys.argv[1]
client = Client(path)
for begin in range(0, 60000, 1000):
    client.send_raw(encode_all([["XADD", "s", "1-%d" % (begin + i + 1), "f", "v"] for i in range(1000)]))
    for _ in range(1000):
        client.read()
client.send_raw(encode_all([["XADD", "k.%d" % i, "1-1", "f", "v"] for i in range(2000)]))
for _ in range(2000):
    client.read()
keys = ["k.%d" % i for i in range(2000)]
ids = ["1-%d" % i for i in range(1, 3001)]
long = [["XRANGE", "s", "-", "+"], ["XREVRANGE", "s", "+", "-"], ["KEYS", "*"], ["EXISTS"] + keys * 20,
        ["XDEL", "s"] + ids, ["XDELEX", "s", "IDS", "3000"] + ids, ["XADD", "s", "ACKED", "MAXLEN", "50000", "*", "f", "v"]]
for round in range(6):
    leaving = []
    for command in long:
        for transaction in False, True:
            other = Client(path)
            other.send_raw(encode_all([["MULTI"], command, command, ["EXEC"]] if transaction else [command] * 3))
            leaving.append(other)
    for i, other in enumerate(leaving):
        if i % 3 == round % 3:
            client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") if i == 12 else other.close()
    for other in leaving:
        other.close()
    assert len(client.call("XRANGE", "s", "-", "+", "COUNT", "20000")) == 20000
    assert len(client.call("KEYS", "*")) == 2001
assert client.call("DEL", *keys) == 2000
EOF
    assert_success
}

@test "SCAN and KEYS find all of many streams, while others come and go" {
    start_store
    run "$PYTHON" - "$S" <<'EOF'
import sys
from crowd import encode_all
from resp import Client
client, other = Client(sys.argv[1]), Client(sys.argv[1])

def send(commands):
    for begin in range(0, len(commands), 1000):
        other.send_raw(encode_all(commands[begin:begin + 1000]))
        for _ in commands[begin:begin + 1000]:
            other.read()

send([["XADD", "stay.%d" % i, "1-1", "f", "v"] for i in range(3000)])
send([["XADD", "go.%d" % i, "1-1", "f", "v"] for i in range(3000)])
found, cursor, steps = [], b"0", 0
while steps == 0 or cursor != b"0":
    cursor, names = client.call("SCAN", cursor, "COUNT", "100", "MATCH", "stay.*")
    found += names
    send([["DEL", "go.%d" % i] for i in range(steps * 100, steps * 100 + 100)])
    send([["XADD", "new.%d.%d" % (steps, i), "1-1", "f", "v"] for i in range(steps % 7 * 10)])
    steps += 1
assert sorted(found) == sorted(b"stay.%d" % i for i in range(3000)), len(found)
assert steps > 20
assert sorted(client.call("KEYS", "stay.*")) == sorted(found)
assert client.call("DBSIZE") == len(client.call("KEYS", "*"))
assert client.call("DEL", *found) == 3000
assert client.call("EXISTS", *found) == 0
assert client.call("FLUSHALL") == b"OK"
assert client.call("DBSIZE") == 0
EOF
    assert_success
}

@test "a stream goes when its time has come" {
    start_store
    redis XADD s 1-1 f v
    redis XADD t 1-1 f v
    run redis PEXPIRE s 300
    assert_output 1
    redis PEXPIREAT t 4000000000000
    wait_until answers 1 DBSIZE
    run redis XLEN s
    assert_output 0
    run redis TTL s
    assert_output -- -2
    restart_store
    wait_until answers 1 DBSIZE
}

@test "there may be only so many streams, and a user may store only so much" {
    start_store "max_streams = 2" "max_bytes_per_uid = 100K"
    redis XADD a 1-1 f v
    redis XADD b 1-1 f v
    run redis XADD c 1-1 f v
    assert_output "ERR too many streams; the limit is 2 (max_streams)"
    run redis XADD c NOMKSTREAM 1-1 f v
    assert_output None
    run "$PYTHON" - "$S" "$(id -u)" <<'EOF'
import sys
from resp import Client, Error
client = Client(sys.argv[1])
for i in range(1000):
    try:
        client.call("XADD", "a", "*", "f", "x" * 1000)
    except Error as error:
        assert str(error) == ("OOM command not allowed: the streams of uid %s are full (max_bytes_per_uid = 100K)" %
                              sys.argv[2]), error
        break
assert 50 < i < 200, i
assert client.call("XTRIM", "a", "MAXLEN", "1") > 50
assert client.call("XADD", "a", "*", "f", "v")
EOF
    assert_success
}

@test "CONFIG SET stream-node-max-entries holds after a reload, and blocks are as small as it says" {
    start_store
    run redis CONFIG GET stream-node-max-entries
    assert_output "[b'stream-node-max-entries', b'100']"
    redis CONFIG SET stream-node-max-entries 7
    redis UDSD RELOAD
    run redis CONFIG GET stream-node-max-entries
    assert_output "[b'stream-node-max-entries', b'7']"
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
client = Client(sys.argv[1])
for i in range(1, 31):
    client.call("XADD", "s", "1-%d" % i, "f", "v")
EOF
    # Only whole blocks go.
    run redis XTRIM s MAXLEN "~" 20
    assert_output 7
    run redis XTRIM s MINID "~" 1-16 LIMIT 0
    assert_output 7
}

@test "a transaction is stored as a whole" {
    start_store
    run "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
client = Client(sys.argv[1])
client.send("MULTI")
for i in range(2000):
    client.send("XADD", "a", "%d-1" % (i + 1), "f", "v")
    client.send("XADD", "b", "MAXLEN", "5", "%d-1" % (i + 1), "f", "v")
client.send("EXEC")
for _ in range(4001):
    client.read()
assert len(client.read()) == 4000
EOF
    assert_success
    restart_store
    run redis XLEN a
    assert_output 2000
    run redis XLEN b
    assert_output 5
}

@test "a producer that repeats an XADD adds nothing, also after kill -9" {
    start_store
    run "$PYTHON" - "$S" "$DIR/ids" <<'EOF'
import sys
from resp import Client, Error, wait_until
client = Client(sys.argv[1])
call = client.call

def add(*words):
    return call("XADD", "s", *words, "*", "f", "v")

ids = {(p, i): add("IDMP", p, i) for p in ("p1", "p2") for i in ("a", "b", "\0" * 70000)}
assert len(set(ids.values())) == call("XLEN", "s") == 6
for (p, i), id in ids.items():
    assert add("MAXLEN", "~", "1000", "IDMP", p, i) == id
auto = call("XADD", "s", "IDMPAUTO", "p1", "*", "a", "1", "b", "2")
assert call("XADD", "s", "IDMPAUTO", "p1", "*", "b", "2", "a", "1") == auto
assert call("XADD", "s", "IDMPAUTO", "p1", "*", "a", "2", "b", "1") != auto
assert call("XADD", "s", "IDMPAUTO", "p2", "*", "a", "1", "b", "2") != auto
assert call("XLEN", "s") == 9
# So many are known of each producer, and then the oldest is forgotten.
first = call("XADD", "ring", "IDMP", "p", "0", "*", "f", "v")
for i in range(1, 100):
    call("XADD", "ring", "IDMP", "p", "%d" % i, "*", "f", "v")
assert call("XADD", "ring", "IDMP", "p", "0", "*", "f", "v") == first
call("XADD", "ring", "IDMP", "p", "100", "*", "f", "v")
assert call("XADD", "ring", "IDMP", "p", "0", "*", "f", "v") != first
# XCFGSET forgets all when it changes something.
one = call("XADD", "t", "IDMP", "p", "1", "*", "f", "v")
assert call("XCFGSET", "t", "IDMP-DURATION", "100", "IDMP-MAXSIZE", "100") == b"OK"
assert call("XADD", "t", "IDMP", "p", "1", "*", "f", "v") == one
assert call("XCFGSET", "t", "IDMP-DURATION", "1") == b"OK"
two = call("XADD", "t", "IDMP", "p", "1", "*", "f", "v")
assert two != one
wait_until(lambda: call("XADD", "t", "IDMP", "p", "1", "*", "f", "v") != two, "the identifier to be forgotten")
assert call("XCFGSET", "t", "IDMP-DURATION", "70", "IDMP-MAXSIZE", "2") == b"OK"

def figures(key, *full):
    info = call("XINFO", "STREAM", key, *full)
    names = info[::2]
    if b"idmp-duration" not in names:
        return None
    begin = names.index(b"recorded-first-entry-id") + 1
    assert names[begin:begin + 6] == [b"idmp-duration", b"idmp-maxsize", b"pids-tracked", b"iids-tracked",
                                      b"iids-added", b"iids-duplicates"], names
    assert names[begin + 6] == (b"entries" if full else b"groups"), names
    return info[1::2][begin:begin + 6]

call("XADD", "plain", "*", "f", "v")
assert figures("plain") is figures("plain", "FULL") is None
assert call("XCFGSET", "plain", "IDMP-DURATION", "9") == b"OK"
assert figures("plain") == figures("plain", "FULL") == [9, 100, 0, 0, 0, 0]
assert figures("ring") == figures("ring", "FULL") == [100, 100, 1, 100, 102, 1]
assert figures("s") == [100, 100, 2, 9, 9, 7]
with open(sys.argv[2], "w") as file:
    print(ids["p2", "b"].decode(), auto.decode(), file=file)
for words, text in ((["IDMP", "p", "*", "f", "v"], "ERR Invalid stream ID specified as stream command argument"),
                    (["IDMP", "p", "i", "1-1", "f", "v"],
                     "ERR IDMP/IDMPAUTO can be used only with auto-generated IDs"),
                    (["IDMPAUTO", "p", "IDMP", "p", "i", "*", "f", "v"],
                     "ERR IDMP/IDMPAUTO specified multiple times"),
                    (["IDMP", "", "i", "*", "f", "v"], "ERR IDMP requires a non-empty producer ID"),
                    (["IDMP", "p", "", "*", "f", "v"], "ERR IDMP requires a non-empty idempotent ID"),
                    (["IDMPAUTO", "", "*", "f", "v"], "ERR IDMPAUTO requires a non-empty producer ID")):
    try:
        raise AssertionError(call("XADD", "s", *words))
    except Error as error:
        assert str(error) == text, error
EOF
    assert_success
    restart_store
    local id auto first
    read -r id auto <"$DIR/ids"
    run redis XADD s IDMP p2 b "*" f v
    assert_output "b'$id'"
    run redis XADD s IDMPAUTO p1 "*" b 2 a 1
    assert_output "b'$auto'"
    run redis XLEN s
    assert_output 9
    run redis XINFO STREAM ring
    assert_output --partial "b'iids-tracked', 100, b'iids-added', 102, b'iids-duplicates', 1,"
    # What XCFGSET has set holds still: of three, the first is forgotten.
    run redis XADD t IDMP q 1 "*" f v
    first=$output
    redis XADD t IDMP q 2 "*" f v
    redis XADD t IDMP q 3 "*" f v
    run redis XADD t IDMP q 1 "*" f v
    refute_output "$first"
}
