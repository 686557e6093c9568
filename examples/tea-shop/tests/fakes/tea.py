"""Teas in memory."""

from collections.abc import Sequence

from tea_shop.domain.identities import TeaId
from tea_shop.domain.order import Order
from tea_shop.domain.paging import Paged, Sliced
from tea_shop.domain.tea import Tea, TeaNotFound, TeaRepository

from tests.fakes.in_memory import InMemoryTransaction, paged, sliced


class InMemoryTeaRepository(TeaRepository):
    def __init__(self, transaction: InMemoryTransaction) -> None:
        self._transaction = transaction

    def _rows(self, **values: object) -> list[Tea]:
        return self._transaction.select_all(Tea, **values)

    async def add(self, tea: Tea) -> None:
        await self.add_all([tea])

    async def add_all(self, teas: Sequence[Tea]) -> None:
        self._transaction.insert(teas, "name")

    async def get(self, tea_id: TeaId) -> Tea:
        row: Tea | None = self._transaction.select(Tea, tea_id)
        if row is None:
            raise TeaNotFound(tea_id)
        return row

    async def list_page(self, *, offset: int, limit: int) -> Paged[Tea]:
        return paged(self._rows(), offset, limit)

    async def list_after(self, tea_id: TeaId, *, limit: int) -> Sliced[Tea]:
        rows = [row for row in self._rows() if row.id > tea_id]
        return sliced(rows, limit)

    async def find_by_name(self, name: str) -> Tea | None:
        found = self._rows(name=name)
        return found[0] if found else None

    async def save(self, tea: Tea) -> None:
        await self.save_all([tea])

    async def save_all(self, teas: Sequence[Tea]) -> None:
        self._transaction.refuse_stale(teas)
        self._transaction.update(teas, "name")

    async def remove(self, tea: Tea) -> None:
        self._transaction.flush()  # after which it has an identity
        self._transaction.refuse_referenced(Order, "lines", tea_id=tea.id)
        self._transaction.delete(tea)
