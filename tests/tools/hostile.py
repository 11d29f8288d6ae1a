"""hostile.py SOCKET WHAT: one kind of bad client; prints a line when it has done its worst, then stays."""
import signal
import socket
import sys

from resp import Client

path, what = sys.argv[1:3]


def ready():
    print("done", flush=True)
    signal.pause()


def send_until_full(sock, data):
    """Sends until the socket has taken nothing for a while: the daemon has stopped reading."""
    sock.settimeout(1)
    total = 0
    try:
        while True:
            total += sock.send(data)
    except socket.timeout:
        return total


client = Client(path)
if what == "flood":  # sends what makes output, never reads
    send_until_full(client.sock, b"PING\r\n" * 8192)
elif what == "half":  # half a frame
    client.send_raw(b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nchan\r\n$1000000\r\n" + b"x" * 500000)
elif what == "subscribe":  # receives, and never reads
    client.send("SUBSCRIBE", *sys.argv[3:])
    for _ in sys.argv[3:]:
        client.read()
else:
    sys.exit("unknown: " + what)
ready()
