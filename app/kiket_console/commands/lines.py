"""Lines that commands print for a person: exchanges and log lines, in columns that stand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kiket_console import traced_frames
from kiket_console.commands.colour import plain
from kiket_console.log_levels.told import told
from kiket_console.model import Source, State
from kiket_console.text import (
    cell_width,
    clock,
    duration,
    fit,
    fit_right,
    size,
    uncoloured,
    visible,
)
from kiket_console.ui.paint import fate, messages
from kiket_console.ui.paint.traffic import PINNED, STATE_WORDS, source_cell, tries
from kiket_console.ui.paint.workers import short_name

if TYPE_CHECKING:
    from kiket_console.commands.colour import Paint
    from kiket_console.model import Exchange, LogLine

_WORKER = 12


def list_head(*, worker: bool = False) -> str:
    """Return the names of the columns, one of them for the *worker* where there are several."""
    whose = f"{'worker':<{_WORKER}}  " if worker else ""
    return (
        f"{'#':>6}  {'time':<12}  {whose}{'source':<8}  {'event':<32} {'v':<8} {'status':<11}  "
        f"{'dur':>8}  {'size':>6}  signature"
    )


def exchange_line(
    exchange: Exchange, *, below_cause: bool = False, worker: bool = False, paint: Paint = plain
) -> str:
    """Return an exchange as one aligned line; *below_cause* when what caused it stands above."""
    took = "" if exchange.duration_us is None else duration(exchange.duration_us)
    word = visible(exchange.signature or exchange.channel)
    if exchange.replay_of is not None:
        word = f"{word}   of {exchange.replay_of}".strip()
    elif exchange.parent_id is not None and not below_cause:
        word = f"{word}   └ {exchange.parent_id}".strip()
    columns = (
        paint("muted", fit_right(str(exchange.id), 6)) + (PINNED if exchange.pinned else " "),
        paint("muted", clock(exchange.started_us)),
        *([" " + paint("accent", _worker(exchange))] if worker else []),
        " " + paint(exchange.source, fit(source_cell(exchange, below_cause=below_cause), 8)),
        " " + _event(exchange, 32, with_module=not worker),
        paint("muted", fit(visible(exchange.version), 8)),
        paint(_role(exchange), fit(_ending(exchange), 11)),
        " " + fit_right(took, 8),
        " " + paint("muted", fit_right(size(exchange.request_bytes), 6)),
        " " + paint(_trust_role(exchange), word),
    )
    return " ".join(columns).rstrip()


def _worker(exchange: Exchange) -> str:
    name = visible(exchange.worker)
    return fit(name if len(name) <= _WORKER else short_name(exchange.worker), _WORKER)


def _trust_role(exchange: Exchange) -> str:
    if not exchange.signature:
        return "muted"
    return "ok" if exchange.signature.startswith("ok") else "warning"


def _role(exchange: Exchange) -> str:
    if exchange.failing:
        return "error"
    return "warning" if exchange.is_open else "ok"


def _event(exchange: Exchange, cells: int, *, with_module: bool) -> str:
    """Return the event's name, and at the right end what became of it."""
    signs = "".join(text for text, _ in fate.signs(exchange, time.time_ns() // 1000))
    if again := tries(exchange):
        signs += f" {again}"
    room = cells - cell_width(signs)
    return fit(messages.name(exchange, cells, with_module=with_module), room) + signs


def _ending(exchange: Exchange) -> str:
    if (told := messages.ending(exchange)) is not None:
        return told[0]
    if exchange.state in STATE_WORDS:
        return STATE_WORDS[exchange.state][0]
    word = exchange.state if exchange.status is None else str(exchange.status)
    if exchange.kind and exchange.state is State.FORWARDED and exchange.status is None:
        word = "ok"  # a module's reply has no status
    return f"{word} ✗" if exchange.failing else word


def log_lines(line: LogLine, paint: Paint = plain, *, with_locals: bool = False) -> list[str]:
    """Return a log line as lines for a person, each saying whose it is.

    *with_locals*: below each frame of a traceback also what its variables were.
    """
    role = _LEVELS.get(line.level, "error" if line.stream == "stderr" else "")
    kind = line.level or (line.stream if line.stream == "stderr" else "")
    word = f"{visible(kind)} " if kind else ""
    worker = paint("accent", fit(short_name(line.worker), 12))
    who = f"{paint('muted', clock(line.at_us))}  {worker} "
    said = uncoloured(told(line.text)).split("\n")
    held = {
        each.last: each.frame
        for each in traced_frames.placed(
            traced_frames.read(line.frames if with_locals else ""), said
        )
    }
    shown: list[str] = []
    for number, each in enumerate(said):
        shown.append(f"{who}{paint(role, word + visible(each))}")
        if (frame := held.get(number)) is not None:
            values = [f"{name} = {value}" for name, value in frame.values]
            values += [f"… and {frame.more} more"] if frame.more else []
            shown += [f"{who}{paint('muted', f'{word}    │ {visible(value)}')}" for value in values]
    return shown


_LEVELS = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error", "DEBUG": "muted"}


def title(exchange: Exchange) -> str:
    """Name an exchange for a person: `1203 issue.transitioned v1`."""
    source = "" if exchange.source is Source.WEBHOOK else f"{exchange.source} "
    return f"{exchange.id} {source}{visible(f'{exchange.name} {exchange.version}'.strip())}"
