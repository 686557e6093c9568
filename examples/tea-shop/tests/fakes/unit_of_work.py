"""The unit of work in memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from tea_shop.application.unit_of_work import UnitOfWork

from tests.fakes.in_memory import InMemoryDatabase, InMemoryTransaction
from tests.fakes.order import InMemoryOrderRepository
from tests.fakes.tea import InMemoryTeaRepository


class InMemoryUnitOfWork(UnitOfWork):
    def __init__(self, database: InMemoryDatabase, *, read_only: bool = False) -> None:
        transaction = InMemoryTransaction(database, read_only=read_only)
        self._transaction = transaction
        self.orders = InMemoryOrderRepository(transaction)
        self.teas = InMemoryTeaRepository(transaction)
        # Your own:

    async def __aenter__(self) -> Self:
        self._transaction.begin()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def flush(self) -> None:
        self._transaction.flush()

    async def commit(self) -> None:
        self._transaction.commit()

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        with self._transaction.savepoint():
            yield
