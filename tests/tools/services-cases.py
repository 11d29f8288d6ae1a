#!/usr/bin/env python3
"""
Services, one case after the other.

usage: services-cases.py SOCKET CASE [ARGUMENT...]
"""
import os
import select
import signal
import socket
import sys
import time

from resp import Client, Error, connect_many, info, wait_until

PATH = sys.argv[1]
VERSIONS = "2", "3"


def connect(version="2"):
    client = Client(PATH)
    if version == "3":
        client.call("HELLO", "3")
    return client


def serving(*services, parked=1, version="2"):
    """A worker with so many NEXT."""
    worker = connect(version)
    assert worker.call("UDSD", "SERVE", *services) == len(services)
    for _ in range(parked):
        worker.send("UDSD", "NEXT")
    if parked:
        wait_until(lambda: figures(services[0])["idle"] > 0, "the worker to be idle")
    return worker


def figures(service):
    client = connect("3")
    found = client.call("UDSD", "SERVICES", service)
    client.close()
    return {name.decode(): value for name, value in zip(found[0][::2], found[0][1::2])} if found else None


def is_silent(client):
    """Whether nothing comes, after the hub has done all that it was asked for before."""
    other = connect()
    for _ in range(3):
        other.call("PING")
    other.close()
    return client.at == len(client.buffer) and not select.select([client.sock], [], [], 0)[0]


def answer(worker, text=b"done", *more):
    """Takes the next request and answers it. Returns it."""
    request = worker.read()
    worker.send("UDSD", "ANSWER", str(request[0]), text)
    for command in more:
        worker.send(*command)
    assert worker.read() == 1
    return request


def error_of(client):
    reply = client.try_read()
    assert isinstance(reply, Error), reply
    return str(reply)


def basics():
    """A request and its answer, in both versions of the protocol, whole and one byte at a time."""
    for version in VERSIONS:
        for is_split in False, True:
            caller, worker = connect(version), connect(version)
            assert worker.call("UDSD", "SERVE", "upper", "other") == 2
            for step in range(3):
                worker.send("UDSD", "NEXT")
                data = caller.encode("UDSD", "CALL", "upper", b"hel\r\nlo\0", "TIMEOUT", "5000")
                for piece in [data[i:i + 1] for i in range(len(data))] if is_split else [data]:
                    caller.send_raw(piece)
                number, service, left, uid, pid, payload = worker.read()
                assert (service, uid, pid, payload) == (b"upper", os.getuid(), os.getpid(), b"hel\r\nlo\0")
                assert 0 < left <= 5000, left
                worker.send("UDSD", "ANSWER", str(number), b"HEL\r\nLO\0")
                assert caller.read() == b"HEL\r\nLO\0"
                assert worker.read() == 1
                assert worker.call("UDSD", "ANSWER", str(number), "again") == 0
            assert worker.call("UDSD", "UNSERVE", "upper") == 1
            assert caller.refusal("UDSD", "CALL", "upper", "x") == "NOSERVICE nobody serves 'upper'"
            assert worker.call("UDSD", "UNSERVE") == 0
            worker.close()
            caller.close()


def listeners(port, abstract):
    """Whoever is asked, and from where: of TCP nothing is known but that."""
    ways = {"unix": connect, "tcp": lambda: Client(("127.0.0.1", int(port))), "abstract": lambda: Client(abstract)}
    for served, serve in ways.items():
        worker = serve()
        worker.call("UDSD", "SERVE", "s")
        for asked, ask in ways.items():
            caller = ask()
            caller.send("UDSD", "CALL", "s", asked)
            number, service, _, uid, pid, payload = worker.call("UDSD", "NEXT")
            assert (service, payload) == (b"s", asked.encode())
            assert (uid, pid) == ((-1, 0) if asked == "tcp" else (os.getuid(), os.getpid())), (served, asked, uid, pid)
            assert worker.call("UDSD", "ANSWER", str(number), "to " + asked) == 1
            assert caller.read() == b"to " + asked.encode()
        worker.close()


def null():
    """What NEXT returns when there is nothing."""
    for version, nothing in ("2", b"*-1\r\n"), ("3", b"_\r\n"):
        worker = serving("s", parked=0, version=version)
        for timeout in "0", "1":
            worker.send("UDSD", "NEXT", "TIMEOUT", timeout)
            assert worker.exactly(len(nothing)) == nothing
        worker.send("UDSD", "NEXT")
        worker.send("UDSD", "UNSERVE", "s")
        assert worker.exactly(len(nothing)) == nothing
        assert worker.read() == 0
        assert worker.refusal("UDSD", "NEXT") == "ERR UDSD NEXT needs a service: UDSD SERVE comes first"


def errors():
    """Commands that are wrong, and nothing is done."""
    client = connect()
    wanted = {
        ("CALL", "s", "x", "TIMEOUT", "0"): "ERR TIMEOUT takes milliseconds, 1 to 86400000, not '0'",
        ("CALL", "s", "x", "TIMEOUT", "1s"): "ERR TIMEOUT takes milliseconds, 1 to 86400000, not '1s'",
        ("CALL", "s", "x", "WAIT", "-1"): "ERR WAIT takes milliseconds, 0 to 86400000, not '-1'",
        ("CALL", "s", "x", "RETRY", "1001"): "ERR RETRY takes a number from 0 to 1000, not '1001'",
        ("CALL", "s", "x", "TIMEOUT"): "ERR syntax error: 'TIMEOUT' needs a value",
        ("CALL", "s", "x", "SOON", "1"): "ERR syntax error at 'SOON': expected TIMEOUT, RETRY, WAIT or REPLY",
        ("CALL", "s", "x", "REPLY", "c"): "ERR REPLY goes with UDSD ASK; UDSD CALL is answered itself",
        ("CALL", "", "x"): "ERR a service has a name, of at least one byte",
        ("CALL", "s" * 1025, "x"): "ERR the name has 1025 bytes; names of services may have 1024",
        ("CALL", "__udsd__:s", "x"): "NOPERM names that begin with __udsd__: are udsd's own",
        ("ASK", "s", "x", "REPLY"): "ERR wrong number of arguments for 'udsd|ask' command",
        ("ASK", "s", "x", "TIMEOUT", "5"): "ERR REPLY is missing: the channel that the answer is "
                                                         "published to",
        ("ASK", "s", "x", "REPLY", "c" * 1019): "ERR the name has 1019 bytes; channels for answers may have 1018",
        ("ASK", "s", "x", "REPLY", "c"): "NOSERVICE nobody serves 's'",
        ("CANCEL", "x"): "ERR 'x' is no id of a request",
        ("ANSWER", "0", "x"): "ERR '0' is no id of a request",
        ("FAIL", "-1", "x"): "ERR '-1' is no id of a request",
        ("NEXT", "SOON"): "ERR syntax error",
        ("NEXT", "TIMEOUT", "x"): "ERR TIMEOUT takes milliseconds, 0 to 86400000, not 'x'",
        ("SERVE", "s", ""): "ERR a service has a name, of at least one byte",
        ("SERVICES", "a", "b"): "ERR UDSD SERVICES takes one pattern",
    }
    for command, text in wanted.items():
        got = client.refusal("UDSD", *command)
        assert got == text, "%r: %s" % (command, got)
    assert client.call("UDSD", "CANCEL", "1") == 0
    assert client.call("UDSD", "ANSWER", "1", "x") == 0
    assert info(client)["services"] == "0"


def transactions():
    """What may wait, or publishes, is not allowed in a transaction; the rest is."""
    client = connect()
    for command in ("CALL", "s", "x"), ("ASK", "s", "x", "REPLY", "c"), ("NEXT",), ("ANSWER", "1", "x"), ("FAIL", "1", "x"):
        assert client.call("MULTI") == b"OK"
        assert client.refusal("UDSD", *command) == "ERR Command not allowed inside a transaction"
        assert client.refusal("EXEC").startswith("EXECABORT")
    client.call("MULTI")
    for command in ("SERVE", "a", "b"), ("SERVICES", "a"), ("CANCEL", "1"), ("UNSERVE",):
        assert client.call("UDSD", *command) == b"QUEUED"
    served, services, cancelled, left = client.call("EXEC")
    assert (served, services[0][:4], cancelled, left) == (2, [b"name", b"a", b"workers", 1], 0, 0)


def order():
    """Calls that are sent together run in parallel, and their answers come in order, with other replies between."""
    for version in VERSIONS:
        caller = connect(version)
        workers = [serving("s", version=version) for _ in range(5)]
        data = b""
        for i in range(5):
            data += caller.encode("UDSD", "CALL", "s", "q%d" % i) + caller.encode("ECHO", "e%d" % i)
        caller.send_raw(data)
        requests = [worker.read() for worker in workers]
        assert sorted(r[5] for r in requests) == [b"q%d" % i for i in range(5)]
        for worker, request in reversed(list(zip(workers, requests))):
            assert is_silent(caller)
            assert worker.call("UDSD", "ANSWER", str(request[0]), b"a" + request[5][1:]) == 1
        for i in range(5):
            assert caller.read() == b"a%d" % i
            assert caller.read() == b"e%d" % i
        for worker in workers:
            worker.close()


def many():
    """More requests at a time than have places by their ids; workers answer the newest first, callers take turns."""
    workers = [serving("s", parked=600) for _ in range(2)]
    mine = connect()
    sock = socket.socket(socket.AF_UNIX)
    child = os.fork()
    if child == 0:
        sock.connect(PATH)
        os._exit(0)
    os.waitpid(child, 0)
    other = Client(PATH)
    other.sock.close()
    other.sock = sock
    for i in range(600):
        mine.send("UDSD", "CALL", "s", "m%d" % i, "TIMEOUT", "25000")
        other.send("UDSD", "CALL", "s", "o%d" % i, "TIMEOUT", "20000")
        if i % 100 == 0:
            assert is_silent(mine) and is_silent(other)
    requests = [(worker, worker.read()) for worker in workers for _ in range(600)]
    assert len({request[0] for _, request in requests}) == 1200
    for worker, request in reversed(requests):
        is_mine = request[5][:1] == b"m"
        assert request[4] == (os.getpid() if is_mine else child), request
        assert (20000 < request[2] <= 25000) if is_mine else (request[2] <= 20000), request
        worker.send("UDSD", "ANSWER", str(request[0]), b"a" + request[5])
    for i in range(600):
        assert mine.read() == b"am%d" % i
        assert other.read() == b"ao%d" % i
    for worker, request in requests:
        assert worker.read() == 1
    assert workers[0].call("UDSD", "ANSWER", str(requests[0][1][0]), "again") == 0
    assert figures("s")["busy"] == 0


def overtaking():
    """Messages do not wait for answers, neither in a caller nor in a worker; and publishers do not wait either."""
    caller, worker, publisher = connect("3"), serving("s", version="3"), connect()
    caller.call("SUBSCRIBE", "news")
    taker = serving("t", parked=0, version="3")
    taker.call("SUBSCRIBE", "news")
    taker.send("UDSD", "NEXT")
    caller.send("UDSD", "CALL", "s", "x")
    caller.send("PING")
    request = worker.read()
    for i in range(100):
        assert publisher.call("PUBLISH", "news", "n%d" % i) == 2
    for i in range(100):
        assert caller.read() == taker.read() == [b"message", b"news", b"n%d" % i]
    assert is_silent(caller) and is_silent(taker)
    worker.call("UDSD", "ANSWER", str(request[0]), "y")
    assert caller.read() == b"y" and caller.read() == b"PONG"
    publisher.send("UDSD", "CALL", "t", "z")
    assert taker.read()[5] == b"z"


def settling():
    """What messages must not overtake waits for the answer before; so nobody who publishes waits for a worker."""
    for commands in [[("SUBSCRIBE", "news")], [("PSUBSCRIBE", "n*")], [("SSUBSCRIBE", "news")], [("HELLO", "3")],
                     [("MONITOR",)], [("UDSD", "MONITOR")], [("RESET",)],
                     [("MULTI",), ("SUBSCRIBE", "news"), ("EXEC",)]]:
        worker, caller, publisher = serving("s"), connect(), connect()
        caller.send("UDSD", "CALL", "s", "x")
        for command in commands:
            caller.send(*command)
        request = worker.read()
        assert publisher.call("PUBLISH", "news", "early") == 0, commands
        assert is_silent(caller)
        worker.call("UDSD", "ANSWER", str(request[0]), "y")
        assert caller.read() == b"y"
        assert not isinstance(caller.read(), Error)
        caller.close()
        worker.close()
        wait_until(lambda: figures("s") is None, "the service to be gone")
    # A worker that waits so is noticed at once when it goes.
    worker = serving("s")
    worker.send("SUBSCRIBE", "news")
    is_silent(worker)
    worker.close()
    wait_until(lambda: figures("s") is None, "the worker to be gone")


def several():
    """A worker may have several NEXT and requests; who has none yet is given the next one."""
    greedy, modest = serving("s", parked=3), serving("s")
    caller = connect()
    caller.send_raw(b"".join(caller.encode("UDSD", "CALL", "s", str(i)) for i in range(6)))
    assert [greedy.read()[5], modest.read()[5], greedy.read()[5], greedy.read()[5]] == [b"0", b"1", b"2", b"3"]
    wait_until(lambda: figures("s")["waiting"] == 2, "two requests to wait")
    assert figures("s")["busy"] == 4
    modest.send("UDSD", "NEXT")
    assert modest.read()[5] == b"4"
    # Of several services the oldest request comes first.
    modest.call("UDSD", "SERVE", "t")
    caller.send("UDSD", "CALL", "t", "late")
    wait_until(lambda: figures("t")["waiting"] == 1, "a request to wait")
    modest.send("UDSD", "NEXT")
    modest.send("UDSD", "NEXT")
    assert [modest.read()[5], modest.read()[5]] == [b"5", b"late"]


def in_one():
    """ANSWER and FAIL may ask for the next request, and then only that is answered."""
    for version in VERSIONS:
        worker, caller = serving("s", version=version), connect(version)
        for i, command in enumerate(["ANSWER", "FAIL", "ANSWER"]):
            caller.send("UDSD", "CALL", "s", str(i))
            number, payload = worker.read()[0::5]
            assert payload == b"%d" % i
            worker.send("UDSD", command, str(number), "a%d" % i, "NEXT", *(["TIMEOUT", "0"] if i == 2 else []))
            reply = caller.try_read()
            assert reply == b"a%d" % i if command == "ANSWER" else str(reply) == "FAILED a%d" % i, reply
        assert worker.read() is None
        assert worker.refusal("UDSD", "ANSWER", "1", "x", "SOON") == "ERR syntax error"
        assert worker.refusal("UDSD", "ANSWER", "1", "x", "NEXT", "SOON") == "ERR syntax error"
        worker.close()
        wait_until(lambda: figures("s") is None, "the worker to be gone")


def unread():
    """A worker that closes before a request is written to it has not read it: another one gets the request."""
    daemon = int(sys.argv[3])
    for is_first in True, False:
        gone, other, caller = serving("s"), serving("s", parked=0), connect()
        other.send("UDSD", "NEXT")
        wait_until(lambda: figures("s")["idle"] == 2, "both to be idle")
        os.kill(daemon, signal.SIGSTOP)
        if is_first:
            caller.send("UDSD", "CALL", "s", "x")
        gone.close()
        if not is_first:
            caller.send("UDSD", "CALL", "s", "x")
        os.kill(daemon, signal.SIGCONT)
        assert answer(other, b"y")[5] == b"x"
        assert caller.read() == b"y"
        other.close()
        wait_until(lambda: figures("s") is None, "nothing to be left")


def death():
    """A worker that goes is known at once, and a request runs once unless its caller allows more."""
    for leave in "close", "half-close", "kill":
        caller, worker, other = connect(), serving("s"), None
        caller.send("UDSD", "CALL", "s", "once")
        caller.send("UDSD", "CALL", "s", "twice", "RETRY", "1")
        assert worker.read()[5] == b"once"
        worker.send("UDSD", "NEXT")
        assert worker.read()[5] == b"twice"
        other = serving("s")
        begin = time.monotonic()
        if leave == "close":
            worker.close()
        elif leave == "half-close":
            worker.sock.shutdown(socket.SHUT_WR)
        else:
            killer = connect()
            ids = [line.split()[0][3:] for line in killer.call("CLIENT", "LIST").decode().splitlines()]
            assert killer.call("CLIENT", "KILL", "ID", str(int(ids[-3]))) == 1, ids
        assert error_of(caller) == "GONE the worker of 's' has gone, which may have done it"
        assert time.monotonic() - begin < 5
        assert answer(other, b"done")[5] == b"twice"
        assert caller.read() == b"done"
        if leave == "half-close":
            assert worker.read_to_end() == b""
        caller.send("UDSD", "CALL", "s", "thrice", "RETRY", "1")
        other.send("UDSD", "NEXT")
        assert other.read()[5] == b"thrice"
        third = serving("s")
        other.close()
        assert third.read()[5] == b"thrice"
        third.close()
        assert error_of(caller) == "GONE the worker of 's' has gone, which may have done it"
        wait_until(lambda: figures("s") is None, "nothing to be left")


def deserted():
    """When the last worker goes, who waits is told at once; with WAIT only when that time is over."""
    worker, caller = serving("s", parked=0), connect()
    for wait in "0", "300", "60000":
        caller.send("UDSD", "CALL", "s", wait, "WAIT", wait)
    wait_until(lambda: figures("s")["waiting"] == 3, "the requests to wait")
    worker.close()
    assert error_of(caller) == "NOSERVICE nobody serves 's'"
    assert error_of(caller) == "NOSERVICE nobody serves 's'"
    assert figures("s")["waiting"] == 1
    for name in "s", "t":
        worker = serving(name, parked=0)
        worker.send("UDSD", "NEXT")
        answer(worker, b"at last")
        assert caller.read() == b"at last"
        caller.send("UDSD", "CALL", "t", "x", "WAIT", "60000")
        wait_until(lambda: figures("t")["waiting"] == 1, "the next request to wait")


def callers():
    """A caller that goes is forgotten: what waits is dropped, and whoever answers is told that nobody waits."""
    for leave in "close", "cancel", "half-close":
        worker, caller, other = serving("s"), connect("3"), connect()
        caller.call("SUBSCRIBE", "c", "c:error")
        caller.read()
        ids = [caller.call("UDSD", "ASK", "s", str(i), "REPLY", "c") for i in range(2)]
        caller.send("UDSD", "CALL", "s", "2")
        request = worker.read()
        assert request[0] == ids[0]
        if leave == "close":
            caller.close()
        elif leave == "cancel":
            assert other.call("UDSD", "CANCEL", str(ids[0])) == 0
            caller.send_raw(b"".join(caller.encode("UDSD", "CANCEL", str(i)) for i in ids))
        else:
            caller.sock.shutdown(socket.SHUT_WR)
        if leave != "half-close":
            wait_until(lambda: figures("s")["waiting"] == (leave == "cancel"), "the requests to be dropped")
            assert worker.call("UDSD", "ANSWER", str(request[0]), "x") == 0
        else:
            assert worker.call("UDSD", "ANSWER", str(request[0]), "x") == 1
            worker.send("UDSD", "NEXT")
            answer(worker)
        if leave != "close":
            worker.send("UDSD", "NEXT")
            assert answer(worker, b"y")[5] == b"2"
            replies = [caller.read()]
            while replies[-1] != b"y":
                replies.append(caller.read())
            if leave == "half-close":
                caller.read_to_end()
            else:
                assert [caller.read(), caller.read()] == [1, 1]
        worker.close()
        caller.close()
        wait_until(lambda: figures("s") is None, "nothing to be left")


def deadlines():
    """A deadline is the daemon's, and the text says what was missed."""
    worker, caller = serving("s"), connect()
    begin = time.monotonic()
    caller.send("UDSD", "CALL", "s", "x", "TIMEOUT", "200")
    request = worker.read()
    assert 100 < request[2] <= 200, request
    caller.send("UDSD", "CALL", "s", "y", "TIMEOUT", "100")
    assert error_of(caller) == "TIMEOUT 's' has not answered within 200 ms"
    assert 0.19 <= time.monotonic() - begin < 10
    assert error_of(caller) == "TIMEOUT no worker of 's' was free within 100 ms"
    assert worker.call("UDSD", "ANSWER", str(request[0]), "late") == 0
    begin = time.monotonic()
    assert caller.refusal("UDSD", "CALL", "t", "x", "WAIT", "150") == "NOSERVICE nobody serves 't'"
    assert time.monotonic() - begin >= 0.14
    worker.send("UDSD", "NEXT", "TIMEOUT", "100")
    assert worker.read() is None


def asking():
    """An answer that is published, errors too; who may not publish may not ask."""
    worker, caller, receiver = serving("s"), connect(), connect("3")
    receiver.call("SUBSCRIBE", "c", "c:error")
    receiver.read()
    number = caller.call("UDSD", "ASK", "s", "x", "REPLY", "c")
    assert answer(worker, b"42")[0] == number
    assert receiver.read() == [b"message", b"c", b"42"]
    caller.call("UDSD", "ASK", "s", "x", "REPLY", "c", "TIMEOUT", "100")
    assert receiver.read() == [b"message", b"c:error", b"TIMEOUT no worker of 's' was free within 100 ms"]
    caller.call("UDSD", "ASK", "s", "x", "REPLY", "c")
    worker.send("UDSD", "NEXT")
    request = worker.read()
    assert worker.call("UDSD", "FAIL", str(request[0]), "no\r\nway") == 1
    assert receiver.read() == [b"message", b"c:error", b"FAILED no  way"]
    assert caller.refusal("UDSD", "ASK", "s", "x", "REPLY", "closed") == (
        "NOPERM %s may not publish answers to 'closed' and 'closed:error'" % ("uid %d" % os.getuid()))


def stored_answers():
    """An answer that cannot be stored: the asker gets the error in its place."""
    worker, caller, receiver = serving("s"), connect(), connect("3")
    receiver.call("SUBSCRIBE", "full", "full:error")
    receiver.read()
    caller.call("UDSD", "ASK", "s", "x", "REPLY", "full")
    answer(worker, b"1")
    assert receiver.read() == [b"message", b"full", b"1"]
    worker.send("UDSD", "NEXT")
    caller.call("UDSD", "ASK", "s", "x", "REPLY", "full")
    answer(worker, b"2")
    kind, channel, text = receiver.read()
    assert (kind, channel) == (b"message", b"full:error") and text.startswith(b"OOM "), (channel, text)


def failures():
    """FAIL is an error of the call, whatever its text."""
    worker, caller = serving("s"), connect()
    caller.send("UDSD", "CALL", "s", "x")
    request = worker.read()
    for wrong in ("TIMEOUT", "soon"), ("soon",):  # then nothing has been answered
        assert worker.refusal("UDSD", "ANSWER", str(request[0]), "y", "NEXT", *wrong).startswith("ERR ")
    assert worker.call("UDSD", "ANSWER", str(request[0]), "z") == 1
    assert caller.read() == b"z"
    worker.send("UDSD", "NEXT")
    for text, wanted in (b"no such row", "FAILED no such row"), (b"a\r\nb\nc", "FAILED a  b c"), (b"", "FAILED "), (
            b"x" * 5000, None):
        caller.send("UDSD", "CALL", "s", "x")
        request = worker.read()
        assert worker.call("UDSD", "FAIL", str(request[0]), text) == 1
        got = error_of(caller)
        assert got == wanted or (wanted is None and got.startswith("FAILED xxxxx") and 1000 < len(got) < 1100), got
        worker.send("UDSD", "NEXT")


def strangers():
    """Nobody answers what was given to another, nor cancels it."""
    worker, stranger, caller = serving("s"), serving("s", parked=0), connect()
    caller.send("UDSD", "CALL", "s", "x")
    request = worker.read()
    for client in stranger, caller:
        if client is stranger:
            assert client.call("UDSD", "ANSWER", str(request[0]), "stolen") == 0
            assert client.call("UDSD", "FAIL", str(request[0]), "stolen") == 0
            assert client.call("UDSD", "CANCEL", str(request[0])) == 0
    assert worker.call("UDSD", "ANSWER", str(request[0]), "mine") == 1
    assert caller.read() == b"mine"


def full():
    """max_waiting = 2: the next request is refused, and told the limit."""
    worker, caller = serving("s", parked=0), connect()
    for _ in range(2):
        caller.send("UDSD", "CALL", "s", "x")
    wait_until(lambda: figures("s")["waiting"] == 2, "two requests to wait")
    other = connect()
    assert other.refusal("UDSD", "CALL", "s", "x") == "BUSY 2 requests wait for 's' already (max_waiting)"
    worker.send("UDSD", "NEXT")
    answer(worker)
    other.send("UDSD", "CALL", "s", "x")
    wait_until(lambda: figures("s")["waiting"] == 2, "the next one to wait")


def quota():
    """queue_limit_per_uid: requests that would exceed it are refused, answers too; workers go on."""
    worker, caller = serving("s", parked=0), connect()
    payload = b"x" * 200000
    caller.send_raw(b"".join(caller.encode("UDSD", "CALL", "s", payload) for _ in range(8)))
    wait_until(lambda: figures("s")["waiting"] > 0 and int(info(connect())["service_requests_refused"]) > 0,
               "a request to be refused")
    waiting = figures("s")["waiting"]
    assert 2 <= waiting <= 5, waiting
    for i in range(waiting):
        worker.send("UDSD", "NEXT")
        assert len(answer(worker, b"%d" % i)[5]) == len(payload)
    for i in range(waiting):
        assert caller.read() == b"%d" % i
    for _ in range(8 - waiting):
        assert error_of(caller).startswith("BUSY clients of uid "), waiting
    # Answers that nobody can read yet.
    workers = [serving("s") for _ in range(10)]
    caller.send_raw(b"".join(caller.encode("UDSD", "CALL", "s", "x") for _ in range(10)))
    requests = [w.read() for w in workers]
    first = [i for i, r in enumerate(requests) if r[0] == min(r[0] for r in requests)][0]
    for i, request in enumerate(requests):
        if i != first:
            assert workers[i].call("UDSD", "ANSWER", str(request[0]), payload) == 1
    workers[first].call("UDSD", "ANSWER", str(requests[first][0]), "first")
    replies = [caller.try_read() for _ in range(10)]
    assert replies[0] == b"first"
    refused = [str(r) for r in replies if isinstance(r, Error)]
    assert 3 <= len(refused) <= 8 and refused[0].startswith("BUSY there is no room for the answer of 's'"), refused
    for client in workers + [worker, caller]:
        client.close()
    wait_until(lambda: int(info(connect())["unsent_bytes"]) < 10000, "the memory to be given back")


def rights():
    """[service] sections: closed* may be neither called nor served by the test's user."""
    client = connect()
    uid = "uid %d" % os.getuid()
    assert client.refusal("UDSD", "SERVE", "closed.a") == "NOPERM %s may not serve 'closed.a'" % uid
    assert client.refusal("UDSD", "CALL", "closed.a", "x") == "NOPERM %s may not call 'closed.a'" % uid
    assert client.call("UDSD", "SERVE", "open.a") == 1
    assert client.call("UDSD", "SERVICES", "closed*") == []


def reload():
    """A worker that loses the right is disconnected in place of getting a request. Rules: the file $2 replaces $1."""
    conf, new = sys.argv[3:5]
    worker, idle, caller, admin = serving("s"), serving("s"), connect(), connect()
    admin.call("UDSD", "SERVICES")
    late, waiting = serving("t", parked=0), connect()
    caller.send("UDSD", "CALL", "s", "x")
    request = worker.read()
    waiting.send("UDSD", "CALL", "t", "secret")
    wait_until(lambda: figures("t")["waiting"] == 1, "the request to wait")
    os.rename(new, conf)
    assert admin.call("UDSD", "RELOAD") == b"OK"
    # What runs may end, what comes is refused.
    assert worker.call("UDSD", "ANSWER", str(request[0]), "y") == 1
    assert caller.read() == b"y"
    caller.send("UDSD", "CALL", "s", "x")
    assert error_of(caller).startswith(("NOSERVICE", "TIMEOUT"))
    assert idle.read_to_end() == b""
    late.send("UDSD", "NEXT")
    assert late.read_to_end() == b""
    assert error_of(waiting) == "NOSERVICE nobody serves 't'"


def muted():
    """Without replies a call is made and its answer dropped; NEXT takes nothing."""
    worker, caller = serving("s"), connect()
    caller.send("CLIENT", "REPLY", "OFF")
    caller.send("UDSD", "CALL", "s", "x")
    assert worker.read()[5] == b"x"
    caller.send("CLIENT", "REPLY", "ON")
    assert caller.read() == b"OK"
    worker.send("CLIENT", "REPLY", "SKIP")
    worker.send("UDSD", "NEXT")
    assert worker.call("PING") == b"PONG"
    caller.send("UDSD", "CALL", "s", "y")
    worker.send("UDSD", "NEXT")
    assert worker.read()[5] == b"y"


def resetting():
    """RESET ends what the client serves; so does QUIT."""
    for command, last in ("RESET", b"RESET"), ("QUIT", b"OK"):
        worker, caller = serving("s", parked=2), connect()
        caller.send("UDSD", "CALL", "s", "x")
        assert worker.read()[5] == b"x"
        worker.send(command)
        assert worker.read() is None or command == "QUIT"
        if command == "RESET":
            assert worker.read() == last
            assert worker.refusal("UDSD", "NEXT").startswith("ERR UDSD NEXT needs")
        assert error_of(caller).startswith("GONE")
        wait_until(lambda: figures("s") is None, "nothing to be left")


def limits():
    """What one client may have is bounded, and bounds nothing else."""
    client = connect()
    names = ["s%d" % i for i in range(1000)]
    assert client.call("UDSD", "SERVE", *names) == 1000
    assert client.refusal("UDSD", "SERVE", "more") == "ERR too many services; one client may serve 1000"
    client.send_raw(client.encode("UDSD", "NEXT") * 1001 + client.encode("UDSD", "UNSERVE"))
    for _ in range(1000):
        assert client.read() is None
    assert error_of(client) == "BUSY the worker has 1000 requests, asked for or not answered"
    assert client.read() == 0
    assert info(client)["service_workers_idle"] == "0"


def parked(count):
    """So many idle workers cost at most 600 bytes each, and no CPU time."""
    pid, count = int(count), 10000
    clients = connect_many(PATH, count)
    for client in clients:
        client.call("PING")

    def memory():
        with open("/proc/%d/status" % pid) as status:
            return [int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon")][0]

    def cpu():
        with open("/proc/%d/stat" % pid) as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
    before = memory()
    for client in clients:
        client.send("UDSD", "SERVE", "s")
        client.send("UDSD", "NEXT")
    wait_until(lambda: figures("s") and figures("s")["idle"] == count, "all workers to be idle")
    each = (memory() - before) / count
    print("%d bytes for each idle worker" % each)
    assert each <= 600, each
    ticks = cpu()
    time.sleep(2)
    assert cpu() - ticks <= 2, "an idle worker takes CPU time"


def monitor():
    """UDSD MONITOR shows requests and their ends."""
    watcher, worker, caller = connect("3"), serving("s"), connect()
    watcher.call("UDSD", "MONITOR", "s")
    caller.send("UDSD", "CALL", "s", "hello")
    answer(worker, b"HELLO", ("UDSD", "NEXT"))
    assert caller.read() == b"HELLO"
    caller.send("UDSD", "CALL", "s", "again")
    request = worker.read()
    worker.call("UDSD", "FAIL", str(request[0]), "no")
    worker.close()
    error_of(caller)
    caller.try_call("UDSD", "CALL", "s", "late", "WAIT", "1")
    seen = []
    while len(seen) < 6:
        head, rest = watcher.read()[2].split(b"\n", 1)
        fields = dict(word.split(b"=") for word in head.split())
        seen.append((fields[b"cmd"], fields[b"receivers"], rest))
    assert seen == [(b"call", b"1", b"s\nhello"), (b"answer", b"1", b"s\nHELLO"), (b"call", b"1", b"s\nagain"),
                    (b"fail", b"1", b"s\nno"), (b"call", b"1", b"s\nlate"),
                    (b"error", b"1", b"s\nNOSERVICE nobody serves 's'")], seen


def stop():
    """While the daemon stops, calls end with an error, and it does not wait for workers."""
    worker, caller, waiting = serving("s"), connect(), connect()
    serving("t")
    caller.send("UDSD", "CALL", "s", "x")
    waiting.send("UDSD", "CALL", "u", "x", "WAIT", "60000")
    worker.read()
    wait_until(lambda: figures("u"), "the request to wait")
    os.kill(int(sys.argv[3]), 15)
    assert error_of(caller).startswith("GONE")
    assert error_of(waiting).startswith("NOSERVICE")
    assert worker.read_to_end() == b""


globals()[sys.argv[2]](*(sys.argv[3:] if sys.argv[2] in ("parked", "listeners") else []))
