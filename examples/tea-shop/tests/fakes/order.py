"""Orders in memory."""

from collections.abc import Sequence

from tea_shop.domain.identities import OrderId
from tea_shop.domain.order import Order, OrderNotFound, OrderRepository
from tea_shop.domain.paging import Paged, Sliced
from tea_shop.domain.tea import Tea

from tests.fakes.in_memory import InMemoryTransaction, paged, sliced


class InMemoryOrderRepository(OrderRepository):
    def __init__(self, transaction: InMemoryTransaction) -> None:
        self._transaction = transaction

    def _rows(self, **values: object) -> list[Order]:
        return self._transaction.select_all(Order, **values)

    def _refuse_unknown(self, order: Order) -> None:
        self._transaction.refer_to("tea_id", Tea, {part.tea_id for part in order.lines})

    async def add(self, order: Order) -> None:
        await self.add_all([order])

    async def add_all(self, orders: Sequence[Order]) -> None:
        for one in orders:
            self._refuse_unknown(one)
        self._transaction.insert(orders)

    async def get(self, order_id: OrderId) -> Order:
        row: Order | None = self._transaction.select(Order, order_id)
        if row is None:
            raise OrderNotFound(order_id)
        return row

    async def list_page(self, *, offset: int, limit: int) -> Paged[Order]:
        return paged(self._rows(), offset, limit)

    async def list_after(self, order_id: OrderId, *, limit: int) -> Sliced[Order]:
        rows = [row for row in self._rows() if row.id > order_id]
        return sliced(rows, limit)

    async def save(self, order: Order) -> None:
        await self.save_all([order])

    async def save_all(self, orders: Sequence[Order]) -> None:
        self._transaction.refuse_stale(orders)
        for one in orders:
            self._refuse_unknown(one)
        self._transaction.update(orders)

    async def remove(self, order: Order) -> None:
        self._transaction.delete(order)
