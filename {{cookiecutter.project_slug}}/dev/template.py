# /// script
# requires-python = ">=3.11"
# dependencies = ["cookiecutter>=2.7.1"]
# ///
"""Brings into the service what its template makes: more entities, a newer version.

uv run dev/template.py add 'Invoice(number: str unique, customer: Customer)'
uv run dev/template.py add 'Customer(phone: str?)'   more fields of one that is there
uv run dev/template.py update                        the newest template
uv run dev/template.py update v2                     or this tag, branch or commit

`.cruft.json` tells which template made the service, and from which answers. Both what
it made and what it makes now are generated anew, and git brings the difference into
the service, as it does with a commit of another branch: your edits stay, and what
contradicts them is a conflict, unless it is about imports alone. Nothing is committed.
"""

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RECORD = ".cruft.json"
MIGRATIONS = "src/*/infrastructure/migrations/versions/*.py"
WIDTH = 88
FAILS = "Where there are rows"  # how a migration begins what its owner must know of it
ADDS, UPDATES = "add", "update"
ONE_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
AS_IT_IS = (  # whatever the user has told git
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.safecrlf=false"),
    *("-c", "merge.conflictStyle=diff3"),  # which shows the base
)
AUTHOR = {
    f"GIT_{role}_{what}": "template"
    for role in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


class Refused(Exception):
    """Says what is wrong and what would be right; nothing has been changed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 1 for conflicts, 2 for what is refused."""
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="dev/template.py",
        description=summary,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser(ADDS, help="add entities, or fields to one that is there")
    add.add_argument("entities", help="as the template asked for them")
    update = verbs.add_parser(UPDATES, help="take in a newer version of the template")
    update.add_argument("version", nargs="?", help="a tag, branch or commit")
    for verb in (add, update):
        help_ = "show what would become of each file, and change nothing"
        verb.add_argument("--dry-run", action="store_true", help=help_)
    told = parser.parse_args(arguments)
    for name in ONE_REPOSITORY:  # set by an alias of git, but there are two here
        os.environ.pop(name, None)
    try:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            return grow(told, Path(folder))
    except Refused as refused:
        print(f"{parser.prog}: {refused}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted: see git status", file=sys.stderr)
        return 130


def grow(told: argparse.Namespace, folder: Path) -> int:
    """Generate the service twice, and bring the difference into it."""
    if not find_spec("cookiecutter"):
        raise Refused("cookiecutter is not there: run this by uv run dev/template.py")
    record = recorded()
    refuse_changes()
    template = fetched(record, folder / "template")
    goal = record["commit"]
    if told.verb == UPDATES:
        goal = found(template, told.version, record)
        if goal == record["commit"]:
            print(f"It is what the template makes at {goal[:12]}: there is no more.")
            return 0
    answers = record["context"]["cookiecutter"]
    source = template / (record.get("directory") or "")
    before = generated(source, record["commit"], answers, folder / "before")
    if told.verb == ADDS:
        entities = f"{answers['entities']}\n+ {told.entities}"
        answers = answers | {"entities": entities}
    after = generated(source, goal, answers, folder / "after")
    notes = put_on_top(before, after)
    keep_record(record | {"commit": goal}, before, after)
    refuse_unknown_files(before, after)
    with service(folder / "service", is_dry=told.dry_run) as there:
        conflicts = bring(committed(folder / "index", before, after), there)
    print(*notes, *next_steps(conflicts, is_dry=told.dry_run), sep="\n")
    return 1 if conflicts else 0


# What is there


def git(*arguments: str | Path, **environment: str) -> str:
    """Ask git; raise `Refused` with its words where it fails."""
    try:
        done = subprocess.run(
            ["git", *AS_IT_IS, *map(str, arguments)],
            capture_output=True,
            check=False,
            cwd=ROOT,
            encoding="utf-8",
            env={**os.environ, **environment},
        )
    except FileNotFoundError:
        raise Refused("git is not there: install it") from None
    if done.returncode:
        raise Refused(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def recorded() -> dict[str, Any]:
    """Read where the service comes from."""
    try:
        record: dict[str, Any] = json.loads((ROOT / RECORD).read_text("utf-8"))
        return record
    except FileNotFoundError:
        raise Refused(
            f"there is no {RECORD}, which tells what the service was made from:"
            " take it back from your history"
        ) from None
    except ValueError as error:
        raise Refused(f"{RECORD} is no JSON: {error}") from None


def refuse_changes() -> None:
    """Raise `Refused` unless all that is there is committed."""
    try:
        changes = git("status", "--porcelain")
        git("rev-parse", "--verify", "--quiet", "HEAD")
    except Refused:
        raise Refused(
            "the service is not in git, which joins what is new with what is yours:"
            " git init && git add -A && git commit"
        ) from None
    if changes:
        raise Refused(f"commit or put away what you have changed:\n{changes.rstrip()}")


# What the template makes


def fetched(record: dict[str, Any], folder: Path) -> Path:
    """Return the template: a clone, or its folder where no version of it is known."""
    source = str(record["template"])
    try:
        if record["commit"] is None and Path(source, "cookiecutter.json").is_file():
            return Path(source)
        git("clone", "--quiet", source, folder)
    except Refused as refused:
        raise Refused(
            f"the template is not at {source}: if it has moved, write into {RECORD}"
            f" where it is now ({str(refused).splitlines()[-1]})"
        ) from None
    if record["commit"] is None:
        raise Refused(f"write the commit of {source} that made this into {RECORD}")
    return folder


def found(template: Path, version: str | None, record: dict[str, Any]) -> str:
    """Find the commit of the template to go to."""
    if record["commit"] is None:
        raise Refused(
            f"{template} had no commit, or changes beside it, when it made this: write"
            f" the commit that it is nearest to into {RECORD}"
        )
    wanted = version or record.get("checkout")
    for name in [f"origin/{wanted}", str(version)] if wanted else []:
        try:
            commit = f"{name}^{{commit}}"
            return git("-C", template, "rev-parse", "--verify", commit).strip()
        except Refused:
            continue
    if version:
        raise Refused(f"{record['template']} has no tag, branch or commit {version}")
    return git("-C", template, "rev-parse", "HEAD").strip()


def generated(
    template: Path, commit: str | None, answers: dict[str, Any], folder: Path
) -> Path:
    """Generate the service at this commit of the template; return its folder."""
    if commit:
        try:
            git("-C", template, "checkout", "--force", "--quiet", commit)
        except Refused:
            sentence = f"the template has no commit {commit}: write into {RECORD} which"
            raise Refused(f"{sentence} one made this") from None
    folder.mkdir()
    literal = {
        question: quoted(answer)
        for question, answer in answers.items()
        if not question.startswith("_")
    }
    config = folder.with_suffix(".json")
    places = {"cookiecutters_dir": str(folder), "replay_dir": str(config.parent)}
    settings = {"default_context": literal, **places}
    config.write_text(json.dumps(settings, ensure_ascii=False), "utf-8")
    options = ["--no-input", "--config-file", str(config), "--output-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(template), *options],
        capture_output=True,
        check=False,
        cwd=folder,
        encoding="utf-8",
        env={**os.environ, "TMPDIR": str(folder.parent)},  # it leaves its hooks there
    )
    if done.returncode:
        raise Refused(done.stderr.strip() or done.stdout.strip())
    (project,) = folder.iterdir()
    return project


def quoted(answer: object) -> object:
    """Write an answer so that it stays as it is where cookiecutter renders it."""
    if isinstance(answer, str) and ("{" in answer or not answer.isprintable()):
        return f"{{{{ {answer!r} }}}}"
    return answer


class Migration(NamedTuple):
    """A file that changes the schema, and what it stands on."""

    path: Path
    text: str
    revision: str
    below: tuple[str, ...]


def migrations(project: Path) -> list[Migration]:
    """Read the migrations of a service, by the names of their files."""
    found: list[Migration] = []
    for path in sorted(project.glob(MIGRATIONS)):
        try:
            text = path.read_text("utf-8")
            values = assigned(text)
            if "revision" in values:
                below = ast.literal_eval(values["down_revision"]) or ()
                below = (below,) if isinstance(below, str) else tuple(below)
                revision = ast.literal_eval(values["revision"])
                found.append(Migration(path, text, revision, below))
        except (KeyError, SyntaxError, ValueError):
            raise Refused(
                f"{path.relative_to(project)} does not tell where it stands: write its"
                " revision and its down_revision as plain strings"
            ) from None
    return found


def assigned(text: str) -> dict[str, ast.expr]:
    """Read what a module assigns to which name."""
    values: dict[str, ast.expr] = {}
    for node in ast.parse(text).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                values[name] = value
            case _:
                continue
    return values


def put_on_top(before: Path, after: Path) -> list[str]:
    """Keep the migrations that are there, and let new ones follow those of the service.

    Databases have them behind them. Return what its owner is to know.
    """
    own = migrations(ROOT)
    refuse_twins(own)
    old = {migration.revision: migration for migration in migrations(before)}
    new: list[Migration] = []
    notes: list[str] = []
    for migration in migrations(after):
        migration.path.unlink()
        kept = old.get(migration.revision)
        if kept is None:
            new.append(migration)
        elif migration.text != kept.text:
            notes.append(f"{kept.path.name} is another by now, but stays as it was.")
    for kept in old.values():
        shutil.copy(kept.path, after / kept.path.relative_to(before))
    heads = {one.revision for one in own} - {name for one in own for name in one.below}
    if new and len(heads) > 1:
        names = ", ".join(sorted(heads))
        raise Refused(
            f"the migrations end in {names}: join them: uv run alembic merge heads"
        )
    numbers = [int(one.revision) for one in own if one.revision.isdecimal()]
    for number, migration in enumerate(new, start=max(numbers, default=0) + 1):
        notes += moved(migration, f"{number:04}", heads.pop() if heads else None)
        heads = {f"{number:04}"}
    return notes


def refuse_twins(own: Sequence[Migration]) -> None:
    """Raise where two have one revision: branches that git merged have numbered alike."""
    names: dict[str, str] = {}
    for one in own:
        name = one.path.name
        if (other := names.setdefault(one.revision, name)) != name:
            raise Refused(
                f"{other} and {name} have the same revision {one.revision}: put one"
                " behind the other, with a number of its own in its name and in it"
            )


def moved(migration: Migration, revision: str, below: str | None) -> list[str]:
    """Give a migration its place among those of the service."""
    text = migration.text
    for name, value in (("revision", revision), ("down_revision", below)):
        line = f"{name} = {json.dumps(value) if value else None}"
        text = re.sub(f"^{name} = .*$", line, text, count=1, flags=re.MULTILINE)
    name = migration.path.name.replace(migration.revision, revision, 1)
    migration.path.with_name(name).write_text(text, "utf-8", newline="\n")
    fails = re.findall(f"^ *# ({FAILS}.*)$", text, flags=re.MULTILINE)
    return [f"{name}: {sentence}" for sentence in fails]


def keep_record(record: dict[str, Any], before: Path, after: Path) -> None:
    """Record what is new; it is a change as any other."""
    made = json.loads((after / RECORD).read_text("utf-8"))
    text = json.dumps(
        record | {"context": made["context"]}, ensure_ascii=False, indent=2
    )
    (after / RECORD).write_text(f"{text}\n", "utf-8", newline="\n")
    shutil.copy(ROOT / RECORD, before / RECORD)


def refuse_unknown_files(before: Path, after: Path) -> None:
    """Raise where a file of the owner that git ignores would be written over."""
    known = set(git("ls-files", "-z").split("\0"))
    for path in sorted(path for path in after.rglob("*") if path.is_file()):
        name, old = path.relative_to(after), before / path.relative_to(after)
        is_new = not old.is_file() or path.read_bytes() != old.read_bytes()
        if is_new and name.as_posix() not in known and os.path.lexists(ROOT / name):
            raise Refused(
                f"{name.as_posix()} would be written over, and git does not keep it:"
                " move it away, or commit it"
            )


# What git makes of it


def committed(index: Path, before: Path, after: Path) -> str:
    """Make two commits that no branch has; return the later."""
    prefix = git("rev-parse", "--show-prefix").strip()
    store = git("rev-parse", "--absolute-git-dir").strip()
    there = {"GIT_DIR": store, "GIT_INDEX_FILE": str(index)}
    parent: list[str] = []
    for folder in (before, after):
        git("read-tree", "--empty", **there)
        work = {"GIT_WORK_TREE": str(folder), **there}
        git("-C", folder, "add", "--all", "--force", ".", **work)
        tree = git("write-tree", **there).strip()
        if prefix:
            git("read-tree", "--empty", **there)
            git("read-tree", f"--prefix={prefix}", tree, **there)
            tree = git("write-tree", **there).strip()
        made = git(
            "commit-tree",
            tree,
            *parent,
            "-m",
            "what the template makes",
            **there,
            **AUTHOR,
        )
        parent = ["-p", made.strip()]
    return parent[1]


@contextmanager
def service(folder: Path, *, is_dry: bool) -> Generator[Path]:
    """Give the service, or a copy of it that is thrown away."""
    if not is_dry:
        yield ROOT
        return
    prefix = git("rev-parse", "--show-prefix").strip()
    git("worktree", "add", "--quiet", "--detach", folder, "HEAD")
    try:
        yield folder / prefix
    finally:
        git("worktree", "remove", "--force", folder)


def bring(commit: str, there: Path) -> list[str]:
    """Let git apply what the commit changes; tell each file, and return conflicts."""
    try:
        git("-C", there, "cherry-pick", "--no-commit", commit)
    except Refused:
        conflicts = in_conflict(there)
        if not conflicts:
            raise
        top = git("-C", there, "rev-parse", "--show-toplevel").removesuffix("\n")
        for name in conflicts:
            join_imports(Path(top, name))
    print(git("-C", there, "status", "--porcelain"), end="")
    return in_conflict(there)


def in_conflict(there: Path) -> list[str]:
    """List the files on which git has no say."""
    options = ("--name-only", "--no-relative", "--diff-filter=U", "-z")
    return git("-C", there, "diff", *options).split("\0")[:-1]


HUNK = re.compile(  # what each has, and between the two what both had
    r"^<{7} [^\n]*\n(.*?)^[|]{7} [^\n]*\n(.*?)^={7}\n(.*?)^>{7} [^\n]*\n",
    re.DOTALL | re.MULTILINE,
)


def join_imports(path: Path) -> None:
    """Settle a conflict that is about nothing but imports from modules."""
    text = path.read_text("utf-8") if path.suffix == ".py" and path.exists() else ""
    settled = HUNK.sub(joined, text)
    if settled != text and not HUNK.search(settled):
        path.write_text(settled, "utf-8", newline="\n")
        git("-C", path.parent, "add", "--", path)


def joined(hunk: re.Match[str]) -> str:
    """Import what both import, and what either has added; leave all else as it is."""
    try:
        ours, base, theirs = map(imported, hunk.groups())
    except (SyntaxError, ValueError):
        return hunk[0]
    kept = (ours & theirs) | ((ours | theirs) - base)
    lines: list[str] = []
    for module in sorted({module for module, _ in kept}):
        names = sorted((one for of, one in kept if of == module), key=as_ruff_sorts)
        line = f"from {module} import {', '.join(names)}"
        if len(line) > WIDTH:
            line = "\n".join(
                [f"from {module} import (", *(f"    {n}," for n in names), ")"]
            )
        lines.append(f"{line}\n")
    return "".join(lines)


def imported(text: str) -> set[tuple[str, str]]:
    """Read what is imported from where; raise an error where there is more."""
    names: set[tuple[str, str]] = set()
    if "#" in text or "" in text.splitlines():
        raise ValueError
    for node in ast.parse(text).body:
        match node:
            case ast.ImportFrom(module=str(module), names=found, level=0):
                names |= {(module, ast.unparse(one)) for one in found}
            case _:
                raise ValueError
    return names


def as_ruff_sorts(name: str) -> tuple[bool, bool, str]:
    """Put constants first, then classes."""
    return not name.isupper(), not name[0].isupper(), name.lower()


def next_steps(conflicts: Sequence[str], *, is_dry: bool) -> list[str]:
    """Say how to go on."""
    files = "1 file is" if len(conflicts) == 1 else f"{len(conflicts)} files are"
    told = [f"{files} in conflict: {', '.join(conflicts)}"]
    told *= bool(conflicts)
    if is_dry:
        return [*told, "Nothing has been changed."]
    if conflicts:
        return [
            *told,
            "Mend them, git add them, and commit. Take all of it back: git reset --hard",
        ]
    return [
        "Nothing is committed yet. Look: git diff --cached. Try: uv run pytest",
        "Then commit. Take all of it back: git reset --hard",
    ]


if __name__ == "__main__":
    sys.exit(main())
