#!/usr/bin/env python3
"""
power-daemon.py write UDSD RECORDER DIRECTORY SEED COMMANDS
power-daemon.py check UDSD DIRECTORY IMAGE

The daemon itself on a disk whose power fails; for tests/tools/power-loss.py. "write" makes random commands that change
something: entries, groups and what these have given, producers, delayed entries, dead letters, transactions. It runs
them one by one to find out what is there after each, and once more with many unanswered ones, while the recorder writes
DIRECTORY/trace, in which it marks which commands were sent (H) and answered (M).

"check" starts the daemon on an image of the disk. One client has sent all commands, so what is there must be what the
first N of them have made, and their producers must be known: it prints "OK N".
"""
import hashlib
import json
import os
import random
import struct
import sys
import time

import resp
from streamhub import Hub

FAR_MS = 4102444800000  # the year 2100
MARK = struct.Struct("<cB6xQQ")
WINDOW = 24
GROWS = {"XADD", "XREADGROUP", "XACK", "XNACK", "UDSD"}
HIDES = {"XREADGROUP", "XNACK"}  # for the group r, of which the state has neither consumers nor deliveries


class Commands:
    """Random ones; each is a list of commands, in a transaction if it has several."""

    def __init__(self, seed):
        self.rng, self.n, self.n_iids = random.Random(seed), 0, 0

    def name(self):
        return self.rng.choice("abc")

    def entry(self):
        return "%d-0" % self.rng.randrange(1, self.n + 1)

    def one(self):
        rng, key = self.rng, self.name()
        self.n += 1
        kind = rng.random()
        if kind < 0.35:
            return ["XADD", key, "%d-0" % self.n, "f", "x" * rng.choice([1, 10, 100, 3000])]
        if kind < 0.5:
            return ["XREADGROUP", "GROUP", rng.choice("gr"), rng.choice("pq"), "COUNT", str(rng.randrange(1, 5)),
                    "STREAMS", key, ">"]
        if kind < 0.6:
            return ["XACK", key, rng.choice("gr")] + [self.entry() for _ in range(rng.randrange(1, 20))]
        if kind < 0.65:
            return ["XNACK", key, "r", rng.choice(["FATAL", "FAIL"]), "IDS", "1", self.entry()]
        if kind < 0.75:
            self.n_iids += 1
            return ["XADD", "auto", "IDMP", rng.choice(["p1", "p2"]), "iid%d" % self.n_iids, "*", "n", str(self.n_iids)]
        if kind < 0.82:
            return ["UDSD", "LATER", "ADD", key, "AT", str(FAR_MS + self.n), "f", "later"]
        return rng.choice([
            ["XDEL", key, self.entry()], ["XTRIM", key, "MAXLEN", str(rng.randrange(5, 50))],
            ["XCLAIM", key, "g", "q", "0", self.entry()], ["XGROUP", "SETID", key, "g", self.entry()],
            ["XGROUP", "DESTROY", key, "g"], ["XGROUP", "CREATE", key, "g", "0", "MKSTREAM"], ["DEL", key],
            ["XGROUP", "CREATE", key, "r", "0", "MKSTREAM"], ["RENAME", key, self.name()],
            ["XGROUP", "DELCONSUMER", key, "g", "p"], ["PEXPIREAT", key, str(FAR_MS + self.n)], ["PERSIST", key],
            ["UDSD", "GROUP", key, "r", "SET", "max_deliveries", str(1000 + self.n)],
            ["XACKDEL", key, "g", "IDS", "1", self.entry()], ["XSETID", key, "%d-0" % self.n],
        ])

    def next(self):
        commands = [self.one() for _ in range(self.rng.choice([1, 1, 1, 1, 2, 5]))]
        if any(command[0] not in GROWS or command[0] in HIDES and "r" in command for command in commands):
            # No state comes back, and what the state does not show counts as a change, too.
            commands.append(["XADD", "marks", "%d-0" % self.n, "f", "v"])
        return commands

    def iids(self, commands):
        return [command[3:5] for command in commands if command[:3] == ["XADD", "auto", "IDMP"]]


def encode(commands):
    if len(commands) > 1:
        commands = [["MULTI"]] + commands + [["EXEC"]]
    return b"".join(resp.Client.encode(*command) for command in commands), len(commands)


def plain(value):
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.decode("latin-1") if isinstance(value, bytes) else value


def state(client):
    """What is there, but for what a clock has made and what a start changes."""
    keys = sorted(plain(client.call("KEYS", "*")))
    found = [plain(client.call("UDSD", "LATER", "LIST", "COUNT", "1000"))]
    found = [[[row[3], row[5], row[7]] for row in found[0]]]
    for key in keys:
        entries = plain(client.call("XRANGE", key, "-", "+"))
        if key == "auto":
            entries = [fields for _, fields in entries]
        elif key.endswith(".dead"):  # whoever was given it may be gone
            entries = [[f for i, f in enumerate(fields) if fields[i - i % 2] != "udsd-consumer"] for _, fields in entries]
        found.append([key, entries, client.call("PEXPIRETIME", key)])
        for group in plain(client.call("XINFO", "GROUPS", key)):
            name = group[group.index("name") + 1]
            rows = plain(client.call("XPENDING", key, name, "-", "+", "1000"))
            # What a group that redelivers has given is released when the daemon starts.
            rows = [[row[0]] if name == "r" else [row[0], row[1], row[3]] for row in rows]
            found.append([name, [group[group.index(w) + 1] for w in ("last-delivered-id", "entries-read")], rows,
                          plain(client.call("UDSD", "GROUP", key, name))])
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def read_answers(client, n):
    """Of one transaction, or one command; what a transaction answers has errors, too."""
    for _ in range(n - 1):
        client.try_read()
    if n == 1:
        client.try_read()
        return
    for _ in range(int(client.line()[1:])):
        client.try_read()


def run(client, commands):
    data, n = encode(commands)
    client.send_raw(data)
    read_answers(client, n)


def plan(udsd, directory, seed, count):
    """Commands that each change something, and the states before, between and behind them."""
    hub = Hub(udsd, directory)
    client, source = hub.connect(), Commands(seed)
    commands = [[["XADD", "auto", "*", "n", "0"], ["XCFGSET", "auto", "IDMP-DURATION", "86400"]]]
    states = [state(client)]
    run(client, commands[0])
    states.append(state(client))
    while len(commands) < count:
        unit = source.next()
        run(client, unit)
        now = state(client)
        if now not in states:
            commands.append(unit)
            states.append(now)
        else:
            assert now == states[-1], "a state has come back: %s" % unit
    hub.kill()
    iids = [source.iids(unit) for unit in commands]
    return {"commands": commands, "states": states, "iids": iids}


def write(udsd, recorder, directory, seed, count):
    for name in "plan", "hub":
        os.makedirs(os.path.join(directory, name))
    made = plan(udsd, os.path.join(directory, "plan"), int(seed), int(count))
    with open(os.path.join(directory, "plan.json"), "w") as file:
        json.dump(made, file)
    trace, store = os.path.join(directory, "trace"), os.path.join(directory, "hub", "store")
    os.mkdir(store, 0o700)
    hub = Hub(udsd, os.path.join(directory, "hub"),
              env={"LD_PRELOAD": recorder, "RECORDER_TRACE": trace, "RECORDER_DIRECTORY": store})
    client, rng = hub.connect(), random.Random(int(seed))
    marks = os.open(trace, os.O_WRONLY | os.O_APPEND)
    outstanding, answered = [], 0
    for number, commands in enumerate(made["commands"], 1):
        os.write(marks, MARK.pack(b"H", 0, number, 0))
        data, n = encode(commands)
        client.send_raw(data)
        outstanding.append(n)
        while outstanding and (len(outstanding) > WINDOW or number == len(made["commands"]) or rng.random() < 0.3):
            read_answers(client, outstanding.pop(0))
            answered += 1
            os.write(marks, MARK.pack(b"M", 0, answered, 0))
    assert state(client) == made["states"][-1], "the same commands have made something else"
    hub.kill()


def check(udsd, directory, image):
    with open(os.path.join(directory, "plan.json")) as file:
        made = json.load(file)
    work = os.path.join(directory, "check")
    os.makedirs(work, exist_ok=True)
    os.path.lexists(os.path.join(work, "store")) or os.symlink(image, os.path.join(work, "store"))
    hub = Hub(udsd, work)
    try:
        client = hub.connect()
        found = state(client)
        if found not in made["states"]:
            return "what is there, no number of commands has made"
        n = made["states"].index(found)
        sent = {tuple(iid): i < n for i, unit in enumerate(made["iids"]) for iid in unit}
        for (producer, iid), is_there in sent.items():
            before = client.call("XLEN", "auto")
            client.call("XADD", "auto", "IDMP", producer, iid, "*", "n", "again")
            if n > 0 and (client.call("XLEN", "auto") == before) != is_there:
                return "%s of %s is%s known, after %d commands" % (iid, producer, " not" if is_there else "", n)
        return "OK %d" % n
    finally:
        hub.kill()


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(*sys.argv[2:])
    else:
        print(check(*sys.argv[2:]))
