"""Write screenshots/*.svg from the running program: `make screenshots`.

The program is the real one on a real store; the store tells a fixed story and the clock stands
still, so that a picture changes when the program does and not otherwise.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ |= {"TZ": "UTC", "TEXTUAL_ANIMATIONS": "none", "COLORTERM": "truecolor"}
os.environ.pop("NO_COLOR", None)
time.tzset()

from tests.snap import messages, metrics, producer, scene  # noqa: E402

from kiket_console.paths import ProjectPaths  # noqa: E402 - the environment comes first
from kiket_console.ui import moment  # noqa: E402
from kiket_console.ui.app import ConsoleApp  # noqa: E402

if TYPE_CHECKING:
    from kiket_console.engine_status import EngineStatus

SIZE = (120, 36)
BROKEN = scene.status(scene.worker(**scene.BROKEN))
MODULES = scene.status(scene.worker(), scene.module(), project="shop")
OF_MODULES = ("messages",)
"""Pictures of what modules say, which is a story of its own."""
OF_MESSAGES = ("producer", "producer-refused", "producer-dry-run")
"""Pictures of what is sent to a producer, which is told of after all else."""
OF_CALLS = ("metrics", "metrics-wide", "metrics-80x24")
"""Pictures of what was measured within a quarter of an hour."""
REFUSED = ("7", "t", *"paym", "enter", "escape", "R", "down", "enter")
RETITLED = ("k", "e", *("down",) * 5, "end", "left", "left", "space", *"again")
TO_SIGNATURE = ("k",) * 2 + ("enter",) + ("right_square_bracket",) * 3
PICTURES: dict[str, tuple[tuple[int, int], str, tuple[str, ...], EngineStatus | None]] = {
    "traffic": (SIZE, "kiket-dusk", ("k",) * 6, None),
    "traffic-dawn": (SIZE, "kiket-dawn", ("k",) * 6, None),
    "traffic-wide": ((180, 45), "kiket-dusk", ("k",) * 6, None),
    "traffic-80x24": ((80, 24), "kiket-dusk", ("k",) * 2, None),
    "detail-signature": (SIZE, "kiket-dusk", TO_SIGNATURE, None),
    "detail-timeline": (SIZE, "kiket-dusk", ("k",) * 5 + ("c",), None),
    "filter": (SIZE, "kiket-dusk", ("slash", *"event:issue.* s"), None),
    "edit": (SIZE, "kiket-dusk", RETITLED, None),
    "ways": ((100, 24), "kiket-dusk", ("k", "R"), None),
    "difference": ((120, 18), "kiket-dusk", ("k",) * 6 + ("d",), None),
    "copy": (SIZE, "kiket-dusk", ("y",), None),
    "trigger": (SIZE, "kiket-dusk", ("t",), None),
    "processes": (SIZE, "kiket-dusk", ("2",), None),
    "processes-broken": (SIZE, "kiket-dusk", ("2",), BROKEN),
    "processes-several": (SIZE, "kiket-dusk", ("2", "j", "j"), scene.several()),
    "processes-module": (SIZE, "kiket-dusk", ("2", "j"), MODULES),
    "messages": (SIZE, "kiket-dusk", ("k",) * 5, MODULES),
    "producer": (SIZE, "kiket-dusk", ("7", "j", "j"), None),
    "producer-refused": (
        SIZE,
        "kiket-dusk",
        REFUSED,
        None,
    ),
    "producer-dry-run": (SIZE, "kiket-dawn", ("7", "f6"), None),
    "metrics": (SIZE, "kiket-dusk", ("4",), None),
    "metrics-wide": ((200, 50), "kiket-dusk", ("4",), None),
    "metrics-80x24": ((80, 24), "kiket-dawn", ("4",), None),
    "secrets": (SIZE, "kiket-dusk", ("6",), None),
    "platform": (SIZE, "kiket-dusk", ("8",), None),
    "logs": (SIZE, "kiket-dusk", ("3", "k"), None),
}
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
FONTS = "ui-monospace, 'Cascadia Mono', 'SF Mono', 'DejaVu Sans Mono', monospace"
UNIQUE = re.compile(r"terminal-\d+")


async def picture(
    paths: ProjectPaths,
    size: tuple[int, int],
    theme: str,
    keys: tuple[str, ...],
    status: EngineStatus | None,
) -> str:
    """Return the console as an SVG after some keys."""
    app = ConsoleApp(paths, theme=theme, open_engine=lambda: scene.ToldEngine(status))
    async with app.run_test(size=size) as pilot:
        await scene.settled(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
            await scene.filtered(pilot)
        await scene.settled(pilot)
        return plain(app.export_screenshot(title="kiket-console"))


def plain(svg: str) -> str:
    """Return *svg* without fonts to fetch, and with ids that do not change from run to run."""
    svg = FONT_FACE.sub("", svg).replace("Fira Code", FONTS.strip("'"))
    svg = re.sub(r"font-family:\s*[^;]*monospace[^;]*;", f"font-family: {FONTS};", svg)
    svg = re.sub(r" *<!--.*?-->\n", "", svg)
    return UNIQUE.sub("kiket", svg)


def paths_of_modules(place: Path) -> ProjectPaths:
    """Return the places of a project in which modules have spoken."""
    project = place / "shop"
    project.mkdir(exist_ok=True)
    paths = ProjectPaths(project)
    paths.make()
    messages.tell_of_modules(story := scene.Story())
    scene.write_store(paths.store, story)
    return paths


def paths_of_messages(place: Path) -> ProjectPaths:
    """Return the places of a project that sends messages to a producer."""
    project = place / "sender" / "marketing"
    project.mkdir(parents=True, exist_ok=True)
    paths = ProjectPaths(project)
    paths.make()
    scene.tell(story := scene.Story())
    producer.tell_of_messages(story)
    scene.write_store(paths.store, story)
    return paths


def paths_of_calls(place: Path) -> ProjectPaths:
    """Return the places of a project that has worked for a while."""
    project = place / "busy" / "marketing"
    project.mkdir(parents=True, exist_ok=True)
    paths = ProjectPaths(project)
    paths.make()
    metrics.tell_of_calls(story := scene.Story())
    scene.write_store(paths.store, story)
    return paths


def main() -> int:
    """Write all pictures, or those that are named; return the exit status."""
    moment.now_us = lambda: scene.NOW_US
    folder = ROOT / "screenshots"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"XDG_STATE_HOME": place, "XDG_RUNTIME_DIR": place}
        project = Path(place) / "marketing"
        project.mkdir()
        paths = ProjectPaths(project)
        paths.make()
        scene.write_store(paths.store)
        for name in sys.argv[1:] or PICTURES:
            of = paths
            if name in OF_MODULES:
                of = paths_of_modules(Path(place))
            elif name in OF_CALLS:
                of = paths_of_calls(Path(place) / name)
            elif name in OF_MESSAGES:
                of = paths_of_messages(Path(place) / name)
            svg = asyncio.run(picture(of, *PICTURES[name]))
            (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
            sys.stderr.write(f"screenshots/{name}.svg\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
