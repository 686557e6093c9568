"""A network that is silent, and a PgBouncer in it."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any
from unittest.mock import patch

from ledger.application.errors import (
    CommitUnknown,
    StorageError,
    TimedOut,
    Unavailable,
)
from ledger.domain.identities import AccountId
from sqlalchemy import text

from faults.bank import CONFLICTS
from faults.proxy import Fate, Proxy, proxied
from faults.report import Seen, SkippedError
from faults.server import BOUNCER_PORT, ServerError
from faults.trial import Lab, Trial, named

LIMIT = 0.5  # seconds: of a command, and of connecting
HANGS = 2 * LIMIT + 1  # seconds
FOR_EVER = 3600.0
CLIENTS = 16
Case = Callable[[Trial, Proxy], Awaitable[None]]


async def _connect(trial: Trial, proxy: Proxy) -> None:
    await trial.container.engine().dispose()
    proxy.is_silent.set()
    await trial.bank.look()


async def _read(trial: Trial, proxy: Proxy) -> None:
    async with trial.bank.unit_of_work() as uow:
        proxy.is_silent.set()
        await uow.accounts.get(AccountId(1))


async def _commit(trial: Trial, proxy: Proxy) -> None:
    proxy.at_commit = lambda: Fate.LOST
    await trial.bank.move(trial.teller.order())


async def _commit_unheard(trial: Trial, proxy: Proxy) -> None:
    proxy.at_commit = lambda: Fate.UNANSWERED
    await trial.bank.move(trial.teller.order())


CASES: list[tuple[Case, type[Exception]]] = [
    (_connect, Unavailable),
    (_read, TimedOut),
    (_commit, CommitUnknown),
    (_commit_unheard, CommitUnknown),
]


@asynccontextmanager
async def _limited(lab: Lab, limit: float) -> AsyncGenerator[tuple[Trial, Proxy]]:
    chosen: dict[str, Any] = {}
    chosen["database_command_timeout"] = chosen["database_connect_timeout"] = limit
    async with (
        proxied(lab.server.socket) as proxy,
        lab.trial(proxy=proxy, **chosen) as trial,
    ):
        yield trial, proxy


async def silence(lab: Lab) -> Seen:
    """Let nothing through: what waits ends in time, with the error that fits."""
    async with _limited(lab, LIMIT) as (trial, proxy):
        for _ in range(lab.size(1, 10)):
            for case, kind in CASES:
                error, seconds = await _wait(trial, proxy, case)
                trial.seen.seconds.append(seconds)
                name, met = case.__name__.strip("_"), type(error).__name__
                sentence = f"{name}: {met} instead of {kind.__name__}: {error}"
                trial.seen.expect(type(error) is kind, sentence)
        return await trial.settle()


async def silence_without_limits(lab: Lab) -> Seen:
    """Set no limits of time: what waits hangs until somebody else ends it."""

    async def hangs(case: Case) -> bool:
        async with _limited(lab, FOR_EVER) as (trial, proxy):
            error, _ = await _wait(trial, proxy, case)
        return isinstance(error, TimeoutError)

    hung = sum(await asyncio.gather(*(hangs(case) for case, _ in CASES)))
    damage = f"{hung} of {len(CASES)} hung for {HANGS:.0f} s"
    return Seen(damage=damage if hung == len(CASES) else "")


async def _wait(
    trial: Trial, proxy: Proxy, case: Case
) -> tuple[BaseException | None, float]:
    """Run the case on a line that is sound when it begins; return how it ended."""
    await trial.bank.look()
    trial.seen.sent += 1
    trial.seen.faults += 1
    began = time.perf_counter()
    task = asyncio.ensure_future(case(trial, proxy))
    await asyncio.wait([task], timeout=HANGS)
    seconds = time.perf_counter() - began
    proxy.recover()
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return TimeoutError(f"no end within {HANGS} s"), seconds
    return task.exception(), seconds


async def cut_everywhere(lab: Lab) -> Seen:
    """Cut the line at each answer, from connecting on: each error has its name."""
    async with _limited(lab, 2 * LIMIT) as (trial, proxy):
        for error in await _cut_everywhere(trial, proxy):
            is_ours = error is None or isinstance(error, (Unavailable, CommitUnknown))
            trial.seen.expect(is_ours, f"a caller met {error and named(error)}")
        return await trial.settle()


async def cut_unnoticed(lab: Lab) -> Seen:
    """Do not look after the way to a connection: errors of the driver get through."""
    reaching = "ledger.infrastructure.session.reaching"
    with patch(reaching, nullcontext):
        async with _limited(lab, 2 * LIMIT) as (trial, proxy):
            met = await _cut_everywhere(trial, proxy)
    foreign = sum(not isinstance(error, StorageError | None) for error in met)
    damage = f"{foreign} of {len(met)} errors are not ours"
    return Seen(damage=damage if foreign else "")


async def _cut_everywhere(trial: Trial, proxy: Proxy) -> list[Exception | None]:
    """Cut a new line before and after each of its answers; return what was met."""
    met: list[Exception | None] = []
    for fate in (Fate.CUT_BEFORE, Fate.CUT_AFTER):
        for place in itertools.count(1):
            await trial.container.engine().dispose()
            passed: set[int] = set()
            proxy.at_answer = partial(_fate_at, place, fate, passed)
            order, error = trial.teller.order(), None
            began = time.perf_counter()
            try:
                await trial.bank.move(order)
            except Exception as refusal:
                error = refusal
            else:
                trial.acknowledge(order, time.perf_counter() - began)
            proxy.recover()
            trial.seen.sent += 1
            if place not in passed:
                break
            trial.seen.faults += 1
            met.append(error)
    return met


def _fate_at(place: int, fate: Fate, passed: set[int], number: int) -> Fate:
    passed.add(number)
    return fate if number == place else Fate.PASSES


async def bounce(lab: Lab) -> Seen:
    """Go through PgBouncer in transaction mode: every transaction is done."""
    async with _bouncing(lab, database_pgbouncer=True) as trial:
        await _send_all(trial, lab.size(1_000, 3_000))
        async with trial.container.session_factory()() as session:
            shown = await session.scalar(text("SHOW statement_timeout"))
        trial.seen.expect(shown == "5s", f"statements may take {shown}, not 5s")
        return await trial.settle()


async def bounce_unknowingly(lab: Lab) -> Seen:
    """Leave the setting off: prepared statements are looked for in vain."""
    async with _bouncing(lab) as trial:
        await _send_all(trial, 150)
        seen = trial.seen
        refused = seen.sent - seen.acked
        if refused:
            seen.damage = f"{refused} of {seen.sent} failed"
        return seen


@asynccontextmanager
async def _bouncing(lab: Lab, **chosen: Any) -> AsyncGenerator[Trial]:
    try:
        await lab.server.start_bouncer()
    except ServerError as reason:
        raise SkippedError(str(reason)) from None
    chosen["database_pool_size"] = CLIENTS
    async with lab.trial(port=BOUNCER_PORT, **chosen) as trial:
        yield trial


async def _send_all(trial: Trial, times: int) -> None:
    async def send() -> None:
        for _ in range(times // CLIENTS + 1):
            if trial.seen.sent < times:
                await trial.request(trial.bank.move, passing=CONFLICTS)

    await asyncio.gather(*(send() for _ in range(CLIENTS)))
