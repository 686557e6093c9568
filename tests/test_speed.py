"""Generation is quick, however many entities there are, and so is what is generated."""

import json
import os
import shutil
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.conftest import TEMPLATE, bake, run

TYPES = (
    "str text int bigint float bool Decimal(12,2) date datetime time timedelta UUID"
    " bytes json Email Url [str]"
).split()

COUNTING = """
import atexit, os, sys

calls = 0

def count(*_):
    global calls
    calls += 1

@atexit.register
def keep():
    sys.setprofile(None)
    with open(os.environ["CALLS"], "a") as file:
        print(calls, file=file)

sys.setprofile(count)
"""


def many(entities: int) -> str:
    """Write so many entities of ten fields, every other with a reference."""
    written: list[str] = []
    for number in range(entities):
        kinds = [TYPES[(number + place) % len(TYPES)] for place in range(9)]
        fields = [f"field{place}: {kind}" for place, kind in enumerate(kinds)]
        other = f"Thing{number - 1}x" if number % 2 else "str(40) unique"
        written.append(f"Thing{number}x({', '.join(fields)}, last: {other})")
    return "\n".join(written)


def seconds(*command: str | Path, cwd: Path, **environment: str) -> float:
    """Run a command; return the time of the processor, which others do not add to."""
    start = os.times()
    done = run(*command, cwd=cwd, **environment)
    assert done.code == 0, done.out + done.err
    end = os.times()
    user = end.children_user - start.children_user
    return user + end.children_system - start.children_system


def generate(template: Path, output: Path, *answers: str, **environment: str) -> float:
    """Generate; return how long it took."""
    command = ("cookiecutter", template, "--no-input", "-o", output)
    return seconds(*command, *answers, cwd=output.parent, **environment)


def copying(project: Path, template: Path) -> Path:
    """Make a template that copies the files of a project."""
    shutil.copytree(project, template / "{{cookiecutter.project_slug}}")
    question = {"project_slug": "shop", "_copy_without_render": ["*.*"]}
    (template / "cookiecutter.json").write_text(json.dumps(question))
    return template


def test_2000_fields_take_less_than_twice_as_long_as_copying(tmp_path: Path) -> None:
    answer = many(200)
    plain = copying(bake(tmp_path / "made", entities=answer), tmp_path / "plain")

    ratios = [2.0]
    while min(ratios) >= 2 and len(ratios) < 9:  # other work on the machine adds to it
        ours = generate(TEMPLATE, tmp_path / f"o{len(ratios)}", f"entities={answer}")
        ratios.append(ours / generate(plain, tmp_path / f"t{len(ratios)}"))

    assert min(ratios) < 2, ratios


def test_the_default_service_takes_little_longer_than_plain_files(
    tmp_path: Path,
) -> None:
    plain = tmp_path / "plain"
    made = plain / "{{cookiecutter.project_slug}}"
    shutil.copytree(bake(tmp_path / "made"), made)
    (plain / "cookiecutter.json").write_text('{"project_slug": "shop"}')
    for path in [path for path in made.rglob("*") if path.is_file()]:
        path.write_bytes(path.read_bytes().replace(b"{", b"(").replace(b"}", b")"))

    ratios = [1.3]
    while min(ratios) >= 1.3 and len(ratios) < 9:
        ours = generate(TEMPLATE, tmp_path / f"o{len(ratios)}")
        ratios.append(ours / generate(plain, tmp_path / f"t{len(ratios)}"))

    assert min(ratios) < 1.3, ratios


def test_the_work_grows_as_the_number_of_entities(tmp_path: Path) -> None:
    # Calls are counted, and not seconds: `benchmarks/README.md` shows those.
    (tmp_path / "sitecustomize.py").write_text(COUNTING)

    def calls(entities: int, turn: str = "") -> int:
        kept = tmp_path / f"calls_{entities}{turn}"
        answer = f"entities={many(entities)}"
        environment = {"PYTHONPATH": str(tmp_path), "CALLS": str(kept)}
        generate(TEMPLATE, tmp_path / f"{entities}{turn}", answer, **environment)
        processes = [int(line) for line in kept.read_text().split()]
        assert len(processes) == 2  # cookiecutter and the hook
        return sum(processes)

    calls(1, "first")  # it compiles what the others import
    one, hundred, two_hundred = calls(1), calls(100), calls(200)

    assert (two_hundred - one) / (hundred - one) < 2.1


@pytest.mark.parametrize("api", ["fastapi", "none"])
def test_a_container_takes_no_longer_to_import_than_libraries_do(
    tmp_path: Path, api: str
) -> None:
    source = bake(tmp_path, api=api) / "src"
    libraries = "import sqlalchemy, asyncpg, dependency_injector, pydantic_settings"
    container = "import order_service.container"
    pairs = [
        [seconds("python", "-c", code, cwd=source) for code in (container, libraries)]
        for _ in range(8)
    ]

    ratios = [ours / theirs for ours, theirs in pairs[1:]]  # the first one compiles

    assert median(ratios) < 1.3, ratios


def suite(project: Path, *, is_whole: bool = True) -> float:
    """Run a suite, or only what it begins with: its imports and a server."""
    command: tuple[str, ...] = (sys.executable, "-m", "pytest", "-q")
    command += ("-p", "no:schemathesis")
    if not is_whole:
        command = (sys.executable, "-m", "dev.postgres", *command, "--collect-only")
    return seconds(*command, cwd=project, PYTHONPATH="src", TEST_DATABASE_URL="")


def test_a_suite_takes_less_than_five_times_as_long_as_its_beginning(
    tmp_path: Path,
) -> None:
    project = bake(tmp_path)
    suite(project, is_whole=False)  # compiles what is imported

    ratios = [5.0]
    while min(ratios) >= 5 and len(ratios) < 4:
        ratios.append(suite(project) / suite(project, is_whole=False))

    assert min(ratios) < 5, ratios


def test_an_entity_adds_less_than_a_quarter_of_its_beginning_to_a_suite(
    tmp_path: Path,
) -> None:
    one, eleven = (bake(tmp_path / f"{n}", entities=many(n)) for n in (1, 11))
    for project in (one, eleven):
        suite(project, is_whole=False)  # compiles what is imported

    ratios = [0.25]
    while min(ratios) >= 0.25 and len(ratios) < 4:
        added = (suite(eleven) - suite(one)) / 10
        ratios.append(added / suite(one, is_whole=False))

    assert min(ratios) < 0.25, ratios
