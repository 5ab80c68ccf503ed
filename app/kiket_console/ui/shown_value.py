"""A secret's value on screen: for a few seconds, once a person said that it may be seen."""

from __future__ import annotations

import math
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from kiket_console.text import visible
from kiket_console.ui.paint.secret import value_lines

if TYPE_CHECKING:
    from textual.timer import Timer

    from kiket_console.ui.link import Engine
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.screens.secrets import SecretsScreen
    from kiket_console.wire_secrets import SecretEntry

SHOWN_S: Final = 10.0


class Sure(StrEnum):
    """Whether a value is to be seen."""

    CANCEL = "Cancel"
    SHOW = "Show it"


class ShownValue:
    """The value of one secret, as long as it may be seen."""

    def __init__(self, screen: SecretsScreen) -> None:
        self._screen = screen
        self._of: tuple[str, str, int] | None = None
        self._value = ""
        self._until_s = 0.0
        self._timer: Timer | None = None

    def ask(self, entry: SecretEntry) -> None:
        """Ask whether the value is to be shown; hide it when it is."""
        from kiket_console.ui.screens.question import QuestionScreen

        if self._of == _version(entry):
            self.hide()
            self._screen.show_details()
            return

        def answered(answer: Sure | None) -> None:
            if answer is Sure.SHOW:
                self._screen.console.requests.carry_out(reveal)

        async def reveal(engine: Engine) -> None:
            value = await engine.secrets.reveal(entry.name, scope=entry.scope)
            self._show(entry, value)

        question = QuestionScreen[Sure](
            f"Show the value of {visible(entry.name)}?",
            [f"It stands on the screen for {SHOWN_S:.0f} s: see to it that nobody looks on."],
            (Sure.CANCEL, Sure.SHOW),
            Sure.CANCEL,
        )
        self._screen.console.push_screen(question, answered)

    def keep_if(self, entry: SecretEntry) -> None:
        """Hide it unless it is this secret's, and still its value."""
        if self._of is not None and self._of != _version(entry):
            self.hide()

    def hide(self) -> None:
        """Forget the value."""
        if self._timer is not None:
            self._timer.stop()
        self._of, self._value, self._timer = None, "", None

    def lines(self, width: int) -> list[Line]:
        """Return the value as lines; none while it is hidden."""
        return value_lines(self._value, width) if self._of is not None else []

    def countdown(self) -> Line:
        """Return for how long it is shown still."""
        if self._of is None:
            return ()
        left_s = max(1, math.ceil(self._until_s - time.monotonic()))
        return [(f"hidden again in {left_s} s", "warning")]

    def _show(self, entry: SecretEntry, value: str) -> None:
        screen = self._screen
        is_same = screen.entry is not None and _version(screen.entry) == _version(entry)
        if not is_same or not screen.is_current:
            return  # a person has gone on meanwhile
        self.hide()
        self._of, self._value = _version(entry), value
        self._until_s = time.monotonic() + SHOWN_S
        self._timer = screen.set_timer(SHOWN_S, self._over)
        screen.show_details()
        screen.text.scroll_to(0, 0, animate=False)

    def _over(self) -> None:
        self.hide()
        self._screen.show_details()


def _version(entry: SecretEntry) -> tuple[str, str, int]:
    return entry.name, entry.scope, entry.version
