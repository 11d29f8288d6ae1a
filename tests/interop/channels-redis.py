"""Two processes of Django Channels, by the pub/sub layer of channels_redis. usage: channels-redis.py SOCKET"""
import asyncio
import sys

from channels_redis.pubsub import RedisPubSubChannelLayer


def layer():
    return RedisPubSubChannelLayer(hosts=[{"address": "unix://%s?db=1" % sys.argv[1]}])


async def receive(layer, channel):
    return await asyncio.wait_for(layer.receive(channel), 60)


async def main():
    a, b = layer(), layer()
    names = [await a.new_channel(), await b.new_channel()]
    for n in range(100):
        message = {"type": "test", "n": n, "bytes": b"\x00\r\n\xff"}
        await a.send(names[1], message)
        assert await receive(b, names[1]) == message
    print("sent")
    await a.group_add("room", names[0])
    await b.group_add("room", names[1])
    await a.group_send("room", {"type": "to all"})
    assert await receive(a, names[0]) == {"type": "to all"}
    assert await receive(b, names[1]) == {"type": "to all"}
    print("group")
    await b.group_discard("room", names[1])
    await a.group_send("room", {"type": "to one"})
    assert await receive(a, names[0]) == {"type": "to one"}
    await a.send(names[1], {"type": "end"})
    assert await receive(b, names[1]) == {"type": "end"}
    print("discarded")
    await a.flush()
    await b.flush()
    print("bye")


asyncio.run(main())
