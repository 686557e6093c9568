"""Tasks that are cancelled wherever they wait."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from unittest.mock import patch

from ledger.infrastructure.models.account import AccountModel
from ledger.infrastructure.repositories.account import SqlAlchemyAccountRepository
from ledger.infrastructure.unit_of_work import SqlAlchemyUnitOfWork
from sqlalchemy import select

from faults.bank import CONFLICTS, Order
from faults.report import Seen
from faults.suspension import stepped
from faults.trial import Lab, Trial, named

AGAIN = 8  # times that a cancellation is repeated, one suspension later each
Shape = Callable[[Trial, Order], Coroutine[Any, Any, None]]


async def _move(trial: Trial, order: Order) -> None:
    await trial.bank.move(order)


async def _look(trial: Trial, order: Order) -> None:
    await trial.bank.look()
    await trial.bank.move(order)


async def _move_after_a_savepoint(trial: Trial, order: Order) -> None:
    await trial.bank.move_past(order, order)


async def _give_up(trial: Trial, order: Order) -> None:
    with suppress(ZeroDivisionError):
        async with trial.container.unit_of_work() as uow:
            await trial.bank.stage(uow, order)
            raise ZeroDivisionError
    await trial.bank.move(order)


async def _page(trial: Trial, order: Order) -> None:
    async with trial.container.unit_of_work(read_only=True) as uow:
        await uow.transfers.list_page(offset=0, limit=5)
    await trial.bank.move(order)


async def _mix(trial: Trial, order: Order) -> None:
    """Let the ORM and a repository take turns in one transaction."""
    async with trial.container.session_factory()() as session:
        accounts = SqlAlchemyAccountRepository(session)
        await accounts.get_many(0, 5)
        key = await session.scalar(select(AccountModel.id).limit(1))
        async with session.begin_nested():
            await accounts.refer_to("account_id", AccountModel, {key})
        await session.rollback()
        await session.scalar(select(AccountModel.id).limit(1))
        await session.commit()
    await trial.bank.move(order)


SHAPES: list[Shape] = [_page, _move, _look, _move_after_a_savepoint, _give_up, _mix]


async def cancel_everywhere(lab: Lab) -> Seen:
    """Cancel use cases wherever they wait: nothing stays behind, the next one works."""
    async with lab.trial() as trial:
        await _cancel_everywhere(trial)
        seen = trial.seen
        seen.expect(seen.faults >= 500, f"only {seen.faults} cancellations")
        return await trial.settle()


async def cancel_without_exit(lab: Lab) -> Seen:
    """Leave units of work without their exit: what is cancelled keeps what it has."""

    async def leave(*_: object) -> None:
        return None

    with patch.object(SqlAlchemyUnitOfWork, "__aexit__", leave):
        async with lab.trial(database_pool_timeout=0.5) as trial:
            await _cancel_everywhere(trial, every=6, shapes=[_move])
            seen = trial.seen
    if seen.leaked:
        seen.damage = f"{seen.leaked} connections kept by {seen.faults} cancelled"
    return seen


async def _cancel_everywhere(
    trial: Trial, *, every: int = 1, shapes: list[Shape] = SHAPES
) -> None:
    for shape, is_warm, often in itertools.product(shapes, (True, False), (1, AGAIN)):
        # Where it begins differs, so that no place is left out for ever.
        for first in itertools.count(trial.randomness.randint(1, every), every):
            if not is_warm:
                await trial.container.engine().dispose()
            order = trial.teller.order()
            if not await _cancel(trial, shape(trial, order), order, first, often):
                break


async def _cancel(
    trial: Trial, work: Coroutine[Any, Any, None], order: Order, first: int, often: int
) -> bool:
    """Cancel it at that suspension, and some that follow; tell whether it got there."""
    loop, reached = asyncio.get_running_loop(), 0

    def at_suspension(number: int) -> None:
        nonlocal reached
        reached = number
        if first <= number < first + often:
            loop.call_soon(task.cancel)

    async def run() -> None:
        await stepped(work, at_suspension)

    seen, began = trial.seen, time.perf_counter()
    task = asyncio.create_task(run())
    seen.sent += 1
    try:
        await task
    except (asyncio.CancelledError, *CONFLICTS):
        pass
    except Exception as error:
        seen.expect(False, f"one that was cancelled met {named(error)}")
    else:
        trial.acknowledge(order, time.perf_counter() - began)
    if reached < first:
        return False
    seen.faults += 1
    out = await trial.kept_out()
    seen.leaked += out
    seen.expect(not out, "a cancelled use case kept a connection")
    if out:
        await trial.container.engine().dispose()
    try:
        await trial.bank.look()
    except Exception as error:
        seen.expect(False, f"after one was cancelled, the next met {named(error)}")
    return True
