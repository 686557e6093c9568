"""The application: routes, errors and what stands around them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from tea_shop.application.errors import StorageError
from tea_shop.container import Container, open_container
from tea_shop.domain.errors import DomainError
from tea_shop.entrypoints.http import health
from tea_shop.entrypoints.http.description import Api, operation_id
from tea_shop.entrypoints.http.docs import add_docs
from tea_shop.entrypoints.http.edge import Edge
from tea_shop.entrypoints.http.logs import configure_logs
from tea_shop.entrypoints.http.problems import on_bad_request, on_error, on_http_error
from tea_shop.entrypoints.http.routes.order import router as order_router
from tea_shop.entrypoints.http.routes.tea import router as tea_router
from tea_shop.entrypoints.http.settings import HttpSettings
from tea_shop.entrypoints.http.telemetry import trace_statements
from tea_shop.settings import load

ROUTERS = [
    order_router,
    tea_router,
    health.router,
]


def make_app() -> FastAPI:
    """Make the application as the environment says: what a server is told to run."""
    configure_logs()
    return create_app(load(HttpSettings), open_container)


def create_app(
    settings: HttpSettings, parts: Callable[[], AbstractAsyncContextManager[Container]]
) -> FastAPI:
    """Make the application; the parts are opened when it starts, and closed at its end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with parts() as container:
            trace_statements()
            app.state.container = container
            yield

    app = Api(
        title="Tea Shop",
        version="1",  # of what is offered here
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.http_cors_origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=["ETag", "Link", "Location", "X-Request-ID"],
            ),
            Middleware(Edge, settings),
        ],
        telemetry={"logs": False},  # they would quote what was sent
    )
    app.exception_handler(DomainError)(on_error)
    app.exception_handler(StorageError)(on_error)
    app.exception_handler(HTTPException)(on_http_error)
    app.exception_handler(RequestValidationError)(on_bad_request)
    for router in ROUTERS:
        app.include_router(router)
    add_docs(app)
    return app
