"""
Tests that consist of cases, each with a daemon of its own whose configuration has more lines behind the section [store].
"""
import os
import sys

import resp
from streamhub import Hub, arguments

CASES = {}


def case(function):
    """Decorator: a function that takes the hub."""
    CASES[function.__name__] = function
    return function


def expect(got, wanted):
    assert got == wanted, "got %r, not %r" % (got, wanted)


def figure(client, name):
    """A number of INFO."""
    return int(resp.info(client)[name])


class RuledHub(Hub):
    def __init__(self, program, directory, rules, seed, **store):
        self.rules, self.seed = rules, seed
        super().__init__(program, directory, **store)

    def configure(self, **store):
        super().configure(**store)
        with open(self.argv[-1], "a") as conf:
            conf.write(self.more_lines())

    def more_lines(self):
        return self.rules

    def reload(self, rules=None, **store):
        if rules is not None:
            self.rules = rules
        self.configure(**store)
        a = self.connect()
        expect(a.call("UDSD", "RELOAD"), b"OK")
        a.close()


def run_cases(rules="", hub=RuledHub):
    """Runs the cases that the command line names, or all."""
    names = [name for name in sys.argv[1:] if name in CASES]
    sys.argv[1:] = [arg for arg in sys.argv[1:] if arg not in CASES]
    args = arguments()
    for name in names or CASES:
        directory = os.path.join(args.dir, name[:20])
        os.makedirs(directory, exist_ok=True)
        daemon = hub(args.program, directory, rules, args.seed)
        try:
            CASES[name](daemon)
            daemon.stop()
        except BaseException:
            print("in", name, flush=True)
            daemon.kill()
            raise
