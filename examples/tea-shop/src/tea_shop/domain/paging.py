"""A part of a list that is too long to be read at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Paged(Generic[ItemT]):
    """The items from `offset` on, at most `limit` of the `total`."""

    items: Sequence[ItemT]
    total: int
    offset: int
    limit: int


@dataclass(frozen=True, slots=True)
class Sliced(Generic[ItemT]):
    """Some items in the order of their identities, and whether more follow."""

    items: Sequence[ItemT]
    has_more: bool
