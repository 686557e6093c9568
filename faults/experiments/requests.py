"""Requests over HTTP: whose commits fail, and whose server is told to end."""

import asyncio
import itertools
import signal
import time
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from faults.protections import plain_sessions
from faults.proxy import Fate, Proxy, binds, proxied
from faults.report import Seen
from faults.serving import app_of, kill, served, serving
from faults.trial import Lab, Trial

PATH = "/api/labels"
LABEL = "a label of many"
AT_ONCE = 4
CLIENTS = 16
GRACE = 5  # seconds in which what was begun is finished, on a busy machine too
SHORT_GRACE = 1  # seconds, for what will never be finished
SLOW = 0.4  # seconds that each request under load takes
YOUNG = 0.15  # seconds in which the server may not have read a request yet
LEFT = 5  # seconds after which nothing may be left
WAIT = f"""
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({SLOW}); RETURN NEW; END $$
"""
WAIT_FOR_LABELS = """
CREATE TRIGGER wait BEFORE INSERT ON labels FOR EACH ROW EXECUTE FUNCTION wait()
"""
OTHERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL ($1)
"""


async def commit(lab: Lab) -> Seen:
    """Cut the line at half of the commits: who reads a 2xx has a row."""
    async with (
        proxied(lab.server.socket) as proxy,
        lab.trial(proxy=proxy) as trial,
        serving(app_of(trial)) as client,
    ):
        proxy.is_commit = binds(LABEL)
        statuses = await _create(lab, trial, proxy, client)
        await _compare(trial, statuses)
        lost = trial.seen.lost
        failed = [status for status in statuses.values() if status >= 300]
        told = set(failed) == {500} and len(failed) == trial.seen.faults
        trial.seen.expect(told, f"a failed commit is answered with {set(failed)}")
        seen = await trial.settle()
        seen.lost += lost
        return seen


async def commit_after_the_answer(lab: Lab) -> Seen:
    """Commit in a dependency, after its `yield`: the answer has been sent by then."""
    async with (
        proxied(lab.server.socket) as proxy,
        lab.trial(proxy=proxy) as trial,
        plain_sessions(proxy.url(trial.database)) as sessions,
    ):

        async def session() -> AsyncGenerator[AsyncSession]:
            async with sessions() as opened:
                yield opened
                await opened.commit()

        app = FastAPI()

        @app.post(PATH, status_code=201)
        async def create(
            label: dict[str, str], session: Annotated[AsyncSession, Depends(session)]
        ) -> None:
            insert = "INSERT INTO labels (version, name, is_active)"
            values = text(f"{insert} VALUES (1, :name, true)")
            await session.execute(values, label)

        async with serving(app) as client:
            statuses = await _create(lab, trial, proxy, client)
        seen = await _compare(trial, statuses)
        if seen.lost:
            seen.damage = f"{seen.lost} of {seen.acked} answers with 2xx had no row"
        return seen


async def _create(
    lab: Lab, trial: Trial, proxy: Proxy, client: httpx.AsyncClient
) -> dict[str, int]:
    """Create labels, with the line cut at half of the commits; tell each status."""
    half = lab.size(100, 1000)
    fates = [Fate.PASSES, Fate.PASSES, Fate.CUT_BEFORE, Fate.CUT_AFTER] * (half // 2)
    lab.randomness.shuffle(fates)
    commits = iter(fates)
    proxy.at_commit = lambda: next(commits, Fate.PASSES)
    trial.seen.faults += half
    names = iter([f"{LABEL} {number}" for number in range(2 * half)])
    statuses: dict[str, int] = {}

    async def send() -> None:
        for name in names:
            began = time.perf_counter()
            try:
                answer = await client.post(PATH, json={"name": name})
            except httpx.TransportError:  # the connection ends with the failure
                continue
            trial.seen.seconds.append(time.perf_counter() - began)
            statuses[name] = answer.status_code

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    proxy.recover()
    return statuses


async def _compare(trial: Trial, statuses: dict[str, int]) -> Seen:
    """Hold the rows against what was answered."""
    seen = trial.seen
    acked = {name for name, status in statuses.items() if status < 300}
    stored = [row["name"] for row in await trial.fetch("SELECT name FROM labels")]
    seen.sent += len(statuses)
    seen.acked += len(acked)
    seen.lost = len(acked - set(stored))
    seen.doubled = len(stored) - len(set(stored))
    seen.expect(not seen.lost, f"{seen.lost} answers with 2xx have no row")
    seen.expect(not seen.doubled, f"{seen.doubled} rows are there twice")
    return seen


class Load:
    """Clients that create labels until there is nobody to create them."""

    def __init__(self, trial: Trial, client: httpx.AsyncClient) -> None:
        self.statuses: dict[str, int] = {}
        self.unanswered: list[float] = []
        """When each request was sent that has no answer."""
        self.failed: list[float] = []
        """When each was sent that was answered with an error."""
        self._trial, self._client = trial, client
        self._is_over = False

    async def press(
        self, process: Process, number: signal.Signals, *, grace: int
    ) -> float:
        """Send the signal under load; tell when, and wait until the process ends."""
        clients = [asyncio.create_task(self._send(one)) for one in range(CLIENTS)]
        await asyncio.sleep(self._trial.randomness.uniform(SLOW, 2 * SLOW))
        told = time.monotonic()
        if number is signal.SIGKILL:
            kill(process)
        else:
            process.send_signal(number)
        try:
            async with asyncio.timeout(grace + 2):
                await process.wait()
        except TimeoutError:
            sentence = f"it did not end within {grace + 2} s"
            self._trial.seen.expect_soon(False, sentence)
            kill(process)
        self._is_over = True
        await asyncio.gather(*clients)
        return told

    async def _send(self, client: int) -> None:
        for number in itertools.count():
            if self._is_over:
                return
            name, began = f"{client} {number}", time.monotonic()
            try:
                answer = await self._client.post(PATH, json={"name": name})
            except httpx.ConnectError:  # it takes no more
                await asyncio.sleep(0.01)
            except httpx.TransportError:
                self.unanswered.append(began)
            else:
                self.statuses[name] = answer.status_code
                if answer.status_code != 201:
                    self.failed.append(began)
                self._trial.seen.seconds.append(time.monotonic() - began)


async def stop(lab: Lab) -> Seen:
    """Send SIGTERM under load: what was begun is answered, and nothing is left."""
    seen = Seen()
    for _ in range(lab.size(5, 25)):
        ends = (_stop(lab, signal.SIGTERM, workers=workers) for workers in (1, 2))
        seen = sum(await asyncio.gather(*ends), seen)
    return seen + await _stop_stuck(lab)


async def stop_at_once(lab: Lab) -> Seen:
    """Send SIGKILL: what was begun has no answer, if something just was."""
    seen = Seen()
    while not seen.wrong and seen.faults < lab.size(5, 25):
        seen += await _stop(lab, signal.SIGKILL, workers=1)
    return Seen(damage=next(iter(seen.wrong), ""))


async def _stop(lab: Lab, number: signal.Signals, *, workers: int) -> Seen:
    async with lab.trial() as trial:
        url = lab.server.url(trial.database)
        async with served(url, workers=workers, grace=GRACE) as (process, client):
            await trial.fetch(WAIT)
            await trial.fetch(WAIT_FOR_LABELS)
            load = Load(trial, client)
            told = await load.press(process, number, grace=GRACE)
        begun = [began for began in load.unanswered if began < told - YOUNG]
        # A connection that uvicorn accepts while it is told goes on with new requests,
        # and the last of them is cut at the end of the grace: those came too late.
        failed = [began for began in load.failed if began < told]
        sentence = f"{len(begun)} requests that were begun have no answer"
        trial.seen.expect(not begun, sentence)
        sentence = f"{len(failed)} requests that were begun have failed"
        trial.seen.expect(not failed, sentence)
        return await _check_end(trial, load)


async def _stop_stuck(lab: Lab) -> Seen:
    """Stop it while every request waits in vain: it ends all the same."""
    async with lab.trial() as trial:
        url = lab.server.url(trial.database)
        async with (
            served(url, workers=1, grace=SHORT_GRACE) as (process, client),
            trial.container.engine().connect() as holder,
        ):
            await holder.execute(text("LOCK TABLE labels"))
            own = await holder.scalar(text("SELECT pg_backend_pid()"))
            load = Load(trial, client)
            await load.press(process, signal.SIGTERM, grace=SHORT_GRACE)
            seen = await _check_end(trial, load, own)
            # uvicorn answers those that it cancels with 500, where there is time.
            waited = len(load.unanswered) + len(load.statuses)
            seen.expect(waited >= CLIENTS, f"only {waited} requests waited")
            seen.expect(not seen.acked, f"{seen.acked} were answered with 2xx")
            return seen


async def _check_end(trial: Trial, load: Load, *own: int) -> Seen:
    """Look for what the process left behind, and for what it acknowledged."""
    deadline, left = time.monotonic() + LEFT, 1
    while left and time.monotonic() < deadline:
        left = len(await trial.fetch(OTHERS, own))
    seen = trial.seen
    seen.faults += 1
    seen.leaked += left
    seen.expect(not left, f"{left} connections are there {LEFT} s after the end")
    acked = {name for name, status in load.statuses.items() if status == 201}
    seen.sent += len(load.statuses) + len(load.unanswered)
    seen.acked += len(acked)
    query = "SELECT name FROM labels"
    if not own:
        stored = {row["name"] for row in await trial.fetch(query)}
        seen.lost += len(acked - stored)
        seen.expect(acked <= stored, f"{seen.lost} acknowledged labels are lost")
    return seen
