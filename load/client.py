"""A client that costs little: requests on connections that stay open."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Measured:
    """What requests of one kind took."""

    seconds: list[float] = field(default_factory=list)
    """Of each request."""
    rates: list[float] = field(default_factory=list)
    """Requests per second, of each round."""
    errors: int = 0


@dataclass(frozen=True)
class Route:
    """A kind of request."""

    name: str
    status: int
    write: Callable[[int], tuple[str, str]]
    """The target and the body of a request, by its number."""
    method: str = "GET"

    def request(self, number: int) -> bytes:
        """Write it as it goes over the line."""
        target, body = self.write(number)
        head = f"{self.method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n{body}".encode()


async def send(
    port: int, route: Route, count: int, *, at_once: int, into: Measured
) -> None:
    """Send so many requests of this kind, some at once."""
    numbers = iter(range(count))
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(at_once)]
    began = time.perf_counter()
    try:
        await asyncio.gather(*(_send(*line, route, numbers, into) for line in lines))
    finally:
        took = time.perf_counter() - began
        for _, writer in lines:
            writer.close()
    into.rates.append(count / took)


async def _send(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    route: Route,
    numbers: Iterator[int],
    into: Measured,
) -> None:
    for number in numbers:
        began = time.perf_counter()
        writer.write(route.request(number))
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        into.seconds.append(time.perf_counter() - began)
        into.errors += int(head.split()[1]) != route.status
