"""Bars of one line: status, places, a rule with a title, tabs, the footer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import reactive

from kiket_console.text import cell_width
from kiket_console.ui import moment
from kiket_console.ui.paint.line import PLAIN, cut, joined, line_width, spread
from kiket_console.ui.paint.status import Connection, status_line
from kiket_console.ui.widgets.ink import OneLine
from kiket_console.ui.widgets.spots import Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from textual.events import Click

    from kiket_console.engine_status import EngineStatus
    from kiket_console.ui.paint.line import Line

RULE = "─"
GAP = " · "
"""What stands between the parts of a rule's right end."""


class StatusBar(OneLine):
    """The line of truth."""

    def __init__(self, project: str) -> None:
        super().__init__()
        self._project = project
        self._status: EngineStatus | None = None
        self._link = Connection(up=False, since_us=0, ever=False)

    def show(self, status: EngineStatus | None, link: Connection) -> None:
        """Take in how things are."""
        self._status = status
        self._link = link
        self.refresh()

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        now_us = moment.now_us()
        return status_line(self._project, self._status, self._link, width, now_us)


class PlacesBar(OneLine):
    """The places by their digit; the one that is shown stands out."""

    class Chosen(Message):
        """A place was clicked."""

        def __init__(self, place: str) -> None:
            super().__init__()
            self.place = place

    def __init__(self, places: Sequence[tuple[str, str, str]], shown: str) -> None:
        super().__init__()
        self._places = places
        self._shown = shown

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        labels, gap = self._fitting(width)
        groups: list[Line] = [
            [(f"{digit} ", "accent"), (label, "title")]
            if name == self._shown
            else [(f"{digit} {label}".rstrip(), "muted")]
            for (digit, _, name), label in zip(self._places, labels, strict=True)
        ]
        return cut([(" ", PLAIN), *joined(groups, " " * gap)], width)

    def on_click(self, event: Click) -> None:
        """Go to the place under the pointer."""
        for left, right, _, name in self._spans():
            if left <= event.x < right:
                self.post_message(self.Chosen(name))

    def spots(self) -> Iterator[Spot]:
        """Return each place, by its digit."""
        for left, _, digit, name in self._spans():
            yield Spot(left - 1, 0, partial(self.post_message, self.Chosen(name)), 1, digit)

    def _spans(self) -> Iterator[tuple[int, int, str, str]]:
        """Return of each place its first cell, the one behind its last, its digit, its name."""
        labels, gap = self._fitting(self.size.width)
        left = 1
        for (digit, _, name), label in zip(self._places, labels, strict=True):
            right = left + len(f"{digit} {label}".rstrip())
            yield left, right, digit, name
            left = right + gap

    def _fitting(self, width: int) -> tuple[list[str], int]:
        """Return what each place is called in *width* cells, and how many are between two.

        Where even the least room between them is too much, only the one that is shown is named.
        """
        labels = [label for _, label, _ in self._places]
        cells = 1 + sum(len(digit) + 1 + len(label) for digit, label, _ in self._places)
        for gap in (3, 2, 1):
            if cells + gap * (len(labels) - 1) <= width:
                return labels, gap
        return [label if name == self._shown else "" for _, label, name in self._places], 2


class Rule(OneLine):
    """A thin line with a title that divides panes; accent and bold while its pane has the focus."""

    active = reactive(False)

    def __init__(self, title: str = "", *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._title = title
        self._right: Line = []
        self.remark: Callable[[int], Line] | None = None
        """Says in so many cells what stands before the right end."""
        self._remarked: tuple[int, Line] = (0, [])
        """In how many cells it said what was drawn last, and that."""

    def show(self, title: str, right: Line = ()) -> None:
        """Take in a title, and what stands at the right end."""
        if (title, right) != (self._title, self._right):
            self._title, self._right = title, right
            self.refresh()

    def remarked(self) -> None:
        """Take in that something else may stand before the right end."""
        room, said = self._remarked
        if self.remark is not None and self.remark(room) != said:
            self.refresh()

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        left: list[tuple[str, str]] = [(RULE, "faint")]
        if self._title:
            role = "title" if self.active else "strong"
            left.append((f" {self._title} ", role))
        title_cells = min(cell_width(self._title), width // 2)
        told = _last_parts(self._right, width - title_cells - 8)
        right: Line = [(" ", PLAIN), *told, (f" {RULE}", "faint")] if told else []
        if line_width(right) > width - 12:
            right = []
        room = width - line_width(left) - line_width(right) - 4
        if self.remark is not None:
            self._remarked = room, self.remark(room)
            if said := self._remarked[1]:
                right = [(" ", PLAIN), *said, (f" {RULE}", "faint"), *right]
        return spread(left, right, width, (RULE, "faint"))


def _last_parts(line: Line, cells: int) -> Line:
    """Return as many parts from the end of *line*, which ` · ` divides, as fit; one at least."""
    while line_width(line) > cells:
        gap = next((at for at, (text, _) in enumerate(line) if text == GAP), None)
        if gap is None:
            break
        line = line[gap + 1 :]
    return line


class TabBar(OneLine):
    """The tabs of the details, with a count where there is one."""

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self) -> None:
        super().__init__()
        self._labels: Sequence[str] = ()
        self._shown = 0

    def show(self, labels: Sequence[str], shown: int) -> None:
        """Take in the tabs and which of them is shown."""
        if (labels, shown) != (self._labels, self._shown):
            self._labels, self._shown = labels, shown
            self.refresh()

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        groups: list[Line] = [
            [(label, "title" if index == self._shown else "muted")]
            for index, label in enumerate(self._labels)
        ]
        return cut([("  ", PLAIN), *joined(groups, " " * self._gap(width))], width)

    def on_click(self, event: Click) -> None:
        """Show the tab under the pointer."""
        for index, (left, right) in enumerate(self._spans()):
            if left <= event.x < right:
                self.post_message(self.Chosen(index))

    def spots(self) -> Iterator[Spot]:
        """Return each tab."""
        for index, (left, _) in enumerate(self._spans()):
            at = max(0, left - self._gap(self.size.width))
            yield Spot(at, 0, partial(self.post_message, self.Chosen(index)), 1)

    def _gap(self, width: int) -> int:
        """Return how far apart the tabs stand in *width* cells."""
        return 3 if sum(cell_width(label) + 3 for label in self._labels) < width else 1

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Return of each tab its first cell, and the one behind its last."""
        left, gap = 2, self._gap(self.size.width)
        for label in self._labels:
            right = left + cell_width(label)
            yield left, right
            left = right + gap


class Footer(OneLine):
    """The keys that make sense now."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: Sequence[tuple[str, str]] = ()
        self._right: Sequence[tuple[str, str]] = ()

    def show(self, keys: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]] = ()) -> None:
        """Take in pairs of key and label."""
        if (keys, right) != (self._keys, self._right):
            self._keys, self._right = keys, right
            self.refresh()

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        right = [*_keys(self._right), (" ", PLAIN)]
        for count in range(len(self._keys), 0, -1):
            left = [(" ", PLAIN), *_keys(self._keys[:count])]
            if line_width(left) + line_width(right) + 2 <= width:
                return spread(left, right, width)
        return cut(right, width)


class TooSmall(OneLine):
    """What is shown alone in a terminal in which nothing else can be."""

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        said = "Needs 20 by 5" if width < 40 else "Make the terminal 20 by 5 at least."
        return cut([(said, "warning")], width)


def _keys(pairs: Sequence[tuple[str, str]]) -> Line:
    return joined(([(key, "accent"), (f" {label}", "muted")] for key, label in pairs), "   ")
