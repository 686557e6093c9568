"""Piccolo: tables that query themselves, over a pool that its engine keeps.

It has no composite keys, so it cannot reach the lines of an order, and has no way to
write many changes with the version of each.
"""

from collections.abc import Sequence
from typing import Any

from piccolo.columns import (
    BigInt,
    BigSerial,
    Boolean,
    Integer,
    Numeric,
    Timestamptz,
    Varchar,
)
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

from benchmarks.contenders import PAGE, Address, Contender, Draft

AT_ONCE = 3_000
"""Rows that one statement has parameters for."""


def tables(db: PostgresEngine) -> tuple[Any, Any]:
    """Make those of products and orders, the latter without lines, at a database."""

    class Product(Table, tablename="products", db=db):
        id = BigSerial(primary_key=True)
        version = Integer(default=1)
        created_at = Timestamptz()
        updated_at = Timestamptz()
        is_active = Boolean(default=True)
        deleted_at = Timestamptz(null=True, default=None)
        sku = Varchar(40)
        name = Varchar(255)
        price = Numeric((10, 2), null=True)
        stock = Integer()

    class Order(Table, tablename="orders", db=db):
        id = BigSerial(primary_key=True)
        is_active = Boolean(default=True)
        customer_id = BigInt()

    return Product, Order


class Piccolo(Contender):
    """Reads on their own, and a transaction for what writes."""

    title = "Piccolo"

    async def open(self, address: Address) -> None:
        self._db = PostgresEngine(address.arguments)
        self._products, self._orders = tables(self._db)
        await self._db.start_connection_pool()

    async def close(self) -> None:
        await self._db.close_connection_pool()

    async def get(self, identity: int) -> Any:
        products = self._products
        return await products.objects().get(products.id == identity)

    async def get_many(self, identities: Sequence[int]) -> list[Any]:
        products = self._products
        async with self._db.transaction():
            found = [
                await products.objects().get(products.id == identity)
                for identity in identities
            ]
        return found

    async def exists(self, customer: int) -> bool:
        orders = self._orders
        found = (orders.customer_id == customer) & (orders.is_active == True)  # noqa: E712
        return await orders.exists().where(found)

    async def page(self, offset: int) -> tuple[list[Any], int]:
        products = self._products
        is_active = products.is_active == True  # noqa: E712
        part = products.objects().where(is_active).order_by(products.id)
        items = await part.offset(offset).limit(PAGE)
        return items, await products.count().where(is_active)

    async def after(self, identity: int) -> list[Any]:
        products = self._products
        following = (products.id > identity) & (products.is_active == True)  # noqa: E712
        objects = products.objects().where(following)
        return await objects.order_by(products.id).limit(PAGE)

    async def create(self, draft: Draft) -> Any:
        product = self._new(draft)
        async with self._db.transaction():
            await product.save()
        return product.id

    async def create_many(self, drafts: Sequence[Draft]) -> list[Any]:
        products = self._products
        made = [self._new(draft) for draft in drafts]
        rows: list[Any] = []
        async with self._db.transaction():
            for start in range(0, len(made), AT_ONCE):
                rows += await products.insert(*made[start : start + AT_ONCE])
        return [row["id"] for row in rows]

    async def change(self, identity: int) -> None:
        products = self._products
        async with self._db.transaction():
            product = await products.objects().get(products.id == identity)
            if product is None:
                raise LookupError(identity)
            known = (products.id == identity) & (products.version == product.version)
            changed = {"stock": product.stock + 1, "version": product.version + 1}
            written = products.update(changed).where(known).returning(products.id)
            if not await written:
                raise LookupError("the row moved on")

    async def delete(self, identity: int) -> None:
        products = self._products
        known = (products.id == identity) & (products.version == 1)
        async with self._db.transaction():
            await products.delete().where(known)

    def _new(self, draft: Draft) -> Any:
        return self._products(
            sku=draft.sku, name=draft.name, price=draft.price, stock=draft.stock
        )
