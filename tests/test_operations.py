"""A generated service runs as its Dockerfile, compose.yaml and workflows say."""

import asyncio
import contextlib
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.ext.asyncio import create_async_engine

from tests.conftest import TEMPLATE, Run, bake, module_at, run
from tests.container import TIMEOUT, Image, let_through, stages

pytestmark = pytest.mark.xdist_group("operations")  # the image is shared

PASSWORD = "p@ss:w/rd #1"  # noqa: S105  # nothing in it may mean something else
PINNED = re.compile(r"uses: ([\w/-]+)@([0-9a-f]{40}) # (v[\d.]+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service with HTTP and its lock file; read it, do not change it."""
    entities = "Tea(name unique)"
    project = bake(tmp_path_factory.mktemp("api"), entities=entities, api="fastapi")
    done = run("uv", "lock", cwd=project)
    assert done.code == 0, done.err
    return project


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same service without HTTP."""
    return bake(tmp_path_factory.mktemp("none"), entities="Tea(name unique)")


def free_port() -> int:
    """Find a port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


# What the linters say


def test_the_dockerfile_has_no_fault_that_hadolint_knows(service: Path) -> None:
    done = run("hadolint", "--failure-threshold", "style", "Dockerfile", cwd=service)

    assert (done.code, done.out) == (0, "")


@pytest.mark.parametrize("project", ["template", "service", "bare"])
def test_the_workflows_have_no_fault_that_zizmor_knows(
    project: str, request: pytest.FixtureRequest
) -> None:
    folder = TEMPLATE if project == "template" else request.getfixturevalue(project)

    done = run(
        *("zizmor", "--offline", "--no-progress", "--persona=auditor"),
        ".github",
        cwd=folder,
    )

    assert done.code == 0, done.out + done.err
    workflows = len(list((folder / ".github/workflows").iterdir()))
    assert done.err.count("completed .github/workflows/") == workflows


def test_an_action_is_the_same_commit_wherever_it_is_used(service: Path) -> None:
    folders = (TEMPLATE / ".github", service / ".github")
    texts = [path.read_text() for folder in folders for path in folder.rglob("*.yml")]

    pins = {pin for text in texts for pin in PINNED.findall(text)}

    assert len({action for action, _, _ in pins}) == len(pins)
    assert sum(map(len, map(PINNED.findall, texts))) == "".join(texts).count("uses:")


def test_bandit_finds_nothing_in_the_code(service: Path) -> None:
    done = run("bandit", "--quiet", "--recursive", "src", cwd=service)

    assert (done.code, done.out) == (0, "")


def test_without_http_there_is_nothing_of_a_container(
    service: Path, bare: Path
) -> None:
    of_containers = {"Dockerfile", ".dockerignore", "compose.yaml"}

    assert of_containers <= {path.name for path in service.iterdir()}
    assert not of_containers & {path.name for path in bare.iterdir()}
    assert [path.name for path in (bare / ".github/workflows").iterdir()] == ["ci.yml"]
    ci = Path(".github/workflows/ci.yml")
    assert (service / ci).read_bytes() == (bare / ci).read_bytes()


# What compose.yaml says


@pytest.fixture(scope="module")
def composed(service: Path) -> dict[str, Any]:
    """What compose.yaml says of each service."""
    services = yaml.safe_load((service / "compose.yaml").read_text())["services"]
    assert isinstance(services, dict)
    return services


def test_each_container_can_do_as_little_as_it_needs(composed: dict[str, Any]) -> None:
    assert composed.keys() == {"postgres", "migrate", "service"}
    for said in composed.values():
        assert said["read_only"] is True
        assert said["cap_drop"] == ["ALL"]
        assert said["security_opt"] == ["no-new-privileges:true"]
        assert "/tmp" in said["tmpfs"]
        assert not said.keys() & {"privileged", "cap_add", "network_mode", "pid"}


def test_only_the_service_can_be_reached_and_only_from_here(
    composed: dict[str, Any],
) -> None:
    ports = [port for said in composed.values() for port in said.get("ports", ())]

    assert ports == ["127.0.0.1:8000:8000"]
    assert "ports" in composed["service"]


def test_no_password_stands_in_compose_yaml_and_none_is_refused(
    composed: dict[str, Any],
) -> None:
    environments = [said["environment"] for said in composed.values()]
    passwords = {
        said
        for environment in environments
        for name, said in environment.items()
        if "PASSWORD" in name
    }

    assert passwords == {"${POSTGRES_PASSWORD:?set a password for the database}"}
    assert all("PASSWORD" in " ".join(environment) for environment in environments)


def test_the_service_starts_after_the_migrations_and_stops_in_peace(
    composed: dict[str, Any], service: Path
) -> None:
    migrate, serve = composed["migrate"], composed["service"]

    assert migrate["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    after = {"migrate": {"condition": "service_completed_successfully"}}
    assert serve["depends_on"] == after
    assert migrate["image"] == serve["image"]
    assert migrate["build"] == "."  # for both: two builds of one name may collide
    assert "build" not in serve
    assert migrate["command"] == ["migrate"]
    (settings,) = service.glob("src/*/entrypoints/http/settings.py")
    shutdown = r"http_shutdown_timeout: \w+ = Field\(default=(\d+)"
    (seconds,) = re.findall(shutdown, settings.read_text())
    assert int(serve["stop_grace_period"].removesuffix("s")) > int(seconds)


# What the Dockerfile does


def test_the_image_is_of_versions_that_are_named(service: Path) -> None:
    uv, build, final = stages(service / "Dockerfile")

    assert re.fullmatch(r"ghcr\.io/astral-sh/uv:\d+\.\d+", uv.base)
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", build.base)
    assert final.base == build.base  # a venv is of no use to another Python


def test_the_image_is_run_by_a_number_that_is_not_root(service: Path) -> None:
    final = stages(service / "Dockerfile")[-1]

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final.only("USER"))
    assert "RUN" not in dict(final.steps)


# The steps of the Dockerfile, performed


@pytest.fixture(scope="module")
def image(service: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image, built from a service that was used before."""
    folder = tmp_path_factory.mktemp("image")
    context = folder / "context"
    let_through(service, context)
    image = Image(folder, service / "Dockerfile")
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip(
            "NOT SHOWN: the steps of the Dockerfile, which need root for mounts"
        )
    if (refused := run("unshare", "--mount", "true", cwd=folder)).code:
        pytest.skip(f"NOT SHOWN: the steps of the Dockerfile: {refused.err}")
    image.build(context)
    return image


def test_only_what_is_built_goes_to_the_builder(service: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(service, project)
    (project / ".env").touch()
    cached = project / "src/__pycache__/some.pyc"
    cached.parent.mkdir()
    cached.touch()
    context = tmp_path / "context"

    let_through(project, context)

    names = {path.name for path in context.iterdir()}
    assert names == {"README.md", "pyproject.toml", "src", "uv.lock"}
    here = {path.relative_to(context) for path in context.rglob("src/**/*.*")}
    there = {path.relative_to(project) for path in project.rglob("src/**/*.*")}
    assert there - here == {cached.relative_to(project)}


def test_the_image_holds_the_compiled_service_and_no_tool(
    image: Image, service: Path
) -> None:
    (package,) = image.app.glob("lib/python*/site-packages/order_service")
    modules = list(package.rglob("*.py"))
    compiled = [Path(cache_from_source(module)).exists() for module in modules]
    programs = {path.name for path in image.app.joinpath("bin").iterdir()}

    assert len(modules) == len(list(service.glob("src/**/*.py")))
    assert all(compiled)
    assert {"order-service", "python"} <= programs
    assert not programs & {"uv", "pip", "pytest", "ruff", "mypy"}


def test_what_is_changed_is_in_the_next_image(image: Image) -> None:
    (module,) = image.built.glob("src/*/__init__.py")
    module.write_text('"""Changed."""\n')

    image.build_again()

    (installed,) = image.app.glob("lib/python*/site-packages/order_service")
    assert (installed / "__init__.py").read_text() == module.read_text()


def test_nothing_can_be_written_but_what_is_thrown_away(image: Image) -> None:
    for folder in ("/", "/app", "/usr", "/etc"):
        done = image.run("touch", f"{folder}/x", user="0:0")
        assert "Read-only file system" in done.err
    assert image.run("touch", "/tmp/x").code == 0


@pytest.fixture(scope="module")
def database(
    service: Path, composed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Generator[dict[str, str]]:
    """The settings of compose.yaml, and a server that asks for the password."""
    port = free_port()
    module = tmp_path_factory.mktemp("dev") / "postgres.py"
    text = (service / "dev/postgres.py").read_text()
    here = f"listen_addresses = '127.0.0.1'\\nport = {port}\\n"
    changed = text.replace("listen_addresses = ''\\n", here)
    assert changed != text
    module.write_text(changed)
    said = composed["service"]["environment"]
    user = name = composed["postgres"]["environment"]["POSTGRES_USER"]
    with module_at(module).postgres() as url:
        folder = url.partition("host=")[2]
        rules = "local all all trust\nhost all all all scram-sha-256\n"
        Path(folder, "data/pg_hba.conf").write_text(rules)
        asyncio.run(set_up(f"{url}&port={port}", user, name))
        yield {
            "DATABASE_URL": said["DATABASE_URL"].replace(
                "@postgres:5432", f"@127.0.0.1:{port}"
            ),
            "PGPASSWORD": PASSWORD,
        }
    assert not Path(folder).exists()  # nor anything else of a server that is left


async def set_up(url: str, user: str, name: str) -> None:
    """Do what the image of PostgreSQL does when it first starts."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in (
            f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE DATABASE {name} OWNER {user}",
            "SELECT pg_reload_conf()",
        ):
            await connection.exec_driver_sql(statement)
    await engine.dispose()


@pytest.mark.parametrize("password", ["not-the-password", "postgres", ""])
def test_it_does_not_run_with_a_wrong_password_and_shows_none(
    image: Image, database: dict[str, str], password: str
) -> None:
    program = json.loads(image.final.only("ENTRYPOINT"))

    done = image.run(*program, "check", **database | {"PGPASSWORD": password})

    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert "not-the-password" not in done.err


def test_it_migrates_serves_is_healthy_and_stops(
    image: Image, database: dict[str, str]
) -> None:
    program = json.loads(image.final.only("ENTRYPOINT"))
    serve = [*program, *json.loads(image.final.only("CMD"))]
    probe = json.loads(image.final.only("HEALTHCHECK").partition("CMD ")[2])
    port = free_port()
    said = database | {"HTTP_PORT": str(port)}

    assert image.run(*serve, **said).code == 1  # the schema is not there yet
    migrated = image.run(*program, "migrate", **said)
    assert migrated.code == 0, migrated.err
    assert image.run(*probe, **said).code == 1
    with image.start(*serve, **said) as server:
        try:
            wait_until(lambda: not image.run(*probe, **said).code, server)
            created = request(port, "POST", "/api/teas", {"name": "Assam"})
            found = request(port, "GET", f"/api/teas/{created['id']}")
        finally:
            server.send_signal(signal.SIGTERM)
            out, err = server.communicate(timeout=TIMEOUT)

    assert found == created
    assert server.returncode in (0, -signal.SIGTERM), err  # uvicorn ends by the signal
    assert "Traceback" not in out + err
    assert PASSWORD not in out + err


def wait_until(done: Callable[[], bool], server: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + TIMEOUT
    while not done():
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def request(port: int, method: str, path: str, sent: object = None) -> dict[str, Any]:
    """Ask as somebody does from outside: not at the address that the probe uses."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.2", port)) as line:
        body = json.dumps(sent) if sent else None
        line.request(method, path, body, {"Content-Type": "application/json"})
        answer = line.getresponse()
        text = answer.read()
    assert answer.status < 300, text
    return dict(json.loads(text))


# What the workflow audits


@contextlib.contextmanager
def advisories(*vulnerable: str) -> Generator[int]:
    """Answer as OSV does, on a port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            names = [query["package"]["name"] for query in asked["queries"]]
            known = {"vulns": [advisory]}
            self._say({"results": [known if n in vulnerable else {} for n in names]})

        def do_GET(self) -> None:
            self._say(advisory)

        def _say(self, answer: object) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:
            pass

    advisory = {"id": "OSV-1", "modified": "2026-01-01T00:00:00Z"}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def locked(service: Path, tmp_path: Path) -> Path:
    """What an audit reads, in a folder of its own."""
    files = ("pyproject.toml", "uv.lock", ".github/workflows/ci.yml")
    (tmp_path / ".github/workflows").mkdir(parents=True)
    for name in files:
        shutil.copy(service / name, tmp_path / name)
    return tmp_path


def audit(project: Path, port: int) -> Run:
    """Run the step of the workflow; only the address of OSV is another."""
    workflow = yaml.safe_load((project / ".github/workflows/ci.yml").read_text())
    (step,) = (s for s in workflow["jobs"]["audit"]["steps"] if "run" in s)
    assert step["shell"] == "bash"
    programs = project / "programs"
    programs.mkdir()
    uv = programs / "uv"
    call = f'{shutil.which("uv")} "$@" --service-url http://127.0.0.1:{port}/'
    uv.write_text(f"#!/bin/sh\nexec {call}\n")
    uv.chmod(0o755)
    return run(
        *("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]),
        cwd=project,
        PATH=f"{programs}:{os.environ['PATH']}",
        UV_HTTP_RETRIES="0",
        **workflow["env"],
    )


def test_an_audit_that_finds_nothing_says_in_how_many_packages(locked: Path) -> None:
    with advisories() as port:
        done = audit(locked, port)

    others = (locked / "uv.lock").read_text().count("[[package]]") - 1
    assert done.code == 0, done.out
    assert f"in {others} packages" in done.out


def test_an_audit_fails_where_a_package_is_vulnerable(locked: Path) -> None:
    with advisories("mako") as port:
        done = audit(locked, port)

    assert done.code == 1
    assert "OSV-1" in done.out


def test_an_audit_fails_where_nobody_answers(locked: Path) -> None:
    done = audit(locked, free_port())

    assert done.code == 2
    assert "error sending request" in done.out


def test_an_audit_of_nothing_fails(locked: Path) -> None:
    nothing = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\n'
    (locked / "pyproject.toml").write_text(nothing)
    assert run("uv", "lock", cwd=locked).code == 0

    with advisories() as port:
        done = audit(locked, port)

    assert "in 0 packages" in done.out
    assert done.code == 1


@pytest.mark.parametrize("lock", ["none", "of something else"])
def test_an_audit_fails_where_the_lock_file_is_not_that_of_the_project(
    locked: Path, lock: str
) -> None:
    if lock == "none":
        (locked / "uv.lock").unlink()
    else:
        project = locked / "pyproject.toml"
        project.write_text(project.read_text().replace('"uvicorn', '"six", "uvicorn'))

    with advisories() as port:
        done = audit(locked, port)

    assert done.code != 0
    assert "lockfile" in done.out
