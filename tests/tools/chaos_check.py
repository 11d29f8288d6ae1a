"""
chaos_check.py DIRECTORY: judges a round of chaos.py by what its publishers and receivers wrote down, and by nothing
that the daemon says. Prints what is wrong, and exits with 1 if anything is.

What is proved, for every connection of a publisher and every subscription of a receiver (which has one connection):
- every message arrives unaltered, once, in order, on a channel that was subscribed to;
- there are no holes: of what was published between two messages that arrived, all arrived;
- all arrived that was published after the subscription was confirmed and was answered, even if the daemon was
  killed; excepted are receivers that were killed or stopped for longer than slow_timeout, and policies other than wait;
- with the policy drop, what did not arrive is as many messages as the receiver was told;
- the number in an answer is the number of those who got the message, and of those who are excepted at most;
- what was refused arrived nowhere, and is refused where the configuration says so and nowhere else;
- only receivers that are excepted were disconnected by a daemon that lived on;
- what was added to a stream and answered, or written to udsctl send --store, is there once, also in the file that
  udsctl recv --into writes; a job is done, and more than once only where a worker was killed;
- udsctl send repeats lines only after a reconnect, and exits with 0 only if all were answered, and with
  --wait-receiver only if all arrived.
"""
import collections
import fnmatch
import glob
import json
import os
import sys

import chaos_streams
from chaos_peers import parse

POLICIES = {"w": "wait", "s": "wait", "h": "wait", "k": "wait", "d": "drop", "e": "drop", "x": "disconnect"}
NEVER = float("inf")


class Message:
    __slots__ = ("number", "channel", "sent", "answered", "count", "refused", "unknown", "got")

    def __init__(self, number, channel, sent):
        self.number, self.channel, self.sent = number, channel, sent
        self.answered, self.count, self.refused, self.got = NEVER, None, "", 0
        self.unknown = False  # whether it was refused


class Stream:
    """What one publisher sent on one connection."""

    def __init__(self, publisher, daemon, start):
        self.publisher, self.daemon, self.start, self.end = publisher, daemon, start, NEVER
        self.messages = []  # in order of their numbers, which have no gaps
        self.handled = 0  # all up to this number were

    def find(self, number):
        index = number - self.messages[0].number if self.messages else -1
        return self.messages[index] if 0 <= index < len(self.messages) else None


class Way:
    """One subscription of one connection of a receiver."""

    def __init__(self, receiver, kind, name, asked):
        self.receiver, self.kind, self.name, self.asked = receiver, kind, name, asked
        self.confirmed = self.leaving = self.left = NEVER
        self.refused = False
        self.got = collections.defaultdict(list)  # (publisher, connection): numbers
        self.channels = {}

    def covers(self, channel):
        if channel not in self.channels:
            is_shard = channel.startswith("h.")
            self.channels[channel] = is_shard == (self.kind == "s") and (
                fnmatch.fnmatchcase(channel, self.name) if self.kind == "p" else channel == self.name)
        return self.channels[channel]

    def __str__(self):
        return "%s, %s %s" % (self.receiver, self.kind, self.name)


class Reception:
    """One connection of a receiver."""

    def __init__(self, name, daemon):
        self.name, self.daemon = name, daemon
        self.ways = []
        self.events = []  # (channel, publisher, connection, number) and (channel, count), in order
        self.end, self.why = NEVER, "killed"
        self.may_have_holes = False  # it may be several, to the same daemon

    def __str__(self):
        return "%s (%s)" % (self.name, self.why)


class Check:
    def __init__(self, directory):
        with open(os.path.join(directory, "story.json")) as file:
            self.story = json.load(file)
        self.directory = directory
        self.wrong = []
        self.streams, self.receptions = {}, []
        self.stats = collections.Counter()

    def fail(self, text, *args):
        self.wrong.append(text % args)

    def files(self, pattern):
        for path in sorted(glob.glob(os.path.join(self.directory, pattern))):
            name = os.path.basename(path).split(".")[0]
            yield name, path

    def lines(self, path):
        with open(path, errors="replace") as file:
            for line in file:
                if line.endswith("\n"):  # the last one of who was killed may be cut
                    yield line.split()

    # Reading

    def read_publisher(self, name, path):
        publisher, connections = int(name[1:]), {}
        for kind, *rest in self.lines(path):
            if kind == "Q":
                break
            connection = int(rest[0])
            if kind == "C":
                stream = Stream(publisher, int(rest[1]), float(rest[2]))
                connections[connection] = self.streams[publisher, connection] = stream
                continue
            stream = connections[connection]
            if kind == "S":
                stream.messages.append(Message(int(rest[1]), rest[2], float(rest[3])))
                self.stats["published"] += 1
            elif kind == "D":
                stream.end = float(rest[1])
            elif kind == "G":
                self.note_transaction([stream.find(number) for number in range(int(rest[1]), int(rest[2]) + 1)])
            else:
                stream.handled = int(rest[1])
            if kind in "AE":
                message = stream.find(int(rest[1]))
                message.answered = float(rest[2])
                message.unknown = False
                if kind == "A":
                    message.count = int(rest[3])
                    self.stats["answered"] += 1
                    continue
                message.refused = " ".join(rest[3:])
                # A transaction fails as a whole.
                denied = "NOPERM" in message.refused and "may not publish to 'c." in message.refused and (
                    message.channel.startswith("c.") or "EXECABORT" in message.refused)
                too_much = "Protocol error" in message.refused or "(queue_limit_per_uid)" in message.refused
                if not denied and not too_much:
                    self.fail("publisher %d: message %d was refused: %s", publisher, message.number, message.refused)

    @staticmethod
    def note_transaction(messages):
        """It fails as a whole if one of its messages is refused, and a lost answer does not tell."""
        if any(message.channel.startswith("c.") for message in messages):
            for message in messages:
                message.unknown = True

    def read_receiver(self, name, path):
        current = None
        for kind, *rest in self.lines(path):
            if kind == "!":
                self.fail("%s: %s", name, " ".join(rest))
            elif kind == "C":
                current = Reception(name + "/" + rest[0], int(rest[1]))
                self.receptions.append(current)
            elif kind == "B":
                current.ways.append(Way(current, rest[2], rest[3], float(rest[4])))
            elif kind == "L":
                current.events.append((rest[2], int(rest[1])))
                self.stats["told of missed"] += int(rest[1])
            elif kind == "X":
                current.end, current.why = float(rest[1]), rest[2]
            else:
                self.way_event(current, kind, rest)
        if current and current.why == "killed":
            current.end = self.story["killed"].get(name, NEVER)

    def way_event(self, reception, kind, rest):
        way = reception.ways[int(rest[1]) - 1]
        if kind == "T":
            way.confirmed = float(rest[2])
        elif kind == "N":
            way.refused = True
            self.judge_refusal(way, float(rest[2]), " ".join(rest[3:]))
        elif kind == "U":
            way.leaving = float(rest[2])
        elif kind == "V":
            way.left = float(rest[2])
        else:
            self.note(way, int(rest[2]), int(rest[3]), int(rest[4]), rest[5])

    def note(self, way, publisher, connection, number, channel):
        way.got[publisher, connection].append(number)
        way.receiver.events.append((channel, publisher, connection, number))
        self.stats["received"] += 1

    def read_udsctl(self, name, path):
        """What udsctl recv printed: it does not say when, but which daemon had it tells where it was connected."""
        about = self.story["udsctl recv"][name]
        with open(path, "rb") as file:
            texts = file.read().split(b"\0")
        if about["end"] is None and texts[-1:] != [b""]:
            self.fail("%s: the last message is cut", name)
        receptions, orphans = {}, Reception(name, 0)
        for text in texts[:-1]:
            if text == b"fin":
                continue
            try:
                publisher, connection, number, channel = parse(text)
            except ValueError as error:
                self.fail("%s: %s", name, error)
                return
            stream = self.streams.get((publisher, connection))
            reception = orphans
            if stream:
                if stream.daemon not in receptions:
                    receptions[stream.daemon] = self.udsctl_reception(name, about, stream.daemon)
                reception = receptions[stream.daemon]
            kind = "p" if about["patterns"] else "c"
            channel = channel.decode()
            way = next((w for w in reception.ways if w.covers(channel)), None)
            if not way:
                wanted = [n for n in about["names"] if Way(None, kind, n, 0).covers(channel)]
                if not wanted:
                    self.fail("%s: got a message of '%s'", name, channel)
                    continue
                reception.ways.append(Way(reception, kind, wanted[0], 0))
                way = reception.ways[-1]
            self.note(way, publisher, connection, number, channel)
            message = stream and stream.find(number)
            if message:
                for other in reception.ways:
                    other.confirmed = min(other.confirmed, message.answered)
        for reception in receptions.values():
            first = min(way.confirmed for way in reception.ways)
            for other in about["names"]:
                if not any(way.name == other for way in reception.ways):
                    reception.ways.append(Way(reception, kind, other, 0))
            for way in reception.ways:
                way.confirmed = first
        self.receptions += list(receptions.values())
        self.udsctl_orphans.append(orphans)

    def udsctl_reception(self, name, about, daemon):
        reception = Reception("%s@%d" % (name, daemon), daemon)
        reception.end = self.life(daemon)["end"] or NEVER
        reception.why = "eof" if self.life(daemon)["end"] else "fin"
        reception.may_have_holes = about["stopped long"]
        if about["end"] is not None or about["stopped long"]:
            reception.end, reception.why = about["end"] or NEVER, "killed"
        return reception

    # The story

    def life(self, daemon):
        return next(life for life in self.story["lives"] if life["pid"] == daemon)

    def policy(self, channel, begin, end):
        """The policy in force all the time, or None; for channels under c.: also "nopub" and "nosub"."""
        kind = channel.split(".")[0]
        if kind != "c":
            return POLICIES[kind]
        state = None
        for change in self.story["policies"]:
            if change["end"] is None or change["end"] > begin:
                return state if change["begin"] > end else None
            state = change["state"]
        return state

    def judge_refusal(self, way, time, text):
        if "NOPERM" not in text or way.name.split(".")[0] != "c":
            self.fail("%s: refused: %s", way, text)
        elif self.policy(way.name, way.asked, time) not in (None, "nosub"):
            self.fail("%s: refused although it is allowed", way)

    def judge_ends(self):
        """Which receivers were disconnected by a daemon that lived on, and whether anything explains that."""
        for reception in self.receptions:
            life = self.life(reception.daemon)
            if reception.why != "eof" or "@" in reception.name:
                continue
            name = reception.name.split("/")[0]
            start = min((way.asked for way in reception.ways), default=reception.end)
            slow = any(stop["who"] == name and stop["end"] > start and stop["begin"] < reception.end and
                       stop["end"] - stop["begin"] > 0.5 * self.story["slow_timeout"]
                       for stop in self.story["stops"])
            on_x = any(way.covers("x.0") for way in reception.ways)
            on_c = any(way.covers("c.0") and way.kind != "p" and
                       self.policy("c.0", way.asked, reception.end) not in ("wait", "drop", "nopub") or
                       way.covers("c.0") and self.policy("c.0", way.asked, reception.end) in (None, "disconnect")
                       for way in reception.ways)
            if life["end"] is None or reception.end < life["end"] or slow or on_x or on_c:
                reception.why = "disconnected"
                self.stats["receivers disconnected"] += 1
                if not (slow or on_x or on_c):
                    if self.story["hiccup"] > 0.25 * self.story["slow_timeout"]:
                        self.stats["not explained but by a busy machine"] += 1
                    else:
                        self.fail("%s: disconnected although it was reading", reception.name)

    # What arrived

    def judge_way(self, way):
        missing = collections.defaultdict(lambda: [0, 0])  # channel: certainly, perhaps
        for key, stream in self.streams.items():
            if stream.daemon == way.receiver.daemon:
                self.judge_stream(way, key, stream, missing)
        for key in way.got:
            if key not in self.streams and key[0] < 1000:
                self.fail("%s: message of the unknown connection %r", way, key)
            elif key in self.streams and self.streams[key].daemon != way.receiver.daemon:
                self.fail("%s: message of %r, which was connected to another daemon", way, key)
        return missing

    def judge_stream(self, way, key, stream, missing):
        numbers = way.got.get(key, [])
        for a, b in zip(numbers, numbers[1:]):
            if b <= a:
                self.fail("%s: %r: message %d after %d", way, key, b, a)
        got = set(numbers)
        first, last = (min(numbers), max(numbers)) if numbers else (NEVER, -1)
        handled = max(stream.handled, last)
        for message in stream.messages:
            if not way.covers(message.channel):
                continue
            if message.number in got:
                self.judge_got(way, key, message)
            elif not message.refused and message.number <= handled and not way.refused:
                self.judge_missing(way, key, message, first < message.number < last, missing)
            elif not message.refused:
                missing[message.channel][1] += 1
        if numbers and (not stream.messages or last > stream.messages[-1].number):
            self.fail("%s: %r: message %d was never sent", way, key, last)

    def judge_got(self, way, key, message):
        message.got += 1
        if message.refused:
            self.fail("%s: %r: message %d was refused and arrived", way, key, message.number)
        if message.answered < way.asked or message.sent > way.left:
            self.fail("%s: %r: message %d arrived while it was not subscribed", way, key, message.number)
        if way.kind == "p" and self.policy(message.channel, message.sent, message.answered) == "nosub":
            self.fail("%s: %r: message %d arrived, which it may not receive", way, key, message.number)

    def judge_missing(self, way, key, message, is_hole, missing):
        policy = self.policy(message.channel, message.sent, message.answered)
        certain = is_hole or (message.sent > way.confirmed and message.answered <= way.leaving)
        if policy is None or policy in ("nosub", "nopub"):
            return
        if message.unknown:
            missing[message.channel][1] += 1
            return
        if policy == "drop":
            if message.sent < way.left and message.answered > way.asked:
                missing[message.channel][0 if certain else 1] += 1
            return
        if is_hole and not way.receiver.may_have_holes:
            self.fail("%s: %r: message %d is missing between others", way, key, message.number)
            return
        why = way.receiver.why
        if not certain or why in ("killed", "closed", "disconnected"):
            return
        if why == "eof" and message.answered == NEVER:
            return
        self.fail("%s: %r: message %d on %s is missing (sent %.3f, answered %.3f with %s)", way, key, message.number,
                  message.channel, message.sent, message.answered, message.count)

    def judge_order(self, reception):
        """Across channels: the numbers of a connection never go back; equal ones came on two ways."""
        last = {}
        for event in reception.events:
            if len(event) == 4:
                _, publisher, connection, number = event
                if number < last.get((publisher, connection), 0) and publisher < 1000:
                    self.fail("%s: %r: message %d after %d, across channels", reception, (publisher, connection),
                              number, last[publisher, connection])
                last[publisher, connection] = number

    def judge_missed(self, reception, missing):
        """missing: for each channel how many did not arrive, certainly and perhaps, over all ways."""
        told = collections.Counter()
        for event in reception.events:
            if len(event) == 2:
                told[event[0]] += event[1]
        for channel in set(told) | set(missing):
            kind = channel.split(".")[0]
            if kind == "c":
                continue
            certain, perhaps = missing.get(channel, (0, 0))
            if kind not in "de":
                if told[channel]:
                    self.fail("%s: told that it missed messages of %s", reception, channel)
            elif told[channel] > certain + perhaps:
                self.fail("%s: %s: missed %d to %d messages, and was told %d", reception, channel, certain,
                          certain + perhaps, told[channel])
            elif told[channel] < certain and reception.why == "fin" and "@" not in reception.name:
                self.fail("%s: %s: missed %d to %d messages, and was told only %d", reception, channel, certain,
                          certain + perhaps, told[channel])
            self.stats["missed"] += certain

    def judge_places(self, reception):
        """Channels under e. have one publisher each: there the counts stand exactly where the messages would have."""
        for channel in {event[0] for event in reception.events if event[0].startswith("e.")}:
            if sum(way.covers(channel) for way in reception.ways) != 1:
                continue
            before, told = None, 0
            for event in reception.events:
                if event[0] != channel:
                    continue
                if len(event) == 2:
                    told += event[1]
                    continue
                _, publisher, connection, number = event
                if before and before[:2] == (publisher, connection):
                    between = [m for m in self.between(publisher, connection, before[2], number)
                               if m.channel == channel and not m.refused]
                    unknown = sum(m.unknown for m in between)
                    if not len(between) - unknown <= told <= len(between):
                        self.fail("%s: %s: %d messages between %d and %d of %r, and it was told %d there", reception,
                                  channel, len(between), before[2], number, (publisher, connection), told)
                before, told = (publisher, connection, number), 0

    def between(self, publisher, connection, a, b):
        messages = self.streams[publisher, connection].messages
        first = messages[0].number
        return messages[a + 1 - first:b - first]

    # What was answered

    def judge_answers(self):
        excepted = collections.defaultdict(list)  # channel: (from, to) in which someone may have been counted in vain
        channels = {m.channel for stream in self.streams.values() for m in stream.messages}
        for reception in self.receptions + self.udsctl_orphans:
            for way in reception.ways if reception.why in ("killed", "closed", "disconnected") else []:
                for channel in filter(way.covers, channels):
                    excepted[channel].append((way.asked, reception.end + 2))
        for about in self.story["udsctl recv"].values():
            for channel in channels:
                kind = "p" if about["patterns"] else "c"
                if any(Way(None, kind, name, 0).covers(channel) for name in about["names"]):
                    if about["end"] is not None or about["stopped long"]:
                        excepted[channel].append((0, NEVER))
        for key, stream in self.streams.items():
            for message in stream.messages:
                self.judge_answer(key, message, excepted[message.channel])

    def judge_answer(self, key, message, excepted):
        policy = self.policy(message.channel, message.sent, message.answered)
        if message.answered == NEVER or policy is None:
            return
        if policy == "nopub" and not message.refused:
            self.fail("%r: message %d was answered, but must not be published", key, message.number)
        if message.refused.startswith("NOPERM") and policy != "nopub":
            self.fail("%r: message %d was refused although it may be published", key, message.number)
        if message.refused:
            return
        self.stats["receivers counted"] += message.count
        if message.got > message.count:
            self.fail("%r: message %d on %s was answered with %d and arrived %d times", key, message.number,
                      message.channel, message.count, message.got)
        elif message.got < message.count and policy == "wait":
            if not any(begin < message.answered and message.sent < end for begin, end in excepted):
                self.fail("%r: message %d on %s was answered with %d and arrived %d times only", key, message.number,
                          message.channel, message.count, message.got)

    # udsctl send

    def judge_senders(self):
        everyone = collections.defaultdict(list)
        for reception in self.receptions + self.udsctl_orphans:
            by_sender = collections.defaultdict(list)
            for event in reception.events:
                if len(event) == 4 and event[1] >= 1000:
                    by_sender[event[1], event[0]].append(event[3])
            for (sender, channel), numbers in by_sender.items():
                everyone[sender].append((reception, channel, numbers))
        for about in self.story["udsctl send"]:
            self.judge_sender(about, everyone[about["number"]])

    def judge_sender(self, about, receptions):
        name = "udsctl %s %d" % (about["verb"], about["number"])
        arrived, refused = set(), set(about["refused"])
        for reception, channel, numbers in receptions:
            ways = sum(way.covers(channel) for way in reception.ways) or 1
            steps = holes = 0
            for a, b in zip([0] + numbers, numbers):
                steps += b < a or (b == a and ways == 1)
                holes += a > 0 and any(n not in refused for n in range(a + 1, b))
            arrived.update(numbers)
            if steps > about["reconnects"] * ways and ways == 1:
                self.fail("%s: %s: goes back %d times with %d reconnects", name, reception, steps, about["reconnects"])
            # Over several connections a receiver may miss some; on one it may not.
            one = "@" not in reception.name and reception not in self.udsctl_orphans
            churns = any(way.leaving != NEVER for way in reception.ways)
            # What the daemon read of udsctl pipe and did not run, since it closed the connection, is gone.
            if holes > (about["lost"] if about["verb"] == "pipe" else 0) and one and not churns:
                self.fail("%s: %s: %d holes", name, reception, holes)
        self.stats["lines of udsctl " + about["verb"]] += about["lines"] or 0
        if about["end"] is not None:
            return
        if about["status"] != (76 if refused else 0):
            self.fail("%s: exit status %s: %s", name, about["status"], about["stderr"])
        elif about["verb"] == "send":
            if about["lines"] != about["messages"] or about["messages"] != about["answered"] + len(refused):
                self.fail("%s: %d lines, %d of them refused: %s", name, about["lines"], len(refused), about["stderr"])
            lost = set(range(1, about["lines"] + 1)) - arrived - refused
            if about["waits"] and lost:
                self.fail("%s: %d of %d lines arrived nowhere, the first is %d", name, len(lost), about["lines"],
                          min(lost))

    def run(self):
        self.udsctl_orphans = []
        for name, path in self.files("p*.log"):
            self.read_publisher(name, path)
        for name, path in self.files("r*.log"):
            self.read_receiver(name, path)
        for name, path in self.files("u*.out"):
            self.read_udsctl(name, path)
        self.judge_ends()
        for reception in self.receptions:
            missing = collections.defaultdict(lambda: [0, 0])
            for way in reception.ways:
                for channel, (certain, perhaps) in self.judge_way(way).items():
                    missing[channel][0] += certain
                    missing[channel][1] += perhaps
            self.judge_order(reception)
            if "@" not in reception.name:
                self.judge_missed(reception, missing)
                self.judge_places(reception)
        self.judge_answers()
        self.judge_senders()
        chaos_streams.judge(self)
        return self.wrong


def judge(directory):
    """Returns what is wrong, and the counts."""
    check = Check(directory)
    return check.run(), check.stats


if __name__ == "__main__":
    wrong, stats = judge(sys.argv[1])
    print("\n".join(wrong[:30] + ["%s: %d" % item for item in sorted(stats.items())]))
    sys.exit(1 if wrong else 0)
