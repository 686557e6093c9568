"""What was seen, and the table of it."""

import math
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH = 120
HEADINGS = "name|experiment|sent|acked|faults|lost|doubled|leaked|p50 ms|p99 ms"
WIDTHS = (4, 22, 6, 6, 6, 5, 7, 6, 6, 6)
VERDICT = 9


class SkippedError(Exception):
    """What an experiment needs is not there; the message says what."""


@dataclass
class Seen:
    """What an experiment, or its control, showed."""

    sent: int = 0
    acked: int = 0
    faults: int = 0
    lost: int = 0
    doubled: int = 0
    leaked: int = 0
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What is not as it must be, a sentence each."""
    late: list[str] = field(default_factory=list)
    """What took too long; a busy machine may be to blame."""
    damage: str = ""
    """What a control shows that its experiment must not."""

    def expect(self, holds: object, sentence: str) -> None:
        """Note the sentence where something does not hold."""
        if not holds:
            self.wrong.append(sentence)

    def expect_soon(self, holds: object, sentence: str) -> None:
        """Note the sentence where something took too long."""
        if not holds:
            self.late.append(sentence)

    def __add__(self, other: "Seen") -> "Seen":
        return Seen(
            *(getattr(self, name) + getattr(other, name) for name in vars(self))
        )


@dataclass
class Row:
    """An experiment with its control, as the table shows them."""

    name: str
    title: str
    control: str
    seen: Seen
    damage: str = ""
    skipped: str = ""

    @property
    def verdict(self) -> str:
        """Say in a word how it ended."""
        if self.skipped:
            return "skipped"
        if self.seen.wrong or self.seen.late:
            return "FAILS"
        return "holds" if self.damage else "NO DAMAGE"

    @property
    def may_be_chance(self) -> bool:
        """Tell whether a busy machine, or luck, may have made it what it is."""
        return not (self.seen.wrong or self.is_right)

    @property
    def is_right(self) -> bool:
        """Tell whether nothing has to be mended."""
        return self.verdict in ("holds", "skipped")

    def lines(self) -> list[str]:
        """Lay it out, the control folded at the right."""
        seen = self.seen
        figures = (seen.sent, seen.acked, seen.faults, seen.lost, seen.doubled)
        cells = [self.name, self.title, *map(str, (*figures, seen.leaked))]
        cells += [_percentile(seen.seconds, share) for share in (0.5, 0.99)]
        if self.skipped:
            cells[2:] = ["-"] * (len(cells) - 2)
        told = f"{self.control}: {self.damage or 'nothing'}"
        folded = textwrap.wrap(self.skipped or told, _rest())
        heads = [_line(cells), *[_line([""] * len(cells))] * (len(folded) - 1)]
        ends = [self.verdict, *[""] * (len(folded) - 1)]
        return [
            f"{head} {text:<{_rest()}} {end}".rstrip()
            for head, text, end in zip(heads, folded, ends, strict=True)
        ]


def table(rows: Sequence[Row]) -> str:
    """Show every row, and what went wrong below."""
    head = (
        f"{_line(HEADINGS.split('|'))} {'control: what it showed':<{_rest()}} verdict"
    )
    lines = [head, "-" * WIDTH]
    for row in rows:
        lines += row.lines()
    for row in rows:
        lines += told(row)
    return "\n".join(lines)


def told(row: Row) -> list[str]:
    """Say what is not as it must be, if anything."""
    sentences = [
        f"{count} times: {sentence}" if count > 1 else sentence
        for sentence, count in Counter(row.seen.wrong + row.seen.late).items()
    ]
    if row.verdict == "NO DAMAGE":
        sentences = [f"the control ({row.control}) shows no damage: it proves nothing"]
    return [
        line
        for sentence in sentences
        for line in textwrap.wrap(f"{row.name}: {sentence}", WIDTH)
    ]


def _line(cells: Sequence[str]) -> str:
    parts = [f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)]
    numbers = [f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True)]
    return " ".join([*parts[:2], *numbers[2:]])


def _rest() -> int:
    return WIDTH - sum(WIDTHS) - len(WIDTHS) - VERDICT - 1


def _percentile(seconds: Sequence[float], share: float) -> str:
    if not seconds:
        return "-"
    place = math.ceil(share * len(seconds)) - 1
    return f"{sorted(seconds)[place] * 1000:.1f}"
