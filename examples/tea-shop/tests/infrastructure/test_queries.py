"""How to query, and how many statements it takes: copy from here."""

import pytest
from sqlalchemy import String, bindparam, exists, func, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import joinedload, selectinload

from tea_shop.infrastructure.session import DirectSession
from tea_shop.infrastructure.statements import Statement

from tests.infrastructure.examples import Author, Book, some_authors

pytestmark = pytest.mark.postgres


async def test_one_row_or_none(examples: DirectSession) -> None:
    one, _ = await some_authors(examples)

    found = await examples.scalar(select(Author).where(Author.name == "Anne"))
    missing = await examples.scalar(select(Author).where(Author.name == "Zoe"))

    assert found is not None
    assert (found.id, missing) == (one.id, None)


async def test_rows_with_a_column_of_another_table(
    examples: DirectSession, statements: list[str]
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
    examples: DirectSession, statements: list[str]
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
    examples: DirectSession, statements: list[str]
) -> None:
    await some_authors(examples)
    statements.clear()

    books = await examples.scalars(select(Book).options(joinedload(Book.author)))

    assert [book.author.name for book in books] == ["Anne", "Anne"]
    assert len(statements) == 1


async def test_what_is_nested_is_loaded_with_a_statement_for_each_level(
    examples: DirectSession, statements: list[str]
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


async def test_many_to_many_is_read_from_both_sides(examples: DirectSession) -> None:
    await some_authors(examples)
    both = selectinload(Book.genres).selectinload(Book.genres.entity.class_.books)

    books = (await examples.scalars(select(Book).options(both))).all()

    assert [len(book.genres[0].books) for book in books] == [2, 2]


async def test_what_was_not_loaded_cannot_be_touched(examples: DirectSession) -> None:
    one, _ = await some_authors(examples)
    author = await examples.get_one(Author, one.id)

    with pytest.raises(InvalidRequestError, match="lazy='raise'"):
        _ = author.books


async def test_those_that_have_others(examples: DirectSession) -> None:
    await some_authors(examples)
    has_books = exists().where(Book.author_id == Author.id)

    with_books = await examples.scalars(select(Author.name).where(has_books))
    same = await examples.scalars(select(Author.name).where(Author.books.any()))

    assert with_books.all() == same.all() == ["Anne"]  # Bram's book is hidden


async def test_a_part_of_them_all_and_their_number(
    examples: DirectSession, statements: list[str]
) -> None:
    await some_authors(examples)
    statements.clear()

    part = select(Book.title).order_by(Book.title).offset(1).limit(1)
    titles = (await examples.scalars(part)).all()
    total = await examples.scalar(select(func.count()).select_from(Book))

    assert (titles, total) == (["Beta"], 2)
    assert len(statements) == 2


async def test_a_query_that_is_compiled_once(
    examples: DirectSession, round_trips: list[str]
) -> None:
    await some_authors(examples)
    title = bindparam("title", type_=String)
    named = select(Author.name).join(Author.books).where(Book.title == title)
    statement = Statement(named)
    round_trips.clear()

    (author,) = await examples.fetch(statement, {"title": "Beta"})
    hidden = await examples.fetch(statement, {"title": "Gamma"})

    assert (author.name, list(hidden)) == ("Anne", [])
    assert len(round_trips) == 2


async def test_models_of_a_query_that_is_compiled_once(examples: DirectSession) -> None:
    one, _ = await some_authors(examples)
    number = func.count().over().label("number")
    statement = Statement(
        select(Book, number, Author).join(Book.author).order_by(Book.title)
    )

    alpha, beta = await examples.fetch(statement, {})

    assert (alpha.title, beta.title) == ("Alpha", "Beta")
    assert (alpha.author_id, alpha.number, alpha.name) == (one.id, 2, "Anne")
    assert alpha.id > beta.id  # of the books, which come before the authors
