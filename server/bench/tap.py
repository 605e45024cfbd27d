"""Between a browser and a server, counting: every byte that passes, by the request it belongs to.

A browser's own figures leave out what its Workers fetch, or the headers, or both.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 1 << 16


@dataclass(kw_only=True)
class Exchange:
    """One request and its answer. `began`, `ended`: monotonic seconds of the first byte sent and
    the last one received. `sent`, `received`: bytes, with headers."""

    method: str
    path: str
    began: float
    ended: float
    sent: int = 0
    received: int = 0

    @property
    def is_picture(self) -> bool:
        """A part of a shard: what there is to work on, and not what the page costs."""
        return self.path.endswith(".tar")


@dataclass(kw_only=True)
class Tap:
    """`exchanges` grows as the browser asks."""

    port: int
    exchanges: list[Exchange] = field(default_factory=list)

    def take(self) -> list[Exchange]:
        """What has passed since the last `take`."""
        taken, self.exchanges = self.exchanges, []
        return taken


@contextmanager
def tap(server_port: int) -> Iterator[Tap]:
    """A port of 127.0.0.1 that leads to another one of it."""
    loop = asyncio.new_event_loop()
    found = Tap(port=0)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _pass_on(found, server_port, reader, writer)

    # Playwright's own loop may run in the caller's thread, so nothing of this one does.
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listening = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(connect, "127.0.0.1", 0), loop
    )
    try:
        listener = listening.result()
        found.port = int(listener.sockets[0].getsockname()[1])
        try:
            yield found
        finally:
            loop.call_soon_threadsafe(listener.close)
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _pass_on(
    tap: Tap, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One connection. A browser sends no request before it has the answer to the one before, so
    bytes of it that follow bytes of the server begin another exchange."""
    upstream, onward = await asyncio.open_connection("127.0.0.1", port)
    current: Exchange | None = None
    answering = True

    async def requests() -> None:
        nonlocal current, answering
        while chunk := await reader.read(CHUNK):
            now = time.monotonic()
            if answering or current is None:
                current = exchange_of(chunk, now)
                tap.exchanges.append(current)
                answering = False
            current.sent += len(chunk)
            onward.write(chunk)
            await onward.drain()
        onward.write_eof()

    async def answers() -> None:
        nonlocal answering
        while chunk := await upstream.read(CHUNK):
            answering = True
            if current is not None:
                current.received += len(chunk)
                current.ended = time.monotonic()
            writer.write(chunk)
            await writer.drain()

    asking = asyncio.ensure_future(requests())
    try:
        with suppress(OSError):
            await answers()
    finally:
        asking.cancel()
        for stream in (onward, writer):
            stream.close()
        await asyncio.gather(asking, return_exceptions=True)


def exchange_of(chunk: bytes, now: float) -> Exchange:
    """By the first line of a request; the query isn't part of the path."""
    words = chunk.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    path = words[1] if len(words) > 1 else ""
    return Exchange(method=words[0], path=path.partition("?")[0], began=now, ended=now)


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # Closed connections are told of in the loop's next turn.
    await asyncio.sleep(0)
