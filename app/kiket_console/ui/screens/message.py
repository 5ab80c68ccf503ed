"""Write a message to a module, or change one that was recorded, and send it.

─ Message to billing ─────────────── like 1201 · over stdio ─
 1 {
 2   "op": "http_request",
─ Fields 5 ──────────────────────────────────────────────────
  ✗ uri     text     is missing: path and query
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical

from kiket_console.sending import payload
from kiket_console.text import visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.closing import is_open
from kiket_console.ui.paint import message_fields
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.screens.edit import CHECK_DELAY_S
from kiket_console.ui.screens.question import QuestionScreen
from kiket_console.ui.screens.row import Left
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.editor import Editor, fits
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.said import Said
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.timer import Timer

    from kiket_console.errors import ConsoleError
    from kiket_console.sending.message import Written
    from kiket_console.sending.payload import Fault
    from kiket_console.ui.messages import Messages
    from kiket_console.ui.paint.line import Line
    from kiket_console.wire import IpcOp


class MessageScreen(Copying[None]):
    """Edit a message; *ops* are those that can be sent."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.MESSAGE)]

    def __init__(self, messages: Messages, written: Written, ops: Sequence[IpcOp]) -> None:
        super().__init__()
        self._messages = messages
        self._written = written
        self._ops = ops
        self._outside = None if fits(written.text) else written.text
        """The text while it is too large to be typed into here."""
        self._timer: Timer | None = None
        self._fault: Fault | None = None
        self.is_sending = False
        """Whether it is on its way."""

    def compose(self) -> ComposeResult:
        """Lay the editor out."""
        yield Rule(id="message-rule")
        yield Editor(id="message-text", json=True, read_only=self._outside is not None)
        with Vertical(id="message-fields"):
            yield Rule("Fields", id="fields-rule")
            yield TextView(id="fields")
        yield Said()
        yield Footer()

    def on_mount(self) -> None:
        """Begin in the text."""
        self._editor.load_text(self._shown())
        self.query_one(TextView).can_focus = False
        self.query_one(Footer).show(self._messages.console.registry.footer(Scope.MESSAGE))
        self.query_one("#message-rule", Rule).active = True
        self._editor.focus()
        self.check()

    @property
    def text(self) -> str:
        """The message as it stands."""
        return self._editor.text if self._outside is None else self._outside

    def on_text_area_changed(self) -> None:
        """Look at it when typing rests."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(CHECK_DELAY_S, self.check)

    def on_editor_locked(self) -> None:
        """Say where the message can be changed."""
        self._say("Too large to type into; f4 opens your editor.", "warning")

    def check(self) -> None:
        """Say what is wrong with what is typed, and what its op takes."""
        text = self.text
        self._fault = fault = payload.fault(text)
        self._editor.mark(None if fault is None else (fault.line, fault.column))
        written = self._written
        facts = [f"like {written.like}"] if written.like else []
        facts += [f"over {written.channel}"] if written.channel else []
        remark: Line = [(" · ".join(facts), "muted")]
        if fault is not None:
            remark = [(str(fault), "error")]
        title = f"Message to {visible(written.module)}"
        self.query_one("#message-rule", Rule).show(title, remark)
        found = message_fields.look(self._ops, text, self.size.width)
        if fault is None:
            wrong: Line = [(f"{found.wrong} wrong", "error")] if found.wrong else ()
            count = f"Fields {len(found.op.fields)}" if found.op else "Fields"
            self.query_one("#fields-rule", Rule).show(count, wrong)
            self.query_one(TextView).show(lambda _: Lines(found.lines), stay=True)

    # What can be done

    def action_send(self) -> None:
        """Send it."""
        self.check()
        if self._fault is not None:
            self._editor.focus()
            self._editor.move_cursor((self._fault.line, self._fault.column))
            self._say("That is no JSON, so nobody could read it.", "warning")
            return
        self._messages.send(self, self._written, self.text)

    def action_external(self) -> None:
        """Go on in the person's own editor."""
        from kiket_console.ui.external import edit_text

        text = self.text
        edited = edit_text(self._messages.console, text, ".json")
        if edited is not None and edited != text:
            self._take(edited)

    def action_revert(self) -> None:
        """Take all changes back."""
        self._take(self._written.text)

    def action_leave(self) -> None:
        """Leave, and ask when something was changed."""
        if self.text == self._written.text:
            self.dismiss(None)
            return
        question = QuestionScreen[Left](
            "Leave the editor?",
            ["What you changed was not sent."],
            (Left.DISCARD, Left.GO_ON),
            Left.GO_ON,
        )
        self.app.push_screen(question, self._leave)

    def refused(self, error: ConsoleError) -> None:
        """Say why it was not sent, and go on."""
        self._say(str(error), "error")

    def busy(self) -> None:
        """Say that it is under way."""
        if is_open(self):
            self._say("Sending, and waiting for the answer …", "muted")

    def _leave(self, left: Left | None) -> None:
        if left is Left.DISCARD:
            self.dismiss(None)

    def _take(self, text: str) -> None:
        """Go on with another text, typed here if it can be."""
        self._outside = None if fits(text) else text
        self._editor.read_only = self._outside is not None
        self._editor.enter_text(self._shown(text))
        self.check()

    def _shown(self, text: str | None = None) -> str:
        text = self._written.text if text is None else text
        if self._outside is None:
            return text
        return "\n".join(visible(line) for line in text[:4000].split("\n")[:40]) + "\n…"

    def _say(self, text: str, role: str) -> None:
        self.query_one(Said).say(text, role)

    @property
    def _editor(self) -> Editor:
        return self.query_one("#message-text", Editor)
