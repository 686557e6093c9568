"""The rules that values share.

Each raises `InvalidValue`, and passes over None: whether a field may be absent, its
type says.
"""

import re
from decimal import ROUND_DOWN, Context, Decimal
from functools import cache

from tea_shop.domain.errors import InvalidValue

WIDE = Context(prec=1000)
"""With room for all digits of any column, whatever else is calculated with."""

SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half a character, which no encoding has: only a bad decoder makes one."""


def check_integer(field: str, value: int | None, *, bits: int) -> None:
    """Refuse what does not fit in so many bits, one of them for the sign."""
    limit = 1 << (bits - 1)
    if value is not None and not -limit <= value < limit:
        raise InvalidValue(f"{field} must fit in {bits} bits")


def check_decimal(
    field: str, value: Decimal | None, *, digits: int, places: int
) -> None:
    """Refuse what the column would round, or has no room for."""
    if not value:
        return
    if not value.is_finite():
        raise InvalidValue(f"{field} must be a finite number")
    has_room = value.adjusted() < digits - places
    if not has_room or value.quantize(_step(places), ROUND_DOWN, WIDE) != value:
        rule = f"at most {digits} digits, {places} of them decimals"
        raise InvalidValue(f"{field} must have {rule}")


@cache
def _step(places: int) -> Decimal:
    return Decimal((0, (1,), -places))


def check_line(field: str, value: str | None, *, longest: int) -> None:
    """Refuse what is blank, too long or no text."""
    if value is None:
        return
    if not value.strip():
        raise InvalidValue(f"{field} must not be blank")
    if len(value) > longest:
        raise InvalidValue(f"{field} must not be longer than {longest} characters")
    check_text(field, value)


def check_text(field: str, value: str | None) -> None:
    """Refuse what PostgreSQL does not keep."""
    if value and ("\0" in value or (not value.isascii() and SURROGATE.search(value))):
        raise InvalidValue(f"{field} must be text, without NUL or a lone surrogate")
