"""Each failure is an error of ours, and shows nothing of the data."""

import asyncio
import traceback
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from tea_shop.application.errors import (
    ReadOnly,
    RolledBack,
    StorageError,
    TimedOut,
    TransactionConflict,
    Unavailable,
)
from tea_shop.container import Container
from tea_shop.domain.errors import (
    AlreadyTaken,
    InvalidValue,
    StillReferenced,
    UnknownReference,
)
from tea_shop.infrastructure.database import connect

from tests.conftest import let_wait
from tests.infrastructure.examples import Account, Author

pytestmark = pytest.mark.postgres

SECRET = "canary@example.com"
RAISE = """DO $$ BEGIN
RAISE 'said of canary@example.com' USING ERRCODE = 'STATE', CONSTRAINT = 'some_key',
    DETAIL = 'in the row of canary@example.com', TABLE = 'rows', COLUMN = 'name';
END $$"""


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("08000", Unavailable),
        ("08006", Unavailable),
        ("0A000", StorageError),
        ("22001", InvalidValue),
        ("22003", InvalidValue),
        ("22021", InvalidValue),
        ("22P02", InvalidValue),
        ("23001", StillReferenced),
        ("23502", InvalidValue),
        ("23503", UnknownReference),
        ("23505", AlreadyTaken),
        ("23514", InvalidValue),
        ("23P01", AlreadyTaken),
        ("25006", ReadOnly),
        ("25P02", RolledBack),
        ("40001", TransactionConflict),
        ("40P01", TransactionConflict),
        ("53100", Unavailable),
        ("53300", Unavailable),
        ("55P03", TransactionConflict),
        ("57014", TimedOut),
        ("57P01", Unavailable),
        ("57P03", Unavailable),
        ("58030", StorageError),
        ("P0001", StorageError),
        ("XX000", StorageError),
    ],
)
async def test_each_code_has_its_error_and_shows_nothing_of_the_row(
    container: Container, code: str, kind: type[Exception]
) -> None:
    async with container.engine().connect() as connection:
        with pytest.raises(kind) as caught:
            await connection.exec_driver_sql(RAISE.replace("STATE", code))
        assert connection.invalidated is (kind is Unavailable)

    assert type(caught.value) is kind
    shown = traceback.format_exception(caught.value)
    assert SECRET not in "".join(shown[1:])
    assert SECRET not in repr(caught.value)


async def test_what_is_wrong_with_a_statement_is_told(container: Container) -> None:
    async with container.engine().connect() as connection:
        with pytest.raises(StorageError, match=r'"nowhere" does not exist \(42P01\)$'):
            await connection.execute(text("SELECT * FROM nowhere"))


async def test_a_schema_that_changed_under_a_statement_is_a_conflict(
    examples: AsyncSession,
) -> None:
    connection = await examples.connection()
    every = text("SELECT * FROM _genres")
    await connection.execute(every)
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.execute("ALTER TABLE _genres ADD COLUMN more text")

    with pytest.raises(TransactionConflict, match="schema changed"):
        await connection.execute(every)


async def test_a_fault_of_the_code_stays_what_it_is(container: Container) -> None:
    no_json = select(bindparam("secret", type_=JSONB))

    async with (
        container.engine().connect() as one,
        connect(container.settings()) as two,
    ):
        for connection in (one, two):
            with pytest.raises(StatementError, match="set is not JSON") as caught:
                await connection.execute(no_json, {"secret": {SECRET}})
            assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Author(name=SECRET * 15), "name must not be longer than 255 characters"),
        (Author(name=f"{SECRET}\0"), "a value does not fit its column"),
        (Author(name=f"{SECRET}\ud800"), "a value does not fit its column"),
        (Author(name=SECRET, version=2**31), "a value does not fit its column"),
        (Author(name=SECRET, version=SECRET), "a value does not fit its column"),
        (Author(version=3), "name must not be absent"),
        (Account(balance=-3), "ck__accounts_balance does not hold"),
    ],
)
async def test_what_does_not_fit_is_named_and_not_shown(
    examples: AsyncSession, model: Author | Account, sentence: str
) -> None:
    examples.add(model)

    with pytest.raises(InvalidValue, match=f"^{sentence}$") as caught:
        await examples.flush()

    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_a_commit_after_an_error_nobody_heeded_is_refused(
    container: Container,
) -> None:
    for _ in range(2):  # the second time on the connection of the first
        async with container.session_factory()() as session:
            with pytest.raises(StorageError):
                await session.execute(text("SELECT 1 / 0 FROM nowhere"))
            with pytest.raises(RolledBack):
                await session.commit()

    async with container.session_factory()() as session:
        await session.execute(text("SELECT 1"))
        await session.commit()


async def test_after_a_failed_write_there_is_nothing_to_read(
    examples: AsyncSession,
) -> None:
    examples.add(Account(balance=-1))
    with pytest.raises(InvalidValue):
        await examples.flush()

    with pytest.raises(RolledBack):
        await examples.scalar(select(Account))


async def test_a_savepoint_takes_back_an_error(container: Container) -> None:
    async with container.session_factory()() as session:
        async with session.begin_nested() as savepoint:
            with pytest.raises(StorageError):
                await session.execute(text("SELECT * FROM nowhere"))
            await savepoint.rollback()
        await session.commit()


async def test_deadlocks_are_conflicts_and_hurt_one_of_the_two(
    container: Container,
) -> None:
    met = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> None:
        async with container.session_factory()() as session:
            await session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            await session.execute(text(f"SELECT pg_advisory_xact_lock({first})"))
            await met.wait()
            await session.execute(text(f"SELECT pg_advisory_xact_lock({second})"))

    ends = await asyncio.gather(lock(1, 2), lock(2, 1), return_exceptions=True)

    assert sorted(type(end).__name__ for end in ends) == [
        "NoneType",
        "TransactionConflict",
    ]


@pytest.mark.parametrize("in_savepoint", [False, True])
async def test_a_cancelled_task_gives_its_connection_back(
    container: Container, in_savepoint: bool
) -> None:
    async def wait() -> None:
        async with container.session_factory()() as session, AsyncExitStack() as stack:
            if in_savepoint:
                await stack.enter_async_context(session.begin_nested())
            await session.execute(text("SELECT pg_sleep(3)"))

    task = asyncio.create_task(wait())
    await let_wait(task, container)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    pool = container.engine().pool.status()
    assert pool.endswith("Current Checked out connections: 0")
