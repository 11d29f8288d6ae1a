"""
The part of chaos.py that has to do with streams: jobs and lines of a log are added by plain clients and by udsctl send
--store, with a spool and without; udsctl work does the jobs, udsctl recv --into collects the log; and they are killed
and started again. What they write down, in files of the round, is judged by judge(), and nothing that the daemon says:

  aN.adds             of plain clients: "S connection number stream" before it is sent, "A connection number id" when
                      it is answered
  qN.lines            how many lines were written to udsctl send
  done                "id worker message" of each job, by its command when that ends
  into                the collected log

Messages are "NAME:CONNECTION:NUMBER".
"""
import collections
import os
import signal
import subprocess
import time

import chaos_peers
from chaos_peers import Bus, Log, now
from jobworkers import judge_done
from resp import Client, Error

WORKERS, ADDERS = 4, 2
SENDERS = [("jobs", True), ("jobs", False), ("log", True), ("log", False)]  # whether with a spool

COMMAND = 'echo "$UDSD_ID $PPID $UDSD_FIELD_message" >>"$0"'


class Adder:
    def __init__(self, path, log, name, rng, until):
        self.path, self.log, self.name, self.rng, self.until = path, Log(log), name, rng, until
        self.connection = self.sent = 0

    def run(self):
        while now() < self.until:
            self.connection += 1
            self.pending = collections.deque()
            try:
                self.bus = Bus(self.path, self.log, self.until)
                while now() < self.until:
                    self.add()
                    time.sleep(self.rng.expovariate(10))
            except chaos_peers.LOST + (FileNotFoundError, BlockingIOError):
                pass
            self.log.write()

    def add(self):
        """A pipeline; what was answered before the connection is lost counts."""
        data = []
        for _ in range(self.rng.choice([1, 1, 2, 20])):
            self.sent += 1
            stream = "jobs" if self.rng.random() < 0.3 else "log"
            self.log.add("S %d %d %s", self.connection, self.sent, stream)
            message = "%s:%d:%d" % (self.name, self.connection, self.sent)
            data.append(Client.encode("XADD", stream, "*", "message", message))
            self.pending.append(self.sent)
        self.log.write()
        try:
            self.bus.send_raw(b"".join(data))
        finally:
            while self.pending:
                answer = self.bus.read()
                if isinstance(answer, Error):
                    raise AssertionError("XADD was refused: %s" % answer)
                self.log.add("A %d %d %s", self.connection, self.pending.popleft(), answer.decode())


class Streams:
    """Of one round of chaos.py."""

    def __init__(self, this):
        self.round = this
        self.counter = 0
        self.spooled = {}  # name of a sender that may be killed: what starts it again
        self.holds = []  # descriptors that keep the input of senders open
        self.story = this.story["streams"] = {"workers": [], "killed workers": [], "senders": {}}

    def name(self, letter):
        self.counter += 1
        return "%s%d" % (letter, self.counter)

    def path(self, name):
        return os.path.join(self.round.dir, name)

    def start(self, name, arguments, protected, **streams):
        with open(self.path(name.split(".")[0] + ".err"), "ab") as err:
            self.round.programs[name] = (self.round.popen(arguments, stderr=err, **streams), protected)

    def start_worker(self):
        name = self.name("j")
        self.start(name, ["work", "--jobs", "2", "--retries", "1000000", "--backoff", "1ms..10ms", "jobs", "--", "sh",
                          "-c", COMMAND, self.path("done")], False, stdin=subprocess.DEVNULL)

    def start_into(self):
        self.start(self.name("i"), ["recv", "--into", self.path("into"), "log"], False, stdin=subprocess.DEVNULL)

    def start_sender(self, name, stream, has_spool):
        spool = ["--spool", self.path(name + ".spool")] if has_spool else []
        stdin = os.open(self.path(name + ".fifo"), os.O_RDONLY)
        self.start(name, ["send", "--store", *spool, stream], not has_spool, stdin=stdin)
        os.close(stdin)

    def new_sender(self, stream, has_spool):
        name = self.name("q")
        os.mkfifo(self.path(name + ".fifo"))
        self.holds.append(os.open(self.path(name + ".fifo"), os.O_RDWR))
        if has_spool:
            self.spooled[name] = lambda: self.start_sender(name, stream, True)
        self.start_sender(name, stream, has_spool)
        self.story["senders"][name] = stream
        self.round.feeders.append((name, self.round.fork(name, self.feed, name, stream)))

    def feed(self, name, stream):
        rng, lines = self.round.rng, 0
        fd = os.open(self.path(name + ".fifo"), os.O_WRONLY)
        while now() < self.round.until:
            data = b""
            for _ in range(rng.choice([1, 1, 3] if stream == "jobs" else [1, 10, 300])):
                lines += 1
                data += b"%s:0:%d\n" % (name.encode(), lines)
            self.round.write_all(fd, data)
            time.sleep(rng.expovariate(8))
        with open(self.path(name + ".lines"), "w") as file:
            file.write(str(lines))

    def begin(self):
        for stream, has_spool in SENDERS:
            self.new_sender(stream, has_spool)
        for _ in range(ADDERS):
            name = self.name("a")
            adder = Adder(self.round.path, self.path(name + ".adds"), name, self.round.rng, self.round.until)
            self.round.start_peer(name, adder.run, True)
        for _ in range(WORKERS):
            self.start_worker()
        self.start_into()

    def forget_inputs(self):
        """In a child process, which would keep them open."""
        for fd in self.holds:
            os.close(fd)

    def kill(self, letter):
        found = self.round.candidates(letter, False)
        if not found:
            return
        name, pid = self.round.rng.choice(found)
        program, _ = self.round.programs.pop(name)
        program.kill()
        program.wait()
        if letter == "j":
            self.story["killed workers"].append(pid)
            self.start_worker()
        elif letter == "i":
            self.start_into()
        else:
            self.spooled[name]()

    def end(self, control):
        """All that was added is done and collected. The feeders and plain clients have ended."""
        self.forget_inputs()
        programs = self.round.programs
        for name in self.story["senders"]:
            program = programs[name][0]
            self.round.wait_for(lambda: program.poll() is not None, "%s to end" % name)
            if program.returncode != 0:
                raise AssertionError("%s ended with %d" % (name, program.returncode))
        self.round.wait_for(lambda: control.call("XLEN", "jobs") == 0, "all jobs to be done")
        self.round.wait_for(lambda: self.collected() >= control.call("XLEN", "log"), "the log to be collected")
        for name in [name for name in programs if name[0] in "ji"]:
            program = programs.pop(name)[0]
            program.terminate()
            status = program.wait(chaos_peers.PATIENCE)
            if status != 128 + signal.SIGTERM:
                raise AssertionError("%s ended with %d" % (name, status))

    def collected(self):
        with open(self.path("into"), "rb") as file:
            return file.read().count(b"\n")


def read_adds(check, added):
    """added: stream: message: whether it must be there."""
    for name, path in check.files("a*.adds"):
        streams = {}
        for kind, connection, number, what in check.lines(path):
            message = "%s:%s:%s" % (name, connection, number)
            if kind == "S":
                streams[message] = what
            added[streams[message]][message] = kind == "A"
    for name, stream in check.story["streams"]["senders"].items():
        with open(os.path.join(check.directory, name + ".lines")) as file:
            for number in range(1, int(file.read()) + 1):
                added[stream]["%s:0:%d" % (name, number)] = True


def judge_log(check, added):
    got, last = collections.Counter(), {}
    with open(os.path.join(check.directory, "into")) as file:
        for line in file:
            message = line.rstrip("\n")
            got[message] += 1
            name, connection, number = message.split(":") if message.count(":") == 2 else ("?", "0", "0")
            if int(number) <= last.get((name, connection), 0):
                check.fail("log: %s after %d", message, last[name, connection])
            last[name, connection] = int(number)
    judge_there(check, "log", added, got)


def judge_jobs(check, added):
    ids, done = collections.defaultdict(set), []
    for job, worker, message in check.lines(os.path.join(check.directory, "done")):
        ids[message].add(job)
        done.append((job, int(worker)))
    judge_there(check, "jobs", added, {message: len(some) for message, some in ids.items()})
    try:
        again = judge_done(done, set(check.story["streams"]["killed workers"]))
    except AssertionError as error:
        check.fail("jobs: %s", error)
        return
    check.stats["jobs done"] += len(ids)
    check.stats["jobs done again after a worker was killed"] += again


def judge_there(check, stream, added, got):
    """got: message: how often it is there."""
    for message, n in got.items():
        if message not in added:
            check.fail("%s: %s was never sent", stream, message)
        elif n > 1:
            check.fail("%s: %s is there %d times", stream, message, n)
    for message, must in added.items():
        check.stats["added to " + stream] += must
        if must and message not in got:
            check.fail("%s: %s is missing", stream, message)


def judge(check):
    added = {"jobs": {}, "log": {}}
    read_adds(check, added)
    judge_log(check, added["log"])
    judge_jobs(check, added["jobs"])
