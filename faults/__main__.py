"""Break a generated service in every way that is known, and see what it keeps.

    python -m faults [--long] [--seed N] [NAME ...]

Each experiment has a control: the same again without the one protection that is on
trial. It counts only if its control shows the damage.
"""

import argparse
import asyncio
import importlib
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from faults.server import ServerError, kept

TEMPLATE = Path(__file__).parents[1]
ENTITIES = (
    "Account(owner, balance: int), "
    "Transfer(key: UUID unique, source: Account, target: Account, amount: int), "
    "Label(name: str unique), "
    "Statement(account: Account, day: date, note: str?, labels: [Label], "
    "lines: [StatementLine(text, amount: int)]), "
    "Specimen(a: str?, b: str(3)?, c: text?, d: int?, e: bigint?, f: float?, g: bool?, "
    "h: Decimal?, i: Decimal(12,2)?, j: date?, k: datetime?, m: time?, n: timedelta?, "
    "o: UUID?, p: bytes?, q: json?, r: Email?, s: Url?, t: enum(open, paid)?, "
    "u: [str]?, v: [int]?, w: [float]?, x: [Decimal(12,2)]?, y: [datetime]?, "
    "z: [bytes]?)"
)


def main(arguments: Sequence[str]) -> int:
    """Run the experiments of these names, or all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("--long", action="store_true", help="the sizes of a release")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("names", metavar="NAME", nargs="*", help="S1, S2, ...")
    chosen = parser.parse_args(arguments)
    for name in [name for name in os.environ if name.startswith("DATABASE_")]:
        del os.environ[name]  # they would be settings of the service
    try:
        with kept() as server:
            sys.path.insert(0, str(bake(server.root / "service") / "src"))
            server.start()
            # It imports the service, which was not there before.
            run = importlib.import_module("faults.run").run
            work = run(server, chosen.names, seed=chosen.seed, is_long=chosen.long)
            code: int = asyncio.run(work)
            return code
    except ServerError as fault:
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def bake(
    folder: Path,
    project: str = "Ledger",
    entities: str = ENTITIES,
    api: str = "fastapi",
) -> Path:
    """Generate a service, by default to be broken, and leave no trace elsewhere."""
    folder.mkdir()
    home = folder.with_name("home")
    home.mkdir()
    configuration = home / "cookiecutter.yaml"
    configuration.write_text(
        f"cookiecutters_dir: {home / 'templates'}\nreplay_dir: {home / 'replay'}\n"
    )
    command = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input"]
    command += ["--output-dir", str(folder), f"project_name={project}"]
    done = subprocess.run(
        [*command, f"entities={entities}", f"api={api}"],
        capture_output=True,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            "COOKIECUTTER_CONFIG": str(configuration),
            "TMPDIR": str(home),
        },
        text=True,
    )
    if done.returncode:
        raise ServerError(f"no service was generated: {done.stdout}{done.stderr}")
    return folder / project.lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
