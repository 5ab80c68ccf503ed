"""The message that is being written: as a form with the payload below it, or as JSON.

  event type  payment.processed          channel   internal
  behaviour   instant  scheduled  …      security  normal  sensitive
─ Payload ──────────────────────────────────── valid · 61 b ─
   1 {
   2   "transaction_id": "txn_abc123",
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from textual import work
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input

from kiket_console.errors import ConsoleError
from kiket_console.producing import checking
from kiket_console.sending import payload
from kiket_console.sending.draft import SLOW_BYTES
from kiket_console.text import visible
from kiket_console.ui.paint import composing
from kiket_console.ui.producer_form import FIELDS, PAYLOAD, Form, form_of
from kiket_console.ui.screens.edit import CHECK_DELAY_S
from kiket_console.ui.threads import hand_over
from kiket_console.ui.widgets.bars import Rule
from kiket_console.ui.widgets.editor import Editor, fits
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.label import Label
from kiket_console.ui.widgets.pick import Pick
from kiket_console.ui.widgets.said import Said
from kiket_console.wire_producer import BEHAVIORS, SECURITY_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.app import ComposeResult
    from textual.events import DescendantBlur, DescendantFocus
    from textual.timer import Timer
    from textual.widget import Widget

    from kiket_console.producing.checking import Wrong
    from kiket_console.ui.paint.line import Line

WRITING: Final = "-writing"
"""The class of a screen on which a message is being written."""
LEAST_ROWS: Final = 4
"""A text of fewer lines takes so many rows all the same."""
_CHOICES: Final = {"behavior": BEHAVIORS, "security_level": SECURITY_LEVELS}


class Composer(Vertical):
    """Write a message; it is looked at while it is written."""

    class Locked(Message):
        """A person wants to type into a text that is too large for it."""

    def __init__(self) -> None:
        super().__init__(id="composer")
        self.wrong: tuple[Wrong, ...] = ()
        """What was wrong when it was looked at last."""
        self._schema: Mapping[str, Any] = {}
        self._rule = Rule("Payload", id="payload-rule")
        self._editor = Editor(id="producer-text", json=True)
        self._editor.match_cursor_bracket = False
        self._said = Said()
        self._form: Form | None = Form()
        """The message, without the payload's text; None while all of it is one text."""
        self._pair: tuple[str, Form] = ("", Form())
        """A text and the form that it was shown as: unchanged, one becomes the other again."""
        self._outside: str | None = None
        """What the editor is to hold while it is too large to be typed into here."""
        self._timer: Timer | None = None
        self._most_rows = LEAST_ROWS
        self._is_told = False
        """Whether what is said is of something that was done, not of what is written."""

    @property
    def most_rows(self) -> int:
        """How many rows the text takes at most; it takes as many as it has lines."""
        return self._most_rows

    @most_rows.setter
    def most_rows(self, rows: int) -> None:
        if rows != self._most_rows:
            self._most_rows = max(LEAST_ROWS, rows)
            self._fit()

    def _fit(self) -> None:
        lines = self._editor.document.line_count
        self._editor.styles.height = max(LEAST_ROWS, min(lines, self._most_rows))

    def compose(self) -> ComposeResult:
        """Lay the fields out, and the text below."""
        with Vertical(id="message-form"):
            with Horizontal(classes="message-row"):
                yield Label("event type", id="label-event_type")
                yield Entry(id="field-event_type", compact=True)
                yield Label("channel", id="label-message_channel", beside="security")
                yield Entry(id="field-message_channel", compact=True)
            with Horizontal(classes="message-row"):
                yield Label("behaviour", id="label-behavior", beside="event type")
                yield Pick(BEHAVIORS, id="field-behavior")
                yield Label("security", id="label-security_level")
                yield Pick(SECURITY_LEVELS, id="field-security_level", otherwise="normal")
        yield self._rule
        yield self._editor
        yield self._said

    # The message

    @property
    def text(self) -> str:
        """The message as JSON, or as what is to become that."""
        if self._form is None:
            return self._typed
        form = self._form.with_value(PAYLOAD, self._typed)
        return self._pair[0] if form == self._pair[1] and self._pair[0] else form.text

    def load(self, text: str) -> None:
        """Show another message, as a form where it fits one."""
        self.say("", "")
        form: Form | None = None
        if len(text) <= SLOW_BYTES:  # laying out a larger one would hold up the screen
            with suppress(ValueError, RecursionError):
                text = payload.spread(text)
            with suppress(ConsoleError):
                form = form_of(text) if self._form is not None else None
        if form is None:
            self._show_text(text)
        else:
            self._show_form(text, form)
        self.check()

    def toggle(self) -> None:
        """Show the form as JSON, or the JSON as a form; raises `ConsoleError` if it fits none."""
        text = self.text
        if self._form is not None:
            self._pair = (text, self._form.with_value(PAYLOAD, self._typed))
            self._show_text(text)
        else:
            if len(text) > SLOW_BYTES:
                raise ConsoleError("It is too large for the form; f4 opens your editor.")
            form = self._pair[1] if text == self._pair[0] else form_of(text)
            self._show_form(text, form)
        self._focus(self._editor)
        self.check()

    def _show_form(self, text: str, form: Form) -> None:
        self._pair, self._form = (text, form), form
        self.remove_class("-text")
        with self.prevent(Input.Changed):
            for name in FIELDS[:2]:
                self._entry(name).value = form.value(name)
        for name in FIELDS[2:]:
            self._pick(name).show(form.value(name))
        self._put(form.payload)

    def _show_text(self, text: str) -> None:
        self._form = None
        self.add_class("-text")
        self._put(text)

    def _put(self, text: str) -> None:
        self._outside = None if fits(text) else text
        self._editor.read_only = self._outside is not None
        shown = text
        if self._outside is not None:
            shown = "\n".join(visible(line) for line in text[:4000].split("\n")[:40]) + "\n…"
        with self._editor.prevent(Editor.Changed):
            self._editor.enter_text(shown)
        self._fit()

    @property
    def _typed(self) -> str:
        return self._editor.text if self._outside is None else self._outside

    # Looking at what is written

    def use(self, schema: Mapping[str, Any], names: Mapping[str, Iterable[str]]) -> None:
        """Take in the schema, and known values of members to complete what is typed."""
        if schema and schema != self._schema:
            self._schema = schema
            properties = schema.get("properties", {})
            for name, usual in _CHOICES.items():
                allowed = properties.get(name, {}).get("enum", usual)
                known = [each for each in usual if each in allowed]
                others = [str(each) for each in allowed if each not in usual]
                self._pick(name).allow([*known, *others])
            self.check()
        for name, values in names.items():
            seen = dict.fromkeys(visible(each) for each in values if each)
            self._entry(name).suggester = SuggestFromList(seen, case_sensitive=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take in a field."""
        event.stop()
        self._take_fields()

    def on_pick_changed(self, event: Pick.Changed) -> None:
        """Take in a field."""
        event.stop()
        self._take_fields()

    def _take_fields(self) -> None:
        if self._form is not None:
            form = self._form
            for name in FIELDS[:2]:
                form = form.with_value(name, self._entry(name).value)
            for name in FIELDS[2:]:
                form = form.with_value(name, self._pick(name).value)
            self._form = form
        self._touched()

    def on_text_area_changed(self) -> None:
        """Look at it when typing rests."""
        self._fit()
        self._touched()

    def on_editor_locked(self) -> None:
        """Say where a large text can be changed."""
        self.say("Too large to type into; f4 opens your editor.", "warning")

    def _touched(self) -> None:
        self._is_told = False
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(CHECK_DELAY_S, self.check)

    def check(self) -> None:
        """Look at the message, and say what is wrong with it."""
        if self.is_attached:
            form = self._form.with_value(PAYLOAD, self._typed) if self._form is not None else None
            self._check(form, self.text)

    @work(thread=True, exclusive=True, group="check", exit_on_error=False)
    def _check(self, form: Form | None, text: str) -> None:
        """In a thread: the first time, reading the validator takes longer than a frame."""
        wrong = self._found(form, text)
        hand_over(self.app, self._checked, form, wrong, composing.remark(wrong, text))

    def _found(self, form: Form | None, text: str) -> tuple[Wrong, ...]:
        return form.check(self._schema) if form is not None else checking.check(text, self._schema)

    def look(self) -> tuple[Wrong, ...]:
        """Return what is wrong now; may take a while for a large message."""
        form = self._form.with_value(PAYLOAD, self._typed) if self._form is not None else None
        return self._found(form, self.text)

    def _checked(self, form: Form | None, wrong: tuple[Wrong, ...], remark: Line) -> None:
        if not self.is_attached:
            return
        self.wrong = wrong
        in_text = [each for each in wrong if form is None or each.member in ("", PAYLOAD)]
        self._editor.mark((in_text[0].line, in_text[0].column) if in_text else None)
        bad = {each.member for each in wrong}
        for name in FIELDS:
            self.query_one(f"#label-{name}", Label).mark(bad=form is not None and name in bad)
        title = "Payload" if form is not None else "Message"
        self._rule.show(title, remark)
        if not self._is_told:
            self._said.say(visible(self.sentence(wrong[0])) if wrong else "", "error")

    def sentence(self, wrong: Wrong) -> str:
        """Return what is wrong, with its place where it has one."""
        in_field = self._form is not None and wrong.member not in ("", PAYLOAD)
        return wrong.sentence if in_field else f"Line {wrong.line + 1}: {wrong.sentence}"

    def say(self, text: str, role: str) -> None:
        """Say something below the message."""
        self._is_told = bool(text)
        self._said.say(visible(text), role)

    # Where the focus is

    @property
    def is_used(self) -> bool:
        """Whether a person is writing."""
        focused = self.screen.focused
        return focused is not None and self in focused.ancestors

    @property
    def in_fields(self) -> bool:
        """Whether a field has the focus."""
        return self.is_used and self.screen.focused is not self._editor

    def begin(self) -> None:
        """Give the first part the focus."""
        self._focus(self._editor if self._form is None else self._entry(FIELDS[0]))

    def go_to(self, wrong: Wrong) -> None:
        """Go to what is wrong."""
        if self._form is not None and wrong.member in FIELDS:
            self._focus(self.query_one(f"#field-{wrong.member}"))
        else:
            self._editor.move_cursor((wrong.line, wrong.column))
            self._focus(self._editor)

    def _focus(self, part: Widget) -> None:
        """Give a part the focus; in a low terminal the message has no room until it has it."""
        self.screen.add_class(WRITING)
        if part.focusable:
            part.focus()
        else:
            self.call_after_refresh(part.focus)

    def on_descendant_focus(self, _: DescendantFocus) -> None:
        """Show which part has the focus."""
        self._rule.active = self._editor.match_cursor_bracket = self._editor.has_focus

    def on_descendant_blur(self, _: DescendantBlur) -> None:
        """Show it no longer."""
        self._rule.active = self._editor.match_cursor_bracket = False

    def _entry(self, name: str) -> Entry:
        return self.query_one(f"#field-{name}", Entry)

    def _pick(self, name: str) -> Pick:
        return self.query_one(f"#field-{name}", Pick)
