"""The form of one secret: its name, whose it is, and its value, typed without showing it or made.

─ Add a secret ──────────────────────────────────────
  name     CRM_TOKEN
  scope   ▌project   shared    of this project alone
  value   ▌typed   generated
           ••••••••••••
  12 characters
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen

from kiket_console.errors import ConsoleError
from kiket_console.text import visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.closing import close, is_open
from kiket_console.ui.paint.line import wrap
from kiket_console.ui.widgets.bars import Footer, Rule
from kiket_console.ui.widgets.entry import LONGEST_SECRET, Entry, Hidden
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.label import Label
from kiket_console.ui.widgets.pick import Pick
from kiket_console.ui.widgets.wrapped import Wrapped
from kiket_console.wire_secrets import (
    FORMS,
    LEAST_BYTES,
    MOST_BYTES,
    SCOPES,
    SHORT_CHARACTERS,
    Generate,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.app import ComposeResult
    from textual.events import DescendantFocus, Key, Paste
    from textual.widget import Widget

    from kiket_console.ui.app import ConsoleApp

TYPED, MADE, PRESENT = "typed", "generated", "as it is"
_WHOSE = dict(zip(SCOPES, ("for this project alone", "for all your projects"), strict=True))
_KINDS = {MADE: "at random, where nobody sees it", PRESENT: "handed out once more"}
_FORMS = dict(zip(FORMS, ("0-9 a-f", "letters, digits, - and _", "122 random bits"), strict=True))
_UUID, UUID_BYTES = FORMS[2], 16
_LABEL = 10


class Task(StrEnum):
    """What is done to a secret."""

    ADD = "Add"
    EDIT = "Edit"
    ROTATE = "Rotate"


@dataclass(frozen=True, slots=True)
class Draft:
    """A secret as the form says; neither typed nor to be generated: the value as it is."""

    name: str
    scope: str
    value: str | None = field(default=None, repr=False)
    generate: Generate | None = None


class SecretScreen(ModalScreen[None]):
    """Ask for what *task* needs, and have it saved; *save* raises `ConsoleError` when it cannot be.

    It returns what is to be called once the form is closed. *name* and *scope* are fixed unless
    one is added.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.SECRET)]

    def __init__(
        self,
        console: ConsoleApp,
        task: Task,
        name: str,
        scope: str,
        save: Callable[[Draft], Awaitable[Callable[[], None]]],
    ) -> None:
        super().__init__()
        self.console = console
        self._doing, self._of, self._of_scope, self._save = task, name, scope, save
        self._is_saving = False
        self._said: tuple[str, str] = "", ""
        self._told = Wrapped(lambda width: wrap(self._said[0], width - 4, self._said[1], "  "))
        self._named = Entry(name, placeholder="as code asks for it: CRM_TOKEN", id="secret-name")
        self._whose = Pick(SCOPES, id="secret-scope", notes=_WHOSE)
        kinds = (MADE, TYPED, PRESENT) if task is Task.ROTATE else (TYPED, MADE)
        self._kind = Pick(kinds, id="secret-kind", notes=_KINDS)
        self._typed = Hidden(placeholder="typed or pasted, and not shown", id="secret-value")
        self._form = Pick(FORMS, id="secret-form", notes=_FORMS)
        for pick, value in (
            (self._whose, SCOPES[0]),
            (self._kind, kinds[0]),
            (self._form, FORMS[0]),
        ):
            pick.show(value)
        self._bytes_field = Entry("32", id="secret-size")
        self._typed_row, self._form_row = _field("", self._typed), _field("form", self._form)
        self._made = _field("bytes", self._bytes_field)

    def compose(self) -> ComposeResult:
        """Lay the form out."""
        with Vertical(id="dialog", classes="-secret"):
            yield Rule()
            if self._doing is Task.ADD:
                yield _field("name", self._named)
                yield _field("scope", self._whose)
            yield _field("value", self._kind)
            yield self._typed_row
            yield self._form_row
            yield self._made
            yield self._told
            yield Footer()

    def on_mount(self) -> None:
        """Begin with what is not known yet."""
        rule = self.query_one(Rule)
        rule.active = True
        title = f"{self._doing} {visible(self._of)}" if self._of else "Add a secret"
        rule.show(title, () if self._doing is Task.ADD else [(self._of_scope, "muted")])
        if not self._of:
            self._named.focus()
        elif self._doing is Task.ROTATE:
            self._kind.focus()
        else:
            self._typed.focus()
        self._show_fields()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Name the keys of the field that has the focus."""
        registry = self.console.registry
        (save, keep), *others = registry.footer(Scope.SECRET)
        verb = "rotate" if self._doing is Task.ROTATE else keep
        if isinstance(event.widget, Pick):
            others.insert(0, (registry.key("field.next"), registry["field.next"].label))
        self.query_one(Footer).show([(save, verb), *others])

    def on_pick_changed(self) -> None:
        """Show the fields that the choice needs."""
        self._show_fields()

    def on_input_changed(self) -> None:
        """Say how much was typed."""
        self._say_how_much()

    def on_hidden_too_long(self, event: Hidden.TooLong) -> None:
        """Say why a text was not taken."""
        count, most = f"{event.count:,}", f"{LONGEST_SECRET:,}"
        self._say(f"A secret has at most {most} characters, not {count}; it is as it was.", "error")

    def on_paste(self, event: Paste) -> None:
        """Take what is pasted into a field that is not typed into as the value."""
        event.stop()
        self._take(event.text)

    def on_key(self, event: Key) -> None:
        """Take what is typed there likewise: a value must not be lost, and another one be made."""
        is_text = event.is_printable and event.character != " "
        if is_text and event.character and isinstance(self.focused, Pick):
            event.stop()
            self._take(event.character)

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def action_save(self) -> None:
        """Keep it; from a name, go on to the value first."""
        if self.focused is self._named and not self._typed.secret and self._kind.value == TYPED:
            self._typed.focus()
        elif not self._is_saving:
            self._is_saving = True
            self.run_worker(self._keep(), group="ask", exclusive=True)

    def _take(self, text: str) -> None:
        self._kind.show(TYPED)
        self._show_fields()
        self._typed.focus()
        self._typed.paste(text)

    def _say(self, text: str, role: str) -> None:
        self._said = text, role
        self._told.write()

    async def _keep(self) -> None:
        try:
            draft = self._draft()
            self._say("…", "muted")
            show_outcome = await self._save(draft)
            close(self)
            show_outcome()
        except ConsoleError as error:
            if is_open(self):
                self._say(str(error), "error")
            else:
                self.console.say(str(error), error=True)
        finally:
            self._is_saving = False

    def _draft(self) -> Draft:
        """Return what the form says; raises `ConsoleError`, and goes to the field that is wrong."""
        name = self._of
        scope = self._of_scope
        if self._doing is Task.ADD:
            name, scope = self._named.value.strip(), self._whose.value
        if not name:
            self._named.focus()
            raise ConsoleError("It needs a name.", hint="Write the one that code asks for.")
        if self._kind.value == PRESENT:
            return Draft(name, scope)
        if self._kind.value == MADE:
            return Draft(name, scope, generate=Generate(self._form.value, self._bytes()))
        if not self._typed.secret:
            self._typed.focus()
            raise ConsoleError("It needs a value.", hint="Type or paste it.")
        return Draft(name, scope, self._typed.secret)

    def _bytes(self) -> int:
        if self._form.value == _UUID:
            return UUID_BYTES
        said = self._bytes_field.value.strip()
        is_number = said.isascii() and said.isdecimal()
        if not is_number or not LEAST_BYTES <= int(said[:9]) <= MOST_BYTES:
            self._bytes_field.focus()
            raise ConsoleError(f"“{said}” is no number from {LEAST_BYTES} to {MOST_BYTES:,}.")
        return int(said)

    def _show_fields(self) -> None:
        kind = self._kind.value
        self._typed_row.display = kind == TYPED
        self._form_row.display = kind == MADE
        self._made.display = kind == MADE and self._form.value != _UUID
        self._say_how_much()

    def _say_how_much(self) -> None:
        if self._kind.value == TYPED and self._typed.secret:
            short = len(self._typed.secret) < SHORT_CHARACTERS
            more = ": too short to be cut out of logs and exports" if short else ""
            self._say(self._typed.said + more, "warning" if short else "muted")
        else:
            self._say("", "")


def _field(name: str, widget: Widget) -> Horizontal:
    label = Label(name)
    label.styles.width = _LABEL
    return Horizontal(label, widget, classes="field")
