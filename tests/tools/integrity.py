"""
integrity.py SOCKET SEED: 4 publishers on 2 channels, 8 receivers: three on the first channel, two on
the second, two on both, one on a pattern over both; RESP2 and RESP3 in turn. Payloads have 0 bytes to 1 MiB and
every byte value. Each receiver checks that each publisher's messages on its channels come complete, unaltered
and in order, across channels too. Every part is a process of its own.
"""
import hashlib
import os
import random
import struct
import sys
import traceback

from resp import Client

path, seed = sys.argv[1], int(sys.argv[2])
PUBLISHERS, MESSAGES = 4, 150
CHANNELS = [b"integrity.one", b"integrity.two"]
RECEIVERS = [(0,), (0,), (0,), (1,), (1,), (0, 1), (0, 1), "pattern"]
ALL_BYTES = bytes(range(256))
HEADER = struct.Struct(">BIQ")


def plan(publisher):
    """The messages of one publisher: (channel, payload), the same in every process."""
    rng = random.Random(seed * 1000 + publisher)
    for seq in range(MESSAGES):
        size = rng.choice([0, 1, 13, 64, 255, 1000, 16383, 16384, 16385, 65536, rng.randrange(300000)])
        if seq == MESSAGES // 2:
            size = 1 << 20
        body = (ALL_BYTES * (size // 256 + 1))[:size] if seq % 2 else rng.randbytes(size)
        # An empty payload says nothing of its sender: it is told apart by its neighbours only.
        payload = b"" if seq % 25 == 24 else HEADER.pack(publisher, seq, size) + body
        yield rng.randrange(2), payload


def publish(publisher):
    client = Client(path)
    rng = random.Random(seed + publisher)
    unanswered = 0
    for channel, payload in plan(publisher):
        client.send("PUBLISH", CHANNELS[channel], payload)
        unanswered += 1
        while unanswered and rng.random() < 0.5:
            assert client.read() > 0
            unanswered -= 1
    while unanswered:
        assert client.read() > 0
        unanswered -= 1


def receive(number, ready):
    kind = RECEIVERS[number]
    client = Client(path)
    if number % 2:
        client.call("HELLO", "3")
    if kind == "pattern":
        client.call("PSUBSCRIBE", "integrity.*")
        channels = (0, 1)
    else:
        for channel in kind:
            client.call("SUBSCRIBE", CHANNELS[channel])
        channels = kind
    os.write(ready, b"x")
    wanted = [[(c, p) for c, p in plan(publisher) if c in channels] for publisher in range(PUBLISHERS)]
    empty = sum(1 for w in wanted for _, p in w if not p)
    wanted = [[(c, hashlib.sha1(p).digest()) for c, p in w if p] for w in wanted]
    at = [0] * PUBLISHERS
    for _ in range(empty + sum(map(len, wanted))):
        push = client.read()
        channel, payload = push[-2], push[-1]
        if not payload:
            empty -= 1
            continue
        publisher = payload[0]
        channel_wanted, digest = wanted[publisher][at[publisher]]
        assert channel == CHANNELS[channel_wanted], "receiver %d: message on the wrong channel or out of order" % number
        assert hashlib.sha1(payload).digest() == digest, "receiver %d: message altered or out of order" % number
        at[publisher] += 1
    assert empty == 0, "receiver %d: wrong number of empty messages" % number


def run(function, *args):
    pid = os.fork()
    if pid == 0:
        try:
            function(*args)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


ready_read, ready_write = os.pipe()
children = [run(receive, number, ready_write) for number in range(len(RECEIVERS))]
for _ in RECEIVERS:
    os.read(ready_read, 1)
children += [run(publish, publisher) for publisher in range(PUBLISHERS)]
failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
sys.exit(1 if failed else 0)
