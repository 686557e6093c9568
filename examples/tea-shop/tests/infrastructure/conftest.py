"""What the tests of the infrastructure can ask for."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import create_mock_engine

from tea_shop.container import Container
from tea_shop.infrastructure.session import DirectSession

from tests.infrastructure.examples import Example


def make_tables() -> str:
    """Write one statement that makes the tables of the examples."""
    steps: list[str] = []

    def see(step: Any, *_: Any) -> None:
        steps.append(str(step.compile(dialect=engine.dialect)))

    engine = create_mock_engine("postgresql+asyncpg://", see)
    Example.metadata.create_all(engine, checkfirst=False)
    return f"DO $$ BEGIN {'; '.join(steps)}; END $$"


MAKE_TABLES = make_tables()


@pytest.fixture
async def examples(container: Container) -> AsyncGenerator[DirectSession]:
    """A session over the tables of the examples, which are never committed."""
    async with container.engine().connect() as connection:
        await connection.exec_driver_sql(MAKE_TABLES)
        async with container.session_factory()(bind=connection) as session:
            yield session
