"""Sessions that no two tasks share, and that see no hidden row."""

import asyncio
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from tea_shop.application.errors import Misused, RolledBack
from tea_shop.infrastructure.models.base import SoftDeleteMixin

WITH_HIDDEN = {"with_hidden": True}
"""The option of an execution that sees the hidden rows as well."""

_VISIBLE = with_loader_criteria(
    SoftDeleteMixin, lambda model: model.is_active, include_aliases=True
)


class OneTaskSession(Session):
    """A session for the one task that uses it first.

    Without `WITH_HIDDEN`, all it does to models passes over the rows that are hidden:
    joins, subqueries and relationships too. Statements over tables do not, and neither
    do those that select nothing but a window function.
    """


def refuse_misuse(session: Session) -> None:
    """Raise `Misused` in a second task and after the commit, `RolledBack` where due."""
    task = asyncio.current_task()
    if session.info.setdefault("task", task) is not task:
        raise Misused("a unit of work serves one task, until its commit")
    if not session.is_active:
        raise RolledBack("an error before this one ended the transaction")


def end_use(session: Session) -> None:
    """Let no task use the session any more."""
    session.info["task"] = None


@event.listens_for(OneTaskSession, "do_orm_execute")
def _before_execute(state: ORMExecuteState) -> None:
    _refuse_use(state.session)
    is_asked_for = state.execution_options.get("with_hidden")
    # A relationship is loaded with the options of the statement that began it.
    if not (is_asked_for or state.is_relationship_load):
        state.statement = state.statement.options(_VISIBLE)


@event.listens_for(OneTaskSession, "before_flush")
def _before_flush(session: Session, *_: Any) -> None:
    _refuse_use(session)


def _refuse_use(session: Session) -> None:
    refuse_misuse(session)
    if session.connection().invalidated:
        raise RolledBack("the connection broke, and the transaction with it")
