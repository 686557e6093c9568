"""Tortoise ORM: models that query themselves, over a pool of their own.

It has no composite keys, so it cannot reach the lines of an order. What it writes in
bulk it neither checks the version of nor gives an identity back for.
"""

from collections.abc import Sequence

from tortoise import Tortoise as Orm
from tortoise import fields
from tortoise.exceptions import OperationalError
from tortoise.models import Model
from tortoise.transactions import in_transaction

from benchmarks.contenders import PAGE, Address, Contender, Draft


class Product(Model):
    """A product."""

    id = fields.BigIntField(primary_key=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)
    is_active = fields.BooleanField(default=True)
    deleted_at = fields.DatetimeField(null=True)
    sku = fields.CharField(max_length=40)
    name = fields.CharField(max_length=255)
    price = fields.DecimalField(max_digits=10, decimal_places=2, null=True)
    stock = fields.IntField()

    class Meta:
        """Where it is kept."""

        table = "products"


class Order(Model):
    """An order, without its lines."""

    id = fields.BigIntField(primary_key=True)
    version = fields.IntField(default=1)
    is_active = fields.BooleanField(default=True)
    customer_id = fields.BigIntField()

    class Meta:
        """Where it is kept."""

        table = "orders"


class Tortoise(Contender):
    """Reads on their own, and a transaction for what writes."""

    title = "Tortoise"

    async def open(self, address: Address) -> None:
        backend = "tortoise.backends.asyncpg"
        connections = {"default": {"engine": backend, "credentials": address.arguments}}
        models = {"models": [__name__], "default_connection": "default"}
        await Orm.init(config={"connections": connections, "apps": {"shop": models}})

    async def close(self) -> None:
        await Orm.close_connections()

    async def get(self, identity: int) -> Product:
        return await Product.get(id=identity)

    async def get_many(self, identities: Sequence[int]) -> list[Product]:
        async with in_transaction():
            return [await Product.get(id=identity) for identity in identities]

    async def exists(self, customer: int) -> bool:
        return await Order.filter(customer_id=customer, is_active=True).exists()

    async def page(self, offset: int) -> tuple[list[Product], int]:
        active = Product.filter(is_active=True)
        items = await active.order_by("id").offset(offset).limit(PAGE)
        return items, await active.count()

    async def after(self, identity: int) -> list[Product]:
        following = Product.filter(id__gt=identity, is_active=True)
        return await following.order_by("id").limit(PAGE)

    async def create(self, draft: Draft) -> int:
        async with in_transaction():
            product = await Product.create(
                sku=draft.sku, name=draft.name, price=draft.price, stock=draft.stock
            )
        return product.id

    async def change(self, identity: int) -> None:
        async with in_transaction():
            product = await Product.get(id=identity)
            known = Product.filter(id=identity, version=product.version)
            changed = {"stock": product.stock + 1, "version": product.version + 1}
            if not await known.update(**changed):
                raise OperationalError("the row moved on")

    async def delete(self, identity: int) -> None:
        async with in_transaction():
            await Product.filter(id=identity, version=1).delete()
