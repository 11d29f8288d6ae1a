"""
memory.py SOCKET ECHO-SOCKET DAEMON-PID SECONDS CHECK: 1,000 clients of an ordinary user do their worst for a while.
With CHECK 1 the daemon's resident memory must stay below the sum of what the limits allow them and 32 MiB, and must be
back near what it was before soon after they have left, by INFO and by the kernel. The limits are those of memory.bats.
"""
import os
import random
import select
import signal
import socket
import sys
import time
import traceback

from resp import PATIENCE, Client, info, wait_until

path, echo, daemon, seconds, check = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5] == "1"
K, M = 1024, 1024 * 1024
PER_UID, OVER_QUOTA, MESSAGE, ROOM = 24 * M, 16 * K, 64 * K, 1 * M

encode = Client.encode


def commands(*lines):
    return b"".join(line.encode() + b"\r\n" for line in lines)


def forever(data):
    while True:
        yield data


def silent(_):
    yield from ()


def unread(n):
    yield encode("SUBSCRIBE", "flood.drop", "own.%d" % n)
    if n % 4 == 0:
        yield encode("PSUBSCRIBE", "flood.w*")


def publishing(n):
    """Answers are not read either, but for those that must go on."""
    rng = random.Random(n)
    while True:
        yield encode("PUBLISH", rng.choice(["flood.drop", "flood.drop", "flood.wait", "own.%d" % rng.randrange(300)]),
                     b"x" * rng.choice([1, 100, 3000, 20000, MESSAGE - 100]))


def half(n):
    yield b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nhalf\r\n$%d\r\n" % (MESSAGE - 10) + b"x" * (MESSAGE - 100)


def half_of_many(n):
    yield b"*%d\r\n" % (ROOM // 32)
    yield b"$9\r\narguments\r\n" * (ROOM // 32 - 1)


def half_line(n):
    yield b"PUBLISH half " + b"x" * (60 * K)


def multi(n):
    yield b"MULTI\r\n"
    for _ in range((MESSAGE + ROOM) // 1100):
        yield encode("PUBLISH", "multi", b"x" * 1000)


def subscribed(n):
    for i in range(100):
        yield encode("SUBSCRIBE" if i % 3 else "SSUBSCRIBE", b"n%d.%d." % (n, i) + b"x" * 900)


def patterned(n):
    for i in range(100):
        yield encode("PSUBSCRIBE", b"p%d.%d.*" % (n, i) + b"[a-z]*" * 100)


def naming(n):
    rng = random.Random(n)
    yield encode("CLIENT", "SETNAME", "x" * 250)
    while True:
        yield encode("PUBLISH", b"p%d.%d." % (rng.randrange(50), rng.randrange(100)) + b"%d" % rng.randrange(1 << 40),
                     "x")
        yield encode("PUBSUB", "NUMSUB", *[b"%d" % rng.randrange(1 << 40) for _ in range(50)])


def flooding(n):
    words = ["COMMAND", "CLIENT LIST", "UDSD CLIENTS", "INFO everything", "PUBSUB CHANNELS", "COMMAND DOCS",
             "CONFIG GET *", "PING"]
    yield from forever(commands(*words[n % len(words):], *words))


def monitoring(n):
    yield b"MONITOR\r\n"


def echoing(n):
    yield from forever(b"x" * 65536)


def echoing_commands(n):
    yield from forever(encode("ECHO", b"x" * 30000))


# How many do what.
KINDS = [(silent, 100), (unread, 200), (publishing, 100), (half, 100), (half_of_many, 10), (half_line, 30), (multi, 20),
         (subscribed, 50), (patterned, 50), (naming, 40), (flooding, 100), (monitoring, 5), (echoing, 50),
         (echoing_commands, 50)]
LOOPING = 50
CLIENTS = LOOPING + sum(count for _, count in KINDS)
NOBODY = 65534
# Names of up to 1 KiB are kept by the channel and in its head, with what belongs to a subscription.
NAMES = CLIENTS // 20 * 100 * 3 * K + CLIENTS // 20 * 100 * 2 * K
# Unsent output and unfinished commands are bounded by queue_limit_per_uid; while a user has that much, each of his
# clients may have 16 KiB of both. A client itself, with its name and its few subscriptions, takes 4 KiB at most.
BOUND = 2 * (PER_UID + CLIENTS * OVER_QUOTA) + NAMES + CLIENTS * 4 * K
BACK = 2 * M


def send_all(clients, until):
    """Sends what each client has to say, as far as its socket takes it; nothing is read."""
    waiting = {}
    for client, script in clients:
        waiting[client] = [script, memoryview(b"")]
    poll = select.poll()
    by_fd = {client.fileno(): client for client in waiting}
    for fd in by_fd:
        poll.register(fd, select.POLLOUT)
    while time.monotonic() < until:
        if not by_fd:
            time.sleep(0.05)
        for fd, _ in poll.poll(50) if by_fd else []:
            entry = waiting[by_fd[fd]]
            try:
                if not entry[1]:
                    entry[1] = memoryview(next(entry[0]))
                entry[1] = entry[1][by_fd[fd].send(entry[1]):]
            except BlockingIOError:
                pass
            except (StopIteration, OSError):
                poll.unregister(fd)
                del by_fd[fd]


def run(kind, count, until, ready):
    os.setuid(0 if kind is monitoring else NOBODY)
    clients = []
    for n in range(count):
        client = socket.socket(socket.AF_UNIX)
        client.connect(echo if kind is echoing else path)
        client.setblocking(False)
        clients.append((client, kind(n)))
    os.write(ready, b"x")
    send_all(clients, until)
    signal.pause()


def loop(count, until, ready):
    os.setuid(NOBODY)
    os.write(ready, b"x")
    rng = random.Random(1)
    clients = []
    while time.monotonic() < until:
        try:
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            client.setblocking(False)
            client.send(rng.choice([b"", b"PING\r\n", b"SUBSCRIBE a b c\r\n", encode("ECHO", b"x" * 50000)]))
            clients.append(client)
        except OSError:
            pass
        if len(clients) >= count:
            clients.pop(rng.randrange(count)).close()
    signal.pause()


def child(function, *args):
    pid = os.fork()
    if pid == 0:
        try:
            function(*args)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    return pid


def resident(name):
    with open("/proc/%d/status" % daemon) as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields[name].split()[0]) * K


FACTOR = 1.5
control = Client(path)
start_used, start_resident = int(info(control)["used_memory"]), resident("RssAnon")
until = time.monotonic() + seconds
ready_read, ready_write = os.pipe()
children = [child(run, kind, count, until, ready_write) for kind, count in KINDS]
children.append(child(loop, LOOPING, until, ready_write))
try:
    for _ in children:
        assert select.select([ready_read], [], [], PATIENCE)[0], "a client process did not begin"
        os.read(ready_read, 1)
    most_clients, worst_factor, unaccounted = 0, 0, []
    while time.monotonic() < until:
        assert control.call("PING") == b"PONG"  # and others are served
        figures = info(control)
        most_clients = max(most_clients, int(figures["connected_clients"]))
        grown = resident("RssAnon") - start_resident
        # The daemon knows of what it has taken: the kernel sees little more, however the heap is cut up.
        if check and grown > FACTOR * int(figures["accounted_bytes"]) + 16 * M:
            unaccounted.append((grown, int(figures["accounted_bytes"])))
        worst_factor = max(worst_factor, (grown - 16 * M) / int(figures["accounted_bytes"]))
        time.sleep(0.05)
    assert not os.waitpid(-1, os.WNOHANG)[0], "a client process ended early"
finally:
    peak = resident("VmHWM")
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    for pid in children:
        os.waitpid(pid, 0)
print("%d clients, %.1f MiB at most, %.1f MiB allowed" % (most_clients, peak / M, (BOUND + 32 * M) / M))
print("by the kernel at most %.2f times what the daemon has accounted for, beyond 16 MiB" % worst_factor)
assert not unaccounted, unaccounted
assert most_clients > 800, "too few clients: %d" % most_clients
wait_until(lambda: info(control)["connected_clients"] == "1", "the clients to be gone")
if check:
    assert peak < BOUND + 32 * M
    used = []

    def is_back():
        # Without the pages of the program that have been read in since.
        used[:] = [int(info(control)["used_memory"]) - start_used, resident("RssAnon") - start_resident]
        return max(used) < BACK

    try:
        wait_until(is_back, "the memory to be given back")
    finally:
        print("afterwards %d KiB more in use by INFO, %d KiB by the kernel" % (used[0] / K, used[1] / K))
