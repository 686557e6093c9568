"""What each repository promises; then what only the database can get wrong."""

import asyncio
from copy import deepcopy
from dataclasses import replace

import pytest

from tea_shop.application.unit_of_work import UnitOfWorkFactory
from tea_shop.container import Container
from tea_shop.domain.errors import AlreadyTaken
from tea_shop.domain.identities import TeaId
from tea_shop.domain.tea import Tea, TeaNotFound
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


async def test_a_unit_of_work_sees_its_own_changes(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    one = await keep(unit_of_work)

    async with unit_of_work() as uow:
        two = await add_tea(uow)
        change(one)
        await uow.teas.save(one)
        page = await uow.teas.list_page(offset=0, limit=9)
        await uow.teas.remove(two)
        rest = await uow.teas.list_page(offset=0, limit=9)
        with pytest.raises(TeaNotFound):
            await uow.teas.get(two.id)

    assert (page.items, page.total) == ([one, two], 2)
    assert (rest.items, rest.total) == ([one], 1)


async def test_what_was_just_added_can_be_saved_and_removed(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        new = await new_tea(uow)
        await uow.teas.add(new)
        await uow.teas.save(new)
        await uow.teas.remove(new)
        page = await uow.teas.list_page(offset=0, limit=9)
        await uow.teas.add(another := await new_tea(uow))
        await uow.teas.remove(another)
        await uow.commit()

    assert (new.version, another.version) == (2, 1)
    assert page.items == []


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
        await uow.commit()

    assert [one.version for one in added] == [1, 1, 1]
    assert [one.version for one in new] == [2, 2, 2]
    assert [replace(one, version=2) for one in added] != new
    assert (page.items, page.total) == (new, 3)


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


async def test_a_race_for_one_name_has_one_winner(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        one = await new_tea(uow)
        two = await new_tea(uow)
        two.name = one.name
        await uow.commit()

    async def add(new: Tea) -> None:
        async with unit_of_work() as uow:
            await uow.teas.add(new)
            await uow.commit()

    ends = await asyncio.gather(add(one), add(two), return_exceptions=True)

    assert sorted(map(str, ends)) == ["None", "name is taken"]


async def test_one_is_found_by_its_name(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        new = await add_tea(uow)
        found = await uow.teas.find_by_name(new.name)
        await uow.teas.remove(new)
        gone = await uow.teas.find_by_name(new.name)

    assert (found, gone) == (new, None)


@pytest.mark.postgres
async def test_one_is_read_in_as_many_round_trips_as_it_has_tables(
    container: Container, round_trips: list[str]
) -> None:
    new = await keep(container.unit_of_work)
    round_trips.clear()

    await kept(container.unit_of_work, new.id)

    assert len(round_trips) == 1


async def test_a_page_follows_an_identity(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        new = [await new_tea(uow) for _ in range(3)]
        await uow.teas.add_all(new)
        one, two, three = new

        first = await uow.teas.list_after(TeaId(0), limit=2)
        second = await uow.teas.list_after(two.id, limit=2)
        exact = await uow.teas.list_after(one.id, limit=2)

    assert (first.items, first.has_more) == ([one, two], True)
    assert (second.items, second.has_more) == ([three], False)
    assert (exact.items, exact.has_more) == ([two, three], False)
