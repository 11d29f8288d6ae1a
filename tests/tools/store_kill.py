"""Kills udsctl send --store --spool, and the daemon, at random moments: each line must be in the stream once, in order.

usage: store_kill.py UDSD UDSCTL DIRECTORY ROUNDS [OPTION...]

Lines go into a FIFO that outlives each udsctl. The options are for udsctl send.
"""
import atexit
import os
import random
import subprocess
import sys
import threading
import time

from resp import PATIENCE, Client, wait_until

udsd, udsctl, directory, rounds, options = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5:]
seed = int(os.environ.get("UDSD_TEST_SEED", random.randrange(1 << 32)))
print("UDSD_TEST_SEED=%d" % seed)
rng = random.Random(seed)
path, fifo, spool, store = (os.path.join(directory, name) for name in ("s", "fifo", "spool", "store"))
written = 0
full = threading.Event()  # enough is written


def write():
    """Writes that end anywhere in a line."""
    global written
    rng = random.Random(seed + 1)
    text = b""
    with open(fifo, "wb", buffering=0) as f:
        while not full.is_set():
            count = rng.choice((1, 1, 10, 300))
            text += b"".join(b"%d\n" % n for n in range(written + 1, written + count + 1))
            written += count
            cut = rng.randint(0, len(text))
            f.write(text[:cut])
            text = text[cut:]
            if rng.random() < 0.05:
                time.sleep(0.005)
        f.write(text)


def start(*args, **kwargs):
    process = subprocess.Popen(*args, **kwargs)
    atexit.register(process.kill)
    return process


def start_daemon():
    return start([udsd, "--listen", path, "--store", store], stdout=subprocess.DEVNULL,
                 stderr=open(os.path.join(directory, "udsd.log"), "a"))


def start_udsctl(stdin):
    return start([udsctl, "--socket", path, "send", "--store", "--queue-bytes", rng.choice(("64K", "16M")),
                  "--spool", spool, "--spool-bytes", "2M", *options, "numbers"],
                 stdin=stdin, stderr=open(os.path.join(directory, "send.err"), "a"))


os.mkfifo(fifo)
hold = os.open(fifo, os.O_RDWR)  # it has a reader and a writer at all times
stdin = os.open(fifo, os.O_RDONLY)
writer = threading.Thread(target=write, daemon=True)
writer.start()
daemon, daemon_kills = None, 0
for i in range(rounds):
    if daemon is None:
        daemon = start_daemon()
    send = start_udsctl(stdin)
    time.sleep(rng.random() ** 3 * 0.3)
    if rng.random() < 0.5:
        daemon.kill()
        daemon.wait()
        daemon, daemon_kills = None, daemon_kills + 1
        if rng.random() < 0.5:  # the same udsctl sees the next daemon
            daemon = start_daemon()
            time.sleep(rng.random() ** 3 * 0.3)
    if rng.random() < 0.8:
        send.kill()
    else:
        send.terminate()
    send.wait()

daemon = daemon or start_daemon()
send = start_udsctl(stdin)
full.set()
writer.join(PATIENCE)
os.close(hold)
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
assert len(stored) == written, "%d of %d lines are stored" % (len(stored), written)
daemon.terminate()
assert daemon.wait(PATIENCE) == 0
print("%d lines, %d kills of udsctl and %d of the daemon" % (written, rounds, daemon_kills))
