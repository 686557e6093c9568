"""Errors as problem details (RFC 9457): the one place that tells what each means."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tea_shop.application.errors import (
    CommitUnknown,
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
from tea_shop.entrypoints.http.bodies import MOST_FAULTS

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "1"  # seconds


class Meaning(NamedTuple):
    """What a kind of error means to the caller."""

    kind: type[Exception]
    status: HTTPStatus
    detail: str = ""
    """What to say in place of the message, where that is not for the caller."""


MEANINGS = [  # the first that fits an error
    Meaning(NotFound, HTTPStatus.NOT_FOUND),
    Meaning(AlreadyTaken, HTTPStatus.CONFLICT),
    Meaning(StillReferenced, HTTPStatus.CONFLICT),
    Meaning(
        UnknownReference, HTTPStatus.CONFLICT
    ),  # well formed, but not as things are
    Meaning(StaleVersion, HTTPStatus.PRECONDITION_FAILED),
    Meaning(
        ConcurrentUpdate, HTTPStatus.SERVICE_UNAVAILABLE, "Nothing was done: try again."
    ),
    Meaning(InvalidValue, HTTPStatus.UNPROCESSABLE_ENTITY),
    Meaning(DomainError, HTTPStatus.UNPROCESSABLE_ENTITY),
    Meaning(
        Unavailable, HTTPStatus.SERVICE_UNAVAILABLE, "Nothing was done: try again."
    ),
    Meaning(
        TransactionConflict,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Nothing was done: try again.",
    ),
    Meaning(
        TimedOut, HTTPStatus.GATEWAY_TIMEOUT, "It took too long; nothing was done."
    ),
    Meaning(
        CommitUnknown,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "It may have been done or not: look before you ask again.",
    ),
    Meaning(Exception, HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed."),
]

log = structlog.get_logger()


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    location: str
    """Where it stands, such as `body/lines/0/quantity`."""
    detail: str


class Problem(BaseModel):
    """What became of a request that failed."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    request_id: str
    """The one of the header `X-Request-ID`, and of the log."""
    faults: list[Fault] | None = None


async def on_error(request: Request, error: Exception) -> Response:
    """Answer what the domain refused, where the store failed, and whatever else."""
    kind, status, detail = next(one for one in MEANINGS if isinstance(error, one.kind))
    if not detail:
        return answer(request, status, str(error), kind=kind)
    log.error("failed", exc_info=error)
    headers = {"Retry-After": RETRY_AFTER} if status == 503 else None
    return answer(request, status, detail, kind=kind, headers=headers)


async def on_http_error(request: Request, error: HTTPException) -> Response:
    """Answer what the framework refused: an unknown path, a wrong method and so on."""
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status == 405:  # the framework knows the methods of one route only
        path = getattr(request.scope.get("route"), "path_format", None)
        methods = request.app.openapi()["paths"].get(path, ["get"])
        allowed = ", ".join(map(str.upper, methods))
        headers["Allow"] = allowed.replace("GET", "GET, HEAD")
    return answer(request, status, str(error.detail), headers=headers)


async def on_bad_request(request: Request, error: RequestValidationError) -> Response:
    """Answer what does not have the form that the documentation tells."""
    faults = [
        Fault(
            location="/".join(map(str, fault["loc"])),
            detail=fault["msg"].removeprefix("Value error, "),
        )
        for fault in error.errors()[:MOST_FAULTS]
    ]
    detail = "The request is not as it should be."
    return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults=faults)


def answer(
    request: Request,
    status: HTTPStatus,
    detail: str,
    *,
    kind: type[Exception] = Exception,
    faults: list[Fault] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write a problem; its kind tells it from others with the same status."""
    name = re.sub("(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()
    problem = Problem(
        type="about:blank" if kind is Exception else f"urn:problem-type:{name}",
        title=status.phrase,
        status=status,
        detail=detail,
        request_id=request.state.request_id,
        faults=faults,
    )
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, status, headers, MEDIA_TYPE)
