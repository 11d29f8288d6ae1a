"""The conversation with redis-py's asyncio side."""
import asyncio
import sys

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

BYTES = bytes(range(256)) + b"\r\n"


async def receive(sub, received):
    while True:
        try:
            message = await sub.get_message(timeout=60)
        except redis.ConnectionError:
            # The next call connects and subscribes again.
            await asyncio.sleep(0.02)
            continue
        if message:
            received.put_nowait((message["type"], message["pattern"], message["channel"], message["data"]))


async def expect(received, *wanted):
    got = await received.get()
    while got[0].endswith("subscribe") and not wanted[0].endswith("subscribe"):
        got = await received.get()
    assert got == wanted, (got, wanted)


async def publish_to_both(bus, received, text):
    assert await bus.publish("news", text) == 1
    assert await bus.publish("weather.oslo", text) == 1
    await expect(received, "message", None, b"news", text)
    await expect(received, "pmessage", b"weather.*", b"weather.oslo", text)


async def converse(path):
    bus = redis.Redis(
        unix_socket_path=path,
        client_name="publisher",
        retry=Retry(ConstantBackoff(0.02), 500),
        retry_on_error=[redis.ConnectionError],
    )
    assert await bus.publish("news", "x") == 0
    print("nobody", flush=True)

    received = asyncio.Queue()
    sub = redis.Redis(unix_socket_path=path, client_name="receiver").pubsub()
    await sub.subscribe("news", "gone")
    await sub.psubscribe("weather.*")
    receiver = asyncio.create_task(receive(sub, received))
    await expect(received, "subscribe", None, b"news", 1)
    await expect(received, "subscribe", None, b"gone", 2)
    await expect(received, "psubscribe", None, b"weather.*", 3)
    print("subscribed", flush=True)

    await publish_to_both(bus, received, b"hello")
    await publish_to_both(bus, received, BYTES)
    await publish_to_both(bus, received, b"")
    print("messages", flush=True)

    pipeline = bus.pipeline(transaction=False)
    for i in range(1000):
        pipeline.publish("news", i)
    assert await pipeline.execute() == [1] * 1000
    for i in range(1000):
        await expect(received, "message", None, b"news", b"%d" % i)
    print("pipeline", flush=True)

    transaction = bus.pipeline(transaction=True)
    transaction.publish("news", "one").publish("weather.oslo", "two")
    assert await transaction.execute() == [1, 1]
    await expect(received, "message", None, b"news", b"one")
    await expect(received, "pmessage", b"weather.*", b"weather.oslo", b"two")
    print("transaction", flush=True)

    await sub.unsubscribe("gone")
    await expect(received, "unsubscribe", None, b"gone", 2)
    assert await bus.publish("gone", "x") == 0
    print("unsubscribed", flush=True)

    # Each line says that the daemon was restarted and has the subscriptions again.
    while line := await asyncio.to_thread(sys.stdin.readline):
        await publish_to_both(bus, received, line.encode())
        assert await bus.publish("gone", "x") == 0
        assert await bus.client_getname() == "publisher"
        print("again", flush=True)
    receiver.cancel()
    print("bye", flush=True)


asyncio.run(converse(sys.argv[1]))
