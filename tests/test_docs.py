"""What the documents show is what there is."""

import re
import tomllib
from pathlib import Path

import pytest

from hexagonal_answers import part
from tests.conftest import EXAMPLE, TEMPLATE, bake, generate, run, texts

README = (TEMPLATE / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tea_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service that README shows."""
    return bake(tmp_path_factory.mktemp("docs"), **EXAMPLE, api="fastapi")


def test_the_readme_shows_the_dialogue_as_it_is(tmp_path: Path) -> None:
    shown = blocks(README, "text")[0]

    done = generate(tmp_path, **EXAMPLE, api="fastapi")

    assert shown.partition("\n\n")[2].strip() == done.out.strip()


def test_the_readme_shows_the_errors_as_they_are(tmp_path: Path) -> None:
    done = generate(
        tmp_path,
        entities="Customers, Customer, Order(customer: Custmer, total: int = zero)",
    )

    assert blocks(README, "text")[2] == done.out


def test_the_model_that_the_readme_shows_makes_a_service(tmp_path: Path) -> None:
    done = generate(tmp_path, entities=blocks(README, "text")[1])

    assert "4 entities" in done.out


def test_the_readme_names_every_type() -> None:
    for scalar in part("language").SCALARS:
        assert re.search(rf"`\[?{scalar}\b", README), scalar


def test_the_readme_shows_the_tree_as_it_is(tea_shop: Path) -> None:
    above = [tea_shop]
    shown = 0
    for line in blocks(README, "text")[3].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r"(?:\s*[\w/]+(?:/|\.py)(?=\s|$))+", line)
        assert names, line
        for name in names[0].split():
            path = above[depth] / name
            assert path.exists(), path
            above[depth + 1 :] = [path]
            shown += 1
    assert shown == 22


def test_the_example_is_what_is_generated(tea_shop: Path) -> None:
    example = TEMPLATE / "examples/tea-shop"
    listed = run("git", "ls-files", ".", cwd=example).out.split()

    generated = texts(tea_shop)
    del generated[Path(".cruft.json")]  # it tells where the template was
    assert set(listed) == {path.as_posix() for path in generated}
    for path, text in generated.items():
        assert (example / path).read_bytes() == text, f"python3 run.py example: {path}"


def test_the_commands_of_the_documents_are_those_of_run_py() -> None:
    known = run("python", "run.py", cwd=TEMPLATE).out
    documents = README + (TEMPLATE / "CONTRIBUTING.md").read_text(encoding="utf-8")
    verbs = set(re.findall(r"run\.py (\w+)", documents))

    assert verbs == set(
        "install fix example check test demo faults mutants load bench".split()
    )
    for verb in verbs:
        assert f"run.py {verb} " in known


def test_ci_runs_the_command_of_the_readme() -> None:
    ci = (TEMPLATE / ".ci/run").read_text()

    for command in re.findall(r"^python3 run\.py \w+", README, re.MULTILINE):
        assert f"\n{command}\n" in ci


def test_every_file_that_a_generated_readme_names_is_there(tea_shop: Path) -> None:
    readme = (tea_shop / "README.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:src|tests|domain|application|infrastructure)/[^`]+)`", readme
    )
    package = tea_shop / "src/tea_shop"

    assert len(named) == 14
    for name in named:
        assert (tea_shop / name).exists() or (package / name).exists(), name


def test_the_use_case_that_a_generated_readme_reads_is_in_the_code(
    tea_shop: Path,
) -> None:
    readme = (tea_shop / "README.md").read_text(encoding="utf-8")
    service = (tea_shop / "src/tea_shop/application/tea.py").read_text()

    (shown,) = blocks(readme, "python")
    for line in shown.splitlines():
        assert line.strip() in service


def test_every_verb_of_a_generated_readme_is_one_of_its_makefile(
    tea_shop: Path,
) -> None:
    readme = (tea_shop / "README.md").read_text(encoding="utf-8")
    makefile = (tea_shop / "Makefile").read_text()

    verbs = set(re.findall(r"`make (\w+)`", readme))
    assert verbs == {"install", "fix", "check", "test", "run"}
    assert verbs == set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_every_error_is_in_the_readme_of_the_service(tea_shop: Path) -> None:
    readme = (tea_shop / "README.md").read_text(encoding="utf-8")
    errors = [
        name
        for layer in ("domain", "application")
        for name in re.findall(
            r"^class (\w+)",
            (tea_shop / f"src/tea_shop/{layer}/errors.py").read_text(),
            re.MULTILINE,
        )
    ]

    assert len(errors) == 16
    for name in errors:
        assert f"`{name}`" in readme


def test_every_setting_is_in_the_example(tea_shop: Path) -> None:
    example = (tea_shop / ".env.example").read_text()
    package = tea_shop / "src/tea_shop"
    settings = (package / "settings.py").read_text()
    settings += (package / "entrypoints/http/settings.py").read_text()

    named = r"^    ((?:database|http)_\w+|environment): "
    fields = re.findall(named, settings, re.MULTILINE)
    assert len(fields) == 20
    for field in fields:
        assert f"{field.upper()}=" in example


def test_the_command_of_the_service_is_installed_under_its_slug(tea_shop: Path) -> None:
    toml = tomllib.loads((tea_shop / "pyproject.toml").read_text())

    assert toml["project"]["scripts"] == {"tea-shop": "tea_shop.entrypoints.cli:main"}
    done = run(
        *(
            "python",
            "-c",
            "from tea_shop.entrypoints.cli import main; main(['--help'])",
        ),
        cwd=tea_shop,
        PYTHONPATH="src",
    )
    assert "usage: tea-shop" in done.out
    readme = (tea_shop / "README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^uv run tea-shop +(\w+)", readme, re.MULTILINE))
    assert told == {"check", "migrate", "serve", "dev"}
    for command in told:
        assert f"\n    {command} " in done.out
