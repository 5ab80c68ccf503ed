"""All that is known of one worker, and of the engine around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.telemetry.words import took
from kiket_console.text import age, clock, duration, fit, plural, size, visible
from kiket_console.ui.paint import logs
from kiket_console.ui.paint.labels import LABEL, MARGIN, labelled, sentence
from kiket_console.ui.paint.line import cut, wrap
from kiket_console.ui.paint.module import module_lines
from kiket_console.ui.paint.processes import ago, place, state_sign, state_word
from kiket_console.ui.paint.syntax import traceback_lines
from kiket_console.ui.paint.usage import engine_lines, usage_lines
from kiket_console.wire import EVERY_ERA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Draining, LogLine, Worker
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.usage import Used

LATE_S = 0.1
"""An event loop that is later than that keeps everybody waiting who asks it for anything."""
_DURABILITIES = {
    "full": "each exchange is on disk before it is answered",
    "process": "an answer may come before the disk has it: a power cut can lose the newest",
}


def about(
    worker: Worker,
    status: EngineStatus,
    width: int,
    now_us: int,
    tail: Sequence[LogLine] = (),
    checked: Sequence[Line] = (),
    used: Used | None = None,
    own: Used | None = None,
    gone_us: int = 0,
) -> list[Line]:
    """Return what is known of a worker: what is wrong first, then what it handles and needs.

    *tail*: what it logged last; *checked*: what is told of its manifest; *used*, *own*: what it and
    the engine used lately; *gone_us*: since when there is no engine. The engine comes last, unless
    nothing can be recorded.
    """
    unsafe = gone_us or status.recording != "ok"
    engine = [*_engine(status, width, now_us, gone_us), *engine_lines(own, width)]
    lines: list[Line] = [*engine, []] if unsafe else []
    if worker.problem is not None:
        lines += problem_lines(worker, width)
    lines += labelled("Process", _process(worker, now_us), width)
    if worker.draining:
        drains = [_drains(each, now_us) for each in worker.draining]
        lines += labelled("Draining", drains, width)
    if worker.last_reload:
        lines += labelled("Reloaded", [_reload(worker, now_us)], width)
    if worker.module is not None:
        lines += module_lines(worker, worker.module, status, width, now_us)
    else:
        lines += _extension(worker, status, width, checked)
    lines += usage_lines(worker, used, width, now_us)
    lines += [[], *labelled("Command" if _is_command(worker) else "Code", _code(worker), width)]
    if worker.guessed:
        lines += labelled("Guessed", [[(visible(worker.guessed), "muted")]], width)
    lines += _places(worker, status, width)
    if worker.environment:
        given: list[Line] = [[(visible(name), "muted")] for name in worker.environment]
        lines += labelled("Variables", given, width)
    if worker.crashes:
        lines += _crashes(worker, width, now_us)
    if tail:
        lines += [[], *_tail(tail, width)]
    return lines if unsafe else [*lines, [], *engine]


def _extension(
    worker: Worker, status: EngineStatus, width: int, checked: Sequence[Line]
) -> list[Line]:
    """Return what an extension handles and needs, and where its webhooks go to."""
    lines = labelled("Handlers", _handlers(worker), width)
    if worker.unhandled:
        names: list[Line] = [[(visible(name), "warning")] for name in worker.unhandled]
        why: Line = [("the manifest names it, no handler takes it", "muted")]
        lines += labelled("No handler", [*names, why], width)
    lines += checked
    lines += labelled("Secrets", [_secret(name, there) for name, there in worker.secrets], width)
    if worker.note:
        lines += sentence("", worker.note, width, "warning")
    lines += labelled("Webhooks", [_route(worker, status)], width)
    if worker.dialects:
        accepted: list[Line] = [[(visible(name), "")] for name in worker.dialects]
        lines += labelled("Accepts", accepted, width)
    if worker.era not in {"", EVERY_ERA}:
        era: Line = [(visible(worker.era), ""), (" alone, as kiket.toml says", "muted")]
        lines += labelled("Made for", [era], width)
    return lines


def webhooks_url(worker: Worker, status: EngineStatus) -> str:
    """Return where its webhooks go to, less the event's name."""
    one_of_several = f"/x/{worker.name}" if len(status.extensions) > 1 else ""
    return f"{status.gateway_url.rstrip('/')}{one_of_several}/webhooks/"


def _process(worker: Worker, now_us: int) -> list[Line]:
    """Return what its row has no room for in a narrow terminal."""
    sign, role = state_sign(worker)
    facts: list[Line] = [[(f"{sign} ", role), (state_word(worker), "")]]
    if worker.pid:
        since = clock(worker.started_us, milliseconds=False)
        up = f"since {since}, {age((now_us - worker.started_us) / 1e6)}"
        facts += [[(up, "")], [(f"pid {worker.pid}", "")]]
    if worker.cpu_percent is not None and worker.memory_bytes is not None:
        uses = f"{worker.cpu_percent:.0f} % of a core, {size(worker.memory_bytes)}"
        facts.append([(uses, ""), (" with all it started", "muted")])
    if worker.lag_s is not None and worker.lag_s >= LATE_S:
        facts.append([(f"its event loop was {took(worker.lag_s * 1e6)} late", "warning")])
    counts = (worker.starts, "start"), (worker.reloads, "reload"), (worker.restarts, "restart")
    return [*facts, [(", ".join(plural(count, noun) for count, noun in counts if count), "")]]


def _places(worker: Worker, status: EngineStatus, width: int) -> list[Line]:
    lines: list[Line] = []
    if worker.folder:
        lines += labelled("Folder", [[(_below(worker.folder, status), "")]], width)
    if worker.watched:
        watched: list[Line] = [[(_below(each, status), "")] for each in worker.watched]
        lines += labelled("Watched", watched, width)
    return lines


def _below(folder: str, status: EngineStatus) -> str:
    """Write a folder as a person names it who is in the project's."""
    if folder == status.folder:
        return f"{visible(folder)} (the project)"
    return visible(folder.removeprefix(status.folder.rstrip("/") + "/"))


def _crashes(worker: Worker, width: int, now_us: int) -> list[Line]:
    """Return why it ended, or did not start, the newest first."""
    lines: list[Line] = [[]]
    for number, crash in enumerate(reversed(worker.crashes)):
        when = f"{clock(crash.at_us, milliseconds=False)}, {ago(crash.at_us, now_us):<9}"
        reason = visible(crash.reason)
        if not reason.startswith(visible(worker.name)):
            reason = f"{visible(crash.label)} did not start: {reason}"
        label = (MARGIN + fit("" if number else "Crashes", LABEL), "muted")
        lines.append(cut([label, (f"{when}  ", "muted"), (reason, "")], width - 1))
    return lines


def _tail(tail: Sequence[LogLine], width: int) -> list[Line]:
    """Return the last lines of its log."""
    lines: list[Line] = []
    for number, line in enumerate(tail):
        label = (MARGIN + fit("" if number else "Log", LABEL), "muted")
        lines.append(cut([label, *logs.brief(line)], width - 1))
    return lines


def _engine(status: EngineStatus, width: int, now_us: int, gone_us: int) -> list[Line]:
    """Return how safe recording is, and what a person should know of the engine."""
    if gone_us:
        since = _since(gone_us, now_us)
        said = f"✗ The engine has gone: nothing is received or recorded.{since}"
        lines = sentence("Recording", said, width, "error")
    elif status.recording == "ok":
        safe = _DURABILITIES.get(status.durability, visible(status.durability))
        role = "" if status.durability == "full" else "warning"
        facts: list[Line] = [[("ok", "ok")], [(safe, role)]]
        if status.written_us:
            facts.append([(f"last written {ago(status.written_us, now_us)}", "muted")])
        lines = labelled("Recording", facts, width)
    else:
        since = _since(status.recording_since_us, now_us)
        lines = sentence("Recording", f"✗ {status.recording}{since}", width, "error")
    kept: list[Line] = [[(visible(status.vault), "")]]
    if status.vault_us:
        kept.append([(f"answered {ago(status.vault_us, now_us)}", "muted")])
    lines += labelled("Vault", kept, width)
    for each in status.degraded:
        if each.part != "recording":
            said = f"! {each.sentence}{_since(each.since_us, now_us)}"
            lines += sentence(each.part.capitalize(), said, width, "warning")
    told = {each.part for each in status.degraded}
    if status.dropped_logs and "logs" not in told:
        said = f"{plural(status.dropped_logs, 'log line')} dropped: more came than is kept"
        lines += sentence("Logs", said, width, "warning")
    if status.dropped_frames and "messages" not in told:
        lost = plural(status.dropped_frames, "message")
        said = f"{lost} of modules not recorded: more came than is kept"
        lines += sentence("Modules", said, width, "warning")
    if status.interrupted:
        cut_off = plural(status.interrupted, "exchange")
        said = f"{cut_off} of an earlier run, which ended while they were under way"
        lines += sentence("Cut off", said, width, "warning")
    if status.refused:
        said = f"{plural(status.refused, 'request')} unread: foreign, malformed or over a limit"
        lines += sentence("Refused", said, width, "warning")
    for number, note in enumerate(status.notes):
        lines += sentence("" if number else "Note", note, width, "muted")
    return lines


def _since(since_us: int, now_us: int) -> str:
    return f" It has been so for {age((now_us - since_us) / 1e6)}." if since_us else ""


def _drains(process: Draining, now_us: int) -> Line:
    pid = f", pid {process.pid}" if process.pid else ""
    said = f" finishes what it took, for {age((now_us - process.since_us) / 1e6)}{pid}"
    return [(visible(process.label), ""), (said, "muted")]


def problem_lines(worker: Worker, width: int) -> list[Line]:
    """Return what is wrong with a worker, where, and the traceback; nothing when all is well."""
    problem = worker.problem
    if problem is None:
        return []
    lines = wrap(problem.sentence, width, "error", MARGIN)
    if problem.file:
        where = place(problem.file, problem.line)
        serves = "The code before this save serves." if worker.serving else "Nothing serves now."
        lines.append(cut([(f"{MARGIN}{where}", "strong"), (f"   {serves}", "muted")], width))
    lines.append([])
    for each in problem.traceback:
        for written in each.splitlines():
            shown = traceback_lines(written, width - len(MARGIN) - 4)
            lines += [[(MARGIN + "  ", ""), *line] for line in shown]
    return [*lines, []] if problem.traceback else lines


def _handlers(worker: Worker) -> list[Line]:
    if _is_command(worker) and not worker.handlers:
        return [[("its command does not tell; it may take anything", "muted")]]
    by_event: dict[str, list[str]] = {}
    for handler in worker.handlers:
        by_event.setdefault(handler.event, []).append(handler.version)
    return [
        [(visible(event), ""), (f" {visible(' '.join(filter(None, versions)))}".rstrip(), "muted")]
        for event, versions in by_event.items()
    ]


def _secret(name: str, there: bool) -> Line:
    return [(visible(name), ""), (" ✓", "ok") if there else (" missing", "warning")]


def _route(worker: Worker, status: EngineStatus) -> Line:
    return [(visible(webhooks_url(worker, status)), ""), ("{event}", "muted")]


def _code(worker: Worker) -> list[Line]:
    identity = f"{worker.extension_id} {worker.extension_version}".strip()
    parts = (identity, worker.entry, worker.interpreter)
    return [[(visible(part), "")] for part in parts if part]


def _is_command(worker: Worker) -> bool:
    return bool(worker.entry) and not worker.interpreter


def _reload(worker: Worker, now_us: int) -> Line:
    took = duration(round(worker.last_reload_ms * 1000))
    when = (
        f"{clock(worker.last_reload_us, milliseconds=False)}, {ago(worker.last_reload_us, now_us)}"
    )
    return [(visible(worker.last_reload), ""), (f"  {when}, took {took}", "muted")]
