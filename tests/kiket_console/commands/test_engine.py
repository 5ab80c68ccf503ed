"""`status` says what runs, and each trouble once."""

from __future__ import annotations

from tests.snap import scene
from tests.snap.trouble import DEGRADED

from kiket_console.commands.engine import status_lines


def test_what_was_dropped_is_said_once_while_it_goes_on_and_ever_after() -> None:
    during = [
        line
        for line in status_lines(scene.status(dropped_logs=5_204, **DEGRADED))
        if "dropped" in line
    ]
    (after,) = [
        line for line in status_lines(scene.status(dropped_logs=5_204)) if "dropped" in line
    ]
    assert [line[:56] for line in during] == [
        "  logs       1,204 log lines dropped: more came than the"
    ]
    assert after == "  logs       5,204 log lines dropped: more came than is kept."
