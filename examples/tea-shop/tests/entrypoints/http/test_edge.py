import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from httpx import ASGITransport, AsyncClient
from starlette.types import Message, Receive, Scope, Send

from tea_shop.container import Container
from tea_shop.entrypoints.http.app import create_app
from tea_shop.entrypoints.http.settings import HttpSettings

from tests.entrypoints.http.in_process import Logbook, calling, logging_to, new_app

CANARY = "canary-4711"
OURS, THEIRS = "https://ours.example", "https://theirs.example"


def make_trial(**settings: object) -> FastAPI:
    """An application with routes that do what the tests are about."""
    app = new_app(**settings)

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.get("/slow")
    async def slow() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "a"
            await asyncio.sleep(0.05)
            yield "b"

        return StreamingResponse(parts())

    @app.get("/torn")
    async def torn() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "a"
            raise ZeroDivisionError(CANARY)

        return StreamingResponse(parts())

    @app.get("/things/{thing}")
    async def get_thing(thing: str, word: str) -> str:
        return thing + word

    @app.get("/fails")
    async def fails() -> None:
        raise ZeroDivisionError(CANARY)

    @app.get("/strange")
    async def strange() -> None:
        raise HTTPException(999, "there is no such status")

    return app


trial = cache(make_trial)  # one for many tests: an application takes long to make


@pytest.mark.parametrize("given", ["1", "A.b_c-1", "x" * 64])
async def test_a_request_keeps_its_name(given: str) -> None:
    async with calling(trial()) as client:
        answer = await client.get("/nowhere", headers={"X-Request-ID": given})

    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "<b>", "1\xe9", "a,b"])
async def test_a_name_that_could_do_harm_is_replaced(given: str) -> None:
    async with calling(trial()) as client:
        headers = [(b"X-Request-ID", given.encode("latin-1"))]
        answers = [await client.get("/nowhere", headers=headers) for _ in "12"]

    first, second = (answer.headers["X-Request-ID"] for answer in answers)
    assert first != second
    assert all(answer.json()["request_id"].isalnum() for answer in answers)


async def test_the_log_has_one_line_a_request_without_what_was_sent() -> None:
    log = Logbook()

    with logging_to(log):
        async with calling(trial()) as client:
            answer = await client.get(
                f"/things/{CANARY}",
                params={"word": CANARY},
                headers={"X-Request-ID": "7"},
            )
            await client.get(f"/{CANARY}", headers={CANARY: CANARY})

    assert answer.json() == CANARY + CANARY
    found, missed = log.lines()
    assert found["event"] == missed["event"] == "answered"
    assert (found["method"], found["route"], found["status"]) == (
        "GET",
        "/things/{thing}",
        200,
    )
    assert (found["request_id"], found["level"]) == ("7", "info")
    assert 0 < found["milliseconds"] < 1000
    assert (missed["route"], missed["status"]) == (None, 404)
    assert CANARY not in log.getvalue()


async def test_a_failure_is_logged_under_the_name_of_its_request() -> None:
    log = Logbook()

    with logging_to(log):
        async with calling(trial()) as client:
            answer = await client.get("/fails")

    failed, answered = log.lines()
    assert (failed["event"], failed["level"]) == ("failed", "error")
    assert failed["request_id"] == answered["request_id"] == answer.json()["request_id"]
    assert (answered["route"], answered["status"]) == ("/fails", 500)


@pytest.mark.parametrize(
    "path",
    [
        "/health/live",
        "/nowhere",
        "/fails",
        "/docs",
        "/docs/assets/favicon.png",
        "/openapi.json",
    ],
)
async def test_each_answer_holds_browsers_back(path: str) -> None:
    with logging_to(Logbook()):
        async with calling(trial()) as client:
            headers = (await client.get(path)).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert headers["Content-Security-Policy"].endswith(" frame-ancestors 'none'")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"].startswith("max-age=63072000")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("size", [0, 1, 10])
async def test_a_body_may_have_a_certain_size(size: int) -> None:
    async with calling(trial(http_max_body_size=10)) as client:
        answer = await client.post("/size", content=b"x" * size)

    assert (answer.status_code, answer.json()) == (200, size)


async def test_a_body_that_is_too_large_is_refused() -> None:
    async with calling(trial(http_max_body_size=10)) as client:
        answer = await client.post("/size", content=b"x" * 11)

    assert answer.status_code == answer.json()["status"] == 413
    assert answer.json()["detail"] == "The body has more than 10 bytes."


async def test_a_body_in_parts_is_refused_before_it_is_all_there() -> None:
    read: list[bytes] = []

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(9):
            read.append(b"four")
            yield read[-1]

    async with calling(trial(http_max_body_size=10)) as client:
        answer = await client.post("/size", content=parts())

    assert (answer.status_code, len(read)) == (413, 3)


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    async with asyncio.timeout(9), calling(trial(http_body_timeout=0.02)) as client:
        answer = await client.post("/size", content=parts())

    assert answer.status_code == answer.json()["status"] == 408
    assert answer.json()["detail"] == "The body did not come in time."


async def test_a_slow_answer_is_not_taken_for_a_slow_body() -> None:
    async with calling(trial(http_body_timeout=0.01)) as client:
        answer = await client.get("/slow")

    assert (answer.status_code, answer.text) == (200, "ab")


async def test_an_error_in_an_answer_is_no_second_one() -> None:
    app = trial()
    sent: list[str] = []

    async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
        async def record(message: Message) -> None:
            sent.append(message["type"])
            await send(message)

        await app(scope, receive, record)

    transport = ASGITransport(recorded)
    async with AsyncClient(transport=transport, base_url="http://service") as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/torn")

    assert sent == ["http.response.start", "http.response.body"]


async def test_an_error_while_another_is_answered_is_answered() -> None:
    with logging_to(Logbook()):
        async with calling(trial()) as client:
            answer = await client.get("/strange")

    assert answer.status_code == answer.json()["status"] == 500
    assert answer.json()["detail"] == "The service failed."


async def test_the_parts_live_as_long_as_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/db")
    events: list[str] = []

    @asynccontextmanager
    async def parts() -> AsyncGenerator[Container]:
        events.append("opened")
        yield Container()
        events.append("closed")

    async def receive() -> Message:
        return {"type": "lifespan.shutdown" if events else "lifespan.startup"}

    async def send(message: Message) -> None:
        events.append(message["type"])

    await create_app(HttpSettings(), parts)({"type": "lifespan"}, receive, send)

    assert events == [
        "opened",
        "lifespan.startup.complete",
        "closed",
        "lifespan.shutdown.complete",
    ]


async def test_pages_of_others_may_not_call_the_service() -> None:
    async with calling(trial()) as client:
        answer = await client.get("/health/live", headers={"Origin": OURS})
        asked = await client.options(
            "/size", headers={"Origin": OURS, "Access-Control-Request-Method": "POST"}
        )

    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in asked.headers
    assert asked.status_code == 400


async def test_pages_of_a_known_origin_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_CORS_ORIGINS", f"https://other.example {OURS}")
    wanted = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "If-Match",
    }

    async with calling(make_trial()) as client:
        answer = await client.get("/health/live", headers={"Origin": OURS})
        failed = await client.get("/fails", headers={"Origin": OURS})
        asked = await client.options("/size", headers={"Origin": OURS, **wanted})
        others = await client.get("/health/live", headers={"Origin": THEIRS})
        refused = await client.options("/size", headers={"Origin": THEIRS, **wanted})

    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert failed.status_code == 500
    assert failed.headers["Access-Control-Allow-Origin"] == OURS
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == OURS
    assert "PUT" in asked.headers["Access-Control-Allow-Methods"]
    assert asked.headers["Access-Control-Allow-Headers"] == "If-Match"
    assert "Access-Control-Allow-Origin" not in others.headers
    assert refused.status_code == 400
