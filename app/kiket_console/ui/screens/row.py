"""Edit a row of the platform, or its settings, as JSON, and see what that changes.

─ contacts 3 ─────────────────────────────────── JSON ─
 1 {
 2   "email": "grace@example.com",
─ What changed 1 ─────────────────────────────────────   of a new row: what its columns are
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct
from textual.containers import Vertical

from kiket_console.errors import ConsoleError
from kiket_console.sending import payload
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.closing import close, is_open
from kiket_console.ui.paint.edits import change_lines, payload_changes
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.screens.edit import CHECK_DELAY_S, ROOMY_ROWS
from kiket_console.ui.screens.question import QuestionScreen
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.editor import Editor
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.said import Said
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from textual.app import ComposeResult
    from textual.events import Resize
    from textual.timer import Timer

    from kiket_console.sending.payload import Fault
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line


class Left(StrEnum):
    """What to do with changes that were not saved."""

    DISCARD = "Discard"
    GO_ON = "Go on"


class Form(Struct, frozen=True):
    """What is edited: its title, its members as they are, and what saving them does."""

    title: str
    members: Mapping[str, Any]
    save: Callable[[dict[str, Any]], Awaitable[None]]
    """Takes all members as they were typed; raises `ConsoleError` when they cannot be kept."""
    is_new: bool = False
    about: Callable[[int], list[Line]] = lambda _: []
    """Says in so many cells what there is to know of the members."""

    @property
    def text(self) -> str:
        """The members as text to edit."""
        return payload.escaped(payload.spread(json.dumps(self.members, ensure_ascii=False)))

    def read(self, text: str) -> dict[str, Any]:
        """Return the members that were typed; raises `ConsoleError` when it is no JSON object."""
        if (fault := payload.fault(text)) is not None:
            raise ConsoleError(f"That is no JSON. {fault}")
        members = payload.parse(text)
        if not isinstance(members, dict):
            raise ConsoleError("A row is a JSON object: names and their values in { }.")
        return members


class RowScreen(Copying[None]):
    """Edit what a form says."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.ROW)]

    def __init__(self, console: ConsoleApp, form: Form) -> None:
        super().__init__()
        self.console = console
        self._form = form
        self._begin = form.text
        self._timer: Timer | None = None
        self._fault: Fault | None = None
        self._is_saving = False

    def compose(self) -> ComposeResult:
        """Lay the editor out."""
        yield Rule(id="row-rule")
        yield Editor(id="row-text", json=True)
        with Vertical(id="edit-changes"):
            yield Rule("What changed", id="changes-rule")
            yield TextView(id="changes")
        yield Said()
        yield Footer()

    def on_mount(self) -> None:
        """Begin in the text."""
        self._editor.load_text(self._begin)
        self.query_one("#row-rule", Rule).active = True
        self.query_one(TextView).can_focus = False
        self.query_one(Footer).show(self.console.registry.footer(Scope.ROW))
        self.set_class(self._form.is_new, "-changes")
        self._editor.focus()
        self.check()

    def on_resize(self, event: Resize) -> None:
        """Show what changed where there is room for it."""
        self.set_class(event.size.height >= ROOMY_ROWS, "-roomy")

    def on_text_area_changed(self) -> None:
        """Look at it when typing rests."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(CHECK_DELAY_S, self.check)

    def check(self) -> None:
        """Say what is wrong with what is typed, and what it changes."""
        text = self._editor.text
        self._fault = fault = payload.fault(text)
        self._editor.mark(None if fault is None else (fault.line, fault.column))
        remark: Line = [("JSON", "muted")] if fault is None else [(str(fault), "error")]
        self.query_one("#row-rule", Rule).show(self._form.title, remark)
        if self._form.is_new:
            self.query_one("#changes-rule", Rule).show("Columns")
            self.query_one(TextView).show(lambda width: Lines(self._form.about(width)), stay=True)
            return
        rows = payload_changes(self._begin, text) if text != self._begin else []
        title = f"What changed {len(rows)}" if rows else "What changed"
        self.query_one("#changes-rule", Rule).show(title)
        self.query_one(TextView).show(lambda width: Lines(change_lines(rows, width)))

    # What can be done

    def action_save(self) -> None:
        """Save it."""
        if not self._is_saving:
            self._is_saving = True
            self.run_worker(self._save(), group="ask", exclusive=True)

    async def _save(self) -> None:
        try:
            self.check()
            if self._fault is not None:
                self._editor.move_cursor((self._fault.line, self._fault.column))
            members = self._form.read(self._editor.text)
            self._say("Saving …", "muted")
            await self._form.save(members)
            close(self)
        except ConsoleError as error:
            if is_open(self):
                self._say(str(error), "error")
            else:
                self.console.say(str(error), error=True)
        finally:
            self._is_saving = False

    def action_changes(self) -> None:
        """Show what changed, or hide it."""
        shown = self.query_one("#edit-changes").display
        self.set_class(not shown, "-changes")
        self.set_class(shown, "-no-changes")

    def action_external(self) -> None:
        """Go on in the person's own editor."""
        from kiket_console.ui.external import edit_text

        edited = edit_text(self.console, self._editor.text, ".json")
        if edited is not None:
            self._editor.enter_text(edited)

    def action_revert(self) -> None:
        """Take all changes back."""
        self._editor.enter_text(self._begin)

    def action_leave_editor(self) -> None:
        """Leave, and ask when something was changed."""
        if self._editor.text == self._begin:
            self.dismiss(None)
            return
        question = QuestionScreen[Left](
            "Leave the editor?",
            ["What you changed was not saved."],
            (Left.GO_ON, Left.DISCARD),
            Left.GO_ON,
        )
        self.app.push_screen(question, self._leave)

    def _leave(self, left: Left | None) -> None:
        if left is Left.DISCARD:
            self.dismiss(None)

    def _say(self, text: str, role: str) -> None:
        self.query_one(Said).say(text, role)

    @property
    def _editor(self) -> Editor:
        return self.query_one("#row-text", Editor)
