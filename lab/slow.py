#!/usr/bin/env python3
"""A relay before BIRD's socket that keeps answers back: slow.py LISTEN TO SECONDS.

Requests pass at once; every byte of an answer is passed on SECONDS after it came."""

import asyncio
import os
import sys


async def pass_on(reader, writer, delay):
    """Each chunk leaves `delay` after it arrived, however many are under way."""
    queue = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def write():
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()
    task = asyncio.create_task(write())
    try:
        while data := await reader.read(65536):
            queue.put_nowait((loop.time() + delay, data))
    except ConnectionError:
        pass
    queue.put_nowait((loop.time(), b''))
    await asyncio.gather(task, return_exceptions=True)


async def main(listen, to, delay):
    async def serve(reader, writer):
        bird_reader, bird_writer = await asyncio.open_unix_connection(to)
        await asyncio.gather(pass_on(reader, bird_writer, 0),
                             pass_on(bird_reader, writer, delay), return_exceptions=True)
    if os.path.exists(listen):
        os.unlink(listen)
    server = await asyncio.start_unix_server(serve, listen)
    async with server:
        await server.serve_forever()


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
