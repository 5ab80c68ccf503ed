"""Whatever a payload, header, log line or file name holds, the terminal gets text and no more."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.scene import settled, until
from textual.drivers.headless_driver import HeadlessDriver

from kiket_console.model import Draining, Handler, Judgement, Problem, State, WorkerState
from kiket_console.store.records import NewExchange, SetNote
from kiket_console.ui.app import ConsoleApp
from kiket_console.ui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from kiket_console.model import EngineStatus
    from kiket_console.paths import ProjectPaths

HOSTILE = (
    "\x1b]52;c;aGFja2Vk\x07", "\x1b[2J", "\x9b2J", "\x1b]0;owned\x1b\\", "\x1b[6n", "\x1b[c",
    "\x1bP+q544e\x1b\\", "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "\x90x\x9c",
    "\x07\x08\x0b\x0c\r", "a\u202eb\u2066c", "\u200b\u200d\ufeff", "\U000e0041",
    "e" + "\u0301" * 50, "\ud800", "\x00\x7f",
    "[@click=app.quit]x[/]", "x[/red]y", '{"a": [true, false]}', "[bold",
    "[link=http://evil.example]x[/link]", "\\[", "$accent", "日本語🎉", "\u2028\u2029",
)  # fmt: skip
MARK = "needle"
OWN = re.compile(
    r"\x1b\[[0-9;]*m"  # colours
    r"|\x1b\[\d+;\d+H"  # where to draw
    r"|\x1b\[\?\d+(?:;\d+)*[hlu]|\x1b\[[<>=?][0-9;]*[a-z]"  # modes of the terminal
    r"|\x1b\[\?\d+\$p"  # asks whether the terminal draws frames whole
    r"|\x1b\]22;[a-z-]+\x07"  # the shape of the pointer
    r"|\n"
)


class Terminal(HeadlessDriver):
    """A driver that draws for a real terminal and keeps what would reach it."""

    written: list[str]

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        vars(self).setdefault("written", []).append(data)
        type(self).written.append(data)


def hostile_story() -> scene.Story:
    """Tell of exchanges and log lines that hold all of the corpus, everywhere."""
    story = scene.Story()
    for text in HOSTILE:
        nasty = f"{MARK}{text}"
        judgement = Judgement(False, nasty, nasty, nasty, nearest=nasty)
        raw = f'{{"key {nasty}": "{nasty}"}}'.encode("utf-8", "surrogatepass")
        clean = nasty.encode("utf-8", "replace").decode()
        number = story.webhook(
            clean, clean, raw, 500, 100, word=clean, judgement=safe(judgement), answer=raw
        )
        story.rows[-3] = replace_headers(story.rows[-3], clean)
        story.call(number, f"GET {clean}", 500, 10, after_us=5)
        story.log(clean, "ERROR", of=number)
        story.log(f"Traceback (most recent call last):\n  File {clean}\nError: {clean}", of=number)
        story.log(clean, stream="stderr")
        failed = story.webhook(
            clean, "", raw, None, 1, state=State.FAILED, error=clean, judgement=scene.STALE,
            failed_first=clean,
        )  # fmt: skip
        story.pin(failed)
        story.rows.append(SetNote(failed, clean))
        story.log(clean, of=failed)
    return story


def safe(judgement: Judgement) -> Judgement:
    """Return a judgement that can be stored: UTF-8 has no lone surrogates."""
    clean = judgement.sentence.encode("utf-8", "replace").decode()
    return Judgement(False, clean, clean, clean, nearest=clean)


def replace_headers(row: object, text: str) -> NewExchange:
    """Return the new exchange with a hostile header name, value and path."""
    assert isinstance(row, NewExchange)
    request = scene.message(row.request.body.raw, (text, text), ("x-kiket-timestamp", text))
    return replace(row, request=request, path=f"/{text}", method=text)


def hostile_status(recording: str) -> EngineStatus:
    """Return a status whose every text is hostile."""
    workers = [
        scene.worker(
            name=f"{MARK}{text}{number}", kind=text, evidence=text, entry=text, guessed=text,
            extension_id=text, extension_version=text, interpreter=text, last_reload=text,
            handlers=(Handler(text, text, text, 1),), unhandled=(text,), dialects=(text,),
            secrets=((text, True), (text, False)), state=WorkerState.BROKEN,
            problem=Problem(text, text, 3, (f'  File "{text}", line 3', text)), note=text,
            draining=(Draining(text, 7, 1),),
        )
        for number, text in enumerate(HOSTILE)
    ]  # fmt: skip
    everything = "".join(HOSTILE)
    return scene.status(
        *workers, project=everything, notes=HOSTILE, recording=recording, durability=everything
    )


KEYS = (
    "g", "enter", "right_square_bracket", "right_square_bracket", "right_square_bracket",
    "right_square_bracket", "right_square_bracket", "escape", "j", "j", "j", "pagedown",
    "2", "j", "enter", "pagedown", "escape", "3", "g", "j", "enter", "escape", "G",
    "ctrl+p", "escape", "question_mark", "escape", "1", "t", "down", "enter", "escape", "m",
    "delete", "u", "q", "escape",
)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "recording"), [((80, 24), "ok"), ((140, 44), "ok"), ((140, 44), "".join(HOSTILE))]
)
async def test_only_our_own_sequences_reach_the_terminal(
    paths: ProjectPaths, size: tuple[int, int], recording: str
) -> None:
    scene.write_store(paths.store, hostile_story())
    engine = scene.ToldEngine(hostile_status(recording))
    Terminal.written = []
    app = ConsoleApp(paths, open_engine=lambda: engine, driver_class=Terminal)
    async with app.run_test(headless=False, size=size, notifications=True) as pilot:
        await settled(pilot)
        for text in HOSTILE:
            app.say(f"{MARK}{text}")
        for key in KEYS:
            await pilot.press(key)
        for position in range(0, 60, 3):
            app.go_to("traffic")
            assert app.place is not None
            app.place.list.rows.move(position)
            app.place.show_details()
            await pilot.pause()
        await settled(pilot)
        assert app.crash is None
    output = "".join(Terminal.written)
    assert MARK in output
    rest = OWN.sub("", output)
    harmful = re.findall("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]", rest)
    assert harmful == [], [rest[max(0, rest.find(each) - 20) :][:60] for each in set(harmful)]


async def test_values_that_a_filter_may_have_are_harmless_when_they_are_offered_and_taken(
    paths: ProjectPaths,
) -> None:
    scene.write_store(paths.store, hostile_story())
    Terminal.written = []
    app = ConsoleApp(paths, open_engine=scene.ToldEngine, driver_class=Terminal)
    async with app.run_test(headless=False, size=(100, 30)) as pilot:
        await settled(pilot)
        for field in ("event:", "method:", "path:", "h."):
            await pilot.press("slash")
            await until(pilot, lambda: bool(app.query(Prompt)))
            prompt = app.query_one(Prompt)
            prompt.text = field
            await until(pilot, lambda prompt=prompt: bool(prompt._offers.offers))  # type: ignore[misc]  # a loop's lambda
            for _ in range(8):
                await pilot.press("tab")
                await pilot.pause()
            await pilot.press("escape", "enter", "escape", "escape")
            await until(pilot, lambda: not app.query(Prompt))
        assert app.crash is None
    output = "".join(Terminal.written)
    assert MARK in output
    rest = OWN.sub("", output)
    assert re.findall("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]", rest) == []


async def test_a_mistake_elsewhere_is_caught_by_the_last_gate(paths: ProjectPaths) -> None:
    """A widget that draws an escape sequence draws its picture instead."""
    from rich.segment import Segment
    from textual.color import Color

    app = ConsoleApp(paths, open_engine=scene.ToldEngine)
    gate = app.get_line_filters()[-1]
    (segment,) = gate.apply([Segment("a\x1b[2Jb")], Color.parse("black"))
    assert segment.text == "a\\x1b[2Jb"
