import datetime as dt
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, FastAPI
from httpx import AsyncClient
from pydantic import Field

from tea_shop.application.messages.base import BaseCommand
from tea_shop.entrypoints.http.bodies import sent
from tea_shop.entrypoints.http.routes.base import SeenVersion, StrictRoute

from tests.entrypoints.http.in_process import calling, new_app


class Sample(BaseCommand):
    """A command whose description FastAPI does not get right by itself."""

    members: frozenset[int] = frozenset()
    most: int = Field(default=0, lt=2**63)
    rough: float = 1.5
    hour: dt.time = dt.time.min
    long: dt.timedelta = dt.timedelta.min


router = APIRouter(prefix="/samples", route_class=StrictRoute)


@router.get("/by-name")
async def find(name: str) -> str:
    return name


@router.get("/{sample_id}")
async def get(sample_id: int) -> int:
    return sample_id


@router.put("/{sample_id}")
async def update(
    sample_id: int, seen: SeenVersion, command: Annotated[Sample, sent(Sample), Body()]
) -> int:
    return len(command.members)


@pytest.fixture(scope="module")
def app() -> FastAPI:
    app = new_app()
    app.include_router(router)
    return app


@pytest.fixture
def client(app: FastAPI) -> AsyncClient:
    return calling(app)


@pytest.fixture
def described(app: FastAPI) -> dict[str, Any]:
    schemas = app.openapi()["components"]["schemas"]
    properties: dict[str, Any] = schemas["Sample"]["properties"]
    return properties


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_search_is_not_one_that_is_called_so(
    client: AsyncClient, method: str
) -> None:
    answer = await client.request(
        method, "/samples/by-name", headers={"If-Match": "*"}, json={}
    )

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_another_search_is_not_there(client: AsyncClient) -> None:
    answer = await client.get("/samples/by-nobody")

    assert answer.status_code == 404


@pytest.mark.parametrize("identity", ["0x1", "9" * 5000])
async def test_no_identity_is_too_odd_to_be_answered(
    client: AsyncClient, identity: str
) -> None:
    answer = await client.get(f"/samples/{identity}")

    assert (answer.status_code, answer.json()["faults"][0]["location"]) == (
        422,
        "path/sample_id",
    )


@pytest.mark.parametrize(("members", "status"), [([1, 2], 200), ([1, 1], 422)])
async def test_a_set_has_each_of_its_members_once(
    client: AsyncClient, members: list[int], status: int
) -> None:
    answer = await client.put(
        "/samples/1", headers={"If-Match": "*"}, json={"members": members}
    )

    assert answer.status_code == status


def test_a_limit_is_written_as_it_is(described: dict[str, Any]) -> None:
    limit = described["most"]["exclusiveMaximum"]

    assert (limit, type(limit)) == (2**63, int)
    assert described["rough"]["default"] == 1.5


def test_a_format_is_called_what_it_is(described: dict[str, Any]) -> None:
    formats = [described[name]["format"] for name in ("hour", "long")]

    assert formats == ["time-local", "iso8601-duration"]


def test_whoever_changes_one_has_to_say_which_version_was_seen(app: FastAPI) -> None:
    parameters = app.openapi()["paths"]["/samples/{sample_id}"]["put"]["parameters"]

    (if_match,) = [one for one in parameters if one["name"] == "If-Match"]
    assert if_match["required"] is True
    assert if_match["schema"]["type"] == "string"
