"""Copy to the person's clipboard, through the terminal: it works over SSH as well.

The terminal is asked in base64 (OSC 52), so that no byte of what is copied acts on it. It does not
answer; some terminals take no such requests, and most take only so much.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

from kiket_console.text import size, visible

if TYPE_CHECKING:
    from textual.timer import Timer

    from kiket_console.ui.app import ConsoleApp

LARGE_BYTES: Final = 74_000
"""Terminals often cut or drop what is larger."""
SECRET_FOR_S: Final = 30.0
"""How long a secret can be pasted."""
_CLEARED: Final = " "
"""What stands there then: some programs between us and the clipboard pass no empty text on."""


def copy(app: ConsoleApp, text: str, what: str) -> None:
    """Copy *text*; say that *what* was copied, and how large it is when that matters.

    *what* begins a sentence: `The curl command`.
    """
    count = len(text.encode("utf-8", "surrogatepass"))
    app.copy_to_clipboard(text.encode("utf-8", "replace").decode())
    said = f"{visible(what)} is copied"
    if count > LARGE_BYTES:
        app.say(f"{said}, {size(count)}: many terminals take less; x writes it to a file.")
    else:
        app.say(f"{said}, {size(count)}." if count >= 1000 else f"{said}.")


class CopiedSecret:
    """The secret that was copied last, until the clipboard is cleared of it.

    A terminal does not tell what its clipboard holds: whatever another program put there meanwhile
    is cleared as well. What this console copied after it stays.
    """

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self._value = ""
        self._until_s = 0.0
        self._timer: Timer | None = None

    @property
    def seconds_left(self) -> int:
        """How long it can be pasted still; 0 when there is none."""
        return max(1, math.ceil(self._until_s - time.monotonic())) if self._is_ours else 0

    def copy(self, value: str, name: str) -> None:
        """Copy the value of the secret *name* for a while."""
        self._stop()
        value = value.encode("utf-8", "replace").decode()
        self._app.copy_to_clipboard(value)
        self._value, self._until_s = value, time.monotonic() + SECRET_FOR_S
        self._timer = self._app.set_timer(SECRET_FOR_S, self._over)
        self._app.say(
            f"{visible(name)} is copied; the clipboard is cleared in {SECRET_FOR_S:.0f} s, "
            "or when you leave."
        )

    def clear(self) -> bool:
        """Clear the clipboard if the secret is what this console copied last."""
        was_ours = self._is_ours
        self._stop()
        self._value = ""
        if was_ours:
            self._app.copy_to_clipboard(_CLEARED)
        return was_ours

    @property
    def _is_ours(self) -> bool:
        return bool(self._value) and self._app.clipboard == self._value

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _over(self) -> None:
        if self.clear():
            self._app.say("The clipboard is cleared of the secret.")
