"""Which build of a module this is."""

from __future__ import annotations

import platform
import subprocess
from typing import TYPE_CHECKING

import pytest

import pywatt_sdk
from pywatt_sdk import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("PYWATT_GIT_HASH", "GIT_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("PYWATT_BUILD_TIME_UTC", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(build, "_program", lambda: tmp_path / "main.py")
    build.get_build_info.cache_clear()
    yield
    build.get_build_info.cache_clear()


def test_a_pipeline_says_it_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", COMMIT)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build.get_build_info_dict() == {
        "git_hash": COMMIT,
        "build_time_utc": "2023-11-14T22:13:20+00:00",
        "python_version": platform.python_version(),
    }
    assert (pywatt_sdk.GIT_HASH, build.BUILD_TIME_UTC) == (COMMIT, "2023-11-14T22:13:20+00:00")
    assert pywatt_sdk.get_version_info() == (
        f"pywatt_sdk {pywatt_sdk.__version__} (commit 0123456789ab, "
        f"built 2023-11-14T22:13:20+00:00, Python {platform.python_version()})"
    )


@pytest.mark.needs("git")
def test_a_checkout_is_read_as_git_left_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        command = ["git", *identity, *arguments]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert build.get_build_info().git_hash == commit
    for arrangement in (("pack-refs", "--all"), ("checkout", "-q", "--detach")):
        git(*arrangement)
        build.get_build_info.cache_clear()
        assert build.get_build_info().git_hash == commit
    git("worktree", "add", "-q", "-b", "other", "tree")
    assert build._commit(tmp_path / "tree" / "main.py") == commit


@pytest.mark.parametrize("head", ["", "ref: refs/heads/none", "not a commit", "\xff"])
def test_a_checkout_that_cannot_be_read_is_unknown(tmp_path: Path, head: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    assert build.get_build_info() == build.BuildInfo(
        "unknown", "unknown", platform.python_version()
    )
