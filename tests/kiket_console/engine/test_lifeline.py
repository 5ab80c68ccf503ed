"""Whatever happens to the engine, nothing that a worker started is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from kiket_console.engine import leftovers, lifeline

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 120
LIFELINE = str(Path(lifeline.__file__))

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(300)
    os._exit(0)
time.sleep(300)
"""
"""Ignores TERM, has a child in another session, and a daemon that cut all ties."""

ENGINE = """
import os, subprocess, sys, time
life, kept = os.pipe()
process = subprocess.Popen(
    [sys.executable, "-I", "-S", sys.argv[1], str(life), sys.executable, "-c", sys.argv[2]],
    pass_fds=(life,),
)
os.close(life)
print(process.pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def reaper() -> Iterator[list[int]]:
    """End, after the test, whatever a failure left."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)


def start(
    command: list[str],
    *,
    life: int,
    stdout: int | None = None,
    stderr: int | None = None,
    program: str = LIFELINE,
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", program, str(life), *command],
        pass_fds=(life,),
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


def lifeline_of(grace_s: float, folder: Path) -> Path:
    """Return a life-line with another grace, to be used by tests that cannot wait for its own.

    With one longer than a test waits, who sees an end needed none; with 0 s, what is told to end
    has no time to answer anything.
    """
    known = f"GRACE_S = {lifeline.GRACE_S}\n"
    text = Path(LIFELINE).read_text()
    assert text.count(known) == 1
    file = folder / "lifeline.py"
    file.write_text(text.replace(known, f"GRACE_S = {grace_s}\n"))
    return file


def living(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except psutil.NoSuchProcess:
            continue
    return found


def wait_gone(pids: list[int], limit_s: float) -> list[int]:
    deadline = time.monotonic() + limit_s
    while living(pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return living(pids)


def whole_tree(top: int, count: int) -> list[int]:
    """Wait until *top* has *count* processes below it, and return all of them."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        tree = [top, *(each.pid for each in psutil.Process(top).children(recursive=True))]
        if len(living(tree)) == count:
            return tree
        time.sleep(0.02)
    raise AssertionError(f"{psutil.Process(top).children(recursive=True)} never became {count}")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux adopts daemons")
def test_nothing_is_left_five_seconds_after_the_engine_was_killed(reaper: list[int]) -> None:
    """What is stubborn is killed before; where processes queue, their end takes its turn."""
    assert lifeline.GRACE_S <= 4
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, LIFELINE, STUBBORN], stdout=subprocess.PIPE, text=True
    ) as engine:
        assert engine.stdout is not None
        shim = int(engine.stdout.readline())
        daemon = int(engine.stdout.readline())
        tree = whole_tree(shim, 5)
        reaper += tree
        assert daemon in tree
        engine.kill()
        engine.wait()
        assert wait_gone(tree, PATIENCE_S) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux adopts daemons")
def test_nothing_is_left_when_the_engine_and_the_workers_parent_are_killed_together(
    reaper: list[int],
) -> None:
    mark = f"a-test/{os.getpid()}#1/"
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE, LIFELINE, STUBBORN],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, leftovers.MARK: mark},
    ) as engine:
        assert engine.stdout is not None
        shim = int(engine.stdout.readline())
        daemon = int(engine.stdout.readline())
        tree = whole_tree(shim, 5)
        reaper += tree
        assert daemon in tree
        os.kill(shim, signal.SIGKILL)
        engine.kill()
        engine.wait()
        assert wait_gone(tree, PATIENCE_S) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux adopts daemons")
def test_what_a_worker_left_running_ends_when_the_worker_ends(reaper: list[int]) -> None:
    life, kept = os.pipe()
    code = STUBBORN.replace("time.sleep(300)\n", "time.sleep(0.5)\n", 2).replace(
        "        time.sleep(0.5)", "        time.sleep(300)"
    )
    with start([sys.executable, "-c", code], life=life, stdout=subprocess.PIPE) as shim:
        os.close(life)
        assert shim.stdout is not None
        daemon = int(shim.stdout.readline())
        reaper += [shim.pid, daemon]
        assert shim.wait(PATIENCE_S) == 0
        assert wait_gone([daemon], PATIENCE_S) == []
    os.close(kept)


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_a_worker_does_not_outlive_its_killed_parent(reaper: list[int]) -> None:
    life, kept = os.pipe()
    code = "import time; print('up', flush=True); time.sleep(300)"
    with start([sys.executable, "-c", code], life=life, stdout=subprocess.PIPE) as shim:
        os.close(life)
        assert shim.stdout is not None
        shim.stdout.readline()
        tree = whole_tree(shim.pid, 3)
        reaper += tree
        shim.kill()
        assert wait_gone(tree, PATIENCE_S) == []
    os.close(kept)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("pass", 0),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 11)", -signal.SIGSEGV),
    ],
)
def test_it_ends_as_its_command_ended(code: str, status: int) -> None:
    life, kept = os.pipe()
    with start([sys.executable, "-c", code], life=life) as shim:
        os.close(life)
        assert shim.wait(PATIENCE_S) == status
    os.close(kept)


def test_a_command_that_cannot_be_run_is_told() -> None:
    life, kept = os.pipe()
    with start(["/nowhere/python"], life=life, stderr=subprocess.PIPE) as shim:
        os.close(life)
        _, told = shim.communicate(timeout=PATIENCE_S)
        assert shim.returncode == 127
        assert told == "/nowhere/python: No such file or directory\n"
    os.close(kept)


def test_a_worker_that_ends_when_told_is_not_waited_for(own_places: Path) -> None:
    life, kept = os.pipe()
    code = "import time; print('up', flush=True); time.sleep(300)"
    command, program = [sys.executable, "-c", code], str(lifeline_of(PATIENCE_S * 10, own_places))
    with start(command, life=life, stdout=subprocess.PIPE, program=program) as shim:
        os.close(life)
        assert shim.stdout is not None
        shim.stdout.readline()
        os.close(kept)
        assert shim.wait(PATIENCE_S) == -signal.SIGTERM


def test_a_terminals_interrupt_is_left_to_the_engine() -> None:
    """Ctrl-C reaches every process of the terminal; the worker is ended in order instead."""
    life, kept = os.pipe()
    code = "import time; print('up', flush=True); time.sleep(300)"
    with start([sys.executable, "-c", code], life=life, stdout=subprocess.PIPE) as shim:
        os.close(life)
        assert shim.stdout is not None
        shim.stdout.readline()
        shim.send_signal(signal.SIGINT)
        shim.send_signal(signal.SIGHUP)
        os.close(kept)
        assert shim.wait(PATIENCE_S) == -signal.SIGTERM, "the end of the life-line was its end"


def test_marked_processes_of_a_dead_engine_are_ended_and_others_are_not(
    reaper: list[int], own_places: Path
) -> None:
    """All of the machine is looked through: the marks are of this test alone."""
    command = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(300)"]
    started = []
    for mark in (f"{own_places.name}/marketing#3", f"{own_places.name}-2/marketing#3"):
        process = subprocess.Popen(
            command, env={leftovers.MARK: mark}, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        reaper.append(process.pid)
        started.append(process)
    ours, other = started
    assert leftovers.end_marked(f"{own_places.name}/") == 1
    assert ours.wait(PATIENCE_S) == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    for process in started:
        with process:
            process.wait()
