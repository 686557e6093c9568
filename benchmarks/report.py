"""The table of what was measured, its plots, and what has become worse."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from benchmarks.measure import Measured

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures -->\n", "<!-- end of the figures -->\n"
CANNOT = "–"  # noqa: RUF001  # an en dash
WORSE = 1.5
"""How much worse than the published one a ratio may be, for machines differ."""
LIBRARIES = (
    "sqlalchemy asyncpg uvloop advanced-alchemy sqlmodel tortoise-orm piccolo".split()
)
CELL = re.compile(r"(?P<ratio>\d+\.\d+) \[.*?\](?: · (?P<round_trips>\d+))?$")
Table: TypeAlias = Mapping[str, Mapping[str, Measured]]
"""By use case, and by the title of the contender, the limit first."""


@dataclass(frozen=True)
class Published:
    """What a table says of one contender and one use case."""

    ratio: float
    round_trips: int | None


def markdown(table: Table) -> str:
    """Lay the table out."""
    rows = sorted(table.values(), key=len, reverse=True)  # the fullest has the order
    titles = list(dict.fromkeys(title for row in rows for title in row))
    lines = [_line(["use case", *titles]), _line(["---", *["---:"] * len(titles)])]
    for name, row in table.items():
        cells = [_cell(row.get(title), title == titles[0]) for title in titles]
        lines.append(_line([name, *cells]))
    return "\n".join(lines) + "\n"


def published(text: str) -> dict[str, dict[str, Published]]:
    """Read a table, by use case and by the title of the contender."""
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    if not rows:
        raise ValueError("no figures are published")
    (_, *titles), _, *rest = rows
    table: dict[str, dict[str, Published]] = {}
    for name, *cells in rest:
        table[name] = {}
        for title, cell in zip(titles, cells, strict=True):
            if found := CELL.match(cell):
                trips = found["round_trips"]
                table[name][title] = Published(
                    float(found["ratio"]), int(trips) if trips else None
                )
    return table


def worse(
    table: Table, before: Mapping[str, Mapping[str, Published]], title: str
) -> dict[str, str]:
    """Say of each use case what is worse than published, if anything.

    A ratio may be somewhat worse, for no two machines are alike, and far worse in one
    of two blocks, for one and the same machine has quick and slow ways from a process
    to another. It may be worse by as much as that of the others, for on a busy machine
    all that is more than the driver takes longer. A round trip more is one too many
    anywhere.
    """
    found: dict[str, str] = {}
    for name, row in table.items():
        old = before.get(name, {}).get(title)
        if title not in row:
            continue
        if old is None:
            found[name] = f"{name}: nothing is published"
            continue
        new = row[title]
        beside = [one for one in before[name] if one != title and one in row]
        strains = [row[one].ratio / before[name][one].ratio for one in beside]
        if new.ratio_of_most > WORSE * old.ratio * max([1, *strains]):
            others = [
                f"; {one} {row[one].ratio:.2f}, published {before[name][one].ratio:.2f}"
                for one in beside
            ]
            times = f"{new.ratio:.2f} times the limit, published {old.ratio:.2f}"
            found[name] = f"{name}: {times}{''.join(others)}"
        elif (new.round_trips or 0) > (old.round_trips or 0):
            trips = f"{new.round_trips} round trips, published {old.round_trips}"
            found[name] = f"{name}: {trips}"
    return found


def machine(rounds: int, loop: str, postgresql: str) -> str:
    """Say how, and on what, it was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"`python3 run.py bench --rounds {rounds} --loop {loop}`: "
        f"{platform.system()} on {os.cpu_count()} cores ({platform.machine()}), "
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"PostgreSQL {postgresql}, {versions}.\n"
    )


def write(told: str) -> None:
    """Put the figures in their place in the README."""
    head, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    text = head + BEGIN + told + END + rest.partition(END)[2]
    README.write_text(text, encoding="utf-8")


def plot_ratios(table: Table) -> None:
    """Draw every ratio, a group of bars for each use case."""
    figure, axes = _axes((10, 9))
    names = [name for name, row in table.items() if len(row) > 1][::-1]
    titles = list(dict.fromkeys(title for row in table.values() for title in row))[1:]
    height = 0.85 / len(titles)
    for place, title in enumerate(titles):
        bars = [
            (spot, table[name][title].ratio)
            for spot, name in enumerate(names)
            if title in table[name]
        ]
        axes.barh(
            [spot + 0.4 - (place + 0.5) * height for spot, _ in bars],
            [ratio for _, ratio in bars],
            height,
            label=title,
        )
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", xlabel="times as long as raw asyncpg")
    axes.set_yticks(range(len(names)), names)
    figure.legend(fontsize="small", loc="outside right upper")
    _save(figure, "ratios")


def plot_throughput(table: Table) -> None:
    """Draw how many use cases pass in a second, over how many there are at once."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, row in table.items():
        if found := re.fullmatch(r"get by id, (\d+) at once", name):
            limit = median(next(iter(row.values())).seconds)
            for title, measured in row.items():
                rate = 1 / (limit * measured.ratio)
                lines.setdefault(title, []).append((int(found[1]), rate))
    labels = ("use cases at once", "gets by id in a second, one process")
    _plot_lines("throughput", lines, labels, ("linear", "log"))


def plot_depth(table: Table) -> None:
    """Draw how long a page takes, over the rows before it."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, row in table.items():
        way, _, rest = name.partition(" at ")
        depth = int(rest.split()[0].replace(",", ""))
        for title, measured in row.items():
            took = median(measured.seconds) * 1e3
            lines.setdefault(f"{title}: {way}", []).append((depth, took))
    labels = ("rows of a million before the page", "milliseconds")
    _plot_lines("paging", lines, labels, ("linear", "log"))


def plot_generation(lines: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Draw how long a service takes to be generated, over its entities."""
    labels = ("entities of ten fields", "seconds of the processor")
    _plot_lines("generation", lines, labels, ("linear", "linear"))


def _plot_lines(
    name: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    labels: tuple[str, str],
    scales: tuple[str, str],
) -> None:
    figure, axes = _axes((9, 4.5))
    for title, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=title)
    axes.set(xlabel=labels[0], ylabel=labels[1], xscale=scales[0], yscale=scales[1])
    if "log" not in scales:
        axes.set_ylim(bottom=0)
    figure.legend(fontsize="small", loc="outside right upper")
    _save(figure, name)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(measured: Measured | None, is_limit: bool) -> str:
    if measured is None:
        return CANNOT
    low, high = min(measured.ratios), max(measured.ratios)
    told = f"{measured.ratio:.2f} [{low:.2f}–{high:.2f}]"  # noqa: RUF001
    if is_limit:
        told = _duration(median(measured.seconds))
    trips = measured.round_trips
    return told if trips is None else f"{told} · {trips}"


def _duration(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def _axes(size: tuple[float, float]) -> tuple[Any, Any]:
    """Make an empty plot whose file depends on the figures alone."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "benchmarks"}
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.grid(axis="both", linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, name: str) -> None:
    path = README.with_name(f"{name}.svg")
    figure.savefig(path, metadata={"Date": None})
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "".join(f"{line.rstrip()}\n" for line in lines)
    path.write_text(text, encoding="utf-8")
