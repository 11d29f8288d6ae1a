"""
stream-retention.py --udsd PROGRAM --dir DIR [CASE]...: how many entries streams keep, by number, size and age, and when
they take no more.
"""
import random
import time

import resp
from cases import case, expect, figure, run_cases

RULES = """
[stream few.*]
max_entries = 250
[stream one]
max_entries = 1
[stream small.*]
max_bytes = 20K
[stream young.*]
max_age = 300ms
[stream full.*]
max_entries = 10
when_full = refuse
[stream heavy.*]
max_bytes = 20K
when_full = refuse
[stream any.*]
max_entries = 10
keep = any
[stream published.*]
published = yes
max_entries = 3
when_full = refuse
"""


def add(client, key, n, first=1, size=0, portion=1000):
    """Adds entries first-0, ...; returns the answers, refusals too."""
    answers = []
    for begin in range(first, first + n, portion):
        some = range(begin, min(first + n, begin + portion))
        client.send_raw(b"".join(client.encode("XADD", key, "%d-0" % i, "f", b"%0*d" % (size, i)) for i in some))
        answers += [client.try_read() for _ in some]
    return answers


def numbers(client, key):
    return [int(entry[0].split(b"-")[0]) for entry in client.call("XRANGE", key, "-", "+")]


def read(client, key, *more):
    reply = client.call("XREADGROUP", "GROUP", "g", "c", *more, "STREAMS", key, ">")
    return [entry[0] for entry in reply[0][1]] if reply else []


@case
def the_newest_stay(hub):
    a = hub.connect()
    for i in range(1, 600):
        add(a, "few.a", 1, i)
        expect(a.call("XLEN", "few.a"), min(i, 250))
    expect(numbers(a, "few.a"), list(range(350, 600)))
    add(a, "few.b", 5000)
    expect(numbers(a, "few.b"), list(range(4751, 5001)))
    add(a, "one", 300)
    expect(numbers(a, "one"), [300])
    expect(figure(a, "stream_entries_trimmed"), 349 + 4750 + 299)
    a.call("MULTI")
    for i in range(300):
        a.call("XADD", "few.c", "*", "f", "v")
    expect(len(a.call("EXEC")), 300)
    expect(a.call("XLEN", "few.c"), 250)
    # Entries in the middle that are gone do not count.
    add(a, "few.d", 250)
    expect(a.call("XDEL", "few.d", *["%d-0" % i for i in range(1, 251, 2)]), 125)
    add(a, "few.d", 125, 251)
    expect(numbers(a, "few.d"), list(range(2, 251, 2)) + list(range(251, 376)))


@case
def bytes_are_bounded_whatever_a_group_needs(hub):
    a = hub.connect()
    a.call("XGROUP", "CREATE", "small.a", "g", "0", "MKSTREAM")
    add(a, "small.a", 3000, size=50)
    streams = a.call("UDSD", "STREAMS", "small.a")[0]
    size = dict(zip(streams[::2], streams[1::2]))[b"bytes"]
    assert 15 * 1024 < size <= 20 * 1024, size
    got = numbers(a, "small.a")
    expect(got, list(range(3001 - len(got), 3001)))
    expect(figure(a, "stream_entries_trimmed_unacked"), 3000 - len(got))
    with open(hub.log) as log:
        assert "entries go that a group has not acknowledged (max_bytes = 20K)" in log.read()
    # A single entry may be larger, and stays.
    add(a, "small.a", 2, 5000, size=100000)
    expect(numbers(a, "small.a"), [5001])


@case
def old_entries_go_while_nobody_does_anything(hub):
    a = hub.connect()
    ids = []
    for i in range(5):
        ids.append(a.call("XADD", "young.a", "*", "f", "v"))
        time.sleep(0.02)
    while a.call("XLEN", "young.a") > 0:
        for entry in a.call("XRANGE", "young.a", "-", "+"):
            age = time.time() - int(entry[0].split(b"-")[0]) / 1000
            assert age < 0.3 * 17 / 16 + resp.PATIENCE / 10, age
        time.sleep(0.01)
    age = time.time() - int(ids[0].split(b"-")[0]) / 1000
    assert age > 0.29, age
    # An idle daemon: nobody asks until much later.
    for i in range(1000):
        a.send("XADD", "young.%d" % (i % 50), "*", "f", "v")
    for i in range(1000):
        a.read()
    before = figure(a, "stream_entries_trimmed")
    time.sleep(1.5)
    expect(figure(a, "stream_entries"), 0)
    expect(figure(a, "stream_entries_trimmed"), before + 1000)
    # What is added with an old id is gone at once; what a group has not seen stays.
    add(a, "young.b", 3)
    resp.wait_until(lambda: a.call("XLEN", "young.b") == 0, "old entries to go")
    a.call("XGROUP", "CREATE", "young.c", "g", "0", "MKSTREAM")
    add(a, "young.c", 3)
    time.sleep(0.5)
    expect(a.call("XLEN", "young.c"), 3)
    got = read(a, "young.c", "COUNT", "2")
    time.sleep(0.5)
    expect(a.call("XLEN", "young.c"), 3)
    a.call("XACK", "young.c", "g", got[0])
    resp.wait_until(lambda: numbers(a, "young.c") == [2, 3], "the first one to go")
    a.call("XGROUP", "DESTROY", "young.c", "g")
    resp.wait_until(lambda: a.call("XLEN", "young.c") == 0, "all to go")


@case
def what_groups_need_stays(hub):
    a = hub.connect()
    a.call("XGROUP", "CREATE", "few.a", "g", "0", "MKSTREAM")
    a.call("XGROUP", "CREATE", "few.a", "h", "0")
    add(a, "few.a", 1000)
    expect(a.call("XLEN", "few.a"), 1000)
    got = read(a, "few.a", "COUNT", "600")
    a.call("XREADGROUP", "GROUP", "h", "c", "NOACK", "STREAMS", "few.a", ">")
    expect(a.call("XLEN", "few.a"), 1000)
    a.call("XACK", "few.a", "g", *got[:400], *got[401:])
    resp.wait_until(lambda: a.call("XLEN", "few.a") == 600, "what is acknowledged to go")
    a.call("XACK", "few.a", "g", got[400])
    resp.wait_until(lambda: a.call("XLEN", "few.a") == 400, "what is acknowledged to go")
    a.call("XGROUP", "SETID", "few.a", "g", "$")
    resp.wait_until(lambda: numbers(a, "few.a") == list(range(751, 1001)), "the bound to hold")
    a.call("XGROUP", "CREATE", "any.a", "g", "0", "MKSTREAM")
    add(a, "any.a", 100)
    expect(numbers(a, "any.a"), list(range(91, 101)))
    expect(figure(a, "stream_entries_trimmed_unacked"), 0)


@case
def a_full_stream_refuses(hub):
    a = hub.connect()
    for _ in range(2):
        answers = add(a, "full.a", 15)
        expect([str(e) for e in answers[10:]], ["OOM command not allowed: the stream is full (max_entries = 10)"] * 5)
        expect(numbers(a, "full.a"), list(range(1, 11)))
        expect(a.call("XGROUP", "CREATE", "full.a", "g", "0"), b"OK")
        got = read(a, "full.a", "COUNT", "3")
        assert isinstance(add(a, "full.a", 1, 20)[0], resp.Error)
        a.call("XACK", "full.a", "g", got[0])
        expect(add(a, "full.a", 1, 20), [b"20-0"])
        assert isinstance(add(a, "full.a", 1, 21)[0], resp.Error)
        a.call("XACK", "full.a", "g", got[2])
        assert isinstance(add(a, "full.a", 1, 21)[0], resp.Error)
        a.call("XACK", "full.a", "g", got[1])
        expect([isinstance(x, bytes) for x in add(a, "full.a", 3, 21)], [True, True, False])
        a.call("XDEL", "full.a", "4-0")
        expect(add(a, "full.a", 1, 30), [b"30-0"])
        a.call("DEL", "full.a")
    expect(figure(a, "stream_entries_refused"), 2 * 9)
    n = 0
    while isinstance(reply := a.try_call("XADD", "heavy.a", "*", "f", "v" * 100), bytes):
        n += 1
    expect(str(reply), "OOM command not allowed: the stream is full (max_bytes = 20K)")
    assert 150 < n < 200, n
    b = hub.connect()
    b.call("SUBSCRIBE", "published.a")
    for i in range(3):
        expect(a.call("PUBLISH", "published.a", str(i)), 1)
        expect(b.read()[2], b"%d" % i)
    expect(a.refusal("PUBLISH", "published.a", "3"), "OOM command not allowed: the stream is full (max_entries = 3)")
    b.send("PING")
    expect(b.read(), [b"pong", b""])


@case
def a_reload_and_a_restart_apply_new_bounds(hub):
    a = hub.connect()
    for i in range(60):
        add(a, "s.%d" % i, 300)
    add(a, "big", 100000, size=20)
    hub.reload("[stream s.*]\nmax_entries = 7\n[stream big]\nmax_bytes = 40K\n")
    resp.wait_until(lambda: figure(a, "stream_entries") < 60 * 7 + 3000, "streams to be trimmed")
    for i in range(60):
        expect(numbers(a, "s.%d" % i), list(range(294, 301)))
    a.call("RENAME", "s.1", "big2")
    hub.rules = "[stream s.*]\nmax_entries = 3\n[stream big2]\nmax_entries = 2\n[stream big]\nmax_age = 1s\n"
    hub.configure()
    for end in hub.kill, hub.stop:
        end()
        hub.start()
        a = hub.connect()
        resp.wait_until(lambda: figure(a, "stream_entries") == 59 * 3 + 2, "streams to be trimmed")
        a.call("RENAME", "big2", "s.new")
        a.call("RENAME", "s.new", "big2")
    add(a, "t", 10)
    a.call("DEL", "s.1")
    a.call("RENAME", "t", "s.1")
    resp.wait_until(lambda: a.call("XLEN", "s.1") == 3, "a stream with another name to be trimmed")
    expect(int(resp.info(a)["pass_work_max"]) < int(resp.info(a)["pass_work_limit"]), True)


@case
def random_bounds_hold(hub):
    """Random commands on a stream with groups; after each the bounds hold, as far as groups allow."""
    print("UDSD_TEST_SEED=%d" % hub.seed, flush=True)
    rng = random.Random(hub.seed)
    a, key, most = hub.connect(), "few.r", 250
    entries, groups, given = [], {}, {}
    last = 0

    def floor():
        return min([min(given[g] | {groups[g] + 1}) for g in groups], default=float("inf"))

    for _ in range(200):
        what = rng.randrange(100)
        if what < 50:
            n = rng.choice([1, 10, 300])
            add(a, key, n, last + 1)
            entries += range(last + 1, last + 1 + n)
            last += n
        elif what < 55 and len(groups) < 3 and last:
            name = "g%d" % rng.randrange(10**9)
            start = rng.choice([0, last])
            a.call("XGROUP", "CREATE", key, name, "%d-0" % start)
            groups[name], given[name] = start, set()
        elif what < 60 and groups:
            name = rng.choice(list(groups))
            a.call("XGROUP", "DESTROY", key, name)
            del groups[name], given[name]
        elif what < 80 and groups:
            name = rng.choice(list(groups))
            reply = a.call("XREADGROUP", "GROUP", name, "c", "COUNT", str(rng.randrange(1, 400)), "STREAMS", key, ">")
            got = [int(e[0].split(b"-")[0]) for e in reply[0][1]] if reply else []
            expect(got, [e for e in entries if e > groups[name]][:len(got)])
            if got:
                groups[name] = got[-1]
                given[name] |= set(got)
        elif groups:
            name = rng.choice(list(groups))
            some = rng.sample(sorted(given[name]), min(len(given[name]), rng.randrange(1, 500)))
            if some:
                expect(a.call("XACK", key, name, *["%d-0" % i for i in some]), len(some))
                given[name] -= set(some)
        if len(entries) > most:
            entries = [e for i, e in enumerate(entries) if i >= len(entries) - most or e >= floor()]
        if rng.randrange(20) == 0 and last:
            hub.kill()
            hub.start()
            a = hub.connect()
        resp.wait_until(lambda: a.call("XLEN", key) <= len(entries), "the bound to hold")
        expect(numbers(a, key), entries)


run_cases(RULES)
