"""What the container makes of this layer; SQLAlchemy is imported when it does."""

from typing import TYPE_CHECKING

from tea_shop.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

    from tea_shop.infrastructure.session import DirectSession
    from tea_shop.infrastructure.unit_of_work import SqlAlchemyUnitOfWork


def create_engine(settings: Settings) -> "AsyncEngine":
    """Make the pool of connections."""
    from tea_shop.infrastructure import database

    return database.create_engine(settings)


def create_session_factory(
    engine: "AsyncEngine",
) -> "async_sessionmaker[DirectSession]":
    """Make what makes sessions."""
    from tea_shop.infrastructure import database

    return database.create_session_factory(engine)


def create_unit_of_work(
    session_factory: "async_sessionmaker[DirectSession]", *, read_only: bool = False
) -> "SqlAlchemyUnitOfWork":
    """Make a new one, for one use case."""
    from tea_shop.infrastructure.unit_of_work import SqlAlchemyUnitOfWork

    return SqlAlchemyUnitOfWork(session_factory, read_only=read_only)


async def close(engine: "AsyncEngine") -> None:
    """Close the connections, when all are returned or a moment has passed."""
    from tea_shop.infrastructure.database import all_returned

    await all_returned(engine)
    await engine.dispose()
