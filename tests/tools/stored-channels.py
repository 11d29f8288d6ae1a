"""
stored-channels.py --udsd PROGRAM --dir DIR [CASE]...: channels whose messages are stored. Messages are numbers, so that
a gap, a repeat, or a wrong order shows.
"""
import os
import random
import select
import socket
import sys
import threading
import time

import resp
from cases import RuledHub, case, expect, figure, run_cases
from streamhub import parse_id

RULES = """
[limits]
queue_limit = 64K
slow_timeout = 1h
[admin]
allow = uid:%d
[stream log.*]
published = yes
[stream short.*]
published = yes
max_entries = 1000
[channel patient.*]
slow = store
[channel short.*]
slow = store
[channel deaf.*]
slow = store
[stream patient.*]
published = yes
[listener lines]
listen = %s
mode = line
channel = patient.lines
deliver = yes
[listener whole]
listen = %s
mode = whole
channel = patient.lines
ack = yes
"""


class Storer(RuledHub):
    def more_lines(self):
        self.lines, self.whole = self.path + ".lines", self.path + ".whole"
        return self.rules % (os.geteuid(), self.lines, self.whole)


def with_slow_timeout(hub):
    """Only where it is what a case is about: on a busy machine, a test is a slow receiver itself."""
    hub.reload(hub.rules.replace("slow_timeout = 1h", "slow_timeout = 500ms"))


def expect_numbers(got, first, end):
    wanted = range(first, end)
    for i, number in enumerate(got):
        assert i < len(wanted) and number == wanted[i], "message %d is %d, not %s; got %d of %d" % (
            i, number, wanted[i] if i < len(wanted) else "one too much", len(got), len(wanted))
    expect(len(got), len(wanted))


def publish(client, channel, first, end, size=0, portion=500):
    """Publishes numbers, and returns the answers."""
    answers = []
    for begin in range(first, end, portion):
        some = range(begin, min(end, begin + portion))
        client.send_raw(b"".join(client.encode("PUBLISH", channel, b"%0*d" % (size, n)) for n in some))
        answers += [client.read() for _ in some]
    return answers


def subscribe(hub, *command, version=2):
    client = hub.connect()
    if version == 3:
        client.call("HELLO", "3")
    expect(client.call(*command)[0], b"subscribe" if command[0] != "PSUBSCRIBE" else b"psubscribe")
    return client


def number_of(payload):
    return int(payload.lstrip(b"0") or b"0")


def read_message(client):
    """Channel and payload; both of a message that came through a pattern as well."""
    message = client.read()
    assert message[0] in (b"message", b"pmessage"), message
    return message[-2].decode(), message[-1]


def read_numbers(client, n, channel=None):
    got = []
    for _ in range(n):
        name, payload = read_message(client)
        if channel:
            expect(name, channel)
        got.append(number_of(payload))
    return got


def expect_silence(client):
    """Nothing was sent before the answer to PING."""
    client.send("PING")
    assert client.read() in (b"PONG", [b"pong", b""])


def channel_figure(client, channel, name):
    reply = client.call("UDSD", "CHANNELS", channel)
    fields = reply[0]
    return dict(zip(fields[::2], fields[1::2]))[name.encode()]


@case
def a_receiver_gets_what_was_published_before(hub):
    a = hub.connect()
    expect(publish(a, "log.a", 0, 1000), [0] * 1000)
    for version in 2, 3:
        b = subscribe(hub, "UDSD", "SUBSCRIBE", "log.a", "FROM", "first", version=version)
        expect_numbers(read_numbers(b, 1000, "log.a"), 0, 1000)
        expect_silence(b)
        last = subscribe(hub, "UDSD", "SUBSCRIBE", "log.a", "FROM", "LAST", version=version)
        expect(read_numbers(last, 1), [999])
        some = parse_id(a.call("XRANGE", "log.a", "-", "+")[499][0])
        middle = subscribe(hub, "UDSD", "SUBSCRIBE", "log.a", "FROM", "%d-%d" % some, version=version)
        expect_numbers(read_numbers(middle, 500), 500, 1000)
        plain = subscribe(hub, "UDSD", "SUBSCRIBE", "log.a", version=version)
        late = subscribe(hub, "UDSD", "SUBSCRIBE", "log.a", "FROM", "99999999999999-0", version=version)
        for client in b, last, middle, plain, late:
            expect_silence(client)
        expect(a.call("PUBLISH", "log.a", "1000"), 5)
        for client in b, last, middle, plain, late:
            expect(read_numbers(client, 1), [1000])
            expect_silence(client)
            client.close()
        a.call("XTRIM", "log.a", "MAXLEN", "1001")
        a.call("XDEL", "log.a", a.call("XREVRANGE", "log.a", "+", "-", "COUNT", "1")[0][0])
        resp.wait_until(lambda: figure(a, "pubsub_clients") == 0, "receivers to be gone")


@case
def what_is_asked_for_wrongly_is_refused(hub):
    a = hub.connect()
    a.call("XADD", "other", "*", "message", "1")
    expect(a.refusal("UDSD", "SUBSCRIBE", "other", "FROM", "first"),
           "ERR messages of 'other' are not stored: no section [stream ...] says published = yes")
    for words in (("FROM",), ("FORM", "first"), ("FROM", "first", "x")):
        assert a.refusal("UDSD", "SUBSCRIBE", "log.b", *words) == "ERR syntax error"
    expect(a.refusal("UDSD", "SUBSCRIBE", "log.b", "FROM", "x-1"),
           "ERR Invalid stream ID specified as stream command argument")
    assert "wrong number of arguments" in a.refusal("UDSD", "POSITION")
    expect(a.call("MULTI"), b"OK")
    assert "not allowed inside a transaction" in a.refusal("UDSD", "SUBSCRIBE", "log.b", "FROM", "first")
    assert "not allowed inside a transaction" in a.refusal("UDSD", "POSITION", "log.b")
    a.refusal("EXEC")
    expect(a.call("UDSD", "POSITION", "log.none"), b"0-0")
    b = subscribe(hub, "UDSD", "SUBSCRIBE", "log.none", "FROM", "first")
    expect(a.call("PUBLISH", "log.none", "0"), 1)
    expect(read_numbers(b, 1), [0])
    expect(a.call("SPUBLISH", "log.shard", "0"), 0)
    expect(a.call("EXISTS", "log.shard"), 0)
    expect(a.call("PUBLISH", "unstored", "0"), 0)
    expect(a.call("EXISTS", "unstored"), 0)
    expect(channel_figure(a, "log.none", "stored"), 1)


@case
def entries_that_look_like_messages_are_messages(hub):
    a, b = hub.connect(), subscribe(hub, "SUBSCRIBE", "log.c")
    a.call("XADD", "log.c", "*", "message", "0")
    a.call("XADD", "log.c", "*", "level", "info", "message", "1", "message", "no")
    a.call("XADD", "log.c", "*", "Message", "no")
    a.call("XADD", "log.c", "MAXLEN", "100", "*", "message", "2")
    expect(a.call("XADD", "log.c", "IDMP", "me", "i", "*", "message", "3"),
           a.call("XADD", "log.c", "IDMP", "me", "i", "*", "message", "3"))
    a.refusal("XADD", "log.c", "1-1", "message", "no")
    expect(a.call("XADD", "log.cc", "NOMKSTREAM", "*", "message", "no"), None)
    a.call("MULTI")
    a.call("XADD", "log.c", "*", "message", "4")
    a.call("PUBLISH", "log.c", "5")
    expect(a.call("EXEC")[1], 1)
    c = subscribe(hub, "UDSD", "SUBSCRIBE", "log.c", "FROM", "first")
    for client in b, c:
        expect_numbers(read_numbers(client, 6), 0, 6)
        expect_silence(client)
    # Who receives its own messages gets them, whichever way it adds them.
    own = subscribe(hub, "SUBSCRIBE", "log.c", version=3)
    own.send("XADD", "log.c", "*", "message", "6")
    expect({type(own.read()), type(own.read())}, {bytes, list})


@case
def receivers_do_not_wait_for_the_disk_and_publishers_do(hub):
    hub.reload(commit_delay="60s")
    a, b, c = hub.connect(), subscribe(hub, "SUBSCRIBE", "log.d"), hub.connect()
    c.call("HELLO", "3")
    expect(a.call("PUBLISH", "log.d", "0"), 1)
    a.send("PUBLISH", "log.d", "1")
    expect(read_numbers(b, 2), [0, 1])
    # A client that waits for such an answer still gets messages.
    c.call("SUBSCRIBE", "unstored")
    c.send("PUBLISH", "log.d", "2")
    expect(read_numbers(b, 1), [2])
    d = hub.connect()
    expect(d.call("PUBLISH", "unstored", "7"), 1)
    expect(read_numbers(c, 1), [7])
    d.send("MULTI")
    d.send("PUBLISH", "log.d", "3")
    d.send("EXEC")
    expect([d.read(), d.read()], [b"OK", b"QUEUED"])
    expect(read_numbers(b, 1), [3])
    assert not select.select([a.sock, c.sock, d.sock], [], [], 0.2)[0], "an answer came before the commit"
    hub.reload()
    expect([a.read(), c.read(), d.read()], [1, 1, [1]])


@case
def a_message_comes_before_an_answer_or_behind_it(hub):
    """The commit is done, and a receiver has not taken what the same transaction has published."""
    full, feeder, a, d, e = subscribe(hub, "SUBSCRIBE", "log.full"), *[hub.connect() for _ in range(4)]
    a.call("HELLO", "3")
    a.call("SUBSCRIBE", "news")
    sent = 0
    while channel_figure(d, "log.full", "queued") == 0 or channel_figure(d, "log.full", "queued") == 0:
        feeder.send("PUBLISH", "log.full", "x" * 2000)
        sent += 1
    a.send_raw(b"".join(a.encode(*command) for command in (
        ("MULTI",), ("XADD", "log.other", "*", "a", "b"), ("PUBLISH", "log.full", "last"), ("ECHO", "behind"), ("EXEC",))))
    expect([a.read() for _ in range(4)], [b"OK", b"QUEUED", b"QUEUED", b"QUEUED"])
    d.call("XADD", "log.other", "*", "a", "b")
    d.send("PUBLISH", "news", "hello")
    resp.wait_until(lambda: channel_figure(e, "news", "messages") == 1, "the message")
    expect(len([full.read() for _ in range(sent + 1)]), sent + 1)
    expect(d.read(), 1)
    got = sorted([a.read(), a.read()], key=lambda reply: reply[0] == b"message")
    expect(got[0][1:], [1, b"behind"])
    expect(got[1], [b"message", b"news", b"hello"])


@case
def what_is_answered_survives(hub):
    a = hub.connect()
    publish(a, "log.e", 0, 3000)
    b = subscribe(hub, "SUBSCRIBE", "log.e")
    publish(a, "log.e", 3000, 5000)
    expect_numbers(read_numbers(b, 2000), 3000, 5000)
    hub.kill()
    hub.start()
    b = subscribe(hub, "UDSD", "SUBSCRIBE", "log.e", "FROM", "first")
    expect_numbers(read_numbers(b, 5000), 0, 5000)
    # Go on where the position says, after kills at any time.
    a, got, at, sent = hub.connect(), 0, "0-0", 5000
    rng = random.Random(1)
    for _ in range(4):
        b = subscribe(hub, "UDSD", "SUBSCRIBE", "log.e", "FROM", at, version=3)
        n = rng.randrange(1, sent - got)
        numbers = read_numbers(b, n)
        b.send("UDSD", "POSITION", "log.e")
        while isinstance(reply := b.read(), list):
            numbers.append(int(reply[-1]))
        expect_numbers(numbers, got, got + len(numbers))
        got, at = got + len(numbers), reply.decode()
        publish(a, "log.e", sent, sent + 1500)
        sent += 1500
        hub.kill()
        hub.start()
        a = hub.connect()
    b = subscribe(hub, "UDSD", "SUBSCRIBE", "log.e", "FROM", at)
    expect_numbers(read_numbers(b, sent - got), got, sent)
    expect_silence(b)


@case
def what_cannot_be_stored_is_not_published(hub):
    hub.reload(max_bytes_per_uid="100K")
    a, b = hub.connect(), subscribe(hub, "SUBSCRIBE", "log.f")
    c = subscribe(hub, "SUBSCRIBE", "patient.lines")
    n = 0
    while not isinstance(reply := a.try_call("PUBLISH", "log.f", "%0800d" % n), resp.Error):
        expect((reply, read_numbers(b, 1)), (1, [n]))
        n += 1
    assert str(reply).startswith("OOM command not allowed: the streams of uid "), reply
    expect_silence(b)
    a.call("MULTI")
    a.call("PUBLISH", "log.f", "no")
    a.send("EXEC")
    expect(a.line(), b"*1")
    assert isinstance(a.try_read(), resp.Error)
    line = socket.socket(socket.AF_UNIX)
    line.connect(hub.whole)
    line.sendall(b"no")
    line.shutdown(socket.SHUT_WR)
    answer = line.makefile("rb").read()
    assert answer.startswith(b"ERR OOM command not allowed"), answer
    expect_silence(c)
    d = hub.connect()
    expect(d.call("PUBLISH", "unstored", "x"), 0)
    d.call("DEL", "log.f")
    expect(d.call("PUBLISH", "log.f", "0"), 1)
    # Nor is it when there is no stream left for it.
    hub.reload(max_streams="1")
    expect(d.refusal("PUBLISH", "log.ff", "0"), "ERR too many streams; the limit is 1 (max_streams)")


def read_slowly(hub, client, n, size):
    """All n numbers of `size` digits that a client gets which begins to read only now; in the lines of a socket."""
    data = b""
    client.settimeout(resp.PATIENCE)
    while data.count(b"\n") < n:
        more = client.recv(1 << 16)
        assert more, "closed"
        data += more
    return [int(line) for line in data.split(b"\n")[:n]]


@case
def a_slow_receiver_slows_nobody_and_loses_nothing(hub):
    with_slow_timeout(hub)
    a, n, size = hub.connect(), 30000, 100
    slow = subscribe(hub, "SUBSCRIBE", "patient.a")
    pattern = subscribe(hub, "PSUBSCRIBE", "patient.?")
    fast = subscribe(hub, "SUBSCRIBE", "patient.a")
    lines = socket.socket(socket.AF_UNIX)
    lines.connect(hub.lines)
    resp.wait_until(lambda: a.call("PUBSUB", "NUMSUB", "patient.lines")[1] == 1, "the lines to be subscribed")
    answers, got = [], []
    for first in range(0, n, 500):
        answers += publish(a, "patient.a", first, first + 500, size)
        got += read_numbers(fast, 500)
    assert publish(a, "patient.lines", 0, n, size)[-1] == 0, "a slow receiver is counted"
    expect_numbers(got, 0, n)
    expect((answers[0], min(answers), answers[-1]), (3, 1, 1))
    expect(channel_figure(a, "patient.a", "replaying"), 2)
    expect(figure(a, "pubsub_replays"), 3)
    assert "replaying=1" in a.call("UDSD", "CLIENTS").decode()
    time.sleep(2)  # much longer than slow_timeout: nobody waits for them
    expect(figure(a, "slow_receivers_closed"), 0)
    expect_numbers(read_numbers(slow, n), 0, n)
    expect_numbers(read_numbers(pattern, n, "patient.a"), 0, n)
    expect_numbers(read_slowly(hub, lines, n, size), 0, n)
    resp.wait_until(lambda: figure(a, "pubsub_replays") == 0, "all to have caught up")
    expect(publish(a, "patient.a", n, n + 10), [3] * 10)
    for client in slow, pattern, fast:
        expect_numbers(read_numbers(client, 10), n, n + 10)
        expect_silence(client)
    expect(figure(a, "messages_dropped"), 0)


@case
def a_slow_receiver_of_channels_that_wait_is_disconnected(hub):
    with_slow_timeout(hub)
    a = hub.connect()
    both = subscribe(hub, "SUBSCRIBE", "patient.b")
    both.call("SUBSCRIBE", "unstored")
    publish(a, "patient.b", 0, 20000, 100)
    a.send("PUBLISH", "unstored", "x")
    expect(a.read(), 0)  # it has waited until the slow one was disconnected
    expect(figure(a, "slow_receivers_closed"), 1)
    both.close()
    # Where nothing is stored, the policy is that of other channels.
    c = subscribe(hub, "SUBSCRIBE", "deaf.a")
    answers = publish(a, "deaf.a", 0, 20000, 100)
    expect((answers[0], answers[-1]), (1, 0))
    expect(figure(a, "slow_receivers_closed"), 2)
    c.close()


@case
def who_is_overtaken_is_told(hub):
    a, n = hub.connect(), 20000
    slow = subscribe(hub, "SUBSCRIBE", "short.a", version=3)
    slow.call("SUBSCRIBE", "__udsd__:missed")
    publish(a, "short.a", 0, n, 100)
    expect(a.call("XLEN", "short.a"), 1000)
    got, missed, last = 0, 0, -1
    while last < n - 1:
        channel, payload = read_message(slow)
        if channel == "__udsd__:missed":
            count, name = payload.split(b" ")
            expect(name, b"short.a")
            missed += int(count)
            last += int(count)
        else:
            expect(number_of(payload), last + 1)
            last += 1
            got += 1
    expect(got + missed, n)
    assert missed > 0, "the test has found nothing"
    expect(figure(a, "messages_overtaken"), missed)
    expect(figure(a, "messages_dropped"), missed)
    publish(a, "short.a", n, n + 1)
    expect(read_numbers(slow, 1), [n])


@case
def a_reload_changes_what_is_stored(hub):
    rules = hub.rules
    a, n = hub.connect(), 20000
    publish(a, "log.g", 0, n, 100)
    slow = subscribe(hub, "UDSD", "SUBSCRIBE", "log.g", "FROM", "first")
    resp.wait_until(lambda: figure(a, "messages_replayed") > 0, "the replay to begin")
    hub.reload(rules.replace("[stream log.*]\npublished = yes\n", ""))
    publish(a, "log.g", n, n + 100, 100)
    publish(a, "log.h", 0, 1)
    expect((a.call("XLEN", "log.g"), a.call("XLEN", "log.h")), (n + 100, 0))
    expect_numbers(read_numbers(slow, n + 100), 0, n + 100)
    resp.wait_until(lambda: figure(a, "pubsub_replays") == 0, "the replay to end")
    publish(a, "log.g", n + 100, n + 200)
    expect(a.call("XLEN", "log.g"), n + 100)
    assert "are not stored" in a.refusal("UDSD", "SUBSCRIBE", "log.g", "FROM", "first")
    hub.reload(rules)
    publish(a, "log.g", n + 200, n + 300)
    expect(a.call("XLEN", "log.g"), n + 200)
    expect_numbers(read_numbers(slow, 200), n + 100, n + 300)


@case
def a_reload_takes_rights_away(hub):
    a, n = hub.connect(), 20000
    name = subscribe(hub, "SUBSCRIBE", "patient.r")
    pattern = subscribe(hub, "PSUBSCRIBE", "patient.*")
    publish(a, "patient.r", 0, n, 100)
    expect(figure(a, "pubsub_replays"), 2)
    hub.reload("[channel patient.r]\nsubscribe = uid:54321\n" + hub.rules)
    resp.wait_until(lambda: figure(a, "pubsub_clients") == 1, "the one that may not receive it to be disconnected")
    assert "NOPERM" in a.refusal("UDSD", "SUBSCRIBE", "patient.r", "FROM", "first")
    assert "NOPERM" in a.refusal("UDSD", "POSITION", "patient.r")
    publish(a, "patient.other", n, n + 1)
    got = []
    while not got or got[-1] != n:
        got += read_numbers(pattern, 1)
    assert len(got) < n // 2, len(got)
    expect_numbers(got[:-1], 0, len(got) - 1)
    resp.wait_until(lambda: figure(a, "pubsub_replays") == 0, "replays to end")
    name.close()


@case
def streams_and_receivers_go_in_the_middle(hub):
    a, n = hub.connect(), 20000
    for end in ("UNSUBSCRIBE", "DEL", "RENAME", "FLUSHALL", "RESET", "close", "XTRIM", "EXPIRE"):
        publish(a, "log.i", 0, n, 100)
        b = subscribe(hub, "UDSD", "SUBSCRIBE", "log.i", "FROM", "first", version=3)
        resp.wait_until(lambda: figure(a, "pubsub_replays") == 1, "the replay to begin")
        if end == "UNSUBSCRIBE":
            b.send("UNSUBSCRIBE", "log.i")
            while b.read()[0] == b"message":
                pass
            expect_silence(b)
        elif end == "RESET":
            b.send("RESET")
            while b.read() != b"RESET":
                pass
        elif end == "close":
            b.close()
        elif end == "RENAME":
            a.call("RENAME", "log.i", "log.j")
        elif end == "XTRIM":
            a.call("XTRIM", "log.i", "MAXLEN", "0")
        elif end == "EXPIRE":
            a.call("PEXPIRE", "log.i", "1")
            resp.wait_until(lambda: a.call("EXISTS", "log.i") == 0, "the stream to expire")
        else:
            a.call(*[end, "log.i"] if end == "DEL" else [end])
        if end not in ("UNSUBSCRIBE", "RESET", "close"):
            publish(a, "log.i", 10**6, 10**6 + 1)
            got = []
            while not got or got[-1] != 10**6:
                got += read_numbers(b, 1)
            expect_numbers(got[:-1], 0, len(got) - 1)
        resp.wait_until(lambda: figure(a, "pubsub_replays") == 0, "the replay to end")
        b.close()
        a.call("FLUSHALL")
    # One client may get many channels at once, each in order, and begin one anew.
    b = hub.connect()
    for i in range(20):
        publish(a, "log.k%d" % i, 0, 500, 50)
        b.send("UDSD", "SUBSCRIBE", "log.k%d" % i, "FROM", "first")
    b.send("UDSD", "SUBSCRIBE", "log.k0", "FROM", "first")
    seen = {}
    while len(seen) < 20 or min(len(got) for got in seen.values()) < 500 or seen["log.k0"][-1] != 499:
        message = b.read()
        if message[0] == b"message":
            seen.setdefault(message[1].decode(), []).append(int(message[2]))
    again = seen.pop("log.k0")
    expect_numbers(again[-500:], 0, 500)
    for got in seen.values():
        expect_numbers(got, 0, 500)


@case
def a_stream_that_is_made_again_may_have_smaller_ids(hub):
    a, n = hub.connect(), 20000
    slow = subscribe(hub, "SUBSCRIBE", "patient.m")
    a.call("XADD", "patient.m", "99999999999999-0", "message", "0")
    publish(a, "patient.m", 1, n, 100)
    expect(figure(a, "pubsub_replays"), 1)
    a.call("DEL", "patient.m")
    publish(a, "patient.m", n, n + 100)
    got = []
    while not got or got[-1] != n + 99:
        got += read_numbers(slow, 1)
    expect_numbers(got[-100:], n, n + 100)
    expect_numbers(got[:-100], 0, len(got) - 100)


@case
def a_receiver_far_behind_takes_little_memory(hub):
    hub.reload(hub.rules.replace("queue_limit = 64K", "queue_limit = 8M"), cache="64K")
    a, n, size = hub.connect(), 60000, 300
    publish(a, "log.l", 0, n, size)
    hub.kill()
    hub.start()
    a = hub.connect()
    before = int(resp.info(a)["used_memory"])
    b = [subscribe(hub, "UDSD", "SUBSCRIBE", "log.l", "FROM", "first") for _ in range(3)]
    most = 0
    for i in range(0, n, 10000):
        for client in b:
            expect_numbers(read_numbers(client, 10000), i, i + 10000)
        publish(a, "log.l", n + i // 10, n + i // 10 + 1000, size)
        most = max(most, int(resp.info(a)["used_memory"]))
    for client in b:
        expect_numbers(read_numbers(client, n // 10), n, n + n // 10)
        expect_silence(client)
    assert figure(a, "store_fetches") > 100
    # All that they get has 66 MB. (A sanitizer keeps for a while what was freed.)
    assert most - before < 24 << 20 or resp.is_sanitized(hub.program), "took %d bytes more" % (most - before)


class Receiver:
    """Gets a channel in some way, and checks that each message is the next one."""

    def __init__(self, hub, channel, rng, sent):
        self.channel, self.rng, self.hub = channel, rng, hub
        self.client, self.at, self.next, self.is_paused = None, None, None, False
        self.connect(sent)

    def connect(self, sent):
        version = self.rng.choice([2, 3])
        self.client = self.hub.connect()
        if version == 3:
            self.client.call("HELLO", "3")
        way = self.rng.randrange(4) if self.at is None else 3
        if way == 0:
            self.client.call("SUBSCRIBE", self.channel)
            self.next = sent
        elif way == 1:
            self.client.call("PSUBSCRIBE", self.channel[:-1] + "[%s]" % self.channel[-1])
            self.next = sent
        elif way == 2:
            self.client.call("UDSD", "SUBSCRIBE", self.channel, "FROM", "first")
            self.next = 0
        else:
            self.client.call("UDSD", "SUBSCRIBE", self.channel, "FROM", self.at or "0")
            self.next = self.next if self.at else 0

    def take(self, message):
        expect(message[-2].decode(), self.channel)
        number = number_of(message[-1])
        assert number == self.next, "%s: got %d, not %d" % (self.channel, number, self.next)
        self.next += 1

    def read_some(self, limit):
        """Reads what is there."""
        while limit > 0 and (self.client.at < len(self.client.buffer) or
                             select.select([self.client.sock], [], [], 0)[0]):
            self.take(self.client.read())
            limit -= 1

    def read_until(self, number):
        while self.next < number:
            self.take(self.client.read())

    def leave(self):
        """Notes the position, and closes."""
        self.client.send("UDSD", "POSITION", self.channel)
        while isinstance(reply := self.client.try_read(), list):
            self.take(reply)
        self.at = reply.decode()
        self.client.close()


@case
def random_receivers_get_everything_in_order(hub):
    print("UDSD_TEST_SEED=%d" % hub.seed, flush=True)
    rng = random.Random(hub.seed)
    hub.reload(cache="64K")
    channels = ["log.x%d" % i for i in range(2)] + ["patient.x%d" % i for i in range(2)]
    sent = dict.fromkeys(channels, 0)
    receivers, a = [], hub.connect()
    end = time.monotonic() + float(os.environ.get("UDSD_STORED_SECONDS", "4"))
    while time.monotonic() < end:
        what = rng.randrange(100)
        channel = rng.choice(channels)
        if what < 45:
            n, size = rng.choice([(1, 10), (20, 100), (300, 150), (2, 40000)])
            if rng.randrange(2):
                for begin in range(sent[channel], sent[channel] + n, 50):
                    some = range(begin, min(sent[channel] + n, begin + 50))
                    a.send_raw(b"".join([a.encode("MULTI")] + [a.encode("PUBLISH", channel, b"%0*d" % (size, i)) if i % 3
                                         else a.encode("XADD", channel, "*", "message", b"%0*d" % (size, i))
                                         for i in some] + [a.encode("EXEC")]))
                    pump(a, receivers, channel, 2 + len(some))
            else:
                a.send_raw(b"".join(a.encode("PUBLISH", channel, b"%0*d" % (size, i))
                                    for i in range(sent[channel], sent[channel] + n)))
                pump(a, receivers, channel, n)
            sent[channel] += n
        elif what < 60 and len(receivers) < 12:
            receivers.append(Receiver(hub, channel, rng, sent[channel]))
        elif what < 85 and receivers:
            rng.choice(receivers).read_some(rng.choice([1, 50, 5000]))
        elif what < 92 and receivers:
            receiver = rng.choice(receivers)
            if receiver.channel.startswith("log") or rng.randrange(2):
                receiver.read_some(10**9)
            receiver.leave()
            receiver.connect(sent[receiver.channel])
        elif what < 96 and receivers:
            receivers.pop(rng.randrange(len(receivers))).client.close()
        elif what == 96:
            hub.kill()
            hub.start()
            a = hub.connect()
            receivers = []
        elif what == 97:
            hub.reload(cache=rng.choice(["64K", "64M"]))
    hub.reload(hub.rules.replace("queue_limit = 64K", "queue_limit = 8M"), cache="64M")
    for receiver in receivers:
        receiver.read_until(sent[receiver.channel])
        expect_silence(receiver.client)
    for channel in channels:
        b = subscribe(hub, "UDSD", "SUBSCRIBE", channel, "FROM", "first")
        expect_numbers(read_numbers(b, sent[channel]), 0, sent[channel])
        expect_silence(b)
    print("%d messages" % sum(sent.values()))


def pump(a, receivers, channel, n):
    """Reads n answers of the publisher; meanwhile those are read from that make it wait."""
    errors = []

    def read():
        try:
            for _ in range(n):
                a.read()
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    while thread.is_alive():
        for receiver in receivers:
            if receiver.channel.startswith("log") and channel.startswith("log"):
                receiver.read_some(1000)
        thread.join(0.001)
    if errors:
        raise errors[0]


run_cases(RULES, Storer)
