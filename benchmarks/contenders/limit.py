"""Raw asyncpg on a connection that is held: nothing above it can be faster.

Each statement is a transaction of its own, so none waits for a BEGIN or a COMMIT, and
rows stay as the driver gives them.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from benchmarks.contenders import PAGE, Address, Contender, Draft

POOL = 20
COLUMNS = "id, version, sku, name, price, stock"
GET = f"SELECT {COLUMNS} FROM products WHERE id = $1 AND is_active"  # noqa: S608
AFTER = f"""
SELECT {COLUMNS} FROM products WHERE id > $1 AND is_active ORDER BY id LIMIT {PAGE}
"""  # noqa: S608
OFFSET = f"""
SELECT {COLUMNS} FROM products WHERE is_active ORDER BY id OFFSET $1 LIMIT {PAGE}
"""  # noqa: S608
COUNT = "SELECT count(*) FROM products WHERE is_active"
EXISTS = "SELECT EXISTS (SELECT FROM orders WHERE customer_id = $1 AND is_active)"
ORDER = "SELECT id, version, customer_id, note FROM orders WHERE id = $1 AND is_active"
LINES = """
SELECT sku, quantity, price FROM order_lines WHERE order_id = $1 ORDER BY position
"""
CREATE = """
INSERT INTO products (version, is_active, sku, name, price, stock)
VALUES (1, true, $1, $2, $3, $4) RETURNING id
"""
CREATE_MANY = """
INSERT INTO products (version, is_active, sku, name, price, stock)
SELECT 1, true, * FROM unnest($1::text[], $2::text[], $3::numeric[], $4::int[])
RETURNING id
"""
CHANGE = """
UPDATE products SET sku = $3, name = $4, price = $5, stock = $6, version = version + 1,
    updated_at = now()
WHERE id = $1 AND version = $2 RETURNING version
"""
CHANGE_MANY = """
UPDATE products SET stock = given.stock, version = products.version + 1,
    updated_at = now()
FROM unnest($1::bigint[], $2::int[], $3::int[]) AS given (id, version, stock)
WHERE products.id = given.id AND products.version = given.version
RETURNING products.id
"""
DELETE = """
UPDATE products SET is_active = false, deleted_at = now(), version = version + 1,
    updated_at = now()
WHERE id = $1 AND version = $2 RETURNING id
"""


async def keep(_: Any) -> None:
    """Leave a connection as it is."""


class Limit(Contender):
    """One connection, and for use cases at once a pool that resets none."""

    title = "asyncpg"

    async def open(self, address: Address) -> None:
        arguments = address.arguments
        self.held = await asyncpg.connect(**arguments)
        self._pool = await asyncpg.create_pool(
            min_size=POOL, max_size=POOL, reset=keep, **arguments
        )

    async def close(self) -> None:
        await self.held.close()
        await self._pool.close()

    async def get(self, identity: int) -> Any:
        return await self.held.fetchrow(GET, identity)

    async def get_at_once(self, identity: int) -> Any:
        async with self._pool.acquire() as connection:
            return await connection.fetchrow(GET, identity)

    async def get_many(self, identities: Sequence[int]) -> list[Any]:
        return [await self.held.fetchrow(GET, identity) for identity in identities]

    async def exists(self, customer: int) -> Any:
        return await self.held.fetchval(EXISTS, customer)

    async def page(self, offset: int) -> tuple[Any, Any]:
        rows = await self.held.fetch(OFFSET, offset)
        # `fetchval` asks for one row, and PostgreSQL would not count in parallel.
        ((total,),) = await self.held.fetch(COUNT)
        return rows, total

    async def after(self, identity: int) -> Any:
        return await self.held.fetch(AFTER, identity)

    async def parent(self, identity: int) -> Any:
        await self.held.fetchrow(ORDER, identity)
        return await self.held.fetch(LINES, identity)

    async def create(self, draft: Draft) -> Any:
        return await self.held.fetchval(CREATE, *draft)

    async def create_many(self, drafts: Sequence[Draft]) -> list[Any]:
        columns = map(list, zip(*drafts, strict=True))
        return [row[0] for row in await self.held.fetch(CREATE_MANY, *columns)]

    async def change(self, identity: int) -> None:
        row = await self.held.fetchrow(GET, identity)
        _, version, sku, name, price, stock = row
        values = (sku, name, price, stock + 1)
        await self.held.fetchval(CHANGE, identity, version, *values)

    async def change_many(self, after: int) -> None:
        rows = await self.held.fetch(AFTER, after)
        changed = [(row["id"], row["version"], row["stock"] + 1) for row in rows]
        columns = map(list, zip(*changed, strict=True))
        await self.held.fetch(CHANGE_MANY, *columns)

    async def delete(self, identity: int) -> None:
        await self.held.fetchval(DELETE, identity, 1)
