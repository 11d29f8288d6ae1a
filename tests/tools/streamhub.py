"""
A server of streams that tests start, kill and start again: udsd with a store, or redis-server that syncs its log before
it answers, which shows that a test expects nothing but what Redis promises too.
"""
import argparse
import os
import signal
import subprocess

import resp


class Hub:
    def __init__(self, program, directory, env=None, **store):
        """store: keys of the section [store], for udsd."""
        self.is_redis = "redis" in os.path.basename(os.path.realpath(program)) or "valkey" in program
        self.path = os.path.join(directory, "s")
        self.log = os.path.join(directory, "log")
        if self.is_redis:
            self.argv = ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", directory, "--save", "",
                         "--appendonly", "yes", "--appendfsync", "always"]
        else:
            self.argv = [program, "--config", os.path.join(directory, "conf")]
            self.store = os.path.join(directory, "store")
            self.configure(**store)
        self.program, self.env = program, dict(os.environ, **(env or {}))
        self.process = None
        self.start()

    def configure(self, **store):
        with open(self.argv[-1], "w") as conf:
            conf.write("[listener bus]\nlisten = %s\n[store]\ndirectory = %s\n" % (self.path, self.store))
            conf.writelines("%s = %s\n" % row for row in store.items())

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, executable=self.program, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=self.env)
        resp.wait_until(self.answers, "an answer of " + self.program)

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log, errors="replace") as log:
                raise AssertionError("%s has ended with %d:\n%s" % (self.program, self.process.returncode, log.read()))
        try:
            client = self.connect()
            client.call("PING")
            # redis-server answers while it loads.
            client.call("XLEN", "")
            client.close()
        except (OSError, EOFError, resp.Error):
            return False
        return True

    def connect(self):
        return resp.Client(self.path)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As systemctl stop does."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(resp.PATIENCE)
        assert status == 0, "%s ended with %d" % (self.program, status)


def parse_id(text):
    ms, _, seq = text.decode().partition("-")
    return int(ms), int(seq)


def arguments(**defaults):
    """The options of a test: --udsd or --redis, --dir, --seed, and those of `defaults`, which are integers."""
    parser = argparse.ArgumentParser()
    programs = parser.add_mutually_exclusive_group(required=True)
    programs.add_argument("--udsd", dest="program")
    programs.add_argument("--redis", dest="program")
    parser.add_argument("--dir", required=True)
    parser.add_argument("--seed", type=int, default=resp.random_seed())
    for name, value in defaults.items():
        parser.add_argument("--" + name, type=int, default=value)
    args = parser.parse_args()
    os.makedirs(args.dir, exist_ok=True)
    return args
