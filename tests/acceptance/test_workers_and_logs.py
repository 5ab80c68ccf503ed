"""From a shell: what runs is listed, stopped, started and killed, and the log is read."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.acceptance.conftest import PATIENCE_S, until

if TYPE_CHECKING:
    from tests.acceptance.conftest import Engine


def answered(engine: Engine, *arguments: str) -> list[dict[str, Any]]:
    """Return the JSON documents that a command printed."""
    done = engine.cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def said_in(engine: Engine) -> set[str]:
    """Return the lines that `logs` prints."""
    return {each["text"] for each in answered(engine, "logs")}


def test_a_worker_is_stopped_started_restarted_and_killed(engine: Engine) -> None:
    """Each command returns when it has come true, and says how the worker is then."""
    (worker,) = answered(engine, "workers")
    name, pid = worker["name"], worker["pid"]
    assert (worker["state"], worker["serving"], worker["schema"]) == ("serving", True, 1)
    assert str(engine.folder) in worker["watched"]
    (stopped,) = answered(engine, "stop", name)
    assert (stopped["state"], stopped["pid"]) == ("stopped", None)
    done = engine.cli("workers")
    assert "stopped when asked to" in done.stdout
    (started,) = answered(engine, "start", name)
    assert started["serving"]
    assert started["pid"] != pid
    (again,) = answered(engine, "restart", name)
    assert again["starts"] == started["starts"] + 1
    (killed,) = answered(engine, "kill", name)
    assert killed["evidence"] == "killed when asked to"
    assert engine.process.poll() is None, "the engine goes on"
    (revived,) = answered(engine, "start", name)
    assert revived["serving"]


def test_code_that_does_not_start_is_a_failure_with_its_place(engine: Engine) -> None:
    """The exit status is what a script looks at; the old code goes on serving."""
    name = answered(engine, "workers")[0]["name"]
    code = (engine.folder / "main.py").read_text()
    engine.save("main.py", f"import nothing_of_that_name\n{code}")
    done = engine.cli("restart", name)
    assert done.returncode == 1
    assert "No module named 'nothing_of_that_name'" in done.stderr
    assert "main.py:1" in done.stderr
    assert "The code before it serves." in done.stderr


def test_a_worker_that_nobody_knows_is_a_mistake(engine: Engine) -> None:
    """Those that there are, are named; an empty name stops nothing."""
    name = answered(engine, "workers")[0]["name"]
    done = engine.cli("restart", "bilingual")
    assert done.returncode == 2
    assert done.stderr == f'Error: There is no worker "bilingual".\n  Known: {name}.\n'
    assert engine.cli("stop", "").returncode == 2
    assert engine.process.poll() is None


def test_the_log_is_narrowed_and_kept_whole(engine: Engine) -> None:
    """A traceback is one record, colour codes are for terminals alone."""
    written = {"\x1b[32mgreen\x1b[0m and plain", "CRM is slow"}
    until(lambda: written <= said_in(engine), "what it wrote is recorded")
    tracebacks = answered(engine, "logs", "--filter", "is:traceback")
    traceback = next(each for each in tracebacks if "reporter" in each["text"])
    assert traceback["stream"] == "stderr"
    assert traceback["text"].splitlines()[0] == "Traceback (most recent call last):"
    assert traceback["text"].splitlines()[-1] == "KeyError: 'reporter'"
    warnings = answered(engine, "logs", "--level", "warning", "--filter", "logger:sample.*")
    assert {each["text"] for each in warnings} == {"CRM is slow"}
    said = engine.cli("logs").stdout
    assert "green and plain" in said
    assert "\x1b" not in said
    assert "ERROR Traceback" in said


def test_a_filter_that_cannot_be_read_says_what_was_meant(engine: Engine) -> None:
    """As on the screen."""
    done = engine.cli("logs", "--filter", "levl:info")
    assert done.returncode == 2
    assert "Unknown field 'levl': did you mean level:?" in done.stderr


def test_the_log_is_followed(engine: Engine) -> None:
    """What comes later is printed as it comes, if it matches."""
    name = answered(engine, "workers")[0]["name"]
    command = [sys.executable, "-m", "kiket_console", "-C", str(engine.folder), "logs"]
    with subprocess.Popen(
        [*command, "--follow", "--json", "--limit", "1", "--filter", "CRM"],
        stdout=subprocess.PIPE,
        env=engine.environment,
    ) as following:
        assert following.stdout is not None
        try:
            first = json.loads(following.stdout.readline())
            answered(engine, "restart", name)
            ready, _, _ = select.select([following.stdout], [], [], PATIENCE_S)
            assert ready, "nothing more was printed"
            second = json.loads(following.stdout.readline())
        finally:
            following.terminate()
    assert first["text"] == second["text"] == "CRM is slow"
    assert second["id"] > first["id"]
