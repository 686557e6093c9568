"""The use cases, each a whole one: open a unit of work, work, commit, close."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from operator import truth
from typing import Any

from benchmarks.contenders import PAGE, Draft

SMALL, MILLION = "benchmark_small", "benchmark_million"
ROWS = {SMALL: 1_000, MILLION: 1_000_000}
ORDERS = 100
LINES = 100
DEEP = 900_000
numbers = count(1)


@dataclass(frozen=True)
class Case:
    """A use case."""

    name: str
    method: str
    argument: Callable[[int], Any]
    """What the n-th use case is about."""
    holds: Callable[[Any], bool] = truth
    """Whether a result is what was asked for."""
    moves: int = 0
    """By how much the versions of all products move, to see that it was done."""
    database: str = SMALL
    at_once: int = 1
    is_long: bool = False
    """Whether it takes too long for a short run."""


def identity(number: int) -> int:
    """Go through all products of the small table, in no order."""
    return 1 + number * 619 % ROWS[SMALL]


def draft(_: int = 0) -> Draft:
    """Write a product whose sku no other has."""
    number = next(numbers)
    return Draft(f"new {number}", f"product {number}", Decimal("9.95"), number % 100)


def has_page(items: Any) -> bool:
    """Tell whether these are the rows of a page."""
    return len(items) == PAGE


def has_page_and_total(result: Any) -> bool:
    """Tell whether this is a page of a table, with the number of its rows."""
    items, total = result
    return len(items) == PAGE and total in ROWS.values()


def has(amount: int) -> Callable[[Any], bool]:
    """Make a condition: that there are so many, all of them something."""
    return lambda items: len(items) == amount and all(items)


def done(result: Any) -> bool:
    """Tell whether nothing came back, as is right for what only writes."""
    return result is None


def many(amount: int) -> Callable[[int], list[Draft]]:
    """Write so many products."""
    return lambda number: [draft(number) for _ in range(amount)]


def fifty(number: int) -> list[int]:
    """Choose the identities that one transaction reads."""
    return [identity(50 * number + place) for place in range(50)]


def within(number: int) -> int:
    """Choose a product that a whole page follows."""
    return number * 37 % (ROWS[SMALL] - PAGE)


def paging(depth: int) -> list[Case]:
    """Make the two ways to a page at some depth of the large table."""
    return [
        Case(
            *(f"page and total at {depth:,} of a million", "page"),
            *(lambda _: depth, has_page_and_total),
            database=MILLION,
            is_long=True,
        ),
        Case(
            *(f"next 100 at {depth:,} of a million", "after", lambda _: depth),
            holds=has_page,
            database=MILLION,
            is_long=True,
        ),
    ]


CASES = [
    Case("get by id", "get", identity),
    Case("50 gets in one transaction", "get_many", fifty, has(50)),
    Case("exists", "exists", lambda number: 1 + number % ORDERS),
    Case("page of 100 and total", "page", lambda _: 0, has_page_and_total),
    Case("next 100 (keyset)", "after", lambda _: 0, has_page),
    Case("parent with 100 children", "parent", lambda n: 1 + n % ORDERS, has(LINES)),
    Case("create one", "create", draft, moves=1),
    Case("load, change, save", "change", identity, done, moves=1),
    Case("delete", "delete", int, done, moves=-1),
    Case("load 100, change, save", "change_many", within, done, moves=PAGE),
    Case("create 1,000", "create_many", many(1_000), has(1_000), moves=1_000),
    Case(
        *("create 10,000", "create_many", many(10_000), has(10_000)),
        moves=10_000,
        is_long=True,
    ),
    *(
        Case(f"get by id, {amount} at once", "get_at_once", identity, at_once=amount)
        for amount in (1, 5, 20, 50)
    ),
    *(case for depth in (0, DEEP) for case in paging(depth)),
]
DEPTHS = [0, 1_000, 10_000, 100_000, 300_000, 600_000, 900_000]

FILL = """
INSERT INTO customers (version, name, is_active)
SELECT 1, 'customer ' || number, true FROM generate_series(1, {orders}) AS number;
INSERT INTO orders (version, customer_id, is_active)
SELECT 1, number, true FROM generate_series(1, {orders}) AS number;
INSERT INTO order_lines (order_id, position, sku, quantity, price)
SELECT one, place, 'sku ' || place, place, 9.95
FROM generate_series(1, {orders}) AS one, generate_series(0, {lines} - 1) AS place;
INSERT INTO products (version, sku, name, price, stock, is_active)
SELECT 1, 'sku ' || number, 'product ' || number, 9.95, number % 100, true
FROM generate_series(1, {rows}) AS number;
"""
MOVED = "SELECT sum(version) FROM products WHERE is_active"
TO_DELETE = """
INSERT INTO products (version, is_active, sku, name, price, stock)
SELECT 1, true, 'gone ' || number, 'gone', 1, 1 FROM generate_series(1, $1) AS number
RETURNING id
"""
CLEAR = f"DELETE FROM products WHERE id > {ROWS[SMALL]}"  # noqa: S608


def filling(database: str) -> str:
    """Say in SQL what stands in a database from the beginning."""
    return FILL.format(orders=ORDERS, lines=LINES, rows=ROWS[database])
