"""notified.py SOCKET N: stands in for the service manager: prints N messages of sd_notify(3)."""
import socket
import sys

sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(sys.argv[1])
sock.settimeout(60)
for _ in range(int(sys.argv[2])):
    print(sock.recv(4096).decode(), flush=True)
