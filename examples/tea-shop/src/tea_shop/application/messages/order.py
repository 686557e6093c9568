"""What goes in and out of the use cases of orders."""

from typing import Self

import pydantic

from tea_shop.application.messages.base import BaseCommand, BaseResult
from tea_shop.application.messages.values import EmailField
from tea_shop.domain.identities import OrderId, TeaId
from tea_shop.domain.order import Order, OrderLine


class OrderLineData(BaseCommand, from_attributes=True):
    """An order line, on its way in or out."""

    tea_id: TeaId = pydantic.Field(gt=0, lt=2**63)
    cups: int = pydantic.Field(ge=-(2**31), lt=2**31)

    def to_domain(self) -> OrderLine:
        """Make it; raise `InvalidValue` where a rule is broken."""
        return OrderLine.create(
            tea_id=self.tea_id,
            cups=self.cups,
        )


class CreateOrder(BaseCommand):
    """What a new order is made of."""

    guest: EmailField
    lines: tuple[OrderLineData, ...] = ()


class UpdateOrder(BaseCommand):
    """What an order is to become."""

    guest: EmailField
    lines: tuple[OrderLineData, ...]


class OrderResult(BaseResult):
    """An order as it is kept."""

    id: OrderId
    version: int
    guest: EmailField
    lines: tuple[OrderLineData, ...]

    @classmethod
    def from_domain(cls, order: Order) -> Self:
        """Tell what is kept of it."""
        return cls.model_validate(order)
