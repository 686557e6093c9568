"""Statements that SQLAlchemy compiles once, for the driver to run again and again.

To compile one takes longer than a small query itself. What SQLAlchemy knows stays in
force: the columns, what converts their values, and which rows are hidden.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ClauseElement,
    Column,
    ColumnElement,
    Float,
    Numeric,
    Select,
    String,
    TableValuedAlias,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    inspect,
    literal,
    literal_column,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects.postgresql.named_types import NamedType
from sqlalchemy.orm import RelationshipProperty, aliased, with_loader_criteria
from sqlalchemy.types import TypeDecorator, TypeEngine

from tea_shop.infrastructure.models.base import (
    Base,
    EntityModel,
    SoftDeleteMixin,
    row_of,
)

VISIBLE = with_loader_criteria(
    SoftDeleteMixin, lambda model: model.is_active, include_aliases=True
)
"""The option that passes over the rows that are hidden, in subqueries too."""

_dialect: Any = make_url("postgresql+asyncpg://").get_dialect()
DIALECT = _dialect(dbapi=_dialect.import_dbapi())  # some types ask the driver
FLOAT8, NUMERIC = 701, 1700  # what PostgreSQL calls its types

Columns: TypeAlias = Mapping[str, Column[Any]]
Convert: TypeAlias = Callable[[Any], Any]
Names: TypeAlias = tuple[str, ...]
Relation: TypeAlias = RelationshipProperty[Any]
Shape: TypeAlias = tuple[tuple[str, bool], ...]


class Statement:
    """A statement as the driver runs it, and what converts its values to and fro.

    It reads no hidden row. What it is given by `bindparam` has to be given each time. Its
    rows have what is selected, or else `returned`, as attributes by its names.
    """

    def __init__(
        self,
        statement: ClauseElement,
        *,
        returned: Columns | None = None,
        written: Columns | None = None,
        is_many: bool = False,
    ) -> None:
        visible: Any = statement
        if returned is None and isinstance(statement, Select):
            returned = _selected(visible)
            visible = visible.with_only_columns(
                *returned.values(), maintain_column_froms=True
            )
        compiled: Any = visible.options(VISIBLE).compile(dialect=DIALECT)
        if compiled.post_compile_params:
            raise TypeError("IN is a new statement for each length: use any_(array)")
        self.sql = compiled.string
        self.is_delete = compiled.isdelete
        self.written = written or {}
        self.is_many = is_many
        self._bound = [
            (name, _to_driver(compiled.binds[name].type))
            for name in compiled.positiontup or ()
        ]
        if is_many:
            each = {key: _to_array(one.type) for key, one in self.written.items()}
            self._bound = [
                (key, _for_all(each[key]) if key in each else convert)
                for key, convert in self._bound
            ]
        self._renewed = {one.key: one.onupdate.arg for one in compiled.update_prefetch}
        self._constants = {
            name: compiled.params[name]
            for name, _ in self._bound
            if not (compiled.binds[name].required or name in self._renewed)
        }
        self.row_class = _row_class(asyncpg.Record, returned or {})
        self._plain_class = _row_class(tuple, returned or {})

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        """Put the values into the order and the types in which the driver sends them."""
        if self._constants:
            values = {**self._constants, **values}
        if self._renewed:
            new = self._renewed.items()
            made = {key: one(None) if callable(one) else one for key, one in new}
            values = {**made, **values}
        return [
            convert(values[name]) if convert else values[name]
            for name, convert in self._bound
        ]

    def rows(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return what the driver has read as rows with the attributes of their model.

        Where the schema has changed it prepares the statement anew, without their class.
        """
        if records and not isinstance(records[0], self.row_class):
            return [self._plain_class(one) for one in records]
        return records


class Writing(NamedTuple):
    """A statement for one row, and one for as many as its arrays have values.

    That is none where the values are arrays: PostgreSQL has no arrays of those.
    """

    one: Statement
    many: Statement | None


@cache
def columns_of(model_class: type[Base]) -> Columns:
    """Return the columns of a model by its attributes."""
    attributes = inspect(model_class).column_attrs
    columns = {one.key: one.columns[0] for one in attributes}
    return {key: one for key, one in columns.items() if isinstance(one, Column)}


@cache
def read_of(model_class: type[Base]) -> Columns:
    """Return the columns that are read with a row, for some are deferred."""
    attributes = inspect(model_class).column_attrs
    columns = columns_of(model_class).items()
    return {key: one for key, one in columns if not attributes[key].deferred}


@cache
def written_of(model_class: type[Base]) -> Columns:
    """Return the columns that can be written, for the database makes the others."""
    columns = columns_of(model_class).items()
    return {key: one for key, one in columns if not _is_made(one)}


@cache
def changed_of(model_class: type[EntityModel]) -> Columns:
    """Return those that an update can write, for the database renews others itself."""
    columns = written_of(model_class).items()
    renewed = {key for key, one in columns if _is_clause(one.onupdate)}
    return {key: one for key, one in columns if key not in renewed | {"version"}}


def complete(model_class: type[Base], rows: Sequence[dict[str, Any]]) -> Names:
    """Give new rows what each begins with; return which values are of their own.

    What the database would begin with is of its own in all of them, or in none.
    """
    constants, made = _defaults_of(model_class)
    given = set[str]().union(*rows)
    if min(map(len, rows)) < len(given):  # some lack what others have
        for key in constants.keys() & given:
            for row in rows:
                row.setdefault(key, constants[key])
    for key, make in made.items():
        for row in rows:
            row.setdefault(key, make(None))
    own = given | made.keys()
    begun = {key: constants[key] for key in constants.keys() - own}
    for row in rows:
        row |= begun
    return tuple(key for key in written_of(model_class) if key in own)


def shape_of(values: Mapping[str, object]) -> Shape:
    """Name the values and tell which are None, for that is another statement."""
    return tuple(sorted((name, value is None) for name, value in values.items()))


def having(
    model_class: type[Base], values: Mapping[str, Any]
) -> list[ColumnElement[bool]]:
    """Compare columns with these values, and what is linked with an identity."""
    columns = columns_of(model_class)
    return [
        columns[name] == value
        if name in columns
        else _is_linked(getattr(model_class, name), value)
        for name, value in values.items()
    ]


@cache
def finding(model_class: type[Base], shape: Shape) -> Statement:
    """Read the rows that have values of this shape."""
    return Statement(_rows(model_class, shape))


@cache
def paging(model_class: type[EntityModel], shape: Shape) -> Statement:
    """Read such rows from `_offset` on, `_limit` at most, by their identities."""
    rows = _rows(model_class, shape).order_by(model_class.id)
    return Statement(rows.offset(_number("_offset")).limit(_number("_limit")))


@cache
def following(model_class: type[EntityModel]) -> Statement:
    """Read those behind the identity `_after`, `_limit` at most."""
    rows = _rows(model_class).where(model_class.id > _number("_after"))
    return Statement(rows.order_by(model_class.id).limit(_number("_limit")))


@cache
def among(model_class: type[EntityModel]) -> Statement:
    """Read those whose identity is one of `_keys`."""
    return Statement(_rows(model_class).where(_is_one(model_class.id)))


@cache
def counting(model_class: type[Base], shape: Shape) -> Statement:
    """Count the rows that have values of this shape."""
    return _telling(_rows(model_class, shape), func.count())


@cache
def testing(model_class: type[Base], shape: Shape) -> Statement:
    """Return one row if any has values of this shape."""
    one: ColumnElement[int] = literal_column("1")
    return _telling(_rows(model_class, shape).limit(one), one)


@cache
def locking(model_class: type[EntityModel], *, shared: bool) -> Statement:
    """Lock those whose identity is one of `_keys`, and return the identities."""
    rows = _rows(model_class).where(_is_one(model_class.id)).order_by(model_class.id)
    locked = rows.with_only_columns(model_class.id).with_for_update(read=shared)
    return Statement(locked)


@cache
def inserting(model_class: type[Base], names: Names) -> Writing:
    """Insert rows with these values, all else as rows begin.

    Return what the database makes: of many, the keys alone.
    """
    columns = columns_of(model_class)
    written = {key: columns[key] for key in names}
    constants, _ = _defaults_of(model_class)
    begun = {
        columns[key]: literal(value, columns[key].type)
        for key, value in constants.items()
        if key not in written and value is not None
    }
    made = {
        key: one
        for key, one in read_of(model_class).items()
        if key not in written and (_is_made(one) or _is_begun(one))
    }
    keys = {key: one for key, one in made.items() if one.primary_key}
    rows = insert(_table(columns))
    row = rows.values({one: _value(key, one) for key, one in written.items()} | begun)
    one = Statement(row.returning(*made.values()), returned=made, written=written)
    if not written or _has_arrays(written):
        return Writing(one, None)
    given = _given(written)
    values = [*(given.c[key] for key in written), *begun.values()]
    in_order = select(*values).order_by(given.c["_place"])
    many = rows.from_select([*written.values(), *begun], in_order).returning(
        *keys.values()
    )
    return Writing(one, Statement(many, returned=keys, written=written, is_many=True))


@cache
def updating(model_class: type[EntityModel], names: Names) -> Writing:
    """Write these into the rows with `_id` and `_version`, and move the versions on."""
    columns = columns_of(model_class)
    written = {**_keys_of(columns), **{key: columns[key] for key in names}}
    read = read_of(model_class).items()
    made = {key: one for key, one in read if one.onupdate is not None}
    returned = {"id": columns["id"], "version": columns["version"], **made}

    def moving_on(given: Any) -> ClauseElement:
        values: dict[Any, Any] = {columns[key]: given[key] for key in names}
        values[columns["version"]] = columns["version"] + literal_column("1")
        rows = update(_table(columns)).where(*_is_read(columns, given))
        return rows.values(values).returning(*returned.values())

    row = moving_on({key: _value(key, one) for key, one in written.items()})
    one = Statement(row, returned=returned, written=written)
    if _has_arrays(written):
        return Writing(one, None)
    rows = moving_on(_given(written).c)
    return Writing(
        one, Statement(rows, returned=returned, written=written, is_many=True)
    )


@cache
def deleting(model_class: type[EntityModel]) -> Writing:
    """Delete the rows with `_id` and `_version`, and return their identities."""
    columns = columns_of(model_class)
    keys, identity = _keys_of(columns), {"id": columns["id"]}
    rows = delete(_table(columns)).returning(columns["id"])
    values = {key: _value(key, one) for key, one in keys.items()}
    one = rows.where(*_is_read(columns, values))
    many = rows.where(*_is_read(columns, _given(keys).c))
    return Writing(
        Statement(one, returned=identity, written=keys),
        Statement(many, returned=identity, written=keys, is_many=True),
    )


@cache
def joining(relation: Relation) -> Statement:
    """Read the row with this `id`, and the one that it refers to by the relation."""
    model_class: type[Base] = relation.parent.class_
    other_class: type[Base] = relation.mapper.class_
    columns, others = read_of(model_class), read_of(other_class)
    other = aliased(other_class)  # which may be the same
    joined = getattr(model_class, relation.key).of_type(other)
    rows = _rows(model_class, (("id", False),)).outerjoin(joined)
    both = [getattr(model_class, key) for key in columns]
    both += [getattr(other, key) for key in others]
    named = {f"{relation.key}.{key}": one for key, one in others.items()}
    return Statement(rows.with_only_columns(*both), returned={**columns, **named})


def joined_to(row: Any, relation: Relation) -> Any:
    """Return what such a row refers to, as a row of its own; None where that is none."""
    other_class: type[Base] = relation.mapper.class_
    prefix = f"{relation.key}."
    if getattr(row, f"{prefix}id") is None:
        return None
    names = read_of(other_class)
    return row_of(
        other_class, **{name: getattr(row, f"{prefix}{name}") for name in names}
    )


@cache
def owned(relation: Relation, *, is_single: bool) -> Statement:
    """Read the rows that belong to the owners with `_keys`, first whose they are.

    Those of a single one, which has the `_key`, come from the index in their order.
    """
    model_class: type[Base] = relation.mapper.class_
    owner = owner_of(relation)
    condition = _is_of(owner, is_single)
    rows = select(model_class).where(condition).order_by(*relation.order_by or ())
    columns = {owner.key: owner, **read_of(model_class)}
    return Statement(rows.with_only_columns(*columns.values()), returned=columns)


@cache
def disowning(relation: Relation) -> Statement:
    """Delete the rows that belong to the owners with `_keys`."""
    owner = owner_of(relation)
    return Statement(delete(owner.table).where(_is_one(owner)))


@cache
def linked(relation: Relation, *, is_single: bool) -> Statement:
    """Read, likewise, what they are linked to: first the owner, then its `id`."""
    owner, other = link_of(relation)
    target = relation.mapper.class_
    rows = select(owner, target.id).join_from(owner.table, target, target.id == other)
    return Statement(
        rows.where(_is_of(owner, is_single)).order_by(owner, other),
        returned={owner.key: owner, "id": other},
    )


@cache
def linking(relation: Relation) -> Statement:
    """Link an `_owner` with an `_other`, for each value of the arrays."""
    owner, other = link_of(relation)
    both = {"_owner": owner, "_other": other}
    given = _given(both)
    pairs = select(given.c["_owner"], given.c["_other"])
    rows = insert(owner.table).from_select([owner, other], pairs)
    return Statement(rows, written=both, is_many=True)


@cache
def unlinking(relation: Relation) -> Statement:
    """End the link of an `_owner` with an `_other`, for each value of the arrays."""
    owner, other = link_of(relation)
    both = {"_owner": owner, "_other": other}
    given = _given(both)
    are_linked = (owner == given.c["_owner"], other == given.c["_other"])
    rows = delete(owner.table).where(*are_linked)
    return Statement(rows, written=both, is_many=True)


def owner_of(relation: Relation) -> Column[Any]:
    """Return the column of the owned rows that tells whose they are."""
    return _referring(relation.synchronize_pairs)


def link_of(relation: Relation) -> tuple[Column[Any], Column[Any]]:
    """Return both columns of the table between: the owner's, and that of the others."""
    return owner_of(relation), _referring(relation.secondary_synchronize_pairs)


@cache
def _defaults_of(model_class: type[Base]) -> tuple[dict[str, Any], dict[str, Convert]]:
    """Return what each new row begins with, and what is made for each anew."""
    columns = written_of(model_class).items()
    defaults = {
        key: getattr(one.default, "arg", None)
        for key, one in columns
        if not _is_begun(one)
    }
    made = {key: one for key, one in defaults.items() if callable(one)}
    return {key: one for key, one in defaults.items() if key not in made}, made


def _referring(pairs: Any) -> Column[Any]:
    ((_, column),) = pairs
    found: Column[Any] = column
    return found


def _rows(model_class: type[Base], shape: Shape = ()) -> Select[Any]:
    columns = columns_of(model_class)
    values: dict[str, Any] = {
        name: None if is_none else _value(name, columns.get(name))
        for name, is_none in shape
    }
    return select(model_class).where(*having(model_class, values))


def _is_linked(attribute: Any, identity: Any) -> ColumnElement[bool]:
    # By this alias SQLAlchemy knows which rows are hidden, though both be of one table.
    other: Any = aliased(attribute.property.mapper.class_)
    condition: ColumnElement[bool] = attribute.of_type(other).any(other.id == identity)
    return condition


def _selected(rows: Select[Any]) -> dict[str, Any]:
    """Name what is selected: of a model, the attributes that are read with a row."""
    found: list[tuple[str, Any]] = []
    for one in rows.column_descriptions:
        entity = one.get("entity")
        if entity is one["expr"]:
            keys = read_of(inspect(entity).mapper.class_)
            found += [(key, getattr(entity, key)) for key in keys]
        else:
            found.append((str(one["name"]), one["expr"]))
    names = [name for name, _ in found]
    return {
        f"{name}_{place}" if name in names[:place] else name: expression
        for place, (name, expression) in enumerate(found)
    }


def _telling(rows: Select[Any], column: ColumnElement[Any]) -> Statement:
    return Statement(rows.with_only_columns(column, maintain_column_froms=True))


def _table(columns: Columns) -> Any:
    return next(iter(columns.values())).table


def _value(name: str, column: Column[Any] | None) -> ColumnElement[Any]:
    """Bind a value of a column, or else an identity."""
    return bindparam(name, type_=BigInteger() if column is None else _sent(column.type))


def _sent(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Take its limits off a type: a cast would round what has more digits, or cut it."""
    if _is_array(kind):
        item = String() if type(kind.item_type) is String else _sent(kind.item_type)
        return ARRAY(item, kind.as_tuple, kind.dimensions)
    return Numeric() if _is_exact(kind) else kind


def _is_exact(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind, Numeric) and not isinstance(kind, Float)


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type as the driver knows it."""
    kind = kind.dialect_impl(DIALECT)
    return _plain(kind.impl_instance) if isinstance(kind, TypeDecorator) else kind


def _number(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=BigInteger)


def _has_arrays(columns: Columns) -> bool:
    return any(_is_array(_plain(one.type)) for one in columns.values())


def _is_array(kind: TypeEngine[Any]) -> TypeGuard[ARRAY[Any]]:
    return isinstance(kind, ARRAY)


def _given(columns: Columns) -> TableValuedAlias:
    """Make rows of arrays, in their order, of which `_place` tells."""
    arrays = [_array(name, one) for name, one in columns.items()]
    rows = func.unnest(*arrays).table_valued(*columns, with_ordinality="_place")
    return rows.render_derived(name="given")


def _array(name: str, column: Column[Any]) -> ColumnElement[Any]:
    kind = _plain(column.type)
    if isinstance(kind, String) and not isinstance(kind, NamedType):
        kind = String()
    if _is_exact(kind):
        return cast(bindparam(name, type_=ARRAY(String())), ARRAY(Numeric()))
    return bindparam(name, type_=ARRAY(_sent(kind)))


def _keys_of(columns: Columns) -> Columns:
    return {"_id": columns["id"], "_version": columns["version"]}


def _is_read(columns: Columns, given: Any) -> list[ColumnElement[bool]]:
    """Tell whether a row is still as it was read."""
    keys = _keys_of(columns)
    return [column == given[name] for name, column in keys.items()]


def _is_one(column: Any) -> ColumnElement[bool]:
    """Compare with one array, for a statement of many keys is no new statement."""
    condition: ColumnElement[bool] = column == any_(
        bindparam("_keys", type_=ARRAY(BigInteger))
    )
    return condition


def _is_of(owner: Column[Any], is_single: bool) -> ColumnElement[bool]:
    """Compare with the `_key` of a single owner, or else with `_keys`."""
    return owner == _number("_key") if is_single else _is_one(owner)


def _is_made(column: Column[Any]) -> bool:
    """Tell whether nobody but the database gives the column a value."""
    is_key = column is column.table.autoincrement_column
    return is_key or column.identity is not None or column.computed is not None


def _is_begun(column: Column[Any]) -> bool:
    """Tell whether the database gives the column a value where a new row has none."""
    if column.default is None:
        return column.server_default is not None
    return _is_clause(column.default)


def _is_clause(default: Any) -> bool:
    return default is not None and default.is_clause_element


def _row_class(base: type, columns: Columns) -> type:
    """Make a class of rows, the driver's for one, that are read as models are.

    Each value is converted when it is asked for. To copy it first, into a dictionary or
    a model, takes longer than the driver needs for the row.
    """
    attributes: dict[str, Any] = {"_fields": tuple(columns)}
    for place, (key, column) in enumerate(columns.items()):
        convert = _from_driver(column.type)
        attributes[key] = property(
            _converted(place, convert) if convert else itemgetter(place)
        )
    return type("Row", (base,), attributes)


def _converted(place: int, convert: Convert) -> Convert:
    return lambda row: convert(row[place])


def _to_driver(kind: TypeEngine[Any]) -> Convert | None:
    return kind.dialect_impl(DIALECT).bind_processor(DIALECT)


def _to_array(kind: TypeEngine[Any]) -> Convert | None:
    """Convert one of the values of an array.

    Decimals are text there: for the driver to write them in binary takes longer than for
    PostgreSQL to read them.
    """
    convert = _to_driver(kind)
    if not _is_exact(_plain(kind)):
        return convert
    return (lambda value: _as_text(convert(value))) if convert else _as_text


def _as_text(value: Any) -> str | None:
    if isinstance(value, Decimal):
        return Decimal.__str__(value)  # a class of its own may show it otherwise
    if isinstance(value, float):
        return str(Decimal(value))  # with all its digits, as the driver does
    return None if value is None else str(value)


def _for_all(convert: Convert | None) -> Convert | None:
    return convert and (lambda values: [convert(value) for value in values])


def _from_driver(kind: TypeEngine[Any]) -> Convert | None:
    oid = FLOAT8 if isinstance(kind, Float) else NUMERIC
    return kind.dialect_impl(DIALECT).result_processor(DIALECT, oid)
