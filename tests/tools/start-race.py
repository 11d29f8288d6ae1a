"""start-race.py UDSD SOCKET N: starts two daemons at once, N times; each time exactly one serves and one gives up."""
import os
import signal
import subprocess
import sys

from resp import Client, wait_until

udsd, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])


def round_of(i):
    """Every third winner leaves in order; after the others a stale socket stands there."""
    pair = [subprocess.Popen([udsd, "--listen", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            for _ in range(2)]
    try:
        wait_until(lambda: any(p.poll() is not None for p in pair), "one of the two to give up")
        losers = [p for p in pair if p.poll() is not None]
        winners = [p for p in pair if p.poll() is None]
        assert len(losers) == 1, "round %d: both gave up: %r" % (i, [p.stderr.read() for p in pair])
        words = losers[0].stderr.read().decode()
        assert losers[0].returncode == 78, "round %d: exit %d: %s" % (i, losers[0].returncode, words)
        assert "a running server (pid %d)" % winners[0].pid in words, words
        wait_until(answers, "the winner to serve")
        winners[0].send_signal(signal.SIGKILL if i % 3 else signal.SIGTERM)
        winners[0].wait()
        assert os.path.exists(path) == bool(i % 3)
    finally:
        for p in pair:
            p.kill()


def answers():
    try:
        return Client(path).call("PING") == b"PONG"
    except OSError:
        return False


for number in range(n):
    round_of(number)
