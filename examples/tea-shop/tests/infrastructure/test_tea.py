"""What each repository promises; then what only the database can get wrong."""

import asyncio
from copy import deepcopy
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tea_shop.application.unit_of_work import UnitOfWorkFactory
from tea_shop.container import Container
from tea_shop.domain.errors import AlreadyTaken, ConcurrentUpdate
from tea_shop.domain.identities import TeaId
from tea_shop.domain.tea import Tea, TeaNotFound
from tea_shop.infrastructure.models.tea import TeaModel

from tests.builders.tea import add_tea, change, new_tea


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


async def test_it_comes_back_whole(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)

    assert new.id > 0
    assert new.version == 1
    assert await kept(unit_of_work, new.id) == new


async def test_each_has_an_identity_of_its_own(unit_of_work: UnitOfWorkFactory) -> None:
    one = await keep(unit_of_work)
    two = await keep(unit_of_work)

    assert one.id < two.id


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

    assert (page.items, page.total) == ([one, two], 2)
    assert (rest.items, rest.total) == ([one], 1)


async def test_a_change_is_kept_by_save_alone(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)

    async with unit_of_work() as uow:
        change(await uow.teas.get(new.id))
        await uow.commit()

    assert await kept(unit_of_work, new.id) == new


async def test_it_can_be_saved_again_and_again(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)

    async with unit_of_work() as uow:
        changed = replace(new)
        change(changed)
        await uow.teas.save(changed)
        back = replace(new, version=changed.version)
        await uow.teas.save(back)
        await uow.commit()

    assert (changed.version, back.version) == (2, 3)
    assert replace(changed, version=3) != back
    assert await kept(unit_of_work, new.id) == back


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


async def test_all_are_saved_or_none(unit_of_work: UnitOfWorkFactory) -> None:
    new = [await keep(unit_of_work) for _ in range(3)]
    changed = deepcopy(new)
    await save(unit_of_work, deepcopy(new[1]))
    for one in changed:
        change(one)

    async with unit_of_work() as uow:
        with pytest.raises(ConcurrentUpdate, match=f" {new[1].id} moved on$"):
            await uow.teas.save_all(changed)
        with pytest.raises(ConcurrentUpdate, match=f" {new[0].id} moved on$"):
            await uow.teas.save_all([new[0], new[0]])
        await uow.commit()

    assert await kept(unit_of_work, new[0].id) == new[0]
    assert await kept(unit_of_work, new[2].id) == new[2]


async def test_a_page_follows_an_identity(unit_of_work: UnitOfWorkFactory) -> None:
    one, two, three = [await keep(unit_of_work) for _ in range(3)]

    async with unit_of_work() as uow:
        first = await uow.teas.list_after(TeaId(0), limit=2)
        second = await uow.teas.list_after(two.id, limit=2)
        exact = await uow.teas.list_after(one.id, limit=2)

    assert (first.items, first.has_more) == ([one, two], True)
    assert (second.items, second.has_more) == ([three], False)
    assert (exact.items, exact.has_more) == ([two, three], False)


async def test_the_second_of_two_saves_at_once_fails(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    new = await keep(unit_of_work)

    async with unit_of_work() as one, unit_of_work() as other:
        first = await one.teas.get(new.id)
        second = await other.teas.get(new.id)
        change(first)
        await one.teas.save(first)
        await one.commit()
        change(second)
        with pytest.raises(ConcurrentUpdate):
            await other.teas.save(second)

    assert await kept(unit_of_work, new.id) == first


async def test_what_was_changed_since_is_neither_saved_nor_removed(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    stale = await keep(unit_of_work)
    await save(unit_of_work, await kept(unit_of_work, stale.id))

    async with unit_of_work() as uow:
        with pytest.raises(ConcurrentUpdate):
            await uow.teas.save(stale)
        with pytest.raises(ConcurrentUpdate):
            await uow.teas.remove(stale)

    assert (await kept(unit_of_work, stale.id)).version == 2


async def test_what_was_removed_is_gone(unit_of_work: UnitOfWorkFactory) -> None:
    removed = await keep(unit_of_work)
    other = await keep(unit_of_work)

    async with unit_of_work() as uow:
        await uow.teas.remove(removed)
        await uow.commit()

    async with unit_of_work() as uow:
        page = await uow.teas.list_page(offset=0, limit=9)
        with pytest.raises(TeaNotFound):
            await uow.teas.get(removed.id)
        with pytest.raises(ConcurrentUpdate):
            await uow.teas.save(removed)
    assert (page.items, page.total) == ([other], 1)


async def test_no_two_have_the_same_name(unit_of_work: UnitOfWorkFactory) -> None:
    one = await keep(unit_of_work)
    two = await keep(unit_of_work)
    taken = "name is taken"

    async with unit_of_work() as uow:
        same = replace(await new_tea(uow), name=one.name)
        with pytest.raises(AlreadyTaken) as caught:
            await uow.teas.add(same)
    assert str(caught.value) == taken
    async with unit_of_work() as uow:
        with pytest.raises(AlreadyTaken) as caught:
            await uow.teas.save(replace(two, name=one.name))
    assert str(caught.value) == taken

    async with unit_of_work() as uow:
        await uow.teas.remove(one)
        await uow.teas.save(replace(two, name=one.name))


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


@pytest.mark.postgres
async def test_one_is_read_in_as_many_round_trips_as_it_has_tables(
    container: Container, round_trips: list[str]
) -> None:
    new = await keep(container.unit_of_work)
    round_trips.clear()

    await kept(container.unit_of_work, new.id)

    assert len(round_trips) == 1


@pytest.mark.postgres
async def test_what_was_removed_stays_in_the_table(container: Container) -> None:
    removed = await keep(container.unit_of_work)
    async with container.unit_of_work() as uow:
        await uow.teas.remove(removed)
        await uow.commit()

    async with AsyncSession(container.engine()) as session:
        row = await session.get_one(TeaModel, removed.id)
    assert not row.is_active
    assert row.deleted_at is not None
    assert row.created_at <= row.deleted_at


@pytest.mark.postgres
async def test_a_save_moves_the_time_of_the_row(container: Container) -> None:
    new = await keep(container.unit_of_work)
    await save(container.unit_of_work, new)

    async with AsyncSession(container.engine()) as session:
        row = await session.get_one(TeaModel, new.id)
    assert row.created_at < row.updated_at
