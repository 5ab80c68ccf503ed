"""A person's own editor opens files of the project at a line, and lets them edit a text."""

from __future__ import annotations

import shlex
import stat
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.snap.scene import screen_text, settled, until

from kiket_console.errors import ConsoleError
from kiket_console.ui import external

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp


def fake(place: Path, name: str, code: str) -> Path:
    """Write an editor that is a few lines of Python: `words` are its arguments."""
    script = place / name
    script.write_text(f"#!{sys.executable}\nimport os, sys\nwords = sys.argv[1:]\n{code}\n")
    script.chmod(0o755)
    return script


@pytest.fixture
def source(paths: ProjectPaths) -> Path:
    """Return a file of the project."""
    file = paths.folder / "app.py"
    file.write_text("import crm\n")
    return file


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("vim", "vim +41 /p/app.py"),
        ("/usr/bin/nvim -u NONE", "/usr/bin/nvim -u NONE +41 /p/app.py"),
        ("nano", "nano +41 /p/app.py"),
        ("emacs -nw", "emacs -nw +41 /p/app.py"),
        ("code", "code -g /p/app.py:41"),
        ("codium --new-window", "codium --new-window -g /p/app.py:41"),
        ("cursor", "cursor -g /p/app.py:41"),
        ("subl", "subl /p/app.py:41"),
        ("hx", "hx /p/app.py:41"),
        ("pycharm", "pycharm --line 41 /p/app.py"),
        ("env TERM=xterm vim", "env TERM=xterm vim +41 /p/app.py"),
        ("'/opt/my editor/own' -x", "'/opt/my editor/own' -x /p/app.py"),
    ],
)
def test_each_editor_is_told_the_line_in_its_own_way(said: str, expected: str) -> None:
    """An editor that nobody knows gets the file alone, which any can open."""
    chosen = external.editor({"EDITOR": said})
    assert shlex.join(chosen.command(Path("/p/app.py"), 41)) == expected


def test_without_a_line_the_file_alone_is_named() -> None:
    """Line 0 means that none is known."""
    assert external.editor({"EDITOR": "vim"}).command(Path("/p/a.py")) == ["vim", "/p/a.py"]


def test_an_editor_with_a_window_is_asked_to_stay_once() -> None:
    """A person may have asked for that already."""
    for said in ("code", "code --wait"):
        command = external.editor({"EDITOR": said}).command(Path("/p/a"), wait=True)
        assert command.count("--wait") == 1


def test_visual_goes_before_editor() -> None:
    """As for every other program that asks both."""
    assert external.editor({"VISUAL": "hx", "EDITOR": "ed"}).name == "hx"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "No editor is named by $VISUAL or $EDITOR. Name one, for example"),
        ({"VISUAL": " ", "EDITOR": ""}, "No editor is named by $VISUAL or $EDITOR."),
        ({"EDITOR": "vim 'x"}, "$EDITOR is no command: vim 'x. Its quotes do not match."),
    ],
)
def test_a_missing_editor_is_one_sentence(environ: dict[str, str], sentence: str) -> None:
    """It says which variable to set."""
    with pytest.raises(ConsoleError) as raised:
        external.editor(environ)
    assert str(raised.value).startswith(sentence)


def test_only_files_of_the_project_are_opened(source: Path, tmp_path: Path) -> None:
    """What a log line names may be any file; a link does not lead out of the project either."""
    secret = tmp_path / "secret.txt"
    secret.write_text("x")
    (source.parent / "link.txt").symlink_to(secret)
    assert external.known("app.py", source.parent) == source
    assert external.known(secret, source.parent, [tmp_path]) == secret
    for path in ("../secret.txt", secret, "link.txt", "/etc/passwd"):
        with pytest.raises(ConsoleError, match="not a file of this project"):
            external.known(path, source.parent)
    for path in ("gone.py", ".", "a\0b"):
        with pytest.raises(ConsoleError, match=r"no such file|no file's name"):
            external.known(path, source.parent)


async def test_an_editor_with_a_window_runs_beside_the_console(
    console: Callable[..., ConsoleApp],
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The console goes on at once; how the editor ends is told when it ends badly."""
    told = tmp_path / "told"
    code = fake(tmp_path, "code", f"open({str(told)!r}, 'w').write(repr(words)); sys.exit(3)")
    monkeypatch.setenv("VISUAL", str(code))
    app = console()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await settled(pilot)
        assert external.open_file(app, "app.py", 7)
        await until(pilot, lambda: "The editor code ended with exit status 3." in screen_text(app))
    assert told.read_text() == repr(["-g", f"{source}:7"])


async def test_an_editor_of_the_terminal_has_it_for_itself(
    console: Callable[..., ConsoleApp],
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is given away for as long as the editor runs, in the project's folder."""
    told = tmp_path / "told"
    script = fake(tmp_path, "vim", f"open({str(told)!r}, 'w').write(repr([os.getcwd(), *words]))")
    monkeypatch.setenv("EDITOR", str(script))
    monkeypatch.delenv("VISUAL", raising=False)
    app = console()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await settled(pilot)
        assert not external.open_file(app, source, 2), "a terminal that is none is not given away"
        await until(pilot, lambda: "vim needs the terminal" in screen_text(app))
        monkeypatch.setattr(app, "suspend", nullcontext)
        assert external.open_file(app, source, 2)
    assert told.read_text() == repr([str(source.parent), "+2", str(source)])


async def test_a_text_is_edited_in_a_file_for_this_user_alone(
    console: Callable[..., ConsoleApp], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line end that editors add is not part of the text; the file is gone afterwards."""
    told = tmp_path / "told"
    script = fake(
        tmp_path,
        "own",
        f"name = words[0]; note = open({str(told)!r}, 'w')\n"
        "modes = [os.stat(each).st_mode for each in (name, os.path.dirname(name))]\n"
        "note.write(f'{modes[0]:o} {modes[1]:o} {name}')\n"
        "text = open(name).read(); open(name, 'w').write(text.replace('1', '2') + '\\n')",
    )
    monkeypatch.setenv("VISUAL", str(script))
    app = console()
    async with app.run_test():
        monkeypatch.setattr(app, "suspend", nullcontext)
        assert external.edit_text(app, '{"a": 1, "ü": "\n"}', ".json/..") == '{"a": 2, "ü": "\n"}'
    file_mode, folder_mode, name = told.read_text().split(" ")
    assert stat.S_IMODE(int(file_mode, 8)) == 0o600
    assert stat.S_IMODE(int(folder_mode, 8)) == 0o700
    assert name.endswith(".json..")
    assert not Path(name).parent.exists()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("", "No editor is named by $VISUAL or $EDITOR."),
        ("/nowhere/ed", "The editor ed cannot be run: no such file or directory."),
        ("false", "The editor false ended with exit status 1."),
    ],
)
async def test_an_editor_that_fails_changes_nothing(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch, said: str, sentence: str
) -> None:
    """The person is told why, and the text stays what it was."""
    monkeypatch.setenv("VISUAL", said)
    monkeypatch.delenv("EDITOR", raising=False)
    app = console()
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        monkeypatch.setattr(app, "suspend", nullcontext)
        assert external.edit_text(app, "text") is None
        words = sentence.split()
        await until(pilot, lambda: all(word in screen_text(app) for word in words))
