"""What the page on metrics shows is what `metrics --json` prints."""

from __future__ import annotations

import json
from typing import Any

from tests.docs.blocks import ROOT, block
from tests.kiket_console.telemetry.made import NOW_S, measure, save

from kiket_console.exporting.members import report_members
from kiket_console.telemetry.building import build
from kiket_console.telemetry.windows import window

LINE = block(ROOT / "docs" / "metrics.md", "On the command line")


def test_a_line_has_the_members_that_the_page_shows() -> None:
    slow, other = save(NOW_S - 200), save(NOW_S - 100)
    measures = [
        measure(NOW_S - 300, [10] * 8, code_us=1),
        measure(NOW_S - 150, [300] * 30, code_us=slow.at_us),
        measure(NOW_S - 50, [300] * 15, code_us=other.at_us),
    ]
    report = build(measures, [slow, other], window("15m", NOW_S), now_s=NOW_S)

    (line,) = report_members(report)["lines"]

    shown = json.loads(LINE.text)
    assert _shape(shown) == _shape(line)
    assert shown["culprit"]["verdict"] == line["culprit"]["verdict"] == "slower"
    assert shown["change"]["verdict"] == line["change"]["verdict"] == "same"


def _shape(value: Any) -> Any:
    """Return the names of members, all the way down; of a list, those of its first."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(each) for each in value[:1]]
    return None
