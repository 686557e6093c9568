from typing import Any

import pytest
from httpx import AsyncClient, Response

from tea_shop.application.messages.order import CreateOrder, OrderResult, UpdateOrder
from tea_shop.container import Container

from tests.builders.order import an_order, change, new_order

pytestmark = pytest.mark.postgres

PATH = "/api/orders"
UNKNOWN = 2**40


async def body_for(container: Container) -> dict[str, Any]:
    async with container.unit_of_work() as uow:
        new = await new_order(uow)
        await uow.commit()
    command = CreateOrder.model_validate(new, from_attributes=True)
    return command.model_dump(mode="json")


def changed_body(response: Response) -> dict[str, Any]:
    kept = OrderResult.model_validate_json(response.content)
    changed = an_order(line_tea_id=kept.lines[0].tea_id)
    change(changed)
    command = UpdateOrder.model_validate(changed, from_attributes=True)
    return command.model_dump(mode="json")


@pytest.fixture
async def response(client: AsyncClient, container: Container) -> Response:
    """The answer to the creation of one."""
    return await client.post(PATH, json=await body_for(container))


async def test_what_was_created_is_found_at_its_location(
    client: AsyncClient, container: Container
) -> None:
    body = await body_for(container)

    created = await client.post(PATH, json=body)
    found = await client.get(created.headers["Location"])

    assert (created.status_code, found.status_code) == (201, 200)
    assert created.json() == {**body, "id": created.json()["id"], "version": 1}
    assert found.json() == created.json()
    assert found.headers["ETag"] == created.headers["ETag"] == '"1"'


async def test_a_page_links_to_the_next(
    client: AsyncClient, container: Container, response: Response
) -> None:
    others = [await client.post(PATH, json=await body_for(container)) for _ in "12"]
    one, two, three = (kept.json() for kept in (response, *others))

    first = await client.get(PATH, params={"limit": 2})
    second = await client.get(first.links["next"]["url"])

    assert first.json() == {"items": [one, two], "has_more": True}
    assert second.json() == {"items": [three], "has_more": False}
    assert second.links == {}


async def test_an_update_is_kept(client: AsyncClient, response: Response) -> None:
    place, seen = response.headers["Location"], response.headers["ETag"]
    body = changed_body(response)

    updated = await client.put(place, json=body, headers={"If-Match": seen})
    found = await client.get(place)

    assert updated.status_code == 200
    assert updated.json() == {**body, "id": response.json()["id"], "version": 2}
    assert found.json() == updated.json()
    assert found.headers["ETag"] == updated.headers["ETag"] == '"2"'


async def test_no_update_is_lost(client: AsyncClient, response: Response) -> None:
    place, seen = response.headers["Location"], {"If-Match": response.headers["ETag"]}
    updated = await client.put(place, json=changed_body(response), headers=seen)

    again = await client.put(place, json=changed_body(response), headers=seen)
    deleted = await client.delete(place, headers=seen)
    blind = await client.put(place, json=changed_body(response))
    found = await client.get(place)

    codes = [again.status_code, deleted.status_code, blind.status_code]
    assert codes == [412, 412, 428]
    assert found.json() == updated.json()


async def test_what_was_deleted_is_gone(
    client: AsyncClient, response: Response
) -> None:
    place = response.headers["Location"]

    deleted = await client.delete(place, headers={"If-Match": "*"})
    found = await client.get(place)

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (found.status_code, found.json()["status"]) == (404, 404)


async def test_what_is_not_there_is_not_found(
    client: AsyncClient, response: Response
) -> None:
    place, seen = f"{PATH}/{UNKNOWN}", {"If-Match": "*"}

    found = await client.get(place)
    updated = await client.put(place, json=changed_body(response), headers=seen)
    deleted = await client.delete(place, headers=seen)

    codes = [found.status_code, updated.status_code, deleted.status_code]
    assert codes == [404, 404, 404]


async def test_what_does_not_belong_in_a_body_is_refused(
    client: AsyncClient, container: Container
) -> None:
    body = {**await body_for(container), "no field": 1}

    refused = await client.post(PATH, json=body)
    page = await client.get(PATH)

    assert refused.status_code == 422
    assert refused.json()["faults"][0]["location"] == "body/no field"
    assert page.json()["items"] == []
