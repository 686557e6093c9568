"""What goes wrong in the database, in the words of the domain and the application.

SQLAlchemy reports each error here, wherever the statement came from; so no repository
has to catch one. What the driver says of the values that were sent goes no further.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Index,
    PoolProxiedConnection,
    Table,
    event,
)
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import ColumnCollectionConstraint

from tea_shop.application.errors import (
    CommitUnknown,
    ReadOnly,
    RolledBack,
    StorageError,
    TimedOut,
    TransactionConflict,
    Unavailable,
)
from tea_shop.domain.errors import (
    AlreadyTaken,
    DomainError,
    InvalidValue,
    StillReferenced,
    UnknownReference,
)
from tea_shop.infrastructure.models.base import Base
from tea_shop.infrastructure.statements import Statement

# https://www.postgresql.org/docs/current/errcodes-appendix.html
STORAGE_ERRORS = {
    "08": (Unavailable, "the connection to the database broke"),
    "25006": (ReadOnly, "this unit of work only reads"),
    "25P02": (RolledBack, "an error before this one ended the transaction"),
    "40": (TransactionConflict, "another transaction was in the way"),
    "53": (Unavailable, "the database has no room for more"),
    "55P03": (TransactionConflict, "another transaction holds the lock"),
    "57014": (TimedOut, "the statement took too long"),
    "57P": (Unavailable, "the database is shutting down"),
}
"""By a code of PostgreSQL, or by how one begins."""
UNFIT = ValueError | RecursionError
"""What the driver raises where it cannot write a value as its type."""
DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # where the connection breaks in that moment
    OSError,
    ValueError,
    RecursionError,
)
"""What the driver raises of all that can go wrong with a statement."""
LIMITS = "limits"
"""The option of an engine whose transactions set their limits with these words."""


@dataclass(frozen=True)
class Attempt:
    """What was tried when an error came."""

    broke: bool
    is_delete: bool = False
    written: Iterable[tuple[Column[Any], object]] = ()


def watch(engine: AsyncEngine) -> None:
    """Translate errors, and use neither a broken connection nor a lost transaction."""
    listeners: dict[str, Callable[..., Any]] = {
        "handle_error": _translate,
        "begin": _begin,
        "savepoint": _refuse_failed,
        "rollback_savepoint": _forget_failure,
        "commit": _before_commit,
        "rollback": _before_rollback,
        "checkout": _refuse_used,
    }
    for name, listener in listeners.items():
        event.listen(engine.sync_engine, name, listener)


@contextmanager
def reaching(url: URL) -> Generator[None]:
    """Raise `Unavailable`, without the password, where no connection can be had."""
    driver_errors = (asyncpg.InterfaceError, asyncpg.PostgresError, OSError)
    dialect_errors = (AsyncAdapt_asyncpg_dbapi.Error, DBAPIError, PoolTimeout)
    try:
        yield
    except (*driver_errors, *dialect_errors) as error:
        shown = url.difference_update_query(["password"])
        database = shown.render_as_string(hide_password=True)
        reason = error.orig if isinstance(error, DBAPIError) else error
        words = str(reason) or type(reason).__name__
        raise Unavailable(f"{database} cannot be reached: {words}") from None


def failure(
    error: Exception,
    pooled: PoolProxiedConnection,
    statement: Statement | None = None,
    rows: Iterable[Mapping[str, Any]] = (),
    *,
    commits: bool,
) -> Exception:
    """Say what the driver said of a statement; nothing but a rollback is left to do.

    What `commits` may be kept all the same, where PostgreSQL did not say that it is not.
    """
    driver: Any = pooled.driver_connection
    is_lost = isinstance(error, asyncpg.InternalClientError)
    attempt = Attempt(broke=is_lost or driver.is_closed())
    if statement:
        written = [
            (column, value)
            for row in rows
            for key, column in statement.written.items()
            for value in (row[key] if statement.is_many else [row[key]])
        ]
        attempt = Attempt(attempt.broke, statement.is_delete, written)
    translated = _translated(error, attempt)
    pooled.info["failed"] = True
    is_gone = isinstance(error, OSError) or isinstance(translated, Unavailable)
    if is_gone and pooled.is_valid:
        pooled.invalidate()
    is_told = getattr(error, "severity_en", None) == "ERROR"  # and not a FATAL end
    if commits and isinstance(translated, TimedOut | Unavailable) and not is_told:
        return CommitUnknown("the database did not answer to the commit")
    return translated


def commit(pooled: PoolProxiedConnection) -> None:
    """Commit the transaction, if one was begun by hand."""
    if "begun" not in pooled.info:
        return
    try:
        answer = _run(pooled, "COMMIT")
    except DRIVER_ERRORS as error:
        raise failure(error, pooled, commits=True) from None
    is_over(pooled, answer)


def is_over(pooled: PoolProxiedConnection, answer: str) -> None:
    """Note that a transaction has ended; raise `RolledBack` where it is not kept."""
    del pooled.info["begun"]
    if answer != "COMMIT":
        raise RolledBack("an error before this one ended the transaction")


def roll_back(pooled: PoolProxiedConnection) -> None:
    """Roll the transaction back, if one was begun by hand, or give the connection up."""
    if not pooled.is_valid:
        return
    try:
        if "begun" in pooled.info:
            _run(pooled, "ROLLBACK")
        _forget(pooled.info)
    except DRIVER_ERRORS:
        pooled.invalidate()


def refuse_failed(pooled: PoolProxiedConnection) -> None:
    """Raise `RolledBack` where an error has ended the transaction."""
    if not pooled.is_valid or pooled.info.get("failed"):
        raise RolledBack("an error before this one ended the transaction")


def _translate(context: ExceptionContext) -> Exception | None:
    error, connection = context.original_exception, context.connection
    driver_errors = context.dialect.loaded_dbapi.Error
    if connection is None or not isinstance(error, driver_errors | OSError | UNFIT):
        return None  # `reaching` tells of connections; others are faults of the code
    translated = _translated(error, _attempt(context))
    if isinstance(translated, Unavailable):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False  # the others may well work
    _mark(connection, has_failed=True)
    return translated


def _attempt(context: ExceptionContext) -> Attempt:
    execution: Any = context.execution_context
    is_delete = getattr(execution, "isdelete", False)
    try:
        columns = execution.compiled.statement.table.columns
        rows = execution.compiled_parameters
    except AttributeError:  # it does not write to a table that SQLAlchemy knows
        return Attempt(context.is_disconnect, is_delete)
    written = [
        (columns[name], value)
        for row in rows
        for name, value in row.items()
        if name in columns
    ]
    return Attempt(context.is_disconnect, is_delete, written)


def _translated(error: Exception, attempt: Attempt) -> Exception:
    state, driver = getattr(error, "sqlstate", None) or "", error.__cause__ or error
    # They would be printed with the error, and the driver's DETAIL shows the row.
    error.__cause__ = error.__context__ = None
    if isinstance(error, TimeoutError):
        return TimedOut("the database did not answer in time")
    if isinstance(error, OSError) or attempt.broke:
        return Unavailable("the connection to the database broke")
    if isinstance(driver, asyncpg.InvalidCachedStatementError):
        return TransactionConflict("the schema changed under the statement")
    if state[:2] == "42":  # the statement is wrong, and this tells where
        return StorageError(f"{error.args[0]} ({state})")
    error.args = (type(driver).__name__,)  # other words may show a value
    if state[:2] == "23":
        return _refusal(state, driver, is_delete=attempt.is_delete)
    if state[:2] == "22" or isinstance(driver, UNFIT):
        return InvalidValue(_too_long(attempt) or "a value does not fit its column")
    for code in (state, state[:3], state[:2]):
        if code in STORAGE_ERRORS:
            kind, sentence = STORAGE_ERRORS[code]
            return kind(sentence)
    return StorageError(f"{type(driver).__name__} {state}".strip())


def _refusal(state: str, driver: Any, *, is_delete: bool) -> DomainError:
    columns = _columns(driver.table_name, driver.constraint_name)
    if state == "23502":
        return InvalidValue(f"{driver.column_name} must not be absent")
    if state == "23514":
        return InvalidValue(f"{driver.constraint_name} does not hold")
    if state == "23001" or (state == "23503" and is_delete):
        return StillReferenced(f"{driver.table_name} still refer to it")
    if state == "23503":
        return UnknownReference(f"{columns} is not known")
    return AlreadyTaken(f"{columns} is taken")


def _columns(table_name: str, constraint_name: str) -> str:
    """Name the columns that a constraint is about, or else the constraint."""
    tables = [mapper.local_table for mapper in Base.registry.mappers]
    constraints: list[ColumnCollectionConstraint | Index] = [
        one
        for table in tables
        if isinstance(table, Table) and table.name == table_name
        for one in (*table.constraints, *table.indexes)
        if isinstance(one, ColumnCollectionConstraint | Index)
    ]
    for one in constraints:
        if one.name == constraint_name:
            return ", ".join(column.name for column in one.columns)
    return constraint_name


def _too_long(attempt: Attempt) -> str | None:
    """Say which text is too long, which PostgreSQL does not."""
    for column, value in attempt.written:
        longest = getattr(column.type, "length", None)
        if longest and len(str(value)) > longest:
            return f"{column.name} must not be longer than {longest} characters"
    return None


def _mark(connection: Connection, *, has_failed: bool) -> None:
    # The very first connection has no `info` yet, and one that broke has none any more.
    with suppress(NotImplementedError, PendingRollbackError):
        connection.info["failed"] = has_failed


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    begin_with = options.get("begin_with")  # where SQLAlchemy does not begin itself
    if begin_with is None:
        _forget_failure(connection)
    elif not _driver(connection.connection).is_in_transaction():
        connection.info["begun"] = True
        connection.exec_driver_sql(begin_with)
    if LIMITS in options:
        connection.exec_driver_sql(options[LIMITS])


def _forget_failure(connection: Connection, *_: Any) -> None:
    _mark(connection, has_failed=False)


def _refuse_failed(connection: Connection, *_: Any) -> None:
    if connection.invalidated or connection.info.get("failed"):
        raise RolledBack("an error before this one ended the transaction")


def _before_commit(connection: Connection) -> None:
    # PostgreSQL answers to the COMMIT of a failed transaction with a ROLLBACK, and the
    # driver passes over that in silence.
    if not connection.invalidated and connection.info.get("failed"):
        connection.connection.rollback()
    _refuse_failed(connection)
    commit(connection.connection)


def _before_rollback(connection: Connection) -> None:
    if not connection.invalidated:
        roll_back(connection.connection)


def _refuse_used(connection: Any, record: Any, *_: Any) -> None:
    driver = connection.driver_connection
    if driver.is_closed() or driver.is_in_transaction():
        raise DisconnectionError
    _forget(record.info)


def _forget(marks: dict[Any, Any]) -> None:
    for mark in ("begun", "failed"):
        marks.pop(mark, None)


def _driver(pooled: PoolProxiedConnection) -> Any:
    return pooled.driver_connection


def _run(pooled: PoolProxiedConnection, words: str) -> str:
    adapted: Any = pooled.dbapi_connection

    async def execute(driver: Any) -> str:
        answer: str = await driver.execute(words)
        return answer

    answer: str = adapted.run_async(execute)
    return answer
