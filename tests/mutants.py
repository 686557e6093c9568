"""Plant bugs in a generated service, one at a time: its suite must find each.

python -m tests.mutants           plant every bug
python -m tests.mutants NAME...   plant those that have one of these in their names
python -m tests.mutants --list    tell their names

Each is a slip that a reviewer may well pass over. One that the suite passes over as
well is a test that is missing.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from tests.conftest import bake, module_at

ENTITIES = """
    Customer(email: Email unique, name)
    Order(customer: Customer, status: enum(open, paid), note: text?, tags: [Tag],
        lines: [OrderLine(product, quantity: int)])
    Tag(name: str unique, weight: Decimal(6,2)?, share: float?, words: [str]?)
"""
PACKAGE = Path("src/order_service")
SUITE = ["-x", "-q", "-p", "no:cacheprovider"]
SUITE += ["-p", "pytest_asyncio.plugin"]  # what else there is would be imported
LIBRARIES = [  # to import them takes longer than most suites need to find the bug
    *("alembic.command", "asyncpg", "dependency_injector.providers"),
    *("importlinter.application.use_cases", "pydantic_settings", "pytest"),
    *("sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy.ext.asyncio"),
]
HTTP_LIBRARIES = [
    *("fastapi", "httpx", "opentelemetry.instrumentation.asyncpg"),
    *("opentelemetry.sdk.metrics.export", "opentelemetry.sdk.trace.export"),
    *("structlog", "uvicorn"),
]
NURSERY = """
import gc, json, os, signal, sys
from importlib import import_module

for name in sys.argv[1:]:
    import_module(name)
gc.freeze()
for line in sys.stdin:
    order = json.loads(line)
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    signal.alarm(order["seconds"])
    os.chdir(order["folder"])
    os.environ |= {"PYTHONPATH": "src", "TEST_DATABASE_URL": order["server"]}
    sys.path[0:1] = [order["folder"], os.path.join(order["folder"], "src")]
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, target in enumerate([nothing, said, said]):
        os.dup2(target, stream)
    import pytest

    sys.exit(pytest.main(order["arguments"]))
"""
LONGEST = 90  # seconds of a suite, then it hangs
AT_ONCE = os.cpu_count() or 1
FAILED = re.compile(r"^(?:FAILED|ERROR) (?:\S+::)?([^\s\[]+)", re.MULTILINE)
LOST = re.compile(r"^E +fixture '\w+' not found", re.MULTILINE)


class Mutant(NamedTuple):
    """One bug: in a file, this text stands for that one.

    The old text must occur once. Where it occurs more often, it is the first one
    behind the text of `after`, which must then occur once.
    """

    name: str
    file: str
    old: str
    new: str
    after: str = ""


class Outdated(Exception):  # noqa: N818
    """A mutant does not fit the code any more; the message says which, and why."""


class Outcome(NamedTuple):
    """How a suite ended: where it failed first, or nowhere."""

    failure: str
    seconds: float


# A bug is a few lines: its name and file, what stood there, and what stands there.
# fmt: off
DOMAIN = [
    Mutant("a text may be one character too long", "domain/values.py",
           "if len(value) > longest:", "if len(value) > longest + 1:"),
    Mutant("a text may hold NUL", "domain/values.py",
           r'"\0" in value or ', ""),
    Mutant("a text may hold half a character", "domain/values.py",
           "SURROGATE.search(value)", "None"),
    Mutant("a decimal may have places more", "domain/values.py",
           "_step(places), ", "_step(places + 1), "),
    Mutant("a decimal has 28 digits at most", "domain/values.py",
           "ROUND_DOWN, WIDE)", "ROUND_DOWN)"),
    Mutant("a decimal is rounded up to be compared", "domain/values.py",
           "ROUND_DOWN, WIDE)", "None, WIDE)"),
    Mutant("an integer may be its limit", "domain/values.py",
           "-limit <= value < limit", "-limit <= value <= limit"),
    Mutant("an e-mail address may have a tail", "domain/email.py",
           "_ADDRESS.fullmatch(", "_ADDRESS.match("),
    Mutant("a change of a customer is not checked", "domain/customer.py",
           "        replace(\n            self,\n            email=email,\n"
           "            name=name,\n        )._checked()\n", ""),
    Mutant("a change leaves the status", "domain/order.py",
           "self.status = status", "pass"),
    Mutant("a change leaves the customer", "domain/order.py",
           "self.customer_id = customer_id", "pass"),
    Mutant("a new order has no tags", "domain/order.py",
           "tag_ids=tag_ids,", "tag_ids=frozenset(),", after="id=OrderId(0),"),
    Mutant("a new line comes first", "domain/order.py",
           "self.lines = (*self.lines, order_line)",
           "self.lines = (order_line, *self.lines)"),
    Mutant("every equal line is removed", "domain/order.py",
           "rest.remove(order_line)",
           "rest = [one for one in rest if one != order_line]"),
    Mutant("the domain imports SQLAlchemy", "domain/paging.py",
           "from typing import",
           "import sqlalchemy  # noqa: F401\nfrom typing import"),
]
APPLICATION = [
    Mutant("a new order is not committed", "application/order.py",
           "await uow.commit()", "pass", after="await uow.orders.add(order)"),
    Mutant("a new order forgets its tags", "application/order.py",
           "tag_ids=command.tag_ids,", "", after="order = Order.create("),
    Mutant("a change keeps the tags", "application/order.py",
           "tag_ids=command.tag_ids,", "tag_ids=order.tag_ids,",
           after="order.change("),
    Mutant("an update is not committed", "application/order.py",
           "await uow.commit()", "pass", after="await uow.orders.save(order)"),
    Mutant("an update is committed twice", "application/order.py",
           "await uow.commit()", "await uow.commit(); await uow.commit()",
           after="await uow.orders.save(order)"),
    Mutant("an update is not saved", "application/order.py",
           "await uow.orders.save(order)", "pass"),
    Mutant("an update only reads", "application/order.py",
           "self._unit_of_work()", "self._unit_of_work(read_only=True)",
           after="async def update("),
    Mutant("a page is read to be written", "application/order.py",
           "read_only=True", "", after="async def list_page("),
    Mutant("an update answers with what was asked for", "application/order.py",
           "from_domain(order)",
           "model_validate({**vars(command), 'id': order_id, 'version': 1})",
           after="await uow.orders.save(order)"),
    Mutant("an update is not retried", "application/order.py",
           "@retried\n    async def update(", "async def update("),
    Mutant("a use case is not tried again", "application/retries.py",
           "range(ATTEMPTS - 1)", "range(0)"),
    Mutant("a use case is tried for ever", "application/retries.py",
           "for attempt in range(ATTEMPTS - 1):", "while attempt := 1:"),
    Mutant("whatever failed is tried again", "application/retries.py",
           "except (TransactionConflict, ConcurrentUpdate):", "except Exception:"),
    Mutant("who loses a race is told", "application/retries.py",
           "except (TransactionConflict, ConcurrentUpdate):",
           "except TransactionConflict:"),
    Mutant("what the caller has to know is tried again", "application/retries.py",
           "            except StaleVersion:\n                raise\n", ""),
    Mutant("nobody waits before the next attempt", "application/retries.py",
           "JITTER.uniform(0, longest_wait)", "0"),
    Mutant("a page may be ten times as long", "application/messages/base.py",
           "le=100", "le=1000", after="class PageQuery"),
    Mutant("a slice may be empty", "application/messages/base.py",
           "ge=1", "ge=0", after="class SliceQuery"),
    Mutant("a command takes whatever it is given", "application/messages/base.py",
           'extra="forbid"', 'extra="ignore"'),
    Mutant("a bad command shows what was given", "application/messages/base.py",
           "hide_input_in_errors=True", "hide_input_in_errors=False"),
    Mutant("a command takes a name too long", "application/messages/customer.py",
           "max_length=255", "max_length=256", after="class UpdateCustomer"),
]
MAPPERS = [
    Mutant("a status is not written", "infrastructure/mappers/order.py",
           "model.status = order.status", "model.status = 'open'"),
    Mutant("a row takes the version of who is written over it",
           "infrastructure/mappers/order.py",
           "model.status = order.status",
           "model.version, model.status = order.version, order.status"),
    Mutant("a version is not read", "infrastructure/mappers/order.py",
           "version=model.version", "version=1"),
    Mutant("a mapper forgets the version", "infrastructure/mappers/order.py",
           "version=order.version", "version=1"),
    Mutant("the lines are written backwards", "infrastructure/mappers/order.py",
           "enumerate(order.lines)", "enumerate(order.lines[::-1])"),
    Mutant("the quantity of a line is lost", "infrastructure/mappers/order.py",
           "quantity=order_line.quantity", "quantity=1"),
    Mutant("a value object is read as text", "infrastructure/models/types.py",
           "else Email(value)", "else value"),
]
MODELS = [
    Mutant("constraints have no names", "infrastructure/models/base.py",
           '"fk": "fk_%(table_name)s_%(column_0_N_name)s",', ""),
    Mutant("texts are shorter than the rules", "infrastructure/models/base.py",
           "str: String(255)", "str: String(200)"),
    Mutant("times have no zone", "infrastructure/models/base.py",
           "DateTime(timezone=True)", "DateTime()"),
    Mutant("an enum is kept by its names", "infrastructure/models/base.py",
           "            values_callable=_values,\n", ""),
    Mutant("SQLAlchemy moves the version too", "infrastructure/models/base.py",
           '"version_id_generator": False,', ""),
    Mutant("a version is not compared by the ORM", "infrastructure/models/base.py",
           '"version_id_col": cls.version,', ""),
    Mutant("what the database makes is not read", "infrastructure/models/base.py",
           '{"eager_defaults": True}', '{"eager_defaults": False}'),
    Mutant("a save leaves the time of the row", "infrastructure/models/base.py",
           "        onupdate=func.now(),\n", ""),
    Mutant("the time of a row is read in vain", "infrastructure/models/base.py",
           "        deferred=True,\n        deferred_raiseload=True,\n", ""),
    Mutant("a removed row is still active", "infrastructure/models/base.py",
           "self.is_active = False", "pass"),
    Mutant("a removed row keeps its e-mail address",
           "infrastructure/models/customer.py",
           'postgresql_where=text("is_active"),', ""),
    Mutant("a foreign key has no index", "infrastructure/models/order.py",
           'ForeignKey("customers.id", ondelete="RESTRICT"), index=True',
           'ForeignKey("customers.id", ondelete="RESTRICT")'),
    Mutant("a deleted customer takes its orders along",
           "infrastructure/models/order.py",
           'ForeignKey("customers.id", ondelete="RESTRICT")',
           'ForeignKey("customers.id", ondelete="CASCADE")'),
    Mutant("a relationship is loaded by a touch", "infrastructure/models/order.py",
           'lazy="raise"', 'lazy="select"', after="customer: Mapped["),
    Mutant("the lines come in no order", "infrastructure/models/order.py",
           "        order_by=OrderLineModel.position,\n", ""),
    Mutant("lines stay behind without an order", "infrastructure/models/order.py",
           'cascade="all, delete-orphan"', 'cascade="all"'),
    Mutant("a migration forgets an index",
           "infrastructure/migrations/versions/0002_create_order.py",
           '    op.create_index(op.f("ix_orders_customer_id"), "orders", '
           '["customer_id"])\n', ""),
    Mutant("a migration is not taken back whole",
           "infrastructure/migrations/versions/0003_create_tag.py",
           '    op.drop_table("order_tags")\n', ""),
]
REPOSITORIES = [
    Mutant("the last rows with arrays are left out",
           "infrastructure/repositories/base.py",
           "range(0, len(rows), AT_ONCE)", "range(0, len(rows) - 1, AT_ONCE)"),
    Mutant("an absent decimal is a text", "infrastructure/statements.py",
           "None if value is None else str(value)", "str(value)"),
    Mutant("a decimal is what people are shown", "infrastructure/statements.py",
           "Decimal.__str__(value)", "str(value)"),
    Mutant("a float is rounded to be written", "infrastructure/statements.py",
           "str(Decimal(value))", "str(value)"),
    Mutant("a decimal of ones own is not converted", "infrastructure/statements.py",
           "(lambda value: _as_text(convert(value))) if convert else _as_text",
           "_as_text"),
    Mutant("identities come in any order", "infrastructure/repositories/base.py",
           'sorted(made, key=attrgetter("id"))', "made[::-1]"),
    Mutant("of many, one moves on", "infrastructure/repositories/base.py",
           "if model.id not in written:", "if not written:"),
    Mutant("a version does not move", "infrastructure/statements.py",
           'columns["version"] + literal_column("1")', 'columns["version"]'),
    Mutant("a version is not compared on reading",
           "infrastructure/repositories/base.py",
           "or model.version != one.version", ""),
    Mutant("a version is not compared on writing", "infrastructure/statements.py",
           "for name, column in keys.items()]",
           'for name, column in keys.items() if name == "_id"]',
           after="def _is_read("),
    Mutant("a row may be saved twice at once", "infrastructure/repositories/base.py",
           "or one.id in models", ""),
    Mutant("a conflict of many is not marked", "infrastructure/repositories/base.py",
           "await self._session.fail()  #", "pass  #"),
    Mutant("a new time of the row is not read", "infrastructure/statements.py",
           '"version": columns["version"], **made}', '"version": columns["version"]}'),
    Mutant("a removed row is deleted", "infrastructure/repositories/base.py",
           "if issubclass(self.model_class, SoftDeleteMixin):", "if False:"),
    Mutant("a removal is not written", "infrastructure/repositories/base.py",
           "await self._update(names, models, is_whole=True)", "pass"),
    Mutant("a removal has no time", "infrastructure/repositories/base.py",
           'names = ("deleted_at", "is_active")', 'names = ("is_active",)'),
    Mutant("what was read is not held", "infrastructure/repositories/base.py",
           "self._keep(models)", "pass", after="async def _read("),
    Mutant("what is new is not held", "infrastructure/repositories/base.py",
           "self._keep(models)", "pass", after="async def create("),
    Mutant("what was changed is not held", "infrastructure/repositories/base.py",
           "self._keep(models)", "pass", after="async def update("),
    Mutant("what was removed is held", "infrastructure/repositories/base.py",
           "self._known.pop(model.id, None)", "pass"),
    Mutant("a failed savepoint is not heeded", "infrastructure/session.py",
           "session.forget()", "pass", after="def _after_rollback("),
    Mutant("a rollback leaves what was read", "infrastructure/session.py",
           "self.known.clear()", "pass"),
    Mutant("a rollback leaves what waits", "infrastructure/session.py",
           "self.waiting = None", "pass", after="def forget("),
    Mutant("what is left is written later", "infrastructure/session.py",
           "        self.forget()\n", "", after="def give_back("),
    Mutant("what waits in what waits is forgotten", "infrastructure/session.py",
           "while waiting := self.waiting:", "if waiting := self.waiting:"),
    Mutant("what waits may end half way", "infrastructure/session.py",
           'self.pooled.info["failed"] = True', "pass"),
    Mutant("another task takes what waits", "infrastructure/session.py",
           "refuse_misuse(self)", "pass", after="async def write_waiting("),
    Mutant("more follows what is whole", "infrastructure/session.py",
           "if session.is_kept:", "if False:"),
    Mutant("a commit leaves what the ORM has not joined", "infrastructure/session.py",
           '        if (pooled := session.pooled) and "begun" in pooled.info:',
           '        elif (pooled := session.pooled) and "begun" in pooled.info:'),
    Mutant("a save does not see what waits", "infrastructure/repositories/base.py",
           "await self._session.direct()", "pass",
           after="async def get_versions("),
    Mutant("a read does not see what waits", "infrastructure/session.py",
           "await session.write_waiting()", "pass", after="async def direct("),
    Mutant("the ORM does not see what waits", "infrastructure/session.py",
           "adapted.run_async(self.write_waiting)", "pass"),
    Mutant("a commit forgets what waits", "infrastructure/session.py",
           "await session.write_waiting()", "pass", after="async def commit("),
    Mutant("a flush leaves what waits", "infrastructure/session.py",
           "await self.direct()", "pass", after="async def flush("),
    Mutant("what waits takes the place of another", "infrastructure/session.py",
           "await self.direct()", "pass", after="async def postpone("),
    Mutant("who only reads learns it late", "infrastructure/session.py",
           "if self._inner.is_read_only:", "if False:"),
    Mutant("one write needs a transaction", "infrastructure/session.py",
           "commits = is_whole and session.is_last", "commits = False"),
    Mutant("half of a write is kept", "infrastructure/session.py",
           "commits = is_whole and session.is_last", "commits = session.is_last"),
    Mutant("what is written before the end is kept", "infrastructure/session.py",
           "commits = is_whole and session.is_last", "commits = is_whole"),
    Mutant("what the ORM writes is kept apart", "infrastructure/session.py",
           " or self.in_transaction()\n", "\n", after="async def commit("),
    Mutant("behind PgBouncer one write is not limited", "infrastructure/session.py",
           "has_begun or session.limits or ", "has_begun or "),
    Mutant("a conflict of many is half kept", "infrastructure/repositories/base.py",
           "self._session.write(many, arrays)",
           "self._session.write(many, arrays, is_whole=is_whole)"),
    Mutant("a row is kept without its parts", "infrastructure/repositories/base.py",
           "is_whole=not has_parts", "is_whole=True"),
    Mutant("a change is kept without its parts", "infrastructure/repositories/base.py",
           "is_whole=not has_others", "is_whole=True"),
    Mutant("what waits is kept as it is then", "infrastructure/repositories/base.py",
           "await write(*models)", "models[:] = map(to_model, written)\n"
           "            await write(*models)"),
    Mutant("what was taken out moves on", "infrastructure/repositories/base.py",
           "if model.id in known:", "if True:"),
    Mutant("a removal does not see what waits", "infrastructure/repositories/base.py",
           "await self._session.direct()", "pass", after="async def later("),
    Mutant("a reference is not locked", "infrastructure/statements.py",
           ".with_for_update(read=shared)", ""),
    Mutant("a reference is locked for oneself", "infrastructure/statements.py",
           ".with_for_update(read=shared)", ".with_for_update()"),
    Mutant("references are locked in any order", "infrastructure/statements.py",
           "rows = "
           "_rows(model_class).where(_is_one(model_class.id)).order_by(model_class.id)",
           "rows = _rows(model_class).where(_is_one(model_class.id))"),
    Mutant("a reference may lead nowhere", "infrastructure/repositories/base.py",
           "if key not in found]:", "if key < 0]:"),
    Mutant("what goes out is locked for others", "infrastructure/statements.py",
           ".with_for_update(read=shared)", ".with_for_update(read=True)"),
    Mutant("a page comes in no order", "infrastructure/statements.py",
           "_rows(model_class, shape).order_by(model_class.id)",
           "_rows(model_class, shape).order_by(model_class.id.desc())"),
    Mutant("a page of conditions comes in no order",
           "infrastructure/repositories/base.py",
           "in_order = rows.order_by(self.model_class.id)",
           "in_order = rows.order_by(self.model_class.id.desc())"),
    Mutant("a page has no end", "infrastructure/statements.py",
           '.limit(_number("_limit"))', "", after="def paging("),
    Mutant("a page begins with the first", "infrastructure/statements.py",
           '.offset(_number("_offset"))', ""),
    Mutant("a page of conditions has no end", "infrastructure/repositories/base.py",
           "in_order.offset(offset).limit(limit)", "in_order.offset(offset)"),
    Mutant("what has the values need not meet the conditions",
           "infrastructure/repositories/base.py",
           "*conditions, *statements.having(model_class, values)",
           "*statements.having(model_class, values)"),
    Mutant("what meets the conditions need not have the values",
           "infrastructure/repositories/base.py",
           "*conditions, *statements.having(model_class, values)", "*conditions"),
    Mutant("a slice begins with the last before", "infrastructure/statements.py",
           'model_class.id > _number("_after")', 'model_class.id >= _number("_after")'),
    Mutant("a slice comes in no order", "infrastructure/statements.py",
           'rows.order_by(model_class.id).limit(_number("_limit"))',
           'rows.order_by(model_class.id.desc()).limit(_number("_limit"))'),
    Mutant("the others exist", "infrastructure/repositories/base.py",
           "rows = _meeting(model_class,", "rows = _meeting(self.model_class,"),
    Mutant("the parts of an aggregate are not read",
           "infrastructure/repositories/base.py",
           "for relation in map(_relation_of, parts) if models else ():",
           "for relation in ():"),
    Mutant("the parts of what is referred to are not read",
           "infrastructure/repositories/base.py",
           "[other] if other else []", "[]"),
    Mutant("what refers to a hidden one is not found", "infrastructure/statements.py",
           ".outerjoin(joined)", ".join(joined)"),
    Mutant("what refers to itself is what it refers to",
           "infrastructure/statements.py",
           "both += [getattr(other, key) for key in others]",
           "both += [getattr(other_class, key) for key in others]"),
    Mutant("a part that breaks a rule is taken in", "domain/order.py",
           "replace(self, lines=(*self.lines, order_line))._checked()", "pass"),
    Mutant("a part goes though that breaks a rule", "domain/order.py",
           "replace(self, lines=tuple(rest))._checked()", "pass"),
    Mutant("what each update makes anew is old", "infrastructure/statements.py",
           "one(None) if callable(one) else one for key, one in new",
           "None for key, one in new"),
    Mutant("all are linked with it", "infrastructure/statements.py",
           ".any(other.id == identity)", ".any()"),
    Mutant("the parts of an aggregate are not loaded",
           "infrastructure/repositories/base.py",
           ".options(*_loading(self.parts))", ""),
    Mutant("the parts of another are read", "infrastructure/repositories/base.py",
           "read[model.id])", "read[models[0].id])"),
    Mutant("parts that are the same are written", "infrastructure/repositories/base.py",
           "return len(new) != len(old) or any(map(are_others, new, old))",
           "return True"),
    Mutant("parts are not compared with those before",
           "infrastructure/repositories/base.py",
           "len(new) != len(old) or any(map(are_others, new, old))",
           "len(new) != len(old)"),
    Mutant("parts that go are not missed", "infrastructure/repositories/base.py",
           "len(new) != len(old) or any(map(are_others, new, old))",
           "any(map(are_others, new, old))"),
    Mutant("a row that was changed tells what was read",
           "infrastructure/repositories/base.py",
           "return None if known is model else known", "return known"),
    Mutant("a row that nobody read has its parts",
           "infrastructure/repositories/base.py",
           "if before is None:\n                return True",
           "if before is None:\n                return False"),
    Mutant("new parts are added to those before", "infrastructure/repositories/base.py",
           "await self._session.write(statements.disowning(relation), keys)", "pass"),
    Mutant("the parts of all are removed", "infrastructure/statements.py",
           "delete(owner.table).where(_is_one(owner))", "delete(owner.table)"),
    Mutant("a change loses the parts", "infrastructure/repositories/base.py",
           "await self._insert_parts(relation, models)", "pass",
           after="async def _replace_parts("),
    Mutant("a new row has no parts", "infrastructure/repositories/base.py",
           "await self._insert_parts(relation, models)", "pass",
           after="async def create("),
    Mutant("a new row has no links", "infrastructure/repositories/base.py",
           "await self._write_links(statements.linking(relation), links)", "pass"),
    Mutant("what is linked is linked again", "infrastructure/repositories/base.py",
           "return before - after, after - before", "return before - after, after"),
    Mutant("what was linked stays linked", "infrastructure/repositories/base.py",
           "return before - after, after - before",
           "return set(), after - before"),
    Mutant("a save forgets the links", "infrastructure/repositories/base.py",
           "kept | values_of(model)", "values_of(model)"),
    Mutant("links of others end too", "infrastructure/statements.py",
           'are_linked = (owner == given.c["_owner"], other == given.c["_other"])',
           'are_linked = (other == given.c["_other"],)'),
    Mutant("every link of an owner ends", "infrastructure/statements.py",
           'are_linked = (owner == given.c["_owner"], other == given.c["_other"])',
           'are_linked = (owner == given.c["_owner"],)'),
    Mutant("what is absent is a value", "infrastructure/statements.py",
           "(name, value is None)", "(name, False)"),
    Mutant("what was read before is not read again",
           "infrastructure/repositories/base.py",
           "populate_existing=True", "populate_existing=False"),
    Mutant("a new one gets no identity", "infrastructure/repositories/base.py",
           "one.id, one.version = model.id, model.version",
           "one.version = model.version"),
    Mutant("a save leaves the tags", "infrastructure/mappers/order.py",
           "model.tags = [row_of(TagModel, id=other) for other in order.tag_ids]",
           "pass"),
    Mutant("a saved reference is not checked", "infrastructure/repositories/order.py",
           "{one.customer_id for one in orders},", "set(),"),
    Mutant("a slice tells of no more", "infrastructure/repositories/order.py",
           "self.get_after(order_id, limit + 1)", "self.get_after(order_id, limit)"),
    Mutant("a full slice tells of more", "infrastructure/repositories/order.py",
           "len(models) > limit", "len(models) >= limit"),
    Mutant("a customer goes out unlocked", "infrastructure/repositories/customer.py",
           "await self.lock(customer.id)", "pass"),
    Mutant("a customer leaves its orders", "infrastructure/repositories/customer.py",
           "await self.refuse_referenced(OrderModel, customer_id=customer.id)", "pass"),
]
STATEMENTS = [
    Mutant("a statement is one for each length", "infrastructure/statements.py",
           "if compiled.post_compile_params:", "if False:"),
    Mutant("an array cuts what is too long", "infrastructure/statements.py",
           "        kind = String()\n", "        pass\n"),
    Mutant("an array that is a value cuts what is too long",
           "infrastructure/statements.py",
           "item = String() if type(kind.item_type) is String else _sent(",
           "item = (lambda same: same)("),
    Mutant("a number is rounded to be found", "infrastructure/statements.py",
           "return Numeric() if _is_exact(kind) else kind", "return kind"),
    Mutant("what the database begins with is lost", "infrastructure/statements.py",
           "return is_key or column.identity",
           "return is_key or _is_begun(column) or column.identity"),
    Mutant("what the database renews is written", "infrastructure/statements.py",
           'if key not in renewed | {"version"}', 'if key != "version"'),
    Mutant("the driver forgets what its rows are", "infrastructure/statements.py",
           "if records and not isinstance(records[0], self.row_class):", "if False:"),
    Mutant("a friend is hidden in vain", "infrastructure/statements.py",
           "attribute.of_type(other).any(other.id == identity)",
           "attribute.any(attribute.property.mapper.class_.id == identity)"),
    Mutant("of two with a name the second is lost", "infrastructure/statements.py",
           "if name in names[:place] else name", "if not name else name"),
    Mutant("rows are written in another order", "infrastructure/statements.py",
           '.order_by(given.c["_place"])', '.order_by(given.c["_place"].desc())'),
    Mutant("many rows are made of values as they are", "infrastructure/statements.py",
           "_for_all(each[key])", "None"),
    Mutant("one row is made of values as they are", "infrastructure/statements.py",
           "(name, _to_driver(compiled.binds[name].type))", "(name, None)"),
    Mutant("values are read as they are", "infrastructure/statements.py",
           "_converted(place, convert) if convert else itemgetter(place)",
           "itemgetter(place)"),
    Mutant("a decimal is read as a float is", "infrastructure/statements.py",
           "oid = FLOAT8 if isinstance(kind, Float) else NUMERIC", "oid = FLOAT8"),
    Mutant("arrays are written as rows", "infrastructure/statements.py",
           "_is_array(_plain(one.type))", "not one"),
    Mutant("arrays of a type of one's own are written as rows",
           "infrastructure/statements.py",
           "_is_array(_plain(one.type))", "_is_array(one.type)"),
    Mutant("constants are not sent", "infrastructure/statements.py",
           "if self._constants:", "if False:"),
    Mutant("a default takes the place of what is given", "infrastructure/statements.py",
           "constants.keys() - own", "constants"),
    Mutant("of many, who gives no value has no default", "infrastructure/statements.py",
           "for key in constants.keys() & given:", "for key in ():"),
    Mutant("a new row has no defaults", "infrastructure/statements.py",
           'getattr(one.default, "arg", None)', "None"),
    Mutant("what the database makes is written", "infrastructure/statements.py",
           "if not _is_made(one)}", "}"),
    Mutant("the parts are read in no order", "infrastructure/statements.py",
           ".order_by(*relation.order_by or ())", ""),
    Mutant("links lead to what is hidden", "infrastructure/statements.py",
           "rows = select(owner, target.id).join_from(owner.table, "
           "target, target.id == other)",
           "rows = select(owner, other)"),
    Mutant("a deletion passes over the version", "infrastructure/statements.py",
           "one = rows.where(*_is_read(columns, values))",
           "one = rows.where(*_is_read(columns, values)[:1])"),
    Mutant("a deletion of many passes over the versions",
           "infrastructure/statements.py",
           "many = rows.where(*_is_read(columns, _given(keys).c))",
           "many = rows.where(*_is_read(columns, _given(keys).c)[:1])"),
    Mutant("any row exists", "infrastructure/statements.py",
           "_telling(_rows(model_class, shape).limit(one), one)",
           "_telling(_rows(model_class).limit(one), one)"),
    Mutant("all rows are counted", "infrastructure/statements.py",
           "_telling(_rows(model_class, shape), func.count())",
           "_telling(_rows(model_class), func.count())"),
]
SESSIONS = [
    Mutant("hidden rows are seen", "infrastructure/session.py",
           "state.statement = state.statement.options(VISIBLE)", "pass"),
    Mutant("hidden rows are seen by the driver", "infrastructure/statements.py",
           "visible.options(VISIBLE).compile(", "visible.compile("),
    Mutant("hidden rows are updated", "infrastructure/session.py",
           "if not (is_asked_for", "if state.is_select and not (is_asked_for"),
    Mutant("hidden rows are seen by another name", "infrastructure/statements.py",
           "include_aliases=True", "include_aliases=False"),
    Mutant("two tasks share a session to read", "infrastructure/session.py",
           "_refuse_use(state.session)", "pass"),
    Mutant("two tasks share a session to write", "infrastructure/session.py",
           "_refuse_use(session)", "pass", after="def _before_flush("),
    Mutant("a broken connection is asked again", "infrastructure/session.py",
           "if session.connection().invalidated:", "if False:"),
    Mutant("a session is used after its commit", "infrastructure/session.py",
           'session.info["task"] = None', "pass"),
    Mutant("a failed transaction goes on", "infrastructure/session.py",
           "if not session.is_active:", "if False:"),
    Mutant("a read flushes", "infrastructure/database.py",
           "autoflush=False", "autoflush=True"),
    Mutant("a commit expires what was read", "infrastructure/database.py",
           "expire_on_commit=False", "expire_on_commit=True"),
    Mutant("sessions are those of SQLAlchemy", "infrastructure/database.py",
           "        class_=DirectSession,\n", ""),
    Mutant("who reads may write", "infrastructure/session.py",
           "self._inner.is_read_only = True", "pass"),
    Mutant("a missing server is no error of ours", "infrastructure/session.py",
           "with reaching(engine.url):", "if engine:"),
    Mutant("a commit only flushes", "infrastructure/unit_of_work.py",
           "await self._session.commit()", "await self._session.flush()"),
    Mutant("a lost commit is unavailable", "infrastructure/failures.py",
           "isinstance(translated, TimedOut | Unavailable) and",
           "isinstance(translated, TimedOut) and"),
    Mutant("a slow commit timed out", "infrastructure/failures.py",
           "isinstance(translated, TimedOut | Unavailable) and",
           "isinstance(translated, Unavailable) and"),
    Mutant("what was given up is unknown", "infrastructure/failures.py",
           " and not is_told", ""),
    Mutant("what was lost before is unknown", "infrastructure/failures.py",
           "if commits and isinstance", "if isinstance"),
    Mutant("a lost commit of one write is unavailable", "infrastructure/session.py",
           "commits=commits", "commits=False", after="async def write("),
    Mutant("a lost commit of the driver's is unavailable",
           "infrastructure/session.py",
           '"COMMIT", commits=True', '"COMMIT"'),
    Mutant("a lost commit of the ORM's is unavailable", "infrastructure/failures.py",
           "raise failure(error, pooled, commits=True)",
           "raise failure(error, pooled, commits=False)"),
    Mutant("another task may commit", "infrastructure/unit_of_work.py",
           "refuse_misuse(self._session.sync_session)", "pass",
           after="async def commit("),
    Mutant("what waits goes with a savepoint", "infrastructure/unit_of_work.py",
           "await self._session.direct()  # what", "pass  # what"),
    Mutant("a savepoint undoes nothing", "infrastructure/unit_of_work.py",
           "async with self._session.begin_nested():", "if self._session:"),
    Mutant("a session is left open", "infrastructure/unit_of_work.py",
           "await self._session.__aexit__(exc_type, exc, traceback)", "pass"),
    Mutant("a write of the driver's begins nothing", "infrastructure/session.py",
           "await self._begin(pooled)", "pass", after="async def write("),
    Mutant("each statement begins", "infrastructure/session.py",
           "if driver.is_in_transaction():", "if False:"),
    Mutant("what began is not noted", "infrastructure/session.py",
           'pooled.info["begun"] = True', "pass"),
    Mutant("what the ORM began is not noted", "infrastructure/failures.py",
           'connection.info["begun"] = True', "pass"),
    Mutant("the ORM begins nothing", "infrastructure/failures.py",
           "connection.exec_driver_sql(begin_with)", "pass"),
    Mutant("the ORM does not commit", "infrastructure/failures.py",
           "    _refuse_failed(connection)\n    commit(connection.connection)\n",
           "    _refuse_failed(connection)\n"),
    Mutant("the ORM does not roll back", "infrastructure/failures.py",
           '        "rollback": _before_rollback,\n', ""),
    Mutant("nobody waits for a connection", "infrastructure/session.py",
           "await turns.wait()", "pass"),
    Mutant("what is idle is taken by a greenlet", "infrastructure/session.py",
           "if idle := turns.take_idle(self._inner.open):", "if idle := None:"),
    Mutant("what was idle is given back by a greenlet", "infrastructure/session.py",
           "elif self._inner.joined or not self._inner.turns.has_room:", "elif True:"),
    Mutant("one too many is closed without a greenlet", "infrastructure/session.py",
           "elif self._inner.joined or not self._inner.turns.has_room:",
           "elif self._inner.joined:"),
    Mutant("a pool that pings is asked at once", "infrastructure/turns.py",
           "if self._pings or not", "if not"),
    Mutant("an empty pool is asked at once", "infrastructure/turns.py",
           "raise WouldConnect", "pass"),
    Mutant("nobody connects any more", "infrastructure/turns.py",
           "self._may_connect = True", "pass", after="return None\n        finally"),
    Mutant("who comes later goes first", "infrastructure/turns.py",
           "if not self._waiting and self._pool", "if self._pool"),
    Mutant("a free connection is for nobody", "infrastructure/turns.py",
           "turn.set_result(None)", "pass"),
    Mutant("who has no patience left fails", "infrastructure/turns.py",
           "with suppress(TimeoutError):", "with suppress():"),
    Mutant("who has waited is waited for", "infrastructure/turns.py",
           "self._waiting.remove(turn)", "pass"),
    Mutant("the driver's commit is none", "infrastructure/session.py",
           'answer = await self._send(pooled, "COMMIT", commits=True)',
           'answer = "COMMIT"'),
    Mutant("a commit passes over a conflict", "infrastructure/session.py",
           "refuse_failed(session.pooled)", "pass"),
    Mutant("nobody hears what a commit answers", "infrastructure/failures.py",
           'if answer != "COMMIT":', "if False:"),
    Mutant("a commit is ended by a rollback", "infrastructure/failures.py",
           '    del pooled.info["begun"]\n', ""),
    Mutant("a rollback of the driver's is none", "infrastructure/failures.py",
           '_run(pooled, "ROLLBACK")', "pass"),
    Mutant("a rollback leaves the transaction", "infrastructure/session.py",
           "await self.run_sync(lambda _: roll_back(pooled))",
           "pass",
           after="async def rollback("),
    Mutant("what only read keeps its connection", "infrastructure/session.py",
           "        else:\n            self._inner.give_back()\n", ""),
    Mutant("a second connection is taken", "infrastructure/session.py",
           "if self.pooled is None:",
           "if True:",
           after="Take a connection from the pool, unless"),
    Mutant("a savepoint begins with the ORM", "infrastructure/session.py",
           "        session.connection()\n",
           "        pass\n",
           after="def _after_begin("),
    Mutant("two tasks share a session of the driver's", "infrastructure/session.py",
           "refuse_misuse(session)", "pass", after="async def direct("),
    Mutant("the driver goes on after an error", "infrastructure/session.py",
           "        refuse_failed(pooled)\n        return pooled",
           "        return pooled"),
    Mutant("a unit of work is used when it is over", "infrastructure/unit_of_work.py",
           "end_use(self._session.sync_session)",
           "pass",
           after="exc_type, exc, traceback)"),
]
CONNECTIONS = [
    Mutant("a pool is as large as its overflow", "infrastructure/database.py",
           "pool_size=settings.database_pool_size",
           "pool_size=settings.database_max_overflow"),
    Mutant("a connection is not tried", "infrastructure/database.py",
           "        pool_pre_ping=settings.database_pool_pre_ping,\n", ""),
    Mutant("errors show what was sent", "infrastructure/database.py",
           "        hide_parameters=True,\n", "", after="connect_args=arguments"),
    Mutant("nobody watches the engine", "infrastructure/database.py",
           "    watch(engine)\n", ""),
    Mutant("a statement is not limited", "infrastructure/database.py",
           '"statement_timeout": f"{settings.database_statement_timeout}s",', ""),
    Mutant("an idle transaction is not limited", "infrastructure/database.py",
           '"idle_in_transaction_session_timeout": '
           'f"{settings.database_idle_timeout}s",', ""),
    Mutant("an answer is waited for for ever", "infrastructure/database.py",
           'arguments["command_timeout"] = settings.database_command_timeout', "pass"),
    Mutant("a connection is waited for for ever", "infrastructure/database.py",
           '{"timeout": settings.database_connect_timeout}', "{}"),
    Mutant("PgBouncer is sent what it refuses", "infrastructure/database.py",
           '    else:\n        arguments["server_settings"] = limits',
           '    if True:\n        arguments["server_settings"] = limits'),
    Mutant("behind PgBouncer nothing is limited", "infrastructure/database.py",
           "options[LIMITS] = _to_set(limits)", "pass"),
    Mutant("behind PgBouncer no read is limited", "infrastructure/session.py",
           "if self._inner.limits:", "if False:"),
    Mutant("behind PgBouncer no write is limited", "infrastructure/session.py",
           'f"{session.begin_with}; {session.limits}"', "session.begin_with"),
    Mutant("behind PgBouncer the ORM is not limited", "infrastructure/failures.py",
           "connection.exec_driver_sql(options[LIMITS])", "pass"),
    Mutant("limits stay behind PgBouncer", "infrastructure/database.py",
           "'{limit}', true)", "'{limit}', false)"),
    Mutant("statements stay behind PgBouncer", "infrastructure/database.py",
           'arguments |= {"statement_cache_size": 0, '
           '"prepared_statement_cache_size": 0}', "pass"),
    Mutant("migrations are not committed", "infrastructure/database.py",
           "reach(engine) as connection, connection.begin()",
           "reach(engine) as connection"),
    Mutant("migrations do not wait for each other", "infrastructure/database.py",
           "await connection.execute(select(func.pg_advisory_xact_lock(LOCK)))",
           "pass"),
    Mutant("the end of a wait is no error of ours", "infrastructure/database.py",
           "with reaching(engine.url):", "if engine:", after="async def connect("),
    Mutant("a check without a server is no error of ours",
           "infrastructure/database.py",
           "with reaching(engine.url):", "if engine:", after="async def reach("),
    Mutant("the last migration is named first", "infrastructure/schema.py",
           "lacking][::-1]", "lacking]"),
    Mutant("a newer schema is unknown", "infrastructure/schema.py",
           "if not known.issuperset(applied):", "if False:"),
    Mutant("a newer schema is brought up to date", "infrastructure/schema.py",
           "if missing:", "if True:"),
    Mutant("migrations have a limit of time", "infrastructure/database.py",
           "connect_args=_to_connect(settings)",
           "connect_args={**_to_connect(settings), 'server_settings': "
           "{'statement_timeout': '30s'}}"),
    Mutant("a wrong setting shows the password", "settings.py",
           "hide_input_in_errors=True", "hide_input_in_errors=False"),
    Mutant("any password will do", "settings.py",
           'if self.environment == "production":', "if False:"),
    Mutant("nobody is in production", "settings.py",
           '] = "production"', '] = "development"'),
    Mutant("a known password may be quoted", "settings.py",
           'unquote(parts.password or "")', '(parts.password or "")'),
    Mutant("a known password may be in capitals", "settings.py",
           "password.lower() not in", "password not in"),
    Mutant("a password may be the user's name", "settings.py",
           "*KNOWN_PASSWORDS, *names", "*KNOWN_PASSWORDS"),
    Mutant("a password among the options is not seen", "settings.py",
           'options.get("password") or ', ""),
    Mutant("a password beside the URL is not seen", "settings.py",
           'os.environ.get("PGPASSWORD", "")', '""'),
    Mutant("whatever is missing is a URL", "settings.py",
           'elif name == "DATABASE_URL":', "elif name:"),
]
FAILURES = [
    Mutant("an error is not translated", "infrastructure/failures.py",
           '        "handle_error": _translate,\n', ""),
    Mutant("a failed savepoint ends the transaction", "infrastructure/failures.py",
           '        "rollback_savepoint": _forget_failure,\n', ""),
    Mutant("a failed transaction is committed", "infrastructure/failures.py",
           '        "commit": _before_commit,\n', ""),
    Mutant("a savepoint forgets a failure before it", "infrastructure/failures.py",
           '        "savepoint": _refuse_failed,\n', ""),
    Mutant("a savepoint passes over an error", "infrastructure/unit_of_work.py",
           "await self._session.direct()  # it", "pass  # it"),
    Mutant("a changed schema is a fault of the code", "infrastructure/failures.py",
           "isinstance(driver, asyncpg.InvalidCachedStatementError)", "False"),
    Mutant("a password among the options is shown", "infrastructure/failures.py",
           'url.difference_update_query(["password"])', "url"),
    Mutant("a lost transaction is used again", "infrastructure/failures.py",
           "driver.is_closed() or driver.is_in_transaction()", "driver.is_closed()"),
    Mutant("a closed connection is used again", "infrastructure/failures.py",
           "driver.is_closed() or driver.is_in_transaction()",
           "driver.is_in_transaction()"),
    Mutant("a failure is not marked", "infrastructure/failures.py",
           "_mark(connection, has_failed=True)", "pass"),
    Mutant("a failure is marked for ever", "infrastructure/failures.py",
           "_mark(connection, has_failed=False)", "pass"),
    Mutant("a mark outlives its transaction", "infrastructure/failures.py",
           "    _forget(record.info)\n", ""),
    Mutant("a broken connection is kept", "infrastructure/failures.py",
           "context.is_disconnect = True", "pass"),
    Mutant("a broken connection empties the pool", "infrastructure/failures.py",
           "context.invalidate_pool_on_disconnect = False", "pass"),
    Mutant("the driver's DETAIL is shown", "infrastructure/failures.py",
           "error.__cause__ = error.__context__ = None", "pass"),
    Mutant("the driver's words are shown", "infrastructure/failures.py",
           "error.args = (type(driver).__name__,)", "pass"),
    Mutant("a deadlock is no conflict", "infrastructure/failures.py",
           '"40": (TransactionConflict,', '"40": (Unavailable,'),
    Mutant("a refused delete knows no reference", "infrastructure/failures.py",
           'getattr(execution, "isdelete", False)', "False"),
    Mutant("a delete of the driver's knows no reference", "infrastructure/failures.py",
           "Attempt(attempt.broke, statement.is_delete, written)",
           "Attempt(attempt.broke, False, written)"),
    Mutant("a refused connection of the pool is no error of ours",
           "infrastructure/failures.py",
           "(AsyncAdapt_asyncpg_dbapi.Error, DBAPIError, PoolTimeout)",
           "(DBAPIError, PoolTimeout)"),
    Mutant("a failure of the driver's is not marked", "infrastructure/failures.py",
           'pooled.info["failed"] = True', "pass"),
    Mutant("a broken connection of the driver's is kept", "infrastructure/failures.py",
           "if is_gone and pooled.is_valid:", "if False:"),
    Mutant("a statement that is given up goes on", "infrastructure/session.py",
           "return await self.run_sync(\n            lambda _: failure("
           "error, pooled, statement, rows, commits=commits)\n        )\n",
           "return failure(error, pooled, statement, rows, commits=commits)\n"),
    Mutant("what is too long in an array is not named", "infrastructure/failures.py",
           "(row[key] if statement.is_many", "([] if statement.is_many"),
    Mutant("a name is told as the database has it", "infrastructure/failures.py",
           "if one.name == constraint_name:", "if one.name == table_name:"),
    Mutant("an unreachable server shows the password", "infrastructure/failures.py",
           "hide_password=True", "hide_password=False"),
    Mutant("an unreachable server shows its cause", "infrastructure/failures.py",
           'cannot be reached: {words}") from None',
           'cannot be reached: {words}") from error'),
    Mutant("a full pool is no error of ours", "infrastructure/failures.py",
           "DBAPIError, PoolTimeout)", "DBAPIError)"),
    Mutant("a refused connection is no error of ours", "infrastructure/failures.py",
           "asyncpg.PostgresError, OSError)", "asyncpg.PostgresError)"),
]
CONTAINER = [
    Mutant("all use cases share a unit of work", "container.py",
           "providers.Factory(create_unit_of_work",
           "providers.Singleton(create_unit_of_work"),
    Mutant("each part has an engine of its own", "container.py",
           "providers.Singleton(create_engine", "providers.Factory(create_engine"),
    Mutant("a service has one unit of work", "container.py",
           "OrderService, unit_of_work.provider", "OrderService, unit_of_work"),
    Mutant("connections are left open", "container.py",
           "await close(engine)", "pass"),
    Mutant("the first use case has to import", "container.py",
           "container.unit_of_work()  #", "pass  #"),
    Mutant("web frameworks are imported wherever they are", "injection.py",
           "if WIRING in sys.modules:", "if WIRING:"),
    Mutant("a missing migration is no failure", "entrypoints/cli.py",
           "return 1", "return 0", after="if missing:"),
]
HTTP = [
    Mutant("every fault of a body is told", "entrypoints/http/bodies.py",
           "if error.error_count() > MOST_FAULTS:", "if False:"),
    Mutant("every fault of a query is told", "entrypoints/http/problems.py",
           "error.errors()[:MOST_FAULTS]", "error.errors()"),
    Mutant("a link is a path and no address", "entrypoints/http/routes/base.py",
           "quote(request.url.path)", "request.url.path"),
    Mutant("a dependency has no parameters", "entrypoints/http/routes/base.py",
           "for other in dependant.dependencies:", "for other in ():"),
    Mutant("no parameter is a list", "entrypoints/http/routes/base.py",
           "get_origin(info.annotation) in LISTS", "False"),
    Mutant("a parameter has the name of its attribute",
           "entrypoints/http/routes/base.py", "info.alias or name", "name"),
    Mutant("a HEAD is another method", "entrypoints/http/edge.py",
           'scope = {**scope, "method": "GET"}', "pass"),
    Mutant("an update does not ask what was seen", "application/order.py",
           "expect_version(order, version)", "pass", after="async def update("),
    Mutant("a deletion does not ask what was seen", "application/order.py",
           "expect_version(order, version)", "pass", after="async def delete("),
    Mutant("any version is the one that was seen", "application/versions.py",
           "if seen not in (None, entity.version):", "if seen == 0:"),
    Mutant("whatever is now is no version", "application/versions.py",
           "seen not in (None, entity.version)", "seen != entity.version"),
    Mutant("a route updates whatever there is", "entrypoints/http/routes/order.py",
           "command, version=seen)", "command)"),
    Mutant("what was created has no ETag", "entrypoints/http/routes/order.py",
           'response.headers["ETag"] = etag(created.version)', "pass"),
    Mutant("an update tells the old ETag", "entrypoints/http/routes/order.py",
           "etag(updated.version)", "etag(updated.version - 1)"),
    Mutant("a creation is a 200", "entrypoints/http/routes/order.py",
           ", status_code=201", ""),
    Mutant("the location is that of all", "entrypoints/http/routes/order.py",
           'f"{request.url.path}/{created.id}"', "request.url.path"),
    Mutant("the next page begins too early", "entrypoints/http/routes/order.py",
           "after=last,", "after=last - 1,"),
    Mutant("nothing found is an empty answer", "entrypoints/http/routes/customer.py",
           'raise NotFound("no customer has this email")',
           'raise ValueError("no customer has this email")'),
    Mutant("unknown parameters are passed over", "entrypoints/http/routes/base.py",
           "if name not in known", "if False"),
    Mutant("repeated parameters are passed over", "entrypoints/http/routes/base.py",
           "given.count(name) > 1", "given.count(name) > 2"),
    Mutant("a body may say that it is text", "entrypoints/http/routes/base.py",
           "if self.body_field and not", "if False and not"),
    Mutant("a text is taken for a number", "entrypoints/http/bodies.py",
           "model_validate_json(body, strict=True)", "model_validate_json(body)"),
    Mutant("a number loses its last digits", "entrypoints/http/bodies.py",
           "if not is_kept:", "if False:"),
    Mutant("of a name that stands twice the last counts", "entrypoints/http/bodies.py",
           "object_pairs_hook=_once,", ""),
    Mutant("a set may have the same twice", "entrypoints/http/bodies.py",
           "if len(given) > len(made):", "if False:"),
    Mutant("a time loses what is below a microsecond", "entrypoints/http/bodies.py",
           "if NO_TIME.search(given):", "if False:"),
    Mutant("children are not compared", "entrypoints/http/bodies.py",
           "_refuse_changed(item, other)", "pass"),
    Mutant("a change needs no If-Match", "entrypoints/http/routes/base.py",
           "if if_match is None:", 'if if_match == "":'),
    Mutant("a strange If-Match matches", "entrypoints/http/routes/base.py",
           'raise HTTPException(412, "If-Match has no ETag of this service.")',
           "return None"),
    Mutant("a page before the first", "entrypoints/http/routes/base.py",
           "max(page.offset - page.limit, 0)", "page.offset - page.limit"),
    Mutant("the last page has a next one", "entrypoints/http/routes/base.py",
           "if after < page.total:", "if after <= page.total:"),
    Mutant("what is not found is a bad request", "entrypoints/http/problems.py",
           "HTTPStatus.NOT_FOUND", "HTTPStatus.BAD_REQUEST"),
    Mutant("an unknown commit may be tried again", "entrypoints/http/problems.py",
           "HTTPStatus.INTERNAL_SERVER_ERROR", "HTTPStatus.SERVICE_UNAVAILABLE",
           after="    Meaning(\n        CommitUnknown,"),
    Mutant("a failure tells its message", "entrypoints/http/problems.py",
           "if not detail:", "if True:"),
    Mutant("a failure is not logged", "entrypoints/http/problems.py",
           'log.error("failed", exc_info=error)', "pass"),
    Mutant("nobody says when to try again", "entrypoints/http/problems.py",
           'if status == 503', "if status == 0"),
    Mutant("a request keeps any name", "entrypoints/http/edge.py",
           "REQUEST_ID.fullmatch(given)", "given"),
    Mutant("the headers against guessing are gone", "entrypoints/http/edge.py",
           '"X-Content-Type-Options": "nosniff",', ""),
    Mutant("a body may be of any size", "entrypoints/http/edge.py",
           "if size > most:", "if size < 0:"),
    Mutant("a body may take for ever", "entrypoints/http/edge.py",
           "asyncio.timeout_at(deadline)", "asyncio.timeout_at(None)"),
    Mutant("the log tells the path", "entrypoints/http/edge.py",
           'getattr(', 'scope["path"] or getattr('),
    Mutant("an answer is begun twice", "entrypoints/http/edge.py",
           "if status:", "if False:"),
    Mutant("errors are logged with their messages", "entrypoints/http/logs.py",
           '{"error": type(error).__name__,', '{"error": repr(error),'),
    Mutant("a terminal is shown JSON", "entrypoints/http/logs.py",
           "if sys.stderr.isatty()", "if False"),
    Mutant("a missing migration is ready", "entrypoints/http/health.py",
           "if missing:", "if False:"),
    Mutant("a silent database is waited for", "entrypoints/http/health.py",
           "asyncio.timeout(LONGEST_WAIT)", "asyncio.timeout(None)"),
    Mutant("the page may run any script", "entrypoints/http/docs.py",
           "script-src 'self' 'sha256-{digest}'", "script-src 'self' 'unsafe-inline'"),
    Mutant("every origin may call", "entrypoints/http/app.py",
           "allow_origins=settings.http_cors_origins", 'allow_origins=["*"]'),
    Mutant("operations have the same name", "entrypoints/http/description.py",
           "{route.endpoint.__module__.rpartition('.')[2]}_", ""),
    Mutant("statements are not traced", "entrypoints/http/app.py",
           "trace_statements()", "pass"),
    Mutant("statements of another driver are traced", "entrypoints/http/telemetry.py",
           'name="asyncpg"', 'name="psycopg"'),
    Mutant("problems are not documented", "entrypoints/http/description.py",
           'operation["responses"]["default"] = failed', "pass"),
    Mutant("a port that is taken is a traceback", "entrypoints/http/server.py",
           "    find_port(settings)\n    configure_logs()", "    configure_logs()"),
    Mutant("the query is in the traces", "entrypoints/http/edge.py",
           '"url.query", "REDACTED"', '"url.kind", "REDACTED"'),
    Mutant("a search is one that is called so", "entrypoints/http/routes/base.py",
           'str(value).startswith("by-")', "False"),
    Mutant("what was begun is not finished", "entrypoints/http/server.py",
           "timeout_graceful_shutdown=settings.http_shutdown_timeout",
           "timeout_graceful_shutdown=0"),
]
# fmt: on
WITHOUT_HTTP = [  # whose suite is quicker
    *DOMAIN,
    *APPLICATION,
    *MAPPERS,
    *MODELS,
    *REPOSITORIES,
    *STATEMENTS,
    *SESSIONS,
    *CONNECTIONS,
    *FAILURES,
    *CONTAINER,
]
MUTANTS = [*WITHOUT_HTTP, *HTTP]


def planted(service: Path, mutant: Mutant) -> tuple[str, int]:
    """Return the file with the bug, and the line that it is in."""
    text = (service / PACKAGE / mutant.file).read_text()
    counted = mutant.after or mutant.old
    if (times := text.count(counted)) != 1:
        raise Outdated(
            f"{mutant.name}: {counted!r} is {times} times in {mutant.file}, not once"
        )
    start = text.find(mutant.old, text.index(counted))
    if start < 0:
        raise Outdated(
            f"{mutant.name}: {mutant.old!r} is not behind {mutant.after!r}"
            f" in {mutant.file}"
        )
    bug = text[:start] + mutant.new + text[start + len(mutant.old) :]
    return bug, text.count("\n", 0, start) + 1


def likely_first(service: Path, file: Path) -> list[list[str]]:
    """Name the modules of tests: those that bear on the file, and then the others."""

    def is_unlikely(test: Path) -> tuple[bool, bool, int, str]:
        is_strange = all(name not in test.stem for name in (*file.parts, file.stem))
        is_far = file.parts[0] not in test.parts
        return is_strange, is_far, -len(test.parts), str(test)

    tests = [test.relative_to(service) for test in service.rglob("tests/**/test_*.py")]
    folders: dict[Path, tuple[bool, bool, int, str]] = {}
    for test in sorted(tests, key=is_unlikely):
        folders.setdefault(test.parent, is_unlikely(test))
    # A folder that was left has no fixtures when pytest comes back to it.
    in_order = sorted(tests, key=lambda test: (folders[test.parent], is_unlikely(test)))
    likely = [str(test) for test in in_order if is_unlikely(test)[:2] != (True, True)]
    return [likely, [str(test) for test in in_order if str(test) not in likely]]


class Nursery:
    """A process that has imported what suites import, and is copied for each.

    Where there is no copying, on Windows, this cannot run.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, api: str) -> AsyncIterator[Self]:
        """Import the libraries; end with all that has begun here."""
        names = LIBRARIES + (HTTP_LIBRARIES if api == "fastapi" else [])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", NURSERY, *names),
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            process_group=0,
        )
        try:
            yield cls(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def outcome(self, service: Path, server: str, *tests: str) -> Outcome:
        """Run the suite until its first failure."""
        start = time.perf_counter()
        said = service.with_name("said")
        order = {
            "folder": str(service),
            "server": server,
            "said": str(said),
            "seconds": LONGEST,
            "arguments": [*SUITE, f"--basetemp={service.with_name('tmp')}", *tests],
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        code = int(await self._process.stdout.readline())
        failure = ""
        if code:
            found = FAILED.search(text := said.read_text())
            failure = found[1] if found else f"it ends with {code}"
            if LOST.search(text):
                raise RuntimeError(f"{failure} misses a fixture: mend likely_first")
        if code == -signal.SIGALRM:
            failure = "it hangs"
        return Outcome(failure, time.perf_counter() - start)


async def plant(
    mutant: Mutant, service: Path, server: str, nurseries: asyncio.Queue[Nursery]
) -> Outcome:
    """Run the suite of a copy that has this bug."""
    nursery = await nurseries.get()
    with tempfile.TemporaryDirectory(dir=service.parent) as folder:
        copy = Path(folder) / service.name
        # The suite without a bug may be about to compile one of its modules.
        shutil.copytree(service, copy, ignore=shutil.ignore_patterns("*.pyc.*"))
        bug, _ = planted(service, mutant)
        (copy / PACKAGE / mutant.file).write_text(bug)
        seconds = 0.0
        for tests in likely_first(copy, Path(mutant.file)):
            failure, more = await nursery.outcome(copy, server, *tests)
            seconds += more
            if failure:
                break
    nurseries.put_nowait(nursery)
    return Outcome(failure, seconds)


async def suite(
    service: Path, server: str, nurseries: asyncio.Queue[Nursery]
) -> Outcome:
    """Run the suite as it is."""
    nursery = await nurseries.get()
    seen = await nursery.outcome(service, server)
    nurseries.put_nowait(nursery)
    return seen


async def plant_all(
    mutants: Sequence[Mutant], service: Path, server: str, api: str
) -> int:
    """Plant each, print what finds it, and return the number of those found."""
    nurseries = asyncio.Queue[Nursery]()
    survivors: list[Mutant] = []
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(AT_ONCE):
            nurseries.put_nowait(await stack.enter_async_context(Nursery.opened(api)))
        same = mutants[0]._replace(new=mutants[0].old)
        for failure, _ in await asyncio.gather(
            suite(service, server, nurseries),
            plant(same, service, server, nurseries),  # nor may it fail for being a copy
        ):
            if failure:
                print(f"The suite fails without a bug: {failure}", file=sys.stderr)
                return 0
        group = await stack.enter_async_context(asyncio.TaskGroup())
        bugs = [plant(one, service, server, nurseries) for one in mutants]
        running = [group.create_task(bug) for bug in bugs]
        print(row("bug", "found by", "seconds"))
        for mutant, one in zip(mutants, running, strict=True):
            failure, seconds = await one
            print(row(mutant.name, failure or "NOTHING", f"{seconds:.1f}"), flush=True)
            if not failure:
                survivors.append(mutant)
    for mutant in survivors:
        _, line = planted(service, mutant)
        print(f"\nNothing finds that {mutant.name}: {PACKAGE / mutant.file}:{line}")
        print(f"    {mutant.old.strip()}\n    {mutant.new.strip()}")
    found = len(mutants) - len(survivors)
    print(f"\n{found} of {len(mutants)} caught")
    return found


def row(*cells: str) -> str:
    name, test, seconds = cells
    return f"{name:46} {test:65} {seconds:>7}"


@contextlib.contextmanager
def a_service(api: str) -> Iterator[tuple[Path, str]]:
    """Generate the service; give its folder, and the server for its suites."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        home = Path(folder)
        config = home / "cookiecutter.yaml"
        config.write_text(
            f"cookiecutters_dir: {home / 'templates'}\nreplay_dir: {home / 'replay'}\n"
        )
        os.environ["COOKIECUTTER_CONFIG"] = str(config)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the copies are to share it
        service = bake(home / "service", entities=ENTITIES, api=api)
        with module_at(service / "dev/postgres.py").postgres() as server:
            yield service, server


def plant_in(api: str, group: Sequence[Mutant], words: Sequence[str]) -> int:
    """Plant those of a group that were asked for; return the exit code."""
    mutants = [
        mutant
        for mutant in group
        if not words or any(word in mutant.name for word in words)
    ]
    if not mutants:
        return 0
    with a_service(api) as (service, server):
        outdated: list[str] = []
        for mutant in mutants:
            try:
                planted(service, mutant)
            except Outdated as fault:
                outdated.append(str(fault))
        if outdated:
            print("\n".join(outdated), file=sys.stderr)
            return 1
        found = asyncio.run(plant_all(mutants, service, server, api))
    return 0 if found == len(mutants) else 1


def main(*words: str) -> int:
    """Plant what was asked for; return the exit code."""
    if words == ("--list",):
        print("\n".join(mutant.name for mutant in MUTANTS))
        return 0
    for word in words:
        if not any(word in mutant.name for mutant in MUTANTS):
            print(f"no bug is called {word}\n\n{__doc__}", file=sys.stderr)
            return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clean up
    groups = {"none": WITHOUT_HTTP, "fastapi": HTTP}
    return max([plant_in(api, group, words) for api, group in groups.items()])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
