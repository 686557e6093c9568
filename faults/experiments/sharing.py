"""Tasks that share what they must not share."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from typing import Any
from uuid import UUID

from dependency_injector import providers
from ledger.application.errors import Misused, RolledBack
from ledger.application.unit_of_work import UnitOfWork
from ledger.domain.account import Account
from ledger.domain.identities import AccountId
from ledger.infrastructure.unit_of_work import SqlAlchemyUnitOfWork
from sqlalchemy.ext.asyncio import AsyncSession

from faults.bank import Order, change, to_transfer
from faults.protections import guards_off, task_guard_off
from faults.report import Seen
from faults.suspension import stepped
from faults.trial import Lab, Trial, named

MEANWHILE = 0.01  # seconds for the one to end its unit of work, while the other stops
GHOST = "a ghost"
ONE_CONNECTION: dict[str, Any] = {
    "database_pool_size": 1,
    "database_pool_timeout": 0.5,
}


class Ending(Enum):
    """How the owner of a unit of work ends it while another task uses it."""

    LEAVES = auto()
    COMMITS = auto()
    FAILS = auto()


async def _open(uow: UnitOfWork, order: Order) -> None:
    await uow.accounts.add(Account.create(owner=GHOST, balance=0))
    await uow.flush()


async def _save(uow: UnitOfWork, order: Order) -> None:
    account = await uow.accounts.get(AccountId(order.source))
    change(account, 1_000_000)
    await uow.accounts.save(account)
    await uow.flush()


async def _read_and_add(uow: UnitOfWork, order: Order) -> None:
    await uow.accounts.list_page(offset=0, limit=5)
    await uow.transfers.add(to_transfer(order))
    await uow.flush()


Use = Callable[[UnitOfWork, Order], Coroutine[Any, Any, None]]
USES: list[Use] = [_open, _save, _read_and_add]


async def share(lab: Lab) -> Seen:
    """Use a unit of work from a second task, which goes on when the first has ended.

    Nine patterns, each stopped at every place: no row of a unit of work that was not
    committed is stored by whoever has its connection next. Where the guard of the
    session is off, that of the pool still drops a connection in a transaction.
    """
    async with lab.trial(**ONE_CONNECTION) as trial:
        for _ in range(lab.size(1, 10)):
            await _share_everywhere(trial)
        seen = await trial.settle()
    with task_guard_off():
        async with lab.trial(**ONE_CONNECTION) as trial:
            await _share_at_begin(trial, lab.size(5, 20))
    seen.faults += trial.seen.faults
    seen.leaked += trial.seen.leaked
    seen.expect(not trial.seen.wrong, f"the pool: {trial.seen.wrong[:1]}")
    return seen


async def share_unguarded(lab: Lab) -> Seen:
    """Do the same without the guards: rows of the dead appear."""
    with guards_off():
        async with lab.trial(**ONE_CONNECTION) as trial:
            await _share_at_begin(trial, 10)
            seen = trial.seen
    if seen.leaked:
        seen.damage = f"{seen.leaked} ghost rows in {seen.faults} misuses"
    return seen


async def _share_at_begin(trial: Trial, times: int) -> None:
    """Stop a task at its BEGIN, so that it inserts when the pool has its connection."""
    for _ in range(times):
        await _share(trial, _open, Ending.LEAVES, place=1, is_used=False)


async def _share_everywhere(trial: Trial) -> None:
    for use, ending, is_used in itertools.product(USES, Ending, (True, False)):
        for place in itertools.count(1):
            if not await _share(trial, use, ending, place, is_used=is_used):
                break


async def _share(
    trial: Trial, use: Use, ending: Ending, place: int, *, is_used: bool
) -> bool:
    """Stop the second task at that place; tell whether it got there."""
    seen, ghost = trial.seen, trial.teller.order()
    del trial.teller.orders[ghost.key]  # nobody orders it: it must not be done
    stopped, go_on, task = asyncio.Event(), asyncio.Event(), None
    loop, committed = asyncio.get_running_loop(), False

    def at_suspension(number: int) -> Awaitable[object] | None:
        if number != place:
            return None
        stopped.set()
        return go_on.wait()

    async def run(uow: UnitOfWork) -> None:
        await stepped(use(uow, ghost), at_suspension)

    try:
        async with asyncio.timeout(2), trial.container.unit_of_work() as uow:
            if is_used:
                await uow.accounts.get(AccountId(ghost.target))
            task = asyncio.create_task(run(uow))
            waiting = asyncio.create_task(stopped.wait())
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            loop.call_later(MEANWHILE, go_on.set)
            if ending is Ending.COMMITS:
                await uow.commit()
                committed = True
            elif ending is Ending.FAILS:
                raise ZeroDivisionError
    except (ZeroDivisionError, Misused, RolledBack):
        pass
    except Exception as error:
        seen.expect(False, f"the owner met {named(error)}")
    if task is not None:
        await asyncio.wait([task], timeout=2)
        await asyncio.gather(task, return_exceptions=True)
    seen.faults += 1
    out = trial.pool.checkedout()
    seen.expect(not out, "the connection did not come back")
    if out:
        await trial.container.engine().dispose()
    await trial.move("an innocent request met")
    seen.leaked += await _exorcise(trial, ghost, committed=committed)
    return stopped.is_set()


async def _exorcise(trial: Trial, ghost: Order, *, committed: bool) -> int:
    """Count what is stored of an order nobody made, and take it away."""
    rows = await trial.fetch(
        "DELETE FROM transfers WHERE key = $1 RETURNING key", ghost.key
    )
    rows += await trial.fetch(
        "DELETE FROM accounts WHERE owner = $1 RETURNING id", GHOST
    )
    rows += await trial.fetch(
        "UPDATE accounts SET balance = balance - 1000000"
        " WHERE balance > 900000 RETURNING id"
    )
    if committed:
        return 0
    trial.seen.expect(not rows, "a row of a unit of work was stored without a commit")
    return len(rows)


async def contain(lab: Lab) -> Seen:
    """Take units of work from the container, half of which fail: none is shared."""
    async with lab.trial() as trial:
        kinds = [
            (name, provider, provider())
            for name, provider in trial.container.providers.items()
        ]
        for name, provider, product in kinds:
            is_factory = isinstance(provider, providers.Factory)
            sentence = f"the container keeps a session in {name}"
            trial.seen.expect(is_factory or not _holds_session(product), sentence)
        await _fail_half(trial, trial.container.unit_of_work, lab.size(20, 200))
        return await trial.settle()


async def contain_one(lab: Lab) -> Seen:
    """Keep one session for all: what failed is committed by whoever comes next."""
    with guards_off():
        async with lab.trial() as trial:
            container = trial.container
            shared = providers.Singleton(
                SqlAlchemyUnitOfWork, container.session_factory
            )
            await _fail_half(trial, shared, 20)
            seen = trial.seen
    if seen.leaked:
        seen.damage = f"rows of {seen.leaked} of 20 failed requests were stored"
    return seen


async def _fail_half(trial: Trial, units: Callable[[], Any], times: int) -> None:
    """Let a request fail while another one commits, that many times."""
    failed: list[UUID] = []
    for _ in range(times):
        staged, committed = asyncio.Event(), asyncio.Event()
        bad, good = trial.teller.order(), trial.teller.order()
        while {bad.source, bad.target} & {good.source, good.target}:
            bad = trial.teller.order()  # else the one would wait for the other
        trial.teller.orders.pop(bad.key)
        failed.append(bad.key)
        trial.seen.sent += 1
        trial.seen.faults += 1

        async with asyncio.TaskGroup() as group:
            group.create_task(_fail(units(), bad, staged, committed))
            await staged.wait()
            began = time.perf_counter()
            async with _committing(units(), committed) as uow:
                await trial.bank.stage(uow, good)
                await uow.commit()
            trial.acknowledge(good, time.perf_counter() - began)
    rows = await trial.fetch("SELECT key FROM transfers WHERE key = ANY($1)", failed)
    trial.seen.leaked += len(rows)
    trial.seen.expect(not rows, f"rows of {len(rows)} failed requests are stored")


async def _fail(
    unit: Any, order: Order, staged: asyncio.Event, committed: asyncio.Event
) -> None:
    with suppress(ZeroDivisionError):
        async with unit as uow:
            await uow.transfers.add(to_transfer(order))
            await uow.flush()
            staged.set()
            await committed.wait()
            raise ZeroDivisionError


@asynccontextmanager
async def _committing(unit: Any, committed: asyncio.Event) -> AsyncGenerator[Any]:
    try:
        async with unit as uow:
            yield uow
    finally:
        committed.set()


def _holds_session(product: object, depth: int = 4) -> bool:
    if isinstance(product, AsyncSession):
        return True
    held = vars(product).values() if hasattr(product, "__dict__") else ()
    return depth > 0 and any(_holds_session(one, depth - 1) for one in held)
