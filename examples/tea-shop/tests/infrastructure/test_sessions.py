"""A session sees no hidden row, and serves one task."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from asyncpg import DivisionByZeroError  # type: ignore[import-untyped]
from sqlalchemy import (
    Column,
    Integer,
    Numeric,
    String,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
    table,
    text,
    union_all,
    update,
)
from sqlalchemy.orm import aliased, joinedload, selectinload, subqueryload
from sqlalchemy.orm.exc import StaleDataError

from tea_shop.application.errors import Misused, RolledBack, StorageError
from tea_shop.container import Container
from tea_shop.domain.errors import InvalidValue
from tea_shop.infrastructure.database import connect
from tea_shop.infrastructure.session import WITH_HIDDEN, DirectSession
from tea_shop.infrastructure.statements import Statement

from tests.infrastructure.examples import (
    Author,
    AuthorRepository,
    Book,
    Genre,
    author_friends,
)

pytestmark = pytest.mark.postgres

NUMBERS = table("_numbers", column("number", Integer))
KEEP = insert(NUMBERS).values(number=bindparam("given", type_=Integer))

Other = aliased(Author)
SHAPES: list[Any] = [
    select(Author.name),
    select(Author.name).where(Author.name.in_(["Hidden"])),
    select(Author.name).filter_by(name="Hidden"),
    select(Author.name).order_by(Author.id).offset(0).limit(9),
    select(Author.name).distinct(),
    select(Author.name).with_for_update(),
    select(Author).with_only_columns(Author.name),
    select(Other.name),
    select(func.max(Author.name)),
    select(func.string_agg(Author.name, " ")),
    select(func.concat(Author.name, "")).group_by(Author.name),
    select(Author.name, func.row_number().over(order_by=Author.id)),
    select(select(Author.name).subquery().c.name),
    select(select(Author).subquery().c.name),
    select(select(Author.name).cte().c.name),
    select(select(Author.name).limit(1).scalar_subquery()),
    select(literal("Hidden")).where(exists().where(Author.name == "Hidden")),
    select(literal("Hidden")).where(select(Author).exists()),
    select(literal("Hidden")).where(literal("Hidden").in_(select(Author.name))),
    select(union_all(select(Author.name), select(Author.name)).subquery().c.name),
    select(Author.name).join(Other, Author.id == Other.id),
    select(Other.name).join(Author, Author.id == Other.id),
    select(Author.name).join(Author.books),
    select(Author.name).outerjoin(Author.books),
    select(Author.name).select_from(Book).join(Book.author),
    select(Author.name).select_from(Book).outerjoin(Book.author),
    select(Book.title).join(Book.author).where(Author.name == "Hidden"),
    select(Book.title).where(Book.author.has(name="Hidden")),
    select(Book.title).where(Book.author_id.in_(select(Author.id))),
    select(Author.name).where(Author.books.any(Book.title == "Seen")),
    union_all(select(Author.name), select(Author.name)),
    insert(Genre).from_select(["name"], select(Author.name)).returning(Genre.name),
    update(Author).values(deleted_at=None).returning(Author.name),
]


@pytest.fixture
async def hidden(examples: DirectSession) -> Author:
    """An author who is hidden, though a book refers to him."""
    author = Author(name="Hidden", books=[Book(title="Seen")])
    author.soft_delete(datetime.now(UTC))
    examples.add(author)
    await examples.flush()
    examples.expunge_all()
    examples.info.clear()  # a fixture is a task of its own
    return author


async def test_no_query_sees_a_hidden_row_unless_asked_to(
    examples: DirectSession, hidden: Author
) -> None:
    for shape in SHAPES:
        seen = await examples.scalars(shape)
        direct: Sequence[Any] = []
        if "IN (__[POSTCOMPILE" not in str(shape):
            direct = await examples.fetch(Statement(shape), {})
        everything = await examples.scalars(shape, execution_options=WITH_HIDDEN)

        assert [value for value in seen if value is not None] == [], str(shape)
        assert [row[0] for row in direct if row[0] is not None] == [], str(shape)
        assert [value for value in everything if value is not None] != [], str(shape)


async def test_a_hidden_row_is_nobodys_friend(
    examples: DirectSession, hidden: Author
) -> None:
    repository = AuthorRepository(examples)
    await repository.create(friend := Author(name="Friend"))
    pair = {"author_id": friend.id, "friend_id": hidden.id}
    await examples.execute(insert(author_friends).values(pair))

    assert await repository.count(friends=hidden.id) == 0
    assert await repository.count(Author.name != "", friends=hidden.id) == 0
    for friends in (
        Author.friends.of_type(Other).any(),
        Author.friends.of_type(Other).any(Other.name != ""),
    ):
        assert (await examples.scalars(select(Author).where(friends))).all() == []


async def test_what_is_told_by_a_filter_names_whose_rows_it_tells_of(
    examples: DirectSession, hidden: Author
) -> None:
    number = select(func.count().filter(Author.name != "")).select_from(Author)

    assert await examples.scalar(number) == 0
    ((direct,),) = await examples.fetch(Statement(number), {})
    assert direct == 0


async def test_rows_are_read_as_before_where_the_schema_has_changed(
    container: Container,
) -> None:
    changing = table("_changing", column("name", String))
    reading = Statement(select(changing.c.name))
    change = text("ALTER TABLE _changing ALTER name TYPE varchar(9)")
    async with container.engine().begin() as connection:
        await connection.execute(
            text("CREATE TABLE _changing AS SELECT text 'same' AS name")
        )

    async with container.session_factory()() as session:
        before = [row.name for row in await session.fetch(reading, {})]
        async with container.engine().begin() as connection:
            await connection.execute(change)
        after = [row.name for row in await session.fetch(reading, {})]

    async with container.engine().begin() as connection:
        await connection.execute(text("DROP TABLE _changing"))
    assert before == after == ["same"]


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
async def test_no_relationship_leads_to_a_hidden_row_unless_asked_to(
    examples: DirectSession, hidden: Author, load: Any
) -> None:
    statement = select(Book).options(load(Book.author))
    again = statement.execution_options(populate_existing=True, **WITH_HIDDEN)

    book = (await examples.scalars(statement)).one()
    assert book.author is None
    book = (await examples.scalars(again)).one()
    assert book.author.name == "Hidden"


def test_no_statement_is_one_for_each_length_of_a_list() -> None:
    with pytest.raises(TypeError, match=r"use any_\(array\)"):
        Statement(select(Author.name).where(Author.name.in_(["Hidden"])))


async def test_a_decimal_is_read_with_all_its_digits(examples: DirectSession) -> None:
    exact = "0.1234567890123456789"
    number = literal_column(exact, Numeric)
    statement = Statement(select(number), returned={"number": Column(Numeric)})

    (row,) = await examples.fetch(statement, {})

    assert row.number == Decimal(exact)


async def test_no_statement_changes_hidden_rows(
    examples: DirectSession, hidden: Author
) -> None:
    await examples.execute(update(Author).values(name="Changed"))
    await examples.execute(update(Book).values(title="Changed"))
    await examples.execute(delete(Author))

    names = await examples.scalars(select(Author.name).execution_options(**WITH_HIDDEN))
    assert names.all() == ["Hidden"]
    assert (await examples.scalars(select(Book.title))).all() == ["Changed"]


async def test_a_hidden_row_is_not_got_by_its_identity(
    examples: DirectSession, hidden: Author
) -> None:
    assert await examples.get(Author, hidden.id) is None
    again = await examples.get(Author, hidden.id, execution_options=WITH_HIDDEN)
    assert again is not None


async def test_what_is_loaded_can_be_refreshed_when_hidden(
    examples: DirectSession, hidden: Author
) -> None:
    again = await examples.get_one(Author, hidden.id, execution_options=WITH_HIDDEN)

    await examples.refresh(again)

    assert again.name == "Hidden"


async def test_a_session_serves_one_task(examples: DirectSession) -> None:
    author = Author(name="Anne")
    examples.add(author)
    await examples.flush()
    author.name = "Anna"

    async def read() -> None:
        await examples.scalar(select(Author))

    async def write() -> None:
        await examples.flush()

    async def fetch() -> None:
        await examples.fetch(Statement(select(Author.name)), {})

    async def commit() -> None:
        await examples.commit()

    for use in (read, write, fetch, commit):
        with pytest.raises(Misused, match="serves one task"):
            await asyncio.create_task(use())


async def write(session: DirectSession, number: int) -> None:
    """Write a number, which is all that is to be kept."""
    await session.write(Statement(KEEP), {"given": number}, is_whole=True)


@pytest.fixture
async def numbers(container: Container) -> AsyncGenerator[DirectSession]:
    """A session with transactions of its own, over a table of numbers."""
    async with connect(container.settings()) as connection:
        await connection.execute(text("CREATE TABLE _numbers (number int)"))
    async with container.session_factory()() as session:
        yield session
    async with connect(container.settings()) as connection:
        await connection.execute(text("DROP TABLE _numbers"))


async def test_whatever_began_a_transaction_it_ends_when_it_is_told_to(
    container: Container, numbers: DirectSession
) -> None:
    async def execute(given: int) -> None:
        await numbers.execute(KEEP, {"given": given})

    for keep in (partial(write, numbers), execute):
        await keep(-1)
        await numbers.rollback()
        await keep(1)
        await numbers.commit()
    for given in (1, 2):
        await numbers.postpone(partial(write, numbers, given))
    await numbers.commit()
    await numbers.postpone(lambda: write(numbers, -1))
    await numbers.close()
    async with numbers.begin():
        await execute(2)
    with suppress(ZeroDivisionError):
        async with numbers.begin():
            await execute(-2)
            raise ZeroDivisionError
    async with numbers.begin():
        await execute(3)
    await write(numbers, -3)
    await numbers.close()

    async with container.engine().connect() as other:
        kept = await other.scalars(select(NUMBERS.c.number))
        assert kept.all() == [1, 1, 1, 2, 2, 3]


async def test_what_waits_is_written_before_anything_else(
    numbers: DirectSession,
) -> None:
    async def count() -> int:
        return len((await numbers.scalars(select(NUMBERS))).all())

    async def fetch() -> int:
        return len(await numbers.fetch(Statement(select(NUMBERS)), {}))

    for number, read in enumerate((count, fetch), start=1):
        await numbers.postpone(lambda: write(numbers, 1))
        assert await read() == number
    await numbers.postpone(lambda: write(numbers, 1))
    async with numbers.begin_nested() as savepoint:
        await numbers.postpone(lambda: write(numbers, 1))
        await numbers.flush()
        assert await count() == 4
        await numbers.postpone(lambda: write(numbers, 1))
        await savepoint.rollback()
    assert await fetch() == 3
    await numbers.postpone(lambda: write(numbers, 1))
    await numbers.rollback()
    assert await fetch() == 0


async def test_what_waits_and_does_not_end_fails_the_transaction(
    numbers: DirectSession,
) -> None:
    async def stop() -> None:
        await write(numbers, 1)
        raise asyncio.CancelledError

    await numbers.postpone(stop)
    with pytest.raises(asyncio.CancelledError):
        await numbers.fetch(Statement(select(NUMBERS)), {})
    with pytest.raises(RolledBack):
        await numbers.commit()
    await numbers.rollback()

    await numbers.postpone(lambda: write(numbers, 1))
    with pytest.raises(Misused):
        await asyncio.create_task(numbers.commit())
    await numbers.commit()
    assert len(await numbers.fetch(Statement(select(NUMBERS)), {})) == 1


async def test_nothing_follows_what_is_whole(numbers: DirectSession) -> None:
    async def write_more() -> None:
        await write(numbers, 1)
        await write(numbers, 2)

    async def wait_more() -> None:
        await write(numbers, 1)
        await numbers.postpone(lambda: write(numbers, 2))

    for write_all in (write_more, wait_more):
        await numbers.postpone(write_all)
        with pytest.raises(Misused, match="is kept without this"):
            await numbers.commit()
        await numbers.rollback()


async def test_a_commit_keeps_what_the_orm_has_not_joined(
    numbers: DirectSession,
) -> None:
    await write(numbers, 1)
    author = Author(name="not to be kept")
    numbers.add(author)
    numbers.expunge(author)

    await numbers.commit()
    await numbers.rollback()

    assert len(await numbers.fetch(Statement(select(NUMBERS)), {})) == 1


async def test_what_waits_is_not_kept_without_what_the_orm_writes(
    numbers: DirectSession,
) -> None:
    await numbers.postpone(lambda: write(numbers, 1))
    numbers.add(Author(name="of no table"))

    with pytest.raises(StorageError, match="_authors"):
        await numbers.commit()
    await numbers.rollback()

    assert await numbers.fetch(Statement(select(NUMBERS)), {}) == []


async def test_after_a_rollback_nothing_is_known(numbers: DirectSession) -> None:
    numbers.known[Author][1] = Author(name="Anne")

    await numbers.rollback()

    assert not numbers.known


async def test_after_an_error_nothing_goes_on(numbers: DirectSession) -> None:
    failing = Statement(select(literal(1) / (func.count() - func.count())))
    fetching = Statement(select(NUMBERS))
    with pytest.raises(InvalidValue):
        await numbers.fetch(failing, {})

    with pytest.raises(RolledBack):
        await numbers.fetch(fetching, {})
    with pytest.raises(RolledBack):
        await numbers.commit()
    await numbers.rollback()
    await numbers.fail()
    with pytest.raises(RolledBack):
        async with numbers.begin_nested():
            pass
    await numbers.rollback()
    assert await numbers.fetch(fetching, {}) == []


async def test_a_commit_that_is_a_rollback_is_told(numbers: DirectSession) -> None:
    await numbers.write(Statement(KEEP), {"given": 1})
    driver: Any = (await numbers.direct()).driver_connection
    with pytest.raises(DivisionByZeroError):
        await driver.execute("SELECT 1 / 0")  # of which the session hears nothing

    with pytest.raises(RolledBack):
        await numbers.commit()


async def test_a_model_of_the_session_is_written_where_it_did_not_move_on(
    examples: DirectSession,
) -> None:
    author = Author(name="Anne")
    examples.add(author)
    await examples.flush()
    assert author.created_at == author.updated_at  # which the database made
    author.name, author.version = "Anna", 2
    await examples.flush()
    assert author.created_at == author.updated_at

    moved_on = update(Author).values(version=3)
    unseen = {"synchronize_session": False}
    await examples.execute(moved_on, execution_options=unseen)
    author.name = "Ann"
    with pytest.raises(StaleDataError):
        await examples.flush()


async def test_a_read_writes_nothing(examples: DirectSession) -> None:
    examples.add(Author(name="Anne"))

    assert (await examples.scalars(select(Author.name))).all() == []
