"""The server that runs the application."""

import socket

import uvicorn

from tea_shop.entrypoints.http.logs import configure_logs
from tea_shop.entrypoints.http.settings import HttpSettings
from tea_shop.settings import InvalidSettings


def run_server(settings: HttpSettings, *, reload: bool = False) -> None:
    """Serve until a signal asks for the end; what was begun is finished before.

    Raise `InvalidSettings` where it cannot listen.
    """
    find_port(settings)
    configure_logs()
    uvicorn.run(
        "tea_shop.entrypoints.http.app:make_app",
        factory=True,
        host=settings.http_host,
        port=settings.http_port,
        workers=settings.http_workers,
        reload=reload,
        reload_dirs=["src"] if reload else None,
        timeout_keep_alive=settings.http_keep_alive_timeout,
        timeout_graceful_shutdown=settings.http_shutdown_timeout,
        server_header=False,
        access_log=False,  # the application logs each request itself
        log_config=None,
    )


def find_port(settings: HttpSettings) -> int:
    """Return a port that is free now; raise `InvalidSettings` where there is none."""
    address = (settings.http_host, settings.http_port)
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    try:
        with socket.create_server(address, family=family) as listener:
            port: int = listener.getsockname()[1]
            return port
    except OSError as error:
        reason = str(error.strerror).lower()
        raise InvalidSettings(f"HTTP_HOST or HTTP_PORT is wrong: {reason}") from None
