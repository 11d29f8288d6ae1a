"""
garbage.py SOCKET SEED: sends garbage of every kind to a route listener. Each case ends in the right error, a
close, or plain patience, and a well-behaved pair of clients is served all the while.
"""
import os
import random
import socket
import sys

from resp import Client, Error, info

path, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)

# What is sent, and what the answer must contain before the daemon closes.
VIOLATIONS = [
    (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*99999999999999999999\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
    (b"*1\r\n:1\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n"),
    (b"*1\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$10737418240\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*1\r\n$abc\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
    (b"*" + b"1" * 70000, b"-ERR Protocol error: too big mbulk count string\r\n"),
    (b"*1\r\n$" + b"1" * 70000, b"-ERR Protocol error: too big bulk count string\r\n"),
    (b"x" * 70000, b"-ERR Protocol error: too big inline request\r\n"),
    (b'PUBLISH "unbalanced\r\n', b"-ERR Protocol error: unbalanced quotes in request\r\n"),
    (b"PING\r\nPING\r\n*1\r\nfoo\r\nPING\r\n", b"+PONG\r\n+PONG\r\n-ERR Protocol error: expected '$', got 'f'\r\n"),
]

receiver, sender = Client(path), Client(path)
receiver.call("SUBSCRIBE", "news")
served = 0


def check_service():
    """The well-behaved pair notices nothing."""
    global served
    text = b"message %d" % served
    assert sender.call("PUBLISH", "news", text) == 1
    assert receiver.read() == [b"message", b"news", text]
    served += 1


def expect_violation(data, answer, pieces):
    client = Client(path)
    try:
        for start in range(0, len(data), pieces):
            client.send_raw(data[start:start + pieces])
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused already; what it said is still there
    got = client.read_to_end()
    assert got == answer, "%r: got %r" % (data[:60], got[:200])
    client.close()
    check_service()


for data, answer in VIOLATIONS:
    expect_violation(data, answer, len(data))
    if len(data) < 1000:
        expect_violation(data, answer, 1)

# Random bytes: any answers, then an error and a close or an end of file; never anything worse.
for size in [1, 10, 100, 1000, 10000, 100000, 1000000]:
    client = Client(path)
    try:
        client.send_raw(rng.randbytes(size))
        client.sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    client.read_to_end()
    client.close()
    check_service()

# Mutated real traffic.
traffic = b"".join(Client.encode(*args) for args in [
    ("HELLO", "3"), ("SUBSCRIBE", "a", "b"), ("PUBLISH", "a", "x" * 200), ("PING",), ("PUBSUB", "NUMSUB", "a"),
    ("UNSUBSCRIBE",), ("CLIENT", "SETNAME", "n"), ("INFO",), ("COMMAND", "DOCS"), ("RESET",)])
for _ in range(300):
    data = bytearray(traffic)
    for _ in range(rng.randrange(1, 6)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    client = Client(path)
    try:
        client.send_raw(bytes(data))
        client.sock.shutdown(socket.SHUT_WR)
        client.read_to_end()
    except OSError:
        pass
    client.close()
check_service()

# Clients that announce much and send nothing, and stay: they cost next to nothing.
before = int(info(sender)["used_memory_rss"])
idle = [Client(path) for _ in range(200)]
for client in idle:
    client.send_raw(b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$16000000\r\n")
check_service()
grown = int(info(sender)["used_memory_rss"]) - before
if not os.environ.get("SANITIZED"):
    assert grown < 16 << 20, "200 announcements cost %d bytes" % grown
for client in idle:
    client.close()

# One byte at a time, and each command still counts.
slow = Client(path)
for byte in Client.encode("PUBLISH", "news", "slowly") + b"PING\r\n":
    slow.send_raw(bytes([byte]))
assert slow.read() == 1 and slow.read() == b"PONG"
assert receiver.read() == [b"message", b"news", b"slowly"]

# Half a frame, then gone.
for cut in [1, 5, 20, 40, 60, 5000, 70000]:
    client = Client(path)
    client.send_raw(Client.encode("PUBLISH", "news", "y" * 100000)[:cut])
    client.close()
check_service()

# A message over the limit is refused, the largest one passes.
client = Client(path)
client.send_raw(b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%d\r\n" % ((16 << 20) + 1))
assert client.read_to_end() == b"-ERR Protocol error: invalid bulk length\r\n"
sender.send("PUBLISH", "news", b"z" * (16 << 20))
assert receiver.read()[2] == b"z" * (16 << 20)
assert sender.read() == 1
check_service()

# Many arguments and many channels.
client = Client(path)
try:
    client.call(*(["SUBSCRIBE"] + ["c%d" % i for i in range(20000)]))
    refused = 0
    for i in range(19999):
        try:
            client.read()
        except Error as error:
            assert "too many subscriptions" in str(error)
            refused += 1
    assert refused == 10000, refused
except EOFError:
    raise AssertionError("closed for too many channels")
check_service()
