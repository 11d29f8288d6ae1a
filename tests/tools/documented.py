"""Holds udsd-protocol(7) against a daemon and its sources: commands, fields, parameters, errors and limits must be the same
in both.

usage: documented.py MANUAL SOCKET

Says what differs, one thing in a line, and then exits with 1.
"""
import configparser
import re
import sys

import sources
from manual import Manual
from resp import Client, Error

# Takes arguments and ignores them, as Redis does.
IGNORES_ARGUMENTS = {"quit"}

# One for each protocol error.
VIOLATIONS = [
    b"*x\r\n",
    b"*" + b"1" * 70000,
    b"*1\r\nx\r\n",
    b"*1\r\n$x\r\n",
    b"*1\r\n$" + b"1" * 70000,
    b"*65537\r\n" + b"$0\r\n\r\n" * 65537,
    b"x" * 70000,
    b'PING "x\r\n',
]

differences = []


def decoded(value):
    if isinstance(value, list):
        return [decoded(element) for element in value]
    return value.decode() if isinstance(value, bytes) else value


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def compare(what, daemon, manual):
    """Two lists of names, in any order."""
    differences.extend(f"{what}: '{name}' is not in the manual" for name in sorted(set(daemon) - set(manual)))
    differences.extend(f"{what}: '{name}' is only in the manual" for name in sorted(set(manual) - set(daemon)))
    differences.extend(f"{what}: '{name}' is in the manual twice" for name in sorted(manual) if manual.count(name) > 1)


def normalised(text):
    """A syntax without the blanks that are a matter of taste."""
    text = re.sub(r" *\| *", "|", text)
    return re.sub(r"([\[(]) +", r"\1", re.sub(r" +(\.\.\.|[\])])", r"\1", text))


class Syntax:
    """An argument of COMMAND DOCS, or a list of them: its text, and how many words it stands for."""

    def __init__(self, text, least, most):
        self.text, self.least, self.most = text, least, most

    @classmethod
    def of_list(cls, arguments):
        parts = [cls.of(pairs(argument)) for argument in arguments]
        return cls(" ".join(p.text for p in parts), sum(p.least for p in parts), sum(p.most for p in parts))

    @classmethod
    def of(cls, argument):
        kind, flags = argument["type"], argument.get("flags", [])
        if kind == "string":
            self = cls(argument["name"], 1, 1)
        elif kind == "pure-token":
            self = cls(argument["token"], 1, 1)
        elif kind == "oneof":
            parts = [cls.of_list(pairs(a)["arguments"]) for a in argument["arguments"]]
            # What may be left out as a whole may not where it is the choice.
            self = cls("(" + "|".join(p.text for p in parts) + ")", max(1, min(p.least for p in parts)),
                       max(p.most for p in parts))
        else:
            self = cls.of_list(argument["arguments"])
            if "optional" not in flags:
                self.text = "(" + self.text + ")"
        if "multiple" in flags:
            self = cls(self.text + "...", self.least, float("inf"))
        if "optional" in flags:
            self = cls("[" + self.text + "]", 0, self.most)
        return self


def check_help(bus, name, docs):
    lines = decoded(bus.call(name, "HELP"))[1:]
    helped = {lines[i]: lines[i + 1].strip() for i in range(0, len(lines), 2)}
    wanted = {}
    for sub, doc in docs.items():
        syntax = Syntax.of_list(doc.get("arguments", [])).text
        wanted[(sub.split("|")[1].upper() + " " + syntax).strip()] = doc["summary"]
    if helped != wanted:
        differences.append(f"{name.upper()} HELP and COMMAND DOCS: {set(helped.items()) ^ set(wanted.items())}")


def check_arity(name, arity, syntax):
    words = name.count("|") + 1
    least, most = syntax.least + words, syntax.most + words
    if name in IGNORES_ARGUMENTS:
        most = float("inf")
    if arity != (least if least == most else -least):
        differences.append(f"{name}: an arity of {arity} does not fit '{syntax.text}'")


def check_commands(bus, manual):
    docs = {name: pairs(doc) for name, doc in pairs(decoded(bus.call("COMMAND", "DOCS"))).items()}
    arities, parents = {}, [row for row in decoded(bus.call("COMMAND"))]
    for row in parents:
        arities.update({r[0]: r[1] for r in [row, *row[9]]})
    for name in list(docs):
        if "subcommands" in docs[name]:
            subs = {sub: pairs(doc) for sub, doc in pairs(docs[name]["subcommands"]).items()}
            check_help(bus, name, subs)
            docs.update(subs)
    listed = decoded(bus.call("COMMAND", "LIST"))
    compare("COMMAND LIST and DOCS", listed, list(docs))
    compare("COMMAND LIST and COMMAND", listed, list(arities))

    wanted = []
    for name, doc in docs.items():
        syntax = Syntax.of_list(doc.get("arguments", []))
        if "subcommands" not in doc:
            check_arity(name, arities[name], syntax)
        elif arities[name] == -2:
            continue  # is nothing without a subcommand
        wanted.append((name.replace("|", " ").upper() + " " + syntax.text).strip())
    compare("commands", wanted, [normalised(item) for item in manual.items_of("COMMANDS")])


def check_info(bus, manual):
    bus.send("NO-SUCH-COMMAND")  # so that there is an error to count
    try:
        bus.read()
    except Error:
        pass
    section, fields = "", {}
    for line in bus.call("INFO", "everything").decode().splitlines():
        if line.startswith("# "):
            section = line[2:]
            fields[section] = []
        elif line:
            name = re.sub(r"^(cmdstat_|errorstat_)(.*)", lambda m: m[1] + {"c": "command", "e": "code"}[m[1][0]],
                          line.split(":")[0])
            if name not in fields[section]:
                fields[section].append(name)
    in_manual = {key[1]: items for key, items in manual.items.items() if key[0] == "INFO FIELDS"}
    for section in fields.keys() | in_manual.keys():
        compare("INFO " + section, fields.get(section, []), in_manual.get(section, []))


def check_clients(bus, manual):
    wanted = []
    for command in "CLIENT LIST", "UDSD CLIENTS":
        line = bus.call(*command.split()).decode().splitlines()[0]
        fields = [word.split("=")[0] for word in line.split(" ")]
        wanted += manual.items_of(command + " FIELDS")
        compare(command, fields, wanted)
        if fields != wanted:
            differences.append(command + ": the fields stand in another order")


def check_channels(bus, manual):
    receiver, fields = Client(sys.argv[2]), []
    receiver.call("SUBSCRIBE", "news")
    for channel in decoded(bus.call("UDSD", "CHANNELS", "news")):
        fields = channel[::2]
    receiver.close()
    compare("UDSD CHANNELS", fields, manual.items_of("UDSD CHANNELS FIELDS"))


def check_services(bus, manual):
    worker = Client(sys.argv[2])
    worker.call("UDSD", "SERVE", "upper")
    fields = [field for service in decoded(bus.call("UDSD", "SERVICES", "upper")) for field in service[::2]]
    worker.close()
    compare("UDSD SERVICES", fields, manual.items_of("UDSD SERVICES FIELDS"))


def check_config(bus, manual):
    parameters = pairs(decoded(bus.call("CONFIG", "GET", "*")))
    compare("CONFIG GET", list(parameters), manual.items_of("CONFIG GET PARAMETERS"))


def check_violations(path, manual):
    errors = []
    for violation in VIOLATIONS:
        client = Client(path)
        try:
            client.send_raw(violation)
        except (BrokenPipeError, ConnectionResetError):
            pass  # closed before all of it was read
        reply = client.read_to_end().decode()
        errors.append(re.sub("got 'x'", "got 'c'", reply.strip().removeprefix("-ERR Protocol error: ")))
    compare("protocol errors", errors, manual.items[("ERROR REPLIES", "Protocol errors")])


def check_codes(manual):
    compare("error codes", sources.error_codes(), manual.items[("ERROR REPLIES", "Codes")])


def check_limits(manual):
    """Those that a client can run into."""
    rows = configparser.ConfigParser(inline_comment_prefixes=("#",))
    rows.read(sources.TOP / "conf/udsd.conf")
    keys = list(rows["limits"]) + [key for key in rows["store"] if key.startswith("max_")]
    differences.extend(f"limits: '{key}' is not in the manual" for key in keys if key not in manual.words["LIMITS"])


def main():
    manual, bus = Manual(sys.argv[1]), Client(sys.argv[2])
    check_commands(bus, manual)
    check_info(bus, manual)
    check_clients(bus, manual)
    check_channels(bus, manual)
    check_services(bus, manual)
    check_config(bus, manual)
    check_violations(sys.argv[2], manual)
    check_codes(manual)
    check_limits(manual)
    for difference in differences:
        print(difference)
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
