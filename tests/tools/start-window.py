"""
start-window.py UDSD CONF SOCKET N: starts and ends a daemon N times, by SIGTERM and by SIGKILL in turn, while nobody
(the user) connects in a tight loop to the socket and to whatever else appears beside it. Prints how often that was
tried, and how often it got in.
"""
import os
import signal
import socket
import subprocess
import sys

from users import Client, become, gid_of, uid_of, wait_until

udsd, conf, path, n = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


def intrude(report):
    stop = []
    signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))
    become(uid_of("nobody"), gid_of("nogroup"))
    directory, tried, in_ = os.path.dirname(path), 0, 0
    while not stop:
        names = [path] * 20 + [directory + "/" + name for name in os.listdir(directory) if name.startswith(".")]
        for name in names:
            sock = socket.socket(socket.AF_UNIX)
            tried += 1
            in_ += sock.connect_ex(name) == 0
            sock.close()
    os.write(report, b"%d %d" % (tried, in_))
    os._exit(0)


def serves():
    try:
        return Client(path).call("PING") == b"PONG"
    except (OSError, EOFError):
        return False


reader, writer = os.pipe()
intruder = os.fork()
if intruder == 0:
    intrude(writer)
try:
    for i in range(n):
        daemon = subprocess.Popen([udsd, "--config", conf], stderr=subprocess.DEVNULL)
        wait_until(serves, "the daemon to serve")
        daemon.send_signal(signal.SIGKILL if i % 2 else signal.SIGTERM)
        daemon.wait()
finally:
    os.kill(intruder, signal.SIGTERM)
    os.waitpid(intruder, 0)
print(os.read(reader, 100).decode())
