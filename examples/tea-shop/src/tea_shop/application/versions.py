"""What a caller has seen before it asks for a change."""

from typing import Protocol

from tea_shop.domain.errors import StaleVersion


class Versioned(Protocol):
    """What moves on with every change."""

    version: int


def expect_version(entity: Versioned, seen: int | None) -> None:
    """Raise `StaleVersion` where it has another version; None stands for any."""
    if seen not in (None, entity.version):
        raise StaleVersion(f"it has version {entity.version} by now, not {seen}")
