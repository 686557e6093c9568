"""What can be done with teas."""

from tea_shop.application.messages.base import (
    PagedResult,
    PageQuery,
    SlicedResult,
    SliceQuery,
)
from tea_shop.application.messages.tea import CreateTea, TeaResult, UpdateTea
from tea_shop.application.retries import retried
from tea_shop.application.unit_of_work import UnitOfWorkFactory
from tea_shop.application.versions import expect_version
from tea_shop.domain.identities import TeaId
from tea_shop.domain.tea import Tea


class TeaService:
    """The use cases; it holds no state, so one serves every task.

    They raise a `DomainError` where a rule says no, such as `NotFound` for an identity
    that is not kept, and a `StorageError` where the store fails.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self._unit_of_work = unit_of_work

    @retried
    async def create(self, command: CreateTea) -> TeaResult:
        """Keep a new tea."""
        tea = Tea.create(
            name=command.name,
            price=command.price,
        )
        async with self._unit_of_work() as uow:
            await uow.teas.add(tea)
            await uow.commit()
        return TeaResult.from_domain(tea)

    @retried
    async def get(self, tea_id: TeaId) -> TeaResult:
        """Read one tea."""
        async with self._unit_of_work(read_only=True) as uow:
            tea = await uow.teas.get(tea_id)
        return TeaResult.from_domain(tea)

    @retried
    async def list_page(self, query: PageQuery) -> PagedResult[TeaResult]:
        """Read a part of all teas, the oldest first."""
        async with self._unit_of_work(read_only=True) as uow:
            page = await uow.teas.list_page(offset=query.offset, limit=query.limit)
        return PagedResult[TeaResult].model_validate(page)

    @retried
    async def list_after(self, query: SliceQuery) -> SlicedResult[TeaResult]:
        """Read those that follow an identity, the oldest first."""
        async with self._unit_of_work(read_only=True) as uow:
            part = await uow.teas.list_after(TeaId(query.after), limit=query.limit)
        return SlicedResult[TeaResult].model_validate(part)

    @retried
    async def find_by_name(self, name: str) -> TeaResult | None:
        """Read the one with this name, if there is one."""
        async with self._unit_of_work(read_only=True) as uow:
            found = await uow.teas.find_by_name(name)
        if found is None:
            return None
        return TeaResult.from_domain(found)

    @retried
    async def update(
        self, tea_id: TeaId, command: UpdateTea, *, version: int | None = None
    ) -> TeaResult:
        """Change one; raise `StaleVersion` where it is not in this version any more.

        Without a version it is changed whatever others did: the last one wins.
        """
        async with self._unit_of_work() as uow:
            tea = await uow.teas.get(tea_id)
            expect_version(tea, version)
            tea.change(
                name=command.name,
                price=command.price,
            )
            await uow.teas.save(tea)
            await uow.commit()
        return TeaResult.from_domain(tea)

    @retried
    async def delete(self, tea_id: TeaId, *, version: int | None = None) -> None:
        """Take one out; raise `StaleVersion` as `update` does."""
        async with self._unit_of_work() as uow:
            tea = await uow.teas.get(tea_id)
            expect_version(tea, version)
            await uow.teas.remove(tea)
            await uow.commit()
