"""Performs a Dockerfile where no Docker is, and runs commands as a container would.

The root of a container is put together of bind mounts: the base image is this machine
with its Python. It takes root to mount; the mounts are seen by nobody else, and end
with the command.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Run, run

TIMEOUT = 30.0  # seconds
PYTHON = sys.base_prefix
BASE = f"{PYTHON}/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # the PATH of the base image
OF_THE_NETWORK = re.compile("(ssl_|.*_proxy$|uv_(default_)?index|uv_system)", re.I)
ENTER = """
set -eu
root=$1 how=$2; shift 2
mount -t tmpfs -o mode=755 tmpfs "$root"
mkdir "$root/tmp"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for path in /bin /dev /etc /lib /lib64 /proc /sbin /usr; do
  if [ -L "$path" ]; then cp -P "$path" "$root$path"
  elif [ -d "$path" ]; then set -- "$path" "$path" "$@"; fi
done
while [ "$1" != -- ]; do
  mkdir -p "$root$2"
  mount --rbind "$1" "$root$2"
  case $2 in
    /dev | /proc) ;;
    /app | /build | /root/.cache/uv) mount -o "remount,bind,$how" "$root$2" ;;
    *) mount -o remount,bind,ro "$root$2" ;;
  esac
  shift 2
done
shift
mount -o "remount,$how" "$root"
exec chroot "$root" "$@"
"""


@dataclass
class Stage:
    """The instructions between one FROM and the next."""

    name: str = ""
    base: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    steps: list[tuple[str, str]] = field(default_factory=list)

    def only(self, instruction: str) -> str:
        """The arguments of an instruction that stands there once."""
        (arguments,) = [rest for name, rest in self.steps if name == instruction]
        return arguments


def stages(dockerfile: Path) -> list[Stage]:
    """Read a Dockerfile, for the instructions that ours has."""
    lines = dockerfile.read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    found: list[Stage] = []
    for line in text.replace("\\\n", "").splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            found.append(Stage(alias, base))
        elif name == "ENV":
            pairs = (pair.partition("=") for pair in shlex.split(rest))
            found[-1].environment |= {key: value for key, _, value in pairs}
        elif name:
            found[-1].steps.append((name, rest.strip()))
    return found


class Image:
    """Folders that stand for the layers of an image, and what runs over them."""

    def __init__(self, folder: Path, dockerfile: Path) -> None:
        self._root = folder / "root"
        self.app = folder / "app"
        self.built = folder / "build"
        for path in (self._root, self.app, self.built):
            path.mkdir()
        _, self._building, self.final = stages(dockerfile)

    def build(self, context: Path) -> None:
        """Perform the steps of the stage that builds."""
        assert self._building.only("WORKDIR") == "/build"
        for name, arguments in self._building.steps:
            words = arguments.split()
            if name == "COPY" and not words[0].startswith("--from="):
                for source in words[:-1]:
                    copy(context / source, self.built / words[-1])
            elif name == "RUN":
                bound = re.findall(r"type=bind,source=(\S+),target=\1", arguments)
                for source in bound:
                    copy(context / source, self.built / source)
                self.perform(arguments)
                for source in bound:
                    (self.built / source).unlink()

    def build_again(self) -> None:
        """Perform the last step over what it finds now, with its cache."""
        for installed in self.app.glob("lib/python*/site-packages/order_service*"):
            shutil.rmtree(installed)
        self.perform([rest for name, rest in self._building.steps if name == "RUN"][-1])

    def perform(self, arguments: str) -> None:
        """Perform a RUN."""
        uv = Path(shutil.which("uv") or "")
        cache = Path(run(uv, "cache", "dir", cwd=self.app).out.strip())
        mounts = {uv.parent: "/opt/uv", cache: "/root/.cache/uv", self.built: "/build"}
        environment = {k: v for k, v in os.environ.items() if OF_THE_NETWORK.match(k)}
        environment |= self._building.environment
        environment |= {"HOME": "/root", "PATH": f"{BASE}:/opt/uv"}
        script = re.sub(r"--mount=\S+", "", arguments)
        done = subprocess.run(
            self._enter("rw", mounts, ["sh", "-ec", f"cd build; {script}"]),
            capture_output=True,
            check=False,
            env=environment,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def run(self, *command: str, user: str | None = None, **said: str) -> Run:
        """Run a command in a container of the image to its end."""
        done = self.start(*command, user=user, **said)
        out, err = done.communicate(timeout=TIMEOUT)
        return Run(done.returncode, out, err)

    def start(
        self, *command: str, user: str | None = None, **said: str
    ) -> "subprocess.Popen[str]":
        """Start a command in a container of the image, as its user."""
        number, _, group = (user or self.final.only("USER")).partition(":")
        become = ["setpriv", "--no-new-privs", "--bounding-set=-all"]
        become += [f"--reuid={number}", f"--regid={group}", "--clear-groups"]
        own = self.final.environment
        path = own["PATH"].replace("$PATH", BASE)
        return subprocess.Popen(
            self._enter("ro", {}, [*become, *command]),
            env={"HOME": "/", **own, "PATH": path, **said},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _enter(
        self, how: str, mounts: dict[Path, str], command: list[str]
    ) -> list[str]:
        over = {Path(PYTHON): PYTHON, self.app: "/app", **mounts}
        pairs = [str(end) for mount in over.items() for end in mount]
        enter = ["unshare", "--mount", "--propagation=private", "sh", "-c", ENTER]
        return [*enter, "sh", str(self._root), how, *pairs, "--", *command]


def copy(source: Path, target: Path) -> None:
    """Copy as COPY does: of a folder what is in it."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def let_through(project: Path, context: Path) -> None:
    """Copy what .dockerignore lets through; the last pattern that fits decides."""
    lines = (project / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    for path in (path for path in project.rglob("*") if path.is_file()):
        name = path.relative_to(project)
        candidates = [name, *name.parents[:-1]]
        ignored = False
        for pattern in patterns:
            plain = pattern.removeprefix("!")
            if any(candidate.match(plain) for candidate in candidates):
                ignored = plain == pattern
        if not ignored:
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, context / name)
