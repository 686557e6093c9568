"""How to query, and how many statements it takes: copy from here."""

import pytest
from sqlalchemy import exists, func, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from tests.infrastructure.examples import Author, Book, some_authors

pytestmark = pytest.mark.postgres


async def test_one_row_or_none(examples: AsyncSession) -> None:
    one, _ = await some_authors(examples)

    found = await examples.scalar(select(Author).where(Author.name == "Anne"))
    missing = await examples.scalar(select(Author).where(Author.name == "Zoe"))

    assert found is not None
    assert (found.id, missing) == (one.id, None)


async def test_rows_with_a_column_of_another_table(
    examples: AsyncSession, statements: list[str]
) -> None:
    await some_authors(examples)
    statements.clear()

    rows = await examples.execute(
        select(Book, Author.name)
        .join(Book.author)
        .where(Author.name == "Anne")
        .order_by(Book.title)
    )

    assert [(book.title, name) for book, name in rows] == [
        ("Alpha", "Anne"),
        ("Beta", "Anne"),
    ]
    assert len(statements) == 1


async def test_a_collection_takes_one_more_statement(
    examples: AsyncSession, statements: list[str]
) -> None:
    await some_authors(examples)
    statements.clear()

    authors = await examples.scalars(
        select(Author).options(selectinload(Author.books)).order_by(Author.name)
    )

    titles = [sorted(book.title for book in author.books) for author in authors]
    assert titles == [["Alpha", "Beta"], []]  # the other book is hidden
    assert len(statements) == 2


async def test_a_single_row_is_joined(
    examples: AsyncSession, statements: list[str]
) -> None:
    await some_authors(examples)
    statements.clear()

    books = await examples.scalars(select(Book).options(joinedload(Book.author)))

    assert [book.author.name for book in books] == ["Anne", "Anne"]
    assert len(statements) == 1


async def test_what_is_nested_is_loaded_with_a_statement_for_each_level(
    examples: AsyncSession, statements: list[str]
) -> None:
    await some_authors(examples)
    statements.clear()

    nested = selectinload(Author.books).selectinload(Book.genres)
    authors = (await examples.scalars(select(Author).options(nested))).all()
    joined = joinedload(Book.author).selectinload(Author.books)
    books = (await examples.scalars(select(Book).options(joined))).all()

    names = {g.name for author in authors for book in author.books for g in book.genres}
    assert names == {"Novels"}
    assert {len(book.author.books) for book in books} == {2}
    assert len(statements) == 3 + 2


async def test_many_to_many_is_read_from_both_sides(examples: AsyncSession) -> None:
    await some_authors(examples)
    both = selectinload(Book.genres).selectinload(Book.genres.entity.class_.books)

    books = (await examples.scalars(select(Book).options(both))).all()

    assert [len(book.genres[0].books) for book in books] == [2, 2]


async def test_what_was_not_loaded_cannot_be_touched(examples: AsyncSession) -> None:
    one, _ = await some_authors(examples)
    author = await examples.get_one(Author, one.id)

    with pytest.raises(InvalidRequestError, match="lazy='raise'"):
        _ = author.books


async def test_those_that_have_others(examples: AsyncSession) -> None:
    await some_authors(examples)
    has_books = exists().where(Book.author_id == Author.id)

    with_books = await examples.scalars(select(Author.name).where(has_books))
    same = await examples.scalars(select(Author.name).where(Author.books.any()))

    assert with_books.all() == same.all() == ["Anne"]  # Bram's book is hidden


async def test_a_part_of_them_all_and_their_number(
    examples: AsyncSession, statements: list[str]
) -> None:
    await some_authors(examples)
    statements.clear()

    part = select(Book.title).order_by(Book.title).offset(1).limit(1)
    titles = (await examples.scalars(part)).all()
    total = await examples.scalar(select(func.count()).select_from(Book))

    assert (titles, total) == (["Beta"], 2)
    assert len(statements) == 2
