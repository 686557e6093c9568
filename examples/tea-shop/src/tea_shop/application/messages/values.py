"""How values are written at the boundary: in the one way in which they are kept."""

from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from tea_shop.domain.email import Email
from tea_shop.domain.errors import InvalidValue


def _written(form: str) -> PlainSerializer:
    def write(value: Decimal) -> str:
        return f"{value:z{form}}"

    return PlainSerializer(write, when_used="json")


Decimal2Field: TypeAlias = Annotated[Decimal, _written(".2f")]


def _email(value: object) -> Email:
    if isinstance(value, Email):
        return value
    if not isinstance(value, str):
        raise InvalidValue("an e-mail address must be text")
    return Email(value)


EmailField: TypeAlias = Annotated[
    Email,
    PlainValidator(_email),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
