"""What a worker used over the last minutes stands beside what it uses now, as figures and bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from tests.snap import scene, usage
from tests.snap.scene import screen_text, settled, until

from kiket_console.telemetry.nouns import Sample
from kiket_console.ui.paint.line import line_width
from kiket_console.ui.paint.usage import Used, engine_lines, number, usage_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line

UNTIL_S = scene.NOW_US // 1_000_000 // 10 * 10 + 10


def used(worker: str) -> Used:
    [row] = usage.rows(scene.NOW_US)
    return Used(tuple(each for each in row.samples if each.worker == worker), UNTIL_S)


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_the_last_value_the_greatest_and_a_spike_are_seen() -> None:
    cpu, memory, lag = texts(usage_lines(scene.worker(), used("marketing"), 120, scene.NOW_US))
    assert cpu.startswith("  Last 15 min cpu")
    assert cpu.endswith(" 75 % at most")
    assert "48 M" in memory
    assert lag.count("▆") == 3
    assert lag.endswith("305 ms at most")


def test_a_step_without_samples_is_a_gap() -> None:
    samples = tuple(
        Sample(UNTIL_S - ago_s, "marketing", "cpu", 1, 50.0, 50.0, 50.0, 50.0)
        for ago_s in (900, 600, 10)
    )
    [cpu] = texts(usage_lines(scene.worker(), Used(samples, UNTIL_S), 160, scene.NOW_US))
    drawn = cpu[cpu.index("▄") : cpu.rindex("▄") + 1]
    assert drawn.replace(" ", "") == "▄▄▄"


def test_what_a_module_tells_is_listed_with_its_age() -> None:
    lines = texts(usage_lines(scene.module(), used("billing"), 120, scene.NOW_US))
    assert "  Metrics     3 values at /metrics, 6 s ago" in lines
    assert any(line.split()[:2] == ["invoices_total", "273"] for line in lines)


def test_metrics_that_cannot_be_read_say_why_and_since_when() -> None:
    broken = replace(scene.module(), metrics="cannot be read: it answers 500.")
    lines = usage_lines(broken, None, 120, scene.NOW_US)
    assert texts(lines) == ["  Metrics     cannot be read: it answers 500. 6 s ago"]
    assert lines[0][-1][1] == "warning"


@pytest.mark.parametrize("width", [20, 48, 80, 200])
def test_it_fits_any_width(width: int) -> None:
    lines = usage_lines(scene.module(), used("billing"), width, scene.NOW_US)
    lines += engine_lines(used("engine"), width)
    assert max(map(line_width, lines)) <= max(width, 24)


@pytest.mark.parametrize(
    ("value", "written"),
    [(12.0, "12"), (0.25, "0.25"), (1_204.0, "1,204"), (1.8e9, "1.800e+09"), (-3.5, "-3.5")],
)
def test_any_number_takes_few_cells(value: float, written: str) -> None:
    assert number(value) == written


async def test_processes_show_it_once_it_is_read(console: Callable[..., ConsoleApp]) -> None:
    app = console()
    async with app.run_test(size=(120, 50)) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "Last 15 min" in screen_text(app))
        assert "loop lag" in screen_text(app)
