"""How the tests generate services and run them."""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import NullPool, Row, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

TEMPLATE = Path(__file__).parents[1]
SERVICE = "{{cookiecutter.project_slug}}"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Run:
    """What a command did."""

    code: int
    out: str
    err: str


def run(*command: str | Path, cwd: Path, **environment: str) -> Run:
    """Run a command of this environment to its end."""
    program, *arguments = map(str, command)
    if (BIN / program).exists():
        program = str(BIN / program)
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        check=False,
        cwd=cwd,
        encoding="utf-8",
        env={**os.environ, "PWD": str(cwd), **environment},
    )
    return Run(done.returncode, done.stdout, done.stderr)


def module_at(path: Path) -> ModuleType:
    """Import a module that is on no path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """Keep what programs leave out of the user's home and temporary folder."""
    home = tmp_path_factory.mktemp("home")
    (home / "tmp").mkdir()
    (home / "cookiecutter.yaml").write_text(
        f"cookiecutters_dir: {home / 'cookiecutters'}\nreplay_dir: {home / 'replay'}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKIECUTTER_CONFIG", str(home / "cookiecutter.yaml"))
        patch.setenv("MYPY_CACHE_DIR", str(home / "mypy"))  # what all services import
        patch.setenv("TMPDIR", str(home / "tmp"))
        patch.setattr(tempfile, "tempdir", None)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.delenv("PYTHONPATH", raising=False)
        patch.delenv("DATABASE_URL", raising=False)
        yield
    tempfile.tempdir = None


def generate(target: Path, *arguments: str, **answers: str) -> Run:
    """Answer the questions on the command line."""
    given = [f"{question}={answer}" for question, answer in answers.items()]
    target.mkdir(parents=True, exist_ok=True)
    return run(
        "cookiecutter",
        *(TEMPLATE, "--no-input", "--output-dir", target),
        *arguments,
        *given,
        cwd=target,
    )


def bake(target: Path, **answers: str) -> Path:
    """Generate a service; return its folder."""
    done = generate(target, **answers)
    assert done.code == 0, done.out + done.err
    (project,) = target.iterdir()
    return project


def git(folder: Path, *arguments: str) -> str:
    """Ask git, which is to succeed."""
    who = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    done = run("git", *who, *arguments, cwd=folder)
    assert done.code == 0, done.out + done.err
    return done.out


def commit(folder: Path) -> None:
    """Commit all that is there, in a repository that is made if need be."""
    git(folder, "init", "--quiet")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "as it is")


EXAMPLE = dict(
    answer.split("=", 1) for answer in module_at(TEMPLATE / "run.py").EXAMPLE
)


def template_at(folder: Path) -> Path:
    """Make a repository of the template, to be changed."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in module_at(TEMPLATE / "rendering.py").PARTS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (TEMPLATE / name).is_dir():
            shutil.copytree(TEMPLATE / name, folder / name, ignore=ignored)
        else:
            shutil.copy(TEMPLATE / name, folder / name)
    commit(folder)
    return folder


CHECKS = [
    "ruff format --check",
    "ruff check",
    "lint-imports",
    f"mypy --python-executable {sys.executable}",
]
BASEDPYRIGHT = f"basedpyright --pythonpath {sys.executable}"
"""As strict as mypy and of another opinion; it takes six times as long."""


def passes(service: Path, command: str, **environment: str) -> Run:
    """Run a command of a generated service that is to succeed."""
    done = run(*command.split(), cwd=service, PYTHONPATH="src", **environment)
    assert done.code == 0, f"{service}\n{done.out}{done.err}"
    return done


def passes_its_suite(service: Path, server: str) -> Run:
    """Run the suite of a generated service, which is to cover every branch."""
    suite = "python -m pytest --cov -q"
    done = passes(service, suite, TEST_DATABASE_URL=server)
    assert "Total coverage: 100.00%" in done.out
    return done


def texts(project: Path) -> dict[Path, bytes]:
    """Read every file."""
    return {
        path.relative_to(project): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """One PostgreSQL for the suites of all generated services."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    project = bake(tmp_path_factory.mktemp("server"))
    with module_at(project / "dev/postgres.py").postgres() as url:
        yield url


@contextmanager
def made_database(server: str) -> Generator[str]:
    """Make a database for one test; it is gone afterwards."""
    name = f"made_{uuid4().hex}"
    query(server, f"CREATE DATABASE {name}")
    try:
        url = make_url(server).set(database=name)
        yield url.render_as_string(hide_password=False)
    finally:
        query(server, f"DROP DATABASE {name} WITH (FORCE)")


def query(url: str, *statements: str) -> list[Row[Any]]:
    """Run statements; return the rows of the last one."""

    async def run_all() -> list[Row[Any]]:
        there = make_url(url).set(drivername="postgresql+asyncpg")
        engine = create_async_engine(
            there, isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        async with engine.connect() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
            return list(result) if result.returns_rows else []

    return asyncio.run(run_all())


def alembic(service: Path, url: str, command: str) -> Run:
    """Migrate, as a service does that has no password to keep."""
    settings = {"DATABASE_URL": url, "ENVIRONMENT": "development"}
    return run("alembic", *command.split(), cwd=service, **settings, PYTHONPATH="src")
