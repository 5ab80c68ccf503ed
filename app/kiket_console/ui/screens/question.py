"""A question with a few answers, of which the first one is safe."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.line import cut, wrap
from kiket_console.ui.widgets.bars import Rule
from kiket_console.ui.widgets.ink import INK_CLASSES, Inked, OneLine

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Click, Key
    from textual.geometry import Size
    from textual.strip import Strip

    from kiket_console.ui.paint.line import Line

A = TypeVar("A", bound=StrEnum)


class Sentences(Inked):
    """Sentences, each on as many lines as it needs, with a blank line before and after."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__()
        self._sentences = sentences

    def lines(self, width: int) -> list[Line]:
        """Return the lines to draw."""
        wrapped = [line for each in self._sentences for line in wrap(each, width - 2, "", "  ")]
        return [(), *wrapped, ()]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's signature
        """Return how many lines there are."""
        return len(self.lines(width))

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.size.width
        lines = self.lines(width)
        line = lines[y] if y < len(lines) else ()
        return self.strip(line, self.rich_style).adjust_cell_length(width, self.rich_style)


class Answers(OneLine, Generic[A], can_focus=True):
    """The answers side by side; the one that `enter` takes stands out."""

    CELLS = 14
    TIGHT_CELLS = 11

    def __init__(self, answers: tuple[A, ...]) -> None:
        super().__init__()
        self._answers = answers
        self.selected = answers[0]

    def next(self, by: int) -> None:
        """Go to the next answer."""
        place = self._answers.index(self.selected) + by
        self.selected = self._answers[place % len(self._answers)]
        self.refresh()

    @property
    def _cells(self) -> int:
        roomy = self.size.width >= 2 + self.CELLS * len(self._answers)
        return self.CELLS if roomy else self.TIGHT_CELLS

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        pieces: list[tuple[str, str]] = [("  ", "")]
        for answer in self._answers:
            chosen = answer is self.selected
            pieces.append(("▌" if chosen else " ", "accent"))
            pieces.append((answer.value.ljust(self._cells - 1), "title" if chosen else "muted"))
        return cut(pieces, width)

    def on_click(self, event: Click) -> None:
        """Take the answer under the pointer."""
        index = (event.x - 2) // self._cells
        if 0 <= index < len(self._answers):
            self.selected = self._answers[index]
            self.refresh()
            self.screen.dismiss(self.selected)


class QuestionScreen(ModalScreen[A]):
    """Ask something; the first of *answers* is selected, `esc` answers with *otherwise*.

    So does `n`, and `y` with the other one, where there are but two.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.DIALOG)]

    def __init__(
        self, title: str, sentences: list[str], answers: tuple[A, ...], otherwise: A
    ) -> None:
        super().__init__()
        self._asked = title
        self._otherwise = otherwise
        self._sentences = sentences
        self._answers = answers

    def compose(self) -> ComposeResult:
        """Lay the question out."""
        with Vertical(id="dialog", classes="-small"):
            yield Rule(self._asked)
            yield Sentences(self._sentences)
            yield Answers(self._answers)

    def on_mount(self) -> None:
        """Let keys choose at once."""
        self.query_one(Rule).active = True
        self.query_one(Answers).focus()

    def on_key(self, event: Key) -> None:
        """Take yes or no for an answer, where these are the two."""
        others = [each for each in self._answers if each is not self._otherwise]
        if len(others) == 1 and event.character in ("y", "n"):
            event.stop()
            self.dismiss(others[0] if event.character == "y" else self._otherwise)

    def action_next(self, by: int) -> None:
        """Go to the next answer."""
        self.query_one(Answers).next(by)

    def action_choose(self) -> None:
        """Take the selected answer."""
        self.dismiss(self.query_one(Answers).selected)

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(self._otherwise)
