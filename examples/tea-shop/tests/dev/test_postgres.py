"""The throw-away PostgreSQL is what it says, whoever ends it and however."""

import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from dev.postgres import main

from tests.conftest import needs_server

ROOT = Path(__file__).parents[2]
OWNER = """
import sys

from dev.postgres import postgres
with postgres() as url:
    print(url, flush=True)
    sys.stdin.read()  # as long as the tests
"""


def folder(url: str) -> Path:
    """Where the server keeps its data and its socket."""
    host = make_url(url).query["host"]
    assert isinstance(host, str)
    return Path(host)


@pytest.fixture(autouse=True, scope="session")
def owner(
    request: pytest.FixtureRequest,
) -> Generator["subprocess.Popen[str] | None"]:
    """A process that owns a server, which starts while those run that need none."""
    if not any(map(needs_server, request.session.items)):
        yield None
        return
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@pytest.fixture(scope="session")
def url(owner: "subprocess.Popen[str] | None") -> str:
    """Where that server is, as soon as it can be reached."""
    assert owner is not None
    assert owner.stdout is not None
    return owner.stdout.readline().strip()


def test_a_command_is_given_the_url_and_its_exit_code_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://given/db")
    script = "import os; exit(os.environ['DATABASE_URL'] == 'postgresql://given/db')"

    assert main([sys.executable, "-c", script]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="it has no signals")
def test_a_command_is_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://given/db")
    script = "import time; print('begun', flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "dev.postgres", sys.executable, "-c", script]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        begun = runner.stdout.readline()
        runner.terminate()
        left, _ = runner.communicate(timeout=10)  # until nobody can write any more

    assert (begun, left) == ("begun\n", "")
    assert runner.returncode != 0


@pytest.mark.parametrize("command", [[], ["no-such-command"]])
def test_no_command_is_told(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    assert capsys.readouterr().err.startswith("no such command: ")


@pytest.mark.postgres
async def test_it_answers(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        lower = await connection.scalar(text("SELECT lower('ÄÖ')"))
    await engine.dispose()

    assert lower == "äö"


@pytest.mark.postgres
@pytest.mark.skipif(sys.platform == "win32", reason="the folder is that of a socket")
def test_it_ends_with_an_owner_that_is_killed(
    owner: "subprocess.Popen[str]", url: str
) -> None:
    home = folder(url)
    process = int((home / "data" / "postmaster.pid").read_text().split()[0])

    owner.kill()

    deadline = time.monotonic() + 10
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.01)

    assert not home.exists()
    assert not Path(f"/proc/{process}").exists()
