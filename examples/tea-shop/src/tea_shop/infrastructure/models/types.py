"""Columns that hold value objects of the domain."""

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from tea_shop.domain.email import Email


class EmailType(TypeDecorator[Email]):
    """Text in the database, `Email` in the model."""

    impl = String(254)
    cache_ok = True

    def process_bind_param(
        self, value: Email | str | None, dialect: Dialect
    ) -> str | None:
        """Write it as text, which a pattern is already."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Email | None:
        """Rebuild it."""
        return None if value is None else Email(value)
