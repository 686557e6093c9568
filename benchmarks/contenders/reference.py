"""A generic repository over a session, as guides to SQLAlchemy's asyncio show it.

It maps each model to an entity and flushes after each change; the pool tries a
connection before each use. It knows no way to page but by offset, and checks no
version: that is a column like the others.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKey,
    Numeric,
    String,
    exists,
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

    type_annotation_map: ClassVar[dict[Any, Any]] = {str: String(255)}


class IdMixin:
    """An identity that the database gives."""

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    version: Mapped[int] = mapped_column(default=1)


class TimestampMixin:
    """When a row was written."""

    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )


class SoftDeleteMixin:
    """A row that may be hidden."""

    deleted_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), default=None
    )
    is_active: Mapped[bool] = mapped_column(default=True, index=True)


class ProductModel(IdMixin, TimestampMixin, SoftDeleteMixin, Base):
    """The row of a product."""

    __tablename__ = "products"

    sku: Mapped[str] = mapped_column(String(40))
    name: Mapped[str]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    stock: Mapped[int]


class OrderModel(IdMixin, TimestampMixin, SoftDeleteMixin, Base):
    """The row of an order."""

    __tablename__ = "orders"

    customer_id: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str | None]
    lines: Mapped[list["OrderLineModel"]] = relationship(
        lazy="raise", order_by="OrderLineModel.position"
    )


class OrderLineModel(Base):
    """The row of an order line."""

    __tablename__ = "order_lines"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(40))
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))


@dataclass
class Product:
    """A product."""

    id: int | None
    version: int
    sku: str
    name: str
    price: Decimal | None
    stock: int


@dataclass
class OrderLine:
    """A line of an order."""

    sku: str
    quantity: int
    price: Decimal


@dataclass
class Order:
    """An order."""

    id: int
    version: int
    customer_id: int
    note: str | None
    lines: list[OrderLine]


ModelType = TypeVar("ModelType", bound=Base)


class BaseRepository(Generic[ModelType]):
    """What every repository does."""

    model_class: type[ModelType]

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def get_by_id(self, identity: int) -> ModelType | None:
        return await self.db.get(self.model_class, identity)

    async def create(self, model: ModelType) -> ModelType:
        self.db.add(model)
        await self.db.flush()
        return model

    async def delete(self, model: ModelType) -> None:
        await self.db.delete(model)
        await self.db.flush()


class ProductRepository(BaseRepository[ProductModel]):
    """Products, as entities."""

    model_class = ProductModel

    async def find_by_id(self, identity: int) -> Product | None:
        model = await self.get_by_id(identity)
        return self._to_entity(model) if model else None

    async def get_many(self, *, offset: int, limit: int) -> tuple[list[Product], int]:
        statement = (
            select(ProductModel)
            .where(ProductModel.is_active == True)  # noqa: E712  # as it is written
            .order_by(ProductModel.id)
            .offset(offset)
            .limit(limit)
        )
        models = (await self.db.execute(statement)).scalars().all()
        count = (
            select(func.count())
            .select_from(ProductModel)
            .where(ProductModel.is_active == True)  # noqa: E712
        )
        total = (await self.db.execute(count)).scalar_one()
        return [self._to_entity(model) for model in models], total

    async def save(self, entity: Product) -> Product:
        if entity.id is None:
            model = await self.create(self._to_model(entity))
        else:
            found = await self.get_by_id(entity.id)
            if found is None:
                raise LookupError(entity.id)
            model = found
            self._apply_changes(model, entity)
            await self.db.flush()
        return self._to_entity(model)

    def _to_entity(self, model: ProductModel) -> Product:
        return Product(
            id=model.id,
            version=model.version,
            sku=model.sku,
            name=model.name,
            price=model.price,
            stock=model.stock,
        )

    def _to_model(self, entity: Product) -> ProductModel:
        return ProductModel(
            version=entity.version,
            sku=entity.sku,
            name=entity.name,
            price=entity.price,
            stock=entity.stock,
        )

    def _apply_changes(self, model: ProductModel, entity: Product) -> None:
        model.version = entity.version
        model.sku = entity.sku
        model.name = entity.name
        model.price = entity.price
        model.stock = entity.stock


class OrderRepository(BaseRepository[OrderModel]):
    """Orders, as entities."""

    model_class = OrderModel

    async def find_with_lines(self, identity: int) -> Order | None:
        statement = (
            select(OrderModel)
            .options(selectinload(OrderModel.lines))
            .where(OrderModel.id == identity)
        )
        model = (await self.db.execute(statement)).scalar_one_or_none()
        return self._to_entity(model) if model else None

    async def any_by_customer(self, customer: int) -> bool:
        has_orders = exists().where(
            OrderModel.customer_id == customer,
            OrderModel.is_active == True,  # noqa: E712
        )
        return bool((await self.db.execute(select(has_orders))).scalar_one())

    def _to_entity(self, model: OrderModel) -> Order:
        return Order(
            id=model.id,
            version=model.version,
            customer_id=model.customer_id,
            note=model.note,
            lines=[
                OrderLine(sku=line.sku, quantity=line.quantity, price=line.price)
                for line in model.lines
            ],
        )


class Reference(Contender):
    """A session that commits when it is left, and repositories over it."""

    title = "plain repository"

    async def open(self, address: Address) -> None:
        self._engine = create_async_engine(
            address.url,
            pool_size=20,
            max_overflow=10,
            pool_pre_ping=True,
            pool_recycle=3600,
        )
        self._sessions = async_sessionmaker(
            self._engine, class_=AsyncSession, expire_on_commit=False
        )

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _db(self) -> AsyncGenerator[AsyncSession]:
        async with self._sessions() as session:
            try:
                yield session
                await session.commit()
            except Exception:
                await session.rollback()
                raise

    async def get(self, identity: int) -> Product | None:
        async with self._db() as db:
            return await ProductRepository(db).find_by_id(identity)

    async def get_many(self, identities: Sequence[int]) -> list[Product | None]:
        async with self._db() as db:
            products = ProductRepository(db)
            return [await products.find_by_id(identity) for identity in identities]

    async def exists(self, customer: int) -> bool:
        async with self._db() as db:
            return await OrderRepository(db).any_by_customer(customer)

    async def page(self, offset: int) -> tuple[list[Product], int]:
        async with self._db() as db:
            return await ProductRepository(db).get_many(offset=offset, limit=PAGE)

    async def parent(self, identity: int) -> list[OrderLine]:
        async with self._db() as db:
            order = await OrderRepository(db).find_with_lines(identity)
        return order.lines if order else []

    async def create(self, draft: Draft) -> int | None:
        async with self._db() as db:
            saved = await ProductRepository(db).save(_new(draft))
        return saved.id

    async def create_many(self, drafts: Sequence[Draft]) -> list[int | None]:
        async with self._db() as db:
            products = ProductRepository(db)
            return [(await products.save(_new(draft))).id for draft in drafts]

    async def change(self, identity: int) -> None:
        async with self._db() as db:
            await _restock(ProductRepository(db), identity)

    async def change_many(self, after: int) -> None:
        async with self._db() as db:
            products = ProductRepository(db)
            for identity in range(after + 1, after + PAGE + 1):
                await _restock(products, identity)

    async def delete(self, identity: int) -> None:
        async with self._db() as db:
            products = ProductRepository(db)
            model = await products.get_by_id(identity)
            if model is None:
                raise LookupError(identity)
            await products.delete(model)


def _new(draft: Draft) -> Product:
    return Product(
        id=None,
        version=1,
        sku=draft.sku,
        name=draft.name,
        price=draft.price,
        stock=draft.stock,
    )


async def _restock(products: ProductRepository, identity: int) -> None:
    product = await products.find_by_id(identity)
    if product is None:
        raise LookupError(identity)
    product.stock += 1
    product.version += 1
    await products.save(product)
