"""
descriptors.py SOCKET PID N: connects N clients to a daemon that has descriptors for about 50. Those that it
took are served; the others wait without costing the daemon time, and are served as the first ones leave.
"""
import select
import sys
import time

from resp import Client, wait_until

path, pid, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def cpu_seconds():
    fields = open("/proc/%d/stat" % pid).read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


clients = [Client(path) for _ in range(n)]
for client in clients:
    client.send("PING")


def answered():
    return [c for c in clients if select.select([c.sock], [], [], 0)[0]]


wait_until(lambda: len(answered()) >= 20, "the first clients to be served")
served = answered()
assert len(served) < n, "there were descriptors for all"
for client in served:
    assert client.read() == b"PONG"
waiting = [c for c in clients if c not in served]

# One second in which the daemon must not spin; the connected are served meanwhile.
cpu, end, pings = cpu_seconds(), time.monotonic() + 1, 0
while time.monotonic() < end:
    for client in served[:5]:
        assert client.call("PING") == b"PONG"
    pings += 5
    time.sleep(0.02)
spent = cpu_seconds() - cpu
assert spent < 0.3, "the daemon used %.2f s of CPU in a second of waiting" % spent

while waiting:
    for client in served:
        client.close()
    served = []
    wait_until(lambda: any(select.select([c.sock], [], [], 0)[0] for c in waiting), "service of those that waited")
    for client in list(waiting):
        if select.select([client.sock], [], [], 0)[0]:
            assert client.read() == b"PONG"
            waiting.remove(client)
            served.append(client)
