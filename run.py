"""Run what this repository can do; only Python is needed, uv is fetched if missing.

python3 run.py demo     generate a service and watch it work
python3 run.py test     run the tests
python3 run.py faults   break what a generated service stands on, and count what is lost
python3 run.py load     measure a generated service beside one written by hand
python3 run.py bench    measure its data layer beside others and beside the driver
python3 run.py mutants  plant bugs in a generated service, and see its tests find them
python3 run.py check    format, lint and types; changes nothing
python3 run.py fix      format, and mend what can be mended
python3 run.py example  generate the service in examples/ anew
python3 run.py install  make the environment of the tests
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent
BUILD = ROOT / "build"
SERVICE = str(BUILD / "order-service")  # as the default answers call it
EXAMPLES = ROOT / "examples"
EXAMPLE = [
    "project_name=Tea Shop",
    "entities=Tea(name unique, price: Decimal(6,2)),"
    " Order(guest: Email, lines: [OrderLine(tea: Tea, cups: int)])",
]
HTTP = "api=fastapi"
AT_ONCE = ["--numprocesses=auto", "--dist=loadgroup"]
WINDOWS = os.name == "nt"


def main(verb: str = "", *arguments: str) -> int:
    """Run one verb; return its exit code."""
    generate = ["cookiecutter", str(ROOT), "--no-input", "--output-dir"]
    commands = {
        "demo": [
            ["uvx", *generate, str(BUILD), HTTP],
            ["uv", "run", "--directory", SERVICE, "python", "-m", "dev.demo"],
        ],
        "test": [["uv", "run", "pytest", *AT_ONCE, *arguments]],
        "faults": [["uv", "run", "python", "-m", "faults", *arguments]],
        "load": [["uv", "run", "python", "-m", "load", *arguments]],
        "bench": [
            ["uv", "run", "--group", "bench", "python", "-m", "benchmarks", *arguments]
        ],
        "mutants": [["uv", "run", "python", "-m", "tests.mutants", *arguments]],
        "check": [
            ["uv", "run", "ruff", "format", "--check"],
            ["uv", "run", "ruff", "check"],
            ["uv", "run", "mypy"],
        ],
        "fix": [
            ["uv", "run", "ruff", "check", "--fix"],
            ["uv", "run", "ruff", "format"],
        ],
        "example": [["uv", "run", *generate, str(EXAMPLES), *EXAMPLE, HTTP]],
        "install": [["uv", "sync"]],
    }
    if verb not in commands:
        print(__doc__)
        return 2
    if remade := {"demo": BUILD, "example": EXAMPLES}.get(verb):
        shutil.rmtree(remade, ignore_errors=True)
    environment = with_uv()
    for program, *rest in commands[verb]:
        print("$", program, *rest, flush=True)
        found = shutil.which(program, path=environment["PATH"]) or program
        if code := subprocess.call([found, *rest], cwd=ROOT, env=environment):
            return code
    if verb == "example":  # its record tells where this repository is
        (EXAMPLES / "tea-shop/.cruft.json").unlink()
    return 0


def with_uv() -> dict[str, str]:
    """Return an environment with uv on its path; install it here if need be."""
    environment = {"PATH": os.defpath, "UV_PYTHON": sys.executable, **os.environ}
    environment.pop("VIRTUAL_ENV", None)  # it is not that of this project
    if not shutil.which("uv"):
        home = ROOT / ".uv"
        programs = home / ("Scripts" if WINDOWS else "bin")
        if not shutil.which("uv", path=programs):
            print("$ installing uv in", home, flush=True)
            venv.create(home, clear=True, with_pip=True)
            pip = [str(programs / "python"), "-m", "pip", "install", "--quiet"]
            subprocess.run([*pip, "--disable-pip-version-check", "uv"], check=True)
        environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    return environment


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
