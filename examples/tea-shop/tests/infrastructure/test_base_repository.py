"""What every repository can do, shown with models of the tests."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import undefer

from tea_shop.application.errors import RolledBack
from tea_shop.domain.errors import (
    AlreadyTaken,
    ConcurrentUpdate,
    InvalidValue,
    StillReferenced,
    UnknownReference,
)
from tea_shop.infrastructure.models.base import row_of
from tea_shop.infrastructure.repositories.base import BaseRepository
from tea_shop.infrastructure.session import WITH_HIDDEN, DirectSession
from tea_shop.infrastructure.statements import deleting

from tests.infrastructure.examples import (
    Account,
    AccountRepository,
    Author,
    AuthorRepository,
    Book,
    BookRepository,
    Card,
    CardRepository,
    Copy,
    Genre,
    GenreRepository,
    Letter,
    LetterRepository,
    Mood,
    ShelfRepository,
    Stage,
    book_genres,
    some_authors,
)


def test_a_repository_must_name_its_model_class() -> None:
    with pytest.raises(TypeError, match="Nameless must name its model_class"):
        type("Nameless", (BaseRepository,), {})


@pytest.mark.postgres
async def test_what_is_created_can_be_read(examples: DirectSession) -> None:
    repository, model = GenreRepository(examples), Genre(name="Novels")

    await repository.create(Genre(name="Plays"), model)

    assert model.id > 0
    for found in (
        await repository.get_by_id(model.id),
        await repository.find_one(name="Novels"),
    ):
        assert found is not None
        assert (found.id, found.version, found.name) == (model.id, 1, "Novels")
    assert await repository.get_by_id(model.id + 1) is None
    assert await repository.count(name="Novels") == 1


@pytest.mark.postgres
async def test_what_is_absent_is_found_by_that(examples: DirectSession) -> None:
    one, two = await some_authors(examples)
    repository = AuthorRepository(examples)

    found = await repository.find_one(name=two.name, deleted_at=None)
    page = await repository.get_many(0, 9, deleted_at=None)

    assert found is not None
    assert [found.id, *(model.id for model in page)] == [two.id, one.id, two.id]
    assert await repository.count(deleted_at=None) == 2
    assert await repository.exists(Author, deleted_at=None)


@pytest.mark.postgres
async def test_many_are_created_with_one_statement(
    examples: DirectSession, statements: list[str]
) -> None:
    repository = GenreRepository(examples)
    models = [Genre(name=f"genre {number}") for number in range(100)]
    statements.clear()

    await repository.create(*models)

    assert len(statements) == 1
    assert [model.id for model in models] == sorted(model.id for model in models)
    assert len({model.key for model in models}) == 100
    page = await repository.get_many(50, 10)
    assert [model.name for model in page] == [f"genre {n}" for n in range(50, 60)]


@pytest.mark.postgres
async def test_many_are_updated_with_one_statement(
    examples: DirectSession, statements: list[str]
) -> None:
    repository = AuthorRepository(examples)
    models = [Author(name=f"author {number}") for number in range(100)]
    await repository.create(*models)
    statements.clear()

    for model in models[:99]:
        model.name = model.name.upper()
    models[99].soft_delete(datetime.now(UTC))
    await repository.update(*models)

    assert len(statements) == 1
    assert {model.version for model in models} == {2}
    kept = await AuthorRepository(examples).get_many(0, 100)
    assert [one.name for one in kept] == [f"AUTHOR {n}" for n in range(99)]
    assert {one.version for one in kept} == {2}


@pytest.mark.postgres
async def test_what_the_database_sets_can_be_read_after_each_write(
    examples: DirectSession,
) -> None:
    repository, model = AuthorRepository(examples), Author(name="Anne")
    await repository.create(model)
    assert model.created_at == model.updated_at  # by the same transaction
    made = model.updated_at

    model.name = "Anna"
    vars(model)["updated_at"] = None
    await repository.update(model)
    assert model.updated_at == made

    await repository.delete(model)
    assert model.deleted_at is not None
    assert made <= model.deleted_at <= datetime.now(UTC)


@pytest.mark.postgres
async def test_when_a_row_was_written_is_read_on_request(
    examples: DirectSession, statements: list[str]
) -> None:
    repository, model = GenreRepository(examples), Genre(name="Novels")
    await repository.create(model)
    await repository.update(model)

    row = await repository.get_by_id(model.id)
    found = await examples.scalar(select(Genre).options(undefer(Genre.updated_at)))

    for statement in statements[-4:-1]:
        _, _, read = statement.rpartition("RETURNING")
        assert "_at" not in read
    assert found is not None
    assert isinstance(found.updated_at, datetime)
    for one in (row, found):
        with pytest.raises((AttributeError, InvalidRequestError), match="created_at"):
            getattr(one, "created_at")  # noqa: B009


@pytest.mark.postgres
async def test_parts_are_written_where_they_are_others(
    examples: DirectSession, statements: list[str]
) -> None:
    repository = ShelfRepository(examples)
    one, two = (
        row_of(Author, name=name, books=[row_of(Book, title=title) for title in name])
        for name in ("ab", "c")
    )
    await repository.create(one, two)

    for books, sent in ((one.books, 1), ([row_of(Book, title="d")], 3)):
        statements.clear()
        one, two = (row_of(Author, **vars(each)) for each in (one, two))
        one.books = books
        await repository.update(one, two)
        assert len(statements) == sent
    one.books = []  # of the very row that was kept
    await repository.update(one)
    examples.known.clear()  # then nobody knows what they were
    two.books = []
    await repository.update(two)

    found = await repository.get_many(0, 9)
    assert [each.books for each in found] == [[], []]


@pytest.mark.postgres
async def test_each_has_parts_of_its_own(examples: DirectSession) -> None:
    repository = ShelfRepository(examples)
    one, two = (
        row_of(Author, name=name, books=[row_of(Book, title=name)]) for name in "ab"
    )
    await repository.create(one, two)
    changed = row_of(Author, **vars(one))
    changed.books = [row_of(Book, title="c")]

    await repository.update(changed)

    found = await repository.get_many(0, 9)
    assert [[book.title for book in each.books] for each in found] == [["c"], ["b"]]


@pytest.mark.postgres
async def test_what_was_just_added_can_be_removed(examples: DirectSession) -> None:
    repository, added = GenreRepository(examples), Copy(0, 0)

    def to_model(genre: Copy) -> Genre:
        return row_of(Genre, name="Novels", **vars(genre))

    await repository.later(repository.create, to_model, [added])
    await repository.later(repository.delete, to_model, [added])

    assert await repository.count() == 0
    assert added.id > 0


@pytest.mark.postgres
async def test_the_orm_sees_what_waits_on_a_connection_of_others(
    examples: DirectSession,
) -> None:
    await examples.postpone(
        lambda: GenreRepository(examples).create(Genre(name="Novels"))
    )

    assert await examples.scalar(select(Genre.name)) == "Novels"


@pytest.mark.postgres
async def test_what_takes_many_statements_is_kept_as_one(
    kept_examples: DirectSession,
) -> None:
    session, repository = kept_examples, ShelfRepository(kept_examples)

    async def keep(write: Callable[..., Awaitable[None]], *models: Author) -> None:
        await session.postpone(lambda: write(*models))
        try:
            await session.commit()
        finally:
            await session.rollback()

    def author(name: str, title: str = "Alpha", **values: int) -> Author:
        return row_of(Author, name=name, books=[row_of(Book, title=title)], **values)

    await keep(repository.create, anne := author("Anne"))
    for write in (repository.create, repository.update):
        with pytest.raises(InvalidValue, match="title must not be longer"):
            await keep(write, author("Anna", "x" * 256, id=anne.id, version=1))
    for write in (repository.update, repository.delete):
        anna, bram = [author("Anna", id=key, version=1) for key in (anne.id, 0)]
        with pytest.raises(ConcurrentUpdate):
            await keep(write, anna, bram)
        with pytest.raises(ConcurrentUpdate):
            await write(anna, bram)  # at once
        with pytest.raises(RolledBack):
            await session.commit()
        await session.rollback()

    found = await repository.get_many(0, 9)
    assert [(one.name, one.books[0].title) for one in found] == [("Anne", "Alpha")]


@pytest.mark.postgres
async def test_a_row_that_moved_on_is_not_overwritten(examples: DirectSession) -> None:
    repository = GenreRepository(examples)
    models = [Genre(name="a"), Genre(name="b")]
    await repository.create(*models)
    first = Genre.id == models[0].id
    await examples.execute(
        update(Genre).where(first).values(version=2),
        execution_options={"synchronize_session": False},
    )
    for model in models:
        model.name = "changed"

    with pytest.raises(ConcurrentUpdate, match=f"^_genres {models[0].id} moved on$"):
        await repository.update(*models)


@pytest.mark.postgres
async def test_what_is_too_long_is_named(examples: DirectSession) -> None:
    repository = AuthorRepository(examples)
    models = [Author(name="a"), Author(name="b")]
    await repository.create(*models)
    models[1].name = "x" * 256

    with pytest.raises(InvalidValue, match="name must not be longer than 255 char"):
        await repository.update(*models)


@pytest.mark.postgres
@pytest.mark.parametrize("write", [GenreRepository.update, GenreRepository.delete])
async def test_a_row_that_moved_on_is_neither_changed_nor_deleted(
    examples: DirectSession, write: Callable[[GenreRepository, Genre], Awaitable[None]]
) -> None:
    repository, model = GenreRepository(examples), Genre(name="some name")
    await repository.create(model)
    await examples.execute(
        update(Genre).values(version=2),
        execution_options={"synchronize_session": False},
    )

    with pytest.raises(ConcurrentUpdate, match=f"_genres {model.id} moved on"):
        await write(repository, model)


@pytest.mark.postgres
async def test_without_soft_delete_a_row_is_deleted(examples: DirectSession) -> None:
    repository = GenreRepository(examples)
    models = [Genre(name="a"), Genre(name="b")]
    await repository.create(*models)

    await repository.delete(*models)

    assert await repository.get_by_id(models[0].id) is None
    assert await examples.scalar(select(func.count()).select_from(Genre)) == 0


@pytest.mark.postgres
async def test_of_many_none_is_deleted_where_one_moved_on(
    examples: DirectSession,
) -> None:
    repository = GenreRepository(examples)
    models = [Genre(name="a"), Genre(name="b")]
    await repository.create(*models)
    stale = row_of(Genre, id=models[1].id, version=2)

    with pytest.raises(ConcurrentUpdate, match=f"{stale.id} moved on"):
        await repository.delete(models[0], stale)


@pytest.mark.postgres
async def test_with_soft_delete_a_row_is_hidden(
    examples: DirectSession, statements: list[str]
) -> None:
    repository = AuthorRepository(examples)
    models = [Author(name="a"), Author(name="b")]
    await repository.create(*models)
    statements.clear()

    await repository.delete(*models)

    assert len(statements) == 1
    assert await repository.get_by_id(models[0].id) is None
    hidden = select(func.count()).select_from(Author).execution_options(**WITH_HIDDEN)
    assert await examples.scalar(hidden) == 2
    assert {model.version for model in models} == {2}


@pytest.mark.postgres
async def test_pages_by_identity_pass_over_what_is_before_them(
    examples: DirectSession,
) -> None:
    repository = GenreRepository(examples)
    models = [Genre(name=name) for name in "abcde"]
    await repository.create(*models)

    first = await repository.get_after(0, 2)
    second = await repository.get_after(first[-1].id, 2)
    third = await repository.get_after(second[-1].id, 2)

    found = [model.id for model in (*first, *second, *third)]
    assert found == [model.id for model in models]


@pytest.mark.postgres
async def test_a_page_by_identity_is_found_by_the_index(
    examples: DirectSession, statements: list[str]
) -> None:
    models = [Genre(name=f"genre {number}") for number in range(1000)]
    await GenreRepository(examples).create(*models)
    await GenreRepository(examples).get_after(models[500].id, 2)
    (_, sent) = statements[-2:]
    connection = await examples.connection()
    await connection.exec_driver_sql("ANALYZE _genres")

    explain = "EXPLAIN (ANALYZE, COSTS off, TIMING off) " + sent
    plan = (await connection.exec_driver_sql(explain, (models[500].id, 2))).scalars()

    scan = "\n".join(plan)
    assert "Index Cond: (id > " in scan
    assert "Rows Removed" not in scan


@pytest.mark.postgres
async def test_what_is_referred_to_must_be_there(
    examples: DirectSession, statements: list[str]
) -> None:
    one, two = await some_authors(examples)
    authors, books = AuthorRepository(examples), BookRepository(examples)
    await authors.delete(*await authors.get_versions([Copy(two.id, 1)]))

    await books.refer_to("author_id", Author, {one.id, None})
    assert statements[-1].endswith("ORDER BY _authors.id FOR SHARE")
    statements.clear()
    await books.refer_to("author_id", Author, {two.id}, {two.id})

    assert not statements
    with pytest.raises(UnknownReference, match=f"^author_id {two.id} is not known$"):
        await books.refer_to("author_id", Author, {one.id, two.id})


@pytest.mark.postgres
async def test_links_change_for_those_that_are_named(examples: DirectSession) -> None:
    author, _ = await some_authors(examples)
    genres = [Genre(name="Novels"), Genre(name="Poems")]
    await GenreRepository(examples).create(*genres)
    one, other = [genre.id for genre in genres]
    repository = BookRepository(examples)
    books = [
        row_of(Book, title=title, author_id=author.id, genres=[row_of(Genre, id=one)])
        for title in "ab"
    ]
    await repository.create(*books)
    first, second = [book.id for book in books]

    linked = {"version": 1, "genres": [row_of(Genre, id=other)]}
    await repository.update(row_of(Book, id=first, **linked))
    await repository.update(row_of(Book, id=second, version=1))

    links = await examples.execute(
        select(book_genres).where(book_genres.c.genre_id.in_([one, other]))
    )
    assert {tuple(link) for link in links} == {(first, other), (second, one)}


@pytest.mark.postgres
async def test_what_others_refer_to_is_found(examples: DirectSession) -> None:
    one, two = await some_authors(examples)
    repository = AuthorRepository(examples)

    with pytest.raises(StillReferenced, match="_books still refer to it"):
        await repository.refuse_referenced(Book, author_id=one.id)
    await repository.refuse_referenced(Book, author_id=two.id)  # its book is hidden

    assert await repository.exists(Book, Book.title < "B", author_id=one.id)
    assert not await repository.exists(Book, Book.title > "C", author_id=one.id)


@pytest.mark.postgres
async def test_what_is_made_anew_with_each_update_is_written(
    examples: DirectSession,
) -> None:
    repository = AccountRepository(examples)
    await repository.create(*(Account(balance=number) for number in range(3)))
    receipts: set[UUID | None] = {None}

    for amount in (1, 2):
        kept = (await repository.get_many(0, 9))[:amount]
        assert {one.receipt for one in kept} <= receipts
        changed = [
            row_of(Account, id=one.id, version=one.version, balance=9) for one in kept
        ]
        await repository.update(*changed)
        (receipt,) = {one.receipt for one in changed}
        assert receipt not in receipts
        receipts.add(receipt)

    kept = await repository.get_many(0, 9)
    assert [one.state for one in kept] == ["moved", "moved", "new"]
    assert {one.receipt for one in kept} == {receipt, None}


@pytest.mark.postgres
async def test_what_meets_conditions_is_found(examples: DirectSession) -> None:
    one, _ = await some_authors(examples)
    repository = BookRepository(examples)

    async def later_ones(offset: int, limit: int) -> list[tuple[str, int]]:
        page = await repository.get_many(
            offset, limit, Book.title > "A", author_id=one.id
        )
        return [(book.title, len(book.genres)) for book in page]

    assert await later_ones(0, 1) == [("Beta", 1)]  # the first one that was kept
    assert await later_ones(1, 9) == [("Alpha", 1)]
    assert await repository.count(Book.title > "A", author_id=one.id) == 2
    assert await repository.count(Book.title > "B", author_id=one.id) == 1
    (book, _) = await repository.get_many(0, 9, Book.title > "A")
    await repository.update(row_of(Book, id=book.id, version=1, title="Delta"))
    assert await later_ones(0, 1) == [("Delta", 1)]  # though the session has it already


@pytest.mark.postgres
async def test_what_is_linked_is_found_by_that(examples: DirectSession) -> None:
    await some_authors(examples)
    books, genres = BookRepository(examples), GenreRepository(examples)
    (novels,) = await genres.get_many(0, 9)
    await genres.create(plays := Genre(name="Plays"))
    gamma = select(Book.id).where(Book.title == "Gamma")
    hidden = await examples.scalar(gamma.execution_options(**WITH_HIDDEN))

    page = await books.get_many(0, 9, genres=novels.id)
    assert [(book.title, len(book.genres)) for book in page] == [
        ("Beta", 1),
        ("Alpha", 1),
    ]
    assert await books.count(genres=novels.id) == 2
    assert await books.count(Book.title < "B", genres=novels.id) == 1
    assert await books.find_one(title="Alpha", genres=plays.id) is None
    assert await genres.count(books=page[0].id) == 1
    assert await genres.count(books=hidden) == 0
    assert not await genres.exists(Genre, Genre.name != "", books=hidden)


@pytest.mark.postgres
async def test_a_locked_row_is_locked_for_all_others(
    examples: DirectSession, statements: list[str]
) -> None:
    model = Genre(name="Novels")
    repository = GenreRepository(examples)
    await repository.create(model)

    await repository.lock(model.id)

    assert statements[-1].endswith("FOR UPDATE")


@pytest.mark.postgres
async def test_models_come_in_the_order_of_their_entities(
    examples: DirectSession, statements: list[str]
) -> None:
    models = [Genre(name=name) for name in "abc"]
    await GenreRepository(examples).create(*models)
    repository = GenreRepository(examples)
    await repository.get_by_id(models[1].id)
    statements.clear()

    found = await repository.get_versions([Copy(m.id, 1) for m in models[::-1]])

    assert [model.id for model in found] == [model.id for model in models[::-1]]
    assert not statements  # for this session has just written them


@pytest.mark.postgres
async def test_what_moved_on_is_gone_or_comes_twice_has_no_version(
    examples: DirectSession,
) -> None:
    one, gone = Genre(name="one"), Genre(name="gone")
    repository = GenreRepository(examples)
    await repository.create(one, gone)
    await repository.delete(gone)
    kept, stale = Copy(one.id, 1), Copy(one.id, 2)

    for entities in ([stale], [Copy(gone.id, 1)], [kept, kept]):
        with pytest.raises(ConcurrentUpdate, match=f"{entities[0].id} moved on"):
            await repository.get_versions(entities)


@pytest.mark.postgres
async def test_after_a_failed_savepoint_rows_are_read_again(
    examples: DirectSession,
) -> None:
    repository = GenreRepository(examples)
    kept, lost = Genre(name="kept"), Genre(name="lost")
    await repository.create(kept)
    identity = kept.id
    async with examples.begin_nested() as savepoint:
        kept.name = "changed"
        await repository.update(kept)
        await repository.create(lost)
        await savepoint.rollback()

    (again,) = await repository.get_versions([Copy(identity, 1)])

    assert (again.name, again.version) == ("kept", 1)
    with pytest.raises(ConcurrentUpdate):
        await repository.get_versions([Copy(identity + 1, 1)])


@pytest.mark.postgres
async def test_a_savepoint_that_fails_leaves_the_transfer_before_it(
    examples: DirectSession,
) -> None:
    repository = AccountRepository(examples)
    rich, poor = Account(balance=100), Account(balance=0)
    await repository.create(rich, poor)
    keys = [rich.id, poor.id]

    async def transfer(amount: int) -> None:
        async with examples.begin_nested():
            source, target = [await examples.get_one(Account, key) for key in keys]
            target.balance += amount
            await repository.update(target)
            source.balance -= amount
            await repository.update(source)

    await transfer(60)
    with pytest.raises(InvalidValue, match="ck__accounts_balance does not hold"):
        await transfer(60)
    await transfer(40)

    balances = await examples.scalars(select(Account.balance).order_by(Account.id))
    assert balances.all() == [0, 100]


@pytest.mark.postgres
async def test_a_row_of_a_parent_that_is_not_there_is_refused(
    examples: DirectSession,
) -> None:
    one, _ = await some_authors(examples)
    author = Author(name=one.name)

    async with examples.begin_nested() as savepoint:
        with pytest.raises(UnknownReference, match="writer_id is not known"):
            await BookRepository(examples).create(Book(title="Delta", author_id=2**40))
        await savepoint.rollback()
    async with examples.begin_nested() as savepoint:
        with pytest.raises(StillReferenced, match="_books still refer to it"):
            await examples.execute(delete(Author).where(Author.id == one.id))
        await savepoint.rollback()
    async with examples.begin_nested() as savepoint:
        with pytest.raises(StillReferenced, match="_books still refer to it"):
            await examples.write(deleting(Author).one, {"_id": one.id, "_version": 1})
        await savepoint.rollback()
    with pytest.raises(AlreadyTaken, match="name is taken"):
        await AuthorRepository(examples).create(author)


@pytest.mark.postgres
async def test_nothing_is_written_where_nothing_is_given(
    examples: DirectSession, round_trips: list[str]
) -> None:
    repository = AuthorRepository(examples)
    round_trips.clear()

    for write in (repository.create, repository.update, repository.delete):
        await write()

    assert not round_trips


@pytest.mark.postgres
async def test_many_rows_with_arrays_are_written_at_once(
    examples: DirectSession, statements: list[str]
) -> None:
    repository = CardRepository(examples)
    models = [Card(name=name, labels=(name, "'{}\\")) for name in "ab"]
    statements.clear()

    await repository.create(*models)
    for model in models:
        model.labels = (*model.labels, "")
    await repository.update(*models)

    assert len(statements) == 2
    kept = await repository.get_many(0, 9)
    assert [one.labels for one in kept] == [(name, "'{}\\", "") for name in "ab"]
    with pytest.raises(AlreadyTaken, match="name is taken"):
        await repository.create(*[Card(name=name, labels=()) for name in "ca"])


@pytest.mark.postgres
async def test_of_rows_with_arrays_a_hundred_are_sent_at_once(
    examples: DirectSession, statements: list[str]
) -> None:
    repository = CardRepository(examples)
    models = [Card(name=f"card {n}", labels=(f"{n}",)) for n in range(201)]
    statements.clear()

    await repository.create(*models)

    assert len(statements) == 3
    kept = await repository.get_many(0, 300)
    assert [(one.id, one.labels) for one in kept] == [
        (one.id, one.labels) for one in models
    ]


@pytest.mark.postgres
async def test_one_is_read_with_what_it_refers_to(
    examples: DirectSession, statements: list[str]
) -> None:
    one, _ = await some_authors(examples)
    (first, *_) = await BookRepository(examples).get_many(0, 1)
    statements.clear()

    book = await BookRepository(examples).get_with(first.id, Book.author)

    assert book is not None
    assert (book.author.id, book.author.name) == (one.id, one.name)
    assert [genre.id for genre in book.genres] == [genre.id for genre in first.genres]
    assert len(statements) == 2  # the second one is for the genres
    assert await BookRepository(examples).get_with(0, Book.author) is None


@pytest.mark.postgres
async def test_what_it_refers_to_is_read_with_its_parts(
    examples: DirectSession,
) -> None:
    one, _ = await some_authors(examples)
    (first, second) = await BookRepository(examples).get_many(0, 9)

    book = await BookRepository(examples).get_with(
        first.id, Book.author, (Author.books,)
    )
    assert book is not None
    assert [other.id for other in book.author.books] == [first.id, second.id]

    await AuthorRepository(examples).delete(one)
    book = await BookRepository(examples).get_with(
        first.id, Book.author, (Author.books,)
    )
    assert book is not None
    assert book.author is None  # it is hidden


@pytest.mark.postgres
async def test_what_is_linked_is_read_where_it_is_not_known(
    examples: DirectSession, statements: list[str]
) -> None:
    await some_authors(examples)
    repository = BookRepository(examples)
    (book, *_) = await repository.get_many(0, 1)
    (genre,) = await GenreRepository(examples).get_many(0, 1)
    await repository.update(row_of(Book, id=book.id, version=1, title="Alpha"))
    statements.clear()

    same = row_of(Book, id=book.id, version=2, genres=[genre])
    await repository.update(same)
    assert len(statements) == 1
    statements.clear()
    same.genres = []  # of the very row that was kept
    await repository.update(same)

    assert len(statements) == 3
    (book, *_) = await repository.get_many(0, 1)
    assert book.genres == []


@pytest.mark.postgres
async def test_a_type_of_ones_own_converts_one_value_and_many(
    examples: DirectSession,
) -> None:
    repository = AccountRepository(examples)

    await repository.create(Account(balance=1))
    await repository.create(Account(balance=2, currency="chf"), Account(balance=3))

    kept = await repository.get_many(0, 9)
    assert [one.currency for one in kept] == ["eur", "chf", "eur"]
    stored = await examples.scalars(text("SELECT DISTINCT currency FROM _accounts"))
    assert sorted(stored) == ["CHF", "EUR"]


@pytest.mark.postgres
async def test_what_the_database_begins_with_is_written_where_it_is_given(
    examples: DirectSession,
) -> None:
    repository, opened = AccountRepository(examples), datetime(2000, 1, 1, tzinfo=UTC)
    given = {"balance": 1, "ceiling": Decimal("1.235"), "opened_at": opened}

    await repository.create(row_of(Account, **given))
    await repository.create(*(row_of(Account, **given) for _ in range(2)))
    await repository.create(without := row_of(Account, balance=1))

    assert without.ceiling == 0
    assert without.opened_at > opened
    *kept, last = await repository.get_many(0, 9)
    assert {(one.ceiling, one.opened_at) for one in kept} == {
        (Decimal("1.235"), opened),
    }
    changed = {"ceiling": Decimal(7), "opened_at": opened}
    await repository.update(row_of(Account, id=last.id, version=1, **changed))
    again = await repository.get_by_id(last.id)
    assert again is not None
    assert (again.ceiling, again.opened_at) == (Decimal(7), opened)


@pytest.mark.postgres
async def test_a_number_is_found_by_itself_alone(examples: DirectSession) -> None:
    repository = AccountRepository(examples)
    await repository.create(Account(balance=1, ceiling=Decimal("1.235")))

    for text_of, number in {"1.2350": 1, "1.2346": 0, "1.2354": 0, "1E+9": 0}.items():
        assert await repository.count(ceiling=Decimal(text_of)) == number


class Shown(Decimal):
    """A decimal that people are shown."""

    def __str__(self) -> str:
        return f"{super().__str__()} EUR"


@pytest.mark.postgres
async def test_decimals_are_the_same_one_by_one_and_all_at_once(
    examples: DirectSession,
) -> None:
    repository = AccountRepository(examples)
    ceilings = [
        Decimal("-0.000"),
        Decimal("1E+4"),
        Decimal("-99999.999"),
        Shown("0.5"),
        1.0005,
    ]
    given = list(zip(ceilings, (None, 0, 5, -12345, 1), strict=True))
    one_by_one, at_once = (
        [row_of(Account, balance=1, ceiling=ceiling, fee=fee) for ceiling, fee in given]
        for _ in range(2)
    )

    for row in one_by_one:
        await repository.create(row)
    await repository.create(*at_once)
    await repository.update(*at_once)

    kept = await repository.get_many(0, 10)
    told = ["0.000", "10000.000", "-99999.999", "0.500", "1.000"]  # a float has less
    assert [str(one.ceiling) for one in kept] == 2 * told
    assert [one.fee for one in kept] == 2 * [fee for _, fee in given]


@pytest.mark.postgres
async def test_types_of_postgresql_alone_are_written_one_by_one_and_at_once(
    examples: DirectSession,
) -> None:
    repository = AccountRepository(examples)
    own = {"mood": Mood.GOOD, "stage": Stage.LATE, "terms": Range(1, 5)}

    await repository.create(Account(balance=1, **own))
    await repository.create(*(Account(balance=2, **own) for _ in range(2)))

    kept = await repository.get_many(0, 9)
    assert {(one.mood, one.stage, one.terms) for one in kept} == {tuple(own.values())}
    assert await repository.count(**own) == 3


@pytest.mark.postgres
async def test_an_array_of_a_type_of_ones_own_is_written(
    examples: DirectSession,
) -> None:
    repository = LetterRepository(examples)

    await repository.create(*(Letter(text=text_of) for text_of in ("so long", "yours")))

    assert [one.text for one in await repository.get_many(0, 9)] == ["so long", "yours"]


@pytest.mark.postgres
async def test_what_is_too_long_is_not_cut_in_an_array(examples: DirectSession) -> None:
    repository = CardRepository(examples)
    await repository.create(Card(name="a", labels=("short",)))

    assert await repository.count(labels=("shorter",)) == 0
    with pytest.raises(InvalidValue, match="does not fit"):
        await repository.create(Card(name="b", labels=("longer",)))
