"""Teas to test with."""

from decimal import Decimal
from itertools import count

from tea_shop.application.unit_of_work import UnitOfWork
from tea_shop.domain.tea import Tea

NUMBERS = count(1)


def a_tea() -> Tea:
    """A new one."""
    number = next(NUMBERS)
    return Tea.create(name=f"name {number}", price=Decimal("12.05"))


def change(tea: Tea) -> None:
    """Give it other values."""
    number = next(NUMBERS)
    tea.change(name=f"name {number}", price=Decimal("-9999.99"))


async def new_tea(_uow: UnitOfWork) -> Tea:
    """One that is not kept yet, while all that it must refer to is."""
    return a_tea()


async def add_tea(uow: UnitOfWork) -> Tea:
    """One that has its identity, with all that it must refer to."""
    new = await new_tea(uow)
    await uow.teas.add(new)
    await uow.flush()
    return new
