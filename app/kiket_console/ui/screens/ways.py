"""How something is sent: the way, how often, how far apart, and a delivery in which version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen

from kiket_console.errors import ConsoleError
from kiket_console.text import visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.choices import Choice, Choices
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.label import Label
from kiket_console.ui.widgets.said import Said
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from kiket_console.sending.repeating import Plan
    from kiket_console.ui.app import ConsoleApp

DELIVERY_WAYS = (
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
"""Ways to send a recorded delivery again."""
MESSAGE_WAYS = (
    Choice("signed", "as it should be", "", "signed"),
    Choice("wrong secret", "signed with another secret key", "", "wrong-secret"),
    Choice("wrong region", "signed for another region", "", "wrong-region"),
    Choice("wrong service", "signed for another service", "", "wrong-service"),
    Choice("clock skew", "signed by a clock that is fifteen minutes late", "", "clock-skew"),
    Choice("altered body", "changed after it was signed", "", "altered-body"),
    Choice("no signature", "without one", "", "unsigned"),
)
"""Ways to send a producer's message."""


class Asked(Struct, frozen=True):
    """How to send."""

    way: str
    plan: Plan
    version: str = ""
    """Of deliveries; empty: as it was."""


class WaysScreen(ModalScreen[Asked | None], Copying[Asked | None]):
    """Choose how to send what *title* says: exchanges *ids*, or one message that is none yet."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.WAYS)]

    def __init__(
        self,
        console: ConsoleApp,
        title: str,
        ways: Sequence[Choice[str]],
        ids: Sequence[int] = (1,),
        *,
        note: str = "",
        has_version: bool = False,
    ) -> None:
        super().__init__()
        self.console = console
        self._heading = title
        self._ids = tuple(ids)
        self._note = note
        self._has_version = has_version
        self._ways = Choices(ways, "")

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        with Vertical(id="dialog", classes="-ways" if self._has_version else "-ways -few"):
            yield Rule(self._heading)
            yield ListView(self._ways, id="ways", has_header=False)
            with Horizontal(id="ways-fields"):
                if self._has_version:
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
        self.query_one(Said).say(self._note, "muted")
        fields = "version, times" if self._has_version else "times"
        keys = [*self.console.registry.footer(Scope.WAYS), ("tab", fields)]
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
        """Send it as it is chosen."""
        from kiket_console.sending.repeating import Plan, seconds

        chosen = self._ways.selected
        if chosen is None:
            return
        try:
            plan = Plan(self._ids, self._times(), seconds(self._field("apart") or "0 ms"))
        except ConsoleError as error:
            self.query_one(Said).say(visible(str(error)), "error")
            return
        version = self._field("version") if self._has_version else ""
        self.dismiss(Asked(chosen.value, plan, version))

    def _times(self) -> int:
        said = self._field("times") or "1"
        if not said.isdecimal() or len(said) > 6:
            raise ConsoleError(f"“{said}” is no number of times.", hint="Write 5, for instance.")
        return int(said)

    def _field(self, name: str) -> str:
        return self.query_one(f"#ways-{name}", Entry).value.strip()
