"""Several that migrate at once, a migration that fails, one that is killed."""

import asyncio
import contextlib
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Sequence

from alembic import command
from ledger.infrastructure.database import connect
from ledger.infrastructure.schema import alembic_config, missing_migrations
from sqlalchemy import text

from faults.report import Seen
from faults.trial import Lab, Trial

AT_ONCE = 3
PATIENCE = 5.0  # seconds
STARTER = """
import os, sys
from ledger.entrypoints.cli import main

print("ready", flush=True)
for line in sys.stdin:
    os.environ["DATABASE_URL"] = line.strip()
    try:
        code = main(["migrate"])
    except Exception as error:
        print(type(error).__name__)
        code = 1
    print("exit", code, flush=True)
"""
LOCK_OF_ITS_OWN = """
import os
from ledger.infrastructure import database

database.LOCK = os.getpid()
"""
LOCKS = """
SELECT pid FROM pg_locks WHERE locktype = $1 AND granted = $2
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
VERSION = "SELECT version_num FROM alembic_version"


class Starter:
    """A process that runs the service's `migrate` as often as it is told."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def migrate(self, url: str) -> list[str]:
        """Run it over a database; return its lines, the exit code in the last one."""
        if self._process.stdin:
            self._process.stdin.write(f"{url}\n".encode())
        return await self.listen("exit")

    async def listen(self, end: str) -> list[str]:
        """Read its lines up to the one that begins so; fewer, where it is killed."""
        lines: list[str] = []
        while self._process.stdout and not (lines and lines[-1].startswith(end)):
            line = await self._process.stdout.readline()
            if not line:
                break
            lines.append(line.decode().strip())
        return lines

    async def end(self) -> None:
        """End it, and give it no time to clean up."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


class Site:
    """An empty database that is to be migrated."""

    def __init__(self, trial: Trial, url: str) -> None:
        self.trial = trial
        self.seen = trial.seen
        self._url = url

    async def migrate(self, starter: Starter) -> list[str]:
        """Let one migrate it."""
        self.seen.sent += 1
        began = time.perf_counter()
        lines = await starter.migrate(self._url)
        self.seen.seconds.append(time.perf_counter() - began)
        self.seen.acked += lines[-1:] == ["exit 0"]
        return lines

    async def migrate_at_once(self, starters: Sequence[Starter]) -> list[list[str]]:
        """Let these migrate it, all at once."""
        return await asyncio.gather(*[self.migrate(one) for one in starters])

    async def begin(self) -> None:
        """Apply the first migration alone, so that there is a version before."""
        async with connect(self.trial.container.settings()) as connection:
            await connection.run_sync(
                lambda sync: command.upgrade(alembic_config(sync), "+1")
            )

    async def state(self) -> list[str]:
        """Say which tables there are, and which version."""
        tables = await self.trial.fetch(TABLES)
        versions = await self.trial.fetch(VERSION)
        return [*sorted(row[0] for row in tables), *[row[0] for row in versions]]

    async def missing(self) -> list[str]:
        """Name what is still to be applied."""
        found: list[str] = await missing_migrations(self.trial.container.engine())
        return found

    async def expect_done(self, said: list[list[str]], missing: list[str]) -> None:
        """Expect that each of them went well, and each migration was applied once."""
        for lines in said:
            self.seen.expect(lines[-1:] == ["exit 0"], f"one ends with {lines[-2:]}")
        told = [line for lines in said for line in lines if "applied: " in line]
        applied = [line.removeprefix("applied: ") for line in told]
        self.seen.doubled += len(applied) - len(set(applied))
        self.seen.lost += len(set(missing) - set(applied))
        self.seen.expect(applied == missing, f"not {missing} but {applied} applied")
        left = await self.missing()
        self.seen.expect(not left, f"afterwards, {left} are missing")

    async def expect_locks(self, number: int, kind: str, *, is_held: bool) -> None:
        """Wait until so many hold, or wait for, a lock of this kind."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if len(await self.trial.fetch(LOCKS, kind, is_held)) == number:
                return
            await asyncio.sleep(0.005)
        verb = "hold" if is_held else "wait for"
        self.seen.expect(False, f"never do {number} {verb} a lock of kind {kind}")


@contextlib.asynccontextmanager
async def _starters(
    lab: Lab, script: str, number: int = AT_ONCE
) -> AsyncGenerator[list[Starter]]:
    """Give processes that have loaded the service, so that they begin as one."""
    kept: list[Starter] = []
    environment = {
        "ENVIRONMENT": "development",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    try:
        for _ in range(number):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", script),
                cwd=lab.server.root,
                env={**os.environ, **environment},
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
            )
            kept.append(Starter(process))
        for starter in kept:
            await starter.listen("ready")
        yield kept
    finally:
        for starter in kept:
            await starter.end()


@contextlib.asynccontextmanager
async def _site(lab: Lab) -> AsyncGenerator[Site]:
    async with lab.trial(template="template0") as trial:
        yield Site(trial, lab.server.url(trial.database))


async def migrate(lab: Lab) -> Seen:
    """Start three at once: all exit with 0, and each migration is applied once.

    Let them fail, and kill one, in the middle: nothing of it is left, and the next
    apply it all.
    """
    seen = Seen()
    async with _starters(lab, STARTER) as starters:
        for _ in range(lab.size(20, 200)):
            async with _site(lab) as site:
                missing = await site.missing()
                said = await site.migrate_at_once(starters)
                await site.expect_done(said, missing)
                seen += site.seen
        for _ in range(lab.size(3, 20)):
            seen += await _fail(lab, starters)
            seen += await _kill(lab, starters)
    return seen


async def _fail(lab: Lab, starters: Sequence[Starter]) -> Seen:
    """Put a table in the way of the last migration."""
    async with _site(lab) as site:
        await site.begin()
        missing = await site.missing()
        await site.trial.fetch("CREATE TABLE statements ()")
        before = await site.state()
        for lines in await site.migrate_at_once(starters):
            fails = lines == ["ProgrammingError", "exit 1"]
            site.seen.expect(fails, f"with a table in the way, one says {lines}")
            site.seen.faults += 1
        after = await site.state()
        site.seen.expect(after == before, f"after a failure, there are {after}")
        await site.trial.fetch("DROP TABLE statements")
        await site.expect_done(await site.migrate_at_once(starters), missing)
        return site.seen


async def _kill(lab: Lab, starters: Sequence[Starter]) -> Seen:
    """Kill one that waits for a table in the middle: alone, then before others."""
    async with _site(lab) as site, _starters(lab, STARTER, 2) as victims:
        await site.begin()
        missing = await site.missing()
        before = await site.state()
        for victim, others in zip(victims, ([], starters), strict=True):
            async with site.trial.container.engine().connect() as holder:
                await holder.execute(text("LOCK TABLE accounts"))
                killed = asyncio.create_task(site.migrate(victim))
                await site.expect_locks(1, "relation", is_held=False)
                rest = asyncio.create_task(site.migrate_at_once(others))
                await site.expect_locks(len(others), "advisory", is_held=False)
                await victim.end()
                site.seen.faults += 1
                site.seen.expect(await killed == [], "who was killed had ended before")
            began = time.monotonic()
            said = await rest
            await site.expect_locks(0, "advisory", is_held=True)
            took = time.monotonic() - began
            sentence = f"after the last statement of the killed, it took {took:.1f} s"
            site.seen.expect_soon(took < 2, sentence)
            if not others:
                after = await site.state()
                site.seen.expect(after == before, f"after a kill, there are {after}")
        await site.expect_done(said, missing)
        return site.seen


async def migrate_unlocked(lab: Lab) -> Seen:
    """Let each have a lock of its own: of three, all but one die."""
    seen = Seen()
    async with _starters(lab, LOCK_OF_ITS_OWN + STARTER) as starters:
        for _ in range(lab.size(5, 20)):
            async with _site(lab) as site:
                await site.migrate_at_once(starters)
                seen += site.seen
    if died := seen.sent - seen.acked:
        seen.damage = f"{died} of {seen.sent} died"
    return seen
