#!/usr/bin/env bats
# Streams on a disk that is full, slow or broken: what was answered stays, and messages do not wait.

load helper

# on_small_disk CASE: runs a case of stream-disk.py on a file system of 40 MiB.
on_small_disk() {
    unshare --mount true 2>/dev/null || skip "no right to mount"
    mkdir "$DIR/disk"
    # Loop devices are missing in some containers; memory is as small a disk.
    run unshare --mount sh -c '
        if truncate -s 40M "$1.img" && mkfs.ext4 -q "$1.img" && mount -o loop "$1.img" "$1"; then :
        else mount -t tmpfs -o size=40M none "$1"
        fi 2>/dev/null || exit 1
        shift; exec "$@"' sh "$DIR/disk" "$PYTHON" "$TOOLS/stream-disk.py" "$UDSD" "$DIR/disk" "$1" 3>&- 8>&-
    assert_success
}

@test "a disk filled and trimmed four times: refusals, trimming and acknowledging while it is full, files that shrink" {
    on_small_disk four-times
}

@test "max_bytes limits the store, and trimming makes room" {
    on_small_disk max-bytes
}

@test "without min_free, what a full disk cannot take waits until there is room, and is there then" {
    on_small_disk really-full
}

# make_flush_shim: $DIR/flush.so, with which flushes of files in $DIR/store wait while $DIR/store/hold exists, and fail
# while $DIR/store/fail does.
make_flush_shim() {
    command -v gcc >/dev/null || skip "no gcc"
    ! is_preload_refused || skip "a sanitizer wants to be the first library"
    gcc -shared -fPIC -o "$DIR/flush.so" "$TOOLS/flush-shim.c"
}

@test "while a flush takes long, messages flow: to others, and to those that wait for the disk themselves" {
    make_flush_shim
    run "$PYTHON" - "$UDSD" "$DIR/hub" "$DIR/flush.so" <<'EOF'
import os, select, sys
import resp
from streamhub import Hub

program, directory, shim = sys.argv[1:]
os.mkdir(directory)
store = os.path.join(directory, "store")
hub = Hub(program, directory, env={"LD_PRELOAD": shim, "FLUSH_DIR": store})
hold = os.path.join(store, "hold")

def is_quiet(client):
    return not select.select([client.sock], [], [], 0)[0]

receiver, adder, both, publisher, reader = (hub.connect() for _ in range(5))
receiver.call("SUBSCRIBE", "news")
both.send("HELLO", "3")
both.read()
both.call("SUBSCRIBE", "news")
adder.call("XADD", "jobs", "*", "n", "0")
open(hold, "w").close()
adder.send("XADD", "jobs", "*", "n", "1")
# What comes after a held answer keeps its place, but messages overtake it.
both.send_raw(both.encode("XADD", "jobs", "*", "n", "2") + both.encode("PING"))
for i in range(1000):
    text = b"%d" % i + b"x" * 1000
    assert publisher.call("PUBLISH", "news", text) == 2
    assert receiver.read() == [b"message", b"news", text]
    assert both.read() == [b"message", b"news", text]
# Who reads what is not durable waits as well.
reader.send("XLEN", "jobs")
assert publisher.call("PING") == b"PONG"
assert is_quiet(adder) and is_quiet(reader) and is_quiet(both), "an answer came before its flush"
os.unlink(hold)
assert b"-" in adder.read() and b"-" in both.read()
assert both.read() == b"PONG"
assert reader.read() == 3
assert [fields[1] for _, fields in reader.call("XRANGE", "jobs", "-", "+")] == [b"0", b"1", b"2"]

# A stop waits for the flush: what was taken is answered and stored.
open(hold, "w").close()
adder.send("XADD", "jobs", "*", "n", "3")
resp.wait_until(lambda: publisher.call("PING") == b"PONG", "a pass")
hub.process.terminate()
os.unlink(hold)
assert b"-" in adder.read()
assert hub.process.wait(resp.PATIENCE) == 0
hub.start()
assert hub.connect().call("XLEN", "jobs") == 4
hub.stop()
EOF
    assert_success
}

@test "a copy that nobody has taken away is removed before the next one, while others go on" {
    make_flush_shim
    run "$PYTHON" - "$UDSD" "$DIR/hub" "$DIR/flush.so" <<'EOF'
import glob, os, sys
import resp
from streamhub import Hub

program, directory, shim = sys.argv[1:]
os.mkdir(directory)
store = os.path.join(directory, "store")
hub = Hub(program, directory, env={"LD_PRELOAD": shim, "FLUSH_DIR": store})
hold = os.path.join(store, "hold")

def copies():
    return sorted(glob.glob(os.path.join(store, "backup-*.db")))

forgets, takes, other = (hub.connect() for _ in range(3))
other.call("XADD", "jobs", "*", "n", "0")
identity = b"id=%d " % forgets.call("CLIENT", "ID")
forgotten = [forgets.call("UDSD", "BACKUP").decode()]
assert copies() == forgotten
forgets.close()
resp.wait_until(lambda: identity not in other.call("CLIENT", "LIST"), "the end of a client")
open(hold, "w").close()
takes.send("UDSD", "BACKUP")
for _ in range(3):
    assert other.call("PING") == b"PONG"
os.unlink(hold)
taken = takes.read().decode()
assert copies() == [taken] and taken not in forgotten, (copies(), taken, forgotten)
hub.stop()
EOF
    assert_success
}

@test "an error that says what there is waits for the disk, as answers do" {
    make_flush_shim
    run "$PYTHON" - "$UDSD" "$DIR/hub" "$DIR/flush.so" <<'EOF'
import os, select, sys
import resp
from streamhub import Hub

program, directory, shim = sys.argv[1:]
os.mkdir(directory)
store = os.path.join(directory, "store")
hub = Hub(program, directory, env={"LD_PRELOAD": shim, "FLUSH_DIR": store})
hold = os.path.join(store, "hold")
writer, probe = hub.connect(), hub.connect()
for key in "a", "gone":
    writer.call("XADD", key, "1-1", "f", "v")
    writer.call("XGROUP", "CREATE", key, "old", "$")
open(hold, "w").close()
changes = [("XADD", "a", "5-1", "f", "v"), ("XGROUP", "CREATE", "a", "g", "$"), ("XGROUP", "DESTROY", "a", "old"),
           ("DEL", "gone")]
errors = [("XADD", "a", "5-1", "f", "v"), ("XGROUP", "CREATE", "a", "g", "$"), ("XPENDING", "a", "old"),
          ("XREADGROUP", "GROUP", "old", "c", "STREAMS", "a", ">"), ("XGROUP", "SETID", "a", "old", "$"),
          ("XINFO", "CONSUMERS", "a", "old"), ("XINFO", "STREAM", "gone"), ("XGROUP", "SETID", "gone", "old", "$"),
          ("RENAME", "gone", "x"), ("XSETID", "gone", "9-9")]
writer.send_raw(b"".join(writer.encode(*change) for change in changes))
assert probe.call("PING") == b"PONG"
askers = []
for error in errors:
    client = hub.connect()
    client.send(*error)
    askers.append(client)
for _ in range(3):
    assert probe.call("PING") == b"PONG"
early = [error for error, client in zip(errors, askers) if select.select([client.sock], [], [], 0)[0]]
assert not early, "answered before the disk: %r" % early
os.unlink(hold)
for error, client in zip(errors, askers):
    answer = client.try_read()
    assert isinstance(answer, resp.Error), "%r is answered with %r" % (error, answer)
hub.stop()
EOF
    assert_success
}

@test "a flush that fails: no answer to those that waited, streams are off, messages go on, a restart is clean" {
    make_flush_shim
    run "$PYTHON" - "$UDSD" "$DIR/hub" "$DIR/flush.so" <<'EOF'
import os, sys
import resp
from streamhub import Hub

program, directory, shim = sys.argv[1:]
os.mkdir(directory)
store = os.path.join(directory, "store")
hub = Hub(program, directory, env={"LD_PRELOAD": shim, "FLUSH_DIR": store})
fail, hold = os.path.join(store, "fail"), os.path.join(store, "hold")

receiver, adder, reader, blocked, idle, publisher = (hub.connect() for _ in range(6))
receiver.call("SUBSCRIBE", "news")
answered = [adder.call("XADD", "jobs", "*", "n", "%d" % i) for i in range(100)]
blocked.send("XREAD", "BLOCK", "0", "STREAMS", "jobs", "$")
idle.send("XREAD", "BLOCK", "0", "STREAMS", "other", "$")
resp.wait_until(lambda: resp.info(publisher)["blocked_clients"] == "2", "two blocked clients")
open(hold, "w").close()
adder.send("XADD", "jobs", "*", "n", "lost")
assert publisher.call("PING") == b"PONG"
reader.send("XLEN", "jobs")
assert publisher.call("PING") == b"PONG"
open(fail, "w").close()
os.unlink(hold)
for client in adder, reader, blocked:
    assert client.read_to_end() == b"", "an answer about what is not stored"
# Who waits for what cannot come any more is told so.
assert str(idle.try_read()).startswith("MISCONF ")
assert resp.info(publisher)["blocked_clients"] == "0" and idle.call("PING") == b"PONG"
assert publisher.call("PUBLISH", "news", "on") == 1
assert receiver.read() == [b"message", b"news", b"on"]
for command in [("XADD", "jobs", "*", "n", "x"), ("XADD", "new", "*", "n", "x")]:
    assert publisher.refusal(*command).startswith("MISCONF ")
assert publisher.call("PUBLISH", "news", "on") == 1
# It stays off when the disk is well again: what a failed flush has written is unknown.
os.unlink(fail)
assert publisher.refusal("XADD", "jobs", "*", "n", "x").startswith("MISCONF ")
log = open(hub.log).read()
assert "Input/output error" in log or "disk I/O error" in log, log
assert log.count("the store has failed") == 1, log
hub.process.terminate()
hub.process.wait(resp.PATIENCE)
assert hub.process.returncode >= 0, "it was killed by a signal"
hub.start()
client = hub.connect()
rows = client.call("XRANGE", "jobs", "-", "+")
assert [entry for entry, _ in rows[:100]] == answered
assert len(rows) <= 101 and client.call("XADD", "jobs", "*", "n", "again") > rows[-1][0]
hub.stop()
EOF
    assert_success
}

# state_is STATE: of the store, as INFO has it.
state_is() {
    info_is store_state "$1"
}

@test "udsctl check, stats and top say what is wrong with the store" {
    make_flush_shim
    LD_PRELOAD=$DIR/flush.so FLUSH_DIR=$DIR/store start_configured '[store]' "directory = $DIR/store" 'min_free = 1000G'
    wait_until state_is scarce
    run "$UDSCTL" check
    assert_failure 1
    assert_output --regexp '^UDSD WARNING - the store has no room for new entries, answered in [0-9.]+ ms \| latency='
    run "$UDSCTL" stats
    assert_line --regexp '^store +scarce$'
    contains <("$UDSCTL" stats --json) '"store_state":"scarce"'
    contains <("$UDSCTL" stats --format prometheus) 'udsd_store_ok 0'
    run "$UDSCTL" top --batch -n 1 --interval 50ms
    assert_line 'store: no room for new entries'
    sed -i 's/^min_free.*/min_free = 0/' "$DIR/conf"
    "$UDSCTL" reload
    wait_until state_is ok
    "$UDSCTL" check
    contains <("$UDSCTL" stats --format prometheus) 'udsd_store_ok 1'
    touch "$DIR/store/fail"
    run redis-cli -s "$S" XADD jobs '*' f v
    wait_until state_is failed
    run "$UDSCTL" check --warning 1h --critical 2h
    assert_failure 2
    assert_output --regexp '^UDSD CRITICAL - the store has failed, answered in '
    run "$UDSCTL" top --batch -n 1 --interval 50ms
    assert_line 'store: failed, see the log of udsd'
}
