#!/usr/bin/env python3
"""
long-queue.py --udsd PROGRAM --udsctl PROGRAM --dir DIR [--lines N] [--kills K] [--into]: N lines go through a queue while
its sender, the daemon and workers are killed K times in turn.

udsctl send --store --spool gets the lines from a FIFO. Three udsctl work --print write jobs to files, which is the fastest
way to do each of many and have it acknowledged; a fourth runs a command for each of its jobs. At the end each line was done,
and more than once only by workers that were killed. With --into, udsctl recv --into collects the lines in the place of
workers, and its file has each line once, in order.
"""
import argparse
import collections
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time

import resp
from jobworkers import judge_done
from streamhub import Hub

LINE = 64  # bytes, with the newline
COMMAND = 'echo "$UDSD_ID $PPID $UDSD_FIELD_message" >>"$0"'


def line(number):
    return b"%-63d\n" % number


class Run:
    def __init__(self, args):
        self.args = args
        self.hub = Hub(args.udsd, args.dir, max_bytes="64G", max_bytes_per_uid="64G")
        self.rng = random.Random(args.seed)
        self.fifo, self.done = self.path("fifo"), self.path("done")
        os.mkfifo(self.fifo)
        open(self.done, "w").close()
        self.hold = os.open(self.fifo, os.O_RDWR)  # it has a reader and a writer at all times
        self.numbers = itertools.count(1)
        self.workers, self.killed = {}, []  # Popen: its file, or None; (pid, file)
        self.files = []
        self.kills = collections.Counter()

    def path(self, name):
        return os.path.join(self.args.dir, name)

    def udsctl(self, *arguments, **streams):
        return subprocess.Popen([self.args.udsctl, arguments[0], "--socket", self.hub.path, *arguments[1:]], **streams)

    def feed(self):
        with open(self.fifo, "wb", buffering=0) as fifo:
            for first in range(1, self.args.lines + 1, 1000):
                fifo.write(b"".join(map(line, range(first, min(first + 1000, self.args.lines + 1)))))

    def start_sender(self):
        stdin = os.open(self.fifo, os.O_RDONLY)
        self.sender = self.udsctl("send", "--store", "--no-progress", "--spool", self.path("spool"), "jobs", stdin=stdin)
        os.close(stdin)

    def start_worker(self, prints):
        path = self.path("out.%d" % next(self.numbers)) if prints else None
        if self.args.into:
            worker = self.udsctl("recv", "--into", self.path("into"), "jobs", stdin=subprocess.DEVNULL)
        elif prints:
            with open(path, "wb") as out:
                worker = self.udsctl("work", "--print", "--retries", "1000000", "jobs", stdin=subprocess.DEVNULL, stdout=out)
            self.files.append(path)
        else:
            worker = self.udsctl("work", "--jobs", "4", "--retries", "1000000", "jobs", "--", "sh", "-c", COMMAND, self.done,
                                 stdin=subprocess.DEVNULL)
        self.workers[worker] = path

    def progress(self):
        if self.args.into:
            return os.path.getsize(self.path("into")) // LINE if os.path.exists(self.path("into")) else 0
        return sum(os.path.getsize(path) for path in self.files) // LINE

    def kill(self, what):
        self.kills[what] += 1
        if what == "daemon":
            self.hub.kill()
            self.hub.start()
        elif what == "sender":
            self.sender.kill()
            self.sender.wait()
            self.start_sender()
        else:
            worker = self.rng.choice(list(self.workers))
            path = self.workers.pop(worker)
            worker.kill()
            worker.wait()
            self.killed.append((worker.pid, path))
            self.start_worker(path is not None)

    def wait_for(self, condition, what):
        """As long as anything goes on."""
        last, end = -1, 0
        while not condition():
            assert time.monotonic() < end or self.progress() != last, "gave up waiting for " + what
            if self.progress() != last:
                last, end = self.progress(), time.monotonic() + resp.PATIENCE
            time.sleep(0.01)

    def left(self):
        client = self.hub.connect()
        n = client.call("XLEN", "jobs")
        client.close()
        return n

    def run(self):
        begin = time.monotonic()
        feeder = threading.Thread(target=self.feed, daemon=True)
        feeder.start()
        self.start_sender()
        for prints in ([False] if self.args.into else [True, True, True, False]):
            self.start_worker(prints)
        victims = itertools.cycle(["sender", "worker", "daemon"])
        share = self.args.lines * (1 if self.args.into else 0.9) / (self.args.kills + 1)
        for i in range(self.args.kills):
            self.wait_for(lambda: self.progress() >= (i + 1) * share or not (self.args.into or self.left()), "kill %d" % i)
            time.sleep(self.rng.random() * 0.01)
            self.kill(next(victims))
        self.wait_for(lambda: not feeder.is_alive(), "all lines to be read")
        os.close(self.hold)
        self.wait_for(lambda: self.sender.poll() is not None, "all lines to be stored")
        assert self.sender.returncode == 0, "the sender ended with %d" % self.sender.returncode
        if self.args.into:
            self.wait_for(lambda: self.progress() >= self.args.lines, "all lines to be collected")
        else:
            self.wait_for(lambda: self.left() == 0, "all lines to be done")
        took = time.monotonic() - begin
        for worker in self.workers:
            worker.terminate()
            status = worker.wait(resp.PATIENCE)
            assert status == 143, "a worker ended with %d" % status
        self.hub.stop()
        return took


def judge_into(run):
    with open(run.path("into"), "rb") as file:
        for n in range(1, run.args.lines + 1):
            got = file.read(LINE)
            assert got == line(n), "%r in the place of line %d" % (got, n)
        assert not file.read(1), "there is more than all lines"
    return 0


def judge_work(run):
    """Returns how many lines were done more than once."""
    n = run.args.lines
    times, by_living = bytearray(n + 1), bytearray(n + 1)
    killed = {path for _, path in run.killed}
    for path in run.files:
        with open(path, "rb") as file:
            for row in file:
                if not row.endswith(b"\n"):
                    assert path in killed, "the last line of %s is cut" % path
                    continue
                times[int(row)] += 1
                by_living[int(row)] += path not in killed
    with open(run.done) as file:
        done = [row.split() for row in file]
    judge_done([(job, int(pid)) for job, pid, _ in done], {pid for pid, _ in run.killed})
    dead = {pid for pid, _ in run.killed}
    for _, pid, number in done:
        times[int(number)] += 1
        by_living[int(number)] += int(pid) not in dead
    lost = times[1:].count(0)
    assert lost == 0, "%d lines are lost, the first one is %d" % (lost, times.index(0, 1))
    wrong = n - by_living[1:].count(0) - by_living[1:].count(1)
    assert wrong == 0, "%d lines were done more than once by workers that were not killed" % wrong
    print("%d lines by commands, the others by --print" % len(done))
    return n - times[1:].count(1)


def main():
    parser = argparse.ArgumentParser()
    for name in ("udsd", "udsctl", "dir"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--lines", type=int, default=20000)
    parser.add_argument("--kills", type=int, default=9)
    parser.add_argument("--into", action="store_true")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    args = parser.parse_args()
    print("seed %d" % args.seed, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(args.dir, exist_ok=True)
    run = Run(args)
    try:
        took = run.run()
    finally:
        for process in [*run.workers, run.sender, run.hub.process]:
            if process.poll() is None:
                process.kill()
    twice = judge_into(run) if args.into else judge_work(run)
    print("%d lines, killed: %s; lost 0, done twice %d; %.0f lines/s" % (
        args.lines, ", ".join("%s %d" % kill for kill in run.kills.items()), twice, args.lines / took))


main()
