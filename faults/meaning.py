"""What JSON means as a type of the language: an opinion apart from the service's.

Each function raises `ValueError` where a value means nothing as its type.
"""

import base64
import datetime as dt
import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn, TypeVar
from uuid import UUID

T = TypeVar("T")
NUMBER = r"([-+]?\d+(?:\.\d+)?)"
DURATION = re.compile(
    rf"([-+]?)P(?:{NUMBER}Y)?(?:{NUMBER}M)?(?:{NUMBER}W)?(?:{NUMBER}D)?"
    rf"(?:T(?:{NUMBER}H)?(?:{NUMBER}M)?(?:{NUMBER}S)?)?"
)
CLOCK = re.compile(r"([-+]?)(?:(\d+) days?,? )?(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?")
SECONDS = (31_536_000, 2_592_000, 604_800, 86_400, 3600, 60, 1)
"""A year has 365 days here and a month 30, as pydantic reads and writes them."""


def read(text: str | bytes) -> Any:
    """Read JSON with every digit; refuse what it is not, and a name that is twice."""
    return json.loads(
        text,
        object_pairs_hook=_once,
        parse_constant=_refuse,
        parse_float=Decimal,
        parse_int=Decimal,
    )


def text(value: Any) -> str:
    """Read a text."""
    return _a(str, value)


def number(value: Any) -> Decimal:
    """Read a number."""
    return _a(Decimal, value)


def ratio(value: Any) -> float | Decimal:
    """Read a number that a float can be: as it is written for short, or in full."""
    near = float(number(value))
    is_kept = value in (Decimal(repr(near)), Decimal(near))
    return near if is_kept else number(value)


def whole(value: Any) -> int:
    """Read a number that has nothing behind its point."""
    if number(value) != int(value):
        _refuse(value)
    return int(value)


def boolean(value: Any) -> bool:
    """Read true or false."""
    return _a(bool, value)


def decimal(value: Any) -> Decimal:
    """Read a number, or a text that is one."""
    if isinstance(value, str) and re.fullmatch(r"[-+\d._eE]+", value):
        return Decimal(value)
    return number(value)


def date(value: Any) -> dt.date:
    """Read a day; the driver writes the first and the last as these words."""
    words = {"-infinity": "0001-01-01", "infinity": "9999-12-31"}
    return dt.date.fromisoformat(words.get(text(value), value))


def instant(value: Any) -> Fraction:
    """Read a point in time, as seconds."""
    clock, fraction = _split(text(value))
    moment = dt.datetime.fromisoformat(clock)
    offset = moment.utcoffset()
    if offset is None:
        _refuse(value)
    day = moment.toordinal() * 86_400
    return day + _since_midnight(moment.time()) + fraction - _seconds(offset)


def time(value: Any) -> Fraction:
    """Read a time of the day, as seconds."""
    clock, fraction = _split(text(value))
    read = dt.time.fromisoformat(clock)
    if read.tzinfo:
        _refuse(value)
    return _since_midnight(read) + fraction


def duration(value: Any) -> Fraction:
    """Read a stretch of time, as seconds."""
    if found := DURATION.fullmatch(text(value)):
        sign, *amounts = found.groups()
        pairs = zip(amounts, SECONDS, strict=True)
        parts = [Fraction(amount or 0) * seconds for amount, seconds in pairs]
    elif found := CLOCK.fullmatch(value):
        sign, days, hours, minutes, seconds = found.groups("0")
        whole = int(days) * 86_400 + int(hours) * 3600 + int(minutes) * 60
        parts = [Fraction(whole), Fraction(seconds)]
    else:
        _refuse(value)
    return Fraction(-sum(parts) if sign == "-" else sum(parts))


def identity(value: Any) -> UUID:
    """Read a UUID."""
    return UUID(text(value))


def binary(value: Any) -> bytes:
    """Read Base64 of either alphabet, or bytes as PostgreSQL writes them."""
    if text(value).startswith("\\x"):
        return bytes.fromhex(value[2:])
    padded = value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4)
    read = base64.b64decode(padded.translate({45: 43, 95: 47}), validate=True)
    if base64.b64encode(read).decode() != padded.translate({45: 43, 95: 47}):
        _refuse(value)  # a bit of it would be lost
    return read


def anything(value: Any) -> dict[str, Any]:
    """Read an object."""
    return _a(dict, value)


def _a(kind: type[T], value: Any) -> T:
    return value if isinstance(value, kind) else _refuse(value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def _refuse(value: Any) -> NoReturn:
    raise ValueError(f"{value} is not of this type")


def _split(value: str) -> tuple[str, Fraction]:
    """Take the digits behind the second out, however many they are."""
    found = re.fullmatch(r"(.*:\d\d)[.,](\d+)(.*)", value)
    if not found:
        return value, Fraction(0)
    return found[1] + found[3], Fraction(int(found[2]), 10 ** len(found[2]))


def _since_midnight(clock: dt.time) -> Fraction:
    return Fraction(clock.hour * 3600 + clock.minute * 60 + clock.second)


def _seconds(delta: dt.timedelta) -> Fraction:
    return Fraction(delta // dt.timedelta(microseconds=1), 10**6)
