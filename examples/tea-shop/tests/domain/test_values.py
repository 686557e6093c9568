from decimal import Decimal

import pytest

from tea_shop.domain.errors import InvalidValue
from tea_shop.domain.values import check_decimal, check_integer, check_line


def test_what_is_absent_breaks_no_rule() -> None:
    check_line("field", None, longest=1)
    check_integer("field", None, bits=32)
    check_decimal("field", None, digits=2, places=1)


@pytest.mark.parametrize("bits", [32, 64])
def test_an_integer_can_be_as_large_as_its_column(bits: int) -> None:
    limit: int = 2 ** (bits - 1)
    check_integer("field", limit - 1, bits=bits)
    check_integer("field", -limit, bits=bits)

    with pytest.raises(InvalidValue, match=f"field must fit in {bits} bits"):
        check_integer("field", limit, bits=bits)


@pytest.mark.parametrize("value", ["0", "0E+9", "-999.99", "1E+2", "100.000", "0.01"])
def test_a_decimal_can_be_as_exact_as_its_column(value: str) -> None:
    check_decimal("field", Decimal(value), digits=5, places=2)


@pytest.mark.parametrize(
    "value", ["1000", "1E+3", "0.001", "-1.005", "1E-9999999", "nan", "-inf"]
)
def test_a_decimal_is_never_rounded(value: str) -> None:
    with pytest.raises(InvalidValue, match="field must "):
        check_decimal("field", Decimal(value), digits=5, places=2)


def test_a_decimal_can_have_all_digits_of_the_widest_column() -> None:
    check_decimal("field", Decimal(f"{'9' * 500}.{'9' * 500}"), digits=1000, places=500)

    with pytest.raises(InvalidValue, match="field must have at most 1000 digits"):
        check_decimal(
            "field", Decimal(f"{'9' * 500}.{'9' * 501}"), digits=1000, places=500
        )


def test_a_line_can_be_as_long_as_its_limit() -> None:
    check_line("field", "x" * 7, longest=7)

    with pytest.raises(InvalidValue, match="field must not be longer than 7"):
        check_line("field", "x" * 8, longest=7)
