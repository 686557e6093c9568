"""Servers that die, lines that break, commits nobody hears of."""

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ledger.application.errors import CommitUnknown
from ledger.application.messages.account import CreateAccount

from faults.bank import Order, persist
from faults.proxy import Fate, Proxy, binds, proxied
from faults.report import Seen
from faults.trial import Lab, Trial, Wrapper

UseCase: TypeAlias = Callable[[Order], Awaitable[None]]
CLIENTS = range(16)
PAUSE = 0.5  # seconds between two requests of a client, at most
CRASH_EVERY = 6  # seconds
CUTS = (Fate.CUT_BEFORE, Fate.CUT_AFTER)
OPENED = "SELECT owner FROM accounts WHERE owner LIKE $1"
KILL_ONE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
ORDER BY random() LIMIT 1
"""


class Storm:
    """Faults of every kind at once, until there were so many or time is up."""

    def __init__(self, lab: Lab, trial: Trial, proxy: Proxy) -> None:
        self.away: list[float] = []
        self._trial, self._proxy, self._lab = trial, proxy, lab
        self._chance = lab.randomness
        self._is_over = asyncio.Event()
        self._wanted = 0

    async def wait(self, use_case: UseCase, seconds: float) -> float:
        """Send orders before it begins; tell how long the median of them takes."""
        over = asyncio.Event()
        clients = [asyncio.create_task(self._send(use_case, over)) for _ in CLIENTS]
        await asyncio.sleep(seconds)
        over.set()
        await asyncio.gather(*clients)
        return statistics.median(self._trial.seen.seconds)

    async def blow(self, use_case: UseCase, faults: int, seconds: float) -> None:
        """Send orders through it until it is over."""
        self._wanted = faults
        self._proxy.at_commit = self._at_commit
        self._proxy.latency = lambda: self._chance.choice([0.005, *[0.0] * 9])
        work = [self._kill(), self._cut(), self._crash()]
        work += [self._send(use_case, self._is_over, self._cancel) for _ in CLIENTS]
        tasks = [asyncio.create_task(one) for one in work]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_over.wait(), seconds)
        self._is_over.set()
        self._proxy.recover()
        await asyncio.gather(*tasks)
        met = self._trial.seen.faults
        sentence = f"only {met} faults in {seconds} s"
        self._trial.seen.expect_soon(met >= faults, sentence)

    def _count(self, faults: int = 1) -> None:
        self._trial.seen.faults += faults
        if self._trial.seen.faults >= self._wanted:
            self._is_over.set()

    async def _send(
        self, use_case: UseCase, over: asyncio.Event, *wrapper: Wrapper
    ) -> None:
        while not over.is_set():
            await self._trial.request(use_case, *wrapper)
            await asyncio.sleep(self._chance.uniform(0, PAUSE))

    async def _cancel(self, work: Awaitable[None]) -> None:
        if self._chance.random() > 0.1:
            return await work
        try:
            async with asyncio.timeout(self._chance.uniform(0, 0.04)):
                await work
        except TimeoutError:
            self._count()
            raise

    def _at_commit(self) -> Fate:
        fate = self._chance.choices(
            [Fate.PASSES, Fate.CUT_BEFORE, Fate.CUT_AFTER], [94, 3, 3]
        )[0]
        self._count(fate is not Fate.PASSES)
        return fate

    async def _kill(self) -> None:
        while not self._is_over.is_set():
            await asyncio.sleep(self._chance.uniform(0, 1))
            with contextlib.suppress(Exception):  # the server dies on us as well
                self._count(len(await self._trial.fetch(KILL_ONE)))

    async def _cut(self) -> None:
        while not self._is_over.is_set():
            await asyncio.sleep(self._chance.uniform(0, 1))
            if lines := self._proxy.lines():
                self._chance.choice(lines).cut()
                self._count()

    async def _crash(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), CRASH_EVERY)
                return
            self.away.append(await self._lab.server.crash())
            self._count()


async def storm(lab: Lab) -> Seen:
    """Send keyed orders through a storm: each is done once.

    But for one in a hundred, they take less than a second and the time that the server
    is away; or than ten quiet ones, where the machine is busy.
    """
    async with proxied(lab.server.socket) as proxy, lab.trial(proxy=proxy) as trial:
        weather = Storm(lab, trial, proxy)
        faults, seconds = lab.size(250, 18_000), lab.size(90, 3600)
        calm = await weather.wait(trial.bank.move, 2)
        await weather.blow(trial.bank.move, faults, seconds)
        seen = trial.seen
        seen.expect(weather.away, "the server was never killed")
        slow = sorted(seen.seconds)[int(len(seen.seconds) * 0.99)]
        allowed = max(1, 10 * calm) + max(weather.away, default=0)
        sentence = f"one request in a hundred took {slow:.2f} s, not {allowed:.2f} s"
        seen.expect_soon(slow <= allowed, sentence)
        return await trial.settle()


async def storm_without_keys(lab: Lab) -> Seen:
    """Send them again without a key: some are done twice."""
    async with proxied(lab.server.socket) as proxy, lab.trial(proxy=proxy) as trial:
        weather = Storm(lab, trial, proxy)
        await weather.blow(trial.bank.move_without_key, 100, 20)
        seen = await trial.compare()
        if seen.doubled:
            seen.damage = f"{seen.doubled} of {seen.acked} orders were done twice"
        return seen


async def crash(lab: Lab) -> Seen:
    """Kill the server under load: what was acknowledged is there."""
    async with lab.trial() as trial:
        await _crash_under_load(lab, trial, lab.size(5, 50))
        return await trial.settle()


async def crash_without_waiting(lab: Lab) -> Seen:
    """Do not wait for the log of PostgreSQL: what was acknowledged may be gone."""
    async with lab.trial(options="synchronous_commit = off") as trial:
        await _crash_under_load(lab, trial, 2)
        seen = await trial.compare()
        if seen.lost:
            seen.damage = f"{seen.lost} of {seen.acked} acknowledged orders were lost"
        return seen


async def _crash_under_load(lab: Lab, trial: Trial, times: int) -> None:
    is_over = asyncio.Event()

    async def send() -> None:
        while not is_over.is_set():
            await trial.request(trial.bank.move)

    clients = [asyncio.create_task(send()) for _ in range(8)]
    for _ in range(times):
        await asyncio.sleep(lab.randomness.uniform(0.2, 0.6))
        await lab.server.crash()
        trial.seen.faults += 1
    is_over.set()
    await asyncio.gather(*clients)


async def unknown_commit(lab: Lab) -> Seen:
    """Cut the line at the COMMIT, before and after it: asked again, it is done once."""
    async with proxied(lab.server.socket) as proxy, lab.trial(proxy=proxy) as trial:
        met = await _cut_commits(trial, proxy, trial.bank.move, lab.size(100, 1000))
        met += await _cut_writes(trial, proxy, lab.size(20, 200))
        others = [error for error in met if not isinstance(error, CommitUnknown)]
        trial.seen.expect(not others, f"not all are CommitUnknown: {others[:1]}")
        return await trial.settle()


async def unknown_commit_asked_again(lab: Lab) -> Seen:
    """Ask again without a key: what was done before the cut is done twice."""
    times = 10
    async with proxied(lab.server.socket) as proxy, lab.trial(proxy=proxy) as trial:
        use_case = trial.bank.move_without_key
        await _cut_commits(trial, proxy, use_case, times)
        seen = await trial.compare()
        if seen.doubled:
            seen.damage = f"{seen.doubled} of {times} done before a cut were doubled"
        return seen


async def _cut_writes(trial: Trial, proxy: Proxy, times: int) -> list[object]:
    """Cut what commits itself, as it is all there is; return what each came to."""
    service = trial.container.account_service()
    met: list[object] = []
    for fate, number in itertools.product(CUTS, range(times)):
        await persist(trial.bank.look, trial.randomness)  # until a line stands again
        owner = f"{fate.name} {number}"
        proxy.is_commit = binds(owner)
        proxy.at_commit = lambda fate=fate: fate  # type: ignore[misc]
        opening = service.create(CreateAccount(owner=owner, balance=0))
        trial.seen.faults += 1
        met += await asyncio.gather(opening, return_exceptions=True)
        proxy.recover()
    for fate, kept in zip(CUTS, (0, times), strict=True):
        rows = await trial.fetch(OPENED, f"{fate.name} %")
        sentence = f"{fate.name}: of {times} accounts {len(rows)} are kept"
        trial.seen.expect(len(rows) == kept, sentence)
    return met


async def _cut_commits(
    trial: Trial,
    proxy: Proxy,
    use_case: UseCase,
    times: int,
) -> list[object]:
    """Cut that many on each side; return what the first try of each came to."""
    met: list[object] = []
    for fate, _ in itertools.product(CUTS, range(times)):
        fates = iter([fate])
        proxy.at_commit = lambda fates=fates: next(fates, Fate.PASSES)  # type: ignore[misc]
        order = trial.teller.order()
        trial.seen.sent += 1
        trial.seen.faults += 1
        began = time.perf_counter()
        met += await asyncio.gather(use_case(order), return_exceptions=True)
        await persist(lambda order=order: use_case(order), trial.randomness)  # type: ignore[misc]
        trial.acknowledge(order, time.perf_counter() - began)
    proxy.recover()
    return met
