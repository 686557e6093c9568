"""How the value objects of the domain are written at the boundary: as text."""

from typing import Annotated, TypeAlias

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from tea_shop.domain.email import Email
from tea_shop.domain.errors import InvalidValue


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
