"""Messages of modules on screen: what they carry, and sending them again, edited, or new ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.kiket_console.ui.test_deliveries import at
from tests.snap import messages, modules, scene
from tests.snap.scene import screen_text, settled, until
from tests.snap.secrets import ACKS

from kiket_console.ui.widgets.editor import Editor

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kiket_console.ui.app import ConsoleApp

SIZE = (100, 30)
REQUEST, ROUTED, STRAY, PENDING = 1184, 1186, 1183, 1190
"""Of the story of modules."""


@pytest.fixture
def app(console: Callable[..., ConsoleApp]) -> ConsoleApp:
    """Return a console on what two modules said."""
    messages.tell_of_modules(story := scene.Story())
    return console(story)


def text_of(app: ConsoleApp) -> str:
    return app.screen.query_one("#message-text", Editor).text


async def type_over(app: ConsoleApp, pilot: Pilot[Any], old: str, new: str) -> None:
    """Type over a text of the message, as a person who has selected it does."""
    area = app.screen.query_one("#message-text", Editor)
    for row, line in enumerate(area.text.split("\n")):
        if old in line:
            column = line.index(old)
            area.replace(new, (row, column), (row, column + len(old)))
            await pilot.pause()
            return
    raise AssertionError(f"{old} is not in the message")


async def test_a_message_and_its_reply_are_shown_with_their_bodies_decoded(app: ConsoleApp) -> None:
    async with app.run_test(size=(100, 44)) as pilot:
        await settled(pilot)
        await at(app, pilot, REQUEST, "enter", '"customer": "Größe"')
        assert "to billing over stdio" in screen_text(app)

        await pilot.press("right_square_bracket")
        await until(pilot, lambda: '"id": 7' in screen_text(app))
        assert '"correlation_id": "h-1"' in screen_text(app)


async def test_r_sends_a_message_again_and_so_does_an_editor_in_which_nothing_was_changed(
    app: ConsoleApp, engine: scene.ToldEngine
) -> None:
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await at(app, pilot, REQUEST, "r", "http_request again: 201 in 4.1 ms over tcp.")

        await at(app, pilot, REQUEST, "e", "Message to billing")
        await pilot.press("f5")
        await until(pilot, lambda: "http_request: 201" in screen_text(app))

        assert engine.asked == [("replay message", str(REQUEST))] * 2


async def test_several_messages_are_sent_one_after_the_other_and_what_failed_is_said(
    app: ConsoleApp, engine: scene.ToldEngine
) -> None:
    engine.modules.result = replace(engine.modules.result, error="billing ended.", status=None)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await at(app, pilot, REQUEST, "space", "1 selected")
        await pilot.press("down", "space", "r")
        await until(pilot, lambda: "0 of 2 messages sent again. billing ended." in screen_text(app))

        assert [each for each, _ in engine.asked] == ["replay message"] * 2


async def test_e_edits_what_a_message_carries_and_says_which_fields_are_wrong(
    app: ConsoleApp, engine: scene.ToldEngine
) -> None:
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await at(app, pilot, REQUEST, "e", "Message to billing")
        await until(pilot, lambda: "is missing: GET, POST, …" in screen_text(app))
        assert f"like {REQUEST} · over stdio" in screen_text(app)

        await type_over(app, pilot, '"uri"', '"method": "PUT", "urii"')
        await until(pilot, lambda: "uri is probably meant" in screen_text(app))
        await type_over(app, pilot, '"urii"', '"uri"')
        await type_over(app, pilot, "1204", "7")
        await pilot.press("f5")
        await until(pilot, lambda: "http_request, edited: 201" in screen_text(app))

        [sent] = engine.modules.sent
        assert (sent.module, sent.like, sent.channel) == ("billing", REQUEST, "stdio")
        message = json.loads(sent.raw_message)
        assert message["method"] == "PUT"
        assert bytes(message["body"]).decode() == '{"customer": "Größe", "total": 7}'


async def test_what_is_refused_is_said_in_the_editor_and_leaving_it_with_changes_asks_first(
    app: ConsoleApp, engine: scene.ToldEngine
) -> None:
    engine.modules.refuses = "http_request needs 'method', a text."
    async with app.run_test(size=SIZE) as pilot:
        await at(app, pilot, REQUEST, "e", "Message to billing")
        await type_over(app, pilot, "1204", "7")
        await pilot.press("f5")
        await until(pilot, lambda: "http_request needs 'method', a text." in screen_text(app))

        await type_over(app, pilot, "7", '"')
        await pilot.press("f5")
        await until(pilot, lambda: "That is no JSON" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Leave the editor?" in screen_text(app))
        await pilot.press("right", "enter", "f8")
        await until(pilot, lambda: '"total": 1204' in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Traffic" in screen_text(app).splitlines()[2])


async def test_what_cannot_be_done_with_a_message_is_said(app: ConsoleApp) -> None:
    async with app.run_test(size=(130, 30), notifications=True) as pilot:
        for number, key, said in (
            (ROUTED, "e", f"Exchange {ROUTED} came from billing; only"),
            (STRAY, "e", f"Exchange {STRAY} is no message that"),
            (REQUEST, "R", "Messages of modules are not signed; r"),
        ):
            await at(app, pilot, number, key, said)


async def test_t_at_a_modules_row_offers_the_messages_that_it_takes(
    app: ConsoleApp, engine: scene.ToldEngine
) -> None:
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await at(app, pilot, REQUEST, "t", "A message to billing")
        await until(pilot, lambda: "Whether the module is alive." in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Fields 5" in screen_text(app))
        await pilot.press("f5")
        await until(pilot, lambda: "http_request: 201" in screen_text(app))

        [sent] = engine.modules.sent
        assert json.loads(sent.raw_message) == modules.OPS[0].sample
        assert (sent.module, sent.like) == ("billing", 0)


async def test_in_a_project_of_several_modules_t_asks_which_and_in_processes_it_is_the_selected_one(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    search = replace(scene.module(), name="search")
    engine.said = scene.status(workers=(scene.module(), search))
    app = console(empty=True)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "A message to" in screen_text(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "A message to search" in screen_text(app))
        await pilot.press("escape", "2", "t")  # at the first of them
        await until(pilot, lambda: "A message to billing" in screen_text(app))


async def test_a_secret_is_rotated_and_each_module_says_whether_it_took_it(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    engine.said = scene.status(scene.module())
    engine.secrets.acks, engine.secrets.restarted = ACKS, ("marketing",)
    app = console(empty=True)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("2", "R")
        await until(pilot, lambda: "MAIL_KEY" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Rotate DATABASE_URL" in screen_text(app))
        await pilot.press("right", "tab", *"s3cr3t")
        assert "s3cr3t" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "DATABASE_URL is rotated, but not by all" in screen_text(app))

        shown = screen_text(app)
        assert "✓ billing  success in 2.9 ms" in shown
        assert "✗ search  no answer: It said nothing within 5 s." in shown
        assert "marketing is started anew" in shown
        assert engine.secrets.asked == [("rotate", "DATABASE_URL", "s3cr3t", None, "project")]
