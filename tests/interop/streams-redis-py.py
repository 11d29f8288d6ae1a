"""The conversation about streams with redis-py, blocking: see streams-interop.bats."""
import sys
import threading
import time

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

BYTES = bytes(range(256)) + b"\r\n"


def connect():
    return redis.Redis(unix_socket_path=sys.argv[1], retry=Retry(ConstantBackoff(0.02), 500),
                       retry_on_error=[redis.ConnectionError])


def numbers(entries):
    return [int(fields[b"n"]) for _, fields in entries]


def check_blocking(hub, reader):
    """One connection waits for an entry that the other one adds."""
    got = []
    thread = threading.Thread(target=lambda: got.append(reader.xread({"news": "$"}, block=60000)), daemon=True)
    thread.start()
    while hub.info()["blocked_clients"] < 1:
        time.sleep(0.02)
    entry = hub.xadd("news", {"text": BYTES})
    thread.join()
    assert got == [[[b"news", [(entry, {b"text": BYTES})]]]], got
    assert reader.xread({"news": entry}, block=1) == []
    return entry


hub, reader = connect(), connect()
first = hub.xadd("jobs", {"text": BYTES, "empty": ""})
pipeline = hub.pipeline(transaction=False)
for i in range(1000):
    pipeline.xadd("jobs", {"n": i})
ids = pipeline.execute()
assert hub.xlen("jobs") == 1001
transaction = hub.pipeline(transaction=True)
ids += transaction.xadd("jobs", {"n": 1000}).xadd("jobs", {"n": 1001}).execute()
print("added", flush=True)

assert hub.xrange("jobs", count=1) == [(first, {b"text": BYTES, b"empty": b""})]
[[key, entries]] = hub.xread({"jobs": first}, count=5000)
assert key == b"jobs" and [entry for entry, _ in entries] == ids and numbers(entries) == list(range(1002))
assert numbers(hub.xrevrange("jobs", count=2)) == [1001, 1000]
print("read", flush=True)

last = check_blocking(hub, reader)
print("blocked", flush=True)

hub.xgroup_create("jobs", "workers", ids[-11])
alice = redis.Redis(unix_socket_path=sys.argv[1])
[[_, entries]] = alice.xreadgroup("workers", "alice", {"jobs": ">"}, count=6)
assert numbers(entries) == list(range(992, 998))
assert alice.xack("jobs", "workers", *ids[-10:-6]) == 4
[[_, entries]] = hub.xreadgroup("workers", "bob", {"jobs": ">"})
assert numbers(entries) == list(range(998, 1002))
print("worked", flush=True)

# alice ends without a word.
alice.connection_pool.disconnect()
pending = hub.xpending_range("jobs", "workers", "-", "+", 10, "alice")
assert [(row["message_id"], row["times_delivered"]) for row in pending] == [(entry, 1) for entry in ids[-6:-4]]
assert numbers(hub.xclaim("jobs", "workers", "bob", 0, ids[-6:-4])) == [996, 997]
assert hub.xack("jobs", "workers", *ids[-6:-4]) == 2
print("claimed", flush=True)

# Each line says that the hub was killed or stopped, and started again: everything is there.
for line in sys.stdin:
    assert hub.xlen("jobs") == 1003
    assert hub.xpending("jobs", "workers") == {"pending": 4, "min": ids[-4], "max": ids[-1],
                                               "consumers": [{"name": b"bob", "pending": 4}]}
    [[_, entries]] = hub.xreadgroup("workers", "bob", {"jobs": "0"})
    assert [entry for entry, _ in entries] == ids[-4:]
    entry = check_blocking(hub, reader)
    assert entry > last
    last = entry
    print("again", flush=True)
assert hub.xack("jobs", "workers", *ids[-4:]) == 4
print("bye", flush=True)
