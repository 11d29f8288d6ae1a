#!/usr/bin/env python3
"""
udsctl serve, call and work in situations that need a hub which does odd things at a chosen moment, or a standard error
that nobody reads.

usage: serve-cases.py UDSD UDSCTL DIR CASE [ARGUMENT...]
"""
import atexit
import os
import pty
import signal
import socket
import subprocess
import sys
import time

from killing import start, start_daemon
from resp import PATIENCE, Client, wait_until

UDSD, UDSCTL, DIR, CASE = sys.argv[1:5]
ARGUMENTS = sys.argv[5:]
PATH = os.path.join(DIR, "s")
LOG = os.path.join(DIR, "err")
os.environ["UDSD_SOCKET"] = PATH


def expect(got, wanted):
    assert got == wanted, "got %r, not %r" % (got, wanted)


def in_dir(name):
    return os.path.join(DIR, name)


def text_of(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


class FakeHub(Client):
    """The hub's end of the first connection that comes: it reads commands, and answers when it is told to."""

    def __init__(self, listener):
        self.sock = listener.accept()[0]
        self.sock.settimeout(PATIENCE)
        self.buffer, self.at = b"", 0

    def take(self, *wanted):
        expect(self.read(), [word.encode() for word in wanted])

    def take_worker(self):
        """Until it has asked for a request."""
        self.take("CONFIG", "GET", "proto-max-bulk-len")
        self.take("UDSD", "SERVE", "x")
        self.send_raw(self.encode("proto-max-bulk-len", "1000000") + b":1\r\n")
        self.take("UDSD", "NEXT")

    def give(self, payload):
        payload = payload.encode()
        self.send_raw(b"*6\r\n:1\r\n$1\r\nx\r\n:60000\r\n:0\r\n:0\r\n$%d\r\n%s\r\n" % (len(payload), payload))


def listen():
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(PATIENCE)
    listener.bind(PATH)
    listener.listen()
    return listener


def serve(*words, **options):
    return start([UDSCTL, "serve", *words], LOG, stdin=subprocess.DEVNULL, **options)


def serve_idle(*words, **options):
    """With a daemon; returns when it is idle."""
    worker = serve(*words, **options)
    wait_until(lambda: b'"idle":1,' in run("services", "--json").stdout, "the worker to be idle")
    return worker


def piped(argv, **options):
    """A process that is killed at the end, whose standard error is not the log."""
    process = subprocess.Popen(argv, **options)
    atexit.register(process.kill)
    return process


def run(*words, **options):
    return subprocess.run([UDSCTL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE, **options)


def answers(text, wanted, *options):
    got = run("call", *options, "x", text)
    expect((got.returncode, got.stdout, got.stderr), (0, wanted, b""))


def stop_long():
    """SIGTERM while a request is on its way, whose command takes longer than the daemon has for the last answer."""
    listener = listen()
    worker = serve(*ARGUMENTS, "x", "--", "sh", "-c", "read -r line; sleep 6; echo $line")
    hub = FakeHub(listener)
    hub.take_worker()
    worker.terminate()
    hub.take("UDSD", "UNSERVE")
    hub.give("late\n")
    hub.send_raw(b":1\r\n")
    hub.take("UDSD", "ANSWER", "1", "late\n")
    hub.send_raw(b":1\r\n")
    expect(worker.wait(PATIENCE), 0)


def stop_away():
    """SIGTERM while a request is on its way, and the process that is to answer it has died and is not started again."""
    listener = listen()
    worker = serve("--lines", "x", "--", "sh", "-c", "echo $$ >>'%s'; exec sed -u s/^/got:/" % in_dir("pids"))
    hub = FakeHub(listener)
    hub.take_worker()
    wait_until(lambda: text_of(in_dir("pids")).endswith("\n"), "the process")
    os.kill(int(text_of(in_dir("pids"))), signal.SIGKILL)
    wait_until(lambda: "started again in 100ms" in text_of(LOG), "its end to be noticed")
    worker.terminate()
    hub.take("UDSD", "UNSERVE")
    time.sleep(0.3)  # it would have been started again by now
    hub.give("a")
    hub.send_raw(b":1\r\n")
    hub.take("UDSD", "ANSWER", "1", "got:a")
    hub.send_raw(b":1\r\n")
    expect(worker.wait(PATIENCE), 0)


def hang():
    """A hub that takes requests and answers none: each has its empty line and its reason, and no other is sent."""
    listener = listen()
    caller = piped([UDSCTL, "call", "--lines", "--parallel", "3", "--timeout", "200ms", "x"],
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    caller.stdin.write(b"1\n2\n3\n4\n5\n")
    caller.stdin.flush()
    hub = FakeHub(listener)
    hub.take("CONFIG", "GET", "proto-max-bulk-len")
    hub.send("proto-max-bulk-len", "1000000")
    for number in b"1", b"2", b"3":
        expect(hub.read()[:4], [b"UDSD", b"CALL", b"x", number])
    expect(caller.wait(PATIENCE), 75)  # although its input has no end yet
    expect(caller.stdout.read(), b"\n\n\n")
    lines = caller.stderr.read().decode().splitlines()
    expect(len(lines), 3)
    for number, line in enumerate(lines, 1):
        assert line.startswith("udsctl: line %d: timed out: " % number) and line.endswith("may have been done"), line
    expect(hub.sock.recv(1000), b"")


def terminal():
    """A terminal that nobody reads: a command that writes much waits, the others do not."""
    start_daemon(UDSD, PATH)
    master, slave = pty.openpty()
    worker = piped([UDSCTL, "serve", "--jobs", "2", "x", "--", "sh", "-c",
                               "read -r line; [ $line != noise ] || seq 20000 >&2; echo $line"],
                              stdin=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    noise = piped([UDSCTL, "call", "--wait", "20s", "--timeout", "20s", "x", "noise"],
                             stdout=subprocess.PIPE)
    wait_until(lambda: b'"busy":1,' in run("services", "--json").stdout, "the command")
    for number in range(5):
        answers("a%d" % number, b"a%d\n" % number, "--timeout", "10s")
    expect(noise.poll(), None)
    seen = b""
    while not seen.endswith(b"\n20000\r\n"):
        seen += os.read(master, 65536)
    numbers = [word for word in seen.split() if word.isdigit()]  # beside what udsctl says itself
    assert numbers == [b"%d" % n for n in range(1, 20001)], "%d numbers, of 20000" % len(numbers)
    expect((noise.communicate(timeout=PATIENCE)[0], noise.returncode), (b"noise\n", 0))
    worker.terminate()
    expect(worker.wait(PATIENCE), 0)


NOISE = "read -r n; echo >>'%s'; yes \"$n 4567890123456789012345678901234567890123\" | head -c 60000 >&2"


def noisy():
    """Many commands that write much to a standard error that is read late: nothing is lost, and few are started."""
    verb, jobs, total = ARGUMENTS[0], int(ARGUMENTS[1]), int(ARGUMENTS[2])
    start_daemon(UDSD, PATH, "--store", in_dir("store"))
    command = ["--jobs", str(jobs), "x", "--", "sh", "-c", NOISE % in_dir("started")]
    requests = b"".join(b"%d\n" % number for number in range(total))
    if verb == "work":
        subprocess.run([UDSCTL, "send", "--store", "x"], input=requests, stderr=subprocess.DEVNULL, check=True)
    worker = piped([UDSCTL, verb, *command], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if verb == "serve":
        caller = piped([UDSCTL, "call", "--lines", "--parallel", str(jobs), "--wait", "20s", "x"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        caller.stdin.write(requests)
        caller.stdin.close()
    wait_until(lambda: len(text_of(in_dir("started"))) >= min(total, jobs, 9), "the commands")
    time.sleep(0.5)  # in which more would start
    count = len(text_of(in_dir("started")))
    assert count <= max(jobs, 9) + jobs + 10, "%d commands were started" % count
    seen, wanted = b"", 60000 * total
    while len(seen) < wanted:
        piece = os.read(worker.stderr.fileno(), 1 << 20)
        assert piece, "only %d of %d bytes have come" % (len(seen), wanted)
        seen += piece
    assert b"lost" not in seen
    if verb == "serve":
        expect(caller.wait(PATIENCE), 0)
    worker.terminate()
    expect(worker.stderr.read(), b"")
    expect(worker.wait(PATIENCE), 143 if verb == "work" else 0)


def reasons():
    """The last line of standard error: what a terminal would show of it, as UTF-8, of at most 1000 bytes."""
    start_daemon(UDSD, PATH)
    serve_idle("x", "--", "sh", "-c", "cat >&2; exit 1")
    for text, wanted in (("1%\r2%\r\n", "2%"), ("a\033[1mb\n\n", "a?[1mb"), ("ab" + 400 * "\u20ac", "ab" + 332 * "\u20ac")):
        got = run("call", "x", text)
        expect((got.returncode, got.stderr.decode()), (1, "udsctl: %s\n" % wanted))


def left():
    """What commands leave behind may go on to write to standard error, the last 64 at least."""
    start_daemon(UDSD, PATH)
    os.mkfifo(in_dir("go"))
    go = os.open(in_dir("go"), os.O_RDWR)
    serve_idle("x", "--", "sh", "-c",
               "read -r n; (read -r go <'%s'; echo late $n >&2) >/dev/null & echo $n" % in_dir("go"))
    for number in range(70):
        answers(str(number), b"%d\n" % number)
    os.write(go, 70 * b"\n")
    wait_until(lambda: set(text_of(LOG).split("\n")) >= {"late %d" % n for n in range(6, 70)}, "the last 64")


def descriptors():
    """More processes than the soft limit of descriptors lets it have, and than the hard one does."""
    start_daemon(UDSD, PATH)
    for limit in "-S", "":
        command = "ulimit %s -n 64; exec \"$@\"" % limit
        worker = start(["sh", "-c", command, "sh", UDSCTL, "serve", "--lines", "--jobs", "40", "x", "--", "sh", "-c",
                        "echo >>'%s'; while read -r line; do ulimit -n; done" % in_dir("started" + limit)], LOG)
        answers("a", b"64", "--wait", "20s", "--timeout", "20s")
        if limit:
            wait_until(lambda: len(text_of(in_dir("started-S"))) == 40, "all processes")
            expect(text_of(LOG), "")
        worker.terminate()
        expect(worker.wait(PATIENCE), 0)
    expect(text_of(LOG), "udsctl: the command cannot be started: Too many open files\n")


def memory():
    """After a line of many MiB, the memory for it is given back."""
    with open(in_dir("conf"), "w") as conf:
        conf.write("[limits]\nmax_message = 64M\n[listener bus]\nlisten = %s\n" % PATH)
    start([UDSD, "--config", in_dir("conf")], in_dir("log"))
    worker = serve_idle("--lines", "x", "--", "cat")
    size = 40 << 20  # larger than what malloc(3) ever keeps
    got = subprocess.run([UDSCTL, "call", "x"], input=size * b"x", stdout=subprocess.PIPE, check=True)
    expect(len(got.stdout), size)

    def resident():
        return int([line for line in text_of("/proc/%d/status" % worker.pid).split("\n")
                    if line.startswith("VmRSS:")][0].split()[1])

    answers("a", b"a")
    wait_until(lambda: resident() < 20000, "the memory, of which it has %d kB" % resident())


def deaf():
    """A process that does not read its input any more, while another one is idle: that does what it was given."""
    start_daemon(UDSD, PATH)
    serve_idle("--lines", "--jobs", "2", "x", "--", "sh", "-c",
               "while read -r line; do echo $line; [ $line != deaf ] || break; done; exec <&-; echo >'%s'; sleep 1000"
               % in_dir("is-deaf"))
    answers("deaf", b"deaf")
    wait_until(lambda: text_of(in_dir("is-deaf")), "the process to close its input")
    answers("a", b"a", "--timeout", "4s")
    answers("b", b"b", "--timeout", "4s")


globals()[CASE]()
