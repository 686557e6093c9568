"""Sessions that no two tasks share, and that see no hidden row."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

from tea_shop.application.errors import Misused, RolledBack
from tea_shop.infrastructure.failures import (
    DRIVER_ERRORS,
    LIMITS,
    failure,
    reaching,
    refuse_failed,
)
from tea_shop.infrastructure.statements import VISIBLE, Statement

WITH_HIDDEN = {"with_hidden": True}
"""The option of an execution that sees the hidden rows as well."""


class OneTaskSession(Session):
    """A session for the one task that uses it first.

    Without `WITH_HIDDEN`, all it does to models passes over the rows that are hidden:
    joins, subqueries and relationships too. Statements over tables do not, and neither
    do those that select nothing but a window function.
    """

    begin_with = "BEGIN"
    limits = ""  # that are set in each transaction
    pooled: PoolProxiedConnection | None = None
    joined: Connection | None = None
    may_be_begun = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.known: dict[tuple[type, int], Any] = {}

    def open(self) -> PoolProxiedConnection:
        """Take a connection from the pool."""
        engine: Any = self.bind
        self.limits = engine.get_execution_options().get(LIMITS, "")
        with reaching(engine.url):
            pooled: PoolProxiedConnection = engine.raw_connection()
        self.pooled = pooled
        return pooled

    def get_bind(self, *arguments: Any, **options: Any) -> Engine | Connection:
        """Let the ORM use the connection, and begin the transaction on it."""
        if not isinstance(self.bind, Engine):
            return super().get_bind(*arguments, **options)
        if self.joined is None:
            joined = Connection(self.bind, self.pooled or self.open())
            self.may_be_begun = True
            # To SQLAlchemy each statement is on its own: it neither begins nor commits.
            self.joined = joined.execution_options(
                isolation_level="AUTOCOMMIT", begin_with=self.begin_with
            )
        return self.joined

    def give_back(self) -> None:
        """Return the connection to the pool; no transaction may be open on it."""
        if taken := self.joined or self.pooled:
            taken.close()
        self.pooled = self.joined = None
        self.may_be_begun = False


class DirectSession(AsyncSession):
    """A session whose connection runs compiled statements as well, past the ORM.

    What only reads needs no transaction: in PostgreSQL's READ COMMITTED each statement
    sees what is committed when it starts, whether it is in one or not. Whatever writes
    or locks begins it, and so does the ORM; from then on both are in it.
    """

    sync_session_class = OneTaskSession

    @property
    def known(self) -> dict[tuple[type, int], Any]:
        """What repositories have read and written, by class and identity."""
        return self._inner.known

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._inner.may_be_begun or self.in_transaction():
            # Its own exit closes to the end even where the task is being cancelled.
            await super().__aexit__(exc_type, exc, traceback)
        else:
            await self.run_sync(lambda _: self._inner.give_back())

    async def open(self, *, read_only: bool = False) -> PoolProxiedConnection:
        """Take a connection from the pool, on which PostgreSQL may refuse to write."""
        if read_only:
            self._inner.begin_with = "BEGIN READ ONLY"
        return await self.run_sync(lambda _: self._inner.open())

    async def direct(self) -> PoolProxiedConnection:
        """Return the connection, unless this is misuse or an error ended the transaction."""
        session = self._inner
        refuse_misuse(session)
        if isinstance(session.bind, Engine):
            pooled = session.pooled or await self.open()
        else:
            pooled = await self.run_sync(lambda _: session.connection().connection)
        refuse_failed(pooled)
        return pooled

    async def fetch(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Run a statement that only reads; return the rows as the driver does."""
        pooled = await self.direct()
        driver: Any = pooled.driver_connection
        if self._inner.limits:
            await self.begin_transaction()
        try:
            records: Sequence[Any] = await driver.fetch(
                statement.sql, *statement.bind(values)
            )
        except DRIVER_ERRORS as error:
            raise failure(error, pooled, statement, [values]) from None
        return records

    async def write(
        self, statement: Statement, *rows: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Run a statement that writes or locks in the transaction, once for each row."""
        await self.begin_transaction()
        if len(rows) == 1:
            return await self.fetch(statement, rows[0])
        pooled = await self.direct()
        driver: Any = pooled.driver_connection
        try:
            given = [statement.bind(values) for values in rows]
            records: Sequence[Any] = await driver.fetchmany(statement.sql, given)
        except DRIVER_ERRORS as error:
            raise failure(error, pooled, statement, rows) from None
        return records

    async def fail(self) -> None:
        """Let nothing but a rollback end the transaction, or the savepoint in it."""
        pooled = await self.direct()
        pooled.info["failed"] = True

    async def begin_transaction(self) -> None:
        """Begin the transaction, unless it has begun."""
        session, pooled = self._inner, await self.direct()
        driver: Any = pooled.driver_connection
        if driver.is_in_transaction():
            return
        session.may_be_begun = True
        try:
            await driver.execute(f"{session.begin_with}; {session.limits}")
        except DRIVER_ERRORS as error:
            raise failure(error, pooled) from None

    async def commit(self) -> None:
        """Write what the ORM has to write, and end the transaction."""
        if self.in_transaction():
            await super().commit()
        session = self._inner
        if session.pooled is None:
            return
        refuse_failed(session.pooled)
        if session.may_be_begun:
            driver: Any = session.pooled.driver_connection
            try:
                answer = await driver.execute("COMMIT")
            except DRIVER_ERRORS as error:
                raise failure(error, session.pooled) from None
            session.may_be_begun = False
            if answer != "COMMIT":
                raise RolledBack("an error before this one ended the transaction")

    async def close(self) -> None:
        """Roll back what was not committed, and give the connection back."""
        await super().close()
        session = self._inner
        if session.may_be_begun and session.pooled and session.pooled.is_valid:
            driver: Any = session.pooled.driver_connection
            try:
                await driver.execute("ROLLBACK")
            except DRIVER_ERRORS:
                session.pooled.invalidate()
        await self.run_sync(lambda _: session.give_back())

    @property
    def _inner(self) -> OneTaskSession:
        session: Any = self.sync_session
        inner: OneTaskSession = session
        return inner


def refuse_misuse(session: Session) -> None:
    """Raise `Misused` in a second task and after the commit, `RolledBack` where due."""
    task = asyncio.current_task()
    if session.info.setdefault("task", task) is not task:
        raise Misused("a unit of work serves one task, until its commit")
    if not session.is_active:
        raise RolledBack("an error before this one ended the transaction")


def end_use(session: Session) -> None:
    """Let no task use the session any more."""
    session.info["task"] = None


@event.listens_for(OneTaskSession, "do_orm_execute")
def _before_execute(state: ORMExecuteState) -> None:
    _refuse_use(state.session)
    is_asked_for = state.execution_options.get("with_hidden")
    # A relationship is loaded with the options of the statement that began it.
    if not (is_asked_for or state.is_relationship_load):
        state.statement = state.statement.options(VISIBLE)


@event.listens_for(OneTaskSession, "before_flush")
def _before_flush(session: Session, *_: Any) -> None:
    _refuse_use(session)


@event.listens_for(OneTaskSession, "after_transaction_create")
def _after_begin(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:  # else it would begin with the ORM's first statement in it
        session.connection()


@event.listens_for(OneTaskSession, "after_soft_rollback")
def _after_rollback(session: OneTaskSession, *_: Any) -> None:
    session.known.clear()  # it is to be read again


def _refuse_use(session: Session) -> None:
    refuse_misuse(session)
    if session.connection().invalidated:
        raise RolledBack("the connection broke, and the transaction with it")
