"""The difference between two recorded bodies: as JSON, as lines of text, or as bytes.

Always ends: a comparison of JSON that takes too long falls back to lines, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console import json_path
from kiket_console.comparing import documents, rows
from kiket_console.comparing.beginning import shared
from kiket_console.comparing.structure import Kind, TooDifferent, walk
from kiket_console.text import size

if TYPE_CHECKING:
    from kiket_console.comparing.rows import Row, Rows
    from kiket_console.model import Body

JSON_LIMIT_S: Final = 3.0
"""A comparison of JSON values that takes longer is given up for one of lines."""
BYTES_SHOWN: Final = 64 << 10
"""Of bytes that are no text so many are shown."""
_HEX_ROW: Final = 16


class Manner(Struct, frozen=True):
    """How two exchanges are compared."""

    noise: bool = False
    """Whether headers that differ each time count."""
    unordered: bool = False
    """Whether the order of arrays means nothing."""
    ignore: tuple[str, ...] = ()
    """Paths of JSON values that are left out: `$..processed_at`."""
    whole: bool = False
    """Whether to keep the rows of all that is the same."""

    def check(self) -> None:
        """Raise `JsonPathError` for a path that cannot be read."""
        for path in self.ignore:
            json_path.parse(path)


@dataclass(frozen=True, slots=True)
class BodyDifference:
    """What differs between two bodies."""

    form: str
    """How they were compared: `json`, `text`, `bytes`, or empty when both are empty."""
    rows: list[Row] = field(repr=False)
    count: int
    """How many differences there are."""
    notes: tuple[str, ...] = ()
    """What a person should know of the comparison, in sentences."""

    @property
    def changes(self) -> list[Row]:
        """The rows where a difference, or a number that is written otherwise, begins."""
        return [row for row in self.rows if row.begins and row.kind is not Kind.SAME]


NOTHING: Final = BodyDifference("", [], 0)


def compare_bodies(before: Body, after: Body, manner: Manner) -> BodyDifference:
    """Return what differs between two bodies; raises `JsonPathError` as `Manner.check` does."""
    if not before.raw and not after.raw:
        return NOTHING
    notes = _notes(before, after)
    one, two = _text(before), _text(after)
    if one is None or two is None:
        return _bytes(before.raw, after.raw, notes)
    found = _json(one, two, manner, notes)
    return found if found is not None else _lines(one, two, manner, notes)


def _json(one: str, two: str, manner: Manner, notes: list[str]) -> BodyDifference | None:
    """Compare two texts as JSON; None when they are not, or it takes too long."""
    if not one or not two:
        return _one_sided(one, two, manner, notes)
    try:
        before, after = documents.read(one), documents.read(two)
    except documents.Doubled:
        notes.append("An object has one key twice, so the lines are compared.")
        return None
    except ValueError:
        return None
    try:
        made = rows.of_steps(
            walk(
                before, after,
                ignore=manner.ignore, unordered=manner.unordered, limit_s=JSON_LIMIT_S,
            ),
            whole=manner.whole,
        )  # fmt: skip
    except TooDifferent:
        notes.append("The two are too different to be paired by structure, so lines are compared.")
        lines = [documents.lines_of(each, most=rows.LINE_LIMIT + 1) for each in (before, after)]
        made = rows.of_lines(*lines, whole=manner.whole)
        return _made("text", made, notes)
    return _made("json", made, notes)


def _one_sided(one: str, two: str, manner: Manner, notes: list[str]) -> BodyDifference | None:
    """Compare a JSON text with nothing; None when it is no JSON."""
    try:
        lines = documents.lines_of(documents.read(one or two), most=rows.LINE_LIMIT + 1)
    except ValueError:
        return None
    sides = (lines, ()) if one else ((), lines)
    return _made("json", rows.of_lines(*sides, whole=manner.whole), notes)


def _lines(one: str, two: str, manner: Manner, notes: list[str]) -> BodyDifference:
    made = rows.of_lines(_laid_out(one), _laid_out(two), whole=manner.whole)
    return _made("text", made, notes)


def _laid_out(text: str) -> list[str]:
    """Return the lines of a text, JSON on several."""
    if len(text) > 1000 and "\n" not in text[:1000]:
        try:
            return documents.lines_of(documents.read(text), most=rows.LINE_LIMIT + 1)
        except ValueError:
            pass
    return text.splitlines()


def _bytes(one: bytes, two: bytes, notes: list[str]) -> BodyDifference:
    """Compare bytes, sixteen in a row, each with its offset."""
    if one != two:
        notes.append(f"The bytes differ from offset {shared(one, two):#x} on.")
    if max(len(one), len(two)) > BYTES_SHOWN:
        notes.append(f"The first {size(BYTES_SHOWN)} are shown.")
    made: list[Row] = []
    for offset in range(0, min(max(len(one), len(two)), BYTES_SHOWN), _HEX_ROW):
        left, right = _hex(one, offset), _hex(two, offset)
        kind = Kind.SAME
        if left != right:
            kind = Kind.ADDED if left is None else Kind.REMOVED if right is None else Kind.CHANGED
        begins = kind is not Kind.SAME and (not made or made[-1].kind is Kind.SAME)
        made.append(rows.Row(kind, left, right, begins=begins))
    return BodyDifference("bytes", made, int(one != two), tuple(notes))


def _hex(raw: bytes, offset: int) -> str | None:
    part = raw[offset : offset + _HEX_ROW]
    return f"{offset:08x}  {part.hex(' ')}" if part else None


def _made(form: str, made: Rows, notes: list[str]) -> BodyDifference:
    if not made.complete:
        notes.append(f"There is more than the {made.differences:,} differences that are shown.")
    rewritten = sum(row.begins and row.kind is Kind.REWRITTEN for row in made.shown)
    if rewritten:
        one = rewritten == 1
        notes.append(
            f"{rewritten:,} {'number is' if one else 'numbers are'} only written otherwise."
        )
    return BodyDifference(form, made.shown, made.differences, tuple(notes))


def _notes(before: Body, after: Body) -> list[str]:
    notes: list[str] = []
    if before.truncated or after.truncated:
        which = "Both bodies were" if before.truncated and after.truncated else "One body was"
        notes.append(f"{which} cut when recorded; what was kept is compared.")
    secret = bool(before.references or after.references)
    if secret and before.raw == after.raw and before.sha256 != after.sha256:
        notes.append("They are the same but for a secret, which is not kept.")
    return notes


def _text(body: Body) -> str | None:
    """Return a body as text, or None when it is anything else; its end may have been cut off."""
    raw = body.raw
    if b"\x00" in raw:
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        is_cut = body.truncated and error.start > len(raw) - 4
        return raw[: error.start].decode("utf-8") if is_cut else None
