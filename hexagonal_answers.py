"""Hands the answers to `language.py` and `rendering.py`, in cookiecutter's own process.

A hook that fails leaves a traceback on the screen, and a slug such as `a/b` leaves
folders; so each answer is checked when it is given, and cookiecutter prints what is
raised here in one piece.

The two are read at each call and not imported: cruft renders two versions of the
template in one process, each by its own rules. This module is imported, and that of the
older version serves both; so its filters never change.
"""

import inspect
import json
import os
import py_compile
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import Any

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment, pass_environment
from jinja2.ext import Extension

with suppress(ImportError):  # there is none on Windows, whose terminal needs none
    if sys.stdin and sys.stdin.isatty():
        import_module("readline")  # else arrows are letters, and long answers are cut

TEMPLATE = Path(__file__).parent
SERVICE = "{{cookiecutter.project_slug}}"


class Answers(Extension):
    """Gives what cookiecutter renders the filters of this module.

    Raise `FailedHookException` where bad answers were replayed, past all questions.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["refuse_bad_answers"] = refuse_bad_answers
        environment.filters["as_files"] = as_files
        generating = arguments_of("generate_files")
        if generating and "env" not in generating:  # it has not made anything yet
            answers = generating["context"]["cookiecutter"]
            if problems := part("language").problems(answers):
                raise FailedHookException("\n".join(problems))


@pass_environment
def refuse_bad_answers(
    environment: Environment, answers: MutableMapping[str, Any]
) -> str:
    """Return nothing; ask the last question again until its answer is good.

    Where nobody is there to be asked, raise `FailedHookException` with every problem
    once the last answer that may be bad is given.
    """
    question = ["", *answers][-1]  # there is none where answers are replayed
    offered: Any = ""
    if asking := arguments_of("prompt_for_config"):
        offered = asking["context"]["cookiecutter"].get(question)
        if isinstance(offered, list):  # of which cookiecutter takes one
            answers[question] = offered
            offered = ", ".join(map(str, offered))
    while problems := part("language").problems(answers):
        if not asking or asking["no_input"] or not sys.stdin.isatty():
            if "entities" in answers:
                raise FailedHookException("\n".join(problems))
            break
        print(*problems, sep="\n")
        given = answers[question] if isinstance(answers[question], str) else offered
        default = environment.from_string(str(offered))
        answers[question] = ask_again(question, str(given)) or default.render(
            cookiecutter=answers
        )
    return ""


def arguments_of(function: str) -> Mapping[str, Any] | None:
    """Return what a function of cookiecutter's was given, where it runs just now."""
    frame = inspect.currentframe()
    while frame and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame and frame.f_locals


def ask_again(question: str, answer: str) -> str:
    """Let an answer be mended; tell how to get it where the terminal is not given it.

    An empty line takes the default. What was typed before is forgotten, such as further
    lines of the answer.
    """
    with suppress(ImportError):  # on Windows
        termios = import_module("termios")
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    editor = sys.modules.get("readline")
    hint = "Enter takes the default"
    if answer == "?" or not (editor or os.name == "nt"):
        return input(f"  {question}, once more ({hint}): ").strip()
    if not editor or "libedit" in (editor.__doc__ or ""):
        hint = f"the up arrow has it, {hint}"
        return input(f"  {question}, once more ({hint}): ").strip()
    editor.set_startup_hook(lambda: editor.insert_text(answer))
    try:
        return input(f"  {question}, once more: ").strip()
    finally:
        editor.set_startup_hook(None)


def as_files(answers: Mapping[str, str]) -> str:
    """Return as JSON what the hook is to do for good answers.

    Cookiecutter leaves no half of a service where this is a `FailedHookException`.
    """
    folder = Path.cwd()  # that of the template, where cookiecutter renders a hook
    try:
        model = part("language", folder).as_model(answers)
        made = part("rendering", folder).render_all(model, folder / SERVICE)
    except Exception as error:
        raise FailedHookException(f"the template is broken: {error!r}") from error
    generating = arguments_of("generate_files") or {}
    if generating.get("skip_if_file_exists"):
        project = Path(generating["project_dir"])
        files = made["files"].items()
        made["files"] = {
            name: text for name, text in files if not (project / name).exists()
        }
    return json.dumps(made)


def part(name: str, folder: Path = TEMPLATE) -> ModuleType:
    """Run a part of the template as it stands."""
    path = folder / f"{name}.py"
    return version(path, path.read_bytes())


@cache
def version(path: Path, source: bytes) -> ModuleType:
    """Run what a file has at present, which is its `source`, once.

    Its bytecode is kept by its content: what Python looks at by itself, the second and
    the size, may be the same in two versions.
    """
    if not (sys.dont_write_bytecode or Path(cache_from_source(path)).exists()):
        with suppress(OSError):  # a folder that is not one's own
            py_compile.compile(
                str(path), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
            )
    module = ModuleType(path.stem)
    SourceFileLoader(path.stem, str(path)).exec_module(module)
    return module
