"""
Clients of other users, for tests that run as root: each is connected by a process of its own that has become that
user. The socket then comes here by SCM_RIGHTS: whose it is does not change by that.
"""
import grp
import os
import pwd
import signal
import socket
import struct

from resp import Client, Error, info, wait_until  # noqa: F401 (for the tests)


def uid_of(name):
    return pwd.getpwnam(name).pw_uid


def gid_of(name):
    return grp.getgrnam(name).gr_gid


def become(uid, gid, groups=()):
    os.setgroups(list(groups))
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


class User(Client):
    """
    uid: a number or a user's name, with that user's primary group unless gid says otherwise. keep: the process
    that connected lives until close(), under the name `keep`, and its pid is in self.pid.
    """

    def __init__(self, path, uid, gid=None, groups=(), keep=None):
        if isinstance(uid, str):
            gid = pwd.getpwnam(uid).pw_gid if gid is None else gid
            uid = uid_of(uid)
        gid = uid if gid is None else gid
        here, there = socket.socketpair()
        self.keeper = None
        self.pid = os.fork()
        if self.pid == 0:
            # What else is open here stays open as long as the child lives.
            os.closerange(3, there.fileno())
            os.closerange(there.fileno() + 1, 1 << 16)
            self.connect_in_child(path, uid, gid, groups, keep, there)
        there.close()
        word, fds, _, _ = socket.recv_fds(here, 64, 1)
        if keep:
            self.keeper = here
        else:
            os.waitpid(self.pid, 0)
            here.close()
        if not fds:
            raise OSError(int(word), os.strerror(int(word)))
        self.take(socket.socket(fileno=fds[0]))

    def take(self, sock):
        self.sock, self.buffer, self.at = sock, b"", 0
        sock.settimeout(float(os.environ.get("UDSD_TEST_PATIENCE", "30")))

    @staticmethod
    def connect_in_child(path, uid, gid, groups, keep, there):
        try:
            if keep:
                with open("/proc/self/comm", "w") as comm:
                    comm.write(keep)
            become(uid, gid, groups)
            sock = socket.socket(socket.AF_UNIX)
            sock.connect("\0" + path[1:] if path.startswith("@") else path)
            socket.send_fds(there, [b"0"], [sock.fileno()])
            sock.close()
            if keep:
                there.recv(1)
        except OSError as error:
            there.send(b"%d" % error.errno)
        finally:
            os._exit(0)

    def close(self):
        super().close()
        if self.keeper:
            self.keeper.close()
            self.keeper = None
            os.waitpid(self.pid, 0)

    def refused(self, *args):
        """The error that a command gets, which must get one."""
        try:
            answer = self.call(*args)
        except Error as error:
            return str(error)
        raise AssertionError("not refused: %r: %r" % (args, answer))

    def may(self, *args):
        try:
            self.call(*args)
        except Error as error:
            assert str(error).startswith("NOPERM "), error
            return False
        return True

    def is_closed(self):
        """Whether the daemon has closed it; what came before that is read."""
        patience = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            while self.sock.recv(1 << 18):
                pass
            return True
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        finally:
            self.sock.settimeout(patience)


class Anonymous(User):
    def __init__(self, port):
        self.keeper, self.pid = None, 0
        self.take(socket.create_connection(("127.0.0.1", port)))


class Hub:
    """The daemon that runs, by what the tests' shell has exported."""

    def __init__(self):
        self.path, self.pid = os.environ["UDSD_SOCKET"], int(os.environ["UDSD_PID"])
        self.log_path, self.conf_path = os.environ["LOG"], os.environ["CONF"]
        self.head = open(self.conf_path).read().split("# rules\n")[0]
        self.port = int(os.environ.get("PORT", "0"))

    def user(self, uid, gid=None, groups=(), keep=None):
        return User(self.path, uid, gid, groups, keep)

    def log(self):
        return open(self.log_path, errors="replace").read()

    def logged(self, text):
        wait_until(lambda: text in self.log(), "the log's line: " + text)

    def reload(self, rules, expected="the configuration was reloaded"):
        before = self.log().count(expected)
        with open(self.conf_path, "w") as conf:
            conf.write(self.head + "# rules\n" + rules)
        os.kill(self.pid, signal.SIGHUP)
        wait_until(lambda: self.log().count(expected) > before, expected)

    def rss(self):
        """KiB."""
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * (os.sysconf("SC_PAGESIZE") // 1024)

    def info(self, field):
        client = Client(self.path)
        value = info(client)[field]
        client.close()
        return int(value)


def peer_of(sock):
    """(pid, uid, gid) of the other end, as the kernel has it."""
    return struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
