"""The command line: `tea-shop check`, `migrate`, `serve` and `dev`."""

import asyncio
import importlib
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path

from tea_shop.application.errors import StorageError
from tea_shop.container import open_container
from tea_shop.entrypoints.http.settings import HttpSettings
from tea_shop.infrastructure.schema import missing_migrations, upgrade
from tea_shop.settings import InvalidSettings, load


def check() -> int:
    """Say whether the settings are right, and the database is there and up to date."""

    async def look() -> list[str]:
        async with open_container() as container:
            return await missing_migrations(container.engine())

    missing = asyncio.run(look())
    for migration in missing:
        print(f"missing: {migration}")
    if missing:
        return 1
    print("The database can be reached, and its schema is up to date.")
    return 0


def migrate() -> int:
    """Bring the schema of the database up to date."""

    async def apply() -> list[str]:
        async with open_container() as container:
            return await upgrade(container.settings())

    for migration in asyncio.run(apply()):
        print(f"applied: {migration}")
    print("The schema is up to date.")
    return 0


def serve() -> int:
    """Serve HTTP, where `check` finds nothing to mend."""
    from tea_shop.entrypoints.http import server  # takes a while

    settings = load(HttpSettings)
    if code := check():
        print("Run `tea-shop migrate` first.", file=sys.stderr)
        return code
    server.run_server(settings)
    return 0


def dev() -> int:
    """Serve HTTP from the source, over a PostgreSQL that ends with it."""
    if not Path("dev", "serve.py").exists():
        print(
            "dev/serve.py is not here: run this in the folder of the service",
            file=sys.stderr,
        )
        return 1
    sys.path.insert(0, str(Path.cwd()))
    code: int = importlib.import_module("dev.serve").main()
    return code


COMMANDS: dict[str, Callable[[], int]] = {
    "check": check,
    "migrate": migrate,
    "serve": serve,
    "dev": dev,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = ArgumentParser(prog="tea-shop")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, function in COMMANDS.items():
        subparsers.add_parser(name, help=function.__doc__)
    command = COMMANDS[parser.parse_args(arguments).command]
    try:
        return command()
    except (InvalidSettings, StorageError) as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
