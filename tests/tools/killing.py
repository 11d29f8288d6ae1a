"""
What tests share that kill udsctl and the daemon at random moments: processes, a seed that is printed, and numbered lines
that come through a FIFO that outlives each udsctl.
"""
import atexit
import os
import random
import subprocess
import threading
import time

from resp import PATIENCE, random_seed

seed = random_seed()
print("UDSD_TEST_SEED=%d" % seed)
rng = random.Random(seed)


def start(argv, log, **options):
    """Its standard error goes to the end of the file `log`. It is killed when the test ends."""
    with open(log, "a") as stderr:
        process = subprocess.Popen(argv, stderr=stderr, **options)
    atexit.register(process.kill)
    return process


def start_daemon(udsd, path, *options):
    return start([udsd, "--listen", path, *options], path + ".log", stdout=subprocess.DEVNULL)


class Lines:
    """A writer of the lines 1, 2, ..., whose writes end anywhere in a line. `stdin` is for whoever reads them."""

    def __init__(self, fifo):
        self.fifo, self.written, self.full = fifo, 0, threading.Event()
        os.mkfifo(fifo)
        self.hold = os.open(fifo, os.O_RDWR)  # it has a reader and a writer at all times
        self.stdin = os.open(fifo, os.O_RDONLY)
        self.writer = threading.Thread(target=self.write, daemon=True)
        self.writer.start()

    def write(self):
        rng = random.Random(seed + 1)
        text = b""
        with open(self.fifo, "wb", buffering=0) as f:
            while not self.full.is_set():
                count = rng.choice((1, 1, 10, 300))
                text += b"".join(b"%d\n" % n for n in range(self.written + 1, self.written + count + 1))
                self.written += count
                cut = rng.randint(0, len(text))
                f.write(text[:cut])
                text = text[cut:]
                if rng.random() < 0.05:
                    time.sleep(0.005)
            f.write(text)

    def end(self):
        """No more lines; the reader sees the end of its input."""
        self.full.set()
        self.writer.join(PATIENCE)
        os.close(self.hold)
