"""Which build of a module this is: its commit, its time, its Python.

A build pipeline says so in the environment; a checkout is asked otherwise. Nothing is run for it.

    GIT_HASH        PYWATT_GIT_HASH, or what CI services set, or the checkout's HEAD
    BUILD_TIME_UTC  PYWATT_BUILD_TIME_UTC, or SOURCE_DATE_EPOCH, or when the program's file changed
"""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = [
    "BUILD_TIME_UTC",
    "GIT_HASH",
    "PYTHON_VERSION",
    "BuildInfo",
    "get_build_info",
    "get_build_info_dict",
    "get_version_info",
]

UNKNOWN: Final = "unknown"
PYTHON_VERSION: Final = platform.python_version()
"""The version of the Python that runs, as three numbers with dots between them."""
GIT_HASH: str
BUILD_TIME_UTC: str

_COMMIT_NAMES: Final = ("PYWATT_GIT_HASH", "GIT_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA")
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_FEW_BYTES: Final = 1024


@dataclass(frozen=True)
class BuildInfo:
    """One build: the commit (hexadecimal), the time (ISO 8601, UTC), and the Python's version.

    What is not known is "unknown".
    """

    git_hash: str
    build_time_utc: str
    python_version: str


@cache
def get_build_info() -> BuildInfo:
    """Return the build of the program that runs; it is found out once."""
    program = _program()
    return BuildInfo(_commit(program), _time(program), PYTHON_VERSION)


def get_build_info_dict() -> dict[str, str]:
    """Return the build as a dict, to be shown as JSON."""
    return asdict(get_build_info())


def get_version_info() -> str:
    """Return SDK and build in one line, for logs."""
    from pywatt_sdk import __version__

    build = get_build_info()
    return (
        f"pywatt_sdk {__version__} (commit {build.git_hash[:12]}, built {build.build_time_utc}, "
        f"Python {build.python_version})"
    )


def __getattr__(name: str) -> Any:
    if name == "GIT_HASH":
        return get_build_info().git_hash
    if name == "BUILD_TIME_UTC":
        return get_build_info().build_time_utc
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _program() -> Path:
    """Return the file that was started, else the folder that was started in."""
    started = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(started).resolve() if started else Path.cwd()


def _commit(program: Path) -> str:
    told = next((value for name in _COMMIT_NAMES if (value := os.environ.get(name))), "")
    if _COMMIT.fullmatch(told):
        return told
    for folder in (program, *program.parents):
        found = folder / ".git"
        if found.exists():
            return _head(found) or UNKNOWN
    return UNKNOWN


def _head(git: Path) -> str:
    """Read the commit that a checkout is at (gitrepository-layout(5)); '' if it cannot be told."""
    if git.is_file():  # a worktree or submodule says where its repository is
        git = git.parent / _text(git).removeprefix("gitdir:").strip()
    head = _text(git / "HEAD")
    if head.startswith("ref:"):
        name = head.removeprefix("ref:").strip()
        common = _text(git / "commondir")
        folders = [git, git / common] if common else [git]
        head = next((text for folder in folders if (text := _text(folder / name))), "")
        head = head or next((text for folder in folders if (text := _packed(folder, name))), "")
    return head if _COMMIT.fullmatch(head) else ""


def _packed(git: Path, name: str) -> str:
    try:
        with (git / "packed-refs").open(encoding="utf-8", errors="replace") as refs:
            return next((line.split()[0] for line in refs if line.strip().endswith(f" {name}")), "")
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_FEW_BYTES).decode(errors="replace").strip()
    except OSError:
        return ""


def _time(program: Path) -> str:
    told = os.environ.get("PYWATT_BUILD_TIME_UTC", "")
    if told:
        return told
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        seconds = float(epoch) if epoch else program.stat().st_mtime
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OSError, ValueError, OverflowError):
        return UNKNOWN
