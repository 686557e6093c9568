"""How Alembic reaches the database: over a given connection, or by the settings."""

import asyncio

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection

from tea_shop.application.errors import Unavailable
from tea_shop.infrastructure.database import connect
from tea_shop.infrastructure.models import Base
from tea_shop.infrastructure.schema import import_our_types
from tea_shop.settings import InvalidSettings, load_settings


def migrate(connection: Connection) -> None:
    """Run the command that Alembic was given."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=True,
        render_item=import_our_types,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    """Do the same with a connection of its own."""
    try:
        async with connect(load_settings()) as connection:
            await connection.run_sync(migrate)
    except (InvalidSettings, Unavailable) as fault:
        raise CommandError(str(fault)) from None


if (given := context.config.attributes.get("connection")) is not None:
    migrate(given)
else:
    asyncio.run(connect_and_migrate())
