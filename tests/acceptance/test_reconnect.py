"""An engine that dies, and the next one, seen from a console that stays."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

import pytest
from tests.acceptance.terminal import LISTED

from kiket_console.engine_process import lock_holder

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    Running = Callable[[Path], AbstractContextManager[Any]]


@pytest.mark.needs("tmux")
def test_a_console_outlives_its_engine_and_starts_the_next_one(
    terminal: Callable[..., Any], running: Running, folder: Path, until: Callable[..., object]
) -> None:
    """What is recorded is readable meanwhile, what asks the engine is refused with a sentence."""
    with running(folder) as first:
        first.wait_serving()
        first.trigger("issue.created")
        screen = terminal("attach")
        screen.shows("● serving")
        screen.shows(" 2 exchanges")  # the delivery and its handler's call

        first.stop(signal.SIGKILL)
        screen.shows(r"✗ engine gone \d+ \w+; ! starts a new one")
        screen.press("g", "Enter")
        screen.shows("issue.created")
        screen.shows('"event"')
        screen.press("r")
        screen.shows(r"No engine runs for[^!]*! starts")
        screen.press("Escape")
        screen.shows(LISTED)
        screen.press("3")
        screen.shows(r"handling ")
        screen.press("2")
        screen.shows("engine gone")
        screen.press("1")
        screen.shows(" 2 exchanges")

        screen.press("!")
        screen.shows("● serving")
        until(lambda: "engine gone" not in screen.screen(), "it is not gone any more")
        screen.shows(" 2 exchanges")
        first.trigger("issue.created")
        until(lambda: _numbers(screen) == ["1", "2", "3", "4"], "the list goes on")
        screen.shows(" 4 exchanges")
        screen.press("q", "s")
        screen.shows("left with 0")
        assert lock_holder(first.paths) is None


def _numbers(screen: Any) -> list[str]:
    """Return the numbers of the exchanges that are listed."""
    return re.findall(r"^[▌ ] +(\d+)[★ ] \d\d:\d\d:", screen.screen(), re.MULTILINE)
