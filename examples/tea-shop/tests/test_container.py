"""The parts as they are wired."""

import asyncio
import sys
from collections.abc import Iterator
from importlib import reload

import pytest
from dependency_injector import containers, providers, wiring
from sqlalchemy.ext.asyncio import AsyncSession

from tea_shop import injection
from tea_shop.application.messages.base import PageQuery
from tea_shop.application.messages.tea import CreateTea, UpdateTea
from tea_shop.application.tea import TeaService
from tea_shop.application.unit_of_work import UnitOfWork
from tea_shop.container import Container, open_container
from tea_shop.infrastructure.unit_of_work import SqlAlchemyUnitOfWork
from tea_shop.settings import InvalidSettings, Settings

from tests.builders.tea import new_tea


async def test_nothing_is_opened_without_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    with pytest.raises(InvalidSettings):
        async with open_container():
            pass


@wiring.inject
def pool_size(settings: Settings = wiring.Provide["settings"]) -> int:
    """Ask the container that is wired."""
    return settings.database_pool_size


def test_modules_can_be_wired() -> None:
    container = Container(
        settings=providers.Object(Settings.model_construct(database_pool_size=7))
    )

    container.wire(modules=[__name__])
    assert pool_size() == 7

    container.unwire()
    with pytest.raises(AttributeError):
        pool_size()


def test_wiring_that_was_imported_stays() -> None:
    reload(injection)

    assert sys.modules["dependency_injector.wiring"] is wiring


def shared_sessions(container: containers.Container) -> list[str]:
    """Name the providers that give everybody one and the same session."""
    found: list[str] = []
    for name, provider in container.providers.items():
        part = provider()
        if part is provider() and any(
            isinstance(one, AsyncSession) for one in reach(part)
        ):
            found.append(name)
    return found


def reach(part: object) -> Iterator[object]:
    """Walk what a part of the service holds."""
    yield part
    if type(part).__module__.startswith("tea_shop."):
        for inner in vars(part).values():
            yield from reach(inner)


@pytest.mark.postgres
async def test_no_two_share_a_session(container: Container) -> None:
    assert shared_sessions(container) == []
    assert container.unit_of_work() is not container.unit_of_work()


@pytest.mark.postgres
async def test_a_shared_session_is_found(container: Container) -> None:
    factory = container.session_factory()
    shared = providers.Singleton(SqlAlchemyUnitOfWork, factory)
    sharing = containers.DynamicContainer()
    sharing.session = providers.ThreadLocalSingleton(factory)
    sharing.unit_of_work = shared
    sharing.service = providers.Singleton(TeaService, shared)
    sharing.other_service = providers.Singleton(TeaService, shared.provider)

    assert shared_sessions(sharing) == ["session", "unit_of_work", "service"]


@pytest.mark.postgres
async def test_one_service_serves_many_tasks(container: Container) -> None:
    service = container.tea_service()

    async def use() -> tuple[int, int]:
        async with container.unit_of_work() as uow:
            new = await new_tea(uow)
            await uow.commit()
        command = CreateTea.model_validate(new, from_attributes=True)
        created = await service.create(command)
        same = UpdateTea.model_validate(command, from_attributes=True)
        updated = await service.update(created.id, same)
        return updated.id, updated.version

    done = await asyncio.gather(*(use() for _ in range(20)))

    page = await service.list_page(PageQuery(limit=100))
    assert {(one.id, one.version) for one in page.items} == set(done)
    assert {version for _, version in done} == {2}
    pool = container.engine().pool.status()
    assert pool.endswith("Current Checked out connections: 0")


@pytest.mark.postgres
async def test_who_expects_no_version_comes_through(container: Container) -> None:
    service = container.tea_service()
    async with container.unit_of_work() as uow:
        new = await new_tea(uow)
        await uow.commit()
    created = await service.create(CreateTea.model_validate(new, from_attributes=True))
    same = UpdateTea.model_validate(new, from_attributes=True)

    done = await asyncio.gather(*(service.update(created.id, same) for _ in range(3)))

    assert sorted(one.version for one in done) == [2, 3, 4]


@pytest.mark.postgres
async def test_every_repository_has_a_service_and_every_use_case_is_retried(
    container: Container,
) -> None:
    services: set[type[object]] = {
        type(container.providers[name]())
        for name in container.providers
        if name.endswith("_service")
    }
    not_retried = [
        f"{service.__name__}.{name}"
        for service in services
        for name, use_case in vars(service).items()
        if not (name.startswith("_") or hasattr(use_case, "__wrapped__"))
    ]

    assert len(services) == len(UnitOfWork.__annotations__)
    assert not_retried == []
