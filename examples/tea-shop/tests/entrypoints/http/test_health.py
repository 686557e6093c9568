import asyncio
import socket
from collections.abc import AsyncGenerator, Generator

import pytest
from httpx import AsyncClient, Response

from tea_shop.container import open_container
from tea_shop.entrypoints.http import health
from tea_shop.entrypoints.http.app import create_app
from tea_shop.entrypoints.http.settings import HttpSettings

from tests.entrypoints.http.in_process import calling

PASSWORD = "open-sesame"


@pytest.fixture
async def alone() -> AsyncGenerator[AsyncClient]:
    """A client of the service as it starts where `DATABASE_URL` names a database."""
    app = create_app(HttpSettings(), open_container)
    async with app.router.lifespan_context(app), calling(app) as client:
        yield client


def tells(answer: Response, detail: str) -> bool:
    """Tell whether it is a problem with this detail and no more."""
    problem = answer.json()
    known = {"type", "title", "status", "detail", "request_id"}
    is_problem = answer.headers["Content-Type"] == "application/problem+json"
    return is_problem and problem.keys() == known and problem["detail"] == detail


@pytest.mark.postgres
async def test_a_service_with_its_database_is_ready(client: AsyncClient) -> None:
    live, ready = await client.get("/health/live"), await client.get("/health/ready")

    assert (live.status_code, ready.status_code) == (200, 200)
    assert live.json() == ready.json() == {"status": "ok"}


async def test_a_head_is_a_get_without_its_body(client: AsyncClient) -> None:
    named = {"X-Request-ID": "same"}
    get = await client.get("/health/live", headers=named)
    head = await client.head("/health/live", headers=named)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


@pytest.mark.postgres
@pytest.mark.usefixtures("outdated_database")
async def test_a_service_with_an_outdated_schema_is_not_ready(
    alone: AsyncClient,
) -> None:
    ready = await alone.get("/health/ready")

    assert ready.status_code == 503
    assert tells(ready, "The schema of the database is not up to date.")


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a database at a port where nothing listens."""
    monkeypatch.setenv("DATABASE_URL", f"postgresql://user:{PASSWORD}@localhost:1/db")


@pytest.mark.usefixtures("no_database")
async def test_a_service_without_its_database_lives_on(alone: AsyncClient) -> None:
    ready = await alone.get("/health/ready")
    live = await alone.get("/health/live")

    assert (ready.status_code, live.status_code) == (503, 200)
    assert tells(ready, "The database does not answer.")


@pytest.fixture
def silent_database(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Name a database that is there and says nothing."""
    with socket.create_server(("localhost", 0)) as server:
        address = f"localhost:{server.getsockname()[1]}"
        monkeypatch.setenv("DATABASE_URL", f"postgresql://user:{PASSWORD}@{address}/db")
        yield


@pytest.mark.usefixtures("silent_database")
async def test_the_question_ends_where_the_database_says_nothing(
    alone: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LONGEST_WAIT", 0.05)

    async with asyncio.timeout(2):  # less than a connection may take
        ready = await alone.get("/health/ready")

    assert ready.status_code == 503
    assert tells(ready, "The database does not answer.")
