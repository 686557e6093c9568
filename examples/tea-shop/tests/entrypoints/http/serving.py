"""Servers on a port that the system chooses, in this process or in one of its own."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tea_shop.entrypoints.cli import main

IN_TIME = 20  # seconds that nothing here should take
PROGRAM = "import sys; from tea_shop.entrypoints.cli import main; sys.exit(main())"
T = TypeVar("T")


def find(pattern: str, log: Path) -> str:
    """Wait until the pattern is in the log; return what its group is."""
    deadline = time.monotonic() + IN_TIME
    while time.monotonic() < deadline:
        if found := re.search(pattern, log.read_text()):
            return found[1]
        time.sleep(0.01)
    raise TimeoutError(f"{pattern} is not in {log.read_text()}")


def find_address(log: Path) -> str:
    """Wait until a server tells where it listens."""
    return find(r"running on (http://\S+)", log)


def serve_here(command: str, log: Path, use: Callable[[str], T]) -> tuple[int, T]:
    """Run a command that serves, and interrupt it as Ctrl-C does after its use."""

    def use_and_interrupt() -> T:
        address = find_address(log)
        try:
            return use(address)
        finally:
            signal.raise_signal(signal.SIGINT)

    log.touch()
    with lent(log), ThreadPoolExecutor() as pool:
        used = pool.submit(use_and_interrupt)
        code = main([command])
    return code, used.result()


def serve_elsewhere(log: Path) -> "subprocess.Popen[bytes]":
    """Start `serve` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PROGRAM, "serve"]
    with log.open("w") as stderr:
        return subprocess.Popen(command, stdout=stderr, stderr=stderr, env=environment)


@contextmanager
def lent(log: Path) -> Generator[None]:
    """Lend signals and logging to a server in this process, and take them back."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    signals = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    with log.open("w", buffering=1) as stderr, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        try:
            yield
        finally:
            root.setLevel(level)
            root.handlers[:] = handlers
            for one, handler in signals.items():
                signal.signal(one, handler)
