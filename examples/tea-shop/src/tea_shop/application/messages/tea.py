"""What goes in and out of the use cases of teas."""

from typing import Self

import pydantic

from tea_shop.application.messages.base import BaseCommand, BaseResult
from tea_shop.application.messages.values import Decimal2Field
from tea_shop.domain.identities import TeaId
from tea_shop.domain.tea import Tea


class CreateTea(BaseCommand):
    """What a new tea is made of."""

    name: str = pydantic.Field(min_length=1, max_length=255)
    price: Decimal2Field = pydantic.Field(max_digits=6, decimal_places=2)


class UpdateTea(BaseCommand):
    """What a tea is to become."""

    name: str = pydantic.Field(min_length=1, max_length=255)
    price: Decimal2Field = pydantic.Field(max_digits=6, decimal_places=2)


class TeaResult(BaseResult):
    """A tea as it is kept."""

    id: TeaId
    version: int
    name: str
    price: Decimal2Field

    @classmethod
    def from_domain(cls, tea: Tea) -> Self:
        """Tell what is kept of it."""
        return cls.model_validate(tea)
