import asyncio
import signal
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tea_shop.application.messages.tea import CreateTea
from tea_shop.container import open_container
from tea_shop.entrypoints.cli import main
from tea_shop.infrastructure.schema import upgrade

from tests.builders.tea import a_tea
from tests.conftest import COUNT_WAITING
from tests.entrypoints.http.serving import (
    IN_TIME,
    find,
    find_address,
    serve_elsewhere,
    serve_here,
)

PATH = "/api/teas"
JSON = {"Content-Type": "application/json"}
LOCK = text('LOCK TABLE "teas"')
COUNT = text('SELECT count(*) FROM "teas"')
COUNT_OTHERS = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
""")
REFUSALS: list[tuple[dict[str, str], str]] = [
    ({}, "DATABASE_URL is not set; "),
    (
        {"DATABASE_URL": "postgresql://user:canary@localhost:1/db"},
        "localhost:1/db cannot be reached: ",
    ),
    (
        {
            "DATABASE_URL": "postgresql://user:secret@localhost:1/db",
            "ENVIRONMENT": "production",
        },
        "a password that everybody knows",
    ),
    ({"HTTP_PORT": "99999"}, "HTTP_PORT is wrong: "),
]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a server logs that chooses its own port."""
    monkeypatch.setenv("HTTP_PORT", "0")
    return tmp_path / "log"


def new_body() -> str:
    command = CreateTea.model_validate(a_tea(), from_attributes=True)
    return command.model_dump_json()


async def see(number: int, query: TextClause, connection: AsyncConnection) -> None:
    """Wait until the database counts so many."""
    async with asyncio.timeout(IN_TIME):
        while await connection.scalar(query) != number:
            await connection.execute(text("SELECT pg_stat_clear_snapshot()"))


@pytest.mark.postgres
@pytest.mark.usefixtures("outdated_database")
def test_it_serves_until_it_is_interrupted(log: Path) -> None:
    def use(address: str) -> list[httpx.Response]:
        with httpx.Client(base_url=address) as client:
            created = client.post(PATH, content=new_body(), headers=JSON)
            return [created, client.get(created.headers["Location"])]

    assert main(["migrate"]) == 0
    code, (created, found) = serve_here("serve", log, use)

    assert (code, created.status_code, found.status_code) == (0, 201, 200)
    assert found.json() == created.json()


@pytest.mark.postgres
@pytest.mark.usefixtures("outdated_database")
@pytest.mark.skipif(sys.platform == "win32", reason="a program cannot be asked to end")
async def test_what_was_begun_is_finished_before_the_end(log: Path) -> None:
    async with open_container() as container, AsyncExitStack() as stack:
        await upgrade(container.settings())
        process = serve_elsewhere(log)
        stack.callback(process.kill)  # where it does not end by itself
        address = await asyncio.to_thread(find_address, log)
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=IN_TIME))
        connection = await stack.enter_async_context(container.engine().connect())
        await connection.execute(LOCK)
        post = client.post(address + PATH, content=new_body(), headers=JSON)
        request = asyncio.create_task(post)
        await see(1, COUNT_WAITING, connection)

        process.terminate()
        await asyncio.to_thread(find, "(Waiting for connections)", log)
        with pytest.raises(httpx.ConnectError):
            await client.get(address + PATH)
        await connection.rollback()
        answer = await request
        code = await asyncio.to_thread(process.wait, IN_TIME)
        await see(0, COUNT_OTHERS, connection)
        stored = await connection.scalar(COUNT)

    assert (answer.status_code, stored) == (201, 1)
    assert code == -signal.SIGTERM  # as whoever sent it is used to


@pytest.mark.parametrize(("environment", "reason"), REFUSALS)
def test_it_does_not_start_and_says_why_in_one_sentence(
    environment: dict[str, str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert main(["serve"]) == 1

    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert "canary" not in error


@pytest.mark.postgres
@pytest.mark.usefixtures("outdated_database")
def test_it_does_not_start_before_the_migrations(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve"]) == 1
    assert capsys.readouterr().err == "Run `tea-shop migrate` first.\n"


@pytest.mark.postgres
@pytest.mark.usefixtures("outdated_database")
def test_it_does_not_start_where_another_listens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate"]) == 0
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("HTTP_PORT", str(other.getsockname()[1]))

        assert main(["serve"]) == 1

    error = capsys.readouterr().err
    assert error.startswith("HTTP_HOST or HTTP_PORT is wrong: ")
    assert error.count("\n") == 1
