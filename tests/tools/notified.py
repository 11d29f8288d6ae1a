"""notified.py SOCKET: stands in for the service manager: prints what it is told (sd_notify(3)) until STOPPING=1."""
import socket
import sys

sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(sys.argv[1])
sock.settimeout(60)
told = ""
while "STOPPING=1" not in told:
    told = sock.recv(4096).decode()
    print(told, flush=True)
