"""The demo: something in each place, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.commands.demo import private_home
from kiket_console.crash import record
from kiket_console.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = (sys.executable, "-m", "kiket_console", "demo", "--headless")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the demo a temporary folder of this test's own, so that what is left is seen."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@contextmanager
def playing(*arguments: str, **options: Any) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Run the demo until its sample serves; yield it and the processes below it."""
    import psutil

    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, **options)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("state") == "serving":
                break
        below = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        assert below
        yield process, below
    finally:
        process.kill()
        process.communicate()


def has_something_of_everything(said: list[dict[str, Any]]) -> bool:
    """Tell whether all that the demo has to show was told."""
    exchanges = [each for each in said if each["type"] == "exchange"]
    hooks = [each for each in exchanges if each["source"] == "webhook"]
    asked = {each["name"] for each in exchanges if each["source"] == "ipc"}
    logs = [each for each in said if each["type"] == "log"]
    return (
        {each["status"] for each in hooks} >= {200, 400, 401, 404}
        and {each["signature"] for each in hooks} >= {"mismatch", "stale", "re-signed"}
        and any(each["replay_of"] for each in hooks)
        and any(each["parent_id"] for each in exchanges if each["source"] == "api")
        and asked >= {"hello", "announce", "http_request", "get_secret"}
        and any("Traceback" in line["text"] and line["exchange_id"] for line in logs)
    )


def test_there_is_something_of_everything_and_interrupted_it_leaves_nothing(
    places: Path, alive: Callable[[int], bool], until: Callable[..., Any]
) -> None:
    with playing(stdin=subprocess.DEVNULL) as (process, left):
        assert process.stdout is not None
        said: list[dict[str, Any]] = []
        for line in process.stdout:
            said.append(json.loads(line))
            if has_something_of_everything(said):
                break
        process.send_signal(signal.SIGINT)
        last, _ = process.communicate(timeout=120)
    assert has_something_of_everything(said)
    assert process.returncode == ExitCode.INTERRUPTED
    assert json.loads(last.splitlines()[-1])["type"] == "stopped"
    until(lambda: not any(map(alive, left)), "nothing is left")
    assert list(places.iterdir()) == []


def test_when_its_starter_is_gone_it_ends_and_cleans_up(
    places: Path, alive: Callable[[int], bool], until: Callable[..., Any]
) -> None:
    """As after the terminal hung up on the screen, however abruptly."""
    home = places / "kiket-home"
    home.mkdir(mode=0o700)
    reader, writer = os.pipe()
    with playing("--home", str(home), stdin=reader) as (process, left):
        os.close(reader)
        os.close(writer)
        process.communicate(timeout=120)
    assert process.returncode == 0
    until(lambda: not any(map(alive, left)), "nothing is left")
    assert not home.exists()


def test_the_persons_own_secrets_stay_out_of_it(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_WEBHOOK_SECRET", "a real one")
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, "/somewhere")
    with private_home() as place:
        assert "KIKET_WEBHOOK_SECRET" not in os.environ
        assert os.environ["XDG_STATE_HOME"].startswith(str(place))
        assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


def test_the_report_of_a_fault_is_there_when_the_demo_has_ended(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with private_home():
        said = str(record(RuntimeError("it failed")))
    (report,) = (tmp_path / "kiket-console" / "crashes").iterdir()
    assert str(report) in said
    assert os.environ["XDG_STATE_HOME"] == str(tmp_path)
