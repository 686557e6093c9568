"""Any answer that the language allows makes a service that works; others are told."""

import ast
import contextlib
import io
import json
import random
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from hexagonal_answers import part
from tests.conftest import (
    BASEDPYRIGHT,
    CHECKS,
    SERVICE,
    TEMPLATE,
    Run,
    bake,
    generate,
    passes,
    passes_its_suite,
    run,
    texts,
)

language = part("language")
rendering = part("rendering")
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")
STABLE = settings(
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
T = TypeVar("T")


def drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """List examples, for checks that are quicker with many at once."""
    examples: list[T] = []

    @settings(STABLE, max_examples=count, phases=[Phase.generate])
    @given(strategy)
    def take(example: T) -> None:
        examples.append(example)

    take()
    return examples


# A model is drawn as tokens, which some layout makes an answer of.

pytestmark = pytest.mark.xdist_group("models")  # which take long to draw

NOUNS = (
    "address any branch case category class command count customer data date datetime"
    " document email end entity error event field file filter format group hash http"
    " identity index input item iter key keys kind language len limit line list logging"
    " match max message model name next note number offset order other owner page"
    " parent person price print query range return row sample search select session"
    " set sheep some sort sql state status sum table test text time topic type unit url"
    " user value values version words x zip"
).split()
WORDS = st.sampled_from(NOUNS) | st.from_regex("[a-z]{1,8}[0-9]{0,2}", fullmatch=True)
PHRASES = st.lists(
    WORDS.filter(lambda word: word not in ("add", "id", "ids", "remove")),
    min_size=1,
    max_size=4,
).map("_".join)
LETTERS = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
NUMBERS = st.from_regex(
    "[+-]?([0-9]{1,9}([.][0-9]{0,9})?|[.][0-9]{1,9})", fullmatch=True
)
DEFAULTS = {
    "int": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "float": NUMBERS,
    "Decimal": NUMBERS,
    "bool": st.sampled_from("true false True FALSE".split()),
    "str": st.text(LETTERS, min_size=1, max_size=40),
    "text": st.text(LETTERS, max_size=40),
}
NOT_ENTITIES = {"any", "entity", *language.MODULES, *language.SPELLINGS}
NOT_ENTITIES |= {"i", "o"}
VALUES = st.lists(
    st.sampled_from(NOUNS)
    | st.from_regex("[A-Za-z][A-Za-z0-9_]{0,27}", fullmatch=True),
    min_size=2,
    max_size=9,
    unique_by=str.lower,
).filter(lambda values: not {"I", "O", "i", "o"} & set(values))


@dataclass
class Drawn:
    """An entity as far as it is drawn."""

    name: str
    plural: str = ""
    fields: list[list[str]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    reverses: int = 0  # how many fields are but the other side of others'

    @property
    def table(self) -> str:
        return str(language.derive(self.name, self.plural).plural)

    def room(self, kind: str) -> int:
        """How long the name of a field may be, so that PostgreSQL cuts no other."""
        mine, table = len(self.name), len(self.table)
        rooms = {
            "enum": min(58 - table, language.LONGEST_ENUM) - mine,
            "many": min(55 - 2 * mine, (54 - mine) // 2),
            "reference": 56 - table,
        }
        return int(min(language.LONGEST_FIELD, rooms.get(kind, 58 - table)))

    def free(self, name: str, kind: str) -> str:
        """Change the name of a field until it is free."""
        room = self.room(kind)
        for ending in ("", *"abcdefghijklmnopqrstuvwxyz"):
            free = name[: room - len(ending)].rstrip("_") + ending
            one = language.singular(free)
            if not language.UNUSABLE.keys() & {free} and not self.taken & {free, one}:
                break
        self.taken |= {free, one}
        return str(free)


def spelled(draw: st.DrawFn, name: str) -> str:
    """Spell the name of an entity in a usual way, but not as a scalar."""
    pascal = "".join(word.capitalize() for word in name.split("_"))
    ways = [pascal, name, name.replace("_", "-"), pascal[0].lower() + pascal[1:]]
    return draw(st.sampled_from([way for way in ways if way not in language.SCALARS]))


def options(
    draw: st.DrawFn, *flags: str, default: Sequence[str] = (), typed: bool = True
) -> list[str]:
    """Draw what stands behind a type."""
    optional = [["?"], ["|", "None"]] if typed else []
    chosen = [[flag] for flag in flags if draw(st.booleans())]
    if default and ["unique"] not in chosen and draw(st.booleans()):
        chosen.append(["=", *default])
    parts = [draw(st.sampled_from([[], *optional])), *draw(st.permutations(chosen))]
    return [token for part in parts for token in part]


def scalar(draw: st.DrawFn, kind: str) -> tuple[list[str], list[str]]:
    """Draw the spelling of a scalar with its arguments, and a default."""
    same = [alias for alias, other in language.ALIASES.items() if other == kind]
    spelling, digits = draw(st.sampled_from([kind, *same])), ""
    arguments: list[str] = []
    default = draw(DEFAULTS[kind]) if kind in DEFAULTS else ""
    has_arguments = draw(st.booleans())
    if kind in ("str", "text"):
        longest = draw(st.integers(1, 1000)) if has_arguments else 255
        arguments = [str(longest)] if kind == "str" and has_arguments else []
        quote = draw(st.sampled_from("\"'"))
        text = default.replace(quote, "")[:longest]
        default = f"{quote}{text if text.strip() else 'x'}{quote}"
    if kind == "Decimal" and has_arguments:
        precision = draw(st.integers(1, 100))
        scale = draw(st.integers(0, precision))
        digits = draw(st.from_regex("[0-9]{1,100}", fullmatch=True))
        arguments = [str(precision), str(scale)][
            : 2 if scale else draw(st.integers(1, 2))
        ]
        default = f"{digits[scale:precision] or 0}.{digits[:scale]}"
    tokens = [token for argument in arguments for token in (",", argument)][1:]
    brackets = ["(", *tokens, ")"] if arguments else []
    return [spelling, *brackets], [default] if default else []


def plain(draw: st.DrawFn, entity: Drawn, *, in_child: bool) -> None:
    """Add a scalar, an enum or an array."""
    kind = draw(st.sampled_from(["bare", "enum", "array", *sorted(language.SCALARS)]))
    if entity.room(kind) < 6:
        kind = "bare"
    name = entity.free(draw(PHRASES), kind)
    flags = (
        ["index"] if in_child or kind in language.NOT_UNIQUE else ["index", "unique"]
    )
    if kind == "bare":
        tokens = options(draw, *flags, default=["x"], typed=False)
    elif kind == "enum":
        values = draw(VALUES)
        bar = draw(st.sampled_from(",|;"))
        inner = [token for value in values for token in (bar, value)]
        default = [draw(st.sampled_from(values))]
        behind = options(draw, "index", default=default)
        tokens = [":", "enum", "(", *inner[1:], ")", *behind]
    elif kind == "array":
        element, _ = scalar(
            draw, draw(st.sampled_from(sorted(language.SCALARS - {"json"})))
        )
        tokens = [":", "[", *element, "]", *options(draw, "index")]
    else:
        type_, default = scalar(draw, kind)
        behind = options(draw, *flags, default=default)
        if kind == "Decimal" and type_[2:3] and int(type_[2]) < 4:
            behind = [one for one in behind if one != "unique"]  # too few differ
        tokens = [":", *type_, *behind]
    entity.fields.append([name, *tokens])


def reference(
    draw: st.DrawFn, entity: Drawn, target: Drawn, *flags: str, optional: bool
) -> list[str]:
    """Add a reference; return it."""
    name = draw(st.just(target.name) | PHRASES)
    tokens = [entity.free(name, "reference"), ":", spelled(draw, target.name)]
    behind = options(draw, "index", *flags)
    if optional and not {"?", "|"} & set(behind):
        behind.insert(0, "?")
    entity.fields.append([*tokens, *behind])
    return behind


def listing(draw: st.DrawFn, entity: Drawn, target: Drawn, kind: str) -> None:
    """Add a list of another entity, where there is room for it."""
    if entity.room(kind) > 6:
        name = entity.free(language.derive(draw(PHRASES)).plural, kind)
        entity.fields.append([name, ":", "[", spelled(draw, target.name), "]"])
        entity.reverses += kind == "reverse"


def relate(draw: st.DrawFn, one: Drawn, other: Drawn, *, optional: bool) -> None:
    """Relate two entities, or one to itself, in one of the ways that are clear."""
    way = draw(st.sampled_from("one one two list lists both".split()))
    if way == "one":
        behind = reference(draw, one, other, "unique", optional=optional)
        if "unique" not in behind and draw(st.booleans()):
            listing(draw, other, one, "reverse")
    elif way == "two":
        reference(draw, one, other, "unique", optional=optional)
        reference(draw, one, other, "unique", optional=optional)
    else:
        listing(draw, one, other, "many")
        if way == "lists":
            listing(draw, one, other, "many")
        if way == "both" and one.room("many") > 6 and one is not other:
            listing(draw, other, one, "many")


def written(draw: st.DrawFn, entity: Drawn) -> list[str]:
    """Write an entity in tokens."""
    plural = ["/", entity.plural] if entity.plural else []
    fields = draw(st.permutations(entity.fields))
    inner = [token for tokens in fields for token in (",", *tokens)]
    comma = [","] if draw(st.booleans()) else []
    brackets = ["(", *inner[1:], *comma, ")"] if inner else []
    return [spelled(draw, entity.name), *plural, *brackets]


@st.composite
def structures(draw: st.DrawFn) -> list[list[str]]:
    """Draw the tokens of 1 to 12 entities; those beyond are children."""
    phrases = PHRASES.map(lambda phrase: phrase[: language.LONGEST_ENTITY].rstrip("_"))
    phrases = phrases.filter(lambda name: name not in NOT_ENTITIES)
    count = draw(st.integers(1, 12))
    names = st.lists(
        phrases,
        min_size=count,
        max_size=count + 4,
        unique_by=lambda name: name.replace("_", ""),
    )
    everyone = [Drawn(name, taken={name}) for name in draw(names)]
    for entity in everyone:
        if (
            language.singular(entity.name) != entity.name
            or draw(st.integers(0, 9)) == 9
        ):
            ending = draw(st.sampled_from(["_rows", "folk"]))
            entity.plural = f"{entity.name[:35]}{ending}"
    entities, owned = everyone[:count], everyone[count:]
    places = st.integers(0, len(entities) - 1)
    for entity in entities:
        for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3, 5, 8]))):
            plain(draw, entity, in_child=False)
    pairs = st.lists(st.tuples(places, places), max_size=12, unique_by=frozenset)
    for a, b in draw(pairs):
        relate(draw, entities[a], entities[b], optional=a <= b)
    for child in owned:
        place = draw(places)
        owner = entities[place]
        if len(child.table) + len(owner.name) > 47:
            continue
        child.taken |= {"position", owner.name}
        for _ in range(draw(st.integers(1, 4))):
            plain(draw, child, in_child=True)
        for target in draw(st.sets(places, max_size=2)):
            reference(draw, child, entities[target], optional=target >= place)
        name = owner.free(language.derive(draw(PHRASES)).plural, "children")
        owner.fields.append([name, ":", "[", *written(draw, child), "]"])
    for entity in entities:
        if entity.fields and len(entity.fields) == entity.reverses:
            plain(draw, entity, in_child=False)
    return [written(draw, entity) for entity in draw(st.permutations(entities))]


def lay_out(entities: Iterable[list[str]], seed: int) -> str:
    """Make an answer of tokens; without a seed in one line."""
    choose = random.Random(seed).choice  # noqa: S311
    separators = [", ", ";", "\n", " ;\n\n", ", # and,\n", "\n# (more; to come\n\t"]
    outside = ["", "", " "]
    inside = [*outside, "\n    ", "\t", " # so; it [is\n", "\r\n"]
    if not seed:
        separators, outside, inside = ["; "], [""], [""]
    answer = ""
    for tokens in entities:
        depth = 0
        for before, token in zip(["", *tokens], tokens, strict=False):
            gap = choose(inside if depth else outside)
            if re.search(r"[\w.+-]$", before) and re.match(r"[\w.+-]", token):
                gap = gap or " "
            answer += gap + token
            depth += (token in ("(", "[")) - (token in (")", "]"))
        answer += choose(separators)
    return answer


ANSWERS = st.builds(lay_out, structures(), st.integers(0, 999))


@pytest.fixture(scope="module")
def answers() -> list[str]:
    """Different ones; Hypothesis draws some again."""
    return list(dict.fromkeys(drawn(ANSWERS, 120)))


@pytest.fixture(scope="module")
def models(answers: list[str]) -> list[str]:
    """Answers that are good."""
    return [answer for answer in answers if not language.read_entities(answer)[1]]


def test_nearly_every_model_that_is_drawn_is_good(answers: list[str]) -> None:
    refused = list(
        filter(None, (language.read_entities(answer)[1] for answer in answers))
    )

    assert len(answers) > 80
    assert len(refused) < len(answers) / 10, refused


@settings(STABLE, max_examples=20)
@given(structures(), st.integers(1, 999))
def test_the_layout_of_an_answer_means_nothing(
    structure: list[list[str]], seed: int
) -> None:
    entities, problems = language.read_entities(lay_out(structure, seed))

    same_entities, same_problems = language.read_entities(lay_out(structure, 0))
    assert entities == same_entities
    assert len(problems) == len(same_problems)


# Any model makes a service that passes its checks.

NAMES = {
    "project_name": "Shop",
    "project_slug": "shop",
    "package_name": "shop",
    "api": "none",
}


HOOK = (TEMPLATE / "hooks/post_gen_project.py").read_text()

TOLD = {  # by cookiecutter, of itself
    "_checkout": None,
    "_output_dir": ".",
    "_repo_dir": str(TEMPLATE),
    "_template": str(TEMPLATE),
}


def made(folder: Path, answer: str, api: str = "none") -> Path:
    """Do what cookiecutter does with a good answer, without its processes."""
    folder.mkdir(parents=True)
    (folder / "answer.txt").write_text(answer, encoding="utf-8", newline="")
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        answers = NAMES | TOLD | {"entities": answer, "api": api}
        template = TEMPLATE / SERVICE
        model = language.as_model(answers)
        made_of = json.dumps(rendering.render_all(model, template))
        shutil.copytree(template, ".", copy_function=shutil.copy, dirs_exist_ok=True)
        Path("src/{{cookiecutter.package_name}}").rename("src/shop")
        exec(HOOK.replace("{{ cookiecutter | as_files }}", made_of), {})  # noqa: S102
    return folder


def compile_all(service: Path) -> None:
    for path in service.rglob("*.py"):
        compile(path.read_bytes(), path, "exec")


@pytest.fixture(scope="module")
def services(models: list[str], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Services of any models, next to each other."""
    folder = tmp_path_factory.mktemp("services")
    numbered = enumerate(models[-20:])
    return [made(folder / f"{number:02}", model) for number, model in numbered]


def test_what_is_made_here_is_what_cookiecutter_makes(tmp_path: Path) -> None:
    here = made(tmp_path / "shop", NASTY, "fastapi")

    theirs = bake(tmp_path / "theirs", entities=NASTY, **NAMES | {"api": "fastapi"})
    (here / "answer.txt").unlink()
    assert texts(here) == texts(theirs)


def test_any_model_makes_python(services: list[Path]) -> None:
    for service in services:
        compile_all(service)


def test_laying_out_changes_no_meaning(
    models: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out = rendering.lay_out

    def held(text: str, package: str) -> str:
        laid_out = str(lay_out(text, package))
        assert meaning(laid_out) == meaning(text)
        return laid_out

    monkeypatch.setattr(rendering, "lay_out", held)
    for number, model in enumerate(models[2::12]):
        made(tmp_path / str(number), model)


def meaning(text: str) -> list[str]:
    """Dump the statements but for the imports, which are sorted and left out."""
    text = re.sub(r"^if TYPE_CHECKING:\n(?! )", "", text, flags=re.MULTILINE)
    statements = ast.parse(text).body
    imports = (ast.Import, ast.ImportFrom, ast.If)
    return [ast.dump(one) for one in statements if not isinstance(one, imports)]


@pytest.mark.parametrize("command", ["ruff format --check", "ruff check"])
def test_any_model_makes_what_ruff_passes(services: list[Path], command: str) -> None:
    done = run(*command.split(), "--no-cache", cwd=services[0].parent)

    assert done.code == 0, done.out + done.err


def test_any_model_makes_what_mypy_passes(services: list[Path]) -> None:
    for service in services[:2]:
        passes(service, f"mypy --python-executable {sys.executable}")


def test_any_model_makes_a_suite_that_covers_every_branch(
    services: list[Path], server: str
) -> None:
    for service in services[2:4]:
        passes_its_suite(service, server)


# Names that mean something to Python, pydantic, SQLAlchemy or PostgreSQL.

NASTY = """
Return(class_name, reason: enum(class, none, import, mro, name, True, x_) = class,
  model_class)
Class(type, object_type: Type?, items: [str], index: int index, kind: str unique)
Type(value: Decimal(12, 2), key: str(40) unique, values: json, items: [
  Item(type, value: int, order: Order?, listed: text?, model_class: int?)
])
News/news(
  date: date?, time: time, datetime: datetime, timedelta: timedelta?, uuid: UUID unique,
  decimal: Decimal, enum: enum(str, int) = int
)
HTTPServer(url: Url unique, email: Email?, request: HTTPServer?, any: bool = true)
Order(
  order: int, user: str, group: str, limit: int, offset: bigint = 5, date: date?,
  select, end: datetime, table: text = "", text: text, where: float, desc: bool,
  check: bytes, default: str = "default", window: time?, to: HTTPServer, tags: [Set],
  customer: Person?, shape: Model
)
Set(
  a_list, a_dict: json?, type: Type unique, hash: bytes?, len: int, min: int, max: int,
  sum: Decimal = 0, filter: str?, map: str?, unknown: int?, user: enum(any, all)
)
Model(total: Count?)
Count
Person/people(
  next: Person?, iter: int, input: str, format: str, range: [int], zip: str, all: bool,
  print, vars: json, open: bool, repr: str, friends: [Person], any, session, engine,
  key, commit, entity: str, event, result, error, row: int, new: int, other: int,
  kept: int
)
"""


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("nasty") / "shop", NASTY, "fastapi")


@pytest.mark.parametrize(
    "command",
    [*CHECKS, BASEDPYRIGHT, "python -m dev.demo"],
    ids=lambda command: command.split()[0],
)
def test_nasty_names_pass_every_check(nasty: Path, command: str) -> None:
    passes(nasty, command)


def test_nasty_names_pass_their_suite(nasty: Path, server: str) -> None:
    passes_its_suite(nasty, server)


# Answers of any kind are understood or refused.

SOUP = [
    *"()[],;:/|?=#\"'\n\t .-_+0\0é",
    *"\r\n \x1b[31m \u202e \ud800 日本 \u0301 {{ %} '' 'x' -1 1.50 1_000".split(" "),
    *"a b Order order-line Tag people None id class unique index enum true str".split(),
    *"int json Email optional Order(a) [Tag] enum(a,b) Decimal(12,2) :Tag? =0".split(),
    *("# so", "lines: [Line(a: int)]", "x" * 90, "9" * 20, " + ", "\n+ "),
]


def is_good(answer: str) -> bool:
    """Hold what is read of an answer against what must be so of any."""
    entities, problems = language.read_entities(answer)
    for problem in problems:
        sentence, *place = problem.split("\n")
        assert sentence.isprintable()
        assert re.match(r"\w[\w.]*: \S", sentence)
        if problem != language.HELP and not sentence.startswith(
            ("entities: name at least one", "entities: and ")
        ):
            line, carets = place
            assert line.isprintable()
            assert re.fullmatch(r" {4,}\^+", carets)
    if not problems:
        children = [field.child for entity in entities for field in entity.fields]
        known = [*entities, *filter(None, children)]
        assert entities
        for entity in known:
            names = [entity.name, entity.module, entity.variable, entity.plural]
            names += [field.attribute for field in entity.fields]
            assert all(map(is_name, names))
    return not problems


def is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii() and not iskeyword(text)


def mutated(answer: str, choice: random.Random) -> str:
    """Delete, double, swap or insert words or characters."""
    pieces = re.findall(r"\w+|\s+|." if choice.random() < 0.7 else "(?s:.)", answer)
    for _ in range(choice.choice((1, 1, 1, 2, 5))):
        one, other = (choice.randrange(len(pieces)) for _ in range(2))
        match choice.randrange(4):
            case 0:
                pieces[one] = ""
            case 1:
                pieces[one] *= 2
            case 2:
                pieces[one], pieces[other] = pieces[other], pieces[one]
            case _:
                pieces.insert(one, choice.choice(SOUP))
    return "".join(pieces)


@pytest.fixture(scope="module")
def mutants(models: list[str]) -> list[str]:
    choice = random.Random(7)  # noqa: S311
    return [mutated(choice.choice(models), choice) for _ in range(9_000)]


def test_a_mutated_answer_is_understood_or_told(mutants: list[str]) -> None:
    good = [is_good(mutant) for mutant in mutants]

    assert 0.1 < sum(good) / len(good) < 0.9


def test_any_text_is_understood_or_told() -> None:
    choice = random.Random(7)  # noqa: S311
    for number in range(11_000):
        is_good("".join(choice.choices(SOUP, k=number % 40)))


@STABLE
@given(st.text())
def test_any_characters_are_understood_or_told(text: str) -> None:
    is_good(text)


def test_a_mutated_answer_that_is_good_makes_python(
    mutants: list[str], tmp_path: Path
) -> None:
    good = [
        mutant for mutant in mutants[-200:] if not language.read_entities(mutant)[1]
    ]

    for number, answer in enumerate(good[:24]):
        compile_all(made(tmp_path / str(number), answer))


def test_a_refused_answer_leaves_nothing(mutants: list[str], tmp_path: Path) -> None:
    refused = [mutant for mutant in mutants[-200:] if language.read_entities(mutant)[1]]

    for number, answer in enumerate(refused[:24]):
        out = tmp_path / str(number)
        if number % 2 or set("{\0\ud800") & set(answer):
            done = replay(out, answer)
        else:
            done = generate(out, entities=answer)
        assert "Traceback" not in done.out + done.err, answer
        assert done.code == 1, answer
        assert language.read_entities(answer)[1][0].splitlines()[0] in done.out, answer
        assert not out.exists() or list(out.iterdir()) == []


def replay(out: Path, answer: str) -> Run:
    file = out.with_suffix(".json")
    file.write_text(json.dumps({"cookiecutter": NAMES | {"entities": answer}}))
    command = ("cookiecutter", TEMPLATE, "--replay-file", file, "-o", out)
    return run(*command, cwd=out.parent)
