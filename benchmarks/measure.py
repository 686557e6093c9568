"""Blocks of use cases in turns, each compared with the limit before and after it.

A busy machine slows down both, so it is ratios that are measured. Where the two blocks
of the limit differ, the machine changed between them, and what was between is dropped.
"""

import asyncio
import gc
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

import asyncpg  # type: ignore[import-untyped]

from benchmarks.cases import CLEAR, MOVED, TO_DELETE, Case
from benchmarks.contenders import LIMIT, Contender
from benchmarks.wire import Counter

BLOCK = 0.03  # seconds
MOST = 1_000  # use cases of a block
WARM_UP = 0.1  # seconds, and one use case at least
STEADY = 1.3
"""How much slower than the other one of two neighbouring blocks of the limit may be."""
ENOUGH = 3
"""Ratios that tell something; with fewer, those that were dropped count, too."""
UseCase: TypeAlias = Callable[[Any], Coroutine[Any, Any, Any]]


class WrongError(Exception):
    """A contender did not do what it was asked for; the message says what."""


@dataclass
class Measured:
    """What one contender needs for one use case."""

    seconds: list[float] = field(default_factory=list)
    """Of a use case, in each block."""
    kept: list[float] = field(default_factory=list)
    """Its multiples of what the limit needs."""
    dropped: list[float] = field(default_factory=list)
    round_trips: int | None = None

    @property
    def ratios(self) -> list[float]:
        """Those that count."""
        return self.kept if len(self.kept) >= ENOUGH else self.kept + self.dropped

    @property
    def ratio(self) -> float:
        """The one in the middle."""
        return statistics.median(self.ratios)

    @property
    def ratio_of_most(self) -> float:
        """What three of four blocks needed, or more."""
        first, *_ = statistics.quantiles([*self.ratios, self.ratio], method="inclusive")
        return first

    def compare(self, seconds: float, before: float, after: float) -> None:
        """Note a block between two of the limit."""
        self.seconds.append(seconds)
        is_steady = max(before, after) <= STEADY * min(before, after)
        ratios = self.kept if is_steady else self.dropped
        ratios.append(seconds / statistics.mean([before, after]))


class Bench:
    """Contenders at one database, and a connection that prepares and clears it."""

    def __init__(
        self, connection: asyncpg.Connection, contenders: dict[str, Contender]
    ) -> None:
        self._connection = connection
        self._contenders = contenders
        self._random = Random(1)  # noqa: S311  # an order, no secret

    def able(self, case: Case) -> list[str]:
        """Name those that can do it."""
        names = self._contenders
        return [name for name in names if self._use_case(name, case) is not None]

    async def measure(self, case: Case, *, rounds: int) -> dict[str, Measured]:
        """Run blocks until there are so many steady ones of each, or twice as many."""
        seen = {name: Measured() for name in self.able(case)}
        sizes = {name: await self._warm_up(name, case) for name in seen}
        others = [name for name in seen if name != LIMIT]
        gc.collect()
        gc.freeze()  # what is there from now on is no garbage of a use case
        for _ in range(2 * rounds):
            if min(len(seen[name].kept) for name in others) >= rounds:
                break
            self._random.shuffle(others)
            before = await self._block(LIMIT, case, sizes[LIMIT])
            for name in others:
                seconds = await self._block(name, case, sizes[name])
                after = await self._block(LIMIT, case, sizes[LIMIT])
                seen[name].compare(seconds, before, after)
                seen[LIMIT].seconds.append(after)
                before = after
        gc.unfreeze()
        seen[LIMIT].kept = [1.0] * len(seen[LIMIT].seconds)
        return seen

    async def count(self, case: Case, counter: Counter) -> dict[str, int]:
        """Count the round trips of a use case whose statements are all prepared."""
        counts: dict[str, int] = {}
        for name in self.able(case):
            is_steady = False
            while not is_steady:
                before = counter.round_trips
                await self._block(name, case, 1)
                count = counter.round_trips - before
                is_steady = counts.get(name) == count
                counts[name] = count
        return counts

    def _use_case(self, name: str, case: Case) -> UseCase | None:
        contender = self._contenders[name]
        found: UseCase | None = getattr(contender, case.method, None)
        if found is None and case.method == "get_at_once":
            found = getattr(contender, "get", None)
        return found

    async def _warm_up(self, name: str, case: Case) -> int:
        """Let everything be prepared; return how many use cases are to be a block."""
        began = time.perf_counter()
        fastest = await self._block(name, case, case.at_once)
        while time.perf_counter() - began < WARM_UP:
            fastest = min(fastest, await self._block(name, case, 2 * case.at_once))
        return max(case.at_once, min(MOST, round(BLOCK / fastest)))

    async def _block(self, name: str, case: Case, size: int) -> float:
        """Run so many use cases; return the seconds of one."""
        use_case = self._use_case(name, case)
        if use_case is None:
            raise WrongError(f"{name} cannot {case.name}")
        arguments = await self._prepared(case, size)
        before = await self._connection.fetchval(MOVED) if case.moves else 0
        gc.collect(1)
        began = time.perf_counter()
        if case.at_once == 1:
            for argument in arguments:
                result = await use_case(argument)
        else:
            result = await _at_once(use_case, arguments, case.at_once)
        seconds = (time.perf_counter() - began) / size
        if not case.holds(result):
            raise WrongError(f"{name} cannot {case.name}: {result!r:.200}")
        if case.moves:
            moved = await self._connection.fetchval(MOVED) - before
            if moved != case.moves * size:
                raise WrongError(f"{name} did not {case.name}: {moved} for {size}")
            await self._connection.execute(CLEAR)
            await self._connection.execute("VACUUM products")
        return seconds

    async def _prepared(self, case: Case, size: int) -> list[Any]:
        if case.method == "delete":
            rows = await self._connection.fetch(TO_DELETE, size)
            return [row["id"] for row in rows]
        start = self._random.randrange(10**6)
        return [case.argument(start + number) for number in range(size)]


async def _at_once(use_case: UseCase, arguments: Sequence[Any], amount: int) -> Any:
    """Run some at any time, each from the beginning of a turn of the loop."""
    results: list[Any] = []
    waiting: Iterator[Any] = iter(arguments)

    async def work() -> None:
        for argument in waiting:
            results[:] = [await asyncio.create_task(use_case(argument))]

    await asyncio.gather(*(work() for _ in range(amount)))
    return results[0]
