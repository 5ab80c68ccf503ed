"""What a worker used over the last minutes, and what its `/metrics` told, as rows with bars.

Last 15 min cpu            1 %  ▁▁▂▁▁█▁▁  88 % at most
            memory        48 M  ▄▄▄▅▅▅▅▅  51 M at most
            loop lag    2.1 ms  ▁▁▁▁▁▁▁▁  306 ms at most
Metrics     21 values at /metrics, 4 s ago
            greetings_total         12  ▁▁▁▂▂▃
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.telemetry.words import took
from kiket_console.text import cell_width, fit, fit_right, plural, size, visible
from kiket_console.ui.paint.chart import bars, nice
from kiket_console.ui.paint.labels import LABEL, MARGIN, sentence
from kiket_console.ui.paint.line import cut, shortened
from kiket_console.ui.paint.processes import ago

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.model import Worker
    from kiket_console.telemetry.nouns import Sample
    from kiket_console.ui.paint.line import Line, Piece

WINDOW_S: Final = 900
STEP_S: Final = 10
_NAMES: Final = 10
_VALUE: Final = 10
_TAIL: Final = 22
_WIDEST: Final = 60
_LEAST: Final = 8
_SHOWN: Final = 40
"""So many values of `/metrics` are shown."""


class Used(Struct, frozen=True):
    """Samples of one worker in `WINDOW_S` up to `until_s`, of `STEP_S` each."""

    samples: tuple[Sample, ...]
    until_s: int

    def by_name(self) -> dict[str, list[Sample]]:
        """Return them by what they measure, the oldest first."""
        found: dict[str, list[Sample]] = {}
        for sample in self.samples:
            found.setdefault(sample.name, []).append(sample)
        return found

    def placed(
        self, samples: Sequence[Sample], value: Callable[[Sample], float]
    ) -> list[float | None]:
        """Return a value for each step of the window, None where there is none."""
        steps: list[float | None] = [None] * (WINDOW_S // STEP_S)
        since_s = self.until_s - WINDOW_S
        for sample in samples:
            step = (sample.at_s - since_s) // STEP_S
            if 0 <= step < len(steps):
                steps[step] = value(sample)
        return steps


class _Row(Struct, frozen=True):
    name: str
    title: str
    write: Callable[[float], str]
    least: float
    """What the bars are high for at least, so that a quiet worker looks quiet."""


_ROWS: Final = (
    _Row("cpu", "cpu", lambda percent: f"{percent:.0f} %", 100.0),
    _Row("memory", "memory", lambda count: size(round(count)), 1.0),
    _Row("lag", "loop lag", lambda late_s: took(late_s * 1e6), 0.1),
)


def engine_lines(used: Used | None, width: int) -> list[Line]:
    """Return what the engine used lately; nothing where that is not known."""
    return _own("Engine", used.by_name(), used, width) if used is not None else []


def usage_lines(worker: Worker, used: Used | None, width: int, now_us: int) -> list[Line]:
    """Return what *worker* used lately, and what it told; nothing where nothing is known."""
    by_name = used.by_name() if used is not None else {}
    lines: list[Line] = []
    if used is not None:
        lines = _own(f"Last {WINDOW_S // 60} min", by_name, used, width)
    if worker.metrics:
        lines += _told(worker, by_name, used, width, now_us)
    return lines


def _own(label: str, by_name: dict[str, list[Sample]], used: Used, width: int) -> list[Line]:
    lines: list[Line] = []
    for row in _ROWS:
        samples = by_name.get(row.name)
        if not samples:
            continue
        highest = max(sample.highest for sample in samples)
        values = used.placed(samples, lambda sample: sample.highest)
        room = min(_WIDEST, width - len(MARGIN) - LABEL - _NAMES - _VALUE - _TAIL)
        lines.append(
            cut(
                [
                    (MARGIN + fit("" if lines else label, LABEL), "muted"),
                    (fit(row.title, _NAMES), "muted"),
                    (fit_right(row.write(samples[-1].last), _VALUE) + "  ", ""),
                    _drawn(values, room, max(highest, row.least)),
                    (f"  {row.write(highest)} at most", "muted"),
                ],
                width - 1,
            )
        )
    return lines


def _told(
    worker: Worker,
    by_name: dict[str, list[Sample]],
    used: Used | None,
    width: int,
    now_us: int,
) -> list[Line]:
    """Return what its `/metrics` said, and how that went on."""
    is_well = worker.metrics[:1].isdigit()
    said = f"{visible(worker.metrics)} {'at /metrics, ' if is_well else ''}"
    said += ago(worker.metrics_us, now_us)
    lines = sentence("Metrics", said, width, "" if is_well else "warning")
    told = {name: found for name, found in by_name.items() if name not in _OWN}
    longest = max((cell_width(visible(name)) for name in told), default=0)
    names = min(longest, max(12, width - LABEL - 34))
    for name in sorted(told)[:_SHOWN]:
        samples = told[name]
        highest = max(sample.highest for sample in samples)
        values = used.placed(samples, lambda sample: sample.last) if used else []
        room = min(_WIDEST, width - len(MARGIN) - LABEL - names - _VALUE - 6)
        lines.append(
            cut(
                [
                    (MARGIN + fit("", LABEL), ""),
                    (fit(shortened(visible(name), names), names), "muted"),
                    (fit_right(number(samples[-1].last), _VALUE) + "  ", ""),
                    _drawn(values, room, highest),
                ],
                width - 1,
            )
        )
    if len(told) > _SHOWN:
        more = plural(len(told) - _SHOWN, "more value")
        lines.append([(MARGIN + fit("", LABEL), ""), (f"{more}", "muted")])
    return lines


def _drawn(values: Sequence[float | None], room: int, highest: float) -> Piece:
    """Return bars up to a round number, where there is room for them."""
    return (bars(values, room, nice(highest)) if room >= _LEAST else "", "muted")


def number(value: float) -> str:
    """Write any number in few cells: `12`, `0.25`, `48 M`, `1.8e+09`."""
    if value == int(value) and abs(value) < 1_000_000:
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1_000_000 else f"{value:.3e}"


_OWN: Final = frozenset({"restarts"} | {row.name for row in _ROWS})
