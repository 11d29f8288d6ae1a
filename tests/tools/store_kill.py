"""Kills udsctl send --store --spool, and the daemon, at random moments: each line must be in the stream once, in order.

usage: store_kill.py UDSD UDSCTL DIRECTORY ROUNDS [OPTION...]

Lines go into a FIFO that outlives each udsctl. The options are for udsctl send.
"""
import os
import sys
import time

from killing import Lines, rng, start, start_daemon
from resp import PATIENCE, Client

udsd, udsctl, directory, rounds, options = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5:]
path, fifo, spool, store = (os.path.join(directory, name) for name in ("s", "fifo", "spool", "store"))
lines = Lines(fifo)


def start_udsctl():
    return start([udsctl, "--socket", path, "send", "--store", "--queue-bytes", rng.choice(("64K", "16M")),
                  "--spool", spool, "--spool-bytes", "2M", *options, "numbers"],
                 os.path.join(directory, "send.err"), stdin=lines.stdin)


daemon, daemon_kills = None, 0
for i in range(rounds):
    if daemon is None:
        daemon = start_daemon(udsd, path, "--store", store)
    send = start_udsctl()
    time.sleep(rng.random() ** 3 * 0.3)
    if rng.random() < 0.5:
        daemon.kill()
        daemon.wait()
        daemon, daemon_kills = None, daemon_kills + 1
        if rng.random() < 0.5:  # the same udsctl sees the next daemon
            daemon = start_daemon(udsd, path, "--store", store)
            time.sleep(rng.random() ** 3 * 0.3)
    if rng.random() < 0.8:
        send.kill()
    else:
        send.terminate()
    send.wait()

daemon = daemon or start_daemon(udsd, path, "--store", store)
send = start_udsctl()
lines.end()
status = send.wait(PATIENCE)
assert status == 0, "udsctl ended with %d" % status
client = Client(path)
stored, start_id = [], b"-"
while True:
    client.send("XRANGE", "numbers", start_id, "+", "COUNT", "10000")
    entries = client.read()
    if not entries:
        break
    assert all(fields[0] == b"message" and len(fields) == 2 for _, fields in entries)
    stored += [int(fields[1]) for _, fields in entries]
    start_id = b"(" + entries[-1][0]
for at, n in enumerate(stored):
    assert n == at + 1, "%d at %d, after %s" % (n, at + 1, stored[max(0, at - 3):at])
assert len(stored) == lines.written, "%d of %d lines are stored" % (len(stored), lines.written)
daemon.terminate()
assert daemon.wait(PATIENCE) == 0
print("%d lines, %d kills of udsctl and %d of the daemon" % (lines.written, rounds, daemon_kills))
