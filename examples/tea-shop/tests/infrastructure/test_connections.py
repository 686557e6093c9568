"""How connections are made, limited, lost and given back."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import greenlet  # type: ignore[import-untyped]
import pytest
from pydantic import SecretStr
from sqlalchemy import URL, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from tea_shop.application.errors import CommitUnknown, RolledBack, TimedOut, Unavailable
from tea_shop.container import Container, open_container
from tea_shop.domain.errors import InvalidValue
from tea_shop.infrastructure import statements, turns
from tea_shop.infrastructure.database import (
    connect,
    create_engine,
    create_session_factory,
)
from tea_shop.infrastructure.models.tea import TeaModel
from tea_shop.infrastructure.session import DirectSession
from tea_shop.infrastructure.unit_of_work import SqlAlchemyUnitOfWork
from tea_shop.settings import Settings

from tests.builders.tea import add_tea, new_tea

PASSWORD = "open-sesame"
PROCESS = text("SELECT pg_backend_pid()")
WRONG = text("SELECT CAST('x' AS integer)")
TABLE = TeaModel.__tablename__
SLOW_COMMIT = (
    "CREATE FUNCTION _wait() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN PERFORM pg_sleep(3); RETURN NULL; END'",
    f'CREATE CONSTRAINT TRIGGER _wait AFTER INSERT ON "{TABLE}"'
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION _wait()",
)


@asynccontextmanager
async def engine_of(
    container: Container, **settings: float
) -> AsyncGenerator[AsyncEngine]:
    """Give an engine for the same database with other settings."""
    engine = create_engine(container.settings().model_copy(update=settings))
    yield engine
    assert engine.pool.status().endswith("Current Checked out connections: 0")
    await engine.dispose()


async def terminate(container: Container, process: int) -> None:
    """End a connection from outside, as the restart of a server does."""
    async with container.engine().connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(f"SELECT pg_terminate_backend({process})"))
        others = text(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {process}")
        while await connection.scalar(others):
            pass  # it takes a moment


@pytest.mark.postgres
@pytest.mark.parametrize("host", ["localhost", "/nowhere"])
async def test_no_server_is_one_sentence_without_the_password(host: str) -> None:
    url = URL.create("postgresql+asyncpg", "user", PASSWORD, port=1, database="db")
    url = url.update_query_dict({"host": host})
    secret = SecretStr(url.render_as_string(hide_password=False))
    settings = Settings(database_url=secret)

    with pytest.raises(Unavailable, match="cannot be reached: ") as caught:
        async with connect(settings):
            pass
    session_factory = create_session_factory(create_engine(settings))
    with pytest.raises(Unavailable, match="cannot be reached: ") as again:
        async with SqlAlchemyUnitOfWork(session_factory):
            pass

    assert str(caught.value) == str(again.value)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_password_among_the_options_is_not_shown() -> None:
    secret = SecretStr(f"postgresql://localhost:1/db?password={PASSWORD}")

    with pytest.raises(Unavailable, match="localhost:1/db cannot be") as caught:
        async with connect(Settings(database_url=secret)):
            pass

    assert PASSWORD not in str(caught.value)


@pytest.mark.postgres
async def test_an_unknown_database_is_one_sentence(server: URL) -> None:
    url = server.set(database="unknown_database").render_as_string(hide_password=False)
    settings = Settings(database_url=SecretStr(url))

    with pytest.raises(Unavailable, match="does not exist"):
        async with connect(settings):
            pass


@pytest.mark.parametrize("pre_ping", [False, True])
def test_the_settings_of_the_pool_are_used(pre_ping: bool) -> None:
    settings = Settings(
        database_url=SecretStr("postgresql://localhost/db"),
        database_pool_size=7,
        database_max_overflow=3,
        database_pool_timeout=1.5,
        database_pool_recycle=60,
        database_pool_pre_ping=pre_ping,
    )

    pool = create_engine(settings).sync_engine.pool

    assert vars(pool)["_max_overflow"] == 3
    assert vars(pool)["_timeout"] == 1.5
    assert vars(pool)["_recycle"] == 60
    assert vars(pool)["_pre_ping"] is pre_ping
    assert pool.status().startswith("Pool size: 7 ")


@pytest.mark.postgres
@pytest.mark.parametrize("pgbouncer", [False, True])
async def test_the_limits_of_time_are_in_force(
    container: Container, pgbouncer: bool
) -> None:
    async with (
        engine_of(
            container,
            database_statement_timeout=6,
            database_idle_timeout=7,
            database_pgbouncer=pgbouncer,
        ) as engine,
        engine.connect() as connection,
    ):
        idle = text("SHOW idle_in_transaction_session_timeout")
        assert await connection.scalar(text("SHOW statement_timeout")) == "6s"
        assert await connection.scalar(idle) == "7s"
        await connection.execute(text("SET LOCAL statement_timeout = '10ms'"))
        with pytest.raises(TimedOut, match="took too long"):
            await connection.execute(text("SELECT pg_sleep(3)"))


@pytest.mark.postgres
async def test_behind_pgbouncer_each_transaction_has_limits(
    container: Container,
) -> None:
    limit = statements.Statement(select(func.current_setting("statement_timeout")))
    settings = {"database_pgbouncer": True, "database_statement_timeout": 6}
    async with engine_of(container, **settings) as engine:
        for _ in range(2):
            async with create_session_factory(engine)() as session:
                ((direct,),) = await session.fetch(limit, {})
                assert direct == await session.scalar(text("SHOW statement_timeout"))
                assert direct == "6s"
            async with create_session_factory(engine)() as session:
                seen: list[str] = []

                async def write(
                    session: DirectSession = session, seen: list[str] = seen
                ) -> None:
                    ((alone,),) = await session.write(limit, {}, is_whole=True)
                    seen.append(alone)

                await session.postpone(write)
                await session.commit()
                assert seen == ["6s"]


@pytest.mark.postgres
@pytest.mark.parametrize("read_only", [False, True])
async def test_a_connection_is_given_back_as_it_was(
    container: Container, read_only: bool
) -> None:
    shown = text("SELECT current_setting('transaction_read_only')")
    async with engine_of(container, database_pool_size=1) as engine:
        async with create_session_factory(engine)() as session:
            await session.open(read_only=read_only)
            assert await session.scalar(shown) == ("on" if read_only else "off")
        async with engine.connect() as connection:
            assert await connection.scalar(shown) == "off"
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            assert driver.is_in_transaction()


@pytest.mark.postgres
async def test_migrations_have_no_limit_of_time(container: Container) -> None:
    async with connect(container.settings()) as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "0"


@pytest.mark.postgres
async def test_behind_pgbouncer_nothing_stays_on_a_connection(
    container: Container,
) -> None:
    async with engine_of(container, database_pgbouncer=True) as engine:
        async with engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            for value in ("1", "'a'", "1"):  # no statement is taken for another
                sent = await connection.exec_driver_sql(f"SELECT {value}::text")
                assert sent.scalar() == value.strip("'")
            await connection.commit()
        assert driver is not None

        prepared = "SELECT count(*) FROM pg_prepared_statements"
        assert await driver.fetchval(prepared) == 0
        assert await driver.fetchval("SHOW statement_timeout") == "0"


@pytest.mark.postgres
async def test_what_does_not_answer_is_given_up_and_does_not_go_on(
    container: Container,
) -> None:
    slow = statements.Statement(select(func.pg_sleep(3)))

    async def ask_sqlalchemy(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            with pytest.raises(TimedOut, match="did not answer"):
                await connection.execute(text("SELECT pg_sleep(3)"))
            assert connection.invalidated

    async def ask_the_driver(engine: AsyncEngine) -> None:
        async with create_session_factory(engine)() as session:
            pooled = await session.open()
            with pytest.raises(TimedOut, match="did not answer"):
                await session.fetch(slow, {})
            assert not pooled.is_valid

    async with (
        engine_of(container, database_command_timeout=0.2) as engine,
        container.engine().connect() as other,
    ):
        await asyncio.gather(ask_sqlalchemy(engine), ask_the_driver(engine))
        running = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
            " AND datname = current_database() AND query LIKE 'SELECT pg_sleep%'"
        )
        assert await other.scalar(text(running)) == 0


@pytest.mark.postgres
async def test_who_does_not_speak_is_unavailable(container: Container) -> None:
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        secret = SecretStr(f"postgresql+asyncpg://localhost:{port}/db")
        silent = {"database_url": secret, "database_connect_timeout": 0.05}
        settings = container.settings().model_copy(update=silent)

        async def connect_once() -> None:
            with pytest.raises(Unavailable):
                async with connect(settings):
                    pass

        async def begin_once() -> None:
            session_factory = create_session_factory(create_engine(settings))
            with pytest.raises(Unavailable):
                async with SqlAlchemyUnitOfWork(session_factory):
                    pass

        async with asyncio.timeout(2):
            await asyncio.gather(connect_once(), begin_once())


async def test_who_hangs_up_is_unavailable() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "localhost", 0) as server:
        port = server.sockets[0].getsockname()[1]
        secret = SecretStr(f"postgresql://localhost:{port}/db?ssl=disable")
        settings = Settings(database_url=secret)

        with pytest.raises(Unavailable, match="cannot be reached"):
            async with connect(settings):
                pass
        session_factory = create_session_factory(create_engine(settings))
        with pytest.raises(Unavailable, match="cannot be reached"):
            async with SqlAlchemyUnitOfWork(session_factory):
                pass


@pytest.mark.postgres
async def test_what_is_idle_is_taken_and_given_back_without_a_greenlet(
    container: Container,
) -> None:
    switches: list[str] = []
    async with engine_of(container) as engine:
        session_factory = create_session_factory(engine)
        async with session_factory() as session:
            await session.open()  # it has to connect

        greenlet.settrace(lambda event, _: switches.append(event))
        async with session_factory() as session:
            await session.open()
        greenlet.settrace(None)

    assert not switches


@pytest.mark.postgres
@pytest.mark.parametrize(
    "settings", [{"database_pool_recycle": 0}, {"database_pool_pre_ping": True}]
)
async def test_what_cannot_be_taken_at_once_is_waited_for(
    container: Container, settings: dict[str, float]
) -> None:
    async with engine_of(container, **settings) as engine:
        session_factory = create_session_factory(engine)
        processes: list[object] = []
        for _ in range(2):
            async with session_factory() as session:
                await session.open()
                processes.append(await session.scalar(PROCESS))

    is_recycled = "database_pool_recycle" in settings
    assert len(set(processes)) == (2 if is_recycled else 1)


@pytest.mark.postgres
async def test_in_a_rush_no_connection_is_opened_for_a_moment(
    container: Container,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 60)
    async with engine_of(container, database_pool_size=1) as engine, asyncio.timeout(5):
        session_factory = create_session_factory(engine)

        async def process() -> object:
            async with session_factory() as session:
                await session.open()
                return await session.scalar(PROCESS)

        (kept,) = set(await asyncio.gather(*(process() for _ in range(9))))
        monkeypatch.setattr(turns, "PATIENCE", 0.01)
        async with session_factory() as session:
            await session.open()
            assert await process() != kept  # who has it does not give it back
    assert not caplog.records  # the one too many is closed in peace


@pytest.mark.postgres
async def test_connections_are_taken_in_turn(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 60)
    order: list[int] = []
    async with engine_of(container, database_pool_size=1) as engine, asyncio.timeout(5):
        session_factory = create_session_factory(engine)

        async def work(worker: int) -> None:
            for _ in range(3):
                async with session_factory() as session:
                    await session.open()
                    order.append(worker)
                    await asyncio.sleep(0)

        await asyncio.gather(*map(work, range(3)))
        await work(3)  # for whom nobody is before

    assert order == [*[0, 1, 2] * 3, 3, 3, 3]


@pytest.mark.postgres
async def test_a_full_pool_is_unavailable(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    settings = {"database_pool_size": 1, "database_max_overflow": 0}
    async with engine_of(container, **settings, database_pool_timeout=0.01) as engine:
        session_factory = create_session_factory(engine)
        async with SqlAlchemyUnitOfWork(session_factory):
            with pytest.raises(Unavailable, match="QueuePool limit"):
                async with SqlAlchemyUnitOfWork(session_factory):
                    pass
        async with SqlAlchemyUnitOfWork(session_factory):
            pass


@pytest.mark.postgres
@pytest.mark.parametrize("pre_ping", [False, True])
async def test_a_connection_that_died_at_rest_costs_nothing(
    container: Container, pre_ping: bool
) -> None:
    async with engine_of(container, database_pool_pre_ping=pre_ping) as engine:
        async with engine.connect() as connection:
            first = await connection.scalar(PROCESS)
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
        await terminate(container, first)
        while not driver.is_closed():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)

        async with engine.connect() as connection:
            assert await connection.scalar(PROCESS) != first


@pytest.mark.postgres
async def test_a_connection_that_died_at_work_costs_the_work(
    container: Container,
) -> None:
    async with engine_of(container) as engine:
        async with engine.connect() as connection:
            first = await connection.scalar(PROCESS)
            await terminate(container, first)
            with pytest.raises(Unavailable, match="connection to the database broke"):
                await connection.scalar(PROCESS)

        async with engine.connect() as connection:
            assert await connection.scalar(PROCESS) != first


@pytest.mark.postgres
@pytest.mark.parametrize("is_begun", [False, True])
async def test_a_connection_that_died_around_a_transaction_is_given_up(
    container: Container, is_begun: bool
) -> None:
    process = statements.Statement(select(func.pg_backend_pid()))
    async with engine_of(container, database_pool_size=1) as engine:
        async with create_session_factory(engine)() as session:
            ((first,),) = await (session.write if is_begun else session.fetch)(
                process, {}
            )
            await terminate(container, first)
            if not is_begun:
                with pytest.raises(
                    Unavailable, match="connection to the database broke"
                ):
                    await session.write(process, {})
        async with create_session_factory(engine)() as session:
            ((again,),) = await session.fetch(process, {})
            await session.commit()
    assert again != first


@pytest.mark.postgres
async def test_a_failed_read_is_not_held_against_who_comes_next(
    container: Container,
) -> None:
    wrong = statements.Statement(WRONG)
    async with engine_of(container, database_pool_size=1) as engine:
        for _ in "12":
            async with create_session_factory(engine)() as session:
                with pytest.raises(InvalidValue):
                    await session.fetch(wrong, {})


@pytest.mark.postgres
async def test_a_connection_commits_nothing_after_an_error_nobody_heeded(
    container: Container,
) -> None:
    process = statements.Statement(select(func.pg_backend_pid()))
    async with engine_of(container, database_pool_size=1) as engine:
        async with engine.connect() as connection:
            with pytest.raises(InvalidValue):
                await connection.execute(WRONG)
            with pytest.raises(RolledBack):
                await connection.commit()
        async with create_session_factory(engine)() as session:
            assert await session.fetch(process, {})  # who comes next has no error


@pytest.mark.postgres
async def test_what_was_not_used_can_be_committed(container: Container) -> None:
    async with container.session_factory()() as session:
        await session.commit()


@pytest.mark.postgres
async def test_a_connection_that_died_in_a_savepoint_is_no_other_error(
    container: Container,
) -> None:
    async with engine_of(container) as engine, create_session_factory(engine)() as one:
        process = (await one.execute(PROCESS)).scalar_one()
        savepoint = await one.begin_nested()
        await terminate(container, process)
        with pytest.raises(Unavailable):
            await one.execute(PROCESS)
        await savepoint.rollback()
        with pytest.raises(RolledBack):
            await one.execute(PROCESS)
        with pytest.raises(RolledBack):
            await one.commit()


@pytest.mark.postgres
async def test_the_end_of_one_connection_is_not_that_of_others(
    container: Container,
) -> None:
    async with engine_of(container) as engine:
        async with engine.connect() as one, engine.connect() as other:
            first, second = await one.scalar(PROCESS), await other.scalar(PROCESS)
            await terminate(container, first)
            with pytest.raises(Unavailable):
                await one.scalar(PROCESS)

        async with engine.connect() as one, engine.connect() as other:
            assert second in {await one.scalar(PROCESS), await other.scalar(PROCESS)}


@pytest.mark.postgres
@pytest.mark.parametrize("writes", [1, 2])
async def test_a_commit_without_an_answer_is_unknown(
    container: Container, writes: int
) -> None:
    async with engine_of(container, database_pool_size=1) as engine:
        async with engine.connect() as connection:
            process = await connection.scalar(PROCESS)
        async with SqlAlchemyUnitOfWork(create_session_factory(engine)) as uow:
            for _ in range(writes):
                await uow.teas.add(await new_tea(uow))
            if writes > 1:
                await uow.flush()
            await terminate(container, process)

            with pytest.raises(CommitUnknown, match="did not answer to the commit"):
                await uow.commit()


@pytest.mark.postgres
async def test_what_is_lost_before_the_commit_is_not_kept(container: Container) -> None:
    async with engine_of(container, database_pool_size=1) as engine:
        async with engine.connect() as connection:
            process = await connection.scalar(PROCESS)
        async with SqlAlchemyUnitOfWork(create_session_factory(engine)) as uow:
            await add_tea(uow)
            await uow.teas.add(await new_tea(uow))
            await terminate(container, process)

            with pytest.raises(
                Unavailable, match="the connection to the database broke"
            ):
                await uow.commit()


@pytest.mark.postgres
async def test_a_session_tells_of_a_commit_without_an_answer(
    container: Container,
) -> None:
    async with (
        engine_of(container) as engine,
        create_session_factory(engine)() as session,
    ):
        await terminate(container, int((await session.execute(PROCESS)).scalar_one()))

        with pytest.raises(CommitUnknown, match="did not answer to the commit"):
            await session.commit()


@pytest.fixture
async def slow_commit(container: Container) -> AsyncGenerator[None]:
    """Let each commit of a new row take its time."""
    async with connect(container.settings()) as connection:
        for step in SLOW_COMMIT:
            await connection.execute(text(step))
    yield
    async with connect(container.settings()) as connection:
        await connection.execute(text("DROP FUNCTION _wait CASCADE"))


@pytest.mark.postgres
@pytest.mark.usefixtures("slow_commit")
async def test_a_commit_that_takes_too_long_is_unknown(container: Container) -> None:
    async def commit(engine: AsyncEngine, writes: int) -> None:
        async with SqlAlchemyUnitOfWork(create_session_factory(engine)) as uow:
            for _ in range(writes):
                await uow.teas.add(await new_tea(uow))
            with pytest.raises(CommitUnknown):
                await uow.commit()

    async with engine_of(container, database_command_timeout=0.2) as engine:
        await asyncio.gather(*(commit(engine, writes) for writes in (1, 2)))


@pytest.mark.postgres
async def test_a_commit_that_postgresql_gave_up_is_not_kept(
    container: Container,
) -> None:
    async with (
        connect(container.settings()) as other,
        engine_of(container, database_statement_timeout=0.1) as engine,
        SqlAlchemyUnitOfWork(create_session_factory(engine)) as uow,
    ):
        await uow.teas.add(await new_tea(uow))
        await other.execute(text(f'LOCK TABLE "{TABLE}"'))
        with pytest.raises(TimedOut):
            await uow.commit()


@pytest.mark.postgres
async def test_a_connection_with_a_lost_transaction_is_not_used_again(
    container: Container,
) -> None:
    async with engine_of(container, database_pool_pre_ping=False) as engine:
        async with engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            assert driver is not None
            first = await connection.scalar(PROCESS)
        await driver.execute("BEGIN")  # as happens where two tasks share a session

        async with engine.connect() as connection:
            assert await connection.scalar(PROCESS) != first


@pytest.mark.postgres
async def test_what_is_cancelled_at_the_end_waits_no_longer(
    container: Container,
) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database"
        " WHERE datname = current_database() AND NOT granted"
    )

    async def read(other: Container) -> None:
        async with other.engine().connect() as connection:
            await connection.execute(text(f'SELECT FROM "{TABLE}"'))

    async with container.engine().connect() as holder:
        await holder.execute(text(f'LOCK TABLE "{TABLE}"'))
        async with open_container() as ending:
            task = asyncio.create_task(read(ending))
            while not await holder.scalar(waiting):
                pass  # it takes a moment
            task.cancel()
        left = await holder.scalar(waiting)

    assert task.cancelled()
    assert left == 0
