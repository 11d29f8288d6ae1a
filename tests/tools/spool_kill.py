"""Kills udsctl send --spool, and the daemon, at random moments, and proves that no line is lost.

usage: spool_kill.py UDSD UDSCTL DIRECTORY ROUNDS

Lines go into a FIFO that outlives each udsctl. A reader that is no udsctl takes note of what arrives: every line must,
in order; lines may come again only in runs that step back, and at most as many as there were kills.
"""
import os
import sys
import threading
import time

from killing import Lines, rng, start, start_daemon
from resp import PATIENCE, Client, wait_until

udsd, udsctl, directory, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
path, fifo, spool = (os.path.join(directory, name) for name in ("s", "fifo", "spool"))
lines, received, ended = Lines(fifo), [], threading.Event()  # ended: all is read


def read():
    """Subscribes again and again; what a killed daemon had answered for is still in the socket."""
    while not ended.is_set():
        try:
            client = Client(path, 1)
            client.send("SUBSCRIBE", "numbers")
            while True:
                try:
                    message = client.read()
                except TimeoutError:
                    if ended.is_set():
                        return
                    continue
                if message[0] == b"message":
                    received.append(int(message[2]))
        except OSError:  # no daemon
            time.sleep(0.002)
        except EOFError:
            continue


def start_udsctl():
    # A small queue and a small spool, so that their limits are met too.
    return start([udsctl, "--socket", path, "send", "--wait-receiver", "--queue-bytes", "64K",
                  "--spool", spool, "--spool-bytes", "2M", "numbers"],
                 os.path.join(directory, "send.err"), stdin=lines.stdin)


threading.Thread(target=read, daemon=True).start()
daemon, daemon_kills = None, 0
for i in range(rounds):
    if daemon is None and rng.random() < 0.5:
        daemon = start_daemon(udsd, path)
    elif daemon and rng.random() < 0.3:
        daemon.kill()
        daemon.wait()
        daemon, daemon_kills = None, daemon_kills + 1
    send = start_udsctl()
    time.sleep(rng.random() ** 3 * 0.15)
    send.kill()
    send.wait()

daemon = daemon or start_daemon(udsd, path)
send = start_udsctl()
lines.end()
status = send.wait(PATIENCE)
assert status == 0, "udsctl ended with %d" % status
wait_until(lambda: received and received[-1] == lines.written, "line %d; the last is %s" % (lines.written, received[-1:]))
ended.set()

seen = last = steps = 0
for n in received:
    assert n <= seen + 1, "%d after %d: something is missing" % (n, seen)
    assert n == last + 1 or n <= seen, "%d after %d" % (n, last)
    steps += n != last + 1
    seen, last = max(seen, n), n
assert seen == lines.written, "%d of %d lines arrived" % (seen, lines.written)
assert steps <= rounds + daemon_kills, "%d steps back in %d kills" % (steps, rounds + daemon_kills)
daemon.terminate()
assert daemon.wait(PATIENCE) == 0
print("%d lines, %d repeated in %d steps back, %d kills of udsctl and %d of the daemon" %
      (lines.written, len(received) - lines.written, steps, rounds, daemon_kills))
