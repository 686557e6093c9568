"""Serving for development: at work at once, and gone without a trace."""

import os
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url

from tea_shop.entrypoints.cli import main

from tests.entrypoints.http.serving import IN_TIME, find, serve_here


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What looks like the folder of the service, so that its own need not change."""
    for name in ("dev/serve.py", "src/some.py"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.setenv("HTTP_PORT", "0")
    return tmp_path


def get(url: str) -> httpx.Response:
    """Ask as soon as somebody listens."""
    deadline = time.monotonic() + IN_TIME
    while True:
        try:
            return httpx.get(url)
        except httpx.ConnectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@pytest.mark.postgres
def test_it_brings_a_database_and_follows_the_source(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def use(address: str) -> list[httpx.Response]:
        answers = [get(address + path) for path in ("/docs", "/health/ready")]
        os.utime(folder / "src" / "some.py", (2**31, 2**31))
        find("(detected changes in 'src/some.py')", log)
        return answers

    monkeypatch.setenv("DATABASE_URL", "")  # so that it is as before in the end
    monkeypatch.delenv("DATABASE_URL")
    log = folder / "log"
    code, (docs, ready) = serve_here("dev", log, use)

    assert (code, docs.status_code, ready.status_code) == (0, 200, 200)
    assert f"Try it at {docs.url}\n" in capsys.readouterr().out
    home = make_url(os.environ["DATABASE_URL"]).query["host"]
    assert isinstance(home, str)
    assert not Path(home).exists()
    assert active_children() == []


@pytest.mark.usefixtures("folder")
def test_a_database_that_is_named_must_be_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost:1/db")

    assert main(["dev"]) == 1

    error = capsys.readouterr().err
    assert "localhost:1/db cannot be reached: " in error
    assert error.count("\n") == 1


def test_elsewhere_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dev"]) == 1
    assert capsys.readouterr().err.startswith("dev/serve.py is not here: ")
