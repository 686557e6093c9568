"""What its owner wrote and what the template adds later are no conflict."""

import shutil
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import bake, commit, git, texts

FIRST = (
    "Customer(name, email: Email unique),"
    " Order(customer: Customer, lines: [OrderLine(product, quantity: int)])"
)
LATER = {
    "an entity that comes first": "Account(name unique)",
    "an entity in the middle": "Invoice(number: int, paid: bool)",
    "an entity that comes last": "Zebra(name)",
    "one that refers to others": "Zebra(customer: Customer, orders: [Order])",
    "one that is referred to": "Basket(name) + Order(basket: Basket?)",
    "fields": "Order(notes: text?, priority: int = 0)",
    "a unique field": "Order(number: str? unique)",
    "an enum": "Customer(status: enum(new, known) = new)",
    "a value object": "Customer(page: Url?)",
    "children": "Customer(phones: [Phone(number)])",
    "a field of children": "Order(lines: [OrderLine(price: Decimal(8,2) = 0)])",
    "a reference of children": "Tag(name) + Order(lines: [OrderLine(tag: Tag?)])",
    "a reference to itself": "Order(source: Order? unique)",
    "a second unique field": "Customer(number: str? unique)",
    "many types": "Order(a: Decimal = 0, b: datetime?, c: json, d: [str], e: UUID?)",
    "many to many": "Tag(name) + Order(tags: [Tag])",
    "many to many from elsewhere": "Tag(name, orders: [Order])",
}
WITHOUT_HTTP = ["an entity that comes first", "an entity that comes last", "fields"]
CASES = [
    *(pytest.param("fastapi", later, id=name) for name, later in LATER.items()),
    *(
        pytest.param("none", LATER[name], id=f"{name}, no HTTP")
        for name in WITHOUT_HTTP
    ),
]
PACKAGE = "src/order_service"
# In each file that all entities share, and in some of one entity: a line, the last one
# that begins so, and what its owner makes of it.
EDITS = {
    "README.md": {
        "# Order Service": "# Tea Shop",
        "A service in hexagonal architecture": "It sells tea.",
        "    %% Your own:": "{}\n    Customer ||--o{ Letter : letters",
        "| each of these |": "{}\n| `ReportService` | `count` |",
    },
    "dev/demo.py": {
        '    print(f"  {step': "{}\n\n\nasync def show_reports() -> None: ...",
        "        # Your own:": "{}\n        await show_reports()",
    },
    "dev/over_http.py": {"    # Your own:": '{}\n    "/api/letters",'},
    f"{PACKAGE}/application/order.py": {
        "        order = Order.create(": "        # A new one is a draft.\n{}",
        "            order.change(": "            order.refuse_closed()\n{}",
        "            await uow.orders.save(": "            order.tell()\n{}",
    },
    f"{PACKAGE}/application/messages/order.py": {
        "class OrderResult(": "    def check_lines(self) -> None: ...\n\n\n{}",
    },
    f"{PACKAGE}/application/unit_of_work.py": {
        "    # Your own:": "{}\n    letters: LetterRepository",
    },
    f"{PACKAGE}/container.py": {
        ")": "{}\nfrom order_service.infrastructure.mail import Mail",
        "    # Your own:": "{}\n    mail = providers.Singleton(Mail, settings)",
    },
    f"{PACKAGE}/domain/customer.py": {
        "from order_service.domain.errors": (
            "from order_service.domain.errors import InvalidValue, NotFound"
        ),
        "        # Your own rules:": (
            '{}\n        if self.name == "nobody":'
            '\n            raise InvalidValue("nobody is not a name")'
        ),
        "        return self": "{}\n\n    def greet(self) -> None: ...",
    },
    f"{PACKAGE}/domain/identities.py": {
        "# Your own:": '{}\nLetterId = NewType("LetterId", int)',
    },
    f"{PACKAGE}/domain/order.py": {
        "        # Your own rules:": "{}\n        check_lines(self.lines)",
        "@dataclass(slots=True, kw_only": "    def double(self) -> None: ...\n\n\n{}",
        '        """Give it these values': "{}\n        self.refuse_closed()",
        "        return self": "{}\n\n    def cancel(self) -> None: ...",
        "class OrderNotFound(": "    async def count_open(self) -> int: ...\n\n\n{}",
    },
    f"{PACKAGE}/entrypoints/http/app.py": {
        "from order_service.entrypoints.http.edge": (
            "{}\nfrom order_service.entrypoints.http.letters import letter_router"
        ),
        "    health.router,": "{}\n    letter_router,",
    },
    f"{PACKAGE}/infrastructure/mappers/order.py": {
        "    return Order(": "    # No line of it is empty.\n{}",
        "    apply_changes(": "{}\n    model.is_seen = False",
    },
    f"{PACKAGE}/infrastructure/models/base.py": {
        "        datetime: DateTime": "{}\n        Money: Numeric(12, 2),",
    },
    f"{PACKAGE}/infrastructure/models/customer.py": {
        "        ),": "{}\n        CheckConstraint(\"name <> ''\"),",
    },
    f"{PACKAGE}/infrastructure/repositories/customer.py": {
        "        await self.later(self.delete": "{}\n        self.forget(customer)",
    },
    f"{PACKAGE}/infrastructure/repositories/order.py": {
        "        await self.later(self.update": "{}\n        self.note(orders)",
    },
    f"{PACKAGE}/infrastructure/unit_of_work.py": {
        "        # Your own:": "{}\n        self.letters = Letters(session)",
    },
    "tests/dev/test_demo.py": {
        "    assert lines[0]": '{}\n    assert "Letter" in lines',
    },
    "tests/fakes/unit_of_work.py": {
        "        # Your own:": "{}\n        self.letters = Letters(transaction)",
    },
}
LAST = "\n\n# Written by its owner.\n"


class Owned(NamedTuple):
    """A service that its owner wrote in."""

    folder: Path
    before: Counter[tuple[Path, bytes]]  # the lines that were generated


def lines(service: Path) -> Counter[tuple[Path, bytes]]:
    """Count the lines of each file."""
    return Counter(
        (path, line)
        for path, text in texts(service).items()
        if path.parts[0] != ".git"
        for line in text.split(b"\n")
    )


@pytest.fixture(scope="session")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Owned]:
    """Generate one with HTTP, or without, and write in it, when it is asked for."""

    @cache
    def make(api: str) -> Owned:
        service = bake(tmp_path_factory.mktemp(api), api=api, entities=FIRST)
        before = lines(service)
        commit(service)
        git(service, "branch", "template")
        edit(service)
        commit(service)
        return Owned(service, before)

    return make


def edit(service: Path) -> None:
    """Write in it as its owner does."""
    for path in service.rglob("*.py"):
        if path.stat().st_size:
            path.write_text(path.read_text() + LAST)
    for name, edits in EDITS.items():
        path = service / name
        if path.exists():  # else it is of HTTP
            rows = path.read_text().split("\n")
            for start, own in edits.items():
                place = max(n for n, row in enumerate(rows) if row.startswith(start))
                rows[place] = own.replace("{}", rows[place])
            path.write_text("\n".join(rows))


@pytest.mark.parametrize(("api", "later"), CASES)
def test_both_are_there(
    owned: Callable[[str], Owned], api: str, later: str, tmp_path: Path
) -> None:
    mine, before = owned(api)
    after = bake(tmp_path / "after", api=api, entities=f"{FIRST}\n+ {later}")
    service = shutil.copytree(mine, tmp_path / "service")
    git(service, "switch", "--quiet", "template")
    shutil.copytree(after, service, dirs_exist_ok=True)
    commit(service)
    git(service, "switch", "--quiet", "-")

    git(service, "merge", "--quiet", "template")

    assert lines(service) + before == lines(mine) + lines(after)
