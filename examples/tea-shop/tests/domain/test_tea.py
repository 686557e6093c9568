from decimal import Decimal
from typing import Any

import pytest

from tea_shop.domain.errors import InvalidValue
from tea_shop.domain.tea import Tea

from tests.builders.tea import a_tea, change

BAD_VALUES: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", " \t"),
    ("name", "x" * 256),
    ("name", "a\0b"),
    ("name", "a\ud800b"),
    ("price", Decimal("nan")),
    ("price", Decimal(1).scaleb(4)),
    ("price", Decimal(1).scaleb(-2 - 1)),
]


def values(tea: Tea) -> dict[str, Any]:
    return {
        "name": tea.name,
        "price": tea.price,
    }


def test_it_takes_other_values() -> None:
    one = a_tea()
    other = a_tea()
    before = values(one)
    change(one)

    changed = [name for name in before if values(one)[name] != before[name]]
    assert changed == ["name", "price"]

    given = values(one)
    other.change(**given)
    new = Tea.create(**given)

    assert values(other) == values(new) == given


@pytest.mark.parametrize(("field", "bad"), BAD_VALUES)
def test_it_takes_no_bad_value(field: str, bad: Any) -> None:
    kept = a_tea()
    other = a_tea()
    before = values(kept)
    change(other)

    with pytest.raises(InvalidValue, match=f"^{field} must "):
        Tea.create(**{**before, field: bad})
    with pytest.raises(InvalidValue, match=f"^{field} must "):
        kept.change(**{**values(other), field: bad})

    assert values(kept) == before


def test_a_new_one_has_no_identity_yet() -> None:
    new = a_tea()

    assert (new.id, new.version) == (0, 0)
