"""A place: bars at the edges, a list, and below it (or over it) the details of the selected row.

    ◆ marketing 1.4.0   ● serving …
    1 Traffic   2 Processes   3 Logs   8 Platform
    ─ Traffic ─────────────────────────
      list
    ─ 1204 issue.updated v2 ───────────   from 30 rows of height on; else after `enter`, instead
      details                             of the list
    enter open   r replay   …

From 160 columns on, the details of a list that grows stand beside it. A person may choose another
layout, or give all room to the pane that has the focus.
`esc` steps out of the details and never leaves the program.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical

from kiket_console.ui import actions
from kiket_console.ui.places import PLACES
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.screens.layout import LaidOut
from kiket_console.ui.widgets.bars import Footer, PlacesBar, Rule, StatusBar, TooSmall
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.text_view import TextView
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.app import ComposeResult
    from textual.dom import DOMNode
    from textual.events import DescendantFocus, Key, Resize
    from textual.timer import Timer
    from textual.widget import Widget

    from kiket_console.model import Notice
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.widgets.pane import Pane
    from kiket_console.ui.widgets.prompt import Prompt
    from kiket_console.ui.widgets.views import Rows

FLAT_ROWS = 8
"""Below, the names of the columns would take a row of the few there are."""
DETAILS_DELAY_S = 0.04
"""How long the cursor rests before the details follow it."""
DETAILS_EVERY_S = 0.25
"""How often details follow a list that goes on by itself: nobody reads them faster."""
TOLD_EVERY_S = 8.0
"""How often a person is told that a key does nothing."""
EMPTY = "-empty"
"""The class of a place that has no row."""


class PlaceScreen(LaidOut, Copying[None]):
    """What the places have in common; each says what its rows and details are."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    AUTO_FOCUS = "#list"
    PLACE: ClassVar[actions.Scope]
    TITLE: ClassVar[str]

    def __init__(self, console: ConsoleApp, rows: Rows, *between: Widget) -> None:
        """Take the list's rows, and widgets to put between the details' rule and their text."""
        super().__init__()
        self.console = console
        self.opened = False
        self._between = between
        self.list = ListView(rows, id="list")
        self.text = TextView(id="text")
        self.details_rule = Rule(id="details-rule")
        self.details_rule.remark = self.text.remark
        self._list_rule = Rule(self.TITLE, id="list-rule")
        self._status_bar = StatusBar(console.project)
        self._footer = Footer()
        self._details_timer: Timer | None = None
        self._details_shown_s = 0.0
        self._verb = ""
        self._tell_again_s = 0.0
        self._meant: dict[type[Widget | None], frozenset[str]] = {}
        """Which keys do something, by what has the focus."""
        self._actions: dict[Pane, dict[str, list[tuple[str, DOMNode]]]] = {}
        """What they do in a pane: actions, and what carries each out."""

    def show_details(self) -> None:
        """Show the details of the selected row."""
        raise NotImplementedError

    @property
    def heading(self) -> str:
        """What the list's rule says that its rows are."""
        return self.TITLE

    def summary(self) -> Line:
        """Return what stands at the right end of the list's rule."""
        return ()

    @property
    def is_empty(self) -> bool:
        """Whether there is no row, and so nothing to show the details of."""
        return not self.list.rows.count

    def above_panes(self) -> Iterable[Widget]:
        """Return what stands above list and details, across the screen."""
        return ()

    def above_list(self) -> Iterable[Widget]:
        """Return what stands between the list's rule and the list."""
        return ()

    @property
    def mode(self) -> actions.Mode:
        """What the place is used for; the footer goes by it."""
        if not self.list.rows.count:
            return actions.Mode.EMPTY
        return actions.Mode.DETAILS if self.opened else actions.Mode.LIST

    def refresh_rows(self, notice: Notice | None = None) -> None:
        """Take in what changed, before the list is drawn."""

    def hide_values(self) -> None:
        """Hide what is shown for seconds alone."""

    def tick(self) -> None:
        """Take in that a second went by."""
        self._status_bar.refresh()

    def compose(self) -> ComposeResult:
        """Lay the place out."""
        self.begin_in(self.console.size)
        self.set_class(self.is_empty, EMPTY, update=False)
        yield self._status_bar
        bar = [(each.digit, each.label, each.name) for each in PLACES]
        yield PlacesBar(bar, self.PLACE.name.lower())
        yield from self.above_panes()
        with Vertical(id="panes"):
            with Vertical(id="list-pane"):
                yield self._list_rule
                yield from self.above_list()
                yield self.list
            with Vertical(id="details"):
                yield self.details_rule
                yield from self._between
                yield self.text
        yield self._footer
        yield TooSmall()

    def on_mount(self) -> None:
        """Start in the list."""
        self.list.focus()
        self.status_changed()
        self.show_summary()

    def on_key(self, event: Key) -> None:
        """Say where keys are listed when one does nothing: it means something elsewhere."""
        typed = event.is_printable or event.key.startswith("ctrl+")
        now_s = time.monotonic()
        if typed and now_s >= self._tell_again_s and not self._means_something(event.key):
            self._tell_again_s = now_s + TOLD_EVERY_S
            key = self.console.registry.key("help")
            sign = (event.character or "").strip() if event.is_printable else ""
            pressed = sign or actions.shown_key(event.key)
            self.console.say(f"{pressed} does nothing here; {key} lists the keys.")

    def _means_something(self, key: str) -> bool:
        """Whether a key does something where the focus is; which ones do stays as it is."""
        kind = type(self.focused)
        if kind not in self._meant:
            self._meant[kind] = frozenset(self.active_bindings)
        return key in self._meant[kind]

    def actions(self, pane: Pane, key: str) -> Sequence[tuple[str, DOMNode]]:
        """Return what a key does in the pane that has the focus, what comes first at first.

        Textual has the key ask all that holds the pane, and works out each time what it means.
        """
        if pane not in self._actions:
            found = self._actions[pane] = defaultdict(list)
            prior = [(*each, True) for each in reversed(self._binding_chain)]
            others = [(*each, False) for each in self._modal_binding_chain]
            for node, bindings, first in prior + others:
                for name, bound in bindings.key_to_bindings.items():
                    found[name] += [(each.action, node) for each in bound if each.priority is first]
        return self._actions[pane].get(key, ())

    def on_resize(self, event: Resize) -> None:
        """Put the details below the list, or beside it, when there is room for both."""
        self.list.show_header(event.size.height >= FLAT_ROWS)
        self.lay_out(event.size)

    def on_screen_resume(self) -> None:
        """Catch up with what came while another place was shown."""
        self.heard(None)
        self.status_changed()

    def heard(self, notice: Notice | None) -> None:
        """Take in that something was recorded."""
        self.refresh_rows(notice)
        self.list.sync()
        self.show_summary()

    def status_changed(self) -> None:
        """Take in how the engine is."""
        self._status_bar.show(self.console.status, self.console.link)

    def show_summary(self) -> None:
        """Write the list's rule again, and show or hide the details of nothing."""
        self._list_rule.show(self.heading, self.summary())
        self.set_class(self.is_empty, EMPTY)
        self._show_footer()

    def on_list_view_moved(self) -> None:
        """Take in that the cursor is on another row.

        Textual calls this method of each class that has one, so others define the one below.
        """
        self.cursor_moved()

    def cursor_moved(self) -> None:
        """Show the details of the row once the cursor rests on it."""
        self.show_summary()
        delay_s = DETAILS_DELAY_S
        if self.follows:
            if self._details_timer is not None:
                return
            delay_s = max(delay_s, self._details_shown_s + DETAILS_EVERY_S - time.monotonic())
        elif self._details_timer is not None:
            self._details_timer.stop()
        self._details_timer = self.set_timer(delay_s, self._details_due)

    def _details_due(self) -> None:
        self._details_timer = None
        self._details_shown_s = time.monotonic()
        self.show_details()

    @property
    def follows(self) -> bool:
        """Whether the cursor goes to what is new by itself."""
        return False

    def on_text_view_remarked(self) -> None:
        """Show what is to be said of the text."""
        self.details_rule.remarked()

    def on_list_view_opened(self) -> None:
        """Open what was double-clicked."""
        self.action_open()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Show which pane has the focus."""
        if event.widget not in (self.list, self.text):
            return  # a line to type into: the panes stay as they are
        in_details = event.widget is self.text
        if in_details != self.opened:
            self._set_opened(in_details)
        self._list_rule.active = not in_details
        self.details_rule.active = in_details
        self._show_footer()

    def on_places_bar_chosen(self, event: PlacesBar.Chosen) -> None:
        """Go to the place that was clicked."""
        self.console.go_to(event.place)

    def action_open(self) -> None:
        """Give the details the focus, and in a low terminal the whole screen."""
        if self.list.rows.count:
            self.show_details()
            self._set_opened(True)
            self.text.focus()

    def action_back(self) -> None:
        """Step out of the details."""
        if self.opened:
            self._set_opened(False)
            self.list.focus()

    def action_close(self) -> None:
        """Close the details, or ask how to leave."""
        if self.opened:
            self.action_back()
        else:
            self.console.action_leave()

    def prompt_changed(self, prompt: Prompt | None) -> None:
        """Name the keys of the prompt while there is one."""
        self._verb = prompt.verb if prompt is not None else ""
        self._show_footer()

    def _set_opened(self, opened: bool) -> None:
        self.opened = opened
        self.set_class(opened, "-opened")

    def _show_footer(self) -> None:
        registry = self.console.registry
        if self._verb:
            (enter, _), *others = registry.footer(actions.Scope.PROMPT)
            self._footer.show([(enter, self._verb), *others])
            return
        right = [(registry.key("help"), "keys"), (registry.key("command-line"), "all")]
        self._footer.show(registry.footer(self.PLACE, self.mode), right)
