"""What is read: no hidden row, every attribute, and pages that cost the same."""

import datetime as dt
import json
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from unittest.mock import patch

import asyncpg  # type: ignore[import-untyped]
from ledger.application.errors import RolledBack
from ledger.application.unit_of_work import UnitOfWork
from ledger.domain.identities import AccountId, LabelId, StatementId
from ledger.domain.statement import Statement, StatementLine
from ledger.infrastructure.mappers.statement import to_model
from ledger.infrastructure.models.account import AccountModel
from ledger.infrastructure.models.base import Base, SoftDeleteMixin
from ledger.infrastructure.models.label import LabelModel
from ledger.infrastructure.models.specimen import SpecimenModel
from ledger.infrastructure.models.statement import StatementLineModel, StatementModel
from ledger.infrastructure.models.transfer import TransferModel
from ledger.infrastructure.repositories.account import SqlAlchemyAccountRepository
from sqlalchemy import (
    Select,
    delete,
    exists,
    func,
    inspect,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, joinedload, selectinload, subqueryload

from faults.protections import plain_sessions
from faults.report import Seen
from faults.trial import TEMPLATE, Lab, Trial

HIDDEN = "~hidden"  # is sorted behind the others
Other = aliased(AccountModel)
_owner = AccountModel.owner
_is_hidden = AccountModel.owner == HIDDEN
SHAPES: list[Select[Any]] = [
    select(_owner),
    select(_owner).where(_owner.in_([HIDDEN])),
    select(_owner).filter_by(owner=HIDDEN),
    select(_owner).order_by(AccountModel.id).offset(0).limit(1000),
    select(_owner).order_by(AccountModel.id.desc()).limit(1),
    select(_owner).distinct(),
    select(_owner).with_for_update(),
    select(AccountModel).with_only_columns(_owner),
    select(Other.owner),
    select(func.max(_owner)),
    select(func.string_agg(_owner, " ")),
    select(func.concat(_owner, "")).group_by(_owner),
    select(_owner).group_by(_owner).having(func.count() > 0),
    select(_owner, func.row_number().over(order_by=AccountModel.id)),
    select(select(_owner).subquery().c.owner),
    select(select(AccountModel).subquery().c.owner),
    select(aliased(AccountModel, select(AccountModel).subquery()).owner),
    select(select(_owner).cte().c.owner),
    select(select(func.max(_owner)).scalar_subquery()),
    select(literal(HIDDEN)).where(exists().where(_is_hidden)),
    select(literal(HIDDEN)).where(select(AccountModel).where(_is_hidden).exists()),
    select(literal(HIDDEN)).where(literal(HIDDEN).in_(select(_owner))),
    select(union_all(select(_owner), select(_owner)).subquery().c.owner),
    select(_owner).join(Other, AccountModel.id == Other.id),
    select(Other.owner).join(AccountModel, AccountModel.id == Other.id),
    select(_owner).join(AccountModel.transfers_by_source),
    select(_owner).outerjoin(AccountModel.transfers_by_source),
    select(_owner).select_from(TransferModel).join(TransferModel.source),
    select(_owner).select_from(TransferModel).outerjoin(TransferModel.source),
    select(literal(HIDDEN)).join(TransferModel.source).where(_is_hidden),
    select(literal(HIDDEN)).where(TransferModel.source.has(owner=HIDDEN)),
    select(literal(HIDDEN)).where(
        TransferModel.source_id.in_(select(AccountModel.id).where(_is_hidden))
    ),
    select(_owner).where(AccountModel.transfers_by_source.any(amount=1)),
    select(_owner).join_from(
        AccountModel, TransferModel, TransferModel.source_id == AccountModel.id
    ),
]


async def hide(lab: Lab) -> Seen:
    """Ask for a hidden row in every way: it is not there."""
    async with lab.trial() as trial:
        identity = await _hide_one(trial)
        seen = trial.seen
        async with trial.container.session_factory()() as session:
            leaks = await _leaks(session, identity)
        seen.sent = len(leaks)
        seen.acked = len(leaks) - sum(leaks.values())
        seen.leaked = sum(leaks.values())
        for shape in [shape for shape, leaked in leaks.items() if leaked]:
            seen.expect(False, f"a hidden row is seen by {shape}")
        await trial.fetch("DELETE FROM transfers")
        return await trial.settle()


async def hide_nothing(lab: Lab) -> Seen:
    """Ask with a plain session: it is there in every shape."""
    async with lab.trial() as trial:
        identity = await _hide_one(trial)
        url = lab.server.url(trial.database)
        async with plain_sessions(url) as sessions, sessions() as session:
            leaks = await _leaks(session, identity)
    leaked = sum(leaks.values())
    damage = f"{leaked} of {len(leaks)} shapes show it"
    return Seen(damage=damage if leaked == len(leaks) else "")


async def _hide_one(trial: Trial) -> int:
    """Keep two hidden accounts, and a transfer from the first that is not hidden."""
    rows = await trial.fetch(
        "INSERT INTO accounts (version, owner, balance, is_active, deleted_at)"
        " SELECT 1, $1, 0, false, now() FROM generate_series(1, 2) RETURNING id",
        HIDDEN,
    )
    identity: int = rows[0]["id"]
    await trial.fetch(
        "INSERT INTO transfers (version, key, source_id, target_id, amount, is_active)"
        " VALUES (1, $1, $2, 1, 1, true)",
        uuid.uuid4(),
        identity,
    )
    return identity


async def _leaks(session: AsyncSession, identity: int) -> dict[str, bool]:
    """Tell of each shape whether it shows the hidden row."""
    leaks = {}
    for shape in SHAPES:
        rows = (await session.execute(shape)).all()
        leaks[" ".join(str(shape).split())] = any(HIDDEN in str(row) for row in rows)
    for load in (joinedload, selectinload, subqueryload):
        session.expunge_all()
        statement = select(TransferModel).options(load(TransferModel.source))
        (transfer,) = (await session.scalars(statement)).all()
        leaks[load.__name__] = transfer.source is not None
    session.expunge_all()
    leaks["get"] = await session.get(AccountModel, identity) is not None
    changed = update(AccountModel).values(balance=0).where(_is_hidden)
    taken = delete(AccountModel).where(_is_hidden, AccountModel.id != identity)
    for name, bulk in (("bulk update", changed), ("bulk delete", taken)):
        touched = await session.scalars(bulk.returning(AccountModel.id))
        leaks[name] = touched.first() is not None
        await session.rollback()
    return leaks


async def read_everything(lab: Lab) -> Seen:
    """Read every attribute of every model at every time: each can be read."""
    async with lab.trial() as trial:
        await _read_everything(trial)
        seen = trial.seen
        kept = await _lines_after(trial, _save_statement)
        seen.expect(kept == 3, f"{kept} of 3 lines are left after a save")
        await trial.fetch("DELETE FROM transfers")
        return await trial.settle()


async def read_what_is_unset(lab: Lab) -> Seen:
    """Let the database make the time of deletion, and merge a part of an aggregate."""

    def soft_delete(self: Any, at: dt.datetime) -> None:
        self.is_active = False
        self.deleted_at = func.now()

    async with lab.trial() as trial:
        hiding = patch.object(SoftDeleteMixin, "soft_delete", soft_delete)
        with hiding, suppress(RolledBack):  # what cannot be read ends the transaction
            await _read_everything(trial)
        failed = trial.seen.sent - trial.seen.acked
        kept = await _lines_after(trial, _merge_statement)
    damage = f"{failed} reads failed; a merge left {kept} of 3 lines"
    return Seen(damage=damage if failed and kept < 3 else "")


async def _read_everything(trial: Trial) -> None:
    async with trial.container.session_factory()() as session:
        account, label = AccountModel(owner="reader", balance=1), LabelModel(name="red")
        session.add_all([account, label])
        await session.flush()
        lines = [StatementLineModel(position=n, text="tea", amount=n) for n in range(3)]
        statement = StatementModel(account_id=account.id, day=dt.date(2000, 1, 1))
        statement.labels, statement.lines = [label], lines
        transfer = TransferModel(
            key=uuid.uuid4(), source_id=account.id, target_id=account.id, amount=1
        )
        specimen = SpecimenModel()
        session.add_all([statement, transfer, specimen])
        await session.flush()

        models = [account, label, specimen, statement, transfer, *lines]
        known = {mapper.class_ for mapper in Base.registry.mappers}
        unread = known - {type(model) for model in models}
        trial.seen.expect(not unread, f"nobody reads {unread}")
        _read(trial.seen, models, "an insert")

        account.owner, label.name, statement.note = "Reader", "blue", "a note"
        transfer.amount = lines[0].amount = 2
        await session.flush()
        _read(trial.seen, models, "an update")

        account.balance = 2
        await SqlAlchemyAccountRepository(session).update(account)
        _read(trial.seen, models, "an update of a repository")

        hidden = [model for model in models if isinstance(model, SoftDeleteMixin)]
        for model in hidden:
            model.soft_delete(dt.datetime.now(dt.UTC))
        await session.flush()
        _read(trial.seen, models, "hiding")

        await session.commit()
        _read(trial.seen, models, "the commit")
    _read(trial.seen, models, "closing")
    for model in hidden:
        is_told = isinstance(vars(model).get("deleted_at"), dt.datetime)
        trial.seen.expect(is_told, "a model does not know when it was hidden")


def _read(seen: Seen, models: list[Base], when: str) -> None:
    for model in models:
        for attribute in inspect(type(model)).column_attrs:
            seen.sent += 1
            try:
                getattr(model, attribute.key)
            except Exception as error:
                name = str(attribute)
                met = type(error).__name__
                seen.expect(False, f"{name} cannot be read after {when}: {met}")
            else:
                seen.acked += 1


async def _lines_after(
    trial: Trial, change: Callable[[Trial, Statement], Awaitable[None]]
) -> int:
    """Count the lines of a statement of three, after a change to something else."""
    statement = Statement.create(
        account_id=AccountId(1),
        day=dt.date(2000, 1, 1),
        note=None,
        label_ids=frozenset[LabelId](),
        lines=tuple(StatementLine.create(text="tea", amount=n) for n in range(3)),
    )
    async with trial.container.unit_of_work() as uow:
        await uow.statements.add(statement)
        await uow.commit()
    await change(trial, statement)
    query = "SELECT FROM statement_lines WHERE statement_id = $1"
    return len(await trial.fetch(query, statement.id))


async def _save_statement(trial: Trial, statement: Statement) -> None:
    async with trial.container.unit_of_work() as uow:
        kept = await uow.statements.get(StatementId(statement.id))
        kept.note = "changed"
        await uow.statements.save(kept)
        await uow.commit()


async def _merge_statement(trial: Trial, statement: Statement) -> None:
    statement.lines = ()  # as if they had not been loaded
    model = StatementModel(**vars(to_model(statement)))
    async with trial.container.session_factory()() as session:
        await session.merge(model)
        await session.commit()


async def page(lab: Lab) -> Seen:
    """Read a page at the start and one deep: both touch as many buffers."""
    async with _million(lab) as trial:
        seen = trial.seen
        for _ in range(lab.size(50, 500)):
            await _read_a_page(trial, after=trial.randomness.randrange(DEEP))
        near = await _buffers(trial, _after(0))
        far = await _buffers(trial, _after(DEEP))
        seen.expect(abs(far - near) <= SLACK, f"{near} buffers near, {far} far")
        return await trial.settle()


async def page_by_offset(lab: Lab) -> Seen:
    """Count from the start instead: a page touches all before it."""
    async with _million(lab) as trial:
        near = await _buffers(trial, _from(0))
        far = await _buffers(trial, _from(DEEP))
        by_key = await _buffers(trial, _after(DEEP))
        damage = f"{near} buffers at the start, {far} deep; {by_key} by key"
        return Seen(damage=damage if far > near + SLACK else "")


ROWS, DEEP, PAGE = 1_000_000, 900_000, 100
SLACK = 3  # buffers: where a page of rows begins within a page of the table
MILLION = "template_of_a_million"
Read = Callable[[UnitOfWork], Awaitable[object]]


def _after(identity: int) -> Read:
    return lambda uow: uow.accounts.list_after(AccountId(identity), limit=PAGE)


def _from(offset: int) -> Read:
    return lambda uow: uow.accounts.list_page(offset=offset, limit=PAGE)


@asynccontextmanager
async def _million(lab: Lab) -> AsyncGenerator[Trial]:
    """Give a million accounts, which are made once."""
    query = "SELECT FROM pg_database WHERE datname = $1"
    if not await lab.fetch("postgres", query, MILLION):
        create = f"CREATE DATABASE {MILLION} TEMPLATE {TEMPLATE}"
        await lab.fetch("postgres", create)
        await lab.fetch(
            MILLION,
            "INSERT INTO accounts (version, owner, balance, is_active)"
            " SELECT 1, 'one of many', 0, true FROM generate_series(1, $1::int)",
            ROWS,
        )
        await lab.fetch(MILLION, "VACUUM ANALYZE accounts")
    async with lab.trial(template=MILLION, database_statement_timeout=30) as trial:
        yield trial


async def _read_a_page(trial: Trial, after: int) -> None:
    began = time.perf_counter()
    trial.seen.sent += 1
    async with trial.container.unit_of_work(read_only=True) as uow:
        part = await uow.accounts.list_after(AccountId(after), limit=PAGE)
    trial.seen.acked += len(part.items) == PAGE and part.has_more
    trial.seen.seconds.append(time.perf_counter() - began)


async def _buffers(trial: Trial, read: Read) -> int:
    """Count the buffers that the first statement of a read touches."""
    sent: list[tuple[str, Any]] = []

    fetch = asyncpg.Connection.fetch

    async def note(
        driver: Any, statement: str, *parameters: object, **options: Any
    ) -> Any:
        sent.append((statement, parameters))
        return await fetch(driver, statement, *parameters, **options)

    async with trial.container.unit_of_work(read_only=True) as uow:
        with patch.object(asyncpg.Connection, "fetch", note):
            await read(uow)
    statement, parameters = sent[0]
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    rows = await trial.fetch(explain, *parameters)
    plan = json.loads(rows[0][0])[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
