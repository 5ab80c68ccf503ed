"""Workers: as rows of the list, and what is known of one of them.

    name        kind       state                         pid   up    cpu   mem  reloads  restarts
  ● marketing   extension  serving, checked 4 s ago     8121   12 s  1 %  48 M        3         0

In a narrow terminal the pid and the counts go first, then what a process uses, then the kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.model import WorkerState
from kiket_console.text import age, cell_width, clock, duration, fit, fit_right, size, visible
from kiket_console.ui.paint.line import cut, joined, shortened, wrap
from kiket_console.ui.paint.logs import short_name
from kiket_console.ui.paint.syntax import traceback_lines

if TYPE_CHECKING:
    from kiket_console.model import EngineStatus, Handler, Worker
    from kiket_console.ui.paint.line import Line, Piece

MARGIN = "  "
LABEL = 12
_ROOMY = 100
_WIDE = 140
_NARROW = 72
_TIGHT = 48
_KIND = 9
_MUCH = 36
SURE_FOR_US = 15_000_000
"""Evidence older than this says little: it is renewed every few seconds while a worker serves."""
_WORDS = {
    WorkerState.STARTING: "starting",
    WorkerState.SERVING: "serving",
    WorkerState.RELOADING: "reloading",
    WorkerState.BROKEN: "broken",
    WorkerState.BACKOFF: "crashed, trying again",
    WorkerState.STOPPED: "stopped",
    WorkerState.FATAL: "gave up",
}
_BAD = (WorkerState.BROKEN, WorkerState.BACKOFF, WorkerState.FATAL)


def state_sign(worker: Worker) -> Piece:
    """Return the sign of a worker's state, and its role."""
    if worker.state in _BAD:
        return "✗", "error"
    if worker.serving:
        return "●", "ok"
    return ("○", "muted") if worker.state is WorkerState.STOPPED else ("…", "warning")


def state_sentences(worker: Worker, now_us: int) -> list[str]:
    """Return what a worker does and how sure that is, in ever fewer words."""
    word = _WORDS[worker.state]
    sentences = [word]
    if worker.state is WorkerState.SERVING and worker.evidence:
        ago = _ago(worker.evidence_us, now_us)
        sentences = [f"{word} · {visible(worker.evidence)} {ago}", f"{word}, checked {ago}", word]
    elif worker.state in (*_BAD, WorkerState.RELOADING):
        serves = "old code serves" if worker.serving else "nothing serves"
        sentences = [f"{word}, {serves}", word, word.partition(",")[0]]
        if worker.problem is not None:
            sentences.insert(0, f"{word}, {serves}: {visible(worker.problem.sentence)}")
    return sentences


def state_role(worker: Worker, now_us: int) -> str:
    """Return the role of what is said of a worker: one that serves is plain while that is sure."""
    _, role = state_sign(worker)
    if worker.state is WorkerState.SERVING and now_us - worker.evidence_us > SURE_FOR_US:
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
    }
    right = " ".join(fit_right(values[column], cells) for column, cells in _numbers(width))
    name, kind, state = _cells(width, len(right))
    sign, role = state_sign(worker)
    said = fit(_said(worker, now_us, state - 1), state - 1)
    return [
        (f" {sign} ", role),
        (fit(_name(worker, name), name) + "  ", ""),
        (fit(visible(worker.kind), kind) + "  " if kind else "", "muted"),
        (said + " ", state_role(worker, now_us)),
        (right, "muted"),
    ]


def about(worker: Worker, status: EngineStatus, width: int, now_us: int) -> list[Line]:
    """Return what is known of a worker: what is wrong first, then what it handles and needs."""
    lines: list[Line] = []
    if worker.problem is not None:
        lines += _problem(worker, width)
    lines += _labelled("Handlers", _handlers(worker.handlers), width)
    if worker.unhandled:
        names: list[Line] = [[(visible(name), "warning")] for name in worker.unhandled]
        why: Line = [("the manifest names it, no handler takes it", "muted")]
        lines += _labelled("No handler", [*names, why], width)
    lines += _labelled("Secrets", [_secret(name, there) for name, there in worker.secrets], width)
    lines += [[], *_labelled("Webhooks", [_route(status)], width)]
    if worker.dialects:
        accepted: list[Line] = [[(visible(name), "")] for name in worker.dialects]
        lines += _labelled("Accepts", accepted, width)
    lines += _labelled("Code", _code(worker), width)
    if worker.guessed:
        lines += _labelled("Guessed", [[(visible(worker.guessed), "muted")]], width)
    if worker.last_reload:
        lines += _labelled("Reloaded", [_reload(worker, now_us)], width)
    for note in status.notes:
        wrapped = wrap(note, width - LABEL - 4, "muted")
        lines += [[(MARGIN + fit("Note" if not at else "", LABEL), "muted"), *each]
                  for at, each in enumerate(wrapped)]  # fmt: skip
    return lines


def _cells(width: int, numbers: int) -> tuple[int, int, int]:
    """Return how many cells the name, the kind and the state take."""
    name = 22 if width >= _WIDE else 12
    kind = _KIND if width >= _NARROW else 0
    state = width - 3 - name - 2 - (kind + 2 if kind else 0) - numbers - 1
    return name, kind, max(0, state)


def _said(worker: Worker, now_us: int, width: int) -> str:
    """Return the sentence that fits; a problem is begun where there is room for much of it."""
    sentences = state_sentences(worker, now_us)
    if worker.problem is not None and width >= _MUCH:
        return shortened(sentences[0], width)
    return next((each for each in sentences if cell_width(each) <= width), sentences[-1])


def _name(worker: Worker, cells: int) -> str:
    whole = visible(worker.name)
    return whole if len(whole) <= cells else short_name(worker.name)


def _numbers(width: int) -> list[tuple[str, int]]:
    columns = [("pid", 7), ("up", 8), ("cpu", 5), ("mem", 6), ("reloads", 7), ("restarts", 8)]
    if width >= _ROOMY:
        return columns
    return columns[1:4] if width >= _NARROW else columns[1 : 2 if width >= _TIGHT else 1]


def _problem(worker: Worker, width: int) -> list[Line]:
    problem = worker.problem
    if problem is None:
        return []
    lines = wrap(problem.sentence, width, "error", MARGIN)
    if problem.file:
        where = f"{visible(problem.file)}:{problem.line}" if problem.line else visible(problem.file)
        serves = "The code before this save serves." if worker.serving else "Nothing serves now."
        lines.append([(f"{MARGIN}{where}", "strong"), (f"   {serves}", "muted")])
    lines.append([])
    for each in problem.traceback:
        for written in each.splitlines():
            shown = traceback_lines(written, width - len(MARGIN) - 4)
            lines += [[(MARGIN + "  ", ""), *line] for line in shown]
    return [*lines, []] if problem.traceback else lines


def _handlers(handlers: tuple[Handler, ...]) -> list[Line]:
    by_event: dict[str, list[str]] = {}
    for handler in handlers:
        by_event.setdefault(handler.event, []).append(handler.version)
    return [
        [(visible(event), ""), (f" {visible(' '.join(filter(None, versions)))}".rstrip(), "muted")]
        for event, versions in by_event.items()
    ]


def _secret(name: str, there: bool) -> Line:
    return [(visible(name), ""), (" ✓", "ok") if there else (" missing", "warning")]


def _route(status: EngineStatus) -> Line:
    return [(f"{visible(status.gateway_url).rstrip('/')}/webhooks/", ""), ("{event}", "muted")]


def _code(worker: Worker) -> list[Line]:
    identity = f"{worker.extension_id} {worker.extension_version}".strip()
    parts = (identity, worker.entry, worker.interpreter)
    return [[(visible(part), "")] for part in parts if part]


def _reload(worker: Worker, now_us: int) -> Line:
    took = duration(round(worker.last_reload_ms * 1000))
    when = (
        f"{clock(worker.last_reload_us, milliseconds=False)}, {_ago(worker.last_reload_us, now_us)}"
    )
    return [(visible(worker.last_reload), ""), (f"  {when}, took {took}", "muted")]


def _labelled(label: str, values: list[Line], width: int) -> list[Line]:
    """Return values after a label, as many to a line as fit."""
    lines: list[Line] = []
    room = width - LABEL - 4
    group: list[Line] = []
    for value in values or [[("none", "muted")]]:
        if group and sum(len(text) for text, _ in joined([*group, value], " · ")) > room:
            lines.append(joined(group, " · "))
            group = []
        group.append(value)
    lines.append(joined(group, " · "))
    return [
        [(MARGIN + fit(label if not position else "", LABEL), "muted"), *cut(line, room)]
        for position, line in enumerate(lines)
    ]


def _ago(at_us: int, now_us: int) -> str:
    return f"{age((now_us - at_us) / 1e6)} ago"
