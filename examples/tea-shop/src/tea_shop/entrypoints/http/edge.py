"""What holds for every request, whatever becomes of it."""

import asyncio
import re
from time import perf_counter
from uuid import uuid4

import structlog
from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tea_shop.entrypoints.http.problems import on_error
from tea_shop.entrypoints.http.settings import HttpSettings

# https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
REQUEST_ID = re.compile("[0-9A-Za-z._-]{1,64}")

log = structlog.get_logger()


class Edge:
    """The outermost layer.

    It gives each request a name, limits its body in size and in time, sees to it that
    no error leaves without an answer, sets the headers that hold browsers back, logs one
    line, and keeps the query out of traces.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and the end of the service."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        if scope["query_string"]:  # it may tell whom somebody looks for
            trace.get_current_span().set_attribute("url.query", "REDACTED")
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._serve(scope, self._limited(scope, receive), send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = perf_counter()
        status = 0
        method = scope["method"]
        if method == "HEAD":  # it is a GET whose body the server keeps back
            scope = {**scope, "method": "GET"}

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = scope["state"]["request_id"]
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            if status:  # it is too late for another answer
                raise
            response = await on_error(Request(scope), error)
            await response(scope, receive, answer)
        finally:
            route = getattr(
                scope.get("route"), "path", None
            )  # and not what stood there
            spent = round((perf_counter() - start) * 1000, 1)
            log.info(
                "answered",
                method=method,
                route=route,
                status=status,
                milliseconds=spent,
            )

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        most = self._settings.http_max_body_size
        timeout = self._settings.http_body_timeout
        deadline: float | None = asyncio.get_running_loop().time() + timeout
        size = 0

        async def receive_within_limits() -> Message:
            nonlocal deadline, size
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "The body did not come in time.") from None
            size += len(message.get("body", b""))
            if size > most:
                raise HTTPException(413, f"The body has more than {most} bytes.")
            if not message.get("more_body"):
                deadline = None  # what comes now is the caller's leaving, at any time
            return message

        return receive_within_limits
