"""
The publishers and receivers of chaos.py that speak to the bus themselves. Each runs in a process of its own and
writes down what it does before it does it, and what it sees once it has seen it; chaos_check.py judges.

A payload is "PUBLISHER:CONNECTION:NUMBER:CHANNEL:CRC:" and a body; numbers count up over all connections.

Lines of a publisher's log (times are those of the monotonic clock, the same for all processes of a host):
  C connection daemon time        connected to the daemon with this pid
  S connection number channel time    about to be sent
  G connection first last         these are one transaction
  A connection number time count      answered
  E connection number time text       refused
  P connection number time        all up to this number were handled
  D connection time               the connection is over
  Q time                          ended in order
Lines of a receiver's log:
  C connection daemon time
  B connection subscription kind name time    about to subscribe; kinds: c channel, p pattern, s shard channel
  T connection subscription time  subscribed
  N connection subscription time text     refused
  U connection subscription time  about to unsubscribe
  V connection subscription time  unsubscribed
  M connection subscription publisher its-connection number channel
  L connection count channel      it is told of so many missed messages
  X connection time why           fin, eof or closed (by itself)
  ! text                          something that must not be
"""
import collections
import os
import random
import select
import socket
import struct
import time
import zlib

from resp import Client, Error, PATIENCE

MAX_MESSAGE = 4 << 20
MISSED = b"__udsd__:missed"
FIN = b"fin"

BINARY = random.Random(7).randbytes(MAX_MESSAGE + (1 << 20))
# What inline commands and udsctl can carry.
TEXT = BINARY.translate(bytes(33 + byte % 94 for byte in range(256))).translate(None, b"\"'\\")

now = time.monotonic


def payload(publisher, connection, number, channel, body):
    return b"%d:%d:%d:%s:%08x:" % (publisher, connection, number, channel, zlib.crc32(body)) + body


def parse(data):
    """(publisher, connection, number, channel) of an intact payload; else ValueError."""
    publisher, connection, number, channel, crc, body = data.split(b":", 5)
    if zlib.crc32(body) != int(crc, 16):
        raise ValueError("altered: %r..." % data[:80])
    return int(publisher), int(connection), int(number), channel


def pick_size(rng):
    kind = rng.random()
    if kind < 0.8:
        return rng.randrange(300)
    if kind < 0.92:
        return rng.choice([1000, 4000, 16300, 16383, 16384, 16385])
    if kind < 0.99:
        return rng.randrange(20000, 250000)
    if kind < 0.9997:
        return rng.randrange(500000, MAX_MESSAGE - 1000)
    return MAX_MESSAGE + 1000  # is refused


def pick_body(rng, channel):
    source = BINARY if channel[:1] in b"exh" else TEXT  # udsctl recv tells messages apart by NUL
    size = pick_size(rng)
    start = rng.randrange(max(1, len(source) - size))
    return source[start:start + size]


class Log:
    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        self.lines = []

    def add(self, text, *args):
        self.lines.append(text % args)

    def write(self):
        if self.lines:
            os.write(self.fd, ("\n".join(self.lines) + "\n").encode())
            self.lines.clear()


class Tap:
    """A socket that has the log written before it waits, and may be slow."""

    def __init__(self, sock, log, rng=None):
        self.sock, self.log, self.rng = sock, log, rng
        self.sendall = sock.sendall
        self.close = sock.close

    def recv(self, size):
        self.log.write()
        if self.rng and self.rng.random() < 0.2:
            time.sleep(self.rng.random() * 0.02)
            size = min(size, self.rng.choice([1, 100, 5000, 65536]))
        return self.sock.recv(size)


class Bus(Client):
    """Connects as soon as there is a daemon; errors are returned, not raised. until: when to give up."""

    def __init__(self, path, log, until, slow_rng=None):
        while True:
            try:
                super().__init__(path, PATIENCE * 2 + max(0, until - now()))
                break
            except (ConnectionError, FileNotFoundError, BlockingIOError):
                if now() > until:
                    raise
                time.sleep(0.01)
        credentials = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.daemon = struct.unpack("3i", credentials)[0]
        self.sock = Tap(self.sock, log, slow_rng)

    def has_buffered(self):
        return self.at < len(self.buffer)

    def read(self):
        try:
            return super().read()
        except Error as error:
            return error


LOST = (ConnectionError, EOFError)


class Publisher:
    def __init__(self, path, log, number, seed, channels, until):
        self.path, self.log, self.number, self.channels, self.until = path, Log(log), number, channels, until
        self.rng = random.Random(seed)
        self.connection = self.sent = 0
        self.queueing_error = None  # of a command after MULTI

    def run(self):
        while now() < self.until:
            self.connection += 1
            self.pending = collections.deque()
            try:
                self.bus = Bus(self.path, self.log, self.until)
            except (ConnectionError, FileNotFoundError, BlockingIOError):
                break
            self.log.add("C %d %d %f", self.connection, self.bus.daemon, now())
            try:
                self.publish()
            except LOST:
                self.log.add("D %d %f", self.connection, now())
                self.log.write()
            self.bus.close()
        self.log.add("Q %f", now())
        self.log.write()

    def publish(self):
        if self.rng.random() < 0.5:
            self.bus.call("HELLO", "3")
        modes = [self.pipeline, self.pipeline, self.one_at_a_time, self.transaction, self.muted, self.skipping]
        while now() < self.until:
            self.rng.choice(modes)()
            if self.rng.random() < 0.03:
                break  # and comes again
            time.sleep(self.rng.expovariate(25))
        self.settle()
        self.log.add("D %d %f", self.connection, now())

    def message(self):
        """The next message as a command; the log says it is sent."""
        channel = self.rng.choice(self.channels)
        self.sent += 1
        body = pick_body(self.rng, channel)
        data = payload(self.number, self.connection, self.sent, channel, body)
        self.log.add("S %d %d %s %f", self.connection, self.sent, channel.decode(), now())
        return Client.encode("SPUBLISH" if channel.startswith(b"h.") else "PUBLISH", channel, data)

    def send(self, data):
        self.log.write()
        try:
            self.bus.send_raw(data)
        except LOST:  # what was answered before is in the socket still
            self.settle()
            raise

    def pipeline(self):
        data = []
        for _ in range(self.rng.choice([1, 5, 60])):
            data.append(self.message())
            self.pending.append(("answer", self.sent))
        self.send(b"".join(data))
        self.settle(self.rng.choice([0, 0, 100, 300]))

    def one_at_a_time(self):
        self.settle()
        for _ in range(self.rng.randrange(1, 15)):
            data = self.message()
            self.pending.append(("answer", self.sent))
            self.send(data)
            self.settle()

    def transaction(self):
        data, numbers = [Client.encode("MULTI")], []
        size = 0
        while len(numbers) < self.rng.randrange(1, 20) and size < MAX_MESSAGE // 4:
            data.append(self.message())
            size += len(data[-1])
            numbers.append(self.sent)
        data.append(Client.encode("EXEC"))
        self.log.add("G %d %d %d", self.connection, numbers[0], numbers[-1])
        self.pending += [("other", 0)] * (len(data) - 1) + [("exec", numbers)]
        self.send(b"".join(data))

    def muted(self):
        data = [Client.encode("CLIENT", "REPLY", "OFF")]
        data += [self.message() for _ in range(self.rng.randrange(1, 30))]
        data.append(Client.encode("CLIENT", "REPLY", "ON"))
        self.pending.append(("handled", self.sent))
        self.send(b"".join(data))

    def skipping(self):
        data = [Client.encode("CLIENT", "REPLY", "SKIP"), self.message(), self.message()]
        self.pending.append(("answer", self.sent))
        self.send(b"".join(data))

    def settle(self, left=0):
        """Reads answers until no more than `left` are outstanding."""
        while len(self.pending) > left or (self.pending and self.bus.has_buffered()):
            answer = self.bus.read()
            kind, numbers = self.pending.popleft()
            if kind == "answer":
                self.answered(numbers, answer)
            elif kind == "handled":
                self.log.add("P %d %d %f", self.connection, numbers, now())
            elif kind == "exec" and isinstance(answer, list):
                for number, one in zip(numbers, answer):
                    self.answered(number, one)
            elif isinstance(answer, Error):
                if kind == "exec":
                    answer = Error("%s; %s" % (answer, self.queueing_error))
                self.queueing_error = answer
                for number in numbers if kind == "exec" else []:
                    self.answered(number, answer)
                if "Protocol error" in str(answer):
                    raise EOFError
        self.log.write()

    def answered(self, number, answer):
        if isinstance(answer, int):
            self.log.add("A %d %d %f %d", self.connection, number, now(), answer)
            return
        self.log.add("E %d %d %f %s", self.connection, number, now(), answer)
        if "Protocol error" in str(answer):
            raise EOFError  # the daemon reads no more


class Receiver:
    """subscriptions: (kind, name) each; habits: of "slow", "churn", "loop"."""

    def __init__(self, path, log, seed, subscriptions, habits, until):
        self.path, self.log, self.subscriptions, self.habits = path, Log(log), subscriptions, habits
        self.rng = random.Random(seed)
        self.until = until
        self.connection = 0

    def run(self):
        ended = False
        while not ended:
            self.connection += 1
            self.bus = Bus(self.path, self.log, self.until + PATIENCE, self.rng if "slow" in self.habits else None)
            self.log.add("C %d %d %f", self.connection, self.bus.daemon, now())
            why = "eof"
            try:
                self.begin()
                why = self.receive()
                ended = why == "fin"
            except LOST:
                pass
            except (AssertionError, ValueError) as error:
                self.log.add("! connection %d: %s: %s", self.connection, type(error).__name__, str(error)[:300])
                ended = True
            self.log.add("X %d %f %s", self.connection, now(), why)
            self.log.write()
            self.bus.close()

    def begin(self):
        if self.rng.random() < 0.5:
            self.bus.call("HELLO", "3")
        self.next = 0
        self.live = {}  # (kind, name): subscription
        self.asked = collections.deque()  # (subscription, kind, name, whether to subscribe)
        for kind, name in [("c", MISSED), ("c", FIN)] + self.subscriptions:
            self.subscribe(kind, name)

    def request(self, command, name):
        self.log.write()
        try:
            self.bus.send(command, name)
        except LOST:
            pass  # what is in the socket is still to be read

    def subscribe(self, kind, name):
        self.next += 1
        self.asked.append((self.next, kind, name, True))
        self.log.add("B %d %d %s %s %f", self.connection, self.next, kind, name.decode(), now())
        self.request({"c": "SUBSCRIBE", "p": "PSUBSCRIBE", "s": "SSUBSCRIBE"}[kind], name)

    def unsubscribe(self, kind, name):
        subscription = self.live[kind, name]
        self.asked.append((subscription, kind, name, False))
        self.log.add("U %d %d %f", self.connection, subscription, now())
        self.request({"c": "UNSUBSCRIBE", "p": "PUNSUBSCRIBE", "s": "SUNSUBSCRIBE"}[kind], name)

    def confirmed(self, push):
        subscription, kind, name, to_subscribe = self.asked.popleft()
        if isinstance(push, Error):
            self.log.add("N %d %d %f %s", self.connection, subscription, now(), push)
            return
        word = {"c": b"", "p": b"p", "s": b"s"}[kind] + (b"subscribe" if to_subscribe else b"unsubscribe")
        assert push[:2] == [word, name], "%r instead of %r %r" % (push, word, name)
        self.log.add("%s %d %d %f", "T" if to_subscribe else "V", self.connection, subscription, now())
        if to_subscribe:
            self.live[kind, name] = subscription
        else:
            del self.live[kind, name]

    def receive(self):
        count = 0
        limit = self.rng.randrange(1, 3000) if "loop" in self.habits else None
        while True:
            push = self.bus.read()
            if isinstance(push, Error) or b"subscribe" in push[0]:
                self.confirmed(push)
                continue
            channel = push[-2]
            kind, name = {b"message": ("c", channel), b"pmessage": ("p", push[1]), b"smessage": ("s", channel)}[push[0]]
            if channel == MISSED:
                missed, of = push[-1].split(b" ", 1)
                self.log.add("L %d %d %s", self.connection, int(missed), of.decode())
            elif push[-1] == FIN:
                return "fin"
            else:
                publisher, connection, number, sent_to = parse(push[-1])
                assert sent_to == channel, "%r came on %r" % (sent_to, channel)
                assert (kind, name) in self.live, "%r without a subscription" % push[:2]
                self.log.add("M %d %d %d %d %d %s", self.connection, self.live[kind, name], publisher, connection,
                             number, channel.decode())
            count += 1
            if limit and count >= limit and now() < self.until:
                return "closed"
            if "churn" in self.habits and not self.asked and self.rng.random() < 0.01:
                self.churn()

    def churn(self):
        kind, name = self.rng.choice(self.subscriptions)
        if (kind, name) in self.live:
            self.unsubscribe(kind, name)
        else:
            self.subscribe(kind, name)


def storm(path, echo, seed, until):
    """Connections that come and go, whole or half; and echoes, which must come back as they went."""
    rng = random.Random(seed)
    junk = [b"", b"PING\r\n", b"*3\r\n$7\r\nPUBLISH\r\n$3\r\nw.0\r\n$4000000\r\nxx", b"*1\r\n$4\r\nINFO\r\n",
            b"SUBSCRIBE junk\r\nPSUBSCRIBE j*\r\n", b"*x\r\n", b"MONITOR\r\n", b"MULTI\r\nPUBLISH nobody x\r\n",
            b"CLIENT LIST\r\n" * 5, b"HELLO 3\r\nQUIT\r\n", b"PUBSUB CHANNELS\r\nCOMMAND\r\n"]
    while now() < until:
        time.sleep(rng.expovariate(50))
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(0.2)
                if rng.random() < 0.9:
                    sock.connect(path)
                    sock.sendall(rng.choice(junk))
                    if rng.random() < 0.5:
                        sock.recv(100)
                else:
                    sock.settimeout(PATIENCE)
                    sock.connect(echo)
                    echoed(sock, pick_body(rng, b"e"))
        except (OSError, EOFError):
            pass


def echoed(sock, data):
    sent = got = 0
    while got < len(data):
        readable, writable, _ = select.select([sock], [sock] if sent < len(data) else [], [], PATIENCE)
        if writable:
            sent += sock.send(data[sent:sent + 65536])
        if readable:
            back = sock.recv(65536)
            if not back:
                raise EOFError
            if back != data[got:got + len(back)]:
                os._exit(3)
            got += len(back)
