"""
isolation.py SOCKET DAEMON-PID ROUNDS: a publisher and a receiver of one channel are measured alternately alone and
beside a receiver of other channels that never reads: PUBLISHERS publishers to `stuck.wait` are blocked, and one to
`stuck.drop` goes on at a modest pace (alone, too, where its messages go to nobody). The pair must make progress, and
a message of it must not cost the daemon notably more CPU time than without. Rates and latencies depend on the
machine: they are only printed.
"""
import ctypes
import os
import signal
import statistics
import sys
import time

from resp import Client, info, wait_until

path, daemon, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PUBLISHERS = 50
# A batch is more than queue_limit: the pair's receiver is clogged and drains all the time, too.
MESSAGES, BATCH, SINGLES = 120000, 6000, 1000
PAYLOAD = b"x" * 100
ATTEMPTS, MOST = 6, 1.3


def child(function):
    pid = os.fork()
    if pid == 0:
        status = 1
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # with its parent, should that fail
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def never_read():
    client = Client(path)
    for channel in "stuck.wait", "stuck.drop":
        client.call("SUBSCRIBE", channel)
    signal.pause()


def block():
    client = Client(path)
    client.sock.settimeout(None)
    while True:
        client.call("PUBLISH", "stuck.wait", b"x" * 50000)


def go_on():
    client = Client(path)
    data = Client.encode("PUBLISH", "stuck.drop", PAYLOAD) * 20
    while True:
        client.send_raw(data)
        for _ in range(20):
            client.read()
        time.sleep(0.02)


def cpu():
    """Nanoseconds that the daemon has run."""
    with open("/proc/%d/schedstat" % daemon) as file:
        return int(file.read().split()[0])


def measure():
    """CPU nanoseconds and seconds for each message of the pair, and the 99th percentile of a single one's latency."""
    ready_read, ready_write = os.pipe()
    frame = len(Client.encode("message", "free", PAYLOAD))

    def receive():
        client = Client(path)
        client.call("SUBSCRIBE", "free")
        os.write(ready_write, b"x")
        left = MESSAGES * frame
        while left > 0:
            left -= len(client.sock.recv(1 << 20)) or sys.exit(1)

    receiver = child(receive)
    os.read(ready_read, 1)
    os.close(ready_read)
    os.close(ready_write)
    sender = Client(path)
    data = Client.encode("PUBLISH", "free", PAYLOAD) * BATCH
    before, start = cpu(), time.monotonic()
    for _ in range(MESSAGES // BATCH):
        sender.send_raw(data)
        sender.exactly(len(b":1\r\n") * BATCH)
    if os.waitpid(receiver, 0)[1]:
        sys.exit("the receiver of the pair did not get all")
    used, took = (cpu() - before) / MESSAGES, (time.monotonic() - start) / MESSAGES
    receiver, times = Client(path), []
    receiver.call("SUBSCRIBE", "single")
    for _ in range(SINGLES):
        start = time.monotonic()
        sender.send("PUBLISH", "single", PAYLOAD)
        receiver.read()
        times.append(time.monotonic() - start)
        sender.read()
    receiver.close()
    sender.close()
    return used, took, sorted(times)[SINGLES * 99 // 100]


def measure_beside_stuck():
    receiver = child(never_read)
    control = Client(path)
    wait_until(lambda: control.call("PUBSUB", "NUMSUB", "stuck.drop")[1] == 1, "the stuck receiver")
    publishers = [child(block) for _ in range(PUBLISHERS)]

    def all_blocked():
        """The first ones wait for the answer to what they published; they do not count as blocked."""
        figures = info(control)
        return figures["clogged_clients"] == "1" and int(figures["blocked_clients"]) > PUBLISHERS / 2

    wait_until(all_blocked, "the publishers to be blocked")
    dropped = int(info(control)["messages_dropped"])
    result = measure()
    assert all_blocked(), "somebody got on"
    wait_until(lambda: int(info(control)["messages_dropped"]) > dropped, "the publisher that goes on")
    for pid in publishers + [receiver]:
        end(pid)
    wait_until(lambda: info(control)["clogged_clients"] == "0", "the stuck receiver to be gone")
    control.close()
    return result


def attempt():
    """Returns by how much more CPU time a message costs beside the stuck receiver."""
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(measure())
        beside.append(measure_beside_stuck())
    medians = []
    for name, figures in ("alone", alone), ("beside a stuck receiver", beside):
        used, took, p99 = map(statistics.median, zip(*figures))
        medians.append(used)
        print("%s: %.0f ns of CPU for each message, %.0f messages/s, p99 of one at a time %.0f us" %
              (name, used, 1 / took, p99 * 1e6))
    return medians[1] / medians[0]


pacer = child(go_on)
try:
    ratios = []
    while not ratios or (ratios[-1] > MOST and len(ratios) < ATTEMPTS):
        ratios.append(attempt())
finally:
    end(pacer)
if ratios[-1] > MOST:
    sys.exit("a message costs %s times as much" % ", ".join("%.2f" % ratio for ratio in ratios))
