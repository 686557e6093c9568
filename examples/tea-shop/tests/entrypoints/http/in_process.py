"""The application without a server and without a database, and what it logs."""

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import structlog
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from tea_shop.container import open_container
from tea_shop.entrypoints.http.app import create_app
from tea_shop.entrypoints.http.logs import configure_logs
from tea_shop.entrypoints.http.settings import HttpSettings


class Logbook(StringIO):
    """What is written to the log, to a file."""

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


class Terminal(StringIO):
    """What is written to the log, to a terminal."""

    def isatty(self) -> bool:
        return True


@contextmanager
def logging_to(stream: StringIO) -> Generator[None]:
    """Log as the service does, where this is its standard error."""
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        with redirect_stderr(stream):
            configure_logs()
            yield
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        structlog.reset_defaults()


def new_app(**settings: Any) -> FastAPI:
    """One that is never started, so that its parts are not there."""
    return create_app(HttpSettings(**settings), open_container)


def calling(app: FastAPI) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://service")
