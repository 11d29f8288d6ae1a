"""
backlog.py PID SIGNAL [TYPE:ADDRESS:TEXT]...: while the daemon PID is stopped, programs connect to each address, send TEXT
and leave; a TEXT with %d is sent by 100 programs, each with a number, or as 8 datagrams, of which a socket keeps few. Then
the daemon gets the signal, and goes on. TYPE: stream, seqpacket, dgram or tcp.
"""
import os
import signal
import socket
import sys

TYPES = {"stream": socket.SOCK_STREAM, "seqpacket": socket.SOCK_SEQPACKET, "dgram": socket.SOCK_DGRAM}


def send(kind, address, text):
    if kind == "tcp":
        sock = socket.create_connection(("127.0.0.1", int(address)))
    else:
        sock = socket.socket(socket.AF_UNIX, TYPES[kind])
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
    with sock:
        sock.sendall(text.encode().decode("unicode_escape").encode())


pid, number = int(sys.argv[1]), int(sys.argv[2])
os.kill(pid, signal.SIGSTOP)
for argument in sys.argv[3:]:
    kind, address, text = argument.split(":", 2)
    for i in range((8 if kind == "dgram" else 100) if "%d" in text else 1):
        send(kind, address, text.replace("%d", str(i)))
os.kill(pid, number)
os.kill(pid, signal.SIGCONT)
