"""
stream-later.py --udsd PROGRAM --dir DIR [CASE]...: entries that are added to their stream later (UDSD LATER).

That an entry is on time is said by its id, which has the time when it was added.
"""
import os
import random
import struct
import time

import resp
from cases import case, expect, figure, run_cases


def now_ms():
    return int(time.time() * 1000)


def later(client, *args):
    return client.call("UDSD", "LATER", *args)


def listed(client, *args):
    return [dict(zip((name.decode() for name in m[::2]), m[1::2])) for m in later(client, "LIST", *args)]


def values(client, key):
    got, after = [], b"-"
    while part := client.call("XRANGE", key, after, "+", "COUNT", "10000"):
        got += [entry[1][1] for entry in part]
        after = b"(" + part[-1][0]
    return got


def wait_length(client, key, n):
    resp.wait_until(lambda: client.call("XLEN", key) == n, "%d entries in %s" % (n, key))


def refused(client, *command):
    try:
        client.call(*command)
    except resp.Error as e:
        return str(e)
    raise AssertionError("no error: %r" % (command,))


def add_many(client, key, dues):
    """Returns the tickets."""
    tickets = []
    for begin in range(0, len(dues), 1000):
        part = dues[begin:begin + 1000]
        client.send_raw(b"".join(client.encode("UDSD", "LATER", "ADD", key, "AT", str(due), "due", str(due))
                                 for due in part))
        tickets += [client.read() for _ in part]
    return tickets


@case
def entries_come_when_they_are_due(hub):
    a, b = hub.connect(), hub.connect()
    begin = now_ms()
    last = later(a, "ADD", "s", "AT", str(begin + 400), "n", "3")
    later(a, "ADD", "s", "200", "n", "2", "more", "x" * 1000)
    first = later(a, "ADD", "s", "0", "n", "1")
    assert first != last
    expect(later(a, "ADD", "t", "AT", "0", "n", "past") != last, True)
    wait_length(a, "t", 1)
    b.send("XREAD", "BLOCK", "0", "COUNT", "1", "STREAMS", "s", "1")
    got = b.read()[0][1]
    expect([entry[1] for entry in got], [[b"n", b"1"]])
    expect([m["fields"] for m in listed(a)], [[b"n", b"2", b"more", b"x" * 1000], [b"n", b"3"]])
    wait_length(a, "s", 3)
    expect(values(a, "s"), [b"1", b"2", b"3"])
    for entry, due in zip(a.call("XRANGE", "s", "-", "+"), (begin, begin + 200, begin + 400)):
        assert int(entry[0].split(b"-")[0]) >= due, (entry, due)
    expect(listed(a), [])
    expect((figure(a, "stream_entries_later"), figure(a, "stream_entries_came_due")), (0, 4))


@case
def tickets_are_listed_and_cancelled(hub):
    a = hub.connect()
    hour = now_ms() + 3600000
    tickets = [later(a, "ADD", key, "AT", str(hour + ms), "f", "%s%d" % (key, ms))
               for key, ms in (("s", 2), ("t", 5), ("s", 1), ("s", 3))]
    expect([m["ticket"] for m in listed(a, "s")], [tickets[2], tickets[0], tickets[3]])
    expect(listed(a, "s", "COUNT", "1"), [{"ticket": tickets[2], "key": b"s", "due": hour + 1, "fields": [b"f", b"s1"]}])
    expect([m["ticket"] for m in listed(a)], [tickets[2], tickets[0], tickets[3], tickets[1]])
    expect(len(listed(a, "COUNT", "2")), 2)
    expect([m["ticket"] for m in listed(a, "s", "AFTER", tickets[2], "COUNT", "1")], [tickets[0]])
    expect([m["ticket"] for m in listed(a, "s", "COUNT", "5", "AFTER", tickets[2])], [tickets[0], tickets[3]])
    expect(listed(a, "s", "AFTER", tickets[3]), [])
    expect(listed(a, "s", "AFTER", "1-%d-%d" % (2**64 - 1, 2**64 - 1)), [])
    expect(listed(a, "other"), [])
    expect(later(a, "CANCEL", tickets[0]), 1)
    expect(later(a, "CANCEL", tickets[0]), 0)
    expect([m["ticket"] for m in listed(a, "s", "AFTER", tickets[0])], [tickets[3]])
    for ticket in ("", "x", "1", "1-2", "1-2-x", "99999-1-1", "-1-1-1", "1-2-3-4"):
        expect(later(a, "CANCEL", ticket), 0)
    hub.kill()
    hub.start()
    a = hub.connect()
    expect([m["ticket"] for m in listed(a)], [tickets[2], tickets[3], tickets[1]])
    expect(later(a, "CANCEL", tickets[3]), 1)
    hub.stop()
    hub.start()
    a = hub.connect()
    expect([m["ticket"] for m in listed(a)], [tickets[2], tickets[1]])
    new = later(a, "ADD", "s", "AT", str(hour), "f", "new")
    assert new not in tickets
    expect([m["ticket"] for m in listed(a, "s")], [new, tickets[2]])
    a.call("MULTI")
    later(a, "CANCEL", new)
    later(a, "ADD", "u", "3600000", "f", "v")
    later(a, "LIST", "u")
    answer = a.call("EXEC")
    expect((answer[0], len(answer[2])), (1, 1))


def work(client):
    return figure(client, "work_total")


@case
def many_streams_cost_each_its_own(hub):
    """Neither a list nor a ticket makes the daemon look through all that there is."""
    a = hub.connect()
    costs = {}
    for n in (100, 1600):
        tickets = [later(a, "ADD", "k%d" % i, "3600000", "f", "v") for i in range(n)]
        begin = work(a)
        expect(len(listed(a, "COUNT", "1000000")), n)
        listing = (work(a) - begin) / n
        begin = work(a)
        for ticket in reversed(tickets):
            expect(later(a, "CANCEL", ticket), 1)
        costs[n] = listing, (work(a) - begin) / n
        a.call("FLUSHALL")
    assert costs[1600][0] < 1.5 * costs[100][0] and costs[1600][1] < 1.5 * costs[100][1], costs


@case
def arguments_are_checked(hub):
    a = hub.connect()
    for args in ((), ("x",), ("ADD",), ("ADD", "s"), ("ADD", "s", "1"), ("ADD", "s", "1", "f"),
                 ("ADD", "s", "x", "f", "v"), ("ADD", "s", "-1", "f", "v"), ("ADD", "s", "AT", "-1", "f", "v"),
                 ("ADD", "s", "AT", "253402300800000", "f", "v"), ("ADD", "s", "253402300799999", "f", "v"),
                 ("ADD", "s", "1", "f", "v", "g"), ("ADD", "s", "AT", "f", "v"), ("ADD", "s", "IDMP", "p", "i", "1"),
                 ("ADD", "s", "IDMP", "p", "i", "1", "f"), ("ADD", "s", "IDMP", "", "i", "1", "f", "v"),
                 ("ADD", "s", "IDMP", "p", "", "1", "f", "v"), ("ADD", "x" * 1025, "1", "f", "v"),
                 ("ADD", "__udsd__:x", "1", "f", "v"), ("LIST", "s", "1"), ("LIST", "s", "COUNT", "x"),
                 ("LIST", "s", "COUNT", "1", "x"), ("LIST", "s", "AFTER", "x"), ("LIST", "AFTER", "1-2-3"),
                 ("LIST", "s", "AFTER", "1-2-3", "COUNT"), ("CANCEL",), ("CANCEL", "1", "2")):
        refused(a, "UDSD", "LATER", *args)
    expect((a.call("DBSIZE"), listed(a)), (0, []))


@case
def a_producer_may_repeat_itself(hub):
    a = hub.connect()
    ticket = later(a, "ADD", "s", "IDMP", "p", "1", "3600000", "f", "v")
    expect(later(a, "ADD", "s", "IDMP", "p", "1", "50", "f", "other"), ticket)
    assert later(a, "ADD", "s", "IDMP", "p", "2", "3600000", "f", "v") != ticket
    a.call("XADD", "s", "IDMP", "p", "1", "*", "f", "v")  # has identifiers of its own
    expect(a.call("XLEN", "s"), 1)
    hub.kill()
    hub.start()
    a = hub.connect()
    expect(later(a, "ADD", "s", "IDMP", "p", "1", "50", "f", "other"), ticket)
    expect(len(listed(a)), 2)
    # What was cancelled may be delayed again.
    expect(later(a, "CANCEL", ticket), 1)
    again = later(a, "ADD", "s", "IDMP", "p", "1", "3600000", "f", "again")
    assert again != ticket
    expect(later(a, "ADD", "s", "IDMP", "p", "1", "3600000", "f", "other"), again)
    hub.kill()
    hub.start()
    a = hub.connect()
    expect(later(a, "ADD", "s", "IDMP", "p", "1", "3600000", "f", "other"), again)
    expect(len(listed(a)), 2)
    # What has come due may not.
    soon = later(a, "ADD", "s", "IDMP", "p", "3", "1", "f", "soon")
    resp.wait_until(lambda: a.call("XLEN", "s") == 2, "a delayed entry")
    expect(later(a, "ADD", "s", "IDMP", "p", "3", "1", "f", "soon"), soon)
    expect(a.call("XLEN", "s"), 2)


@case
def they_belong_to_their_stream(hub):
    a = hub.connect()
    for key in "s", "t", "u":
        later(a, "ADD", key, "500", "f", key)
        later(a, "ADD", key, "3600000", "f", key)
    expect(a.call("DBSIZE"), 3)
    a.call("RENAME", "s", "t")
    expect([(m["key"], m["fields"][1]) for m in listed(a, "t")], [(b"t", b"s")] * 2)
    a.call("DEL", "u")
    wait_length(a, "t", 1)
    expect(values(a, "t"), [b"s"])
    expect([m["key"] for m in listed(a)], [b"t"])
    hub.kill()
    hub.start()
    a = hub.connect()
    expect([(m["key"], m["fields"][1]) for m in listed(a)], [(b"t", b"s")])
    later(a, "ADD", "v", "100", "f", "v")
    a.call("PEXPIRE", "v", "50")
    a.call("FLUSHALL")
    expect(listed(a), [])
    later(a, "ADD", "v", "200", "f", "v")
    a.call("PEXPIRE", "v", "1")
    resp.wait_until(lambda: listed(a) == [], "the end of a stream")
    expect(a.call("EXISTS", "v"), 0)


@case
def what_is_full_refuses_them(hub):
    a = hub.connect()
    hub.configure(max_bytes_per_uid="200K", max_streams=2)
    a.call("UDSD", "RELOAD")
    n = 0
    while True:
        try:
            later(a, "ADD", "s", "3600000", "f", "x" * 10000)
        except resp.Error as e:
            assert "max_bytes_per_uid" in str(e), e
            break
        n += 1
    assert 15 <= n <= 21, n
    assert "max_bytes_per_uid" in refused(a, "XADD", "s", "*", "f", "v")
    later(a, "CANCEL", listed(a, "COUNT", "1")[0]["ticket"])
    later(a, "ADD", "t", "50", "f", "v")
    assert "max_streams" in refused(a, "UDSD", "LATER", "ADD", "u", "50", "f", "v")
    wait_length(a, "t", 1)
    a.call("DEL", "s")
    later(a, "ADD", "t", "0", "f", "x" * 100000)
    wait_length(a, "t", 2)


@case
def a_full_stream_lets_them_wait(hub):
    a = hub.connect()
    for i in range(3):
        later(a, "ADD", "tight", "0", "n", str(i))
    wait_length(a, "tight", 1)
    hub.kill()
    hub.start()
    a = hub.connect()
    for i in range(3):
        wait_length(a, "tight", 1)
        expect((values(a, "tight"), figure(a, "stream_entries_later")), ([b"%d" % i], 2 - i))
        a.call("XTRIM", "tight", "MAXLEN", "0")


@case
def the_clock_may_be_set(hub):
    """With clock-shim.c, which CLOCK_SHIM names."""
    hub.stop()
    path = os.path.join(os.path.dirname(hub.path), "offset")

    def set_clock(ms):
        with open(path, "r+b" if os.path.exists(path) else "wb") as offset:
            offset.write(struct.pack("=q", ms))

    set_clock(0)
    hub.env = dict(hub.env, LD_PRELOAD=os.environ["CLOCK_SHIM"], CLOCK_OFFSET=path)
    hub.start()
    a, b = hub.connect(), hub.connect()
    later(a, "ADD", "s", "3600000", "n", "an hour")
    later(a, "ADD", "s", "7200000", "n", "two hours")
    b.send("XREAD", "BLOCK", "0", "STREAMS", "s", "$")
    resp.wait_until(lambda: figure(a, "blocked_clients") == 1, "a blocked client")
    set_clock(3700000)  # the daemon sleeps
    expect(b.read()[0][1][0][1], [b"n", b"an hour"])
    set_clock(-3600000)
    later(a, "ADD", "t", "300", "n", "soon")
    wait_length(a, "t", 1)
    expect((a.call("XLEN", "s"), len(listed(a, "s"))), (1, 1))
    expect(int(a.call("XRANGE", "t", "-", "+")[0][0].split(b"-")[0]) < now_ms() - 3000000, True)
    set_clock(3700000 + 7200000)
    wait_length(a, "s", 2)


@case
def a_hundred_thousand_at_once_are_on_time(hub):
    """In about half of the runs the daemon is killed before they are due."""
    n = int(os.environ.get("UDSD_LATER_N") or 100000)
    a = hub.connect()
    begin = time.monotonic()
    add_many(a, "warm", [now_ms() + 3600000] * 1000)
    due = now_ms() + int((time.monotonic() - begin) * 1500 * n / 1000) + 3000
    dues = [due + random.randrange(20) for _ in range(n)]
    tickets = add_many(a, "s", dues)
    expect(len(set(tickets)), n)
    assert now_ms() < due, "the entries were not added in time"
    if random.randrange(2):
        hub.kill()
        hub.start()
        a = hub.connect()
        expect(figure(a, "stream_entries_later"), n + 1000)
    wait_length(a, "s", n)
    check_on_time(a, dues)
    assert figure(a, "pass_work_max") < 16000000, figure(a, "pass_work_max")
    expect(figure(a, "stream_entries_later"), 1000)


def check_on_time(a, dues):
    got, after = [], b"-"
    while part := a.call("XRANGE", "s", after, "+", "COUNT", "10000"):
        got += [(int(i.split(b"-")[0]), int(fields[1])) for i, fields in part]
        after = b"(" + part[-1][0]
    expect(sorted(due for _, due in got), sorted(dues))
    expect([due for _, due in got], sorted(dues))
    late = max(at - due for at, due in got)
    print("the latest one was %d ms late" % late, flush=True)
    assert min(at - due for at, due in got) >= 0, "an entry came early"
    limit = int(os.environ.get("UDSD_LATER_MS") or 1000)
    assert late <= limit, "an entry was %d ms late" % late


@case
def each_comes_once_whenever_the_daemon_is_killed(hub):
    print("UDSD_TEST_SEED=%d" % hub.seed, flush=True)
    rng = random.Random(hub.seed)
    answered, cancelled, unsure = {}, set(), set()
    for _ in range(int(os.environ.get("UDSD_STREAM_KILLS") or 8)):
        a = hub.connect()
        end = time.monotonic() + rng.uniform(0.05, 0.4)
        while time.monotonic() < end:
            part = ["%d" % rng.randrange(10**15) for _ in range(rng.randrange(1, 200))]
            a.send_raw(b"".join(a.encode("UDSD", "LATER", "ADD", "s", str(rng.randrange(300)), "f", value)
                                for value in part))
            unsure.update(part)
            if time.monotonic() >= end and rng.randrange(2):
                break
            for value in part:
                answered[value] = a.read()
                unsure.discard(value)
            value = rng.choice(part)
            if later(a, "CANCEL", answered[value]) == 1:
                cancelled.add(value)
        hub.kill()
        hub.start()
    a = hub.connect()
    resp.wait_until(lambda: figure(a, "stream_entries_later") == 0, "the last entry")
    got = [value.decode() for value in values(a, "s")]
    expect(len(got), len(set(got)))
    expect(cancelled & set(got), set())
    missing = set(answered) - cancelled - set(got)
    expect(missing, set())
    expect(set(got) - set(answered) - unsure, set())


run_cases("[stream tight]\nmax_entries = 1\nwhen_full = refuse\n")
