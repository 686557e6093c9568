"""What only the unit of work over PostgreSQL can get wrong."""

from copy import deepcopy

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from tea_shop.application.errors import Misused, RolledBack
from tea_shop.container import Container
from tea_shop.domain.errors import ConcurrentUpdate
from tea_shop.domain.identities import TeaId
from tea_shop.infrastructure.models.tea import TeaModel

from tests.builders.tea import add_tea, change, new_tea
from tests.conftest import written

pytestmark = pytest.mark.postgres


async def test_a_use_case_takes_no_round_trip_in_vain(
    container: Container, round_trips: list[str]
) -> None:
    async with container.unit_of_work() as uow:
        new = await new_tea(uow)
        await uow.teas.add(new)
        await uow.commit()
    assert len(round_trips) == 1
    round_trips.clear()

    async with container.unit_of_work() as uow:
        kept = await uow.teas.get(new.id)
        change(kept)
        await uow.teas.save(kept)
        await uow.commit()
    assert len(round_trips) == 2
    round_trips.clear()

    async with container.unit_of_work() as uow:
        await uow.teas.remove(kept)
        await uow.commit()
    assert len(round_trips) == 5


async def test_a_thousand_take_few_round_trips(
    container: Container, round_trips: list[str]
) -> None:
    async with container.unit_of_work() as uow:
        await uow.teas.add_all([await new_tea(uow) for _ in range(1000)])
        await uow.commit()
    assert len(round_trips) == 3
    round_trips.clear()

    async with container.unit_of_work() as uow:
        part = await uow.teas.list_after(TeaId(0), limit=100)
        for one in part.items:
            change(one)
        await uow.teas.save_all(part.items)
        await uow.commit()
    assert len(part.items) == 100
    assert len(round_trips) == 4


async def test_what_is_left_takes_no_connection_again(container: Container) -> None:
    async with container.unit_of_work() as uow:
        pass

    with pytest.raises(Misused):
        await uow.teas.list_page(offset=0, limit=9)
    for block in (uow, uow.savepoint()):
        with pytest.raises(Misused):
            async with block:
                pass
    assert container.engine().pool.status().endswith("out connections: 0")


async def test_a_conflict_of_many_cannot_be_passed_over(container: Container) -> None:
    async with container.unit_of_work() as uow:
        new = [await add_tea(uow) for _ in range(2)]
        await uow.commit()

    async with container.unit_of_work() as uow, container.unit_of_work() as other:
        page = await uow.teas.list_page(offset=0, limit=9)
        await other.teas.save(deepcopy(new[1]))
        await other.commit()
        for one in page.items:
            change(one)
        with pytest.raises(ConcurrentUpdate):
            await written(uow, uow.teas.save_all(page.items))
        with pytest.raises(RolledBack):
            async with uow.savepoint():
                await add_tea(uow)
        with pytest.raises(RolledBack):
            await uow.commit()

    async with container.unit_of_work(read_only=True) as uow:
        assert await uow.teas.get(new[0].id) == new[0]


async def test_what_was_removed_stays_in_the_table(container: Container) -> None:
    async with container.unit_of_work() as uow:
        removed = await add_tea(uow)
        await uow.commit()
    async with container.unit_of_work() as uow:
        await uow.teas.remove(removed)
        await uow.commit()

    async with AsyncSession(container.engine()) as session:
        row = await session.get_one(TeaModel, removed.id, options=[undefer("*")])
    assert not row.is_active
    assert row.deleted_at is not None
    assert row.created_at <= row.deleted_at


async def test_a_save_moves_the_time_of_the_row(container: Container) -> None:
    async with container.unit_of_work() as uow:
        new = await add_tea(uow)
        await uow.commit()
    async with container.unit_of_work() as uow:
        await uow.teas.save(new)
        await uow.commit()

    async with AsyncSession(container.engine()) as session:
        row = await session.get_one(TeaModel, new.id, options=[undefer("*")])
    assert row.created_at < row.updated_at
