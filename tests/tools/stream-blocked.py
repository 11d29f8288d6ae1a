#!/usr/bin/env python3
"""
Clients that wait for entries of streams, and everything that can happen to them: entries come, their time is over, they
hang up, are killed or unblocked, the stream or the group goes, is renamed, expires, is trimmed. Random, many times; the
hub must go on, forget nobody, and give no entry to a client that was gone before the entry came.
"""
import collections
import random
import select
import socket
import sys

import resp
from streamhub import Hub, arguments, parse_id

KEYS = ["a", "b", "c"]
WAITERS = 30


class Waiter:
    def __init__(self, hub, number):
        self.client, self.number = hub.connect(), number
        self.id = str(self.client.call("CLIENT", "ID"))
        self.name = b"c%d" % number
        self.starts = ["$", "$", "$" if hub.is_redis else "+"]
        self.question = None
        self.is_redis, self.is_half_closed = hub.is_redis, False

    def ask(self, rng):
        block = ["BLOCK", str(rng.choice([0, 0, 0, 1, 5, 20, 100000]))]
        keys = rng.choices(KEYS, k=rng.choice([1, 1, 2, 3]))
        if rng.random() < 0.7:
            count = rng.choice([[], ["COUNT", "1"], ["COUNT", "2"]])
            noack = rng.choice([[], [], [], ["NOACK"]])
            command = ["XREADGROUP", "GROUP", "g", self.name] + count + block + noack + ["STREAMS"] + keys + [">"] * len(keys)
        else:
            command = ["XREAD"] + block + ["STREAMS"] + keys + [rng.choice(self.starts) for _ in keys]
        self.question = command
        if rng.random() < 0.1:
            # Nothing that comes after a blocking command may overtake it.
            self.client.send_raw(self.client.encode(*command) + self.client.encode("PING"))
            self.question = command + ["PING"]
        elif rng.random() < 0.05:
            self.client.send_raw(b"".join(self.client.encode(*c) for c in [("MULTI",), command, ("EXEC",)]))
            self.question = ["MULTI"] + command
        else:
            self.client.send(*command)
        if not self.is_redis and rng.random() < 0.05:  # in udsd that does not keep its answer away
            self.client.sock.shutdown(socket.SHUT_WR)
            self.is_half_closed = True

    def is_answered(self):
        return self.client.at < len(self.client.buffer) or bool(select.select([self.client.sock], [], [], 0)[0])

    def read(self):
        """The answer to the question, read whole; a resp.Error is one too."""
        answer = self.client.try_read()
        if self.question[0] == "MULTI":
            assert self.client.try_read() == b"QUEUED"
            answer = self.read_exec()
        elif self.question[-1] == "PING":
            assert self.client.try_read() == b"PONG"
        self.question = None
        return answer

    def read_exec(self):
        line = self.client.line()
        assert line == b"*1", line
        return self.client.try_read()


class Chaos:
    def __init__(self, args):
        self.rng = random.Random(args.seed)
        self.hub = Hub(args.program, args.dir)
        self.main = self.hub.connect()
        self.n_waiters = 0
        self.waiters = [self.new_waiter() for _ in range(WAITERS)]
        self.outcomes = collections.Counter()

    def new_waiter(self):
        self.n_waiters += 1
        return Waiter(self.hub, self.n_waiters)

    def collect(self):
        """Reads the answers that have come."""
        for waiter in self.waiters:
            if waiter.question and waiter.is_answered():
                self.note(waiter.read())
                if waiter.is_half_closed:
                    self.replace(waiter)

    def note(self, answer):
        if isinstance(answer, resp.Error):
            word = str(answer).split()[0]
            assert word in ("NOGROUP", "UNBLOCKED"), answer
            self.outcomes[word] += 1
            return
        self.outcomes["entries" if answer else "nothing"] += 1

    def add(self):
        key = self.rng.choice(KEYS)
        options = self.rng.choice([[], [], [], ["MAXLEN", "5"]])
        commands = [["XADD", key] + options + ["*", "f", "v"] for _ in range(self.rng.choice([1, 1, 2, 5]))]
        if self.rng.random() < 0.2:
            commands = [["MULTI"]] + commands + [["DEL", key]] * self.rng.choice([0, 0, 1]) + [["EXEC"]]
        for command in commands:
            self.main.try_call(*command)

    def disturb(self):
        rng, key = self.rng, self.rng.choice(KEYS)
        kind = rng.random()
        waiter = rng.choice(self.waiters)
        if kind < 0.2:
            self.replace(waiter)
        elif kind < 0.35:
            self.main.try_call("CLIENT", "KILL", "ID", waiter.id)
            waiter.client.read_to_end()
            self.replace(waiter)
        elif kind < 0.6:
            self.main.try_call("CLIENT", "UNBLOCK", waiter.id, *rng.choice([[], ["TIMEOUT"], ["ERROR"]]))
        else:
            self.main.try_call(*rng.choice([
                ("DEL", key), ("XGROUP", "DESTROY", key, "g"), ("RENAME", key, rng.choice(KEYS)), ("FLUSHALL",),
                ("PEXPIRE", key, "1"), ("XTRIM", key, "MAXLEN", "0"), ("XGROUP", "SETID", key, "g", rng.choice("0$")),
                ("XGROUP", "DELCONSUMER", key, "g", waiter.name), ("XGROUP", "CREATE", key, "g", "$", "MKSTREAM"),
                ("XGROUP", "CREATE", key, "g", "$", "MKSTREAM"), ("UNLINK",) + tuple(KEYS),
            ]))

    def replace(self, waiter):
        waiter.client.close()
        self.waiters[self.waiters.index(waiter)] = self.new_waiter()

    def blocked(self):
        return int(resp.info(self.main)["blocked_clients"])

    def run(self, steps):
        for _ in range(steps):
            what = self.rng.random()
            if what < 0.5:
                waiter = self.rng.choice(self.waiters)
                if not waiter.question:
                    self.main.try_call("XGROUP", "CREATE", self.rng.choice(KEYS), "g", "$", "MKSTREAM")
                    waiter.ask(self.rng)
            elif what < 0.75:
                self.add()
            else:
                self.disturb()
            self.collect()
        self.settle()

    def settle(self):
        """Nobody is forgotten: whoever still waits is unblocked; again if its command was read after that."""
        for waiter in self.waiters:
            if waiter.question:
                resp.wait_until(lambda: self.unblock(waiter), "an answer to %s" % waiter.question)
        self.finish()

    def unblock(self, waiter):
        if not waiter.is_answered():
            self.main.try_call("CLIENT", "UNBLOCK", waiter.id)
        return waiter.is_answered()

    def finish(self):
        for waiter in self.waiters:
            if waiter.question:
                self.note(waiter.read())
        resp.wait_until(lambda: self.blocked() == 0, "blocked_clients: 0")

    def gone_before(self, rounds):
        """Of many workers that wait, half hang up; what is added then is given to the others only."""
        for turn in range(rounds):
            self.main.try_call("FLUSHALL")
            self.main.try_call("XGROUP", "CREATE", "a", "g", "$", "MKSTREAM")
            workers = [self.new_waiter() for _ in range(10)]
            for worker in workers:
                worker.client.send("XREADGROUP", "GROUP", "g", worker.name, "COUNT", "1", "BLOCK", "0", "STREAMS", "a", ">")
            resp.wait_until(lambda: self.blocked() == 10, "ten workers that wait")
            gone = self.rng.sample(workers, 5)
            alive = [worker for worker in workers if worker not in gone]
            commands = [["XADD", "a", "*", "f", str(n)] for n in range(5)]
            for worker in gone:
                worker.client.close()
            ids = []
            for command in commands:
                ids.append(self.main.call(*command))
            got = [worker.client.read()[0][1][0][0] for worker in alive]
            assert sorted(got, key=parse_id) == ids, "%s were added, the living got %s" % (ids, got)
            names = {worker.name for worker in alive}
            pending = self.main.call("XPENDING", "a", "g", "-", "+", "100")
            assert {row[1] for row in pending} == names and len(pending) == 5, pending
            for worker in alive:
                worker.client.close()


def main():
    args = arguments(steps=4000, rounds=20)
    print("seed %d" % args.seed, flush=True)
    chaos = Chaos(args)
    try:
        chaos.run(args.steps)
        if not chaos.hub.is_redis:  # which gives entries to clients that have hung up
            chaos.gone_before(args.rounds)
        chaos.hub.stop()
    finally:
        chaos.hub.kill()
    print(", ".join("%d %s" % (n, word) for word, n in sorted(chaos.outcomes.items())))


if __name__ == "__main__":
    sys.exit(main())
