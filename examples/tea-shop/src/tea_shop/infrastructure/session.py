"""Sessions that no two tasks share, and that see no hidden row."""

import asyncio
from collections import defaultdict
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
    is_over,
    reaching,
    refuse_failed,
    roll_back,
)
from tea_shop.infrastructure.statements import VISIBLE, Statement
from tea_shop.infrastructure.turns import Turns

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

    def __init__(self, *arguments: Any, turns: Turns, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.turns = turns
        self.known: defaultdict[type, dict[int, Any]] = defaultdict(dict)

    @property
    def may_be_begun(self) -> bool:
        """Tell whether a transaction was begun, and has not been ended."""
        return self.pooled is not None and "begun" in self.pooled.info

    def open(self) -> PoolProxiedConnection:
        """Take a connection from the pool, unless there is one."""
        if self.pooled is None:
            engine: Any = self.bind
            self.limits = engine.get_execution_options().get(LIMITS, "")
            with reaching(engine.url):
                pooled: PoolProxiedConnection = engine.raw_connection()
            self.pooled = pooled
        return self.pooled

    def get_bind(self, *arguments: Any, **options: Any) -> Engine | Connection:
        """Let the ORM use the connection, and begin the transaction on it."""
        if not isinstance(self.bind, Engine):
            return super().get_bind(*arguments, **options)
        if self.joined is None:
            joined = Connection(self.bind, self.open())
            # To SQLAlchemy each statement is on its own: `watch` begins and commits.
            self.joined = joined.execution_options(
                isolation_level="AUTOCOMMIT", begin_with=self.begin_with
            )
        return self.joined

    def give_back(self) -> None:
        """Return the connection to the pool; no transaction may be open on it."""
        if taken := self.joined or self.pooled:
            taken.close()
        self.pooled = self.joined = None


class DirectSession(AsyncSession):
    """A session whose connection runs compiled statements as well, past the ORM.

    What only reads needs no transaction: in PostgreSQL's READ COMMITTED each statement
    sees what is committed when it starts, whether it is in one or not. Whatever writes
    or locks begins it, and so does the ORM; from then on both are in it.
    """

    sync_session_class = OneTaskSession

    @property
    def known(self) -> defaultdict[type, dict[int, Any]]:
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
        await self._inner.turns.wait()
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
        if self._inner.limits:
            await self._begin(pooled)
        return await self._run(pooled, statement, values)

    async def write(
        self, statement: Statement, *rows: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Run a statement that writes or locks in the transaction, once for each row."""
        pooled = await self.direct()
        await self._begin(pooled)
        return await self._run(pooled, statement, *rows)

    async def fail(self) -> None:
        """Let nothing but a rollback end the transaction, or the savepoint in it."""
        pooled = await self.direct()
        pooled.info["failed"] = True

    async def commit(self) -> None:
        """Write what the ORM has to write, and end the transaction."""
        if self.in_transaction():
            await super().commit()
        elif pooled := self._inner.pooled:
            refuse_failed(pooled)
            if "begun" in pooled.info:
                is_over(pooled, await self._send(pooled, "COMMIT"))

    async def rollback(self) -> None:
        """Undo what was not committed; what comes next begins anew."""
        await super().rollback()
        self.known.clear()
        if pooled := self._inner.pooled:
            await self.run_sync(lambda _: roll_back(pooled))

    async def close(self) -> None:
        """Roll back what was not committed, and give the connection back."""
        await super().close()
        if pooled := self._inner.pooled:
            await self.run_sync(lambda _: roll_back(pooled))
        await self.run_sync(lambda _: self._inner.give_back())

    async def _begin(self, pooled: PoolProxiedConnection) -> None:
        driver: Any = pooled.driver_connection
        if driver.is_in_transaction():
            return
        session = self._inner
        pooled.info["begun"] = True
        await self._send(pooled, f"{session.begin_with}; {session.limits}")

    async def _send(self, pooled: PoolProxiedConnection, words: str) -> str:
        driver: Any = pooled.driver_connection
        try:
            answer: str = await driver.execute(words)
        except DRIVER_ERRORS as error:
            raise await self._failure(error, pooled) from None
        return answer

    async def _run(
        self,
        pooled: PoolProxiedConnection,
        statement: Statement,
        *rows: Mapping[str, Any],
    ) -> Sequence[Any]:
        refuse_failed(pooled)  # if only because it has been given back meanwhile
        driver: Any = pooled.driver_connection
        try:
            given = [statement.bind(values) for values in rows]
            if len(given) == 1:
                records: Sequence[Any] = await driver.fetch(
                    statement.sql, *given[0], record_class=statement.row_class
                )
            else:
                records = await driver.fetchmany(
                    statement.sql, given, record_class=statement.row_class
                )
        except DRIVER_ERRORS as error:
            raise await self._failure(error, pooled, statement, *rows) from None
        return records

    async def _failure(
        self,
        error: Exception,
        pooled: PoolProxiedConnection,
        statement: Statement | None = None,
        *rows: Mapping[str, Any],
    ) -> Exception:
        # Whoever gives a connection up has to wait until PostgreSQL has been told.
        return await self.run_sync(lambda _: failure(error, pooled, statement, rows))

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
