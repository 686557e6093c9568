"""Measure a generated service beside a plain one, on this machine and in turns.

    python -m load [--rounds N] [--requests N] [--at-once N]

Both run in one process each, with the same server, pool and database, and are asked
by this process. Compare the ratios: the figures are those of the machine.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

from faults.__main__ import bake
from faults.server import Server, ServerError, kept
from load.client import Measured, Route, send

ROWS = 1_000
START = 60.0  # seconds
WARM_UP = 50  # requests
GENERATED, BY_HAND = "generated", "by hand"
HEADINGS = "route        service    per second   p50 ms   p99 ms  errors   ratio"
PLAIN = Path(__file__).with_name("plain.py")
LEDGER = "from ledger.entrypoints.cli import main; raise SystemExit(main(['{}']))"
ROUTES = [
    Route("get one", 200, lambda number: (f"/api/accounts/{number % ROWS + 1}", "")),
    Route(
        "page of 20", 200, lambda number: (f"/api/accounts?after={number % 900}", "")
    ),
    Route(
        *("create one", 201),
        lambda number: ("/api/accounts", f'{{"owner": "o {number}", "balance": 1}}'),
        method="POST",
    ),
]
FILL = """
INSERT INTO accounts (version, owner, balance, is_active)
SELECT 1, 'owner ' || number, 1, true FROM generate_series(1, {rows}) AS number;
INSERT INTO plain_accounts (owner, balance) SELECT owner, balance FROM accounts
"""


def main(arguments: Sequence[str]) -> int:
    """Measure; return 1 where a request failed."""
    parser = argparse.ArgumentParser(prog="python -m load")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400, help="of a kind, a round")
    parser.add_argument("--at-once", type=int, default=16)
    chosen = parser.parse_args(arguments)
    try:
        with kept() as server:
            service = bake(server.root / "service")
            server.start()
            with started(server, service) as ports:
                return asyncio.run(measure(server, ports, chosen))
    except ServerError as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


@contextmanager
def started(server: Server, service: Path) -> Generator[dict[str, int]]:
    """Start both services; give their ports."""
    url = server.url("postgres")
    ledger = {
        "DATABASE_URL": url,
        "ENVIRONMENT": "development",
        "HTTP_PORT": "0",
        "PYTHONPATH": str(service / "src"),
    }
    environment = {**os.environ, **ledger}
    migrate = [sys.executable, "-c", LEDGER.format("migrate")]
    subprocess.run(
        migrate, check=True, cwd=service, env=environment, stdout=subprocess.DEVNULL
    )
    commands = {
        GENERATED: [sys.executable, "-c", LEDGER.format("serve")],
        BY_HAND: [sys.executable, str(PLAIN), url],
    }
    processes, ports = [], {}
    try:
        for name, command in commands.items():
            log = server.root / f"{name}.log"
            with log.open("w") as output:
                process = subprocess.Popen(
                    command, cwd=service, env=environment, stdout=output, stderr=output
                )
            processes.append(process)
            ports[name] = _port(process, log)
        yield ports
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise ServerError(f"a service did not start: {log.read_text()[-500:]}")


async def measure(
    server: Server, ports: dict[str, int], chosen: argparse.Namespace
) -> int:
    """Ask both for everything, in turns, and print the table."""
    connection = await asyncpg.connect(host=str(server.root), user="postgres")
    await connection.execute(FILL.format(rows=ROWS))
    await connection.close()
    cells = [(route, name) for route in ROUTES for name in ports]
    seen = {cell: Measured() for cell in cells}
    for number in range(chosen.rounds + 1):
        for route, name in cells if number % 2 else cells[::-1]:
            into = seen[route, name] if number else Measured()  # the first warms up
            count = chosen.requests if number else WARM_UP
            await send(ports[name], route, count, at_once=chosen.at_once, into=into)
            seen[route, name].errors += into.errors if not number else 0
    print(f"{chosen.at_once} at once, {chosen.rounds} rounds of {chosen.requests}\n")
    print(HEADINGS)
    for route in ROUTES:
        theirs = statistics.median(seen[route, BY_HAND].rates)
        for name in ports:
            print(_row(route, name, seen[route, name], theirs))
    errors = sum(one.errors for one in seen.values())
    return 1 if errors else 0


def _row(route: Route, name: str, seen: Measured, other: float) -> str:
    rate = statistics.median(seen.rates)
    cuts = statistics.quantiles(seen.seconds, n=100)
    half, most = cuts[49] * 1000, cuts[98] * 1000
    figures = f"{rate:>10.0f} {half:>8.1f} {most:>8.1f} {seen.errors:>7}"
    return f"{route.name:<12} {name:<10} {figures} {rate / other:>7.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
