"""Curves over time as lines of braille: eight dots to a cell, axis and last values beside them.

    60 ⡀⠀⠀⠀⠀⡀⠀⠀⠀⠀┊⠀⣀⠔⠒⠉ p95 41
       ⠈⠒⠤⠤⠒⠉⠒⠤⠒⠉┊⠊
     0 ⣀⣀⣀⣀⠀⠀⣀⣀⣀⣀┊⣀⣀⣀⣀⣀ p50 3.1

More points than dots: a dot's column shows the least and the greatest of its points, so that a
spike stays. Fewer: each is a step. What has no value is a gap. Pure: numbers in, lines out.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, Final, TypeVar, cast

from msgspec import Struct

from kiket_console.text import cell_width, fit_right
from kiket_console.ui.paint.line import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kiket_console.ui.paint.line import Line, Piece

MARK: Final = "┊"
POINTED: Final = "│"
_SIGNS: Final = " " + "".join(chr(0x2800 + dots) for dots in range(1, 256))
"""What shows the dots of a cell, a bit for each."""
_LEFT: Final = (0x40, 0x04, 0x02, 0x01)
_RIGHT: Final = (0x80, 0x20, 0x10, 0x08)
"""The dots of a cell's two columns, from the lowest up."""
_BARS: Final = " ▁▂▃▄▅▆▇█"
_NICE: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_Number = TypeVar("_Number", int, float)


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
    dots, roles = _dots(curves, cells, rows, top)
    points = max((len(curve.values) for curve in curves), default=0)
    behind = {cell_of(mark.at, points, cells): (MARK, mark.role) for mark in frame.marks}
    if frame.pointed is not None:
        behind[cell_of(frame.pointed + 0.5, points, cells)] = (POINTED, "accent")
    labels = _labels(curves, rows, top, write)
    room = frame.right - 1
    lines: list[Line] = []
    for row in range(rows):
        bound = write(top) if row == 0 else write(0) if row == rows - 1 else ""
        axis = fit_right(bound, frame.left - 1) + " "
        said, role = labels.get(row, ("", PLAIN))
        shown = said if cell_width(said) <= room else said.partition(" ")[2]
        label = f" {shown}"[: frame.right].ljust(frame.right)
        of_row = slice(rows - 1 - row, None, rows)
        signs, inks = _cells(dots[of_row], roles[of_row], behind)
        lines.append(_line(
            f"{axis}{signs}{label}", ["muted"] * len(axis) + inks + [role] * len(label)
        ))  # fmt: skip
    return lines


def bars(values: Sequence[float | None], width: int, top: float) -> str:
    """Return values as a row of *width* bars, each as high as the greatest of its points."""
    drawn = []
    for found in _by_column(values, width):
        if not found:
            drawn.append(" ")
            continue
        eighths = round(max(found) / top * 8) if top > 0 else 0
        drawn.append(_BARS[max(1 if max(found) > 0 else 0, min(8, eighths))])
    return "".join(drawn)


def _dots(curves: Sequence[Curve], cells: int, rows: int, top: float) -> tuple[bytes, list[str]]:
    """Return the dots of all cells and their roles, column by column, each from the lowest up."""
    columns = [0] * cells  # of cells: a byte for each
    roles = [PLAIN] * (cells * rows)
    halves = _filled(rows, _LEFT), _filled(rows, _RIGHT)
    for curve in curves:
        role = [curve.role]
        before = nothing = (-1, 4 * rows)
        for column, levels in enumerate(_by_column(_levels(curve, top, 4 * rows), 2 * cells)):
            if not levels:
                before = nothing
                continue
            low, high = now = min(levels), max(levels)
            if curve.filled:
                low = 0
            else:  # steps are joined
                low = low if low < before[1] else before[1]
                high = high if high > before[0] else before[0]
                before = now
            cell, filled = column >> 1, halves[column & 1]
            columns[cell] |= filled[high + 1] - filled[low]
            first, last = cell * rows + (low >> 2), cell * rows + (high >> 2) + 1
            roles[first:last] = role * (last - first)
    return b"".join([column.to_bytes(rows, "little") for column in columns]), roles


def _by_column(values: Sequence[_Number | None], columns: int) -> list[Sequence[_Number]]:
    """Return what is in each column."""
    found = [values[part] for part in _parts(len(values), columns)]
    if None in values:
        return [[each for each in part if each is not None] for part in found]
    return cast("list[Sequence[_Number]]", found)


@lru_cache(maxsize=32)
def _parts(count: int, columns: int) -> Sequence[slice]:
    """Return which points are in each column: those that begin there, else the one that lasts."""
    edges = [column * count // columns for column in range(columns + 1)]
    return [slice(first, max(first + 1, last)) for first, last in pairwise(edges)]


@lru_cache(maxsize=32)
def _filled(rows: int, dots: Sequence[int]) -> Sequence[int]:
    """Return half a column of cells as it is filled up to each level, a byte for each cell."""
    return [0, *accumulate(dots[level & 3] << 8 * (level >> 2) for level in range(4 * rows))]


def _levels(curve: Curve, top: float, levels: int) -> list[int | None]:
    """Return the level of each point, 0 the lowest; None where nothing is drawn."""
    if curve.filled:  # what is more than nothing is seen
        return [
            max(0, _level(each, top, levels) - 1) if each is not None and each > 0 else None
            for each in curve.values
        ]
    return [None if each is None else _level(each, top, levels - 1) for each in curve.values]


def _level(value: float, top: float, most: int) -> int:
    """Return a value from 0 to *top* as a whole number from 0 to *most*."""
    if value <= 0:
        return 0
    return most if value >= top else round(value / top * most)


def _cells(dots: bytes, roles: list[str], behind: Mapping[int, Piece]) -> tuple[str, list[str]]:
    """Return a row's signs and roles, with what is behind where there is no dot."""
    signs = [_SIGNS[each] for each in dots]
    for cell, (sign, role) in behind.items():
        if not dots[cell]:
            signs[cell], roles[cell] = sign, role
        elif sign == POINTED:
            roles[cell] = role
    return "".join(signs), roles


def _line(text: str, roles: Sequence[str]) -> Line:
    """Return a text as few pieces: a blank looks the same in the role of what is before it."""
    pieces: list[Piece] = []
    begin = end = 0
    before = roles[0]
    for role, cells in groupby(roles):
        if role not in (PLAIN, before):
            pieces.append((text[begin:end], before))
            begin, before = end, role
        end += len(list(cells))
    return [*pieces, (text[begin:], before)]


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
        row = rows - 1 - (_level(value, top, 4 * rows - 1) >> 2)
        row = min(max(row, least), max(least, rows - 1 - left))
        if row < rows:
            labels[row] = piece
        least = row + 1
    return labels
