import pytest
from pydantic import TypeAdapter, ValidationError

from tea_shop.application.messages.values import EmailField
from tea_shop.domain.email import Email


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
