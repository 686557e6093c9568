"""What the routes of all entities share."""

import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any, TypeAlias, get_origin
from urllib.parse import quote, urlencode

from fastapi import Depends, Header, HTTPException
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from tea_shop.application.messages.base import PagedResult
from tea_shop.container import Container
from tea_shop.entrypoints.http.bodies import JsonRequest

IF_MATCH = "If-Match"
ETAG = r'^(?:\*|"(0|[1-9][0-9]{0,18})")$'
UNKNOWN = "There is no such parameter."
REPEATED = "There can be one such parameter only."
LISTS = (list, set, frozenset, tuple)

# What the documentation tells of the headers of an answer.
Responses: TypeAlias = dict[int | str, dict[str, Any]]
TEXT = {"type": "string"}
VERSION = {
    "description": "Its version, for `If-Match`.",
    "required": True,
    "schema": TEXT,
}
PLACE = {"description": "Where it is.", "required": True, "schema": TEXT}
PARTS = {"description": "The parts before and behind, if any.", "schema": TEXT}
CREATED: Responses = {201: {"headers": {"ETag": VERSION, "Location": PLACE}}}
VERSIONED: Responses = {200: {"headers": {"ETag": VERSION}}}
LISTED: Responses = {200: {"headers": {"Link": PARTS}}}


def container_of(request: Request) -> Container:
    """Return the parts of the service that the application was started with."""
    container: Container = request.app.state.container
    return container


class StrictRoute(APIRoute):
    """Refuses what it does not know: query parameters, and bodies that are not JSON.

    A body is a command that `sent` reads from its text.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave `/by-email` to the route of this name, whatever the method is."""
        match, found = super().matches(scope)
        values = found.get("path_params", {}).values()
        if any(str(value).startswith("by-") for value in values):
            return Match.NONE, {}
        return match, found

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put its own part before what FastAPI does with a request."""
        handle = super().get_route_handler()
        known = dict(_parameters(self.dependant))

        async def checked(request: Request) -> Response:
            given = [name for name, _ in request.query_params.multi_items()]
            faults = [
                {"loc": ("query", name), "msg": UNKNOWN}
                for name in given
                if name not in known
            ]
            faults += [
                {"loc": ("query", name), "msg": REPEATED}
                for name, is_list in known.items()
                if given.count(name) > 1 and not is_list
            ]
            if faults:
                raise RequestValidationError(faults)
            request = JsonRequest(request.scope, request.receive)
            if self.body_field and not request.has_json:
                raise HTTPException(415, "Send JSON, and say so as Content-Type.")
            return await handle(request)

        return checked


def _parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Name the parameters of a query, those of dependencies too; tell which are lists."""
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        fields = getattr(annotation, "model_fields", {field.alias: field.field_info})
        for name, info in fields.items():
            yield info.alias or name, get_origin(info.annotation) in LISTS
    for other in dependant.dependencies:
        yield from _parameters(other)


def seen_version(
    if_match: Annotated[
        str | SkipJsonSchema[None],
        Header(
            alias=IF_MATCH,
            description="The `ETag` of what is to be changed, or `*` for whatever it is now.",
            json_schema_extra={"pattern": ETAG},
        ),
    ] = None,
) -> int | None:
    """Read which version the caller has seen; None stands for any."""
    if if_match is None:
        raise HTTPException(428, "Send the ETag of what is to be changed as If-Match.")
    if found := re.fullmatch(ETAG, if_match):
        return None if if_match == "*" else int(found[1])
    raise HTTPException(412, "If-Match has no ETag of this service.")


SeenVersion: TypeAlias = Annotated[int | None, Depends(seen_version)]


def etag(version: int) -> str:
    """Write the version as the caller is to send it back in `If-Match`."""
    return f'"{version}"'


def link(request: Request, relation: str, **query: int) -> str:
    """Point to another part of the same list (RFC 8288)."""
    return f'<{quote(request.url.path)}?{urlencode(query)}>; rel="{relation}"'


def page_links(request: Request, page: PagedResult[Any]) -> dict[str, str]:
    """Point to the pages before and after this one, as far as there are any."""
    links: list[str] = []
    if page.offset > 0:
        before = max(page.offset - page.limit, 0)
        links.append(link(request, "prev", offset=before, limit=page.limit))
    after = page.offset + page.limit
    if after < page.total:
        links.append(link(request, "next", offset=after, limit=page.limit))
    return {"Link": ", ".join(links)} if links else {}
