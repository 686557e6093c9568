"""The protections of the service, each to be taken away by a control."""

from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

from ledger.infrastructure.session import DirectSession
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

INFRASTRUCTURE = "ledger.infrastructure"


def _nothing(*_: Any) -> None:
    return None


@contextmanager
def task_guard_off() -> Generator[None]:
    """Let tasks share a session, even when it has been committed."""
    with ExitStack() as stack:
        for name in (
            "session.refuse_misuse",
            "unit_of_work.refuse_misuse",
            "unit_of_work.end_use",
        ):
            stack.enter_context(patch(f"{INFRASTRUCTURE}.{name}", _nothing))
        yield


@contextmanager
def guards_off() -> Generator[None]:
    """Let the pool give away what is in a transaction, and a task take it again."""
    run = DirectSession._run

    async def run_anew(self: Any, _: Any, *statement: Any, **options: Any) -> Any:
        return await run(self, await self.direct(), *statement, **options)

    pool_guard = patch(f"{INFRASTRUCTURE}.failures._refuse_used", _nothing)
    session_guard = patch.object(DirectSession, "_run", run_anew)
    with task_guard_off(), pool_guard, session_guard:
        yield


@contextmanager
def listeners_off() -> Generator[None]:
    """Let the errors of SQLAlchemy through as they are."""
    with patch(f"{INFRASTRUCTURE}.database.watch", _nothing):
        yield


@contextmanager
def versions_off() -> Generator[None]:
    """Write over whatever version there is, as a mapper does that copies it."""
    repository = f"{INFRASTRUCTURE}.repositories.base.BaseRepository"

    async def get_versions(self: Any, entities: Any) -> Any:
        models = [await self.get_by_id(one.id) for one in entities]
        for model, one in zip(models, entities, strict=True):
            one.version = model.version
        return models

    with patch(f"{repository}.get_versions", get_versions):
        yield


@asynccontextmanager
async def plain_sessions(
    url: str, **options: Any
) -> AsyncGenerator[async_sessionmaker[AsyncSession]]:
    """Make sessions as the first page of a tutorial does."""
    engine = create_async_engine(url, **options)
    try:
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()
