"""An exchange as a row of the traffic list.

    #  time          source   event                 v   status       dur     size  signature
 1198  14:05:07.112  webhook  issue.created         v1  200       3.2 ms    1.1 k  ok k0
 1199  14:05:07.114   └ api   POST extensions/logs      204       0.4 ms     92 b
 1203  14:05:08.020  webhook  issue.transitioned    v1  500 ✗    18.9 ms    2.3 k  ok k0

Columns depend on the width alone, so that nothing moves as rows arrive. In a narrow terminal the
size and the version go first, then the milliseconds, the signature, the time, the source; number,
event and status stay in any. In a wide one notes are shown in full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.model import Source, State
from kiket_console.text import age, clock, duration, fit, fit_right, size, visible
from kiket_console.ui.paint import fate, messages
from kiket_console.ui.paint.line import PICKED
from kiket_console.ui.paint.workers import short_name, worker_role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Exchange
    from kiket_console.ui.paint.line import Line, Piece

PENDING_AFTER_US = 100_000
"""An answer that comes sooner never shows as pending."""
_CLOCK_AFTER_US = 1_000_000
"""From here on a row says how long its answer has been waited for, in whole seconds."""

_ROOMY = 112
_FULL_TIME = 92
_TIGHT = 52
_NARROW = 42
_NARROWEST = 28
_LEAST_EVENT = 8
_LEAST_NOTE = 16
_BOTH = 19
_CALL = 30
"""What most calls to the platform need of the event's column."""
_SOURCE = 8
_WORKER = 12
_WIDEST_EVENT = 56
"""A name further from its status than this would be hard to follow across the row."""
PINNED = "★"
NOTED = "✎"
STATE_WORDS = {
    State.HELD: ("held", "warning"),
    State.FAILED: ("failed ✗", "error"),
    State.INTERRUPTED: ("cut off ?", "warning"),
    State.REJECTED: ("refused ✗", "error"),
}
_SIGNATURE_ROLES = {
    "ok": "muted", "re-signed": "muted", "sigv4": "muted", "unsigned": "warning", "": "muted",
}  # fmt: skip


class Columns(Struct, frozen=True):
    """How many cells each column takes; 0 is a column that is not shown."""

    number: int
    time: int
    worker: int
    source: int
    event: int
    version: int
    status: int
    duration: int
    size: int
    signature: int
    note: int = 0


def columns(width: int, newest_id: int, *, several: bool = False) -> Columns:
    """Return the columns for a list *width* cells wide; *several*: of more than one worker."""
    number = max(5, len(str(newest_id)))
    if width < _NARROW:
        return _narrow(width, len(str(newest_id)))
    worker = _WORKER if several and width >= _FULL_TIME + _WORKER + 2 else 0
    width -= worker and worker + 2
    roomy = width >= _ROOMY
    time = 12 if width >= _FULL_TIME else 8
    version, size_ = (4, 7) if roomy else (0, 0)
    signature = _BOTH if roomy else 9
    took = 8 if width >= _TIGHT else 0
    if width < _TIGHT:
        time = signature = 0
    fixed = [number, time, _SOURCE, version, 9, took, size_, signature]
    gaps = sum(1 for cells in fixed if cells) * 2 + 2
    event = width - sum(fixed) - gaps
    if worker and signature and not roomy and event - (_BOTH - signature) >= _CALL:
        event, signature = event - (_BOTH - signature), _BOTH
    if event < 14 and signature:  # narrow: the signature gives way as well
        event, signature = event + signature + 2, 0
    if event < 14 and time:  # and then the time
        event, time = event + time + 2, 0
    note = event - _WIDEST_EVENT - 2
    return Columns(
        number, time, worker, _SOURCE, min(_WIDEST_EVENT, event), version, 9, took, size_,
        signature, note if note >= _LEAST_NOTE else 0,
    )  # fmt: skip


def _narrow(width: int, number: int) -> Columns:
    """Return what says most in a list that is hardly wider than a row's essence."""
    status = 9 if width >= _NARROWEST else 5
    event = max(1, width - number - status - 6)
    return Columns(number, 0, 0, 0, event, 0, status, 0, 0, 0)


def header(columns: Columns) -> Line:
    """Return the names of the columns."""
    cells = [
        fit_right("#", columns.number),
        fit("time", columns.time),
        fit("worker", columns.worker) if columns.worker else "",
        fit("source", columns.source) if columns.source else "",
        fit("event", columns.event),
        fit("v", columns.version),
        fit("status", columns.status),
        fit_right("dur", columns.duration) if columns.duration else "",
        fit_right("size", columns.size),
        fit("signature", columns.signature),
        fit("note", columns.note) if columns.note else "",
    ]
    return [(" " + "  ".join(cell for cell in cells if cell), "muted")]


def neighbour(exchange: Exchange, above: Exchange | None) -> bool:
    """Return whether *exchange* stands right below its cause, or below another child of it."""
    if above is None or exchange.parent_id is None:
        return False
    return exchange.parent_id in (above.id, above.parent_id)


def pending(exchange: Exchange) -> bool:
    """Return whether an answer is still to come."""
    return exchange.is_open


def status(exchange: Exchange, now_us: int) -> tuple[str, str]:
    """Return how an exchange ended, as a word or number with a sign, and its role."""
    if (told := messages.ending(exchange)) is not None:
        return told
    if exchange.state is State.RECEIVED:
        return ("…", "muted") if now_us - exchange.started_us > PENDING_AFTER_US else ("", "muted")
    if exchange.state is State.FORWARDED:
        if exchange.status is None:
            return "ok", ""
        return (f"{exchange.status} ✗", "error") if exchange.failing else (str(exchange.status), "")
    return STATE_WORDS[exchange.state]


def row(
    exchange: Exchange,
    columns: Columns,
    *,
    below_cause: bool,
    now_us: int,
    workers: Sequence[str] = (),
    picked: bool = False,
) -> Line:
    """Return the row of an exchange; *below_cause* indents a child under what caused it.

    *picked*: it is one of several that a person has selected.
    """
    word, word_role = status(exchange, now_us)
    source, source_role = source_cell(exchange, below_cause=below_cause), exchange.source.value
    took, took_role = _took(exchange, now_us)
    note, note_role, tail = _note(exchange, below_cause, columns.signature)
    pieces: list[Piece] = [
        *_number(exchange, columns.number, picked=picked),
        (_time(exchange, columns), "muted"),
        *_worker(exchange, columns.worker, workers),
        (fit(source, columns.source) + "  " if columns.source else "", source_role),
        *_event(exchange, columns, now_us, below_cause=below_cause),
    ]
    if columns.version:
        pieces.append((fit(visible(exchange.version), columns.version) + "  ", "muted"))
    pieces.append((_status_cell(word, columns.status), word_role))
    if columns.duration:
        pieces.append(("  " + fit_right(took, columns.duration), took_role))
    if columns.size:
        pieces.append(("  " + fit_right(size(exchange.request_bytes), columns.size), "muted"))
    if columns.signature:
        pieces.append(("  " + fit(note, columns.signature - len(tail)), note_role))
        pieces.append((tail, "muted"))
    if columns.note:
        pieces.append(("  " + fit(visible(exchange.note), columns.note), "muted"))
    return pieces


def _status_cell(word: str, cells: int) -> str:
    """Return how an exchange ended in some cells; its sign stays though its word is cut."""
    text, _, sign = word.rpartition(" ")
    if not text or len(word) <= cells:
        return fit(word, cells)
    return f"{text[: cells - 2]} {sign}"


def _number(exchange: Exchange, cells: int, *, picked: bool) -> list[Piece]:
    number = fit_right(str(exchange.id), cells)
    digits = number.lstrip()
    return [
        (PICKED if picked else " ", "accent" if picked else "muted"),
        (number[: len(number) - len(digits)], "muted"),
        (digits, "picked" if picked else "muted"),
        (f"{PINNED} " if exchange.pinned else "  ", "accent"),
    ]


def tries(exchange: Exchange) -> str:
    """Return how often it was tried, where that says something."""
    return f"×{exchange.attempts}" if exchange.attempts > 1 else ""  # noqa: RUF001 - it is meant


def _worker(exchange: Exchange, cells: int, workers: Sequence[str]) -> list[Piece]:
    if not cells:
        return []
    name = visible(exchange.worker)
    shown = name if len(name) <= cells else short_name(exchange.worker)
    return [(fit(shown, cells) + "  ", worker_role(exchange.worker, workers))]


def _event(exchange: Exchange, columns: Columns, now_us: int, *, below_cause: bool) -> list[Piece]:
    """Return the event's name; at the right end what became of it, and a note's sign."""
    again = tries(exchange)
    signs: list[Piece] = [(f" {NOTED}", "accent")] if exchange.note and not columns.note else []
    signs += fate.signs(exchange, now_us)
    if again:
        signs.append((f" {again}", "warning"))
    room = columns.event - sum(len(sign) for sign, _ in signs)
    if room < _LEAST_EVENT:
        room, signs = columns.event, []
    child = not columns.source and exchange.parent_id is not None
    lead = (" └ " if below_cause else "└ ") if child else ""
    name = messages.name(exchange, columns.event, with_module=not columns.worker)
    return [(fit(lead + name, room), ""), *signs, ("  ", "")]


def _took(exchange: Exchange, now_us: int) -> tuple[str, str]:
    """Return how long it took or, while an answer is to come, takes so far, and its role."""
    if messages.ending(exchange) is not None:
        return "", ""  # it waits for nothing
    if exchange.duration_us is not None:
        return duration(exchange.duration_us), ""
    waits_us = now_us - exchange.started_us
    if exchange.state is State.RECEIVED and waits_us >= _CLOCK_AFTER_US:
        return age(waits_us / 1_000_000), "muted"
    return "", ""


def _time(exchange: Exchange, columns: Columns) -> str:
    if not columns.time:
        return ""
    return clock(exchange.started_us, milliseconds=columns.time > 8) + "  "


def source_cell(exchange: Exchange, *, below_cause: bool) -> str:
    """Return where an exchange comes from, with the sign of what another one caused."""
    shown = messages.source(exchange)
    if exchange.parent_id is None or exchange.source is Source.WEBHOOK:
        return shown
    if exchange.source is Source.PRODUCER:
        shown = "prod"  # the column has no room for more behind a sign
    return (" └ " if below_cause else "└ ") + shown


def _note(exchange: Exchange, below_cause: bool, width: int) -> tuple[str, str, str]:
    """Return the last column: signature, its role, and what the exchange belongs to."""
    tail = ""
    if exchange.replay_of is not None:
        tail = f"of {exchange.replay_of}"
    elif exchange.duplicate_of is not None:
        tail = f"dup {exchange.duplicate_of}"
    elif exchange.parent_id is not None and not below_cause:
        tail = f"└ {exchange.parent_id}"
    if exchange.parent_guessed:
        tail = f"{tail} guessed".lstrip()
    word = visible(exchange.signature or exchange.channel)
    role = "muted" if exchange.channel else _SIGNATURE_ROLES.get(word.split(" ")[0], "error")
    if not tail:
        return word, role, ""
    if width < _BOTH or not word:  # no room for both: what it belongs to says more than success
        fine = role == "muted"
        return ("", role, fit(tail, width)) if fine else (word, role, "")
    return word, role, fit(tail, width - 10)
