"""Teas over HTTP."""

from decimal import Decimal
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.openapi.models import Example

from tea_shop.application.messages.base import SlicedResult, SliceQuery
from tea_shop.application.messages.tea import CreateTea, TeaResult, UpdateTea
from tea_shop.application.tea import TeaService
from tea_shop.domain.errors import NotFound
from tea_shop.domain.identities import TeaId
from tea_shop.entrypoints.http.bodies import sent
from tea_shop.entrypoints.http.routes.base import (
    CREATED,
    LISTED,
    VERSIONED,
    SeenVersion,
    StrictRoute,
    container_of,
    etag,
    link,
)


async def tea_service(request: Request) -> TeaService:
    """Return the use cases."""
    return container_of(request).tea_service()


Service: TypeAlias = Annotated[TeaService, Depends(tea_service)]
Identity: TypeAlias = Annotated[TeaId, Path(gt=0, lt=2**63)]

NEW = CreateTea(name="some name", price=Decimal("12.05")).model_dump(mode="json")
EXAMPLES = {"one": Example(value=NEW)}

router = APIRouter(prefix="/api/teas", tags=["teas"], route_class=StrictRoute)


@router.post("", status_code=201, responses=CREATED)
async def create(
    service: Service,
    command: Annotated[CreateTea, sent(CreateTea), Body(openapi_examples=EXAMPLES)],
    request: Request,
    response: Response,
) -> TeaResult:
    """Keep a new tea."""
    created = await service.create(command)
    response.headers["Location"] = f"{request.url.path}/{created.id}"
    response.headers["ETag"] = etag(created.version)
    return created


@router.get("", responses=LISTED)
async def list_after(
    service: Service,
    query: Annotated[SliceQuery, Query()],
    request: Request,
    response: Response,
) -> SlicedResult[TeaResult]:
    """Read those that follow an identity, the oldest first."""
    part = await service.list_after(query)
    if part.has_more:
        last = part.items[-1].id
        response.headers["Link"] = link(request, "next", after=last, limit=query.limit)
    return part


@router.get("/by-name", responses=VERSIONED)
async def find_by_name(
    service: Service,
    value: Annotated[
        str, Query(alias="name", openapi_examples={"one": Example(value=NEW["name"])})
    ],
    response: Response,
) -> TeaResult:
    """Read the one with this name."""
    found = await service.find_by_name(value)
    if found is None:
        raise NotFound("no tea has this name")
    response.headers["ETag"] = etag(found.version)
    return found


@router.get("/{tea_id}", responses=VERSIONED)
async def get(service: Service, tea_id: Identity, response: Response) -> TeaResult:
    """Read one tea."""
    found = await service.get(tea_id)
    response.headers["ETag"] = etag(found.version)
    return found


@router.put("/{tea_id}", responses=VERSIONED)
async def update(
    service: Service,
    tea_id: Identity,
    seen: SeenVersion,
    command: Annotated[UpdateTea, sent(UpdateTea), Body(openapi_examples=EXAMPLES)],
    response: Response,
) -> TeaResult:
    """Change one, unless somebody else did so since you saw it."""
    updated = await service.update(tea_id, command, version=seen)
    response.headers["ETag"] = etag(updated.version)
    return updated


@router.delete("/{tea_id}", status_code=204, response_class=Response)
async def delete(service: Service, tea_id: Identity, seen: SeenVersion) -> None:
    """Take one out, unless somebody else changed it since you saw it."""
    await service.delete(tea_id, version=seen)
