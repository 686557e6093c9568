import pytest

from tea_shop.entrypoints.cli import COMMANDS, main


@pytest.mark.postgres
@pytest.mark.usefixtures("outdated_database")
def test_check_wants_what_migrate_applies(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    missing = capsys.readouterr().out
    assert missing.startswith("missing: ")

    assert main(["migrate"]) == 0
    applied = capsys.readouterr().out
    assert applied == (
        missing.replace("missing: ", "applied: ") + "The schema is up to date.\n"
    )

    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "The database can be reached, and its schema is up to date."
    ]


def test_a_missing_setting_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)

    assert main(["check"]) == 1

    error = capsys.readouterr().err
    assert error.startswith("DATABASE_URL is not set; ")
    assert error.count("\n") == 1


def test_no_server_is_one_sentence_without_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@localhost:1/db")

    assert main(["check"]) == 1

    error = capsys.readouterr().err
    assert "user:***@localhost:1/db cannot be reached: " in error
    assert error.count("\n") == 1


def test_an_interruption_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "check", interrupt)

    assert main(["check"]) == 130
