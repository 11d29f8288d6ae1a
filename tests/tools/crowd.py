"""What worst-case.py and tests/bench/work put around a daemon, and how they measure what it does."""
import ctypes
import os
import resource
import select
import signal
import socket
import time

from resp import PATIENCE, Client, info, wait_until

NOBODY = 65534


def allow_descriptors(wanted):
    """Raises the limit of this process as far as it may. Returns how many it may have, at most the wanted number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(wanted, hard)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return min(most, max(soft, most))


class As:
    """Connects are made as this user; None: as the user of the process."""

    def __init__(self, uid):
        self.uid = uid

    def __enter__(self):
        if self.uid is not None:
            os.seteuid(self.uid)

    def __exit__(self, *_):
        if self.uid is not None:
            os.seteuid(0)


def encode_all(commands):
    return b"".join(Client.encode(*command) for command in commands)


class Crowd:
    """
    A process with many clients that read all they get, unless told otherwise. plan: for each client, the commands that
    it sends first; when they are done, the crowd is there. last: what client i sends then.
    """

    def __init__(self, path, uid, plan, last=None, reads=True):
        ready, begin = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # with its parent
                os.close(ready[0])
                self.run(path, uid, plan, last, reads, ready[1])
                status = 0
            finally:
                os._exit(status)
        os.close(ready[1])
        os.close(begin[0])
        os.close(begin[1])
        if os.read(ready[0], 1) != b"x":
            raise AssertionError("the crowd could not come")
        os.close(ready[0])

    @staticmethod
    def run(path, uid, plan, last, reads, ready):
        poll, socks = select.epoll(), {}
        end = b"%d" % os.getpid()
        waiting = set()
        for commands in plan:
            with As(uid):
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.connect(path)
            sock.sendall(encode_all(commands + [["SUBSCRIBE", end]]))
            socks[sock.fileno()] = sock
            waiting.add(sock.fileno())
            poll.register(sock, select.EPOLLIN)
            if len(waiting) % 50 == 0:
                Crowd.drain(poll, socks, waiting, end, 0)
        while waiting:
            Crowd.drain(poll, socks, waiting, end, 1)
        for i, sock in enumerate(socks.values() if last else []):
            sock.sendall(encode_all(last(i)))
        os.write(ready, b"x")
        while socks and not reads:
            signal.pause()
        while socks:
            Crowd.drain(poll, socks, waiting, end, -1)

    @staticmethod
    def drain(poll, socks, waiting, end, timeout):
        for fd, _ in poll.poll(timeout):
            try:
                data = socks[fd].recv(1 << 18)
            except ConnectionResetError:
                data = b""
            if fd in waiting and end in data:
                waiting.discard(fd)
            if not data:
                poll.unregister(fd)
                waiting.discard(fd)
                socks.pop(fd).close()

    def end(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


# Most are slow to match with the names that are published to; none has so many bytes that it counts twice.
PATTERNS = ["*a*a*a*a*a*a*a*a*a*a*b%d", "*????????????????????????%d", "*[a-c][a-c][a-c][^b]ab%d",
            "*aaaaaaaab*aaaaaaaab%d", "*a?a?a?a?a?a?a?a?a?a?ab%d", "*[^b-y][abc][!-~]ab%d", "news.%d.*", "h*%d"]


def plan_crowd(clients, channels, patterns, hot):
    """Clients that all receive the channel `hot`, of which some have all of these channels and patterns."""
    plan = []
    for i in range(clients):
        commands = [["HELLO", "3"]] if i % 2 else []
        own = range(channels * i // clients, channels * (i + 1) // clients)
        commands.append(["SUBSCRIBE", hot] + ["c.%d" % n for n in own])
        own = range(patterns * i // clients, patterns * (i + 1) // clients)
        if own:
            commands.append(["PSUBSCRIBE"] + [PATTERNS[n % len(PATTERNS)] % n for n in own])
        plan.append(commands)
    return plan


class Meter:
    """Figures of the daemon, asked for by a client that nothing else is done with."""

    def __init__(self, path, daemon):
        self.path, self.daemon = path, daemon
        self.control = Client(path)

    def cpu(self):
        """Nanoseconds that the daemon has run."""
        with open("/proc/%d/schedstat" % self.daemon) as file:
            return int(file.read().split()[0])

    def info(self):
        try:
            return info(self.control)
        except (EOFError, OSError):  # a command has closed it
            self.control.close()
            self.control = Client(self.path)
            return info(self.control)

    def figures(self):
        """CPU time in ns, work done and the costliest pass, as of now."""
        figures = self.info()
        return self.cpu(), int(figures["work_total"]), int(figures["pass_work_max"])

    def wait_for(self, condition, what):
        wait_until(lambda: condition(self.info()), what)


def converse(path, uid, data, seconds=PATIENCE):
    """
    Sends data, and reads until the daemon closes the connection; or leaves after so many seconds. Returns the number
    of bytes that came and the last of them.
    """
    with As(uid):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(path)
    sock.setblocking(False)
    poll, end, view, came, last = select.poll(), time.monotonic() + seconds, memoryview(data), 0, b""
    poll.register(sock, select.POLLIN | select.POLLOUT)
    try:
        while time.monotonic() < end:
            for _, events in poll.poll(1000 * max(0, end - time.monotonic())):
                if events & (select.POLLIN | select.POLLHUP):
                    got = sock.recv(1 << 20)
                    if not got:
                        return came, last
                    came, last = came + len(got), got
                elif events & select.POLLOUT:
                    view = view[sock.send(view[:1 << 20]):]
                    if not view:
                        sock.shutdown(socket.SHUT_WR)
                        poll.modify(sock, select.POLLIN)
    except (ConnectionResetError, BrokenPipeError):
        pass
    finally:
        sock.close()
    return came, last
