"""A RESP client that can also misbehave: what the tests use where a library would be too polite."""
import os
import random
import re
import socket
import time

PATIENCE = float(os.environ.get("UDSD_TEST_PATIENCE", "30"))


def random_seed():
    """For a test that is random: one of its own each time, or the one that is to be tried again."""
    return int(os.environ.get("UDSD_TEST_SEED") or random.SystemRandom().randrange(1 << 32))


class Error(Exception):
    """An error reply."""


class Client:
    def __init__(self, path, patience=PATIENCE):
        if isinstance(path, tuple):  # host and port
            self.sock = socket.create_connection(path, patience)
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(patience)
            self.sock.connect("\0" + path[1:] if path.startswith("@") else path)
        self.buffer = b""
        self.at = 0

    def close(self):
        self.sock.close()

    def send_raw(self, data):
        self.sock.sendall(data)

    @staticmethod
    def encode(*args):
        out = [b"*%d\r\n" % len(args)]
        for arg in args:
            arg = arg.encode() if isinstance(arg, str) else arg
            out.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
        return b"".join(out)

    def send(self, *args):
        self.send_raw(self.encode(*args))

    def fill(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise EOFError("closed by the daemon")
        self.buffer = self.buffer[self.at:] + data
        self.at = 0

    def line(self):
        while True:
            end = self.buffer.find(b"\r\n", self.at)
            if end >= 0:
                line = self.buffer[self.at:end]
                self.at = end + 2
                return line
            self.fill()

    def exactly(self, n):
        parts, have = [], len(self.buffer) - self.at
        if have >= n:
            data = self.buffer[self.at:self.at + n]
            self.at += n
            return data
        parts.append(self.buffer[self.at:])
        self.buffer, self.at = b"", 0
        while have < n:
            data = self.sock.recv(min(1 << 20, n - have))
            if not data:
                raise EOFError("closed by the daemon")
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def read(self):
        """One reply or push, as Python values; an error reply is raised."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise Error(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind in b"$=":
            if rest == b"-1":
                return None
            data = self.exactly(int(rest) + 2)
            assert data.endswith(b"\r\n"), data[-10:]
            return data[:-2]
        if kind in b"*>~":
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        if kind == b"%":
            return [self.read() for _ in range(2 * int(rest))]
        if kind == b"_":
            return None
        raise AssertionError("not RESP: %r" % line)

    def call(self, *args):
        self.send(*args)
        return self.read()

    def try_read(self):
        """The reply; an error is one too."""
        try:
            return self.read()
        except Error as error:
            return error

    def try_call(self, *args):
        self.send(*args)
        return self.try_read()

    def refusal(self, *args):
        """The text of the error that the command must be answered with."""
        reply = self.try_call(*args)
        assert isinstance(reply, Error), "%r is answered with %r" % (args, reply)
        return str(reply)

    def read_to_end(self):
        """Everything until the daemon closes the connection."""
        data = self.buffer[self.at:]
        self.buffer, self.at = b"", 0
        try:
            while True:
                more = self.sock.recv(1 << 18)
                if not more:
                    return data
                data += more
        except ConnectionResetError:
            return data


def connect_many(path, count):
    """So many clients; there is not always room for one more in the listener's backlog."""
    clients = []

    def comes():
        try:
            clients.append(Client(path))
        except BlockingIOError:
            return False
        return True
    while len(clients) < count:
        wait_until(comes, "a connection")
    return clients


def is_sanitized(program):
    """Whether it was built with a sanitizer, which keeps for a while what was freed."""
    with open(program, "rb") as file:
        return re.search(b"__[at]san_init", file.read()) is not None


def answers(path):
    """Whether a hub that has loaded its streams, if it has any, answers there."""
    try:
        client = Client(path)
        client.call("PING")
        client.try_call("XLEN", "")
        client.close()
    except (OSError, EOFError):
        return False
    return True


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("gave up waiting for " + what)
        time.sleep(0.01)


def info(client):
    text = client.call("INFO").decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
