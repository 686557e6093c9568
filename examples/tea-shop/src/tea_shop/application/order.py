"""What can be done with orders."""

from tea_shop.application.messages.base import (
    PagedResult,
    PageQuery,
    SlicedResult,
    SliceQuery,
)
from tea_shop.application.messages.order import CreateOrder, OrderResult, UpdateOrder
from tea_shop.application.retries import retried
from tea_shop.application.unit_of_work import UnitOfWorkFactory
from tea_shop.application.versions import expect_version
from tea_shop.domain.identities import OrderId
from tea_shop.domain.order import Order


class OrderService:
    """The use cases; it holds no state, so one serves every task.

    They raise a `DomainError` where a rule says no, such as `NotFound` for an identity
    that is not kept, and a `StorageError` where the store fails.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work

    @retried
    async def create(self, command: CreateOrder) -> OrderResult:
        """Keep a new order."""
        order = Order.create(
            guest=command.guest,
            lines=tuple(part.to_domain() for part in command.lines),
        )
        async with self._unit_of_work() as uow:
            await uow.orders.add(order)
            await uow.commit()
        return OrderResult.from_domain(order)

    @retried
    async def get(self, order_id: OrderId) -> OrderResult:
        """Read one order."""
        async with self._unit_of_work(read_only=True) as uow:
            order = await uow.orders.get(order_id)
        return OrderResult.from_domain(order)

    @retried
    async def list_page(self, query: PageQuery) -> PagedResult[OrderResult]:
        """Read a part of all orders, the oldest first."""
        async with self._unit_of_work(read_only=True) as uow:
            page = await uow.orders.list_page(offset=query.offset, limit=query.limit)
        return PagedResult[OrderResult].model_validate(page)

    @retried
    async def list_after(self, query: SliceQuery) -> SlicedResult[OrderResult]:
        """Read those that follow an identity, the oldest first."""
        async with self._unit_of_work(read_only=True) as uow:
            part = await uow.orders.list_after(OrderId(query.after), limit=query.limit)
        return SlicedResult[OrderResult].model_validate(part)

    @retried
    async def update(
        self, order_id: OrderId, command: UpdateOrder, *, version: int | None = None
    ) -> OrderResult:
        """Change one; raise `StaleVersion` where it is not in this version any more.

        Without a version it is changed whatever others did: the last one wins.
        """
        async with self._unit_of_work() as uow:
            order = await uow.orders.get(order_id)
            expect_version(order, version)
            order.change(
                guest=command.guest,
                lines=tuple(part.to_domain() for part in command.lines),
            )
            await uow.orders.save(order)
            await uow.commit()
        return OrderResult.from_domain(order)

    @retried
    async def delete(self, order_id: OrderId, *, version: int | None = None) -> None:
        """Take one out; raise `StaleVersion` as `update` does."""
        async with self._unit_of_work() as uow:
            order = await uow.orders.get(order_id)
            expect_version(order, version)
            await uow.orders.remove(order)
            await uow.commit()
