"""The line of truth: what runs, how sure we are and since when, and whether recording is safe.

 ◆ marketing 1.4.0   ● serving, checked 4 s ago   ⟳ app.py 12 s ago (31 ms)   12.4/s …   rec ok

What matters least goes first when there is no room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.model import WorkerState
from kiket_console.text import age, duration, visible
from kiket_console.ui.paint.line import joined, line_width, shortened, spread
from kiket_console.ui.paint.processes import (
    doubtful,
    light,
    state_role,
    state_sentences,
    state_sign,
    state_word,
    sure_us,
)
from kiket_console.ui.paint.workers import short_name

if TYPE_CHECKING:
    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker
    from kiket_console.ui.paint.line import Line, Piece


_FRESH_US = 60_000_000
"""For as long as this a save says more than how the traffic goes."""
_MUCH = 24
_ROOMY = 100
_STALE_US = 30_000_000
"""The store is written every ten seconds; what was written longer ago says little of now."""


class Connection(Struct, frozen=True):
    """Whether the engine can be reached, and since when (Unix microseconds)."""

    up: bool
    since_us: int
    ever: bool
    """Whether it has been reached at all since the start."""
    silent: bool = False
    """Whether it is there, and has not answered since."""
    starting: bool = False
    """Whether the next one was started since."""
    remedy: str = ""
    """What a person can do when it has gone."""


def status_line(
    project: str, status: EngineStatus | None, link: Connection, width: int, now_us: int
) -> Line:
    """Return the line of truth in *width* cells."""
    if status is None:
        chip = _chip(link, None, now_us) or [("engine starting…", "muted")]
        return spread([*_named(visible(project), width), ("   ", ""), *chip], [], width)
    if link.up and status.recording != "ok":
        return _not_recording(status, width, now_us)
    if not link.up:
        chip = _chip(link, status.pid, now_us)
        return spread([*_who(status, width, short=False), ("   ", ""), *chip], [], width)
    who, name = (_who(status, width, short=short) for short in (False, True))
    state, brief = (_state(status, now_us, short=short) for short in (False, True))
    room = width - line_width(joined([name, brief], "   ")) - 3
    recording = _recording(status, width, now_us)
    degraded = _degraded(status, width, room - line_width(recording), now_us)
    recording = [*degraded, *recording]
    reload, rates = _reload(status, now_us), _rates(status)
    counts, few = (_counts(status, short=short) for short in (False, True))
    fresh = bool(reload) and now_us - _last_reload(status).last_reload_us < _FRESH_US
    candidates = [[who, state, reload, counts, rates]]
    if _in_trouble(status):
        candidates += [[who, state, counts, rates], [who, state, counts], [who, state]]
        sign, (text, role), *_ = state
        if degraded and line_width(joined([name, state, recording], "   ")) > width:
            recording[: len(degraded)] = [(f"! +{len(status.degraded)}   ", "warning")]
        room = width - line_width(joined([name, [sign], recording], "   ")) - 3
        if room >= _MUCH:  # what is wrong comes before any number
            candidates += [[name, [sign, (shortened(text, room), role)]]]
    elif counts:
        candidates += [[who, state, counts], [who, brief, counts], [name, brief, few]]
        candidates += [[name, brief[:2], few]]
    elif fresh:
        candidates += [[who, brief, reload, rates], [name, brief, reload, rates]]
        candidates += [[name, brief, reload, rates[:1]], [name, brief, reload[:-1]]]
        if degraded:  # it takes the room of both, and a save just made is what is looked for
            candidates += [[name, brief[:2], reload[:-1]]]
    candidates += [[who, state, rates], [who, brief, rates]]
    candidates += [[name, brief, rates[:1]], [name, brief], [name, brief[:2]]]
    for candidate in candidates:
        left = joined((group for group in candidate if group), "   ")
        if line_width(left) + line_width(recording) + 3 <= width:
            return spread(left, recording, width)
    recording = _recording(status, width, now_us)  # what is degraded comes after who serves
    return spread(joined([name, brief[:2]], "   "), [(" ", ""), *recording], width)


def _named(name: str, width: int) -> Line:
    """Return *name* in two fifths of the line at most: how it is matters more than all of it."""
    return [(" ◆ ", "accent"), (shortened(name, width * 2 // 5), "strong")]


def _who(status: EngineStatus, width: int, *, short: bool) -> Line:
    name, version = visible(status.project), ""
    if len(status.workers) == 1:
        whole = _only(status).name
        name = short_name(whole) if short else visible(whole)
        version = "" if short else visible(_only(status).extension_version)
    line = _named(name, width)
    return [*line, (f" {version}", "muted")] if version else line


def _only(status: EngineStatus) -> Worker:
    return status.workers[0]


def _state(status: EngineStatus, now_us: int, *, short: bool) -> Line:
    if not status.workers:
        return [("nothing to run here yet", "warning")]
    if len(status.workers) > 1:
        return _states(status, now_us, short=short)
    worker = _only(status)
    sign, role = light(worker, now_us)
    said = state_role(worker, now_us)
    if not short:
        return [(f"{sign} ", role), (state_sentences(worker, now_us)[0], said)]
    word = worker.state.value
    if worker.state is WorkerState.SERVING:
        sentence = state_sentences(worker, now_us)[-2:][0]
        if worker.module is not None:  # its handshake says more
            word = sentence.partition(" ")[0]
        return [(f"{sign} ", role), (word, ""), (sentence.removeprefix(word), said or "muted")]
    serves = ", old code serves" if role == "error" and worker.serving else ""
    return [(f"{sign} ", role), (word + serves, said)]


def _states(status: EngineStatus, now_us: int, *, short: bool) -> Line:
    """Return how several workers are: the first that is wrong by its name, the others counted."""
    serving = sum(worker.serving and not doubtful(worker) for worker in status.workers)
    counted = f"{serving} of {len(status.workers)} serve"
    wrong = _wrong(status)
    if wrong is None:
        role = "ok" if serving == len(status.workers) else "warning"
        oldest = min((each for each in status.workers if each.serving), key=sure_us, default=None)
        if oldest is None:
            return [("● ", role), (counted, "")]
        sign, sure = light(oldest, now_us)
        is_old = sure != "ok"
        pieces: Line = [(f"{sign if is_old else '●'} ", sure if is_old else role), (counted, "")]
        since = _ago(sure_us(oldest), now_us)
        role = state_role(oldest, now_us) or "muted"
        return [*pieces, (f" · {since}" if short else f" · checked {since}", role)]
    sign, role = state_sign(wrong)
    said = f"{visible(wrong.name)} {state_word(wrong)}"
    if short:
        return [(f"{sign} ", role), (f"{said} ?" if doubtful(wrong) else said, role)]
    problem = f": {visible(wrong.problem.sentence)}" if wrong.problem is not None else ""
    if doubtful(wrong) and not problem:
        said = f"{visible(wrong.name)}: {state_sentences(wrong, now_us)[0]}"
    return [(f"{sign} ", role), (said + problem, role), (f" · {counted}", "muted")]


def _wrong(status: EngineStatus) -> Worker | None:
    """Return the first worker that is in trouble, else the first whose last check was none."""
    failing = next((each for each in status.workers if state_sign(each)[1] == "error"), None)
    return failing or next((each for each in status.workers if doubtful(each)), None)


def _in_trouble(status: EngineStatus) -> bool:
    wrong = _wrong(status)
    return wrong is not None and (wrong.problem is not None or doubtful(wrong))


def _last_reload(status: EngineStatus) -> Worker:
    return max(status.workers, key=lambda worker: worker.last_reload_us)


def _reload(status: EngineStatus, now_us: int) -> Line:
    if not status.workers or not (last := _last_reload(status)).last_reload:
        return []
    took = duration(round(last.last_reload_ms * 1000))
    when = _ago(last.last_reload_us, now_us)
    file = visible(last.last_reload)
    return [("⟳ ", "accent"), (file, ""), (f" {when}", "muted"), (f" ({took})", "muted")]


def _rates(status: EngineStatus) -> Line:
    share = status.error_share * 100
    line = [(f"{status.rate_per_s:.1f}/s", "")]
    if status.p95_us is not None:
        line.append((f"  p95 {duration(status.p95_us)}", "muted"))
    if status.exchanges:
        line.append((f"  err {share:.1f} %" if share < 10 else f"  err {share:.0f} %",
                     "error" if share >= 5 else "muted"))  # fmt: skip
    return line


def _counts(status: EngineStatus, *, short: bool) -> Line:
    """Return what went wrong at the edges, as counts."""
    counts = (
        (status.interrupted, "cut off by an earlier end", "cut off"),
        (status.refused, "refused unread", "refused"),
    )
    said = [f"{count:,} {brief if short else full}" for count, full, brief in counts if count]
    return [(", ".join(said), "warning")] if said else []


def _degraded(status: EngineStatus, width: int, room: int, now_us: int) -> list[Piece]:
    """Return what does less than it should, and for how long; the first, where room is short."""
    found = [each for each in status.degraded if each.part != "recording"]
    for count in range(len(found) if width >= _ROOMY else min(1, len(found)), 0, -1):
        pieces: list[Piece] = []
        for each in found[:count]:
            pieces += [(f"! {visible(each.brief)}", "warning")]
            pieces += [(f" {age((now_us - each.since_us) / 1e6)}   ", "muted")]
        if len(found) > count:
            pieces[-1:] = [(f"{pieces[-1][0].rstrip()} +{len(found) - count}   ", "muted")]
        if count == 1 or line_width(pieces) <= room:
            return pieces
    return []


def _recording(status: EngineStatus, width: int, now_us: int) -> list[Piece]:
    """Return whether what happens is kept, and since when that is known."""
    age_us = now_us - status.written_us if status.written_us else 0
    is_old = age_us > _STALE_US
    pieces: list[Piece] = [("rec ", "muted"), ("ok", "warning" if is_old else "ok")]
    if status.durability == "process":
        pieces.append((" (process)", "warning"))
    if status.written_us and (is_old or width >= _ROOMY):
        pieces.append((f" {age(age_us / 1e6)}", "warning" if is_old else "muted"))
    return [*pieces, (" ", "")]


def _not_recording(status: EngineStatus, width: int, now_us: int) -> Line:
    """Return the line while nothing is accepted, for this is what matters: why, and since when."""
    left: Line = [*_who(status, width, short=True), ("   ", "")]
    age_s = (now_us - status.recording_since_us) / 1e6
    since = f" {age(age_s)}" if status.recording_since_us else ""
    sentence = visible(status.recording).replace(f"The store {visible(status.store)} ", "")
    said = f"✗ rec{since}: {sentence}"
    room = width - line_width(left) - 1
    if room < _MUCH:
        left, room = [(" ", "")], width - 2
    return spread([*left, (shortened(said, room), "error")], [], width)


def _chip(link: Connection, pid: int | None, now_us: int) -> Line:
    if link.up:
        return []
    gone = age((now_us - link.since_us) / 1e6)
    if link.silent:
        who = f"engine, pid {pid}," if pid else "engine"
        return [(f"✗ {who} has not answered for {gone}", "error")]
    if not link.ever:
        return [("… engine starting", "warning")]
    if link.starting:
        return [(f"… a new engine is starting {gone}", "warning")]
    return [("; ".join(filter(None, (f"✗ engine gone {gone}", link.remedy))), "error")]


def _ago(at_us: int, now_us: int) -> str:
    return f"{age((now_us - at_us) / 1e6)} ago"
