"""A server under test, and what the runner does on its connections. Both servers run here in the same way."""
import atexit
import errno
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

from sequence import Mistake

PATIENCE = float(os.environ.get("UDSD_TEST_PATIENCE", "30"))
SIOCOUTQ = 0x5411
SOCKET = "./s"
CONTROL = b"control_"
# What MONITOR shows of the control connection.
CONTROL_LINE = re.compile(
    rb'\+[\d.]+ \[[^\r\n]*\] ("PING" "%s\d+"|"WAITAOF" "1" "0" "0"|"SELECT" "15"|"FLUSHDB" "SYNC")\r\n' % CONTROL)


class Gone(Exception):
    """The server ended, or does not answer."""


class Connection:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(path)
        self.sock.setblocking(False)
        self.received = b""
        self.is_closed = False
        self.is_told = False  # whether the runner has noted the end

    def drain(self):
        """Takes what has come. Returns whether there was anything, be it the end."""
        before = len(self.received)
        while not self.is_closed:
            try:
                data = self.sock.recv(1 << 18)
            except BlockingIOError:
                return len(self.received) > before
            except ConnectionResetError:
                data = b""
            self.received = CONTROL_LINE.sub(b"", self.received + data)
            self.is_closed = not data
            if self.is_closed:
                return True
        return False

    def is_read(self):
        """Whether the server has read all that was sent: on a Unix socket the kernel counts it until then."""
        return struct.unpack("i", fcntl.ioctl(self.sock, SIOCOUTQ, b"\0\0\0\0"))[0] == 0

    def take(self):
        data, self.received = self.received, b""
        return data


class Server:
    """Runs in a directory of its own and listens on ./s in it, so that both give their clients the same address."""

    def __init__(self, name, argv, directory, barrier=b"", end_of_barrier=b""):
        self.name, self.directory = name, directory
        self.path = os.path.join(directory, "s")
        self.log = os.path.join(directory, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        atexit.register(self.kill)
        # What the control connection sends to wait for the answers that come from another thread, and what it is told.
        self.barrier, self.end_of_barrier = barrier, end_of_barrier
        self.connections = {}
        self.last_id = 0
        self.ids = {}
        self.syncs = 0
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.control = self._connect_control()
                return
            except OSError:
                self.check(end)
                time.sleep(0.01)

    def check(self, end):
        if time.monotonic() < end - PATIENCE + 1:
            return  # that it is slow will be noticed soon enough
        if self.process.poll() is not None:
            words = self.name, self.process.returncode, self.last_words()
            raise Gone("%s ended with status %d and said:\n%s" % words)
        if time.monotonic() > end:
            raise Gone("%s did not answer for %g s" % (self.name, PATIENCE))

    def reach(self, connect):
        try:
            return connect()
        except OSError as error:
            raise Gone("%s: %s" % (self.name, error)) from None

    def stop(self):
        """Returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _connect_control(self):
        control = Connection(self.path)
        self._exchange(control, b"CLIENT ID\r\n", b"\r\n")
        # Clients are numbered as they connect, and nobody else connects: the ids of the next ones are known.
        self.last_id = self.control_id = int(control.take()[1:])
        return control

    def _exchange(self, connection, request, end_of_answer):
        end = time.monotonic() + PATIENCE
        connection.sock.send(request)
        while not connection.received.endswith(end_of_answer):
            if not select.select([connection.sock], [], [], 1)[0]:
                self.check(end)
            connection.drain()
            if connection.is_closed:
                raise BrokenPipeError(errno.EPIPE, "closed by %s" % self.name)

    def open(self, name):
        self.connections[name] = self.reach(lambda: Connection(self.path))
        self.last_id += 1
        self.ids[self.last_id] = name

    def close(self, name):
        connection = self.connections.pop(name)
        connection.sock.close()

    def shut(self, name):
        self.connections[name].sock.shutdown(socket.SHUT_WR)

    def close_all(self):
        for name in list(self.connections):
            self.close(name)
        self.ids = {}
        self.settle()

    def name_of(self, what, connection):
        """What stands for {id:a} and the like."""
        if what != "id":
            return SOCKET.encode() + b":0"
        numbers = [number for number, name in self.ids.items() if name == connection]
        if not numbers:
            raise Mistake("connection %s is not open yet" % connection)
        return b"%d" % numbers[-1]

    def send(self, name, pieces):
        """Sends the pieces so that the server reads each of them by itself, until it closes the connection."""
        connection = self.connections[name]
        end = time.monotonic() + PATIENCE
        for piece in pieces:
            while piece and not connection.is_closed:
                try:
                    piece = piece[connection.sock.send(piece):]
                except BlockingIOError:  # perhaps the server waits until its answers are taken
                    self.drain()
                    self.check(end)
                except (BrokenPipeError, ConnectionResetError):
                    break
            spins = 0
            while len(pieces) > 1 and not connection.is_closed and not connection.is_read():
                os.sched_yield()
                spins += 1
                if spins % 64 == 0:
                    self.drain()
                    self.check(end)

    def forget(self):
        """Deletes the keys that a file may have left because it was not run to its end."""
        self.reach(lambda: self._exchange(self.control, b"FLUSHALL\r\n", b"\r\n"))
        self.control.take()

    def drain(self):
        """Returns whether anything came."""
        return any([connection.drain() for connection in self.connections.values()])

    def settle(self):
        """
        Waits until all that was sent has been handled and all that it caused has come. What a server has read before it
        reads a PING on the control connection, it has answered before that PING, as far as there was room in the
        sockets; with a barrier, in the same moment. So it is over when all was read, and a whole round after that
        brings nothing more.
        """
        end = time.monotonic() + PATIENCE
        while True:
            self.check(end)
            is_read = all(c.is_read() for c in self.connections.values() if not c.is_closed)
            self.syncs += 1
            marker = CONTROL + b"%d" % self.syncs
            try:
                if self.barrier:
                    self._exchange(self.control, self.barrier, self.end_of_barrier)
                self._exchange(self.control, b"PING %s\r\n" % marker, marker + b"\r\n")
                self.control.take()
            except (BrokenPipeError, ConnectionResetError):  # a CLIENT KILL that meant others too
                self.control = self.reach(self._connect_control)
                is_read = False
            if not self.drain() and is_read:
                return
