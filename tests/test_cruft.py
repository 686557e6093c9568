"""A service made by cruft takes in a newer template, its own edits kept."""

from pathlib import Path

import pytest

from tests.conftest import SERVICE, commit, run, template_at


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A repository of the template, to be changed."""
    return template_at(tmp_path / "template")


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """A service made by cruft, and committed."""
    done = run(
        "cruft", "create", template, "-y", "--output-dir", tmp_path, cwd=tmp_path
    )
    assert done.code == 0, done.out + done.err
    project = tmp_path / "order-service"
    commit(project)
    return project


def test_an_update_brings_the_change_and_keeps_the_edits(
    template: Path, project: Path
) -> None:
    domain = project / "src/order_service/domain"
    order = domain / "order.py"
    order.write_text(order.read_text().replace("An order.", "What was ordered."))
    commit(project)
    paging = template / SERVICE / "src/{{cookiecutter.package_name}}/domain/paging.py"
    paging.write_text(paging.read_text() + "\n\nNEWER = True\n")
    language = template / "language.py"
    language.write_text(
        language.read_text().replace("LONGEST_ENTITY = 32", "LONGEST_ENTITY = 33")
    )
    commit(template)

    done = run(
        *("cruft", "update", "--skip-apply-ask", "--variables-to-update"),
        f'{{"entities": "Customer, Order, {"O" + "x" * 32}"}}',
        cwd=project,
    )

    assert done.code == 0, done.out + done.err
    assert "NEWER = True" in (domain / "paging.py").read_text()
    assert "What was ordered." in order.read_text()
    assert (domain / f"o{'x' * 32}.py").exists()  # allowed by the newer rules alone
    assert list(project.rglob("*.rej")) == []


def test_nothing_differs_from_what_was_generated(project: Path) -> None:
    done = run("cruft", "diff", "--exit-code", cwd=project)

    assert done.code == 0
    assert "diff --git" not in done.out
