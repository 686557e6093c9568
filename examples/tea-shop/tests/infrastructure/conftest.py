"""What the tests of the infrastructure can ask for."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import text

from tea_shop.container import Container
from tea_shop.infrastructure.session import DirectSession

from tests.infrastructure.examples import Example

IN_THEIR_SCHEMA = text("SET LOCAL search_path TO examples")


@pytest.fixture(scope="session")
async def example_tables(migrated: Container) -> None:
    """The tables of the examples, in a schema that no migration looks at."""
    async with migrated.engine().begin() as connection:
        await connection.execute(text("CREATE SCHEMA examples"))
        await connection.execute(IN_THEIR_SCHEMA)
        await connection.run_sync(Example.metadata.create_all)


@pytest.fixture
async def examples(
    container: Container, example_tables: None
) -> AsyncGenerator[DirectSession]:
    """A session over the tables of the examples, whose rows are never committed."""
    async with container.engine().connect() as connection:
        await connection.execute(IN_THEIR_SCHEMA)
        async with container.session_factory()(bind=connection) as session:
            yield session


@pytest.fixture
async def kept_examples(
    container: Container, example_tables: None
) -> AsyncGenerator[DirectSession]:
    """A session that commits to these tables, which are emptied after it."""
    async with container.session_factory()() as session:
        pooled = await session.open()
        driver: Any = pooled.driver_connection
        await driver.execute("SET search_path TO examples")
        yield session
        await session.rollback()
        await driver.execute(
            f"TRUNCATE {', '.join(Example.metadata.tables)}; RESET search_path"
        )
