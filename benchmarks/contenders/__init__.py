"""Who is measured: each is written as its own documentation would, at its defaults."""

import pkgutil
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

LIMIT, GENERATED, ORM = "limit", "generated", "orm"
CLASSES = {
    LIMIT: "limit:Limit",
    "transaction": "transaction:Transaction",
    GENERATED: "generated:Generated",
    "core": "core:Core",
    ORM: "orm:Orm",
    "reference": "reference:Reference",
    "advanced_alchemy": "advanced_alchemy:AdvancedAlchemy",
    "sqlmodel": "sqlmodel:SqlModel",
    "tortoise": "tortoise:Tortoise",
    "piccolo": "piccolo:Piccolo",
}
PAGE = 100
"""The rows of a page."""


class Draft(NamedTuple):
    """A product that is to be created."""

    sku: str
    name: str
    price: Decimal | None
    stock: int


@dataclass(frozen=True)
class Address:
    """Where a database is: at a port of a machine, or a socket in a folder."""

    host: str
    port: int = 5432
    user: str = "postgres"
    password: str | None = None
    database: str = "postgres"

    def at(self, database: str) -> "Address":
        """Name another database of the same server."""
        return replace(self, database=database)

    @property
    def url(self) -> str:
        """Say the same as SQLAlchemy wants it."""
        user = f"{self.user}:{self.password}" if self.password else self.user
        if self.host.startswith("/"):
            place = f"/{self.database}?host={self.host}&port={self.port}"
        else:
            place = f"{self.host}:{self.port}/{self.database}"
        return f"postgresql+asyncpg://{user}@{place}"

    @property
    def arguments(self) -> dict[str, Any]:
        """Say the same as asyncpg wants it, and who stands upon it."""
        return dict(vars(self))


class Contender:
    """One way to reach the tables, from opening a unit of work to its end.

    It has a method for each use case; one that is missing, it cannot do.
    """

    title: ClassVar[str]

    async def open(self, address: Address) -> None:
        """Connect, or prepare to."""
        raise NotImplementedError

    async def close(self) -> None:
        """Give every connection back."""
        raise NotImplementedError


def contender(name: str) -> Contender:
    """Make one; what it stands on is imported only now."""
    made: Contender = pkgutil.resolve_name(f"{__name__}.{CLASSES[name]}")()
    return made
