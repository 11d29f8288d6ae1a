"""
The files of the corpus: what is sent, on which connection, in which order. See README for the notation.
"""
import re

CONNECTION = r"[a-z]"
PLACEHOLDER = re.compile(rb"\{(id|addr|laddr):([a-z])\}")
ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "a": b"\a", "b": b"\b", "0": b"\0"}


class Mistake(Exception):
    """A file that is not written as the notation says."""


class Step:
    """One thing that is done, and what it says in the file."""

    def __init__(self, action, connection, line, text):
        self.action = action  # "send", "open", "close", "shut" or "closed"
        self.connection = connection
        self.line = line
        self.text = text
        self.requests = []  # functions of the names in {id:a} and the like that make bytes

    def data(self, names):
        return b"".join(request(names) for request in self.requests)


class Sequence:
    def __init__(self, name, text):
        self.name = name
        self.protocols = (2, 3)
        self.steps = []
        lines = text.split("\n")
        if not lines[0].startswith("# "):
            raise Mistake("%s:1: the first line is to say '# what the file is about'" % name)
        for number, line in enumerate(lines, 1):
            try:
                self._read(line, number)
            except Mistake as mistake:
                raise Mistake("%s:%d: %s" % (name, number, mistake)) from None
        if not any(step.action == "send" for step in self.steps):
            raise Mistake("%s: sends nothing" % name)

    def _read(self, line, number):
        if not line.strip() or line.startswith("#"):
            return
        if line in ("@resp2", "@resp3"):
            self.protocols = (int(line[-1]),)
            return
        match = re.fullmatch(r"(%s) (open|close|shut|closed)" % CONNECTION, line)
        if match:
            self.steps.append(Step(match[2], match[1], number, line))
            return
        match = re.fullmatch(r"(%s|\+)([:><]) ?(.*)" % CONNECTION, line)
        if not match:
            raise Mistake("'%s' is nothing that is known" % line)
        request = {":": array, ">": inline, "<": raw}[match[2]](match[3])
        if match[1] != "+":
            self.steps.append(Step("send", match[1], number, line))
        elif not self.steps or self.steps[-1].action != "send":
            raise Mistake("'+' adds to a line that sends")
        else:
            self.steps[-1].text += "\n" + line
        self.steps[-1].requests.append(request)


def fill(text, names):
    return PLACEHOLDER.sub(lambda match: names(match[1].decode(), match[2].decode()), text)


def array(text):
    """`a: WORD...`: an array of bulk strings."""
    args = words(text)
    if not args:
        raise Mistake("no words; an empty array is written raw")

    def request(names):
        filled = [fill(arg, names) for arg in args]
        return b"*%d\r\n" % len(filled) + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in filled)

    return request


def inline(text):
    """`a> ...`: the line as it stands."""
    return lambda names: fill(text.encode(), names) + b"\r\n"


def raw(text):
    """`a< "..." "..."*N`: these bytes and no others."""
    data = b"".join(words(text))
    return lambda names: data


def words(text):
    """Splits at blanks; a word is of plain characters and of strings in quotes, which may be repeated: "x"*1000."""
    result, at = [], 0
    while True:
        while at < len(text) and text[at] == " ":
            at += 1
        if at == len(text):
            return result
        word = b""
        while at < len(text) and text[at] != " ":
            if text[at] == '"':
                data, at = quoted(text, at + 1)
                repeat = re.compile(r"\*(\d+)").match(text, at)
                if repeat:
                    data, at = data * int(repeat[1]), repeat.end()
                word += data
            else:
                word += text[at].encode()
                at += 1
        result.append(word)


def quoted(text, at):
    data = b""
    while at < len(text) and text[at] != '"':
        if text[at] != "\\":
            data += text[at].encode()
            at += 1
        elif re.compile(r"x[0-9a-fA-F]{2}").match(text, at + 1):
            data += bytes([int(text[at + 2:at + 4], 16)])
            at += 4
        elif text[at + 1:at + 2] in ESCAPES:
            data += ESCAPES[text[at + 1]]
            at += 2
        elif text[at + 1:at + 2] in ("\\", '"'):
            data += text[at + 1].encode()
            at += 2
        else:
            raise Mistake("unknown escape: %s" % text[at:at + 4])
    if at == len(text):
        raise Mistake("a string does not end")
    return data, at + 1
