"""What only the unit of work over PostgreSQL can get wrong."""

from copy import deepcopy

import pytest

from tea_shop.application.errors import RolledBack
from tea_shop.container import Container
from tea_shop.domain.errors import ConcurrentUpdate

from tests.builders.tea import add_tea, change

pytestmark = pytest.mark.postgres


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
            await uow.teas.save_all(page.items)
        with pytest.raises(RolledBack):
            async with uow.savepoint():
                await add_tea(uow)
        with pytest.raises(RolledBack):
            await uow.commit()

    async with container.unit_of_work(read_only=True) as uow:
        assert await uow.teas.get(new[0].id) == new[0]
