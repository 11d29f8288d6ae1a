#!/usr/bin/env python3
"""
A storm of random commands from many connections at once: all stream and key commands, transactions, blocking reads,
subscriptions, CLIENT KILL and UNBLOCK, RESET, HELLO, clients that read late or never, or are gone in the middle; with a
tiny cache, so that commands wait for blocks whose streams go away meanwhile. Now and then the daemon is killed with -9
or stopped, and started again. What must hold:

- the daemon never ends by itself, and every byte that it sends is part of a reply: ECHOs come back in order;
- entries of the streams keep:N, which nobody deletes, are there once their addition was answered;
- what XINFO, XLEN, XRANGE, XREVRANGE and XPENDING say of a stream and its groups agrees;
- after a stop, or a kill while nobody was working, everything is as before;
- after FLUSHALL, and when all clients have gone, nothing is counted that is not there.
"""
import collections
import random
import socket
import time

import resp
from streamcommands import Commands
from streamhub import Hub, arguments, parse_id

KEPT = ["keep:0", "keep:1"]
VALUES = ["redeliver", "retry_delay", "max_deliveries", "dead_letter", "consumer_timeout", "paused"]
CONNECTIONS = 16
UNREAD_MAX = 1 << 20


class Answers:
    """Cuts what a connection receives into replies and pushes."""

    def __init__(self):
        self.buffer, self.at = bytearray(), 0

    def line(self):
        end = self.buffer.find(b"\r\n", self.at)
        if end < 0:
            raise BlockingIOError
        line = bytes(self.buffer[self.at:end])
        self.at = end + 2
        return line

    def value(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind in b"+-":
            return line
        if kind in b":,(#":
            return rest
        if kind in b"$=":
            n = int(rest)
            if n < 0:
                return None
            if len(self.buffer) < self.at + n + 2:
                raise BlockingIOError
            data = bytes(self.buffer[self.at:self.at + n])
            assert self.buffer[self.at + n:self.at + n + 2] == b"\r\n", "no end of %r" % line
            self.at += n + 2
            return data
        if kind in b"*~>":
            items = None if rest == b"-1" else [self.value() for _ in range(int(rest))]
            return ("push", items) if kind == b">" else items
        if kind == b"%":
            return [self.value() for _ in range(2 * int(rest))]
        if kind == b"_":
            return None
        raise AssertionError("not a reply: %r" % line[:200])

    def take(self, data):
        """Yields all that is complete."""
        self.buffer += data
        while self.at < len(self.buffer):
            begin = self.at
            try:
                value = self.value()
            except BlockingIOError:
                self.at = begin
                break
            yield value
        del self.buffer[:self.at]
        self.at = 0


class Connection:
    """
    kind: "reader" reads all; "late" now and then; "deaf" never. A client in RESP2 that subscribes, or one that turns
    replies off, is "wild": its answers are cut, but not matched with its commands.
    """

    def __init__(self, storm, kind, wild):
        self.storm, self.kind, self.wild = storm, kind, wild
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(storm.hub.path)
        self.sock.setblocking(False)
        self.answers = Answers()
        self.expected = collections.deque()  # of ("echo", token), ("add", stream, fields) or None
        self.out = b""

    def send(self, command, expected=None):
        self.out += resp.Client.encode(*command)
        self.expected.append(expected)

    def echo(self):
        token = b"token-%d" % next(self.storm.numbers)
        self.send(["ECHO", token], ("echo", token))

    def push(self):
        """Writes what the socket takes. Returns False at the end."""
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out[:1 << 16]):]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def pull(self):
        try:
            while True:
                data = self.sock.recv(1 << 16)
                if not data:
                    return False
                for value in self.answers.take(data):
                    self.handle(value)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def handle(self, value):
        if self.wild or (isinstance(value, tuple) and value[0] == "push"):
            return
        assert self.expected, "an answer to nothing: %.200r" % (value,)
        expected = self.expected.popleft()
        if expected is None:
            return
        if expected[0] == "echo":
            assert value in (expected[1], b"+QUEUED"), "%r came for %r" % (value, expected[1])
        elif isinstance(value, bytes) and value[:1] not in b"-+":
            self.storm.added(expected[1], parse_id(value), expected[2])

    def close(self):
        self.sock.close()


def counter():
    n = 0
    while True:
        n += 1
        yield n


class Storm:
    def __init__(self, hub, rng):
        self.hub, self.rng = hub, rng
        self.numbers = counter()
        self.ledger = {stream: {} for stream in KEPT}
        self.connections = []
        self.n_commands = 0
        self.commands = Commands(rng)

    def added(self, stream, entry, number):
        assert entry not in self.ledger[stream], "%s twice" % (entry,)
        self.ledger[stream][entry] = number

    def transaction(self, connection):
        connection.send(["MULTI"])
        for _ in range(self.rng.choice([1, 3, 20, 100])):
            connection.send(self.commands.command(connection.wild))
        connection.send([self.rng.choice(["EXEC", "EXEC", "EXEC", "DISCARD"])])

    def load(self, connection):
        """Gives a connection something to do."""
        rng = self.rng
        if rng.random() < 0.1 and not connection.wild:
            self.transaction(connection)
        for _ in range(rng.choice([1, 1, 3, 10, 100])):
            if rng.random() < 0.1 and not connection.wild:
                stream, number = rng.choice(KEPT), next(self.numbers)
                connection.send(["XADD", stream, "*", "n", str(number), "pad", "p" * rng.choice([0, 100, 2000])],
                                ("add", stream, number))
            else:
                connection.send(self.commands.command(connection.wild))
            self.n_commands += 1
        connection.echo()

    def open(self):
        rng = self.rng
        connection = Connection(self, rng.choice(["reader"] * 6 + ["late", "deaf"]), rng.random() < 0.3)
        if rng.random() < 0.5:
            connection.send(["HELLO", "3"])
        self.connections.append(connection)

    def drop(self, connection):
        connection.close()
        self.connections.remove(connection)

    def step(self):
        rng = self.rng
        while len(self.connections) < CONNECTIONS:
            self.open()
        connection = rng.choice(self.connections)
        if rng.random() < 0.03:
            self.drop(connection)
            return
        if len(connection.out) < UNREAD_MAX:
            self.load(connection)
        for other in list(self.connections):
            alive = other.push()
            if alive and (other.kind == "reader" or (other.kind == "late" and rng.random() < 0.05)):
                alive = other.pull()
            if not alive:
                if other.kind != "deaf":
                    other.pull()
                self.drop(other)
        self.assert_alive()

    def assert_alive(self):
        if self.hub.process.poll() is not None:
            with open(self.hub.log, errors="replace") as log:
                raise AssertionError("the daemon has ended with %d:\n%s" % (self.hub.process.returncode,
                                                                          log.read()[-8000:]))

    # What is checked.

    def leave(self):
        """All clients go; returns when the daemon knows."""
        for connection in self.connections:
            connection.close()
        self.connections = []
        client = self.hub.connect()

        def are_gone():
            nonlocal client
            self.assert_alive()
            try:
                figures = resp.info(client)
            except (OSError, EOFError):  # a CLIENT KILL of one that is gone has met it
                client = self.hub.connect()
                return False
            return int(figures["connected_clients"]) == 1 and int(figures["stream_readers_blocked"]) == 0
        resp.wait_until(are_gone, "the end of all clients")
        return client

    def check_group(self, client, stream, group):
        rows = client.call("XPENDING", stream, group[b"name"], "-", "+", "1000000")
        summary = client.call("XPENDING", stream, group[b"name"])
        consumers = [dict(zip(c[::2], c[1::2])) for c in client.call("XINFO", "CONSUMERS", stream, group[b"name"])]
        owners = collections.Counter(row[1] for row in rows)
        ids = [parse_id(row[0]) for row in rows]
        assert ids == sorted(set(ids)), "%s: pending ids are not in order" % stream
        assert group[b"pending"] == summary[0] == len(rows), "%s: %r, %r, %d rows" % (stream, group, summary, len(rows))
        assert len(consumers) == group[b"consumers"]
        assert {c[b"name"]: c[b"pending"] for c in consumers if c[b"pending"]} == \
            {name: n for name, n in owners.items() if name}, "%s: %r, %r" % (stream, consumers, owners)
        assert not summary[3] or {name: int(n) for name, n in summary[3]} == \
            {name: n for name, n in owners.items() if name}, "%s: %r" % (stream, summary)
        return [group, [(row[0], row[1], row[3]) for row in rows], sorted(c[b"name"] for c in consumers)]

    @staticmethod
    def pages(client, command, stream, first, last):
        entries = []
        while True:
            page = client.call(command, stream, first, last, "COUNT", "20")
            entries += page
            ends = b"0-0", b"18446744073709551615-18446744073709551615"  # there is none behind
            if len(page) < 20 or page[-1][0] in ends:
                return entries
            first = b"(" + page[-1][0]

    def check_stream(self, client, stream):
        entries = self.pages(client, "XRANGE", stream, "-", "+")
        backward = self.pages(client, "XREVRANGE", stream, "+", "-")
        ids = [parse_id(entry[0]) for entry in entries]
        assert ids == sorted(set(ids)), "%s: ids are not in order" % stream
        assert entries == backward[::-1], "%s: XRANGE and XREVRANGE differ" % stream
        assert client.call("XLEN", stream) == len(entries), "%s: XLEN" % stream
        whole = client.call("XINFO", "STREAM", stream)
        whole = dict(zip(whole[::2], whole[1::2]))
        assert whole[b"length"] == len(entries)
        assert whole[b"first-entry"] == (entries[0] if entries else None), stream
        assert whole[b"last-entry"] == (entries[-1] if entries else None), stream
        assert not ids or parse_id(whole[b"last-generated-id"]) >= ids[-1]
        for transient in (b"radix-tree-keys", b"radix-tree-nodes"):
            whole.pop(transient, None)
        # What is known of producers runs out.
        whole = {k: v for k, v in whole.items() if b"iid" not in k and b"idmp" not in k and b"pid" not in k}
        groups = [dict(zip(g[::2], g[1::2])) for g in client.call("XINFO", "GROUPS", stream)]
        return [entries, whole, [self.check_group(client, stream, group) for group in groups]]

    def settle(self, client):
        """Nothing happens by itself any more: groups have no values of their own, and no entry is to come."""
        for stream in client.call("SCAN", "0", "COUNT", "1000")[1]:
            for group in client.call("XINFO", "GROUPS", stream) if client.call("EXISTS", stream) else []:
                values = [x for name in VALUES for x in (name, "")]
                client.call("UDSD", "GROUP", stream, group[1], "SET", *values)
        for entry in client.call("UDSD", "LATER", "LIST"):
            client.call("UDSD", "LATER", "CANCEL", entry[1])
        figures = resp.info(client)
        assert figures["stream_entries_later"] == "0", "delayed entries are left"

    def state(self, client):
        self.settle(client)
        def keys():
            return sorted(client.call("SCAN", "0", "COUNT", "1000")[1])
        for stream in keys():
            client.call("PERSIST", stream)
        names = keys()
        # One that has expired is counted until it is looked for.
        resp.wait_until(lambda: client.call("DBSIZE") == len(names), "DBSIZE to be that of KEYS")
        state = {name: self.check_stream(client, name) for name in names}
        figures = resp.info(client)
        assert int(figures["stream_entries"]) == sum(len(s[0]) for s in state.values()), "stream_entries is wrong"
        rows = [dict(zip(r[::2], r[1::2])) for r in client.call("UDSD", "STREAMS")]
        assert int(figures["stream_bytes"]) == sum(r[b"bytes"] for r in rows), "stream_bytes is wrong"
        assert all(r[b"entries"] == len(state[r[b"name"]][0]) for r in rows)
        return state

    def check_kept(self, state):
        for stream in KEPT:
            there = {parse_id(entry): int(fields[1]) for entry, fields in state.get(stream.encode(), [[]])[0]}
            for entry, number in self.ledger[stream].items():
                assert there.get(entry) == number, "%s: %s was answered and is not there" % (stream, entry)

    def forget_kept(self, client):
        """After FLUSHALL."""
        self.ledger = {stream: {} for stream in KEPT}
        client.call("FLUSHALL")
        figures = resp.info(client)
        assert figures["stream_entries"] == "0" and figures["stream_bytes"] == "0", "FLUSHALL leaves something"

    def restart(self):
        rng = self.rng
        if rng.random() < 0.5:  # in the middle of everything
            if rng.random() < 0.5:
                self.hub.kill()
            else:
                self.hub.stop()
            for connection in list(self.connections):
                connection.pull()
                self.drop(connection)
            self.hub.start()
            self.check_kept(self.state(self.hub.connect()))
            return
        client = self.leave()
        before = self.state(client)
        self.check_kept(before)
        client.close()
        if rng.random() < 0.5:
            self.hub.kill()
        else:
            self.hub.stop()
        self.hub.start()
        client = self.hub.connect()
        after = self.state(client)
        for name in sorted(set(before) | set(after)):
            assert before.get(name) == after.get(name), "%s differs after the restart:\n%.3000r\n%.3000r" % (
                name, before.get(name), after.get(name))
        if rng.random() < 0.5:
            self.forget_kept(client)
        client.close()


def main():
    args = arguments(steps=3000, seconds=0)
    print("seed %d" % args.seed, flush=True)
    rng = random.Random(args.seed)
    hub = Hub(args.program, args.dir, cache="64K", commit_delay=rng.choice(["0", "0", "20ms"]))
    storm = Storm(hub, rng)
    step, restarts, end = 0, 0, time.monotonic() + args.seconds if args.seconds else None
    try:
        while time.monotonic() < end if end else step < args.steps:
            storm.step()
            step += 1
            if rng.random() < 0.003:
                storm.restart()
                restarts += 1
        client = storm.leave()
        storm.check_kept(storm.state(client))
        storm.forget_kept(client)
        client.close()
        hub.stop()
    except BaseException:
        print("seed %d, step %d, %d commands, %d restarts" % (args.seed, step, storm.n_commands, restarts))
        raise
    finally:
        if hub.process.poll() is None:
            hub.kill()
    with open(hub.log, errors="replace") as log:
        text = log.read()
    assert "Sanitizer" not in text and "runtime error" not in text, text[-8000:]
    print("%d commands, %d restarts" % (storm.n_commands, restarts))


if __name__ == "__main__":
    main()
