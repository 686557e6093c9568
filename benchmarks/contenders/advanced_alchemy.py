"""Advanced Alchemy: its base classes for models, and its asynchronous repository."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from advanced_alchemy.base import IdentityAuditBase
from advanced_alchemy.config import AsyncSessionConfig, SQLAlchemyAsyncConfig
from advanced_alchemy.filters import LimitOffset, OrderBy
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import BigInteger, DateTime, ForeignKey, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from benchmarks.contenders import PAGE, Address, Contender, Draft


class Product(IdentityAuditBase):
    """A product, its version counted by SQLAlchemy."""

    __tablename__ = "products"

    version: Mapped[int] = mapped_column()
    is_active: Mapped[bool] = mapped_column(default=True)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    sku: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(255))
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    stock: Mapped[int]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # as documented


class Order(IdentityAuditBase):
    """An order."""

    __tablename__ = "orders"

    version: Mapped[int]
    is_active: Mapped[bool] = mapped_column(default=True)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    customer_id: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str | None] = mapped_column(String(255))
    lines: Mapped[list["OrderLine"]] = relationship(order_by="OrderLine.position")


class OrderLine(IdentityAuditBase.registry.generate_base()):  # type: ignore[misc]
    """A line of an order, which has no identity of its own."""

    __tablename__ = "order_lines"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(40))
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))


class Products(SQLAlchemyAsyncRepository[Product]):
    """All products."""

    model_type = Product


class Orders(SQLAlchemyAsyncRepository[Order]):
    """All orders."""

    model_type = Order


class AdvancedAlchemy(Contender):
    """A session of its configuration for each use case, and repositories over it."""

    title = "Advanced Alchemy"

    async def open(self, address: Address) -> None:
        session = AsyncSessionConfig(expire_on_commit=False)
        self._config = SQLAlchemyAsyncConfig(
            connection_string=address.url, session_config=session
        )

    async def close(self) -> None:
        await self._config.get_engine().dispose()

    async def get(self, identity: int) -> Product:
        async with self._config.get_session() as session:
            return await Products(session=session).get(identity)

    async def get_many(self, identities: Sequence[int]) -> list[Product]:
        async with self._config.get_session() as session:
            products = Products(session=session)
            return [await products.get(identity) for identity in identities]

    async def exists(self, customer: int) -> bool:
        async with self._config.get_session() as session:
            orders = Orders(session=session)
            return await orders.exists(customer_id=customer, is_active=True)

    async def page(self, offset: int) -> tuple[Sequence[Product], int]:
        part = [OrderBy("id", "asc"), LimitOffset(PAGE, offset)]
        async with self._config.get_session() as session:
            return await Products(session=session).list_and_count(*part, is_active=True)

    async def after(self, identity: int) -> Sequence[Product]:
        async with self._config.get_session() as session:
            return await _following(Products(session=session), identity)

    async def parent(self, identity: int) -> list[OrderLine]:
        async with self._config.get_session() as session:
            load = [selectinload(Order.lines)]
            order = await Orders(session=session).get(identity, load=load)
        return list(order.lines)

    async def create(self, draft: Draft) -> int:
        async with self._config.get_session() as session:
            product = await Products(session=session).add(_new(draft))
            await session.commit()
        return product.id

    async def create_many(self, drafts: Sequence[Draft]) -> list[int]:
        made = [_new(draft) for draft in drafts]
        async with self._config.get_session() as session:
            products = await Products(session=session).add_many(made)
            await session.commit()
        return [product.id for product in products]

    async def change(self, identity: int) -> None:
        async with self._config.get_session() as session:
            products = Products(session=session)
            product = await products.get(identity)
            product.stock += 1
            await products.update(product)
            await session.commit()

    async def change_many(self, after: int) -> None:
        async with self._config.get_session() as session:
            products = Products(session=session)
            for product in await _following(products, after):
                product.stock += 1
            await session.commit()

    async def delete(self, identity: int) -> None:
        async with self._config.get_session() as session:
            await Products(session=session).delete(identity)
            await session.commit()


async def _following(products: Products, identity: int) -> Sequence[Product]:
    return await products.list(
        Product.id > identity,
        OrderBy("id", "asc"),
        LimitOffset(PAGE, 0),
        is_active=True,
    )


def _new(draft: Draft) -> Product:
    return Product(sku=draft.sku, name=draft.name, price=draft.price, stock=draft.stock)
