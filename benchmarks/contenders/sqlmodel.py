"""SQLModel: models that are those of pydantic and of SQLAlchemy at once."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, func
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import selectinload
from sqlmodel import Field, Relationship, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from benchmarks.contenders import PAGE, Address, Contender, Draft

NOW = {"server_default": func.now()}
MOMENT = DateTime(timezone=True)
VERSION: Column[int] = Column("version", Integer, nullable=False)


class Product(SQLModel, table=True):
    """A product, its version counted by SQLAlchemy."""

    __tablename__ = "products"
    __mapper_args__ = {"version_id_col": VERSION}

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    version: int | None = Field(default=None, sa_column=VERSION)
    created_at: datetime | None = Field(
        default=None, sa_type=MOMENT, sa_column_kwargs=NOW
    )
    updated_at: datetime | None = Field(
        default=None, sa_type=MOMENT, sa_column_kwargs=NOW | {"onupdate": func.now()}
    )
    is_active: bool = True
    deleted_at: datetime | None = Field(default=None, sa_type=MOMENT)
    sku: str = Field(max_length=40)
    name: str = Field(max_length=255)
    price: Decimal | None = Field(default=None, max_digits=10, decimal_places=2)
    stock: int


class OrderLine(SQLModel, table=True):
    """A line of an order."""

    __tablename__ = "order_lines"

    order_id: int = Field(foreign_key="orders.id", primary_key=True, sa_type=BigInteger)
    position: int = Field(primary_key=True)
    sku: str = Field(max_length=40)
    quantity: int
    price: Decimal = Field(max_digits=10, decimal_places=2)


class Order(SQLModel, table=True):
    """An order."""

    __tablename__ = "orders"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    version: int = 1
    created_at: datetime | None = Field(
        default=None, sa_type=MOMENT, sa_column_kwargs=NOW
    )
    updated_at: datetime | None = Field(
        default=None, sa_type=MOMENT, sa_column_kwargs=NOW | {"onupdate": func.now()}
    )
    is_active: bool = True
    deleted_at: datetime | None = Field(default=None, sa_type=MOMENT)
    customer_id: int = Field(sa_type=BigInteger)
    note: str | None = Field(default=None, max_length=255)
    lines: list[OrderLine] = Relationship(
        sa_relationship_kwargs={"order_by": "OrderLine.position"}
    )


class SqlModel(Contender):
    """A session for each use case."""

    title = "SQLModel"

    async def open(self, address: Address) -> None:
        self._engine = create_async_engine(address.url)

    async def close(self) -> None:
        await self._engine.dispose()

    def _session(self) -> AsyncSession:
        return AsyncSession(self._engine, expire_on_commit=False)

    async def get(self, identity: int) -> Product | None:
        async with self._session() as session:
            return await session.get(Product, identity)

    async def get_many(self, identities: Sequence[int]) -> list[Product | None]:
        async with self._session() as session:
            return [await session.get(Product, identity) for identity in identities]

    async def exists(self, customer: int) -> bool:
        found = select(Order).where(Order.customer_id == customer, Order.is_active)
        async with self._session() as session:
            return bool((await session.exec(select(found.exists()))).one())

    async def page(self, offset: int) -> tuple[Sequence[Product], int]:
        active = select(Product).where(Product.is_active)
        part = active.order_by(col(Product.id)).offset(offset).limit(PAGE)
        count = select(func.count()).select_from(Product).where(Product.is_active)
        async with self._session() as session:
            items = (await session.exec(part)).all()
            return items, (await session.exec(count)).one()

    async def after(self, identity: int) -> Sequence[Product]:
        async with self._session() as session:
            return await _following(session, identity)

    async def parent(self, identity: int) -> list[OrderLine]:
        statement = select(Order).where(Order.id == identity)
        lines: Any = Order.lines  # an attribute of a query, whatever its type says
        with_lines = statement.options(selectinload(lines))
        async with self._session() as session:
            return (await session.exec(with_lines)).one().lines

    async def create(self, draft: Draft) -> int | None:
        product = _new(draft)
        async with self._session() as session:
            session.add(product)
            await session.commit()
        return product.id

    async def create_many(self, drafts: Sequence[Draft]) -> list[int | None]:
        products = [_new(draft) for draft in drafts]
        async with self._session() as session:
            session.add_all(products)
            await session.commit()
        return [product.id for product in products]

    async def change(self, identity: int) -> None:
        async with self._session() as session:
            product = await session.get_one(Product, identity)
            product.stock += 1
            session.add(product)
            await session.commit()

    async def change_many(self, after: int) -> None:
        async with self._session() as session:
            for product in await _following(session, after):
                product.stock += 1
                session.add(product)
            await session.commit()

    async def delete(self, identity: int) -> None:
        async with self._session() as session:
            await session.delete(await session.get_one(Product, identity))
            await session.commit()


async def _following(session: AsyncSession, identity: int) -> Sequence[Product]:
    following = select(Product).where(col(Product.id) > identity, Product.is_active)
    statement = following.order_by(col(Product.id)).limit(PAGE)
    return (await session.exec(statement)).all()


def _new(draft: Draft) -> Product:
    return Product(sku=draft.sku, name=draft.name, price=draft.price, stock=draft.stock)
