"""Tables in memory, with transactions and versions."""

import asyncio
from collections.abc import Callable, Generator, Sequence, Set
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
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

    It copies entities on the way in and out, so a forgotten `save`, `flush` or `commit`
    shows, and refuses what PostgreSQL would refuse.
    """

    def __init__(self, database: InMemoryDatabase, *, read_only: bool = False) -> None:
        self.links: dict[type[object], dict[str, type[object]]] = {}
        self._database = database
        self._read_only = read_only
        self._task: asyncio.Task[Any] | None = None
        self._changes: dict[Key, Any] = {}
        self._based_on: dict[Key, int] = {}
        self._waiting: Callable[[], None] | None = None
        self._has_failed = False

    def insert(self, entities: Sequence[Any], *unique: str) -> None:
        """Let new ones wait, whose values of these fields nobody else has."""
        self._postpone(self._insert, entities, unique)

    def update(self, entities: Sequence[Any], *unique: str) -> None:
        """Let their changes wait, likewise."""
        self._postpone(self._update, entities, unique)

    def delete(self, entity: Any) -> None:
        self._postpone(self._delete, [entity], ())

    def flush(self) -> None:
        """Write what waits."""
        self._refuse_misuse()
        waiting, self._waiting = self._waiting, None
        try:
            if waiting:
                waiting()
        except BaseException:
            self._has_failed = True  # as PostgreSQL would have met an error
            raise

    def select(self, kind: type[object], identity: int | None) -> Any:
        """A copy of the row, or None."""
        self.flush()
        return self._copy(self._row(kind, identity))

    def select_all(self, kind: type[object], /, **values: object) -> list[Any]:
        """Copies of the rows with these values, in the order of their identities."""
        self.flush()
        rows = {**self._database.rows, **self._changes}
        return [
            self._copy(row)
            for key, row in sorted(rows.items(), key=lambda item: item[0][1] or 0)
            if key[0] is kind and row is not None and _has(row, values)
        ]

    def refuse_stale(self, entities: Sequence[Any]) -> None:
        """Raise where one has moved on, or comes twice."""
        self.flush()  # after which they have identities
        for number, entity in enumerate(entities):
            key = self._current(entity)
            if entity.id in [other.id for other in entities[:number]]:
                raise _moved_on(key)

    def known(self, kind: type[object], identities: Set[Any]) -> frozenset[Any]:
        """Those of the identities that are there."""
        self.flush()
        return frozenset(key for key in identities if self._row(kind, key))

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

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """Undo the changes of this block where an error leaves it."""
        self.flush()
        before = self._changes.copy(), self._based_on.copy()
        try:
            yield
            self.flush()
        except BaseException:
            self._changes, self._based_on = before
            self._waiting, self._has_failed = None, False
            raise

    def begin(self) -> None:
        """Serve this task from now on."""
        self._task = asyncio.current_task()

    def commit(self) -> None:
        self._refuse_misuse()
        try:
            self.flush()
        finally:
            self._task = None
        for key, version in self._based_on.items():
            if self._database.version(key) != version:
                raise _moved_on(key)
        for key, row in self._changes.items():
            if row is None:
                self._database.rows.pop(key, None)
            else:
                self._database.rows[key] = row

    def _postpone(
        self,
        write: Callable[[Any], None],
        entities: Sequence[Any],
        unique: Sequence[str],
    ) -> None:
        self.flush()
        copies = [(one, deepcopy(one)) for one in entities]
        self._waiting = partial(self._write_all, write, copies, unique)
        if self._read_only:
            self.flush()

    def _write_all(
        self,
        write: Callable[[Any], None],
        copies: Sequence[tuple[Any, Any]],
        unique: Sequence[str],
    ) -> None:
        for _, row in copies:
            write(row)
            for field in unique:
                self._refuse_taken(row, field)
        for one, row in copies:
            one.id, one.version = row.id, row.version

    def _insert(self, row: Any) -> None:
        row.id, row.version = next(self._database.identities), 1
        self._write(_key(row), row)

    def _update(self, row: Any) -> None:
        key = self._current(row)
        row.version += 1
        self._write(key, row)

    def _delete(self, row: Any) -> None:
        self._write(self._current(row), None)

    def _refuse_taken(self, row: Any, field: str) -> None:
        value = getattr(row, field)
        for other in self.select_all(row.__class__):
            if other.id != row.id and getattr(other, field) == value is not None:
                raise AlreadyTaken(f"{field} is taken")

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

    def _row(self, kind: type[object], identity: int | None) -> Any:
        key = (kind, identity)
        return self._changes.get(key, self._database.rows.get(key))

    def _copy(self, row: Any) -> Any:
        """Copy a row, with the links to what is there."""
        copy = deepcopy(row)
        for field, kind in self.links.get(row.__class__, {}).items():
            setattr(copy, field, self.known(kind, getattr(row, field)))
        return copy

    def _write(self, key: Key, row: Any) -> None:
        if self._read_only:
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
