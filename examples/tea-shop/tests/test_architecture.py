"""The layers, held apart: by import-linter, and by what is imported when."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.application.use_cases import lint_imports
from importlinter.configuration import configure

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tea_shop"
STRANGERS = """
import sys
from importlib import import_module


def imported():
    names = {name.partition(".")[0] for name in sys.modules if name[0] != "_"}
    return names - sys.stdlib_module_names - {"tea_shop"}

for allowed, used in zip(sys.argv[1::2], sys.argv[2::2]):
    for name in allowed.split():
        import_module(name)
    for name in used.split():
        before = imported()
        module = import_module(name)
        if name == "tea_shop.entrypoints.cli":
            module.main(["migrate"])
        for stranger in imported() - before:
            print(name, "imports", stranger)
if "tea_shop.infrastructure.unit_of_work" not in sys.modules:
    print("the first use case has to import")
"""


def imports(path: Path) -> set[str]:
    """Name what a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def strangers(layer: str, allowed: set[str], package: Path = PACKAGE) -> list[str]:
    """Name what a layer imports beside the standard library and what is allowed."""
    allowed = allowed | {f"{package.name}.{layer}"}
    return [
        f"{path.stem} imports {name}"
        for path in sorted((package / layer).rglob("*.py"))
        for name in sorted(imports(path))
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed)
    ]


def test_the_contracts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    configure()

    assert lint_imports(cache_dir=None)  # its command would silence other loggers


def test_the_domain_imports_the_standard_library_alone() -> None:
    assert strangers("domain", set()) == []


def test_the_application_imports_the_domain_and_pydantic() -> None:
    inner = {"tea_shop.domain", "pydantic"}

    assert strangers("application", inner) == []


def test_a_stranger_is_found(tmp_path: Path) -> None:
    package = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE / "domain", package / "domain")
    (package / "domain" / "errors.py").write_text("import requests.sessions\n")

    assert strangers("domain", set(), package) == ["errors imports requests.sessions"]


def test_no_part_waits_for_an_import_of_another() -> None:
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for layer in ("domain", "application")
        for path in sorted((PACKAGE / layer).rglob("*.py"))
    ]
    steps = {
        "pydantic.main pydantic.types": " ".join(modules),
        "dependency_injector.providers pydantic_settings": "tea_shop.container",
        "alembic.command asyncpg sqlalchemy.ext.asyncio": "tea_shop.entrypoints.cli",
    }

    command = [sys.executable, "-c", STRANGERS, *sum(steps.items(), ())]
    environment = {**os.environ, "DATABASE_URL": "postgresql://localhost:1/db"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        command, capture_output=True, check=False, env=environment, text=True
    )

    assert (done.returncode, done.stdout) == (0, "")
    assert "localhost:1/db cannot be reached: " in done.stderr
    assert done.stderr.count("\n") == 1
