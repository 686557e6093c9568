"""What differs between one deployment and another, from the environment or `.env`."""

import os
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DRIVER = "postgresql+asyncpg"
EXAMPLE = f"{DRIVER}://user:password@localhost:5432/tea_shop"
KNOWN_PASSWORDS = {"admin", "changeme", "password", "postgres", "root", "secret"}
"""Whoever tries a door tries these, and the names of the user and the database."""


class InvalidSettings(Exception):
    """The service cannot start; the message says what to set, and no secret."""


def _postgresql_url(url: SecretStr) -> SecretStr:
    scheme, separator, rest = url.get_secret_value().partition("://")
    if scheme not in (DRIVER, "postgresql", "postgres") or not separator:
        raise ValueError(f"must begin with {DRIVER}://")
    try:
        parts = urlsplit(f"//{rest}")
        _ = parts.port
    except ValueError:
        raise ValueError(f"must be a URL such as {EXAMPLE}") from None
    if not parts.path.strip("/"):
        raise ValueError(f"must end with the name of a database, as in {EXAMPLE}")
    return SecretStr(f"{DRIVER}://{rest}")


def _refuse_known_password(url: str) -> None:
    """Look for the password where the driver does, in the order in which it does."""
    parts = urlsplit(url, allow_fragments=False)
    options = dict(parse_qsl(parts.query))
    told = options.get("password") or unquote(parts.password or "")
    password = told or os.environ.get("PGPASSWORD", "")
    if not password and ("passfile" in options or "PGPASSFILE" in os.environ):
        return  # a file that somebody names is not looked into
    names = {unquote(parts.username or "").lower(), unquote(parts.path[1:]).lower()}
    if password.lower() not in {"", *KNOWN_PASSWORDS, *names}:
        return
    fault = "a password that everybody knows" if password else "no password"
    raise ValueError(
        f"DATABASE_URL has {fault}: set one that is the database's own,"
        " or ENVIRONMENT=development if the database holds nothing"
    )


class Settings(BaseSettings):
    """Each is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: Annotated[SecretStr, AfterValidator(_postgresql_url)]
    environment: Literal["development", "production"] = "production"
    """In production the password of the database must be one of its own."""
    database_pool_size: int = Field(default=20, ge=1)
    """Connections that are kept open."""
    database_max_overflow: int = Field(default=10, ge=0)
    """Connections beyond them, for a burst."""
    database_pool_timeout: float = Field(default=30, gt=0)
    """Seconds to wait for a free connection."""
    database_pool_recycle: int = Field(default=3600, ge=1)
    """Seconds after which a connection is replaced."""
    database_pool_pre_ping: bool = False
    """Whether a connection is tried before each use, beside a look whether it is open."""
    database_connect_timeout: float = Field(default=5, gt=0)
    """Seconds to wait until a connection is made."""
    database_statement_timeout: float = Field(default=30, ge=0.001)
    """Seconds after which PostgreSQL ends a statement."""
    database_command_timeout: float = Field(default=40, gt=0)
    """Seconds to wait for PostgreSQL's answer; then the connection is given up."""
    database_idle_timeout: float = Field(default=60, ge=0.001)
    """Seconds after which PostgreSQL ends a transaction that waits for the service."""
    database_pgbouncer: bool = False
    """Whether PgBouncer stands before PostgreSQL, in transaction mode."""

    @model_validator(mode="after")
    def _is_locked(self) -> Self:
        if self.environment == "production":
            _refuse_known_password(self.database_url.get_secret_value())
        return self


Kind = TypeVar("Kind", bound=BaseSettings)


def load(kind: type[Kind]) -> Kind:
    """Read settings; raise `InvalidSettings` with one sentence for each fault."""
    try:
        return kind()
    except ValidationError as error:
        raise InvalidSettings("\n".join(_sentences(error))) from None


def load_settings() -> Settings:
    """Read what every part of the service needs, as `load` does."""
    return load(Settings)


def _sentences(error: ValidationError) -> list[str]:
    sentences: list[str] = []
    for fault in error.errors(include_url=False, include_context=False):
        name = str(fault["loc"][0]).upper() if fault["loc"] else ""
        reason = fault["msg"].removeprefix("Value error, ")
        if not name:  # it is about more than one, and names them
            sentences.append(reason)
        elif fault["type"] != "missing":
            sentences.append(f"{name} is wrong: {reason[0].lower()}{reason[1:]}")
        elif name == "DATABASE_URL":
            sentences.append(f"{name} is not set; set it, for example to {EXAMPLE}")
        else:
            sentences.append(f"{name} is not set")
    return sentences
