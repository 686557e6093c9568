"""Generation is quick, however many entities there are."""

import json
import shutil
import time
from pathlib import Path

from tests.conftest import TEMPLATE, bake, run

TYPES = (
    "str text int bigint float bool Decimal(12,2) date datetime time timedelta UUID"
    " bytes json Email Url [str]"
).split()


def many(entities: int) -> str:
    """Write so many entities of ten fields, every other with a reference."""
    written: list[str] = []
    for number in range(entities):
        kinds = [TYPES[(number + place) % len(TYPES)] for place in range(9)]
        fields = [f"field{place}: {kind}" for place, kind in enumerate(kinds)]
        other = f"Thing{number - 1}x" if number % 2 else "str(40) unique"
        written.append(f"Thing{number}x({', '.join(fields)}, last: {other})")
    return "\n".join(written)


def seconds(template: Path, output: Path, *answers: str) -> float:
    start = time.perf_counter()
    where = ("--no-input", "-o", output)
    done = run("cookiecutter", template, *where, *answers, cwd=output.parent)
    assert done.code == 0, done.out + done.err
    return time.perf_counter() - start


def test_2000_fields_take_less_than_twice_as_long_as_copying(tmp_path: Path) -> None:
    answer = many(200)
    plain = tmp_path / "plain"
    project = bake(tmp_path / "made", entities=answer)
    shutil.copytree(project, plain / "{{cookiecutter.project_slug}}")
    question = {"project_slug": "shop", "_copy_without_render": ["*.*"]}
    (plain / "cookiecutter.json").write_text(json.dumps(question))

    ratios: list[float] = []
    for turn in range(4):
        ours = seconds(TEMPLATE, tmp_path / f"ours{turn}", f"entities={answer}")
        ratios.append(ours / seconds(plain, tmp_path / f"theirs{turn}"))

    assert min(ratios) < 2, ratios  # other work on the machine only adds to it
