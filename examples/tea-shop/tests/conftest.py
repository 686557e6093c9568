"""What every test can ask for."""

import os
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import URL, NullPool, event, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dev.postgres import postgres
from tea_shop.application.unit_of_work import UnitOfWorkFactory
from tea_shop.container import Container, open_container
from tea_shop.infrastructure.models import Base
from tea_shop.infrastructure.schema import upgrade

from tests.fakes.in_memory import InMemoryDatabase
from tests.fakes.unit_of_work import InMemoryUnitOfWork


@pytest.fixture(autouse=True, scope="session")
def no_settings(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Hide the developer's own settings: no test may touch the database they name."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("DATABASE_")]:
            patch.delenv(name)
        patch.setenv("ENVIRONMENT", "development")  # their database has no password
        patch.chdir(tmp_path_factory.mktemp("no_dot_env"))
        yield


@pytest.fixture(scope="session")
def server() -> Generator[URL]:
    """The server of `TEST_DATABASE_URL`, or one that lives as long as the tests."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(url).set(drivername="postgresql+asyncpg")
        return
    with postgres() as url:
        yield make_url(url)


@asynccontextmanager
async def new_database(server: URL, purpose: str) -> AsyncGenerator[str]:
    """Give the URL of an empty database; never the one that the server's URL names."""
    name = f"{server.database}_test_{purpose}_{os.getpid()}"
    admin = create_async_engine(
        server, isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    async with admin.connect() as connection:
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        async with admin.connect() as connection:
            await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def empty_database(
    server: URL, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[None]:
    """Name an empty database in the settings."""
    async with new_database(server, "empty") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        yield


@pytest.fixture(scope="session")
async def migrated(server: URL, no_settings: None) -> AsyncGenerator[Container]:
    """The real parts over a migrated database: what `container` empties."""
    async with new_database(server, "main") as url:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", url)
            async with open_container() as container:
                await upgrade(container.settings())
                yield container


@pytest.fixture
async def container(migrated: Container) -> AsyncGenerator[Container]:
    """The real parts over empty tables."""
    yield migrated
    await empty(migrated.engine())


async def empty(engine: AsyncEngine) -> None:
    """Delete all rows in one statement, whatever refers to whatever."""
    quote = engine.dialect.identifier_preparer.format_table
    deletes = [
        f"t{number} AS (DELETE FROM {quote(table)})"
        for number, table in enumerate(Base.metadata.tables.values())
    ]
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute(f"WITH {', '.join(deletes)} SELECT")


@contextmanager
def sending(engine: AsyncEngine, see: Callable[[str], None]) -> Generator[None]:
    """Tell of all that is sent to the database, be it only to begin a transaction."""

    def watched(method: Any) -> Any:
        def send(driver: Any, query: str, *arguments: Any, **options: Any) -> Any:
            see(query)
            return method(driver, query, *arguments, **options)

        return send

    def see_cursor(*arguments: Any) -> None:
        see(arguments[2])

    with pytest.MonkeyPatch.context() as patch:
        for name in ("execute", "fetch", "fetchmany", "fetchrow"):
            method = getattr(asyncpg.Connection, name)
            patch.setattr(asyncpg.Connection, name, watched(method))
        # What SQLAlchemy runs itself goes another way to the driver.
        event.listen(engine.sync_engine, "before_cursor_execute", see_cursor)
        yield
        event.remove(engine.sync_engine, "before_cursor_execute", see_cursor)


@pytest.fixture
def round_trips(migrated: Container) -> Generator[list[str]]:
    """All that is sent to the database during the test: each is a round trip."""
    seen: list[str] = []
    with sending(migrated.engine(), seen.append):
        yield seen


@pytest.fixture
def statements(migrated: Container) -> Generator[list[str]]:
    """The statements among it, without those that begin or end a transaction."""
    seen: list[str] = []

    def see(query: str) -> None:
        if not query.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            seen.append(query)

    with sending(migrated.engine(), see):
        yield seen


@pytest.fixture(
    params=["in_memory", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def unit_of_work(request: pytest.FixtureRequest) -> UnitOfWorkFactory:
    """Units of work over one store: once in memory, once in PostgreSQL."""
    if request.param == "postgres":
        container: Container = request.getfixturevalue("container")
        return container.unit_of_work
    database = InMemoryDatabase()
    return partial(InMemoryUnitOfWork, database)
