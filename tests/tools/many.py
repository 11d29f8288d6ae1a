"""many.py SOCKET N: N clients at once; each is answered, and each gets a message that is published to all."""
import sys

from resp import Client, connect_many

path, n = sys.argv[1], int(sys.argv[2])
clients = connect_many(path, n)
for client in clients:
    client.send("PING")
for client in clients:
    assert client.read() == b"PONG"
for i, client in enumerate(clients):
    client.send("SUBSCRIBE", "all", "own%d" % i)
for client in clients:
    client.read()
    client.read()
sender = Client(path)
assert sender.call("PUBLISH", "all", "x") == n
for i in range(0, n, 7):
    assert sender.call("PUBLISH", "own%d" % i, "y") == 1
for i, client in enumerate(clients):
    assert client.read() == [b"message", b"all", b"x"]
    if i % 7 == 0:
        assert client.read() == [b"message", b"own%d" % i, b"y"]
for client in clients:
    client.close()
print("ok")
