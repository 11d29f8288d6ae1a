"""Tries all commands through a TCP listener, with as few arguments as they take, and prints those that are refused because
the client is no administrator.

usage: refused.py PORT
"""
import sys

from resp import Client, Error


def subcommands(rows):
    return [row for parent in rows for row in parent[9] or [parent]]


def answer(words):
    client = Client(("127.0.0.1", int(sys.argv[1])))
    try:
        return client.call(*words)
    except Error as error:
        return str(error)
    finally:
        client.close()


refused = []
for name, arity, *_ in subcommands(answer(["COMMAND"])):
    words = name.decode().upper().split("|")
    words += ["1"] * (abs(arity) - len(words))
    if words[0] == "XACKDEL":
        # Who works the group may do it with ACKED.
        words[3:] = ["ACKED", "IDS", "1", "1-0"]
        assert "administrators only" not in answer(words)
        words[3:] = ["IDS", "1", "1-0"]
    said = answer(words)
    if isinstance(said, str) and said.endswith(": administrators only"):
        refused.append(name.decode().upper().replace("|", " ") + said.partition("' command")[2].partition(":")[0])
print(*sorted(refused), sep="\n")
