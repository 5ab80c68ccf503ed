"""One line to type into, above the footer: for a filter, a note, a name, a command.

    ▌status:      answers by number            offers, while there are some
     state:       held, failed, answered
        ▼ There is no field "stat".            what is wrong, and where
    filter stat                                the label and what is typed

`tab` takes an offer or goes through several, `↑` and `↓` bring back what was entered earlier,
`enter` hands the text over and `esc` takes the prompt away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.highlighter import Highlighter
from textual import on
from textual.containers import Horizontal, Vertical
from textual.message import Message

from kiket_console.text import cell_width, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.line import cut
from kiket_console.ui.paint.pointed import pointed
from kiket_console.ui.widgets.entry import LONGEST, Entry, harmless
from kiket_console.ui.widgets.ink import Inked, OneLine
from kiket_console.ui.widgets.offers import Offer, Offers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text
    from textual.app import ComposeResult
    from textual.strip import Strip
    from textual.widgets import Input

    from kiket_console.ui.paint.line import Line


class _Line(Entry):
    """The entry of a prompt, which also tells of its cursor."""

    class Moved(Message):
        """The cursor is elsewhere."""

    class Cut(Message):
        """A paste was too long."""

    def _watch_selection(self, selection: Any) -> None:
        super()._watch_selection(selection)
        self.post_message(self.Moved())

    def too_long(self) -> None:
        """Tell that a paste was cut."""
        self.call_after_refresh(self.post_message, self.Cut())


class _Wrong(Highlighter):
    """Underline the piece that is wrong."""

    def __init__(self) -> None:
        self.style: Any = "red"
        self._span: tuple[int, int] | None = None

    def mark(self, span: tuple[int, int] | None) -> None:
        self._span = span

    def highlight(self, text: Text) -> None:
        if self._span is not None:
            text.stylize(self.style, *self._span)
            text.stylize("underline", *self._span)


class _Label(OneLine):
    def __init__(self, label: str) -> None:
        super().__init__()
        self._text = visible(label)
        self.styles.width = cell_width(self._text) + 2

    def line(self, width: int) -> Line:
        return cut([(f" {self._text} ", "accent")], width)


class _Sentence(Inked):
    """What is said of the text, beside a sign that points at its place."""

    def __init__(self, *, is_below: bool) -> None:
        super().__init__(classes="prompt-beside")
        self.display = False
        self._is_below = is_below
        self._text, self._role = "", ""
        self._column: int | None = None
        self._lines: list[Line] = []

    @property
    def rows(self) -> int:
        """How many rows it takes."""
        return len(self._lines)

    def show(self, text: str, role: str, column: int | None) -> None:
        self._text, self._role, self._column = visible(text), role, column
        self.fit()

    def fit(self) -> None:
        """Break the sentence into the lines that the terminal has room for."""
        text, role, width = self._text, self._role, self.app.size.width
        below = self._is_below
        self._lines = pointed(text, role, self._column, width, is_below=below) if text else []
        self.styles.height = self.rows
        self.display = bool(self._lines)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < self.rows else ()
        width, ground = self.size.width, self.ground
        return self.strip(line, ground).adjust_cell_length(width, ground)


class Prompt(Vertical):
    """Ask for one line of text.

    *history*: what was entered earlier, oldest first. *is_above*: it stands above a list, so that
    what is said and offered goes below it. *verb*: what `enter` does. Whoever asks
    answers `Changed` with `offer()`, `complain()` or `say()`, and takes the prompt away when it is
    done with it.
    """

    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PROMPT)]

    class _Said(Message):
        def __init__(self, prompt: Prompt) -> None:
            super().__init__()
            self.prompt = prompt
            self.text = prompt.text
            self.cursor = prompt.cursor

        @property
        def control(self) -> Prompt:
            """The prompt that tells this."""
            return self.prompt

    class Changed(_Said):
        """What is typed, or where the cursor is in it, is another."""

    class Submitted(_Said):
        """The text was entered."""

    class Cancelled(_Said):
        """The person wants none of it."""

    def __init__(
        self,
        label: str,
        text: str = "",
        *,
        history: Sequence[str] = (),
        placeholder: str = "",
        is_above: bool = False,
        verb: str = "done",
        id: str | None = None,  # noqa: A002 - Textual's name for it
    ) -> None:
        super().__init__(id=id)
        self.was_focused = False
        """Whether keys have reached it yet."""
        self.verb = verb
        self._label = label
        self._history = list(dict.fromkeys(reversed(history)))[::-1]
        self._recalled = len(self._history)
        self._draft = ""
        self._typed = ""
        self._told = ("", -1)
        self._outdated = False
        self._asked_for = 0  # a step through offers that are not known yet
        self._wrong = _Wrong()
        self._entry = _Line(text, highlighter=self._wrong, placeholder=placeholder)
        self._offers = Offers()
        self._is_above = is_above
        self._sentence = _Sentence(is_below=is_above)

    @property
    def text(self) -> str:
        """What is typed."""
        return self._entry.value

    @text.setter
    def text(self, text: str) -> None:
        self._entry.value = harmless(text)
        self._entry.cursor_position = len(self._entry.value)

    @property
    def cursor(self) -> int:
        """How many characters are left of the cursor."""
        return self._entry.cursor_position

    def offer(self, offers: Sequence[Offer]) -> None:
        """Show what may be typed here; while a person goes through offers, those stay."""
        if self._offers.selected < 0:
            self._offers.show(offers, self._column(offers[0].start) if offers else 0)
            by, self._asked_for = self._asked_for, 0
            if self._outdated and by:
                self._outdated = False
                self.action_complete(by)
            self._outdated = False
            self._float()

    def complain(self, sentence: str, column: int | None = None, length: int = 1) -> None:
        """Say what is wrong, and at which character of the text (counted from 0) it begins."""
        self._wrong.mark(None if column is None else (column, column + max(1, length)))
        self._entry.refresh()
        self._sentence.show(sentence, "error", None if column is None else self._column(column))
        self._float()

    def say(self, sentence: str = "", role: str = "muted") -> None:
        """Say something about what is typed, or nothing; nothing is wrong with it."""
        self._wrong.mark(None)
        self._entry.refresh()
        self._sentence.show(sentence, role, None)
        self._float()

    def compose(self) -> ComposeResult:
        """Lay the lines out."""
        yield self._offers
        yield self._sentence
        with Horizontal(classes="prompt-line"):
            yield _Label(self._label)
            yield self._entry

    def on_mount(self) -> None:
        """Let a person type at once."""
        self._wrong.style = self.screen.get_component_rich_style("ink--error", partial=True)
        self._entry.cursor_position = len(self._entry.value)
        self._entry.focus()
        self._tell()

    def on_resize(self) -> None:
        """Break what is said anew."""
        self._sentence.fit()
        self._float()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take in what was typed."""
        event.stop()
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the text over."""
        event.stop()
        self.action_submit()

    def on_descendant_focus(self) -> None:
        """Take note that keys reach the line now."""
        self.was_focused = True

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """Keep this to ourselves."""
        event.stop()

    @on(_Line.Moved)
    def _moved(self) -> None:
        """Take in that the cursor is elsewhere."""
        self._tell()

    @on(_Line.Cut)
    def _was_cut(self, event: _Line.Cut) -> None:
        """Say that a paste was too long."""
        self.complain(f"Only a part was taken: a line has at most {LONGEST:,} characters.")
        event.stop()

    @on(Offers.Chosen)
    def _chosen(self, event: Offers.Chosen) -> None:
        """Take the offer under the pointer."""
        event.stop()
        self._take(event.index)
        self._done_choosing()

    def action_complete(self, by: int) -> None:
        """Take the only offer, or go to the next of several, as soon as they are known."""
        if self._outdated:
            self._asked_for = by
            return
        count = len(self._offers.offers)
        if count == 1:
            self._take(0)
            self._done_choosing()
        elif count:
            self._step(by)

    def action_recall(self, by: int) -> None:
        """Bring back what was entered before or after; among offers, go up or down."""
        if self._offers.selected >= 0:
            self._step(by)
            return
        if self._recalled == len(self._history):
            self._draft = self.text
        place = self._recalled + by
        if 0 <= place <= len(self._history):
            self._recalled = place
            self.text = (*self._history, self._draft)[place]

    def action_submit(self) -> None:
        """Hand the text over."""
        self.post_message(self.Submitted(self))

    def action_cancel(self) -> None:
        """Take back the offer that was gone to, else want none of it."""
        if self._offers.selected >= 0:
            self._offers.select(-1)
            self.text = self._typed
        else:
            self.post_message(self.Cancelled(self))

    def _step(self, by: int) -> None:
        """Go through the offers; one step more than there are is what was typed."""
        count = len(self._offers.offers)
        if self._offers.selected < 0:
            self._typed = self.text
        place = (self._offers.selected + 1 + by) % (count + 1) - 1
        self._offers.select(place)
        if place < 0:
            self.text = self._typed
        else:
            self._take(place)

    def _take(self, index: int) -> None:
        offer = self._offers.offers[index]
        before = self._typed if self._offers.selected >= 0 else self.text
        taken = harmless(offer.text)
        self._entry.value = before[: offer.start] + taken + before[offer.end :]
        self._entry.cursor_position = offer.start + len(taken)
        self._told = (self.text, self.cursor)
        self.post_message(self.Changed(self))

    def _done_choosing(self) -> None:
        self._offers.show((), 0)

    def _tell(self) -> None:
        """Tell of a change once, be it of the text or of the cursor."""
        if self._told != (self.text, self.cursor):
            if self.text not in (*self._history, self._draft)[self._recalled :][:1]:
                self._recalled = len(self._history)
            if self._told[1] >= 0:
                self.say()  # what was said was of another text
            self._told = (self.text, self.cursor)
            self._offers.select(-1)  # they stay until there are others, so that nothing flickers
            self._outdated, self._asked_for = True, 0
            self.post_message(self.Changed(self))

    def _float(self) -> None:
        """Lay what is said and offered over the list beside the line, which so stays still."""
        said, offered = self._sentence.rows, self._offers.rows
        up, down = (0, -said), (0, 1)
        self._sentence.styles.offset = down if self._is_above else up
        self._offers.styles.offset = (0, 1 + said) if self._is_above else (0, -said - offered)

    def _column(self, position: int) -> int:
        """Return how many cells are left of a character of the text."""
        before = cell_width(self._entry.value[:position]) - int(self._entry.scroll_offset.x)
        return max(0, cell_width(visible(self._label)) + 2 + before)
