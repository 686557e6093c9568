"""A line to PostgreSQL that breaks when it is told to."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from enum import Enum, auto
from pathlib import Path
from typing import Any

STARTUP = 196_608  # the version of the protocol: from here on, messages have a type


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Fate(Enum):
    """What becomes of a COMMIT, or of an answer."""

    PASSES = auto()
    CUT_BEFORE = auto()  # it does not arrive
    CUT_AFTER = auto()  # it arrives, and nobody hears of it
    LOST = auto()  # it does not arrive, and the line seems well
    UNANSWERED = auto()  # it arrives, and the line seems well


class Proxy:
    """Lines from a port of this machine to a socket of PostgreSQL."""

    def __init__(self, upstream: Path) -> None:
        self.port = 0
        self._upstream = upstream
        self._lines: set[_Line] = set()
        self.latency: Callable[[], float] = lambda: 0.0
        """Seconds that a message waits before it is passed on."""
        self.at_answer: Callable[[int], Fate] = lambda _: Fate.PASSES
        """What becomes of an answer, by its number on its line."""
        self.is_commit: Callable[[bytes], bool] = _is_commit
        """Whether a message commits: what is written alone has no COMMIT."""
        self.at_commit: Callable[[], Fate] = lambda: Fate.PASSES
        self.is_silent = asyncio.Event()
        """While it is set, nothing passes, and no line breaks."""

    def url(self, database: str) -> str:
        """Say how to connect to a database through it."""
        address = f"127.0.0.1:{self.port}/{database}"
        return f"postgresql+asyncpg://postgres@{address}?ssl=disable"

    def lines(self) -> list["_Line"]:
        """List the lines that stand."""
        return sorted(self._lines, key=lambda line: line.number)

    def recover(self) -> None:
        """Break the lines, and let new ones be good ones."""
        self.latency = lambda: 0.0
        self.at_answer = lambda _: Fate.PASSES
        self.at_commit = lambda: Fate.PASSES
        self.is_commit = _is_commit
        self.is_silent.clear()
        for line in self.lines():
            line.cut()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Connect a client."""
        try:
            upstream = await asyncio.open_unix_connection(str(self._upstream))
        except OSError:
            writer.transport.abort()
            return
        line = _Line(self, (reader, writer), upstream)
        self._lines.add(line)
        try:
            await line.carry()
        finally:
            self._lines.discard(line)


class _Line:
    """One connection of a client and its own to the server."""

    _count = 0

    def __init__(
        self,
        proxy: Proxy,
        client: Streams,
        server: Streams,
    ) -> None:
        _Line._count += 1
        self.number = _Line._count
        self._proxy = proxy
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._fate = Fate.PASSES
        self._is_cut = asyncio.Event()

    def cut(self) -> None:
        """Break it for both sides, at once."""
        self._to_client.transport.abort()
        self._to_server.transport.abort()
        self._is_cut.set()

    async def carry(self) -> None:
        """Pass messages on until one side ends."""
        try:
            await first_of(self._carry_out(), self._carry_back(), self._is_cut.wait())
        finally:
            self.cut()

    async def _carry_out(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            is_startup = True
            while True:
                kind = b"" if is_startup else await self._from_client.readexactly(1)
                size = await self._from_client.readexactly(4)
                rest = await self._from_client.readexactly(int.from_bytes(size) - 4)
                if is_startup:
                    is_startup = int.from_bytes(rest[:4]) != STARTUP
                if self._proxy.is_commit(kind + rest):
                    self._fate = self._proxy.at_commit()
                if self._fate is Fate.CUT_BEFORE:
                    return
                if self._fate is Fate.LOST:
                    await self._is_cut.wait()
                await self._hold()
                self._to_server.write(kind + size + rest)
                await self._to_server.drain()

    async def _carry_back(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            for number in itertools.count(1):
                answer = await self._from_server.read(2**16)
                fate = self._proxy.at_answer(number)
                if not answer or fate is Fate.CUT_BEFORE:
                    return
                if self._fate is Fate.CUT_AFTER:
                    return
                if self._fate is Fate.UNANSWERED:
                    await self._is_cut.wait()
                await self._hold()
                self._to_client.write(answer)
                await self._to_client.drain()
                if fate is Fate.CUT_AFTER:
                    return

    async def _hold(self) -> None:
        if latency := self._proxy.latency():
            await asyncio.sleep(latency)
        if self._proxy.is_silent.is_set():
            await self._is_cut.wait()


def _is_commit(message: bytes) -> bool:
    return message.startswith(b"QCOMMIT")


def binds(value: str) -> Callable[[bytes], bool]:
    """Tell of a message whether it sends this among the values of a statement."""
    return lambda message: message.startswith(b"B") and value.encode() in message


@contextlib.asynccontextmanager
async def proxied(upstream: Path) -> AsyncGenerator[Proxy]:
    """Open a proxy, and break its lines in the end."""
    proxy = Proxy(upstream)
    try:
        async with listening(proxy.serve) as proxy.port:
            yield proxy
    finally:
        proxy.recover()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def listening(serve: Serve) -> AsyncGenerator[int]:
    """Open a port of this machine, and give its number."""
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


async def first_of(*ways: Coroutine[Any, Any, object]) -> None:
    """Go all of these at once; when one has ended, cancel the others."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
