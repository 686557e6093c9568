"""Errors that somebody swallows, and errors that must have a name of ours."""

import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ledger.application.errors import (
    ReadOnly,
    RolledBack,
    StorageError,
    TimedOut,
    TransactionConflict,
    Unavailable,
)
from ledger.domain.account import Account
from ledger.domain.errors import (
    AlreadyTaken,
    InvalidValue,
    StillReferenced,
    UnknownReference,
)
from ledger.domain.identities import AccountId
from ledger.infrastructure.models.account import AccountModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from faults.bank import Order, change, to_transfer
from faults.protections import listeners_off, plain_sessions
from faults.report import Seen
from faults.trial import Lab, Trial

CANARY = "canary@example.com"
RAISE = """DO $$ BEGIN
RAISE 'said to {said}' USING ERRCODE = '{code}', CONSTRAINT = 'some_key',
    DETAIL = 'in the row of {secret}', TABLE = 'accounts', COLUMN = 'owner';
END $$"""
SAID = "someone@example.com"
"""May be told where the statement itself is wrong: it speaks of names in it."""
CODES: dict[str, type[Exception]] = {
    "08000": Unavailable,
    "08003": Unavailable,
    "08006": Unavailable,
    "0A000": StorageError,
    "22001": InvalidValue,
    "22003": InvalidValue,
    "22007": InvalidValue,
    "22021": InvalidValue,
    "22P02": InvalidValue,
    "23001": StillReferenced,
    "23502": InvalidValue,
    "23503": UnknownReference,
    "23505": AlreadyTaken,
    "23514": InvalidValue,
    "23P01": AlreadyTaken,
    "25006": ReadOnly,
    "25P02": RolledBack,
    "40001": TransactionConflict,
    "40P01": TransactionConflict,
    "42501": StorageError,
    "42P01": StorageError,
    "53100": Unavailable,
    "53300": Unavailable,
    "55P03": TransactionConflict,
    "57014": TimedOut,
    "57P01": Unavailable,
    "57P03": Unavailable,
    "58030": StorageError,
    "P0001": StorageError,
    "XX000": StorageError,
}
OPEN_ONE = """
INSERT INTO accounts (version, owner, balance, is_active)
VALUES (1, 'swallowed', 0, true)
"""
COUNT = "SELECT count(*) FROM accounts WHERE owner = 'swallowed'"


async def swallow(lab: Lab) -> Seen:
    """Swallow an error and commit: it is refused, unless a savepoint took it back."""
    async with lab.trial() as trial:
        seen, times = trial.seen, 100
        for swallowed in (_swallow_duplicate, _swallow_statement, _swallow_value):
            for _ in range(times):
                seen.sent += 1
                seen.faults += 1
                try:
                    await swallowed(trial)
                except RolledBack:
                    seen.acked += 1
                else:
                    sentence = f"{swallowed.__name__}: the commit was accepted"
                    seen.expect(False, sentence)
        for _ in range(times):
            await _take_back(trial)
        (row,) = await trial.fetch(COUNT)
        seen.expect(row["count"] == 0, f"{row['count']} rows were stored")
        return await trial.settle()


async def swallow_plainly(lab: Lab) -> Seen:
    """Do the same with a session of a tutorial: the commit stores nothing, happily."""
    async with lab.trial() as trial:
        url = lab.server.url(trial.database)
        believed = 0
        async with plain_sessions(url) as session_factory:
            for _ in range(20):
                async with session_factory() as session:
                    await session.execute(text(OPEN_ONE))
                    with suppress(Exception):
                        await session.execute(text("SELECT 1 / 0"))
                    await session.commit()
                    believed += 1
        (row,) = await trial.fetch(COUNT)
    missing = believed - row["count"]
    damage = f"{believed} commits succeeded, {row['count']} rows are stored"
    return Seen(damage=damage if missing else "")


async def _swallow_duplicate(trial: Trial) -> None:
    order = trial.teller.order()
    await trial.bank.move(order)
    trial.acked.add(order.key)
    async with trial.bank.unit_of_work() as uow:
        account = await uow.accounts.get(AccountId(order.source))
        change(account, 1)
        await uow.accounts.save(account)
        with suppress(AlreadyTaken):
            await uow.transfers.add(to_transfer(order))
            await uow.flush()
        await uow.commit()


async def _swallow_statement(trial: Trial) -> None:
    async with trial.container.session_factory()() as session:
        await session.execute(text(OPEN_ONE))
        with suppress(InvalidValue):
            await session.execute(text("SELECT 1 / 0"))
        await session.commit()


async def _swallow_value(trial: Trial) -> None:
    async with trial.bank.unit_of_work() as uow:
        await uow.accounts.add(Account.create(owner="swallowed", balance=0))
        with suppress(InvalidValue):
            one = Account(id=AccountId(0), version=0, owner="swallowed", balance=2**40)
            await uow.accounts.add(one)
            await uow.flush()
        await uow.commit()


async def _take_back(trial: Trial) -> None:
    """Meet the error within a savepoint, and commit all the same."""
    before, order = trial.teller.order(), trial.teller.order()
    await trial.bank.move(before)
    trial.acked.add(before.key)
    trial.seen.sent += 1
    trial.seen.faults += 1
    began = time.perf_counter()
    await trial.bank.move_past(order, before)
    trial.acknowledge(order, time.perf_counter() - began)


async def translate(lab: Lab) -> Seen:
    """Raise every kind of error: each has its own name, and tells nobody's data."""
    async with lab.trial(database_statement_timeout=0.2) as trial:
        session_factory = trial.container.session_factory()
        seen = trial.seen
        for code, kind in CODES.items():
            error = await _raised(session_factory, code)
            _judge(seen, f"{code} is", error, kind)
            shown = "".join(traceback.format_exception(error)[1:]) if error else ""
            seen.expect(CANARY not in shown, f"{code} tells whose row it is")
            is_told = SAID in shown and not code.startswith("42")
            seen.expect(not is_told, f"{code} tells what PostgreSQL said")
        order = trial.teller.order()
        await trial.bank.move(order)
        trial.acked.add(order.key)
        for provoke, kind in PROVOKED:
            _judge(seen, provoke.__name__, await _met(trial, provoke, order), kind)
        return await trial.settle()


async def translate_nothing(lab: Lab) -> Seen:
    """Do not listen: none of the errors is ours."""
    ours = (StorageError, InvalidValue, AlreadyTaken, StillReferenced)
    with listeners_off():
        async with lab.trial() as trial:
            session_factory = trial.container.session_factory()
            met = [await _raised(session_factory, code) for code in CODES]
    right = sum(isinstance(error, ours) for error in met)
    damage = f"{right} of {len(CODES)} are ours"
    return Seen(damage="" if right else damage)


def _judge(
    seen: Seen, what: str, error: Exception | None, kind: type[Exception]
) -> None:
    seen.sent += 1
    seen.faults += 1
    seen.acked += type(error) is kind
    met = f"{what} {type(error).__name__} instead of {kind.__name__}"
    seen.expect(type(error) is kind, met)


async def _raised(
    session_factory: async_sessionmaker[AsyncSession], code: str
) -> Exception | None:
    async with session_factory() as session:
        try:
            await session.execute(
                text(RAISE.format(code=code, said=SAID, secret=CANARY))
            )
        except Exception as error:
            return error
    return None


async def _met(
    trial: Trial, provoke: Callable[[Trial, Order], Awaitable[None]], order: Order
) -> Exception | None:
    try:
        await provoke(trial, order)
    except Exception as error:
        return error
    return None


async def _write_while_reading(trial: Trial, order: Order) -> None:
    async with trial.bank.unit_of_work(read_only=True) as uow:
        await uow.accounts.add(Account.create(owner="new", balance=0))


async def _take_the_key(trial: Trial, order: Order) -> None:
    async with trial.bank.unit_of_work() as uow:
        await uow.transfers.add(to_transfer(order))
        await uow.flush()


async def _refer_to_nothing(trial: Trial, order: Order) -> None:
    async with trial.bank.unit_of_work() as uow:
        nobody = Order(order.key, order.source, 10**9, 1)
        await uow.transfers.add(to_transfer(nobody))


async def _remove_what_is_referred_to(trial: Trial, order: Order) -> None:
    async with trial.bank.unit_of_work() as uow:
        account = await uow.accounts.get(AccountId(order.source))
        await uow.accounts.remove(account)


async def _be_slow(trial: Trial, order: Order) -> None:
    async with trial.container.session_factory()() as session:
        await session.execute(text("SELECT pg_sleep(5)"))


async def _fail_twice(trial: Trial, order: Order) -> None:
    async with trial.container.session_factory()() as session:
        with suppress(InvalidValue):
            await session.execute(text("SELECT 1 / 0"))
        await session.execute(text("SELECT 1"))


async def _write_too_much(trial: Trial, order: Order) -> None:
    async with trial.container.session_factory()() as session:
        session.add(AccountModel(owner=CANARY * 20, balance=0))
        await session.flush()


PROVOKED: list[tuple[Callable[[Trial, Order], Awaitable[None]], type[Exception]]] = [
    (_write_while_reading, ReadOnly),
    (_take_the_key, AlreadyTaken),
    (_refer_to_nothing, UnknownReference),
    (_remove_what_is_referred_to, StillReferenced),
    (_be_slow, TimedOut),
    (_fail_twice, RolledBack),
    (_write_too_much, InvalidValue),
]
