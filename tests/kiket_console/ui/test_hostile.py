"""Whatever a payload, header, log line or file name holds, the terminal gets text and no more."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.ui.hostile import (
    HOSTILE,
    MARK,
    HostileEngine,
    hostile_status,
    hostile_story,
)
from tests.kiket_console.ui.steps import closed
from tests.kiket_console.ui.terminal import Terminal
from tests.snap import scene
from tests.snap.scene import settled
from textual import events
from textual.drivers.headless_driver import HeadlessDriver

from kiket_console.ui.app import ConsoleApp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.paths import ProjectPaths

OWN = re.compile(
    r"\x1b\[[0-9;]*m"  # colours
    r"|\x1b\[\d+;\d+H"  # where to draw
    r"|\x1b\[\?\d+(?:;\d+)*[hlu]|\x1b\[[<>=?][0-9;]*[a-z]"  # modes of the terminal
    r"|\x1b\[\?\d+\$p"  # asks whether the terminal draws frames whole
    r"|\x1b\]22;[a-z-]+\x07"  # the shape of the pointer
    r"|\x1b\]52;c;(?!aGFja2Vk\x07)[A-Za-z0-9+/=]*\x07"  # what a person copied, not a stranger
    r"|\r?\n"
)
ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]")


class Recorder(HeadlessDriver):
    """A driver that draws for a real terminal and keeps what would reach it."""

    written: list[str]

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        vars(self).setdefault("written", []).append(data)
        type(self).written.append(data)


def check_harmless(output: str) -> None:
    """Fail when anything in *output* acts on a terminal that is not a sequence of our own."""
    assert MARK in output
    rest = OWN.sub("", output)
    harmful = ACTS.findall(rest)
    assert harmful == [], [rest[max(0, rest.find(each) - 20) :][:60] for each in set(harmful)]


PLACES = (
    "g", "enter", "right_square_bracket", "right_square_bracket", "right_square_bracket",
    "right_square_bracket", "right_square_bracket", "escape", "j", "j", "j", "pagedown",
    "2", "j", "enter", "pagedown", "escape", "3", "g", "j", "enter", "escape", "G",
    "8", "j", "enter", "j", "enter", "pagedown", "escape", "escape", "s", "pagedown", "escape",
    "6", "j", "enter", "pagedown", "escape", "G",
    "7", "j", "enter", "pagedown", "escape", "f5", "j", "G",
)  # fmt: skip
DIALOGS: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {
    "of Traffic": {
        "1": (
            ("ctrl+p",), ("question_mark",), ("T",), ("q",), ("d",), ("y",), ("x",), ("s",),
            ("e",), ("m",), ("M",), ("n",), ("O",), ("r",), ("delete",), ("u",),
            ("t", "down", "enter"), ("R", "enter"), ("semicolon", "enter"), ("slash", *"event:"),
            ("slash", "tab", "tab"), ("colon", *"note 1180"),
        ),
    },
    "of Processes and Logs": {
        "2": (("K",), ("r",), ("colon", *"restart ", "tab", "tab", "enter"), ("l",)),
        "3": (("slash", *"from:"), ("y",), ("w",), ("c",)),
    },
    "of Secrets, Producer and Platform": {
        "6": (("v", "right", "enter"), ("R", "enter"), ("K",), ("y",), ("delete",)),
        "7": (("R", "down", "enter"), ("f6",), ("p",), ("e", "f2")),
        "8": (("a", "f5"), ("f", "tab"), ("s", "e"), ("colon", *"rows ", "tab")),
    },
}  # fmt: skip
"""What opens each dialog, by the key of the place where it does."""


@pytest.fixture
def written() -> Iterator[list[str]]:
    """Return what the terminal got."""
    Recorder.written = []
    yield Recorder.written
    Recorder.written = []


async def test_only_our_own_sequences_reach_the_terminal(
    paths: ProjectPaths, written: list[str]
) -> None:
    scene.write_store(paths.store, hostile_story())
    engine = HostileEngine(hostile_status("".join(HOSTILE)))
    app = ConsoleApp(paths, open_engine=lambda: engine, driver_class=Recorder)
    async with app.run_test(headless=False, size=(140, 44), notifications=True) as pilot:
        await settled(pilot)
        for text in HOSTILE:
            app.say(f"{MARK}{text}")
        await pilot.press(*PLACES)
        for position in range(0, 60, 3):
            app.go_to("traffic")
            assert app.place is not None
            app.place.list.rows.move(position)
            app.place.show_details()
            await pilot.pause()
        await settled(pilot)
        assert app.crash is None
    check_harmless("".join(written))


@pytest.mark.parametrize("dialogs", DIALOGS.values(), ids=DIALOGS)
async def test_no_dialog_lets_anything_through(
    paths: ProjectPaths, written: list[str], dialogs: dict[str, tuple[tuple[str, ...], ...]]
) -> None:
    """Each is opened on hostile rows, and all of the corpus is pasted where one can type."""
    scene.write_store(paths.store, hostile_story())
    engine = HostileEngine(hostile_status("ok"))
    app = ConsoleApp(paths, open_engine=lambda: engine, driver_class=Recorder)
    async with app.run_test(headless=False, size=(100, 24), notifications=True) as pilot:
        await settled(pilot)
        for place, opened in dialogs.items():
            for keys in opened:
                await pilot.press(place, *keys)  # which a dialog may have left
                await pilot.pause()
                if (focused := app.screen.focused) is not None:
                    focused.post_message(events.Paste("\n".join(HOSTILE)))
                await pilot.pause()
                assert app.crash is None, keys
                await closed(pilot)
        assert app.crash is None
    check_harmless("".join(written))


def test_on_a_real_terminal_too_which_is_as_before_when_a_signal_ended_it(
    terminals: list[Terminal], paths: ProjectPaths
) -> None:
    terminal = Terminal("tests.kiket_console.ui.hostile", str(paths.folder))
    terminals.append(terminal)
    terminal.shows(b"rec ")
    for keys in ("g", "\r", "]", "]", "]", "]", "]", "2", "j", "\r", "3", "g", "1", "t"):
        before = len(terminal.raw)
        terminal.press(keys.encode())
        terminal.writes_more(before)
    terminal.shows(b"to which extension")
    terminal.press(b"\x1b[200~" + "".join(HOSTILE).encode("utf-8", "replace") + b"\x1b[201~")
    terminal.shows(b"No extension")
    terminal.process.terminate()
    assert terminal.end() == 128 + signal.SIGTERM
    terminal.is_restored()
    drawn, _, said = bytes(terminal.raw).rpartition(b"\x1b[?1049l")
    assert b"SIGTERM ended the console; the engine goes on." in said
    check_harmless(drawn.decode("utf-8"))


async def test_a_mistake_elsewhere_is_caught_by_the_last_gate(paths: ProjectPaths) -> None:
    """A widget that draws an escape sequence draws its picture instead."""
    from rich.segment import Segment
    from textual.color import Color

    app = ConsoleApp(paths, open_engine=scene.ToldEngine)
    gate = app.get_line_filters()[-1]
    (segment,) = gate.apply([Segment("a\x1b[2Jb")], Color.parse("black"))
    assert segment.text == "a\\x1b[2Jb"
