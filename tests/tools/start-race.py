"""
start-race.py UDSD SOCKET N [dying]: starts two daemons at once, N times; each time exactly one serves and one gives
up. With "dying", one starts at the moment at which the one that serves is told to end, or killed.
"""
import os
import signal
import subprocess
import sys

from resp import Client, wait_until

udsd, path, n = sys.argv[1], sys.argv[2], int(sys.argv[3])


def start():
    return subprocess.Popen([udsd, "--listen", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def check_gave_up(loser, holder):
    words = loser.stderr.read().decode()
    assert loser.returncode == 78, "exit %d: %s" % (loser.returncode, words)
    assert "a running server (pid %d)" % holder.pid in words or "a running server is using" in words, words


def round_of(i):
    """Every third winner leaves in order; after the others a stale socket stands there."""
    pair = [start() for _ in range(2)]
    try:
        wait_until(lambda: any(p.poll() is not None for p in pair), "one of the two to give up")
        losers = [p for p in pair if p.poll() is not None]
        winners = [p for p in pair if p.poll() is None]
        assert len(losers) == 1, "round %d: both gave up: %r" % (i, [p.stderr.read() for p in pair])
        words = losers[0].stderr.read().decode()
        assert losers[0].returncode == 78, "round %d: exit %d: %s" % (i, losers[0].returncode, words)
        assert "a running server (pid %d)" % winners[0].pid in words, words
        wait_until(lambda: server() == winners[0].pid, "the winner to serve")
        winners[0].send_signal(signal.SIGKILL if i % 3 else signal.SIGTERM)
        winners[0].wait()
        assert os.path.exists(path) == bool(i % 3)
    finally:
        for p in pair:
            p.kill()


def dying_round(i, old):
    """Returns the daemon that serves then."""
    how = signal.SIGKILL if i % 2 else signal.SIGTERM
    if i % 4 < 2:
        old.send_signal(how)
    new = start()
    if i % 4 >= 2:
        old.send_signal(how)
    old.wait()
    assert old.returncode == (-how if how == signal.SIGKILL else 0), old.returncode
    wait_until(lambda: new.poll() is not None or server() == new.pid, "the new one to serve or to give up")
    if new.poll() is not None:  # the old one was still there
        check_gave_up(new, old)
        new = start()
        wait_until(lambda: server() == new.pid, "the next one to serve")
    # The end of the old one has not taken away what the new one stands at.
    assert new.poll() is None and os.path.exists(path) and os.path.exists(path + ".lock")
    return new


def server():
    """The pid of who serves, by its own word; None: nobody."""
    try:
        words = Client(path).call("INFO", "server").decode()
        return int(words.split("process_id:")[1].split("\r\n")[0])
    except (OSError, EOFError):
        return None


if sys.argv[4:] == ["dying"]:
    daemon = start()
    try:
        wait_until(lambda: server() == daemon.pid, "the first one to serve")
        for number in range(n):
            daemon = dying_round(number, daemon)
    finally:
        daemon.kill()
else:
    for number in range(n):
        round_of(number)
