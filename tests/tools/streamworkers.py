"""
Workers of consumer groups, for tests of what groups do by themselves: processes that are killed, and what they are given.
"""
import signal
import subprocess
import sys
import time

import resp
from cases import figure, run_cases


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



def run(rules=""):
    """The cases; or, in a process of Worker, what it does."""
    if sys.argv[1] == "--worker":
        work(*sys.argv[2:])
    else:
        run_cases(rules)
