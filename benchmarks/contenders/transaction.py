"""The limit with a transaction around what it writes, as a unit of work has it."""

from collections.abc import Sequence
from typing import Any

from benchmarks.contenders import Address, Contender, Draft
from benchmarks.contenders.limit import Limit


class Transaction(Contender):
    """The connection of the limit, and BEGIN and COMMIT."""

    title = "asyncpg, BEGIN to COMMIT"

    def __init__(self) -> None:
        self._limit = Limit()

    async def open(self, address: Address) -> None:
        await self._limit.open(address)

    async def close(self) -> None:
        await self._limit.close()

    async def create(self, draft: Draft) -> Any:
        async with self._limit.held.transaction():
            return await self._limit.create(draft)

    async def create_many(self, drafts: Sequence[Draft]) -> list[Any]:
        async with self._limit.held.transaction():
            return await self._limit.create_many(drafts)

    async def change(self, identity: int) -> None:
        async with self._limit.held.transaction():
            await self._limit.change(identity)

    async def change_many(self, after: int) -> None:
        async with self._limit.held.transaction():
            await self._limit.change_many(after)

    async def delete(self, identity: int) -> None:
        async with self._limit.held.transaction():
            await self._limit.delete(identity)
