"""Orders over HTTP."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.openapi.models import Example

from tea_shop.application.messages.base import SlicedResult, SliceQuery
from tea_shop.application.messages.order import (
    CreateOrder,
    OrderLineData,
    OrderResult,
    UpdateOrder,
)
from tea_shop.application.order import OrderService
from tea_shop.domain.email import Email
from tea_shop.domain.identities import OrderId, TeaId
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


async def order_service(request: Request) -> OrderService:
    """Return the use cases."""
    return container_of(request).order_service()


Service: TypeAlias = Annotated[OrderService, Depends(order_service)]
Identity: TypeAlias = Annotated[OrderId, Path(gt=0, lt=2**63)]

NEW = CreateOrder(
    guest=Email("user@example.com"),
    lines=(
        OrderLineData(tea_id=TeaId(1), cups=42),
        OrderLineData(tea_id=TeaId(1), cups=43),
    ),
).model_dump(mode="json")
EXAMPLES = {"one": Example(value=NEW)}

router = APIRouter(prefix="/api/orders", tags=["orders"], route_class=StrictRoute)


@router.post("", status_code=201, responses=CREATED)
async def create(
    service: Service,
    command: Annotated[CreateOrder, sent(CreateOrder), Body(openapi_examples=EXAMPLES)],
    request: Request,
    response: Response,
) -> OrderResult:
    """Keep a new order."""
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
) -> SlicedResult[OrderResult]:
    """Read those that follow an identity, the oldest first."""
    part = await service.list_after(query)
    if part.has_more:
        last = part.items[-1].id
        response.headers["Link"] = link(request, "next", after=last, limit=query.limit)
    return part


@router.get("/{order_id}", responses=VERSIONED)
async def get(service: Service, order_id: Identity, response: Response) -> OrderResult:
    """Read one order."""
    found = await service.get(order_id)
    response.headers["ETag"] = etag(found.version)
    return found


@router.put("/{order_id}", responses=VERSIONED)
async def update(
    service: Service,
    order_id: Identity,
    seen: SeenVersion,
    command: Annotated[UpdateOrder, sent(UpdateOrder), Body(openapi_examples=EXAMPLES)],
    response: Response,
) -> OrderResult:
    """Change one, unless somebody else did so since you saw it."""
    updated = await service.update(order_id, command, version=seen)
    response.headers["ETag"] = etag(updated.version)
    return updated


@router.delete("/{order_id}", status_code=204, response_class=Response)
async def delete(service: Service, order_id: Identity, seen: SeenVersion) -> None:
    """Take one out, unless somebody else changed it since you saw it."""
    await service.delete(order_id, version=seen)
