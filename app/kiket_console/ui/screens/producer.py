"""Producer: the message that is being written, what was sent, and what became of it.

─ Producer ──────────────── profile dev · ap-southeast-2 · to abc….lambda-url… ─
  event type  payment.processed          channel   internal
─ Payload ────────────────────────────────────────────────────── valid · 61 b ─
   1 {
─ History 14 ────────────────────────────────────────────────────────────────────
▌ 14:05:07  payment.processed   403 ✗     12.3 ms  The secret is another one.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from kiket_console.errors import ConsoleError
from kiket_console.text import visible
from kiket_console.ui.actions import Mode, Scope, bindings
from kiket_console.ui.paint import composing
from kiket_console.ui.paint import producer as paint
from kiket_console.ui.paint.layout import Shape
from kiket_console.ui.paint.source import Chain, Lines
from kiket_console.ui.producer_history import MOST, HistoryReader, HistoryRows
from kiket_console.ui.producer_sending import ProducerSending
from kiket_console.ui.screens.composer import WRITING, Composer
from kiket_console.ui.screens.layout import Layout
from kiket_console.ui.screens.reading import ReadingScreen
from kiket_console.ui.widgets.bars import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.events import DescendantBlur, DescendantFocus
    from textual.geometry import Size
    from textual.widget import Widget

    from kiket_console.model import Detail
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.link import Engine
    from kiket_console.ui.paint.body import BodyView
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.ui.sent_message import Sent
    from kiket_console.wire_producer import ProducerState

SIDE_COLUMNS = 110
"""From here on there is room for details beside the message."""
TALL_ROWS = 44
MESSAGE_PERCENT = 40
"""So much of the screen the text of a message takes at most."""
ROWS_BESIDE = 10
"""So many rows are not the message's text: fields, rules, and a few messages that were sent."""
SHOWN_BYTES = 64 * 1024
"""So much of each body is shown; Traffic has all of it."""


class ProducerScreen(ReadingScreen):
    """Write messages, send them, and read what became of them."""

    PLACE = Scope.PRODUCER
    TITLE = "Producer"
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.PRODUCER)]

    def __init__(self, console: ConsoleApp) -> None:
        self.history = HistoryRows(lambda: console.status)
        self.history.key_of = console.registry.key
        super().__init__(console, self.history)
        self.composer = Composer()
        self.state: ProducerState | None = None
        """What there is to send with; None while the engine has not said."""
        self.sending = ProducerSending(self)
        self._history_rule = Rule("History", id="history-rule")
        self._reader = HistoryReader(console.another_reader())
        self._shown: tuple[int, int, bool, bool] | None = None
        self._is_ready = False
        self._begin_as = 0

    def above_list(self) -> Iterable[Widget]:
        """Put the message there."""
        return (self.composer, self._history_rule)

    def on_mount(self) -> None:
        """Begin with a message that can be sent as it stands."""
        from kiket_console.producing.templates import built_in

        self.composer.load(built_in()[0].text)
        self.text.wraps = True
        self._is_ready = True
        if self._begin_as:
            self.begin_as(self._begin_as)

    def begin_as(self, exchange_id: int) -> None:
        """Write a message that begins as a recorded one, as soon as there is a place for it."""
        self._begin_as = exchange_id
        if self._is_ready:
            self.sending.edit(exchange_id)

    def on_unmount(self) -> None:
        """Give the store back."""
        self._reader.close()

    # What is shown

    async def fetch(self, engine: Engine) -> None:
        """Read what was sent, and what there is to send with."""
        removals = self.console.newest.removals
        found = await asyncio.to_thread(self._reader.read, removals)
        self.history.take(found)
        self.show_read()
        self.state = await engine.producer.state()
        self.history.sink_url, self.history.url = self.state.sink_url, self.sending.target.url
        names = {
            "event_type": [each.event_type for each in found],
            "message_channel": [each.channel for each in found],
        }
        self.composer.use(self.state.schema, names)

    def show_read(self) -> None:
        """Draw what is known now."""
        self.list.redraw()
        self.list.sync()
        self.show_summary()
        self.show_details()

    def natural_layout(self, size: Size) -> Layout:
        """Put details beside the message where there is room for both."""
        if size.width >= SIDE_COLUMNS:
            return Layout.SIDE
        return Layout.STACKED if size.height >= TALL_ROWS else Layout.LIST

    def summary(self) -> Line:
        """Return where messages go, and as whom."""
        if self.state is None:
            return ()
        target = self.sending.target
        return composing.where(
            self.state, target.url, target.profile, target.region, target.access_key
        )

    def show_summary(self) -> None:
        """Say how many messages were sent as well, and leave the list room for some of them."""
        super().show_summary()
        self.history.url = self.sending.target.url
        room = self.query_one("#list-pane").size.height - ROWS_BESIDE
        self.composer.most_rows = min(room, self.size.height * MESSAGE_PERCENT // 100)
        count = self.history.count
        newest: Line = [(f"the newest {MOST}", "muted")] if count >= MOST else ()
        self._history_rule.show(f"History {count:,}" if count else "History", newest)

    def show_details(self) -> None:
        """Show what became of the selected message."""
        each = self.history.selected
        if each is None:
            return
        result = self.sending.results.get(each.id)
        now = (each.id, each.change, result is not None, self._is_kept(each))
        if now == self._shown:
            return
        stay = self._shown is not None and self._shown[0] == each.id
        self._shown = now
        detail = self.console.reader.detail(each.id, SHOWN_BYTES)
        word, role = paint.status(each)
        remark: Line = [(word, role)]
        self.details_rule.show(f"{each.id} {visible(each.event_type)}".rstrip(), remark)
        parts = paint.parts(each, detail) if detail is not None else []
        self.text.show(partial(self._details, each, detail, parts), stay=stay)

    def _details(
        self, each: Sent, detail: Detail | None, parts: list[tuple[Line, BodyView]], width: int
    ) -> LineSource:
        result = self.sending.results.get(each.id)
        kept = ""
        if self._is_kept(each):
            key = self.console.registry.key("producer.resend")
            kept = f"It is kept as it was; {key} sends it again."
        sources: list[LineSource] = [Lines(paint.details(each, detail, result, width, kept))]
        for title, view in parts:
            view.lay_at_once(Shape(width, self.text.wraps), pretty=self.text.pretty)
            sources += [Lines([[], title]), view.source]
        return Chain(*sources)

    def _is_kept(self, each: Sent) -> bool:
        return self.state is not None and each.id in self.state.kept

    @property
    def mode(self) -> Mode:
        """What the place is used for."""
        return Mode.WRITING if self.is_mounted and self.composer.is_used else super().mode

    def on_descendant_focus(self, _: DescendantFocus) -> None:
        """Show which part has the focus."""
        self._show_focus()

    def on_descendant_blur(self, _: DescendantBlur) -> None:
        """Show which part has it no longer."""
        self.call_after_refresh(self._show_focus)

    def _show_focus(self) -> None:
        if not self.is_attached:
            return
        self._list_rule.active = self.composer.in_fields
        self._history_rule.active = self.focused is self.list
        self.set_class(self.composer.is_used, WRITING)
        if self.composer.is_used and self.opened:
            self._set_opened(False)
        self._show_footer()

    # Where a person goes

    def action_write(self) -> None:
        """Go to the message."""
        self._set_opened(False)
        self.composer.begin()

    def action_back(self) -> None:
        """Step out of the details, or of the message."""
        if self.composer.is_used:
            self.list.focus()
        else:
            super().action_back()

    def action_traffic(self) -> None:
        """Go to the selected message in Traffic."""
        if (each := self._selected()) is not None:
            self.console.show_exchange(each.id)

    def action_timeline(self) -> None:
        """Show what caused the selected message and what it caused."""
        if (each := self._selected()) is not None:
            self.console.show_timeline(each.id)

    def sent(self, exchange_id: int) -> None:
        """Go to what was just sent, as soon as it is in the list."""
        if exchange_id:
            self.history.select_newest()
        self._shown = None
        self.read()

    def _selected(self) -> Sent | None:
        if self.history.selected is None:
            self.console.say("Nothing has been sent yet.")
        return self.history.selected

    # The message

    def action_form(self) -> None:
        """Show it as a form or as JSON."""
        try:
            self.composer.toggle()
        except ConsoleError as error:
            self.composer.say(str(error), "error")

    def action_send(self) -> None:
        """Send it."""
        self.sending.send()

    def action_dry_run(self) -> None:
        """Show what would be sent."""
        self.sending.dry_run()

    def action_ways(self) -> None:
        """Send it several times, or broken on purpose."""
        self.sending.ways()

    def action_external(self) -> None:
        """Go on in the person's own editor."""
        from kiket_console.ui.external import edit_text

        text = self.composer.text
        edited = edit_text(self.console, text, ".json")
        if edited is not None and edited != text:
            self.composer.load(edited)

    def action_edit(self) -> None:
        """Write a message that begins as the selected one."""
        if (each := self._selected()) is not None:
            self.sending.edit(each.id)

    def action_resend(self) -> None:
        """Send the selected message again."""
        if (each := self._selected()) is not None:
            self.sending.resend(each)

    def action_undo(self) -> None:
        """Bring back the message that was written before."""
        self.sending.undo()

    def action_copy(self) -> None:
        """Copy something of the selected message."""
        if (each := self._selected()) is not None:
            self.sending.choices.copy(each, self.console.reader.detail(each.id))

    def action_template(self, name: str = "") -> None:
        """Begin with a template."""
        self.sending.choices.template(name)

    def action_keep(self, name: str = "") -> None:
        """Keep the message as a template."""
        self.sending.choices.keep(name)

    # With what it is sent

    def action_profile(self) -> None:
        """Choose whose credentials sign."""
        self.sending.choices.profile()

    def action_region(self) -> None:
        """Choose the region that is signed for."""
        self.sending.choices.region()

    def action_where(self, url: str = "") -> None:
        """Say where messages go."""
        self.sending.choices.where(url)

    def action_fault(self, text: str = "") -> None:
        """Let the engine's own producer fail."""
        self.sending.choices.fault(text)
