"""Copy to the person's clipboard, through the terminal: it works over SSH as well.

The terminal is asked in base64 (OSC 52), so that no byte of what is copied acts on it. It does not
answer; some terminals take no such requests, and most take only so much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.text import size, visible

if TYPE_CHECKING:
    from kiket_console.ui.app import ConsoleApp

LARGE_BYTES: Final = 74_000
"""Terminals often cut or drop what is larger."""


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
