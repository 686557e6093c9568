"""The use cases that the load drives: money moves, and none is made or lost."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from ledger.application.errors import StorageError, TransactionConflict
from ledger.application.retries import retried
from ledger.application.unit_of_work import UnitOfWork, UnitOfWorkFactory
from ledger.domain.account import Account
from ledger.domain.errors import AlreadyTaken, ConcurrentUpdate
from ledger.domain.identities import AccountId
from ledger.domain.transfer import Transfer

CONFLICTS = (ConcurrentUpdate, TransactionConflict)
PASSING = (*CONFLICTS, AlreadyTaken, StorageError, TimeoutError)
"""What a caller who has a key may answer by asking again."""


@dataclass(frozen=True)
class Order:
    """What a caller wants, under a key of its own."""

    key: UUID
    source: int
    target: int
    amount: int


class Teller:
    """Makes orders among the first accounts, and remembers them."""

    def __init__(self, randomness: Random, accounts: int) -> None:
        self._randomness = randomness
        self._accounts = range(1, accounts + 1)
        self.orders: dict[UUID, Order] = {}

    def order(self) -> Order:
        """Make a new one."""
        source, target = self._randomness.sample(self._accounts, 2)
        key = UUID(int=self._randomness.getrandbits(128), version=4)
        order = Order(key, source, target, self._randomness.randint(1, 9))
        self.orders[key] = order
        return order


@dataclass
class Bank:
    """The use cases, written as those of the service are."""

    unit_of_work: UnitOfWorkFactory
    keys: dict[UUID, UUID] = field(default_factory=dict)
    """The order behind each key that was made up for a transfer without one."""

    def __post_init__(self) -> None:
        self.move = retried(self.move_once)

    async def move_once(self, order: Order) -> None:
        """Do what is ordered, unless that has been done; run it only once."""
        async with self.unit_of_work() as uow:
            if await uow.transfers.find_by_key(order.key) is None:
                await self.stage(uow, order)
                await uow.commit()

    async def move_without_key(self, order: Order) -> None:
        """Do what is ordered, whether it has been done or not."""
        key = uuid.uuid4()
        self.keys[key] = order.key
        async with self.unit_of_work() as uow:
            await self.stage(uow, Order(key, order.source, order.target, order.amount))
            await uow.commit()

    async def move_in_turns(self, order: Order) -> None:
        """Do the same and lock the accounts in an order that invites deadlocks."""
        async with self.unit_of_work() as uow:
            if await uow.transfers.find_by_key(order.key) is None:
                for identity, amount in (
                    (order.source, -order.amount),
                    (order.target, order.amount),
                ):
                    account = await uow.accounts.get(AccountId(identity))
                    change(account, amount)
                    await uow.accounts.save(account)
                await uow.transfers.add(to_transfer(order))
                await uow.commit()

    async def stage(self, uow: UnitOfWork, order: Order) -> None:
        """Do everything but the commit."""
        source = await uow.accounts.get(AccountId(order.source))
        target = await uow.accounts.get(AccountId(order.target))
        change(source, -order.amount)
        change(target, order.amount)
        await uow.accounts.save_all([source, target])
        await uow.transfers.add(to_transfer(order))

    async def move_past(self, order: Order, taken: Order) -> None:
        """Do what is ordered, and pass over a record whose key is taken."""
        async with self.unit_of_work() as uow:
            await self.stage(uow, order)
            with suppress(AlreadyTaken):
                async with uow.savepoint():
                    await uow.transfers.add(to_transfer(taken))
            await uow.commit()

    async def look(self) -> int:
        """Read some accounts, and write nothing."""
        async with self.unit_of_work(read_only=True) as uow:
            page = await uow.accounts.list_page(offset=0, limit=5)
        return len(page.items)


def to_transfer(order: Order) -> Transfer:
    """Make the record of an order."""
    return Transfer.create(
        key=order.key,
        source_id=AccountId(order.source),
        target_id=AccountId(order.target),
        amount=order.amount,
    )


def change(account: Account, amount: int) -> None:
    """Put something in, or take it out."""
    account.change(owner=account.owner, balance=account.balance + amount)


async def persist(
    attempt: Callable[[], Awaitable[object]],
    randomness: Random,
    *,
    passing: tuple[type[Exception], ...] = PASSING,
    tries: int = 200,
) -> int:
    """Ask until there is an answer, as a patient caller does; tell how often."""
    for number in range(1, tries):
        try:
            await attempt()
        except passing:
            await asyncio.sleep(randomness.uniform(0, 0.005 * min(number, 10)))
        else:
            return number
    await attempt()
    return tries
