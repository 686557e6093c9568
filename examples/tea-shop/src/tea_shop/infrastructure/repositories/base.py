"""What the repositories share."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Select, func, inspect, select
from sqlalchemy.orm import InstrumentedAttribute, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from tea_shop.domain.errors import ConcurrentUpdate, StillReferenced, UnknownReference
from tea_shop.infrastructure import statements
from tea_shop.infrastructure.models.base import (
    Base,
    EntityModel,
    SoftDeleteMixin,
    row_of,
    values_of,
)
from tea_shop.infrastructure.session import DirectSession
from tea_shop.infrastructure.statements import Relation, Statement, Writing

Condition: TypeAlias = ColumnElement[bool]
Parts: TypeAlias = Sequence[InstrumentedAttribute[Any]]
ModelType = TypeVar("ModelType", bound=EntityModel)
OtherType = TypeVar("OtherType", bound=EntityModel)
Row: TypeAlias = dict[str, Any]


class Versioned(Protocol):
    """An entity, as far as a repository has to know it."""

    @property
    def id(self) -> int: ...
    @property
    def version(self) -> int: ...


class BaseRepository(Generic[ModelType]):
    """Reads and writes the models of one class; never commits.

    A subclass names its `model_class`, implements the repository of the domain with
    these methods, and maps: no model leaves it. Its `parts` are the relationships
    whose rows belong to the aggregate.

    Models are rows here that no session tracks: the driver's own, with the attributes of
    the model, where they are read, and those of `row_of` where they are written. Only
    reads with conditions or options of SQLAlchemy go through the session and return what
    it tracks.
    """

    model_class: type[ModelType]
    parts: ClassVar[Parts] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "model_class"):
            raise TypeError(f"{cls.__name__} must name its model_class")

    def __init__(self, session: DirectSession) -> None:
        self._session = session

    async def get_by_id(self, key: int, *options: ORMOption) -> ModelType | None:
        """Read the model with this identity."""
        return await self.find_one(*options, id=key)

    async def find_one(self, *options: ORMOption, **values: object) -> ModelType | None:
        """Read the one model that has these values, if there is one."""
        if options or None in values.values():
            rows = self._select().options(*options).filter_by(**values)
            models = await self._track(rows)
        else:
            finding = statements.finding(self.model_class, tuple(values))
            models = await self._read(finding, values)
        return next(iter(models), None)

    async def get_many(
        self, offset: int, limit: int, /, *conditions: Condition, **values: object
    ) -> list[ModelType]:
        """Read a part of the models that meet these, in the order of their identities."""
        if conditions or None in values.values():
            rows = self._select().where(*conditions).filter_by(**values)
            in_order = rows.order_by(self.model_class.id)
            return await self._track(in_order.offset(offset).limit(limit))
        paging = statements.paging(self.model_class, tuple(values))
        return await self._read(paging, {**values, "_offset": offset, "_limit": limit})

    async def get_after(self, key: int, limit: int) -> list[ModelType]:
        """Read the models behind this identity; what is before it costs nothing."""
        following = statements.following(self.model_class)
        return await self._read(following, {"_after": key, "_limit": limit})

    async def count(self, *conditions: Condition, **values: object) -> int:
        """Count the models that meet these conditions and have these values."""
        if conditions or None in values.values():
            rows = select(func.count()).select_from(self.model_class)
            statement = rows.where(*conditions).filter_by(**values)
            return (await self._session.execute(statement)).scalar_one()
        counting = statements.counting(self.model_class, tuple(values))
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
        if conditions or None in values.values():
            rows = select(model_class).where(*conditions).filter_by(**values)
            return (await self._session.execute(select(rows.exists()))).scalar_one()
        testing = statements.testing(model_class, tuple(values))
        return bool(await self._session.fetch(testing, values))

    async def get_versions(self, entities: Sequence[Versioned]) -> list[ModelType]:
        """Return the models of these entities as they were read, in their order.

        Raise `ConcurrentUpdate` where one has moved on, is gone or is named twice.
        """
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

    async def lock(self, *models: ModelType) -> None:
        """Let nobody refer to the models until the transaction ends."""
        locking = statements.locking(self.model_class, shared=False)
        await self._session.write(locking, {"_keys": [model.id for model in models]})

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
        rows = [
            {
                **statements.defaults_of(self.model_class),
                **values_of(model),
                "version": 1,
            }
            for model in models
        ]
        made = await self._write(statements.inserting(self.model_class), rows)
        # Identities are counted in the order in which the rows are given.
        made.sort(key=lambda row: int(row["id"]))
        links = self._links()
        for model, row, new in zip(models, rows, made, strict=True):
            values_of(model).update(row | new | {key: [] for key in links})
        self._keep(models)
        for relation in self._owned():
            await self._insert_parts(relation, models)

    async def update(self, *models: ModelType) -> None:
        """Write the models over their rows, at once, and move each version on.

        All set the same attributes. Raise `ConcurrentUpdate` where another transaction
        was faster.
        """
        if not models:
            return
        written = statements.written_of(self.model_class).keys() - {"version"}
        names = tuple(sorted(written & values_of(models[0]).keys()))
        await self._update(names, models)
        for relation in self._owned():
            await self._replace_parts(relation, models)
        links = self._links()
        for model in models if links else ():
            before = values_of(self._known.get(model.id))
            linked = {key: before[key] for key in links if key in before}
            values_of(model).update(linked | values_of(model))
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
            await self._update(names, models)
        else:
            rows = [_keys(model) for model in models]
            deleted = await self._write(statements.deleting(self.model_class), rows)
            await self._refuse_unwritten(models, {row["id"] for row in deleted})
        for model in models:
            self._known.pop(model.id, None)

    async def link(
        self, attribute: InstrumentedAttribute[Any], wanted: Mapping[int, Set[int]]
    ) -> None:
        """Link each model, by its identity, with these others and with no more."""
        relation = inspect(self.model_class).relationships[attribute.key]
        known = {
            key: values_of(self._known.get(key)).get(relation.key) for key in wanted
        }
        if unread := [key for key, others in known.items() if others is None]:
            known |= await self._read_parts(relation, unread)
        before = {
            (key, one.id) for key, others in known.items() for one in others or ()
        }
        after = {(key, other) for key, others in wanted.items() for other in others}
        for statement, pairs in (
            (statements.unlinking(relation), before - after),
            (statements.linking(relation), after - before),
        ):
            if pairs:
                owners, others = zip(*sorted(pairs), strict=True)
                arrays = {"_owner": owners, "_other": others}
                await self._session.write(statement, arrays)
        for key, linked in wanted.items():
            models = [row_of(relation.mapper.class_, id=one) for one in linked]
            values_of(self._known.get(key))[relation.key] = models

    async def _read(
        self, statement: Statement, values: Mapping[str, Any]
    ) -> list[ModelType]:
        models = list(await self._session.fetch(statement, values))
        for relation in self._relations() if models else ():
            parts = await self._read_parts(relation, [model.id for model in models])
            for model in models:
                setattr(model, relation.key, parts[model.id])
        self._keep(models)
        return models

    async def _read_parts(
        self, relation: Relation, owners: Sequence[int]
    ) -> dict[int, list[Any]]:
        linked = relation.secondary is not None
        statement = (statements.linked if linked else statements.owned)(relation)
        parts: dict[int, list[Any]] = {owner: [] for owner in owners}
        for row in await self._session.fetch(statement, {"_keys": owners}):
            parts[row[0]].append(row)
        return parts

    def _select(self) -> Select[ModelType]:
        return select(self.model_class).options(*_loading(self.parts))

    async def _track(self, rows: Select[ModelType]) -> list[ModelType]:
        """Read through the session, and what it has read before once more."""
        again = rows.execution_options(populate_existing=True)
        return list(await self._session.scalars(again))

    @property
    def _known(self) -> dict[int, ModelType]:
        """What was last read or written, by its identity."""
        return self._session.known[self.model_class]

    def _keep(self, models: Iterable[ModelType]) -> None:
        self._known.update({model.id: model for model in models})

    def _moved_on(self, key: int) -> ConcurrentUpdate:
        return ConcurrentUpdate(f"{self.model_class.__tablename__} {key} moved on")

    async def _write(self, writing: Writing, rows: Sequence[Row]) -> list[Row]:
        if len(rows) == 1 or writing.many is None:
            records = await self._session.write(writing.one, *rows)
            return writing.one.named(records)
        arrays = {key: [row[key] for row in rows] for key in writing.many.written}
        return writing.many.named(await self._session.write(writing.many, arrays))

    async def _update(
        self, names: tuple[str, ...], models: Sequence[ModelType]
    ) -> None:
        updating = statements.updating(self.model_class, names)
        rows = [
            _keys(one) | {key: values_of(one)[key] for key in names} for one in models
        ]
        made = {row["id"]: row for row in await self._write(updating, rows)}
        await self._refuse_unwritten(models, made.keys())
        for model in models:
            values_of(model).update(made[model.id])

    async def _refuse_unwritten(
        self, models: Sequence[ModelType], written: Set[int]
    ) -> None:
        for model in models:
            if model.id not in written:
                await self._session.fail()  # for others of them are written
                raise self._moved_on(model.id)

    def _relations(self) -> list[Relation]:
        relationships = inspect(self.model_class).relationships
        return [relationships[one.key] for one in self.parts]

    def _owned(self) -> list[Relation]:
        return [one for one in self._relations() if one.secondary is None]

    def _links(self) -> list[str]:
        return [one.key for one in self._relations() if one.secondary is not None]

    async def _replace_parts(
        self, relation: Relation, models: Sequence[ModelType]
    ) -> None:
        """Write the parts of those that have others than they were read with."""
        part_class: type[Base] = relation.mapper.class_
        columns = statements.written_of(part_class)
        names = [
            key
            for key, one in columns.items()
            if one is not statements.owner_of(relation)
        ]

        def parts_of(model: ModelType | None) -> list[list[object]]:
            parts = values_of(model).get(relation.key, ())
            return [[getattr(part, name, None) for name in names] for part in parts]

        def has_others(model: ModelType) -> bool:
            before = self._known.get(model.id)
            if before is None or before is model:  # it does not tell what was read
                return True
            return parts_of(model) != parts_of(before)

        changed = [one for one in models if has_others(one)]
        if changed:
            keys = {"_keys": [model.id for model in changed]}
            await self._session.write(statements.disowning(relation), keys)
            await self._insert_parts(relation, changed)

    async def _insert_parts(
        self, relation: Relation, models: Sequence[ModelType]
    ) -> None:
        part_class: type[Base] = relation.mapper.class_
        owner = statements.owner_of(relation).key
        rows = [
            {**statements.defaults_of(part_class), **values_of(part), owner: model.id}
            for model in models
            for part in values_of(model).get(relation.key, ())
        ]
        if rows:
            await self._write(statements.inserting(part_class), rows)


def joining(attribute: InstrumentedAttribute[Any], parts: Parts = ()) -> ORMOption:
    """Return the option that reads what this refers to as well, with its parts."""
    return joinedload(attribute).options(*_loading(parts))


def _loading(parts: Parts) -> list[Any]:
    return [
        selectinload(one).load_only(one.property.mapper.class_.id)
        if one.property.secondary is not None
        else selectinload(one)
        for one in parts
    ]


def _keys(model: EntityModel) -> Row:
    return {"_id": model.id, "_version": model.version}
