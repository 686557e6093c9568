"""What holds for every table and every relationship."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    Enum,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column, relationship

from tea_shop.infrastructure.models import Base

from tests.infrastructure.examples import (
    Account,
    Author,
    Counted,
    Hideable,
    Numbered,
    Stamped,
)


class Model(DeclarativeBase):
    """Models with faults, for this module alone."""


class Parent(Model):
    __tablename__ = "_parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    children: Mapped[list["Child"]] = relationship(foreign_keys="Child.parent_id")


class Child(Model):
    __tablename__ = "_children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("_parents.id"))
    other_id: Mapped[int] = mapped_column(ForeignKey("_parents.id"))
    name: Mapped[str]
    data: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    __table_args__ = (
        UniqueConstraint("other_id", "name"),
        Index("ix_name", text("lower(name)")),
    )


def silently_loaded(mappers: Iterable[Mapper[Any]]) -> list[str]:
    return [
        str(relation)
        for mapper in mappers
        for relation in mapper.relationships
        if relation.lazy != "raise"
    ]


def one_sided(mappers: Iterable[Mapper[Any]]) -> list[str]:
    """Name the relationships with no other side that belong to no aggregate."""
    return [
        str(relation)
        for mapper in mappers
        for relation in mapper.relationships
        if not (relation.back_populates or relation.cascade.delete_orphan)
    ]


def tables_of(base: type[DeclarativeBase]) -> list[Table]:
    return list(base.metadata.tables.values())


def indexed(table: Table) -> list[Any]:
    """What its indexes begin with, those of its keys among them."""
    unique = (PrimaryKeyConstraint, UniqueConstraint)
    keys = [one for one in table.constraints if isinstance(one, unique)]
    begin = [next(iter(key.columns), None) for key in keys]
    return [*begin, *(one.expressions[0] for one in table.indexes)]


def unindexed_keys(tables: Iterable[Table]) -> list[str]:
    """Name the foreign keys that no index begins with."""
    return [
        str(column)
        for table in tables
        for column in table.columns
        if column.foreign_keys and not any(one is column for one in indexed(table))
    ]


def unnamed_constraints(tables: Iterable[Table]) -> list[str]:
    """Name the tables with a constraint that has no name of its own."""
    return [
        table.name
        for table in tables
        for constraint in table.constraints
        if constraint.name is None
    ]


def null_in_two_ways(tables: Iterable[Table]) -> list[str]:
    """Name the columns whose None may be that of SQL or that of JSON."""
    return [
        str(column)
        for table in tables
        for column in table.columns
        if isinstance(column.type, JSONB) and column.nullable
        if not column.type.none_as_null
    ]


def test_faults_are_found() -> None:
    assert silently_loaded(Model.registry.mappers) == ["Parent.children"]
    assert one_sided(Model.registry.mappers) == ["Parent.children"]
    assert unindexed_keys(tables_of(Model)) == ["_children.parent_id"]
    assert set(unnamed_constraints(tables_of(Model))) == {"_parents", "_children"}
    assert null_in_two_ways(tables_of(Model)) == ["_children.data"]


def test_no_relationship_is_loaded_silently() -> None:
    assert silently_loaded(Base.registry.mappers) == []


def test_every_relationship_has_two_sides_or_an_owner() -> None:
    assert one_sided(Base.registry.mappers) == []


def test_every_foreign_key_has_an_index() -> None:
    assert unindexed_keys(tables_of(Base)) == []


def test_every_constraint_has_a_name() -> None:
    assert unnamed_constraints(tables_of(Base)) == []


def test_what_is_absent_is_null_of_sql() -> None:
    assert null_in_two_ways(tables_of(Base)) == []


def test_a_column_follows_from_its_type() -> None:
    columns = Author.__table__.columns

    assert repr(columns.name.type) == "String(length=255)"
    assert repr(columns.created_at.type) == "DateTime(timezone=True)"


def test_an_enum_is_text_and_a_check() -> None:
    kind = Account.__table__.columns.stage.type

    assert isinstance(kind, Enum)
    assert (kind.native_enum, kind.create_constraint) == (False, True)
    assert kind.enums == ["early", "late"]


@pytest.mark.postgres
@pytest.mark.parametrize("kind", [Numbered, Counted, Stamped, Hideable])
async def test_each_mixin_serves_alone(
    examples: AsyncSession, kind: type[Numbered | Counted | Stamped | Hideable]
) -> None:
    model = kind(name="one")
    examples.add(model)
    await examples.flush()
    made = await examples.scalar(select(func.now()))
    model.name = "two"
    await examples.flush()

    columns = [column.name for column in kind.__table__.columns]
    assert {name: getattr(model, name) for name in columns} in (
        {"id": 1, "name": "two"},
        {"version": 1, "name": "two"},
        {"created_at": made, "updated_at": made, "name": "two"},
        {"is_active": True, "deleted_at": None, "name": "two"},
    )


def test_a_hidden_row_tells_when_it_was_hidden() -> None:
    now = datetime.now(UTC)
    model = Hideable(name="one")

    model.soft_delete(now)

    assert (model.is_active, model.deleted_at) == (False, now)


@pytest.mark.postgres
async def test_everything_can_be_read_after_each_step(examples: AsyncSession) -> None:
    model = Author(name="one")

    def read() -> list[Any]:
        return [getattr(model, column.name) for column in Author.__table__.columns]

    examples.add(model)
    for name in ("two", "three"):
        await examples.flush()
        assert model.name in read()
        model.name = name
    model.soft_delete(datetime.now(UTC))
    await examples.flush()
    assert model.deleted_at in read()
    await examples.commit()
    assert model.deleted_at in read()
    await examples.close()
    assert model.deleted_at in read()
