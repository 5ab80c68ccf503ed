"""Edit a delivery and send it: event, version, headers, payload, and what that changes.

─ Edit & send ─────────────── from 1204 · to marketing ─
event  issue.updated              version  v2
─ Headers 3 ────────────────────────────────────────────
─ Payload ───────────────────────────────── JSON, 1.2 k ─
─ What changed 2 ───────────────────────────────────────   on request, or where there is room
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.containers import Horizontal, Vertical

from kiket_console.sending.draft import SLOW_BYTES, Draft
from kiket_console.text import visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.closing import is_open
from kiket_console.ui.paint import drafts
from kiket_console.ui.paint.edits import change_lines
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.screens.question import QuestionScreen
from kiket_console.ui.threads import hand_over
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.editor import Editor, fits
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.label import Label
from kiket_console.ui.widgets.said import Said
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import DescendantFocus, Resize
    from textual.timer import Timer

    from kiket_console.errors import ConsoleError
    from kiket_console.sending.draft import Original
    from kiket_console.sending.payload import Fault
    from kiket_console.ui.deliveries import Deliveries

CHECK_DELAY_S = 0.12
"""How long typing rests before what is typed is looked at."""
ROOMY_ROWS = 36
"""From so many rows on, what changed is shown without being asked for."""


class Rest(StrEnum):
    """What to do with a draft that was not sent."""

    KEEP = "Keep it"
    DISCARD = "Discard it"
    GO_ON = "Go on"


class EditScreen(Copying[None]):
    """Edit what a delivery is made of; *kept* is a draft of an earlier time."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.EDITOR)]
    AUTO_FOCUS = "#edit-payload"

    def __init__(
        self, deliveries: Deliveries, original: Original, kept: Draft | None = None
    ) -> None:
        super().__init__()
        self._deliveries = deliveries
        self._original = original
        self._begin = kept or original.draft
        self._saved = self._begin
        """What was kept last, so that leaving it loses nothing."""
        self._has_kept = kept is not None
        self._outside: str | None = None
        """The payload while it is too large to be typed into here."""
        if not original.payload_is_text or not fits(self._begin.payload):
            self._outside = self._begin.payload
        self.is_sending = False
        """Whether it is on its way."""
        self._timer: Timer | None = None
        self._fault: Fault | None = None
        self._insists = False
        self._asked_for_changes: bool | None = None

    def compose(self) -> ComposeResult:
        """Lay the editor out."""
        yield Rule(id="edit-rule")
        with Horizontal(id="edit-names"):
            yield Label("event")
            yield Entry(self._begin.event, id="edit-event", compact=True)
            yield Label("version")
            yield Entry(self._begin.version, id="edit-version", compact=True)
        yield Rule("Headers", id="headers-rule")
        yield Editor(id="edit-headers", json=False)
        yield Rule("Payload", id="payload-rule")
        yield Editor(id="edit-payload", json=True, read_only=self._outside is not None)
        with Vertical(id="edit-changes"):
            yield Rule("What changed", id="changes-rule")
            yield TextView(id="changes")
        yield Said()
        yield Footer()

    def on_mount(self) -> None:
        """Begin in the payload."""
        original = self._original
        self._headers.load_text(self._begin.headers)
        self._payload.load_text(self._shown_payload())
        verb = "Edit & send" if original.linked else "A copy to send"
        self.query_one("#edit-rule", Rule).show(
            verb, [(f"from {original.exchange_id} · to {visible(original.extension)}", "muted")]
        )
        self.query_one(TextView).can_focus = False
        self._footer()
        if self._has_kept:
            self._say("This is the draft that you kept; f8 takes all changes back.", "accent")
        elif original.truncated:
            self._say("Only the beginning of this payload was stored.", "warning")
        self.check()

    def on_resize(self, event: Resize) -> None:
        """Show what changed where there is room for it."""
        self.set_class(event.size.height >= ROOMY_ROWS, "-roomy")

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Show which part has the focus."""
        for rule, part in (
            ("#edit-rule", "#edit-names"),
            ("#headers-rule", "#edit-headers"),
            ("#payload-rule", "#edit-payload"),
        ):
            widget = self.query_one(part)
            self.query_one(rule, Rule).active = widget in event.widget.ancestors_with_self

    @property
    def draft(self) -> Draft:
        """The delivery as it stands."""
        return Draft(
            self.query_one("#edit-event", Entry).value,
            self.query_one("#edit-version", Entry).value,
            self._headers.text,
            self._payload.text if self._outside is None else self._outside,
        )

    # Looking at what is typed

    def on_input_changed(self) -> None:
        """Look at it when typing rests."""
        self._touched()

    def on_text_area_changed(self) -> None:
        """Look at it when typing rests."""
        self._touched()

    def on_editor_locked(self) -> None:
        """Say where the payload can be changed."""
        if self._original.payload_is_text:
            self._say("Too large to type into; f4 opens your editor.", "warning")
        else:
            self._say("These bytes are no text; they stay as they were.", "warning")

    def _touched(self) -> None:
        self._insists = False
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(CHECK_DELAY_S, self.check)

    def check(self) -> None:
        """Say what is wrong with what is typed, and what it changes."""
        draft = self.draft
        title, remark = drafts.headers_remark(draft.headers)
        self.query_one("#headers-rule", Rule).show(title, remark)
        if len(draft.payload) > SLOW_BYTES:
            self._check_slowly(draft)
        else:
            self._checked(drafts.look(self._original, draft))

    @work(thread=True, exclusive=True, group="check")
    def _check_slowly(self, draft: Draft) -> None:
        hand_over(self.app, self._checked, drafts.look(self._original, draft))

    def _checked(self, found: drafts.Look) -> None:
        self._fault = fault = found.fault
        self._payload.mark(None if fault is None else (fault.line, fault.column))
        typed_here = self._outside is None
        remark = drafts.payload_remark(found, self._original, typed_here=typed_here)
        self.query_one("#payload-rule", Rule).show("Payload", remark)
        count = f"What changed {len(found.rows)}" if found.rows else "What changed"
        self.query_one("#changes-rule", Rule).show(count)
        lines = partial(change_lines, found.rows)
        self.query_one(TextView).show(lambda width: Lines(lines(width)))

    # What can be done

    def action_send(self) -> None:
        """Send it."""
        if self._fault is not None and not self._insists:
            self._insists = True
            self._payload.focus()
            self._payload.move_cursor((self._fault.line, self._fault.column))
            self._say("That is no JSON. Press f5 again to send it all the same.", "warning")
            return
        self._deliveries.send_draft(self, self._original, self.draft)

    def action_dry_run(self) -> None:
        """Show what would be sent."""
        self._deliveries.preview_draft(self, self._original, self.draft)

    def action_changes(self) -> None:
        """Show what changed, or hide it."""
        shown = self.query_one("#edit-changes").display
        self.set_class(not shown, "-changes")
        self.set_class(shown, "-no-changes")

    def action_external(self) -> None:
        """Go on with the payload in the person's own editor."""
        from kiket_console.ui.external import edit_text

        if not self._original.payload_is_text:
            self._say("These bytes are no text that an editor could show.", "warning")
            return
        text = self.draft.payload
        shown = self._original.laid_out(text)
        edited = edit_text(self._deliveries.console, shown, ".json")
        if edited is not None and edited != shown:
            self._take(edited)

    def action_revert(self) -> None:
        """Take all changes back."""
        draft = self._original.draft
        self.query_one("#edit-event", Entry).value = draft.event
        self.query_one("#edit-version", Entry).value = draft.version
        self._headers.enter_text(draft.headers)
        self._take(draft.payload)

    def action_keep(self) -> None:
        """Keep the draft."""
        self._saved = self.draft
        self._deliveries.keep_draft(self._original, self._saved)
        self._say("The draft is kept; e shows it again.", "ok")

    def action_leave_editor(self) -> None:
        """Leave, and ask what to do with what was changed."""
        if self.draft == self._saved:
            self.dismiss(None)
            return
        question = QuestionScreen[Rest](
            "Leave the editor?",
            ["What you changed was neither sent nor kept."],
            (Rest.KEEP, Rest.DISCARD, Rest.GO_ON),
            Rest.GO_ON,
        )
        self.app.push_screen(question, self._leave)

    def refused(self, error: ConsoleError) -> None:
        """Say why it was not sent, and go on."""
        self._say(str(error), "error")

    def busy(self) -> None:
        """Say that it is under way."""
        if is_open(self):
            self._say("Sending …", "muted")

    def _leave(self, rest: Rest | None) -> None:
        if rest is Rest.KEEP:
            self.action_keep()
        if rest in (Rest.KEEP, Rest.DISCARD):
            self.dismiss(None)

    def _take(self, text: str) -> None:
        """Go on with another payload, typed here if it can be."""
        self._outside = None if fits(text) else text
        self._payload.read_only = self._outside is not None
        self._payload.enter_text(self._shown_payload(text))
        self._touched()

    def _shown_payload(self, text: str | None = None) -> str:
        text = self._begin.payload if text is None else text
        if self._outside is None:
            return text
        return "\n".join(visible(line) for line in text[:4000].split("\n")[:40]) + "\n…"

    def _say(self, text: str, role: str) -> None:
        self.query_one(Said).say(text, role)

    def _footer(self) -> None:
        registry = self._deliveries.console.registry
        self.query_one(Footer).show(registry.footer(Scope.EDITOR))

    @property
    def _headers(self) -> Editor:
        return self.query_one("#edit-headers", Editor)

    @property
    def _payload(self) -> Editor:
        return self.query_one("#edit-payload", Editor)
