"""
worst-case.py SOCKET DAEMON-PID [full] [PATTERN]: proves without a clock that nobody makes others wait for long.

Each command in the daemon's table is sent with the most, the longest and the slowest arguments that it takes: alone,
many at once and in MULTI/EXEC, by a user without rights and by an administrator, beside many clients, channels and
patterns. Afterwards no pass may have cost more than the daemon says that one may (INFO: pass_work_limit), and the
work that it has counted must be about the CPU time that it has used, compared with PING: so a command that forgets to
count what it does is found, however quick the machine is.

full: the largest sizes. PATTERN: only the cases whose names match. UNTIMED in the environment: without CPU times.
"""
import fnmatch
import os
import sys
import time

from crowd import NOBODY, Crowd, Meter, allow_descriptors, converse, encode_all, plan_crowd
from resp import Client
from worst_streams import HOT as HOT_STREAM
from worst_streams import Store, blocked, has, is_stored

path, daemon = sys.argv[1], int(sys.argv[2])
full = "full" in sys.argv[3:]
wanted = [a for a in sys.argv[3:] if a != "full"] or ["*"]
timed = not os.environ.get("UNTIMED")
verbose = bool(os.environ.get("VERBOSE"))

# A command may use so many times as much CPU time for each unit of work as PING does.
FACTOR = 12
CLIENTS = min(8800 if full else 1000, allow_descriptors(10200) - 1200)  # of 10,000 that one user may have
CHANNELS, MATCHERS = (100000, 10000) if timed else (20000, 2000)
ARGUMENTS = 65500 if full else 10000
LARGE = 16 << 20 if full else 4 << 20
# CPU time in ns that many commands at once should take, what they may count, and for how long they are waited for.
BATCH_NS, BATCH_MOST, SECONDS = (50e6, 100000, 5) if full else (5e6, 20000, 0.3)
BATCH_BYTES = 8 << 20 if full else 2 << 20
EXEC_BYTES = 16 << 20 if full else 2 << 20
SUBSCRIBED = 10000
HOT, FEW = "hot", "few"

failures, ratios, costliest = [], [], []


class Command:
    def __init__(self, name, arity, arguments):
        self.words, self.arity, self.arguments = name.split("|"), abs(arity), arguments

    def __str__(self):
        return " ".join(self.words).upper()


def to_dict(pairs):
    return {pairs[i].decode(): pairs[i + 1] for i in range(0, len(pairs), 2)}


def read_table(client):
    """All rows of the table: with their number of arguments, and what these are as COMMAND DOCS says."""
    docs, table = {}, []

    def add_docs(pairs):
        for name, doc in to_dict(pairs).items():
            docs[name] = to_dict(doc)
            add_docs(docs[name].get("subcommands", []))

    def add_rows(rows):
        for row in rows:
            name = row[0].decode()
            table.append(Command(name, row[1], docs[name].get("arguments", [])))
            add_rows(row[9])

    add_docs(client.call("COMMAND", "DOCS"))
    add_rows(client.call("COMMAND"))
    return table


# Arguments of each kind; %d counts. Whatever is not known is taken for text.
STYLES = [
    {"channel": HOT, "pattern": "*", "text": "x", "many": 1000},
    {"channel": "a" * 1000 + "%d", "pattern": "*a" * 500 + "b%d", "text": "1", "many": 200},
    {"channel": "c.%d", "pattern": "*[a-z]?%d", "text": "default", "many": ARGUMENTS},
    {"channel": "new.%d", "pattern": "*" + "?" * 900 + "*[^a-c]*%d", "text": "*a*a*a*a*b%d", "many": 1000},
    {"channel": FEW, "pattern": "[" + "a-z" * 300 + "]*%d", "text": "x" * LARGE, "many": 1},
    {"channel": "x" * 2000, "pattern": "x" * 2000, "text": "0", "many": 10},
]


class Filler:
    """Writes arguments in one style."""

    def __init__(self, number):
        self.number, self.count, self.is_long = number, 0, False

    def value(self, name):
        style = STYLES[self.number]
        kind = "channel" if "channel" in name else "pattern" if "pattern" in name else "text"
        text = style[kind]
        if len(text) == LARGE:
            if self.is_long:  # one such argument is as much as a command takes
                return "x"
            self.is_long = True
        self.count += 1
        return text.replace("%d", "%d" % self.count)

    def fill(self, arguments, only=None):
        """only: none of the optional arguments but that one."""
        out = []
        for i, argument in enumerate(arguments):
            fields = to_dict(argument)
            flags, kind, name = fields.get("flags", []), fields["type"], fields["name"].decode()
            inner = fields.get("arguments", [])
            if b"optional" in flags and only not in (None, i):
                continue
            for _ in range(STYLES[self.number]["many"] if b"multiple" in flags else 1):
                if kind == b"pure-token":
                    out.append(fields["token"].decode())
                elif kind == b"block":
                    out += self.fill(inner)
                elif kind == b"oneof":
                    out += self.fill([inner[self.number % len(inner)]])
                else:
                    out.append(self.value(name))
        return out


def variants(command):
    """Lists of arguments, none twice; each is as bad as one can think of in its own way."""
    found = {}

    def add(arguments):
        if command.words == ["shutdown"] and arguments[-1:] != ["ABORT"]:
            return  # it would end the test; that it is refused to others, access.bats shows
        found.setdefault(tuple(arguments), list(command.words) + arguments)

    add([])
    add(["x"] * max(0, command.arity - len(command.words)))
    for number in range(len(STYLES)):
        add(Filler(number).fill(command.arguments))
    # Each optional argument alone, with each of its choices.
    for only in range(len(command.arguments)):
        for number in range(3):
            add(Filler(number).fill(command.arguments, only))
        inner = to_dict(command.arguments[only]).get("arguments", [])
        for i in range(len(inner)):
            for number in range(2):
                add(Filler(number).fill(inner, i))
    for arguments in store.variants(" ".join(command.words)) if store else []:
        add(arguments)
    add([""] * ARGUMENTS)
    add(["x" * 1000] * 1000)
    add(["x" * LARGE])
    return list(found.values())


def measure(name, uid, data, seconds=SECONDS, to=""):
    """Returns CPU time and work; complains when a pass has cost too much."""
    before = meter.figures()
    converse(path + to, uid, data, seconds)
    return compare(name, before)


def compare(name, before):
    after = meter.figures()
    if after[2] > before[2]:
        costliest.append((after[2], name))
        if after[2] > pass_limit:
            failures.append("%s: a pass cost %d units of work, %d are allowed" % (name, after[2], pass_limit))
    return after[0] - before[0], after[1] - before[1]


def judge(name, spent):
    """Takes what measure() returns."""
    cpu, work = spent
    ratios.append((cpu / work, name, cpu, work))
    if verbose:
        print("%-60s %8.2f ms %12d units %6.2f" % (name, cpu / 1e6, work, cpu / work / ping), flush=True)
    if timed and cpu >= BATCH_NS / 3 and cpu / work > FACTOR * ping:
        failures.append("%s: %.1f ms of CPU time for %d units of work, %.1f times as much as PING" %
                        (name, cpu / 1e6, work, cpu / work / ping))


def try_bytes(name, uid, data, seconds=SECONDS, to=""):
    """
    Measures and judges. CPU time also grows with what else the machine does, so what seems too much is measured
    twice more, from the same beginning, and the least counts.
    """
    spent = measure(name, uid, data, seconds, to)
    for _ in range(2):
        if not timed or spent[0] < BATCH_NS / 3 or spent[0] / spent[1] <= FACTOR * ping:
            break
        rebuild_crowd()
        spent = min(spent, measure(name, uid, data, seconds, to), key=lambda s: s[0] / s[1])
    judge(name, spent)


def batch_size(data, cpu_each, most_bytes):
    return max(1, min(BATCH_MOST, int(BATCH_NS / max(cpu_each, 300)), most_bytes // len(data)))


def shown(command):
    words = [word if len(word) < 20 else "%s..(%d)" % (word[:8], len(word)) for word in command[:5]]
    return " ".join(words) + (" ..(%d)" % len(command) if len(command) > 5 else "")


def try_command(command, uid, hello):
    """One list of arguments: alone, many at once, and in EXEC."""
    name = "%s as %s, RESP%s" % (shown(command), "nobody" if uid else "administrator", hello)
    data, first = Client.encode(*command), Client.encode("HELLO", hello)
    alone = measure(name, uid, first + data)
    if alone[0] > BATCH_NS / 3:
        try_bytes(name, uid, first + data)
    each = max(1, alone[0] - idle_cpu)
    if each < BATCH_NS / 50:
        n = max(1, min(200, BATCH_BYTES // len(data)))
        each = max(1, measure("%d times %s" % (n, name), uid, first + data * n)[0] - idle_cpu) / n
    n = batch_size(data, each, BATCH_BYTES)
    if n > 1:
        try_bytes("%d times %s" % (n, name), uid, first + data * n)
    n = batch_size(data, each, EXEC_BYTES)
    inner = encode_all([["MULTI"]]) + data * n + encode_all([["EXEC"]])
    try_bytes("EXEC of %d times %s" % (n, name), uid, first + inner)
    rebuild_crowd()


def try_subscribed(command, uid):
    """By a client that has as many subscriptions as one may have, which leaves afterwards."""
    name = "%s with %d subscriptions" % (shown(command), SUBSCRIBED)
    before = encode_all([["HELLO", "3"], ["SUBSCRIBE"] + ["own.%d" % i for i in range(SUBSCRIBED)]])
    try_bytes(name, uid, before + Client.encode(*command))
    rebuild_crowd()


crowd = few = None


def rebuild_crowd():
    """Replaces the crowd if a command has closed some of it, and streams that a command has changed."""
    global crowd, few
    if store:
        store.rebuild()
    if crowd and int(meter.info()["connected_clients"]) == CLIENTS + 3:
        return
    if crowd:
        crowd.end()
        few.end()
        meter.wait_for(lambda figures: figures["connected_clients"] == "1", "the crowd to leave")
    crowd = Crowd(path, user, plan_crowd(CLIENTS, CHANNELS, MATCHERS, HOT))
    few = Crowd(path, None, [[["SUBSCRIBE", FEW]], [["HELLO", "3"], ["SUBSCRIBE", FEW]]])


def calibrate():
    data = Client.encode("PING") * BATCH_MOST
    assert converse(path, user, data)[0] == len(b"+PONG\r\n") * BATCH_MOST, "PING is not answered"
    spent = [measure("PING", user, data) for _ in range(9)]
    idle = sorted(measure("nothing", user, b"\r\n")[0] for _ in range(9))[4]
    return sorted(cpu / work for cpu, work in spent)[4], idle


def try_raw(name, data, to="", uid=None):
    """Bytes for one of the listeners, of a user without rights."""
    try_bytes(name, uid or user, data, 5 * SECONDS, to)


def try_input():
    """What is no command of the table, in all forms that it may have."""
    n = BATCH_MOST
    try_raw("blank lines", b"\r\n" * 20 * n)
    try_raw("empty arrays", b"*0\r\n" * 10 * n)
    try_raw("inline commands", b"PING\r\n" * 5 * n)
    try_raw("inline commands with many arguments", (b"PING" + b" a" * 30000 + b"\r\n") * (n // 1000))
    try_raw("inline commands with one long argument", (b"PING " + b"a" * 65000 + b"\r\n") * (n // 200))
    try_raw("inline commands in quotes", (b'PING "' + b"\\x00" * 15000 + b'"\r\n') * (n // 500))
    try_raw("unknown commands", Client.encode("NO-SUCH-COMMAND", "x", "y") * n)
    try_raw("unknown commands with long arguments", Client.encode(*["x" * 1000] * 1000) * (n // 2000))
    try_raw("commands of Redis", Client.encode("ZUNIONSTORE", "x") * n)
    try_raw("commands of 65,000 arguments", Client.encode("PING", *["" for _ in range(65000)]) * (n // 1000))
    try_raw("commands without an end", b"*65000\r\n" + b"$0\r\n\r\n" * 64999)
    for to in ".line", ".length":
        try_raw("empty messages to " + to[1:], b"\0" * 4 * (n // 20) if to == ".length" else b"\n" * (n // 20), to)
    try_raw("short lines", b"x\n" * (n // 20), ".line")
    try_raw("a long line", b"x" * LARGE, ".line")
    try_raw("a large message", b"x" * LARGE, ".whole")


def try_mixed():
    """Commands that make each other dear."""
    n = 200 if timed else 20
    hello = encode_all([["HELLO", "3"]])
    many = encode_all([["SUBSCRIBE"] + ["own.%d" % i for i in range(SUBSCRIBED)]])
    for kind, name in ("", "z"), ("P", "z*"), ("P", HOT[:1] + "?" + HOT[2:]):
        data = encode_all([[kind + "SUBSCRIBE", name], ["PUBLISH", HOT, "x"], [kind + "UNSUBSCRIBE", name]])
        try_raw("%sSUBSCRIBE %s between messages" % (kind, name), hello + data * n)
    try_raw("many subscriptions", hello + many)
    try_raw("HELLO 2 and 3 with many subscriptions", hello + many + encode_all([["HELLO", "2"], ["HELLO", "3"]]) * n)
    try_raw("SUBSCRIBE and RESET", encode_all([["SUBSCRIBE"] + ["own.%d" % i for i in range(1000)], ["RESET"]]) * n)
    matching = ["*" + "".join("a?"[i >> k & 1] for k in range(14)) for i in range(n * 50)]
    data = encode_all([["PSUBSCRIBE"] + matching]) + Client.encode("PUBLISH", "a" * 250, "x" * 100) * 20
    if user:  # the quota of the other one is used up
        name = "messages that match %d patterns" % len(matching)
        try_bytes(name, None, hello + data, 5 * SECONDS)
    try_raw("EXEC of messages to slow names", b"".join(
        Client.encode("MULTI") + b"".join(Client.encode("PUBLISH", "a" * 900 + "%d.%d" % (k, i), "x")
                                          for i in range(20)) + Client.encode("EXEC") for k in range(2)))


def try_many_patterns():
    """Patterns of several users, all that each may have, match one channel; or none does, which takes as long."""
    if os.geteuid() != 0:
        return  # one user's are not enough
    n = 1000 if timed else 100  # for each of ten clients
    crowds = [Crowd(path, 20000 + u, [[["HELLO", "3"], ["PSUBSCRIBE"] + [
        "*a" + "a" * u + "".join("a?"[i >> k & 1] for k in range(14)) for i in range(n * k, n * k + n)]]
        for k in range(10)]) for u in range(4)]
    hello = Client.encode("HELLO", "3")
    for name in "a" * 250, "a" * 10 + "b" * 240:
        for command in ["PUBLISH", name, "x"], ["PUBLISH", name, "x" * 20000]:
            try_raw("%s to patterns of several users" % shown(command), hello + Client.encode(*command) * 10)
    data = b"".join(Client.encode("PUBLISH", "b" * 240 + "%d" % i, "x") for i in range(10))
    try_raw("messages to names that no pattern matches", hello + data)
    try_raw("EXEC of messages to patterns of several users", hello + encode_all(
        [["MULTI"]] + [["PUBLISH", "a" * (240 + i % 2), "x"] for i in range(10)] + [["EXEC"]]))
    for words in ["UDSD", "CHANNELS"], ["UDSD", "CLIENTS", "CHANNEL", "a" * 240]:
        try_raw("%s beside patterns of several users" % shown(words), hello + Client.encode(*words) * 2)
    for i, patterns in enumerate(crowds):
        patterns.end()
        meter.wait_for(lambda figures: int(figures["connected_clients"]) <= CLIENTS + 3 + 10 * (3 - i),
                       "a client with many patterns to leave")


def try_waiting():
    """Many clients wait for receivers, each of another channel, and are woken in vain."""
    waiting = Crowd(path, user, [[["HELLO", "3"]]] * (1000 if timed else 100),
                    last=lambda i: [["UDSD", "WAITRECEIVER", "ON"], ["PUBLISH", "wait.%d" % i, "x"]])
    meter.wait_for(lambda figures: int(figures["blocked_clients"]) >= (1000 if timed else 100), "waiting clients")
    data = encode_all([["HELLO", "3"]]) + encode_all([["PSUBSCRIBE", "zzz"], ["PUNSUBSCRIBE", "zzz"]]) * 100
    try_raw("PSUBSCRIBE beside waiting clients", data)
    end_crowd("waiting clients leave", waiting)


def try_blocked():
    """Many clients wait for entries of one stream and of others, and are woken, in part in vain."""
    if not store or not has(table, "xread"):
        return
    n = 500 if timed else 50
    waiting = Crowd(path, user, [[["HELLO", "3"]]] * n, last=blocked(100))
    meter.wait_for(lambda figures: int(figures["blocked_clients"]) >= n, "blocked clients")
    try_raw("entries for blocked clients", encode_all([["XADD", HOT_STREAM, "*", "f", "v"]] * 1000))
    end_crowd("blocked clients leave", waiting)


def try_services():
    """Requests and workers: what makes a request, its answer, or the end of a worker or caller dear."""
    n = BATCH_MOST
    names = ["w.%d" % i for i in range(1000)]
    serve, own = Client.encode("UDSD", "SERVE", *names), encode_all([["UDSD", "SERVE", "own"]])
    call, take = Client.encode("UDSD", "CALL", "own", "x"), Client.encode("UDSD", "NEXT")
    try_raw("NEXT and CALL", own + (take + call) * (n // 30))
    try_raw("CALL and NEXT", own + (call + take) * (n // 30))
    try_raw("large requests", own + Client.encode("UDSD", "CALL", "own", "x" * (LARGE // 8)) * 8 + take * 8)
    try_raw("NEXT of many services", serve + (take + Client.encode("UDSD", "CALL", "w.0", "x")) * (n // 100))
    try_raw("SERVE and UNSERVE of many", (serve + take * 10 + Client.encode("UDSD", "UNSERVE")) * (n // 2000))
    try_raw("UNSERVE one by one", serve + take * 900 + encode_all([["UDSD", "UNSERVE", name] for name in names]))
    try_raw("NEXT that end in the worst order", own + encode_all(
        [["UDSD", "NEXT", "TIMEOUT", str(50 + (900 - i) // 10)] for i in range(900)]) + Client.encode("PING"))
    try_raw("requests that nobody takes", encode_all(
        [["UDSD", "CALL", "none", "x" * 100, "WAIT", "100"] for _ in range(1000)]))
    try_raw("requests whose worker leaves", own + call * 900 + Client.encode("UDSD", "UNSERVE"))
    try_raw("requests that run when their worker leaves", own + call * 900 + take * 900)
    ask = Client.encode("UDSD", "ASK", "own", "x", "REPLY", HOT)
    try_raw("errors that are published", own + ask * 100 + Client.encode("UDSD", "UNSERVE"))
    # Many workers and callers, who leave together.
    many = 500 if timed else 50
    workers = Crowd(path, user, [[["HELLO", "3"], ["UDSD", "SERVE", "busy", "idle.%d" % i]] for i in range(many)])
    callers = Crowd(path, user, [[["HELLO", "3"]]] * many, last=lambda i: [["UDSD", "CALL", "busy", "x"]] * 2)
    meter.wait_for(lambda figures: int(figures["service_requests_waiting"]) == 2 * many or
                   int(figures["service_requests_refused"]) > 0, "requests to wait")
    try_raw("UDSD SERVICES beside many", Client.encode("UDSD", "SERVICES") * 10)
    callers.end()
    end_crowd("callers and workers leave", workers)


def try_stuck():
    """Clients with many subscriptions do not read, and are disconnected together."""
    n = 20 if timed else 4
    plan = [[["SUBSCRIBE"] + ["s.%d.%d" % (i, k) for k in range(SUBSCRIBED - 2)]] for i in range(n)]
    stuck = Crowd(path, user, plan, last=lambda i: [["SUBSCRIBE", "stuck"]], reads=False)
    before = meter.figures()
    for _ in range(20):
        meter.control.send("PUBLISH", "stuck", "x" * 1000000)
    for _ in range(20):
        meter.control.read()
    meter.wait_for(lambda figures: int(figures["slow_receivers_closed"]) >= n, "disconnects")
    judge("stuck clients are disconnected", compare("stuck clients are disconnected", before))
    stuck.end()


def try_watched():
    """Beside an administrator who watches."""
    watching = Crowd(path, None, [[["HELLO", "3"]]] * 4, last=lambda i: [["MONITOR"] if i % 2 else ["UDSD", "MONITOR"]])
    meter.wait_for(lambda figures: figures["monitor_clients"] == "4", "monitors")
    try_raw("many long arguments, watched", Client.encode(*["PING"] + ["\0" * 5000] * 200) * (BATCH_MOST // 2000))
    try_raw("commands, watched", Client.encode("PING") * (BATCH_MOST // 4))
    try_raw("messages, watched", Client.encode("PUBLISH", "watched", "x" * 20000) * (BATCH_MOST // 200))
    end_crowd("monitors leave", watching)


def try_paused_exec():
    """EXEC takes several passes. Meanwhile others come and go, a reload is asked for, and its own client is killed."""
    exec_data = encode_all([["MULTI"]] + [["UDSD", "CHANNELS", "c.*"]] * 50 + [["EXEC"]])
    for kills in False, True:
        before = meter.figures()
        holder = Client(path)
        holder.send_raw(exec_data)
        others = [Client(path) for _ in range(50)]
        for i, other in enumerate(others):
            other.send_raw(encode_all([["SUBSCRIBE", "e.%d" % i], ["PSUBSCRIBE", "e*"], ["UNSUBSCRIBE"],
                                       ["PUBLISH", HOT, "x"], ["UDSD", "RELOAD"], ["QUIT"]][i % 3:]))
        for other in others[::2]:
            other.close()
        if kills:
            holder.sock.close()
        for other in others[1::2]:
            other.read_to_end()
            other.close()
        if not kills:
            assert holder.read() == b"OK"
            for _ in range(50):
                assert holder.read() == b"QUEUED"
            assert holder.line() == b"*50"
        holder.close()
        judge("a paused EXEC", compare("a paused EXEC", before))
        meter.wait_for(lambda figures: int(figures["connected_clients"]) == CLIENTS + 3, "the others to leave")


def end_crowd(name, crowd):
    before = meter.figures()
    crowd.end()
    meter.wait_for(lambda figures: int(figures["connected_clients"]) == CLIENTS + 3, name)
    judge(name, compare(name, before))


user = NOBODY if os.geteuid() == 0 else None
meter = Meter(path, daemon)
pass_limit = int(meter.info()["pass_work_limit"])
table = read_table(meter.control)
store = Store(meter.control, full, has(table, "xreadgroup")) if is_stored(meter.control) else None
ping = 1
before = meter.figures()
rebuild_crowd()
compare("the crowd comes", before)
ping, idle_cpu = calibrate()
print("PING: %.2f ns of CPU time for each unit of work; %d commands; %d clients" % (ping, len(table), CLIENTS))
begin = time.monotonic()
for command in table:
    if not any(fnmatch.fnmatch(str(command), pattern) for pattern in wanted):
        continue
    dear = [command.words + arguments for arguments in store.variants(" ".join(command.words))] if store else []
    for number, arguments in enumerate(variants(command)):
        users = [user, None] if user and (full or arguments in dear) else [user if number % 2 else None]
        for uid in users:
            for hello in "23" if full else "23"[number // 2 % 2]:
                try_command(arguments, uid, hello)
    try_subscribed(command.words + ["x"] * max(0, command.arity - len(command.words)), user)
    if verbose:
        print("# %6.1f s after %s" % (time.monotonic() - begin, command), flush=True)

for name, scenario in (("input", try_input), ("mixed", try_mixed), ("patterns", try_many_patterns),
                       ("waiting", try_waiting), ("blocked", try_blocked), ("services", try_services), ("stuck", try_stuck), ("watched", try_watched),
                       ("exec", try_paused_exec)):
    if any(fnmatch.fnmatch(name, pattern) for pattern in wanted):
        rebuild_crowd()
        scenario()
        if verbose:
            print("# %6.1f s after %s" % (time.monotonic() - begin, name), flush=True)

before = meter.figures()
crowd.end()
crowd = None
meter.wait_for(lambda figures: figures["connected_clients"] == "3", "the crowd to leave")
judge("the crowd leaves at once", compare("the crowd leaves at once", before))
few.end()

for units, name in costliest[-5:]:
    print("a pass of %d units: %s" % (units, name))
for ratio, name, cpu, work in sorted(r for r in ratios if r[2] >= BATCH_NS / 3)[-5:]:
    print("%.1f times as much as PING: %s" % (ratio / ping, name))
if failures:
    sys.exit("\n".join(failures))
