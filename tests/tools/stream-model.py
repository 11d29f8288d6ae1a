#!/usr/bin/env python3
"""
Random stream commands of several clients, whose answers have to be those of a model in Python: one by one, in pipelines,
in transactions, from all clients at once, and blocking. Now and then the server is killed or stopped, and started again.
The model does not know of that, since what was answered stays.
"""
import os
import random
import re
import sys

import resp
from streamgroups import GroupModel
from streamhub import Hub, arguments
from streammodel import now_ms, text_of

CLIENTS = 6
STREAMS = ["s%d" % i for i in range(CLIENTS)]
GROUPS = ["g", "h"]
CONSUMERS = ["x", "y", "z"]
IDLE = 10**8  # ms; no run takes so long, so an entry is idle for it only if XCLAIM IDLE says so


class Generator:
    """Makes steps: lists of commands that belong together. It looks at the model to meet entries that are there."""

    def __init__(self, rng, model, has_newer):
        self.rng, self.model, self.has_newer = rng, model, has_newer

    def entry(self, key):
        rng, stream = self.rng, self.model.streams.get(key)
        what = rng.random()
        if what < 0.04:
            return rng.choice(["0", "0-0", "18446744073709551615-18446744073709551615", "x", "1-", "-1"])
        if stream and what < 0.8:
            pending = [entry for group in stream.groups.values() for entry in group.pending]
            known = stream.ids[-30:] if what < 0.3 or not pending else pending
            if known:
                return text_of(rng.choice(known)).decode()
        return str(rng.randrange(1, (stream.last[0] if stream else 1) + 3))

    def entries(self, key):
        return [self.entry(key) for _ in range(self.rng.choice([1, 1, 2, 5, 20]))]

    def bound(self, key):
        if self.rng.random() < 0.3:
            return self.rng.choice("-+")
        return self.rng.choice(["", "("]) + self.entry(key)

    def count(self):
        return ["COUNT", str(self.rng.choice([1, 2, 3, 10, 100]))] if self.rng.random() < 0.7 else []

    def refs(self, key):
        stream = self.model.streams.get(key)
        # The documentation of ACKED without groups does not agree with that of Valkey, nor with Redis's sources.
        kinds = [[], ["KEEPREF"], ["DELREF"]] + ([["ACKED"]] * 2 if stream and stream.groups else [])
        return self.rng.choice(kinds) if self.has_newer else []

    def trimming(self, key):
        if self.rng.random() < 0.5:
            return ["MAXLEN"], [str(self.rng.choice([0, 1, 5, 50, 200, 1000]))]
        return ["MINID"], [self.entry(key)]

    def xadd(self, key):
        rng, stream = self.rng, self.model.streams.get(key)
        options = []
        if rng.random() < 0.05:
            head, tail = self.trimming(key)
            options = self.refs(key) + head + rng.choice([[], ["="]]) + tail
        if rng.random() < 0.05:
            options = ["NOMKSTREAM"] + options
        ms = (stream.last[0] if stream else 1) + rng.choice([0, 0, 0, 1, 7])
        where = "%d-*" % ms if rng.random() < 0.93 else rng.choice([self.entry(key), "%d-%d" % (ms, 3), "0-0"])
        size = rng.choice([1, 5, 40, 40, 40, 300, 3000])
        names = rng.choice([["f"], ["f"], ["name", "value"], ["a", "b", "c"]])
        return [["XADD", key] + options + [where] + [x for name in names for x in (name, "%0*d" % (size, rng.randrange(9**9)))]]

    def xtrim(self, key):
        head, tail = self.trimming(key)
        how = self.rng.choice([[], ["="], ["~"]])
        limit = ["LIMIT", str(self.rng.choice([0, 10, 100]))] if how == ["~"] and self.rng.random() < 0.5 else []
        refs = self.refs(key)
        return [["XTRIM", key] + head + how + tail + limit + refs]

    def look(self, key):
        rng = self.rng
        return [rng.choice([
            ["XRANGE", key, self.bound(key), self.bound(key)] + self.count(),
            ["XREVRANGE", key, self.bound(key), self.bound(key)] + self.count(),
            ["XREAD"] + self.count() + ["STREAMS", key, self.entry(key)],
            ["XLEN", key], ["TYPE", key], ["EXISTS", key, key],
            ["XINFO", "STREAM", key], ["XINFO", "GROUPS", key], ["XINFO", "CONSUMERS", key, rng.choice(GROUPS)],
            ["XPENDING", key, rng.choice(GROUPS)],
            ["XPENDING", key, rng.choice(GROUPS)] + rng.choice([[], ["IDLE", str(IDLE)]]) +
            [self.bound(key), self.bound(key), str(rng.choice([1, 5, 1000]))] + rng.choice([[], ["x"]]),
        ])]

    def group(self, key):
        rng, name = self.rng, self.rng.choice(GROUPS)
        what = rng.random()
        if what < 0.5:
            # Whether reading makes a consumer when there is nothing to read differs between releases: all are there.
            return [["XGROUP", "CREATE", key, name, rng.choice(["0", "$", self.entry(key)])] + rng.choice([[], ["MKSTREAM"]])] + [
                ["XGROUP", "CREATECONSUMER", key, name, consumer] for consumer in CONSUMERS]
        if what < 0.75:
            return [["XGROUP", "SETID", key, name, rng.choice(["$", self.entry(key), self.entry(key)])]]
        if what < 0.8:
            return [["XGROUP", "DESTROY", key, name]]
        consumer = rng.choice(CONSUMERS)
        return [["XGROUP", what, key, name, consumer] for what in ("DELCONSUMER", "CREATECONSUMER")]

    def readgroup(self, key):
        rng = self.rng
        entry = self.entry(key)
        if rng.random() < 0.8 or entry.endswith("615"):  # which Redis takes for ">"
            entry = ">"
        return [["XREADGROUP", "GROUP", rng.choice(GROUPS), rng.choice(CONSUMERS)] + self.count() +
                rng.choice([[], [], [], [], ["NOACK"]]) + ["STREAMS", key, entry]]

    def claim(self, key):
        rng, idle = self.rng, self.rng.choice(["0", "0", str(IDLE)])
        to = [key, rng.choice(GROUPS), rng.choice(CONSUMERS), idle]
        if rng.random() < 0.4:
            return [["XAUTOCLAIM"] + to + [self.bound(key)] + self.count() + rng.choice([[], ["JUSTID"]])]
        options = [option for option in (["JUSTID"], ["FORCE"], ["RETRYCOUNT", "3"], ["IDLE", str(5 * IDLE)],
                                         ["LASTID", self.entry(key)]) if rng.random() < 0.2]
        return [["XCLAIM"] + to + self.entries(key) + [x for option in options for x in option]]

    def drop(self, key):
        rng, ids = self.rng, self.entries(key)
        group = rng.choice(GROUPS)
        if not self.has_newer or rng.random() < 0.5:
            return [rng.choice([["XACK", key, group] + ids, ["XACK", key, group] + ids, ["XDEL", key] + ids])]
        # Whether a wrong id or a missing group is told first is not documented.
        ids = [entry for entry in ids if entry[-1].isdigit() and entry[0].isdigit()]
        if not ids:
            return []
        block = ["IDS", str(len(ids))] + ids
        refs = self.refs(key)
        return [rng.choice([
            ["XDELEX", key] + refs + block, ["XACKDEL", key, group] + refs + block,
            ["XNACK", key, group, rng.choice(["SILENT", "FAIL", "FATAL"])] + block +
            rng.choice([[], [], [], ["RETRYCOUNT", "7"], ["FORCE"]]),
        ])]

    def rare(self, key):
        return [self.rng.choice([["DEL", key], ["UNLINK", key], ["XSETID", key, str(10**15 + self.rng.randrange(3))]])]

    def step(self, key):
        makers = [(40, self.xadd), (3, self.xtrim), (14, self.look), (4, self.group), (20, self.readgroup),
                  (6, self.claim), (12, self.drop), (0.1, self.rare)]
        return self.rng.choices([m for _, m in makers], [w for w, _ in makers])[0](key)

    def steps(self, key):
        return [command for _ in range(self.rng.choice([1, 1, 1, 5, 20])) for command in self.step(key)]


def may_be_short(command):
    """Whether the command ends in EXEC where the first entry is that is on disk only."""
    return command[0] in ("XREAD", "XREADGROUP", "XAUTOCLAIM") or (
        command[0] in ("XADD", "XTRIM") and ("ACKED" in command or "DELREF" in command))


def as_in_model(command, answer):
    """The answer without what depends on the clock, and without what the model does not have."""
    if not isinstance(answer, list):
        return answer
    if command[0] == "XPENDING" and len(command) > 3:
        assert all((row[2] == -1) == (row[1] == b"") for row in answer), answer
        return [[row[0], row[1], row[3]] for row in answer]
    if command[0] == "XINFO":
        rows = [answer] if command[1] == "STREAM" else answer
        rows = [dict(zip(row[::2], row[1::2])) for row in rows]
        unknown = (b"idle", b"inactive", b"entries-read", b"lag", b"radix-tree-keys", b"radix-tree-nodes",
                   b"recorded-first-entry-id")
        rows = [{key: value for key, value in row.items() if key not in unknown} for row in rows]
        return rows[0] if command[1] == "STREAM" else rows
    return answer


def first_difference(answer, expected, where=""):
    if isinstance(answer, list) and isinstance(expected, list) and len(answer) == len(expected):
        for i, pair in enumerate(zip(answer, expected)):
            if repr(pair[0]) != repr(pair[1]):
                return first_difference(*pair, "%s[%d]" % (where, i))
    return "%s\n  answer: %.1000s\n  model:  %.1000s" % (where, *(re.sub("0{20,}", "0..0", repr(x)) for x in (answer, expected)))


class Run:
    def __init__(self, args):
        self.args, self.rng = args, random.Random(args.seed)
        # A cache that holds all entries or a part of them.
        self.is_cold = self.rng.random() < 0.5
        self.hub = Hub(args.program, args.dir, cache="64K" if self.is_cold else "64M")
        self.model = GroupModel()
        self.generator = Generator(self.rng, self.model, not self.hub.is_redis)
        self.history = []  # the last commands, for the report
        self.n = self.kills = self.blocked = 0
        self.connect()

    def connect(self):
        self.clients = [self.hub.connect() for _ in range(CLIENTS)]
        self.numbers = [client.call("CLIENT", "ID") for client in self.clients]
        for client in self.clients[1::2]:
            client.call("HELLO", "3")

    def read(self, i):
        return self.clients[i].try_read()

    def pairs(self, i, command, answer):
        """XREAD's answer as in RESP2: RESP3 has a map, which resp.Client reads as a flat list."""
        if i % 2 and command[0] in ("XREAD", "XREADGROUP") and isinstance(answer, list):
            return [list(pair) for pair in zip(answer[::2], answer[1::2])]
        return answer

    def check(self, i, command, answer):
        self.history.append((i, command, self.kills))
        self.n += 1
        answer = self.pairs(i, command, answer)
        expected = self.model.run(command, answer)
        answer = as_in_model(command, answer)
        if repr(answer) != repr(expected):
            for line in self.history[-12:]:
                print("client %d: %.160s" % (line[0], re.sub("0{20,}", "0..0", " ".join(line[1]))))
            print("step %d%s" % (self.n, first_difference(answer, expected)))
            if "STREAM_TRACE" in os.environ:
                open(os.environ["STREAM_TRACE"], "w").writelines("%d %d %s\n" % (i, m, re.sub("0{20,}", "0..0", " ".join(c))) for i, c, m in self.history)
            sys.exit(1)

    def send(self, i, commands):
        self.clients[i].send_raw(b"".join(resp.Client.encode(*command) for command in commands))

    def run_one(self):
        i, key = self.rng.randrange(CLIENTS), self.rng.choice(STREAMS)
        commands = self.generator.steps(key)
        is_multi = self.rng.random() < 0.1 and (not self.is_cold or not any(map(may_be_short, commands)))
        self.send(i, [["MULTI"]] + commands + [["EXEC"]] if is_multi else commands)
        if is_multi:
            assert self.read(i) == b"OK"
            for _ in commands:
                assert self.read(i) == b"QUEUED"
            answers = self.read_exec(i)
        else:
            answers = [self.read(i) for _ in commands]
        for command, answer in zip(commands, answers):
            self.check(i, command, answer)

    def read_exec(self, i):
        line = self.clients[i].line()
        assert line[:1] == b"*", line
        return [self.read(i) for _ in range(int(line[1:]))]

    def run_at_once(self):
        """Each client has a stream of its own, so the order between them does not matter."""
        all_commands = [self.generator.steps(key) for key in STREAMS]
        for i, commands in enumerate(all_commands):
            self.send(i, commands)
        for i, commands in enumerate(all_commands):
            for command in commands:
                self.check(i, command, self.read(i))

    def run_other(self):
        key, other = self.rng.sample(STREAMS, 2)
        some = self.rng.sample(STREAMS, 3)
        command = self.rng.choice([
            ["DBSIZE"], ["KEYS", "*"], ["EXISTS"] + some, ["RENAME", key, other], ["RENAME", key, key],
            ["XREAD"] + self.generator.count() + ["STREAMS"] + some + [self.generator.entry(key) for key in some],
            ["XREADGROUP", "GROUP", "g", "x"] + self.generator.count() + ["STREAMS"] + some + [">"] * 3,
        ])
        if command[0] == "RENAME" and self.rng.random() < 0.9:
            return
        self.send(0, [command])
        answer = self.read(0)
        self.check(0, command, sorted(answer) if command[0] == "KEYS" else answer)

    def run_claim(self):
        """XREADGROUP CLAIM, where no entry of the pending list is deleted."""
        key, name = self.rng.choice(STREAMS), self.rng.choice(GROUPS)
        stream = self.model.streams.get(key)
        group = stream and stream.groups.get(name)
        if not group or self.hub.is_redis or any(entry not in stream.fields for entry in group.pending):
            return
        # What was delivered in this millisecond may or may not be idle for 0 ms.
        begin = now_ms()
        resp.wait_until(lambda: now_ms() > begin + 1, "the next millisecond")
        i = self.rng.randrange(CLIENTS)
        command = ["XREADGROUP", "GROUP", name, self.rng.choice(CONSUMERS)] + self.generator.count() + [
            "CLAIM", self.rng.choice(["0", str(IDLE)]), "STREAMS", key, ">"]
        self.send(i, [command])
        self.check(i, command, self.read(i))

    def is_blocked(self, n):
        return int(resp.info(self.clients[-1])["blocked_clients"]) == n

    def run_blocking(self):
        """Some clients wait for one stream; entries are added until each has some, in the order in which they came."""
        rng, key = self.rng, self.rng.choice(STREAMS)
        setup = [["XGROUP", "CREATE", key, "g", "$", "MKSTREAM"]] + [
            ["XGROUP", "CREATECONSUMER", key, "g", consumer] for consumer in CONSUMERS] + [
            ["XGROUP", "SETID", key, "g", "$"]]
        self.send(CLIENTS - 1, setup)
        for command in setup:
            self.check(CLIENTS - 1, command, self.read(CLIENTS - 1))
        waiting = []
        for i in range(rng.randrange(1, CLIENTS)):
            start = text_of(self.model.streams[key].last).decode()
            block = ["BLOCK", rng.choice(["0", "600000"])]
            asked, real = rng.choice([
                (["XREAD"] + block + ["STREAMS", key, "$"], ["XREAD", "STREAMS", key, start]),
                (["XREADGROUP", "GROUP", "g", rng.choice(CONSUMERS), "COUNT", "1"] + block + ["STREAMS", key, ">"],) * 2])
            self.send(i, [asked])
            waiting.append((i, real))
            resp.wait_until(lambda: self.is_blocked(len(waiting)), "%d blocked clients" % len(waiting))
        self.blocked += len(waiting)
        while waiting:
            if rng.random() < 0.1:
                self.unblock(*waiting.pop(rng.randrange(len(waiting))))
                continue
            self.add_for(key, waiting, ["XADD", key, rng.choice(["*", start.partition("-")[0] + "-*"]), "f", "v"])

    def add_for(self, key, waiting, command):
        self.send(CLIENTS - 1, [command])
        self.check(CLIENTS - 1, command, self.read(CLIENTS - 1))
        group = self.model.streams[key].groups["g"]
        for i, question in list(waiting):
            stream = self.model.streams[key]
            last = group.last if question[0] == "XREADGROUP" else tuple(map(int, question[-1].split("-")))
            if stream.after(last):
                self.check(i, question, self.read(i))
                waiting.remove((i, question))

    def unblock(self, i, question):
        how = self.rng.choice([[], ["TIMEOUT"], ["ERROR"]])
        assert self.clients[-1].call("CLIENT", "UNBLOCK", str(self.numbers[i]), *how) == 1
        answer = self.read(i)
        assert isinstance(answer, resp.Error) if how == ["ERROR"] else answer is None, (how, answer)

    def restart(self):
        if self.hub.is_redis:
            return  # its log does not have the deliveries of XREADGROUP with an id
        self.kills += 1
        self.hub.kill() if self.rng.random() < 0.7 else self.hub.stop()
        for client in self.clients:
            client.close()
        self.hub.start()
        self.connect()
        for key in STREAMS:
            self.check_all(key)

    def check_all(self, key):
        commands = [["XRANGE", key, "-", "+"], ["XREVRANGE", key, "+", "-", "COUNT", "2000"], ["XINFO", "STREAM", key],
                    ["XINFO", "GROUPS", key]]
        for name in GROUPS:
            commands += [["XINFO", "CONSUMERS", key, name], ["XPENDING", key, name, "-", "+", "100000"]]
        i = self.rng.randrange(CLIENTS)
        for command in commands:
            self.send(i, [command])
            self.check(i, command, self.read(i))

    def run(self):
        steps = [(80, self.run_one), (8, self.run_at_once), (6, self.run_other), (5, self.run_claim),
                 (2, self.run_blocking), (0.25, self.restart)]
        while self.n < self.args.steps:
            self.rng.choices([step for _, step in steps], [weight for weight, _ in steps])[0]()
        self.restart()


def main():
    args = arguments(steps=5000)
    print("seed %d" % args.seed, flush=True)
    run = Run(args)
    try:
        run.run()
        run.hub.stop()
    finally:
        run.hub.kill()
    print("%d commands, %d blocked, %d kills and stops" % (run.n, run.blocked, run.kills))


if __name__ == "__main__":
    main()
