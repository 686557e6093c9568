"""How the text of a body becomes a command: strictly, and with nothing of it changed."""

import datetime as dt
import json
import re
from collections.abc import Collection
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, TypeGuard

from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from tea_shop.application.messages.base import BaseCommand

# Bare digits would be seconds since 1970, and what is below a microsecond cut off.
NO_TIME = re.compile(r"^[-+]?[\d.]+$|[.,]\d{6}\d*[1-9]")
MOST_FAULTS = 100  # that an answer tells of
MEDIA_TYPE = re.compile(r"application/(\S+\+)?json *(;|$)", re.IGNORECASE)


class JsonRequest(Request):
    """Leaves its body to the command, which reads the text of it."""

    @property
    def has_json(self) -> bool:
        """Whether the body is said to be JSON."""
        return MEDIA_TYPE.match(self.headers.get("Content-Type", "")) is not None

    async def json(self) -> bytes:
        """Return the text of the body, which was declared to be JSON."""
        return await self.body()


def sent(command: type[BaseCommand]) -> BeforeValidator:
    """Read a command from the text of a body.

    A text is no number and a number no text. What would be kept as something else than
    was sent is refused: a number that has more digits than JSON is sure to carry
    (RFC 8259, section 6; where more are kept, a text has them), a time below the
    microsecond, what stands twice in a set, a name that stands twice in an object.
    """

    def read(body: bytes) -> BaseCommand:
        try:
            made = command.model_validate_json(body, strict=True)
        except ValidationError as error:
            if error.error_count() > MOST_FAULTS:  # it takes long to write them down
                raise PydanticCustomError(
                    "faults", "More is wrong than can be told"
                ) from None
            raise
        given = json.loads(
            body, object_pairs_hook=_once, parse_float=_exact, parse_constant=_exact
        )
        _refuse_changed(given, made)
        return made

    return BeforeValidator(read)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise PydanticCustomError("name", "The same name stands twice")
    return made


def _exact(number: str) -> float:
    value = float(number)
    try:
        is_kept = isfinite(value) and Decimal(number) == Decimal(repr(value))
    except InvalidOperation:  # an exponent that even a Decimal has no room for
        is_kept = False
    if not is_kept:
        raise PydanticCustomError(
            "number", "A number has more digits than are kept: send a text"
        )
    return value


def _refuse_changed(given: Any, made: Any) -> None:
    if isinstance(made, BaseModel):
        for name, value in given.items():
            _refuse_changed(value, getattr(made, name))
    elif _is_many(made):
        if len(given) > len(made):
            raise PydanticCustomError("set", "The same stands twice in a set")
        for item, other in zip(given, made, strict=True):
            _refuse_changed(item, other)
    elif isinstance(made, dt.date | dt.time | dt.timedelta):
        if NO_TIME.search(given):
            raise PydanticCustomError(
                "time", "Write times as ISO 8601 does, and nothing below a microsecond"
            )
    elif isinstance(made, float) and isinstance(given, int) and int(made) != given:
        raise PydanticCustomError("number", "A number has more digits than are kept")


def _is_many(made: Any) -> TypeGuard[Collection[Any]]:
    return isinstance(made, tuple | frozenset)
