"""The order, its rules and its repository."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from tea_shop.domain.email import Email
from tea_shop.domain.errors import NotFound
from tea_shop.domain.identities import OrderId, TeaId
from tea_shop.domain.paging import Paged, Sliced
from tea_shop.domain.values import check_integer


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """An order line, a part of its order.

    `create` makes a new one and checks its rules; the constructor only rebuilds
    one that was kept before.
    """

    tea_id: TeaId
    cups: int

    @classmethod
    def create(cls, *, tea_id: TeaId, cups: int) -> Self:
        """Make a new one; raise `InvalidValue` where a rule is broken."""
        return cls(
            tea_id=tea_id,
            cups=cups,
        )._checked()

    def _checked(self) -> Self:
        check_integer("cups", self.cups, bits=32)
        # Your own rules:
        return self


@dataclass(slots=True, kw_only=True)
class Order:
    """An order.

    `create` makes a new one and checks its rules; the constructor only rebuilds
    one that was kept before. Until a repository has added it, a new one has the
    identity 0 and the version 0.
    """

    id: OrderId
    version: int
    guest: Email
    lines: tuple[OrderLine, ...]

    @classmethod
    def create(cls, *, guest: Email, lines: tuple[OrderLine, ...] = ()) -> Self:
        """Make a new one; raise `InvalidValue` where a rule is broken."""
        return cls(
            id=OrderId(0),
            version=0,
            guest=guest,
            lines=lines,
        )._checked()

    def change(self, *, guest: Email, lines: tuple[OrderLine, ...]) -> None:
        """Give it these values; raise `InvalidValue`, and give none, where one is bad."""
        replace(
            self,
            guest=guest,
            lines=lines,
        )._checked()
        self.guest = guest
        self.lines = lines

    def add_line(self, order_line: OrderLine) -> None:
        """Put an order line behind the others, unless that breaks a rule."""
        replace(self, lines=(*self.lines, order_line))._checked()
        self.lines = (*self.lines, order_line)

    def remove_line(self, order_line: OrderLine) -> None:
        """Take an order line out; raise `NotFound` where it is none of them."""
        if order_line not in self.lines:
            raise NotFound("order line and order do not belong together")
        rest = list(self.lines)
        rest.remove(order_line)
        replace(self, lines=tuple(rest))._checked()
        self.lines = tuple(rest)

    def _checked(self) -> Self:
        # Your own rules:
        return self


class OrderRepository(Protocol):
    """All orders as a collection.

    What it returns is a copy: a change to it is kept by saving alone. Whatever writes may
    wait with that, and with what it raises, until the unit of work is flushed or committed.
    Adding and saving raise `UnknownReference` where it refers to what is not kept.
    """

    async def add(self, order: Order) -> None:
        """Keep a new one, which gets its identity and its first version when written."""
        ...

    async def add_all(self, orders: Sequence[Order]) -> None:
        """Keep many new ones at once, or none."""
        ...

    async def get(self, order_id: OrderId) -> Order:
        """Return one; raise `NotFound` where there is none."""
        ...

    async def list_page(self, *, offset: int, limit: int) -> Paged[Order]:
        """Return a part of them all, the oldest first."""
        ...

    async def list_after(self, order_id: OrderId, *, limit: int) -> Sliced[Order]:
        """Return those that follow this identity, or the first ones after 0.

        A page deep in a long list costs no more than the first.
        """
        ...

    async def save(self, order: Order) -> None:
        """Keep the changes to one; raise `ConcurrentUpdate` where it moved on."""
        ...

    async def save_all(self, orders: Sequence[Order]) -> None:
        """Keep the changes to many at once, or raise as `save` does and keep none."""
        ...

    async def remove(self, order: Order) -> None:
        """Take one out; raise `ConcurrentUpdate` where it moved on."""
        ...


class OrderNotFound(NotFound):
    """There is no such order."""

    def __init__(self, identity: OrderId) -> None:
        super().__init__(f"no order has the identity {identity}")
