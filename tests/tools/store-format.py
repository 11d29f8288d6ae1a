"""A store with something of all that a store keeps, so that a later daemon is held to read what this one writes.

fill SOCKET: makes all of it; the daemon must be new, and be stopped afterwards.
check SOCKET UID: the daemon has it, as a daemon that has just been started; UID has made it.
dump DATABASE: prints the store as SQL.   build DATABASE: makes it from SQL on standard input.
version DATABASE: prints its user_version and its tables.

What is made lasts: times are in the year 2100, or are not looked at."""
import re
import sqlite3
import sys
import time

from resp import Client, wait_until

NEVER = 4102444800000  # in 2100, as Unix time in milliseconds
LONG_AGO = 1000000000000
ANY_BYTES = bytes(range(256))
NAME = b"any\xff\0 name"
# Several blocks, and a tail.
PLAIN = 240
DELETED = ("7-0", "100-0", "230-0")


def plain(i):
    return [b"message", b"entry %d " % i + b"%d" % (i * i) * (i % 7)]


def as_map(reply):
    return dict(zip((name.decode() for name in reply[::2]), reply[1::2]))


def pending(client, stream, group):
    rows = (as_map(row) for row in client.call("UDSD", "PENDING", stream, group))
    return {row["id"].decode(): row for row in rows}


def fill(path):
    client = Client(path)

    def call(*words):
        return client.call(*(str(word) if isinstance(word, int) else word for word in words))

    # Entries: of one block after another, with the same fields and others, with any bytes, with holes.
    # Few commits, so that the store is small.
    for first in range(1, PLAIN + 1, 40):
        ids = range(first, first + 40)
        client.send_raw(b"".join(client.encode("XADD", "plain", "%d-0" % i, *plain(i)) for i in ids))
        expect_equal("ids", [client.read() for _ in ids], [b"%d-0" % i for i in ids])
    call("XADD", "plain", "%d-5" % PLAIN, "other", ANY_BYTES, "", "")
    call("XADD", "plain", "%d-0" % LONG_AGO, "message", ANY_BYTES * 4)
    call("XDEL", "plain", *DELETED)
    call("XADD", NAME, "1-1", "f", "v")
    call("XADD", "expires", "1-1", "f", "v")
    call("PEXPIREAT", "expires", NEVER)
    call("XADD", "empty", "8-8", "f", "v")
    call("XTRIM", "empty", "MAXLEN", "0")

    # Groups as Redis has them.
    call("XGROUP", "CREATE", "plain", "readers", "0")
    call("XGROUP", "CREATE", "plain", "ahead", "$", "ENTRIESREAD", PLAIN + 2)
    call("XGROUP", "CREATE", "plain", NAME, "50-0", "ENTRIESREAD", 49)
    call("XREADGROUP", "GROUP", "readers", "first", "COUNT", 3, "STREAMS", "plain", ">")
    call("XREADGROUP", "GROUP", "readers", "second", "COUNT", 3, "STREAMS", "plain", ">")
    call("XACK", "plain", "readers", "2-0")
    call("XCLAIM", "plain", "readers", "second", 0, "3-0", "TIME", LONG_AGO, "RETRYCOUNT", 7)
    call("XGROUP", "CREATECONSUMER", "plain", "readers", "idle")

    # Producers, and delayed entries, which have producers of their own.
    call("UDSD", "IDMP", "produced", 30 * 86400, 1000)
    for iid in "one", "one", "two": # repetitions are written with what comes after them
        call("XADD", "produced", "IDMP", "producer", iid, "*", "iid", iid)
    call("UDSD", "LATER", "ADD", "later", "IDMP", "producer", "one", "AT", NEVER, "message", "first")
    call("UDSD", "LATER", "ADD", "later", "AT", NEVER, "message", ANY_BYTES)
    call("UDSD", "LATER", "ADD", "plain", "AT", NEVER + 1, "message", "plain")
    call("UDSD", "IDMP", "later", 30 * 86400, 1000)

    # Groups that give entries again, and what became of these.
    for i in range(1, 9):
        call("XADD", "jobs", "%d-0" % i, "message", "job %d" % i)
    for stream in "jobs", "others":
        call("XGROUP", "CREATE", stream, "work", "0", "MKSTREAM")
    call("UDSD", "GROUP", "others", "work", "SET", "retry_delay", "0 10s 720h", "consumer_timeout", "720h",
         "paused", "1")
    call("UDSD", "GROUP", "jobs", "work", "SET", "redeliver", 5, "max_deliveries", 9, "dead_letter", "%s.buried")
    call("XREADGROUP", "GROUP", "work", "slow", "COUNT", 1, "STREAMS", "jobs", ">")
    wait_until(lambda: pending(client, "jobs", "work")["1-0"]["timed_out"] == 1, "an entry that is over its time")
    call("UDSD", "GROUP", "jobs", "work", "SET", "redeliver", "720h")
    other = Client(path)
    other.call("XREADGROUP", "GROUP", "work", "dies", "COUNT", "1", "STREAMS", "jobs", ">")
    other.close()
    wait_until(lambda: pending(client, "jobs", "work")["1-0"]["died"] == 1, "an entry whose connection has ended")
    call("XREADGROUP", "GROUP", "work", "worker", "COUNT", 6, "STREAMS", "jobs", ">")
    call("UDSD", "NACK", "jobs", "work", "SILENT", "2-0")
    call("UDSD", "NACK", "jobs", "work", "FATAL", "3-0", "STATUS", 65, "TEXT", b"fatal \xff")
    call("XACK", "jobs", "work", "4-0")
    # Of these the delay goes on, as long as the store is young.
    call("UDSD", "GROUP", "jobs", "work", "SET", "retry_delay", "720h")
    call("UDSD", "NACK", "jobs", "work", "FAIL", "5-0", "STATUS", -1, "TEXT", "bad")
    client.close()
    other = Client(path)
    wait_until(lambda: pending(other, "jobs", "work")["6-0"]["died"] == 1, "the end of the connection")


def expect(what, is_so, *facts):
    if not is_so:
        sys.exit("%s: %r" % (what, facts))


def expect_equal(what, there, wanted):
    expect(what, there == wanted, there, wanted)


def check_entries(client):
    entries = client.call("XRANGE", "plain", "-", "+")
    wanted = [[b"%d-0" % i, plain(i)] for i in range(1, PLAIN + 1) if "%d-0" % i not in DELETED]
    wanted.append([b"%d-5" % PLAIN, [b"other", ANY_BYTES, b"", b""]])
    wanted.append([b"%d-0" % LONG_AGO, [b"message", ANY_BYTES * 4]])
    expect_equal("entries", entries, wanted)
    stream = as_map(client.call("XINFO", "STREAM", "plain"))
    expect_equal("stream", (stream["length"], stream["entries-added"], stream["last-generated-id"],
                            stream["max-deleted-entry-id"], stream["groups"]),
                 (len(wanted), PLAIN + 2, b"%d-0" % LONG_AGO, b"230-0", 3))
    expect_equal("any name", client.call("XRANGE", NAME, "-", "+"), [[b"1-1", [b"f", b"v"]]])
    expect_equal("expires", (client.call("PEXPIRETIME", "expires"), client.call("PEXPIRETIME", "plain")), (NEVER, -1))
    stream = as_map(client.call("XINFO", "STREAM", "empty"))
    expect_equal("empty", (stream["length"], stream["last-generated-id"], stream["entries-added"]), (0, b"8-8", 1))
    expect("what is not larger is refused", "equal or smaller" in client.refusal("XADD", "empty", "8-8", "f", "v"))


def check_streams(client, uid):
    rows = [as_map(row) for row in client.call("UDSD", "STREAMS")]
    names = {b"plain", NAME, b"expires", b"empty", b"produced", b"later", b"jobs", b"jobs.buried", b"others"}
    expect_equal("streams", {row["name"] for row in rows}, names)
    expect_equal("owners", {row["uid"] for row in rows}, {uid})
    later = {row["name"]: row["later"] for row in rows if row["later"]}
    expect_equal("delayed entries", later, {b"later": 2, b"plain": 1})


def check_groups(client):
    groups = [as_map(row) for row in client.call("XINFO", "GROUPS", "plain")]
    names = "consumers", "pending", "last-delivered-id", "entries-read"
    figures = {group["name"]: tuple(group[name] for name in names) for group in groups}
    expect_equal("groups", figures, {b"readers": (3, 5, b"6-0", None), NAME: (0, 0, b"50-0", 49),
                                     b"ahead": (0, 0, b"%d-0" % LONG_AGO, PLAIN + 2)})
    rows = client.call("XPENDING", "plain", "readers", "-", "+", "10")
    expect_equal("pending", [row[:2] + row[3:] for row in rows],
                 [[b"1-0", b"first", 1], [b"3-0", b"second", 7], [b"4-0", b"second", 1], [b"5-0", b"second", 1],
                  [b"6-0", b"second", 1]])
    idle, wanted = rows[1][2], time.time() * 1000 - LONG_AGO
    expect("since when it is pending", abs(idle - wanted) < 1000000, idle, wanted)
    consumers = [as_map(consumer) for consumer in client.call("XINFO", "CONSUMERS", "plain", "readers")]
    expect_equal("consumers", {consumer["name"]: consumer["pending"] for consumer in consumers},
                 {b"first": 1, b"second": 4, b"idle": 0})
    entries = client.call("XREADGROUP", "GROUP", "readers", "idle", "COUNT", "1", "STREAMS", "plain", ">")
    expect_equal("the next entry", entries, [[b"plain", [[b"8-0", plain(8)]]]])


def check_producers(client):
    stream = as_map(client.call("XINFO", "STREAM", "produced"))
    names = "idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked", "iids-added", "iids-duplicates"
    expect_equal("producers", [stream[name] for name in names], [30 * 86400, 1000, 1, 2, 2, 1])
    ids = {fields[1]: id for id, fields in client.call("XRANGE", "produced", "-", "+")}
    expect_equal("entries of producers", set(ids), {b"one", b"two"})
    for iid, id in ids.items():
        expect_equal("an identifier", client.call("XADD", "produced", "IDMP", "producer", iid, "*", "iid", "again"), id)


def check_later(client):
    rows = [as_map(row) for row in client.call("UDSD", "LATER", "LIST")]
    expect_equal("delayed entries", sorted((row["key"], row["due"], row["fields"]) for row in rows),
                 [(b"later", NEVER, [b"message", ANY_BYTES]), (b"later", NEVER, [b"message", b"first"]),
                  (b"plain", NEVER + 1, [b"message", b"plain"])])
    first = next(row["ticket"] for row in rows if row["fields"][1] == b"first")
    add = "UDSD", "LATER", "ADD", "later", "IDMP", "producer", "one", "AT", str(NEVER)
    expect_equal("a delayed identifier", client.call(*add, "message", "again"), first)
    expect_equal("a ticket", client.call("UDSD", "LATER", "CANCEL", first), 1)


def check_jobs(client):
    values = as_map(client.call("UDSD", "GROUP", "others", "work"))
    expect_equal("values", values, {"redeliver": 0, "retry_delay": b"0 10s 2592000s", "max_deliveries": 0,
                                    "dead_letter": b"others.dead", "consumer_timeout": 2592000000, "paused": 1})
    values = as_map(client.call("UDSD", "GROUP", "jobs", "work"))
    expect_equal("values", values, {"redeliver": 2592000000, "retry_delay": b"2592000s", "max_deliveries": 9,
                                    "dead_letter": b"jobs.buried", "consumer_timeout": 0, "paused": 0})
    rows = pending(client, "jobs", "work")
    names = "deliveries", "failed", "timed_out", "died", "released", "status", "text"
    histories = {id: tuple(row[name] for name in names if name in row) for id, row in rows.items()}
    expect_equal("histories", histories, {"1-0": (3, 0, 1, 2, 0), "2-0": (0, 0, 0, 0, 1), "6-0": (1, 0, 0, 1, 0),
                                          "5-0": (1, 1, 0, 0, 0, -1, b"bad")})
    expect("a delay goes on, or is over", rows["5-0"]["state"] in (b"delayed", b"released"), rows["5-0"])
    expect("given back", all(rows[id]["state"] == b"released" for id in ("1-0", "2-0", "6-0")), rows)
    (_, fields), = client.call("XRANGE", "jobs.buried", "-", "+")
    dead = as_map(fields)
    expect_equal("a dead letter", dead, {
        "message": b"job 3", "udsd-stream": b"jobs", "udsd-group": b"work", "udsd-id": b"3-0", "udsd-time": b"3",
        "udsd-consumer": b"worker", "udsd-deliveries": b"1", "udsd-cause": b"fatal", "udsd-failed": b"1",
        "udsd-timed-out": b"0", "udsd-died": b"0", "udsd-released": b"0", "udsd-status": b"65",
        "udsd-text": b"fatal \xff"})
    (_, entries), = client.call("XREADGROUP", "GROUP", "work", "next", "COUNT", "1", "STREAMS", "jobs", ">")
    expect_equal("it goes on", entries, [[b"1-0", [b"message", b"job 1"]]])


def check(path, uid):
    client = Client(path)
    check_entries(client)
    check_streams(client, uid)
    check_jobs(client)
    check_groups(client)
    check_producers(client)
    check_later(client)


def dump(path):
    database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    for name in "page_size", "auto_vacuum", "application_id", "user_version":
        print("PRAGMA %s = %d;" % (name, database.execute("PRAGMA " + name).fetchone()[0]))
    for line in database.iterdump():
        print(line)


def build(path):
    database = sqlite3.connect(path)
    database.executescript(sys.stdin.read())
    database.close()


def version(path):
    database = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    print(database.execute("PRAGMA user_version").fetchone()[0])
    for row in database.execute("SELECT sql FROM sqlite_schema ORDER BY name"):
        print(re.sub(r"\s+", " ", row[0] or ""))


what, path, *more = sys.argv[1:]
if what == "check":
    check(path, int(more[0]))
else:
    {"fill": fill, "dump": dump, "build": build, "version": version}[what](path)
