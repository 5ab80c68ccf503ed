"""Several messages on their way: how many were sent, how they were answered, and how to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.errors import ConsoleError
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.closing import close, is_open
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.said import Said

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import ComposeResult
    from textual.worker import Worker

    from kiket_console.sending.repeating import Tally
    from kiket_console.ui.app import ConsoleApp


class ProgressScreen(ModalScreen[None]):
    """Send what is planned; `esc` stops.

    *send* hears whom to tell how it goes and returns how it went, which *tell* then says.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PROGRESS)]

    def __init__(
        self,
        console: ConsoleApp,
        title: str,
        send: Callable[[Callable[[str], None]], Awaitable[Tally]],
        tell: Callable[[Tally], None],
    ) -> None:
        super().__init__()
        self.console = console
        self._heading = title
        self._carry_out = send
        self._tell = tell
        self._said = ""
        self._work: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        with Vertical(id="dialog", classes="-small"):
            yield Rule(self._heading)
            yield Said()
            yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(Rule).active = True
        self.query_one(Said).say("…", "muted")
        self.query_one(Footer).show(self.console.registry.footer(Scope.PROGRESS))
        self._work = self.run_worker(self._send(), exclusive=True)

    async def _send(self) -> None:
        try:
            tally = await self._carry_out(self._step)
        except ConsoleError as error:
            close(self)
            self.console.say(str(error), error=True)
        else:
            close(self)
            self._tell(tally)

    def _step(self, said: str) -> None:
        self._said = said
        if is_open(self):
            self.query_one(Said).say(said, "")

    def action_stop(self) -> None:
        """Send no more."""
        if self._work is not None:
            self._work.cancel()
        self.console.say(f"Stopped. {self._said}".rstrip())
        self.dismiss(None)
