"""Whose turn it is to take a connection."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import PoolProxiedConnection, event
from sqlalchemy.ext.asyncio import AsyncEngine

PATIENCE = 0.05
"""Seconds, about as long as it takes to connect."""
PINGS = "pings"
"""The option of an engine whose pool asks each connection whether it is alive."""


class WouldConnect(Exception):
    """The pool has no connection that is still good."""


class Turns:
    """Let use cases take connections in the order in which they ask.

    SQLAlchemy's pool gives the next one that is free to whoever asks just then, and
    before anybody has to wait it opens those of its overflow, which it closes again when
    they come back: in a rush that takes longer than the use cases.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._pings = engine.get_execution_options().get(PINGS, False)
        self._may_connect = True
        self._waiting: deque[asyncio.Future[None]] = deque()
        event.listen(engine.pool, "checkin", self._call_next)
        event.listen(engine.sync_engine, "do_connect", self._refuse_connect)

    @property
    def _pool(self) -> Any:
        return self._engine.pool  # another one, once this one is disposed of

    def take_idle(
        self, take: Callable[[], PoolProxiedConnection]
    ) -> PoolProxiedConnection | None:
        """Take one that is open; return None where the pool would have to connect.

        That needs a greenlet, and a greenlet takes longer than all else here.
        """
        if self._pings or not self._pool.checkedin():
            return None
        self._may_connect = False
        try:
            return take()
        except WouldConnect:
            return None
        finally:
            self._may_connect = True

    @property
    def has_room(self) -> bool:
        """Tell whether one that comes back is kept, and not closed."""
        return bool(self._pool.checkedin() < self._pool.size())

    async def wait(self) -> None:
        """Wait for a connection of the pool, or so long that one more is worth it."""
        if not self._waiting and self._pool.checkedout() < self._pool.size():
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
        if not self._may_connect:
            return  # it comes back from whom it was refused to
        waiting = (turn for turn in self._waiting if not turn.done())
        if turn := next(waiting, None):
            turn.set_result(None)

    def _refuse_connect(self, *_: Any) -> None:
        if not self._may_connect:
            raise WouldConnect
