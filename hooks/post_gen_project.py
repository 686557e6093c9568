"""Puts what was rendered in the place of the templates, and says what was made."""

import json
import os
from contextlib import suppress
from pathlib import Path

MADE = json.loads(r"""{{ cookiecutter | as_files }}""")

for name, text in MADE["files"].items():
    Path(name).write_text(text, encoding="utf-8", newline="\n")
for template in map(Path, MADE["templates"]):
    template.unlink()
    with suppress(OSError):  # something else is in the folder
        for folder in template.parents:
            folder.rmdir()
project = Path.cwd()
shell = Path(os.environ.get("PWD", project))  # where the user is
inside = project.is_relative_to(shell)
shown = str(project.relative_to(shell) if inside else project)
try:
    print(MADE["report"].replace("{folder}", shown), flush=True)
except BrokenPipeError:  # nobody reads on, and that is no reason to take it all back
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
