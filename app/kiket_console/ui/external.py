"""A person's own editor: it opens a file of the project at a line, or edits a text.

Which editor that is, `$VISUAL` says, else `$EDITOR`, as for git. One that works in the terminal
gets the whole of it until it ends; one with a window of its own is started beside the console.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from textual.app import SuspendNotSupported

from kiket_console.errors import ConsoleError
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kiket_console.ui.app import ConsoleApp

VARIABLES = ("VISUAL", "EDITOR")
HINT = "Name one, for example `export EDITOR=vim`."
_PLUS = ("+{line}", "{file}")
_COLON = ("{file}:{line}",)
_GO_TO = ("-g", "{file}:{line}")
_LINE = ("--line", "{line}", "{file}")


class _Kind(Struct, frozen=True):
    """How an editor is told the line, and whether it has a window; *wait* makes it stay."""

    at: tuple[str, ...]
    window: bool = False
    wait: tuple[str, ...] = ()


_UNKNOWN = _Kind(("{file}",))
_KINDS: dict[str, _Kind] = {
    **dict.fromkeys(
        ("vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "mg", "micro", "kak",
         "joe", "jed", "ne", "elvis", "nvi", "vis"),
        _Kind(_PLUS),
    ),
    **dict.fromkeys(("hx", "helix"), _Kind(_COLON)),
    **dict.fromkeys(
        ("code", "code-insiders", "codium", "vscodium", "cursor", "windsurf"),
        _Kind(_GO_TO, True, ("--wait",)),
    ),
    **dict.fromkeys(("subl", "zed", "zeditor", "atom"), _Kind(_COLON, True, ("--wait",))),
    **dict.fromkeys(
        ("idea", "pycharm", "webstorm", "rubymine", "goland", "fleet"),
        _Kind(_LINE, True, ("--wait",)),
    ),
    "gvim": _Kind(_PLUS, True, ("-f",)),
    "gedit": _Kind(_PLUS, True, ("--wait",)),
    "kate": _Kind(_LINE, True, ("--block",)),
    "mate": _Kind(_LINE, True, ("--wait",)),
}  # fmt: skip


class Editor:
    """The editor that a person named, with the arguments that they gave it."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self.name = next((name for name in map(_name, words) if name in _KINDS), _name(words[0]))
        self._kind = _KINDS.get(self.name, _UNKNOWN)

    @property
    def has_window(self) -> bool:
        """Whether it leaves the terminal alone."""
        return self._kind.window

    def command(self, file: Path, line: int = 0, *, wait: bool = False) -> list[str]:
        """Return the command that opens *file*, at *line* unless that is 0.

        *wait*: it must not end before the file has been closed.
        """
        at = self._kind.at if line else ("{file}",)
        place = [word.format(file=file, line=line) for word in at]
        stay = [] if set(self._kind.wait) & set(self._words) or not wait else self._kind.wait
        return [*self._words, *stay, *place]


def _name(word: str) -> str:
    return Path(word).name.removesuffix(".exe").removesuffix(".cmd")


def editor(environ: Mapping[str, str] = os.environ) -> Editor:
    """Return the editor that *environ* names; raises `ConsoleError` when there is none."""
    for variable in VARIABLES:
        said = environ.get(variable, "").strip()
        if not said:
            continue
        try:
            words = shlex.split(said)
        except ValueError as error:
            raise ConsoleError(
                f"${variable} is no command: {visible(said)}.", hint="Its quotes do not match."
            ) from error
        return Editor(words)
    raise ConsoleError("No editor is named by $VISUAL or $EDITOR.", hint=HINT)


def open_file(app: ConsoleApp, path: str | Path, line: int = 0) -> bool:
    """Open a file in the person's editor, at *line* unless that is 0; return whether it was.

    A relative *path* is one of the project. The file must be the project's, or belong to the
    interpreter that runs it: what a log line or a traceback names may be any file. When it cannot
    be opened, the person is told why.
    """
    try:
        file = known(path, app.folder, _folders(app))
        chosen = editor()
    except ConsoleError as error:
        where = f"{visible(str(path))}:{line}" if line else visible(str(path))
        app.say(f"{where} cannot be opened. {error}", error=True)
        return False
    command = chosen.command(file, line)
    if not chosen.has_window:
        return _run_here(app, chosen, command)
    _run_beside(app, chosen, command)
    return True


def open_target(app: ConsoleApp, target: str) -> bool:
    """Open what is written as `file:line` in the person's editor; return whether it was."""
    file, _, line = target.rpartition(":")
    return open_file(app, file, int(line))


def edit_text(app: ConsoleApp, text: str, suffix: str = ".txt") -> str | None:
    """Let the person edit *text* in their editor; return what it is then.

    None when nothing came of it, which they are told. The text stands in a file for them alone,
    whose name ends with *suffix*, and is gone afterwards.
    """
    try:
        chosen = editor()
        with tempfile.TemporaryDirectory(prefix="kiket-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / f"text{_plain(suffix)}"
            opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(opened, "wb") as writing:
                writing.write(text.encode("utf-8", "surrogateescape"))
            if not _run_here(app, chosen, chosen.command(file, wait=True)):
                return None
            edited = file.read_bytes().decode("utf-8", "surrogateescape")
    except ConsoleError as error:
        app.say(str(error), error=True)
        return None
    except (OSError, UnicodeEncodeError) as error:
        app.say(f"The text cannot be edited: {visible(str(error))}.", error=True)
        return None
    # Most editors end the last line, whether or not it was ended before.
    return edited[:-1] if edited.endswith("\n") and not text.endswith("\n") else edited


def known(path: str | Path, folder: Path, others: Iterable[Path] = ()) -> Path:
    """Return the file that *path* names, seen from the project's *folder*.

    Raises `ConsoleError` when it is no file, or neither in that folder nor in one of *others*.
    """
    if "\0" in str(path):
        raise ConsoleError("That is no file's name.")
    file = Path(os.path.normpath(folder / path))
    real = file.resolve()
    allowed = [folder, *others]
    if not any(real.is_relative_to(each.resolve()) for each in allowed):
        raise ConsoleError("It is not a file of this project.")
    if not real.is_file():
        raise ConsoleError("There is no such file any more.")
    return file


def _folders(app: ConsoleApp) -> list[Path]:
    """Return where code that the project's interpreters run may stand besides its own folder."""
    found = {Path(sys.prefix), Path(sys.base_prefix)}
    for worker in app.status.workers if app.status is not None else ():
        if worker.interpreter:
            program = app.folder / worker.interpreter
            found |= {program.parent.parent, program.resolve().parent.parent}
    return [prefix / each for prefix in found for each in ("lib", "lib64")]


def _plain(suffix: str) -> str:
    return "".join(each for each in suffix if each.isascii() and (each.isalnum() or each in "._-"))


def _run_here(app: ConsoleApp, chosen: Editor, command: Sequence[str]) -> bool:
    """Give the terminal away until the editor has ended; return whether all went well."""
    trouble = ""
    try:
        with app.suspend():
            if chosen.has_window:
                sys.stderr.write(f"Close the file in {visible(chosen.name)} to go on.\n")
                sys.stderr.flush()
            trouble = _wait(chosen, command, app.folder)
    except SuspendNotSupported:
        trouble = f"{visible(chosen.name)} needs the terminal, and it cannot be given away here."
    if trouble:
        app.say(trouble, error=True)
    return not trouble


def _wait(chosen: Editor, command: Sequence[str], folder: Path) -> str:
    """Run the editor to its end; return what went wrong, or nothing."""
    # ctrl+c in the editor is for the editor; a handler, unlike "ignore", is not handed on to it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        status = subprocess.run(list(command), cwd=folder, check=False).returncode  # noqa: S603 - the person's own choice
    except OSError as error:
        return _not_run(chosen, error)
    finally:
        signal.signal(signal.SIGINT, before)
    return _ended(chosen, status)


def _run_beside(app: ConsoleApp, chosen: Editor, command: Sequence[str]) -> None:
    """Start an editor that has its own window; say so when it ends badly, however late."""

    def run() -> None:
        try:
            status = subprocess.run(  # noqa: S603 - the person's own choice
                list(command),
                cwd=app.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                check=False,
            ).returncode
            trouble = _ended(chosen, status)
        except OSError as error:
            trouble = _not_run(chosen, error)
        if trouble and app.is_running:
            app.call_later(app.say, trouble, error=True)

    # It may stay open for hours: nobody waits for this thread, not even the end of the console.
    threading.Thread(target=run, name="editor", daemon=True).start()


def _not_run(chosen: Editor, error: OSError) -> str:
    why = (error.strerror or str(error)).lower()
    return f"The editor {visible(chosen.name)} cannot be run: {why}. {HINT}"


def _ended(chosen: Editor, status: int) -> str:
    if status == 0:
        return ""
    how = f"with exit status {status}" if status > 0 else f"by signal {-status}"
    return f"The editor {visible(chosen.name)} ended {how}."
