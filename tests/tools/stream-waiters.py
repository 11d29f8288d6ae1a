"""
stream-waiters.py CASE SOCKET [DAEMON-PID [PORT]]: clients that wait for entries of streams, as they are woken,
end, hang up or are unblocked. One case each, which prints what went wrong.
"""
import os
import select
import signal
import socket
import struct
import sys
import time

from resp import Client, Error, info, wait_until

case, path = sys.argv[1], sys.argv[2]
daemon = int(sys.argv[3]) if len(sys.argv) > 3 else 0
admin = Client(path)


def blocked():
    return int(info(admin)["blocked_clients"])


def block(client, *args):
    """The client waits: as many are blocked as before, and one more."""
    before = blocked()
    client.send(*args)
    wait_until(lambda: blocked() == before + 1, "a client that blocks")
    return client


def xread(client, *streams, ms="0", ids=None):
    return block(client, "XREAD", "BLOCK", ms, "STREAMS", *streams, *(ids or ["$"] * len(streams)))


def worker(name, group="g", stream="s", count="1"):
    return block(Client(path), "XREADGROUP", "GROUP", group, name, "COUNT", count, "BLOCK", "0", "STREAMS", stream, ">")


def ids(answer):
    """The ids of an answer about one stream."""
    return [entry[0].decode() for entry in answer[0][1]]


def has_answer(client):
    return client.at < len(client.buffer) or bool(select.select([client.sock], [], [], 0)[0])


def case_wakes():
    clients = [xread(Client(path), "s"), xread(Client(path), "other", "s"), xread(Client(path), "s", ids=["5"])]
    assert not any(map(has_answer, clients))
    admin.call("XADD", "s", "1-1", "f", "v")
    assert ids(clients[0].read()) == ["1-1"] and ids(clients[1].read()) == ["1-1"]
    # The third wants larger ids.
    admin.call("XADD", "s", "5-0", "f", "v")
    admin.call("XADD", "s", "5-1", "f", "v")
    assert ids(clients[2].read())[0] == "5-1"
    assert blocked() == 0
    # One that waited for another stream, too, waits there no more.
    admin.call("XADD", "other", "1-1", "f", "v")
    assert clients[1].call("PING") == b"PONG"
    # A stream that goes is waited for by its name.
    xread(clients[0], "s", "other", ids=["$", "5"])
    admin.call("DEL", "s")
    admin.call("XADD", "s", "1-1", "f", "v")
    admin.call("XADD", "s", "9-1", "f", "v")
    assert ids(clients[0].read()) == ["9-1"]


def entry_of(number, size):
    return [b"%d-1" % number, [b"f", b"%d" % number * size]]


def answer_of(version, name, entries):
    """What Client makes of an answer about one stream."""
    if not entries:
        return None
    return [name, entries] if version == "3" else [[name, entries]]


def case_followers():
    """Those that want the same get the same, and nobody gets another's answer."""
    for size in (1, 700, 30000):
        name = "s%d" % size
        for number in (1, 2):
            admin.call("XADD", name, "%d-1" % number, "f", str(number) * size)
        waiting = []
        for _ in range(3):
            for version in ("2", "3"):
                for count in (1, 2, 9):
                    for after in (2, 3):
                        client = Client(path)
                        client.call("HELLO", version)
                        block(client, "XREAD", "COUNT", str(count), "BLOCK", "0", "STREAMS", name, "%d-1" % after)
                        waiting.append((client, version, count, after))
        others = [xread(Client(path), name, "other") for _ in range(3)]
        commands = [["XADD", name, "%d-1" % number, "f", str(number) * size] for number in (3, 4, 5, 6)]
        admin.send_raw(b"".join(Client.encode(*command) for command in
                                [["MULTI"], *commands, ["XDEL", name, "5-1"], ["EXEC"]]))
        for _ in range(7):
            admin.read()
        entries = [entry_of(number, size) for number in (3, 4, 6)]
        for client, version, count, after in waiting:
            expected = answer_of(version, name.encode(), entries[after - 2:][:count])
            answer = client.read()
            assert answer == expected, (size, version, count, after, answer)
            client.close()
        for client in others:
            assert ids(client.read()) == ["3-1", "4-1", "6-1"]


def case_changes_between():
    """The same question in one packet, again and again, while the stream changes in between."""
    read = ["XREAD", "STREAMS", "s", "0"]
    entries, expected, commands = [], [], []

    def ask(command, answer, now):
        commands.extend((command, read, read))
        expected.extend((answer, *[[[b"s", now]] if now else None] * 2))

    for number in (1, 2, 3):
        entries = [*entries, entry_of(number, 300)]
        ask(["XADD", "s", "%d-1" % number, "f", str(number) * 300], b"%d-1" % number, entries)
    entries = [entries[0], entries[2]]
    ask(["XDEL", "s", "2-1"], 1, entries)
    ask(["XTRIM", "s", "MAXLEN", "1"], 1, entries[1:])
    ask(["XADD", "s", "MAXLEN", "1", "4-1", "f", "4" * 300], b"4-1", [entry_of(4, 300)])
    ask(["DEL", "s"], 1, [])
    ask(["XADD", "s", "4-1", "f", "5" * 300], b"4-1", [[b"4-1", [b"f", b"5" * 300]]])
    ask(["XADD", "t", "4-1", "f", "6" * 300], b"4-1", [[b"4-1", [b"f", b"5" * 300]]])
    ask(["RENAME", "t", "s"], b"OK", [[b"4-1", [b"f", b"6" * 300]]])
    # An entry comes and goes, so that all is as before but for what was deleted.
    ask(["XADD", "s", "4-2", "f", "a"], b"4-2", [[b"4-1", [b"f", b"6" * 300]], [b"4-2", [b"f", b"a"]]])
    ask(["XDEL", "s", "4-1"], 1, [[b"4-2", [b"f", b"a"]]])
    ask(["XADD", "s", "4-3", "f", "b"], b"4-3", [[b"4-2", [b"f", b"a"]], [b"4-3", [b"f", b"b"]]])
    admin.send_raw(b"".join(Client.encode(*command) for command in commands))
    for i, answer in enumerate(expected):
        got = admin.read()
        assert got == answer, (commands[i // 3 * 3], i % 3, got, answer)


def case_workers():
    admin.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
    admin.call("XGROUP", "CREATE", "s", "h", "$")
    workers = [worker("w%d" % i) for i in range(4)]
    other = worker("w", group="h", count="10")
    # Each entry wakes the one that waits longest; all in one transaction are shared out.
    admin.call("XADD", "s", "1-1", "f", "v")
    assert ids(workers[0].read()) == ["1-1"] and ids(other.read()) == ["1-1"]
    admin.send_raw(Client.encode("MULTI") + Client.encode("XADD", "s", "2-1", "f", "v") +
                   Client.encode("XADD", "s", "2-2", "f", "v") + Client.encode("EXEC"))
    for _ in range(4):
        admin.read()
    assert ids(workers[1].read()) == ["2-1"] and ids(workers[2].read()) == ["2-2"]
    assert not has_answer(workers[3])
    # One that hangs up while the daemon cannot see it gets nothing.
    fifth = worker("w5")
    os.kill(daemon, signal.SIGSTOP)
    workers[3].close()
    admin.send("XADD", "s", "3-1", "f", "v")
    os.kill(daemon, signal.SIGCONT)
    admin.read()
    assert ids(fifth.read()) == ["3-1"]
    wait_until(lambda: blocked() == 0, "the end of one that hung up")
    # One that is killed hands on what it was woken for.
    workers[0], workers[1] = worker("w0"), worker("w1")
    number = [line.split()[0][3:] for line in admin.call("CLIENT", "LIST").decode().splitlines()
              if " cmd=xreadgroup " in line and " flags=bU " in line][0]  # they are listed by age
    admin.send_raw(Client.encode("MULTI") + Client.encode("XADD", "s", "4-1", "f", "v") +
                   Client.encode("CLIENT", "KILL", "ID", number) + Client.encode("EXEC"))
    for _ in range(4):
        admin.read()
    assert workers[0].read_to_end() == b"" and ids(workers[1].read()) == ["4-1"]


def case_replaced():
    """A group that has another one's place in one step is waited for in its stead; one that is gone is not."""
    for replace in (
            [["XGROUP", "CREATE", "t", "g", "$", "MKSTREAM"], ["XADD", "t", "5-5", "f", "v"], ["RENAME", "t", "s"]],
            [["MULTI"], ["DEL", "s"], ["XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"], ["XADD", "s", "5-5", "f", "v"],
             ["EXEC"]],
            [["MULTI"], ["XGROUP", "DESTROY", "s", "g"], ["XGROUP", "CREATE", "s", "g", "$"], ["EXEC"],
             ["XADD", "s", "5-5", "f", "v"]],
            [["XGROUP", "CREATE", "t", "g", "$", "MKSTREAM"], ["RENAME", "t", "s"], ["XADD", "s", "5-5", "f", "v"]]):
        admin.call("DEL", "s", "t")
        admin.call("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM")
        workers = [worker("a"), worker("b")]
        for command in replace:
            admin.call(*command)
        wait_until(lambda: any(map(has_answer, workers)), "an answer after %s" % replace)
        served = next(filter(has_answer, workers))
        assert ids(served.read()) == ["5-5"], replace
        other = workers[1 - workers.index(served)]
        wait_until(lambda: blocked() == 1, "the other one waits on")
        admin.call("XADD", "s", "6-6", "f", "v")
        assert ids(other.read()) == ["6-6"], replace
        assert [row[1] for row in admin.call("XPENDING", "s", "g", "-", "+", "9")].count(b"a") == 1
        gone = worker("a")
        admin.call("RENAME", "s", "u")
        try:
            raise AssertionError(gone.read())
        except Error as error:
            assert str(error).startswith("NOGROUP"), error


def case_deadlines():
    client, begin = Client(path), time.monotonic()
    assert client.call("XREAD", "BLOCK", "30", "STREAMS", "s", "$") is None
    assert time.monotonic() - begin >= 0.030
    # The earlier one of two comes first, though it came later.
    late, early = xread(Client(path), "s", ms="400"), Client(path)
    early.send("XREAD", "BLOCK", "50", "STREAMS", "s", "$")
    assert early.read() is None and not has_answer(late)
    assert late.read() is None
    assert blocked() == 0
    # In a transaction nobody waits.
    client.send_raw(Client.encode("MULTI") + Client.encode("XREAD", "BLOCK", "0", "STREAMS", "s", "$") +
                    Client.encode("EXEC"))
    assert [client.read() for _ in range(3)] == [b"OK", b"QUEUED", [None]]


def case_unblock():
    client = Client(path)
    number = str(client.call("CLIENT", "ID"))
    for args, expected in (((), None), (("TIMEOUT",), None), (("timeout",), None),
                           (("ERROR",), "UNBLOCKED client unblocked via CLIENT UNBLOCK")):
        xread(client, "s", "other", ms="100000")
        assert admin.call("CLIENT", "UNBLOCK", number, *args) == 1
        answer = client.try_read()
        assert (answer if answer is None else str(answer)) == expected
        assert admin.call("CLIENT", "UNBLOCK", number, *args) == 0
    # It does not end what only looks alike, and a client that is not there is none.
    client.send("UDSD", "WAITRECEIVER", "ON")
    client.read()
    client.send("PUBLISH", "nobody", "x")
    wait_until(lambda: blocked() == 1, "a publisher that waits")
    assert admin.call("CLIENT", "UNBLOCK", number) == 0
    assert admin.call("CLIENT", "UNBLOCK", "987654") == 0 and admin.call("CLIENT", "UNBLOCK", "-1") == 0
    client.close()
    for args, expected in ((("x",), "ERR value is not an integer or out of range"),
                           (("1", "x"), "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
                           (("x", "x"), "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")):
        assert admin.refusal("CLIENT", "UNBLOCK", *args) == expected


def connect(address):
    client = Client(path)
    if address:
        client.close()
        client.sock = socket.create_connection(address)
        client.sock.settimeout(30)
    return client


def case_hang_up(address=None):
    """All ends of a connection but that of its input alone are noticed, also behind input that is not read."""
    for with_input in (False, True):
        for reset in (False, True):
            client = xread(connect(address), "s")
            if with_input:
                client.send("PING")
                wait_until(lambda: "events= " in admin.call("CLIENT", "LIST").decode(), "its input")
            if reset:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            wait_until(lambda: blocked() == 0, "the end of a client that hung up (%s, %s)" % (with_input, reset))


def case_half_closed(address=None):
    """On a Unix socket a client that sends no more gets its answers. On TCP it is taken for gone, as in Redis."""
    for with_input in (False, True):
        client = xread(connect(address), "s")
        if with_input:
            client.send("PING")
        client.sock.shutdown(socket.SHUT_WR)
        if address:
            assert client.read_to_end() == b""
            continue
        admin.call("PING")
        assert blocked() == 1
        entry = admin.call("XADD", "s", "*", "f", "v").decode()
        assert ids(client.read()) == [entry]
        if with_input:
            assert client.read() == b"PONG"
        assert client.read_to_end() == b""


def case_list():
    client = xread(Client(path), "s")
    line = [line for line in admin.call("CLIENT", "LIST").decode().splitlines() if " cmd=xread " in line][0]
    assert " flags=bU " in line and " events= " in line, line
    number = line.split()[0][3:]
    # What it sends meanwhile comes after that, in order.
    client.send("PING", "a")
    client.send("PING", "b")
    admin.call("XADD", "s", "1-1", "f", "v")
    assert ids(client.read()) == ["1-1"] and client.read() == b"a" and client.read() == b"b"
    xread(client, "s")
    assert admin.call("CLIENT", "KILL", "ID", number) == 1
    assert client.read_to_end() == b"" and blocked() == 0


def case_stop():
    clients = [xread(Client(path), "s", ms=ms) for ms in ("0", "100000") for _ in range(3)]
    os.kill(daemon, signal.SIGTERM)
    assert all(client.read_to_end() == b"" for client in clients)


def case_idle():
    """Many that wait cost nothing while nothing happens."""
    clients = [Client(path) for _ in range(500)]
    for i, client in enumerate(clients):
        client.send("XREAD", "BLOCK", "0" if i % 2 else "1000000", "STREAMS", "s", "s%d" % i, "$", "$")
    wait_until(lambda: blocked() == 500, "all to wait")

    def switches():
        with open("/proc/%d/status" % daemon) as status:
            return sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)

    for _ in range(30):  # it gives back memory at first
        before = switches()
        time.sleep(1)
        if switches() - before <= 2:
            break
    else:
        raise AssertionError("it is woken %d times a second" % (switches() - before))
    admin.call("XADD", "s", "1-1", "f", "v")
    assert all(ids(client.read()) == ["1-1"] for client in clients)


def case_expiry():
    """Nobody but the clock ends the wait of a worker whose stream expires; an hour later costs nothing until then."""
    for key in ("later", "s", "t"):
        admin.call("XGROUP", "CREATE", key, "g", "$", "MKSTREAM")
    admin.call("EXPIRE", "later", "3600")
    workers = [worker("a"), worker("b", stream="t")]
    admin.call("PEXPIRE", "t", "400")
    admin.call("PEXPIRE", "s", "200")
    begin = time.monotonic()
    for client in workers:
        try:
            raise AssertionError(client.read())
        except Error as error:
            assert str(error).startswith("NOGROUP"), error
    assert time.monotonic() - begin < 30
    assert admin.call("DBSIZE") == 1


def case_overtake():
    """While the disk stands still, messages reach a client that has added something."""
    client, publisher = Client(path), Client(path)
    client.call("HELLO", "3")
    client.call("SUBSCRIBE", "news")
    assert client.call("XADD", "s", "1-1", "f", "v") == b"1-1"
    client.send("XADD", "s", "1-2", "f", "v")
    client.send("PING")
    for i in range(100):
        assert publisher.call("PUBLISH", "news", str(i)) == 1
        assert client.read() == [b"message", b"news", b"%d" % i]
    assert not has_answer(client)
    # The confirmation of a subscription comes before its messages, so these wait for the disk.
    client.send("SUBSCRIBE", "more")
    wait_until(lambda: admin.call("PUBSUB", "NUMSUB", "more") == [b"more", 1], "the subscription")
    publisher.send("PUBLISH", "more", "x")
    admin.call("PING")
    assert not has_answer(publisher)
    assert not has_answer(client)
    client.close()
    assert publisher.read() == 1  # nobody waits for one that has gone


tcp = ("127.0.0.1", int(sys.argv[4])) if len(sys.argv) > 4 else None
if tcp:
    globals()["case_" + case](tcp)
else:
    globals()["case_" + case]()
