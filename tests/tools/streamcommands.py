"""The random commands of stream-storm.py."""

STREAMS = ["s%d" % i for i in range(5)]
GROUPS = ["g0", "g1", "g2"]
CONSUMERS = ["c0", "c1", "c2"]


class Commands:
    """Makes commands; remembers about which ids there may be, so that many commands meet some."""

    def __init__(self, rng):
        self.rng = rng
        self.ms = 1

    def id(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.1:
            return rng.choice(["0", "0-0", "0-1", "18446744073709551615-18446744073709551615", "18446744073709551615",
                               "18446744073709551615-18446744073709551614", "x", "", "-", "1-*", "$", "+"])
        return "%d-%d" % (max(1, self.ms - int(rng.expovariate(0.01))), rng.choice([0, 0, 0, 1, 2]))

    def stream(self):
        return self.rng.choice(STREAMS if self.rng.random() < 0.97 else ["", "x" * 1024, "y" * 1025, "none"])

    def group(self):
        return self.rng.choice(GROUPS if self.rng.random() < 0.98 else ["", "z" * 1024, "z" * 1025])

    def consumer(self):
        return self.rng.choice(CONSUMERS) if self.rng.random() < 0.95 else "c%d" % self.rng.randrange(1000)

    def bound(self):
        return self.rng.choice(["-", "+", "(" + self.id(), self.id()])

    def fields(self):
        rng = self.rng
        n = rng.choice([1, 1, 1, 2, 3, 50] + [2000] * (rng.random() < 0.05))
        size = rng.choice([0, 1, 10, 40, 300, 1300, 5000] + [100000] * (rng.random() < 0.05)) // (n if n > 3 else 1)
        same = rng.random() < 0.5
        return [x for i in range(n) for x in ("f" if same else "f%d" % i, "v" * size)]

    def trimming(self, is_xadd=False):
        rng = self.rng
        options = rng.choice([["MAXLEN"], ["MINID"]]) + rng.choice([[], ["="], ["~"]])
        options.append(str(rng.choice([0, 1, 3, 100, 1000])) if options[0] == "MAXLEN" else self.id())
        if options[1] == "~" and rng.random() < 0.5:
            options += ["LIMIT", str(rng.choice([0, 1, 100]))]
        return options + self.how() if not is_xadd else self.how() + options

    def how(self):
        return self.rng.choice([[], [], ["KEEPREF"], ["DELREF"], ["ACKED"]])

    def xadd(self):
        rng = self.rng
        options = []
        if rng.random() < 0.1:
            options += self.trimming(True)
        if rng.random() < 0.05:
            options += ["NOMKSTREAM"]
        if rng.random() < 0.1:
            options += rng.choice([["IDMPAUTO", "p%d" % rng.randrange(5)],
                                   ["IDMP", "p%d" % rng.randrange(50), "i%d" % rng.randrange(20)]])
        self.ms += rng.choice([0, 1, 1, 3])
        where = "*" if "IDMP" in options or "IDMPAUTO" in options else \
            rng.choice(["%d-*" % self.ms, "%d-*" % self.ms, "%d-*" % self.ms, self.id()])
        return ["XADD", self.stream()] + options + [where] + self.fields()

    def ids(self):
        return [self.id() for _ in range(self.rng.choice([1, 1, 2, 5, 50]))]

    def count(self):
        return self.rng.choice([[], ["COUNT", str(self.rng.choice([1, 2, 10, 100, 10000]))]])

    def block(self):
        return self.rng.choice([[], [], ["BLOCK", str(self.rng.choice([0, 1, 20, 1000]))]])

    def xread(self):
        streams = [self.stream() for _ in range(self.rng.choice([1, 1, 2, 5]))]
        return ["XREAD"] + self.count() + self.block() + ["STREAMS"] + streams + \
            [self.rng.choice(["$", "+", "0", self.id()]) for _ in streams]

    def xreadgroup(self):
        streams = [self.stream() for _ in range(self.rng.choice([1, 1, 1, 2, 3]))]
        return ["XREADGROUP", "GROUP", self.group(), self.consumer()] + self.count() + self.block() + \
            self.rng.choice([[], [], ["NOACK"], ["CLAIM", str(self.rng.choice([0, 1, 50, 10000]))]]) + \
            ["STREAMS"] + streams + [self.rng.choice([">", ">", ">", "0", self.id()]) for _ in streams]

    def xgroup(self):
        s, g = self.stream(), self.group()
        return self.rng.choice([
            ["XGROUP", "CREATE", s, g, self.rng.choice(["0", "$", self.id()])] + self.rng.choice([[], ["MKSTREAM"]]),
            ["XGROUP", "CREATE", s, g, "0", "MKSTREAM"],
            ["XGROUP", "CREATE", s, g, "0", "MKSTREAM"],
            ["XGROUP", "SETID", s, g, self.rng.choice(["0", "$", self.id()])],
            ["XGROUP", "DESTROY", s, g],
            ["XGROUP", "CREATECONSUMER", s, g, self.consumer()],
            ["XGROUP", "DELCONSUMER", s, g, self.consumer()],
        ])

    def values(self):
        """Pairs for UDSD GROUP SET."""
        rng = self.rng
        choices = [["redeliver", rng.choice(["1ms", "20ms", "1h"])], ["retry_delay", rng.choice(["0", "1ms 10ms 1h"])],
                   ["max_deliveries", rng.choice(["0", "1", "3"])], ["paused", rng.choice(["0", "0", "1"])],
                   ["dead_letter", rng.choice(["s0", "%s", "%s.dead", "d", "%s%s"])],
                   ["consumer_timeout", rng.choice(["1ms", "50ms", "1h"])]]
        return [x for name, value in rng.sample(choices, rng.choice([1, 1, 2, 6]))
                for x in (name, value if rng.random() < 0.7 else "")]

    def work(self):
        s, g = self.stream(), self.group()
        ids = self.ids()
        if self.rng.random() < 0.3:
            return self.rng.choice([
                ["UDSD", "GROUP", s, g, "SET"] + self.values(), ["UDSD", "GROUP", s, g],
                ["UDSD", "PENDING", s, g] + self.rng.choice([[], ["-", "+"] + self.count()]),
                ["UDSD", "NACK", s, g, self.rng.choice(["SILENT", "FAIL", "FAIL", "FATAL"]), ids[0]] +
                self.rng.choice([[], ["STATUS", "1"], ["TEXT", "t" * self.rng.choice([0, 10, 1000])]]),
            ])
        return self.rng.choice([
            ["XACK", s, g] + ids,
            ["XACK", s, g] + ids,
            ["XACKDEL", s, g] + self.how() + ["IDS", str(len(ids))] + ids,
            ["XNACK", s, g, self.rng.choice(["SILENT", "FAIL", "FATAL"]), "IDS", str(len(ids))] + ids +
            self.rng.choice([[], ["FORCE"], ["RETRYCOUNT", "7"]]),
            ["XPENDING", s, g],
            ["XPENDING", s, g] + self.rng.choice([[], ["IDLE", "1"]]) + [self.bound(), self.bound(), "1000"] +
            self.rng.choice([[], [self.consumer()]]),
            ["XCLAIM", s, g, self.consumer(), self.rng.choice(["0", "0", "50"])] + ids +
            self.rng.choice([[], ["JUSTID"], ["FORCE"], ["FORCE", "JUSTID"], ["LASTID", self.id()]]),
            ["XAUTOCLAIM", s, g, self.consumer(), "0", self.id()] + self.count() + self.rng.choice([[], ["JUSTID"]]),
        ])

    def look(self):
        s, ids = self.stream(), self.ids()
        return self.rng.choice([
            ["XRANGE", s, self.bound(), self.bound()] + self.count(),
            ["XREVRANGE", s, self.bound(), self.bound()] + self.count(),
            ["XRANGE", s, "-", "+"], ["XREVRANGE", s, "+", "-"],
            ["XLEN", s], ["XINFO", "STREAM", s], ["XINFO", "STREAM", s, "FULL"] + self.count(),
            ["XINFO", "GROUPS", s], ["XINFO", "CONSUMERS", s, self.group()],
            ["XDEL", s] + ids, ["XDELEX", s] + self.how() + ["IDS", str(len(ids))] + ids,
            ["XTRIM", s] + self.trimming(),
        ])

    def keys(self):
        s, t = self.stream(), self.stream()
        return self.rng.choice([
            ["DEL", s, t], ["UNLINK", s], ["RENAME", s, t], ["RENAMENX", s, t], ["EXISTS", s, t], ["TYPE", s],
            ["TOUCH", s], ["KEYS", "*"], ["SCAN", "0", "COUNT", "3"], ["DBSIZE"], ["RANDOMKEY"],
            ["PEXPIRE", s, str(self.rng.choice([-1, 0, 1, 5, 30, 1000]))], ["PEXPIRE", s, "3"], ["PTTL", s],
            ["PERSIST", s], ["XSETID", s, self.id()], ["XSETID", s, "1-0"],
            ["XCFGSET", s, "IDMP-MAXSIZE", str(self.rng.choice([1, 2, 50]))],
            ["UDSD", "LATER", "ADD", s, str(self.rng.choice([0, 1, 30, 1000]))] + self.fields(),
            ["UDSD", "LATER", "ADD", s, "IDMP", "p%d" % self.rng.randrange(50), "i", "5", "f", "v"],
            ["UDSD", "LATER", "LIST"] + self.rng.choice([[], [s]]) + self.count(),
            ["UDSD", "LATER", "CANCEL", "%d-%d-%d" % tuple(self.rng.randrange(100) for _ in range(3))],
            ["WAITAOF", "1", "0", "0"], ["UDSD", "STREAMS"], ["INFO"],
        ])

    def others(self, is_wild):
        other = str(self.rng.randrange(1, 60))
        choices = [
            ["PUBLISH", self.stream(), "m" * self.rng.choice([1, 100, 10000])],
            ["CLIENT", "UNBLOCK", other] + self.rng.choice([[], ["ERROR"], ["TIMEOUT"]]),
            ["CLIENT", "LIST"], ["CONFIG", "SET", "stream-node-max-entries", str(self.rng.choice([0, 1, 3, 100]))],
        ]
        if self.rng.random() < 0.2:
            choices += [["CLIENT", "KILL", "ID", other]]
        if is_wild:
            choices += [["SUBSCRIBE", "s0", "s1"], ["UNSUBSCRIBE"], ["PSUBSCRIBE", "*"], ["PUNSUBSCRIBE"],
                        ["CLIENT", "REPLY", self.rng.choice(["ON", "OFF", "SKIP"])], ["MONITOR"], ["RESET"], ["QUIT"],
                        ["HELLO", "2"], ["HELLO", "3"], ["SELECT", "1"], ["SELECT", "0"], ["MULTI"], ["EXEC"],
                        ["DISCARD"], ["WATCH", "s0"], ["UDSD", "MONITOR", "*"]]
        return self.rng.choice(choices)

    def flush(self):
        return ["DEL"] + STREAMS

    def command(self, is_wild):
        makers = [(30, self.xadd), (8, self.xread), (14, self.xreadgroup), (6, self.xgroup), (14, self.work),
                  (10, self.look), (3, self.keys), (4, lambda: self.others(is_wild)), (0.02, self.flush)]
        return self.rng.choices([m for _, m in makers], [w for w, _ in makers])[0]()
