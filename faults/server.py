"""A PostgreSQL that may be killed, and a PgBouncer before it.

A keeper owns both and the folder that holds everything of a run. It does what it is
told on a pipe; when the other end of the pipe closes, be it by a normal exit, by
Ctrl-C or by `kill -9`, it stops the servers and deletes the folder.
"""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any

START_TIMEOUT = 30.0  # seconds
PORT, BOUNCER_PORT = 5432, 6432  # of sockets in the folder, so they are always free
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{root}'
max_connections = 200
deadlock_timeout = '50ms'
wal_writer_delay = '10s'
autovacuum = off
timezone = 'UTC'
"""
BOUNCER_SETTINGS = """
[databases]
* = host={root} port={port} user=postgres
[pgbouncer]
auth_type = any
listen_port = {bouncer_port}
unix_socket_dir = {root}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 100
ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout
"""


class ServerError(Exception):
    """A server did not do what it was told; the message says why."""


class Server:
    """A PostgreSQL on one folder of data, over its whole life."""

    def __init__(self, keeper: "subprocess.Popen[str]") -> None:
        self._keeper = keeper
        self.root = Path(self._read())

    def start(self) -> None:
        """Make the data where there is none, and start on it."""
        self._tell("start")

    async def crash(self) -> float:
        """Kill it with `kill -9` and start it again; tell for how long it was away."""
        began = time.monotonic()
        await asyncio.to_thread(self._tell, "crash")
        return time.monotonic() - began

    async def start_bouncer(self) -> None:
        """Put PgBouncer in transaction mode before it."""
        await asyncio.to_thread(self._tell, "bounce")

    @property
    def socket(self) -> Path:
        """Say where it listens."""
        return self.root / f".s.PGSQL.{PORT}"

    def url(self, database: str, port: int = PORT) -> str:
        """Say how to connect to a database of it."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.root}&port={port}"

    def _tell(self, command: str) -> None:
        if self._keeper.stdin is None:
            raise ServerError("the keeper does not listen")
        self._keeper.stdin.write(f"{command}\n")
        self._keeper.stdin.flush()
        if (answer := self._read()) != "done":
            raise ServerError(answer or "the keeper of the server ended early")

    def _read(self) -> str:
        if self._keeper.stdout is None:
            raise ServerError("the keeper does not answer")
        return self._keeper.stdout.readline().strip()


@contextlib.contextmanager
def kept() -> Generator[Server]:
    """Give a server that is not started yet, in a folder that does not outlive it."""
    with subprocess.Popen(
        [sys.executable, "-I", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C in a terminal is for the owner alone
    ) as keeper:  # leaving closes the pipe and waits for the keeper
        yield Server(keeper)


class Keeper:
    """What owns the processes and the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._data = root / "data"
        self._options: dict[str, Any] = {"cwd": root, "stdin": subprocess.DEVNULL}
        self._postgres: subprocess.Popen[bytes] | None = None
        self._bouncer: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the data with the binaries that the service itself would use."""
        tools = module_at(next(self._root.glob("service/*/dev/postgres.py")))
        self._binaries = tools._binaries()
        if os.geteuid() == 0:  # PostgreSQL refuses to be run by root
            group = tools._group("nobody")
            self._options |= {"user": "nobody", "group": group, "extra_groups": []}
            self._binaries = tools._reachable(self._binaries, self._root)
            shutil.chown(self._root, "nobody")
        create = [str(self._binaries / "initdb"), "-D", str(self._data)]
        create += ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
        self._run([*create, "--no-sync"])
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(SETTINGS.format(root=self._root))
        self._start()

    def crash(self) -> None:
        """Kill it as a power cut would, but for what the kernel holds; start again."""
        if self._postgres is not None:
            processes = [self._postgres.pid, *_children(self._postgres.pid)]
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._postgres.wait()
        self._start()

    def bounce(self) -> None:
        """Start PgBouncer, once."""
        if self._bouncer is not None:
            return
        path = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin"
        program = shutil.which("pgbouncer", path=path)
        if program is None:
            raise ServerError("pgbouncer is not installed")
        configuration = self._root / "pgbouncer.ini"
        configuration.write_text(
            BOUNCER_SETTINGS.format(
                root=self._root, port=PORT, bouncer_port=BOUNCER_PORT
            )
        )
        with (self._root / "bouncer.log").open("wb") as log:
            self._bouncer = subprocess.Popen(
                [program, str(configuration)], stdout=log, stderr=log, **self._options
            )
        socket = self._root / f".s.PGSQL.{BOUNCER_PORT}"
        self._wait(self._bouncer, socket.exists, self._root / "bouncer.log")

    def stop(self) -> None:
        """End both at once: the data is deleted next."""
        for process, how in (
            (self._bouncer, signal.SIGTERM),
            (self._postgres, signal.SIGQUIT),
        ):
            if process is not None:
                process.send_signal(how)
                process.wait()

    def _start(self) -> None:
        """Start; again and again while remains of the one before are in the way."""
        pid_file, log_file = self._data / "postmaster.pid", self._root / "log"
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            pid_file.unlink(missing_ok=True)
            with log_file.open("ab") as log:
                self._postgres = subprocess.Popen(
                    [str(self._binaries / "postgres"), "-D", str(self._data)],
                    stdout=log,
                    stderr=log,
                    **self._options,
                )
            try:
                self._wait(self._postgres, lambda: _is_ready(pid_file), log_file)
                return
            except ServerError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command, capture_output=True, check=False, text=True, **self._options
        )
        if done.returncode:
            raise ServerError(done.stderr)

    @staticmethod
    def _wait(process: "subprocess.Popen[bytes]", ready: Any, log: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise ServerError(" ".join(log.read_text()[-300:].split()))
            time.sleep(0.005)


def module_at(path: Path) -> ModuleType:
    """Import a module that is on no path."""
    spec = importlib.util.spec_from_file_location(f"service_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ServerError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_ready(pid_file: Path) -> bool:
    with contextlib.suppress(OSError, IndexError):
        return pid_file.read_text().splitlines()[7].strip() == "ready"
    return False


def _children(parent: int) -> list[int]:
    """List them where the system tells; elsewhere they end by themselves, soon."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                children.append(int(stat.parent.name))
    return children


def _scratch() -> str | None:
    """Choose memory, where there is plenty; else a path short enough for a socket."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 3 * 2**30:
        return str(memory)
    return None if len(tempfile.gettempdir()) < 50 else "/tmp"  # noqa: S108


def keep() -> None:
    """Do what standard input says, until it closes."""
    root = Path(tempfile.mkdtemp(prefix="faults-", dir=_scratch()))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        keeper = Keeper(root)
        stack.callback(keeper.stop)
        _say(str(root))
        commands = {
            "start": keeper.start,
            "crash": keeper.crash,
            "bounce": keeper.bounce,
        }
        for line in sys.stdin:
            answer = "done"
            try:
                commands[line.strip()]()
            except Exception as error:
                answer = " ".join(str(error).split()) or repr(error)
            _say(answer)


def _say(answer: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody listens: the end is near
        os.write(1, f"{answer}\n".encode())


if __name__ == "__main__":
    keep()
