"""Orders to test with."""

from tea_shop.application.unit_of_work import UnitOfWork
from tea_shop.domain.email import Email
from tea_shop.domain.identities import TeaId
from tea_shop.domain.order import Order, OrderLine

from tests.builders.tea import add_tea


def an_order(*, line_tea_id: TeaId = TeaId(1)) -> Order:
    """A new one; what it refers to need not be there."""
    return Order.create(
        guest=Email("user@example.com"),
        lines=(
            OrderLine.create(tea_id=line_tea_id, cups=42),
            OrderLine.create(tea_id=line_tea_id, cups=2**31 - 1),
        ),
    )


def change(order: Order) -> None:
    """Give it other values."""
    order.change(
        guest=Email("another.user+tag@mail.example.com"),
        lines=(OrderLine.create(tea_id=order.lines[0].tea_id, cups=2**31 - 1),),
    )


async def new_order(uow: UnitOfWork) -> Order:
    """One that is not kept yet, while all that it must refer to is."""
    return an_order(line_tea_id=(await add_tea(uow)).id)


async def add_order(uow: UnitOfWork) -> Order:
    """One that has its identity, with all that it must refer to."""
    new = await new_order(uow)
    await uow.orders.add(new)
    await uow.flush()
    return new
