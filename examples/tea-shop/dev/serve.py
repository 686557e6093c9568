"""Serve for development, as `tea-shop dev` does.

The database is a throw-away one, or that which `DATABASE_URL` names in the environment;
one that stands in `.env` alone is left in peace.
"""

import asyncio
import os
import sys
from contextlib import ExitStack

from dev.postgres import NoServer, postgres
from tea_shop.entrypoints.http.server import find_port, run_server
from tea_shop.entrypoints.http.settings import HttpSettings
from tea_shop.infrastructure.schema import upgrade
from tea_shop.settings import load, load_settings


def main() -> int:
    """Migrate, then serve, and start anew at each change of the source."""
    settings = load(HttpSettings)
    settings = settings.model_copy(update={"http_port": find_port(settings)})
    with ExitStack() as stack:
        if "DATABASE_URL" not in os.environ:
            try:
                os.environ["DATABASE_URL"] = stack.enter_context(postgres())
            except NoServer as fault:
                print(fault, file=sys.stderr)
                return 1
            os.environ["ENVIRONMENT"] = "development"
        asyncio.run(upgrade(load_settings()))
        address = f"{settings.http_host}:{settings.http_port}"
        print(f"Try it at http://{address}/docs", flush=True)
        run_server(settings, reload=True)
    return 0
