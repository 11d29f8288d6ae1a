"""
The named differences that are allowed, read from differences.toml, whose head explains the fields.
"""
import fnmatch
import re
import tomllib

import answer

FIELDS = {"name", "why", "files", "protocol", "request", "before", "since", "both", "redis", "udsd", "becomes",
          "transform", "names", "chance"}


class Difference:
    def __init__(self, row):
        unknown = set(row) - FIELDS
        if unknown or not {"name", "why", "files"} <= set(row):
            raise ValueError("difference %s: unknown or missing fields %s" % (row.get("name"), sorted(unknown)))
        self.name, self.files = row["name"], row["files"]
        self.protocol = row.get("protocol")
        self.before, self.since = [version_of(row[key]) if key in row else None for key in ("before", "since")]
        self.request = re.compile(row.get("request", ""), re.IGNORECASE)
        self.redis = pattern(row, "redis")
        self.udsd = pattern(row, "udsd")
        self.becomes = row.get("becomes", "<%s>" % row["name"])
        self.names = row.get("names", [])
        self.chance = row.get("chance", False)
        self.transform = TRANSFORMS[row["transform"]] if "transform" in row else None

    def is_mutual(self):
        """Whether it is no matter which server is which."""
        return self.transform not in (messages_after_reply, commands) and self.redis == self.udsd

    def is_for(self, protocol, version):
        is_of_version = (not self.before or version < self.before) and (not self.since or version >= self.since)
        return self.protocol in (None, protocol) and is_of_version

    def is_about(self, name, request):
        return any(fnmatch.fnmatchcase(name, glob) for glob in self.files) and self.request.search(request)

    def apply(self, redis, udsd):
        """The texts of an answer of each, changed if the difference is what tells them apart."""
        if not self.redis or not self.redis.search(redis.text) or not self.udsd.search(udsd.text):
            return redis.text, udsd.text
        return self.replace(self.redis, redis), self.replace(self.udsd, udsd)

    def replace(self, regex, side):
        def becomes(match):
            if "id" not in regex.groupindex:
                return match.expand(self.becomes)
            connection = side.ids.get(int(match["id"]))
            return match[0] if connection is None else "<id of %s>" % connection

        return regex.sub(becomes, side.text)


class Side:
    """One answer of one server as text, and the ids its clients have."""

    def __init__(self, text, ids):
        self.text, self.ids = text, ids


def pattern(row, side):
    text = row.get("both", row.get(side))
    return re.compile(text, re.DOTALL) if text is not None else None


def version_of(text):
    return tuple(int(part) for part in text.split(".")[:3])


def load(path):
    with open(path, "rb") as file:
        return [Difference(row) for row in tomllib.load(file)["difference"]]


def compare(redis, udsd, ids, differences):
    """
    Two lists of answers. Returns both as texts, with the differences taken out, and those that had to be.
    """
    texts = apply_all(redis, udsd, ids, differences)
    if texts[0] != texts[1]:
        return texts, []
    needed = []
    for difference in differences:
        rest = [d for d in differences if d is not difference]
        without = apply_all(redis, udsd, ids, rest)
        if without[0] != without[1]:
            needed.append(difference)
    return texts, needed


def apply_all(redis, udsd, ids, differences):
    for difference in differences:
        if difference.transform:
            redis, udsd = difference.transform(redis, udsd, difference.names)
    left, right = [a.text() for a in redis], [a.text() for a in udsd]
    for a, b in (left, right), (right, left):
        a += ["(nothing)"] * (len(b) - len(a))
    for i in range(len(left)):
        for difference in differences:
            if left[i] != right[i]:
                left[i], right[i] = difference.apply(Side(left[i], ids[0]), Side(right[i], ids[1]))
    return left, right


def for_both(change):
    return lambda redis, udsd, names: (change(redis, names), change(udsd, names))


def messages_after_reply(redis, udsd, names):
    """Redis's messages are put behind the reply that they stand before or in, and behind what MONITOR says of it."""
    result, held, due = [], [], []
    for part in answer.split(b"".join(a.data for a in redis), is_message_apart=True):
        if part.is_message():
            held.append(part)
        elif part.is_monitored():
            result += held + [part]
            held = []
        else:
            result += due + [part]
            due, held = held + part.between, []
    return result + due + held + [a for a in redis if a.is_end()], udsd


def sorted_parts(answers, _):
    """The parts of a set or list in order of their text."""
    return [a.with_value(sorted(a.value, key=lambda part: part.text())) if is_list(a) else a for a in answers]


def sorted_pairs(answers, _):
    """The pairs of a map, or of what RESP2 sends for a map, in order of their text."""
    def in_order(values):
        pairs = sorted(zip(values[::2], values[1::2]), key=lambda pair: pair[0].text())
        return [part for pair in pairs for part in pair]

    return [a.with_value(in_order(a.value)) if is_list(a) else a for a in answers]


def sorted_names(answers, _):
    """The names in confirmations, where their order is that of a hash table: the counts stay where they are."""
    def is_confirmation(a):
        return is_list(a) and len(a.value) == 3 and (a.value[0].value or b"").endswith(b"unsubscribe")

    names = iter(sorted((a.value[1] for a in answers if is_confirmation(a)), key=lambda name: name.text()))
    return [a.with_value([a.value[0], next(names), a.value[2]]) if is_confirmation(a) else a for a in answers]


def sorted_patterns(answers, _):
    """Neighbours that bring one message by several patterns."""
    def message(a):
        is_by_pattern = is_list(a) and a.value and a.value[0].value == b"pmessage"
        return [part.text() for part in a.value[2:]] if is_by_pattern else None

    result = []
    for a in answers:
        result.append(a)
        i = len(result) - 1
        while i > 0 and message(a) and message(a) == message(result[i - 1]) and a.text() < result[i - 1].text():
            result[i - 1], result[i] = result[i], result[i - 1]
            i -= 1
    return result


def sorted_subcommands(answers, _):
    """The subcommands of each command that COMMAND INFO tells of."""
    def in_order(row):
        if not is_list(row) or len(row.value) < 10 or not is_list(row.value[9]):
            return row
        subcommands = sorted(row.value[9].value, key=lambda part: part.text())
        return row.with_value([*row.value[:9], row.value[9].with_value(subcommands)])

    return [a.with_value([in_order(row) for row in a.value]) if is_list(a) else a for a in answers]


def info_fields(answers, names):
    """Of INFO only the sections, and those fields that `names` has, with a value or without."""
    def fields(a):
        if not isinstance(a.value, bytes) or not a.value.removeprefix(b"txt:").startswith(b"# "):
            return a.with_value([fields(part) for part in a.value]) if is_list(a) else a
        lines = a.value.removeprefix(b"txt:").decode("latin-1").split("\r\n")
        known = [n for line in lines for n in names if line == n or line.startswith(n + ":")]
        return a.with_value("\n".join(known).encode())

    return [fields(a) for a in answers]


def commands(redis, udsd, names):
    """Of a list of commands, Redis's that udsd has, and udsd's that are not its own."""
    def only(a, is_wanted):
        return a.with_value([part for part in a.value if is_wanted(part.value.decode())]) if is_list(a) else a

    return ([only(a, lambda name: name in names) for a in redis],
            [only(a, lambda name: not name.startswith("udsd")) for a in udsd])


def is_list(a):
    return isinstance(a.value, list)


TRANSFORMS = {
    "messages_after_reply": messages_after_reply,
    "sorted_parts": for_both(sorted_parts),
    "sorted_pairs": for_both(sorted_pairs),
    "sorted_names": for_both(sorted_names),
    "sorted_patterns": for_both(sorted_patterns),
    "sorted_subcommands": for_both(sorted_subcommands),
    "info_fields": for_both(info_fields),
    "commands": commands,
}
