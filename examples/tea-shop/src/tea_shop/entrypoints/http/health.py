"""Whether the service lives, and whether it can do its work."""

import asyncio

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from tea_shop.application.errors import StorageError
from tea_shop.entrypoints.http.routes.base import StrictRoute, container_of
from tea_shop.infrastructure.schema import missing_migrations

LONGEST_WAIT = 5  # seconds for the database to answer

router = APIRouter(prefix="/health", tags=["health"], route_class=StrictRoute)


class Health(BaseModel):
    """The answer where all is well."""

    status: str = "ok"


@router.get("/live")
async def live() -> Health:
    """Tell that the process serves requests: start it anew where this fails."""
    return Health()


@router.get("/ready")
async def ready(request: Request) -> Health:
    """Tell that the database answers and its schema is up to date: else send no work."""
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            missing = await missing_migrations(container_of(request).engine())
    except (StorageError, TimeoutError):
        raise HTTPException(503, "The database does not answer.") from None
    if missing:
        raise HTTPException(503, "The schema of the database is not up to date.")
    return Health()
