"""A real terminal, by tmux, with one command in it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Until = Callable[..., object]

PASSED_ON = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "HOME", "PATH")
SIZE = (100, 30)
LOOK_EVERY_S = 0.06
"""Each look is a process."""
LISTED = r"enter open(?!/)"
"""What the footer says while a list has the keys."""
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A terminal of *size* cells (columns, rows) in *folder*; what is copied goes to tmux."""

    def __init__(
        self,
        socket: Path,
        until: Until,
        command: list[str],
        folder: Path,
        *,
        size: tuple[int, int] = SIZE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._tmux = ("tmux", "-S", str(socket), "-f", "/dev/null")
        self._until = until
        known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        known |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", **(environment or {})}
        pairs = [f"{name}={value}" for name, value in known.items()]
        told = shlex.join(["env", "-i", *pairs, *command])
        columns, rows = map(str, size)
        self._run(
            *("new-session", "-d", "-x", columns, "-y", rows, "-c", str(folder)),
            f"{told}; echo left with $?; exec sleep 60",
        )
        self._run("set-option", "-s", "set-clipboard", "on")
        self._painted = socket.with_suffix(".painted")
        self._run("pipe-pane", f"exec cat > {shlex.quote(str(self._painted))}")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments], capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        """Press keys, in tmux's names."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type text as it is."""
        self._run("send-keys", "-l", text)

    def screen(self) -> str:
        """Return what the terminal shows."""
        return self._run("capture-pane", "-p")

    def raw(self) -> str:
        """Return what the terminal shows with its colours, as escape sequences."""
        return self._run("capture-pane", "-p", "-e")

    def copied(self) -> str:
        """Return what was copied last, by OSC 52; empty when nothing was."""
        return self._run("show-buffer") if self._run("list-buffers") else ""

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def shows(self, pattern: str) -> re.Match[str]:
        """Wait until the screen shows a pattern; return where it does."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            match = re.search(pattern, self.screen())
            found[:] = [match] if match else []
            return match is not None

        try:
            self._until(look, f"{pattern!r} on screen", every_s=LOOK_EVERY_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; the screen is\n{self.screen()}") from None
        return found[0]

    def said(self, pattern: str) -> None:
        """Wait until a pattern has been on the screen, for however short a time."""

        def painted() -> bool:
            text = _SEQUENCE.sub("", self._painted.read_text("utf-8", "replace"))
            return re.search(pattern, text) is not None

        self._until(painted, f"{pattern!r} was on screen", every_s=LOOK_EVERY_S)

    def close(self) -> None:
        """End the terminal."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=120, check=False)
