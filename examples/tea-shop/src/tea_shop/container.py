"""How the parts fit together: the one module that knows them all."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dependency_injector import providers

from tea_shop.application.order import OrderService
from tea_shop.application.tea import TeaService
from tea_shop.infrastructure.parts import (
    close,
    create_engine,
    create_session_factory,
    create_unit_of_work,
)
from tea_shop.injection import containers
from tea_shop.settings import load_settings


class Container(containers.DeclarativeContainer):
    """The parts. None is a `Resource`: an async one makes all after it awaitable.

    A service is given the unit of work's provider, not a unit of work: it makes a
    new one for every use case.
    """

    settings = providers.Singleton(load_settings)
    engine = providers.Singleton(create_engine, settings)
    session_factory = providers.Singleton(create_session_factory, engine)
    unit_of_work = providers.Factory(create_unit_of_work, session_factory)

    order_service = providers.Singleton(OrderService, unit_of_work.provider)
    tea_service = providers.Singleton(TeaService, unit_of_work.provider)
    # Your own:


@asynccontextmanager
async def open_container() -> AsyncGenerator[Container]:
    """Give the parts, and close their connections afterwards.

    Raise `InvalidSettings` before anything is opened.
    """
    container = Container()
    engine = container.engine()
    container.unit_of_work()  # imports what the first use case would wait for
    try:
        yield container
    finally:
        await close(engine)
