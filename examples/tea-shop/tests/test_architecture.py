"""The layers, held apart: by import-linter, and by what the inner ones may import."""

import ast
import shutil
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tea_shop"


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

    assert lint_imports(cache_dir=None) == 0


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
