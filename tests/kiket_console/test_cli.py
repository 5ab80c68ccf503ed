"""The argument tree: quick to start, and every error is a sentence and an exit status."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kiket_console import __version__, cli, interrupting
from kiket_console.cli import CommandTree
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import state_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ended = subprocess.CompletedProcess[str]

HEAVY = ("textual", "httpx", "starlette", "uvicorn", "fastapi", "keyring", "watchfiles", "psutil")


def run_program(*arguments: str, cwd: Path | None = None) -> Ended:
    """Run the program as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kiket_console", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        timeout=120,
    )


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Ended]]:
    """Return what runs the program's own function as its process does: a command takes less."""

    def ended(*arguments: str) -> Ended:
        status = cli.run([*arguments])
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, said.out, said.err)

    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        yield ended


def test_the_command_line_loads_nothing_heavy() -> None:
    """Import the tree and every command's module, as `--help` does."""
    code = (
        "import sys\n"
        "from kiket_console import cli\n"
        "for place in cli.CommandTree.places.values():\n"
        "    __import__(place.partition(':')[0])\n"
        "print(*sorted(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    loaded = done.stdout.split()
    assert "click" in loaded, done.stderr
    assert not [name for name in HEAVY if name in loaded]


def test_a_client_does_not_load_the_command_line_of_its_http_library(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from kiket_console.cli import main\n"
        "try:\n"
        "    main(['status'])\n"
        "finally:\n"
        "    print(*sorted(name for name, module in sys.modules.items() if module))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    loaded = done.stdout.split()
    assert "httpx" in loaded, done.stderr
    assert not [name for name in ("httpx._main", "rich", "pygments") if name in loaded]


def test_version_is_data_on_stdout() -> None:
    done = run_program("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"kiket-console {__version__}\n", "")


def test_help_lists_every_command_once(run: Callable[..., Ended]) -> None:
    done = run("--help")
    assert done.returncode == 0
    for name in CommandTree.places.keys() - {CommandTree.default}:
        assert f"\n  {name} " in done.stdout
    assert "\n  console " not in done.stdout


@pytest.mark.parametrize(
    "group", [(), ("traffic",), ("traffic", "filters"), ("platform",), ("config",)]
)
def test_help_says_what_each_command_does_to_the_end_of_the_sentence(
    run: Callable[..., Ended],
    group: tuple[str, ...],
) -> None:
    listed = run(*group, "--help").stdout.partition("\nCommands:\n")[2].partition("\n\n")[0]
    assert listed
    assert "..." not in listed
    assert max(map(len, listed.splitlines())) <= 80


def test_an_unknown_word_is_taken_for_a_folder_and_the_nearest_command_is_named(
    run: Callable[..., Ended],
) -> None:
    done = run("staus")
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith('Error: The folder "staus" does not exist.\n')
    assert "status" in done.stderr


def test_a_misspelt_command_is_named_whatever_stands_behind_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for words in ("tigger issue.created --from last", "tigger --help", f"-C {tmp_path} tigger x"):
        assert cli.run(words.split()) == ExitCode.USAGE
        said = capsys.readouterr().err
        assert 'tigger" does not exist.' in said
        assert "Name a project's folder, or a command: trigger." in said


def test_help_and_the_version_can_be_asked_for_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, said in (
        ("help", "Usage: kiket-console [OPTIONS] COMMAND"),
        ("help trigger", "Usage: kiket-console trigger [OPTIONS]"),
        ("help traffic list", "Usage: kiket-console traffic list [OPTIONS]"),
        ("version", f"kiket-console {__version__}\n"),
    ):
        assert cli.run(words.split()) == ExitCode.OK
        assert capsys.readouterr().out.startswith(said)
    (tmp_path / "help").mkdir()
    assert cli.run(["help"]) == ExitCode.USAGE  # a folder is opened, for which there is no terminal


def test_an_unknown_option_is_usage(run: Callable[..., Ended]) -> None:
    done = run("status", "--nonsense")
    assert done.returncode == ExitCode.USAGE
    assert "No such option" in done.stderr


def test_the_console_without_a_terminal_points_to_the_headless_engine(
    run: Callable[..., Ended],
    extension_folder: Path,
) -> None:
    done = run(str(extension_folder))
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert done.stderr == (
        "Error: The console needs a terminal on standard input and output.\n"
        "  Without one, use `kiket-console run --headless`.\n"
    )


@pytest.mark.parametrize(
    ("term", "redirected", "sentence"),
    [
        ("dumb", False, 'The console cannot draw on this terminal: TERM is "dumb".'),
        ("xterm", True, "The console draws on standard error, which is no terminal here."),
    ],
)
def test_a_terminal_that_cannot_be_drawn_on_is_said(
    extension_folder: Path, term: str, redirected: bool, sentence: str
) -> None:
    """Whoever would draw there all the same would stand still with nothing on screen."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "kiket_console", str(extension_folder)],
        stdin=follower,
        stdout=follower,
        stderr=subprocess.PIPE if redirected else follower,
        env={**os.environ, "TERM": term},
    )
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while chunk := os.read(leader, 4096):
            shown += chunk
    os.close(leader)
    told = process.communicate(timeout=120)[1] or shown
    assert process.returncode == ExitCode.USAGE
    assert sentence in told.decode()


def test_run_without_headless_says_what_there_is(
    run: Callable[..., Ended], extension_folder: Path
) -> None:
    done = run("-C", str(extension_folder), "run")
    assert done.returncode == ExitCode.USAGE
    assert "run --headless" in done.stderr


def test_a_folder_without_an_extension_is_taught(run: Callable[..., Ended], tmp_path: Path) -> None:
    done = run("-C", str(tmp_path), "run", "--headless")
    assert done.returncode == ExitCode.CONFIG
    assert done.stderr.startswith("Error: There is no extension and no module in")
    assert "extension.yaml" in done.stderr


PLANTED = ("main.py", "yaml.py", "json.py", "sitecustomize.py", "usercustomize.py", "kiket_sdk.py")
LOOKING = (
    ("status",),
    ("config",),
    ("doctor",),
    ("lint",),
    ("setup",),
    ("workers",),
    ("traffic", "list"),
    ("trigger", "issue.created"),
    ("secrets", "list"),
)
"""Commands that look at a project; what they find to say of it is tested elsewhere."""


@pytest.fixture
def stranger(extension_folder: Path) -> Path:
    """Return a folder of somebody else's, whose code leaves a trace however it is run."""
    trace = extension_folder / "ran"
    for name in PLANTED:
        (extension_folder / name).write_text(f"open({str(trace)!r}, 'w').close()")
    (extension_folder / "kiket.toml").write_text(
        '[[extension]]\nname = "own"\nentry = "main:sdk"\n'
        f'[[extension]]\nname = "program"\ncommand = ["touch", {json.dumps(str(trace))}]\n'
    )
    (extension_folder / ".env").write_text(
        f"PYTHONPATH={extension_folder}\nPYTHONSTARTUP=main.py\n"
    )
    return extension_folder


def test_untrusted_code_is_not_run_where_nobody_can_be_asked(stranger: Path) -> None:
    done = run_program("run", "--headless", cwd=stranger)
    assert done.returncode == ExitCode.AUTH
    assert done.stderr.startswith("Error: You have not said yet that the code in")
    assert "--trust" in done.stderr
    assert not (stranger / "ran").exists()


@pytest.mark.parametrize("arguments", LOOKING, ids=" ".join)
def test_looking_at_a_strangers_project_runs_nothing_of_it(
    stranger: Path, arguments: tuple[str, ...]
) -> None:
    done = run_program(*arguments, cwd=stranger)
    assert "Traceback" not in done.stderr
    assert not (stranger / "ran").exists()


def test_what_is_planted_leaves_a_trace_once_it_is_trusted(stranger: Path) -> None:
    """So that the tests before say something."""
    engine = subprocess.Popen(
        [sys.executable, "-m", "kiket_console", "run", "--headless", "--trust"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=stranger,
    )
    try:
        deadline_s = time.monotonic() + 120
        while not (stranger / "ran").exists():
            assert time.monotonic() < deadline_s
            assert engine.poll() is None
            time.sleep(0.02)
    finally:
        engine.terminate()
        engine.wait(120)


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_the_question_about_trust_is_asked_first_and_no_is_the_default(
    extension_folder: Path, answer: str
) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "kiket_console", str(extension_folder)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        close_fds=True,
    )
    os.close(follower)
    os.write(leader, answer.encode())
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait(60) == ExitCode.AUTH
    text = shown.decode()
    assert str(extension_folder) in text
    assert "main:sdk" in text
    assert "Run it? [y/N]" in text
    assert "Nothing was run" in text
    assert not (state_dir() / "trusted.json").exists()


def test_commands_that_need_an_engine_say_that_there_is_none(
    run: Callable[..., Ended], extension_folder: Path
) -> None:
    for arguments in (["status"], ["trigger", "issue.created"], ["replay", "1"]):
        done = run("-C", str(extension_folder), *arguments)
        assert done.returncode == ExitCode.NETWORK
        assert done.stderr.startswith("Error: No engine runs for ")
        assert done.stdout == ""


def test_a_folder_that_was_deleted_under_the_terminal_is_said(
    run: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    ended = run("status")

    assert ended.returncode == ExitCode.USAGE
    assert ended.stderr.startswith("Error: The folder that this terminal is in is gone.\n")


def test_stop_without_an_engine_is_fine(run: Callable[..., Ended], extension_folder: Path) -> None:
    done = run("stop", "-C", str(extension_folder))
    assert (done.returncode, done.stderr) == (0, "No engine runs here.\n")


def test_traffic_without_a_store_is_empty(
    run: Callable[..., Ended], extension_folder: Path
) -> None:
    done = run("-C", str(extension_folder), "traffic", "list")
    assert (done.returncode, done.stdout) == (0, "")
    done = run("-C", str(extension_folder), "traffic", "show", "7")
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("Error: No exchange 7 is recorded for this project.")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("{", "The data of --data is no JSON"),
        ("@absent.json", '"absent.json" cannot be read: No such file or directory.'),
        ("-", "The data of standard input is no JSON"),
    ],
)
def test_data_that_is_no_json_never_leaves(
    run: Callable[..., Ended], extension_folder: Path, data: str, sentence: str
) -> None:
    done = run("-C", str(extension_folder), "trigger", "issue.created", "--data", data)
    assert done.returncode == ExitCode.USAGE
    assert sentence in done.stderr


def test_bytes_that_are_no_text_are_usage(
    own_places: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["config", "set", "allow_hosts", "\udcff"]) == ExitCode.USAGE
    assert capfd.readouterr().err == "Error: An argument is not UTF-8.\n"
    assert not (state_dir() / "crashes").exists()


def test_an_unexpected_error_is_a_sentence_and_a_private_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kiket_core.secret import redactor

    def fail(*_: object, **__: object) -> None:
        local = "local-value-of-a-frame"
        raise RuntimeError(f"with crash-canary-secret in it, not {len(local)}")

    redactor.add("CANARY", "crash-canary-secret")
    monkeypatch.setattr(cli.cli, "main", fail)
    try:
        assert cli.run([]) == ExitCode.FAILURE
    finally:
        redactor.discard("CANARY")
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "(RuntimeError)" in said.err
    [report] = (state_dir() / "crashes").iterdir()
    assert str(report) in said.err
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "Traceback" in text
    assert "crash-canary-secret" not in text
    assert "local-value-of-a-frame" not in text.replace('local = "local-value-of-a-frame"', "")


def test_what_is_said_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.say(ConsoleError("Bad \x1b]52;c;AAAA\x07 name.", hint="Or \x9b2J.")) == 1
    said = capsys.readouterr().err
    assert said == "Error: Bad \\x1b]52;c;AAAA\\x07 name.\n  Or \\x9b2J.\n"


def test_doctor_json_has_a_level_for_everything(
    run: Callable[..., Ended], extension_folder: Path
) -> None:
    done = run("-C", str(extension_folder), "doctor", "--json")
    found = json.loads(done.stdout)
    assert found["schema"] == 1
    levels = {finding["name"]: finding["level"] for finding in found["findings"]}
    assert levels["project"] == "ok"
    assert levels["state folder"] == "ok"
    assert levels["terminal"] == "warn"
    assert set(levels.values()) <= {"ok", "warn", "fail"}
    assert done.returncode == (1 if "fail" in levels.values() else 0)


@pytest.mark.parametrize("loading", ["click", "kiket_console.commands.engine", "orjson"])
def test_ctrl_c_while_it_is_still_loading_ends_it_without_a_word(loading: str) -> None:
    """Not even a module that makes another error of it can make it one of ours."""
    code = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
class Finder:
    def find_spec(name, *_):
        if name == {loading!r}:
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException:
                raise SystemError
sys.meta_path.insert(0, Finder)
sys.argv = ["kiket-console", "stop", "--json"]
from kiket_console.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", "")


def test_ctrl_c_while_nothing_is_loading_is_what_it_always_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    monkeypatch.setattr(interrupting, "before_the_end", [lambda: done.append("ended")])
    with pytest.raises(KeyboardInterrupt):
        interrupting.interrupt(signal.SIGINT, sys._getframe())
    assert done == ["ended"]
    assert interrupting.INTERRUPTED == ExitCode.INTERRUPTED


def test_standard_streams_that_were_closed_are_taken_by_nothing_else() -> None:
    """The event loop's library ends a program that has a socket in such a place."""
    code = """
import os, sys
from kiket_console.__main__ import fill_standard_streams
fill_standard_streams()
print("to nobody", file=sys.stderr)
print("to nobody", flush=True)
places = {os.readlink(f"/dev/fd/{number}") for number in range(3)}
os._exit(bool(sys.stdin.read()) or places != {os.devnull} or not os.get_inheritable(1))
"""
    closed = ["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, code]
    assert subprocess.run(closed, timeout=120).returncode == 0


def test_a_reader_that_leaves_early_is_no_error(extension_folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "kiket_console", "-C", str(extension_folder), "doctor"],
        stdout=writer,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (ExitCode.OK, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_disk_that_is_full_is_said(extension_folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kiket_console", "-C", str(extension_folder), "config"],
            stdout=full,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            timeout=120,
            text=True,
        )
    assert done.returncode == ExitCode.FAILURE
    assert done.stderr.startswith("Error: What there is to say could not be written: No space")
    assert "report" not in done.stderr
