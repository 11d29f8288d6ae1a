"""Kills udsctl send --spool, and the daemon, at random moments, and proves that no line is lost.

usage: spool_kill.py UDSD UDSCTL DIRECTORY ROUNDS

Lines go into a FIFO that outlives each udsctl. A reader that is no udsctl takes note of what arrives: every line must,
in order; lines may come again only in runs that step back, and at most as many as there were kills.
"""
import atexit
import os
import random
import subprocess
import sys
import threading
import time

from resp import PATIENCE, Client, wait_until

udsd, udsctl, directory, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
seed = int(os.environ.get("UDSD_TEST_SEED", random.randrange(1 << 32)))
print("UDSD_TEST_SEED=%d" % seed)
rng = random.Random(seed)
path, fifo, spool = (os.path.join(directory, name) for name in ("s", "fifo", "spool"))
received, written = [], 0
full, ended = threading.Event(), threading.Event()  # enough is written; all is read


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
    return start([udsd, "--listen", path], stdout=subprocess.DEVNULL,
                 stderr=open(os.path.join(directory, "udsd.log"), "a"))


def start_udsctl(stdin):
    # A small queue and a small spool, so that their limits are met too.
    return start([udsctl, "--socket", path, "send", "--wait-receiver", "--queue-bytes", "64K",
                  "--spool", spool, "--spool-bytes", "2M", "numbers"],
                 stdin=stdin, stderr=open(os.path.join(directory, "send.err"), "a"))


os.mkfifo(fifo)
hold = os.open(fifo, os.O_RDWR)  # it has a reader and a writer at all times
stdin = os.open(fifo, os.O_RDONLY)
threading.Thread(target=read, daemon=True).start()
writer = threading.Thread(target=write, daemon=True)
writer.start()
daemon, daemon_kills = None, 0
for i in range(rounds):
    if daemon is None and rng.random() < 0.5:
        daemon = start_daemon()
    elif daemon and rng.random() < 0.3:
        daemon.kill()
        daemon.wait()
        daemon, daemon_kills = None, daemon_kills + 1
    send = start_udsctl(stdin)
    time.sleep(rng.random() ** 3 * 0.15)
    send.kill()
    send.wait()

daemon = daemon or start_daemon()
send = start_udsctl(stdin)
full.set()
writer.join(PATIENCE)
os.close(hold)
status = send.wait(PATIENCE)
assert status == 0, "udsctl ended with %d" % status
wait_until(lambda: received and received[-1] == written, "line %d; the last is %s" % (written, received[-1:]))
ended.set()

seen = last = steps = 0
for n in received:
    assert n <= seen + 1, "%d after %d: something is missing" % (n, seen)
    assert n == last + 1 or n <= seen, "%d after %d" % (n, last)
    steps += n != last + 1
    seen, last = max(seen, n), n
assert seen == written, "%d of %d lines arrived" % (seen, written)
assert steps <= rounds + daemon_kills, "%d steps back in %d kills" % (steps, rounds + daemon_kills)
daemon.terminate()
assert daemon.wait(PATIENCE) == 0
print("%d lines, %d repeated in %d steps back, %d kills of udsctl and %d of the daemon" %
      (written, len(received) - written, steps, rounds, daemon_kills))
