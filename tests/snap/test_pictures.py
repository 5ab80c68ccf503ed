"""How the screens look: their text at several sizes, and their colours in each theme.

After a wanted change: `pytest tests/snap --snapshot-update`, and look at the diff.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.ui.steps import stepped_out
from tests.snap import metrics, producer, scene
from tests.snap.scene import filtered, screen_text, settled

from kiket_console.ui.app import ConsoleApp

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion
    from textual.pilot import Pilot

    from kiket_console.engine_status import EngineStatus
    from kiket_console.paths import ProjectPaths

LOW, TALL, WIDE = (80, 24), (120, 36), (200, 50)
BROKEN = scene.status(scene.worker(**scene.BROKEN))
LEFT_AGAIN: dict[tuple[int, int], dict[str, tuple[str, ...]]] = {
    LOW: {
        "traffic low": (),
        "processes low": ("2",),
        "kill": ("2", "K"),
        "nothing produced": ("7",),
        "new row": ("8", "a"),
        "what to let fail": ("8", "f"),
        "keys": ("question_mark",),
        "palette": ("ctrl+p",),
        "export": ("x",),
        "save": ("s",),
        "leave": ("q",),
        "empty collection": ("8", "down", "down", "down", "enter"),
        "request low": ("enter",),
    },
    TALL: {
        "filter with offers": ("slash", *"event:i"),
        "processes tall": ("2",),
        "trigger": ("t", "i", "s"),
        "difference": ("d",),
        "copy": ("y",),
        "platform tall": ("8",),
        "rows of a collection": ("8", "enter", "j"),
        "secrets tall": ("6", "j", "j"),
        "settings of the platform": ("8", "s"),
    },
}
PICTURES: dict[str, tuple[tuple[int, int], tuple[str, ...], EngineStatus | None]] = {
    "traffic tall": (TALL, ("k", "k"), None),
    "traffic wide": (WIDE, ("k",) * 6, None),
    "traffic filtered": (LOW, ("slash", *"status:>=400", "enter"), None),
    "filter that is wrong": (LOW, ("slash", *"sla evnt:x"), None),
    "filter that hides all": (LOW, ("slash", *"nothing OR like it", "enter"), None),
    "filter suspended": (LOW, ("slash", *"sla", "enter", "ctrl+t"), None),
    "selection": (LOW, ("space", "k", "k", "v", "k", "k"), None),
    "side": ((100, 24), ("minus",), None),
    "found in a folded body": (
        TALL,
        ("enter", "less_than_sign", "slash", "c", "u", "s", "t", "enter"),
        None,
    ),
    "response": (TALL, ("k",) * 2 + ("right_square_bracket",), None),
    "headers": (TALL, ("right_square_bracket",) * 2, None),
    "signature": (TALL, ("right_square_bracket",) * 3, None),
    "timeline": (TALL, ("k",) * 5 + ("c",), None),
    "logs of an exchange": (TALL, ("k",) * 5 + ("l",), None),
    "processes broken": (TALL, ("2",), BROKEN),
    "processes crashed": (TALL, ("2",), scene.status(scene.worker(**scene.CRASHED))),
    "processes of several": (TALL, ("2", "j", "j"), scene.several()),
    "traffic of several": ((150, 24), (), scene.several()),
    "attempts": (TALL, ("k", "right_square_bracket"), None),
    "full disk": (LOW, (), scene.status(**scene.FULL_DISK)),
    "full disk, processes": (LOW, ("2", "enter", "G"), scene.status(**scene.FULL_DISK)),
    "logs low": (LOW, ("3", "k"), None),
    "logs tall": (TALL, ("3", "k"), None),
    "logs unfolded": (LOW, ("3", "k", "enter", "j", "j"), None),
    "logs of one worker": (LOW, ("3", "w"), None),
    "new secret": (LOW, ("6", "j", "enter", *"tok"), None),
    "edit of a row": (TALL, ("8", "enter", "e", "down", "end", "left", "left", "backspace"), None),
    "edit": (LOW, ("k", "e"), None),
    "edit tall": (WIDE, ("k", "e"), None),
    "ways": (LOW, ("k", "R"), None),
    "difference low": (LOW, ("k",) * 6 + ("d",), None),
    "difference of headers": (LOW, ("d", "right_square_bracket", "right_square_bracket"), None),
    "tiny": ((40, 12), (), None),
}


async def picture(
    paths: ProjectPaths,
    size: tuple[int, int],
    keys: tuple[str, ...],
    status: EngineStatus | None,
    theme: str = "kiket-dusk",
) -> ConsoleApp:
    """Return the console as it looked after some keys, its last frame still there."""
    engine = scene.ToldEngine(status)
    app = ConsoleApp(paths, theme=theme, open_engine=lambda: engine)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        app.shown = await looked_at(pilot, keys)  # type: ignore[attr-defined]  # for the caller, after the end
        app.styles_shown = styles(app)  # type: ignore[attr-defined]  # for the caller, after the end
    return app


async def looked_at(pilot: Pilot[bool], keys: tuple[str, ...]) -> str:
    """Return what a console shows after some keys, once that stays the same."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
        await filtered(pilot)
    await settled(pilot)
    shown, same = "", 0
    while same < 3:  # a bar that appears takes a cell of a text, late on a busy machine
        await pilot.pause(0.05)
        same = same + 1 if shown == (shown := screen_text(pilot.app)) else 0
    return shown


def styles(app: ConsoleApp) -> str:
    """Return the runs of style of each line: how many cells, in which colours."""
    lines = []
    for strip in app.screen._compositor.render_strips():
        runs = [f"{segment.cell_length}:{segment.style}" for segment in strip.simplify()]
        lines.append(" | ".join(runs))
    return "\n".join(lines)


@pytest.mark.parametrize("size", LEFT_AGAIN, ids=["low", "tall"])
async def test_a_screen_that_is_left_again_reads_as_it_did(
    size: tuple[int, int], paths: ProjectPaths, snapshot: SnapshotAssertion
) -> None:
    """Each in the same console: a place, or a dialog, that leaves Traffic as it was."""
    scene.write_store(paths.store)
    app = ConsoleApp(paths, theme="kiket-dusk", open_engine=scene.ToldEngine)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for name, keys in LEFT_AGAIN[size].items():
            assert await looked_at(pilot, keys) == snapshot(name=name), name
            await stepped_out(pilot)


@pytest.mark.parametrize("name", PICTURES)
async def test_a_screen_reads_as_it_did(
    name: str, paths: ProjectPaths, snapshot: SnapshotAssertion
) -> None:
    scene.write_store(paths.store)
    app = await picture(paths, *PICTURES[name])
    assert app.shown == snapshot  # type: ignore[attr-defined]  # left there by picture()


async def test_messages_to_a_producer_read_as_they_did(
    paths: ProjectPaths, snapshot: SnapshotAssertion
) -> None:
    producer.tell_of_messages(story := scene.Story())
    scene.write_store(paths.store, story)
    app = await picture(paths, TALL, ("7", "R", "down", "enter", "j"), None)
    assert app.shown == snapshot  # type: ignore[attr-defined]  # left there by picture()


@pytest.mark.parametrize(
    ("size", "keys"), [(LOW, ("4", "left")), (WIDE, ("4",))], ids=["low", "wide"]
)
async def test_what_was_measured_reads_as_it_did(
    size: tuple[int, int], keys: tuple[str, ...], paths: ProjectPaths, snapshot: SnapshotAssertion
) -> None:
    metrics.tell_of_calls(story := scene.Story())
    scene.write_store(paths.store, story)
    app = await picture(paths, size, keys, None)
    assert app.shown == snapshot  # type: ignore[attr-defined]  # left there by picture()


@pytest.mark.parametrize("theme", ["kiket-dusk", "kiket-dawn", "kiket-ansi"])
async def test_a_theme_looks_as_it_did(
    theme: str, paths: ProjectPaths, snapshot: SnapshotAssertion
) -> None:
    scene.write_store(paths.store)
    app = await picture(paths, (100, 32), ("k", "k"), None, theme)
    assert app.styles_shown == snapshot  # type: ignore[attr-defined]  # left there by picture()


async def test_an_empty_project_reads_as_it_did(
    paths: ProjectPaths, snapshot: SnapshotAssertion
) -> None:
    app = await picture(paths, LOW, (), None)
    assert app.shown == snapshot  # type: ignore[attr-defined]  # left there by picture()
