#!/usr/bin/python3
"""
interrupted-loops.py UDSCTL SOCKET: in a terminal, a shell runs verbs of udsctl in a loop, and ^C ends all of it.
"""
import os
import pty
import select
import signal
import sys
import time

udsctl, socket = sys.argv[1:3]
VERBS = ["send --timeout 1s news hello", "send --store --timeout 1s jobs hello",
         "recv news", "recv --from first news", "work jobs -- true",
         "call --wait 1m day", "serve day -- cat", "wait jobs 1-0", "top"]
PATIENCE = float(os.environ.get("UDSD_TEST_PATIENCE", "30"))


def run(verb):
    pid, fd = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.environ.update(TERM="xterm", UDSD_SOCKET=socket, UDSCTL=udsctl)
        # Without a pause, ^C could come while a verb that is done is not yet waited for: then no shell ends a loop.
        os.execv("/bin/bash", ["bash", "-c", "while :; do $UDSCTL %s; /bin/sleep 0.2; done" % verb])
    interrupt, end = time.monotonic() + 0.3, time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < end, "%s: goes on after ^C" % verb
        if interrupt and time.monotonic() >= interrupt:
            interrupt = None
            os.write(fd, b"\x03")
        if select.select([fd], [], [], 0.1)[0]:
            try:
                os.read(fd, 65536)
            except OSError:
                break
    os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (-signal.SIGINT, 128 + signal.SIGINT), "%s: the shell ended with %d" % (verb, status)


for words in VERBS:
    run(words)
