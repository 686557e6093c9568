"""Teas in the database."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement

from tea_shop.domain.identities import TeaId
from tea_shop.domain.paging import Paged, Sliced
from tea_shop.domain.tea import Tea, TeaNotFound, TeaRepository
from tea_shop.infrastructure.mappers.tea import to_entity, to_model
from tea_shop.infrastructure.models.order import OrderModel
from tea_shop.infrastructure.models.tea import TeaModel
from tea_shop.infrastructure.repositories.base import BaseRepository


class SqlAlchemyTeaRepository(BaseRepository[TeaModel], TeaRepository):
    """All teas, seen by one session."""

    model_class = TeaModel

    async def add(self, tea: Tea) -> None:
        await self.add_all([tea])

    async def add_all(self, teas: Sequence[Tea]) -> None:
        await self.later(self.create, to_model, teas)

    async def get(self, tea_id: TeaId) -> Tea:
        model = await self.get_by_id(tea_id)
        if model is None:
            raise TeaNotFound(tea_id)
        return to_entity(model)

    async def list_page(self, *, offset: int, limit: int) -> Paged[Tea]:
        return await self._page(offset, limit)

    async def list_after(self, tea_id: TeaId, *, limit: int) -> Sliced[Tea]:
        models = await self.get_after(tea_id, limit + 1)
        items = [to_entity(model) for model in models[:limit]]
        return Sliced(items, has_more=len(models) > limit)

    async def find_by_name(self, name: str) -> Tea | None:
        found = await self.find_one(name=name)
        return to_entity(found) if found else None

    async def save(self, tea: Tea) -> None:
        await self.save_all([tea])

    async def save_all(self, teas: Sequence[Tea]) -> None:
        await self.get_versions(teas)
        await self.later(self.update, to_model, teas)

    async def remove(self, tea: Tea) -> None:
        await self.lock(tea.id)
        await self.refuse_referenced(OrderModel, OrderModel.lines.any(tea_id=tea.id))
        await self.later(self.delete, to_model, [tea])

    async def _page(
        self,
        offset: int,
        limit: int,
        /,
        *conditions: ColumnElement[bool],
        **values: object,
    ) -> Paged[Tea]:
        models = await self.get_many(offset, limit, *conditions, **values)
        items = [to_entity(model) for model in models]
        total = await self.count(*conditions, **values)
        return Paged(items, total, offset, limit)
