"""
stream-groups.py SOCKET MAX_PENDING [CASE]...: consumer groups, where no redis-server that is installed can be compared
with: what is newer (XREADGROUP with CLAIM, XACKDEL, XNACK), and the limit of pending entries.
"""
import sys
import time

from cases import CASES, case, expect
from resp import Client, Error, info, wait_until


def fill(client, key, n, groups=("g",), first=1):
    """A new stream with n entries, 1-0, 2-0 and so on, and groups that have read none of them."""
    client.call("DEL", key)
    for group in groups:
        client.call("XGROUP", "CREATE", key, group, "0", "MKSTREAM")
    for i in range(first, first + n):
        client.call("XADD", key, "%d-0" % i, "f", "v%d" % i)


def claim(client, consumer, ms, *more, key="s", group="g", ids=(">",)):
    return client.call("XREADGROUP", "GROUP", group, consumer, "CLAIM", str(ms), *more, "STREAMS", key, *ids)


def entries(reply):
    """Of the only stream of a reply: (id, deliveries) of each."""
    return [(entry[0].decode(), entry[3]) for entry in reply[0][1]] if reply else []


def pending(client, key="s", group="g"):
    return [(e[0].decode(), e[1].decode(), e[3]) for e in client.call("XPENDING", key, group, "-", "+", "1000000")]


def make_idle(client, consumer, ms, *ids, key="s", group="g"):
    client.call("XCLAIM", key, group, consumer, "0", *ids, "IDLE", str(ms), "JUSTID")


def is_blocked(client, number):
    return ("blocked_clients:%d\r\n" % number).encode() in client.call("INFO", "clients")


def figure(client, name):
    return int(info(client)[name])


@case
def claim_takes_idle_entries_first(a):
    fill(a, "s", 2)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    make_idle(a, "c1", 5000, "1-0", "2-0")
    a.call("XADD", "s", "3-0", "f", "v3")
    reply = claim(a, "c2", 1000)
    expect(entries(reply), [("1-0", 1), ("2-0", 1), ("3-0", 0)])
    expect(reply[0][1][0][:2], [b"1-0", [b"f", b"v1"]])
    assert 5000 <= reply[0][1][0][2] < 60000 and reply[0][1][2][2] == 0, reply
    expect(pending(a), [("1-0", "c2", 2), ("2-0", "c2", 2), ("3-0", "c2", 1)])
    expect(claim(a, "c1", 1000), None)


@case
def claim_takes_the_longest_idle_first_and_count_of_all(a):
    fill(a, "s", 6)
    a.call("XREADGROUP", "GROUP", "g", "c1", "COUNT", "5", "STREAMS", "s", ">")
    for i, ms in enumerate((20000, 50000, 1000, 40000, 30000)):
        make_idle(a, "c1", ms, "%d-0" % (i + 1))
    expect(entries(claim(a, "c2", 10000, "COUNT", "3")), [("2-0", 1), ("4-0", 1), ("5-0", 1)])
    expect(entries(claim(a, "c2", 10000, "COUNT", "3")), [("1-0", 1), ("6-0", 0)])
    expect(entries(claim(a, "c3", 0, "COUNT", "1")), [("3-0", 1)])


@case
def claim_is_ignored_for_history(a):
    fill(a, "s", 2)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    reply = claim(a, "c1", 0, ids=("0",))
    expect([len(entry) for entry in reply[0][1]], [2, 2])


@case
def claim_and_noack(a):
    fill(a, "s", 2)
    a.call("XREADGROUP", "GROUP", "g", "c1", "COUNT", "1", "STREAMS", "s", ">")
    make_idle(a, "c1", 5000, "1-0")
    expect(entries(claim(a, "c1", 1000, "NOACK")), [("1-0", 1), ("2-0", 0)])
    expect(pending(a), [("1-0", "c1", 2)])


@case
def claim_skips_deleted_entries_and_takes_what_setid_made_new(a):
    fill(a, "s", 3)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    a.call("XDEL", "s", "2-0")
    a.call("XGROUP", "SETID", "s", "g", "0")
    expect(entries(claim(a, "c2", 0)), [("1-0", 1), ("3-0", 1), ("1-0", 0), ("3-0", 0)])
    expect([e for e in pending(a) if e[0] != "2-0"], [("1-0", "c2", 1), ("3-0", "c2", 1)])


@case
def claim_refuses_what_is_no_idle_time(a):
    fill(a, "s", 1)
    for text in ("x", "5.5", "+10", "-0", ""):
        expect(a.refusal("XREADGROUP", "GROUP", "g", "c", "CLAIM", text, "STREAMS", "s", ">"),
               "ERR min-idle-time is not an integer")
    expect(a.refusal("XREADGROUP", "GROUP", "g", "c", "CLAIM", "-10", "STREAMS", "s", ">"),
           "ERR min-idle-time must be a positive integer")
    expect(a.refusal("XREAD", "CLAIM", "10", "STREAMS", "s", "0"), "ERR syntax error")
    expect(a.refusal("XREADGROUP", "GROUP", "g", "CLAIM", "50", "c", "STREAMS", "s", ">"), "ERR syntax error")
    expect(entries(claim(a, "c", 2 ** 63 - 1)), [("1-0", 0)])


@case
def a_waiter_with_claim_gets_what_becomes_idle(a, b):
    fill(a, "s", 1)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    b.send("XREADGROUP", "GROUP", "g", "c2", "BLOCK", "0", "CLAIM", "100", "STREAMS", "s", ">")
    expect(entries(b.read()), [("1-0", 1)])
    a.call("XACK", "s", "g", "1-0")
    # What is given after it began to wait, too.
    b.send("XREADGROUP", "GROUP", "g", "c2", "BLOCK", "0", "CLAIM", "100", "STREAMS", "s", ">")
    wait_until(lambda: is_blocked(a, 1), "the waiter")
    a.call("MULTI")
    a.call("XADD", "s", "2-0", "f", "v")
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    a.call("EXEC")
    expect(entries(b.read()), [("2-0", 1)])


@case
def a_waiter_with_claim_and_timeout(a):
    fill(a, "s", 1)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    begin = time.monotonic()
    expect(a.call("XREADGROUP", "GROUP", "g", "c2", "BLOCK", "150", "CLAIM", "100000", "STREAMS", "s", ">"), None)
    assert time.monotonic() - begin >= 0.15


@case
def a_waiter_with_claim_gets_new_entries_at_once(a, b):
    fill(a, "s", 1)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    b.send("XREADGROUP", "GROUP", "g", "c2", "BLOCK", "0", "CLAIM", "1000000", "STREAMS", "s", ">")
    wait_until(lambda: is_blocked(a, 1), "the waiter")
    a.call("XADD", "s", "2-0", "f", "v")
    expect(entries(b.read()), [("2-0", 0)])


@case
def xnack_gives_back(a, b):
    fill(a, "s", 3)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    expect(a.call("XNACK", "s", "g", "FAIL", "IDS", "2", "1-0", "9-0"), 1)
    expect(a.call("XPENDING", "s", "g", "-", "+", "1"), [[b"1-0", b"", -1, 1]])
    expect(a.call("XPENDING", "s", "g")[0], 3)
    expect(a.call("XPENDING", "s", "g")[3], [[b"c1", b"2"]])
    expect(a.call("XNACK", "s", "g", "SILENT", "IDS", "1", "2-0"), 1)
    expect(a.call("XNACK", "s", "g", "FATAL", "IDS", "1", "3-0"), 1)
    expect([(e[0], e[2]) for e in pending(a)], [("1-0", 1), ("2-0", 0), ("3-0", 2 ** 63 - 1)])
    # They are idle for as long as anybody may want.
    expect(entries(claim(a, "c2", 1000000, "COUNT", "2")), [("1-0", 1), ("2-0", 0)])
    expect(a.call("XCLAIM", "s", "g", "c3", "1000000", "3-0", "JUSTID"), [b"3-0"])
    expect(a.call("XNACK", "s", "g", "FAIL", "IDS", "1", "3-0", "RETRYCOUNT", "5"), 1)
    expect(a.call("XAUTOCLAIM", "s", "g", "c3", "1000000", "0")[1], [[b"3-0", [b"f", b"v3"]]])
    expect(pending(a)[2], ("3-0", "c3", 6))
    # Whoever waits with CLAIM has them at once.
    b.send("XREADGROUP", "GROUP", "g", "c4", "BLOCK", "0", "CLAIM", "1000000", "STREAMS", "s", ">")
    wait_until(lambda: is_blocked(a, 1), "the waiter")
    a.call("XNACK", "s", "g", "FAIL", "IDS", "1", "1-0")
    expect(entries(b.read()), [("1-0", 2)])
    expect(a.call("XACK", "s", "g", "1-0", "2-0", "3-0"), 3)


@case
def xnack_wakes_those_who_claim(a, b, c, d):
    """One after the other, and nobody else."""
    fill(a, "s", 3)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    b.send("XREADGROUP", "GROUP", "g", "c2", "BLOCK", "0", "STREAMS", "s", ">")
    wait_until(lambda: is_blocked(a, 1), "the waiter without CLAIM")
    for n, client in ((2, c), (3, d)):
        client.send("XREADGROUP", "GROUP", "g", "c3", "BLOCK", "0", "COUNT", "1", "CLAIM", "1000000", "STREAMS", "s", ">")
        wait_until(lambda: is_blocked(a, n), "the waiters with CLAIM")
    a.call("XNACK", "s", "g", "FAIL", "IDS", "3", "1-0", "2-0", "3-0")
    expect((entries(c.read()), entries(d.read())), ([("1-0", 1)], [("2-0", 1)]))
    expect(is_blocked(a, 1), True)
    a.call("XADD", "s", "4-0", "f", "v")
    expect(entries(claim(a, "c1", 1000000)), [("3-0", 1)])
    expect(b.read()[0][1][0][0], b"4-0")


@case
def xnack_gives_in_the_order_of_ids(a):
    fill(a, "s", 4)
    a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")
    for id in "4-0", "2-0", "3-0":
        a.call("XNACK", "s", "g", "FAIL", "IDS", "1", id)
    expect([id for id, n in entries(claim(a, "c2", 0))], ["2-0", "3-0", "4-0", "1-0"])


@case
def xnack_with_force(a):
    fill(a, "s", 3)
    expect(a.call("XNACK", "s", "g", "FAIL", "IDS", "2", "1-0", "9-0", "FORCE"), 1)
    expect(a.call("XNACK", "s", "g", "FATAL", "IDS", "1", "2-0", "FORCE"), 1)
    expect(a.call("XNACK", "s", "g", "SILENT", "IDS", "1", "3-0", "FORCE", "RETRYCOUNT", "7"), 1)
    expect(pending(a), [("1-0", "", 0), ("2-0", "", 2 ** 63 - 1), ("3-0", "", 7)])


@case
def xnack_refuses(a):
    fill(a, "s", 1)
    for args in (("NO", "IDS", "1", "1-0"), ("FAIL", "FORCE", "FORCE", "FORCE"), ("FAIL", "IDS", "1", "1-0", "2-0"),
                 ("FAIL", "IDS", "1", "1-0", "RETRYCOUNT")):
        expect(a.refusal("XNACK", "s", "g", *args), "ERR syntax error")
    expect(a.refusal("XNACK", "s", "none", "FAIL", "IDS", "1", "1-0"), "NOGROUP No such key 's' or consumer group 'none'")
    a.refusal("XNACK", "s", "g", "FAIL", "IDS", "0", "1-0")
    a.refusal("XNACK", "s", "g", "FAIL", "IDS", "1", "x")
    a.refusal("XNACK", "s", "g", "FAIL", "IDS", "1", "1-0", "RETRYCOUNT", "-1")


@case
def xackdel(a):
    both = ("g", "h")

    def read():
        fill(a, "s", 2, both)
        for group in both:
            a.call("XREADGROUP", "GROUP", group, "c", "STREAMS", "s", ">")

    expect(a.call("XACKDEL", "none", "g", "IDS", "2", "1-1", "2-2"), [-1, -1])
    read()
    expect(a.call("XACKDEL", "s", "none", "IDS", "2", "1-1", "2-2"), [-1, -1])
    expect(a.call("XACKDEL", "s", "g", "DELREF", "IDS", "2", "1-0", "2-0"), [1, 1])
    expect([a.call("XLEN", "s"), pending(a), pending(a, group="h")], [0, [], []])
    expect(a.call("XACKDEL", "s", "h", "DELREF", "IDS", "2", "1-0", "2-0"), [-1, -1])
    read()
    expect(a.call("XACKDEL", "s", "g", "ACKED", "IDS", "2", "1-0", "2-0"), [2, 2])
    expect([a.call("XLEN", "s"), pending(a), len(pending(a, group="h"))], [2, [], 2])
    expect(a.call("XACKDEL", "s", "h", "ACKED", "IDS", "2", "1-0", "2-0"), [1, 1])
    expect([a.call("XLEN", "s"), pending(a, group="h")], [0, []])
    read()
    expect(a.call("XACKDEL", "s", "g", "KEEPREF", "IDS", "2", "1-0", "2-0"), [1, 1])
    expect([a.call("XLEN", "s"), pending(a), len(pending(a, group="h"))], [0, [], 2])
    expect(a.call("XACKDEL", "s", "h", "IDS", "3", "1-0", "2-0", "3-0"), [1, 1, -1])
    for args in (("KEEPREF", "DELREF", "IDS", "1", "1-1"), ("IDS", "1", "1-1", "2-2")):
        expect(a.refusal("XACKDEL", "s", "g", *args), "ERR syntax error")
    for n in ("abc", "0", "-5"):
        expect(a.refusal("XACKDEL", "s", "g", "IDS", n, "1-1"), "ERR Number of IDs must be a positive integer")
    expect(a.refusal("XACKDEL", "s", "g", "IDS", "3", "1-1", "2-2"),
           "ERR The `numids` parameter must match the number of arguments")


@case
def plus_is_the_last_entry(a, b):
    fill(a, "s", 3)
    expect(a.call("XREAD", "STREAMS", "s", "+"), [[b"s", [[b"3-0", [b"f", b"v3"]]]]])
    a.call("XDEL", "s", "3-0")
    expect(a.call("XREAD", "STREAMS", "s", "+"), [[b"s", [[b"2-0", [b"f", b"v2"]]]]])
    expect(a.call("XREAD", "STREAMS", "none", "+"), None)
    b.send("XREAD", "BLOCK", "0", "STREAMS", "none", "+")
    wait_until(lambda: is_blocked(a, 1), "the waiter")
    a.call("XADD", "none", "1-0", "f", "v")
    expect(b.read(), [[b"none", [[b"1-0", [b"f", b"v"]]]]])
    a.call("DEL", "none")
    assert "meaningless" in a.refusal("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "+")


@case
def consumers_are_made_and_seen_whatever_they_get(a):
    fill(a, "s", 1)
    expect(a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")[0][0], b"s")
    expect(a.call("XREADGROUP", "GROUP", "g", "c2", "STREAMS", "s", ">"), None)
    expect(a.call("XCLAIM", "s", "g", "c3", "0", "5-0"), [])
    rows = a.call("XINFO", "CONSUMERS", "s", "g")
    expect([row[1] for row in rows], [b"c1", b"c2", b"c3"])
    expect([row[6] for row in rows], [b"inactive"] * 3)
    expect([row[7] >= 0 for row in rows], [True, False, False])


@case
def no_more_than_max_pending(a, b, max_pending):
    fill(a, "s", max_pending + 3)
    got = a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">")[0][1]
    expect(len(got), max_pending)
    expect(a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", ">"), None)
    # Whoever waits goes on when there is room again; claiming and history need none.
    b.send("XREADGROUP", "GROUP", "g", "c2", "BLOCK", "0", "STREAMS", "s", ">")
    wait_until(lambda: is_blocked(a, 1), "the waiter")
    expect(len(a.call("XREADGROUP", "GROUP", "g", "c1", "STREAMS", "s", "0")[0][1]), max_pending)
    expect(a.call("XCLAIM", "s", "g", "c3", "0", "1-0", "JUSTID"), [b"1-0"])
    expect(a.call("XCLAIM", "s", "g", "c3", "0", "%d-0" % (max_pending + 1), "FORCE", "JUSTID"), [])
    expect(a.call("XACK", "s", "g", "1-0", "2-0"), 2)
    expect([e[0] for e in b.read()[0][1]], [b"%d-0" % (max_pending + 1), b"%d-0" % (max_pending + 2)])
    expect(len(a.call("XREADGROUP", "GROUP", "g", "c1", "NOACK", "STREAMS", "s", ">")[0][1]), 1)
    a.call("XADD", "s", "*", "f", "v")
    b.send("XREADGROUP", "GROUP", "g", "c2", "BLOCK", "0", "STREAMS", "s", ">")
    wait_until(lambda: is_blocked(a, 1), "the waiter")
    a.call("XGROUP", "DELCONSUMER", "s", "g", "c1")
    expect(len(b.read()[0][1]), 1)


@case
def exec_fetches_what_it_needs_before_it_begins(a):
    def transaction(*commands):
        a.call("XRANGE", "s", "390-0", "+")  # the newest are in memory, and little else
        a.call("XREAD", "COUNT", "60", "STREAMS", "s", "320-0")
        a.call("MULTI")
        for command in commands:
            a.call(*command.split())
        return a.call("EXEC")

    a.call("DEL", "s", "t")
    for i in range(1, 401):
        a.call("XADD", "s", "%d-0" % i, "f", "x" * 1000)
    a.call("XGROUP", "CREATE", "s", "g", "0")
    a.call("XREADGROUP", "GROUP", "g", "c", "COUNT", "300", "STREAMS", "s", ">")
    before = pending(a)
    expect(len(before), 300)

    def ids(entries):
        return [int(entry[0].split(b"-")[0]) for entry in entries]

    (claimed,) = transaction("XCLAIM s g d 0 300-0 1-0 150-0")
    expect(ids(claimed), [300, 1, 150])
    expect(transaction("XACKDEL s g IDS 3 300-0 1-0 150-0"), [[1, 1, 1]])
    expect(transaction("XNACK s g FAIL IDS 2 200-0 301-0 FORCE"), [2])
    # What is pending is not read.
    a.call("XRANGE", "s", "390-0", "+")
    before = figure(a, "store_fetches")
    a.call("MULTI")
    a.call("XNACK", "s", "g", "SILENT", "IDS", "3", "100-0", "101-0", "200-0")
    expect(a.call("EXEC"), [3])
    expect(figure(a, "store_fetches"), before)
    a.call("XCLAIM", "s", "g", "c", "0", "100-0", "101-0", "200-0", "JUSTID")
    (following, claimed, _), = transaction("XAUTOCLAIM s g e 0 0 COUNT 20")
    expect(ids(claimed), list(range(2, 22)))
    # A command goes further by what those before it have taken.
    gone = " ".join("%d-0" % i for i in range(2, 30))
    deleted, seen, acked, history = transaction("XDEL s " + gone, "XRANGE s - + COUNT 5", "XACK s g " + gone,
                                                "XREADGROUP GROUP g c COUNT 3 STREAMS s 0")
    expect((deleted, ids(seen), acked), (28, list(range(30, 35)), 28))
    expect(ids(history[0][1]), [30, 31, 32])
    # groups that are made and moved within the transaction
    reads = transaction("XGROUP CREATE s h 0", "XREADGROUP GROUP h c COUNT 3 STREAMS s >",
                        "XREADGROUP GROUP h c COUNT 3 STREAMS s >", "XGROUP SETID s h 250-0",
                        "XREADGROUP GROUP h c COUNT 3 STREAMS s >")
    expect([ids(reads[i][0][1]) for i in (1, 2, 4)],
           [[30, 31, 32], [33, 34, 35], [251, 252, 253]])
    # trims, one entry at a time and many at once
    answers = transaction(*["XADD s MAXLEN 360 %d-0 f v" % i for i in range(500, 520)], "XRANGE s - + COUNT 2")
    expect(ids(answers[20]), [59, 60])
    _, seen, info = transaction("XTRIM s MINID 271-0", "XRANGE s - + COUNT 2", "XINFO STREAM s")
    expect(ids(seen), [271, 272])
    expect(info[info.index(b"first-entry") + 1][0], b"271-0")
    answers = transaction("RENAME s t", "XRANGE t 285-0 286-0", "XDEL t 290-0 290-0", "RENAME t s")
    expect(ids(answers[1]), [285, 286])
    expect(answers[2], 1)


@case
def exec_needs_no_more_memory_than_there_is(a):
    a.call("DEL", "big", "other")
    for i in range(1, 401):
        a.call("XADD", "big", "%d-0" % i, "f", "x" * 10000)
    for i in range(1, 401):
        a.call("XADD", "other", "%d-0" % i, "f", "x" * 1000)
    a.call("MULTI")
    a.call("XRANGE", "big", "-", "+")
    a.call("XADD", "other", "1000-0", "f", "v")
    try:
        raise AssertionError(a.call("EXEC"))
    except Error as error:
        assert "EXECABORT" in str(error) and "[store] cache" in str(error), error
    expect(a.call("XLEN", "other"), 400)
    # Nothing is kept after that: others fetch, also in EXEC.
    for _ in range(3):
        a.call("MULTI")
        a.call("XRANGE", "big", "10-0", "+", "COUNT", "1")
        a.call("XRANGE", "other", "1-0", "+", "COUNT", "3")
        expect([len(entries) for entries in a.call("EXEC")], [1, 3])
    a.call("DEL", "big", "other")


@case
def lag_is_right(a):
    def begin(n, *create):
        a.call("DEL", "s")
        a.call("XGROUP", "CREATE", "s", "g", *create, "MKSTREAM")
        for i in range(1, n + 1):
            a.call("XADD", "s", "%d-0" % i, "f", "v")

    def read(count):
        a.call("XREADGROUP", "GROUP", "g", "c", "COUNT", count, "STREAMS", "s", ">")

    def figures():
        info, = a.call("XINFO", "GROUPS", "s")
        return [info[info.index(name) + 1] for name in (b"entries-read", b"lag")]

    # all that was read, and one more, is deleted
    begin(2, "$")
    read("2")
    expect(figures(), [2, 0])
    a.call("XADD", "s", "3-0", "f", "v")
    a.call("XADD", "s", "4-0", "f", "v")
    expect(figures(), [2, 2])
    a.call("XDEL", "s", "1-0", "2-0", "3-0")
    expect(figures(), [2, 1])
    # something is deleted ahead of the group
    begin(4, "0")
    read("2")
    a.call("XDEL", "s", "3-0")
    expect(figures(), [2, 1])
    read("2")
    expect(figures(), [4, 0])
    # the stream is trimmed ahead of the group
    begin(5, "0")
    read("1")
    expect(figures(), [1, 4])
    a.call("XTRIM", "s", "MAXLEN", "2")
    expect(figures(), [1, 2])
    read("1")
    expect(figures(), [4, 1])
    a.call("XTRIM", "s", "MAXLEN", "0")
    expect(figures(), [4, 0])
    # nobody has read more than there ever was
    begin(3, "0", "ENTRIESREAD", "0")
    a.call("XGROUP", "SETID", "s", "g", "0", "ENTRIESREAD", "1000")
    expect(figures(), [3, 3])
    a.call("XGROUP", "SETID", "s", "g", "2-0", "ENTRIESREAD", "3")
    read("1")
    expect(figures(), [3, 0])
    a.call("XGROUP", "DESTROY", "s", "g")
    a.call("XGROUP", "CREATE", "s", "g", "$", "ENTRIESREAD", "1000")
    expect(figures(), [3, 0])
    begin(10, "0")
    read("10")
    a.call("XTRIM", "s", "MAXLEN", "2")
    a.call("XSETID", "s", "10-0", "ENTRIESADDED", "5")
    expect(figures(), [5, 0])
    # some are deleted at either end, or all
    begin(5, "0")
    a.call("XDEL", "s", "1-0")
    expect(figures(), [None, 4])
    a.call("XDEL", "s", "5-0")
    expect(figures(), [None, 3])
    read("1")
    expect(figures(), [None, 2])
    a.call("XDEL", "s", "2-0", "3-0", "4-0")
    expect(figures(), [None, 0])
    a.call("XADD", "s", "6-0", "f", "v")
    expect(figures(), [None, 1])


@case
def long_reads_wait_for_the_disk(a):
    a.call("DEL", "s")
    for i in range(1, 1001):
        a.call("XADD", "s", "%d-0" % i, "f", "x" * 1000)
    for group in "gh":
        a.call("XGROUP", "CREATE", "s", group, "0")
    ids = [b"%d-0" % i for i in range(1, 1001)]
    expect([e[0] for e in a.call("XREAD", "COUNT", "900", "STREAMS", "s", "0")[0][1]], ids[:900])
    for _ in range(2):
        got = a.call("XREADGROUP", "GROUP", "g", "c", "COUNT", "200", "STREAMS", "s", ">")[0][1]
    expect([e[0] for e in got], ids[200:400])
    expect([e[0] for e in a.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "0")[0][1]], ids[:400])
    make_idle(a, "c", 100000, *["%d-0" % i for i in range(1, 401)])
    expect([e[0] for e in claim(a, "d", 1000, "COUNT", "500")[0][1]], ids[:500])
    expect([e[0] for e in a.call("XCLAIM", "s", "g", "c", "0", *ids[:500:7])], ids[:500:7])
    n, last = 0, b"0"
    while True:  # a mebibyte ends an answer
        reply = a.call("XREAD", "STREAMS", "s", last)
        if not reply:
            break
        n, last = n + len(reply[0][1]), reply[0][1][-1][0]
    expect(n, 1000)
    expect(len(a.call("XINFO", "STREAM", "s", "FULL", "COUNT", "300")[15]), 300)


def main():
    path, max_pending = sys.argv[1], int(sys.argv[2])
    for name in sys.argv[3:] or CASES:
        function = CASES[name]
        names = function.__code__.co_varnames[:function.__code__.co_argcount]
        args = [max_pending if n == "max_pending" else Client(path) for n in names]
        try:
            function(*args)
        except Exception:
            print("in", name, flush=True)
            raise
        for key in "s", "none":
            args[0].call("DEL", key)
        for client in args:
            if isinstance(client, Client):
                client.close()


main()
