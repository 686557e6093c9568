"""A service over HTTP does what its documentation says, and shows it in a browser."""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.conftest import Run, bake, generate, module_at, run, texts
from tests.test_services import SERVICES

TIMEOUT = 60.0  # seconds
Json: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default service with HTTP; read it, do not change it."""
    return bake(tmp_path_factory.mktemp("default"), api="fastapi")


@contextlib.contextmanager
def serving(service: Path, log: Path) -> Generator[str]:
    """Serve over a socket and a database of its own; give the address."""
    (package,) = (service / "src").iterdir()
    program = f"from {package.name}.entrypoints.cli import main; main(['serve'])"
    with module_at(service / "dev/postgres.py").postgres() as url:
        said = {"DATABASE_URL": url, "ENVIRONMENT": "development", "HTTP_PORT": "0"}
        said |= {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
        migrate = program.replace("serve", "migrate")
        done = run("python", "-c", migrate, cwd=service, **said)
        assert done.err == ""
        with log.open("w") as errors:
            server = subprocess.Popen(
                [sys.executable, "-c", program],
                cwd=service,
                env=os.environ | said,
                stderr=errors,
                stdout=subprocess.DEVNULL,
            )
        try:
            yield address_in(log, server)
        finally:
            server.terminate()
            server.wait(TIMEOUT)


def address_in(log: Path, server: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + TIMEOUT
    while True:
        if found := re.search(r"on (http://[\d.:]+) ", log.read_text()):
            return found[1]
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)


# What the documentation says of a service

DOCUMENTED = {  # examples of each operation, so that all have some thousand requests
    "default": 50,
    "types": 11,
    "relations": 7,
}
DOCUMENTED_ONCE = pytest.mark.xdist_group("documented")  # the findings are shared
CONFIG = """
[checks]
# 412: the ETag in If-Match has no form of ours or is stale, and is looked at first.
negative_data_rejection.expected-statuses = [
  "400", "404", "405", "409", "412", "413", "415", "422", "428"
]
# 409: a value is taken, or what is referred to is not there. 412: nobody can guess an
# ETag. 422: a rule that a schema cannot tell, such as that a name is not blank.
positive_data_acceptance.expected-statuses = ["2xx", "404", "409", "412", "422"]
# 428 is made for this (RFC 6585).
missing_required_header.expected-statuses = ["422", "428"]
"""


@dataclass(frozen=True)
class Findings:
    """What schemathesis found, and what the service logged of it."""

    done: Run
    report: Json
    answers: Counter[tuple[str, str, int]]
    """How often an operation had a status."""


def examine(service: Path, folder: Path, *options: str) -> Findings:
    """Let schemathesis call whatever the OpenAPI document has."""
    config, report, log = folder / "config", folder / "report", folder / "log"
    config.write_text(CONFIG)
    with serving(service, log) as address:
        done = run(
            *("schemathesis", "--config-file", config),
            *("run", f"{address}/openapi.json", "--seed=1", "--continue-on-failure"),
            *("--report=json", "--report-json-path", report, "--warnings=off"),
            *("--generation-database=none", "--no-color", "--no-shrink", *options),
            cwd=folder,
        )
    assert report.exists(), done.out + done.err
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    answers = Counter(
        (line["method"], line["route"] or "", line["status"])
        for line in logged
        if line["event"] == "answered"
    )
    return Findings(done, json.loads(report.read_text()), answers)


@pytest.fixture(scope="session")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Findings]:
    """What was found in each service; two are examined at a time."""

    def findings_in(name: str) -> Findings:
        folder = tmp_path_factory.mktemp(name)
        service = bake(folder / "service", **SERVICES[name], api="fastapi")
        return examine(service, folder, f"--max-examples={DOCUMENTED[name]}")

    with ThreadPoolExecutor(2) as pool:
        found = pool.map(findings_in, reversed(DOCUMENTED))  # the longest first
        return dict(zip(reversed(DOCUMENTED), found, strict=True))


@DOCUMENTED_ONCE
@pytest.mark.parametrize("name", DOCUMENTED)
def test_it_does_what_its_documentation_says(
    findings: dict[str, Findings], name: str
) -> None:
    found = findings[name]

    report = found.report
    assert report["failures"] == report["errors"] == [], found.done.out
    assert found.done.code == 0
    assert report["operations"]["tested"] == report["operations"]["total"]
    phases = ("examples", "coverage", "fuzzing", "stateful")
    assert {report["phases"][phase]["status"] for phase in phases} == {"success"}
    assert not [answer for answer in found.answers if answer[2] >= 500]


@DOCUMENTED_ONCE
@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_operation_was_seen_to_work(
    findings: dict[str, Findings], name: str
) -> None:
    answers = findings[name].answers

    worked = {(method, route) for method, route, status in answers if status < 300}
    refused = {(method, route) for method, route, status in answers if status == 405}
    known = {(method, route) for method, route, _ in answers if route} - refused
    asked = {one for one in known - worked if one[0] != "OPTIONS"}
    assert "DELETE" in {method for method, _ in worked}
    # Not each of those that are referred to is ever free to be deleted.
    assert {one for one in asked if one[0] != "DELETE"} == set()


@DOCUMENTED_ONCE
def test_more_than_5000_requests_were_made(findings: dict[str, Findings]) -> None:
    made = {name: found.answers.total() for name, found in findings.items()}

    assert sum(made.values()) > 5000, made
    generated = [found.report["test_cases"]["generated"] for found in findings.values()]
    assert sum(generated) <= sum(made.values())


BUGS = {
    "Server error": "raise RuntimeError",
    "Response violates schema": "return Response('{}', 201, {}, 'application/json')",
    "Undocumented Content-Type": "return Response('{}', 201, {}, 'text/plain')",
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(service: Path, tmp_path: Path, bug: str) -> None:
    broken = tmp_path / "service"
    shutil.copytree(service, broken)
    (routes,) = broken.glob("src/*/entrypoints/http/routes/customer.py")
    right = "created = await service.create(command)\n"
    assert right in routes.read_text()
    routes.write_text(routes.read_text().replace(right, f"{right}    {BUGS[bug]}\n"))

    found = examine(broken, tmp_path, "--phases=examples")

    assert found.done.code == 1
    assert bug in [failure["title"] for failure in found.report["failures"]]


# The interactive documentation

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)


class Page:
    """A page of a browser, by the DevTools protocol over a pair of pipes."""

    def __init__(self, to: int, back: int) -> None:
        self._to = to
        self._back = back
        self._text = b""
        self._number = 0
        self._session: Json = {}
        self.events: list[Json] = []
        target = self.call("Target.createTarget", url="about:blank")
        attached = self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Log", "Network", "Page", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **said: object) -> Json:
        """Ask the browser to do something; keep what it tells meanwhile."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": said}
        os.write(self._to, json.dumps(message | self._session).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return dict(told["result"])
            self.events.append(told)

    def _next(self) -> Json:
        while b"\0" not in self._text:
            part = os.read(self._back, 2**16)
            assert part, "the browser has ended"
            self._text += part
        text, _, self._text = self._text.partition(b"\0")
        return dict(json.loads(text))

    def told(self, method: str) -> list[Json]:
        """What the browser told under this name."""
        return [event["params"] for event in self.events if event["method"] == method]

    def find(self, selector: str, what: str = "true") -> Any:
        """Wait until there is such an element, and something to say of it."""
        script = f"(one => one && ({what}))(document.querySelector({selector!r}))"
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            result = self.call("Runtime.evaluate", expression=script)["result"]
            if found := result.get("value"):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{selector} has no {what}")

    def click(self, selector: str) -> None:
        """Click it, where it is."""
        self.find(selector, "(one.scrollIntoView({block: 'center'}), true)")
        where = "(box => [box.x + box.width / 2, box.y + box.height / 2])"
        x, y = json.loads(
            self.find(selector, f"JSON.stringify({where}(one.getBoundingClientRect()))")
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                **{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1},
            )

    def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.find(selector, "(one.focus(), true)")
        self.call("Input.insertText", text=text)

    def keep_picture(self, name: str) -> None:
        """Write what is seen, where somebody wants to look at it."""
        if folder := os.environ.get("PICTURES"):
            taken = self.call("Page.captureScreenshot")["data"]
            Path(folder, f"{name}.png").write_bytes(base64.b64decode(taken))


SPOKEN_TO = """
import os, sys
for number, end in enumerate(sys.argv[1:3], 3):  # the protocol wants these two
    os.dup2(int(end), number)
os.execv(sys.argv[3], sys.argv[3:])
"""


@pytest.fixture
def page(tmp_path: Path) -> Generator[Page]:
    """An empty page of a browser that never was used."""
    if CHROMIUM is None or sys.platform == "win32":
        pytest.skip(
            "NOT SHOWN: the documentation in a browser, as there is no Chromium"
        )
    import fcntl  # there is none on Windows

    ours_in, theirs_out = os.pipe()
    theirs_in, ours_out = os.pipe()
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
        " --disable-background-networking --disable-component-update --disable-sync"
        " --disable-dev-shm-usage --window-size=1280,1600 --remote-debugging-pipe"
    )
    with contextlib.ExitStack() as stack:
        browser = subprocess.Popen(
            [
                sys.executable,
                "-c",
                SPOKEN_TO,
                *map(str, theirs),
                CHROMIUM,
                *options.split(),
                f"--user-data-dir={tmp_path / 'chromium'}",
            ],
            pass_fds=theirs,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        stack.callback(browser.wait, TIMEOUT)
        stack.callback(os.close, ours_out)  # it ends where nobody speaks to it
        stack.callback(os.close, ours_in)
        for end in (theirs_in, theirs_out, *theirs):
            os.close(end)
        yield Page(ours_out, ours_in)


def operation(tag: str, name: str) -> str:
    return f"#operations-{tag}-{name}"


def execute(page: Page, block: str, **given: str) -> tuple[str, Json]:
    """Try an operation out as a reader does; return the status and what came."""
    page.click(f"{block} .opblock-summary-control")
    page.click(f"{block} .try-out__btn")
    for name, value in given.items():
        page.type(f"{block} tr[data-param-name={name}] input", value)
    page.click(f"{block} .execute")
    answer = f"{block} .live-responses-table tr.response"
    status = page.find(f"{answer} .response-col_status", "one.innerText.trim()")
    body = page.find(f"{answer} .response-col_description code", "one.innerText")
    return status, json.loads(body)


def test_the_operations_can_be_tried_in_a_browser(
    service: Path, page: Page, tmp_path: Path
) -> None:
    with serving(service, tmp_path / "log") as address:
        page.call("Page.navigate", url=f"{address}/docs")
        page.find(operation("customers", "customer_create"))
        page.keep_picture("docs-1-opened")

        status, created = execute(page, operation("customers", "customer_create"))
        page.keep_picture("docs-2-created")
        assert status == "201"
        found = execute(
            *(page, operation("customers", "customer_get")),
            customer_id=str(created["id"]),
        )
        page.keep_picture("docs-3-found")
        assert found == ("200", created)
        listed = execute(page, operation("customers", "customer_list_after"))
        page.keep_picture("docs-4-listed")
        assert listed == ("200", {"items": [created], "has_more": False})

    complaints = page.told("Runtime.exceptionThrown") + page.told("Log.entryAdded")
    said = page.told("Runtime.consoleAPICalled")
    assert complaints + [call for call in said if call["type"] == "error"] == []
    asked = {
        event["request"]["url"] for event in page.told("Network.requestWillBeSent")
    }
    assert f"{address}/openapi.json" in asked
    elsewhere = [url for url in asked if not url.startswith((f"{address}/", "data:"))]
    assert elsewhere == []


# The answer to `api`


@pytest.mark.parametrize("name", ["default", "relations"])
def test_without_http_no_word_of_it_is_there(tmp_path: Path, name: str) -> None:
    project = bake(tmp_path, **SERVICES[name], api="none")

    word = re.compile("http(?!s?://)|fastapi|starlette|uvicorn|structlog|swagger", re.I)
    assert [path for path in project.rglob("*") if word.search(path.name)] == []
    assert {
        path: line
        for path, text in texts(project).items()
        for line in text.decode().splitlines()
        if word.search(line)
    } == {}


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_inside_does_not_know_whether_there_is_http(
    tmp_path: Path, name: str
) -> None:
    without, over = (
        texts(bake(tmp_path / api, **SERVICES[name], api=api))
        for api in ("none", "fastapi")
    )

    entry = re.compile(r"src/\w+/entrypoints/")
    assert without.keys() < over.keys()
    inside = [path for path in over if path.parts[0] == "src"]
    inside = [path for path in inside if not entry.match(path.as_posix())]
    assert {path for path in inside if without.get(path) != over[path]} == set()
    assert {path.parts[2] for path in inside} > {"domain", "infrastructure"}


def test_no_answer_is_no_http(tmp_path: Path) -> None:
    assert texts(bake(tmp_path / "1")) == texts(bake(tmp_path / "2", api="none"))


def test_another_answer_is_refused_and_nothing_written(tmp_path: Path) -> None:
    done = generate(tmp_path, api="flask")

    assert done.code == 1
    assert "flask" in done.out + done.err
    assert list(tmp_path.iterdir()) == []
