"""
chaos.py --udsd PROGRAM --udsctl PROGRAM --dir DIRECTORY [--seconds N] [--seed N]: rounds of at most 10 seconds in
which publishers and receivers of all kinds (chaos_peers.py, udsctl) run while they and the daemon are stopped,
killed, restarted and reloaded; after each, chaos_check.py judges what was written down. Ends with 1 at the first
round that is wrong, and leaves its files. A round's seed repeats what is done, though not the timing.
"""
import argparse
import ctypes
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback

import chaos_check
import chaos_streams
from chaos_peers import FIN, TEXT, Log, Publisher, Receiver, now, payload, pick_size, storm
from resp import Client, PATIENCE, info

# Sections of the configuration that reloads change; each is tried with each policy for channels under c.
LIMITS = [
    "queue_limit = 1M\nmax_message = 4M",
    "queue_limit = 200K\nmax_message = 4M",
    "queue_limit = 4M\nqueue_limit_per_uid = 3M\nmax_message = 4M",
    "queue_limit = 1M\nmax_message = 200K\nmax_subscriptions = 50",
]
STATES = {
    "wait": "",
    "drop": "slow = drop",
    "disconnect": "slow = disconnect",
    "nopub": "publish =",
    "nosub": "subscribe =",
}
CHANNELS = [b"w.0", b"w.1", b"w.2", b"w.3", b"d.0", b"d.1", b"x.0", b"c.0", b"c.1", b"h.0", b"h.1"]
PUBLISHERS, PROTECTED, VICTIMS = 5, 3, 5


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Round:
    def __init__(self, options, directory, seed, seconds):
        self.udsd, self.udsctl, self.dir = options.udsd, options.udsctl, directory
        self.rng = random.Random(seed)
        self.path, self.echo = directory + "/s", directory + "/e"
        self.slow = 3.0 if options.slow_machine else 1.0
        self.until = now() + seconds
        self.peers = {}  # name: (pid, function, protected); pids of children that are ours to end
        self.feeders = []
        self.stopped = []  # (when to continue, name, pid, since)
        self.story = {"slow_timeout": self.slow, "lives": [], "policies": [], "stops": [], "killed": {},
                      "udsctl recv": {}, "udsctl send": [], "hiccup": 0, "did": {}}
        self.programs = {}  # of udsctl: name: (Popen, protected)
        self.counter = 0
        self.wrong = []
        self.streams = chaos_streams.Streams(self)

    def did(self, what):
        self.story["did"][what] = self.story["did"].get(what, 0) + 1

    # The daemon

    def write_config(self, state, limits, broken=False):
        with open(self.dir + "/conf", "w") as file:
            file.write("[udsd]\nshutdown_timeout = 3s\n[listener bus]\nlisten = %s\n[listener echo]\nlisten = %s\n"
                       "mode = echo\n[limits]\nslow_timeout = %dms\n%s\n[channel [de].*]\nslow = drop\n"
                       "[store]\ndirectory = %s/store\n[channel x.*]\nslow = disconnect\n[channel c.*]\n%s\n%s" %
                       (self.path, self.echo, self.slow * 1000, LIMITS[limits], self.dir, STATES[state],
                        "queue_limit = none\n" if broken else ""))

    def log_size(self):
        return os.path.getsize(self.dir + "/udsd.log")

    def start_daemon(self):
        with open(self.dir + "/udsd.log", "a") as log:
            self.daemon = subprocess.Popen([self.udsd, "--config", self.dir + "/conf"], stderr=log,
                                           preexec_fn=die_with_parent)
        self.story["lives"].append({"pid": self.daemon.pid, "start": now(), "end": None})
        self.wait_for(self.answers, "the daemon to answer")

    def answers(self):
        try:
            return Client(self.path).call("PING") == b"PONG"
        except OSError:
            return False

    def wait_for(self, condition, what, patience=PATIENCE):
        end = now() + patience
        while not condition():
            if self.daemon.poll() is not None:
                raise AssertionError("the daemon ended unasked with %s" % self.daemon.returncode)
            if now() > end:
                raise AssertionError("gave up waiting for " + what)
            self.go_on()
            time.sleep(0.01)

    def end_daemon(self, number):
        if self.daemon.poll() is not None:
            raise AssertionError("the daemon ended unasked with %s" % self.daemon.returncode)
        self.story["lives"][-1]["end"] = now()
        self.daemon.send_signal(number)
        try:
            status = self.wait_daemon()
        except subprocess.TimeoutExpired:
            raise AssertionError("the daemon did not stop") from None
        if status != (0 if number == signal.SIGTERM else -number):
            raise AssertionError("the daemon ended with %s" % status)

    def wait_daemon(self):
        end = now() + PATIENCE
        while now() < end:
            self.go_on()
            try:
                return self.daemon.wait(0.02)
            except subprocess.TimeoutExpired:
                pass
        return self.daemon.wait(0)

    def reload(self, state=None, limits=None):
        """Without a state: with a mistake, which must change nothing."""
        at = self.log_size()
        if state is None:
            self.write_config(self.state, self.limits, broken=True)
            self.daemon.send_signal(signal.SIGHUP)
            self.wait_for(lambda: self.logged(at, "was not reloaded"), "a reload that fails")
            self.write_config(self.state, self.limits)
            return
        change = {"begin": now(), "end": None, "state": state}
        self.write_config(state, limits)
        self.state, self.limits = state, limits
        self.daemon.send_signal(signal.SIGHUP)
        self.wait_for(lambda: self.logged(at, "was reloaded"), "a reload")
        change["end"] = now()
        self.story["policies"].append(change)

    def logged(self, at, text):
        with open(self.dir + "/udsd.log") as file:
            file.seek(at)
            return text in file.read()

    # Publishers and receivers

    def fork(self, name, function, *args):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                die_with_parent()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                self.streams.forget_inputs()
                function(*args)
                status = 0
            except BaseException:
                with open(self.dir + "/trouble", "a") as file:
                    file.write("%s: %s\n" % (name, traceback.format_exc()))
            os._exit(status)
        return pid

    def start_peer(self, name, function, protected):
        self.peers[name] = (self.fork(name, function), function, protected)

    def publisher(self, number, channels, protected):
        log, seed = "%s/p%d.log" % (self.dir, number), self.rng.random()
        self.start_peer("p%d" % number, lambda: Publisher(self.path, log, number, seed, channels, self.until).run(),
                        protected)

    def receiver(self, number, subscriptions, habits, protected):
        log, seed = "%s/r%d.log" % (self.dir, number), self.rng.random()
        self.start_peer("r%d" % number,
                        lambda: Receiver(self.path, log, seed, subscriptions, habits, self.until).run(), protected)

    def new_publisher(self, own=None):
        self.counter += 1
        channels = self.rng.sample(CHANNELS, self.rng.randrange(3, len(CHANNELS)))
        self.publisher(self.counter, channels + ([own] if own else []), own is not None)

    def new_victim(self):
        """A receiver that may be killed, or stopped for long. None covers s., where each line must arrive."""
        self.counter += 1
        subscriptions = self.rng.choice([
            [("c", b"w.0"), ("c", b"d.0")],
            [("c", b"w.1"), ("p", b"w.*"), ("c", b"e.0")],
            [("p", b"[c-r]*"), ("s", b"h.0")],
            [("p", b"[d-e].*"), ("p", b"w.[12]")],
            [("c", b"x.0"), ("c", b"w.2")],
            [("c", b"c.0"), ("c", b"c.1"), ("c", b"w.3")],
            [("s", b"h.0"), ("s", b"h.1"), ("c", b"w.0"), ("c", b"k.0")],
            [("c", b"d.0"), ("c", b"d.1"), ("c", b"e.0"), ("c", b"e.1")],
        ])
        habits = self.rng.sample(["slow", "churn", "loop"], self.rng.choice([0, 1, 1, 2]))
        self.receiver(self.counter, subscriptions, habits, False)

    def new_protected(self, i):
        self.counter += 1
        subscriptions = [
            [("c", b"w.0"), ("c", b"w.1"), ("c", b"w.2"), ("c", b"w.3"), ("c", b"s.0"), ("s", b"h.0"), ("c", b"e.0")],
            [("p", b"[sw].*"), ("c", b"d.0"), ("c", b"d.1"), ("c", b"e.1"), ("c", b"k.0")],
            [("c", b"w.0"), ("p", b"w.*"), ("c", b"s.0"), ("c", b"s.1"), ("p", b"e.*")],
        ][i]
        self.receiver(self.counter, subscriptions, ["slow"] if i == 1 else [], True)

    # udsctl

    def popen(self, arguments, **streams):
        return subprocess.Popen([self.udsctl, "-s", self.path] + arguments, preexec_fn=die_with_parent, **streams)

    def start_recv(self, patterns, names, protected):
        self.counter += 1
        name = "u%d" % self.counter
        arguments = ["recv", "-0"]
        for one in names + ["fin"]:
            arguments += ["-p", one] if patterns else [one]
        with open("%s/%s.out" % (self.dir, name), "wb") as out, open("%s/%s.err" % (self.dir, name), "wb") as err:
            self.programs[name] = (self.popen(arguments, stdout=out, stderr=err), protected)
        self.story["udsctl recv"][name] = {"patterns": patterns, "names": names, "start": now(), "end": None,
                                           "stopped long": False}

    def start_send(self, verb, channel, protected):
        self.counter += 1
        number = 1000 + self.counter
        name, waits = "t%d" % number, channel.startswith(b"s.")
        arguments = ["-v", "pipe"]
        if verb == "send":
            arguments = ["send", "-0", "--summary"] + (["--wait-receiver"] if waits else []) + [channel.decode()]
        read, write = os.pipe()
        with open("%s/%s.err" % (self.dir, name), "wb") as err:
            self.programs[name] = (self.popen(arguments, stdin=read, stdout=subprocess.DEVNULL, stderr=err), protected)
        os.close(read)
        seed = self.rng.random()
        self.feeders.append((name, self.fork(name, self.feed, name, write, verb, number, channel, seed)))
        os.close(write)
        self.story["udsctl send"].append({"name": name, "verb": verb, "number": number, "waits": waits, "end": None})

    def feed(self, name, fd, verb, number, channel, seed):
        """Writes lines for udsctl send or pipe, and at the end how many."""
        rng = random.Random(seed)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        lines = 0
        try:
            while now() < self.until:
                for _ in range(rng.choice([1, 10, 100])):
                    size = pick_size(rng) if verb == "send" else rng.randrange(1000)
                    at = rng.randrange(1000)
                    data = payload(number, 1, lines + 1, channel, TEXT[at:at + min(size, 3 << 20)])
                    self.write_all(fd, data + b"\0" if verb == "send" else b"PUBLISH %s %s\r\n" % (channel, data))
                    lines += 1
                time.sleep(rng.expovariate(20))
        except BrokenPipeError:
            pass
        with open("%s/%s.lines" % (self.dir, name), "w") as file:
            file.write(str(lines))

    @staticmethod
    def write_all(fd, data):
        while data:
            data = data[os.write(fd, data):]

    # What happens to them

    def go_on(self):
        """Continues who was stopped for long enough."""
        for stop in [stop for stop in self.stopped if stop[0] <= now()]:
            self.stopped.remove(stop)
            self.resume(stop)

    def resume(self, stop):
        _, name, pid, since = stop
        self.kill(pid, signal.SIGCONT)
        self.story["stops"].append({"who": name, "begin": since, "end": now()})
        if name in self.story["udsctl recv"] and now() - since > self.slow / 2:
            self.story["udsctl recv"][name]["stopped long"] = True

    @staticmethod
    def kill(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def candidates(self, letters, with_protected):
        found = [(name, pid) for name, (pid, _, protected) in self.peers.items()
                 if name[0] in letters and (with_protected or not protected)]
        found += [(name, program.pid) for name, (program, protected) in self.programs.items()
                  if name[0] in letters and (with_protected or not protected) and program.poll() is None]
        stopped = {name for _, name, _, _ in self.stopped}
        return [one for one in found if one[0] not in stopped]

    def stop_some(self, letters, with_protected, low, high):
        """Stops one, or several at once."""
        found = self.candidates(letters, with_protected)
        for name, pid in self.rng.sample(found, min(len(found), self.rng.choice([1, 1, 3]))):
            self.kill(pid, signal.SIGSTOP)
            self.stopped.append((now() + self.slow * self.rng.uniform(low, high), name, pid, now()))

    def stop_briefly(self):
        self.stop_some("rputajqi", True, 0.02, 0.35)

    def stop_for_long(self):
        self.stop_some("ru", False, 1.2, 1.8)

    def kill_peer(self):
        found = self.candidates("rp", False)
        if not found:
            return
        name, pid = self.rng.choice(found)
        self.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.story["killed"][name] = now()
        del self.peers[name]
        (self.new_publisher if name[0] == "p" else self.new_victim)()

    def kill_udsctl(self):
        found = self.candidates("ut", False)
        if not found:
            return
        name, pid = self.rng.choice(found)
        program, _ = self.programs.pop(name)
        program.kill()
        program.wait()
        if name[0] == "u":
            self.story["udsctl recv"][name]["end"] = now()
            self.start_recv(True, self.rng.choice([["w.*", "d.*"], ["w.[01]"]]), False)
        else:
            about = next(a for a in self.story["udsctl send"] if a["name"] == name)
            about["end"] = now()
            self.start_send(about["verb"], b"w.0" if about["verb"] == "send" else b"k.0", False)

    def kill_worker(self):
        self.streams.kill("j")

    def kill_store_sender(self):
        self.streams.kill("q")

    def kill_collector(self):
        self.streams.kill("i")

    def kill_daemon(self):
        if self.rng.random() < 0.7:  # while output is queued
            self.stop_some("ru", True, 0.2, 0.35)
            time.sleep(self.rng.random() * 0.1)
        self.end_daemon(signal.SIGKILL)
        time.sleep(self.rng.random() * 0.2)
        self.start_daemon()

    def restart_daemon(self):
        self.end_daemon(signal.SIGTERM)
        time.sleep(self.rng.random() * 0.1)
        self.start_daemon()

    def reload_changed(self):
        self.reload(self.rng.choice(sorted(STATES)), self.rng.randrange(len(LIMITS)))

    def reload_broken(self):
        self.reload()

    def act(self):
        weights = {"stop_briefly": 30, "stop_for_long": 5, "kill_peer": 10, "kill_udsctl": 4, "kill_daemon": 5,
                   "restart_daemon": 4, "reload_changed": 8, "reload_broken": 4, "kill_worker": 8,
                   "kill_store_sender": 4, "kill_collector": 3}
        what = self.rng.choices(list(weights), weights.values())[0]
        self.did(what)
        getattr(self, what)()

    # The round

    def begin(self):
        open(self.dir + "/udsd.log", "w").close()
        self.state, self.limits = "wait", 0
        self.story["policies"].append({"begin": 0, "end": 0, "state": "wait"})
        self.write_config(self.state, self.limits)
        self.start_daemon()
        for i in range(PROTECTED):
            self.new_protected(i)
        for _ in range(VICTIMS):
            self.new_victim()
        self.start_recv(False, ["w.0", "s.0", "s.1"], True)
        self.start_recv(True, ["w.*", "d.*"], False)
        for i in range(PUBLISHERS):
            self.new_publisher(own=b"e.%d" % i if i < 2 else None)
        self.start_send("send", b"s.0", True)
        self.start_send("send", b"s.1", True)
        self.start_send("send", b"w.1", False)
        self.start_send("pipe", b"k.0", False)
        self.streams.begin()
        self.start_peer("storm", lambda: storm(self.path, self.echo, self.rng.random(), self.until), True)

    def disturb(self):
        following = now()
        while now() < self.until:
            self.go_on()
            if self.daemon.poll() is not None:
                raise AssertionError("the daemon ended unasked with %s" % self.daemon.returncode)
            if now() >= following:
                self.act()
                following = now() + self.rng.expovariate(4)
            before = now()
            time.sleep(0.01)
            self.story["hiccup"] = max(self.story["hiccup"], now() - before)

    def end(self):
        """All go on, publishers end; what then comes on fin is the last message of all."""
        for stop in self.stopped:
            self.resume(stop)
        self.stopped.clear()
        self.reload("wait", 0)
        for name, pid in self.feeders:
            self.wait_for_child(name, pid)
        for name, (program, _) in self.programs.items():
            if name[0] == "t":
                self.wait_for(lambda: program.poll() is not None, "%s to end" % name, 2 * PATIENCE)
        for name in [name for name in self.peers if name[0] in "psa"]:
            self.wait_for_child(name, self.peers.pop(name)[0])
        self.judge_senders()
        control = Client(self.path)
        self.streams.end(control)
        self.wait_for(lambda: self.all_finished(control), "the receivers to end: %s" % sorted(self.peers), 2 * PATIENCE)
        for name, (program, _) in self.programs.items():
            if name[0] == "u":
                program.terminate()
                program.wait(PATIENCE)
        self.wait_for(lambda: info(control)["connected_clients"] == "1", "the clients to be gone")
        figures = info(control)
        if figures["clogged_clients"] != "0" or int(figures["chunk_bytes"]) > 4 << 20:
            raise AssertionError("left behind: %s" % figures)
        control.close()
        self.end_daemon(signal.SIGTERM)

    def wait_for_child(self, name, pid):
        status = []

        def is_gone():
            if not status and os.waitpid(pid, os.WNOHANG)[0] == pid:
                status.append(True)
            return status

        self.wait_for(is_gone, "%s to end" % name, 2 * PATIENCE)

    def all_finished(self, control):
        control.call("PUBLISH", FIN, FIN)
        for name in [name for name in self.peers if name[0] == "r"]:
            if os.waitpid(self.peers[name][0], os.WNOHANG)[0]:
                del self.peers[name]
        done = all(self.ends_with_fin(name) for name in self.programs if name[0] == "u")
        return done and not self.peers

    def ends_with_fin(self, name):
        with open("%s/%s.out" % (self.dir, name), "rb") as file:
            file.seek(max(0, os.path.getsize(file.name) - 4))
            return file.read() == b"fin\0"

    def judge_senders(self):
        for about in self.story["udsctl send"]:
            name = about["name"]
            program = self.programs.get(name)
            with open("%s/%s.err" % (self.dir, name), errors="replace") as file:
                text = file.read()
            about["stderr"] = text[-500:]
            about["lost"] = len(re.findall(r"\blost\b", text))  # with -v
            about["refused"] = [int(number) for number in re.findall(r"message (\d+)[^:]* was refused", text)]
            figures = re.search(r"(\d+) messages, (\d+) answered,.* (\d+) sent again, (\d+) reconnect", text)
            about["messages"], about["answered"], about["again"], about["reconnects"] = (
                map(int, figures.groups()) if figures else (0, 0, 0, 10**9))
            about["lines"] = None
            if os.path.exists("%s/%s.lines" % (self.dir, name)):
                with open("%s/%s.lines" % (self.dir, name)) as file:
                    about["lines"] = int(file.read())
            about["status"] = program[0].returncode if program else None

    def run(self):
        try:
            self.begin()
            self.disturb()
            self.end()
        except AssertionError as error:
            self.wrong.append(str(error))
        finally:
            for pid in [peer[0] for peer in self.peers.values()] + [pid for _, pid in self.feeders]:
                self.kill(pid, signal.SIGKILL)
            for program in [self.daemon] + [program for program, _ in self.programs.values()]:
                if program.poll() is None:
                    program.kill()
                    program.wait()
        if os.path.exists(self.dir + "/trouble"):
            with open(self.dir + "/trouble") as file:
                self.wrong.append(file.read())
        with open(self.dir + "/udsd.log", errors="replace") as file:
            log = file.read()
        if re.search(r"ERROR: (Address|Leak)Sanitizer|runtime error|Assertion", log):
            self.wrong.append(log[-3000:])
        with open(self.dir + "/story.json", "w") as file:
            json.dump(self.story, file, indent=1)
        if self.wrong:
            return self.wrong, {}
        return chaos_check.judge(self.dir)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--udsd", required=True)
    parser.add_argument("--udsctl", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--slow-machine", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    totals, did, rounds = {}, {}, 0
    end = now() + options.seconds
    while now() < end or rounds == 0:
        seed = options.seed + rounds
        directory = "%s/%d" % (options.dir, seed)
        os.makedirs(directory)
        this = Round(options, directory, seed, min(10, max(3, end - now())))
        wrong, stats = this.run()
        rounds += 1
        for key, value in stats.items():
            totals[key] = totals.get(key, 0) + value
        for key, value in this.story["did"].items():
            did[key] = did.get(key, 0) + value
        if wrong:
            print("seed %d, files in %s: %d mistakes" % (seed, directory, len(wrong)))
            print("\n".join(wrong[:30]))
            return 1
        shutil.rmtree(directory)
    print("%d rounds from seed %d" % (rounds, options.seed))
    print(", ".join("%s %d" % item for item in sorted(did.items())))
    print(", ".join("%s %d" % item for item in sorted(totals.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
