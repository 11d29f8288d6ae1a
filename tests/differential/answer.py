"""
What a server sent, cut into answers and written as one line of text each, for the eye and for the rules.
"""
import re

PUSHED = (b"message", b"pmessage", b"smessage")


class Incomplete(Exception):
    pass


class Answer:
    """One reply or push: its type byte, its value (bytes, a list of answers, or None), and the bytes it took."""

    def __init__(self, kind, value, data):
        self.kind, self.value, self.data, self.between = kind, value, data, []

    def is_message(self):
        is_full = isinstance(self.value, list) and len(self.value) > 2
        return self.kind in b">*" and is_full and self.value[0].value in PUSHED

    def with_value(self, value):
        return Answer(self.kind, value, self.data)

    @staticmethod
    def end():
        """Stands for the end of the connection."""
        return Answer(b"(", b"closed)", b"")

    def is_end(self):
        return self.value == b"closed)"

    def is_monitored(self):
        return self.kind == b"+" and re.match(rb"\d+\.\d{6} \[", self.value) is not None

    def text(self):
        if isinstance(self.value, list):
            parts = [part.text() for part in self.value]
            if self.kind == b"%":
                parts = ["%s: %s" % pair for pair in zip(parts[::2], parts[1::2])]
            return "%s[%s]" % (self.kind.decode(), ", ".join(parts))
        if self.value is None:
            return "nil" + self.kind.decode()
        if self.kind == b"$":
            return quote(self.value)
        if self.kind == b"?":
            return "not a whole answer: " + quote(self.value)
        if self.kind == b"=":
            return "=" + quote(self.value)
        return self.kind.decode("latin-1") + escape(self.value)


def escape(data):
    return data.decode("latin-1").translate(ESCAPED)


def quote(data):
    return '"' + escape(data).replace('"', '\\"') + '"'


ESCAPED = {c: "\\x%02x" % c for c in range(256) if not 32 <= c < 127} | {10: "\\n", 13: "\\r", 9: "\\t", 92: "\\\\"}


def read(data, at, is_message_apart=False):
    """
    The answer that begins at `at`. is_message_apart: a message pushed between the parts of another answer is no part
    of it, but put into its `between`.
    """
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    begin, kind, rest, at = at, data[at:at + 1], data[at + 1:end], end + 2
    if kind in b"+-:_,#(":
        return Answer(kind, rest, data[begin:at])
    if not re.fullmatch(rb"-?\d+", rest) or kind not in b"$=*%~>|":
        raise Incomplete
    size = int(rest)
    if size < 0:
        return Answer(kind, None, data[begin:at])
    if kind in b"$=":
        if len(data) < at + size + 2:
            raise Incomplete
        return Answer(kind, data[at:at + size], data[begin:at + size + 2])
    answer = Answer(kind, [], b"")
    wanted = size * 2 if kind in b"%|" else size
    while len(answer.value) < wanted:
        part = read(data, at, is_message_apart)
        at += len(part.data)
        (answer.between if is_message_apart and part.is_message() else answer.value).append(part)
    answer.data = data[begin:at]
    return answer


def split(data, is_message_apart=False):
    """All answers in the bytes. What is behind the last whole one becomes an answer of its own."""
    answers, at = [], 0
    while at < len(data):
        try:
            answers.append(read(data, at, is_message_apart))
        except Incomplete:
            answers.append(Answer(b"?", data[at:], data[at:]))
            break
        at += len(answers[-1].data)
    return answers


def without_control(answers, control_id):
    """The answers without the lines of CLIENT LIST that are about the control connection."""
    for answer in answers:
        if answer.kind in b"$=" and answer.value and b"id=%d " % control_id in answer.value:
            answer.value = re.sub(rb"(^|(?<=\n)|(?<=txt:))id=%d .*\n" % control_id, b"", answer.value)
            answer.data = b"%s%d\r\n%s\r\n" % (answer.kind, len(answer.value), answer.value)
    return answers
