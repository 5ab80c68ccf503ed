"""Which names of a file, or of the vault, are taken along: each with what would become of it.

─ Take secrets out of .env ───────── 2 of 4 · project ─
 ✓ CRM_TOKEN        new
   DATABASE_URL     same
 ✓ WEBHOOK_SECRET   different   line 7
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct
from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.dotenv_secrets import Comparison, Row
from kiket_console.text import cell_width, fit, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.line import PICKED, cut
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.widgets.bars import GAP, Footer, Rule
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from textual.app import ComposeResult

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

_ROLES = {
    Comparison.NEW: "ok",
    Comparison.SAME: "muted",
    Comparison.DIFFERENT: "warning",
    Comparison.UNUSABLE: "muted",
}
_MOST_NAME = 36


class Plan(Struct, frozen=True):
    """What can be taken along: a title, what it does, and for each scope what would become of it.

    There is one scope, and no name of it, where that cannot be chosen.
    """

    title: str
    verb: str
    rows: Mapping[str, Sequence[Row]]


class Chosen(Struct, frozen=True):
    """What was chosen, and for which scope."""

    rows: tuple[Row, ...]
    scope: str


class _Names:
    """The rows of the list."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.chosen: set[str] = set()
        self.take(rows)
        self._at = 0

    def take(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.chosen = {row.name for row in rows if row.chosen and row.usable}
        self._cells = min(
            _MOST_NAME, max((cell_width(visible(row.name)) for row in rows), default=0)
        )

    @property
    def picked(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.name in self.chosen)

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def cursor(self) -> int:
        return min(self._at, self.count - 1)

    def move(self, position: int) -> None:
        self._at = position

    def key(self, position: int) -> Hashable | None:  # noqa: ARG002 - they are few
        return None

    def line(self, position: int, width: int) -> Line:
        row = self.rows[position]
        said = row.reason or (f"line {row.line}" if row.line else "")
        return cut(
            [
                ("  ", ""),
                (f"{PICKED} " if row.name in self.chosen else "  ", "accent"),
                (fit(visible(row.name), self._cells) + "   ", "" if row.usable else "muted"),
                (f"{row.comparison:<9}   ", _ROLES[row.comparison]),
                (visible(said), "muted"),
            ],
            width,
        )

    def header(self, width: int) -> Line:  # noqa: ARG002 - there is none
        return ()

    def teach(self, width: int) -> list[Line]:  # noqa: ARG002 - it is short
        return [[("  There is nothing to choose.", "muted")]]


class NamesScreen(ModalScreen[Chosen | None], Copying[Chosen | None]):
    """Let a person choose some names of a plan; None when nothing is to be done."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.NAMES)]

    def __init__(self, console: ConsoleApp, plan: Plan) -> None:
        super().__init__()
        self.console = console
        self._plan = plan
        self._scopes = list(plan.rows)
        self._scope = self._scopes[0]
        self._names = _Names(plan.rows[self._scope])
        self._list = ListView(self._names, id="names", has_header=False)

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        with Vertical(id="dialog", classes="-menu"):
            yield Rule(self._plan.title)
            yield self._list
            yield Footer()

    def on_mount(self) -> None:
        """Begin in the list."""
        self.query_one(Rule).active = True
        self._list.styles.height = max(1, self._names.count)
        self._list.focus()
        self._show()

    def on_list_view_opened(self) -> None:
        """Choose with a double click."""
        self.action_turn()

    def action_turn(self) -> None:
        """Choose the row under the cursor, or no longer, and go to the next."""
        names = self._names
        row = names.rows[names.cursor] if names.count else None
        if row is not None and row.usable:
            names.chosen ^= {row.name}
        self._list.action_step(1)
        self._show()

    def action_turn_all(self) -> None:
        """Choose all that would change something; when all are, none."""
        usable = {row.name for row in self._names.rows if row.usable}
        self._names.chosen = set() if self._names.chosen == usable else usable
        self._show()

    def action_scope(self) -> None:
        """Go to the other scope, where other values may be."""
        at = self._scopes.index(self._scope) + 1
        self._scope = self._scopes[at % len(self._scopes)]
        self._names.take(self._plan.rows[self._scope])
        self._show()

    def action_take(self) -> None:
        """Go on with what is chosen; without any, say how to choose."""
        if picked := self._names.picked:
            self.dismiss(Chosen(picked, self._scope))
        else:
            one, all_ = map(self.console.registry.key, ("names.toggle", "names.all"))
            self.console.say(
                f"None is chosen: {one} chooses one, {all_} all, as far as they can be."
            )

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def _show(self) -> None:
        count = len(self._names.picked)
        said: list[tuple[str, str]] = [(f"{count:,} of {self._names.count:,} chosen", "muted")]
        if len(self._scopes) > 1:
            said += [(GAP, "faint"), (f"into {self._scope}", "")]
        self.query_one(Rule).show(self._plan.title, said)
        registry = self.console.registry
        keys = [
            (key, self._plan.verb if label == registry["names.take"].label else label)
            for key, label in registry.footer(Scope.NAMES)
            if len(self._scopes) > 1 or label != registry["names.scope"].label
        ]
        self.query_one(Footer).show(keys)
        self._list.redraw()
        self._list.sync()
