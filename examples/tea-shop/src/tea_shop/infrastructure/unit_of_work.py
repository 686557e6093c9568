"""The unit of work over one SQLAlchemy session."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import async_sessionmaker

from tea_shop.application.unit_of_work import UnitOfWork
from tea_shop.infrastructure.repositories.order import SqlAlchemyOrderRepository
from tea_shop.infrastructure.repositories.tea import SqlAlchemyTeaRepository
from tea_shop.infrastructure.session import DirectSession, end_use, refuse_misuse


class SqlAlchemyUnitOfWork(UnitOfWork):
    """One session, one transaction; make a new one for every use."""

    def __init__(
        self,
        session_factory: async_sessionmaker[DirectSession],
        *,
        read_only: bool = False,
    ) -> None:
        session = session_factory()
        self._session = session
        self._read_only = read_only
        self.orders = SqlAlchemyOrderRepository(session)
        self.teas = SqlAlchemyTeaRepository(session)
        # Your own:

    async def __aenter__(self) -> Self:
        refuse_misuse(self._session.sync_session)  # from now on it serves this task
        await self._session.open(read_only=self._read_only)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # This rolls back what was not committed.
        await self._session.__aexit__(exc_type, exc, traceback)
        end_use(self._session.sync_session)

    async def flush(self) -> None:
        await self._session.flush()

    async def commit(self) -> None:
        refuse_misuse(self._session.sync_session)
        try:
            await self._session.commit()
        finally:
            end_use(self._session.sync_session)

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        await self._session.direct()  # what waits is not in it
        async with self._session.begin_nested():
            yield
            await self._session.direct()  # it refuses where nobody heeded an error
