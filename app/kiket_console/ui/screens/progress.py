"""Several deliveries on their way: how many were sent, how they were answered, and how to stop."""

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
    from textual.app import ComposeResult
    from textual.worker import Worker

    from kiket_console.sending.repeating import Plan
    from kiket_console.ui.deliveries import Deliveries


class ProgressScreen(ModalScreen[None]):
    """Send what is planned; `esc` stops."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PROGRESS)]

    def __init__(self, deliveries: Deliveries, plan: Plan, way: str, version: str) -> None:
        super().__init__()
        self._deliveries = deliveries
        self._plan = plan
        self._asked = way, version
        self._said = ""
        self._work: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        with Vertical(id="dialog", classes="-small"):
            yield Rule(f"Sending {self._plan.count:,} deliveries")
            yield Said()
            yield Footer()

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(Rule).active = True
        self.query_one(Said).say("…", "muted")
        registry = self._deliveries.console.registry
        self.query_one(Footer).show(registry.footer(Scope.PROGRESS))
        self._work = self.run_worker(self._send(), exclusive=True)

    async def _send(self) -> None:
        way, version = self._asked
        try:
            tally = await self._deliveries.repeat(self._plan, way, version, self._step)
        except ConsoleError as error:
            close(self)
            self._deliveries.console.say(str(error), error=True)
        else:
            close(self)
            self._deliveries.tell_all(tally)

    def _step(self, said: str) -> None:
        self._said = said
        if is_open(self):
            self.query_one(Said).say(said, "")

    def action_stop(self) -> None:
        """Send no more."""
        if self._work is not None:
            self._work.cancel()
        self._deliveries.console.say(f"Stopped. {self._said}".rstrip())
        self.dismiss(None)
