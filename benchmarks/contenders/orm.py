"""SQLAlchemy's ORM: declarative models, and a session for each use case."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Identity,
    Numeric,
    String,
    func,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    mapped_column,
    relationship,
    selectinload,
)

from benchmarks.contenders import PAGE, Address, Contender, Draft


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        Decimal: Numeric(10, 2),
    }


class Row(Base):
    """What the tables share."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), onupdate=func.now()
    )
    is_active: Mapped[bool] = mapped_column(default=True)
    deleted_at: Mapped[datetime | None]


class Product(Row):
    """A product, its version counted by SQLAlchemy."""

    __tablename__ = "products"

    version: Mapped[int] = mapped_column()
    sku: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(255))
    price: Mapped[Decimal | None]
    stock: Mapped[int]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # as documented


class OrderLine(Base):
    """A line of an order."""

    __tablename__ = "order_lines"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(40))
    quantity: Mapped[int]
    price: Mapped[Decimal]


class Order(Row):
    """An order."""

    __tablename__ = "orders"

    customer_id: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str | None] = mapped_column(String(255))
    lines: Mapped[list[OrderLine]] = relationship(order_by=OrderLine.position)


class Orm(Contender):
    """A session for each use case, its models kept as they are after the commit."""

    title = "SQLAlchemy ORM"

    async def open(self, address: Address) -> None:
        self._engine = create_async_engine(address.url)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    async def close(self) -> None:
        await self._engine.dispose()

    async def get(self, identity: int) -> Product:
        async with self._sessions() as session:
            return await session.get_one(Product, identity)

    async def get_many(self, identities: Sequence[int]) -> list[Product]:
        async with self._sessions() as session:
            return [await session.get_one(Product, one) for one in identities]

    async def exists(self, customer: int) -> bool | None:
        found = select(Order).where(Order.customer_id == customer, Order.is_active)
        async with self._sessions() as session:
            return await session.scalar(select(found.exists()))

    async def page(self, offset: int) -> tuple[Sequence[Product], int | None]:
        active = select(Product).where(Product.is_active)
        count = select(func.count()).select_from(Product).where(Product.is_active)
        async with self._sessions() as session:
            found = await session.scalars(
                active.order_by(Product.id).offset(offset).limit(PAGE)
            )
            return found.all(), await session.scalar(count)

    async def after(self, identity: int) -> Sequence[Product]:
        async with self._sessions() as session:
            return await _following(session, identity)

    async def parent(self, identity: int) -> list[OrderLine]:
        options = [selectinload(Order.lines)]
        async with self._sessions() as session:
            order = await session.get_one(Order, identity, options=options)
        return order.lines

    async def create(self, draft: Draft) -> int:
        product = _new(draft)
        async with self._sessions() as session, session.begin():
            session.add(product)
        return product.id

    async def create_many(self, drafts: Sequence[Draft]) -> list[int]:
        products = [_new(draft) for draft in drafts]
        async with self._sessions() as session, session.begin():
            session.add_all(products)
        return [product.id for product in products]

    async def change(self, identity: int) -> None:
        async with self._sessions() as session, session.begin():
            product = await session.get_one(Product, identity)
            product.stock += 1

    async def change_many(self, after: int) -> None:
        async with self._sessions() as session, session.begin():
            for product in await _following(session, after):
                product.stock += 1

    async def delete(self, identity: int) -> None:
        async with self._sessions() as session, session.begin():
            await session.delete(await session.get_one(Product, identity))


async def _following(session: AsyncSession, identity: int) -> Sequence[Product]:
    following = select(Product).where(Product.id > identity, Product.is_active)
    found = await session.scalars(following.order_by(Product.id).limit(PAGE))
    return found.all()


def _new(draft: Draft) -> Product:
    return Product(sku=draft.sku, name=draft.name, price=draft.price, stock=draft.stock)
