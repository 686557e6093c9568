"""The entities answer: how names are read, what is derived, what is refused."""

import pytest

from tests.conftest import hook

pre = hook("pre_gen_project")


def names(answer: str) -> list[str]:
    entities, problems = pre.read_entities(answer)
    assert problems == []
    return [entity.name for entity in entities]


def problems(answer: str) -> list[str]:
    found: list[str] = pre.read_entities(answer)[1]
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
    entity = pre.derive(given)

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
    assert pre.derive(singular).plural == plural


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
    assert pre.derive(name).a_label == label


def test_a_plural_can_be_given() -> None:
    ((folk,), found) = pre.read_entities("Person / folk")

    assert found == []
    assert (folk.plural, folk.labels) == ("folk", "folk")


def test_acronyms_keep_their_capitals_in_the_plural() -> None:
    assert pre.derive("OrderURL").labels == "order URLs"


@pytest.mark.parametrize("name", ["Return", "Class", "Import", "Yield"])
def test_a_word_of_python_gets_an_underscore_as_a_module(name: str) -> None:
    entity = pre.derive(name)

    assert entity.module == entity.variable == f"{name.lower()}_"
    assert entity.snake == name.lower()


@pytest.mark.parametrize("name", ["Type", "Set", "Command", "Model"])
def test_a_variable_hides_no_other(name: str) -> None:
    entity = pre.derive(name)

    assert entity.module == name.lower()
    assert entity.variable == f"{name.lower()}_"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "entities: name at least one, for example Customer, Order"),
        (" , # nothing", "entities: name at least one"),
        ("Order(total: int)", "has more than a name"),
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
        ("O" * 41, "is too long: use at most 40 letters"),
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
    assert problem.startswith("entities: ")


def test_every_problem_is_told_with_its_place() -> None:
    assert problems("Customer, ord er\n  Customers; Order  # fine") == [
        "entities: 'ord er' is no name: write letters and digits in one word,"
        " for example OrdEr\n"
        "    Customer, ord er\n"
        "              ^^^^^^",
        "entities: 'Customers' looks like a plural: write the singular, for example"
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
