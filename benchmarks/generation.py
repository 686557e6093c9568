"""How long a service takes to be generated, beside a copy of as many plain files."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from faults.__main__ import TEMPLATE, bake
from tests.test_speed import many

ENTITIES = [1, 25, 50, 100, 150, 200]
GENERATED, COPIED = "this template", "cookiecutter, copying as many files"
TIMES = 3


def generation(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Measure both, in turns; give the least for each number of entities."""
    lines: dict[str, list[tuple[float, float]]] = {GENERATED: [], COPIED: []}
    for entities in ENTITIES:
        print(f"generating {entities} ...", flush=True)
        place = folder / f"generation{entities}"
        place.mkdir()
        answer = many(entities) if entities > 1 else "Thing(name)"
        plain = place / "plain"
        project = bake(place / "made", "Shop", answer, "none")
        shutil.copytree(project, plain / "{{cookiecutter.project_slug}}")
        question = {"project_slug": "shop", "_copy_without_render": ["*.*"]}
        (plain / "cookiecutter.json").write_text(json.dumps(question))
        ours, theirs = [], []
        for number in range(TIMES):
            output = place / f"output{number}"
            ours.append(_seconds(TEMPLATE, output / "ours", f"entities={answer}"))
            theirs.append(_seconds(plain, output / "theirs"))
        lines[GENERATED].append((entities, min(ours)))
        lines[COPIED].append((entities, min(theirs)))
        shutil.rmtree(place)
    return lines


def _seconds(template: Path, output: Path, *answers: str) -> float:
    """Generate; return the time of the processor, which others do not add to."""
    home = output.parents[1] / "home"  # `bake` has made it
    configuration = {"COOKIECUTTER_CONFIG": str(home / "cookiecutter.yaml")}
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input"]
    start = os.times()
    subprocess.run(
        [*command, "-o", str(output), *answers],
        check=True,
        cwd=home,
        env={**os.environ, "TMPDIR": str(home), **configuration},
        stdout=subprocess.DEVNULL,
    )
    end = os.times()
    user = end.children_user - start.children_user
    return user + end.children_system - start.children_system
