"""The demo's script fits the sample that it plays on. The demo as a process: see acceptance."""

from __future__ import annotations

import itertools
import json
import py_compile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kiket_console.demo import AGE_S, SAMPLE, SAVES, STREAM, Save, Step, lay_out, opening, save
from kiket_console.paths import assets_dir
from kiket_console.telemetry.verdict import FEWEST

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.fixture
def played(tmp_path: Path) -> Path:
    """Return the folder that a demo plays on."""
    folder = tmp_path / SAMPLE
    lay_out(assets_dir() / "samples", folder)
    return folder


@pytest.mark.parametrize("what", SAVES, ids=lambda what: what.file)
def test_every_save_changes_its_file_into_one_that_is_still_python(
    what: Save, played: Path
) -> None:
    before = (played / what.file).read_text()

    save(played, what)

    assert (played / what.file).read_text() != before
    py_compile.compile(str(played / what.file), cfile=str(played / "compiled"), doraise=True)


def test_a_file_that_somebody_has_changed_meanwhile_is_left_to_them(played: Path) -> None:
    slow = next(each for each in SAVES if each.file == "main.py")
    mine = (played / "main.py").read_text().replace("import os\n", "import os as system\n")
    (played / "main.py").write_text(mine)

    save(played, slow)

    assert (played / "main.py").read_text() == mine


def test_enough_goes_by_before_and_after_the_slow_save_to_tell_that_it_was_that_one() -> None:
    first, slow, last = SAVES
    sent = [each for _, each in zip(range(last.after), itertools.cycle(STREAM), strict=False)]
    updates = [at for at, each in enumerate(sent) if each.event == "issue.updated"]
    assert len([at for at in updates if first.after < at <= slow.after]) >= FEWEST
    assert len([at for at in updates if at > slow.after]) >= FEWEST
