"""A client that calls the application in process, over the real parts."""

from collections.abc import AsyncGenerator
from contextlib import nullcontext

import pytest
from httpx import ASGITransport, AsyncClient

from tea_shop.container import Container
from tea_shop.entrypoints.http.app import create_app
from tea_shop.entrypoints.http.settings import HttpSettings


@pytest.fixture(scope="session")
async def any_client(migrated: Container) -> AsyncGenerator[AsyncClient]:
    """One for all tests: the application takes long to make."""
    app = create_app(HttpSettings(), lambda: nullcontext(migrated))
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://service") as client,
    ):
        yield client


@pytest.fixture
def client(any_client: AsyncClient, container: Container) -> AsyncClient:
    """A client of a service that keeps nothing yet."""
    return any_client
