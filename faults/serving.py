"""The service over HTTP: in this process, or in one of its own."""

import asyncio
import logging
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import httpx
import structlog
import uvicorn
from fastapi import FastAPI
from ledger.entrypoints.http.app import create_app
from ledger.entrypoints.http.settings import HttpSettings

from faults.trial import Trial

PROGRAM = "import sys; from ledger.entrypoints.cli import main; sys.exit(main())"
START = 60.0  # seconds, on a busy machine


def app_of(trial: Trial) -> FastAPI:
    """Make the application of the service, over the parts of the trial."""
    settings: Any = {"_env_file": None}
    parts = partial(nullcontext, trial.container)
    app: FastAPI = create_app(HttpSettings(**settings), parts)
    return app


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    """Run uvicorn here, on a port that is free; give a client of it."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False)
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=silent)  # failures are expected
    server = uvicorn.Server(config)
    # Its `serve` would take the signals, which are not for it.
    task = asyncio.create_task(server._serve())
    try:
        while not server.started and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def served(
    url: str, *, workers: int, grace: int
) -> AsyncGenerator[tuple[Process, httpx.AsyncClient]]:
    """Run `serve` over a database; give its process, and a client of it."""
    told = {
        "DATABASE_URL": url,
        "ENVIRONMENT": "development",
        "HTTP_PORT": "0",
        "HTTP_SHUTDOWN_TIMEOUT": str(grace),
        "HTTP_WORKERS": str(workers),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "serve"),
        env={**os.environ, **told},
        start_new_session=True,  # so that its workers can be killed with it
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(START):
            address = await _address(process, workers)
        reading = asyncio.create_task(_pass_over(process))
        async with httpx.AsyncClient(base_url=address, timeout=30) as client:
            yield process, client
    finally:
        kill(process)
        await process.wait()
    await reading


def kill(process: Process) -> None:
    """End it with `kill -9`, and its workers with it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _address(process: Process, workers: int) -> str:
    """Wait until each worker is there."""
    address, started = "", 0
    while not address or started < workers:
        line = await _line(process)
        if not line:
            raise RuntimeError("the service did not start")
        started += "Application startup complete" in line
        if found := re.search(r"running on (http://[^ ]+)", line):
            address = found[1]
    return address


async def _pass_over(process: Process) -> None:
    while await _line(process):
        pass


async def _line(process: Process) -> str:
    return (await process.stderr.readline()).decode() if process.stderr else ""
