"""What the repositories share."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Select, func, inspect, select
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from tea_shop.domain.errors import ConcurrentUpdate, StillReferenced, UnknownReference
from tea_shop.infrastructure import statements
from tea_shop.infrastructure.models.base import (
    Base,
    EntityModel,
    SoftDeleteMixin,
    values_of,
)
from tea_shop.infrastructure.session import DirectSession
from tea_shop.infrastructure.statements import (
    Names,
    Relation,
    Statement,
    Writing,
    shape_of,
)

Condition: TypeAlias = ColumnElement[bool]
Parts: TypeAlias = Sequence[InstrumentedAttribute[Any]]
ModelType = TypeVar("ModelType", bound=EntityModel)
OtherType = TypeVar("OtherType", bound=EntityModel)
EntityType = TypeVar("EntityType", bound="Entity")
Links: TypeAlias = set[tuple[int, int]]
Row: TypeAlias = dict[str, Any]

AT_ONCE = 100
"""Rows that the driver sends one by one: beyond 128 KB it heeds no cancellation."""


class Entity(Protocol):
    """An entity, as far as a repository has to know it."""

    id: Any
    version: int


class BaseRepository(Generic[ModelType]):
    """Reads and writes the models of one class; never commits.

    A subclass names its `model_class`, implements the repository of the domain with
    these methods, and maps: no model leaves it. Its `parts` are the relationships
    whose rows belong to the aggregate.

    Models are rows here that no session tracks: the driver's own, with the attributes of
    the model, where they are read, and those of `row_of` where they are written. Only
    reads with conditions of SQLAlchemy go through the session and return what it tracks.

    A value is that of a column, or the identity of one of those that a model is linked
    to: `tags=1` stands for the models with this tag.
    """

    model_class: type[ModelType]
    parts: ClassVar[Parts] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "model_class"):
            raise TypeError(f"{cls.__name__} must name its model_class")

    def __init__(self, session: DirectSession) -> None:
        self._session = session

    async def get_by_id(self, key: int) -> ModelType | None:
        """Read the model with this identity."""
        return await self.find_one(id=key)

    async def get_with(
        self, key: int, reference: InstrumentedAttribute[Any], parts: Parts = ()
    ) -> ModelType | None:
        """Read the model with this identity and, at once, the one that it refers to.

        The `parts` are those of the latter.
        """
        relation = _relation_of(reference)
        models = await self._read(statements.joining(relation), {"id": key})
        for model in models:
            other = statements.joined_to(model, relation)
            await self._add_parts([other] if other else [], parts)
            setattr(model, relation.key, other)
        return next(iter(models), None)

    async def find_one(self, **values: object) -> ModelType | None:
        """Read the one model that has these values, if there is one."""
        finding = statements.finding(self.model_class, shape_of(values))
        return next(iter(await self._read(finding, values)), None)

    async def get_many(
        self, offset: int, limit: int, /, *conditions: Condition, **values: object
    ) -> list[ModelType]:
        """Read a part of the models that meet these, in the order of their identities."""
        if conditions:
            rows = _meeting(self.model_class, conditions, values)
            in_order = rows.order_by(self.model_class.id)
            return await self._track(in_order.offset(offset).limit(limit))
        paging = statements.paging(self.model_class, shape_of(values))
        return await self._read(paging, {**values, "_offset": offset, "_limit": limit})

    async def get_after(self, key: int, limit: int) -> list[ModelType]:
        """Read the models behind this identity; what is before it costs nothing."""
        following = statements.following(self.model_class)
        return await self._read(following, {"_after": key, "_limit": limit})

    async def count(self, *conditions: Condition, **values: object) -> int:
        """Count the models that meet these conditions and have these values."""
        if conditions:
            rows = _meeting(self.model_class, conditions, values)
            number = rows.with_only_columns(func.count(), maintain_column_froms=True)
            return (await self._session.execute(number)).scalar_one()
        counting = statements.counting(self.model_class, shape_of(values))
        ((number,),) = await self._session.fetch(counting, values)
        return int(number)

    async def exists(
        self,
        model_class: type[OtherType],
        /,
        *conditions: Condition,
        **values: object,
    ) -> bool:
        """Tell whether a model of this class meets these and has these values."""
        if conditions:
            rows = _meeting(model_class, conditions, values)
            return (await self._session.execute(select(rows.exists()))).scalar_one()
        testing = statements.testing(model_class, shape_of(values))
        return bool(await self._session.fetch(testing, values))

    async def later(
        self,
        write: Callable[..., Awaitable[None]],
        to_model: Callable[[EntityType], ModelType],
        entities: Sequence[EntityType],
    ) -> None:
        """Let a write wait that creates, updates or deletes the models of these.

        They are kept as they are now, and get their identities and versions with it.
        """
        await self._session.direct()  # writes what waits, which may be of these
        written = list(entities)
        models = [to_model(one) for one in written]

        async def write_all() -> None:
            await write(*models)
            known = self._known
            for one, model in zip(written, models, strict=True):
                if model.id in known:  # else it was taken out
                    one.id, one.version = model.id, model.version

        await self._session.postpone(write_all)

    async def get_versions(self, entities: Sequence[Entity]) -> list[ModelType]:
        """Return the models of these entities as they were read, in their order.

        Raise `ConcurrentUpdate` where one has moved on, is gone or is named twice.
        """
        await self._session.direct()  # writes what waits, which may be of these
        known = self._known
        unread = [one.id for one in entities if one.id not in known]
        if unread:
            await self._read(statements.among(self.model_class), {"_keys": unread})
        models: dict[int, ModelType] = {}
        for one in entities:
            model = known.get(one.id)
            if model is None or model.version != one.version or one.id in models:
                raise self._moved_on(one.id)
            models[one.id] = model
        return list(models.values())

    async def refer_to(
        self,
        field: str,
        model_class: type[OtherType],
        identities: Set[int | None],
        before: Set[int | None] = frozenset(),
    ) -> None:
        """Keep what is referred to anew as it is until the transaction ends.

        Raise `UnknownReference` where it is not there. None refers to nothing.
        """
        wanted = sorted(key for key in identities - before if key is not None)
        if not wanted:
            return
        # Whoever takes one out has to wait; a lock of the foreign key alone would
        # not stop an update that hides the row.
        locking = statements.locking(model_class, shared=True)
        found = {
            key for (key,) in await self._session.write(locking, {"_keys": wanted})
        }
        for unknown in [key for key in wanted if key not in found]:
            raise UnknownReference(f"{field} {unknown} is not known")

    async def lock(self, *keys: int) -> None:
        """Let nobody refer to these models until the transaction ends."""
        locking = statements.locking(self.model_class, shared=False)
        await self._session.write(locking, {"_keys": keys})

    async def refuse_referenced(
        self,
        model_class: type[OtherType],
        /,
        *conditions: Condition,
        **values: object,
    ) -> None:
        """Raise `StillReferenced` where a model of this class meets these."""
        if await self.exists(model_class, *conditions, **values):
            name = model_class.__tablename__
            raise StillReferenced(f"{name} still refer to it")

    async def create(self, *models: ModelType) -> None:
        """Insert the models, many with one statement; each gets its identity."""
        if not models:
            return
        rows = [vars(model) for model in models]
        owned, linked = self._relations()
        names = [relation.key for relation in (*owned, *linked)]
        has_parts = any(row.get(name) for name in names for row in rows)
        for row in rows:
            row.pop("version", None)  # each begins with the first
        own = statements.complete(self.model_class, rows)
        inserting = statements.inserting(self.model_class, own)
        made = await self._write(inserting, rows, is_whole=not has_parts)
        # Identities are counted in the order in which the rows are given.
        _fill(rows, sorted(made, key=attrgetter("id")))
        for name in names:
            for row in rows:
                row.setdefault(name, ())
        self._keep(models)
        for relation in owned:
            await self._insert_parts(relation, models)
        for relation in linked:
            links = {
                (model.id, one.id)
                for model in models
                for one in _parts(relation, model)
            }
            await self._write_links(statements.linking(relation), links)

    async def update(self, *models: ModelType) -> None:
        """Write the models over their rows, at once, and move each version on.

        All set the same attributes. Raise `ConcurrentUpdate` where another transaction
        was faster.
        """
        if not models:
            return
        written = statements.changed_of(self.model_class).keys()
        names = tuple(sorted(written & values_of(models[0]).keys()))
        owned, linked = self._relations()
        others = [(one, self._with_other_parts(one, models)) for one in owned]
        links = [(one, *await self._other_links(one, models)) for one in linked]
        has_others = any(any(changes) for _, *changes in (*others, *links))
        await self._update(names, models, is_whole=not has_others)
        for relation, changed in others:
            await self._replace_parts(relation, changed)
        for relation, gone, new in links:
            await self._write_links(statements.unlinking(relation), gone)
            await self._write_links(statements.linking(relation), new)
        for model in models if linked else ():
            before = values_of(self._known.get(model.id))
            kept = {one.key: before[one.key] for one in linked if one.key in before}
            values_of(model).update(kept | values_of(model))
        self._keep(models)

    async def delete(self, *models: ModelType) -> None:
        """Delete the models, or hide them where they have the `SoftDeleteMixin`.

        Raise `ConcurrentUpdate` where another transaction changed one first.
        """
        if not models:
            return
        if issubclass(self.model_class, SoftDeleteMixin):
            hidden = self.model_class()
            hidden.soft_delete(datetime.now(UTC))
            names = ("deleted_at", "is_active")
            for model in models:
                values_of(model).update({key: values_of(hidden)[key] for key in names})
            await self._update(names, models, is_whole=True)
        else:
            deleting = statements.deleting(self.model_class)
            rows = [_keys(model) for model in models]
            deleted = await self._write(deleting, rows, is_whole=True)
            await self._refuse_unwritten(models, {row.id for row in deleted})
        for model in models:
            self._known.pop(model.id, None)

    async def _read(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> list[ModelType]:
        models = list(await self._session.fetch(statement, values))
        await self._add_parts(models, self.parts)
        self._keep(models)
        return models

    async def _add_parts(self, models: Sequence[EntityModel], parts: Parts) -> None:
        for relation in map(_relation_of, parts) if models else ():
            read = await self._read_parts(relation, [model.id for model in models])
            for model in models:
                setattr(model, relation.key, read[model.id])

    async def _read_parts(
        self, relation: Relation, owners: Sequence[int]
    ) -> dict[int, list[Any]]:
        reading = statements.owned if relation.secondary is None else statements.linked
        statement = reading(relation, is_single=len(owners) == 1)
        parts: dict[int, list[Any]] = {owner: [] for owner in owners}
        keys = {"_key": owners[0], "_keys": owners}
        for row in await self._session.fetch(statement, keys):
            parts[row[0]].append(row)
        return parts

    async def _track(self, rows: Select[ModelType]) -> list[ModelType]:
        """Read through the session, and what it has read before once more."""
        again = rows.execution_options(populate_existing=True)
        return list(await self._session.scalars(again.options(*_loading(self.parts))))

    @property
    def _known(self) -> dict[int, ModelType]:
        """What was last read or written, by its identity."""
        return self._session.known[self.model_class]

    def _keep(self, models: Iterable[ModelType]) -> None:
        known = self._known
        for model in models:
            known[model.id] = model

    def _moved_on(self, key: int) -> ConcurrentUpdate:
        return ConcurrentUpdate(f"{self.model_class.__tablename__} {key} moved on")

    async def _write(
        self, writing: Writing, rows: Sequence[Row], *, is_whole: bool = False
    ) -> Sequence[Any]:
        # Of many, some may have moved on: they are never a transaction of their own.
        one, many = writing
        if len(rows) == 1:
            return await self._session.write(one, *rows, is_whole=is_whole)
        if many is None:
            made: list[Any] = []
            for start in range(0, len(rows), AT_ONCE):
                sent = rows[start : start + AT_ONCE]
                made += await self._session.write(one, *sent)
            return made
        arrays = {key: list(map(itemgetter(key), rows)) for key in many.written}
        return await self._session.write(many, arrays)

    async def _update(
        self, names: tuple[str, ...], models: Sequence[ModelType], *, is_whole: bool
    ) -> None:
        updating = statements.updating(self.model_class, names)
        rows = [
            _keys(one) | {key: values_of(one)[key] for key in names} for one in models
        ]
        moved = await self._write(updating, rows, is_whole=is_whole)
        made = {row.id: row for row in moved}
        await self._refuse_unwritten(models, made.keys())
        _fill([values_of(one) for one in models], [made[one.id] for one in models])

    async def _refuse_unwritten(
        self, models: Sequence[ModelType], written: Set[int]
    ) -> None:
        for model in models:
            if model.id not in written:
                await self._session.fail()  # for others of them are written
                raise self._moved_on(model.id)

    def _relations(self) -> tuple[list[Relation], list[Relation]]:
        return _relations_of(self.model_class, tuple(one.key for one in self.parts))

    def _with_other_parts(
        self, relation: Relation, models: Sequence[ModelType]
    ) -> list[ModelType]:
        """Return those that have other parts than they were read with."""
        part_class: type[Base] = relation.mapper.class_
        columns = statements.written_of(part_class)
        owner = statements.owner_of(relation)
        names = {key for key, one in columns.items() if one is not owner}

        def are_others(new: Base, before: Base) -> bool:
            given = names & values_of(new).keys()
            return any(
                getattr(new, name) != getattr(before, name, None) for name in given
            )

        def has_others(model: ModelType) -> bool:
            before = self._as_read(model)
            if before is None:
                return True
            new, old = _parts(relation, model), _parts(relation, before)
            return len(new) != len(old) or any(map(are_others, new, old))

        return [model for model in models if has_others(model)]

    async def _replace_parts(
        self, relation: Relation, models: Sequence[ModelType]
    ) -> None:
        if models:
            keys = {"_keys": [model.id for model in models]}
            await self._session.write(statements.disowning(relation), keys)
            await self._insert_parts(relation, models)

    async def _other_links(
        self, relation: Relation, models: Sequence[ModelType]
    ) -> tuple[Links, Links]:
        """Return the links that are gone, and the new ones, of those that name theirs."""
        given = [model for model in models if relation.key in values_of(model)]
        known = {
            model.id: values_of(self._as_read(model)).get(relation.key)
            for model in given
        }
        if unread := [key for key, others in known.items() if others is None]:
            known |= await self._read_parts(relation, unread)
        before = {
            (key, one.id) for key, others in known.items() for one in others or ()
        }
        after = {
            (model.id, one.id) for model in given for one in _parts(relation, model)
        }
        return before - after, after - before

    async def _write_links(self, statement: Statement, links: Links) -> None:
        if links:
            owners, others = zip(*sorted(links), strict=True)
            await self._session.write(statement, {"_owner": owners, "_other": others})

    def _as_read(self, model: ModelType) -> ModelType | None:
        """Return what was read of it, unless that is itself, which may be changed."""
        known = self._known.get(model.id)
        return None if known is model else known

    async def _insert_parts(
        self, relation: Relation, models: Sequence[ModelType]
    ) -> None:
        part_class: type[Base] = relation.mapper.class_
        owner_of = inspect(part_class).get_property_by_column
        owner = owner_of(statements.owner_of(relation)).key
        rows = [
            {**values_of(part), owner: model.id}
            for model in models
            for part in _parts(relation, model)
        ]
        if rows:
            names = statements.complete(part_class, rows)
            await self._write(statements.inserting(part_class, names), rows)


@cache
def _relations_of(
    model_class: type[EntityModel], names: Names
) -> tuple[list[Relation], list[Relation]]:
    """Return those whose rows belong to the model, and those that it is linked with."""
    relationships = inspect(model_class).relationships
    relations = [relationships[name] for name in names]
    owned = [one for one in relations if one.secondary is None]
    return owned, [one for one in relations if one.secondary is not None]


def _relation_of(attribute: InstrumentedAttribute[Any]) -> Relation:
    relation: Any = attribute.property
    found: Relation = relation
    return found


def _meeting(
    model_class: type[OtherType],
    conditions: Sequence[Condition],
    values: Mapping[str, object],
) -> Select[OtherType]:
    return select(model_class).where(
        *conditions, *statements.having(model_class, values)
    )


def _loading(parts: Parts) -> list[Any]:
    return [
        selectinload(one).load_only(one.property.mapper.class_.id, raiseload=True)
        if one.property.secondary is not None
        else selectinload(one)
        for one in parts
    ]


def _parts(relation: Relation, model: EntityModel) -> Sequence[Any]:
    parts: Sequence[Any] = values_of(model).get(relation.key, ())
    return parts


def _fill(rows: Sequence[Row], made: Sequence[Any]) -> None:
    """Give rows what the database has made of them."""
    for row, one in zip(rows, made, strict=True):
        for key in one._fields:
            row[key] = getattr(one, key)


def _keys(model: EntityModel) -> Row:
    return {"_id": model.id, "_version": model.version}
