"""Each way to answer works; each bad answer is refused, and leaves nothing."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from hexagonal_answers import ask_again, part
from tests.conftest import (
    BIN,
    SERVICE,
    TEMPLATE,
    Run,
    bake,
    generate,
    run,
    template_at,
    texts,
)

ANSWERS = {
    "project_name": "Tea Shop",
    "project_slug": "tea-shop",
    "package_name": "tea_shop",
    "api": "none",
    "entities": "Tea",
}


def assert_is_service(project: Path, package: str) -> None:
    assert (project / "src" / package / "domain").is_dir()
    left = [path for path in project.rglob("*") if ".jinja" in path.name]
    assert left == []


def test_the_defaults_make_a_service(tmp_path: Path) -> None:
    project = bake(tmp_path)

    assert project.name == "order-service"
    assert_is_service(project, "order_service")


def test_names_follow_from_the_name_of_the_project(tmp_path: Path) -> None:
    project = bake(tmp_path, project_name="Ünïcode & Söhne: the shop of everything")

    assert project.name == "unicode-sohne-the-shop-of"
    assert_is_service(project, "unicode_sohne_the_shop_of")


def test_nothing_is_left_unrendered(tmp_path: Path) -> None:
    project = bake(tmp_path)

    for path in project.rglob("*"):
        assert "cookiecutter" not in path.relative_to(project).as_posix()
        assert "__entity__" not in path.name
        speaks_of_it = path.name in (".cruft.json", "template.py")
        if path.is_file() and not speaks_of_it:
            text = path.read_text(encoding="utf-8")
            assert "cookiecutter" not in text
            assert "{%" not in text
            assert "{{" not in text.replace("${{", "")


@pytest.mark.skipif(sys.platform == "win32", reason="its pipes break otherwise")
def test_the_service_stays_where_nobody_reads_what_is_told(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [
        str(BIN / "cookiecutter"),
        str(TEMPLATE),
        "--no-input",
        "-o",
        str(tmp_path),
    ]

    code = subprocess.call(command, stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)

    assert code == 0
    assert_is_service(tmp_path / "order-service", "order_service")


def test_the_same_answers_make_the_same_service(tmp_path: Path) -> None:
    one, two = bake(tmp_path / "one"), bake(tmp_path / "two")

    assert texts(one) == texts(two)


def test_answers_can_be_in_a_file_of_the_user(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "default_context:\n  project_name: Tea Shop\n  entities: |\n"
        f"    Tea  # green\n    Cup\nreplay_dir: {tmp_path}\n"
    )

    done = generate(tmp_path / "out", "--config-file", str(config))

    assert done.code == 0, done.out
    assert_is_service(tmp_path / "out/tea-shop", "tea_shop")
    assert (tmp_path / "out/tea-shop/src/tea_shop/domain/cup.py").exists()


def replay(tmp_path: Path, **answers: object) -> Run:
    """Answer by a replay file."""
    file = tmp_path / "replay.json"
    file.write_text(json.dumps({"cookiecutter": answers}))
    out = tmp_path / "out"
    return run("cookiecutter", TEMPLATE, "--replay-file", file, "-o", out, cwd=tmp_path)


@pytest.mark.parametrize("whole", [False, True])
def test_answers_can_be_replayed(tmp_path: Path, whole: bool) -> None:
    template = json.loads((TEMPLATE / "cookiecutter.json").read_text())
    as_cookiecutter_writes = template | ANSWERS | {"__entities": ""}

    done = replay(tmp_path, **(as_cookiecutter_writes if whole else ANSWERS))

    assert done.code == 0, done.out + done.err
    assert_is_service(tmp_path / "out/tea-shop", "tea_shop")


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (
            {"package_name": "class"},
            "package_name 'class' is a keyword of Python: try class_service",
        ),
        (
            {"project_slug": "a/b"},
            "project_slug 'a/b' is no slug: join lower-case words by hyphens,"
            " for example order-service",
        ),
    ],
)
def test_a_bad_replayed_answer_is_refused_before_a_folder_is_made(
    tmp_path: Path, answers: dict[str, str], sentence: str
) -> None:
    done = replay(tmp_path, **ANSWERS | answers)

    assert (done.code, done.out, done.err) == (1, f"{sentence}\n", "")
    assert not (tmp_path / "out").exists()


NO_TERMINAL = pytest.mark.skipif(
    sys.platform == "win32", reason="there are no pseudo-terminals"
)
LEFT, RIGHT, BACKSPACE, ERASE = "\x1b[D", "\x1b[C", "\x7f", "\x15"
NAME, SLUG, PACKAGE, ENTITIES, API = (rf"\[{number}/5\]" for number in range(1, 6))


def converse(
    folder: Path, dialogue: Iterable[tuple[str, str]], told: str, *options: str
) -> int:
    """Answer each question in a terminal, see what is told at the end; return the code.

    The folder is where the service is to be.
    """
    import pexpect

    child = pexpect.spawn(
        str(BIN / "cookiecutter"),
        [str(TEMPLATE), "-o", str(folder), *options],
        encoding="utf-8",
        dimensions=(40, 160),
        env=os.environ | {"TERM": "dumb"},
        timeout=30,
    )
    for question, answer in dialogue:
        child.expect(question)
        child.sendline(answer)
    child.expect(told)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None
    return int(child.exitstatus)


@NO_TERMINAL
def test_the_questions_can_be_answered_in_a_terminal(tmp_path: Path) -> None:
    dialogue = [
        (f"{NAME} What is the service called\\? .*Order Service", "O'Brien's \"Tea\""),
        (f"{SLUG} Its folder and distribution .*o-brien-s-tea", ""),
        (f"{PACKAGE} Its Python package .*o_brien_s_tea", "tea"),
        (f"{ENTITIES} Its entities, .* fields; \\? tells how .*\\]\\)\\)", "Tea"),
        (f"(?s){API} How is it driven, .*over HTTP, by FastAPI.*\\[1/2\\]", "2"),
    ]

    code = converse(tmp_path, dialogue, "Created o-brien-s-tea: 1 entity")

    assert code == 0
    assert_is_service(tmp_path / "o-brien-s-tea", "tea")
    assert (tmp_path / "o-brien-s-tea/src/tea/entrypoints/http").is_dir()


@NO_TERMINAL
def test_the_defaults_can_be_taken_in_a_terminal(tmp_path: Path) -> None:
    dialogue = [(question, "") for question in (NAME, SLUG, PACKAGE, ENTITIES, API)]

    code = converse(tmp_path, dialogue, "Created order-service: 2 entities")

    assert code == 0
    assert_is_service(tmp_path / "order-service", "order_service")


@NO_TERMINAL
def test_an_answer_in_a_terminal_can_be_long(tmp_path: Path) -> None:
    long = ", ".join(
        f'Thing{letter}(note: text = "{letter * 999}")' for letter in "abcde"
    )
    entities = f"Tae{LEFT}{BACKSPACE}{RIGHT}a, {long}"
    dialogue = [(NAME, ""), (SLUG, ""), (PACKAGE, ""), (ENTITIES, entities), (API, "")]

    code = converse(tmp_path, dialogue, "Created order-service: 6 entities")

    assert code == 0
    assert (tmp_path / "order-service/src/order_service/domain/tea.py").is_file()


@NO_TERMINAL
def test_a_bad_answer_in_a_terminal_can_be_mended(tmp_path: Path) -> None:
    dialogue = [
        (NAME, "a\u200bb"),
        ("invisible character(?s:.*)project_name, once more: ", f"{ERASE}Tea Shop"),
        (SLUG, "Tea"),
        ("is no slug(?s:.*)project_slug, once more: ", f"{ERASE} tea "),
        (PACKAGE, "class"),
        ("a keyword of Python(?s:.*)package_name, once more: ", "y"),
        (ENTITIES, "?"),
        (
            r"in brackets; commas stand between(?s:.*)once more \(Enter takes .*\): ",
            "Tea(name: {{ 7 }})",
        ),
        ("Tea.name: (?s:.*)once more: ", f"{BACKSPACE * 8}string)"),
        (API, ""),
    ]

    code = converse(tmp_path, dialogue, "Created tea: 1 entity")

    assert code == 0
    assert_is_service(tmp_path / "tea", "classy")
    assert (tmp_path / "tea/README.md").read_text().startswith("# Tea Shop\n")


@NO_TERMINAL
def test_the_default_can_be_taken_later(tmp_path: Path) -> None:
    dialogue = [
        (NAME, "Tea Shop"),
        (SLUG, "Tea"),
        ("project_slug, once more: ", ERASE),
        (PACKAGE, ""),
        (ENTITIES, "?"),
        (r"Enter takes the default\): ", ""),
        (API, ""),
    ]

    code = converse(tmp_path, dialogue, "Created tea-shop: 2 entities")

    assert code == 0
    assert_is_service(tmp_path / "tea-shop", "tea_shop")


@NO_TERMINAL
def test_what_was_typed_before_is_no_answer_to_what_is_asked_again(
    tmp_path: Path,
) -> None:
    dialogue = [
        (NAME, ""),
        (SLUG, ""),
        (PACKAGE, ""),
        (ENTITIES, "Tea(name: string,\nprice: Decimal"),  # in one piece, as a paste is
        ("write \\) where it ends(?s:.*)once more: ", f"{BACKSPACE})"),
        (API, ""),
    ]

    code = converse(tmp_path, dialogue, "Created order-service: 1 entity")

    assert code == 0
    assert (tmp_path / "order-service/src/order_service/domain/tea.py").is_file()


def test_a_terminal_that_cannot_be_given_an_answer_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return " Tea "

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setitem(sys.modules, "termios", None)
    monkeypatch.setitem(sys.modules, "readline", ModuleType("readline", "of libedit"))

    assert ask_again("entities", "Tae") == "Tea"
    hint = "the up arrow has it, Enter takes the default"
    assert asked == [f"  entities, once more ({hint}): "]


@NO_TERMINAL
def test_whoever_wants_no_dialogue_is_asked_nothing(tmp_path: Path) -> None:
    told = "entities: each is a name, alone or with fields"

    code = converse(tmp_path, [], told, "--no-input", "entities=?")

    assert code == 1
    assert list(tmp_path.iterdir()) == []


HOSTILE_NAMES = [
    "O'Brien",
    'say "tea"',
    '"""',
    "'''",
    "back\\slash\\",
    "\\n \\u0041 \\",
    "a <b> & c &amp;",
    "naïve 日本 Ωμέγα",
    "🚀 emoji",
    "${HOME} $(id) `id`",
    "# heading",
    "100 %",
    "{curly} [square] (round)",
    "a/b/../c",
    "{{ '{{ 7 }} {% raw %} {# x' }}",  # cookiecutter renders the command line
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_any_printable_name_arrives_unchanged(tmp_path: Path, name: str) -> None:
    project = bake(tmp_path, project_name=name, project_slug="shop")

    shown = "{{ 7 }} {% raw %} {# x" if name.startswith("{{") else name
    toml = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    assert toml["project"]["description"] == shown
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert readme.splitlines()[0] == f"# {shown}"


def test_a_replayed_answer_that_is_not_offered_is_refused(tmp_path: Path) -> None:
    done = replay(tmp_path, **ANSWERS | {"api": "grpc"})

    assert done.code == 1
    assert done.out.endswith("api 'grpc' is not offered: choose none or fastapi\n")
    assert not (tmp_path / "out").exists()


NO_TEXTS = {
    "null": "is no text: in a file put it in quotes",
    "5": "is no text: in a file put it in quotes",
    '{"Tea": 1}': "is no text: in a file put it in quotes",
    '["Tea", "Cup"]': "is a list: write it as one text, in a file in quotes",
}


@pytest.mark.parametrize("answer", NO_TEXTS)
def test_a_replayed_answer_that_is_no_text_is_refused(
    tmp_path: Path, answer: str
) -> None:
    done = replay(tmp_path, **ANSWERS | {"entities": json.loads(answer)})

    assert done.code == 1
    assert done.out.endswith(f"entities {NO_TEXTS[answer]}\n")
    assert not (tmp_path / "out").exists()


def configured(tmp_path: Path, answers: str) -> Path:
    """Answer by a file of the user."""
    config = tmp_path / "config.yaml"
    config.write_text(f"default_context: {answers}\nreplay_dir: {tmp_path}\n")
    return config


@pytest.mark.parametrize("answer", ["null", '["Tea", "Cup"]'])
@pytest.mark.parametrize("question", ["project_name", "entities"])
def test_an_answer_of_a_file_that_is_no_text_is_refused(
    tmp_path: Path, question: str, answer: str
) -> None:
    config = configured(tmp_path, f"{{{question}: {answer}}}")

    done = generate(tmp_path / "out", "--config-file", str(config))

    assert (done.code, done.out) == (1, f"{question} {NO_TEXTS[answer]}\n")
    assert list((tmp_path / "out").iterdir()) == []


@NO_TERMINAL
def test_a_list_in_a_file_can_be_mended_in_a_terminal(tmp_path: Path) -> None:
    config = configured(tmp_path, "{project_name: 2048, entities: [Tea, Cup]}")
    dialogue = [
        (NAME, "?"),
        (r"project_name, once more \(Enter takes the default\): ", ""),
        *((SLUG, "order-service"), (PACKAGE, "")),
        (rf"(?s){ENTITIES}.*\[1/2\]", ""),
        ("is a list(?s:.*)entities, once more: ", ""),
        (API, ""),
    ]

    code = converse(
        tmp_path,
        dialogue,
        "Created order-service: 2 entities",
        *("--config-file", str(config)),
    )

    assert code == 0
    assert (tmp_path / "order-service/src/order_service/domain/cup.py").is_file()


REFUSED = [
    ("project_name", "two\nlines", "has an invisible character"),
    ("project_name", "tab\tbed", "has an invisible character"),
    ("project_name", "zero\u200bwidth", "has an invisible character"),
    ("project_name", "right\u202eto left", "has an invisible character"),
    ("project_name", "\ufeffShop", "has an invisible character"),
    ("project_name", "   ", "is empty"),
    ("project_name", "?", "is no name"),
    ("project_name", " Shop", "begins or ends with a space"),
    ("project_name", "z" * 300, "has 300 characters: use at most 80"),
    ("project_slug", "", "is no slug"),
    ("project_slug", ".", "is no slug"),
    ("project_slug", "..", "is no slug"),
    ("project_slug", "../evil", "is no slug"),
    ("project_slug", "a/b/c", "is no slug"),
    ("project_slug", "a\\b", "is no slug"),
    ("project_slug", "/tmp/evil", "is no slug"),
    ("project_slug", "two words", "is no slug"),
    ("project_slug", "Shop", "is no slug"),
    ("project_slug", "-shop", "is no slug"),
    ("project_slug", "shop-", "is no slug"),
    ("project_slug", "shop.", "is no slug"),
    ("project_slug", "shöp", "is no slug"),
    ("project_slug", "shop\n", "is no slug"),
    ("project_slug", "sh'op", "is no slug"),
    ("project_slug", "z" * 300, "has 300 characters: use at most 80"),
    ("project_slug", "con", "is the name of a device on Windows: try con-service"),
    ("project_slug", "sqlalchemy", "is a package that the service depends on"),
    ("project_slug", "pytest_asyncio", "is a package that the service depends on"),
    ("package_name", "", "is no package name"),
    ("package_name", "two words", "is no package name"),
    ("package_name", "order-service", "is no package name"),
    ("package_name", "1abc", "is no package name"),
    ("package_name", "_shop", "is no package name"),
    ("package_name", "Shop", "is no package name"),
    ("package_name", 'quo"te', "is no package name"),
    ("package_name", "new\nline", "is no package name"),
    ("package_name", "back\\slash", "is no package name"),
    ("package_name", "a/b", "is no package name"),
    ("package_name", "..", "is no package name"),
    ("package_name", "shöp", "is no package name"),
    ("package_name", "ｓｈｏｐ", "is no package name"),
    ("package_name", "z" * 31, "has 31 characters: use at most 30"),
    ("package_name", "class", "is a keyword of Python: try class_service"),
    ("package_name", "asyncio", "is a module of Python's standard library: try"),
    ("package_name", "test", "is a module of Python's standard library"),
    ("package_name", "compression", "is a module of Python's standard library"),
    ("package_name", "sqlalchemy", "is a package that the service depends on: try"),
    ("package_name", "dependency_injector", "is a package that the service depends"),
    ("package_name", "tests", "is a folder of the project: try tests_service"),
    ("package_name", "aux", "is the name of a device on Windows: try aux_service"),
]


@pytest.mark.parametrize(("question", "answer", "reason"), REFUSED)
def test_a_bad_answer_is_one_sentence_that_names_the_question(
    question: str, answer: str, reason: str
) -> None:
    (problem,) = part("language").problems(ANSWERS | {question: answer})

    assert problem.startswith(f"{question} ")
    assert reason in problem
    assert "\n" not in problem
    assert len(problem) < 200


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("project_name", "two\nlines"),
        ("project_name", "z" * 300),
        ("project_slug", "a/b/c"),
        ("project_slug", ".."),
        ("project_slug", "../evil"),
        ("project_slug", "/tmp/evil/shop"),
        ("project_slug", "z" * 300),
        ("project_slug", "sh'\"op\\"),
        ("package_name", "class"),
        ("package_name", "a/../b"),
        ("package_name", '"""'),
        ("entities", "Order, ord er, Customers"),
    ],
)
def test_a_bad_answer_leaves_nothing(
    tmp_path: Path, question: str, answer: str
) -> None:
    done = generate(tmp_path / "here/out", **{question: answer})

    assert_refused(done, question)
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "out"]
    assert not Path("/tmp/evil").exists()


def assert_refused(done: Run, whose: str) -> None:
    assert done.code == 1
    assert done.out.startswith(whose)
    assert "Traceback" not in done.out + done.err
    assert done.err == ""


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "order-service" / "README.md"
    mine.parent.mkdir()
    mine.write_text("mine")

    done = generate(tmp_path)

    assert done.code == 1
    assert "already exists" in done.out
    assert [path.name for path in tmp_path.rglob("*")] == ["order-service", "README.md"]
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("bad", "whose"),
    [
        ({"package_name": "class"}, "package_name"),
        ({"entities": "Customers"}, "Customers"),
        ({"entities": "Order(total: money)"}, "Order.total"),
        ({"entities": ""}, "entities"),
    ],
)
def test_a_refusal_touches_nothing_that_was_to_be_overwritten(
    tmp_path: Path, bad: dict[str, str], whose: str
) -> None:
    mine = tmp_path / "order-service" / "README.md"
    mine.parent.mkdir()
    mine.write_text("mine")

    done = generate(tmp_path, "--overwrite-if-exists", **bad)

    assert_refused(done, whose)
    assert [path.name for path in tmp_path.rglob("*")] == ["order-service", "README.md"]
    assert mine.read_text() == "mine"


def test_files_that_are_there_are_skipped_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    mine = [tmp_path / "order-service" / name for name in ("README.md", "Makefile")]
    mine[0].parent.mkdir()
    for path in mine:
        path.write_text("mine\n")

    done = generate(tmp_path, "-f", "-s")

    assert done.code == 0, done.out
    assert [path.read_text() for path in mine] == ["mine\n"] * 2
    assert_is_service(tmp_path / "order-service", "order_service")


def test_overwriting_keeps_files_that_are_not_the_templates(tmp_path: Path) -> None:
    theirs = tmp_path / "order-service/templates/mail.txt.jinja"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("Dear {{ name }}")

    done = generate(tmp_path, "--overwrite-if-exists")

    assert done.code == 0, done.out + done.err
    assert theirs.read_text() == "Dear {{ name }}"
    theirs.unlink()
    theirs.parent.rmdir()
    assert_is_service(tmp_path / "order-service", "order_service")


def test_the_report_counts_what_was_made(tmp_path: Path) -> None:
    done = generate(tmp_path, entities="Order, Person/folk, Tea")

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    lines = done.out.splitlines()
    assert lines[1].startswith(
        f"Created order-service: 3 entities, {len(files)} files, "
    )
    assert lines[2:5] == [
        "  Order   in table orders",
        "  Person  in table folk",
        "  Tea     in table teas",
    ]
    assert lines[7] == "  cd order-service"
    assert done.err == ""


def test_the_report_names_a_folder_elsewhere_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "shell").mkdir()

    command = ("cookiecutter", TEMPLATE, "--no-input", "-o", tmp_path / "out")
    done = run(*command, cwd=tmp_path / "shell")

    assert f"  cd {tmp_path / 'out/order-service'}\n" in done.out


def test_a_project_without_git_gets_none(tmp_path: Path) -> None:
    assert not (bake(tmp_path) / ".git").exists()
    assert shutil.which("git")


def test_a_template_that_is_broken_leaves_no_half_of_a_service(tmp_path: Path) -> None:
    template = template_at(tmp_path / "template")
    readme = template / SERVICE / "README.md.jinja"
    readme.write_text(readme.read_text() + "{% if %}")

    done = run("cookiecutter", template, "--no-input", "-o", "out", cwd=tmp_path)

    assert done.code == 1
    assert done.out.splitlines()[-1].startswith("the template is broken: ")
    assert list((tmp_path / "out").iterdir()) == []


def test_two_templates_in_one_process_are_not_mixed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        template = template_at(tmp_path / name)
        (template / SERVICE / ".strange").write_bytes(b"\xff")
        readme = template / SERVICE / "README.md.jinja"
        readme.write_text(f"This is {name}.\n")
    calls = [f"cookiecutter({name!r}, no_input=True)" for name in ("one", "two")]
    moves = "import os; os.rename('order-service', 'first')"
    script = (
        f"from cookiecutter.main import cookiecutter\n{calls[0]}\n{moves}\n{calls[1]}"
    )

    done = run("python", "-c", script, cwd=tmp_path)

    assert done.code == 0, done.err
    assert (tmp_path / "first/README.md").read_text() == "This is one.\n"
    assert (tmp_path / "order-service/README.md").read_text() == "This is two.\n"
