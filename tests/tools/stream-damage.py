#!/usr/bin/env python3
"""
A store whose file is damaged in a random place, many times: the daemon refuses to start and says why, or serves what is
whole. It never serves an entry that nobody added, and never ends by itself.
"""
import os
import random
import re
import select
import shutil

import resp
from streamhub import Hub, arguments

KEYS = ["s0", "s1", "s2"]


class Asker:
    """Connects again when the hub has disconnected it, since what it has changed could not be stored."""

    def __init__(self, hub):
        self.hub, self.client = hub, hub.connect()

    def ask(self, *command):
        self.client.send(*command)
        resp.wait_until(lambda: self.is_answered() or self.is_full(), "an answer to " + command[0])
        try:
            if self.is_answered():
                return self.client.read()
            error = resp.Error("it waits until the store can be written")
        except resp.Error as error:
            return error
        except EOFError:
            error = resp.Error("disconnected")
        self.client = self.hub.connect()
        return error

    def is_answered(self):
        return select.select([self.client.sock], [], [], 0.02)[0]

    def is_full(self):
        """A damaged file can have no room that SQLite would find."""
        return "the store cannot be written" in self.log()

    def log(self):
        with open(self.hub.log) as log:
            return log.read()


def write_all(hub, rng):
    """What was added: the value of each (stream, id)."""
    client, written = hub.connect(), {}
    commands = [(rng.choice(KEYS), b"%d" % i + b"x" * rng.randrange(300)) for i in range(3000)]
    client.send_raw(b"".join(client.encode("XADD", key, "*", "f", value) for key, value in commands))
    for key, value in commands:
        written[key, client.read()] = value
    for key in KEYS:
        client.call("XGROUP", "CREATE", key, "g", "0")
        client.call("XREADGROUP", "GROUP", "g", "c", "COUNT", "100", "STREAMS", key, ">")
    hub.stop()
    return written


def read_all(client, key, written):
    """Reads the stream from both ends as far as it can be read; returns the number of errors."""
    errors = 0
    for command, start, end in [("XRANGE", b"-", b"+"), ("XREVRANGE", b"+", b"-")]:
        while start:
            page = client.ask(command, key, start, end, "COUNT", "50")
            if isinstance(page, resp.Error):
                errors += 1
                break
            for entry, fields in page:
                assert written.get((key, entry)) == fields[1], "%s %s: %.100r" % (key, entry, fields)
            start = b"(" + page[-1][0] if page else None
    return errors


def use_all(client, key):
    return sum(isinstance(client.ask(*command), resp.Error) for command in [
        ("XPENDING", key, "g", "-", "+", "1000"), ("XINFO", "STREAM", key, "FULL"),
        ("XREADGROUP", "GROUP", "g", "c", "COUNT", "1000", "STREAMS", key, ">"), ("XADD", key, "*", "f", "new"),
        ("XTRIM", key, "MAXLEN", "10"), ("XLEN", key), ("DEL", key)])


def damage(whole, kind, rng):
    data = bytearray(whole)
    if kind == "cut":
        return data[:rng.randrange(1, len(data))]
    for _ in range(1 if kind == "bit" else 20):
        at = rng.randrange(len(data) - 512)
        if kind == "bit":
            data[at] ^= 1 << rng.randrange(8)
        else:
            data[at:at + 512] = bytes(512) if kind == "zeros" else rng.randbytes(512)
    return data


def serve(hub, written):
    client, errors = Asker(hub), 0
    for key in KEYS:
        errors += read_all(client, key, written)
    for key in KEYS:
        errors += use_all(client, key)
    assert client.client.call("PING") == b"PONG"
    text = client.log()
    assert not errors or re.search("damaged|malformed|cannot be written", text), "%d errors, log: %s" % (errors, text)
    hub.process.terminate()
    # What cannot be written keeps a stop waiting; a second signal ends that.
    if client.is_full():
        hub.process.terminate()
    status = hub.process.wait(resp.PATIENCE)
    assert status >= 0, "ended with %d: %s" % (status, text)
    return errors


def main():
    args = arguments(times=40)
    print("seed %d" % args.seed, flush=True)
    rng = random.Random(args.seed)
    hub = Hub(args.program, args.dir)
    written = write_all(hub, rng)
    path = os.path.join(hub.store, "store.db")
    with open(path, "rb") as file:
        whole = file.read()
    counts = {"whole": 0, "in part": 0, "refused": 0}
    try:
        for _ in range(args.times):
            shutil.rmtree(hub.store)
            os.mkdir(hub.store)
            kind = rng.choice(["bit", "bit", "zeros", "noise", "cut"])
            with open(path, "wb") as file:
                file.write(damage(whole, kind, rng))
            os.unlink(hub.log)
            try:
                hub.start()
            except AssertionError as error:
                assert hub.process.returncode and hub.process.returncode > 0 and "store.db" in str(error), "%s: %s" % (kind, error)
                counts["refused"] += 1
                continue
            counts["in part" if serve(hub, written) else "whole"] += 1
    finally:
        hub.kill()
    print(", ".join("%d %s" % (n, kind) for kind, n in counts.items()))


if __name__ == "__main__":
    main()
