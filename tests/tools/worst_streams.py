"""What worst-case.py needs to know of streams: the ones that there are, and the dearest ways to use each command."""
from crowd import encode_all
from resp import Error

HOT, BIG, GROUP, CONSUMER = "hot.stream", "big.stream", "group", "consumer"


class Store:
    """
    Streams: one with many small entries, all of them pending, and many groups; one with few large entries; and many
    with one entry each. They are made anew when a command has changed them.
    """

    def __init__(self, control, full, groups):
        self.control, self.groups = control, groups
        self.entries, self.streams = (200000, 5000) if full else (10000, 1000)
        self.large, self.ids = 1 << 20, 30000 if full else 5000
        self.known = None

    def send(self, commands):
        """Sends commands by the control connection, and takes their answers."""
        for begin in range(0, len(commands), 1000):
            part = commands[begin:begin + 1000]
            self.control.send_raw(encode_all(part))
            for _ in part:
                self.control.read()

    def state(self):
        """What shows that something was changed; None if a group is gone."""
        call = self.control.call
        state = [call("XLEN", HOT), call("XLEN", BIG), call("DBSIZE"), call("TTL", HOT), call("TTL", BIG)]
        try:
            state += [len(call("UDSD", "LATER", "LIST", HOT, "COUNT", "1"))]
            if self.groups and state[0]:
                state += [call("UDSD", "GROUP", HOT, GROUP)]
                state += [call("XINFO", "GROUPS", HOT), call("XPENDING", HOT, GROUP)]
        except Error:
            return None
        return state

    def rebuild(self):
        if self.known is not None and self.state() == self.known:
            return
        self.control.call("FLUSHALL")
        self.send([["UDSD", "LATER", "ADD", HOT, "3600000", "f", "v"]] * (self.entries // 10))
        self.send([["XADD", HOT, "1-%d" % (i + 1), "f", "v"] for i in range(self.entries)])
        self.send([["XADD", BIG, "1-%d" % (i + 1), "f", "x" * self.large] for i in range(7)])
        self.send([["XADD", "k.%d" % (i + 1), "1-1", "f", "v"] for i in range(self.streams)])
        if self.groups:
            self.send([["XGROUP", "CREATE", HOT, "g%d" % i, "0"] for i in range(50)])
            self.send([["XGROUP", "CREATE", key, GROUP, "0"] for key in (HOT, BIG)])
            for _ in range(0, self.entries, 5000):
                self.control.call("XREADGROUP", "GROUP", GROUP, CONSUMER, "COUNT", "5000", "STREAMS", HOT, ">")
        self.known = self.state()

    def variants(self, name):
        """Lists of arguments of the command."""
        ids = ["1-%d" % (i + 1) for i in range(self.ids)]
        keys = ["k.%d" % (i + 1) for i in range(self.streams)]
        fields = ["f", "v"] * (self.ids // 2)
        few = str(len(ids))
        trims = [["MAXLEN", "0"], ["MAXLEN", "~", "0", "LIMIT", "0"], ["MINID", "2"], ["MAXLEN", "10", "ACKED"],
                 ["MAXLEN", "0", "DELREF"]]
        claim = [HOT, GROUP, CONSUMER, "0"]
        table = {
            "xadd": [[HOT, "*"] + fields, [BIG, "*", "f", "x" * self.large]] +
                    [[HOT] + trim + ["*", "f", "v"] for trim in trims],
            "xdel": [[HOT] + ids, [HOT] + ids[::-1], [HOT] + ["1-1"] * self.ids],
            "xdelex": [[HOT, refs, "IDS", few] + ids for refs in ("KEEPREF", "DELREF", "ACKED")],
            "xtrim": [[HOT] + trim for trim in trims],
            "xrange": [[HOT, "-", "+"], [HOT, "-", "+", "COUNT", "100"], [BIG, "-", "+"], [HOT, "(1-9000", "+"]],
            "xrevrange": [[HOT, "+", "-"], [HOT, "+", "-", "COUNT", "100"], [BIG, "+", "-"]],
            "xsetid": [[HOT, "9-9"]],
            "xread": [["STREAMS", HOT, "0"], ["STREAMS", BIG, "0"], ["STREAMS"] + keys + ["0"] * len(keys),
                      ["BLOCK", "1", "STREAMS"] + keys + ["$"] * len(keys), ["STREAMS"] + [HOT] * 50 + ["0"] * 50],
            "xreadgroup": [["GROUP", "g0", CONSUMER, "STREAMS", HOT, ">"],
                           ["GROUP", "g1", CONSUMER, "NOACK", "STREAMS", HOT, ">"],
                           ["GROUP", GROUP, CONSUMER, "STREAMS", HOT, "0"],
                           ["GROUP", GROUP, CONSUMER, "BLOCK", "0", "STREAMS", HOT, ">"],
                           ["GROUP", GROUP, CONSUMER, "STREAMS"] + [HOT] * 50 + ["0"] * 50],
            "xack": [[HOT, GROUP] + ids, [HOT, "g0"] + ids],
            "xackdel": [[HOT, GROUP, refs, "IDS", few] + ids for refs in ("KEEPREF", "DELREF", "ACKED")],
            "xnack": [[HOT, GROUP, mode, "IDS", few] + ids for mode in ("SILENT", "FAIL", "FATAL")],
            "xclaim": [claim + ids, claim + ids + ["JUSTID"], claim + ids + ["FORCE"], [HOT, "g0", "c", "0"] + ids],
            "xautoclaim": [claim + ["0", "COUNT", "1000000"], claim + ["0"], claim + ["0", "COUNT", "1000000", "JUSTID"]],
            "xpending": [[HOT, GROUP], [HOT, GROUP, "-", "+", "1000000"], [HOT, GROUP, "IDLE", "0", "-", "+", "1000000"],
                         [HOT, GROUP, "-", "+", "1000000", "nobody"]],
            "xinfo stream": [[HOT], [HOT, "FULL", "COUNT", "0"], [HOT, "FULL", "COUNT", "1000000"], [BIG, "FULL"]],
            "xinfo groups": [[HOT]],
            "xinfo consumers": [[HOT, GROUP]],
            "xgroup create": [[HOT, "new", "0"], [HOT, "new", "1-5000", "ENTRIESREAD", "5"]],
            "xgroup setid": [[HOT, GROUP, "1-5000"]],
            "xgroup destroy": [[HOT, GROUP]],
            "xgroup createconsumer": [[HOT, GROUP, "new"]],
            "xgroup delconsumer": [[HOT, GROUP, CONSUMER]],
            "udsd group": [[HOT, GROUP], [HOT, GROUP, "SET"] + ["retry_delay", "0"] * (self.ids // 2),
                           [HOT, GROUP, "SET", "consumer_timeout", "1", "max_deliveries", "1"],
                           [HOT, GROUP, "SET", "dead_letter", BIG, "paused", "1"]],
            "udsd nack": [[HOT, GROUP, mode, "1-9", "STATUS", "1", "TEXT", "x" * 100000]
                          for mode in ("SILENT", "FAIL", "FATAL", "RETURN", "DROP")] + [[BIG, GROUP, "FATAL", "1-1"]],
            "udsd pending": [[HOT, GROUP], [HOT, GROUP, "1-9000"], [HOT, GROUP, "-", "+", "COUNT", "100"]],
            "udsd later": [["ADD", HOT, "0"] + fields, ["ADD", HOT, "IDMP", "p", "i", "AT", "0", "f", "x" * self.large],
                           ["ADD", HOT, "3600000", "f", "v"], ["LIST"], ["LIST", HOT], ["CANCEL", "1-1-1"]],
            "del": [[HOT, BIG], keys],
            "unlink": [keys * 5],
            "exists": [keys * 5],
            "touch": [keys],
            "rename": [[HOT, "renamed"], [HOT, BIG]],
            "renamenx": [[HOT, "renamed"]],
            "expire": [[HOT, "0"], [HOT, "100"]],
            "keys": [["*"], ["*" + "?" * 200 + "x"], ["*k*.*[0-9]*[0-9]*x"]],
            "scan": [["0", "COUNT", "1000000"], ["0", "COUNT", "1000000", "MATCH", "*k*.*[0-9]*[0-9]*x"]],
        }
        return table.get(name, [])


def has(table, name):
    return any(" ".join(command.words) == name for command in table)


def is_stored(control):
    """Whether the daemon has a store."""
    try:
        control.call("DBSIZE")
        return True
    except Error:  # streams are off
        return False


def blocked(count):
    """For a crowd: what client i sends to wait for entries."""
    def last(i):
        if i % 2:
            return [["XREADGROUP", "GROUP", GROUP, "c%d" % i, "BLOCK", "0", "STREAMS", HOT, ">"]]
        return [["XREAD", "BLOCK", "0", "STREAMS", HOT] + ["k.%d" % (n + 1) for n in range(count)] +
                ["$"] * (count + 1)]
    return last
