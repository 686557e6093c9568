"""What every test can ask for."""

import asyncio
import gc
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import count
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dev.postgres import start
from tea_shop.application.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tea_shop.container import Container, open_container
from tea_shop.infrastructure.database import connect
from tea_shop.infrastructure.models import Base
from tea_shop.infrastructure.schema import alembic_config, upgrade
from tea_shop.settings import load_settings

from tests.fakes.in_memory import InMemoryDatabase
from tests.fakes.unit_of_work import InMemoryUnitOfWork

NUMBERS = count()  # of databases
COUNT_WAITING = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type IN ('Lock', 'Timeout')
""")


@pytest.fixture(autouse=True, scope="session")
def no_settings(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Hide the developer's own settings: no test may touch the database they name."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("DATABASE_")]:
            patch.delenv(name)
        patch.setenv("ENVIRONMENT", "development")  # their database has no password
        patch.chdir(tmp_path_factory.mktemp("no_dot_env"))
        yield


def needs_server(test: pytest.Item) -> bool:
    return test.get_closest_marker("postgres") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a server start while those run that need none."""
    if not os.environ.get("TEST_DATABASE_URL"):
        items.sort(key=needs_server)


def pytest_collection_finish() -> None:
    """Look for garbage rarely, and not among what was imported: that stays."""
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(autouse=True, scope="session")
def starting(
    request: pytest.FixtureRequest, no_settings: None
) -> Generator[Callable[[], str]]:
    """The URL of a server that starts meanwhile, if any is needed and none is named."""
    named = os.environ.get("TEST_DATABASE_URL", "")
    if named or not any(map(needs_server, request.session.items)):
        yield lambda: named
        return
    with start() as url:
        yield url


@pytest.fixture(scope="session")
def server(starting: Callable[[], str]) -> URL:
    """The server of `TEST_DATABASE_URL`, or one that lives as long as the tests."""
    return make_url(starting()).set(drivername="postgresql+asyncpg")


@pytest.fixture(scope="session")
async def administration(server: URL) -> AsyncGenerator[AsyncEngine]:
    """What makes databases and drops them."""
    engine = create_async_engine(
        server, isolation_level="AUTOCOMMIT", pool_pre_ping=True
    )
    yield engine
    await engine.dispose()


@asynccontextmanager
async def new_database(
    administration: AsyncEngine, template: str = "template1"
) -> AsyncGenerator[URL]:
    """Copy a database that nobody uses; drop the copy, unless its server goes too."""
    is_kept = bool(os.environ.get("TEST_DATABASE_URL"))
    name = f"{administration.url.database}_test_{os.getpid()}_{next(NUMBERS)}"
    # The files are copied quicker than the rows, where nothing waits for the disk.
    strategy = "" if is_kept else "STRATEGY file_copy"
    async with administration.connect() as connection:
        copy = f'CREATE DATABASE "{name}" TEMPLATE "{template}" {strategy}'
        await connection.execute(text(copy))
    try:
        yield administration.url.set(database=name)
    finally:
        if is_kept:
            async with administration.connect() as connection:
                await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


def name_in_settings(database: URL, patch: pytest.MonkeyPatch) -> None:
    """Let it be the database of whatever reads the settings."""
    patch.setenv("DATABASE_URL", database.render_as_string(hide_password=False))


def migrate_but_for_the_last(connection: Connection) -> None:
    """Apply all migrations but the last one, which may merge several."""
    config = alembic_config(connection)
    scripts = ScriptDirectory.from_config(config)
    last = scripts.get_revision("head")
    assert last is not None
    for before in scripts.get_revisions(last.down_revision or ()):
        assert before is not None
        command.upgrade(config, before.revision)


@pytest.fixture(scope="session")
async def almost_migrated(
    administration: AsyncEngine, no_settings: None
) -> AsyncGenerator[str]:
    """A database that lacks the last migration; it is there to be copied."""
    async with new_database(administration) as url:
        with pytest.MonkeyPatch.context() as patch:
            name_in_settings(url, patch)
            async with connect(load_settings()) as connection:
                await connection.run_sync(migrate_but_for_the_last)
        assert url.database is not None
        yield url.database


@pytest.fixture
async def outdated_database(
    administration: AsyncEngine, almost_migrated: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[URL]:
    """Name a database in the settings that lacks the last migration."""
    async with new_database(administration, almost_migrated) as url:
        name_in_settings(url, monkeypatch)
        yield url


@pytest.fixture(scope="session")
async def migrated(
    administration: AsyncEngine, almost_migrated: str
) -> AsyncGenerator[Container]:
    """The real parts over a migrated database: what `container` empties."""
    async with new_database(administration, almost_migrated) as url:
        with pytest.MonkeyPatch.context() as patch:
            name_in_settings(url, patch)
            async with open_container() as container:
                await upgrade(container.settings())
                async with container.engine().connect():
                    pass  # the first one asks PostgreSQL what it is
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
        await raw.driver_connection.fetch(f"WITH {', '.join(deletes)} SELECT")


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


async def written(uow: UnitOfWork, write: Awaitable[None]) -> None:
    """Do it, and do not let it wait."""
    await write
    await uow.flush()


async def let_wait(other: asyncio.Future[Any], container: Container) -> None:
    """Leave it alone until it waits in the database, be it for a lock."""
    async with container.engine().connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        while not other.done() and not await connection.scalar(COUNT_WAITING):
            pass  # it takes a moment


@pytest.fixture
def statements(migrated: Container) -> Generator[list[str]]:
    """The statements among it, without those that begin or end a transaction."""
    seen: list[str] = []

    def see(query: str) -> None:
        if not query.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            seen.append(query)

    with sending(migrated.engine(), see):
        yield seen


@pytest.fixture
def in_memory() -> UnitOfWorkFactory:
    """Units of work over one store in memory."""
    return partial(InMemoryUnitOfWork, InMemoryDatabase())


@pytest.fixture(
    params=["in_memory", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def unit_of_work(request: pytest.FixtureRequest) -> UnitOfWorkFactory:
    """Units of work over one store: once in memory, once in PostgreSQL."""
    if request.param == "postgres":
        container: Container = request.getfixturevalue("container")
        return container.unit_of_work
    in_memory: UnitOfWorkFactory = request.getfixturevalue("in_memory")
    return in_memory
