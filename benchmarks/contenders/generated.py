"""What the template writes, through the ports that its use cases know."""

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from decimal import Decimal

from shop.container import open_container
from shop.domain.identities import CustomerId, OrderId, ProductId
from shop.domain.order import OrderLine
from shop.domain.product import Product

from benchmarks.contenders import PAGE, Address, Contender, Draft


class Generated(Contender):
    """The unit of work of a service, as it is wired and set by default."""

    title = "generated"

    async def open(self, address: Address) -> None:
        os.environ |= {"DATABASE_URL": address.url, "ENVIRONMENT": "development"}
        self._stack = AsyncExitStack()
        container = await self._stack.enter_async_context(open_container())
        self._unit_of_work = container.unit_of_work

    async def close(self) -> None:
        await self._stack.aclose()

    async def get(self, identity: int) -> Product:
        async with self._unit_of_work(read_only=True) as uow:
            return await uow.products.get(ProductId(identity))

    async def get_many(self, identities: Sequence[int]) -> list[Product]:
        async with self._unit_of_work(read_only=True) as uow:
            return [await uow.products.get(ProductId(one)) for one in identities]

    async def exists(self, customer: int) -> bool:
        async with self._unit_of_work(read_only=True) as uow:
            return await uow.orders.any_by_customer(CustomerId(customer))

    async def page(self, offset: int) -> tuple[Sequence[Product], int]:
        async with self._unit_of_work(read_only=True) as uow:
            page = await uow.products.list_page(offset=offset, limit=PAGE)
        return page.items, page.total

    async def after(self, identity: int) -> Sequence[Product]:
        async with self._unit_of_work(read_only=True) as uow:
            part = await uow.products.list_after(ProductId(identity), limit=PAGE)
        return part.items

    async def parent(self, identity: int) -> tuple[OrderLine, ...]:
        async with self._unit_of_work(read_only=True) as uow:
            order = await uow.orders.get(OrderId(identity))
        return order.lines

    async def create(self, draft: Draft) -> int:
        product = _new(draft)
        async with self._unit_of_work() as uow:
            await uow.products.add(product)
            await uow.commit()
        return product.id

    async def create_many(self, drafts: Sequence[Draft]) -> list[int]:
        products = [_new(draft) for draft in drafts]
        async with self._unit_of_work() as uow:
            await uow.products.add_all(products)
            await uow.commit()
        return [product.id for product in products]

    async def change(self, identity: int) -> None:
        async with self._unit_of_work() as uow:
            product = await uow.products.get(ProductId(identity))
            _restock(product)
            await uow.products.save(product)
            await uow.commit()

    async def change_many(self, after: int) -> None:
        async with self._unit_of_work() as uow:
            part = await uow.products.list_after(ProductId(after), limit=PAGE)
            for product in part.items:
                _restock(product)
            await uow.products.save_all(part.items)
            await uow.commit()

    async def delete(self, identity: int) -> None:
        async with self._unit_of_work() as uow:
            await uow.products.remove(_known(identity))
            await uow.commit()


def _restock(product: Product) -> None:
    product.change(
        sku=product.sku,
        name=product.name,
        price=product.price,
        stock=product.stock + 1,
    )


def _known(identity: int) -> Product:
    """Rebuild one that the caller has seen in its first version."""
    return Product(
        id=ProductId(identity),
        version=1,
        sku="known",
        name="known",
        price=Decimal(1),
        stock=1,
    )


def _new(draft: Draft) -> Product:
    return Product.create(
        sku=draft.sku, name=draft.name, price=draft.price, stock=draft.stock
    )
