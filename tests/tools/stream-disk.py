#!/usr/bin/env python3
"""
stream-disk.py UDSD DIR CASE: what udsd's store does on a full disk. DIR is a small file system of its own.
"""
import os
import select
import sys
import threading

import resp
from streamhub import Hub, parse_id

MIB = 1 << 20
program, directory, case = sys.argv[1:]


def size(path):
    return sum(os.path.getsize(os.path.join(path, name)) for name in os.listdir(path))


def free():
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize


def is_refusal(error):
    return str(error).startswith(("OOM ", "MISCONF "))


class Ledger:
    """What was answered and not deleted."""

    def __init__(self):
        self.entries, self.n, self.refusal = {}, 0, None

    def fill(self, client, key="jobs"):
        """Adds until the hub refuses; returns how many it took."""
        taken, self.refusal = 0, None
        while self.refusal is None:
            batch = [b"%d" % (self.n + i) + b"x" * 1000 for i in range(64)]
            self.n += len(batch)
            client.send_raw(b"".join(client.encode("XADD", key, "*", "f", value) for value in batch))
            for value in batch:
                try:
                    entry = parse_id(client.read())
                except resp.Error as error:
                    assert is_refusal(error), error
                    self.refusal = str(error)
                else:
                    self.entries[entry], taken = value, taken + 1
        return taken

    def check(self, client, key="jobs"):
        """Nothing answered is missing, and nothing else is there."""
        assert client.call("XLEN", key) == len(self.entries), (client.call("XLEN", key), len(self.entries))
        start, seen = "-", {}
        while start:
            page = client.call("XRANGE", key, start, "+", "COUNT", "1000")
            seen.update((parse_id(entry), fields[1]) for entry, fields in page)
            start = b"(" + page[-1][0] if page else None
        assert seen == self.entries, "%d entries, %d were answered" % (len(seen), len(self.entries))

    def trim(self, client, keep, key="jobs"):
        n = client.call("XTRIM", key, "MAXLEN", str(keep))
        assert n == len(self.entries) - keep, (n, len(self.entries))
        self.entries = dict(sorted(self.entries.items())[-keep:])


def work_group(client, ledger):
    """A full hub still gives entries out, and takes acknowledgements; both stay."""
    client.call("XGROUP", "SETID", "jobs", "g", "0")
    answer = client.call("XREADGROUP", "GROUP", "g", "c", "COUNT", "100", "STREAMS", "jobs", ">")[0][1]
    ids = [entry for entry, _ in answer]
    assert len(ids) == 100 and ledger.entries[parse_id(ids[0])] == answer[0][1][1]
    assert client.call("XACK", "jobs", "g", *ids[:90]) == 90
    return ids[90:]


def four_times():
    """Filled and trimmed four times, under min_free."""
    hub = Hub(program, directory, max_bytes="1G", min_free="6M", max_bytes_per_uid="0")
    ledger, client, taken = Ledger(), hub.connect(), []
    client.call("XGROUP", "CREATE", "jobs", "g", "0", "MKSTREAM")
    for turn in range(4):
        taken.append(ledger.fill(client))
        assert free() > 1 * MIB, "%d bytes are free; min_free is not kept" % free()
        kept = work_group(client, ledger)
        ledger.check(client)
        hub.kill() if turn % 2 else hub.stop()
        hub.start()
        client = hub.connect()
        ledger.check(client)
        pending = [row[0] for row in client.call("XPENDING", "jobs", "g", "-", "+", "1000")]
        assert pending == kept, (pending, kept)
        assert client.call("XACK", "jobs", "g", *kept) == len(kept)
        ledger.trim(client, 10)
        ledger.check(client)
        resp.wait_until(lambda: size(hub.store) < 6 * MIB, "the files to shrink; they have %d bytes" % size(hub.store))
        resp.wait_until(lambda: not is_refusal(client.try_call("XADD", "other", "*", "f", "v")), "room")
    assert min(taken) > 0.8 * taken[0] > 10000, taken
    hub.stop()
    print("%s entries taken" % taken)


def max_bytes():
    hub = Hub(program, directory, max_bytes="8M", min_free="0")
    ledger, client, taken = Ledger(), hub.connect(), []
    for turn in range(3):
        taken.append(ledger.fill(client))
        assert ledger.refusal == "OOM command not allowed: the store is full (max_bytes = 8M)", ledger.refusal
        assert size(hub.store) < 16 * MIB, size(hub.store)
        ledger.check(client)
        ledger.trim(client, 10)
        resp.wait_until(lambda: not is_refusal(client.try_call("XADD", "other", "*", "f", "v")), "room")
    assert min(taken) > 0.8 * taken[0] > 3000, taken
    hub.kill()
    hub.start()
    ledger.check(hub.connect())
    hub.stop()


def really_full():
    """Without min_free the disk itself is full: what was taken waits, and is durable as soon as there is room."""
    hub = Hub(program, directory, max_bytes="1G", min_free="0")
    filler = os.path.join(directory, "filler")
    ledger, client, other = Ledger(), hub.connect(), hub.connect()
    receiver = hub.connect()
    receiver.call("SUBSCRIBE", "news")
    other.call("XADD", "calm", "*", "f", "v")
    other.call("XADD", "spare", "*", "f", "v")
    with open(filler, "wb", buffering=0) as f:
        try:
            while free() > 4 * MIB:
                f.write(bytes(MIB))
        except OSError:
            pass
    data = b"".join(client.encode("XADD", "jobs", "*", "f", b"%d" % i + b"x" * 1000) for i in range(20000))
    threading.Thread(target=client.send_raw, args=(data,)).start()
    # Answers come until the disk is full; then new commands of others are refused, and the rest works.
    resp.wait_until(lambda: is_refusal(try_call_once(hub)), "a refusal")
    assert str(other.try_call("XADD", "jobs", "*", "f", "v")).startswith("MISCONF the store cannot be written: "), \
        other.try_call("XADD", "jobs", "*", "f", "v")
    assert other.call("PUBLISH", "news", "full") == 1
    assert receiver.read() == [b"message", b"news", b"full"]
    # What makes room is answered when there is some, and so is who reads the stream then; others can be read.
    trimmer, reader = hub.connect(), hub.connect()
    trimmer.send("XTRIM", "spare", "MAXLEN", "0")
    resp.wait_until(lambda: b"cmdstat_xtrim:calls=1," in other.call("INFO", "commandstats"), "XTRIM to run")
    reader.send("XLEN", "spare")
    assert len(other.call("XRANGE", "calm", "-", "+")) == 1
    assert not select.select([trimmer.sock, reader.sock], [], [], 0.1)[0]
    os.unlink(filler)
    assert trimmer.read() == 1 and reader.read() == 0
    added = refused = 0
    for i in range(20000):
        try:
            ledger.entries[parse_id(client.read())] = b"%d" % i + b"x" * 1000
            added += 1
        except resp.Error as error:
            assert is_refusal(error), error
            refused += 1
    assert added > 0, "nothing was taken"
    resp.wait_until(lambda: not is_refusal(other.try_call("XADD", "other", "*", "f", "v")), "room")
    hub.kill()
    hub.start()
    ledger.check(hub.connect())
    hub.stop()
    print("%d added, %d refused" % (added, refused))


def try_call_once(hub):
    """Adds to another stream; an answer that is held until there is room is not waited for."""
    probe = resp.Client(hub.path, patience=0.5)
    try:
        return probe.try_call("XADD", "probe", "*", "f", "v")
    except TimeoutError:
        return None
    finally:
        probe.close()


{"four-times": four_times, "max-bytes": max_bytes, "really-full": really_full}[case]()
