"""Whose turn it is to take a connection."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

PATIENCE = 0.05
"""Seconds, about as long as it takes to connect."""


class Turns:
    """Let use cases take connections in the order in which they ask.

    SQLAlchemy's pool gives the next one that is free to whoever asks just then, and
    before anybody has to wait it opens those of its overflow, which it closes again when
    they come back: in a rush that takes longer than the use cases.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: deque[asyncio.Future[None]] = deque()
        event.listen(engine.pool, "checkin", self._call_next)

    async def wait(self) -> None:
        """Wait for a connection of the pool, or so long that one more is worth it."""
        pool: Any = self._engine.pool
        if not self._waiting and pool.checkedout() < pool.size():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await turn
        finally:
            self._waiting.remove(turn)

    def _call_next(self, *_: Any) -> None:
        waiting = (turn for turn in self._waiting if not turn.done())
        if turn := next(waiting, None):
            turn.set_result(None)
