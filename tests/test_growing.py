"""A service takes in what its template makes later, beside what its owner wrote."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import (
    BASEDPYRIGHT,
    CHECKS,
    SERVICE,
    Run,
    alembic,
    bake,
    commit,
    git,
    made_database,
    passes,
    query,
    run,
    template_at,
    texts,
)

RECORD = ".cruft.json"
VERSIONS = "src/tea_shop/infrastructure/migrations/versions"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the template, and one of a service that it made."""
    folder = tmp_path_factory.mktemp("made")
    template_at(folder / "template")
    answers = ("project_name=Tea Shop", "entities=Tea(name unique)")
    done = run("cookiecutter", "template", "--no-input", *answers, cwd=folder)
    assert done.code == 0, done.err
    commit(folder / "tea-shop")
    return folder


@pytest.fixture
def template(made: Path, tmp_path: Path) -> Path:
    """The template, to be changed."""
    return shutil.copytree(made / "template", tmp_path / "template")


@pytest.fixture
def shop(made: Path, template: Path, tmp_path: Path) -> Path:
    """A service that a plain cookiecutter made of it, to be changed."""
    shop = shutil.copytree(made / "tea-shop", tmp_path / "tea-shop")
    tell(shop, template=str(template))
    commit(shop)
    return shop


def tell(shop: Path, **facts: object) -> None:
    """Write another fact into the record."""
    record = json.loads((shop / RECORD).read_text())
    text = json.dumps(record | facts, ensure_ascii=False, indent=2)
    (shop / RECORD).write_text(f"{text}\n")


def recorded(shop: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((shop / RECORD).read_text())
    return record


def grow(shop: Path, *arguments: str) -> Run:
    return run("python", "dev/template.py", *arguments, cwd=shop)


def grows(shop: Path, *arguments: str) -> str:
    """Bring something in, which is to succeed."""
    done = grow(shop, *arguments)
    assert (done.code, done.err) == (0, ""), done.out + done.err
    return done.out


def state(shop: Path) -> tuple[str, dict[Path, bytes]]:
    """Tell all that there is of it, what git says of it included."""
    files = {
        path: text for path, text in texts(shop).items() if path.parts[0] != ".git"
    }
    return git(shop, "status", "--porcelain") + git(shop, "worktree", "list"), files


def heads(shop: Path) -> dict[str, str | None]:
    """Tell which migration stands on which."""
    found: dict[str, str | None] = {}
    for path in sorted((shop / VERSIONS).glob("*.py")):
        below = re.search(r"^down_revision\b.* = (.*)$", path.read_text(), re.MULTILINE)
        assert below, path
        found[path.stem] = ast.literal_eval(below[1])
    return found


# What is brought in


def test_an_entity_more_has_all_that_it_would_have_had_from_the_start(
    shop: Path, tmp_path: Path
) -> None:
    grows(shop, "add", "Cup(tea: Tea?, litres: float)")

    entities = "Tea(name unique)\n+ Cup(tea: Tea?, litres: float)"
    fresh = bake(tmp_path / "fresh", project_name="Tea Shop", entities=entities)
    for path, text in texts(fresh).items():
        if path != Path(RECORD):
            assert (shop / path).read_bytes() == text, path
    assert recorded(shop)["context"] == recorded(fresh)["context"]
    assert heads(shop) == {"0001_create_tea": None, "0002_create_cup": "0001"}


def test_what_is_brought_in_is_staged_and_not_committed(shop: Path) -> None:
    before = git(shop, "rev-parse", "HEAD")

    said = grows(shop, "add", "Cup")

    assert git(shop, "rev-parse", "HEAD") == before
    assert git(shop, "diff", "--name-only") == ""
    assert git(shop, "status", "--porcelain") in said
    assert "A  src/tea_shop/domain/cup.py\n" in said
    assert "M  src/tea_shop/container.py\n" in said


def test_all_of_it_can_be_taken_back(shop: Path) -> None:
    before = state(shop)

    said = grows(shop, "add", "Cup")
    git(shop, *said.rpartition("git ")[2].split())

    assert state(shop) == before


def test_fields_come_to_an_entity_that_is_there(shop: Path) -> None:
    grows(shop, "add", "Tea(price: Decimal(6,2) = 0, origin: str?)")

    assert "price: Decimal" in (shop / "src/tea_shop/domain/tea.py").read_text()
    assert heads(shop) == {"0001_create_tea": None, "0002_extend_tea": "0001"}


def test_one_comes_after_the_other(shop: Path) -> None:
    for entity in ("Cup(tea: Tea)", "Spoon(cup: Cup?, tea: Tea)", "Ash"):
        grows(shop, "add", entity)
        commit(shop)

    assert list(heads(shop).items()) == [
        ("0001_create_tea", None),
        ("0002_create_cup", "0001"),
        ("0003_create_spoon", "0002"),
        ("0004_create_ash", "0003"),
    ]


def test_a_newer_template_comes_beside_what_the_owner_wrote(
    template: Path, shop: Path
) -> None:
    tea = shop / "src/tea_shop/domain/tea.py"
    tea.write_text(tea.read_text().replace("A tea.", "What is drunk."))
    commit(shop)
    paging = template / SERVICE / "src/{{cookiecutter.package_name}}/domain/paging.py"
    paging.write_text(paging.read_text() + "\n\nNEWER = True\n")
    questions = template / "cookiecutter.json"
    questions.write_text(questions.read_text().replace("{", '{"colour": "red",', 1))
    commit(template)

    grows(shop, "update")

    assert "NEWER = True" in (shop / "src/tea_shop/domain/paging.py").read_text()
    assert "What is drunk." in tea.read_text()
    assert recorded(shop)["commit"] == git(template, "rev-parse", "HEAD").strip()
    assert recorded(shop)["context"]["cookiecutter"]["colour"] == "red"
    commit(shop)
    assert "there is no more" in grows(shop, "update")


def test_a_version_of_the_template_can_be_named(template: Path, shop: Path) -> None:
    paging = template / SERVICE / "src/{{cookiecutter.package_name}}/domain/paging.py"
    for version in ("v1", "v2"):
        paging.write_text(f"{paging.read_text()}\n# {version}\n")
        commit(template)
        git(template, "tag", version)

    grows(shop, "update", "v1")

    assert recorded(shop)["commit"] == git(template, "rev-parse", "v1").strip()
    assert "# v2" not in (shop / "src/tea_shop/domain/paging.py").read_text()


def test_what_is_added_is_of_the_version_that_the_service_has(
    template: Path, shop: Path
) -> None:
    paging = template / SERVICE / "src/{{cookiecutter.package_name}}/domain/paging.py"
    paging.write_text(paging.read_text() + "\n\nNEWER = True\n")
    commit(template)

    grows(shop, "add", "Cup")

    assert "NEWER = True" not in (shop / "src/tea_shop/domain/paging.py").read_text()


# What stays as the owner has it


def test_new_migrations_stand_on_those_of_the_owner(shop: Path) -> None:
    own = shop / VERSIONS / "a1b2c3_more.py"
    own.write_text('revision: str = "a1b2c3"\ndown_revision: str = "0001"\n')
    numbered = shop / VERSIONS / "0002_even_more.py"
    numbered.write_text('revision = "0002"\ndown_revision = "a1b2c3"\n')
    commit(shop)

    for entity in ("Cup", "Spoon"):
        grows(shop, "add", entity)
        commit(shop)

    found = heads(shop)
    assert found["0003_create_cup"] == "0002"
    assert found["0004_create_spoon"] == "0003"


def test_each_of_several_steps_keeps_its_migration_behind_the_owner_s(
    shop: Path,
) -> None:
    own = shop / VERSIONS / "0002_more.py"
    own.write_text('revision = "0002"\ndown_revision = "0001"\n')
    commit(shop)

    grows(shop, "add", "Tea(first: str?) + Tea(second: str?)")

    assert list(heads(shop).items())[2:] == [
        ("0003_extend_tea", "0002"),
        ("0004_extend_tea", "0003"),
    ]
    assert '"second"' in (shop / VERSIONS / "0004_extend_tea.py").read_text()


def test_a_migration_that_is_there_stays_as_it_was(template: Path, shop: Path) -> None:
    below = template / SERVICE / "src/{{cookiecutter.package_name}}"
    migration = below / "infrastructure/migrations/versions/__migration__.py.jinja"
    migration.write_text(migration.read_text() + "\n# newer\n")
    commit(template)

    said = grows(shop, "update")

    assert "# newer" not in (shop / VERSIONS / "0001_create_tea.py").read_text()
    assert "0001_create_tea.py is another by now, but stays as it was." in said


def test_a_file_that_was_renamed_is_followed(shop: Path) -> None:
    domain = shop / "src/tea_shop"
    (domain / "container.py").rename(domain / "wiring.py")
    commit(shop)

    grows(shop, "add", "Cup")

    assert "CupService" in (domain / "wiring.py").read_text()
    assert not (domain / "container.py").exists()


def test_a_file_that_was_deleted_stays_so(shop: Path) -> None:
    (shop / ".pre-commit-config.yaml").unlink()
    commit(shop)

    grows(shop, "add", "Cup")

    assert not (shop / ".pre-commit-config.yaml").exists()


def test_a_service_may_be_one_folder_of_many(template: Path, shop: Path) -> None:
    shutil.rmtree(shop / ".git")
    service = shop.parent / "all/services/tea"
    shutil.copytree(shop, service)
    (shop.parent / "all/README").write_text("All of our services.\n")
    commit(shop.parent / "all")

    foreseen = grows(service, "add", "Cup", "--dry-run")
    grows(service, "add", "Cup")

    assert (service / "src/tea_shop/domain/cup.py").exists()
    assert (shop.parent / "all/README").exists()
    assert "A  services/tea/src/tea_shop/domain/cup.py" in foreseen


@pytest.mark.parametrize(
    "shape", ["{{ 1 }}{% x", "{% endraw %}", "\N{TEACUP WITHOUT HANDLE}"]
)
def test_an_answer_is_not_rendered(shop: Path, shape: str) -> None:
    grows(shop, "add", f"Cup(shape: str = '{shape}')")

    assert f"'{shape}'" in recorded(shop)["context"]["cookiecutter"]["entities"]


def test_imports_of_both_are_joined(shop: Path) -> None:
    tea = shop / "src/tea_shop/domain/tea.py"
    write(tea, "import NotFound\n", "import InvalidValue, NotFound\n")
    commit(shop)

    grows(shop, "add", "Country, Tea(grown_in: Country?)")

    text = tea.read_text()
    assert "from tea_shop.domain.errors import InvalidValue, NotFound\n" in text
    assert "from tea_shop.domain.identities import CountryId, TeaId\n" in text
    assert "grown_in_id: CountryId | None\n" in text


def test_imports_are_joined_whatever_the_folder_is_called(shop: Path) -> None:
    shutil.rmtree(shop / ".git")
    service = shutil.copytree(shop, shop.parent / "all/th\u00e9 & co")
    tea = service / "src/tea_shop/domain/tea.py"
    commit(shop.parent / "all")
    write(tea, "import NotFound\n", "import InvalidValue, NotFound\n")
    commit(shop.parent / "all")

    grows(service, "add", "Country, Tea(grown_in: Country?)")

    assert "import InvalidValue, NotFound\n" in tea.read_text()


# Where it runs


def test_it_runs_as_an_alias_of_git_in_a_linked_worktree(
    shop: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    git(shop, "worktree", "add", "-b", "linked", str(linked))
    git(shop, "config", "alias.grow", f"!{sys.executable} dev/template.py")

    git(linked, "grow", "add", "Cup")

    assert "A  src/tea_shop/domain/cup.py\n" in git(linked, "status", "--porcelain")
    assert git(shop, "status", "--porcelain") == ""


def test_hooks_of_git_have_no_part_in_it(shop: Path) -> None:
    hook = shop / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)

    grows(shop, "add", "Cup", "--dry-run")


def test_line_ends_of_the_user_are_no_obstacle(shop: Path) -> None:
    git(shop, "config", "core.autocrlf", "true")
    git(shop, "config", "core.safecrlf", "true")

    grows(shop, "add", "Cup")


def test_nothing_of_it_stays_in_the_temporary_folder(
    shop: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()

    done = run("python", "dev/template.py", *ADD, cwd=shop, TMPDIR=str(folder))

    assert done.code == 0, done.err
    assert list(folder.iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(shop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    before = state(shop)
    command = [sys.executable, "dev/template.py", *ADD]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(
        command, cwd=shop, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: any(folder.glob("*/before")))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)

    assert (process.returncode, said.count("\n")) == (130, 1), said
    assert list(folder.iterdir()) == []
    assert state(shop) == before


def wait_for(there: Callable[[], bool]) -> None:
    for _ in range(1000):
        if there():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


# What contradicts


@pytest.fixture
def contradiction(template: Path, shop: Path) -> Path:
    """A service whose owner changed what the newer template changes."""
    container = shop / "src/tea_shop/container.py"
    container.write_text(container.read_text().replace("fit together", "are wired"))
    commit(shop)
    newer = template / SERVICE / "src/{{cookiecutter.package_name}}/container.py.jinja"
    newer.write_text(newer.read_text().replace("fit together", "stand together"))
    commit(template)
    return shop


def test_a_contradiction_is_a_conflict_of_git(contradiction: Path) -> None:
    before = state(contradiction)

    done = grow(contradiction, "update")

    assert done.code == 1
    assert "UU src/tea_shop/container.py" in done.out
    assert "1 file is in conflict: src/tea_shop/container.py" in done.out
    text = (contradiction / "src/tea_shop/container.py").read_text()
    assert "<<<<<<< HEAD" in text
    assert "are wired" in text
    assert "stand together" in text
    git(contradiction, "reset", "--hard")
    assert state(contradiction) == before


def test_a_dry_run_foresees_it_and_changes_nothing(contradiction: Path) -> None:
    before = state(contradiction)

    done = grow(contradiction, "update", "--dry-run")

    assert done.code == 1
    assert "1 file is in conflict: src/tea_shop/container.py" in done.out
    assert state(contradiction) == before


def test_a_dry_run_shows_each_file_and_changes_nothing(shop: Path) -> None:
    before = state(shop)

    foreseen = grows(shop, "add", "Cup", "--dry-run")

    assert state(shop) == before
    grows(shop, "add", "Cup")
    assert foreseen.startswith(git(shop, "status", "--porcelain"))


# What is refused


def refuses(shop: Path, sentence: str, *arguments: str) -> None:
    """Expect one clear error, and nothing changed or left behind."""
    before = state(shop)

    done = grow(shop, *arguments)

    assert done.code == 2, done.out + done.err
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert state(shop) == before


ADD = ("add", "Cup")


def test_a_tree_with_changes_is_refused(shop: Path) -> None:
    (shop / "notes.txt").write_text("mine\n")

    refuses(shop, "commit or put away what you have changed:\n?? notes.txt", *ADD)


def test_a_file_that_git_ignores_is_not_written_over(shop: Path) -> None:
    (shop / ".gitignore").write_text("cup.py\n")
    commit(shop)
    mine = shop / "src/tea_shop/domain/cup.py"
    mine.write_text("mine\n")
    told = "src/tea_shop/domain/cup.py would be written over, and git does not keep it"

    refuses(shop, told, *ADD)
    refuses(shop, told, *ADD, "--dry-run")

    assert mine.read_text() == "mine\n"


def test_a_bad_entity_is_refused_where_it_stands(shop: Path) -> None:
    sentence = (
        "Cup.size: unknown type 'strng' - did you mean 'str'?\n"
        "    + Cup(size: strng)\n"
        "                ^^^^^\n"
    )

    refuses(shop, sentence, "add", "Cup(size: strng)")


def test_what_is_there_already_is_refused(shop: Path) -> None:
    refuses(shop, "Tea: is there already", "add", "Tea")


def test_a_missing_template_is_refused(template: Path, shop: Path) -> None:
    template.rename(template.with_name("elsewhere"))

    refuses(shop, f"the template is not at {template}: if it has moved", *ADD)


def test_an_unknown_commit_is_refused(shop: Path) -> None:
    tell(shop, commit="f" * 40)
    commit(shop)

    refuses(shop, f"the template has no commit {'f' * 40}", *ADD)


def test_an_unknown_version_is_refused(shop: Path) -> None:
    refuses(shop, "has no tag, branch or commit v9", "update", "v9")


def test_a_python_without_cookiecutter_is_refused(shop: Path) -> None:
    done = run("python", "-S", "dev/template.py", *ADD, cwd=shop)

    assert done.code == 2
    assert "run this by uv run dev/template.py" in done.err


def test_a_service_without_git_is_refused(shop: Path) -> None:
    shutil.rmtree(shop / ".git")

    done = grow(shop, *ADD)

    assert done.code == 2
    assert "the service is not in git" in done.err


def test_a_service_without_a_record_is_refused(shop: Path) -> None:
    (shop / RECORD).unlink()
    commit(shop)

    refuses(shop, "there is no .cruft.json", *ADD)


def test_a_broken_record_is_refused(shop: Path) -> None:
    (shop / RECORD).write_text("{")
    commit(shop)

    refuses(shop, ".cruft.json is no JSON", *ADD)


@pytest.mark.parametrize(
    "text",
    [
        'revision = "a"\n',
        'revision = "a"\ndown_revision = BASE\n',
        'revision = "a\n',
    ],
)
def test_a_migration_that_does_not_tell_its_place_is_refused(
    shop: Path, text: str
) -> None:
    (shop / VERSIONS / "a.py").write_text(text)
    commit(shop)

    refuses(shop, f"{VERSIONS}/a.py does not tell where it stands", *ADD)


def test_migrations_that_end_in_two_are_refused(shop: Path) -> None:
    for name in "ab":
        own = shop / VERSIONS / f"{name}.py"
        own.write_text(f'revision = "{name}"\ndown_revision = "0001"\n')
    commit(shop)

    refuses(shop, "the migrations end in a, b: join them", *ADD)


def test_migrations_with_one_number_are_refused(shop: Path) -> None:
    for name in ("0007_one", "0007_two"):
        own = shop / VERSIONS / f"{name}.py"
        own.write_text('revision = "0007"\ndown_revision = "0001"\n')
    commit(shop)

    told = "0007_one.py and 0007_two.py have the same revision 0007: put one behind"
    refuses(shop, told, *ADD)


# Where it comes from


def test_a_template_without_versions_adds_and_does_not_update(
    template: Path, tmp_path: Path
) -> None:
    shutil.rmtree(template / ".git")
    done = run("cookiecutter", template, "--no-input", "-o", tmp_path, cwd=tmp_path)
    assert done.code == 0, done.err
    project = tmp_path / "order-service"
    commit(project)

    refuses(project, "write the commit that it is nearest to", "update")

    grows(project, "add", "Refund(order: Order)")
    assert recorded(project)["commit"] is None


def test_a_template_with_changes_of_its_own_has_no_version(
    template: Path, tmp_path: Path
) -> None:
    (template / SERVICE / "NEW").write_text("not committed\n")

    done = run("cookiecutter", template, "--no-input", "-o", tmp_path, cwd=tmp_path)

    assert done.code == 0, done.err
    assert recorded(tmp_path / "order-service")["commit"] is None


def test_what_a_template_is_not_made_of_does_not_hide_its_version(
    template: Path, tmp_path: Path
) -> None:
    (template / ".gitignore").write_text(".venv/\n__pycache__/\n")
    commit(template)
    for name in (".venv/a.py", "hooks/__pycache__/a.pyc", "tests/a.py"):
        (template / name).parent.mkdir(parents=True, exist_ok=True)
        (template / name).write_text("")

    done = run("cookiecutter", template, "--no-input", "-o", tmp_path, cwd=tmp_path)

    assert done.code == 0, done.err
    head = git(template, "rev-parse", "HEAD").strip()
    assert recorded(tmp_path / "order-service")["commit"] == head


def test_a_clone_of_a_template_is_known_by_where_it_was_cloned(
    template: Path, tmp_path: Path
) -> None:
    address = f"git+{template.as_uri()}"

    done = run("cookiecutter", address, "--no-input", "-o", tmp_path, cwd=tmp_path)

    assert done.code == 0, done.err
    record = recorded(tmp_path / "order-service")
    assert record["template"] == template.as_uri()
    assert record["commit"] == git(template, "rev-parse", "HEAD").strip()


def test_what_cruft_made_grows_and_is_still_cruft_s(
    template: Path, tmp_path: Path
) -> None:
    done = run("cruft", "create", template, "-y", cwd=tmp_path)
    assert done.code == 0, done.err
    project = tmp_path / "order-service"
    commit(project)

    grows(project, "add", "Refund(order: Order)")
    commit(project)

    done = run("cruft", "diff", "--exit-code", cwd=project)
    assert (done.code, "diff --git" in done.out) == (0, False), done.out


def test_what_cookiecutter_made_is_cruft_s_too(shop: Path) -> None:
    diff = run("cruft", "diff", "--exit-code", cwd=shop)
    check = run("cruft", "check", cwd=shop)

    assert (diff.code, check.code) == (0, 0), diff.out + check.out


def test_a_service_made_anew_from_its_own_answers_shows_no_difference(
    shop: Path, template: Path, tmp_path: Path
) -> None:
    grows(shop, "add", "Cup(tea: Tea?)")
    grown = state(shop)[1]
    answers = recorded(shop)["context"]["cookiecutter"]

    given = [f"{question}={answer}" for question, answer in answers.items()]
    folder = tmp_path / "anew"
    folder.mkdir()
    done = run("cookiecutter", template, "--no-input", *given, "-o", folder, cwd=folder)

    assert done.code == 0, done.err
    assert texts(folder / "tea-shop") == grown


# A whole life


def write(path: Path, old: str, new: str) -> None:
    """Edit a file as its owner would."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path}: {old}"
    path.write_text(text.replace(old, new))


def edit(project: Path) -> None:
    """Write what an owner writes: a rule, a query, a provider and tests of them."""
    package = project / "src/order_service"
    write(
        package / "domain/customer.py",
        "        return self\n",
        '        if self.name == "nobody":\n'
        '            raise InvalidValue("name must be somebody\'s")\n'
        "        return self\n",
    )
    write(
        package / "domain/customer.py",
        "import NotFound\n",
        "import InvalidValue, NotFound\n",
    )
    repository = package / "infrastructure/repositories/customer.py"
    repository.write_text(
        repository.read_text()
        + "\n    async def count_named(self, name: str) -> int:\n"
        + '        """Count those of this name."""\n'
        + "        return await self.count(name=name)\n"
    )
    container = package / "container.py"
    services = [
        line for line in container.read_text().splitlines() if "_service = " in line
    ]
    write(
        container,
        f"{services[-1]}\n    # Your own:\n",
        f"{services[-1]}\n    # Your own:\n    motto = providers.Object(MOTTO)\n",
    )
    write(
        container,
        "\n\nclass Container(",
        '\nMOTTO = "All orders are welcome."\n\n\nclass Container(',
    )
    (project / "tests/test_own.py").write_text(OWN_TESTS)


OWN_TESTS = '''"""What the owner of the service wrote holds."""

import pytest

from order_service.container import Container
from order_service.domain.customer import Customer
from order_service.domain.errors import InvalidValue
from order_service.infrastructure.repositories.customer import (
    SqlAlchemyCustomerRepository,
)

from tests.builders.customer import a_customer, add_customer


def test_nobody_is_no_customer() -> None:
    with pytest.raises(InvalidValue, match="somebody"):
        Customer.create(name="nobody", email=a_customer().email)


async def test_customers_are_counted_by_name(container: Container) -> None:
    async with container.unit_of_work() as uow:
        one = await add_customer(uow)
        await uow.commit()

    async with container.session_factory()() as session:
        repository = SqlAlchemyCustomerRepository(session)
        assert await repository.count_named(one.name) == 1


def test_there_is_a_motto() -> None:
    assert Container.motto() == "All orders are welcome."
'''
ADDITIONS = [
    "Account(owner: Customer, opened: date)",  # the first by name, refers to an old one
    "Shipment(order: Order unique, kilos: Decimal(8, 3), parcels: [Parcel(size: int)])",
    "Zone(name unique, customers: [Customer], parent: Zone?)",
    "Customer(phone: str(20)? unique, is_vip: bool = false, main: Account?)",
]
ROWS = """
INSERT INTO customers (version, name, email, is_active)
VALUES (1, 'Ann', 'ann@example.com', true), (1, 'Bob', 'bob@example.com', true)
"""


@pytest.mark.parametrize("api", ["none", "fastapi"])
def test_it_grows_for_years_and_keeps_what_its_owner_wrote(
    api: str, tmp_path: Path, server: str
) -> None:
    template = template_at(tmp_path / "template")
    answers = ("--no-input", f"api={api}", "-o", tmp_path)
    done = run("cookiecutter", template, *answers, cwd=tmp_path)
    assert done.code == 0, done.err
    project = tmp_path / "order-service"
    commit(project)
    edit(project)
    commit(project)
    with made_database(server) as url:
        migrates(project, url, "upgrade head")
        query(url, ROWS)
        for addition in ADDITIONS:
            grows(project, "add", addition)
            commit(project)
            if api == "none":  # with HTTP at the end
                holds(project, url)
        change(template)
        grows(project, "update")
        commit(project)
        holds(project, url)
        if api == "fastapi":  # which has all that is without
            passes(project, "python -m pytest -q", TEST_DATABASE_URL=server)
            passes(project, BASEDPYRIGHT)
        count = "SELECT count(phone), count(*) FILTER (WHERE NOT is_vip) FROM customers"
        assert [tuple(row) for row in query(url, count)] == [(0, 2)]
    mapper = project / "src/order_service/infrastructure/mappers/customer.py"
    assert "phone=model.phone" in mapper.read_text()
    assert mapper.read_text().startswith(NEWER)
    container = (project / "src/order_service/container.py").read_text()
    assert container.startswith(NEWER)
    assert "motto = " in container


def test_what_two_branches_migrate_can_be_merged(tmp_path: Path, server: str) -> None:
    project = bake(tmp_path, entities="Tea, Cup(tea: Tea)")

    passes(project, "alembic revision --head 0001 --splice -m Other")
    (other,) = (project / "src").rglob("versions/*_other.py")
    up, down = other.read_text().split("def downgrade")
    up = up.replace("pass\n", 'op.execute("CREATE VIEW hot AS SELECT id FROM teas")\n')
    down = down.replace("pass\n", 'op.execute("DROP VIEW hot")\n')
    other.write_text(f"{up}def downgrade{down}")
    passes(project, "alembic merge heads -m Both")

    tests = "tests/infrastructure/test_migrations.py tests/entrypoints/test_cli.py"
    passes(project, f"python -m pytest -q {tests}", TEST_DATABASE_URL=server)


NEWER = '"""By the newer template."""'


def change(template: Path) -> None:
    """Make a newer version, that has another shared file and another mapper."""
    package = template / SERVICE / "src/{{cookiecutter.package_name}}"
    mapper = package / "infrastructure/mappers/__entity__.py.jinja"
    for path in (package / "container.py.jinja", mapper):
        first, rest = path.read_text().split("\n", 1)
        assert first.startswith('"""')
        path.write_text(f"{NEWER}\n{rest}")
    write(package / "domain/paging.py", "ItemT = ", "FIRST = 0\nItemT = ")
    commit(template)


def holds(project: Path, url: str) -> None:
    """See that it passes its checks, and that its database follows."""
    for command in CHECKS:
        passes(project, command)
    migrates(project, url, "upgrade head")
    migrates(project, url, "check")


def migrates(project: Path, url: str, command: str) -> None:
    done = alembic(project, url, command)
    assert done.code == 0, done.out + done.err
