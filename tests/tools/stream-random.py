#!/usr/bin/env python3
"""
Random stream commands from several connections, to udsd and to redis-server: every answer must be equal. Now and then
udsd is killed with -9, or stopped, and started again: since what was answered is on disk, nothing may differ afterwards.

Ids are always given, since clocks differ. XSETID is left out: which ids it refuses has changed with Redis 7.2. What
depends on the clock (idle times) is left out of the comparison.
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import resp

STREAMS = ["a", "b", "c"]
GROUPS = ["g", "h"]
CONSUMERS = ["x", "y", "z"]


class Client(resp.Client):
    def read(self):
        """Errors are values here: EXEC has them in an array."""
        try:
            return super().read()
        except resp.Error as error:
            return "error: %s" % error


class Server:
    def __init__(self, program, argv, path, log):
        self.program, self.argv, self.path, self.log = program, argv, path, log
        self.clients = []
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, executable=self.program, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        resp.wait_until(self.connect, "a connection to " + self.argv[0])

    def connect(self):
        assert self.process.poll() is None, "%s has ended: %s" % (self.argv[0], open(self.log).read())
        try:
            self.clients = [Client(self.path) for _ in range(4)]
        except OSError:
            return False
        for number, client in enumerate(self.clients):
            if number % 2:
                client.call("HELLO", "3")
        return True

    def end(self, number):
        for client in self.clients:
            client.close()
        self.process.send_signal(number)
        self.process.wait()

    def call(self, number, command):
        return self.clients[number].call(*command)

    def pipeline(self, number, commands):
        self.clients[number].send_raw(b"".join(resp.Client.encode(*command) for command in commands))
        return [self.clients[number].read() for _ in commands]


class Generator:
    """Makes commands; remembers about which ids there may be, so that many commands meet some."""

    def __init__(self, rng):
        self.rng = rng
        self.ms = dict.fromkeys(STREAMS, 1)

    def id(self, stream):
        rng = self.rng
        kind = rng.random()
        if kind < 0.05:
            return rng.choice(["0", "0-0", "$", "18446744073709551615", "1-", "x", "-1-1", "5-*"])
        ms = max(1, self.ms[stream] - int(rng.expovariate(0.05)))
        return "%d-%d" % (ms, rng.randrange(3)) if kind < 0.8 else str(ms)

    def bound(self, stream):
        text = self.id(stream)
        return self.rng.choice(["-", "+"]) if self.rng.random() < 0.2 else self.rng.choice(["", "", "("]) + text

    def fields(self):
        rng = self.rng
        names = rng.choice([["f"], ["f"], ["name", "value"], ["a", "b", "c"]])
        size = rng.choice([1, 5, 40, 40, 40, 300, 3000])
        return [x for name in names for x in (name, "%0*d" % (size, rng.randrange(10**9)))]

    def trimming(self, stream):
        rng = self.rng
        if rng.random() < 0.5:
            return ["MAXLEN"] + rng.choice([[], ["="]]) + [str(rng.choice([0, 1, 5, 50, 200, 1000]))]
        return ["MINID"] + rng.choice([[], ["="]]) + [self.id(stream)]

    def xadd(self):
        rng, stream = self.rng, self.rng.choice(STREAMS)
        options = self.trimming(stream) if rng.random() < 0.02 else []
        if rng.random() < 0.05:
            options = ["NOMKSTREAM"] + options
        self.ms[stream] += rng.choice([0, 1, 1, 1, 7])
        where = "%d-*" % self.ms[stream] if rng.random() < 0.9 else self.id(stream)
        return ["XADD", stream] + options + [where] + self.fields()

    def count(self):
        return ["COUNT", str(self.rng.choice([1, 2, 3, 10, 100]))] if self.rng.random() < 0.8 else []

    def read(self):
        rng = self.rng
        streams = rng.sample(STREAMS, rng.choice([1, 1, 2, 3]))
        return ["XREAD"] + self.count() + ["STREAMS"] + streams + [self.id(s) for s in streams]

    def readgroup(self):
        rng = self.rng
        streams = rng.sample(STREAMS, rng.choice([1, 1, 1, 2]))
        ids = [">" if rng.random() < 0.8 else self.id(s) for s in streams]
        noack = ["NOACK"] if rng.random() < 0.1 else []
        return (["XREADGROUP", "GROUP", rng.choice(GROUPS), rng.choice(CONSUMERS)] + self.count() + noack +
                ["STREAMS"] + streams + ids)

    def range(self):
        rng, stream = self.rng, self.rng.choice(STREAMS)
        return [rng.choice(["XRANGE", "XREVRANGE"]), stream, self.bound(stream), self.bound(stream)] + self.count()

    def ids(self, stream):
        return [self.id(stream) for _ in range(self.rng.choice([1, 1, 2, 5, 20]))]

    def group(self):
        rng, stream, group = self.rng, self.rng.choice(STREAMS), self.rng.choice(GROUPS)
        kind = rng.random()
        if kind < 0.3:
            return (["XGROUP", "CREATE", stream, group, self.id(stream)] + rng.choice([[], ["MKSTREAM"]]) +
                    rng.choice([[], [], ["ENTRIESREAD", str(rng.randrange(-1, 50))]]))
        if kind < 0.5:
            return ["XGROUP", "SETID", stream, group, self.id(stream)]
        if kind < 0.6:
            return ["XGROUP", "DESTROY", stream, group]
        return ["XGROUP", rng.choice(["CREATECONSUMER", "DELCONSUMER"]), stream, group, rng.choice(CONSUMERS)]

    def pending(self):
        rng, stream = self.rng, self.rng.choice(STREAMS)
        command = ["XPENDING", stream, rng.choice(GROUPS)]
        if rng.random() < 0.5:
            command += [self.bound(stream), self.bound(stream), str(rng.choice([0, 1, 5, 100]))]
            if rng.random() < 0.3:
                command += [rng.choice(CONSUMERS)]
        return command

    def claim(self):
        rng, stream = self.rng, self.rng.choice(STREAMS)
        if rng.random() < 0.5:
            return (["XAUTOCLAIM", stream, rng.choice(GROUPS), rng.choice(CONSUMERS), "0", self.id(stream)] +
                    self.count() + rng.choice([[], ["JUSTID"]]))
        options = [o for o in (["JUSTID"], ["FORCE"], ["RETRYCOUNT", "3"], ["LASTID", self.id(stream)])
                   if rng.random() < 0.15]
        return (["XCLAIM", stream, rng.choice(GROUPS), rng.choice(CONSUMERS), "0"] + self.ids(stream) +
                [x for o in options for x in o])

    def other(self):
        rng, stream = self.rng, self.rng.choice(STREAMS)
        return rng.choice([
            ["XLEN", stream],
            ["XDEL", stream] + self.ids(stream),
            ["XTRIM", stream] + self.trimming(stream),
            ["XINFO", "GROUPS", stream],
            ["XINFO", "STREAM", stream],
            ["EXISTS"] + rng.choices(STREAMS, k=2),
            ["TYPE", stream],
            ["DBSIZE"],
        ])

    def rare(self):
        rng, stream = self.rng, self.rng.choice(STREAMS)
        return rng.choice([["DEL", stream], ["UNLINK"] + rng.sample(STREAMS, 2), ["RENAME", stream, rng.choice(STREAMS)]])

    def command(self):
        makers = [(40, self.xadd), (8, self.read), (20, self.readgroup), (6, self.range), (4, self.group),
                  (4, self.pending), (5, self.claim), (10, self.other), (0.1, self.rare),
                  (12, lambda: [["XACK", s, self.rng.choice(GROUPS)] + self.ids(s)
                                for s in [self.rng.choice(STREAMS)]][0])]
        return self.rng.choices([m for _, m in makers], [w for w, _ in makers])[0]()


# What XINFO GROUPS may say otherwise: since Redis 7.2 reading nothing makes a consumer, and later versions count anew.
UNLIKE = {b"consumers", b"entries-read", b"lag"}


def comparable(command, answer):
    """The answer without what depends on the clock, on how blocks are stored, or on Redis's version."""
    if command[:2] == ["XGROUP", "CREATECONSUMER"] and isinstance(answer, int):
        return 1
    if not isinstance(answer, list):
        return answer
    if command[0] == "XPENDING" and len(command) > 3:
        return [[row[0], row[1], row[3]] for row in answer]
    if command[:2] == ["XINFO", "GROUPS"]:
        groups = [dict(zip(group[::2], group[1::2])) for group in answer]
        return [{k: v for k, v in group.items() if k not in UNLIKE} for group in groups]
    if command[:2] == ["XINFO", "STREAM"]:
        pairs = dict(zip(answer[::2], answer[1::2]))
        return {k: v for k, v in pairs.items() if not k.startswith(b"radix-tree")}
    return answer


def compare(servers, number, commands, seed, step):
    answers = [server.pipeline(number, commands) for server in servers]
    if commands[-1] == ["EXEC"]:
        commands = commands + commands[1:-1]
        answers = [answer + (answer[-1] if isinstance(answer[-1], list) else []) for answer in answers]
        answers = [[None if i == len(commands) // 2 else x for i, x in enumerate(answer)] for answer in answers]
        commands = commands[:min(map(len, answers))]
    for i, command in enumerate(commands):
        ours, theirs = [comparable(command, answer[i]) for answer in answers]
        if ours != theirs:
            print("seed %d, step %d: %s\n  udsd:  %.2000r\n  redis: %.2000r" % (seed, step, command, ours, theirs))
            sys.exit(1)


def all_state():
    commands = [["XRANGE", s, "-", "+", "COUNT", "2000"] for s in STREAMS]
    commands += [["XREVRANGE", s, "+", "-", "COUNT", "2000"] for s in STREAMS]
    commands += [["XINFO", kind, s] for s in STREAMS for kind in ("STREAM", "GROUPS")]
    commands += [["XPENDING", s, g, "-", "+", "10000"] for s in STREAMS for g in GROUPS]
    return commands


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--udsd", required=True)
    # Debian's redis-check-rdb is the same program under another name.
    parser.add_argument("--redis-server", default=shutil.which("redis-server") or shutil.which("redis-check-rdb"))
    parser.add_argument("--dir", required=True)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=resp.random_seed())
    args = parser.parse_args()
    seed = args.seed
    print("seed %d, %d steps" % (seed, args.steps), flush=True)
    rng = random.Random(seed)
    path = [os.path.join(args.dir, name) for name in ("u", "r")]
    udsd = Server(args.udsd, [args.udsd, "--listen", path[0], "--store", os.path.join(args.dir, "store")], path[0],
                  os.path.join(args.dir, "udsd.log"))
    redis = Server(args.redis_server, ["redis-server", "--port", "0", "--unixsocket", path[1], "--save", "", "--dir",
                                       args.dir], path[1], os.path.join(args.dir, "redis.log"))
    generator = Generator(rng)
    step, counts = 0, {"kills": 0, "stops": 0}
    try:
        while step < args.steps:
            number = rng.randrange(4)
            commands = [generator.command() for _ in range(rng.choice([1, 1, 1, 5, 20]))]
            if rng.random() < 0.1:
                commands = [["MULTI"]] + commands + [["EXEC"]]
                commands = [c for c in commands if not (c[0] == "XPENDING" and len(c) > 3) and c[0] != "XINFO"]
            compare((udsd, redis), number, commands, seed, step)
            step += len(commands)
            if rng.random() < 0.004:
                is_kill = rng.random() < 0.7
                udsd.end(signal.SIGKILL if is_kill else signal.SIGTERM)
                udsd.start()
                counts["kills" if is_kill else "stops"] += 1
                for number in range(2):
                    for command in all_state():
                        compare((udsd, redis), number, [command], seed, step)
        print("equal; %(kills)d kills, %(stops)d stops" % counts)
    finally:
        for server in (udsd, redis):
            server.process.kill()
            server.process.wait()


if __name__ == "__main__":
    main()
