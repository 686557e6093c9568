"""The rules that values share.

Each raises `InvalidValue`, and passes over None: whether a field may be absent, its
type says.
"""

import re
from decimal import Decimal

from tea_shop.domain.errors import InvalidValue

UNKEPT = re.compile(r"[\0\ud800-\udfff]")
"""The characters that PostgreSQL does not keep: NUL and lone surrogates."""


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
    _, figures, exponent = value.as_tuple()
    surplus = -int(exponent) - places
    is_exact = surplus <= 0 or not any(figures[-surplus:])
    if not is_exact or value.adjusted() >= digits - places:
        rule = f"at most {digits} digits, {places} of them decimals"
        raise InvalidValue(f"{field} must have {rule}")


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
    if value and UNKEPT.search(value):
        raise InvalidValue(f"{field} must be text, without NUL or a lone surrogate")
