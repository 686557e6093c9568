"""The benchmarks count exactly, and tell what has become worse."""

import asyncio
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import make_url

from benchmarks import report
from benchmarks.cases import CASES
from benchmarks.measure import Measured
from benchmarks.report import Published, markdown, published, worse
from benchmarks.wire import counted

GENERATED, ORM = "generated", "SQLAlchemy ORM"


def measured(ratio: float, round_trips: int | None = 3) -> Measured:
    return Measured(seconds=[0.001], kept=[ratio] * 5, round_trips=round_trips)


def a_table(
    ratio: float, round_trips: int | None = 3, beside: float = 9.0
) -> report.Table:
    limit = measured(1.0, 1)
    row = {"asyncpg": limit, GENERATED: measured(ratio, round_trips)}
    return {"get by id": {**row, ORM: measured(beside)}}


def test_the_table_of_the_readme_has_every_use_case_of_the_service() -> None:
    table = published(report.README.read_text(encoding="utf-8"))

    assert list(table) == [case.name for case in CASES]
    for case in CASES:
        found = table[case.name][GENERATED]
        assert found.ratio > 0
        assert (found.round_trips is None) == (case.at_once > 1)


def test_what_is_laid_out_can_be_read_again() -> None:
    table = {**a_table(2.5), "page": {"asyncpg": measured(1.0), ORM: measured(4.25)}}

    read = published(f"# A title\n\n{markdown(table)}\nand so on\n")

    assert read == {
        "get by id": {GENERATED: Published(2.5, 3), ORM: Published(9.0, 3)},
        "page": {ORM: Published(4.25, 3)},
    }


def test_no_table_is_no_table_to_compare_with() -> None:
    with pytest.raises(ValueError, match="no figures"):
        published("# Benchmarks\n")


@pytest.mark.parametrize("ratio", [1.0, 2.0, 2.99])
def test_a_ratio_that_is_equal_or_somewhat_worse_passes(ratio: float) -> None:
    before = published(markdown(a_table(2.0)))

    assert worse(a_table(ratio), before, GENERATED) == {}


def test_a_ratio_that_is_far_worse_is_refused() -> None:
    before = published(markdown(a_table(2.0)))

    (sentence,) = worse(a_table(3.01), before, GENERATED).values()

    assert sentence == (
        "get by id: 3.01 times the limit, published 2.00"
        "; SQLAlchemy ORM 9.00, published 9.00"
    )


def test_what_is_worse_in_half_of_the_blocks_is_the_machine() -> None:
    before = published(markdown(a_table(2.0)))
    table = a_table(2.0)
    seen = table["get by id"][GENERATED]

    seen.kept = [2.0, 2.0, 4.0, 4.0, 4.0, 4.0]
    assert worse(table, before, GENERATED) == {}
    seen.kept = [2.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    assert worse(table, before, GENERATED) != {}


def test_what_is_worse_for_all_is_the_machine() -> None:
    before = published(markdown(a_table(2.0)))

    assert worse(a_table(3.5, beside=11.0), before, GENERATED) == {}
    assert worse(a_table(3.7, beside=11.0), before, GENERATED) != {}
    assert worse(a_table(3.01, beside=7.0), before, GENERATED) != {}


def test_a_round_trip_more_is_refused() -> None:
    before = published(markdown(a_table(2.0)))

    assert worse(a_table(2.0, round_trips=2), before, GENERATED) == {}
    (sentence,) = worse(a_table(2.0, round_trips=4), before, GENERATED).values()
    assert sentence == "get by id: 4 round trips, published 3"


def test_a_use_case_that_is_not_published_is_refused() -> None:
    (sentence,) = worse(a_table(2.0), {}, GENERATED).values()

    assert sentence == "get by id: nothing is published"


def test_a_block_between_unlike_neighbours_is_dropped() -> None:
    seen = Measured()

    seen.compare(3.0, before=1.0, after=1.0)
    seen.compare(3.0, before=1.1, after=0.9)
    seen.compare(6.0, before=1.0, after=2.0)

    assert seen.kept == [3.0, 3.0]
    assert seen.dropped == [4.0]
    assert seen.ratio == 3.0


def test_the_round_trips_of_a_known_sequence_are_counted(server: str) -> None:
    url = make_url(server)
    host, port = str(url.query.get("host") or url.host), url.port or 5432
    user = {"user": url.username, "password": url.password, "database": url.database}

    async def count() -> list[int]:
        counts = []
        async with counted(host, port) as counter:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=counter.port, **user
            )

            async def add(*statements: str) -> None:
                before = counter.round_trips
                for statement in statements:
                    await connection.execute(statement)
                counts.append(counter.round_trips - before)

            await add("SELECT 1")
            await add("BEGIN", "SELECT 1; SELECT 2", "COMMIT")
            statement = await connection.prepare("SELECT $1::text || 'x'")
            before = counter.round_trips
            assert len(await statement.fetchval("x" * 10**6)) == 10**6 + 1
            await statement.fetchval("x")
            counts.append(counter.round_trips - before)
            async with connection.transaction():
                before = counter.round_trips
                await statement.fetchval("x")
            counts.append(counter.round_trips - before)
            await connection.close()
        return counts

    assert asyncio.run(count()) == [1, 3, 2, 2]


def test_the_plots_are_there_and_small() -> None:
    plots = sorted(Path(report.__file__).parent.glob("*.svg"))

    assert [path.stem for path in plots] == [
        "generation",
        "paging",
        "ratios",
        "throughput",
    ]
    for path in plots:
        assert path.stat().st_size < 150_000, path
