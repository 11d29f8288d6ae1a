#!/usr/bin/env python3
"""
kill -9 under load: clients add entries in pipelines and work a consumer group, while the server is killed, or every
fourth time stopped, and started again. A ledger notes every answer. After each start:

- every entry whose addition was answered is there, nothing that nobody sent, nothing twice; ids only grow;
- what the group's pending list says is what the consumers were told: the entries, their owners, how often they were
  delivered. Where a question was not answered, both outcomes are right;
- what was acknowledged does not come back, and up to where the group has read nothing was passed over.
"""
import collections
import itertools
import math
import random
import sys
import threading
import time

import resp
from streamhub import Hub, arguments, parse_id

STREAMS = [b"jobs", b"mail"]
GROUP = b"workers"
DEEP = 32



class Event:
    """One question of a consumer about entries: when it was sent and answered (never: inf), and by whom."""

    def __init__(self, consumer, ids=()):
        self.consumer, self.ids = consumer, list(ids)
        self.sent, self.answered = time.monotonic(), math.inf

    def answer(self):
        self.answered = time.monotonic()


class Ledger:
    """What the clients were told about one stream and its group."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}           # value: None, or the id in the answer
        self.ids = {}            # id: value; what is known to be in the stream
        self.last = (0, 0)       # the highest id at the last check
        self.given = collections.defaultdict(list)  # id: events that made a consumer its owner
        self.acked = set()       # ids in answered XACKs
        self.n_acked = 0         # the sum of these answers
        self.open = []           # events without an answer
        self.read = set()        # ids that the group has given out, ever

    def opened(self, event):
        with self.lock:
            self.open.append(event)
        return event

    def closed(self, event):
        event.answer()
        self.open.remove(event)


class Load:
    """One run of all clients, until the server ends."""

    def __init__(self, hub, ledgers, names, rng, clients):
        self.hub, self.ledgers, self.names = hub, ledgers, names
        self.n_added = self.n_acked = 0
        self.failure = None
        self.threads = [threading.Thread(target=self.run, args=(role, i, random.Random(rng.random())), daemon=True)
                        for role in (self.produce, self.consume) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, role, number, rng):
        try:
            role(number, rng, self.hub.connect())
        except (EOFError, OSError):
            pass  # the server has ended
        except BaseException as error:  # noqa: B036 (told to the main thread)
            self.failure = error
            raise

    def join(self):
        for thread in self.threads:
            thread.join(resp.PATIENCE)
            assert not thread.is_alive(), "a client got neither an answer nor the end"
        assert not self.failure

    def produce(self, number, rng, client):
        last = dict.fromkeys(STREAMS, (0, 0))
        while True:
            batch = []
            for _ in range(rng.randrange(1, DEEP)):
                stream, value = rng.choice(STREAMS), b"%d" % next(self.names)
                self.ledgers[stream].sent[value] = None
                batch.append((stream, value))
            pad = b"x" * rng.choice([0, 10, 100, 1000])
            client.send_raw(b"".join(client.encode("XADD", stream, "*", "n", value, "pad", pad)
                                     for stream, value in batch))
            for stream, value in batch:
                entry, ledger = parse_id(client.read()), self.ledgers[stream]
                assert entry > max(last[stream], ledger.last), "id %s after %s" % (entry, last[stream])
                last[stream] = entry
                ledger.sent[value] = entry
                self.n_added += 1

    def consume(self, number, rng, client):
        me, mine = b"c%d" % number, {stream: [] for stream in STREAMS}
        while True:
            stream, what = rng.choice(STREAMS), rng.random()
            ledger = self.ledgers[stream]
            if what < 0.5:
                self.read(client, me, mine, rng.randrange(1, 2 * DEEP))
            elif what < 0.9 and mine[stream]:
                rng.shuffle(mine[stream])
                half = len(mine[stream]) // 2
                self.acknowledge(client, ledger, stream, me, mine[stream][half:])
                del mine[stream][half:]
            else:
                self.claim(client, ledger, stream, me, mine, rng)

    def read(self, client, me, mine, count):
        events = {stream: self.ledgers[stream].opened(Event(me)) for stream in STREAMS}
        client.send("XREADGROUP", "GROUP", GROUP, me, "COUNT", str(count), "BLOCK", "20", "STREAMS", *STREAMS, ">", ">")
        answer = dict(client.read() or [])
        for stream in STREAMS:
            ledger, event = self.ledgers[stream], events[stream]
            event.ids = [parse_id(entry) for entry, _ in answer.get(stream, [])]
            with ledger.lock:
                ledger.closed(event)
                for entry in event.ids:
                    assert entry not in ledger.read, "%s was given as new twice" % (entry,)
                    ledger.read.add(entry)
                    ledger.given[entry].append(event)
            mine[stream] += event.ids

    def acknowledge(self, client, ledger, stream, me, ids):
        event = ledger.opened(Event(None, ids))
        client.send("XACK", stream, GROUP, *("%d-%d" % entry for entry in ids))
        n = client.read()
        with ledger.lock:
            ledger.closed(event)
            ledger.acked.update(ids)
            ledger.n_acked += n
            for entry in ids:
                ledger.given.pop(entry, None)
        self.n_acked += n

    def claim(self, client, ledger, stream, me, mine, rng):
        with ledger.lock:
            known = list(itertools.islice(ledger.given, 200))
        ids = rng.sample(known, min(len(known), rng.randrange(1, 6)))
        if not ids:
            return
        event = ledger.opened(Event(me, ids))
        client.send("XCLAIM", stream, GROUP, me, "0", *("%d-%d" % entry for entry in ids))
        event.ids = [parse_id(row[0]) for row in client.read()]
        with ledger.lock:
            ledger.closed(event)
            for entry in event.ids:
                if entry not in ledger.acked:
                    ledger.given[entry].append(event)
        mine[stream] += [entry for entry in event.ids if entry not in mine[stream]]


def pages(client, *command, tail=()):
    """All rows of XRANGE or XPENDING, a thousand at a time; the first element of a row is its id."""
    start, rows = command[-1], []
    while True:
        page = client.call(*command[:-1], start, "+", *tail)
        rows += page
        if len(page) < 1000:
            return rows
        start = b"(" + page[-1][0]


def check_entries(client, stream, ledger, from_start):
    if from_start:
        ledger.ids, ledger.last = {}, (0, 0)
    last = ledger.last
    for entry, fields in pages(client, "XRANGE", stream, "(%d-%d" % last if last > (0, 0) else "-",
                               tail=("COUNT", "1000")):
        entry, value = parse_id(entry), fields[1]
        assert value in ledger.sent, "%s: nobody sent %s" % (entry, value)
        assert ledger.sent[value] in (None, entry), "%s is %s, was answered %s" % (value, entry, ledger.sent[value])
        assert entry > ledger.last, "%s after %s" % (entry, ledger.last)
        ledger.ids[entry], ledger.last = value, entry
        ledger.sent[value] = entry
    present = set(ledger.ids.values())
    missing = [(value, entry) for value, entry in ledger.sent.items() if entry and value not in present]
    assert not missing, "%d answered entries are missing: %s" % (len(missing), missing[:5])
    assert len(present) == len(ledger.ids), "an entry is there twice"
    assert client.call("XLEN", stream) == len(ledger.ids)
    # What was sent without an answer and is not there will not come.
    for value in [value for value, entry in ledger.sent.items() if entry is None]:
        del ledger.sent[value]


def check_owner(entry, owner, events, unanswered):
    """The owner is that of the last event; of events at the same time either may be the last."""
    latest = max((e.sent for e in events), default=0)
    owners = {e.consumer for e in events if e.answered > latest} | {e.consumer for e in unanswered}
    assert owner in owners, "%s belongs to %s, not to one of %s" % (entry, owner, sorted(owners))


def check_group(client, stream, ledger):
    reads = [e for e in ledger.open if e.consumer and not e.ids]
    claims, acks = collections.defaultdict(list), set()
    for event in ledger.open:
        for entry in event.ids:
            if event.consumer:
                claims[entry].append(event)
            else:
                acks.add(entry)
    pending = {parse_id(row[0]): (row[1], row[3])
               for row in pages(client, "XPENDING", stream, GROUP, "-", tail=("1000",))}
    back = ledger.acked & set(pending)
    assert not back, "%d acknowledged entries are pending again: %s" % (len(back), sorted(back)[:5])
    gone = set(ledger.given) - set(pending) - acks
    assert not gone, "%d pending entries are gone: %s" % (len(gone), sorted(gone)[:5])
    for entry, (owner, deliveries) in pending.items():
        events = ledger.given.get(entry, [])
        # An entry that nobody was told of was given by a question without an answer.
        unanswered = claims[entry] + (reads if not events else [])
        check_owner(entry, owner, events, unanswered)
        least = max(len(events), 1)
        assert least <= deliveries <= least + len(claims[entry]), \
            "%s: delivered %d times, told %d times" % (entry, deliveries, len(events))
    group = client.call("XINFO", "GROUPS", stream)[0]
    group = dict(zip(group[::2], group[1::2]))
    read_to = parse_id(group[b"last-delivered-id"])
    assert group[b"pending"] == len(pending), group
    untold = set(pending) - ledger.read
    assert len(untold) <= 2 * DEEP * len(reads), "%d entries given to nobody" % len(untold)
    passed_over = {entry for entry in ledger.ids if entry <= read_to} - ledger.read - untold
    assert not passed_over, "%d entries were passed over: %s" % (len(passed_over), sorted(passed_over)[:5])
    assert all(entry <= read_to for entry in ledger.read)
    adopt(ledger, pending, acks)


def adopt(ledger, pending, acks):
    """What is pending now is what the next checks begin with."""
    # An answered XACK does not count what an unanswered one has acknowledged before it.
    assert len(ledger.acked - acks) <= ledger.n_acked <= len(ledger.acked), \
        "%d entries acknowledged, %d by the answers" % (len(ledger.acked), ledger.n_acked)
    ledger.acked |= {entry for entry in ledger.given if entry in acks and entry not in pending}
    ledger.n_acked = len(ledger.acked)
    ledger.open.clear()
    ledger.given.clear()
    ledger.read |= set(pending)
    for entry, (owner, deliveries) in pending.items():
        event = Event(owner)
        event.answer()
        ledger.given[entry] = [event] * deliveries


def main():
    args = arguments(kills=5, clients=3)
    print("seed %d" % args.seed, flush=True)
    rng = random.Random(args.seed)
    hub, names = Hub(args.program, args.dir), itertools.count()
    ledgers = {stream: Ledger() for stream in STREAMS}
    client = hub.connect()
    for stream in STREAMS:
        client.call("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
    client.close()
    added = acked = 0
    try:
        for kill in range(1, args.kills + 1):
            load = Load(hub, ledgers, names, rng, args.clients)
            n_added, n_acked = rng.randrange(1, 3000), rng.randrange(1, 1000)
            resp.wait_until(lambda: load.failure or (load.n_added >= n_added and load.n_acked >= n_acked),
                            "%d entries added, %d acknowledged" % (n_added, n_acked))
            hub.stop() if kill % 4 == 0 else hub.kill()
            load.join()
            added, acked = added + load.n_added, acked + load.n_acked
            hub.start()
            client = hub.connect()
            for stream in STREAMS:
                check_entries(client, stream, ledgers[stream], kill % 10 == 0 or kill == args.kills)
                check_group(client, stream, ledgers[stream])
            client.close()
        print("%d entries added, %d acknowledged, %d kills and stops" % (added, acked, args.kills))
        hub.stop()
    finally:
        hub.kill()


if __name__ == "__main__":
    sys.exit(main())
