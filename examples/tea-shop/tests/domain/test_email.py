import pytest

from tea_shop.domain.email import Email
from tea_shop.domain.errors import InvalidValue

LONGEST = f"{'a' * 242}@example.com"


@pytest.mark.parametrize(
    "text", ["user@example.com", "first.last+tag@mail.example.co", "a@b", LONGEST]
)
def test_it_is_written_as_it_was_given(text: str) -> None:
    assert str(Email(text)) == text
    assert Email(text) == Email(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user",
        "user@",
        "@example.com",
        "a b@example.com",
        "user@-example.com",
        "user@example..com",
        "user@example.com\n",
        "us\0er@example.com",
        f"a{LONGEST}",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="must be like user@"):
        Email(text)
