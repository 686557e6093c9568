from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from httpx import ASGITransport, AsyncClient

from tea_shop.application.messages.base import BaseResult, PagedResult, PageQuery
from tea_shop.entrypoints.http.routes.base import page_links

NUMBERS = range(5)


class Number(BaseResult):
    value: int


app = FastAPI()


@app.get("/numbers")
@app.get("/numbers/{_}")
async def numbers(
    query: Annotated[PageQuery, Query()], request: Request, response: Response
) -> PagedResult[Number]:
    part = NUMBERS[query.offset : query.offset + query.limit]
    items = [Number(value=value) for value in part]
    page = PagedResult(items=items, total=len(NUMBERS), **vars(query))
    response.headers.update(page_links(request, page))
    return page


async def walk(client: AsyncClient, start: str, relation: str) -> list[list[int]]:
    pages: list[list[int]] = []
    place: str | None = start
    while place:
        page = await client.get(place)
        pages.append([item["value"] for item in page.json()["items"]])
        place = page.links.get(relation, {}).get("url")
    return pages


async def test_a_link_is_written_as_an_address_is() -> None:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://x") as client:
        page = await client.get("/numbers/%E2%80%83%0C1%3E%20%22?limit=2")
        again = await client.get(page.links["next"]["url"])

    assert page.headers["Link"].startswith("</numbers/%E2%80%83%0C1%3E%20%22?offset=2&")
    assert again.json()["offset"] == 2


async def test_the_links_lead_through_all_pages_and_back() -> None:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://x") as client:
        forth = await walk(client, "/numbers?limit=2", "next")
        back = await walk(client, "/numbers?offset=3&limit=2", "prev")
        whole = await client.get("/numbers?limit=5")

    assert forth == [[0, 1], [2, 3], [4]]
    assert back == [[3, 4], [1, 2], [0, 1]]
    assert whole.links == {}
