"""The tea, its rules and its repository."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol, Self

from tea_shop.domain.errors import NotFound
from tea_shop.domain.identities import TeaId
from tea_shop.domain.paging import Paged, Sliced
from tea_shop.domain.values import check_decimal, check_line


@dataclass(slots=True, kw_only=True)
class Tea:
    """A tea.

    `create` makes a new one and checks its rules; the constructor only rebuilds
    one that was kept before. Until a repository has added it, a new one has the
    identity 0 and the version 0.
    """

    id: TeaId
    version: int
    name: str
    price: Decimal

    @classmethod
    def create(cls, *, name: str, price: Decimal) -> Self:
        """Make a new one; raise `InvalidValue` where a rule is broken."""
        return cls(
            id=TeaId(0),
            version=0,
            name=name,
            price=price,
        )._checked()

    def change(self, *, name: str, price: Decimal) -> None:
        """Give it these values; raise `InvalidValue`, and give none, where one is bad."""
        replace(
            self,
            name=name,
            price=price,
        )._checked()
        self.name = name
        self.price = price

    def _checked(self) -> Self:
        check_line("name", self.name, longest=255)
        check_decimal("price", self.price, digits=6, places=2)
        # Your own rules:
        return self


class TeaRepository(Protocol):
    """All teas as a collection.

    What it returns is a copy: a change to it is kept by saving alone. Whatever writes may
    wait with that, and with what it raises, until the unit of work is flushed or committed.
    Adding and saving raise `AlreadyTaken` where another has a value that one alone may have.
    """

    async def add(self, tea: Tea) -> None:
        """Keep a new one, which gets its identity and its first version when written."""
        ...

    async def add_all(self, teas: Sequence[Tea]) -> None:
        """Keep many new ones at once, or none."""
        ...

    async def get(self, tea_id: TeaId) -> Tea:
        """Return one; raise `NotFound` where there is none."""
        ...

    async def list_page(self, *, offset: int, limit: int) -> Paged[Tea]:
        """Return a part of them all, the oldest first."""
        ...

    async def list_after(self, tea_id: TeaId, *, limit: int) -> Sliced[Tea]:
        """Return those that follow this identity, or the first ones after 0.

        A page deep in a long list costs no more than the first.
        """
        ...

    async def find_by_name(self, name: str) -> Tea | None:
        """Return the one with this name, if there is one."""
        ...

    async def save(self, tea: Tea) -> None:
        """Keep the changes to one; raise `ConcurrentUpdate` where it moved on."""
        ...

    async def save_all(self, teas: Sequence[Tea]) -> None:
        """Keep the changes to many at once, or raise as `save` does and keep none."""
        ...

    async def remove(self, tea: Tea) -> None:
        """Take one out; raise `ConcurrentUpdate` where it moved on.

        Raise `StillReferenced` where others refer to it.
        """
        ...


class TeaNotFound(NotFound):
    """There is no such tea."""

    def __init__(self, identity: TeaId) -> None:
        super().__init__(f"no tea has the identity {identity}")
