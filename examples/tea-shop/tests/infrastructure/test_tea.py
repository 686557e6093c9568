"""What its repositories keep and refuse, beside what all of them promise."""

from copy import deepcopy
from dataclasses import replace

import pytest

from tea_shop.application.unit_of_work import UnitOfWorkFactory
from tea_shop.container import Container
from tea_shop.domain.errors import AlreadyTaken
from tea_shop.domain.identities import TeaId
from tea_shop.domain.tea import Tea
from tea_shop.infrastructure.mappers.tea import apply_changes, to_entity, to_model

from tests.builders.tea import a_tea, add_tea, change, new_tea


async def keep(unit_of_work: UnitOfWorkFactory) -> Tea:
    async with unit_of_work() as uow:
        new = await add_tea(uow)
        await uow.commit()
    return new


async def kept(unit_of_work: UnitOfWorkFactory, identity: TeaId) -> Tea:
    async with unit_of_work() as uow:
        return await uow.teas.get(identity)


async def save(unit_of_work: UnitOfWorkFactory, changed: Tea) -> None:
    async with unit_of_work() as uow:
        await uow.teas.save(changed)
        await uow.commit()


def test_its_row_takes_other_values() -> None:
    row = to_model(replace(a_tea(), id=TeaId(7), version=3))
    other = a_tea()
    change(other)

    apply_changes(row, other)

    assert to_entity(row) == replace(other, id=TeaId(7), version=3)


async def test_it_comes_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)

    assert new.id > 0
    assert new.version == 1
    assert await kept(unit_of_work, new.id) == new


async def test_no_two_have_the_same_name(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        one = await add_tea(uow)
        two = await add_tea(uow)
        same = replace(await new_tea(uow), name=one.name)
        moved = replace(two, name=one.name)

        with pytest.raises(AlreadyTaken, match=r"^name is taken$"):
            async with uow.savepoint():
                await uow.teas.add(same)
        with pytest.raises(AlreadyTaken, match=r"^name is taken$"):
            async with uow.savepoint():
                await uow.teas.save(moved)

        await uow.teas.remove(one)
        await uow.teas.save(moved)
        await uow.flush()


async def test_one_is_found_by_its_name(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        new = await add_tea(uow)
        found = await uow.teas.find_by_name(new.name)
        await uow.teas.remove(new)
        gone = await uow.teas.find_by_name(new.name)

    assert (found, gone) == (new, None)


@pytest.mark.postgres
async def test_nobody_refers_to_it_while_it_is_taken_out(
    container: Container, statements: list[str]
) -> None:
    new = await keep(container.unit_of_work)
    statements.clear()

    async with container.unit_of_work() as uow:
        await uow.teas.remove(new)

    assert statements[0].endswith(" FOR UPDATE")


@pytest.mark.postgres
async def test_a_read_takes_as_many_round_trips_as_it_has_tables(
    container: Container, round_trips: list[str]
) -> None:
    async with container.unit_of_work() as uow:
        new = [await new_tea(uow) for _ in range(3)]
        await uow.teas.add_all(new)
        await uow.commit()
    round_trips.clear()

    async with container.unit_of_work() as uow:
        await uow.teas.get(new[0].id)
        assert len(round_trips) == 1

        round_trips.clear()
        page = await uow.teas.list_page(offset=0, limit=9)
        assert page.total >= 3
        assert len(round_trips) == 2


async def test_many_are_added_and_saved_at_once(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        new = [await new_tea(uow) for _ in range(3)]
        await uow.teas.add_all(new)
        await uow.commit()
    added = deepcopy(new)

    async with unit_of_work() as uow:
        for one in new:
            change(one)
        await uow.teas.save_all(new)
        page = await uow.teas.list_page(offset=0, limit=9)
        next_one = await uow.teas.list_after(new[0].id, limit=1)
        rest = await uow.teas.list_after(new[0].id, limit=2)
        await uow.commit()

    assert [one.version for one in added] == [1, 1, 1]
    assert [one.version for one in new] == [2, 2, 2]
    assert [replace(one, version=2) for one in added] != new
    assert (page.items, page.total) == (new, 3)
    assert (next_one.items, next_one.has_more) == ([new[1]], True)
    assert (rest.items, rest.has_more) == (new[1:], False)
