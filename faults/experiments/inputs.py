"""Bodies that nobody should send: refused, or kept as they are."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias
from unittest.mock import patch

import httpx
from fastapi import FastAPI
from ledger.application.messages.specimen import CreateSpecimen, SpecimenResult
from ledger.entrypoints.http import problems

from faults import meaning
from faults.hostile import HOSTILE, bodies, body
from faults.report import Seen
from faults.serving import app_of, serving
from faults.trial import Lab, Trial

Meaning: TypeAlias = Callable[[Any], Any]
AT_ONCE = 8
JSON = {"Content-Type": "application/json"}
LABELS = "INSERT INTO labels (version, name, is_active) VALUES (1, 'red', true)"


def _each(kind: Meaning, values: Any) -> list[Any]:
    return [kind(value) for value in values]


def _set(values: Any) -> list[int]:
    numbers = sorted(map(meaning.whole, values))
    if len(set(numbers)) < len(numbers):
        raise ValueError("a number is there twice")
    return numbers


def _line(value: Any) -> tuple[str, int]:
    return meaning.text(value["text"]), meaning.whole(value["amount"])


SPECIMEN: dict[str, Meaning] = {
    **dict.fromkeys("abcrst", meaning.text),
    **dict.fromkeys("de", meaning.whole),
    "f": meaning.ratio,
    "g": meaning.boolean,
    **dict.fromkeys("hi", meaning.decimal),
    "j": meaning.date,
    "k": meaning.instant,
    "m": meaning.time,
    "n": meaning.duration,
    "o": meaning.identity,
    "p": meaning.binary,
    "q": meaning.anything,
    "u": partial(_each, meaning.text),
    "v": partial(_each, meaning.whole),
    "w": partial(_each, meaning.ratio),
    "x": partial(_each, meaning.decimal),
    "y": partial(_each, meaning.instant),
    "z": partial(_each, meaning.binary),
}
STATEMENT: dict[str, Meaning] = {
    "account_id": meaning.whole,
    "day": meaning.date,
    "note": meaning.text,
    "label_ids": _set,
    "lines": partial(_each, _line),
}
NEEDED = {"account_id": "1", "day": '"2026-01-31"', "label_ids": "[1]", "lines": "[]"}
SPECIMENS, STATEMENTS = "/api/specimens", "/api/statements"
KINDS = {SPECIMENS: SPECIMEN, STATEMENTS: STATEMENT}


class Post:
    """Sends bodies, and holds against them what is answered and stored."""

    def __init__(self, trial: Trial, client: httpx.AsyncClient) -> None:
        self.failed: list[str] = []
        self.changed: list[str] = []
        self._trial, self._client = trial, client
        self._specimens: dict[int, str] = {}

    async def send_all(self, letters: list[tuple[str, str]]) -> None:
        """Send each body to its path, and look at the rows in the end."""
        waiting = iter(letters)

        async def send() -> None:
            for path, content in waiting:
                await self._send(path, content)

        await asyncio.gather(*(send() for _ in range(AT_ONCE)))
        query = "SELECT id, to_jsonb(specimens)::text AS row FROM specimens"
        for row in await self._trial.fetch(query):
            content = self._specimens.get(row["id"], "{}")
            self._compare(SPECIMENS, content, row["row"], "stored")

    async def _send(self, path: str, content: str) -> None:
        self._trial.seen.sent += 1
        answer = await self._client.post(path, content=content, headers=JSON)
        if answer.status_code >= 500:
            self.failed.append(f"{answer.status_code} for {content[:80]}")
        if answer.status_code != 201:
            self._trial.seen.faults += 1
            return
        self._trial.seen.acked += 1
        self._compare(path, content, answer.content, "answered")
        if path == SPECIMENS:
            self._specimens[answer.json()["id"]] = content
        if location := answer.headers.get("Location"):
            found = await self._client.get(location)
            self._compare(path, content, found.content, "read")

    def _compare(self, path: str, content: str, told: str | bytes, how: str) -> None:
        try:
            sent, got = meaning.read(content), meaning.read(told)
            for name, value in sent.items():
                kind = KINDS[path][name]
                if value is None and got[name] is None:
                    continue
                if kind(value) != kind(got[name]):
                    raise ValueError(f"{name} is {how} as {got[name]}")
        except (ArithmeticError, KeyError, TypeError, ValueError) as error:
            self.changed.append(f"{content[:80]}: {error!r}"[:200])


def _letters(lab: Lab, generated: int, *, share: float = 1) -> list[tuple[str, str]]:
    chance = lab.randomness
    letters = [(SPECIMENS, body({n: v})) for n in SPECIMEN for v in HOSTILE]
    for name in STATEMENT:
        letters += [(STATEMENTS, body({**NEEDED, name: v})) for v in HOSTILE]
    letters = chance.sample(letters, int(share * len(letters)))
    half = generated // 4
    made = bodies(SPECIMEN, "", generated - half, chance)
    letters += [(SPECIMENS, content) for content in made]
    made = bodies([*STATEMENT, "unknown"], body(NEEDED)[1:-1], half, chance)
    return letters + [(STATEMENTS, content) for content in made]


async def send(lab: Lab) -> Seen:
    """Send hostile values to each column, and bodies that are made up."""
    async with (
        lab.trial(options="intervalstyle = iso_8601") as trial,
        serving(app_of(trial)) as client,
    ):
        await trial.fetch(LABELS)
        post = Post(trial, client)
        await post.send_all(_letters(lab, lab.size(2_000, 20_000)))
        seen = trial.seen
        for sentence in (*post.failed, *post.changed):
            seen.expect(False, sentence)
        kept = seen.acked
        seen.expect(kept > 500, f"only {kept} bodies were good ones: too few to tell")
        await trial.settle()
        return seen


async def send_loosely(lab: Lab) -> Seen:
    """Read JSON as FastAPI does, and translate no error."""
    async with lab.trial(options="intervalstyle = iso_8601") as trial:
        service = trial.container.specimen_service()
        lax = FastAPI()

        @lax.post(SPECIMENS, status_code=201, response_model=SpecimenResult)
        async def create(command: CreateSpecimen) -> SpecimenResult:
            created: SpecimenResult = await service.create(command)
            return created

        letters = _letters(lab, 100, share=0.3)
        async with serving(lax) as client:
            loose = Post(trial, client)
            await loose.send_all([one for one in letters if one[0] == SPECIMENS])
    untranslated = patch.object(problems, "MEANINGS", problems.MEANINGS[-1:])
    async with (
        lab.trial() as trial,
        serving(app_of(trial)) as client,
    ):
        with untranslated:
            blunt = Post(trial, client)
            await blunt.send_all([one for one in letters if one[0] == STATEMENTS])
    changed, failed = len(loose.changed), len(blunt.failed)
    damage = f"{changed} values changed in silence; untranslated, {failed} x 5xx"
    return Seen(damage=damage if changed and failed else "")
