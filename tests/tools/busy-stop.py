"""
busy-stop.py SOCKET DAEMON-PID: 400 clients have sent more commands than are handled in one pass when SIGTERM comes.
What was read of each of them is answered, before the daemon ends.
"""
import os
import signal
import sys

from resp import Client

path, daemon = sys.argv[1], int(sys.argv[2])
clients = []
for _ in range(400):
    clients.append(Client(path))
    assert clients[-1].call("PING") == b"PONG"
os.kill(daemon, signal.SIGSTOP)
sent = []
for client in clients:
    client.sock.setblocking(False)
    sent.append(client.sock.send(b"PING\r\n" * 25000) // 6)
    client.sock.setblocking(True)
os.kill(daemon, signal.SIGCONT)
os.kill(daemon, signal.SIGTERM)
answered = [client.read_to_end().count(b"+PONG\r\n") for client in clients]
# The daemon reads more at once than a socket holds.
wrong = [(a, s) for a, s in zip(answered, sent) if a not in (0, s)]
assert not wrong, "answered, of sent: %r" % wrong
print("%d of %d clients were read" % (sum(a > 0 for a in answered), len(clients)))
