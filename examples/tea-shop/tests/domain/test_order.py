from typing import Any

import pytest

from tea_shop.domain.errors import InvalidValue, NotFound
from tea_shop.domain.order import Order, OrderLine

from tests.builders.order import an_order, change


def values(order: Order) -> dict[str, Any]:
    return {
        "guest": order.guest,
        "lines": order.lines,
    }


def test_it_takes_other_values() -> None:
    one = an_order()
    other = an_order()
    before = values(one)
    change(one)

    changed = [name for name in before if values(one)[name] != before[name]]
    assert changed == ["guest", "lines"]

    given = values(one)
    other.change(**given)
    new = Order.create(**given)

    assert values(other) == values(new) == given


def test_what_has_a_default_can_be_left_out() -> None:
    defaults: dict[str, Any] = {
        "lines": (),
    }
    given = values(an_order())
    for field in defaults:
        del given[field]

    new = Order.create(**given)

    assert values(new).items() >= defaults.items()


def test_its_lines_grow_and_shrink() -> None:
    order = an_order()
    first, second = order.lines

    order.remove_line(first)
    order.add_line(first)

    assert order.lines == (second, first)
    order.add_line(first)
    order.remove_line(first)
    assert order.lines == (second, first)
    order.lines = ()
    with pytest.raises(NotFound, match="do not belong together"):
        order.remove_line(second)


@pytest.mark.parametrize(
    ("part", "bad"),
    [
        ("cups", 2**31),
        ("cups", -(2**31) - 1),
    ],
)
def test_no_order_line_is_made_with_a_bad_value(part: str, bad: Any) -> None:
    good = an_order().lines[0]
    given: dict[str, Any] = {name: getattr(good, name) for name in good.__slots__}

    with pytest.raises(InvalidValue, match=f"^{part} must "):
        OrderLine.create(**{**given, part: bad})


def test_a_new_one_has_no_identity_yet() -> None:
    new = an_order()

    assert (new.id, new.version) == (0, 0)
