"""SQLAlchemy Core: statements over tables, and a connection for each use case."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Integer,
    MetaData,
    Numeric,
    Row,
    Select,
    String,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.orm.exc import StaleDataError

from benchmarks.contenders import PAGE, Address, Contender, Draft

METADATA = MetaData()


def _shared() -> list[Column[Any]]:
    """Make the columns that the tables share."""
    return [
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("version", Integer, default=1),
        Column("created_at", DateTime(timezone=True), server_default=func.now()),
        Column(
            *("updated_at", DateTime(timezone=True)),
            onupdate=func.now(),
            server_default=func.now(),
        ),
        Column("is_active", Boolean, default=True),
        Column("deleted_at", DateTime(timezone=True)),
    ]


products = Table(
    *("products", METADATA),
    *_shared(),
    Column("sku", String(40)),
    Column("name", String(255)),
    Column("price", Numeric(10, 2)),
    Column("stock", Integer),
)
orders = Table(
    *("orders", METADATA),
    *_shared(),
    Column("customer_id", BigInteger),
    Column("note", String(255)),
)
lines = Table(
    *("order_lines", METADATA),
    Column("order_id", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("sku", String(40)),
    Column("quantity", Integer),
    Column("price", Numeric(10, 2)),
)


class Core(Contender):
    """Rows, without a unit of work of objects."""

    title = "SQLAlchemy Core"

    async def open(self, address: Address) -> None:
        self._engine = create_async_engine(address.url)

    async def close(self) -> None:
        await self._engine.dispose()

    async def get(self, identity: int) -> Row[Any]:
        async with self._engine.connect() as connection:
            return (await connection.execute(_one(identity))).one()

    async def get_many(self, identities: Sequence[int]) -> list[Row[Any]]:
        async with self._engine.connect() as connection:
            return [
                (await connection.execute(_one(identity))).one()
                for identity in identities
            ]

    async def exists(self, customer: int) -> bool:
        condition = exists().where(orders.c.customer_id == customer, orders.c.is_active)
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(select(condition)))

    async def page(self, offset: int) -> tuple[Sequence[Row[Any]], int]:
        active = select(products).where(products.c.is_active)
        part = active.order_by(products.c.id).offset(offset).limit(PAGE)
        count = select(func.count()).select_from(products).where(products.c.is_active)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(part)).all()
            return rows, (await connection.execute(count)).scalar_one()

    async def after(self, identity: int) -> Sequence[Row[Any]]:
        async with self._engine.connect() as connection:
            return (await connection.execute(_following(identity))).all()

    async def parent(self, identity: int) -> Sequence[Row[Any]]:
        order = select(orders).where(orders.c.id == identity, orders.c.is_active)
        parts = select(lines).where(lines.c.order_id == identity)
        async with self._engine.connect() as connection:
            (await connection.execute(order)).one()
            return (await connection.execute(parts.order_by(lines.c.position))).all()

    async def create(self, draft: Draft) -> int:
        one = insert(products).values(draft._asdict()).returning(products.c.id)
        async with self._engine.begin() as connection:
            return (await connection.execute(one)).scalar_one()

    async def create_many(self, drafts: Sequence[Draft]) -> Sequence[int]:
        many = insert(products).returning(products.c.id, sort_by_parameter_order=True)
        values = [draft._asdict() for draft in drafts]
        async with self._engine.begin() as connection:
            return (await connection.execute(many, values)).scalars().all()

    async def change(self, identity: int) -> None:
        async with self._engine.begin() as connection:
            await _restock(connection, (await connection.execute(_one(identity))).one())

    async def change_many(self, after: int) -> None:
        async with self._engine.begin() as connection:
            for row in (await connection.execute(_following(after))).all():
                await _restock(connection, row)

    async def delete(self, identity: int) -> None:
        known = (products.c.id == identity) & (products.c.version == 1)
        async with self._engine.begin() as connection:
            _expect_one(await connection.execute(delete(products).where(known)))


def _one(identity: int) -> Select[Any]:
    return select(products).where(products.c.id == identity, products.c.is_active)


def _following(identity: int) -> Select[Any]:
    following = select(products).where(products.c.id > identity, products.c.is_active)
    return following.order_by(products.c.id).limit(PAGE)


async def _restock(connection: AsyncConnection, row: Row[Any]) -> None:
    known = (products.c.id == row.id) & (products.c.version == row.version)
    changed = {"stock": row.stock + 1, "version": row.version + 1}
    statement = update(products).where(known).values(changed)
    _expect_one(await connection.execute(statement))


def _expect_one(result: Any) -> None:
    if result.rowcount != 1:
        raise StaleDataError("the row moved on")
