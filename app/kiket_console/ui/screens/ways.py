"""How recorded deliveries are sent again: the way, the version, how often and how far apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen

from kiket_console.errors import ConsoleError
from kiket_console.text import visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.choices import Choice, Choices
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.label import Label
from kiket_console.ui.widgets.said import Said
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from kiket_console.ui.deliveries import Deliveries

WAYS = (
    Choice("exact bytes", "as it came: the old signature and time", "", "exact"),
    Choice("signed now", "as the extension prefers, with a new id and time", "", "resigned"),
    Choice("stale", "signed, and ten minutes old: to be refused", "", "stale"),
    Choice("bad signature", "signed with another secret: to be refused", "", "bad-signature"),
    Choice("no signature", "without one: to be refused", "", "unsigned"),
    Choice("as k0", "hex HMAC of the body; the time is not covered", "", "k0"),
    Choice("as kr", "hex HMAC of time and body", "", "kr"),
    Choice("as k1", "sha256= HMAC of time and body", "", "k1"),
    Choice("as sw1", "Standard Webhooks: id, time and body", "", "sw1"),
    Choice("as es256", "a runtime token in the body, and no signature", "", "es256"),
)


class WaysScreen(ModalScreen[None]):
    """Choose how to send deliveries *ids* again; *name* is the first one's."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.WAYS)]

    def __init__(self, deliveries: Deliveries, ids: Sequence[int], name: str) -> None:
        super().__init__()
        self._deliveries = deliveries
        self._ids = ids
        self._name = name
        self._ways = Choices(WAYS, "")

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        several = f"{len(self._ids):,} deliveries"
        what = several if len(self._ids) > 1 else f"{self._ids[0]} {self._name}"
        with Vertical(id="dialog", classes="-ways"):
            yield Rule(f"Send {visible(what)} again")
            yield ListView(self._ways, id="ways", has_header=False)
            with Horizontal(id="ways-fields"):
                yield Label("version")
                yield Entry(placeholder="as it was", id="ways-version", compact=True)
                yield Label("times")
                yield Entry("1", id="ways-times", compact=True)
                yield Label("apart")
                yield Entry("0 ms", id="ways-apart", compact=True)
            yield Said()
            yield Footer()

    def on_mount(self) -> None:
        """Begin in the list."""
        self.query_one(Rule).active = True
        self.query_one(ListView).focus()
        registry = self._deliveries.console.registry
        keys = [*registry.footer(Scope.WAYS), ("tab", "version, times")]
        self.query_one(Footer).show(keys)

    def on_input_submitted(self) -> None:
        """Send with enter from a field as well."""
        self.action_send()

    def on_list_view_opened(self) -> None:
        """Send with a double click."""
        self.action_send()

    def action_step(self, by: int) -> None:
        """Go to another way, from a field too."""
        self.query_one(ListView).action_step(by)

    def action_cancel(self) -> None:
        """Send nothing."""
        self.dismiss(None)

    def action_send(self) -> None:
        """Send again as it is chosen."""
        chosen = self._ways.selected
        if chosen is None:
            return
        try:
            times, apart_s = self._times(), self._apart_s()
            version = self._field("version")
            plan = self._deliveries.plan(self._ids, times, apart_s)
        except ConsoleError as error:
            self.query_one(Said).say(visible(str(error)), "error")
            return
        self.dismiss(None)
        self._deliveries.carry_out(plan, chosen.value, version)

    def _times(self) -> int:
        said = self._field("times") or "1"
        if not said.isdecimal() or len(said) > 6:
            raise ConsoleError(f"“{said}” is no number of times.", hint="Write 5, for instance.")
        return int(said)

    def _apart_s(self) -> float:
        from kiket_console.sending.repeating import seconds

        return seconds(self._field("apart") or "0 ms")

    def _field(self, name: str) -> str:
        return self.query_one(f"#ways-{name}", Entry).value.strip()
