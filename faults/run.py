"""Runs the experiments one after the other, and tells how each ended."""

import asyncio
import gc
import logging
import time
import traceback
import warnings
from collections.abc import Sequence
from random import Random
from unittest.mock import patch

from faults.experiments import EXPERIMENTS, Experiment, Run
from faults.report import Row, Seen, SkippedError, table, told
from faults.server import Server
from faults.trial import Lab

LIMIT, LONG_LIMIT = 240, 4000  # seconds for one run


async def run(server: Server, names: Sequence[str], *, seed: int, is_long: bool) -> int:
    """Run those of these names, or all; return 1 where one is not as it must be."""
    known = [experiment.name for experiment in EXPERIMENTS]
    if unknown := sorted(set(names) - set(known)):
        print(f"no experiment {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    logging.basicConfig(handlers=[logging.NullHandler()])  # faults are expected
    began = time.monotonic()
    size = "long" if is_long else "short"
    print(f"seed {seed}, {size} form; each experiment is followed by its control")
    await Lab(server, Random(seed), is_long=is_long).prepare()  # noqa: S311
    rows = []
    for experiment in EXPERIMENTS:
        if not names or experiment.name in names:
            chance = Random(f"{seed} {experiment.name}")  # noqa: S311
            lab = Lab(server, chance, is_long=is_long)
            start = time.monotonic()
            row = await _row(experiment, lab, LONG_LIMIT if is_long else LIMIT)
            if row.may_be_chance:
                print(*told(row), f"{row.name}: that may be chance; again", sep="\n")
                row = await _row(experiment, lab, LONG_LIMIT if is_long else LIMIT)
            took = time.monotonic() - start
            print(f"{row.name:<4} {row.title:<30} {row.verdict:<10} {took:5.1f} s")
            for line in told(row):
                print(line)
            rows.append(row)
    print(f"\n{table(rows)}\n")
    right = sum(row.is_right for row in rows)
    took = time.monotonic() - began
    print(f"{right} of {len(rows)} are as they must be, in {took:.0f} s; seed {seed}")
    return 0 if right == len(rows) else 1


async def _row(experiment: Experiment, lab: Lab, limit: float) -> Row:
    row = Row(experiment.name, experiment.title, experiment.control, Seen())
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            row.seen = await _end(experiment.run, lab, limit)
        for warning in warned:
            row.seen.expect(False, f"it warns: {warning.message}")
        quiet = patch("sys.unraisablehook", lambda _: None)  # it may well leak
        with warnings.catch_warnings(record=True), quiet:
            row.damage = (await _end(experiment.run_control, lab, limit)).damage
    except SkippedError as reason:
        row.skipped = str(reason)
    return row


async def _end(run: Run, lab: Lab, limit: float) -> Seen:
    try:
        async with asyncio.timeout(limit):
            seen = await run(lab)
            gc.collect()  # so that connections that nobody returned are told of
            return seen
    except SkippedError:
        raise
    except Exception as error:
        traceback.print_exc()  # a defect, of the service or of the experiment
        return Seen(wrong=[f"it ended with {type(error).__name__}: {error}"])
