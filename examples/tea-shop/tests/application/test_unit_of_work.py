"""What every unit of work and its repositories promise, whatever they are made of."""

import asyncio
from copy import deepcopy
from dataclasses import replace

import pytest

from tea_shop.application.errors import Misused, ReadOnly, RolledBack
from tea_shop.application.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tea_shop.domain.errors import AlreadyTaken, ConcurrentUpdate
from tea_shop.domain.identities import TeaId
from tea_shop.domain.tea import Tea, TeaNotFound

from tests.builders.tea import add_tea, change, new_tea
from tests.conftest import written


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


async def total(unit_of_work: UnitOfWorkFactory) -> int:
    async with unit_of_work() as uow:
        page = await uow.teas.list_page(offset=0, limit=1)
    return page.total


async def test_what_is_committed_is_kept(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        await add_tea(uow)
        await uow.commit()

    assert await total(unit_of_work) == 1


async def test_nothing_is_kept_without_commit(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        new = await add_tea(uow)

    async with unit_of_work() as uow:
        with pytest.raises(TeaNotFound):
            await uow.teas.get(new.id)


async def test_what_comes_and_goes_leaves_nothing(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        await uow.teas.remove(await add_tea(uow))
        await uow.commit()

    assert await total(unit_of_work) == 0


async def test_an_error_rolls_back(unit_of_work: UnitOfWorkFactory) -> None:
    async def fail() -> None:
        async with unit_of_work() as uow:
            await add_tea(uow)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await total(unit_of_work) == 0


async def test_others_see_nothing_before_the_commit(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        await add_tea(uow)
        before = await total(unit_of_work)
        await uow.commit()

    assert (before, await total(unit_of_work)) == (0, 1)


async def test_the_commit_is_the_last_use(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        new = await add_tea(uow)
        await uow.commit()
        with pytest.raises(Misused):
            await uow.teas.get(new.id)
        with pytest.raises(Misused):
            await uow.commit()
        with pytest.raises(Misused):
            async with uow.savepoint():
                pass

    assert await total(unit_of_work) == 1


async def test_one_unit_of_work_serves_one_task(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        with pytest.raises(Misused):
            await asyncio.gather(uow.teas.list_page(offset=0, limit=1))
        new = await add_tea(uow)
        for use in (uow.teas.get(new.id), uow.teas.save(new), uow.commit()):
            with pytest.raises(Misused):
                await asyncio.gather(use)

    assert await total(unit_of_work) == 0


async def test_one_that_only_reads_does_not_write(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        new = await add_tea(uow)
        another = await new_tea(uow)
        await uow.commit()

    for write in ("add", "save", "remove"):
        async with unit_of_work(read_only=True) as uow:
            kept = await uow.teas.get(new.id)
            with pytest.raises(ReadOnly):
                await getattr(uow.teas, write)(another if write == "add" else kept)
            with pytest.raises(RolledBack):
                await uow.commit()
    assert await total(unit_of_work) == 1


async def test_what_is_refused_in_a_savepoint_is_no_end(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        one = await add_tea(uow)
        same = replace(await new_tea(uow), name=one.name)
        with pytest.raises(AlreadyTaken):
            async with uow.savepoint():
                await uow.teas.add(same)
        await uow.commit()

    assert await total(unit_of_work) == 1


async def test_what_is_refused_elsewhere_cannot_be_passed_over(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        one = await add_tea(uow)
        same = replace(await new_tea(uow), name=one.name)
        with pytest.raises(AlreadyTaken):
            await written(uow, uow.teas.add(same))
        with pytest.raises(RolledBack):
            async with uow.savepoint():
                pass
        with pytest.raises(RolledBack):
            await uow.commit()

    assert await total(unit_of_work) == 0


async def test_what_waits_is_not_passed_over_before_a_savepoint(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        one = await add_tea(uow)
        same = replace(await new_tea(uow), name=one.name)
        await uow.teas.add(same)
        with pytest.raises(AlreadyTaken):
            async with uow.savepoint():
                pass
        with pytest.raises(RolledBack):
            await uow.commit()

    assert await total(unit_of_work) == 0


async def test_what_is_passed_over_in_a_savepoint_ends_it(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async def pass_over(uow: UnitOfWork) -> None:
        async with uow.savepoint():
            await add_tea(uow)
            with pytest.raises(AlreadyTaken):
                await written(uow, uow.teas.add(same))

    async with unit_of_work() as uow:
        one = await add_tea(uow)
        same = replace(await new_tea(uow), name=one.name)
        with pytest.raises(RolledBack):
            await pass_over(uow)
        await uow.commit()

    assert await total(unit_of_work) == 1


async def test_a_savepoint_undoes_itself_alone(unit_of_work: UnitOfWorkFactory) -> None:
    async def fail(uow: UnitOfWork) -> None:
        async with uow.savepoint():
            await add_tea(uow)
            changed = await uow.teas.get(one.id)
            change(changed)
            await uow.teas.save(changed)
            raise ZeroDivisionError

    async with unit_of_work() as uow:
        one = await add_tea(uow)
        with pytest.raises(ZeroDivisionError):
            await fail(uow)
        async with uow.savepoint():
            await add_tea(uow)
        again = await uow.teas.get(one.id)
        await uow.teas.save(again)
        await uow.commit()

    assert again == replace(one, version=2)
    assert await total(unit_of_work) == 2


async def test_each_has_an_identity_of_its_own(unit_of_work: UnitOfWorkFactory) -> None:
    one = await keep(unit_of_work)
    two = await keep(unit_of_work)

    assert one.id < two.id


async def test_a_change_is_kept_by_save_alone(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)

    async with unit_of_work() as uow:
        change(await uow.teas.get(new.id))
        await uow.commit()

    assert await kept(unit_of_work, new.id) == new


async def test_a_write_waits_for_what_comes_next(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async with unit_of_work() as uow:
        one, two, three = [await new_tea(uow) for _ in range(3)]
        seen: list[list[int]] = []

        await uow.teas.add(one)
        seen.append([one.id, two.id, three.id])
        await uow.teas.add(two)  # another write
        seen.append([one.version, two.version, three.version])
        page = await uow.teas.list_page(offset=0, limit=9)  # a read
        seen.append([one.version, two.version, three.version])
        await uow.teas.add(three)
        await uow.flush()
        await uow.teas.remove(three)
        await uow.commit()

    assert seen == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert page.items == [one, two]
    assert three.id > two.id
    assert await total(unit_of_work) == 2


async def test_what_waits_is_kept_as_it_was(unit_of_work: UnitOfWorkFactory) -> None:
    async with unit_of_work() as uow:
        new = await new_tea(uow)
        given = [new]
        await uow.teas.add_all(given)
        added = replace(new, version=1)
        change(new)
        given.clear()
        await uow.commit()
    first = await kept(unit_of_work, new.id)

    assert first == replace(added, id=new.id)
    assert first != new


async def test_a_write_that_waits_in_a_savepoint_is_in_it(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    async def fail(uow: UnitOfWork) -> None:
        async with uow.savepoint():
            await uow.teas.add(another)
            raise ZeroDivisionError

    async with unit_of_work() as uow:
        new, another = [await new_tea(uow) for _ in range(2)]
        await uow.teas.add(new)
        with pytest.raises(ZeroDivisionError):
            await fail(uow)
        await uow.commit()

    assert (new.version, another.version) == (1, 0)
    assert await total(unit_of_work) == 1


async def test_it_can_be_saved_again_and_again(unit_of_work: UnitOfWorkFactory) -> None:
    new = await keep(unit_of_work)

    async with unit_of_work() as uow:
        changed = replace(new)
        change(changed)
        await uow.teas.save(changed)
        await uow.flush()
        back = replace(new, version=changed.version)
        await uow.teas.save(back)
        await uow.commit()

    assert (changed.version, back.version) == (2, 3)
    assert replace(changed, version=3) != back
    assert await kept(unit_of_work, new.id) == back


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


async def test_the_second_of_two_copies_is_not_saved(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    new = await keep(unit_of_work)

    async with unit_of_work() as uow:
        first = await uow.teas.get(new.id)
        second = await uow.teas.get(new.id)
        change(first)
        await uow.teas.save(first)
        with pytest.raises(ConcurrentUpdate):
            await uow.teas.save(second)
        await uow.commit()

    assert await kept(unit_of_work, new.id) == first


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
            await written(other, other.teas.save(second))

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
            await written(uow, uow.teas.remove(stale))

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
