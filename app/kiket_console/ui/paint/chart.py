"""Curves over time as lines of braille: eight dots to a cell, axis and last values beside them.

    60 ⡀⠀⠀⠀⠀⡀⠀⠀⠀⠀┊⠀⣀⠔⠒⠉ p95 41
       ⠈⠒⠤⠤⠒⠉⠒⠤⠒⠉┊⠊
     0 ⣀⣀⣀⣀⠀⠀⣀⣀⣀⣀┊⣀⣀⣀⣀⣀ p50 3.1

More points than dots: a dot's column shows the least and the greatest of its points, so that a
spike stays. Fewer: each is a step. What has no value is a gap. Pure: numbers in, lines out.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.text import cell_width, fit_right

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.ui.paint.line import Line, Piece

MARK: Final = "┊"
POINTED: Final = "│"
_BLANK: Final = "\u2800"
_LEFT: Final = (0x40, 0x04, 0x02, 0x01)
_RIGHT: Final = (0x80, 0x20, 0x10, 0x08)
"""The dots of a cell's two columns, from the lowest up."""
_BARS: Final = " ▁▂▃▄▅▆▇█"
_NICE: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


class Curve(Struct, frozen=True):
    """One value for each point, None where there is none; later curves are drawn over others."""

    values: Sequence[float | None]
    role: str
    label: str = ""
    """What its last value is called, beside the picture."""
    filled: bool = False
    """Whether all below it is filled."""


class Mark(Struct, frozen=True):
    """A moment to be seen in every row of a picture."""

    at: float
    """Where it is: 0 is the beginning of the first point, 1 that of the second."""
    role: str


class Frame(Struct, frozen=True):
    """The room of a picture (cells), and what is drawn besides curves."""

    width: int
    height: int
    left: int
    """How many cells the axis takes."""
    right: int
    """How many cells the labels of last values take."""
    marks: Sequence[Mark] = ()
    pointed: int | None = None
    """The point that is looked at."""

    @property
    def plot(self) -> int:
        """How many cells are left for the picture."""
        return max(1, self.width - self.left - self.right)


def nice(value: float) -> float:
    """Return the least round number that is no less: an axis that ends there stays for a while."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(each * power for each in _NICE if each * power >= value * (1 - 1e-9))


def cell_of(at: float, points: int, cells: int) -> int:
    """Return the cell in which a moment (in points) is."""
    return max(0, min(cells - 1, int(at * cells / max(points, 1))))


def point_of(cell: int, points: int, cells: int) -> int:
    """Return the point in the middle of a cell."""
    return max(0, min(points - 1, int((cell + 0.5) * points / max(cells, 1))))


def plot(
    curves: Sequence[Curve],
    frame: Frame,
    *,
    top: float,
    write: Callable[[float], str],
) -> list[Line]:
    """Return the lines of a picture from 0 to *top*; *write* says a value in few cells."""
    cells, rows = frame.plot, frame.height
    dots = [bytearray(cells) for _ in range(rows)]
    roles: list[list[str]] = [[""] * cells for _ in range(rows)]
    for curve in curves:
        _draw(curve, dots, roles, top)
    points = max((len(curve.values) for curve in curves), default=0)
    behind = {cell_of(mark.at, points, cells): (MARK, mark.role) for mark in frame.marks}
    if frame.pointed is not None:
        behind[cell_of(frame.pointed + 0.5, points, cells)] = (POINTED, "accent")
    labels = _labels(curves, rows, top, write)
    lines: list[Line] = []
    for row in range(rows):
        bound = write(top) if row == 0 else write(0) if row == rows - 1 else ""
        pieces: list[Piece] = [(fit_right(bound, frame.left - 1) + " ", "muted")]
        pieces += _pieces(dots[row], roles[row], behind)
        said, role = labels.get(row, ("", ""))
        room = frame.right - 1
        shown = said if cell_width(said) <= room else said.partition(" ")[2]
        lines.append([*pieces, (f" {shown}"[: frame.right].ljust(frame.right), role)])
    return lines


def bars(values: Sequence[float | None], width: int, top: float) -> str:
    """Return values as a row of *width* bars, each as high as the greatest of its points."""
    drawn = []
    for cell in range(width):
        found = [each for each in _of(values, cell, width) if each is not None]
        if not found:
            drawn.append(" ")
            continue
        eighths = round(max(found) / top * 8) if top > 0 else 0
        drawn.append(_BARS[max(1 if max(found) > 0 else 0, min(8, eighths))])
    return "".join(drawn)


def _of(values: Sequence[float | None], column: int, columns: int) -> Sequence[float | None]:
    """Return the points that are in a column: those that begin there, else the one that lasts."""
    count = len(values)
    first = column * count // columns
    if count > columns:
        return values[first : max(first + 1, (column + 1) * count // columns)]
    return values[first : first + 1]


def _draw(curve: Curve, dots: list[bytearray], roles: list[list[str]], top: float) -> None:
    columns, levels = 2 * len(dots[0]), 4 * len(dots)
    before: tuple[int, int] | None = None
    for column in range(columns):
        found = [each for each in _of(curve.values, column, columns) if each is not None]
        if not found:
            before = None
            continue
        low, high = _level(min(found), top, levels), _level(max(found), top, levels)
        now = (low, high)
        if curve.filled:
            if max(found) <= 0:
                continue
            low, high = 0, max(0, min(levels, round(max(found) / top * levels)) - 1)
        elif before is not None:  # steps are joined
            low, high = min(low, before[1]), max(high, before[0])
        before = now
        bits, cell = (_RIGHT if column & 1 else _LEFT), column >> 1
        for level in range(low, high + 1):
            row = len(dots) - 1 - (level >> 2)
            dots[row][cell] |= bits[level & 3]
            roles[row][cell] = curve.role


def _level(value: float, top: float, levels: int) -> int:
    return max(0, min(levels - 1, round(value / top * (levels - 1))))


def _pieces(
    dots: bytearray, roles: Sequence[str], behind: dict[int, tuple[str, str]]
) -> list[Piece]:
    """Return a row's cells as few pieces."""
    cells: list[Piece] = []
    for cell, bits in enumerate(dots):
        sign, role = behind.get(cell, (_BLANK, ""))
        if bits:
            cells.append((chr(0x2800 | bits), "accent" if sign == POINTED else roles[cell]))
        else:
            cells.append((" " if sign == _BLANK else sign, role))
    return [
        ("".join(sign for sign, _ in group), role)
        for role, group in groupby(cells, key=lambda cell: cell[1])
    ]


def _labels(
    curves: Sequence[Curve], rows: int, top: float, write: Callable[[float], str]
) -> dict[int, Piece]:
    """Return what stands at the right end of rows: last values at their height, as far as it fits.

    The later curves stand where they belong; others make way, the higher value above.
    """
    wanted: list[tuple[float, Piece]] = []
    for curve in curves:
        last = next((each for each in reversed(curve.values) if each is not None), None)
        if curve.label and last is not None:
            wanted.append((last, (f"{curve.label} {write(last)}", curve.role)))
    wanted.sort(key=lambda each: -each[0])
    labels: dict[int, Piece] = {}
    least = 0
    for number, (value, piece) in enumerate(wanted):
        left = len(wanted) - 1 - number
        row = rows - 1 - (_level(value, top, 4 * rows) >> 2)
        row = min(max(row, least), max(least, rows - 1 - left))
        if row < rows:
            labels[row] = piece
        least = row + 1
    return labels
