import datetime as dt
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, Body, Depends, Query
from httpx import AsyncClient
from pydantic import BaseModel, Field

from tea_shop.application.messages.base import BaseCommand, SliceQuery
from tea_shop.entrypoints.http.bodies import sent
from tea_shop.entrypoints.http.routes.base import SeenVersion, StrictRoute

from tests.entrypoints.http.in_process import calling, new_app

CANARY = "canary-4711"
DEEP = "[" * 250 + "]" * 250
DEEP_TEXT = '{"text": DEEP}'.replace("DEEP", DEEP)
DEEP_FREE = '{"free": {"a": DEEP}}'.replace("DEEP", DEEP)


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Part(BaseCommand):
    amount: int


class Sample(BaseCommand, ser_json_bytes="base64", val_json_bytes="base64"):
    """A command with fields of all kinds."""

    text: str = ""
    whole: int = 0
    exact: Decimal = Decimal(0)
    rough: float = 0
    sure: bool = False
    day: dt.date = dt.date.min
    at: dt.datetime = dt.datetime.min
    hour: dt.time = dt.time.min
    long: dt.timedelta = dt.timedelta.min
    key: UUID = UUID(int=0)
    raw: bytes = b""
    colour: Colour | None = None
    free: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it
    parts: tuple[Part, ...] = ()


FULL = {
    "text": "\u00e9\U0001f600\n",
    "whole": 2**63,
    "exact": "-0.12345678901234567890",
    "rough": 120.5,
    "sure": True,
    "day": "2028-02-29",
    "at": "2026-01-31T12:30:00.000001Z",
    "hour": "14:00:00",
    "long": "PT1H30M",
    "key": "00000000-0000-0000-0000-000000000001",
    "raw": "AP8=",
    "colour": "red",
    "free": {"a": [1, 1.5, None, True, {"b": "c"}]},
    "parts": [{"amount": 1}, {"amount": 2}],
}

router = APIRouter(route_class=StrictRoute)


@router.post("/samples")
async def take(command: Annotated[Sample, sent(Sample), Body()]) -> Sample:
    return command


@router.get("/slices")
async def take_slice(query: Annotated[SliceQuery, Query()]) -> SliceQuery:
    return query


@router.get("/words")
async def take_word(value: Annotated[str, Query(alias="word")]) -> str:
    return value


class Range(BaseModel):
    """A query whose names are others in it."""

    lowest: int = Field(0, alias="from")


def colours(colour: Annotated[list[Colour], Query()]) -> list[Colour]:
    return colour


@router.get("/ranges")
async def take_range(query: Annotated[Range, Query()]) -> int:
    return query.lowest


@router.get("/colours/{number:int}")
async def take_colours(
    number: int, given: Annotated[list[Colour], Depends(colours)]
) -> list[Colour]:
    return given * number


@router.put("/versions")
async def take_version(seen: SeenVersion) -> int | None:
    return seen


@pytest.fixture(scope="module")
def client() -> AsyncClient:
    """A client of an application with the routes of this module."""
    app = new_app()
    app.include_router(router)
    return calling(app)


async def post(
    client: AsyncClient, body: str | bytes, kind: str = "application/json"
) -> Any:
    headers = {"Content-Type": kind} if kind else {}
    return await client.post("/samples", content=body, headers=headers)


async def test_what_is_sent_is_what_is_taken(client: AsyncClient) -> None:
    answer = await client.post("/samples", json=FULL)

    assert answer.status_code == 200
    assert answer.json() == FULL


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ('{"text": 1}', "body/text"),
        ('{"text": null}', "body/text"),
        ('{"whole": "1"}', "body/whole"),
        ('{"whole": 1.0}', "body/whole"),
        ('{"whole": 1e2}', "body/whole"),
        ('{"whole": true}', "body/whole"),
        ('{"exact": true}', "body/exact"),
        ('{"exact": "many"}', "body/exact"),
        ('{"rough": "1.5"}', "body/rough"),
        ('{"rough": true}', "body/rough"),
        ('{"sure": 1}', "body/sure"),
        ('{"sure": "true"}', "body/sure"),
        ('{"day": 1}', "body/day"),
        ('{"day": "2026-01-31T12:30:00Z"}', "body/day"),
        ('{"day": "2026-02-29"}', "body/day"),
        ('{"at": 1}', "body/at"),
        ('{"at": "2026-01-31"}', "body/at"),
        ('{"hour": 1}', "body/hour"),
        ('{"long": 1}', "body/long"),
        ('{"key": 1}', "body/key"),
        ('{"raw": "no base64"}', "body/raw"),
        ('{"colour": "blue"}', "body/colour"),
        ('{"free": []}', "body/free"),
        ('{"parts": {}}', "body/parts"),
        ('{"parts": [{"amount": 1}, {"amount": "2"}]}', "body/parts/1/amount"),
        ('{"parts": [{}]}', "body/parts/0/amount"),
        ('{"parts": [{"amount": 1, "other": 2}]}', "body/parts/0/other"),
        ('{"other": 1}', "body/other"),
        ("[]", "body"),
        ("null", "body"),
        ('"text"', "body"),
        ("", "body"),
    ],
)
async def test_nothing_is_turned_into_something_else(
    client: AsyncClient, body: str, location: str
) -> None:
    answer = await post(client, body)

    assert answer.status_code == 422
    assert [fault["location"] for fault in answer.json()["faults"]] == [location]


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "text",
        "{'text': 'x'}",
        '{"text": "x",}',
        '{"text": "x"} {}',
        '{"text": "x", "text": "y"}',
        '{"text": "\x00"}',
        '{"text": "\\ud800"}',
        '{"text": "\\udc00\\ud800"}',
        '\ufeff{"text": "x"}',
        b'{"text": "\xff"}',
        '{"text": "x"}'.encode("utf-16"),
        pytest.param(DEEP_TEXT, id="deep text"),
        pytest.param(DEEP_FREE, id="deep free"),
        '{"rough": NaN}',
        '{"rough": Infinity}',
        '{"rough": -Infinity}',
        '{"free": {"a": NaN}}',
        '{"free": {"a": Infinity}}',
        '{"free": {"a": [-Infinity]}}',
    ],
)
async def test_what_is_no_json_is_refused(
    client: AsyncClient, body: str | bytes
) -> None:
    answer = await post(client, body)

    assert answer.status_code == 422
    assert answer.json()["faults"][0]["location"].startswith("body")


@pytest.mark.parametrize(
    "body",
    [
        '{"rough": 0.12345678901234567890}',
        '{"rough": 9007199254740993}',
        '{"rough": 1e400}',
        '{"rough": -1e400}',
        '{"rough": 1e-400}',
        '{"rough": 1e99999999999999999999}',
        '{"rough": 0e99999999999999999999}',
        '{"exact": 0.12345678901234567890}',
        '{"exact": 9007199254740993.0}',
        '{"exact": 1e-99999999999999999999}',
        '{"free": {"a": 0.12345678901234567890}}',
    ],
)
async def test_no_digit_is_lost(client: AsyncClient, body: str) -> None:
    answer = await post(client, body)

    assert answer.status_code == 422
    assert answer.json()["faults"][0]["location"] == "body"


@pytest.mark.parametrize(
    ("body", "field", "taken"),
    [
        ('{"whole": 9007199254740993}', "whole", 9007199254740993),
        ('{"exact": 9007199254740993}', "exact", "9007199254740993"),
        ('{"exact": 1.5}', "exact", "1.5"),
        ('{"exact": "1.50"}', "exact", "1.50"),
        ('{"rough": 0.1}', "rough", 0.1),
        ('{"rough": 1}', "rough", 1.0),
        ('{"rough": 1.10e3}', "rough", 1100.0),
        ('{"rough": 1.7976931348623157e308}', "rough", 1.7976931348623157e308),
        ('{"text": "\\ud83d\\ude00"}', "text", "\U0001f600"),
    ],
)
async def test_what_can_be_kept_is_kept(
    client: AsyncClient, body: str, field: str, taken: object
) -> None:
    answer = await post(client, body)

    assert answer.json()[field] == taken


async def test_a_refusal_shows_nothing_of_a_body(client: AsyncClient) -> None:
    wrong = {"text": [CANARY], "day": CANARY, "parts": [{"amount": CANARY}]}

    refused = [await client.post("/samples", json=wrong), await post(client, CANARY)]

    assert [answer.status_code for answer in refused] == [422, 422]
    assert len(refused[0].json()["faults"]) == 3
    assert all(CANARY not in answer.text for answer in refused)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/xml",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=json",
    ],
)
async def test_what_is_not_called_json_is_refused(
    client: AsyncClient, kind: str
) -> None:
    answer = await post(client, "{}", kind)

    assert answer.status_code == answer.json()["status"] == 415
    assert answer.json()["detail"] == "Send JSON, and say so as Content-Type."


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json ;charset=utf-8",
        "application/merge-patch+json",
    ],
)
async def test_json_has_many_names(client: AsyncClient, kind: str) -> None:
    answer = await post(client, '{"text": "x"}', kind)

    assert answer.json()["text"] == "x"


@pytest.mark.parametrize(
    ("path", "location", "detail"),
    [
        ("/slices?limits=1", "query/limits", "There is no such parameter."),
        ("/slices?limit=1&Limit=2", "query/Limit", "There is no such parameter."),
        (
            "/slices?limit=1&limit=2",
            "query/limit",
            "There can be one such parameter only.",
        ),
        ("/words?word=a&word=a", "query/word", "There can be one such parameter only."),
        ("/words?word=a&value=a", "query/value", "There is no such parameter."),
        ("/health/live?deep=1", "query/deep", "There is no such parameter."),
    ],
)
async def test_a_query_has_what_is_known_once(
    client: AsyncClient, path: str, location: str, detail: str
) -> None:
    answer = await client.get(path)

    assert answer.status_code == 422
    fault = {"location": location, "detail": detail}
    assert answer.json()["faults"] == [fault]


async def test_of_very_many_faults_as_many_are_told_as_can_be_read(
    client: AsyncClient,
) -> None:
    empty: list[dict[str, Any]] = [{}]
    few = await client.post("/samples", json={"parts": empty * 100})
    many = await client.post("/samples", json={"parts": empty * 10_000})
    query = await client.get(
        "/slices?" + "&".join(f"a{number}" for number in range(1000))
    )

    assert len(few.json()["faults"]) == len(query.json()["faults"]) == 100
    (fault,) = many.json()["faults"]
    assert fault == {"location": "body", "detail": "More is wrong than can be told"}
    assert {one.status_code for one in (few, many, query)} == {422}


async def test_all_faults_of_a_query_are_told(client: AsyncClient) -> None:
    answer = await client.get("/slices?one=1&two=2&after=1&after=2")

    places = [fault["location"] for fault in answer.json()["faults"]]
    assert places == ["query/one", "query/two", "query/after"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=many", "limit=", "after=-1"]
)
async def test_a_query_is_within_its_limits(client: AsyncClient, query: str) -> None:
    answer = await client.get(f"/slices?{query}")

    assert answer.status_code == 422
    assert answer.json()["faults"][0]["location"] == f"query/{query.split('=')[0]}"


async def test_a_body_comes_without_a_query(client: AsyncClient) -> None:
    answer = await client.post("/samples?text=x", json={})

    assert answer.status_code == 422
    assert answer.json()["faults"][0]["location"] == "query/text"


async def test_a_query_that_is_right_is_taken(client: AsyncClient) -> None:
    part = await client.get("/slices?after=7&limit=100")
    rest = await client.get("/slices")
    word = await client.get("/words?word=a%20b%26c")

    assert part.json() == {"after": 7, "limit": 100}
    assert rest.json() == {"after": 0, "limit": 20}
    assert word.json() == "a b&c"


async def test_bytes_are_described_in_the_alphabet_that_they_have(
    client: AsyncClient,
) -> None:
    described = (await client.get("/openapi.json")).json()["components"]["schemas"]
    answer = await client.post("/samples", json={"raw": "-_8="})

    samples = [one for name, one in described.items() if name.startswith("Sample")]
    encodings = {one["properties"]["raw"]["contentEncoding"] for one in samples}
    assert (encodings, answer.json()["raw"]) == ({"base64url"}, "-_8=")


async def test_whatever_a_route_declares_is_known(client: AsyncClient) -> None:
    ranged = await client.get("/ranges?from=3")
    unknown = await client.get("/ranges?lowest=3")
    several = await client.get("/colours/2?colour=red&colour=green")

    assert ranged.json() == 3
    assert unknown.status_code == 422
    assert several.json() == ["red", "green"] * 2


@pytest.mark.parametrize(("given", "seen"), [('"7"', 7), ('"0"', 0), ("*", None)])
async def test_a_version_is_an_etag(
    client: AsyncClient, given: str, seen: int | None
) -> None:
    answer = await client.put("/versions", headers={"If-Match": given})

    assert (answer.status_code, answer.json()) == (200, seen)


@pytest.mark.parametrize(
    "given",
    ["7", 'W/"7"', '"x"', '"-1"', '""', "", '"1", "2"', '"12345678901234567890"', "**"],
)
async def test_what_is_no_etag_of_ours_fits_nothing(
    client: AsyncClient, given: str
) -> None:
    answer = await client.put("/versions", headers={"If-Match": given})

    assert answer.status_code == answer.json()["status"] == 412


async def test_nothing_is_changed_unseen(client: AsyncClient) -> None:
    answer = await client.put("/versions")

    assert answer.status_code == answer.json()["status"] == 428
    assert "If-Match" in answer.json()["detail"]
