"""How the service reaches its database."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from zlib import crc32

from sqlalchemy import NullPool, func, select
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    async_sessionmaker,
    create_async_engine,
)

from tea_shop.infrastructure.failures import LIMITS, reaching, watch
from tea_shop.infrastructure.session import DirectSession
from tea_shop.infrastructure.turns import PINGS, Turns
from tea_shop.settings import Settings

LOCK = crc32(b"tea_shop")
"""The advisory lock of who migrates: the CRC-32 of the package's name."""
LONGEST_RETURN = 1  # seconds


def create_engine(settings: Settings) -> AsyncEngine:
    """Make the pool of connections; nothing is connected before the first use."""
    limits = {
        "statement_timeout": f"{settings.database_statement_timeout}s",
        "idle_in_transaction_session_timeout": f"{settings.database_idle_timeout}s",
    }
    arguments = _to_connect(settings)
    arguments["command_timeout"] = settings.database_command_timeout
    options: dict[str, Any] = {PINGS: settings.database_pool_pre_ping}
    if settings.database_pgbouncer:
        # A session's own settings would be those of whoever has its connection next.
        options[LIMITS] = _to_set(limits)
    else:
        arguments["server_settings"] = limits
    engine = create_async_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
        pool_timeout=settings.database_pool_timeout,
        pool_recycle=settings.database_pool_recycle,
        pool_pre_ping=settings.database_pool_pre_ping,
        connect_args=arguments,
        execution_options=options,
        hide_parameters=True,
    )
    watch(engine)
    return engine


def create_session_factory(engine: AsyncEngine) -> async_sessionmaker[DirectSession]:
    """Make sessions that write when told to, and whose models outlive a commit."""
    return async_sessionmaker(
        engine,
        class_=DirectSession,
        autoflush=False,
        expire_on_commit=False,
        turns=Turns(engine),
    )


@asynccontextmanager
async def reach(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """Give a connection; raise `Unavailable` where there is none."""
    async with AsyncExitStack() as stack:
        with reaching(engine.url):
            connection = await stack.enter_async_context(engine.connect())
        yield connection


@asynccontextmanager
async def connect(settings: Settings) -> AsyncGenerator[AsyncConnection]:
    """Give a connection in one transaction that no limit of time ends, to migrate.

    Others wait here until it has ended, so that each sees what the one before it did.
    Raise `Unavailable` where there is none.
    """
    engine = create_async_engine(
        settings.database_url.get_secret_value(),
        poolclass=NullPool,
        connect_args=_to_connect(settings),
        hide_parameters=True,
    )
    async with reach(engine) as connection, connection.begin():
        with reaching(engine.url):
            await connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        yield connection


async def all_returned(engine: AsyncEngine) -> None:
    """Wait a moment until those who were cancelled have given their connections back.

    A statement that is left in the middle goes on in the database, with its locks.
    """
    pool: Any = engine.pool
    with suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_RETURN):
            while pool.checkedout():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)


def _to_set(limits: dict[str, str]) -> str:
    calls = [f"set_config('{name}', '{limit}', true)" for name, limit in limits.items()]
    return f"SELECT {', '.join(calls)}"


def _to_connect(settings: Settings) -> dict[str, Any]:
    arguments: dict[str, Any] = {"timeout": settings.database_connect_timeout}
    if settings.database_pgbouncer:
        # A prepared statement would stay behind on a connection that changes hands.
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return arguments
