"""What every unit of work promises, whatever it is made of."""

import asyncio
from dataclasses import replace

import pytest

from tea_shop.application.errors import Misused, ReadOnly, RolledBack
from tea_shop.application.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tea_shop.domain.errors import AlreadyTaken
from tea_shop.domain.tea import TeaNotFound

from tests.builders.tea import add_tea, change, new_tea


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
            await uow.teas.add(same)
        with pytest.raises(RolledBack):
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
                await uow.teas.add(same)

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
