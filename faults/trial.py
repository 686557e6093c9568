"""A database of its own for each experiment, and what must hold in it afterwards."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from random import Random
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
from ledger.container import Container
from ledger.infrastructure.schema import upgrade
from ledger.settings import Settings
from pydantic import SecretStr

from faults.bank import Bank, Order, Teller, persist
from faults.proxy import Proxy
from faults.report import Seen
from faults.server import Server

ACCOUNTS = 50
OPENING = 1_000  # in each account
AFTERWARDS = 50  # requests that are to find nothing left of the faults
SOON = 0.5  # seconds
RESTART = 10.0  # seconds that the server may be away
Wrapper: TypeAlias = Callable[[Awaitable[None]], Awaitable[None]]
TEMPLATE = "template_of_trials"
DEFAULTS: dict[str, Any] = {
    "environment": "development",
    "database_pool_size": 6,
    "database_max_overflow": 0,
    "database_pool_timeout": 5,
    "database_connect_timeout": 2,
    "database_statement_timeout": 5,
    "database_command_timeout": 6,
}


class Trial:
    """The service over one database, and all that was sent to it."""

    def __init__(
        self, container: Container, database: str, lab: "Lab", accounts: int
    ) -> None:
        self.container = container
        self.database = database
        self.randomness = lab.randomness
        self.bank = Bank(container.unit_of_work)
        self.teller = Teller(lab.randomness, accounts)
        self.seen = Seen()
        self.acked: set[UUID] = set()
        self._lab = lab

    @property
    def pool(self) -> Any:
        """The pool of the service."""
        return self.container.engine().sync_engine.pool

    async def request(
        self,
        use_case: Callable[[Order], Awaitable[None]],
        wrapped: Wrapper = lambda it: it,
        **patience: Any,
    ) -> None:
        """Send one order until it is acknowledged, or met what nobody should meet."""
        order = self.teller.order()
        self.seen.sent += 1
        began = time.perf_counter()
        try:
            await persist(lambda: wrapped(use_case(order)), self.randomness, **patience)
        except Exception as error:
            self.seen.expect(False, f"a caller is left with {named(error)}")
        else:
            self.acknowledge(order, time.perf_counter() - began)

    async def move(self, otherwise: str) -> None:
        """Send one order that must succeed at once, else say what it met."""
        order = self.teller.order()
        self.seen.sent += 1
        began = time.perf_counter()
        try:
            await self.bank.move(order)
        except Exception as error:
            self.seen.expect(False, f"{otherwise} {named(error)}")
        else:
            self.acknowledge(order, time.perf_counter() - began)

    def acknowledge(self, order: Order, seconds: float) -> None:
        """Note that the service has said yes to an order."""
        self.seen.seconds.append(seconds)
        self.acked.add(order.key)
        self.seen.acked += 1

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """Ask the database, past the service and whatever is before the server."""
        return await self._lab.fetch(self.database, query, *arguments)

    async def settle(self) -> Seen:
        """Check all that must hold once the faults are over."""
        await self._check_leaks()
        await self._check_afterwards()
        await self._check_leaks()
        await self.compare()
        return self.seen

    async def compare(self) -> Seen:
        """Hold what is stored against what was sent and acknowledged."""
        seen = self.seen
        stored = Counter(
            self.bank.keys.get(row["key"], row["key"])
            for row in await self.fetch("SELECT key FROM transfers")
        )
        seen.lost = len(self.acked - stored.keys())
        seen.doubled = sum(count > 1 for count in stored.values())
        unsent = len(stored.keys() - self.teller.orders.keys())
        seen.expect(not seen.lost, f"{seen.lost} acknowledged orders are lost")
        seen.expect(not seen.doubled, f"{seen.doubled} orders are done twice")
        seen.expect(not unsent, f"{unsent} transfers were never ordered")
        for row in await self.fetch(BALANCES, OPENING):
            seen.expect(False, f"account {row['id']} is {row['off']} off its transfers")
        return seen

    async def kept_out(self) -> int:
        """Count the connections that do not come back to the pool."""
        return await _left_soon(self._count_out)

    async def _count_out(self) -> int:
        out: int = self.pool.checkedout()
        return out

    async def _count_idle(self) -> int:
        return len(await self.fetch(IDLE))

    async def _check_leaks(self) -> None:
        out, idle = await self.kept_out(), await _left_soon(self._count_idle)
        self.seen.leaked += out + idle
        self.seen.expect(not out, f"{out} connections did not come back to the pool")
        self.seen.expect(not idle, f"{idle} connections are idle in a transaction")

    async def _check_afterwards(self) -> None:
        began = time.perf_counter()
        for _ in range(AFTERWARDS):
            await self.move("afterwards, one is left with")
        took = time.perf_counter() - began
        sentence = f"{AFTERWARDS} requests afterwards took {took:.1f} s"
        self.seen.expect_soon(took < 2, sentence)


class Lab:
    """The server, the sizes and the randomness of a run."""

    def __init__(self, server: Server, randomness: Random, *, is_long: bool) -> None:
        self.server = server
        self.randomness = randomness
        self._is_long = is_long
        self._databases = 0

    def size(self, short: int, long: int) -> int:
        """Choose how much is enough."""
        return long if self._is_long else short

    async def prepare(self) -> None:
        """Make the database that those of all trials are copies of."""
        await self.fetch("postgres", f"CREATE DATABASE {TEMPLATE}")
        await upgrade(settings(self.server.url(TEMPLATE)))
        await self.fetch(TEMPLATE, OPEN_ACCOUNTS, ACCOUNTS, OPENING)

    async def fetch(self, database: str, query: str, *arguments: object) -> list[Any]:
        """Ask a database on a connection of its own, as soon as there is one."""
        connection = await self._connect(database)
        try:
            rows: list[Any] = await connection.fetch(query, *arguments)
            return rows
        finally:
            await connection.close()

    async def _connect(self, database: str) -> Any:
        deadline = time.monotonic() + RESTART
        while True:
            try:
                return await asyncpg.connect(
                    host=str(self.server.root), user="postgres", database=database
                )
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def trial(
        self,
        *,
        proxy: Proxy | None = None,
        port: int | None = None,
        accounts: int = ACCOUNTS,
        options: str = "",
        template: str = TEMPLATE,
        **chosen: Any,
    ) -> AsyncGenerator[Trial]:
        """Give the service over a new database, reached through the proxy if given.

        The options are those of the database, as `ALTER DATABASE` takes them.
        """
        self._databases += 1
        database = f"trial_{self._databases}"
        await self.fetch("postgres", f"CREATE DATABASE {database} TEMPLATE {template}")
        if options:
            await self.fetch("postgres", f"ALTER DATABASE {database} SET {options}")
        url = proxy.url(database) if proxy else self.server.url(database)
        if port:
            url = self.server.url(database, port)
        container = Container()
        container.settings.override(settings(url, **chosen))
        engine = container.engine()
        try:
            yield Trial(container, database, self, accounts)
        finally:
            if proxy:
                proxy.recover()
            await asyncio.wait_for(engine.dispose(), 5)
            drop = f"DROP DATABASE {database} WITH (FORCE)"
            await self.fetch("postgres", drop)


async def _left_soon(count: Callable[[], Awaitable[int]]) -> int:
    """Wait until there is nothing to count; return what is left after some time."""
    deadline = time.monotonic() + SOON
    while True:
        left = await count()
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.002)


def named(error: Exception) -> str:
    """Say what an error is, and which module it comes from."""
    return f"{type(error).__module__}.{type(error).__name__}: {error}"


def settings(url: str, **chosen: Any) -> Settings:
    """Make settings of these alone, whatever the environment says."""
    secret = {"_env_file": None, "database_url": SecretStr(url)}
    return Settings(**(secret | DEFAULTS | chosen))


OPEN_ACCOUNTS = """
INSERT INTO accounts (version, owner, balance, is_active)
SELECT 1, 'owner ' || number, $2, true FROM generate_series(1, $1::int) AS number
"""
IDLE = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""
BALANCES = """
SELECT accounts.id, balance - $1 - coalesce(came, 0) + coalesce(went, 0) AS off
FROM accounts
LEFT JOIN (SELECT target_id, sum(amount) AS came FROM transfers GROUP BY 1) AS one
    ON one.target_id = accounts.id
LEFT JOIN (SELECT source_id, sum(amount) AS went FROM transfers GROUP BY 1) AS other
    ON other.source_id = accounts.id
WHERE owner LIKE 'owner %' AND balance - $1 - coalesce(came, 0) + coalesce(went, 0) <> 0
"""
