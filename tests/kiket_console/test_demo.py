"""The demo's script fits the sample that it plays on. The demo as a process: see acceptance."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from kiket_console.demo import AGE_S, SAMPLE, STREAM, Step, opening
from kiket_console.paths import assets_dir

EVENTS = assets_dir() / "samples" / SAMPLE / "events"
STEPS = (*opening(), *STREAM)


@pytest.mark.parametrize("step", [step for step in STEPS if step.file], ids=lambda step: step.file)
def test_every_step_sends_an_event_of_the_sample(step: Step) -> None:
    payload = json.loads((EVENTS / step.file).read_bytes())
    assert payload["event"] == step.event
    assert step.file.startswith(f"{step.event}.{step.version}.")


def test_the_opening_has_one_of_each_trouble() -> None:
    headers = [dict(step.headers) for step in opening()]
    then = next(each["x-kiket-timestamp"] for each in headers if "x-kiket-timestamp" in each)
    age = datetime.now(UTC) - datetime.fromisoformat(then)
    assert abs(age - timedelta(seconds=AGE_S)) < timedelta(seconds=5)
    assert any("x-kiket-signature" in each for each in headers)
    assert any(step.file.endswith("bulk.json") for step in opening())
