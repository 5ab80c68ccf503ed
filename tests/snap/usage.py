"""What the scene's workers used over the last quarter of an hour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kiket_console.store.records import AddSamples
from kiket_console.telemetry.nouns import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_S = 10
STEPS = 88


def rows(now_us: int) -> list[AddSamples]:
    """Return samples of `marketing`, `billing` and the engine up to a moment (Unix µs)."""
    now_s = now_us // 1_000_000 // STEP_S * STEP_S
    samples = tuple(
        sample
        for step in range(STEPS)
        for sample in _step(now_s - (STEPS - 1 - step) * STEP_S, step)
    )
    return [AddSamples(samples)]


def _step(at_s: int, step: int) -> Iterator[Sample]:
    wave = 1 + math.sin(step / 9)
    busy = 60 if step in (31, 32, 70) else 0
    for worker, share in (("marketing", 1.0), ("billing", 0.4), ("engine", 0.7)):
        cpu = share * (1 + 7 * wave + busy)
        memory = int((44 + step / 20) * share * 1024**2)
        late_s = share * (0.001 + 0.002 * wave + (0.3 if busy else 0))
        for name, value in (("cpu", cpu), ("memory", memory), ("lag", late_s)):
            yield Sample(at_s, worker, name, 5, value, value / 2, value, value)
    for name, count in (
        ("invoices_total", 12 + step * 3),
        ('requests_total{route="/invoices"}', 200 + step * 11),
        ("queue_depth", int(4 * wave)),
    ):
        yield Sample(at_s, "billing", name, 1, count, count, count, count)
