import datetime as dt
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from tea_shop.application.messages.base import BaseCommand
from tea_shop.entrypoints.http.bodies import sent


class Part(BaseCommand):
    ratio: float


class Sample(BaseCommand):
    day: dt.date | None = None
    moment: dt.datetime | None = None
    clock: dt.time | None = None
    lapse: dt.timedelta | None = None
    ratio: float | None = None
    parts: tuple[Part, ...] = ()
    days: frozenset[dt.date] = frozenset()


BODIES: TypeAdapter[Sample] = TypeAdapter(Annotated[Sample, sent(Sample)])
KEPT = [
    '{"day": "2026-01-31", "ratio": 9007199254740992, "lapse": "PT0.000001S"}',
    '{"moment": "2026-01-31T12:00:00.1234560Z", "clock": "14:00", "day": null}',
    '{"parts": [{"ratio": 1}, {"ratio": 0.1}]}',
]
CHANGED = [
    '{"ratio": 9007199254740993}',
    '{"parts": [{"ratio": 1}, {"ratio": 9007199254740993}]}',
    '{"day": "1767225600"}',
    '{"moment": "1767225600.5"}',
    '{"moment": "2026-01-31T12:00:00.1234567Z"}',
    '{"clock": "14:00:00.0000001"}',
    '{"lapse": "PT0.0000001S"}',
    '{"ratio": 1, "ratio": 2}',
    '{"parts": [{"ratio": 1, "ratio": 1}]}',
]


@pytest.mark.parametrize("body", KEPT)
def test_what_can_be_kept_is_taken(body: str) -> None:
    assert BODIES.validate_python(body.encode())


@pytest.mark.parametrize("body", CHANGED)
def test_what_would_be_changed_is_refused(body: str) -> None:
    with pytest.raises(ValidationError, match=r"number|times|name"):
        BODIES.validate_python(body.encode())


def test_what_stands_twice_in_a_set_is_told_so() -> None:
    assert BODIES.validate_python(b'{"days": ["2026-01-31", "2026-02-01"]}')
    with pytest.raises(ValidationError, match="The same stands twice in a set"):
        BODIES.validate_python(b'{"days": ["2026-01-31", "2026-01-31"]}')
