"""
Workers of consumer groups, for tests of what groups do by themselves: processes that are killed, and what they are given.
"""
import os
import signal
import subprocess
import sys
import time

import resp
from streamhub import Hub, arguments


class Redeliverer(Hub):
    rules = ""

    def __init__(self, program, directory, rules, **store):
        self.rules = rules
        super().__init__(program, directory, **store)

    def configure(self, **store):
        super().configure(**store)
        with open(self.argv[-1], "a") as conf:
            conf.write(self.rules)

    def reload(self, rules):
        self.rules = rules
        self.configure()
        a = self.connect()
        expect(a.call("UDSD", "RELOAD"), b"OK")
        a.close()


def expect(got, wanted):
    assert got == wanted, "got %r, not %r" % (got, wanted)


def fill(client, key, n, first=1):
    if first == 1:
        client.call("XGROUP", "CREATE", key, "g", "0", "MKSTREAM")
    for begin in range(first, first + n, 10000):
        part = range(begin, min(begin + 10000, first + n))
        client.send_raw(b"".join(client.encode("XADD", key, "%d-0" % i, "f", "v%d" % i) for i in part))
        for _ in part:
            client.read()


def send_read(client, consumer, key, *more, start=">"):
    client.send("XREADGROUP", "GROUP", "g", consumer, *more, "STREAMS", key, start)


def numbers(reply):
    return [int(e[0].split(b"-")[0]) for e in reply[0][1]] if reply else []


def read(client, consumer, key, *more, start=">"):
    """The numbers of the entries that a consumer gets."""
    send_read(client, consumer, key, *more, start=start)
    return numbers(client.read())


def block(client, watcher, consumer, key, *more):
    """Begins to wait."""
    before = blocked(watcher)
    send_read(client, consumer, key, "BLOCK", "0", *more)
    resp.wait_until(lambda: blocked(watcher) > before, "a blocked client")


def figure(client, name):
    text = client.call("INFO").decode()
    return int(next(line.split(":")[1] for line in text.split("\r\n") if line.startswith(name + ":")))


def blocked(client):
    return figure(client, "blocked_clients")


def pending(client, key):
    """(number, consumer, deliveries) of each."""
    return [(int(e[0].split(b"-")[0]), e[1].decode(), e[3])
            for e in client.call("XPENDING", key, "g", "-", "+", "1000000")]


class Worker:
    """A process that reads entries, and then sits on them."""

    def __init__(self, hub, consumer, key, *more):
        self.process = subprocess.Popen([sys.executable, sys.argv[0], "--worker", hub.path, consumer, key, *more],
                                        stdout=subprocess.PIPE)
        self.got = [int(n) for n in self.process.stdout.readline().split()]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def work(path, consumer, key, *more):
    client = resp.Client(path)
    print(*read(client, consumer, key, *more), flush=True)
    signal.pause()



def main(cases, rules):
    """Runs the cases that the command line names, or all, each with a daemon of its own."""
    if sys.argv[1] == "--worker":
        work(*sys.argv[2:])
        return
    names = [name for name in sys.argv[1:] if name in cases]
    sys.argv[1:] = [arg for arg in sys.argv[1:] if arg not in cases]
    args = arguments()
    for name in names or cases:
        directory = os.path.join(args.dir, name[:20])
        os.makedirs(directory, exist_ok=True)
        hub = Redeliverer(args.program, directory, rules)
        try:
            cases[name](hub)
            hub.stop()
        except BaseException:
            print("in", name, flush=True)
            hub.kill()
            raise
