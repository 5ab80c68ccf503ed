"""Things to choose from, narrowed by typing; no widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

from kiket_console.text import cell_width, fit, visible
from kiket_console.ui import fuzzy
from kiket_console.ui.paint.line import cut, spread

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from kiket_console.ui.paint.line import Line

T = TypeVar("T")


class Choice(Struct, Generic[T], frozen=True):
    """One row to choose: what it is called, what is said about it, and what it stands for."""

    label: str
    note: str
    key: str
    value: T
    role: str = "accent"
    """Of what stands at the right, which is a key unless something else is said there."""


class Choices(Generic[T]):
    """The choices that fit what is typed, as the rows of a list; *empty* is said without any."""

    def __init__(self, choices: Sequence[Choice[T]], empty: str) -> None:
        self._all = choices
        self._empty = empty
        self.found = list(choices)
        self._cursor = 0
        self._generation = 0
        widest = max((cell_width(visible(each.label)) for each in choices), default=0)
        self._column = min(32, widest)
        self._fitting: list[frozenset[int]] = [frozenset()] * len(self.found)

    @property
    def count(self) -> int:
        """How many fit."""
        return len(self.found)

    @property
    def cursor(self) -> int:
        """Where the cursor is, -1 without a choice."""
        return min(self._cursor, self.count - 1)

    @property
    def selected(self) -> Choice[T] | None:
        """The choice under the cursor."""
        return self.found[self.cursor] if self.found else None

    def move(self, position: int) -> None:
        """Put the cursor on a choice."""
        self._cursor = position

    def narrow(self, typed: str) -> None:
        """Keep the choices that fit what is typed, the best first: by label, then by note."""
        ranked = []
        for place, choice in enumerate(self._all):
            found = fuzzy.fit(typed, choice.label)
            if found is not None and not found.scattered:
                ranked.append(((0, *found.rank, place), choice, found.positions))
            elif _is_in(typed, choice):
                ranked.append(((1, 0, 0, place), choice, frozenset()))
            elif found is not None:
                ranked.append(((2, *found.rank, place), choice, found.positions))
        ranked.sort(key=lambda each: each[0])
        self.found = [choice for _, choice, _ in ranked]
        self._fitting = [positions for _, _, positions in ranked]
        self._cursor = 0
        self._generation += 1

    def key(self, position: int) -> Hashable:
        """Return what the drawing of a choice depends on."""
        return (self._generation, position)

    def line(self, position: int, width: int) -> Line:
        """Return a choice: label with the fitting letters marked, note, key."""
        choice = self.found[position]
        key: Line = [("  ", ""), (f"{choice.key} ", choice.role)] if choice.key else ()
        label = visible(choice.label)
        label = fit(label, min(cell_width(label), self._column))
        left: list[tuple[str, str]] = [("  ", "")]
        if label == choice.label and self._fitting[position]:
            left += [
                (sign, "accent" if at in self._fitting[position] else "")
                for at, sign in enumerate(label)
            ]
        else:
            left.append((label, ""))
        left.append((" " * (self._column + 2 - cell_width(label)), ""))
        left.append((visible(choice.note), "muted"))
        return spread(left, key, width)

    def header(self, width: int) -> Line:  # noqa: ARG002 - there is none
        """Return no names of columns."""
        return ()

    def teach(self, width: int) -> list[Line]:
        """Return what is said when nothing fits."""
        return [[], cut([("  " + self._empty, "muted")], width)]


def _is_in(typed: str, choice: Choice[T]) -> bool:
    said = f"{choice.label} {choice.note}".lower()
    return all(word in said for word in typed.lower().split())
