"""What `docs/architecture.md` tells is so."""

import re
from pathlib import Path

import pytest
from httpx import AsyncClient

from tea_shop.application.messages.tea import UpdateTea
from tea_shop.container import Container

from tests.builders.tea import add_tea, change

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_file_that_it_names_is_there_with_what_it_names_in_it() -> None:
    named = set(re.findall(r"`((?:src|tests)/[^`]+|pyproject\.toml)`", PAGE))
    assert len(named) > 15
    for name in named:
        assert (ROOT / name).exists(), name

    steps = re.findall(r"^\| \d+ \| `([^`]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    assert len(steps) == 15
    for name, what in steps:
        module = (ROOT / name).read_text(encoding="utf-8")
        for word in re.findall(r"`(?:\w+\.)?([a-z_]+|[A-Z]\w+)`", what):
            assert re.search(rf"\b{word}\b", module), f"{word} in {name}"


@pytest.mark.postgres
async def test_the_statements_are_those_that_it_tells(
    client: AsyncClient, container: Container, statements: list[str]
) -> None:
    async with container.unit_of_work() as uow:
        kept = await add_tea(uow)
        await uow.commit()
    place = f"/api/teas/{kept.id}"
    change(kept)
    command = UpdateTea.model_validate(kept, from_attributes=True)
    body = command.model_dump(mode="json")
    statements.clear()

    await client.put(place, json=body, headers={"If-Match": '"1"'})

    assert re.match(r"(?s)SELECT .+\sFROM teas\b", statements[0])
    updates = [sent for sent in statements if sent.startswith("UPDATE teas ")]
    assert len(updates) == 1
    assert "version = " in updates[0].partition("WHERE")[2]
