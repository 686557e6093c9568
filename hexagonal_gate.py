"""Refuses bad answers before cookiecutter creates a folder.

A hook that fails leaves a traceback on the screen, and a slug such as `a/b` leaves
folders. This Jinja extension runs the checks of `hooks/pre_gen_project.py` when the
last question is answered; cookiecutter prints what it raises in one piece.

The checks are read at each call and not imported: cruft renders two versions of the
template in one process, each of which is to be checked by its own rules.
"""

import runpy
from collections.abc import Mapping
from pathlib import Path

from cookiecutter.exceptions import FailedHookException
from jinja2 import Environment
from jinja2.ext import Extension

HOOK = Path(__file__).parent / "hooks" / "pre_gen_project.py"


class Gate(Extension):
    """Gives `cookiecutter.json` the filter `refuse_bad_answers`."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters["refuse_bad_answers"] = refuse_bad_answers


def refuse_bad_answers(answers: Mapping[str, str]) -> str:
    """Return nothing; raise `FailedHookException` with every problem of the answers.

    Questions that are not answered yet are passed over: a replay file has answered
    them already.
    """
    problems = runpy.run_path(str(HOOK))["problems"](answers)
    if problems:
        raise FailedHookException("\n".join(problems))
    return ""
