"""The demonstration over HTTP: a real server, at a port that the system chooses."""

import asyncio
import socket
from contextlib import nullcontext
from typing import Any

import uvicorn
from httpx import AsyncClient
from structlog.testing import capture_logs

from tea_shop.container import Container
from tea_shop.entrypoints.http.app import create_app
from tea_shop.entrypoints.http.settings import HttpSettings

PATHS = [  # each after those that it needs
    "/api/teas",
    "/api/orders",
    # Your own:
]


async def show_http(container: Container) -> None:
    """Serve, and call the service as others would; its log is not shown."""
    app = create_app(HttpSettings(), lambda: nullcontext(container))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener, capture_logs():
        serving = asyncio.create_task(server.serve([listener]))
        host, port = listener.getsockname()
        async with AsyncClient(base_url=f"http://{host}:{port}") as client:
            print(f"HTTP at {client.base_url}")
            await show(client, "GET", "/health/ready")
            for path in PATHS:
                await show_one(client, path)
        server.should_exit = True
        await serving


async def show_one(client: AsyncClient, path: str) -> None:
    """Read one, change it, and try to change it again as it was seen first."""
    page = await show(client, "GET", f"{path}?limit=1")
    one = page["items"][0]
    body = {key: one[key] for key in one.keys() - {"id", "version"}}
    seen = {"If-Match": f'"{one["version"]}"'}
    for _ in range(2):
        await show(client, "PUT", f"{path}/{one['id']}", headers=seen, json=body)


async def show(client: AsyncClient, method: str, path: str, **sent: Any) -> Any:
    """Call, and tell what came back."""
    response = await client.request(method, path, **sent)
    print(f"  {method} {path} {response.status_code} {response.text}")
    return response.json()
