"""What a service gets in later steps leaves its migrations and its rows alone."""

import re
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import (
    alembic,
    bake,
    made_database,
    passes,
    passes_its_suite,
    query,
)

pytestmark = pytest.mark.xdist_group("steps")  # the services are shared

STEPS = [
    """
    Customer(name, email: Email unique)
    Order(customer: Customer, before: Order?, lines: [OrderLine(product, amount: int)])
    """,
    """
    Tag(name unique, customers: [Customer], next: Tag?)
    Order(tags: [Tag], invoice: Invoice?)
    Invoice(number: str(20) unique, order: Order, parts: [InvoicePart(tag: Tag?)])
    Account(watched: [Invoice])
    """,
    r"""
    Customer(a: str = "it's 100% \n :a %s %(b)s {c} é 日本", b: text = "-- ; $$ ''",
        c: int = -5 index, d: bigint = 9007199254740993, e: float = -1.5,
        f: bool = true, g: Decimal = -1.50, h: Decimal(8, 2) = 0.10,
        i: enum(new, paid_in) = paid_in, j: [str], k: [Decimal(5, 1)],
        when: date? index, m: json?, n: UUID? unique, o: enum(x, y)?, p: [int]?)
    Order(payer: Customer? unique, after: Order?, notes: [Note(author: Customer?)],
        lines: [OrderLine(price: Decimal(8, 2) = 0.05, kind: enum(x, y) = y,
            marks: [str], memo: text = "\\", seen: date? index, part_of: Invoice?)])
    Tag(accounts: [Account])
    Account(peers: [Account], invoice: Invoice?)
    """,
    """
    Zebra(stripes: int)
    Order(payee: Customer, notes: [Note(level: int = 1)], lines: [OrderLine(size: int)])
    Customer(code: str(10) unique)
    """,
]
OWED = "# Where there are rows this fails, and changes nothing: say here what they get."
ROWS = """
INSERT INTO customers (version, name, email, is_active)
VALUES (1, 'Ann', 'ann@example.com', true), (1, 'Bob', 'bob@example.com', true);
INSERT INTO orders (version, customer_id, is_active) VALUES (1, 1, true);
INSERT INTO order_lines (order_id, position, product, amount) VALUES (1, 0, 'tea', 2)
"""
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The service after each step; read them, do not change them."""
    return [
        bake(
            tmp_path_factory.mktemp(f"step{count}"),
            package_name="shop",
            entities="\n+ ".join(STEPS[:count]),
        )
        for count in range(1, len(STEPS) + 1)
    ]


def migrations(service: Path) -> dict[str, str]:
    folder = service / "src/shop/infrastructure/migrations/versions"
    return {path.name: path.read_text() for path in sorted(folder.glob("*.py"))}


def test_each_step_adds_migrations_and_changes_none(services: list[Path]) -> None:
    *_, found = steps = [migrations(service) for service in services]

    for earlier, later in pairwise(steps):
        assert earlier == dict(list(later.items())[: len(earlier)])
    assert [name.removesuffix(".py") for name in found] == [
        "0001_create_customer",
        "0002_create_order",
        "0003_create_account",
        "0004_create_tag",
        "0005_create_invoice",
        "0006_extend_order",
        "0007_extend_account",
        "0008_extend_customer",
        "0009_extend_order",
        "0010_extend_tag",
        "0011_create_zebra",
        "0012_extend_customer",
        "0013_extend_order",
    ]


def test_a_step_that_names_the_other_side_changes_no_schema(tmp_path: Path) -> None:
    entities = "Tea, Cup(tea: Tea)\n+ Tea(cups: [Cup])"

    service = bake(tmp_path, package_name="shop", entities=entities)

    assert list(migrations(service)) == ["0001_create_tea.py", "0002_create_cup.py"]


def test_what_grew_passes_ruff_and_its_suite(services: list[Path], server: str) -> None:
    passes(services[-1], "ruff format --check")
    passes(services[-1], "ruff check")
    passes_its_suite(services[-1], server)


def test_what_an_older_entity_came_to_need_is_shown_before_it(tmp_path: Path) -> None:
    entities = "Cup, Tea + Leaf + Tea(leaf: Leaf)"

    service = bake(tmp_path, package_name="shop", entities=entities, api="fastapi")

    paths = re.findall('"/api/(.*)",', (service / "dev/over_http.py").read_text())
    assert paths == ["cups", "leaves", "teas"]


# What becomes of rows


@pytest.fixture
def database(server: str, services: list[Path]) -> Generator[str]:
    """The schema of the first step, with rows in it."""
    with made_database(server) as url:
        assert alembic(services[0], url, "upgrade head").code == 0
        query(url, *ROWS.split(";"))
        yield url


def test_rows_of_earlier_steps_get_the_defaults(
    services: list[Path], database: str
) -> None:
    for _ in range(2):
        assert alembic(services[2], database, "upgrade head").code == 0
        (ann, _) = query(database, "SELECT * FROM customers ORDER BY id")
        (line,) = query(database, "SELECT * FROM order_lines")
        assert (ann.a, ann.b) == (r"it's 100% \n :a %s %(b)s {c} é 日本", "-- ; $$ ''")
        assert (ann.c, ann.d, ann.e, ann.f) == (-5, 9007199254740993, -1.5, True)
        assert (str(ann.g), str(ann.h), ann.i) == ("-1.50", "0.10", "paid_in")
        assert (ann.j, ann.k) == ([], [])
        assert (ann.when, ann.m, ann.n, ann.o, ann.p) == (None,) * 5
        assert (line.product, line.amount) == ("tea", 2)
        assert (str(line.price), line.kind, line.marks) == ("0.05", "y", [])
        assert (line.memo, line.seen, line.part_of_id) == (r"\\", None, None)

        assert alembic(services[2], database, "downgrade 0002").code == 0
        assert "a" not in query(database, "SELECT * FROM customers")[0]._fields


def test_what_no_default_tells_fails_where_there_are_rows_and_changes_nothing(
    services: list[Path], database: str
) -> None:
    before = query(database, COLUMNS)

    done = alembic(services[3], database, "upgrade head")

    assert done.code != 0
    assert 'column "code" of relation "customers" contains null values' in done.err
    assert query(database, COLUMNS) == before
    query(database, "DELETE FROM order_lines", "DELETE FROM orders")
    query(database, "DELETE FROM customers")
    assert alembic(services[3], database, "upgrade head").code == 0
    assert query(database, COLUMNS) != before


def test_a_comment_stands_above_each_field_that_rows_would_lack(
    services: list[Path],
) -> None:
    found = migrations(services[-1])

    lines = [line.strip() for text in found.values() for line in text.splitlines()]
    owed = [below for above, below in pairwise(lines) if above == OWED]
    assert len(owed) == 3
    assert all(line.startswith("op.add_column(") for line in owed)
    assert OWED not in "".join(migrations(services[-2]).values())
