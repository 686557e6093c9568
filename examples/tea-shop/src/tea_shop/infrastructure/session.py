"""Sessions that no two tasks share, and that see no hidden row."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeAlias

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

Write: TypeAlias = Callable[[], Awaitable[None]]


class OneTaskSession(Session):
    """A session for the one task that uses it first.

    Without `WITH_HIDDEN`, all it does to models passes over the rows that are hidden:
    joins, subqueries and relationships too. Statements over tables do not. Nor do those
    in which SQLAlchemy finds no model: where nothing is selected but an aggregate with
    FILTER, WITHIN GROUP or OVER, say `select_from`; and where a model refers to its like,
    `of_type` with an alias (`Model.others.of_type(aliased(Model)).any()`).
    """

    is_read_only = False
    limits = ""  # that are set in each transaction
    pooled: PoolProxiedConnection | None = None
    joined: Connection | None = None
    waiting: Write | None = None
    is_last = False  # whether what is written now is all that the commit has to keep
    is_kept = False  # whether it has been written, and so been committed

    def __init__(self, *arguments: Any, turns: Turns, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.turns = turns
        self.known: defaultdict[type, dict[int, Any]] = defaultdict(dict)

    @property
    def begin_with(self) -> str:
        """What begins a transaction."""
        return "BEGIN READ ONLY" if self.is_read_only else "BEGIN"

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
        bind: Any = self.bind
        if self.waiting:
            pooled = self.open() if isinstance(bind, Engine) else bind.connection
            adapted: Any = pooled.dbapi_connection
            adapted.run_async(self.write_waiting)
        if not isinstance(bind, Engine):
            return super().get_bind(*arguments, **options)
        if self.joined is None:
            joined = Connection(bind, self.open())
            # To SQLAlchemy each statement is on its own: `watch` begins and commits.
            self.joined = joined.execution_options(
                isolation_level="AUTOCOMMIT", begin_with=self.begin_with
            )
        return self.joined

    async def write_waiting(self, *_: Any) -> None:
        """Write what waits; where it does not come to its end, the transaction fails."""
        while waiting := self.waiting:
            refuse_misuse(self)
            self.waiting = None
            try:
                await waiting()
            except BaseException:
                if self.pooled and self.pooled.is_valid:
                    self.pooled.info["failed"] = True
                raise

    def forget(self) -> None:
        """Let what was read be read again, and what waits not be written."""
        self.known.clear()
        self.waiting = None

    def give_back(self) -> None:
        """Return the connection to the pool, with what is not committed rolled back."""
        self.forget()
        if self.pooled:
            roll_back(self.pooled)
        if taken := self.joined or self.pooled:
            taken.close()
        self.pooled = self.joined = None


class DirectSession(AsyncSession):
    """A session whose connection runs compiled statements as well, past the ORM.

    What only reads needs no transaction: in PostgreSQL's READ COMMITTED each statement
    sees what is committed when it starts, whether it is in one or not. Whatever writes
    or locks begins it, and so does the ORM; from then on both are in it.

    A write can wait, for whatever comes next to do it first. If that is the commit, and
    the write is one statement about one row, it needs no transaction either.
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
        elif self._inner.joined or not self._inner.turns.has_room:
            await self.run_sync(lambda _: self._inner.give_back())
        else:
            self._inner.give_back()

    async def open(self, *, read_only: bool = False) -> PoolProxiedConnection:
        """Take a connection from the pool, on which PostgreSQL may refuse to write."""
        if read_only:
            self._inner.is_read_only = True
        turns = self._inner.turns
        await turns.wait()
        if idle := turns.take_idle(self._inner.open):
            return idle
        return await self.run_sync(lambda _: self._inner.open())

    async def direct(self) -> PoolProxiedConnection:
        """Write what waits, and return the connection.

        Raise where this is misuse, or an error has ended the transaction.
        """
        session = self._inner
        refuse_misuse(session)
        if session.waiting:
            await session.write_waiting()
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
        self, statement: Statement, *rows: Mapping[str, Any], is_whole: bool = False
    ) -> Sequence[Any]:
        """Run a statement that writes or locks in the transaction, once for each row.

        It `is_whole` where whoever waited to run it runs no other: then the commit may
        let it be a transaction of its own, and refuses any other that follows.
        """
        pooled, session = await self.direct(), self._inner
        if session.is_kept:
            raise Misused("what was said to be the whole write is kept without this")
        commits = is_whole and session.is_last
        if not commits:
            await self._begin(pooled)
        records = await self._run(pooled, statement, *rows, commits=commits)
        session.is_kept = commits
        return records

    async def postpone(self, write: Write) -> None:
        """Let this wait until something else is read or written, or the commit."""
        await self.direct()
        self._inner.waiting = write
        if self._inner.is_read_only:
            await self.direct()  # it is refused, and where it was asked for

    async def fail(self) -> None:
        """Let nothing but a rollback end the transaction, or the savepoint in it."""
        pooled = await self.direct()
        pooled.info["failed"] = True

    async def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Write what waits, and what the ORM has to write."""
        await self.direct()
        await super().flush(objects)

    async def commit(self) -> None:
        """Write what waits and what the ORM has to write, and end the transaction.

        Raise `CommitUnknown` where nobody can tell whether that is kept.
        """
        session = self._inner
        has_begun = session.may_be_begun or self.in_transaction()
        session.is_last = not (has_begun or session.limits or session.is_read_only)
        try:
            await session.write_waiting()
        finally:
            session.is_last = session.is_kept = False
        if session.pooled:
            refuse_failed(session.pooled)
        if self.in_transaction():
            await super().commit()
        # The ORM commits what it has joined, and that may be nothing.
        if (pooled := session.pooled) and "begun" in pooled.info:
            answer = await self._send(pooled, "COMMIT", commits=True)
            is_over(pooled, answer)

    async def rollback(self) -> None:
        """Undo what was not committed; what comes next begins anew."""
        await super().rollback()
        self._inner.forget()
        if pooled := self._inner.pooled:
            await self.run_sync(lambda _: roll_back(pooled))

    async def close(self) -> None:
        """Roll back what was not committed, and give the connection back."""
        await super().close()
        await self.run_sync(lambda _: self._inner.give_back())

    async def _begin(self, pooled: PoolProxiedConnection) -> None:
        driver: Any = pooled.driver_connection
        if driver.is_in_transaction():
            return
        session = self._inner
        pooled.info["begun"] = True
        await self._send(pooled, f"{session.begin_with}; {session.limits}")

    async def _send(
        self, pooled: PoolProxiedConnection, words: str, *, commits: bool = False
    ) -> str:
        driver: Any = pooled.driver_connection
        try:
            answer: str = await driver.execute(words)
        except DRIVER_ERRORS as error:
            raise await self._failure(error, pooled, commits=commits) from None
        return answer

    async def _run(
        self,
        pooled: PoolProxiedConnection,
        statement: Statement,
        *rows: Mapping[str, Any],
        commits: bool = False,
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
            raise await self._failure(
                error, pooled, statement, *rows, commits=commits
            ) from None
        return statement.rows(records)

    async def _failure(
        self,
        error: Exception,
        pooled: PoolProxiedConnection,
        statement: Statement | None = None,
        *rows: Mapping[str, Any],
        commits: bool,
    ) -> Exception:
        # Whoever gives a connection up has to wait until PostgreSQL has been told.
        return await self.run_sync(
            lambda _: failure(error, pooled, statement, rows, commits=commits)
        )

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
    session.forget()


def _refuse_use(session: Session) -> None:
    refuse_misuse(session)
    if session.connection().invalidated:
        raise RolledBack("the connection broke, and the transaction with it")
