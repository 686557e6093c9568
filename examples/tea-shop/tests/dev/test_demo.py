import pytest

from dev.demo import main
from dev.over_http import PATHS


@pytest.mark.postgres
@pytest.mark.usefixtures("outdated_database")
def test_it_shows_every_entity(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0

    lines = capsys.readouterr().out.splitlines()
    assert "Order" in lines
    assert "Tea" in lines
    assert lines[0] == "Schema"
    answers = [line.split()[2] for line in lines if line.startswith("  PUT /api/")]
    assert answers == ["200", "412"] * len(PATHS)


def test_no_server_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost:1/db")

    assert main() == 1

    error = capsys.readouterr().err
    assert "localhost:1/db cannot be reached: " in error
    assert error.count("\n") == 1
