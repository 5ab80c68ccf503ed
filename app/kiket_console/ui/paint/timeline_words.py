"""What is said above and below the bars of a timeline, and of a span that is unfolded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.model import Attempt, Exchange, Source, State
from kiket_console.text import clock, duration, plural, visible
from kiket_console.ui.paint.line import cut, wrap

if TYPE_CHECKING:
    from kiket_console.telemetry.nouns import Span
    from kiket_console.tracing.tree import Timeline
    from kiket_console.ui.paint.line import Line, Piece

MARGIN: Final = "  "


def head(shown: Timeline, width: int) -> list[Line]:
    """Return when it came and how long it took, and where most of the time went."""
    if not shown.bars:
        return []
    asked = shown.bars[shown.asked]
    exchange = asked.thing
    assert isinstance(exchange, Exchange)  # noqa: S101 - what is asked for is one
    times: list[Piece] = [(f"{MARGIN}{clock(exchange.started_us)}", ""), ("  came", "muted")]
    if asked.waited_us:
        first = "tried" if exchange.source is Source.WEBHOOK else "taken on"
        times += [
            (" · ", "faint"), (duration(asked.waited_us), ""), (f" until it was {first}", "muted"),
        ]  # fmt: skip
    if exchange.duration_us is not None and exchange.state is State.FORWARDED:
        of = "the last attempt" if exchange.attempts > 1 else "the answer"
        times += [(" · ", "faint"), (duration(exchange.duration_us), ""), (f" for {of}", "muted")]
    lines: list[Line] = [cut(times, width)]
    if shown.longest >= 0:
        lines.append(cut(most(shown), width))
    root = shown.bars[asked.row]
    while root.parent >= 0:
        root = shown.bars[root.parent]
    above = root.thing.parent_id if isinstance(root.thing, Exchange) else None
    if above is not None:
        lines.append([(f"{MARGIN}caused by {above}, which is not there any more", "muted")])
    return lines


def most(shown: Timeline) -> Line:
    """Return the sentence on what took most of the time."""
    each = shown.bars[shown.longest]
    own, whole = duration(each.own_us), duration(shown.whole_us)
    said: list[Piece] = [(f"{MARGIN}the most time went ", "muted")]
    thing = each.thing
    if each.waited_us > each.own_us // 2:
        said += [("by ", "muted"), ("waiting", "strong")]
    elif each.is_handler or (isinstance(thing, Exchange) and each.parts):
        worker = getattr(thing, "worker", "")
        asked = getattr(shown.bars[shown.asked].thing, "worker", "")
        whose = "its own code" if worker in {"", asked} else f"the code of {visible(worker)}"
        said += [("into ", "muted"), (whose, "strong")]
    else:
        name = thing.target if isinstance(thing, Attempt) else getattr(thing, "name", "")
        said += [("into ", "muted"), (visible(name), "strong")]
    said += [(f", {own} of {whole} ", "muted"), (f"({share(shown)})", "accent")]
    return said


def share(shown: Timeline) -> str:
    """Return how much of all the time the longest bar took, in percent."""
    own_us = shown.bars[shown.longest].own_us
    return f"{min(100, round(100 * own_us / max(1, shown.whole_us)))} %"


def legend(shown: Timeline, note: str) -> list[tuple[Line, str]]:
    """Return what is said below all bars, and what each line leads to."""
    lines: list[tuple[Line, str]] = []
    if shown.guesses:
        said = ", or ".join(shown.guesses)
        lines.append(([(f"{MARGIN}? ", "warning"), (f"a guess: {said}", "muted")], ""))
    if shown.strangers:
        asked = shown.bars[shown.asked].thing
        count = plural(shown.strangers, "other exchange")
        trace_id = getattr(asked, "trace_id", "")
        lines.append(([(f"{MARGIN}{count} of the same trace", "accent")], f"trace:{trace_id}"))
    if shown.more and not note:
        note = "There is more than can be shown; what began first is here."
    if note:
        lines.append(([(MARGIN + note, "muted")], ""))
    return [([], ""), *lines] if lines else []


def facts(span: Span, width: int, indent: str) -> list[Line]:
    """Return what a span says of itself."""
    told = [("message", span.message)] if span.message else []
    told += [("worker", span.worker)] if span.worker else []
    lines: list[Line] = []
    for name, value in [*told, *span.attributes]:
        lines += wrap(f"{name}  {value}", width, "", indent)
    return lines or [[(f"{indent}It says no more of itself.", "muted")]]
