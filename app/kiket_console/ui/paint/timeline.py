"""What caused an exchange and what it caused, as bars on one scale.

      14:05:25.592 came · 1.4 ms until it was tried · 18.9 ms for the answer
      most of it in POST notifications, 6.4 of 20.3 ms (31 %)
                                       0 ──────────── 10.2 ms ─────────── 20.3 ms
    ▸ webhook  issue.transitioned      ╌╌███████████████████████████████████  18.9 ms  500 ✗
       api     GET custom_data/…           ████████                            3.8 ms  200
       log     warning retrying CRM                ▏
       api     POST notifications                  ██████████████              6.4 ms  429 ✗  ◂ 31 %

A row is painted when it is looked at. `enter` leads to the exchange, the attempt or the log line of
a row and unfolds a span; `←` folds what a row has caused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.log_levels.told import told
from kiket_console.model import Attempt, Exchange, LogLine, Source
from kiket_console.text import cell_width, duration, fit, fit_right, uncoloured, visible
from kiket_console.ui.paint import messages
from kiket_console.ui.paint.attempts import ending
from kiket_console.ui.paint.bars import MOMENT, axis, bar, cell
from kiket_console.ui.paint.line import cut, wrap
from kiket_console.ui.paint.source import LineSource
from kiket_console.ui.paint.timeline_words import MARGIN, facts, head, legend, share
from kiket_console.ui.paint.traffic import status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.tracing.tree import Bar, Timeline
    from kiket_console.ui.paint.line import Line, Piece

_NAME_CELLS: Final = 56
_LABEL_CELLS: Final = 8
_DEEPEST: Final = 6
"""What is deeper is indented no further."""
_NUMBERED: Final = 110
"""From this width on rows say the numbers of exchanges, and the share of the longest."""
_EXPLAINED: Final = 140
"""And from this one on why something is a guess."""
_UNFOLDED_LINES: Final = 20
_ROLES: Final = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error", "FATAL": "error"}
_KINDS: Final = {"internal": "span"}
_LONGEST: Final = "◂"
_ASKED: Final = "▸"


class TimelineRows(LineSource):
    """The rows of a timeline for one width; *folds* are rows that were folded, or unfolded.

    *folds* has the targets of rows whose parts are hidden, and behind a `+` those of rows that show
    more of themselves; it is changed here and outlives the rows. *note*: what is said below all.
    *next_key*: what leads to what failed or took long.
    """

    def __init__(
        self,
        shown: Timeline,
        width: int,
        now_us: int,
        folds: set[str] | None = None,
        *,
        note: str = "",
        next_key: str = "",
    ) -> None:
        self.shown = shown
        self._width = width
        self._now_us = now_us
        self._folds = set() if folds is None else folds
        self._tail: list[tuple[Line, str]] = legend(shown, note)
        self._numbered = width >= _NUMBERED
        self._number_cells = 0
        if self._numbered:
            asked = shown.bars[shown.asked].target if shown.bars else ""
            self._number_cells = len(asked.partition(":")[2]) + 3
        self._label_cells = _LABEL_CELLS + 1 + min(_DEEPEST, shown.deepest)
        reasons = [len(guess) + 2 for guess in shown.guesses if width >= _EXPLAINED]
        self._tail_cells = max([7 if self._numbered else 2, *reasons])
        self._name_cells = max(14, min(_NAME_CELLS, width // 4 + 4))
        fixed = 2 + self._label_cells + self._number_cells + self._name_cells + 2
        self._bar_cells = max(6, width - fixed - 10 - 2 - 9 - self._tail_cells - 1)
        self._head = head(shown, width)
        notable = shown.failing or shown.longest >= 0
        hint = f"{MARGIN}{next_key} goes to what failed or took long" if notable else ""
        hint = hint if next_key else ""
        if shown.bars:
            self._head.append([(fit(hint, fixed), "muted"), *axis(shown.lasts_us, self._bar_cells)])
        self._rows: list[tuple[int, int]] = []
        self._lay_out()

    # Which row shows what

    def _lay_out(self) -> None:
        """Find the rows of all bars that no fold hides."""
        rows: list[tuple[int, int]] = []
        at, bars = 0, self.shown.bars
        opened = {fold[1:] for fold in self._folds if fold.startswith("+")}
        while at < len(bars):
            each = bars[at]
            rows.append((at, -1))
            if each.target in opened or isinstance(each.thing, Attempt):
                rows += [(at, part) for part in range(len(self._below(each)))]
            at = each.after if each.parts and each.target in self._folds else at + 1
        self._rows = rows

    def _below(self, each: Bar) -> Sequence[Line]:
        """Return the lines below a bar: why it failed, and what it shows when it is unfolded."""
        indent = MARGIN + " " * (self._label_cells + self._number_cells)
        room = self._width - 1
        if isinstance(each.thing, Attempt):
            return wrap(each.thing.error, room, "error", indent) if each.thing.error else ()
        if isinstance(each.thing, Exchange) or f"+{each.target}" not in self._folds:
            return ()
        if isinstance(each.thing, LogLine):
            lines: list[Line] = []
            for text in uncoloured(each.thing.text).split("\n")[:_UNFOLDED_LINES]:
                lines += wrap(text, room, "", indent)
            return lines[:_UNFOLDED_LINES]
        return facts(each.thing, room, indent)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._head) + len(self._rows) + len(self._tail)

    def bar_at(self, index: int) -> Bar | None:
        """Return the bar that a row belongs to."""
        at = index - len(self._head)
        return self.shown.bars[self._rows[at][0]] if 0 <= at < len(self._rows) else None

    def row_of(self, target: str) -> int | None:
        """Return the row of what is called *target*; None where it is not shown."""
        for row, (at, part) in enumerate(self._rows):
            if part < 0 and self.shown.bars[at].target == target:
                return len(self._head) + row
        return None

    @property
    def asked_row(self) -> int:
        """The row of the exchange that was asked for."""
        bars = self.shown.bars
        found = self.row_of(bars[self.shown.asked].target) if bars else None
        return found or 0

    def notable(self, index: int, by: int) -> int | None:
        """Return the next row, or the one before, of what failed or took most of the time."""
        head = len(self._head)
        at = min(max(index - head, -1), len(self._rows)) + by
        while 0 <= at < len(self._rows):
            number, part = self._rows[at]
            if part < 0 and (self.shown.bars[number].failing or number == self.shown.longest):
                return head + at
            at += by
        return None

    # What a row is

    def line(self, index: int) -> Line:
        """Return one row."""
        if index < len(self._head):
            return self._head[index]
        at = index - len(self._head)
        if at >= len(self._rows):
            return cut(self._tail[at - len(self._rows)][0], self._width)
        number, part = self._rows[at]
        each = self.shown.bars[number]
        return self._painted(each) if part < 0 else self._below(each)[part]

    def target(self, index: int) -> str:
        """Return what a row leads to; nothing from a span, which is unfolded instead."""
        at = index - len(self._head) - len(self._rows)
        if at >= 0:
            return self._tail[at][1] if at < len(self._tail) else ""
        found = self.bar_at(index)
        return "" if found is None or found.target.startswith("span:") else found.target

    def name(self, index: int) -> str:
        """Return what a row is called, so that it is found again among other rows."""
        found = self.bar_at(index)
        return found.target if found is not None else ""

    def folded(self, index: int) -> bool | None:
        """Return whether a row hides what it caused, or more of itself."""
        found = self.bar_at(index)
        if found is None:
            return None
        if found.parts:
            return found.target in self._folds
        return f"+{found.target}" not in self._folds if _unfolds(found) else None

    def fold(self, index: int) -> int:
        """Hide what a row caused, or show it again; of what caused nothing, more of itself."""
        found = self.bar_at(index)
        if found is None or not (found.parts or _unfolds(found)):
            return index
        return self._turned(found, found.target if found.parts else f"+{found.target}")

    def turn(self, index: int) -> int:
        """Show more of a span, or no longer."""
        found = self.bar_at(index)
        if found is None or not _unfolds(found):
            return index
        return self._turned(found, f"+{found.target}")

    def _turned(self, found: Bar, fold: str) -> int:
        self._folds ^= {fold}
        self._lay_out()
        return self.row_of(found.target) or 0

    def fold_level(self, index: int, by: int | None) -> int:
        """Fold all, or unfold all; by levels likewise."""
        found = self.bar_at(index)
        bars = [bar for bar in self.shown.bars if bar.parts]
        if by is None or by > 0:
            self._folds -= {bar.target for bar in bars}
        else:
            self._folds |= {bar.target for bar in bars if bar.depth > 0 or not by}
        self._lay_out()
        while found is not None and self.row_of(found.target) is None:
            found = self.shown.bars[found.parent] if found.parent >= 0 else None
        return (self.row_of(found.target) if found is not None else None) or 0

    def above(self, index: int) -> int:
        """Return the row of what a row is a part of."""
        found = self.bar_at(index)
        if found is None or found.parent < 0:
            return index
        return self.row_of(self.shown.bars[found.parent].target) or index

    # Painted

    def _painted(self, each: Bar) -> Line:
        shown = self.shown
        label, role, name, name_role = self._words(each)
        word, word_role = self._ending(each)
        indent = " " * min(_DEEPEST, each.depth)
        took = "" if each.duration_us is None else duration(each.duration_us)
        asked = each.row == shown.asked
        pieces: list[Piece] = [
            (f" {_ASKED}" if asked else MARGIN, "accent"),
            (fit(indent + label, self._label_cells), role),
        ]
        if self._numbered:
            number = str(each.thing.id) if isinstance(each.thing, Exchange) else ""
            pieces.append((fit(number, self._number_cells), "muted"))
        if isinstance(each.thing, LogLine):
            return [*pieces, *self._logged(each, name, role, name_role)]
        pieces += [
            *self._name(each, name, "strong" if asked else name_role),
            *bar(
                each.started_us - shown.begin_us, each.waited_us, each.duration_us or 0,
                shown.lasts_us, self._bar_cells, role,
            ),
            (fit_right(took, 10) + "  ", "" if each.critical else "muted"),
            (fit(word, 9), word_role),
        ]  # fmt: skip
        if each.row == shown.longest:
            said = f"{_LONGEST} {share(shown)}" if self._numbered else _LONGEST
            pieces.append((said, "accent"))
        elif each.guess and self._width >= _EXPLAINED:
            pieces.append((f"? {each.guess}", "warning"))
        return pieces

    def _logged(self, each: Bar, said: str, role: str, text_role: str) -> Line:
        """Return what a line says beside its moment: on the side that has more room."""
        at = cell(each.started_us - self.shown.begin_us, self.shown.lasts_us, self._bar_cells)
        left = self._name_cells + 2 + at
        level, _, text = said.partition(" ")
        right = self._bar_cells - at + 19 + self._tail_cells
        if cell_width(said) < left or left >= right:
            return [(fit(said, left - 1) + " ", text_role), (MOMENT, role)]
        return [(fit(level, left), text_role), (MOMENT, role), (f" {fit(text, right)}", text_role)]

    def _name(self, each: Bar, name: str, role: str) -> Line:
        room = self._name_cells
        pieces: list[Piece] = []
        if each.guess:
            pieces.append(("? ", "warning"))
        tail = f" +{each.after - each.row - 1}" if each.parts and each.target in self._folds else ""
        room -= 2 * len(pieces) + len(tail)
        return [*pieces, (fit(name, room), role), (tail, "accent"), ("  ", "")]

    def _words(self, each: Bar) -> tuple[str, str, str, str]:
        """Return a row's label and its role, and its name and its role."""
        thing = each.thing
        if isinstance(thing, Exchange):
            name = messages.name(thing, self._name_cells, with_module=True)
            if thing.source is Source.WEBHOOK and thing.version:
                name = f"{name} {visible(thing.version)}"
            return messages.source(thing), thing.source.value, name, ""
        if isinstance(thing, Attempt):
            return f"try {thing.number}", "muted", visible(thing.target), "muted"
        if isinstance(thing, LogLine):
            level = visible(thing.level.lower() or thing.stream)
            said = visible(uncoloured(told(thing.text)).split("\n", 1)[0])
            role = _ROLES.get(thing.level, "log")
            return "log", role, f"{level} {said}", "" if role == "log" else role
        role = "muted" if each.is_handler else "info"
        return _KINDS.get(thing.kind, visible(thing.kind)), role, visible(thing.name), ""

    def _ending(self, each: Bar) -> tuple[str, str]:
        thing = each.thing
        if isinstance(thing, Exchange):
            word, role = status(thing, self._now_us)
            return word, role or "muted"
        if isinstance(thing, Attempt):
            word, role = ending(thing)
            return word, role or "muted"
        if isinstance(thing, LogLine):
            return "", ""
        return ("error ✗", "error") if each.failing else (visible(thing.status), "muted")


def _unfolds(each: Bar) -> bool:
    """Return whether there is more to show of a row itself."""
    return not isinstance(each.thing, Exchange | Attempt)
