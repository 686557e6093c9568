"""Tables in memory, with transactions and versions."""

import asyncio
from collections.abc import Generator, Sequence, Set
from contextlib import contextmanager
from copy import deepcopy
from itertools import count
from typing import Any, TypeAlias, TypeVar

from tea_shop.application.errors import Misused, ReadOnly, RolledBack
from tea_shop.domain.errors import (
    AlreadyTaken,
    ConcurrentUpdate,
    StillReferenced,
    UnknownReference,
)
from tea_shop.domain.paging import Paged, Sliced

Key: TypeAlias = tuple[type[object], int | None]
RowT = TypeVar("RowT")


class InMemoryDatabase:
    """What was committed: copies of entities by class and identity."""

    def __init__(self) -> None:
        self.rows: dict[Key, Any] = {}
        self.identities = count(1)

    def version(self, key: Key) -> int:
        """The version that is committed; 0 where there is no row."""
        row = self.rows.get(key)
        return row.version if row else 0


class InMemoryTransaction:
    """Changes of one unit of work, seen by it alone until they are committed.

    It copies entities on the way in and out, so a forgotten `save` or `commit` shows,
    and refuses what PostgreSQL would refuse.
    """

    def __init__(self, database: InMemoryDatabase, *, read_only: bool = False) -> None:
        self._database = database
        self._read_only = read_only
        self._task: asyncio.Task[Any] | None = None
        self._changes: dict[Key, Any] = {}
        self._based_on: dict[Key, int] = {}
        self._has_failed = False

    def insert(self, entity: Any) -> None:
        entity.id = next(self._database.identities)
        entity.version = 1
        self._write(_key(entity), deepcopy(entity))

    def select(self, kind: type[object], identity: int | None) -> Any:
        """A copy of the row, or None."""
        self._refuse_misuse()
        key = (kind, identity)
        return deepcopy(self._changes.get(key, self._database.rows.get(key)))

    def select_all(self, kind: type[object], /, **values: object) -> list[Any]:
        """Copies of the rows with these values, in the order of their identities."""
        self._refuse_misuse()
        rows = {**self._database.rows, **self._changes}
        return [
            deepcopy(row)
            for key, row in sorted(rows.items(), key=lambda item: item[0][1] or 0)
            if key[0] is kind and row is not None and _has(row, values)
        ]

    def update(self, entity: Any) -> None:
        key = self._current(entity)
        entity.version += 1
        self._write(key, deepcopy(entity))

    def delete(self, entity: Any) -> None:
        self._write(self._current(entity), None)

    def refuse_twice(self, entities: Sequence[Any]) -> None:
        for number, entity in enumerate(entities):
            if entity.id in [other.id for other in entities[:number]]:
                raise _moved_on(_key(entity))

    def known(self, kind: type[object], identities: Set[Any]) -> frozenset[Any]:
        """Those of the identities that are there."""
        return frozenset(key for key in identities if self.select(kind, key))

    def refer_to(self, field: str, kind: type[object], identities: Set[Any]) -> None:
        for unknown in identities - self.known(kind, identities) - {None}:
            raise UnknownReference(f"{field} {unknown} is not known")

    def refuse_referenced(
        self, kind: type[object], parts: str = "", /, **values: object
    ) -> None:
        rows = self.select_all(kind)
        if parts:
            rows = [part for row in rows for part in getattr(row, parts)]
        if any(_has(row, values) for row in rows):
            raise StillReferenced(f"{kind.__name__} still refers to it")

    def refuse_taken(self, entity: Any, field: str) -> None:
        value = getattr(entity, field)
        for other in self.select_all(entity.__class__):
            if other.id != entity.id and getattr(other, field) == value is not None:
                self._has_failed = True  # PostgreSQL would have met an error
                raise AlreadyTaken(f"{field} is taken")

    @contextmanager
    def all_or_none(self) -> Generator[None]:
        """Undo the changes of this block where an error leaves it."""
        before = self._changes.copy(), self._based_on.copy()
        try:
            yield
        except BaseException:
            self._changes, self._based_on = before
            raise

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """Do the same, and let the transaction go on."""
        self._refuse_misuse()
        try:
            with self.all_or_none():
                yield
                self._refuse_misuse()
        except BaseException:
            self._has_failed = False
            raise

    def begin(self) -> None:
        """Serve this task from now on."""
        self._task = asyncio.current_task()

    def commit(self) -> None:
        self._refuse_misuse()
        self._task = None
        for key, version in self._based_on.items():
            if self._database.version(key) != version:
                raise _moved_on(key)
        for key, row in self._changes.items():
            if row is None:
                self._database.rows.pop(key, None)
            else:
                self._database.rows[key] = row

    def _current(self, entity: Any) -> Key:
        key = _key(entity)
        row = self.select(*key)
        if row is None or row.version != entity.version:
            raise _moved_on(key)
        return key

    def _refuse_misuse(self) -> None:
        if self._task is not asyncio.current_task():
            raise Misused("a unit of work serves one task, until its commit")
        if self._has_failed:
            raise RolledBack("an error before this one ended the transaction")

    def _write(self, key: Key, row: Any) -> None:
        self._refuse_misuse()
        if self._read_only:
            self._has_failed = True
            raise ReadOnly("this unit of work only reads")
        self._based_on.setdefault(key, self._database.version(key))
        self._changes[key] = row


def paged(rows: list[RowT], offset: int, limit: int) -> Paged[RowT]:
    return Paged(rows[offset : offset + limit], len(rows), offset, limit)


def sliced(rows: list[RowT], limit: int) -> Sliced[RowT]:
    return Sliced(rows[:limit], has_more=len(rows) > limit)


def _moved_on(key: Key) -> ConcurrentUpdate:
    return ConcurrentUpdate(f"{key[0].__name__} {key[1]} moved on")


def _has(row: Any, values: dict[str, object]) -> bool:
    return all(getattr(row, name) == value for name, value in values.items())


def _key(entity: Any) -> Key:
    return entity.__class__, entity.id
