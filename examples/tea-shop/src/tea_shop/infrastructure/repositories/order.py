"""Orders in the database."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement

from tea_shop.domain.identities import OrderId
from tea_shop.domain.order import Order, OrderNotFound, OrderRepository
from tea_shop.domain.paging import Paged, Sliced
from tea_shop.infrastructure.mappers.order import PARTS, to_entity, to_model
from tea_shop.infrastructure.models.order import OrderModel
from tea_shop.infrastructure.models.tea import TeaModel
from tea_shop.infrastructure.repositories.base import BaseRepository


class SqlAlchemyOrderRepository(BaseRepository[OrderModel], OrderRepository):
    """All orders, seen by one session."""

    model_class = OrderModel
    parts = PARTS

    async def add(self, order: Order) -> None:
        await self.add_all([order])

    async def add_all(self, orders: Sequence[Order]) -> None:
        await self.refer_to(
            "tea_id", TeaModel, {part.tea_id for one in orders for part in one.lines}
        )
        await self.later(self.create, to_model, orders)

    async def get(self, order_id: OrderId) -> Order:
        model = await self.get_by_id(order_id)
        if model is None:
            raise OrderNotFound(order_id)
        return to_entity(model)

    async def list_page(self, *, offset: int, limit: int) -> Paged[Order]:
        return await self._page(offset, limit)

    async def list_after(self, order_id: OrderId, *, limit: int) -> Sliced[Order]:
        models = await self.get_after(order_id, limit + 1)
        items = [to_entity(model) for model in models[:limit]]
        return Sliced(items, has_more=len(models) > limit)

    async def save(self, order: Order) -> None:
        await self.save_all([order])

    async def save_all(self, orders: Sequence[Order]) -> None:
        loaded = await self.get_versions(orders)
        await self.refer_to(
            "tea_id",
            TeaModel,
            {part.tea_id for one in orders for part in one.lines},
            {row.tea_id for model in loaded for row in model.lines},
        )
        await self.later(self.update, to_model, orders)

    async def remove(self, order: Order) -> None:
        await self.later(self.delete, to_model, [order])

    async def _page(
        self,
        offset: int,
        limit: int,
        /,
        *conditions: ColumnElement[bool],
        **values: object,
    ) -> Paged[Order]:
        models = await self.get_many(offset, limit, *conditions, **values)
        items = [to_entity(model) for model in models]
        total = await self.count(*conditions, **values)
        return Paged(items, total, offset, limit)
