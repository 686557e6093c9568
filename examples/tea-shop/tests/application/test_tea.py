from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from tea_shop.application.messages.base import PageQuery, SliceQuery
from tea_shop.application.messages.tea import CreateTea, TeaResult, UpdateTea
from tea_shop.application.tea import TeaService
from tea_shop.application.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tea_shop.domain.errors import InvalidValue, StaleVersion
from tea_shop.domain.identities import TeaId
from tea_shop.domain.tea import TeaNotFound

from tests.builders.tea import a_tea, change, new_tea

UNKNOWN = TeaId(2**40)


@pytest.fixture
def service(in_memory: UnitOfWorkFactory) -> TeaService:
    return TeaService(in_memory)


async def command_to_create(unit_of_work: UnitOfWorkFactory) -> CreateTea:
    async with unit_of_work() as uow:
        new = await new_tea(uow)
        await uow.commit()
    return CreateTea.model_validate(new, from_attributes=True)


def another(_kept: TeaResult) -> UpdateTea:
    changed = a_tea()
    change(changed)
    return UpdateTea.model_validate(changed, from_attributes=True)


@pytest.fixture
async def kept(service: TeaService, in_memory: UnitOfWorkFactory) -> TeaResult:
    return await service.create(await command_to_create(in_memory))


async def test_a_page_is_a_part_of_them_all(
    service: TeaService, in_memory: UnitOfWorkFactory, kept: TeaResult
) -> None:
    one = await service.create(await command_to_create(in_memory))
    two = await service.create(await command_to_create(in_memory))

    page = await service.list_page(PageQuery(offset=1, limit=1))
    everything = await service.list_page(PageQuery())

    assert (page.items, page.total) == ([one], 3)
    assert (page.offset, page.limit) == (1, 1)
    assert everything.items == [kept, one, two]


async def test_a_page_follows_an_identity(
    service: TeaService, in_memory: UnitOfWorkFactory, kept: TeaResult
) -> None:
    one = await service.create(await command_to_create(in_memory))
    two = await service.create(await command_to_create(in_memory))

    first = await service.list_after(SliceQuery(limit=2))
    second = await service.list_after(SliceQuery(after=one.id))

    assert (first.items, first.has_more) == ([kept, one], True)
    assert (second.items, second.has_more) == ([two], False)


async def test_what_is_created_and_updated_is_kept(
    unit_of_work: UnitOfWorkFactory,
) -> None:
    service = TeaService(unit_of_work)
    async with unit_of_work() as uow:
        one = await new_tea(uow)
        two = await new_tea(uow)
        await uow.commit()
    change(two)
    command = CreateTea.model_validate(one, from_attributes=True)

    created = await service.create(command)

    assert vars(created) == {"id": created.id, "version": 1, **vars(command)}
    assert created.id > 0
    assert await service.get(created.id) == created

    other = UpdateTea.model_validate(two, from_attributes=True)
    updated = await service.update(created.id, other)

    assert vars(updated) == {"id": created.id, "version": 2, **vars(other)}
    assert await service.get(created.id) == updated


async def test_what_was_deleted_is_gone(service: TeaService, kept: TeaResult) -> None:
    await service.delete(kept.id)

    with pytest.raises(TeaNotFound, match=f" {kept.id}$"):
        await service.get(kept.id)
    assert (await service.list_page(PageQuery())).total == 0


async def test_what_moved_on_since_the_caller_saw_it_stays(
    service: TeaService, kept: TeaResult
) -> None:
    command = another(kept)
    updated = await service.update(kept.id, command, version=kept.version)

    with pytest.raises(StaleVersion):
        await service.update(kept.id, command, version=kept.version)
    with pytest.raises(StaleVersion):
        await service.delete(kept.id, version=kept.version)

    assert await service.get(kept.id) == updated
    await service.delete(kept.id, version=updated.version)


async def test_what_is_not_there_cannot_be_used(
    service: TeaService, kept: TeaResult
) -> None:
    command = another(kept)

    with pytest.raises(TeaNotFound):
        await service.get(UNKNOWN)
    with pytest.raises(TeaNotFound):
        await service.update(UNKNOWN, command)
    with pytest.raises(TeaNotFound):
        await service.delete(UNKNOWN)


async def test_an_update_that_breaks_a_rule_changes_nothing(
    service: TeaService, kept: TeaResult
) -> None:
    given = another(kept)

    with pytest.raises(InvalidValue):
        await service.update(kept.id, given.model_copy(update={"name": ""}))

    assert await service.get(kept.id) == kept


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("no field", 1),
        ("name", ""),
        ("name", "x" * 256),
        ("name", 1),
        ("name", None),
        ("price", "much"),
        ("price", Decimal(1).scaleb(4)),
        ("price", None),
    ],
)
def test_a_bad_command_cannot_be_made(field: str, bad: Any) -> None:
    new = a_tea()
    good = dict(vars(CreateTea.model_validate(new, from_attributes=True)))

    with pytest.raises(ValidationError, match=field):
        CreateTea.model_validate({**good, field: bad})
    with pytest.raises(ValidationError, match=field):
        UpdateTea.model_validate({**good, field: bad})


async def test_one_is_found_by_its_name(service: TeaService, kept: TeaResult) -> None:
    key = kept.name

    found = await service.find_by_name(key)
    await service.delete(kept.id)
    gone = await service.find_by_name(key)

    assert (found, gone) == (kept, None)


async def test_what_reads_does_nothing_else(
    in_memory: UnitOfWorkFactory, kept: TeaResult
) -> None:
    asked: list[bool] = []

    def asking(*, read_only: bool = False) -> UnitOfWork:
        asked.append(read_only)
        return in_memory(read_only=read_only)

    service = TeaService(asking)
    await service.get(kept.id)
    await service.list_page(PageQuery())
    await service.list_after(SliceQuery())
    await service.find_by_name(kept.name)

    assert asked == [True] * 4


def test_an_update_leaves_nothing_out() -> None:
    new = a_tea()
    good = dict(vars(CreateTea.model_validate(new, from_attributes=True)))

    for field in good:
        rest = {name: value for name, value in good.items() if name != field}
        with pytest.raises(ValidationError, match=field):
            UpdateTea.model_validate(rest)


def test_a_command_and_a_result_can_be_written_as_json() -> None:
    new = a_tea()
    command = CreateTea.model_validate(new, from_attributes=True)
    result = TeaResult.model_validate(new)

    command_again = CreateTea.model_validate_json(command.model_dump_json())
    result_again = TeaResult.model_validate_json(result.model_dump_json())

    assert (command_again, result_again) == (command, result)
