"""The migrations make what the models say, all or none, whoever else begins them."""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import main as alembic
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import URL, Connection, String, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tea_shop.application.errors import TimedOut, Unavailable
from tea_shop.container import Container, open_container
from tea_shop.infrastructure.database import connect, create_engine
from tea_shop.infrastructure.models import Base
from tea_shop.infrastructure.schema import (
    alembic_config,
    import_our_types,
    missing_migrations,
    upgrade,
)
from tea_shop.settings import Settings

from tests.conftest import name_in_settings, new_database
from tests.infrastructure.examples import Currency

pytestmark = pytest.mark.postgres

CATALOGUE = """
SELECT format('%s.%s %s', relname, attname,
              concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attidentity,
                        pg_get_expr(adbin, adrelid))) AS line
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT format('%s %s', conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL
SELECT pg_get_indexdef(oid)
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('i', 'I')
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
async def empty(
    administration: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Container]:
    """The real parts over an empty database."""
    async with new_database(administration) as url:
        name_in_settings(url, monkeypatch)
        async with open_container() as container:
            yield container


@pytest.fixture
async def outdated(outdated_database: URL) -> AsyncGenerator[Container]:
    """The real parts over a database that lacks the last migration."""
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


async def test_they_make_what_the_models_say(outdated: Container) -> None:
    def make_both(connection: Connection) -> tuple[list[str], list[str]]:
        command.upgrade(alembic_config(connection), "head")
        migrated = catalogue(connection)
        command.downgrade(alembic_config(connection), "base")
        Base.metadata.create_all(connection)
        return migrated, catalogue(connection)

    async with outdated.engine().connect() as connection:
        migrated, created = await connection.run_sync(make_both)

    assert migrated == created
    assert migrated


async def test_each_can_be_taken_back_and_made_again(empty: Container) -> None:
    def go_up_and_down(connection: Connection) -> None:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        upwards = list(scripts.walk_revisions())[::-1]
        with Operations.context(MigrationContext.configure(connection)):
            states = [catalogue(connection)]
            for script in upwards:
                script.module.upgrade()
                states.append(catalogue(connection))
            last = states.pop()
            for script in reversed(upwards):
                script.module.downgrade()
                assert catalogue(connection) == states.pop()
            for script in upwards:
                script.module.upgrade()
            assert catalogue(connection) == last

    async with empty.engine().connect() as connection:
        await connection.run_sync(go_up_and_down)


@pytest.mark.parametrize("migrate", [upgrade, run_alembic])
async def test_who_comes_second_waits(
    outdated: Container, monkeypatch: pytest.MonkeyPatch, migrate: Way
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    settings = outdated.settings()
    async with outdated.engine().connect() as observer:
        async with connect(settings):
            second = asyncio.ensure_future(migrate(settings))
            await let_wait(second, observer)
            assert await missing_migrations(outdated.engine())

        await second
    assert await missing_migrations(outdated.engine()) == []


async def test_of_several_at_once_one_applies_them(outdated: Container) -> None:
    settings = outdated.settings()
    missing = await missing_migrations(outdated.engine())

    applied = await asyncio.gather(*[upgrade(settings) for _ in range(3)])

    assert sorted(applied) == [[], [], missing]
    assert await missing_migrations(outdated.engine()) == []


async def test_who_waits_in_vain_is_told(outdated: Container) -> None:
    settings = outdated.settings()
    async with outdated.engine().connect() as observer, connect(settings):
        second = asyncio.ensure_future(upgrade(settings))
        await let_wait(second, observer)
        await observer.execute(END_WAITING)

        with pytest.raises(Unavailable, match="cannot be reached: "):
            await second


async def test_where_one_fails_none_is_applied(empty: Container) -> None:
    settings = empty.settings()
    *_, last = Base.metadata.sorted_tables
    scripts = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    missing = [script.doc for script in scripts][::-1]
    async with connect(settings) as connection:
        await connection.execute(text(f'CREATE TABLE "{last.name}" ()'))
        before = await connection.run_sync(catalogue)

    with pytest.raises(ProgrammingError, match="already exists"):
        await upgrade(settings)

    async with connect(settings) as connection:
        assert await connection.run_sync(catalogue) == before
        await connection.execute(text(f'DROP TABLE "{last.name}"'))
    assert await missing_migrations(empty.engine()) == missing
    assert await upgrade(settings) == missing


async def test_a_newer_version_may_have_migrated(outdated: Container) -> None:
    settings = outdated.settings()
    await upgrade(settings)
    async with connect(settings) as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'new'"))
        before = await connection.run_sync(catalogue)

    assert await missing_migrations(outdated.engine()) == []
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


async def test_what_is_missing_is_not_waited_for_for_ever(migrated: Container) -> None:
    limit = {"database_statement_timeout": 0.05}
    engine = create_engine(migrated.settings().model_copy(update=limit))
    async with connect(migrated.settings()) as connection:
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


def test_a_new_one_imports_the_types_of_ours_that_it_names() -> None:
    migration = AutogenContext(MigrationContext.configure(dialect_name="postgresql"))

    for item in (Currency(), String()):
        assert import_our_types("type", item, migration) is False

    assert migration.imports == {f"import {Currency.__module__}"}
