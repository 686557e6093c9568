"""Renders the files that end in `.jinja`, and says what was made.

A file with `__entity__` or `__migration__` in its name is rendered once for each
entity, any other once with all of them. What cookiecutter renders itself is the names
of folders; the text of every file is either copied or made here.
"""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

MODEL = Path(".cookiecutter-model.json")  # from pre_gen_project
WIDTH = 88
# How many tests the generated suite has; a test holds them against pytest's count.
TESTS_SHARED = 66
TESTS_PER_ENTITY = 47


def main() -> None:
    """Render the project in the current folder."""
    model = json.loads(MODEL.read_text(encoding="utf-8"))
    written = written_since(MODEL)
    for path in written:
        if path.suffix == ".jinja":
            render(path, model)
    files = len(written_since(MODEL))
    MODEL.unlink()
    print(report(model, files))


def written_since(start: Path) -> list[Path]:
    """List the files of this run: with `--overwrite-if-exists` there may be others."""
    return sorted(
        path
        for path in Path().rglob("*")
        if path.is_file()
        and path != start
        and path.stat().st_mtime_ns >= start.stat().st_mtime_ns
    )


def render(template: Path, model: dict[str, Any]) -> None:
    """Write the files that a template stands for, and delete it."""
    target = str(template.with_suffix(""))
    source = JINJA.from_string(template.read_text(encoding="utf-8"))
    if "__entity__" in target or "__migration__" in target:
        for number, entity in enumerate(model["entities"], start=1):
            revision = {
                "revision": f"{number:04}",
                "down_revision": f"{number - 1:04}" if number > 1 else None,
            }
            migration = f"{number:04}_create_{entity['snake']}"
            path = target.replace("__entity__", entity["module"])
            path = path.replace("__migration__", migration)
            write(Path(path), source, model | {"entity": entity | revision})
    else:
        write(Path(target), source, model)
    template.unlink()


def write(path: Path, source: Template, context: dict[str, Any]) -> None:
    """Render one file; Python is laid out as the formatter would."""
    text = source.render(context)
    if path.suffix == ".py":
        text = lay_out(text, context["package"])
    path.write_text(text, encoding="utf-8", newline="\n")


# Templates have one statement on one line and their imports in any order, since both
# depend on names. What follows puts them as ruff would, for what the templates need.


def lay_out(text: str, package: str) -> str:
    """Sort the imports of the package and fold what is too long."""
    return _folded(sorted_imports(text.splitlines(), (package, "dev", "tests")))


def _folded(lines: Iterable[str]) -> str:
    return "".join(f"{part}\n" for line in lines for part in fold(line))


def _listing(labels: Iterable[str]) -> str:
    """Join labels as a sentence does; name five at most."""
    named = list(labels)
    if len(named) > 5:
        named[5:] = [f"{len(named) - 5} kinds more"]
    return " and ".join([", ".join(named[:-1]), named[-1]] if named[1:] else named)


def _members(
    names: list[str], entities: list[dict[str, str]], suffix: str
) -> list[str]:
    """Sort these names and one for each entity as ruff sorts `__all__`."""
    return sorted([*names, *(e["name"] + suffix for e in entities)], key=_natural)


def sorted_imports(lines: list[str], roots: Iterable[str]) -> list[str]:
    """Sort each run of `from ... import ...` lines of these packages."""
    ours = re.compile(rf"from (?:{'|'.join(roots)})\b")
    result: list[str] = []
    run: list[str] = []
    for line in [*lines, ""]:
        if ours.match(line):
            run.append(_sorted_members(line))
        else:
            result += sorted(run, key=lambda line: _natural(line.split()[1]))
            result.append(line)
            run = []
    return result[:-1]


def _sorted_members(line: str) -> str:
    head, _, members = line.partition(" import ")
    names = sorted(members.split(", "), key=_member_key)
    return f"{head} import {', '.join(names)}"


def _member_key(name: str) -> tuple[int, list[Any], list[Any]]:
    """Constants first, then classes, then the rest."""
    is_constant = len(name) > 1 and name.isupper()
    kind = 0 if is_constant else 1 if name[0].isupper() else 2
    return kind, _natural(name.lower()), _natural(name)


def _natural(text: str) -> list[Any]:
    parts = re.split(r"(\d+)", text)
    return [int(part) if part.isdigit() else part for part in parts]


def fold(line: str) -> list[str]:
    """Break a statement that is wider than the line, at its last brackets.

    A definition is broken at its first ones: those after `->` are not to be touched.
    """
    if len(line) <= WIDTH or line.lstrip().startswith(("#", '"""')):
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    if line.lstrip().startswith("from "):
        head, _, members = line.partition(" import ")
        names = members.split(", ")
        return [f"{head} import (", *(f"    {name}," for name in names), ")"]
    pairs = _brackets(line)
    is_definition = line.lstrip().startswith(("def ", "async def "))
    if is_definition or line.lstrip().startswith("class "):
        pairs = pairs[:1]
    for start, end in reversed(pairs):
        head, body, tail = line[: start + 1], line[start + 1 : end], line[end:]
        if len(head) > WIDTH:
            continue
        inner = f"{indent}    "
        parts = _split(body)
        comma = "," if is_definition and len(parts) == 1 else ""
        if len(inner + body + comma) <= WIDTH or len(parts) == 1:
            return [head, *fold(f"{inner}{body}{comma}"), indent + tail]
        return [
            head,
            *(piece for part in parts for piece in fold(f"{inner}{part},")),
            indent + tail,
        ]
    left, equals, right = line.partition(" = ")
    if equals:
        return [f"{left} = (", *fold(f"{indent}    {right}"), f"{indent})"]
    left, colon, right = line.partition(": ")
    if colon and right.isidentifier():
        return [f"{left}: (", f"{indent}    {right}", f"{indent})"]
    return [line]


def _brackets(line: str) -> list[tuple[int, int]]:
    """Find the outermost brackets of a line that have something in them."""
    pairs: list[tuple[int, int]] = []
    stack: list[int] = []
    for position, character in _code(line):
        if character in "([{":
            stack.append(position)
        elif character in ")]}":
            start = stack.pop()
            if not stack and position > start + 1:
                pairs.append((start, position))
    return pairs


def _split(body: str) -> list[str]:
    """Split at the commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for position, character in _code(body):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(body[start:position].strip())
            start = position + 1
    return [*parts, body[start:].strip()]


def _code(line: str) -> Iterable[tuple[int, str]]:
    """Walk the characters of a line that are not in a string."""
    in_string = False
    for position, character in enumerate(line):
        if character == '"':
            in_string = not in_string
        elif not in_string:
            yield position, character


def report(model: dict[str, Any], files: int) -> str:
    """Say what was made and which commands remain."""
    entities = model["entities"]
    tests = TESTS_SHARED + TESTS_PER_ENTITY * len(entities)
    noun = "entity" if len(entities) == 1 else "entities"
    width = max(len(entity["name"]) for entity in entities)
    project = Path.cwd()
    shell = Path(os.environ.get("PWD", project))  # where the user is
    inside = project.is_relative_to(shell)
    folder = project.relative_to(shell) if inside else project
    commands = {
        f"cd {folder}": "",
        f'git init && git add -A && git commit -m "Generate {model["slug"]}"': "",
        "uv run pytest": f"{tests} tests, on a PostgreSQL that starts by itself",
        "uv run python -m dev.demo": "every use case at work",
    }
    return "\n".join(
        [
            "",
            f"Created {model['slug']}: {len(entities)} {noun}, {files} files,"
            f" {tests} tests",
            *(f"  {e['name']:<{width}}  in table {e['plural']}" for e in entities),
            "",
            "What remains:",
            *(
                f"  {command:<26}  # {purpose}" if purpose else f"  {command}"
                for command, purpose in commands.items()
            ),
        ]
    )


JINJA = Environment(  # noqa: S701  # the output is no HTML
    keep_trailing_newline=True,
    lstrip_blocks=True,
    trim_blocks=True,
    undefined=StrictUndefined,
)
JINJA.filters |= {
    "fold": lambda text: _folded(text.splitlines()),
    "listing": _listing,
    "members": _members,
    "capital": lambda text: text[0].upper() + text[1:],
    "python": lambda text: "None" if text is None else json.dumps(text),
    "toml": lambda text: json.dumps(text, ensure_ascii=False),
}

if __name__ == "__main__":
    main()
