"""The migrations make what the models say, all or none, whoever else begins them."""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import main as alembic
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import URL, Connection, NullPool, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from tea_shop.application.errors import TimedOut, Unavailable
from tea_shop.container import Container, open_container
from tea_shop.infrastructure.database import connect, create_engine
from tea_shop.infrastructure.models import Base
from tea_shop.infrastructure.schema import alembic_config, missing_migrations, upgrade
from tea_shop.settings import Settings

pytestmark = pytest.mark.postgres

CATALOGUE = """
SELECT format('%s.%s %s %s', table_name, column_name, data_type,
              concat_ws(' ', character_maximum_length, is_nullable, column_default,
                        identity_generation)) AS line
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT format('%s %s', conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
ORDER BY line
"""
WAITING = """
FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
COUNT_WAITING = text(f"SELECT count(*) {WAITING}")
END_WAITING = text(f"SELECT pg_terminate_backend(pid) {WAITING}")
Way: TypeAlias = Callable[[Settings], Awaitable[object]]


@pytest.fixture
async def empty(empty_database: URL) -> AsyncGenerator[AsyncConnection]:
    """A connection to an empty database."""
    engine = create_async_engine(empty_database, poolclass=NullPool)
    async with engine.connect() as connection:
        yield connection


@pytest.fixture
async def unmigrated(empty_database: URL) -> AsyncGenerator[Container]:
    """The real parts over an empty database."""
    async with open_container() as container:
        yield container


async def run_alembic(_: Settings) -> None:
    """Migrate as its own command does."""
    await asyncio.to_thread(alembic, ["upgrade", "head"])


async def let_wait(second: Future[Any], observer: AsyncConnection) -> None:
    """Leave it alone until it waits for who migrates."""
    while not await observer.scalar(COUNT_WAITING):
        assert not second.done()


def catalogue(connection: Connection) -> list[str]:
    """Each column, constraint and index, but for Alembic's own."""
    lines = connection.execute(text(CATALOGUE)).scalars()
    return [line for line in lines if "alembic_version" not in line]


async def test_they_make_what_the_models_say(empty: AsyncConnection) -> None:
    def make_both(connection: Connection) -> tuple[list[str], list[str]]:
        command.upgrade(alembic_config(connection), "head")
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
        migrated = catalogue(connection)
        command.downgrade(alembic_config(connection), "base")
        Base.metadata.create_all(connection)
        return migrated, catalogue(connection)

    migrated, created = await empty.run_sync(make_both)

    assert migrated == created
    assert migrated


async def test_each_can_be_taken_back_and_made_again(empty: AsyncConnection) -> None:
    def go_up_and_down(connection: Connection) -> None:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        with Operations.context(MigrationContext.configure(connection)):
            before = catalogue(connection)
            for script in reversed(list(scripts.walk_revisions())):
                script.module.upgrade()
                made = catalogue(connection)
                script.module.downgrade()
                assert catalogue(connection) == before
                script.module.upgrade()
                assert catalogue(connection) == made != before
                before = made

    await empty.run_sync(go_up_and_down)


@pytest.mark.parametrize("migrate", [upgrade, run_alembic])
async def test_who_comes_second_waits(
    unmigrated: Container, monkeypatch: pytest.MonkeyPatch, migrate: Way
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    settings = unmigrated.settings()
    async with unmigrated.engine().connect() as observer:
        async with connect(settings):
            second = asyncio.ensure_future(migrate(settings))
            await let_wait(second, observer)
            assert await missing_migrations(unmigrated.engine())

        await second
    assert await missing_migrations(unmigrated.engine()) == []


async def test_of_several_at_once_one_applies_them(unmigrated: Container) -> None:
    settings = unmigrated.settings()
    missing = await missing_migrations(unmigrated.engine())

    applied = await asyncio.gather(*[upgrade(settings) for _ in range(3)])

    assert sorted(applied) == [[], [], missing]
    assert await missing_migrations(unmigrated.engine()) == []


async def test_who_waits_in_vain_is_told(unmigrated: Container) -> None:
    settings = unmigrated.settings()
    async with unmigrated.engine().connect() as observer, connect(settings):
        second = asyncio.ensure_future(upgrade(settings))
        await let_wait(second, observer)
        await observer.execute(END_WAITING)

        with pytest.raises(Unavailable, match="cannot be reached: "):
            await second


async def test_where_one_fails_none_is_applied(unmigrated: Container) -> None:
    settings = unmigrated.settings()
    *_, last = Base.metadata.sorted_tables
    missing = await missing_migrations(unmigrated.engine())
    async with connect(settings) as connection:
        await connection.execute(text(f'CREATE TABLE "{last.name}" ()'))
        before = await connection.run_sync(catalogue)

    with pytest.raises(ProgrammingError, match="already exists"):
        await upgrade(settings)

    async with connect(settings) as connection:
        assert await connection.run_sync(catalogue) == before
        await connection.execute(text(f'DROP TABLE "{last.name}"'))
    assert await upgrade(settings) == missing


async def test_a_newer_version_may_have_migrated(unmigrated: Container) -> None:
    settings = unmigrated.settings()
    await upgrade(settings)
    async with connect(settings) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'new'"))
        before = await connection.run_sync(catalogue)

    assert await missing_migrations(unmigrated.engine()) == []
    assert await upgrade(settings) == []

    async with connect(settings) as connection:
        version = text("SELECT version_num FROM alembic_version")
        assert await connection.scalar(version) == "new"
        assert await connection.run_sync(catalogue) == before


async def test_what_is_missing_is_asked_on_the_connections_of_the_pool(
    migrated: Container, statements: list[str]
) -> None:
    assert await missing_migrations(migrated.engine()) == []
    assert "FROM alembic_version" in statements[-1]


async def test_without_a_connection_nobody_knows_what_is_missing() -> None:
    secret = SecretStr("postgresql://localhost:1/db")

    with pytest.raises(Unavailable, match="localhost:1/db cannot be reached: "):
        await missing_migrations(create_engine(Settings(database_url=secret)))


async def test_what_is_missing_is_not_waited_for_for_ever(
    unmigrated: Container,
) -> None:
    await upgrade(unmigrated.settings())
    limit = {"database_statement_timeout": 0.05}
    engine = create_engine(unmigrated.settings().model_copy(update=limit))
    async with connect(unmigrated.settings()) as connection:
        await connection.execute(text("LOCK TABLE alembic_version"))

        with pytest.raises(TimedOut, match="took too long"):
            await missing_migrations(engine)
    await engine.dispose()


def test_the_command_of_alembic_finds_them(
    migrated: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])

    alembic(["check"])  # exits where it finds no migrations, or a difference


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "DATABASE_URL is wrong: must begin with"),
        ("postgresql://localhost:1/db", "localhost:1/db cannot be reached: "),
    ],
)
def test_the_command_of_alembic_fails_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    url: str,
    reason: str,
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(SystemExit):
        alembic(["current"])

    assert reason in caplog.messages[-1]
