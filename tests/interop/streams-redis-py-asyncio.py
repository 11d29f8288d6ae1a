"""The conversation about streams with redis-py's asyncio side: see streams-interop.bats."""
import asyncio
import sys

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError

BYTES = bytes(range(256)) + b"\r\n"


def connect():
    return redis.Redis(unix_socket_path=sys.argv[1], retry=Retry(ConstantBackoff(0.02), 500),
                       retry_on_error=[ConnectionError])


def numbers(entries):
    return [int(fields[b"n"]) for _, fields in entries]


async def check_blocking(hub, reader):
    """One connection waits for an entry that the other one adds."""
    task = asyncio.create_task(reader.xread({"news": "$"}, block=60000))
    while (await hub.info())["blocked_clients"] < 1:
        await asyncio.sleep(0.02)
    entry = await hub.xadd("news", {"text": BYTES})
    got = await task
    assert got == [[b"news", [(entry, {b"text": BYTES})]]], got
    assert await reader.xread({"news": entry}, block=1) == []
    return entry


async def converse():
    hub, reader = connect(), connect()
    first = await hub.xadd("jobs", {"text": BYTES, "empty": ""})
    pipeline = hub.pipeline(transaction=False)
    for i in range(1000):
        pipeline.xadd("jobs", {"n": i})
    ids = await pipeline.execute()
    assert await hub.xlen("jobs") == 1001
    transaction = hub.pipeline(transaction=True)
    ids += await transaction.xadd("jobs", {"n": 1000}).xadd("jobs", {"n": 1001}).execute()
    print("added", flush=True)

    assert await hub.xrange("jobs", count=1) == [(first, {b"text": BYTES, b"empty": b""})]
    [[key, entries]] = await hub.xread({"jobs": first}, count=5000)
    assert key == b"jobs" and [entry for entry, _ in entries] == ids and numbers(entries) == list(range(1002))
    assert numbers(await hub.xrevrange("jobs", count=2)) == [1001, 1000]
    print("read", flush=True)

    last = await check_blocking(hub, reader)
    print("blocked", flush=True)

    await hub.xgroup_create("jobs", "workers", ids[-11])
    alice = redis.Redis(unix_socket_path=sys.argv[1])
    [[_, entries]] = await alice.xreadgroup("workers", "alice", {"jobs": ">"}, count=6)
    assert numbers(entries) == list(range(992, 998))
    assert await alice.xack("jobs", "workers", *ids[-10:-6]) == 4
    [[_, entries]] = await hub.xreadgroup("workers", "bob", {"jobs": ">"})
    assert numbers(entries) == list(range(998, 1002))
    print("worked", flush=True)

    # alice ends without a word.
    await alice.connection_pool.disconnect()
    claimed = await hub.xautoclaim("jobs", "workers", "bob", 0, count=2)
    assert numbers(claimed[1]) == [996, 997]
    assert await hub.xack("jobs", "workers", *ids[-6:-4]) == 2
    print("claimed", flush=True)

    # Each line says that the hub was killed or stopped, and started again: everything is there.
    while await asyncio.to_thread(sys.stdin.readline):
        assert await hub.xlen("jobs") == 1003
        assert await hub.xpending("jobs", "workers") == {"pending": 4, "min": ids[-4], "max": ids[-1],
                                                         "consumers": [{"name": b"bob", "pending": 4}]}
        [[_, entries]] = await hub.xreadgroup("workers", "bob", {"jobs": "0"})
        assert [entry for entry, _ in entries] == ids[-4:]
        entry = await check_blocking(hub, reader)
        assert entry > last
        last = entry
        print("again", flush=True)
    assert await hub.xack("jobs", "workers", *ids[-4:]) == 4
    print("bye", flush=True)


asyncio.run(converse())
