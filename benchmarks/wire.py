"""A line to PostgreSQL that counts how often the client waits for the server."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from faults.proxy import Streams, first_of, listening

SSL_REQUEST = 80_877_103  # instead of the version of the protocol
ASKS = frozenset([b"S", b"Q", b"H", b"c"])  # Sync, Query, Flush and CopyDone


class Counter:
    """Passes on what clients and server say; counts the round trips of all lines.

    What a client sends up to a message that asks for an answer is one flight, however
    many messages and packets it has. A flight after an answer is one round trip.
    """

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self._connect = connect
        self.round_trips = 0
        self.port = 0

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one line to its end."""
        try:
            line = _Line(self, (reader, writer), await self._connect())
        except OSError:
            writer.transport.abort()
            return
        await line.carry()


class _Line:
    def __init__(self, counter: Counter, client: Streams, server: Streams) -> None:
        self._counter = counter
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._is_waiting = False

    async def carry(self) -> None:
        try:
            await first_of(self._out(), self._back())
        finally:
            self._to_server.close()
            self._to_client.close()

    async def _out(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            start = await _message(self._from_client)
            while int.from_bytes(start[4:8]) == SSL_REQUEST:
                self._to_client.write(b"N")  # nobody listens between
                start = await _message(self._from_client)
            self._to_server.write(start)
            while True:
                kind = await self._from_client.readexactly(1)
                message = await _message(self._from_client)
                if kind in ASKS and not self._is_waiting:
                    self._is_waiting = True
                    self._counter.round_trips += 1
                self._to_server.write(kind + message)
                await self._to_server.drain()

    async def _back(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while answer := await self._from_server.read(2**16):
                self._is_waiting = False
                self._to_client.write(answer)
                await self._to_client.drain()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read a message behind its type, which the first one has not."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size) - 4)


@contextlib.asynccontextmanager
async def counted(host: str, port: int) -> AsyncGenerator[Counter]:
    """Open a port of this machine before a server, or before its socket in a folder."""

    async def connect() -> Streams:
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    counter = Counter(connect)
    async with listening(counter.serve) as counter.port:
        yield counter
