"""What the screen loads, and when: the first frame waits for nothing that it does not show."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.snap.scene import settled
from textual.css.stylesheet import Stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from kiket_console.ui.app import ConsoleApp

FORBIDDEN = (
    "httpx", "starlette", "uvicorn", "fastapi", "pydantic", "pygments",
    "keyring", "psutil", "watchfiles", "yaml", "botocore", "rich.traceback",
)  # fmt: skip
FIRST_FRAME = """
import asyncio, sys
from pathlib import Path
from kiket_console.paths import ProjectPaths
from kiket_console.ui.app import ConsoleApp

class First(ConsoleApp):
    def _after_first_frame(self):
        print([name for name in FORBIDDEN if name in sys.modules])
        self.exit()

asyncio.run(First(ProjectPaths(Path("/tmp"))).run_async(headless=True, size=(80, 24)))
"""


def test_the_first_frame_loads_only_what_it_shows() -> None:
    script = f"FORBIDDEN = {FORBIDDEN!r}\n{FIRST_FRAME}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"


async def test_tasks_begin_in_turn_whichever_python_runs(
    console: Callable[..., ConsoleApp],
) -> None:
    """Textual has them begin at once since Python 3.12: one may fail before its group is whole."""

    def made(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        return asyncio.Task(work, loop=loop, **options)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(made)
    async with console().run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert loop.get_task_factory() is None


async def test_styles_are_read_once_before_the_first_frame_and_again_for_another_theme(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for another place; one that was left before is worn in the new theme as well."""
    read_again: list[str] = []
    original = Stylesheet.reparse

    def counted(sheet: Stylesheet) -> None:
        read_again.append(app.theme)
        original(sheet)

    monkeypatch.setattr(Stylesheet, "reparse", counted)
    app = console(theme="kiket-dawn")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert app.screen.styles.background.hex == app.theme_variables["background"].upper()
        await pilot.press("2")
        await settled(pilot)
        assert not read_again
        app.theme = "kiket-dusk"
        await pilot.pause()
        assert read_again == ["kiket-dusk"]
        assert app.screen.styles.background.hex == app.theme_variables["background"].upper()
        await pilot.press("1")
        await settled(pilot)
        assert read_again == ["kiket-dusk"]
        assert app.screen.styles.background.hex == app.theme_variables["background"].upper()


async def test_few_style_sheets_are_parsed(console: Callable[..., ConsoleApp]) -> None:
    """Textual keeps 64 parsed sheets; beyond that each new kind of widget costs 60 ms and more."""
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(
            "2", "3", "1", "t", "escape", "ctrl+p", "escape", "question_mark", "escape"
        )
        await pilot.press("q", "escape", "T", "escape")
        assert len(app.stylesheet.source) < 56
