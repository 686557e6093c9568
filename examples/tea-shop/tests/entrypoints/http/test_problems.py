from functools import cache
from http import HTTPStatus
from typing import Annotated

import pytest
from fastapi import Body, FastAPI, HTTPException
from httpx import AsyncClient, Response
from pydantic import AfterValidator

from tea_shop.application.errors import (
    CommitUnknown,
    Misused,
    ReadOnly,
    RolledBack,
    StorageError,
    TimedOut,
    TransactionConflict,
    Unavailable,
)
from tea_shop.domain.errors import (
    AlreadyTaken,
    ConcurrentUpdate,
    DomainError,
    InvalidValue,
    NotFound,
    StaleVersion,
    StillReferenced,
    UnknownReference,
)
from tea_shop.entrypoints.http.problems import MEANINGS

from tests.entrypoints.http.in_process import Logbook, calling, logging_to, new_app

CANARY = "canary-4711"


class Lost(NotFound):
    """Something of its own is not found."""


class Odd(DomainError):
    """A rule of its own said no."""


REFUSED: list[tuple[type[Exception], int, str]] = [
    (NotFound, 404, "not-found"),
    (Lost, 404, "not-found"),
    (AlreadyTaken, 409, "already-taken"),
    (StillReferenced, 409, "still-referenced"),
    (UnknownReference, 409, "unknown-reference"),
    (StaleVersion, 412, "stale-version"),
    (InvalidValue, 422, "invalid-value"),
    (DomainError, 422, "domain-error"),
    (Odd, 422, "domain-error"),
]
FAILED: list[tuple[type[Exception], int, str]] = [
    (Unavailable, 503, "urn:problem-type:unavailable"),
    (ConcurrentUpdate, 503, "urn:problem-type:concurrent-update"),
    (TransactionConflict, 503, "urn:problem-type:transaction-conflict"),
    (TimedOut, 504, "urn:problem-type:timed-out"),
    (CommitUnknown, 500, "urn:problem-type:commit-unknown"),
    (ReadOnly, 500, "about:blank"),
    (RolledBack, 500, "about:blank"),
    (Misused, 500, "about:blank"),
    (StorageError, 500, "about:blank"),
    (ZeroDivisionError, 500, "about:blank"),
    (Exception, 500, "about:blank"),
]


@cache
def failing() -> FastAPI:
    """An application with a route that raises the error that it is given."""
    app = new_app()

    @app.post("/fails/{path}")
    async def fails(path: str, query: str, body: Annotated[str, Body()]) -> None:
        data = f"{path} {query} {body}"
        error: Exception = app.state.error
        raise error from ValueError(data)

    return app


async def answer_to(error: Exception) -> Response:
    """The answer where the use case raises this, to a request that is full of data."""
    app = failing()
    app.state.error = error
    async with calling(app) as client:
        headers = {"User-Agent": CANARY}
        return await client.post(
            f"/fails/{CANARY}", params={"query": CANARY}, json=CANARY, headers=headers
        )


@pytest.mark.parametrize(("kind", "status", "name"), REFUSED)
async def test_the_domain_tells_itself_what_it_refused(
    kind: type[Exception], status: int, name: str
) -> None:
    answer = await answer_to(kind("it is not the season"))

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": f"urn:problem-type:{name}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": "it is not the season",
        "request_id": answer.headers["X-Request-ID"],
    }


@pytest.mark.parametrize(("kind", "status", "name"), FAILED)
async def test_a_failure_shows_no_data(
    kind: type[Exception], status: int, name: str
) -> None:
    log = Logbook()

    with logging_to(log):
        answer = await answer_to(kind(CANARY))

    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert problem["type"] == name
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["detail"].endswith((".", "again."))
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)
    assert CANARY not in log.getvalue()
    told = [error["error"] for error in log.lines()[0]["errors"]]
    assert told == [kind.__name__, "ValueError"]


def test_each_meaning_is_tried() -> None:
    tried = {kind for kind, _, _ in [*REFUSED, *FAILED]}

    assert tried.issuperset(meaning.kind for meaning in MEANINGS)


async def test_what_may_work_in_a_moment_says_when() -> None:
    with logging_to(Logbook()):
        unavailable = await answer_to(Unavailable())
        unknown = await answer_to(CommitUnknown())

    assert unavailable.headers["Retry-After"] == "1"
    assert "try again" in unavailable.json()["detail"]
    assert "Retry-After" not in unknown.headers
    assert "look before you ask again" in unknown.json()["detail"]


@pytest.fixture(scope="module")
def client() -> AsyncClient:
    """A client of an application with routes that refuse."""
    app = new_app()
    add_routes(app)
    return calling(app)


def add_routes(app: FastAPI) -> None:
    def even(number: int) -> int:
        if number % 2:
            raise ValueError("It must be even")
        return number

    @app.get("/even/{number}")
    async def get_even(number: Annotated[int, AfterValidator(even)]) -> int:
        return number

    @app.get("/secret")
    async def get_secret() -> None:
        raise HTTPException(401, "Who are you?", {"WWW-Authenticate": "Bearer"})


@pytest.mark.parametrize("path", ["/nowhere", "/health/live/", "/docs/assets/nowhere"])
async def test_an_unknown_path_is_a_problem(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
        "request_id": answer.headers["X-Request-ID"],
    }


@pytest.mark.parametrize(
    "path", ["/health/live", "/docs", "/docs/assets/favicon.png", "/openapi.json"]
)
async def test_a_wrong_method_is_a_problem(client: AsyncClient, path: str) -> None:
    answer = await client.delete(path)

    assert answer.status_code == answer.json()["status"] == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "GET" in answer.headers["Allow"]


async def test_a_path_tells_all_methods_that_it_has(client: AsyncClient) -> None:
    answer = await client.patch("/api/teas")

    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_what_a_route_refuses_keeps_its_headers(client: AsyncClient) -> None:
    answer = await client.get("/secret")

    assert (answer.status_code, answer.json()["detail"]) == (401, "Who are you?")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_fault_tells_its_place_and_not_what_was_sent(
    client: AsyncClient,
) -> None:
    answer = await client.get(f"/even/{CANARY}")

    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "The request is not as it should be.",
    )
    (fault,) = answer.json()["faults"]
    assert fault["location"] == "path/number"
    assert "valid integer" in fault["detail"]
    assert CANARY not in answer.text


async def test_a_rule_of_a_value_is_told_in_its_own_words(client: AsyncClient) -> None:
    answer = await client.get("/even/1")

    fault = {"location": "path/number", "detail": "It must be even"}
    assert answer.json()["faults"] == [fault]
