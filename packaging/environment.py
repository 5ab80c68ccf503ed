"""Make a virtual environment hold exactly what one pinned list names, and this project, editable.

    python3 packaging/environment.py --venv .venv --set dev

The set `peers` is what benchmarks measure beside the project: without it, and in no other set.
Works with Python 3.11 and pip alone; uv is used when it is there. A stamp inside the environment
remembers what was installed, so that a second call returns at once. Nothing is built from an
unpinned source: the lists hold hashes, and the build backend is one of the pinned packages.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
SETS = ("app", "dev")
"""From the smaller to the larger: an environment for a later one serves an earlier one too."""
PEERS = "peers"


def main() -> int:
    """Set the environment up, or return at once when it is as asked."""
    parser = argparse.ArgumentParser(description="Set up a virtual environment from pinned lists.")
    parser.add_argument("--venv", default=".venv", help="the environment's folder")
    parser.add_argument(
        "--set",
        choices=(*SETS, PEERS),
        default="dev",
        help="app: to run it; dev: to test; peers: what it is measured beside",
    )
    asked = parser.parse_args()
    if sys.version_info < OLDEST:
        print(
            f"kiket-console needs Python 3.11 or newer; {sys.executable} is "
            f"{sys.version_info[0]}.{sys.version_info[1]}. Say `make PYTHON=python3.12 …`.",
            file=sys.stderr,
        )
        return 2
    venv = ROOT / asked.venv
    serving = SETS[SETS.index(asked.set) :] if asked.set in SETS else (asked.set,)
    if any(is_current(venv, name) for name in serving):
        return 0
    try:
        install(venv, asked.set)
    except subprocess.CalledProcessError as error:
        print(f"Setting up {venv} failed: {error}.", file=sys.stderr)
        return error.returncode or 1
    return 0


def is_current(venv: Path, name: str) -> bool:
    """Return whether *venv* was last set up from list *name* as it is now."""
    stamp = stamp_file(venv)
    return stamp.is_file() and stamp.read_text() == key(name)


def stamp_file(venv: Path) -> Path:
    """Return the file that remembers what *venv* was made from."""
    return venv / "kiket-console-environment"


def key(name: str) -> str:
    """Return what stands for list *name*, the project's own needs, and this interpreter."""
    digest = hashlib.sha256()
    parts = [requirements(name)]
    if name != PEERS:
        parts.append(ROOT / "pyproject.toml")
    for part in parts:
        digest.update(part.read_bytes())
    digest.update(os.path.realpath(sys.executable).encode())
    digest.update(sys.version.encode())
    return f"{name} {digest.hexdigest()}\n"


def requirements(name: str) -> Path:
    """Return the pinned list called *name*."""
    return ROOT / "packaging" / "requirements" / f"{name}.txt"


def install(venv: Path, name: str) -> None:
    """Bring *venv* to list *name*, and to this project unless that is the peers'.

    An environment of another Python is made anew.
    """
    pinned = str(requirements(name))
    python = str(venv / "bin" / "python")
    uv = shutil.which("uv")
    print(f"Setting up {venv.name} ({name}) with {'uv' if uv else 'pip'} …", file=sys.stderr)
    stamp_file(venv).unlink(missing_ok=True)
    if (venv / "pyvenv.cfg").is_file() and not is_ours(venv):
        shutil.rmtree(venv)
    if uv:
        if not venv.exists():
            run(uv, "venv", "--quiet", "--python", sys.executable, str(venv))
        into = ("--quiet", "--python", python)
        run(uv, "pip", "sync", *into, "--require-hashes", pinned)
        if name != PEERS:
            run(uv, "pip", "install", *into, "--no-deps", "--no-build-isolation", "-e", str(ROOT))
    else:
        run(sys.executable, "-m", "venv", str(venv))  # adds pip where uv had made it without
        pip = (python, "-m", "pip", "install", "--quiet", "--no-deps")
        with tempfile.TemporaryDirectory() as folder:
            halves = [Path(folder, "one.txt"), Path(folder, "other.txt")]
            split(Path(pinned), halves)
            run_all([(*pip, "--require-hashes", "-r", str(half)) for half in halves])
        if name != PEERS:
            run(*pip, "--no-build-isolation", "-e", str(ROOT))
    stamp_file(venv).write_text(key(name))


def is_ours(venv: Path) -> bool:
    """Return whether *venv* was made by this very Python, and still works."""
    asked = [str(venv / "bin" / "python"), "-c", "import sys; print(sys.base_prefix, sys.version)"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return answer.strip() == f"{sys.base_prefix} {sys.version}"


def split(pinned: Path, parts: list[Path]) -> None:
    """Deal the requirements of *pinned* out to *parts*: none needs another to be installed."""
    _, *entries = re.split(r"^(?=[A-Za-z0-9])", pinned.read_text(), flags=re.MULTILINE)
    for index, part in enumerate(parts):
        part.write_text("".join(entries[index :: len(parts)]))


def run(*command: str) -> None:
    """Run *command* to its end, what it says on stderr; raise when it fails."""
    run_all([command])


def run_all(commands: Sequence[tuple[str, ...]]) -> None:
    """Run *commands* beside each other to their ends; raise when one fails.

    Pip does one thing after the other, and looks long for each of a hundred packages.
    """
    environment = {
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    running = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sys.stderr)
        for command in commands
    ]
    for each in [each for each in running if each.wait() != 0]:
        raise subprocess.CalledProcessError(each.returncode, each.args)


if __name__ == "__main__":
    sys.exit(main())
