"""Models that the tests of the data layer work with, whatever the service keeps.

Their names end differently from those of the service, and their tables are in no
migration: they have a schema of their own, and their rows are never committed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    MetaData,
    Numeric,
    String,
    Table,
    func,
)
from sqlalchemy import Enum as NativeEnum
from sqlalchemy.dialects.postgresql import INT4RANGE, Range
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from tea_shop.infrastructure.models.base import (
    Base,
    EntityModel,
    IdMixin,
    SoftDeleteMixin,
    TimestampMixin,
    VersionMixin,
    row_of,
)
from tea_shop.infrastructure.repositories.base import BaseRepository
from tea_shop.infrastructure.session import DirectSession


class Bare(Base):
    """A model of the tests, without a mixin."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)


class Numbered(IdMixin, Bare):
    __tablename__ = "_numbered"

    name: Mapped[str]


class Counted(VersionMixin, Bare):
    __tablename__ = "_counted"

    name: Mapped[str] = mapped_column(primary_key=True)


class Stamped(TimestampMixin, Bare):
    __tablename__ = "_stamped"

    name: Mapped[str] = mapped_column(primary_key=True)


class Hideable(SoftDeleteMixin, Bare):
    __tablename__ = "_hideable"

    name: Mapped[str] = mapped_column(primary_key=True)


class Example(EntityModel):
    """A model of the tests, with those that each entity has."""

    __abstract__ = True
    metadata = Bare.metadata


book_genres = Table(
    "_book_genres",
    Example.metadata,
    Column(
        "book_id",
        BigInteger,
        ForeignKey("_books.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column(
        "genre_id",
        BigInteger,
        ForeignKey("_genres.id", ondelete="CASCADE"),
        primary_key=True,
    ),
)


author_friends = Table(
    "_author_friends",
    Example.metadata,
    Column("author_id", BigInteger, ForeignKey("_authors.id"), primary_key=True),
    Column("friend_id", BigInteger, ForeignKey("_authors.id"), primary_key=True),
)


class Author(SoftDeleteMixin, Example):
    """A row that is read with the times when it was written."""

    __tablename__ = "_authors"

    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now()
    )
    books: Mapped[list["Book"]] = relationship(back_populates="author", lazy="raise")
    friends: Mapped[list["Author"]] = relationship(
        back_populates="friend_of",
        lazy="raise",
        primaryjoin=lambda: Author.id == author_friends.c.author_id,
        secondary=author_friends,
        secondaryjoin=lambda: Author.id == author_friends.c.friend_id,
    )
    friend_of: Mapped[list["Author"]] = relationship(
        back_populates="friends",
        lazy="raise",
        primaryjoin=lambda: Author.id == author_friends.c.friend_id,
        secondary=author_friends,
        secondaryjoin=lambda: Author.id == author_friends.c.author_id,
    )


class Book(SoftDeleteMixin, Example):
    __tablename__ = "_books"

    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(
        "writer_id", ForeignKey("_authors.id"), index=True
    )
    author: Mapped[Author] = relationship(back_populates="books", lazy="raise")
    genres: Mapped[list["Genre"]] = relationship(
        back_populates="books", lazy="raise", secondary=book_genres
    )


class Genre(Example):
    """A row that is deleted, and not hidden."""

    __tablename__ = "_genres"

    name: Mapped[str]
    key: Mapped[UUID] = mapped_column(default=uuid4)
    books: Mapped[list[Book]] = relationship(
        back_populates="genres", lazy="raise", secondary=book_genres
    )


class Currency(TypeDecorator[str]):
    """Small letters in the model, capitals in the database."""

    impl = String(3)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value and value.upper()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return value and value.lower()


class Cents(TypeDecorator[int]):
    """Whole cents in the model, a decimal in the database."""

    impl = Numeric(8, 2)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-2)

    def process_result_value(
        self, value: Decimal | None, dialect: Dialect
    ) -> int | None:
        return None if value is None else int(value.scaleb(2))


class Stage(StrEnum):
    EARLY = "early"
    LATE = "late"


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class Account(Example):
    """A row with columns as an owner may want them."""

    __tablename__ = "_accounts"
    __table_args__ = (CheckConstraint("balance >= 0", name="balance"),)

    balance: Mapped[int]
    currency: Mapped[str] = mapped_column(Currency, default="eur")
    state: Mapped[str] = mapped_column(
        default="new", server_default="old", onupdate="moved"
    )
    receipt: Mapped[UUID | None] = mapped_column(onupdate=uuid4)
    ceiling: Mapped[Decimal] = mapped_column(Numeric(8, 3), server_default="0")
    fee: Mapped[int | None] = mapped_column(Cents)
    opened_at: Mapped[datetime] = mapped_column(default=func.now())
    stage: Mapped[Stage | None]
    mood: Mapped[Mood | None] = mapped_column(
        NativeEnum(Mood, name="_mood", metadata=Bare.metadata)
    )
    terms: Mapped[Range[int] | None] = mapped_column(INT4RANGE)


class Card(Example):
    """A row with an array, of which PostgreSQL has no arrays."""

    __tablename__ = "_cards"

    name: Mapped[str] = mapped_column(unique=True)
    labels: Mapped[tuple[str, ...]] = mapped_column(ARRAY(String(5), as_tuple=True))


class Words(TypeDecorator[str]):
    """A sentence in the model, its words in the database."""

    impl = ARRAY(String)
    cache_ok = True

    def process_bind_param(
        self, value: str | None, dialect: Dialect
    ) -> list[str] | None:
        return value.split() if value else None

    def process_result_value(
        self, value: list[str] | None, dialect: Dialect
    ) -> str | None:
        return " ".join(value) if value else None


class Letter(Example):
    __tablename__ = "_letters"

    text: Mapped[str] = mapped_column(Words)


@dataclass
class Copy:
    """An entity, as far as a repository has to know it."""

    id: int
    version: int


class AuthorRepository(BaseRepository[Author]):
    model_class = Author


class ShelfRepository(AuthorRepository):
    """Authors to whom their books belong."""

    parts = (Author.books,)


class BookRepository(BaseRepository[Book]):
    model_class = Book
    parts = (Book.genres,)


class GenreRepository(BaseRepository[Genre]):
    model_class = Genre


class AccountRepository(BaseRepository[Account]):
    model_class = Account


class CardRepository(BaseRepository[Card]):
    model_class = Card


class LetterRepository(BaseRepository[Letter]):
    model_class = Letter


async def some_authors(session: DirectSession) -> tuple[Author, Author]:
    """Keep an author of two books and one of a hidden book."""
    one, two = Author(name="Anne"), Author(name="Bram")
    await AuthorRepository(session).create(one, two)
    genre = Genre(name="Novels")
    await GenreRepository(session).create(genre)
    titles = {"Beta": one, "Alpha": one, "Gamma": two}
    books = [
        row_of(Book, title=title, author_id=author.id, genres=[genre])
        for title, author in titles.items()
    ]
    repository = BookRepository(session)
    await repository.create(*books)
    await repository.delete(books[2])
    return one, two
