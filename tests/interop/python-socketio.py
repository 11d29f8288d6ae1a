"""Two servers of python-socketio and a process that only emits, by their manager for Redis. usage: python-socketio.py SOCKET"""
import asyncio
import sys

import socketio

URL = "unix://%s?db=2" % sys.argv[1]


class Manager(socketio.AsyncRedisManager):
    """Takes note of what comes for the clients of its server."""

    def __init__(self):
        super().__init__(URL)
        self.received = asyncio.Queue()

    async def _handle_emit(self, message):
        await self.received.put((message["event"], message["data"], message.get("room")))

    async def expect(self, *wanted):
        got = await asyncio.wait_for(self.received.get(), 60)
        assert got == wanted, (got, wanted)


async def close(connection):
    # By its new name, where the library has that.
    await getattr(connection, "aclose", connection.close)()


async def main():
    managers = [Manager(), Manager()]
    for manager in managers:
        manager.set_server(socketio.AsyncServer(client_manager=manager, async_mode="asgi"))
        manager.initialize()
    outside = socketio.AsyncRedisManager(URL, write_only=True)
    while (await outside.redis.pubsub_numsub("socketio"))[0][1] < 2:
        await asyncio.sleep(0.02)
    print("subscribed")
    for n in range(100):
        await outside.emit("news", {"n": n, "text": "\u00fc\r\n"}, room="readers")
        for manager in managers:
            await manager.expect("news", {"n": n, "text": "\u00fc\r\n"}, "readers")
    print("emitted")
    for manager in managers:
        manager.thread.cancel()
        await close(manager.pubsub)
        await close(manager.redis)
    await close(outside.redis)
    print("bye")


asyncio.run(main())
