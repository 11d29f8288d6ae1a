#!/usr/bin/env python3
"""
late-answers.py LISTEN CONNECT: stands between clients and a hub. Every answer comes LATE seconds later than it was
given, and an answer that says that there is nothing to read much later: so on two connections of one client, what was
said first may be heard last, as it is when a machine is busy.
"""
import asyncio
import sys

LATE = 0.02
NOTHING = b"*-1\r\n"
NOTHING_LATE = 0.4


async def pass_on(reader, writer, late):
    while data := await reader.read(65536):
        await asyncio.sleep(late(data))
        writer.write(data)
    writer.close()


async def main():
    async def serve(reader, writer):
        hub_reader, hub_writer = await asyncio.open_unix_connection(sys.argv[2])
        await asyncio.gather(
            pass_on(reader, hub_writer, lambda data: 0),
            pass_on(hub_reader, writer, lambda data: NOTHING_LATE if data == NOTHING else LATE))

    async with await asyncio.start_unix_server(serve, sys.argv[1]) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
