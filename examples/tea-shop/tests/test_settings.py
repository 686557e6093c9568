import pytest
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings

from tea_shop.settings import InvalidSettings, Settings, load, load_settings

PASSWORD = "open-sesame"
URL = f"postgresql+asyncpg://user:{PASSWORD}@localhost/db"
SHARED = (
    "DATABASE_URL has a password that everybody knows: set one that is the database's"
    " own, or ENVIRONMENT=development if the database holds nothing"
)


class OtherSettings(BaseSettings):
    other_host: str
    other_port: int = Field(gt=0)


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing yet."""
    for name in ("ENVIRONMENT", "PGPASSFILE", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("production")
def test_the_database_is_all_that_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)

    settings = load_settings()

    assert settings.database_url.get_secret_value() == URL
    assert settings.environment == "production"
    assert settings.database_pool_size == 20
    assert settings.database_max_overflow == 10
    assert settings.database_pool_timeout == 30
    assert settings.database_pool_recycle == 3600
    assert settings.database_pool_pre_ping is False
    assert settings.database_connect_timeout == 5
    assert settings.database_statement_timeout == 30
    assert settings.database_command_timeout == 40
    assert settings.database_idle_timeout == 60
    assert settings.database_pgbouncer is False


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_the_driver_need_not_be_named(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://localhost/db")

    url = load_settings().database_url.get_secret_value()

    assert url == "postgresql+asyncpg://localhost/db"


def test_a_missing_url_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    assert str(caught.value) == (
        "DATABASE_URL is not set; set it, for example to"
        " postgresql+asyncpg://user:password@localhost:5432/tea_shop"
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (
            f"mysql://user:{PASSWORD}@localhost/db",
            "must begin with postgresql+asyncpg://",
        ),
        (f"postgresql:user:{PASSWORD}@localhost/db", "must begin with"),
        (f"postgresql://user:{PASSWORD}@localhost", "must end with the name of"),
        (f"postgresql://user:{PASSWORD}@localhost:port/db", "must be a URL such as"),
    ],
)
def test_a_wrong_url_is_one_sentence_without_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    assert str(caught.value).startswith(f"DATABASE_URL is wrong: {reason}")
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENVIRONMENT", "staging"),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_MAX_OVERFLOW", "-1"),
        ("DATABASE_POOL_TIMEOUT", "0"),
        ("DATABASE_POOL_RECYCLE", "0"),
        ("DATABASE_POOL_PRE_PING", "perhaps"),
        ("DATABASE_CONNECT_TIMEOUT", "0"),
        ("DATABASE_STATEMENT_TIMEOUT", "0"),
        ("DATABASE_COMMAND_TIMEOUT", "0"),
        ("DATABASE_IDLE_TIMEOUT", "0"),
        ("DATABASE_PGBOUNCER", "perhaps"),
    ],
)
def test_each_wrong_setting_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://localhost/db")
    monkeypatch.setenv(name, value)

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    first, second = str(caught.value).splitlines()
    assert first.startswith("DATABASE_URL is wrong: ")
    assert second.startswith(f"{name} is wrong: input should be ")


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("url", ["user@localhost/db", "user:@localhost/db"])
def test_no_production_without_a_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{url}")

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    missing = SHARED.replace("a password that everybody knows", "no password")
    assert str(caught.value) == missing


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    "url",
    [
        "user:secret@localhost/db",
        "user:Postgres@localhost/db",
        "user:%73ecret@localhost/db",
        "User:User@localhost/db",
        "user:db@localhost/db",
        f"user:{PASSWORD}@localhost/db?password=secret",
    ],
)
def test_no_production_with_a_password_that_everybody_knows(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://{url}")

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    assert str(caught.value) == SHARED


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    "options", [f"password={PASSWORD}", "passfile=/run/secrets/database"]
)
def test_a_password_may_stand_among_the_options(
    monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://user@localhost/db?{options}")

    assert load_settings().environment == "production"


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    ("name", "value"),
    [("PGPASSWORD", PASSWORD), ("PGPASSFILE", "/run/secrets/database")],
)
def test_a_password_may_stand_beside_the_url(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user@localhost/db")
    monkeypatch.setenv(name, value)

    assert load_settings().environment == "production"


@pytest.mark.usefixtures("production")
def test_what_everybody_knows_is_no_better_beside_the_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user@localhost/db")
    monkeypatch.setenv("PGPASSWORD", "secret")

    with pytest.raises(InvalidSettings) as caught:
        load_settings()

    assert str(caught.value) == SHARED


def test_development_needs_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "development")
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@localhost/db")

    assert load_settings().environment == "development"


def test_other_settings_are_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_PORT", "0")

    with pytest.raises(InvalidSettings) as caught:
        load(OtherSettings)

    assert str(caught.value).splitlines() == [
        "OTHER_HOST is not set",
        "OTHER_PORT is wrong: input should be greater than 0",
    ]


def test_an_error_does_not_show_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"mysql://user:{PASSWORD}@localhost/db")

    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({})

    assert "database_url" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_the_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)

    settings = load_settings()

    assert PASSWORD not in repr(settings)
    assert PASSWORD not in settings.model_dump_json()
