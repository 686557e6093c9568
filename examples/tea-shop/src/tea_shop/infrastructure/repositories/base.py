"""What the repositories share."""

from collections.abc import Collection, Sequence, Set
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    any_,
    bindparam,
    column,
    func,
    inspect,
    literal,
    select,
    update,
    values,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.orm.interfaces import ORMOption

from tea_shop.domain.errors import ConcurrentUpdate, StillReferenced, UnknownReference
from tea_shop.infrastructure.failures import fail
from tea_shop.infrastructure.models.base import EntityModel, SoftDeleteMixin
from tea_shop.infrastructure.session import WITH_HIDDEN

MOST_PARAMETERS = 32_767  # of a statement

Condition: TypeAlias = ColumnElement[bool]
ModelType = TypeVar("ModelType", bound=EntityModel)
OtherType = TypeVar("OtherType", bound=EntityModel)


class Versioned(Protocol):
    """An entity, as far as a repository has to know it."""

    @property
    def id(self) -> int: ...
    @property
    def version(self) -> int: ...


class BaseRepository(Generic[ModelType]):
    """Reads and writes the models of one class; flushes, never commits.

    A subclass names its `model_class`, implements the repository of the domain with
    these methods, and maps: no model leaves it. Its `load_options` load the other
    rows of an aggregate.
    """

    model_class: type[ModelType]
    load_options: ClassVar[Sequence[ORMOption]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "model_class"):
            raise TypeError(f"{cls.__name__} must name its model_class")

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        # The session holds its models weakly. Without a reference of our own, what
        # was read would be read again before it is written.
        self._models: dict[int, ModelType] = {}

    async def get_by_id(self, key: int, *options: ORMOption) -> ModelType | None:
        """Read the model with this identity."""
        return await self.find_one(*options, id=key)

    async def find_one(self, *options: ORMOption, **values: object) -> ModelType | None:
        """Read the one model that has these values, if there is one."""
        statement = self._select().options(*options).filter_by(**values)
        return next(iter(await self._read(statement)), None)

    async def get_many(
        self, offset: int, limit: int, /, *conditions: Condition, **values: object
    ) -> list[ModelType]:
        """Read a part of the models that meet these, in the order of their identities."""
        statement = self._select().where(*conditions).filter_by(**values)
        in_order = statement.order_by(self.model_class.id)
        return await self._read(in_order.offset(offset).limit(limit))

    async def get_after(self, key: int, limit: int) -> list[ModelType]:
        """Read the models behind this identity; what is before it costs nothing."""
        statement = self._select().where(self.model_class.id > key)
        return await self._read(statement.order_by(self.model_class.id).limit(limit))

    async def count(self, *conditions: Condition, **values: object) -> int:
        """Count the models that meet these conditions and have these values."""
        rows = select(func.count()).select_from(self.model_class)
        statement = rows.where(*conditions).filter_by(**values)
        return (await self._session.execute(statement)).scalar_one()

    async def exists(
        self,
        model_class: type[OtherType],
        /,
        *conditions: Condition,
        **values: object,
    ) -> bool:
        """Tell whether a model of this class meets these and has these values."""
        rows = select(model_class).where(*conditions).filter_by(**values)
        return (await self._session.execute(select(rows.exists()))).scalar_one()

    async def get_versions(self, entities: Sequence[Versioned]) -> list[ModelType]:
        """Return the models of these entities, in their order.

        Raise `ConcurrentUpdate` where one has moved on, is gone or is named twice.
        """
        unread = [one.id for one in entities if self._known(one.id) is None]
        if unread:
            await self._read(self._select().where(_among(self.model_class, unread)))
        models: dict[int, ModelType] = {}
        for one in entities:
            model = self._known(one.id)
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
    ) -> dict[int, OtherType]:
        """Return what is referred to anew, and keep it until the transaction ends.

        Raise `UnknownReference` where it is not there. None refers to nothing.
        """
        wanted = sorted(key for key in identities - before if key is not None)
        if not wanted:
            return {}
        statement = select(model_class).where(_among(model_class, wanted))
        # Whoever takes one out has to wait; a lock of the foreign key alone would
        # not stop an update that hides the row. Locks in order are no deadlock.
        locked = statement.order_by(model_class.id).with_for_update(read=True)
        models = {model.id: model for model in await self._session.scalars(locked)}
        for unknown in [key for key in wanted if key not in models]:
            raise UnknownReference(f"{field} {unknown} is not known")
        return models

    async def lock(self, *models: ModelType) -> None:
        """Let nobody refer to the models until the transaction ends."""
        keys = [model.id for model in models]
        statement = select(self.model_class.id).where(_among(self.model_class, keys))
        in_order = statement.order_by(self.model_class.id)
        await self._session.execute(in_order.with_for_update())

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
        self._session.add_all(models)
        await self._flush()
        self._models |= {model.id: model for model in models}

    async def update(self, *models: ModelType) -> None:
        """Write what changed, many with one statement, and move each version on.

        Raise `ConcurrentUpdate` where another transaction did so first.
        """
        if len(models) == 1:
            models[0].version += 1  # the flush writes one row faster
        else:
            at_once = MOST_PARAMETERS // len(inspect(self.model_class).columns)
            for start in range(0, len(models), at_once):
                await self._update_many(models[start : start + at_once])
        await self._flush()  # the other rows of the aggregates, too

    async def delete(self, *models: ModelType) -> None:
        """Delete the models, or hide them where they have the `SoftDeleteMixin`.

        Raise `ConcurrentUpdate` where another transaction changed one first.
        """
        hidden: list[ModelType] = []
        for model in models:
            self._models.pop(model.id, None)
            if isinstance(model, SoftDeleteMixin):
                model.soft_delete(datetime.now(UTC))
                hidden.append(model)
            else:
                await self._session.delete(model)
        await self.update(*hidden)

    def _select(self) -> Select[ModelType]:
        return select(self.model_class).options(*self.load_options)

    async def _read(self, statement: Select[ModelType]) -> list[ModelType]:
        models = list(await self._session.scalars(statement))
        self._models |= {model.id: model for model in models}
        return models

    def _known(self, key: int) -> ModelType | None:
        """Return a model that was read, unless a failed savepoint undid it since."""
        if model := self._models.get(key):
            state = inspect(model)
            if state.persistent and not state.expired:
                return model
        return None

    def _moved_on(self, key: int) -> ConcurrentUpdate:
        return ConcurrentUpdate(f"{self.model_class.__tablename__} {key} moved on")

    async def _update_many(self, models: Sequence[ModelType]) -> None:
        columns = inspect(self.model_class).columns
        made = [key for key, one in columns.items() if one.onupdate is not None]
        names = set(columns.keys())
        changed = {key for one in models for key in names - inspect(one).unmodified}
        types = {key: columns[key].type for key in ["id", "version", *sorted(changed)]}
        rows = values(*(column(key, kind) for key, kind in types.items()), name="given")
        rows = rows.data(
            [
                tuple(
                    # Named after its column, for an error to tell which one it was.
                    bindparam(f"{key}__{number}", getattr(model, key), kind)
                    for key, kind in types.items()
                )
                for number, model in enumerate(models)
            ]
        )
        statement = (
            update(self.model_class)
            .where(columns.id == rows.c.id, columns.version == rows.c.version)
            .values({key: rows.c[key] for key in changed})
            .values(version=rows.c.version + 1)
            .returning(*(columns[key] for key in ["id", "version", *made]))
            .execution_options(synchronize_session=False, **WITH_HIDDEN)
        )
        written = {row.id: row for row in await self._session.execute(statement)}
        for model in models:
            if model.id not in written:
                await fail(self._session)  # for others of them are written
                raise self._moved_on(model.id)
            # The flush that follows is to find nothing of these left to write.
            for key in changed:
                set_committed_value(model, key, getattr(model, key))
            for key in ["version", *made]:
                set_committed_value(model, key, getattr(written[model.id], key))

    async def _flush(self) -> None:
        try:
            await self._session.flush()
        except StaleDataError:
            table = self.model_class.__tablename__
            raise ConcurrentUpdate(f"{table} moved on") from None


def _among(model_class: type[OtherType], keys: Collection[int]) -> Condition:
    """Compare with one array, for a statement of many keys is no new statement."""
    return model_class.id == any_(literal(keys, ARRAY(BigInteger)))
