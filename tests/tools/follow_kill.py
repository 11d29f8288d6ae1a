"""Kills udsctl send --store --follow, and the daemon, while a log grows and is rotated: each line must be stored once.

usage: follow_kill.py UDSD UDSCTL DIRECTORY ROUNDS

The log is renamed, or copied and cut off by a writer that waits with its lines. Several rotations may come while no
sender runs.
"""
import os
import shutil
import sys
import time

from killing import rng, start, start_daemon
from resp import PATIENCE, Client, wait_until

udsd, udsctl, directory, rounds = *sys.argv[1:4], int(sys.argv[4])
path, position, store, logs = (os.path.join(directory, name) for name in ("s", "position", "store", "logs"))
log = os.path.join(logs, "app.log")
os.makedirs(logs, exist_ok=True)
written, rotations, names = 0, 0, []


def start_udsctl():
    return start([udsctl, "--socket", path, "send", "-v", "--store", "--follow", log, "--position", position, "lines"],
                 os.path.join(directory, "send.err"))


def write(count):
    """Writes that end anywhere in a line."""
    global written
    text = b"".join(b"%d is the number of this line\n" % n for n in range(written + 1, written + count + 1))
    written += count
    with open(log, "ab", buffering=0) as f:
        while text:
            cut = rng.randint(1, len(text))
            f.write(text[:cut])
            text = text[cut:]


def rotate():
    global rotations
    rotations += 1
    for n in range(rotations, 0, -1):
        if os.path.exists("%s.%d" % (log, n)):
            os.rename("%s.%d" % (log, n), "%s.%d" % (log, n + 1))
    if rng.random() < 0.6:
        os.rename(log, log + ".1")
        open(log, "x").close()
    else:
        shutil.copyfile(log, log + ".1")
        os.truncate(log, 0)


client = None


def connect():
    global client
    client = Client(path)
    return True


def wait_stored():
    """Until all is stored, or nothing more is for a while: then the rest of the test says what is missing."""
    stored, since = 0, time.monotonic()
    while stored < written and time.monotonic() - since < PATIENCE:
        client.send("XLEN", "lines")
        now = client.read()
        if now > stored:
            stored, since = now, time.monotonic()
        time.sleep(0.01)


def can_connect():
    try:
        return connect()
    except OSError:
        return False


write(5)
daemon, daemon_kills, kills = start_daemon(udsd, path, "--store", store), 0, 0
send = start_udsctl()
wait_until(can_connect, "the daemon")
wait_stored()
send.terminate()
assert send.wait(PATIENCE) == 143
for i in range(rounds):
    if daemon is None:
        daemon = start_daemon(udsd, path, "--store", store)
    send = start_udsctl()
    end = time.monotonic() + rng.random() ** 3 * 0.3
    rotated = 0
    while time.monotonic() < end:
        write(rng.choice((1, 1, 10, 300)))
        time.sleep(0.002)
        if rng.random() < 0.3 and rotated < 3:
            rotate()
            rotated += 1
    if rng.random() < 0.4:
        daemon.kill()
        daemon.wait()
        daemon, daemon_kills = None, daemon_kills + 1
    kills += 1
    if rng.random() < 0.8:
        send.kill()
    else:
        send.terminate()
    send.wait()
    if rng.random() < 0.4:
        write(rng.choice((1, 10, 1000)))
        rotate()

daemon = daemon or start_daemon(udsd, path, "--store", store)
send = start_udsctl()
write(1)
wait_until(can_connect, "the daemon")
wait_stored()
send.terminate()
assert send.wait(PATIENCE) == 143
stored, start_id = [], b"-"
while True:
    client.send("XRANGE", "lines", start_id, "+", "COUNT", "10000")
    entries = client.read()
    if not entries:
        break
    for _, fields in entries:
        n, _, rest = fields[1].partition(b" ")
        assert rest == b"is the number of this line", fields
        stored.append(int(n))
    start_id = b"(" + entries[-1][0]
missing = sorted(set(range(1, written + 1)) - set(stored))
assert not missing, "%d of %d lines are missing: %s..." % (len(missing), written, missing[:5])
twice = sorted(n for n in set(stored) if stored.count(n) > 1) if len(stored) != written else []
assert len(stored) == written, "%d lines are stored twice: %s..." % (len(stored) - written, twice[:5])
daemon.terminate()
assert daemon.wait(PATIENCE) == 0
print("%d lines, %d rotations, %d kills of udsctl and %d of the daemon" % (written, rotations, kills, daemon_kills))
