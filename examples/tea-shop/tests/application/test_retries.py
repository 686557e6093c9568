"""What is in the way of another transaction is run again, and nothing else is."""

import asyncio
from collections.abc import Iterator

import pytest

from tea_shop.application.errors import TransactionConflict, Unavailable
from tea_shop.application.retries import ATTEMPTS, JITTER, retried
from tea_shop.domain.errors import ConcurrentUpdate, StaleVersion


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The longest each wait could have been, without waiting."""
    seen: list[float] = []

    def longest(_: float, wait: float) -> float:
        seen.append(wait)
        return 0

    monkeypatch.setattr(JITTER, "uniform", longest)
    return seen


@retried
async def use_case(failures: Iterator[BaseException], result: str = "done") -> str:
    """Fail as often as there are failures."""
    for failure in failures:
        raise failure
    return result


@pytest.mark.parametrize("conflict", [ConcurrentUpdate(), TransactionConflict()])
async def test_a_conflict_is_run_again_after_a_wait(
    waits: list[float], conflict: Exception
) -> None:
    failures = iter([conflict] * (ATTEMPTS - 1))

    assert await use_case(failures, result="made") == "made"

    assert len(waits) == ATTEMPTS - 1
    assert waits == [waits[0] * 2**number for number in range(ATTEMPTS - 1)]


async def test_after_some_attempts_the_conflict_is_told(waits: list[float]) -> None:
    failures = iter([TransactionConflict()] * ATTEMPTS)

    with pytest.raises(TransactionConflict):
        await use_case(failures)

    assert await use_case(failures) == "done"


async def test_what_is_no_conflict_is_not_run_again(waits: list[float]) -> None:
    for failure in (StaleVersion(), Unavailable(), asyncio.CancelledError()):
        failures = iter([failure] * 2)

        with pytest.raises(type(failure)):
            await use_case(failures)

        assert list(failures) == [failure]
    assert waits == []
