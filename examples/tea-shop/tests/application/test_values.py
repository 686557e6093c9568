from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tea_shop.application.messages.values import Decimal2Field, EmailField
from tea_shop.domain.email import Email


@pytest.mark.parametrize(
    ("field", "value", "written"),
    [
        (Decimal2Field, "-0", "0.00"),
        (Decimal2Field, "2E+1", "20.00"),
    ],
)
def test_a_decimal_is_written_as_it_is_kept(
    field: Any, value: str, written: str
) -> None:
    adapter = TypeAdapter[Decimal](field)

    assert adapter.dump_python(Decimal(value), mode="json") == written
    assert str(adapter.dump_python(Decimal(value))) == value


def test_email_is_text_at_the_boundary() -> None:
    field = TypeAdapter[Email](EmailField)

    read = field.validate_python("user@example.com")

    assert read == field.validate_python(read) == Email("user@example.com")
    assert field.dump_json(read) == b'"user@example.com"'
    assert field.json_schema()["type"] == "string"


@pytest.mark.parametrize("bad", ["", "nobody", 1, None, b"user@example.com"])
def test_what_is_no_email_is_refused(bad: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[Email](EmailField).validate_python(bad)
