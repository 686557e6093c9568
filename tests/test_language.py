"""The entities answer: how names are read, what is derived, what is refused."""

import json
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from hexagonal_answers import part
from tests.test_models import drawn, lay_out, structures

language = part("language")


def names(answer: str) -> list[str]:
    entities, problems = language.read_entities(answer)
    assert problems == []
    return [entity.name for entity in entities]


def read(answer: str) -> dict[str, Any]:
    """Return the entities as the templates get them."""
    entities, found = language.read_entities(answer)
    assert found == []
    return {entity.name: entity.as_json() for entity in entities}


def fields(answer: str, entity: str = "Order") -> dict[str, Any]:
    return {field["name"]: field for field in read(answer)[entity]["fields"]}


def some(field: dict[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing, and what every field has."""
    common = ("name", "attribute", "singular", "label", "child", "step")
    return {key: value for key, value in field.items() if value and key not in common}


def problems(answer: str) -> list[str]:
    found: list[str] = language.read_entities(answer)[1]
    return found


@pytest.mark.parametrize(
    "answer",
    [
        "Customer, Order",
        "Order;Customer",
        "customer\norder",
        ", Customer ,; Order,\n",
        "Customer  # who buys\nOrder # what, is; bought",
    ],
)
def test_entities_are_separated_by_commas_semicolons_or_lines(answer: str) -> None:
    assert names(answer) == ["Customer", "Order"]


@pytest.mark.parametrize(
    ("given", "name", "snake"),
    [
        ("OrderLine", "OrderLine", "order_line"),
        ("order_line", "OrderLine", "order_line"),
        ("order-line", "OrderLine", "order_line"),
        ("orderLine", "OrderLine", "order_line"),
        ("Order_Line", "OrderLine", "order_line"),
        ("HTTPServer", "HTTPServer", "http_server"),
        ("OAuth2Token", "OAuth2Token", "o_auth2_token"),
        ("ORDER", "Order", "order"),
        ("A", "A", "a"),
        ("X1", "X1", "x1"),
        ("Order10", "Order10", "order10"),
    ],
)
def test_names_are_taken_in_any_usual_spelling(
    given: str, name: str, snake: str
) -> None:
    entity = language.derive(given)

    assert (entity.name, entity.snake) == (name, snake)


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("customer", "customers"),
        ("order_line", "order_lines"),
        ("category", "categories"),
        ("key", "keys"),
        ("box", "boxes"),
        ("branch", "branches"),
        ("address", "addresses"),
        ("status", "statuses"),
        ("analysis", "analyses"),
        ("person", "people"),
        ("sales_person", "sales_people"),
        ("child", "children"),
        ("salesman", "salesmen"),
        ("talisman", "talismans"),
        ("human", "humans"),
        ("shelf", "shelves"),
        ("roof", "roofs"),
        ("hero", "heroes"),
        ("photo", "photos"),
        ("news", "news"),
        ("metadata", "metadata"),
        ("quiz", "quizzes"),
        ("a", "a_list"),
    ],
)
def test_plurals_are_english(singular: str, plural: str) -> None:
    assert language.derive(singular).plural == plural


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Customer", "a customer"),
        ("Order", "an order"),
        ("User", "a user"),
        ("Unit", "a unit"),
        ("Utility", "a utility"),
        ("Update", "an update"),
        ("Uncle", "an uncle"),
        ("UninsuredRisk", "an uninsured risk"),
        ("Euro", "a euro"),
        ("OneTimeCode", "a one time code"),
        ("Hour", "an hour"),
        ("House", "a house"),
        ("HTTPServer", "an HTTP server"),
        ("URLPattern", "a URL pattern"),
        ("OrderURL", "an order URL"),
        ("X", "an x"),
    ],
)
def test_articles_go_by_the_sound(name: str, label: str) -> None:
    assert language.derive(name).a_label == label


def test_a_plural_can_be_given() -> None:
    ((folk,), found) = language.read_entities("Person / folk")

    assert found == []
    assert (folk.plural, folk.labels) == ("folk", "folk")


def test_acronyms_keep_their_capitals_in_the_plural() -> None:
    assert language.derive("OrderURL").labels == "order URLs"


@pytest.mark.parametrize("name", ["Return", "Class", "Import", "Yield"])
def test_a_word_of_python_gets_an_underscore_as_a_module(name: str) -> None:
    entity = language.derive(name)

    assert entity.module == entity.variable == f"{name.lower()}_"
    assert entity.snake == name.lower()


@pytest.mark.parametrize("name", ["Type", "Set", "Command", "Model"])
def test_a_variable_hides_no_other(name: str) -> None:
    entity = language.derive(name)

    assert entity.module == name.lower()
    assert entity.variable == f"{name.lower()}_"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "entities: name at least one, for example Customer, Order"),
        (" , # nothing", "entities: name at least one"),
        (
            "Cust omer",
            "is no name: write letters and digits in one word, for example Cu",
        ),
        ("3d", "is no name"),
        ("Žebra", "is no name"),
        (
            "Order$",
            "is no name: write letters and digits in one word, for example Order",
        ),
        ("_order", "is no name"),
        ("order__line", "is no name"),
        ("O" * 41, "is too long: use at most 32 letters"),
        ("AbAbAbAbAbAbAbAbAbAbAbAbAbAbAb", "is too long"),
        ("None", "is a name of Python's own: try NoneRecord"),
        ("ValueError", "is a name of Python's own: try ValueErrorRecord"),
        ("Con", "is the name of a device on Windows: try ConRecord"),
        ("Customers", "looks like a plural: write the singular, for example Customer,"),
        ("Person/", "has no plural after the slash: write it as in Person/people"),
        ("Person/Two words", "has no plural after the slash"),
        ("Person/people/folk", "has no plural after the slash"),
        ("Group/class", "has a plural that is a word of Python or PostgreSQL"),
        ("Group/lateral", "has a plural that is a word of Python or PostgreSQL"),
        ("Group/pg_class", "has a plural that is a word of Python or PostgreSQL"),
        ("Person/" + "p" * 43, "has a plural that is too long"),
        ("Order, order", "is named twice: name it once"),
        ("A, A", "is named twice: name it once"),
        ("HTTPServer, HttpServer", "needs the class HttpServer, which HTTPServer has"),
        ("Order, OrderId", "needs the class OrderId, which Order has already"),
        ("OrderModel, Order", "needs the class OrderModel, which OrderModel has"),
        ("Order, CreateOrder", "needs the class CreateOrder, which Order has"),
        ("Person, People", "looks like a plural"),
        ("Person, Folk/people", "another plural: Folk/people_list"),
        ("Base", "needs the class Base, which every service has already"),
        ("UnitOfWork", "needs the class UnitOfWork, which every service has"),
        ("Protocol", "needs the class Protocol, which every service has"),
        ("Conftest", "needs the module conftest, which every service has"),
        ("Commit/commit", "needs the table commit, which every service has"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(answer: str, reason: str) -> None:
    (problem,) = problems(answer)

    assert reason in problem.splitlines()[0]


def test_every_problem_is_told_with_its_place() -> None:
    assert problems("Customer, ord er\n  Customers; Order  # fine") == [
        "entities: 'ord er' is no name: write letters and digits in one word,"
        " for example OrdEr\n"
        "    Customer, ord er\n"
        "              ^^^^^^",
        "Customers: looks like a plural: write the singular, for example"
        " Customer, or give the plural yourself: Customers/customers\n"
        "      Customers; Order  # fine\n"
        "      ^^^^^^^^^",
    ]


@pytest.mark.parametrize("name", ["Status", "Address", "Analysis", "News", "Lens"])
def test_a_singular_may_end_in_s(name: str) -> None:
    assert names(name) == [name]


def test_entities_come_in_the_order_of_their_modules() -> None:
    assert names("Order10, order_line, Order2, Order, Apple") == [
        "Apple",
        "Order",
        "Order10",
        "Order2",
        "OrderLine",
    ]


def test_a_bare_name_has_a_name() -> None:
    assert fields("Order") == {
        "name": {
            "name": "name",
            "attribute": "name",
            "singular": "name",
            "label": "name",
            "kind": "scalar",
            "type": "str",
            "arguments": (255,),
            "values": (),
            "enum": "",
            "target": "",
            "child": None,
            "optional": False,
            "unique": False,
            "index": False,
            "default": "",
            "reverse": "",
            "through": "",
            "finder": "",
            "inverse": "",
            "step": 1,
        }
    }


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("str", {"type": "str", "arguments": (255,)}),
        ("String", {"type": "str", "arguments": (255,)}),
        ("str(40)?", {"type": "str", "arguments": (40,), "optional": True}),
        ("str | None", {"type": "str", "arguments": (255,), "optional": True}),
        ("text index", {"type": "text", "index": True}),
        ("INTEGER", {"type": "int"}),
        ("long", {"type": "bigint"}),
        ("double", {"type": "float"}),
        ("boolean", {"type": "bool"}),
        ("decimal(12, 2)", {"type": "Decimal", "arguments": (12, 2)}),
        ("numeric(5)", {"type": "Decimal", "arguments": (5, 0)}),
        ("number", {"type": "Decimal"}),
        ("timestamp", {"type": "datetime"}),
        ("interval", {"type": "timedelta"}),
        ("uuid unique", {"type": "UUID", "unique": True}),
        ("blob", {"type": "bytes"}),
        ("jsonb", {"type": "json"}),
        ("email unique index", {"type": "Email", "unique": True, "index": True}),
        ("uri", {"type": "Url"}),
        ("[int]", {"kind": "array", "type": "int"}),
        ("[str(9)]?", {"kind": "array", "type": "str", "arguments": (9,)}),
        ("enum(a | b; c,)", {"kind": "enum", "values": ("a", "b", "c")}),
    ],
)
def test_a_type_has_one_meaning(type_: str, expected: dict[str, Any]) -> None:
    found = some(fields(f"Order(x: {type_})")["x"])

    assert found | expected == found
    assert found["kind"] == expected.get("kind", "scalar")


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ("x: int = 0", "0"),
        ("x: int = +007", "7"),
        ("x: float = +.5", "0.5"),
        ("x: int = -2147483648", "-2147483648"),
        ("x: bigint = 9223372036854775807", "9223372036854775807"),
        ("x: float = -1.5", "-1.5"),
        ("x: float = 2", "2.0"),
        ("x: bool = True", "True"),
        ("x: bool = false index", "False"),
        ("x: Decimal = 1.50", 'Decimal("1.50")'),
        ("x: Decimal(2, 2) = .5", 'Decimal("0.5")'),
        ("x: Decimal = -0.0000001", 'Decimal("-0.0000001")'),
        ("x = new", '"new"'),
        ("x: str = 'say \"é\"'", "'say \"é\"'"),
        ("x: str = '\\\"'", "'\\\\\"'"),
        ('x: str = "it\'s"', '"it\'s"'),
        ("x: str = 'a, b) # c'", '"a, b) # c"'),
        ('x: text = ""', '""'),
        ("x: enum(open, paid) = open", "OrderX.OPEN"),
        ("x: enum(open, paid) = 'paid'", "OrderX.PAID"),
        ("x: int? = 1", "1"),
    ],
)
def test_a_default_is_a_literal_of_python(field: str, default: str) -> None:
    assert fields(f"Order({field})")["x"]["default"] == default


def test_a_reference_is_a_relation_of_two_entities() -> None:
    assert fields("Order(customer: customer); Customer")["customer"] == {
        **fields("Order")["name"],
        "name": "customer",
        "attribute": "customer_id",
        "singular": "customer",
        "label": "customer",
        "kind": "reference",
        "type": "",
        "arguments": (),
        "target": "Customer",
        "index": True,
        "reverse": "orders",
        "finder": "customer",
    }


def test_the_other_side_of_a_reference_names_it() -> None:
    answer = "Customer(name, bought: [Order]); Order(customer: Customer)"

    assert fields(answer)["customer"]["reverse"] == "bought"
    assert some(fields(answer, "Customer")["bought"]) == {
        "kind": "reverse",
        "target": "Order",
    }


@pytest.mark.parametrize(
    ("answer", "reverses"),
    [
        ("Order(user: Person unique); Person", {"user": "order"}),
        (
            "Order(buyer: Person, payer: Person?); Person",
            {"buyer": "orders_by_buyer", "payer": "orders_by_payer"},
        ),
        ("Order(parent: Order?)", {"parent": "orders_by_parent"}),
        ("Order(parent: Order?, parts: [Order])", {"parent": "parts"}),
        ("Order(a: Person); Person(orders: int)", {"a": "orders_by_a"}),
        ("Order(a: Person, b: [Person]); Person", {"a": "orders_by_a"}),
        ("Order/metadata(a: Person); Person", {"a": "metadata_by_a"}),
    ],
)
def test_what_is_not_named_gets_a_name_that_is_free(
    answer: str, reverses: dict[str, str]
) -> None:
    found = fields(answer)

    assert {name: found[name]["reverse"] for name in reverses} == reverses


@pytest.mark.parametrize(
    ("target", "field", "attribute"),
    [
        ("Menu", "menus", "menu_ids"),
        ("Cpu", "spare_cpus", "spare_cpu_ids"),
        ("LunchMenu", "menus", "menu_ids"),
        ("Niche", "niches", "niche_ids"),
        ("Person", "guests", "guest_ids"),
    ],
)
def test_the_singular_is_that_of_whom_it_lists(
    target: str, field: str, attribute: str
) -> None:
    listed = fields(f"Order({field}: [{target}]); {target}")[field]
    owned = fields(f"Order({field}: [{target}(code)])")[field]

    assert listed["attribute"] == attribute
    assert f"{owned['singular']}_ids" == attribute


def test_none_may_be_a_value_of_an_enum() -> None:
    shown = fields("Order(shown: enum(none, some) = none)")["shown"]

    assert shown["default"] == "OrderShown.NONE"


def test_a_list_of_entities_is_many_to_many() -> None:
    tags = fields("Order(tags: [Tag]); Tag")["tags"]

    assert (tags["attribute"], tags["singular"]) == ("tag_ids", "tag")
    assert some(tags) == {
        "kind": "many",
        "target": "Tag",
        "reverse": "orders",
        "through": "order_tags",
        "finder": "tag",
        "inverse": "order",
    }


def test_two_lists_are_one_many_to_many_seen_from_both_sides() -> None:
    answer = "Course(students: [Student]); Student(name, courses: [Course])"

    students = fields(answer, "Course")["students"]
    assert (students["kind"], students["reverse"]) == ("many", "courses")
    assert fields(answer, "Student")["courses"]["kind"] == "reverse"


def test_a_list_of_the_entity_itself_is_many_to_many() -> None:
    friends = fields("Person(friends: [Person])", "Person")["friends"]

    assert friends["reverse"] == "people_by_friends"
    assert friends["inverse"] == "person_of_friend"


def test_children_are_within_the_field_that_has_them() -> None:
    answer = "Order(lines: [order-line/rows(sku, product: Product)]); Product"

    lines = fields(answer)["lines"]
    child = lines["child"]
    assert (lines["kind"], lines["singular"]) == ("children", "line")
    assert (child["name"], child["plural"], child["owned_by"]) == (
        "OrderLine",
        "rows",
        "Order",
    )
    product = child["fields"][1]
    assert (product["reverse"], product["finder"]) == ("rows", "")
    assert list(read(answer)) == ["Order", "Product"]


def test_an_entity_comes_before_a_scalar_but_for_the_lower_case_one() -> None:
    answer = "Email(x), Date(x), Order(a: Email, b: email, c: Date, d: date)"

    kinds = [field["kind"] for field in fields(answer).values()]
    assert kinds == ["reference", "reference", "reference", "scalar"]


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        *((language.derive(word).plural, word) for word in ("tag", "box", "person")),
        *((language.derive(word).plural, word) for word in ("category", "address")),
        *(
            (language.derive(word).plural, word)
            for word in ("status", "analysis", "key")
        ),
        ("order_lines", "order_line"),
        ("houses", "house"),
        ("purchases", "purchase"),
        ("movies", "movie"),
        ("salesmen", "salesman"),
        ("staff", "staff"),
        ("status", "status"),
        ("class", "class"),
        ("tag", "tag"),
    ],
)
def test_singulars_are_english(plural: str, singular: str) -> None:
    assert language.singular(plural) == singular


def test_the_model_is_json() -> None:
    text = json.dumps(read("Order(lines: [Line(a: enum(x, y) = x)])"))

    assert json.loads(text)["Order"]["fields"][0]["child"]["name"] == "Line"


def test_names_of_pydantic_are_known() -> None:
    names = {name for name in dir(BaseModel) if not name.startswith("_")}

    assert names <= language.PYDANTIC_FIELDS


def test_the_help_names_every_type_and_shows_what_can_be_written() -> None:
    entities, told = language.read_entities(" ? ")
    example = language.HELP.partition("between.\n")[2].partition("Types:")[0]

    assert (entities, told) == ([], [language.HELP])
    assert all(re.search(rf"\b{name}\b", language.HELP) for name in language.SCALARS)
    assert len(language.read_entities(example)[0]) == 3
    assert language.read_entities(example)[1] == []


REFUSED = [
    # words and types
    ("Order(name: strng)", "Order.name: unknown type 'strng' - did you mean 'str'?"),
    ("Order(a: Custmer), Customer", "Order.a: unknown type 'Custmer' - did you mean"),
    (
        "Order(a: [Line])",
        "(with its fields it would be a child that Order owns: [Line(",
    ),
    ("Order(a: list[str])", "Order.a: a list is written as [str]"),
    ("Order(a: Optional[str])", "Order.a: write ? behind the type, as in str?"),
    ("Order(a: str|int)", "behind | comes None and no other"),
    ("Order(a: [[str]])", "Order.a: a list holds no lists: use json"),
    ("Order(a: [json])", "Order.a: a list holds no json: use json itself"),
    ("Order(a: [str?])", "what a list holds is never None"),
    ("Order(a: [str, int])", "Order.a: name one type in the brackets"),
    ("Order(a: [])", "Order.a: name one type in the brackets"),
    ("Order(a: [enum(x, y)])", "Order.a: a list holds no enums"),
    ("Order(a: varchar(20))", "Order.a: unknown type 'varchar': write str(40)"),
    ("Order(a: Decimal(,2))", "Order.a: '' is no number: write it as in Decimal"),
    ("Order(a: int(4))", "Order.a: int takes nothing in brackets"),
    ("Order(a: str())", "Order.a: write it as in str(40)"),
    ("Order(a: str(0))", "Order.a: has no room"),
    ("Order(a: str(1001))", "Order.a: is longer than 1000 characters: use text"),
    ("Order(a: Decimal(2, 3))", "Order.a: has more scale than precision"),
    ("Order(a: Decimal(101))", "Order.a: has 101 digits: use 1 to 100"),
    ("Order(a: Tag(5)), Tag", "Order.a: Tag is an entity and takes nothing"),
    ("Order(a: Tag(name: str))", "describe 'Tag' as an entity of its own"),
    ("Order(a: enum)", "Order.a: an enum has values: enum(open, closed)"),
    ("Order(a: enum(x))", "Order.a: an enum has two values or more"),
    ("Order(a: enum(x, X))", "Order.a: 'X' is there twice: 'x' is the same"),
    ("Order(a: enum(x, 1))", "Order.a: '1' is no value of an enum"),
    # punctuation
    ("Order(a: int b: int)", "Order.a: write a comma before 'b'"),
    ("Order(a) Tag", "Order: write a comma before 'Tag'"),
    ("Order(total int)", "Order: write a colon before the type: total: int"),
    ("Order(a, first name)", "Order: 'first name' is no name of a field: write first_"),
    ("Order(a\n b)", "Order: write a comma between one field and the next"),
    ("Order(str name)", "Order: write the name before the type: name: str"),
    ("Order(unique name)", "Order: write unique behind the name: name unique"),
    ("Order(email unique: str)", "Order: write unique behind the type"),
    ("Order(a:)", "Order.a: write a type behind the colon"),
    ("Order(a: 'str')", "Order.a: write the type without quotes"),
    ("Order(a =)", "Order.a: write the default behind ="),
    ("Order(a = x = y)", "Order.a: has two defaults: write one"),
    ("Order(a: str unique?)", "Order.a: write ? directly behind the type"),
    ("Order(a: str nullable)", "'nullable' is no word here: write ? behind the type"),
    ("Order(a: str uniqe)", "or index - did you mean 'unique'?"),
    ("Order: int", "Order: write its fields in round brackets"),
    ("(a)", "entities: '(' stands where the name of an entity should"),
    ("Order(:)", "Order: ':' stands where the name of a field should"),
    ("Order(a: int", "entities: '(' is opened and never closed: write ) where"),
    ("Order(a: [int)", "entities: '[' is opened and never closed: write ] where"),
    ("Order)", "entities: ')' closes nothing: leave it out"),
    ("Order(a = 'x)", "entities: the text has no ' at its end"),
    ("Order()", "Order: has no field: write Order without brackets"),
    ("Order(a: [Line()])", "has no field: describe its fields, as in Line(name)"),
    ("[" * 5000, "entities: '[' is opened and never closed"),
    ("Order(a: " + "[" * 5000 + "]" * 5000 + ")", "Order.a: a list holds no lists"),
    # names
    ("Order(firstName)", "Order: 'firstName' is no name of a field: write first_name"),
    ("Order(größe)", "Order: 'größe' is no name of a field: write grosse"),
    ("Order(2nd)", "Order: '2nd' is no name of a field: use small letters"),
    ("Order(" + "a" * 41 + ")", "has 41 letters: use at most 28"),
    ("Order(id)", "Order.id: is there already: every entity has it"),
    ("Order(class)", "Order.class: is a keyword of Python: write order_class, say"),
    ("Order(copy)", "Order.copy: is a name that pydantic needs"),
    ("Order(model_dump_x)", "Order.model_dump_x: is a name that pydantic needs"),
    ("Order(metadata)", "Order.metadata: is a name that SQLAlchemy needs"),
    ("Order(str)", "Order.str: is a word of Python's"),
    ("Order(xmin)", "Order.xmin: is a word of PostgreSQL"),
    ("Order(a, a)", "Order.a: is there twice: name it once"),
    ("Order(tag_id: Tag), Tag", "Order.tag_id: is named without _id: write tag: Tag"),
    ("Order(tag_ids: [Tag]), Tag", "is named without _ids: write tags: [Tag]"),
    ("Order(tag: Tag, tag_id: int), Tag", "needs the name tag_id, which Order.tag has"),
    (
        "Order(tags: [Tag], tag_ids: int), Tag",
        "needs the name tag_ids, which Order.tags",
    ),
    ("Order(x: [Line(position: int)])", "Line.position: needs the name position"),
    ("Order(x: [Line(order: Tag)]), Tag", "needs the name order_id, which every child"),
    ("Order(tag: Tag, tags: [Tag]), Tag", "would get a second list_by_tag"),
    ("Order(orders: [Tag]), Tag", "its table would have two columns order_id"),
    ("Order(status: enum(a, b)), OrderStatus", "Order.status: needs the class OrderS"),
    ("Order(tag: Tag), OrderWithTag, Tag", "Order.tag: needs the class OrderWithTag"),
    ("Order(tags: [Tag]), Tag, OrderTag", "Order.tags: needs the table order_tags"),
    ("Order(x: [Line(a)]), LineData", "LineData: needs the class LineData"),
    ("Order(x: [Line(a)]), Bill(x: [Line(a)])", "Line: is named twice, for a child"),
    ("Email/e(a), Order(x: Email), EmailId", "EmailId: needs the class EmailId"),
    ("Order, PkOrder", "PkOrder: needs the table pk_orders, which Order has already"),
    (
        "NotificationPreferenceOverride(responsible_representative: Tag), Tag",
        "where PostgreSQL takes 63: choose a shorter name",
    ),
    # relations
    ("Order(a: Order)", "Order.a: an order would need another one before it"),
    (
        "A1(b: B1), B1(a: A1)",
        "A1.b: none could be the first, for each needs the next: A1",
    ),
    ("A1(x: [C1(b: B1)]), B1(a: A1)", "C1.b: none could be the first"),
    (
        "Order(x: [Line(a)], y: [Line])",
        "Order.y: Line belongs to Order: refer to Order",
    ),
    ("Order(x: [Line(a: int unique)])", "a child is found through its owner"),
    ("Order(x: [Line(a: [Tag])]), Tag", "Line.a: a child has no list of entities"),
    ("Order(x: [Line(a: [Z(b)])])", "Line.a: a child has no children of its own"),
    (
        "Order(a: Tag, b: Tag), Tag(name, orders: [Order])",
        "Tag.orders: could be the other side of Order.a or Order.b: leave it out",
    ),
    (
        "Order(a: Tag), Tag(name, x: [Order], y: [Order])",
        "Tag.y: is the other side of Order.a, as Tag.x is already",
    ),
    (
        "Tag(a, x: [Order]), Order(b, y: [Tag], z: [Tag])",
        "Order.z: could be the other side of Tag.x",
    ),
    ("Order(a: Tag unique), Tag(b, x: [Order])", "so that a tag has one at most"),
    ("Order(a: Tag), Tag(x: [Order])", "Tag: has no field of its own"),
    ("Order(a: [Tag]?), Tag", "Order.a: a list is empty instead of None"),
    ("Order(a: [Tag] index), Tag", "Order.a: a list is not index: leave it out"),
    ("Order(a: [Line(b)] unique)", "Order.a: a list is not unique"),
    # uniqueness and defaults
    ("Order(a: int unique = 5)", "Order.a: a unique field has no default"),
    *(
        (f"Order(a: {type_} unique)", "is not unique: ")
        for type_ in ("bool", "json", "text", "[str]", "enum(a, b)")
    ),
    ("Order(a: Decimal(3, 1) unique)", "is not unique: only 1999 rows could have it"),
    ("Order(a: [Decimal(3, 1)] unique)", "is not unique: two lists with the same"),
    *(
        (f"Order(a: {type_} = now)", f"Order.a: {type_} has no default: it is given")
        for type_ in ("date", "datetime", "time", "timedelta", "UUID", "bytes", "json")
    ),
    ("Order(a: Email = x)", "Order.a: Email has no default"),
    ("Order(a: Tag = x), Tag", "Order.a: Tag has no default"),
    ("Order(a: [str] = [])", "Order.a: a list has no default"),
    ("Order(a: int = 1.5)", "Order.a: '1.5' is no int, as 42 is"),
    ("Order(a: int = 2147483648)", "to 2147483647: use bigint"),
    ("Order(a: bigint = 9223372036854775808)", "bigint reaches from"),
    ("Order(a: int = " + "9" * 5000 + ")", "to 2147483647: use bigint"),
    ("Order(a: bool = yes)", "Order.a: a bool is true or false"),
    ("Order(a: float = x)", "Order.a: 'x' is no float"),
    ("Order(a: Decimal(3, 2) = 12.5)", "'12.5' has more digits than Decimal(3, 2)"),
    ("Order(a: Decimal(3, 2) = 1.255)", "'1.255' has more digits than Decimal(3, 2)"),
    ("Order(a: str(3) = 'four')", "Order.a: its default has 4 characters where 3"),
    ("Order(a = ' ')", "Order.a: must not be blank"),
    ("Order(a = two words)", "Order.a: write a text of several words in quotes"),
    ("Order(a = 5)", 'Order.a: write the text in quotes: "5"'),
    ("Order(a = true)", "Order.a: is a text, not a bool"),
    ("Order(a: int? = None)", "Order.a: is None already"),
    ("Order(a: int = None)", "write ? instead"),
    ("Order(a: enum(open, paid) = opn)", "of the enum - did you mean 'open'?"),
]


@pytest.mark.parametrize(("answer", "reason"), REFUSED)
def test_each_fault_is_told_once_with_its_reason(answer: str, reason: str) -> None:
    first, *others = problems(answer)

    assert reason in first.splitlines()[0]
    assert others == [] or answer.startswith("[[")


def test_a_problem_shows_its_place() -> None:
    assert problems("Order(name: strng)") == [
        "Order.name: unknown type 'strng' - did you mean 'str'?\n"
        "    Order(name: strng)\n"
        "                ^^^^^",
    ]


def test_reading_goes_on_behind_a_fault() -> None:
    answer = "Order(a: strng, b: int unique = 1,\n c d: int, e f g), Tag(x: [Ordr])"

    assert [problem.partition(": ")[0] for problem in problems(answer)] == [
        "Order.a",
        "Order.b",
        "Order",
        "Order",
        "Tag.x",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        "Customers(a), Order(x: Customer, y: Customers)",
        "Ord er(a), Line(x: OrdEr)",
        "Order(a: Tga, b: [Lin]), Tag(orders: [Order])",
    ],
)
def test_a_fault_does_not_become_others(answer: str) -> None:
    assert len(problems(answer)) == 1 + answer.count("Lin]")


@pytest.mark.parametrize(("before", "behind"), [(0, 20), (20, 0), (20, 20)])
def test_of_a_long_line_the_part_with_the_place_is_shown(
    before: int, behind: int
) -> None:
    many = "".join(f"a{number}, " for number in range(before))
    more = "".join(f", z{number}: Decimal" for number in range(behind))
    (problem,) = problems(f"Order({many}b: strng{more})")

    _, line, carets = problem.splitlines()
    assert len(line) < 115
    assert line[carets.index("^") : carets.rindex("^") + 1] == "strng"
    assert line.startswith("    ...") == bool(before)
    assert line.endswith("...") == bool(behind)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("Order(\tname: strng)", "    Order( name: strng)"),
        ("Order(a = '日本', b: strng)", "    Order(a = '日本', b: strng)"),
        ("Order(a: \x1b[31m)", "    Order(a: ?[31m)"),
        ("Order(a: \u202estrng)", "    Order(a: ?strng)"),
    ],
)
def test_the_terminal_gets_nothing_to_obey(answer: str, shown: str) -> None:
    for problem in problems(answer):
        _, line, _ = problem.splitlines()
        assert line == shown
        assert problem.replace("\n", "").isprintable()


def test_carets_stand_below_wide_letters() -> None:
    (problem,) = problems("Order(a = '日本', b: strng)")

    line, carets = problem.splitlines()[1:]
    assert carets.index("^") == line.index("strng") + 2


def test_the_first_problems_are_told_and_the_others_counted() -> None:
    found = problems(", ".join(f"Order{number}(a: strng)" for number in range(30)))

    assert len(found) == 21
    assert found[-1] == "entities: and 10 more problems"


# Steps


@pytest.mark.parametrize(
    "answer",
    [
        "Customer + Order + Bill",
        "Customer +Order+Bill",
        "Customer\n+ Order\n+ Bill\n",
        "Customer, # + who buys\n+\n; Order;\n\n+Bill, # so",
        'Customer(name = "+") + Order + Bill',
    ],
)
def test_a_plus_begins_a_step(answer: str) -> None:
    entities = read(answer)

    steps = {name: entity["step"] for name, entity in entities.items()}
    assert steps == {"Bill": 3, "Customer": 1, "Order": 2}
    assert [entity["fields"][0]["step"] for entity in entities.values()] == [3, 1, 2]


def test_an_entity_gets_its_new_fields_behind_the_old_ones() -> None:
    answer = (
        "OrderLine/rows(z), Tag + order_line(y, b: int = +5), Bill"
        " + ORDER-line(a: int?)"
    )

    line = read(answer)["OrderLine"]
    steps = {field["name"]: field["step"] for field in line["fields"]}
    assert (line["step"], line["plural"]) == (1, "rows")
    assert list(steps.items()) == [("z", 1), ("y", 2), ("b", 2), ("a", 3)]


def test_a_bare_name_and_a_child_get_fields_too() -> None:
    answer = "Order + Order(lines: [Line(a)], b) + Order(lines: [line(c: int)])"

    found = fields(answer)
    child = found["lines"]["child"]
    steps = {field["name"]: field["step"] for field in child["fields"]}
    assert {name: field["step"] for name, field in found.items()} == {
        "name": 1,
        "lines": 2,
        "b": 2,
    }
    assert (child["step"], steps) == (2, {"a": 2, "c": 3})


@pytest.mark.parametrize(
    ("answer", "reverses"),
    [
        (
            "Order(a: Tag), Tag + Order(b: Tag?) + Order(c: Tag unique)",
            {"a": "orders", "b": "orders_by_b", "c": "orders_by_c"},
        ),
        (
            "Order(a: Tag), Tag(b, x: [Order]) + Order(c: Tag)",
            {"a": "x", "c": "orders"},
        ),
        ("Order(a: Tag), Tag + Tag(orders: [Order])", {"a": "orders"}),
        (
            "Order(a: Tag), Tag + Order(b: Tag), Tag(x: [Order])",
            {"a": "orders", "b": "x"},
        ),
        (
            "Order(a: Tag), Tag + Order(b: Tag) + Tag(orders_by_b: [Order])",
            {"a": "orders", "b": "orders_by_b"},
        ),
        ("Order(a: Order?) + Order(orders_by_a: [Order])", {"a": "orders_by_a"}),
        ("Order(a: [Tag]), Tag + Tag(orders: [Order])", {"a": "orders"}),
        (
            "Order(a: [Tag]), Tag + Order(b: [Tag]), Tag(x: [Order])",
            {"a": "orders", "b": "x"},
        ),
        (
            "Order(a: [Tag]), Tag + Order(b: [Tag], c: Tag)",
            {"a": "orders", "b": "orders_by_b", "c": "orders_by_c"},
        ),
    ],
)
def test_a_relation_keeps_the_name_that_its_step_gave_it(
    answer: str, reverses: dict[str, str]
) -> None:
    found = fields(answer)

    assert {name: found[name]["reverse"] for name in reverses} == reverses


def test_a_later_list_is_the_other_side_under_the_name_that_there_is() -> None:
    tags = "Order(tags: [Tag]), Tag + Tag(orders: [Order])"
    customer = "Order(customer: Customer), Customer + Customer(orders: [Order])"

    assert fields(tags)["tags"] == fields("Order(tags: [Tag]), Tag")["tags"]
    assert fields(tags, "Tag")["orders"]["kind"] == "reverse"
    assert fields(customer, "Customer")["orders"]["kind"] == "reverse"


def test_a_list_stays_a_many_to_many_whatever_comes_later() -> None:
    before = fields("Order(tags: [Tag]), Tag")["tags"]
    after = fields("Order(tags: [Tag]), Tag + Order(more: [Tag]) + Tag(first: Order?)")

    assert after["tags"] == before
    assert after["more"]["inverse"] == "order_of_more"


def test_a_type_keeps_its_meaning_where_an_entity_takes_its_name() -> None:
    answer = "Order(a: Date) + Date, Order(b: Date)"

    kinds = {name: field["kind"] for name, field in fields(answer).items()}
    assert kinds == {"a": "scalar", "b": "reference"}


REFUSED_STEPS = [
    # where a step begins
    ("+ Order", "entities: '+' begins a step: name an entity before it and behind it"),
    ("Order, +\n# so", "entities: '+' begins a step: name an entity before it"),
    ("Order + ; + Tag", "entities: '+' begins a step: name an entity before it"),
    ("+", "entities: '+' begins a step: name an entity before it and behind it"),
    ("Order(a + b)", "entities: '+' begins a step: write it outside brackets"),
    ("Order(a: enum(C++, D))", "entities: '+' begins a step: write it outside"),
    ("Order(a: int\n+ Tag", "entities: '(' is opened and never closed"),
    # what is there already
    ("Order + Order", "Order: is there already: name the fields that it gets"),
    ("Order + Order()", "Order: is there already: name the fields that it gets"),
    ("Order + Order/rows(a)", "Order: has the plural orders already: leave it out"),
    ("Order + Order(:)", "Order: ':' stands where the name of a field should"),
    ("Order + Order(a), order(b)", "Order: is named twice: name it once"),
    ("Order + Order(a, a)", "Order.a: is there twice: name it once"),
    ("Order + Order(name)", "Order.name: is there already: a step adds fields and"),
    ("Order(a) + Orders(b)", "Orders: looks like a plural: write the singular"),
    # children
    ("O1(x: [L1(a)]) + O1(x: [L1(a)])", "L1.a: is there already: a step adds fields"),
    ("O1(x: [L1(a)]) + O1(x: [L1])", "its child gets, as in x: [L1(notes: text?)]"),
    ("O1(x: [L1(a)]) + O1(x: [Z1(b)])", "O1.x: is there already: write the fields"),
    ("O1(x: [L1(a)]) + O1(x)", "O1.x: is there already: write the fields that its"),
    ("O1(x: [L1(a)]) + O1(x: [L1()])", "L1: is there already: name the fields that"),
    ("O1(x: [L1(a)]) + O1(x: [L1/l(b)])", "L1: has the plural l1s already: leave"),
    ("O1(x: [L1(a)]) + O1(x: [L1(b)]?)", "O1.x: a list is empty instead of None"),
    ("O1(x: [L1(a)]) + O1(y: [L1(b)])", "fields there, as in O1(x: [L1(notes: text?)"),
    ("O1(x: [L1(a)]) + O2(x: [L1(b)])", "L1: is a child of O1: give it fields there"),
    ("O1(x: [L1(a)]) + L1(b)", "L1: is a child of O1: give it fields there"),
    ("O1(x: int) + O1(x: [L1(b)])", "O1.x: is there already: a step adds fields"),
    ("O1, L1 + O1(x: [L1(b)])", "L1: is an entity already: refer to it, as in [L1]"),
    # what only comes later
    ("Order(a: Tag) + Tag", "Order.a: Tag comes in a later step: give Order this"),
    ("Order(a: [Tag]) + Bill + tag", "Order.a: Tag comes in a later step"),
    ("O1(x: [L1(a: Tag)]) + Tag", "L1.a: Tag comes in a later step: give L1 this"),
    ("Tag(x: [Bill]), Bill(a: Tag) + Tag(b)", "Tag: has no field of its own"),
    # names that are given
    ("Bill(a: Tag), Tag + Tag(bills)", "Tag.bills: needs the name bills, which Bill.a"),
    ("Bill(a: Tag), Tag + Tag(x: [Bill])", "which is called bills there: write bills:"),
    (
        "Bill(a: [Tag]), Tag + Tag(x: [Bill])",
        "Tag.x: is the other side of Bill.a, whic",
    ),
    (
        "Bill(a: Tag), Tag(b, x: [Bill]) + Tag(y: [Bill])",
        "Tag.y: is the other side of Bill.a, as Tag.x is already: leave one out",
    ),
    ("Bill(a: Tag unique), Tag + Tag(bill: [Bill])", "so that a tag has one at most"),
    (
        "Bill(a: [Tag], b: [Tag]), Tag + Tag(x: [Bill])",
        "Tag.x: could be the other side of Bill.a or Bill.b: leave it out",
    ),
    ("Bill(a: [Tag]), Tag + Bill(a_id: Tag)", "Bill.a_id: is named without _id"),
    ("Bill(tags: [Tag]), Tag + Bill(tag: Tag)", "Bill.tag: Bill would get a second"),
    ("Tag(x: [Bill]), Bill + Bill(tag: Tag)", "Bill.tag: Bill would get a second list"),
    ("Order(a: enum(x, y)) + OrderA", "OrderA: needs the class OrderA, which Order.a"),
    ("Decimal", "Decimal: needs the class Decimal, which every service has already"),
    ("StrEnum", "StrEnum: needs the class StrEnum, which every service has already"),
    # the whole
    ("A1(b: B1), B1 + B1(a: A1)", "B1.a: none could be the first, for each needs the"),
    (
        f"Order({', '.join(f'a{n}' for n in range(99))}, x: [Line(a)])"
        " + Order(b, x: [Line(b)])",
        "Order: has 101 fields: use at most 100",
    ),
]


@pytest.mark.parametrize(("answer", "reason"), REFUSED_STEPS)
def test_each_fault_of_a_step_is_told_once_with_its_reason(
    answer: str, reason: str
) -> None:
    (problem,) = problems(answer)

    assert reason in problem.splitlines()[0]


def test_a_fault_of_a_step_is_shown_where_it_is() -> None:
    assert problems("Bill(a: Tag), Tag\n+ Bill(b: str, a: int)") == [
        "Bill.a: is there already: a step adds fields and changes none\n"
        "    + Bill(b: str, a: int)\n"
        "                   ^",
    ]


def test_fields_are_counted_over_all_steps() -> None:
    many = ", ".join(f"a{number}" for number in range(98))

    (problem,) = problems(f"Order({many})\n+ Order(b, c)\n+ Order(d, e)")
    assert problem.splitlines() == [
        "Order: has 102 fields: use at most 100",
        "    + Order(d, e)",
        "            ^",
    ]


def test_only_the_first_step_with_faults_is_told() -> None:
    found = problems("Order(a: Tga), Bill(b: strng) + Tag(a: strng)")

    assert [problem.partition(": ")[0] for problem in found] == ["Order.a", "Bill.b"]


def parts(tokens: list[str]) -> tuple[list[str], list[list[str]]]:
    """Take an entity in tokens apart: what is before its brackets, and its fields."""
    if "(" not in tokens:
        return tokens, []
    opening, depth = tokens.index("("), 0
    fields: list[list[str]] = [[]]
    for piece in tokens[opening + 1 : -1]:
        depth += (piece in ("(", "[")) - (piece in (")", "]"))
        if piece == "," and not depth:
            fields.append([])
        else:
            fields[-1].append(piece)
    return tokens[:opening], [field for field in fields if field]


def together(head: list[str], fields: list[list[str]]) -> list[str]:
    inner = [token for field in fields for token in (",", *field)]
    return [*head, "(", *inner[1:], ")"] if inner else head


def of_child(field: list[str], step: int, random: Random) -> Iterator[tuple[int, Any]]:
    """Put some fields of a child into a later step."""
    before, child = field[:3], field[3:-1]
    if before[1:] == [":", "["] and child[0].lower() not in language.SPELLINGS:
        head, fields = parts(child)
        if len(fields) > 1 and step < 3:
            later = [*before, *together(head[:1], fields[1:]), "]"]
            yield random.randint(step + 1, 3), later
            field = [*before, *together(head, fields[:1]), "]"]
    yield step, field


def in_steps(structure: list[list[str]], random: Random) -> list[str]:
    """Spread an answer over three steps, nothing before what it refers to."""
    everyone = {language._pascal(tokens[0]): parts(tokens) for tokens in structure}
    steps = {
        name: [random.randint(1, 3) for _ in fields or [name]]
        for name, (_, fields) in everyone.items()
    }
    for name in [*everyone] * 3:
        for place, field in enumerate(everyone[name][1]):
            for other in everyone.keys() & set(map(language._pascal, field)):
                steps[name][place] = max(steps[name][place], min(steps[other]))
    written: dict[int, list[list[str]]] = {1: [], 2: [], 3: []}
    for name, (head, fields) in everyone.items():
        first = min(steps[name])
        spread: list[tuple[int, list[str]]] = []
        for step, field in zip(steps[name], fields, strict=False):
            spread += of_child(field, step, random)
        for step, entities in written.items():
            new = [field for at, field in spread if at == step]
            if new or step == first:
                entities.append(together(head if step == first else head[:1], new))
    return [
        lay_out(entities, random.randint(1, 999))
        for entities in written.values()
        if entities
    ]


def up_to(step: int, entity: Any) -> Any:
    """Leave out of an entity what later steps gave it."""
    kept = [field for field in entity.fields if field.step <= step]
    children = [field.child and up_to(step, field.child) for field in kept]
    pairs = zip(kept, children, strict=True)
    return entity._replace(fields=tuple(one._replace(child=of) for one, of in pairs))


def test_no_step_changes_what_an_earlier_one_has_made() -> None:
    random, good = Random(7), 0  # noqa: S311
    for structure in [one for one in drawn(structures(), 25) for _ in range(4)]:
        steps = in_steps(structure, random)
        whole, found = language.read_entities("+".join(steps))
        good += not found
        for count in range(1, len(steps)) if not found else ():
            before = [up_to(count, entity) for entity in whole if entity.step <= count]
            assert language.read_entities("+".join(steps[:count])) == (before, [])

    assert good > 40
