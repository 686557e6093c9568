"""Watch the service work: every use case of every entity, over a real PostgreSQL.

    uv run python -m dev.demo

It runs on a PostgreSQL of its own, or on the one that `DATABASE_URL` names.
"""

import asyncio
import os
import sys
from contextlib import ExitStack
from decimal import Decimal
from itertools import count

from dev.over_http import show_http
from dev.postgres import NoServer, postgres
from tea_shop.application.errors import Unavailable
from tea_shop.application.messages.base import BaseResult, PageQuery
from tea_shop.application.messages.order import (
    CreateOrder,
    OrderLineData,
    OrderResult,
    UpdateOrder,
)
from tea_shop.application.messages.tea import CreateTea, TeaResult, UpdateTea
from tea_shop.container import Container, open_container
from tea_shop.domain.email import Email
from tea_shop.domain.order import OrderNotFound
from tea_shop.domain.tea import TeaNotFound
from tea_shop.infrastructure.schema import upgrade
from tea_shop.settings import InvalidSettings

NUMBERS = count(1)


async def new_order(container: Container) -> OrderResult:
    """Create an order, and before it what it refers to."""
    command = CreateOrder(
        guest=Email("user@example.com"),
        lines=(
            OrderLineData(tea_id=(await new_tea(container)).id, cups=42),
            OrderLineData(tea_id=(await new_tea(container)).id, cups=43),
        ),
    )
    return await container.order_service().create(command)


async def show_orders(container: Container) -> None:
    """Create, read, change, find and delete orders."""
    print("Order")
    service = container.order_service()
    one = await new_order(container)
    say("created", one)
    say("created", await new_order(container))
    command = UpdateOrder(
        guest=Email("another.user+tag@mail.example.com"),
        lines=(OrderLineData(tea_id=one.lines[0].tea_id, cups=43),),
    )
    one = await service.update(one.id, command)
    say("updated", one)
    say("read", await service.get(one.id))
    page = await service.list_page(PageQuery(limit=1))
    say("listed", f"{len(page.items)} of {page.total}")
    await service.delete(one.id)
    try:
        await service.get(one.id)
    except OrderNotFound as error:
        say("deleted", error)


async def new_tea(container: Container) -> TeaResult:
    """Create a tea."""
    number = next(NUMBERS)
    command = CreateTea(name=f"name {number}", price=Decimal("12.05"))
    return await container.tea_service().create(command)


async def show_teas(container: Container) -> None:
    """Create, read, change, find and delete teas."""
    print("Tea")
    service = container.tea_service()
    one = await new_tea(container)
    say("created", one)
    say("created", await new_tea(container))
    number = next(NUMBERS)
    command = UpdateTea(name=f"name {number}", price=Decimal("45.67"))
    one = await service.update(one.id, command)
    say("updated", one)
    say("read", await service.get(one.id))
    page = await service.list_page(PageQuery(limit=1))
    say("listed", f"{len(page.items)} of {page.total}")
    say("found", await service.find_by_name(one.name))
    await service.delete(one.id)
    try:
        await service.get(one.id)
    except TeaNotFound as error:
        say("deleted", error)


def say(step: str, what: object) -> None:
    """Tell what was done."""
    text = what.model_dump_json() if isinstance(what, BaseResult) else what
    print(f"  {step:<9} {text}")


async def demo() -> None:
    """Migrate, then show each service that the container gives."""
    async with open_container() as container:
        applied = await upgrade(container.settings())
        print(f"Schema\n  migrated  {len(applied)} steps, now up to date")
        await show_orders(container)
        await show_teas(container)
        await show_http(container)
        # Your own:


def main() -> int:
    """Run the demonstration; return the exit code."""
    with ExitStack() as stack:
        try:
            if "DATABASE_URL" not in os.environ:
                os.environ["DATABASE_URL"] = stack.enter_context(postgres())
                os.environ["ENVIRONMENT"] = "development"  # it has no password
            asyncio.run(demo())
        except (NoServer, InvalidSettings, Unavailable) as fault:
            print(fault, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
