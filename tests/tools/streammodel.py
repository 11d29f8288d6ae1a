"""
Streams as plain lists and dicts: what a server must answer to a command, written from the documentation of Redis and not
from any program. Model.run() changes the model and returns the answer as resp.Client reads it in RESP2; an error is a
resp.Error. Where the server may choose (the id of `*`, how much `~` trims, which of several idle entries are claimed),
the model checks that the answer is among what it may choose, and follows it.
"""
import bisect
import time

from resp import Error
from streamhub import parse_id

MAX = 2**64 - 1
NEVER = 2**63 - 1  # deliveries of an entry that XNACK FATAL has released
BAD_ID = Error("ERR Invalid stream ID specified as stream command argument")


def text_of(entry):
    return b"%d-%d" % entry


def parse(text, seq=0):
    """An id from a command; seq: the second part if it has none."""
    ms, dash, rest = text.partition("-")
    if not ms.isdigit() or (dash and not rest.isdigit()) or int(ms) > MAX or (dash and int(rest) > MAX):
        raise BAD_ID
    return int(ms), int(rest) if dash else seq


def increment(entry):
    return (entry[0], entry[1] + 1) if entry[1] < MAX else (entry[0] + 1, 0)


def decrement(entry):
    return (entry[0], entry[1] - 1) if entry[1] > 0 else (entry[0] - 1, MAX)


def bound(text, is_end):
    """One end of an interval, both ends included."""
    if text in "-+":
        return (0, 0) if text == "-" else (MAX, MAX)
    entry = parse(text.lstrip("("), MAX if is_end else 0)
    if text[0] != "(":
        return entry
    if entry == ((0, 0) if is_end else (MAX, MAX)):
        raise Error("ERR invalid %s ID for the interval" % ("end" if is_end else "start"))
    return decrement(entry) if is_end else increment(entry)


def take(args, option, default=None):
    """Removes an option with its value from the arguments."""
    if option not in args:
        return default
    at = args.index(option)
    args.pop(at)
    return args.pop(at)


def take_flag(args, *flags):
    for flag in flags:
        if flag in args:
            args.remove(flag)
            return flag
    return None


class Pending:
    def __init__(self, consumer, now):
        self.consumer, self.time, self.deliveries = consumer, now, 1

    def is_idle(self, now, least):
        return self.consumer is None or now - self.time >= least


class Group:
    def __init__(self, last):
        self.last, self.consumers, self.pending = last, set(), {}

    def between(self, start, end):
        return [entry for entry in sorted(self.pending) if start <= entry <= end]


class Stream:
    def __init__(self):
        self.ids, self.fields, self.groups = [], {}, {}
        self.last = self.max_deleted = (0, 0)
        self.added = 0

    def between(self, start, end):
        return self.ids[bisect.bisect_left(self.ids, start):bisect.bisect_right(self.ids, end)]

    def after(self, entry):
        return self.ids[bisect.bisect_right(self.ids, entry):]

    def delete(self, entry):
        self.ids.pop(bisect.bisect_left(self.ids, entry))
        del self.fields[entry]

    def forget(self, entry):
        for group in self.groups.values():
            group.pending.pop(entry, None)

    def is_needed(self, entry):
        return any(entry > group.last or entry in group.pending for group in self.groups.values())

    def row(self, entry):
        return [text_of(entry), self.fields[entry]]


class Model:
    def __init__(self):
        self.streams = {}

    def run(self, command, actual=None):
        args = list(command[1:])
        handler = getattr(self, "do_" + command[0].lower())
        try:
            return handler(args, actual)
        except Error as error:
            return error

    def get(self, key, group=None, error="NOGROUP No such key '%s' or consumer group '%s'"):
        stream = self.streams.get(key)
        if group is None:
            return stream
        if stream is None or group not in stream.groups:
            raise Error(error % (key, group))
        return stream, stream.groups[group]

    # Entries

    def do_xadd(self, args, actual):
        key = args.pop(0)
        nomkstream = take_flag(args, "NOMKSTREAM")
        trimming = self.take_trimming(args)
        stream, text = self.streams.get(key), args.pop(0)
        if text != "*" and parse(text.removesuffix("-*")) == (0, 0) and text[-1] != "*":
            raise Error("ERR The ID specified in XADD must be greater than 0-0")
        if stream is None and nomkstream:
            return None
        entry = self.new_id(text, stream.last if stream else (0, 0), actual)
        stream = self.streams.setdefault(key, stream or Stream())
        stream.ids.append(entry)
        stream.fields[entry] = [x.encode() for x in args]
        stream.last, stream.added = entry, stream.added + 1
        if trimming:
            self.trim(stream, trimming, None)
        return text_of(entry)

    def new_id(self, text, last, actual):
        if last == (MAX, MAX):
            raise Error("ERR The stream has exhausted the last possible ID, unable to add more items")
        if text == "*":
            entry = parse_id(actual)
            assert entry > last, "%s after %s" % (entry, last)
            return entry
        if text.endswith("-*"):
            ms = parse(text[:-2])[0]
            entry = (ms, last[1] + 1) if ms == last[0] else (ms, 0)
        else:
            entry = parse(text)
        if entry <= last:
            raise Error("ERR The ID specified in XADD is equal or smaller than the target stream top item")
        return entry

    def take_trimming(self, args):
        strategy = take_flag(args, "MAXLEN", "MINID")
        if not strategy:
            return None
        about = take_flag(args, "~")
        take_flag(args, "=")
        refs = take_flag(args, "KEEPREF", "DELREF", "ACKED") or "KEEPREF"
        limit = take(args, "LIMIT")
        threshold = args.pop(0)
        return strategy, int(threshold) if strategy == "MAXLEN" else parse(threshold), about, refs, limit

    def trim(self, stream, trimming, actual):
        strategy, threshold, about, refs, limit = trimming
        victims = stream.between((0, 0), decrement(threshold)) if strategy == "MINID" and threshold > (0, 0) else []
        most = len(victims)
        if strategy == "MAXLEN":
            victims, most = list(stream.ids), max(0, len(stream.ids) - threshold)
        if refs == "ACKED":
            victims = [entry for entry in victims if not stream.is_needed(entry)]
        victims = victims[:most]
        if about:
            assert 0 <= actual <= len(victims), "%d trimmed, at most %d may be" % (actual, len(victims))
            assert not limit or int(limit) == 0 or actual <= int(limit)
            victims = victims[:actual]
        for entry in victims:
            stream.delete(entry)
            if refs == "DELREF":
                stream.forget(entry)
        return len(victims)

    def do_xtrim(self, args, actual):
        stream, trimming = self.get(args.pop(0)), self.take_trimming(args)
        return self.trim(stream, trimming, actual) if stream else 0

    def do_xlen(self, args, actual):
        stream = self.get(args[0])
        return len(stream.ids) if stream else 0

    def range(self, args, is_reverse):
        count = int(take(args, "COUNT", -1))
        start, end = reversed(args[1:3]) if is_reverse else args[1:3]
        start, end = bound(start, False), bound(end, True)
        stream = self.get(args[0])
        ids = stream.between(start, end) if stream and start <= end else []
        ids = ids[::-1] if is_reverse else ids
        return [stream.row(entry) for entry in (ids if count < 0 else ids[:count])]

    def do_xrange(self, args, actual):
        return self.range(args, False)

    def do_xrevrange(self, args, actual):
        return self.range(args, True)

    def do_xdel(self, args, actual):
        stream = self.get(args[0])
        if stream is None:
            return 0
        return sum(self.delete(stream, entry) for entry in [parse(text) for text in args[1:]])

    def delete(self, stream, entry):
        if entry not in stream.fields:
            return 0
        stream.delete(entry)
        stream.max_deleted = max(stream.max_deleted, entry)
        return 1

    def delete_by(self, stream, entry, refs):
        """The answer of XDELEX for one entry."""
        if refs == "ACKED" and entry in stream.fields and stream.is_needed(entry):
            return 2
        if refs == "DELREF":
            stream.forget(entry)
        return 1 if self.delete(stream, entry) else -1

    def do_xdelex(self, args, actual):
        stream, refs = self.get(args.pop(0)), take_flag(args, "KEEPREF", "DELREF", "ACKED")
        ids = [parse(text) for text in args[2:]]
        return [self.delete_by(stream, entry, refs) if stream else -1 for entry in ids]

    def do_xsetid(self, args, actual):
        stream = self.get(args[0])
        if stream is None:
            raise Error("ERR no such key")
        entry = parse(args[1])
        if entry < stream.max_deleted and isinstance(actual, Error):
            return actual  # only later releases look at that, and not at the top item first
        if stream.ids and entry < stream.ids[-1]:
            raise Error("ERR The ID specified in XSETID is smaller than the target stream top item")
        stream.last = entry
        return b"OK"

    def do_xread(self, args, actual):
        count = int(take(args, "COUNT", MAX))
        take(args, "BLOCK")
        n = len(args) // 2
        starts = [text if text in "$+" else parse(text) for text in args[n + 1:]]
        answer = []
        for key, start in zip(args[1:n + 1], starts):
            stream = self.get(key)
            if stream is None or start == "$":
                continue
            ids = stream.ids[-1:] if start == "+" else stream.after(start)[:count]
            if ids:
                answer.append([key.encode(), [stream.row(entry) for entry in ids]])
        return answer or None

    # Keys

    def do_del(self, args, actual):
        return sum(self.streams.pop(key, None) is not None for key in args)

    do_unlink = do_del

    def do_rename(self, args, actual):
        if args[0] not in self.streams:
            raise Error("ERR no such key")
        self.streams[args[1]] = self.streams.pop(args[0])
        return b"OK"

    def do_exists(self, args, actual):
        return sum(key in self.streams for key in args)

    def do_type(self, args, actual):
        return b"stream" if args[0] in self.streams else b"none"

    def do_dbsize(self, args, actual):
        return len(self.streams)

    def do_keys(self, args, actual):
        return sorted(key.encode() for key in self.streams)


def now_ms():
    return int(time.time() * 1000)
