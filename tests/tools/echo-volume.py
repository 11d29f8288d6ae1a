"""echo-volume.py SOCKET MIB: sends random bytes to an echo listener and compares what comes back."""
import hashlib
import os
import socket
import sys
import threading

path, mib = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
sock.settimeout(60)
sock.connect(path)
sent, got, n = hashlib.blake2b(), hashlib.blake2b(), 0


def send():
    # Sizes that are no power of two, so that reads and writes never line up.
    left, block = mib << 20, os.urandom(1 << 22)
    offset = 0
    while left:
        size = min(left, 300007, len(block) - offset)
        piece = block[offset:offset + size]
        sent.update(piece)
        sock.sendall(piece)
        left -= size
        offset += size
        if offset == len(block):
            block, offset = os.urandom(1 << 22), 0
    sock.shutdown(socket.SHUT_WR)


thread = threading.Thread(target=send)
thread.start()
while True:
    data = sock.recv(1 << 18)
    if not data:
        break
    got.update(data)
    n += len(data)
thread.join()
if n != mib << 20 or sent.digest() != got.digest():
    sys.exit("sent %d bytes, got %d back, %s" % (mib << 20, n, "altered" if n == mib << 20 else "lost"))
