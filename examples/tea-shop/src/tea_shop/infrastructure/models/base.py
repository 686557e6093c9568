"""What the tables share."""

from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, TypeVar

from sqlalchemy import BigInteger, DateTime, Enum, Identity, MetaData, String, func
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column


def _values(enum: type[StrEnum]) -> list[str]:
    return [member.value for member in enum]


# What the database makes is returned by each write. Else it could not be read after an
# update: SQLAlchemy would have to fetch it, which takes an await (MissingGreenlet).
EAGER_DEFAULTS = {"eager_defaults": True}


class Base(DeclarativeBase):
    """The registry of all tables.

    Every constraint gets a name, for migrations and errors to refer to it by.
    """

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        # Text and a CHECK: a plain migration can change what is allowed.
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            create_constraint=True,
            length=63,
            values_callable=_values,
        ),
        str: String(255),
        datetime: DateTime(timezone=True),
    }


ModelType = TypeVar("ModelType", bound=Base)


class IdMixin:
    """An identity that the database gives, counted from 1."""

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(), primary_key=True, sort_order=-2
    )


class VersionMixin:
    """A number that moves with every save, so that no update is lost.

    Whoever saves a row sets its version; PostgreSQL is asked to write only the row
    that still has the version it was read with.
    """

    version: Mapped[int] = mapped_column(default=1, sort_order=-1)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return EAGER_DEFAULTS | {
            "version_id_col": cls.version,
            "version_id_generator": False,
        }


class TimestampMixin:
    """When a row was written, by the database's clock: for people, not for rules.

    No entity has it, so rows are read without it: only where `undefer` asks for it, or
    with every row of a model that defines it anew and does not defer it.
    """

    created_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), sort_order=1, deferred=True, deferred_raiseload=True
    )
    updated_at: Mapped[datetime] = mapped_column(
        server_default=func.now(),
        onupdate=func.now(),
        sort_order=1,
        deferred=True,
        deferred_raiseload=True,
    )

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return EAGER_DEFAULTS


class SoftDeleteMixin:
    """A row that is hidden instead of deleted."""

    is_active: Mapped[bool] = mapped_column(default=True, index=True, sort_order=2)
    deleted_at: Mapped[datetime | None] = mapped_column(default=None, sort_order=2)

    def soft_delete(self, at: datetime) -> None:
        """Hide the row from every read."""
        self.is_active = False
        self.deleted_at = at


class EntityModel(IdMixin, VersionMixin, TimestampMixin, Base):
    """The row of an entity that has a repository."""

    __abstract__ = True


def row_of(model_class: type[ModelType], /, **values: object) -> ModelType:
    """Make a row with attributes of the model, of which no session keeps account.

    It is set and read like a model, many times faster, and has nothing but what it was
    given: to touch anything else raises `AttributeError`.
    """
    plain = _plain(model_class)()
    plain.__dict__ = values
    row: ModelType = plain
    return row


def values_of(row: Base | None) -> dict[str, Any]:
    """Return the attributes of a row, or of a model, by their names; of none, none."""
    return vars(row) if row else {}


@cache
def _plain(model_class: type[Base]) -> Any:
    return type(model_class.__name__, (), {})
