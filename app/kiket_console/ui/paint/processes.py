"""Workers as rows of the list; what is known of one of them is in `worker`.

    name        kind       state                         pid   up    cpu    mem  reloads  restarts
  ● marketing   extension  serving, checked 4 s ago     8121   12 s  1 %  48 M        3         0

In a narrow terminal the pid and the counts go first, then what a process uses, then the kind.
What is wrong with a worker stands below its row, with the place in the code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kiket_console.model import WorkerState
from kiket_console.text import age, cell_width, fit, fit_right, size, visible
from kiket_console.ui.paint.line import shortened
from kiket_console.ui.paint.module import heartbeat_sentences
from kiket_console.ui.paint.workers import short_name

if TYPE_CHECKING:
    from kiket_console.model import Worker
    from kiket_console.ui.paint.line import Line, Piece

_ROOMY = 100
_WIDE = 140
_WIDEST = 170
_NARROW = 72
_TIGHT = 48
_KIND = 9
_LEAST = 16
"""A sentence with less room than that gets the room of the place beside it."""
CRASHES_WITHIN_US = 60_000_000
"""Crashes as old as that have been forgiven."""
SURE_FOR_US = 15_000_000
"""Evidence older than this says little: it is renewed every few seconds while a worker serves."""
_WORDS = {
    WorkerState.STARTING: "starting",
    WorkerState.SERVING: "serving",
    WorkerState.RELOADING: "reloading",
    WorkerState.BROKEN: "broken",
    WorkerState.BACKOFF: "crashed",
    WorkerState.STOPPING: "stopping",
    WorkerState.STOPPED: "stopped",
    WorkerState.FATAL: "gave up",
}
_ANSWERED = re.compile("^answered (its |a )?")
_BAD = (WorkerState.BROKEN, WorkerState.BACKOFF, WorkerState.FATAL)


def state_sign(worker: Worker) -> Piece:
    """Return the sign of a worker's state, and its role."""
    if worker.state in _BAD:
        return "✗", "error"
    if doubtful(worker):
        return "!", "warning"
    if worker.serving:
        return "●", "ok"
    return ("○", "muted") if worker.state is WorkerState.STOPPED else ("…", "warning")


def light(worker: Worker, now_us: int) -> Piece:
    """Return the sign of a worker's state as far as that is sure now, and its role."""
    sign, role = state_sign(worker)
    is_old = role == "ok" and state_role(worker, now_us) != ""
    return ("?", "warning") if is_old else (sign, role)


def doubtful(worker: Worker) -> bool:
    """Return whether a worker serves and its last check found something wrong."""
    is_well = worker.answers and worker.problem is None
    return worker.state is WorkerState.SERVING and not is_well


def state_word(worker: Worker) -> str:
    """Return what a worker does in a word or two."""
    return _WORDS[worker.state]


def state_sentences(worker: Worker, now_us: int) -> list[str]:
    """Return what a worker does and how sure that is, in ever fewer words."""
    word = _WORDS[worker.state]
    sentences = [word]
    is_well = worker.state is WorkerState.SERVING and worker.problem is None
    if is_well and worker.module is not None:
        sentences = heartbeat_sentences(worker.module, now_us)
    elif doubtful(worker):
        sentences = [f"{word}, but {visible(worker.evidence)}", f"{word} ?", word]
        if worker.problem is not None:
            sentences.insert(0, f"{word}, but: {visible(worker.problem.sentence)}")
    elif worker.state is WorkerState.SERVING and worker.evidence:
        since = ago(worker.evidence_us, now_us)
        surely = f"{word} · {visible(worker.evidence)} {since}"
        briefly = f"{word} · {_ANSWERED.sub('', visible(worker.evidence))} {since}"
        sentences = [surely, briefly, f"{word}, checked {since}", word]
        if worker.draining:
            older = f"{len(worker.draining)} older"
            sentences.insert(0, f"{surely} · {older} {'drains' if older[0] == '1' else 'drain'}")
    elif worker.state in (*_BAD, WorkerState.RELOADING):
        serves = "old code serves" if worker.serving else "nothing serves"
        sentences = [f"{word}, {serves}", word]
        if worker.next_try_us:
            sentences = _tries(worker, now_us)
        elif worker.state is WorkerState.RELOADING and worker.evidence:
            sentences.insert(0, f"{word} · {visible(worker.evidence)} · {serves}")
        if worker.problem is not None:
            still = f", {serves}" if worker.state is not WorkerState.FATAL else ""
            sentences.insert(0, f"{word}{still}: {visible(worker.problem.sentence)}")
    elif worker.state is WorkerState.STOPPED and worker.evidence:
        since = ago(worker.evidence_us, now_us)
        sentences = [f"{visible(worker.evidence)} {since}", f"{word} {since}", word]
    elif worker.evidence_us:
        if worker.module is not None and worker.state is WorkerState.STARTING:
            word = visible(worker.module.handshake)
        sentences = [f"{word} for {age((now_us - worker.evidence_us) / 1e6)}", word]
    return sentences


def _tries(worker: Worker, now_us: int) -> list[str]:
    """Return how often a worker has crashed, and when it is started again."""
    word = state_word(worker)
    count = sum(now_us - crash.at_us < CRASHES_WITHIN_US for crash in worker.crashes)
    often = f"{word} {count} times" if count > 1 else word
    left_us = worker.next_try_us - now_us
    again = f"next try in {age(left_us / 1e6 + 1)}" if left_us > 0 else "is tried again"
    return [f"{often}, {again}", f"{word}, {again}", word]


def sure_us(worker: Worker) -> int:
    """Return when it was last seen to answer."""
    return max(worker.evidence_us, worker.module.heartbeat_us if worker.module else 0)


def state_role(worker: Worker, now_us: int) -> str:
    """Return the role of what is said of a worker: one that serves is plain while that is sure."""
    _, role = state_sign(worker)
    if worker.state is WorkerState.SERVING and now_us - sure_us(worker) > SURE_FOR_US:
        return "warning"
    return "" if role == "ok" else role


def header(width: int) -> Line:
    """Return the names of the columns."""
    right = " ".join(fit_right(column, cells) for column, cells in _numbers(width))
    name, kind, state = _cells(width, len(right))
    between = f"{fit('kind', kind)}  " if kind else ""
    return [(f"   {fit('name', name)}  {between}{fit('state', state)}{right}", "muted")]


def row(worker: Worker, width: int, now_us: int) -> Line:
    """Return a worker as a row."""
    values = {
        "pid": str(worker.pid or "-"),
        "up": age((now_us - worker.started_us) / 1e6) if worker.pid else "-",
        "cpu": "-" if worker.cpu_percent is None else f"{worker.cpu_percent:.0f} %",
        "mem": "-" if worker.memory_bytes is None else size(worker.memory_bytes),
        "reloads": str(worker.reloads),
        "restarts": str(worker.restarts),
        "last reload": _last_reload(worker, now_us),
    }
    right = " ".join(fit_right(values[column], cells) for column, cells in _numbers(width))
    name, kind, state = _cells(width, len(right))
    sign, role = light(worker, now_us)
    said = fit(_said(worker, now_us, state - 1), state - 1)
    return [
        (f" {sign} ", role),
        (fit(_name(worker, name), name) + "  ", ""),
        (fit(visible(worker.kind), kind) + "  " if kind else "", "muted"),
        (said + " ", state_role(worker, now_us)),
        (right, "muted"),
    ]


def problem_row(worker: Worker, width: int) -> Line:
    """Return what is wrong with a worker and where, to stand below its row; empty when nothing."""
    problem = worker.problem
    if problem is None:
        return []
    where = place(problem.file, problem.line)
    if problem.sentence.startswith(f"{where}:"):
        where = ""  # the sentence begins with it
    room = width - 5
    left = room - (cell_width(where) + 2 if where else 0)
    if left < _LEAST:
        where, left = "", room
    _, role = state_sign(worker)
    pieces: list[Piece] = [("     ", ""), (shortened(visible(problem.sentence), left), role)]
    return [*pieces, ("  ", ""), (where, "strong")] if where else pieces


def place(file: str, line: int) -> str:
    """Write a place in code as editors take it: `app.py:41`; nothing without a file."""
    if not file:
        return ""
    return f"{visible(file)}:{line}" if line else visible(file)


def _last_reload(worker: Worker, now_us: int) -> str:
    if not worker.last_reload:
        return "-"
    file = visible(worker.last_reload).rpartition("/")[2]
    return f"{file} {ago(worker.last_reload_us, now_us)}"


def _cells(width: int, numbers: int) -> tuple[int, int, int]:
    """Return how many cells the name, the kind and the state take."""
    name = 22 if width >= _WIDE else max(6, min(12, width - 15))
    kind = _KIND if width >= _NARROW else 0
    state = width - 3 - name - 2 - (kind + 2 if kind else 0) - numbers - 1
    return name, kind, max(0, state)


def _said(worker: Worker, now_us: int, width: int) -> str:
    """Return the sentence that fits; what is wrong stands below."""
    sentences = state_sentences(worker, now_us)
    if worker.problem is not None:
        del sentences[0]
        if doubtful(worker):
            sentences[0] = f"{state_word(worker)}, but"
    return next((each for each in sentences if cell_width(each) <= width), sentences[-1])


def _name(worker: Worker, cells: int) -> str:
    whole = visible(worker.name)
    return whole if len(whole) <= cells else short_name(worker.name)


def _numbers(width: int) -> list[tuple[str, int]]:
    columns = [("pid", 7), ("up", 8), ("cpu", 5), ("mem", 6), ("reloads", 8), ("restarts", 9)]
    if width >= _ROOMY:
        return [("last reload", 24), *columns] if width >= _WIDEST else columns
    return columns[1:4] if width >= _NARROW else columns[1 : 2 if width >= _TIGHT else 1]


def ago(at_us: int, now_us: int) -> str:
    """Write how long ago something was."""
    return f"{age((now_us - at_us) / 1e6)} ago"
