#!/usr/bin/env python3
"""
work-kills.py --udsd PROGRAM --udsctl PROGRAM --dir DIR [--jobs N] [--kills N] [--takeovers N]
[--only-takeovers]: udsctl work while everything dies.

Workers, the daemon, and both are killed while there are jobs. At the end each job was done; it was done more than once
only if a worker was killed between the end of its command and the acknowledgement; it never ran twice at the same time,
which the locks of the jobs show; and none is dead.

Then workers are killed one by one while they have a job, and it is measured when the next worker has begun with it; for
comparison, how long a command takes to begin at all.
"""
import argparse
import collections
import os
import random
import select
import signal
import subprocess
import time

import resp
from jobworkers import judge_done
from streamhub import Hub

# A worker that is killed closes its connections a moment before its commands are killed: so a job waits for its lock.
COMMAND = r"""
use Fcntl ":flock";
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);
my ($dir, $seconds) = @ARGV;
open(my $log, ">>", "$dir/log") or die; open(my $lock, ">>", "$dir/$ENV{UDSD_ID}") or die;
sub note { syswrite($log, join(" ", @_, $ENV{UDSD_ID}, getppid(), clock_gettime(CLOCK_MONOTONIC)) . "\n"); }
note("wakes");
my $tries = 0;
while (!flock($lock, LOCK_EX | LOCK_NB)) { $tries++ < 500 or (note("twice"), exit 0); sleep(0.01); }
note("begins");
sleep($seconds);
note("ends");
"""


class Workers:
    def __init__(self, args, hub, seconds):
        self.args, self.hub, self.seconds = args, hub, seconds
        self.dir = os.path.join(args.dir, "jobs-%g" % seconds)
        os.mkdir(self.dir)
        self.script = os.path.join(self.dir, "command")
        with open(self.script, "w") as script:
            script.write(COMMAND)
        self.log = os.path.join(self.dir, "log")
        open(self.log, "w").close()
        self.running, self.killed = [], set()

    def start(self, *options):
        argv = [self.args.udsctl, "work", "--socket", self.hub.path, "--retries", "100000", "--backoff", "1ms..10ms",
                *options, "jobs", "--", "perl", self.script, self.dir, str(self.seconds)]
        self.running.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL))

    def kill(self, worker):
        self.running.remove(worker)
        self.killed.add(worker.pid)
        worker.kill()
        worker.wait()

    def end(self):
        for worker in self.running:
            worker.send_signal(signal.SIGTERM)
        for worker in self.running:
            status = worker.wait(resp.PATIENCE)
            assert status == 128 + signal.SIGTERM, status

    def events(self):
        """What, id, pid of the worker, time."""
        with open(self.log) as log:
            lines = [line.split() for line in log]
        return [(what, job, int(pid), float(at)) for what, job, pid, at in lines]


def add(hub, n):
    client = hub.connect()
    client.send_raw(b"".join(client.encode("XADD", "jobs", "*", "message", "%d" % i) for i in range(n)))
    ids = {client.read().decode() for _ in range(n)}
    client.close()
    return ids


def left(hub):
    try:
        client = hub.connect()
        n = client.call("XLEN", "jobs")
        client.close()
    except (OSError, EOFError):
        return -1
    return n


def die_all_the_time(args, hub, rng):
    workers = Workers(args, hub, 0.002)
    ids = add(hub, args.jobs)
    for _ in range(3):
        workers.start("--jobs", "2")
    kills, end = collections.Counter(), time.monotonic() + 20 * resp.PATIENCE
    while left(hub) != 0:
        assert time.monotonic() < end, "%d jobs are left" % left(hub)
        time.sleep(rng.uniform(0.05, 0.3))
        # What a daemon had given that died is kept for its workers for some time, and each death begins it anew.
        if sum(kills.values()) == args.kills:
            continue
        what = rng.choice(["worker", "worker", "daemon", "both"])
        kills[what] += 1
        if what != "daemon":
            workers.kill(rng.choice(workers.running))
        if what != "worker":
            hub.kill()
            hub.start()
        if what != "daemon":
            workers.start("--jobs", "2")
    workers.end()
    events = workers.events()
    done = [(job, pid) for what, job, pid, _ in events if what == "ends"]
    twice = [job for what, job, _, _ in events if what == "twice"]
    assert not twice, "%s ran twice at the same time" % twice
    assert {job for job, _ in done} == ids, "%d jobs were not done" % len(ids - {job for job, _ in done})
    again = judge_done(done, workers.killed)
    client = hub.connect()
    assert client.call("XLEN", "jobs.dead") == 0
    pending = client.call("XPENDING", "jobs", "work")
    assert pending[0] == 0, pending
    client.close()
    print("%d jobs, killed: %s; %d jobs were done again by the next worker" % (len(ids), dict(kills), again))


class Starts:
    """Commands say at once that they have begun, through a FIFO, and then sit on their job."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "starts")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR)
        self.command = ["sh", "-c", 'echo "$UDSD_ID $PPID" >"$0"; exec sleep 1000', self.path]

    def next(self):
        """(job, pid of its worker, when)"""
        ready, _, _ = select.select([self.fd], [], [], resp.PATIENCE)
        assert ready, "gave up waiting for the next worker"
        at = time.monotonic()
        job, pid = os.read(self.fd, 100).split()
        return job.decode(), int(pid), at

    def floor(self, n):
        """How long a command takes to say so that is started here."""
        took = []
        for _ in range(n):
            begin = time.monotonic()
            with subprocess.Popen(self.command, env=dict(os.environ, UDSD_ID="x")) as child:
                took.append(self.next()[2] - begin)
                child.kill()
        return took


def quantiles(seconds):
    seconds = sorted(seconds)
    return "median %.1f ms, 99%% within %.1f ms, at most %.1f ms" % tuple(
        1000 * seconds[int(q * (len(seconds) - 1))] for q in (0.5, 0.99, 1))


def take_over(args, hub):
    starts = Starts(args.dir)
    running = {}

    def start():
        argv = [args.udsctl, "work", "--socket", hub.path, "--retries", "100000", "jobs", "--", *starts.command]
        worker = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        running[worker.pid] = worker

    start()
    start()
    from_kill, from_exit = [], []
    ids = add(hub, 1)
    job, pid, _ = starts.next()
    client = hub.connect()
    for _ in range(args.takeovers):
        start()
        # All workers wait, or have the job.
        resp.wait_until(lambda: client.call("CLIENT", "LIST").count(b"cmd=xreadgroup") == 3, "the workers")
        victim = running.pop(pid)
        killed_at = time.monotonic()
        victim.kill()
        victim.wait()
        ended_at = time.monotonic()
        job, pid, at = starts.next()
        assert job in ids and pid in running, (job, pid)
        from_kill.append(at - killed_at)
        from_exit.append(at - ended_at)
    print("%d takeovers, from the kill to the first output of the next command: %s" % (args.takeovers, quantiles(from_kill)))
    print("from the end of the worker on: %s" % quantiles(from_exit))
    print("a command that is started from here takes: %s" % quantiles(starts.floor(args.takeovers)))
    for worker in running.values():
        worker.kill()
        worker.wait()


def main():
    parser = argparse.ArgumentParser()
    for name in ("udsd", "udsctl", "dir"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--only-takeovers", action="store_true")
    parser.add_argument("--takeovers", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    args = parser.parse_args()
    print("seed %d" % args.seed, flush=True)
    os.makedirs(args.dir, exist_ok=True)
    hub = Hub(args.udsd, args.dir)
    if not args.only_takeovers:
        die_all_the_time(args, hub, random.Random(args.seed))
    take_over(args, hub)
    hub.stop()


main()
