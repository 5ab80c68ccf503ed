"""A tab goes on with a line as a person means it, in each shell, and never fails or acts."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene

from kiket_console.cli import cli
from kiket_console.commands import ASKED_BY_A_SHELL, completing
from kiket_console.paths import ProjectPaths, completions_dir
from kiket_console.store.records import AddMeasures
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Measure, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Completed = Callable[..., list[list[str]]]

PROGRAM = Path(sys.executable).parent / "kiket-console"
DEADLINE_S = 60.0
STARTS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        f"bind 'set bell-style none'; source {completions_dir()}/kiket-console.bash",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        f"autoload -Uz compinit; compinit -u -D; source {completions_dir()}/_kiket-console",
    ),
    "fish": (
        ["fish", "--no-config", "--interactive"],
        f"source {completions_dir()}/kiket-console.fish",
    ),
}
LINES = [
    ("traffic li", "traffic list"),
    ("trigger --ext", "trigger --extension"),
    ("trigger campaign.created@", "trigger campaign.created@v1"),
    ("trigger --extension mark", "trigger --extension marketing"),
    ("run --durability=p", "run --durability=process"),
    ("-C . traffic show 1", "-C . traffic show 1180"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project whose manifest names one event, and whose store has one exchange."""
    folder = tmp_path / "marketing"
    folder.mkdir()
    (folder / "main.py").write_text("from kiket_sdk import KiketSDK\nsdk = KiketSDK()\n")
    (folder / "extension.yaml").write_text(
        "id: marketing\nversion: 1.0.0\nevents:\n  - {name: campaign.created, version: v1}\n"
    )
    paths = ProjectPaths(folder)
    paths.make()
    story = scene.Story()
    story.webhook("issue.created", "v1", scene.issue(1), 200, 3_000)
    counted = Series("webhook", "marketing", "issue.created", "v1", "2xx")
    story.rows.append(AddMeasures((Measure(1_800_000_000, counted, 0, Histogram.of((3_000,))),)))
    scene.write_store(paths.store, story)
    return folder


@pytest.fixture
def completed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Completed]:
    """Return what says the ways to go on with words: kind, value and help of each.

    As the program does it for a shell, in this process: below are real shells as well.
    """
    before = signal.getsignal(signal.SIGALRM)

    def ask(*words: str, asking: str = "zsh", folder: Path = project) -> list[list[str]]:
        monkeypatch.chdir(folder)
        monkeypatch.setenv(ASKED_BY_A_SHELL, asking)
        assert completing.answer(cli, "kiket-console", words) == 0
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0), "it may take its time to end"
        told = capsys.readouterr()
        assert told.err == ""
        return [line.split("\t") for line in told.out.splitlines()]

    yield ask
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def values(completed: Completed) -> Callable[..., list[str]]:
    """Return what says only the values."""
    return lambda *words: [value for _, value, _ in completed(*words)]


class Shell:
    """A shell on a terminal, with our script loaded."""

    def __init__(self, name: str, project: Path) -> None:
        command, setup = STARTS[name]
        self._pid, self._end = pty.fork()
        if self._pid == 0:  # pragma: no cover - the shell itself
            os.chdir(project)
            environment = {
                **os.environ,
                "TERM": "dumb" if name != "fish" else "xterm",
                "PS1": "$ ",
                "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
                "HOME": str(project),
            }
            os.execvpe(command[0], command, environment)  # noqa: S606 (this is the shell)
        self._seen = ""
        self.line(f"{setup}; printf 're''ady\\n'")
        self.wait_for("ready")

    def line(self, text: str) -> None:
        os.write(self._end, text.encode() + b"\r")

    def press(self, text: str) -> None:
        os.write(self._end, text.encode())

    def wait_for(self, marker: str) -> str:
        """Read until *marker* is shown; return what was shown since the last one."""
        end_s = time.monotonic() + DEADLINE_S
        while marker not in self._seen:
            ready, _, _ = select.select([self._end], [], [], max(0.0, end_s - time.monotonic()))
            assert ready, f"{marker!r} was not shown, but {self._seen!r}"
            self._seen += os.read(self._end, 1 << 16).decode(errors="replace")
        shown, _, self._seen = self._seen.partition(marker)
        return shown

    def close(self) -> None:
        os.close(self._end)
        os.waitpid(self._pid, 0)


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.needs(name)) for name in STARTS])
def shell(request: pytest.FixtureRequest, project: Path) -> Iterator[Shell]:
    opened = Shell(request.param, project)
    yield opened
    opened.close()


def test_a_tab_completes_in_a_real_shell(shell: Shell) -> None:
    for typed, wanted in LINES:
        printed = "".join(f"<{word}>" for word in ["kiket-console", *wanted.split()])
        shown = ""
        end_s = time.monotonic() + DEADLINE_S
        while printed not in shown:  # on a machine too slow for it a tab may do nothing
            assert time.monotonic() < end_s, (typed, shown)
            shell.press(f"kiket-console {typed}\t")
            # To the line's front, to turn it into one that prints its words. The mark is made of
            # two pieces, so that only what is printed has it, not what is typed.
            shell.press("\x01printf '<%s>' \x05 en''d\r")
            shown = shell.wait_for("<end>")


def test_what_a_command_takes_is_offered_with_what_it_is(
    completed: Completed, values: Callable[..., list[str]]
) -> None:
    ways = {value: told for _, value, told in completed("")}
    assert {"run", "traffic", "doctor", "completion"} <= set(ways)
    assert ways["doctor"].startswith("Check this machine and this project")
    assert "--trust" in values("--")
    assert "--directory" in values("--")
    assert values("traff") == ["traffic"]


def test_names_of_the_project_are_offered(
    project: Path, completed: Completed, values: Callable[..., list[str]]
) -> None:
    assert completed("trigger", "") == [["word", "campaign.created@v1", "marketing"]]
    assert completed("replay", "") == [["word", "1180", "issue.created v1 200"]]
    assert completed("-C", "marketing", "replay", "", folder=project.parent) == [
        ["word", "1180", "issue.created v1 200"]
    ]
    assert values("metrics", "--window", "1") == ["1m", "15m", "1h"]
    assert values("metrics", "--filter", "event:") == ["event:issue.created"]
    assert values("config", "set", "reten") == ["retention_days", "retention_mb"]
    assert values("config", "set", "durability", "") == ["full", "process"]
    assert completed("status", "-C", "")[0][0] == "folder"
    assert completed("-C", "")[0][0] == "folder"


def test_a_hostile_name_is_never_put_on_a_line(
    project: Path, values: Callable[..., list[str]]
) -> None:
    (project / "extension.yaml").write_text(
        "id: marketing\nversion: 1.0.0\nevents: ['$(touch x)', '`id`', 'a;b', \"a\\e[2Jb\", ok]\n"
    )
    assert values("trigger", "") == ["ok"]


@pytest.mark.parametrize("words", [("trigger", "x"), ("-C", "/nowhere", "replay", ""), ("no", "")])
def test_where_there_is_nothing_to_offer_nothing_is_said(
    project: Path, completed: Completed, words: tuple[str, ...]
) -> None:
    (project / "extension.yaml").write_text("{")
    assert completed(*words) == []


def test_bash_is_given_what_stands_behind_its_own_breaks(
    completed: Completed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_KIKET_CONSOLE_BREAKS", "@=: ")
    line = "kiket-console trigger campaign.created@"
    assert completed(line, asking="bash") == [["word", "@v1", "marketing"]]


def test_the_program_answers_a_shell_and_its_command_prints_the_script(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run(
        [PROGRAM, "-C", "/nowhere", "repl"],
        env={**os.environ, ASKED_BY_A_SHELL: "zsh"},
        cwd=project,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("word\treplay\t")
    for name in STARTS:
        cli(["completion", name], standalone_mode=False)
        assert ASKED_BY_A_SHELL in capsys.readouterr().out
