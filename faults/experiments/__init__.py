"""Every experiment, each with the control that shows that it could fail."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from faults.experiments import (
    cancellation,
    contention,
    crashes,
    errors,
    inputs,
    migrations,
    network,
    reads,
    requests,
    sharing,
)
from faults.report import Seen
from faults.trial import Lab

Run: TypeAlias = Callable[[Lab], Awaitable[Seen]]


class Experiment(NamedTuple):
    """What is tried, and which protection its control does without."""

    name: str
    title: str
    run: Run
    control: str
    run_control: Run


EXPERIMENTS = [
    Experiment(
        *("S1", "storm of mixed faults", crashes.storm),
        *("no keys", crashes.storm_without_keys),
    ),
    Experiment(
        *("S2", "cancelled everywhere", cancellation.cancel_everywhere),
        *("units of work without exit", cancellation.cancel_without_exit),
    ),
    Experiment(
        *("S3", "kill -9 of the server", crashes.crash),
        *("synchronous_commit=off", crashes.crash_without_waiting),
    ),
    Experiment(
        *("S4", "unknown commit", crashes.unknown_commit),
        *("asked again without a key", crashes.unknown_commit_asked_again),
    ),
    Experiment(
        *("S5", "swallowed errors", errors.swallow),
        *("a plain session", errors.swallow_plainly),
    ),
    Experiment(
        *("S6", "a shared session", sharing.share),
        *("guards off", sharing.share_unguarded),
    ),
    Experiment(
        *("S7", "hot rows and deadlocks", contention.heat),
        *("one try each", contention.heat_once),
    ),
    Experiment(
        *("S8", "lost updates", contention.update),
        *("versions not compared", contention.update_unversioned),
    ),
    Experiment(
        *("S10", "a full pool", contention.crowd),
        *("nested units of work", contention.crowd_nested),
    ),
    Experiment(
        *("S11", "a silent network", network.silence),
        *("no limits of time", network.silence_without_limits),
    ),
    Experiment(
        *("L", "lines cut at each answer", network.cut_everywhere),
        *("way to a connection unwatched", network.cut_unnoticed),
    ),
    Experiment(
        *("S12", "commits over HTTP", requests.commit),
        *("commit after a yield", requests.commit_after_the_answer),
    ),
    Experiment(
        *("S13", "hostile bodies", inputs.send),
        *("lax JSON, no translation", inputs.send_loosely),
    ),
    Experiment(
        *("S14", "errors by SQLSTATE", errors.translate),
        *("listeners off", errors.translate_nothing),
    ),
    Experiment(
        *("S15", "migrations at once", migrations.migrate),
        *("a lock for each", migrations.migrate_unlocked),
    ),
    Experiment(
        *("S16", "SIGTERM under load", requests.stop),
        *("SIGKILL", requests.stop_at_once),
    ),
    Experiment(
        *("S17", "soft delete", reads.hide),
        *("a plain session", reads.hide_nothing),
    ),
    Experiment(
        *("S18", "mapped attributes", reads.read_everything),
        *("func.now() and a merge", reads.read_what_is_unset),
    ),
    Experiment(
        *("S19", "PgBouncer", network.bounce),
        *("setting off", network.bounce_unknowingly),
    ),
    Experiment(
        *("S21", "the container", sharing.contain),
        *("one session for all", sharing.contain_one),
    ),
    Experiment(
        *("K", "pages of a million rows", reads.page),
        *("offsets", reads.page_by_offset),
    ),
]
