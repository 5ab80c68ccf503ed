"""Choose an event, set values of it, look at what becomes of it, and send it, signed.

─ Trigger an event ───────────────────────────
type to narrow
▌ issue.created v1     your last one, 3 m ago
─ Set ────────────────────────────────────────
$.issue.priority="high" $.issue.id=${n}
─ Payload ────────────────────────────────────
{ …
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace
from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.errors import ConsoleError
from kiket_console.sending import overrides, payload
from kiket_console.sending.overrides import OverrideError
from kiket_console.text import cell_width, plural, visible
from kiket_console.ui import moment
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.choices import Choice, Choices
from kiket_console.ui.closing import close, is_open
from kiket_console.ui.paint.processes import state_word
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.paint.syntax import coloured
from kiket_console.ui.screens.chooser import Chooser
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.said import Said
from kiket_console.ui.widgets.text_view import TextView
from kiket_console.ui.widgets.views import ListView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.timer import Timer
    from textual.widgets import Input

    from kiket_console.model import Worker
    from kiket_console.sending.templates import Base
    from kiket_console.ui.deliveries import Deliveries
    from kiket_console.ui.event_making import EventMaker
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.send_as import SendAs
    from kiket_console.wire import Event

LOOK_DELAY_S = 0.08
"""How long typing, and moves, rest before the payload is made again."""
MOST_LINES = 2_000
_NEAR = 8
"""Up to this column a mistake is pointed at, though its sentence may be cut for it."""
HINT = "$.path=value, with ${uuid} ${now+5m} ${n} ${last.$.path} ${env.NAME}"


def extension_dialog(workers: Sequence[Worker]) -> Chooser[str]:
    """Return the dialog that asks to which of several extensions a sample is to go."""
    choices = [
        Choice(
            worker.name,
            state_word(worker),
            plural(len(worker.handlers), "handler") if worker.handlers else "",
            worker.name,
            "muted",
        )
        for worker in workers
    ]
    return Chooser("Send it to which extension?", choices, empty="No extension has this name.")


class TriggerScreen(ModalScreen[None], Copying[None]):
    """Choose among *bases*, those that are handled first; *maker* makes events of them.

    *typed*: what narrows them at first.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.TRIGGER)]

    def __init__(
        self, deliveries: Deliveries, bases: Sequence[Base], maker: EventMaker, typed: str = ""
    ) -> None:
        super().__init__()
        self._typed = typed
        self._deliveries = deliveries
        self._maker = maker
        now_us = moment.now_us()
        self._choices: Choices[Base] = Choices(
            [
                Choice(
                    each.name, each.words(now_us), "handler" if each.handled else "", each, "muted"
                )
                for each in bases
            ],
            "No event has this name.",
        )
        self._choices.narrow(typed)
        self._error: ConsoleError | None = None
        self._timer: Timer | None = None
        self._busy = False

    def compose(self) -> ComposeResult:
        """Lay the dialog out."""
        extension = self._maker.extension
        whom = f" to {visible(extension)}" if extension else ""
        with Vertical(id="dialog", classes="-page"):
            yield Rule(f"Trigger an event{whom}", id="events-rule")
            yield Entry(self._typed, placeholder="type to narrow", id="typed")
            yield ListView(self._choices, id="choices", has_header=False, active=True)
            yield Rule("Set", id="set-rule")
            yield Entry(placeholder=HINT, id="set", compact=True)
            yield Said()
            yield Rule("Payload", id="payload-rule")
            yield TextView(id="payload")
            yield Footer()

    def on_mount(self) -> None:
        """Begin where the last time ended."""
        self.query_one("#choices").can_focus = False
        self.query_one("#payload").can_focus = False
        registry = self._deliveries.console.registry
        self.query_one(Footer).show(registry.footer(Scope.TRIGGER))
        position, line = self._maker.remembered([each.value for each in self._choices.found])
        if position >= 0:
            self._choices.move(position)
            self._set.value = line
            self._list.sync()
            self._list.reveal()
        self.query_one("#typed").focus()
        self._show_send_as()
        self._look()

    def on_descendant_focus(self) -> None:
        """Show which part has the focus."""
        setting = self._set.has_focus
        self.query_one("#events-rule", Rule).active = not setting
        self.query_one("#set-rule", Rule).active = setting

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list, or make the payload anew."""
        if event.input is not self._set:
            self._choices.narrow(event.value)
            self.clear_selection()
            self._list.redraw()
            self._list.sync()
            self._list.reveal()
        self._look_soon()

    def on_input_submitted(self) -> None:
        """Send with enter."""
        self.action_send()

    def on_list_view_moved(self) -> None:
        """Show another payload."""
        self._look_soon()

    def on_list_view_opened(self) -> None:
        """Send with a double click."""
        self.action_send()

    # What can be done

    def action_step(self, by: int) -> None:
        """Move by rows."""
        self._list.action_step(by)

    def action_page(self, by: int) -> None:
        """Move by pages."""
        self._list.action_page(by)

    def action_next(self) -> None:
        """Complete the path that is typed; else go to the other line."""
        if not self._set.has_focus:
            self._set.focus()
        elif not self._complete():
            self.query_one("#typed").focus()

    def _complete(self) -> bool:
        """Take the path that was probably meant, or the rest of a name; False without any."""
        error = self._error
        if isinstance(error, OverrideError) and error.suggestion:
            end = error.column + error.length
            self._set.replace(error.suggestion, error.column, end)
            return True
        cursor = self._set.cursor_position
        before = self._set.value[:cursor]
        selected = self._choices.selected
        document = self._maker.known(selected.value) if selected is not None else None
        after, names = overrides.completed(document, before)
        self._set.replace(after[len(before) :], cursor, cursor)
        if len(names) > 1:
            self._say(visible(", ".join(names)), "muted")
        return bool(names)

    def action_send(self) -> None:
        """Send the selected event."""
        if not self._busy:
            self._busy = True
            self.run_worker(self._send(), exclusive=True)

    def action_dry_run(self) -> None:
        """Show what would be sent."""
        if not self._busy:
            self.run_worker(self._dry_run(), exclusive=True)

    def action_cancel(self) -> None:
        """Send nothing."""
        self.dismiss(None)

    async def _send(self) -> None:
        try:
            event = await self._made()
            selected = self._choices.selected
            if event is not None and selected is not None:
                self._maker.remember(selected.value, self._set.value)
                self._deliveries.send_event(event)
                close(self)
        except ConsoleError as error:
            self._refused(error)
        finally:
            self._busy = False

    async def _dry_run(self) -> None:
        try:
            event = await self._made()
            if event is not None:
                engine = self._deliveries.console.connected()
                self._deliveries.show_preview(await engine.preview_event(event))
        except ConsoleError as error:
            self._refused(error)

    # Looking at what would be sent

    def _look_soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(LOOK_DELAY_S, self._look)

    def _look(self) -> None:
        self.run_worker(self._looked(), exclusive=True, group="look")

    async def _looked(self) -> None:
        try:
            event = await self._made()
        except ConsoleError as error:
            self._refused(error)
            return
        raw = None if event is None else event.raw_payload
        lines = [] if raw is None else await asyncio.to_thread(_payload_lines, raw)
        if is_open(self):  # it may have been left meanwhile
            self._error = None
            self._say("", "")
            self.query_one("#payload", TextView).show(lambda _: Lines(lines))

    def action_send_as(self) -> None:
        """Choose how it is made and signed."""
        from kiket_console.ui.send_as import send_as_dialog

        def chosen(found: SendAs | None) -> None:
            if found is not None:
                self._send_as(replace(found, retry=self._deliveries.send_as.retry))

        self.app.push_screen(send_as_dialog(self._deliveries.send_as), chosen)

    def action_retry(self) -> None:
        """Let it be tried again, only once, or as the settings say."""
        now = self._deliveries.send_as
        self._send_as(replace(now, retry={None: True, True: False, False: None}[now.retry]))

    def _send_as(self, found: SendAs) -> None:
        self._deliveries.send_as = found
        self._show_send_as()
        self._look_soon()

    def _show_send_as(self) -> None:
        self.query_one("#set-rule", Rule).show("Set", self._deliveries.send_as.line())

    async def _made(self) -> Event | None:
        """Return what would be sent; None when no event is selected. Raises `ConsoleError`."""
        selected = self._choices.selected
        if selected is None:
            return None
        said = overrides.read(self._set.value)
        made = await asyncio.to_thread(self._maker.make, selected.value, said)
        return self._deliveries.send_as.applied(made)

    def _refused(self, error: ConsoleError) -> None:
        if not is_open(self):
            return
        self._error = error
        text = visible(str(error))
        column = getattr(error, "column", None)
        room = self._list.size.width - cell_width(text) - 6
        if column is not None and column <= max(room, _NEAR):
            text = " " * column + "▲ " + text
        elif column is not None:
            text = f"Column {column + 1}: {text}"
        suggestion = getattr(error, "suggestion", "")
        self._say(text + (" tab takes it." if suggestion else ""), "error")

    def _say(self, text: str, role: str) -> None:
        if is_open(self):
            self.query_one(Said).say(text, role)

    @property
    def _list(self) -> ListView:
        return self.query_one("#choices", ListView)

    @property
    def _set(self) -> Entry:
        return self.query_one("#set", Entry)


def _payload_lines(raw: bytes) -> list[Line]:
    text = payload.escaped(payload.spread(raw.decode("utf-8", "replace")))
    lines = text.split("\n")
    shown: list[Line] = [[("  ", ""), *coloured(line, "json")] for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append([(f"  … {plural(len(lines) - MOST_LINES, 'more line')}", "muted")])
    return shown
