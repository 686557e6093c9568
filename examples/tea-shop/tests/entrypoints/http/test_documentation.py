import base64
import hashlib
import json
import re
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from dev.over_http import PATHS
from tea_shop.container import open_container
from tea_shop.entrypoints.http.app import create_app
from tea_shop.entrypoints.http.settings import HttpSettings
from tea_shop.infrastructure.schema import upgrade

from tests.entrypoints.http.in_process import calling, new_app

ADDRESS = re.compile(r"""(?:href=|src=|url: )["'](.*?)["']""")


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return new_app()


@pytest.fixture(scope="module")
def operations(app: FastAPI) -> list[dict[str, Any]]:
    paths = app.openapi()["paths"].values()
    return [operation for path in paths for operation in path.values()]


async def test_the_page_needs_no_other_server(app: FastAPI) -> None:
    async with calling(app) as client:
        page = await client.get("/docs")
        places = ADDRESS.findall(page.text)
        found = [await client.get(place) for place in places]

    assert page.headers["Content-Type"].startswith("text/html")
    assert len(places) == 4
    assert all(place.startswith("/") for place in places)
    assert [answer.status_code for answer in found] == [200] * 4
    assert "//" not in page.text.replace("<!DOCTYPE html>", "")


async def test_the_page_runs_its_own_script_alone(app: FastAPI) -> None:
    async with calling(app) as client:
        page = await client.get("/docs")

    (script,) = re.findall("<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = dict(
        part.split(maxsplit=1)
        for part in page.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert not re.search(" on[a-z]+=", page.text)


async def test_the_page_works_behind_a_prefix(app: FastAPI) -> None:
    transport = ASGITransport(app, root_path="/shop")
    async with AsyncClient(transport=transport, base_url="http://service") as client:
        page = await client.get("/shop/docs")
        found = [await client.get(place) for place in ADDRESS.findall(page.text)]

    assert page.text.count("/shop/") == len(found) == 4
    assert [answer.status_code for answer in found] == [200] * 4


async def test_the_description_is_the_same_each_time(app: FastAPI) -> None:
    async with calling(app) as client:
        first, second = [await client.get("/openapi.json") for _ in "12"]

    assert first.status_code == 200
    assert first.json() == second.json() == app.openapi()


def test_each_operation_has_a_name_of_its_own(operations: list[dict[str, Any]]) -> None:
    names = [operation["operationId"] for operation in operations]

    assert len(set(names)) == len(names)
    assert "tea_create" in names
    assert all(operation["summary"].endswith(".") for operation in operations)


def test_each_operation_tells_how_it_fails(operations: list[dict[str, Any]]) -> None:
    failures = [
        operation["responses"]["default"]["content"] for operation in operations
    ]

    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    assert all(content == {"application/problem+json": problem} for content in failures)
    assert all("422" not in operation["responses"] for operation in operations)


@pytest.mark.parametrize(
    ("name", "status", "headers"),
    [
        ("create", "201", {"ETag", "Location"}),
        ("list_after", "200", {"Link"}),
        ("get", "200", {"ETag"}),
        ("update", "200", {"ETag"}),
    ],
)
def test_the_headers_of_an_answer_are_told(
    operations: list[dict[str, Any]], name: str, status: str, headers: set[str]
) -> None:
    (told,) = [
        operation["responses"][status]
        for operation in operations
        if operation["operationId"] == f"tea_{name}"
    ]

    assert told["headers"].keys() == headers
    assert told["content"].keys() == {"application/json"}


def test_each_schema_that_is_named_is_there(app: FastAPI) -> None:
    description = app.openapi()
    named = set(re.findall(r'"#/components/schemas/(.+?)"', json.dumps(description)))

    schemas = description["components"]["schemas"]
    assert named == schemas.keys()
    assert schemas["Problem"]["properties"]["faults"]


def examples(operation: dict[str, Any]) -> list[Any]:
    described = operation["requestBody"]["content"]["application/json"]["examples"]
    return [example["value"] for example in described.values()]


@pytest.mark.postgres
@pytest.mark.usefixtures("outdated_database")
async def test_each_example_works() -> None:
    app = create_app(HttpSettings(), open_container)
    paths = app.openapi()["paths"]
    codes: list[int] = []

    async with app.router.lifespan_context(app), calling(app) as client:
        await upgrade(app.state.container.settings())
        for path in PATHS:
            for example in examples(paths[path]["post"]):
                codes.append((await client.post(path, json=example)).status_code)
        for path in PATHS:
            (one,) = [each for each in paths if re.fullmatch(path + "/{[^}]+}", each)]
            for example in examples(paths[one]["put"]):
                answer = await client.put(
                    f"{path}/1", json=example, headers={"If-Match": "*"}
                )
                codes.append(answer.status_code)

    assert codes == [201] * len(PATHS) + [200] * len(PATHS)
