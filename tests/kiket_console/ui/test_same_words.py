"""The commands write a list as the screen does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from tests.snap import scene

from kiket_console.commands.traffic import traffic
from kiket_console.model import State
from kiket_console.store.reader import Reader
from kiket_console.ui.paint import traffic as painted

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp


def listed(paths: ProjectPaths) -> list[str]:
    done = CliRunner().invoke(traffic, ["list", "-C", str(paths.folder)], obj=None)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()[1:]


def test_what_another_exchange_caused_stands_indented_below_it(paths: ProjectPaths) -> None:
    scene.write_store(paths.store)
    lines = listed(paths)
    assert " webhook   issue.created" in lines[0]
    assert "  └ api    POST extensions/logs" in lines[1]
    assert "└ 1180" not in lines[1]


@pytest.mark.parametrize("state", [State.REJECTED, State.FAILED, State.INTERRUPTED, State.HELD])
def test_an_exchange_without_an_answer_of_the_code_has_the_same_word(
    paths: ProjectPaths, state: State
) -> None:
    story = scene.Story()
    story.webhook("issue.created", "v1", scene.issue(1), 503, 900, state=state)
    scene.write_store(paths.store, story)
    with Reader(paths.store) as reader:
        (exchange,) = reader.page([1180])
    word, _ = painted.status(exchange, scene.NOW_US)
    assert f" {word} " in listed(paths)[0]
    assert "503" not in listed(paths)[0]


async def test_a_refused_delivery_says_in_its_details_what_was_answered(
    paths: ProjectPaths, console: Callable[..., ConsoleApp]
) -> None:
    story = scene.Story()
    story.webhook("issue.created", "v1", scene.issue(1), 503, 900, state=State.REJECTED)
    app = console(story)
    async with app.run_test(size=(120, 36)) as pilot:
        await scene.settled(pilot)
        shown = scene.screen_text(app)
    assert "answered 503 · refused ✗ ─" in shown
    lines = CliRunner().invoke(traffic, ["show", "1180", "-C", str(paths.folder)]).output
    assert "never forwarded, answered 503" in lines
