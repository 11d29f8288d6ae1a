"""
stream-work.py --udsd PROGRAM --dir DIR [CASE]...: groups that look after themselves: their own values (UDSD GROUP), what
is known of their entries (UDSD PENDING), how entries are given back (XNACK, UDSD NACK) and where those go that nobody
can handle. Workers are processes that are killed.
"""
import time

import resp
from cases import case, expect, figure
from streamworkers import Worker, block, fill, numbers, pending, read, run

RULES = """
[stream fixed.*]
max_deliveries = 2
dead_letter = graves
[stream tight.*.dead]
max_entries = 1
when_full = refuse
[stream few.*]
max_deliveries = 2
[stream plain.fatal]
dead_letter = %s-fatal
"""


def maps(reply):
    """Arrays of names and values, as RESP2 has maps."""
    return [dict(zip((name.decode() for name in m[::2]), m[1::2])) for m in reply]


def group(client, key):
    return maps([client.call("UDSD", "GROUP", key, "g")])[0]


def set_values(client, key, *values):
    expect(client.call("UDSD", "GROUP", key, "g", "SET", *values), b"OK")


def entries(client, key):
    """The fields of each entry of a stream."""
    return maps(entry[1] for entry in client.call("XRANGE", key, "-", "+"))


def known(client, key):
    return maps(client.call("UDSD", "PENDING", key, "g"))


def refused(client, *command):
    try:
        client.call(*command)
    except resp.Error as e:
        return str(e)
    raise AssertionError("no error")


@case
def a_group_has_values_of_its_own(hub):
    a = hub.connect()
    fill(a, "s", 1)
    nothing = {"redeliver": 0, "retry_delay": b"", "max_deliveries": 0, "dead_letter": b"s.dead", "consumer_timeout": 0,
               "paused": 0}
    expect(group(a, "s"), nothing)
    set_values(a, "s", "redeliver", "1500", "retry_delay", "1s 10s 1m", "max_deliveries", "5", "dead_letter", "x.%s.y",
               "consumer_timeout", "1h", "paused", "1")
    wanted = {"redeliver": 1500, "retry_delay": b"1s 10s 60s", "max_deliveries": 5, "dead_letter": b"x.s.y",
              "consumer_timeout": 3600000, "paused": 1}
    expect(group(a, "s"), wanted)
    for kill in (True, False):
        hub.kill() if kill else hub.stop()
        hub.start()
        a = hub.connect()
        expect(group(a, "s"), wanted)
    a.call("RENAME", "s", "t")
    expect(group(a, "t")["dead_letter"], b"x.t.y")
    for name in wanted:
        set_values(a, "t", name, "")
    expect(group(a, "t"), dict(nothing, dead_letter=b"t.dead"))
    set_values(a, "t", "RETRY_DELAY", "0")
    hub.kill()
    hub.start()
    a = hub.connect()
    expect(group(a, "t"), dict(nothing, dead_letter=b"t.dead", retry_delay=b"0"))
    fill(a, "fixed.s", 1)
    expect(group(a, "fixed.s"), dict(nothing, dead_letter=b"graves", max_deliveries=2))
    set_values(a, "fixed.s", "max_deliveries", "0")
    expect(group(a, "fixed.s"), dict(nothing, dead_letter=b"graves"))


@case
def values_are_checked(hub):
    a = hub.connect()
    fill(a, "s", 1)
    before = group(a, "s")
    for values in (("redeliver", "x"), ("redeliver", "721h"), ("redeliver", "-1"), ("retry_delay", "5"),
                   ("retry_delay", "1s " * 17), ("retry_delay", "1s\0"), ("max_deliveries", "-1"),
                   ("max_deliveries", "1000000001"), ("dead_letter", "s"), ("dead_letter", "%s"),
                   ("dead_letter", "x" * 1025), ("dead_letter", "__udsd__:x"),
                   ("dead_letter", "a\0b"), ("paused", "2"), ("paused", "yes"), ("nothing", "1"),
                   ("max_deliveries", "7", "paused", "x")):
        refused(a, "UDSD", "GROUP", "s", "g", "SET", *values)
        expect(group(a, "s"), before)
    fill(a, "n" * 600, 1)
    refused(a, "UDSD", "GROUP", "n" * 600, "g", "SET", "dead_letter", "%s%s")
    for rest in ((), ("max_deliveries",), ("max_deliveries", "1", "paused")):
        refused(a, "UDSD", "GROUP", "s", "g", "SET", *rest)
    refused(a, "UDSD", "GROUP", "s", "g", "GET")
    for command in (("UDSD", "GROUP", "s", "other"), ("UDSD", "GROUP", "other", "g", "SET", "paused", "1"),
                    ("UDSD", "PENDING", "s", "other"), ("UDSD", "NACK", "s", "other", "FAIL", "1-0")):
        assert refused(a, *command).startswith("NOGROUP"), command
    for rest in (("x", "1-0"), ("FAIL", "x"), ("FAIL", "1-0", "STATUS"), ("FAIL", "1-0", "STATUS", "x"),
                 ("FAIL", "1-0", "TEXT"), ("FAIL", "1-0", "x", "y")):
        refused(a, "UDSD", "NACK", "s", "g", *rest)
    for rest in (("x",), ("-", "x"), ("-", "+", "x"), ("-", "+", "COUNT"), ("-", "+", "COUNT", "x"),
                 ("-", "+", "COUNT", "1", "x")):
        refused(a, "UDSD", "PENDING", "s", "g", *rest)


@case
def what_is_too_often_given_goes_to_the_dead_letters(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "s", 3)
    set_values(a, "s", "max_deliveries", "4", "redeliver", "50ms")
    expect(read(a, "a", "s", "COUNT", "1"), [1])
    expect(a.call("UDSD", "NACK", "s", "g", "FAIL", "1-0", "STATUS", "-3", "TEXT", "first"), 1)
    expect(a.call("UDSD", "NACK", "s", "g", "FAIL", "9-0"), 0)
    set_values(a, "s", "redeliver", "")
    worker = Worker(hub, "w", "s", "COUNT", "1")
    expect(worker.got, [1])
    worker.kill()
    resp.wait_until(lambda: known(a, "s")[0]["state"] == b"released", "the release")
    expect(read(b, "b", "s", "COUNT", "1"), [1])
    b.call("UDSD", "NACK", "s", "g", "SILENT", "1-0", "STATUS", "75", "TEXT", "not \xc3 now")
    set_values(a, "s", "redeliver", "50ms")
    expect(read(b, "b", "s", "BLOCK", "0", "COUNT", "1"), [1])
    resp.wait_until(lambda: [e["state"] for e in known(a, "s")] == [b"released"], "the end of the time")
    state = known(a, "s")[0]
    expect([state[n] for n in ("id", "consumer", "deliveries", "failed", "timed_out", "died", "released", "status",
                               "text", "pid", "client", "due_ms")],
           [b"1-0", b"b", 3, 1, 1, 1, 1, 75, "not \xc3 now".encode(), 0, 0, 0])
    set_values(a, "s", "redeliver", "")
    expect(read(b, "b", "s", "COUNT", "1"), [1])
    b.call("XNACK", "s", "g", "FAIL", "IDS", "1", "1-0")
    dead = entries(b, "s.dead")
    expect(dead, [{
        "f": b"v1", "udsd-stream": b"s", "udsd-group": b"g", "udsd-id": b"1-0", "udsd-time": b"1",
        "udsd-consumer": b"b", "udsd-deliveries": b"4", "udsd-cause": b"failed", "udsd-failed": b"2",
        "udsd-timed-out": b"1", "udsd-died": b"1", "udsd-released": b"1", "udsd-status": b"75",
        "udsd-text": "not \xc3 now".encode()}])
    expect(pending(a, "s"), [])
    expect(figure(a, "stream_entries_dead"), 1)
    expect(maps(a.call("UDSD", "STREAMS", "s"))[0]["dead"], 1)
    # A group with values of its own is there to be worked off: what no group needs goes.
    expect([e["f"] for e in entries(a, "s")], [b"v2", b"v3"])
    hub.kill()
    hub.start()
    a = hub.connect()
    expect(entries(a, "s.dead"), dead)
    expect(read(a, "a", "s"), [2, 3])


@case
def fatal_entries_go_at_once(hub):
    a = hub.connect()
    fill(a, "s", 6)
    # In a group without anything, as in Redis.
    expect(read(a, "a", "s", "COUNT", "1"), [1])
    a.call("UDSD", "NACK", "s", "g", "FATAL", "1-0", "TEXT", "kept by nobody")
    expect(pending(a, "s"), [(1, "", 2**63 - 1)])
    expect(a.call("EXISTS", "s.dead"), 0)
    set_values(a, "s", "retry_delay", "1h")
    resp.wait_until(lambda: a.call("XLEN", "s.dead") == 1, "the dead letter of an earlier time")
    expect(read(a, "a", "s"), [2, 3, 4, 5, 6])
    expect(a.call("XNACK", "s", "g", "FATAL", "IDS", "2", "2-0", "3-0"), 2)
    expect([e["udsd-id"] for e in entries(a, "s.dead")], [b"1-0", b"2-0", b"3-0"])
    expect(entries(a, "s.dead")[1]["udsd-cause"], b"fatal")
    # In a transaction, too.
    a.call("MULTI")
    a.call("UDSD", "NACK", "s", "g", "FATAL", "4-0", "STATUS", "65")
    a.call("XLEN", "s.dead")
    expect(a.call("EXEC"), [1, 4])
    # By rules.
    fill(a, "plain.fatal", 1)
    fill(a, "fixed.s", 2)
    for key in "plain.fatal", "fixed.s":
        read(a, "a", key)
        a.call("XNACK", key, "g", "FATAL", "IDS", "1", "1-0")
    expect(entries(a, "plain.fatal-fatal")[0]["udsd-failed"], b"1")
    expect(entries(a, "graves")[0]["udsd-stream"], b"fixed.s")
    expect(a.call("XLEN", "fixed.s"), 2)  # by a rule, entries stay in the stream


@case
def who_claims_does_not_get_what_was_given_too_often(hub):
    a = hub.connect()
    fill(a, "few.s", 6)
    expect(read(a, "a", "few.s"), [1, 2, 3, 4, 5, 6])
    for _ in range(2):  # the second delivery is the last one
        claimed = [a.call("XCLAIM", "few.s", "g", "b", "0", "1-0", "2-0"),
                   a.call("XAUTOCLAIM", "few.s", "g", "b", "0", "3", "COUNT", "2")[1],
                   (read(a, "b", "few.s", "CLAIM", "0", "COUNT", "10") or [])]
        if _ == 0:
            expect([len(c) for c in claimed[:2]] + [len(claimed[2]) >= 2], [2, 2, True])
    expect(sorted(e["udsd-id"] for e in entries(a, "few.s.dead")), [b"%d-0" % i for i in range(1, 7)])
    expect([(e["udsd-deliveries"], e["udsd-timed-out"], e["udsd-cause"]) for e in entries(a, "few.s.dead")],
           [(b"2", b"1", b"timed-out")] * 6)
    expect(pending(a, "few.s"), [])
    # Whoever sets the number of deliveries gets it.
    fill(a, "few.t", 1)
    read(a, "a", "few.t")
    a.call("XCLAIM", "few.t", "g", "b", "0", "1-0", "RETRYCOUNT", "9")
    expect(len(a.call("XCLAIM", "few.t", "g", "b", "0", "1-0", "JUSTID")), 1)
    expect(a.call("XCLAIM", "few.t", "g", "b", "0", "1-0"), [])
    expect(entries(a, "few.t.dead")[0]["udsd-deliveries"], b"9")


@case
def nothing_is_lost_or_doubled_when_the_daemon_dies(hub):
    """Each entry is in its stream or, once, among the dead letters."""
    a, n = hub.connect(), 3000
    fill(a, "s", n)
    set_values(a, "s", "max_deliveries", "2")
    done = set()
    for round in range(6):
        a = hub.connect()
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            got = read(a, "a", "s", "COUNT", "20")
            a.send_raw(b"".join(a.encode("UDSD", "NACK", "s", "g", "FATAL" if i % 3 else "FAIL", "%d-0" % i) for i in got))
            if round % 2 and got:
                break  # and then they are not answered
            for i in got:
                a.read()
                if i % 3:
                    done.add(i)
        hub.kill()
        hub.start()
    a = hub.connect()
    there = [int(e[0].split(b"-")[0]) for e in a.call("XRANGE", "s", "-", "+")]
    dead = [int(e["udsd-id"].split(b"-")[0]) for e in entries(a, "s.dead")]
    expect(sorted(there + dead), list(range(1, n + 1)))
    expect(done - set(dead), set())
    assert len(dead) > 100, len(dead)


@case
def a_dead_letter_that_comes_back_knows_when_it_began(hub):
    a = hub.connect()
    fill(a, "s", 1)
    set_values(a, "s", "max_deliveries", "1")
    read(a, "a", "s")
    a.call("XNACK", "s", "g", "FAIL", "IDS", "1", "1-0")
    fields = a.call("XRANGE", "s.dead", "-", "+")[0][1]
    again = a.call("XADD", "s", "*", *fields)
    read(a, "a", "s")
    a.call("UDSD", "NACK", "s", "g", "FAIL", again, "TEXT", "second")
    dead = entries(a, "s.dead")[1]
    expect([dead["udsd-id"], dead["udsd-time"], dead["udsd-text"], dead["f"], len(dead)],
           [again, b"1", b"second", b"v1", 13])


@case
def what_cannot_go_stays_pending(hub):
    a = hub.connect()
    fill(a, "few.s", 3)
    read(a, "a", "few.s")
    hub.configure(max_streams=1)
    a.call("UDSD", "RELOAD")
    expect(a.call("UDSD", "NACK", "few.s", "g", "FATAL", "1-0", "STATUS", "65"), 1)
    expect([(e["id"], e["state"], e.get("status")) for e in known(a, "few.s")],
           [(b"1-0", b"dead", 65), (b"2-0", b"running", None), (b"3-0", b"running", None)])
    with open(hub.log) as log:
        expect("cannot go to its dead-letter stream: there are too many streams (max_streams); it stays pending"
               in log.read(), True)
    expect(read(a, "b", "few.s"), [])
    for _ in range(2):
        hub.kill()
        hub.start()
        a = hub.connect()
        resp.wait_until(lambda: [e["state"] for e in known(a, "few.s")] == [b"dead", b"released", b"released"], "release")
    # Who takes it has it.
    expect(len(a.call("XCLAIM", "few.s", "g", "b", "0", "1-0")), 1)
    expect(known(a, "few.s")[0]["state"], b"running")
    a.call("XNACK", "few.s", "g", "FATAL", "IDS", "1", "1-0")
    hub.configure()
    a.call("UDSD", "RELOAD")
    resp.wait_until(lambda: a.call("XLEN", "few.s.dead") == 1, "the dead letter")
    expect(entries(a, "few.s.dead")[0]["udsd-status"], b"65")
    expect([e["id"] for e in known(a, "few.s")], [b"2-0", b"3-0"])


@case
def a_dead_letter_stream_may_be_full(hub):
    a = hub.connect()
    fill(a, "tight.s", 3)
    set_values(a, "tight.s", "max_deliveries", "1")
    read(a, "a", "tight.s")
    a.call("XNACK", "tight.s", "g", "FAIL", "IDS", "3", "1-0", "2-0", "3-0")
    expect([e["udsd-id"] for e in entries(a, "tight.s.dead")], [b"1-0"])
    expect([(e["id"], e["state"]) for e in known(a, "tight.s")], [(b"2-0", b"dead"), (b"3-0", b"dead")])
    a.call("XTRIM", "tight.s.dead", "MAXLEN", "0")
    resp.wait_until(lambda: a.call("XLEN", "tight.s.dead") == 1, "the next dead letter")
    expect(entries(a, "tight.s.dead")[0]["udsd-id"], b"2-0")
    with open(hub.log) as log:
        expect("an entry of stream 'tight.s' cannot go to its dead-letter stream: the stream is full (max_entries = 1); "
               "it stays pending" in log.read(), True)


@case
def answers_are_the_same_in_pieces_and_in_resp3(hub):
    a, pieces, three = hub.connect(), hub.connect(), hub.connect()
    three.call("HELLO", "3")
    fill(a, "s", 2)
    set_values(a, "s", "retry_delay", "1h 2h", "max_deliveries", "9")
    expect(read(a, "a", "s"), [1, 2])
    a.call("UDSD", "NACK", "s", "g", "FAIL", "1-0", "STATUS", "-1", "TEXT", "t\r\n")
    a.call("UDSD", "LATER", "ADD", "s", "AT", "99999999999999", "f", "v\r\n")
    for command in (("UDSD", "GROUP", "s", "g"), ("UDSD", "PENDING", "s", "g", "2-0", "+", "COUNT", "1"),
                    ("UDSD", "LATER", "LIST", "s", "COUNT", "5"), ("UDSD", "GROUP", "s", "g", "SET", "paused", "0"),
                    ("UDSD", "NACK", "s", "g", "SILENT", "9-0"), ("UDSD", "LATER", "CANCEL", "1-2-3")):
        wanted, data = a.call(*command), a.encode(*command)
        for i in range(1, len(data)):
            pieces.send_raw(data[:i])
            pieces.send_raw(data[i:])
            got = pieces.read()
            expect(without_times(got), without_times(wanted))
        three.send(*command)
        three.fill()
        expect(three.buffer[three.at:three.at + 1] in b"%*+:", True)
        assert command[1] not in ("GROUP", "PENDING") or command[-1] == "0" or b"%" in three.buffer[three.at:]
        expect(without_times(three.read()), without_times(wanted))


def without_times(reply):
    """An answer without what grows."""
    def clean(m):
        return [0 if i and m[i - 1] in (b"idle_ms", b"due_ms") else clean(x) if isinstance(x, list) else x
                for i, x in enumerate(m)]
    return clean(reply) if isinstance(reply, list) else reply


@case
def a_paused_group_gives_nothing(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "s", 2)
    expect(read(a, "a", "s", "COUNT", "1"), [1])
    set_values(a, "s", "paused", "1", "retry_delay", "0")
    expect(read(a, "a", "s"), [])
    expect(read(a, "a", "s", start="0"), [1])
    block(b, a, "b", "s")
    a.call("XADD", "s", "9-0", "f", "v")
    a.call("XNACK", "s", "g", "FAIL", "IDS", "1", "1-0")
    expect(read(a, "a", "s", "CLAIM", "0"), [])
    expect(figure(a, "blocked_clients"), 1)
    set_values(a, "s", "paused", "0")
    expect(numbers(b.read()), [1, 2, 9])


@case
def who_has_an_entry_is_shown(hub):
    a, b = hub.connect(), hub.connect()
    fill(a, "s", 2)
    set_values(a, "s", "retry_delay", "1h")
    worker = Worker(hub, "w", "s", "COUNT", "1")
    expect(read(b, "b", "s"), [2])
    first, second = known(a, "s")
    expect((first["pid"], first["consumer"], first["state"]), (worker.process.pid, b"w", b"running"))
    expect((second["client"], second["state"]), (b.call("CLIENT", "ID"), b"running"))
    worker.kill()
    b.call("XNACK", "s", "g", "FAIL", "IDS", "1", "2-0")
    resp.wait_until(lambda: known(a, "s")[0]["state"] == b"released", "the release")
    first, second = known(a, "s")
    expect((first["pid"], first["uid"], first["client"], first["died"]), (0, 0, 0, 1))
    expect((second["state"], second["consumer"], second["client"]), (b"delayed", b"", 0))
    assert 3500000 < second["due_ms"] <= 3600000, second
    expect([maps(a.call("UDSD", "STREAMS", "s"))[0][n] for n in ("pending", "delayed", "dead", "later")], [2, 1, 0, 0])
    expect([e["id"] for e in maps(a.call("UDSD", "PENDING", "s", "g", "2"))], [b"2-0"])
    expect([e["id"] for e in maps(a.call("UDSD", "PENDING", "s", "g", "-", "(2-0"))], [b"1-0"])
    expect([e["id"] for e in maps(a.call("UDSD", "PENDING", "s", "g", "-", "+", "COUNT", "1"))], [b"1-0"])
    hub.kill()  # what waits goes on to wait, and the daemon's end is nobody's delivery
    hub.start()
    a = hub.connect()
    resp.wait_until(lambda: [e["state"] for e in known(a, "s")] == [b"released", b"delayed"], "the release")
    first, second = known(a, "s")
    expect((first["deliveries"], first["died"], first["released"]), (1, 1, 0))
    assert 3400000 < second["due_ms"] <= 3600000, second
    read(a, "a", "s")
    hub.kill()
    hub.start()
    a = hub.connect()
    resp.wait_until(lambda: known(a, "s")[0]["state"] == b"released", "the release")
    expect([known(a, "s")[0][n] for n in ("deliveries", "died", "released")], [1, 1, 1])


@case
def idle_consumers_are_removed(hub):
    a, b, c = hub.connect(), hub.connect(), hub.connect()
    fill(a, "s", 3)
    begin = time.monotonic()
    set_values(a, "s", "consumer_timeout", "400ms")
    expect(read(a, "idle", "s", "COUNT", "2"), [1, 2])
    expect(read(a, "busy", "s", "COUNT", "1"), [3])
    block(b, a, "waits", "s", "COUNT", "1")
    block(c, a, "waits too", "s", "COUNT", "1")
    while consumers(a, "s") != [b"busy", b"waits", b"waits too"]:
        expect(a.call("XCLAIM", "s", "g", "busy", "0", "3-0", "JUSTID"), [b"3-0"])
        assert time.monotonic() - begin < resp.PATIENCE, consumers(a, "s")
        time.sleep(0.02)
    assert time.monotonic() - begin >= 0.39
    expect((numbers(b.read()), numbers(c.read())), ([1], [2]))
    expect([(e["id"], e["consumer"], e["deliveries"], e["timed_out"]) for e in known(a, "s")],
           [(b"1-0", b"waits", 2, 1), (b"2-0", b"waits too", 2, 1), (b"3-0", b"busy", 1, 0)])
    resp.wait_until(lambda: consumers(a, "s") == [], "the end of all")
    expect([e["state"] for e in known(a, "s")], [b"released"] * 3)
    expect(read(a, "a", "s"), [1, 2, 3])
    resp.wait_until(lambda: consumers(a, "s") == [], "the end of a")
    set_values(a, "s", "consumer_timeout", "")
    read(a, "a", "s")
    # At the start nobody is idle yet.
    set_values(a, "s", "consumer_timeout", "5s")
    hub.kill()
    hub.start()
    a = hub.connect()
    expect(consumers(a, "s"), [b"a"])


@case
def a_consumer_that_is_removed_may_have_very_many(hub):
    n, a = 50000, hub.connect()
    fill(a, "s", n)
    set_values(a, "s", "retry_delay", "0")
    got = []
    while len(got) < n:
        got += read(a, "c%d" % (len(got) % 2), "s", "COUNT", "5000")
    set_values(a, "s", "consumer_timeout", "1ms")
    got = []
    while len(got) < n:
        got += read(a, "a", "s", "COUNT", "1000", "BLOCK", "0")
        a.send_raw(a.encode("XACK", "s", "g", *("%d-0" % i for i in got[-1000:])))
        a.read()
    expect(len(set(got)), n)
    assert figure(a, "pass_work_max") < 16000000, figure(a, "pass_work_max")


def consumers(client, key):
    return sorted(m["name"] for m in maps(client.call("XINFO", "CONSUMERS", key, "g")))


@case
def entries_on_disk_go_too(hub):
    a = hub.connect()
    hub.configure(cache="64K")
    a.call("UDSD", "RELOAD")
    a.call("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    for i in range(1, 3001):
        a.send("XADD", "s", "%d-0" % i, "f", "x" * 500)
    for i in range(1, 3001):
        a.read()
    set_values(a, "s", "max_deliveries", "1")
    got = []
    while len(got) < 3000:
        got += read(a, "a", "s", "COUNT", "100")
    a.close()
    a = hub.connect()
    resp.wait_until(lambda: a.call("XLEN", "s.dead") == 3000, "the dead letters")
    expect([int(e["udsd-id"].split(b"-")[0]) for e in entries_in_parts(a, "s.dead")], list(range(1, 3001)))
    expect(a.call("XLEN", "s"), 0)
    assert figure(a, "pass_work_max") < 16000000, figure(a, "pass_work_max")


def entries_in_parts(client, key):
    after, all_of_them = b"-", []
    while part := client.call("XRANGE", key, after, "+", "COUNT", "100"):
        all_of_them += maps(entry[1] for entry in part)
        after = b"(" + part[-1][0]
    return all_of_them


run(RULES)
