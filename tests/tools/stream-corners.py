#!/usr/bin/env python3
"""Single faults of streams that a storm of random commands (stream-storm.py) rarely meets, one case for each."""
import select
import signal
import sys
import tempfile
import time

import resp
from streamhub import Hub

LARGE = b"x" * 100000


def large_blocks(program, directory):
    """A command that needs two blocks, neither of which the cache has room for, is answered."""
    hub = Hub(program, directory, cache="64K")
    client = hub.connect()
    client.call("XADD", "s", "1-1", "f", "small")
    for ms in range(2, 6):
        client.call("XADD", "s", "%d-1" % ms, "f", LARGE)
        client.call("XADD", "s", "%d-2" % ms, "f", "small")
    client.call("XADD", "s", "6-1", "f", LARGE)
    client.call("XGROUP", "CREATE", "s", "g", "1-1")
    hub.kill()
    hub.start()
    client = hub.connect()
    assert client.call("XRANGE", "s", "(1-1", "+", "COUNT", "1")[0][0] == b"2-1"
    assert client.call("XREVRANGE", "s", "(6-1", "-", "COUNT", "1")[0][0] == b"5-2"
    assert client.call("XREAD", "COUNT", "1", "STREAMS", "s", "2-1")[0][1][0][0] == b"2-2"
    assert client.call("XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "s", ">")[0][1][0][0] == b"2-1"
    whole = client.call("XINFO", "STREAM", "s")
    assert whole[whole.index(b"first-entry") + 1][0] == b"1-1"
    assert whole[whole.index(b"last-entry") + 1][0] == b"6-1"
    return hub


def expiry(program, directory):
    """A stream that expires while a command runs is there until the command ends."""
    hub = Hub(program, directory)
    client, keys = hub.connect(), ["k"] * 30000
    command = client.encode("XREADGROUP", "GROUP", "g", "c", "STREAMS", *keys, *[">"] * len(keys))
    for i in range(60):
        client.call("XGROUP", "CREATE", "k", "g", "0", "MKSTREAM")
        client.call("PEXPIRE", "k", str(10 + i % 10))
        answers, end = [], time.monotonic() + resp.PATIENCE
        while len(answers) < 1 or answers[-1] is None:
            assert time.monotonic() < end, "the stream does not expire"
            client.send_raw(command)
            try:
                answers.append(client.read())
            except resp.Error as error:
                answers.append(str(error))
        assert answers[-1].startswith("NOGROUP"), answers[-1]
    return hub


def gone_group(program, directory):
    """A reader whose group goes away while it waits for the disk does not wait for ever; but for one that has its name."""
    hub = Hub(program, directory, cache="64K")
    for replacement in ([], ["XADD", "s", "1-1", "f", "v"], ["XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"]):
        client = hub.connect()
        client.call("DEL", "s")
        for ms in range(1, 40):
            client.call("XADD", "s", "%d-1" % ms, "f", LARGE)
        client.call("XGROUP", "CREATE", "s", "g", "0")
        hub.kill()
        hub.start()
        client, other = hub.connect(), hub.connect()
        # Both are read in one pass of the loop, the reader first, if the machine lets them be.
        client.send_raw(client.encode("XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"))
        other.send_raw(b"".join(other.encode(*command) for command in [["DEL", "s"], replacement] if command))
        other.read()
        if "CREATE" in replacement:
            other.read()
            resp.wait_until(lambda: resp.info(other)["blocked_clients"] == "1" or select.select([client.sock], [], [], 0)[0],
                            "the reader to wait for the new group, or to have found none")
            other.call("XADD", "s", "1-1", "f", "v")
        try:
            answer = client.read()
            assert answer[0][0] == b"s", answer
        except resp.Error as error:
            assert "NOGROUP" in str(error), error
        other.close()
        client.close()
    return hub


def quota(program, directory):
    """Consumers and pending entries are bounded by what their user may have; what is pending can still be worked off."""
    hub = Hub(program, directory, max_bytes_per_uid="1M")
    client = hub.connect()
    client.call("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    n = 0
    try:
        for n in range(3000):
            client.call("XGROUP", "CREATECONSUMER", "s", "g", "%04d" % n + "c" * 1000)
        raise AssertionError("3000 consumers with long names fit into max_bytes_per_uid")
    except resp.Error as error:
        assert str(error).startswith("OOM") and n > 1000, (n, error)
    client.call("DEL", "s")
    for first in range(1, 20001, 200):
        for ms in range(first, first + 200):
            client.send("XADD", "s", "%d-1" % ms, "", "")
        for ms in range(first, first + 200):
            assert client.read() == b"%d-1" % ms
    for i in range(8):
        client.call("XGROUP", "CREATE", "s", "g%d" % i, "0")
    given = []
    try:
        for i in range(8):
            given.append(client.call("XREADGROUP", "GROUP", "g%d" % i, "c", "COUNT", "20000", "STREAMS", "s", ">"))
        raise AssertionError("pending entries take more than max_bytes_per_uid")
    except resp.Error as error:
        assert str(error).startswith("OOM") and given, error
    first = given[0][0][1][0][0]
    assert client.call("XREADGROUP", "GROUP", "g0", "c", "COUNT", "1", "STREAMS", "s", "0")[0][1][0][0] == first
    assert client.call("XACK", "s", "g0", first) == 1
    return hub


def empty_name(program, directory):
    """KEYS * and SCAN MATCH * show a stream without a name, as in Redis."""
    hub = Hub(program, directory)
    client = hub.connect()
    client.call("XADD", "", "1-1", "", "")
    assert client.call("KEYS", "*") == [b""]
    assert client.call("SCAN", "0", "MATCH", "*") == [b"0", [b""]]
    assert client.call("KEYS", "?*") == []
    return hub


def many_groups(program, directory):
    """UDSD STREAMS does not count the blocks of a large stream once for each of its groups."""
    hub = Hub(program, directory)
    client = hub.connect()
    client.call("CONFIG", "SET", "stream-node-max-entries", "1")
    for first in range(1, 80001, 200):
        client.send_raw(b"".join(client.encode("XADD", "s", "%d-1" % ms, "", "") for ms in range(first, first + 200)))
        for ms in range(first, first + 200):
            assert client.read() == b"%d-1" % ms
    for i in range(1024):
        client.call("XGROUP", "CREATE", "s", "g%d" % i, "1-1" if i % 2 else "2-1")
    row = client.call("UDSD", "STREAMS")[0]
    assert row[row.index(b"lag") + 1] == 79999, row
    figures = resp.info(client)
    assert int(figures["pass_work_max"]) < int(figures["pass_work_limit"]), figures["pass_work_max"]
    return hub


def hang_up(program, directory):
    """A reader that hangs up while it is woken in vain is noticed, also if it has sent more."""
    hub = Hub(program, directory)
    other = hub.connect()

    def n_blocked():
        return int(resp.info(other)["stream_readers_blocked"])
    for n in range(1, 5):
        client = hub.connect()
        client.send("XREAD", "BLOCK", "0", "STREAMS", "s", "$")
        resp.wait_until(n_blocked, "the reader to wait")
        client.send("PING")
        assert n_blocked() == 1
        hub.process.send_signal(signal.SIGSTOP)
        other.send_raw(b"".join(other.encode(*command) for command in (
            ["MULTI"], ["XADD", "s", "%d-1" % n, "f", "v"], ["XDEL", "s", "%d-1" % n], ["EXEC"])))
        client.close()
        hub.process.send_signal(signal.SIGCONT)
        assert [other.read() for _ in range(4)][-1] == [b"%d-1" % n, 1]
        resp.wait_until(lambda: not n_blocked(), "the end of a reader that has hung up")
    return hub


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        hub = globals()[sys.argv[2]](sys.argv[1], directory)
        assert hub.process.poll() is None, "the daemon has ended"
        hub.stop()
