"""
wrong-hub.py [--version | --config FILE ...]: stands in for udsd, and delivers every message but one as it should:
the one numbered 7 comes twice and the one numbered 8 never.
"""
import selectors
import socket
import sys

if sys.argv[1] == "--version":
    sys.exit(print("udsd 0.0"))
path = next(line.split("= ")[1].strip() for line in open(sys.argv[2]) if line.startswith("listen"))
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
receivers = []


def answer(client, data):
    if b"PING" in data:
        client.send(b"+PONG\r\n")
    elif b"SUBSCRIBE" in data:
        receivers.append(client)
        client.send(b"*3\r\n$9\r\nsubscribe\r\n$2\r\nc0\r\n:1\r\n")
    else:
        wrong = data.replace(b"PUBLISH", b"message").replace(b"%016d" % 8, b"%016d" % 7)
        for receiver in receivers:
            receiver.send(wrong)
        client.send(b":1\r\n" * data.count(b"PUBLISH"))


while True:
    for key, _ in selector.select():
        if key.fileobj is listener:
            selector.register(listener.accept()[0], selectors.EVENT_READ)
            continue
        data = key.fileobj.recv(65536)
        if data:
            answer(key.fileobj, data)
        else:
            selector.unregister(key.fileobj)
