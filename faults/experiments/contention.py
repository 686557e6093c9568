"""Many at once: at the same rows, at the same version, at the same connections."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ledger.application.errors import TransactionConflict, Unavailable
from ledger.application.messages.account import CreateAccount
from ledger.application.retries import retried
from ledger.domain.identities import AccountId

from faults.bank import CONFLICTS, Order, change, persist
from faults.protections import versions_off
from faults.report import Seen
from faults.trial import Lab, Trial

ISOLATION = ("read committed", "repeatable read", "serializable")
HOT = 6  # accounts
AT_ONCE = 8
TRIES = 20
POOL_TIMEOUT = 0.3  # seconds
LATE = 0.3  # seconds that an answer may come after that
WORK = 0.2  # seconds that a request keeps its connection


async def heat(lab: Lab) -> Seen:
    """Move money between few accounts, in no order: nobody is refused in the end."""
    total = Seen()
    met: Counter[str] = Counter()
    for level in ISOLATION:
        async with _hot_trial(lab, level) as trial:
            once = _counted(trial.bank.move_in_turns, met, "by the service")
            use_case = _counted(retried(once), met, "by its caller")
            await _move_at_once(trial, use_case, lab.size(100, 400), tries=TRIES)
            total += await trial.settle()
    total.faults = met["by the service"]
    is_retried = met["by the service"] > met["by its caller"]
    total.expect(is_retried, f"the service passes every conflict on: {dict(met)}")
    return total


async def heat_once(lab: Lab) -> Seen:
    """Try each only once: many are refused."""
    refused = []
    for level in ISOLATION:
        async with _hot_trial(lab, level) as trial:
            await _move_at_once(trial, trial.bank.move_in_turns, 60, tries=1)
            refused.append(trial.seen.sent - trial.seen.acked)
    damage = f"{', '.join(map(str, refused))} of 60 refused at the three levels"
    return Seen(damage=damage if all(refused) else "")


@asynccontextmanager
async def _hot_trial(lab: Lab, level: str) -> AsyncGenerator[Trial]:
    options = f"default_transaction_isolation = '{level}'"
    async with lab.trial(
        accounts=HOT, options=options, database_pool_size=AT_ONCE
    ) as trial:
        yield trial


def _counted(
    use_case: Callable[[Order], Awaitable[None]], met: Counter[str], whom: str
) -> Callable[[Order], Coroutine[Any, Any, None]]:
    async def move(order: Order) -> None:
        try:
            await use_case(order)
        except TransactionConflict:
            met[whom] += 1
            raise

    return move


async def _move_at_once(
    trial: Trial,
    use_case: Callable[[Order], Awaitable[None]],
    times: int,
    *,
    tries: int,
) -> None:
    async def send() -> None:
        for _ in range(times // AT_ONCE + 1):
            if trial.seen.sent < times:
                await trial.request(use_case, passing=CONFLICTS, tries=tries)

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))


async def update(lab: Lab) -> Seen:
    """Change one balance from many sides at once: every change is in the end."""
    async with lab.trial() as trial:
        kept = await _deposit_at_once(trial, times := 200)
        seen = trial.seen
        seen.lost += seen.acked - kept
        seen.expect(seen.faults, "no two met, so nothing was tried")
        sentence = f"{times} deposits, {seen.acked} acknowledged, {kept} kept"
        seen.expect(times == seen.acked == kept, sentence)
        lost = seen.lost
        seen = await trial.settle()
        seen.lost += lost
        return seen


async def update_unversioned(lab: Lab) -> Seen:
    """Do not look at the version: changes are written over."""
    with versions_off():
        async with lab.trial() as trial:
            kept = await _deposit_at_once(trial, 100)
            seen = trial.seen
    if kept < seen.acked:
        seen.damage = f"{seen.acked} acknowledged, {kept} kept"
    return seen


async def _deposit_at_once(trial: Trial, times: int) -> int:
    """Put 1 into an account that often; return what is in it."""
    service = trial.container.account_service()
    till = (await service.create(CreateAccount(owner="till", balance=0))).id

    async def deposit() -> None:
        """Read it in one unit of work and save it in another, as a form does."""
        async with trial.bank.unit_of_work(read_only=True) as uow:
            account = await uow.accounts.get(AccountId(till))
        change(account, 1)
        try:
            async with trial.bank.unit_of_work() as uow:
                await uow.accounts.save(account)
                await uow.commit()
        except CONFLICTS:
            trial.seen.faults += 1
            raise

    async def send() -> None:
        for _ in range(times // 5):
            trial.seen.sent += 1
            began = time.perf_counter()
            await persist(deposit, trial.randomness, passing=CONFLICTS)
            trial.seen.seconds.append(time.perf_counter() - began)
            trial.seen.acked += 1

    await asyncio.gather(*(send() for _ in range(5)))
    balance: int = (await service.get(AccountId(till))).balance
    return balance


async def crowd(lab: Lab) -> Seen:
    """Ask for more than the pool has: each has its answer in time."""
    async with _small_trial(lab) as trial:

        async def ask() -> None:
            async with trial.bank.unit_of_work(read_only=True) as uow:
                await uow.accounts.get(AccountId(1))
                await asyncio.sleep(WORK)

        answers = await _ask_at_once(trial, ask, lab.size(60, 400))
        seen = trial.seen
        for error, seconds in answers:
            allowed = POOL_TIMEOUT + LATE + (0 if error else WORK)
            seen.expect_soon(seconds <= allowed, "an answer was late")
            is_right = error is None or isinstance(error, Unavailable)
            seen.expect(is_right, f"one was refused with {error!r}")
        seen.expect(seen.acked, "nobody was served")
        seen.expect(seen.faults, "nobody was refused, so nothing was tried")
        return await trial.settle()


async def crowd_nested(lab: Lab) -> Seen:
    """Open a second unit of work within the first: they wait for each other."""
    async with _small_trial(lab) as trial:

        async def ask() -> None:
            async with trial.bank.unit_of_work() as uow:
                await uow.accounts.get(AccountId(1))
                await trial.bank.look()

        await _ask_at_once(trial, ask, 8)
        seen = trial.seen
    if seen.faults:
        seen.damage = f"{seen.acked} of {seen.sent} served, the others waited in vain"
    return seen


@asynccontextmanager
async def _small_trial(lab: Lab) -> AsyncGenerator[Trial]:
    async with lab.trial(
        database_pool_size=2, database_pool_timeout=POOL_TIMEOUT
    ) as trial:
        await asyncio.gather(trial.bank.look(), trial.bank.look())  # connects
        yield trial


async def _ask_at_once(
    trial: Trial, ask: Callable[[], Awaitable[None]], times: int
) -> list[tuple[Exception | None, float]]:
    async def answer() -> tuple[Exception | None, float]:
        began = time.perf_counter()
        trial.seen.sent += 1
        error = None
        try:
            await ask()
            trial.seen.acked += 1
        except Exception as met:
            trial.seen.faults += 1
            error = met
        seconds = time.perf_counter() - began
        trial.seen.seconds.append(seconds)
        return error, seconds

    return await asyncio.gather(*(answer() for _ in range(times)))
