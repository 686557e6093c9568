"""How the service is reached over HTTP, from the environment or `.env`."""

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _words(value: object) -> object:
    return value.split() if isinstance(value, str) else value


Words: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


class HttpSettings(BaseSettings):
    """Each is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    http_host: str = "127.0.0.1"
    """The address to listen at; 0.0.0.0 is every one that the machine has."""
    http_port: int = Field(default=8000, ge=0, lt=2**16)
    """The port to listen at; for 0 the system chooses one."""
    http_workers: int = Field(default=1, ge=1)
    """Processes, each with a pool of connections of its own."""
    http_max_body_size: int = Field(default=2**20, ge=1)
    """Bytes that a request may have."""
    http_body_timeout: float = Field(default=20, gt=0)
    """Seconds in which the whole body of a request must come."""
    http_keep_alive_timeout: int = Field(default=5, ge=1)
    """Seconds after which a connection is closed on which nothing more is asked."""
    http_shutdown_timeout: int = Field(default=20, ge=1)
    """Seconds that requests have to finish in when the service is to stop."""
    http_cors_origins: Words = ()
    """Origins, with spaces between, whose pages may call the service in a browser."""
