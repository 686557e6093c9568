import logging
import re
from collections.abc import Iterable
from contextlib import redirect_stderr
from functools import partial

import pytest
import structlog
from httpx import AsyncClient
from sqlalchemy import text

from tea_shop.container import Container
from tea_shop.entrypoints.http.app import make_app

from tests.entrypoints.http.in_process import (
    Logbook,
    Terminal,
    calling,
    logging_to,
    new_app,
)

CANARY = "canary.4711@example.com"
PASSWORD = "open-sesame"

log = structlog.get_logger("tea_shop")


def failing() -> None:
    """Raise an error with two others behind it."""
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise ValueError(CANARY) from error
    except ValueError:
        raise ZeroDivisionError(CANARY)  # noqa: B904 - as happens in a handler


def log_failure(name: str) -> None:
    """Log it as code does that stands in an `except`."""
    try:
        failing()
    except ZeroDivisionError as error:
        if name == "error":
            log.error("it broke", exc_info=error)
        elif name == "exception":
            log.exception("it broke")
        else:
            logging.getLogger(name).exception("it %s", "broke")


async def test_each_line_is_json() -> None:
    book = Logbook()

    with logging_to(book):
        log.info("one", number=1, what={"a": object})
        logging.getLogger("uvicorn.error").info("two %s", "words")
        logging.getLogger("somebody").warning("three")
        logging.getLogger("somebody").info("four")
        logging.getLogger("tea_shop").debug("five")

    one, two, three = book.lines()
    assert (one["event"], one["level"], one["number"]) == ("one", "info", 1)
    assert (two["event"], two["logger"]) == ("two words", "uvicorn.error")
    assert (three["event"], three["level"]) == ("three", "warning")
    assert all(line["timestamp"].endswith("Z") for line in book.lines())


async def test_a_terminal_shows_lines_to_read() -> None:
    terminal = Terminal()

    with logging_to(terminal):
        async with calling(new_app()) as client:
            await client.get("/nowhere")
        logging.getLogger("uvicorn.error").info("two %s", "words")

    first, second = terminal.getvalue().splitlines()
    assert "answered" in first
    assert "two words" in second
    assert not first.startswith("{")


@pytest.mark.parametrize("name", ["error", "exception", "uvicorn.error"])
async def test_an_error_is_told_without_what_it_says(name: str) -> None:
    book = Logbook()

    with logging_to(book):
        log_failure(name)

    (line,) = book.lines()
    kinds = [error["error"] for error in line["errors"]]
    assert line["event"] == "it broke"
    assert kinds == ["ZeroDivisionError", "ValueError", "KeyError"]
    assert all(
        "test_logs.py" in place for error in line["errors"] for place in error["places"]
    )
    assert line["errors"][0]["places"][-1].endswith(" in failing")
    assert CANARY not in book.getvalue()


@pytest.mark.parametrize("name", ["error", "exception", "uvicorn.error"])
async def test_a_terminal_shows_all_of_an_error(name: str) -> None:
    terminal = Terminal()

    with logging_to(terminal):
        log_failure(name)

    shown = terminal.getvalue()
    assert shown.count("Traceback (most recent call last)") == 3
    assert f"ZeroDivisionError: {CANARY}" in shown
    assert f"KeyError: '{CANARY}'" in shown


async def test_errors_may_be_causes_of_each_other() -> None:
    book = Logbook()
    one, other = KeyError(), ValueError()
    one.__cause__, other.__cause__ = other, one

    with logging_to(book):
        log.error("it broke", exc_info=one)

    kinds = [error["error"] for error in book.lines()[0]["errors"]]
    assert kinds == ["KeyError", "ValueError"]


async def test_there_may_be_no_error_to_tell_of() -> None:
    book = Logbook()

    with logging_to(book):
        log.error("it broke", exc_info=True)
        logging.getLogger("somebody").error("it broke", exc_info=True)

    assert all("errors" not in line for line in book.lines())


CLASH = (
    "CREATE TEMP TABLE canaries (name text UNIQUE) ON COMMIT DROP",
    "INSERT INTO canaries VALUES (:name)",
    "INSERT INTO canaries VALUES (:name)",
)
NO_NUMBER = ("SELECT CAST(CAST(:name AS text) AS integer)",)


@pytest.fixture
def rows(container: Container) -> AsyncClient:
    """A client of routes that give data to the database."""
    app = new_app()

    async def execute(statements: Iterable[str]) -> None:
        async with container.engine().connect() as connection:
            for statement in statements:
                await connection.execute(text(statement), {"name": CANARY})

    app.add_api_route("/rows/kept", partial(execute, CLASH[:2]))
    app.add_api_route("/rows/taken", partial(execute, CLASH))
    app.add_api_route("/rows/no-number", partial(execute, NO_NUMBER))
    return calling(app)


@pytest.mark.postgres
async def test_nothing_that_is_sent_is_logged(client: AsyncClient) -> None:
    book = Logbook()
    paths = (await client.get("/openapi.json")).json()["paths"]
    operations = [(method, path) for path in paths for method in paths[path]]
    statuses: set[int] = set()

    with logging_to(book):
        for method, path in operations:
            place, strange = (re.sub("{.+?}", part, path) for part in ("1", CANARY))
            headers = {"User-Agent": CANARY, "If-Match": "*"}
            answers = [
                await client.request(
                    method, place, headers=headers, json={CANARY: CANARY}
                ),
                await client.request(
                    method, strange, params={CANARY: CANARY}, content=CANARY
                ),
            ]
            statuses |= {answer.status_code for answer in answers}

    assert statuses.issuperset({200, 404, 422})
    assert len(book.lines()) == 2 * len(operations)
    assert CANARY not in book.getvalue()


@pytest.mark.postgres
async def test_nothing_that_the_database_says_is_logged(rows: AsyncClient) -> None:
    book = Logbook()

    with logging_to(book):
        kept = await rows.get("/rows/kept")
        lost = [await rows.get("/rows/taken"), await rows.get("/rows/no-number")]

    assert kept.status_code == 200
    assert all(answer.status_code >= 400 for answer in lost)
    assert len(book.lines()) >= 3
    assert CANARY not in book.getvalue()
    assert all(CANARY not in answer.text for answer in lost)


async def test_no_password_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://user:{PASSWORD}@localhost:1/db")
    book = Logbook()

    with logging_to(Logbook()), redirect_stderr(book):
        app = make_app()  # which logs to what is the standard error now
        async with app.router.lifespan_context(app), calling(app) as client:
            ready = await client.get("/health/ready")
            found = await client.get("/api/teas")

    assert (ready.status_code, found.status_code) == (503, 503)
    assert book.lines()[-2]["errors"][0]["error"] == "Unavailable"
    assert PASSWORD not in book.getvalue()
    assert all(PASSWORD not in answer.text for answer in (ready, found))
