"""The schema of the database, brought up to date by Alembic."""

from functools import cache
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeDecorator

from tea_shop.infrastructure.database import connect, reach
from tea_shop.settings import Settings


async def missing_migrations(engine: AsyncEngine) -> list[str]:
    """Name the migrations that the database lacks, in their order.

    Where a newer version of the service has migrated it, it lacks none: one migration
    follows the other, so what this version knows is applied. Raise `Unavailable` where
    there is no connection.
    """
    async with reach(engine) as connection:
        return await connection.run_sync(_missing)


async def upgrade(settings: Settings) -> list[str]:
    """Apply the migrations that the database lacks, all or none; name them.

    Of several at once one applies them, and the others wait and find nothing to do.
    """
    async with connect(settings) as connection:
        missing = await connection.run_sync(_missing)
        if missing:
            await connection.run_sync(
                lambda sync: command.upgrade(alembic_config(sync), "head")
            )
    return missing


def alembic_config(connection: Connection | None = None) -> Config:
    """Tell Alembic where the migrations are, and to use this connection for them."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).with_name("migrations"))
    )
    config.attributes["connection"] = connection
    return config


def import_our_types(
    kind: str, item: object, migration: AutogenContext
) -> Literal[False]:
    """Let a migration that Alembic writes import the types of ours that it names."""
    if kind == "type" and isinstance(item, TypeDecorator):
        migration.imports.add(f"import {item.__module__}")
    return False


def _missing(connection: Connection) -> list[str]:
    scripts, known = _known()
    applied = MigrationContext.configure(connection).get_current_heads()
    if not known.issuperset(applied):
        return []
    lacking = scripts.iterate_revisions("heads", applied)
    return [script.doc for script in lacking][::-1]


@cache
def _known() -> tuple[ScriptDirectory, frozenset[str]]:
    """Read the migrations of this version from the disk, once."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return scripts, frozenset(script.revision for script in scripts.walk_revisions())
