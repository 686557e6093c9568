"""Python is laid out as ruff would, before ruff has seen it."""

import subprocess
from pathlib import Path

import pytest

from hexagonal_answers import part
from tests.conftest import BIN

rendering = part("rendering")
LONG, LONGER = (
    "a_name_of_thirty_letters_or_so",
    "another_name_of_forty_letters_or_more__",
)

STATEMENTS = [
    "x = f(a, b)",
    f"{LONG} = await uow.{LONG}.get({LONG})",
    f"{LONGER} = await uow.{LONGER}s.get({LONGER}_id)",
    f"await uow.{LONGER}.save({LONGER})",
    f"return {LONG}.model_validate({LONGER}, {LONG})",
    f"return f({LONG}, {LONGER}, key={LONG}, other={LONG})",
    f'x = f("a string, with (brackets] in it", {LONG}, {LONGER})',
    f"page = await uow.{LONG}.list_page(offset=query.offset, limit=query.limit)",
    f"def {LONG}(one: {LONG}, other: {LONG}) -> {LONG}[int]: ...",
    f"def {LONG}(one: {LONG}, other: {LONGER}, third: int) -> {LONG}[int]: ...",
    f"async def {LONG}(one: {LONG}) -> {LONG}[{LONG}]: ...",
    f"class {LONG}({LONG}[{LONG}], {LONGER}): ...",
    f"{LONGER}: {LONGER}Repository",
    f'x = {LONG}["{LONG}"]["{LONGER}"]',
    f"    x = {LONG}(f({LONG}, {LONG}), g({LONG}, {LONG}))",
]


def ruff(text: str, *arguments: str) -> str:
    command = [str(BIN / "ruff"), *arguments, "-"]
    done = subprocess.run(
        command, capture_output=True, check=True, encoding="utf-8", input=text
    )
    return done.stdout


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_is_folded_as_ruff_does(statement: str) -> None:
    text = f"if x:\n{statement}\n" if statement.startswith(" ") else f"{statement}\n"

    folded = rendering.lay_out(text, "shop")

    assert folded == ruff(text, "format", "--isolated")


def test_imports_are_sorted_as_ruff_does(tmp_path: Path) -> None:
    imports = [
        "from shop.domain.order_line import OrderLine",
        "from shop.domain.order10 import order, Order10, Order2, MAX, Order",
        "from shop.domain.order2 import b, A1, HTTPServer, HttpClient, _c, X",
        "from shop.domain.order import OrderId, Order",
        "from shop.application.zebra import Zebra, zebra, ZEBRA",
        f"from shop.domain.{LONGER} import {LONG}, {LONGER}, A",
    ]
    members = ", ".join(line.partition(" import ")[2] for line in imports)
    text = "\n".join([*imports, "", *members.split(", "), ""])

    sorted_by_us = rendering.lay_out(text, "shop")

    isolated = ("--isolated", "--quiet", "--select", "I", "--fix")
    shop = ("--config", 'lint.isort.known-first-party=["shop"]')
    assert sorted_by_us == ruff(text, "check", *isolated, *shop)


def test_comments_and_docstrings_are_left_as_they_are() -> None:
    text = f"# {LONG}({LONG}, {LONGER})\n" + f'"""{LONG}({LONG}, {LONGER})."""\n'

    assert rendering.lay_out(text, "shop") == text
