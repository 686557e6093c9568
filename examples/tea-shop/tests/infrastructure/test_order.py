"""What its repositories keep and refuse, beside what all of them promise."""

from copy import deepcopy
from dataclasses import replace

import pytest

from tea_shop.application.unit_of_work import UnitOfWorkFactory
from tea_shop.container import Container
from tea_shop.domain.errors import StillReferenced, UnknownReference
from tea_shop.domain.identities import OrderId, TeaId
from tea_shop.domain.order import Order
from tea_shop.infrastructure.mappers.order import apply_changes, to_entity, to_model

from tests.builders.order import add_order, an_order, change, new_order
from tests.builders.tea import add_tea


async def keep(unit_of_work: UnitOfWorkFactory) -> Order:
    async with unit_of_work() as uow:
        new = await add_order(uow)
        await uow.commit()
    return new


async def kept(unit_of_work: UnitOfWorkFactory, identity: OrderId) -> Order:
    async with unit_of_work() as uow:
        return await uow.orders.get(identity)


async def save(unit_of_work: UnitOfWorkFactory, changed: Order) -> None:
    async with unit_of_work() as uow:
        await uow.orders.save(changed)
        await uow.commit()


def test_its_row_takes_other_values() -> None:
    row = to_model(replace(an_order(), id=OrderId(7), version=3))
    other = an_order()
    change(other)

    apply_changes(row, other)

    assert to_entity(row) == replace(other, id=OrderId(7), version=3)


async def test_it_comes_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)

    assert new.id > 0
    assert new.version == 1
    assert await kept(unit_of_work, new.id) == new


async def test_its_lines_are_moved_replaced_and_deleted(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    new = await keep(unit_of_work)
    first, second = new.lines

    for version, parts in enumerate(
        [(second, first), (first, first, second), (second,), ()]
    ):
        new.lines = parts
        await save(unit_of_work, new)
        assert new.version == version + 2
        assert await kept(unit_of_work, new.id) == new


async def test_its_lines_have_no_unknown_tea(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)
    unknown = TeaId(2**40)
    parts = tuple(replace(part, tea_id=unknown) for part in new.lines)

    async with unit_of_work() as uow:
        bad = replace(await new_order(uow), lines=parts)
        with pytest.raises(UnknownReference, match=f"^tea_id {unknown} "):
            await uow.orders.add(bad)
    async with unit_of_work() as uow:
        with pytest.raises(UnknownReference, match=f"^tea_id {unknown} "):
            await uow.orders.save(replace(new, lines=parts))


async def test_the_tea_of_its_lines_stays(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)
    async with unit_of_work() as uow:
        target = await add_tea(uow)
        parts = tuple(replace(part, tea_id=target.id) for part in new.lines)
        new.lines = parts
        await uow.orders.save(new)
        await uow.commit()

    async with unit_of_work() as uow:
        with pytest.raises(StillReferenced):
            await uow.teas.remove(target)
        await uow.orders.remove(new)
        await uow.teas.remove(target)
        await uow.commit()


@pytest.mark.postgres
async def test_a_read_takes_as_many_round_trips_as_it_has_tables(
    container: Container, round_trips: list[str]
) -> None:
    async with container.unit_of_work() as uow:
        new = [await new_order(uow) for _ in range(3)]
        await uow.orders.add_all(new)
        await uow.commit()
    round_trips.clear()

    async with container.unit_of_work() as uow:
        await uow.orders.get(new[0].id)
        assert len(round_trips) == 2
        in_order = [one for one in round_trips if one.endswith(".position")]
        assert len(in_order) == 1

        round_trips.clear()
        page = await uow.orders.list_page(offset=0, limit=9)
        assert page.total >= 3
        assert len(round_trips) == 3


async def test_many_are_added_and_saved_at_once(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        new = [await new_order(uow) for _ in range(3)]
        await uow.orders.add_all(new)
        await uow.commit()
    added = deepcopy(new)

    async with unit_of_work() as uow:
        for one in new:
            change(one)
        await uow.orders.save_all(new)
        page = await uow.orders.list_page(offset=0, limit=9)
        next_one = await uow.orders.list_after(new[0].id, limit=1)
        rest = await uow.orders.list_after(new[0].id, limit=2)
        await uow.commit()

    assert [one.version for one in added] == [1, 1, 1]
    assert [one.version for one in new] == [2, 2, 2]
    assert [replace(one, version=2) for one in added] != new
    assert (page.items, page.total) == (new, 3)
    assert (next_one.items, next_one.has_more) == ([new[1]], True)
    assert (rest.items, rest.has_more) == (new[1:], False)
