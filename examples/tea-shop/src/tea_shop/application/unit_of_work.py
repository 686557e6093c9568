"""The transaction that a use case runs in."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

from tea_shop.domain.order import OrderRepository
from tea_shop.domain.tea import TeaRepository


class UnitOfWork(Protocol):
    """One transaction over every repository: made, used by one task and left once.

    A write waits until something else is asked for: a read, another write, `flush` or
    `commit`. Then it raises what it may raise, and what was added has its identity.

    To leave it without `commit` is to roll back. Everything in it may raise a
    `StorageError`; once one that came from the store was met outside a savepoint,
    `commit` raises `RolledBack`.
    """

    orders: OrderRepository
    teas: TeaRepository
    # Your own:

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def flush(self) -> None:
        """Write what waits, for its identity is needed, or its refusal."""
        ...

    async def commit(self) -> None:
        """Keep everything done: the last thing to ask of a unit of work.

        Raise `CommitUnknown` where the store did not answer.
        """
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo what is done in this block where an error leaves it, and that alone.

        What was read and changed in a block that failed has to be read again.
        """
        ...


class UnitOfWorkFactory(Protocol):
    """Makes a unit of work for each use case."""

    def __call__(self, *, read_only: bool = False) -> UnitOfWork:
        """Make one; where it is `read_only`, whatever writes raises `ReadOnly`."""
        ...
