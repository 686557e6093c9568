import pytest
from pydantic import ValidationError

from tea_shop.application.messages.base import BaseCommand, PageQuery, SliceQuery


def test_a_part_begins_at_the_start_and_has_a_limit() -> None:
    assert PageQuery() == PageQuery(offset=0, limit=20)
    assert SliceQuery() == SliceQuery(after=0, limit=20)


@pytest.mark.parametrize(
    ("kind", "field", "bad"),
    [
        (PageQuery, "offset", -1),
        (PageQuery, "offset", 2**63),
        (PageQuery, "limit", 0),
        (PageQuery, "limit", 101),
        (PageQuery, "page", 1),
        (SliceQuery, "after", -1),
        (SliceQuery, "after", 2**63),
        (SliceQuery, "limit", 0),
        (SliceQuery, "limit", 101),
    ],
)
def test_a_bad_query_cannot_be_made(
    kind: type[BaseCommand], field: str, bad: int
) -> None:
    with pytest.raises(ValidationError, match=field):
        kind.model_validate({field: bad})


def test_what_is_wrong_is_told_without_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        PageQuery.model_validate({"limit": "a secret"})

    assert "limit" in str(caught.value)
    assert "secret" not in str(caught.value)
