"""Finding an engine, and what one that could not start has to say. Requests: see test_control."""

from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kiket_console.client import EngineGone
from kiket_console.engine_process import find_engine, lock_holder, start_failure
from kiket_console.errors import ExitCode
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INFO = {
    "pid": 77,
    "version": "0.1.0",
    "folder": "/p",
    "started_us": 1,
    "gateway_url": "http://127.0.0.1:8700",
    "platform_url": "http://127.0.0.1:9",
}


@pytest.fixture
def paths(extension_folder: Path) -> ProjectPaths:
    made = ProjectPaths(extension_folder)
    made.make()
    return made


@contextmanager
def locked(paths: ProjectPaths, pid: str = "77") -> Iterator[None]:
    with paths.engine_lock.open("w+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(pid.encode())
        lock.flush()
        yield


def test_where_no_engine_ever_ran_there_is_none(extension_folder: Path) -> None:
    paths = ProjectPaths(extension_folder)
    assert (lock_holder(paths), find_engine(paths)) == (None, None)
    assert not paths.state.exists(), "looking leaves no trace"


def test_what_a_dead_engine_left_does_not_count(paths: ProjectPaths) -> None:
    paths.engine_info.write_text(json.dumps(INFO))
    assert find_engine(paths) is None
    with locked(paths):
        found = find_engine(paths)
        assert found is not None
        assert found.gateway_url == "http://127.0.0.1:8700"


def test_an_engine_that_is_starting_holds_the_lock_and_is_not_found(paths: ProjectPaths) -> None:
    with locked(paths, pid=""):
        assert (lock_holder(paths), find_engine(paths)) == (0, None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "more": 2}'])
def test_an_engine_of_another_version_is_not_misread(paths: ProjectPaths, text: str) -> None:
    paths.engine_info.write_text(text)
    with locked(paths):
        assert find_engine(paths) is None


def test_a_failed_start_is_told_in_the_engines_own_words(paths: ProjectPaths) -> None:
    paths.engine_log.write_text("noise\nError: Port 1 is already in use.\n  Pass --port.\n")
    failure = start_failure(paths, 5)
    assert (failure.message, failure.hint) == ("Port 1 is already in use.", "Pass --port.")
    assert failure.exit_code is ExitCode.NETWORK


def test_a_start_that_failed_without_words_names_the_log(paths: ProjectPaths) -> None:
    failure = start_failure(paths, -9)
    assert failure.message == "The engine ended as it started (exit status -9)."
    assert str(paths.engine_log) in failure.hint


def test_no_engine_says_how_to_start_one() -> None:
    gone = EngineGone("/p")
    assert gone.message == "No engine runs for /p."
    assert "kiket-console run --headless" in gone.hint
    assert gone.exit_code is ExitCode.NETWORK
