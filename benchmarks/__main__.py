"""Measure the data layer of a generated service beside others and beside the driver.

    python -m benchmarks [--short | --write] [--loop L] [--rounds N] [USE-CASE ...]

With `--short` only the driver, the service and SQLAlchemy's ORM: it fails where the
service is worse than the README says. With `--write` the README gets the figures.
"""

import argparse
import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import make_url

from benchmarks import report
from benchmarks.cases import CASES, DEPTHS, MILLION, SMALL, Case, filling, paging
from benchmarks.contenders import (
    CLASSES,
    GENERATED,
    LIMIT,
    ORM,
    Address,
    Contender,
    contender,
)
from benchmarks.generation import generation
from benchmarks.measure import ENOUGH, Bench, Measured
from benchmarks.wire import counted
from faults.__main__ import bake
from faults.server import Server, ServerError, kept

ENTITIES = (
    "Product(sku: str(40) unique, name, price: Decimal(10,2)?, stock: int), "
    "Customer(name), "
    "Order(customer: Customer, note: str?, "
    "lines: [OrderLine(sku: str(40), quantity: int, price: Decimal(10,2))])"
)
MIGRATE = "from shop.entrypoints.cli import main; raise SystemExit(main(['migrate']))"
ROUNDS, SHORT_ROUNDS = 9, 5


def main(arguments: Sequence[str]) -> int:
    """Measure; return 1 where something is worse than published."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--short", action="store_true", help="compare with the README")
    parser.add_argument("--write", action="store_true", help="publish in the README")
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    parser.add_argument("--rounds", type=int)
    methods = dict.fromkeys(case.method for case in CASES)
    parser.add_argument("cases", metavar="USE-CASE", nargs="*", help=", ".join(methods))
    chosen = parser.parse_args(arguments)
    if chosen.write and (chosen.short or chosen.cases):
        parser.error("what is published is all of it: --write stands alone")
    if unknown := set(chosen.cases) - set(methods):
        parser.error(f"there is no use case {', '.join(sorted(unknown))}")
    for name in [name for name in os.environ if name.startswith("DATABASE_")]:
        del os.environ[name]  # they would be settings of the service
    try:
        with kept() as server:
            service = bake(server.root / "service", "Shop", ENTITIES, "none")
            sys.path.insert(0, str(service / "src"))
            address = _address(server)
            with asyncio.Runner(loop_factory=_loop(chosen.loop)) as runner:
                return runner.run(run(address, service, chosen))
    except ServerError as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _loop(name: str) -> Any:
    module = importlib.import_module(name)
    return module.new_event_loop


def _address(server: Server) -> Address:
    """Find the server that the environment names, or start one."""
    if told := os.environ.get("TEST_DATABASE_URL"):
        url = make_url(told)
        host = str(url.query.get("host") or url.host)
        return Address(host, url.port or 5432, url.username or "postgres", url.password)
    server.start()
    return Address(str(server.root))


async def run(address: Address, service: Path, chosen: argparse.Namespace) -> int:
    """Measure what was chosen, print it, and publish it or compare it."""
    cases = [case for case in CASES if not chosen.cases or case.method in chosen.cases]
    names = list(CLASSES)
    rounds = chosen.rounds or ROUNDS
    if chosen.short:
        cases = [case for case in cases if not case.is_long]
        names = [LIMIT, GENERATED, ORM]
        rounds = chosen.rounds or SHORT_ROUNDS
    async with filled(address, service, {case.database for case in cases}):
        table = await measured(address, cases, names, rounds)
        text = report.markdown(table)
        told = f"{text}\n{await _machine(address, rounds, chosen.loop)}"
        print(f"\n{told}")
        if chosen.short:
            return await compared(address, cases, names, rounds, table)
        if chosen.write:
            report.write(told)
            report.plot_ratios(table)
            report.plot_throughput(table)
            plotted = [case for depth in DEPTHS for case in paging(depth)]
            names = [LIMIT, GENERATED]
            report.plot_depth(await measured(address, plotted, names, ENOUGH))
    if chosen.write:
        report.plot_generation(await asyncio.to_thread(generation, service.parents[1]))
    return 0


async def compared(
    address: Address,
    cases: Sequence[Case],
    names: Sequence[str],
    rounds: int,
    table: report.Table,
) -> int:
    """Compare with what is published; what is worse is measured once more."""
    before = report.published(report.README.read_text(encoding="utf-8"))
    title = contender(GENERATED).title
    if found := report.worse(table, before, title):
        again = [case for case in cases if case.name in found]
        print("once more:", *(case.name for case in again), sep="\n  ")
        table = await measured(address, again, names, 2 * rounds)
        found = report.worse(table, before, title)
    for sentence in found.values():
        print(sentence, file=sys.stderr)
    return 1 if found else 0


async def measured(
    address: Address, cases: Iterable[Case], names: Iterable[str], rounds: int
) -> report.Table:
    """Measure every case, by its name and by the title of the contender."""
    table: dict[str, dict[str, Measured]] = {}
    for database in (SMALL, MILLION):
        here = [case for case in cases if case.database == database]
        there = address.at(database)
        if not here:
            continue
        async with opened(there, there, names) as (bench, contenders):
            for case in here:
                print(f"{case.name} ...", flush=True)
                needed = ENOUGH if case.is_long else rounds
                seen = await bench.measure(case, rounds=needed)
                titles = {name: contenders[name].title for name in contenders}
                table[case.name] = {titles[name]: seen[name] for name in seen}
        async with counted(there.host, there.port) as counter:
            through = Address("127.0.0.1", counter.port, there.user, there.password)
            async with opened(there, through.at(database), names) as (bench, _):
                for case in here:
                    if case.at_once == 1:
                        for name, trips in (await bench.count(case, counter)).items():
                            table[case.name][titles[name]].round_trips = trips
    return table


@asynccontextmanager
async def opened(
    address: Address, through: Address, names: Iterable[str]
) -> AsyncGenerator[tuple[Bench, dict[str, Contender]]]:
    """Open contenders, and a connection of the benchmark's own."""
    contenders = {name: contender(name) for name in names}
    connection = await asyncpg.connect(**address.arguments)
    is_open = []
    try:
        for one in contenders.values():
            await one.open(through)
            is_open.append(one)
        yield Bench(connection, contenders), contenders
    finally:
        for one in is_open:
            await one.close()
        await connection.close()


@asynccontextmanager
async def filled(
    address: Address, service: Path, databases: Iterable[str]
) -> AsyncGenerator[None]:
    """Make the databases with the tables of the service; drop them afterwards.

    A commit in them does not wait for the disk: that would add the same to all.
    """
    connection = await asyncpg.connect(**address.arguments)
    drop = "DROP DATABASE IF EXISTS {} WITH (FORCE)"
    try:
        for database in databases:
            await connection.execute(drop.format(database))
            await connection.execute(f"CREATE DATABASE {database}")
            await connection.execute(
                f"ALTER DATABASE {database} SET synchronous_commit = off"
            )
            there = address.at(database)
            environment = {
                **os.environ,
                "DATABASE_URL": there.url,
                "ENVIRONMENT": "development",
                "PYTHONPATH": str(service / "src"),
            }
            migrate = [sys.executable, "-c", MIGRATE]
            await asyncio.to_thread(
                subprocess.run,
                migrate,
                check=True,
                cwd=service,
                env=environment,
                stdout=subprocess.DEVNULL,
            )
            filler = await asyncpg.connect(**there.arguments)
            await filler.execute(filling(database))
            await filler.execute("VACUUM ANALYZE")
            await filler.close()
        yield
    finally:
        for database in databases:
            await connection.execute(drop.format(database))
        await connection.close()


async def _machine(address: Address, rounds: int, loop: str) -> str:
    connection = await asyncpg.connect(**address.arguments)
    postgresql = await connection.fetchval("SHOW server_version")
    await connection.close()
    return report.machine(rounds, loop, postgresql)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
