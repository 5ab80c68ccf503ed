"""The line of truth tells what is not as it should be for as long as it is so."""

from __future__ import annotations

import pytest
from tests.snap import scene

from kiket_console.ui.paint.status import Connection, status_line

UP = Connection(up=True, since_us=scene.NOW_US, ever=True)


def shown(width: int = 120, link: Connection = UP, **changes: object) -> str:
    status = scene.status(scene.worker(), **changes)
    line = status_line("marketing", status, link, width, scene.NOW_US)
    return "".join(text for text, _ in line)


@pytest.mark.parametrize(
    ("vault", "said"),
    [
        ("this session only: no keyring was found", True),
        ("this session only", False),  # that was asked for
        ("Secret Service", False),
    ],
)
def test_a_missing_keyring_is_said_unless_none_was_wanted(vault: str, said: bool) -> None:
    assert ("no keyring" in shown(vault=vault)) is said
    assert "no keyring" not in shown(80, vault=vault)  # Processes says it there


def test_recording_that_a_power_cut_would_shorten_is_not_simply_ok() -> None:
    assert shown(durability="process").endswith("rec ok (process) ")


def test_an_engine_that_is_gone_comes_before_everything_else() -> None:
    gone = Connection(up=False, since_us=scene.NOW_US - 3_000_000, ever=True)
    assert "✗ engine gone 3 s, connecting again by itself" in shown(link=gone)
    assert "rec ok" not in shown(link=gone)


@pytest.mark.parametrize(
    ("width", "said"),
    [(80, "● ready · 0.6 s ago  "), (160, "● ready · heartbeat 0.6 s ago  ")],
)
def test_of_a_module_alone_its_handshake_and_heartbeat_are_told(width: int, said: str) -> None:
    line = status_line("billing", scene.status(scene.module()), UP, width, scene.NOW_US)

    assert said in "".join(text for text, _ in line)
