"""How long a service takes to be generated, beside a copy of as many plain files."""

import shutil
from pathlib import Path

from faults.__main__ import TEMPLATE, bake
from tests.test_speed import copying, generate, many

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
        made = bake(place / "made", "Shop", answer, "none")
        plain = copying(made, place / "plain")
        home = place / "home"  # `bake` has made it
        environment = {
            "COOKIECUTTER_CONFIG": str(home / "cookiecutter.yaml"),
            "TMPDIR": str(home),
        }
        ours, theirs = [], []
        for number in range(TIMES):
            to_ours, to_theirs = place / f"ours{number}", place / f"theirs{number}"
            entered = f"entities={answer}"
            ours.append(generate(TEMPLATE, to_ours, entered, **environment))
            theirs.append(generate(plain, to_theirs, **environment))
        lines[GENERATED].append((entities, min(ours)))
        lines[COPIED].append((entities, min(theirs)))
        shutil.rmtree(place)
    return lines
