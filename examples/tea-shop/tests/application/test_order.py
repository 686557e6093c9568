from typing import Any

import pytest
from pydantic import ValidationError

from tea_shop.application.messages.base import PageQuery, SliceQuery
from tea_shop.application.messages.order import CreateOrder, OrderResult, UpdateOrder
from tea_shop.application.order import OrderService
from tea_shop.application.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tea_shop.domain.errors import StaleVersion
from tea_shop.domain.identities import OrderId
from tea_shop.domain.order import OrderNotFound

from tests.builders.order import an_order, change, new_order

UNKNOWN = OrderId(2**40)


@pytest.fixture
def service(in_memory: UnitOfWorkFactory) -> OrderService:
    return OrderService(in_memory)


async def command_to_create(unit_of_work: UnitOfWorkFactory) -> CreateOrder:
    async with unit_of_work() as uow:
        new = await new_order(uow)
        await uow.commit()
    return CreateOrder.model_validate(new, from_attributes=True)


def another(kept: OrderResult) -> UpdateOrder:
    changed = an_order(line_tea_id=kept.lines[0].tea_id)
    change(changed)
    return UpdateOrder.model_validate(changed, from_attributes=True)


@pytest.fixture
async def kept(service: OrderService, in_memory: UnitOfWorkFactory) -> OrderResult:
    return await service.create(await command_to_create(in_memory))


async def test_a_page_is_a_part_of_them_all(
    service: OrderService, in_memory: UnitOfWorkFactory, kept: OrderResult
) -> None:
    one = await service.create(await command_to_create(in_memory))
    two = await service.create(await command_to_create(in_memory))

    page = await service.list_page(PageQuery(offset=1, limit=1))
    everything = await service.list_page(PageQuery())

    assert (page.items, page.total) == ([one], 3)
    assert (page.offset, page.limit) == (1, 1)
    assert everything.items == [kept, one, two]


async def test_a_page_follows_an_identity(
    service: OrderService, in_memory: UnitOfWorkFactory, kept: OrderResult
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
    service = OrderService(unit_of_work)
    async with unit_of_work() as uow:
        one = await new_order(uow)
        two = await new_order(uow)
        await uow.commit()
    change(two)
    command = CreateOrder.model_validate(one, from_attributes=True)

    created = await service.create(command)

    assert vars(created) == {"id": created.id, "version": 1, **vars(command)}
    assert created.id > 0
    assert await service.get(created.id) == created

    other = UpdateOrder.model_validate(two, from_attributes=True)
    updated = await service.update(created.id, other)

    assert vars(updated) == {"id": created.id, "version": 2, **vars(other)}
    assert await service.get(created.id) == updated


async def test_what_was_deleted_is_gone(
    service: OrderService, kept: OrderResult
) -> None:
    await service.delete(kept.id)

    with pytest.raises(OrderNotFound, match=f" {kept.id}$"):
        await service.get(kept.id)
    assert (await service.list_page(PageQuery())).total == 0


async def test_what_moved_on_since_the_caller_saw_it_stays(
    service: OrderService, kept: OrderResult
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
    service: OrderService, kept: OrderResult
) -> None:
    command = another(kept)

    with pytest.raises(OrderNotFound):
        await service.get(UNKNOWN)
    with pytest.raises(OrderNotFound):
        await service.update(UNKNOWN, command)
    with pytest.raises(OrderNotFound):
        await service.delete(UNKNOWN)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("no field", 1),
        ("guest", "nobody"),
        ("guest", "nobody@"),
        ("guest", "a b@example.com"),
        ("guest", 1),
        ("guest", None),
        ("lines", "none"),
        ("lines", None),
    ],
)
def test_a_bad_command_cannot_be_made(field: str, bad: Any) -> None:
    new = an_order()
    good = dict(vars(CreateOrder.model_validate(new, from_attributes=True)))

    with pytest.raises(ValidationError, match=field):
        CreateOrder.model_validate({**good, field: bad})
    with pytest.raises(ValidationError, match=field):
        UpdateOrder.model_validate({**good, field: bad})


def test_a_command_has_the_defaults_of_the_domain() -> None:
    new = an_order()
    good = dict(vars(CreateOrder.model_validate(new, from_attributes=True)))
    defaults: dict[str, Any] = {
        "lines": (),
    }
    for field in defaults:
        del good[field]

    command = CreateOrder.model_validate(good)

    assert vars(command).items() >= defaults.items()


async def test_what_reads_does_nothing_else(
    in_memory: UnitOfWorkFactory, kept: OrderResult
) -> None:
    asked: list[bool] = []

    def asking(*, read_only: bool = False) -> UnitOfWork:
        asked.append(read_only)
        return in_memory(read_only=read_only)

    service = OrderService(asking)
    await service.get(kept.id)
    await service.list_page(PageQuery())
    await service.list_after(SliceQuery())

    assert asked == [True] * 3


def test_an_update_leaves_nothing_out() -> None:
    new = an_order()
    good = dict(vars(CreateOrder.model_validate(new, from_attributes=True)))

    for field in good:
        rest = {name: value for name, value in good.items() if name != field}
        with pytest.raises(ValidationError, match=field):
            UpdateOrder.model_validate(rest)


def test_a_command_and_a_result_can_be_written_as_json() -> None:
    new = an_order()
    command = CreateOrder.model_validate(new, from_attributes=True)
    result = OrderResult.model_validate(new)

    command_again = CreateOrder.model_validate_json(command.model_dump_json())
    result_again = OrderResult.model_validate_json(result.model_dump_json())

    assert (command_again, result_again) == (command, result)
