"""Sending from the screen: edited, in other ways, many at once, and new events."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until
from textual.events import Paste

from kiket_console.client import EngineGone
from kiket_console.errors import ConsoleError
from kiket_console.sending.draft import Draft, Original
from kiket_console.ui.event_making import EventMaker
from kiket_console.ui.screens.edit import EditScreen
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.screens.trigger import TriggerScreen
from kiket_console.ui.widgets.editor import MOST_LINES, Editor, fits
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.said import Said
from kiket_console.wire import Edit, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

SMALL = (80, 24)
EDITED = 1195
"""The delivery that tests edit: issue.updated v2, about issue 45."""


def kept(paths: ProjectPaths) -> list[int]:
    """Return the deliveries that there are drafts of."""
    return [int(each.stem.partition("-")[0]) for each in (paths.state / "drafts").glob("*.json")]


async def at(app: ConsoleApp, pilot: Pilot[Any], exchange_id: int, key: str, shown: str) -> None:
    """Put the cursor on an exchange, press a key there, and wait for what is shown then."""
    await settled(pilot)
    assert isinstance(app.place, TrafficScreen)
    app.place.go_to(exchange_id)
    await pilot.press(key)
    await until(pilot, lambda: shown in screen_text(app))


def editor(app: ConsoleApp) -> Editor:
    return app.screen.query_one("#edit-payload", Editor)


def replace_in_payload(app: ConsoleApp, old: str, new: str) -> None:
    """Type over a text of the payload, as a person who has selected it does."""
    area = editor(app)
    for row, line in enumerate(area.text.split("\n")):
        if old in line:
            column = line.index(old)
            area.replace(new, (row, column), (row, column + len(old)))
            return
    raise AssertionError(f"{old} is not in the payload")


class TestEditing:
    async def test_what_is_changed_is_shown_and_sent_and_the_new_row_selected(
        self, console: Callable[..., ConsoleApp], engine: scene.ToldEngine
    ) -> None:
        engine.result = Result(1196, "forwarded", 200, 2_900, "")
        app = console()
        async with app.run_test(size=SMALL, notifications=True) as pilot:
            await at(app, pilot, EDITED, "e", "Edit & send")
            replace_in_payload(app, '"high"', '"low"')
            await pilot.press("f7")
            await until(pilot, lambda: "What changed 1" in screen_text(app))
            assert '$.issue.priority  "high" → "low"' in screen_text(app)
            app.screen.query_one("#edit-version").focus()
            await pilot.press("end", "backspace", "3")
            await until(pilot, lambda: "What changed 2" in screen_text(app))
            await pilot.press("f5")
            await until(pilot, lambda: app.screen is app.place)
            assert engine.asked == [("send", str(EDITED), "resigned", "True")]
            [edit] = engine.edits
            assert (edit.headers, edit.event, edit.version) == (None, None, "v3")
            sent = json.loads(edit.raw_payload or b"")
            assert sent["issue"]["priority"] == "low"
            assert b"\n" not in (edit.raw_payload or b""), "laid out as the original was"
            said = "issue.updated v3, edited: 200 in 2.9 ms"
            await until(pilot, lambda: said in screen_text(app))
            assert isinstance(app.place, TrafficScreen)
            assert app.place.feed.selected is not None
            assert app.place.feed.selected.id == 1196

    async def test_who_presses_twice_sends_once(
        self,
        console: Callable[..., ConsoleApp],
        engine: scene.ToldEngine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        go_on = threading.Event()
        edit = Original.edit

        def slow(original: Original, draft: Draft) -> Edit:
            go_on.wait(60)
            return edit(original, draft)

        monkeypatch.setattr(Original, "edit", slow)
        app = console()
        async with app.run_test(size=SMALL) as pilot:
            await at(app, pilot, EDITED, "e", "Edit & send")
            await pilot.press("f5", "f5")
            go_on.set()
            await until(pilot, lambda: app.screen is app.place)
            await settled(pilot)
            assert len(engine.edits) == 1

    async def test_an_editor_whose_draft_was_sent_closes_when_its_question_is_answered(
        self,
        console: Callable[..., ConsoleApp],
        engine: scene.ToldEngine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        go_on = asyncio.Event()
        send = engine.send

        async def slow(*arguments: Any, **options: Any) -> Result:
            await go_on.wait()
            return await send(*arguments, **options)

        monkeypatch.setattr(engine, "send", slow)
        app = console()
        async with app.run_test(size=SMALL, notifications=True) as pilot:
            await at(app, pilot, EDITED, "e", "Edit & send")
            replace_in_payload(app, '"high"', '"low"')
            await pilot.press("f5", "escape")
            await until(pilot, lambda: "Leave the editor?" in screen_text(app))
            go_on.set()
            await until(pilot, lambda: "edited: 200" in screen_text(app))
            assert "Leave the editor?" in screen_text(app)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.place)

    async def test_what_is_no_json_is_sent_only_when_a_person_insists_who_may_use_another_editor(
        self,
        console: Callable[..., ConsoleApp],
        engine: scene.ToldEngine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def edited(_: object, text: str, suffix: str) -> str:
            assert suffix == ".json"
            return text.replace("KIK-45", "KIK-77")

        monkeypatch.setattr("kiket_console.ui.external.edit_text", edited)
        app = console()
        async with app.run_test(size=SMALL) as pilot:
            await at(app, pilot, EDITED, "E", "KIK-77")
            replace_in_payload(app, '"high",', '"high",,')
            fault = "Line 12, column 24: A name in double quotes is missing here."
            await until(pilot, lambda: fault in screen_text(app))
            await pilot.press("f5")
            await until(
                pilot, lambda: "Press f5 again to send it all the same." in screen_text(app)
            )
            assert editor(app).cursor_location == (11, 23), "the cursor is where the mistake is"
            assert editor(app).get_line(11).spans[-1].start == 23, "and it is marked"
            assert engine.asked == []
            await pilot.press("f5")
            await until(pilot, lambda: app.screen is app.place)
            assert b'"high",,' in (engine.edits[0].raw_payload or b"")
            assert b"KIK-77" in (engine.edits[0].raw_payload or b"")

    async def test_a_duplicate_names_no_original_and_a_dry_run_sends_nothing(
        self, console: Callable[..., ConsoleApp], engine: scene.ToldEngine
    ) -> None:
        app = console()
        async with app.run_test(size=SMALL) as pilot:
            await at(app, pilot, EDITED, "D", "A copy to send")
            await pilot.press("f5")
            await until(pilot, lambda: app.screen is app.place)
            assert engine.asked == [("send", str(EDITED), "resigned", "False")]
            engine.asked.clear()
            await at(app, pilot, EDITED, "e", "Edit & send")
            replace_in_payload(app, "KIK-45", "KIK-\u202e")
            await pilot.press("f6")
            await until(pilot, lambda: "Dry run: nothing was sent" in screen_text(app))
            assert "Signed as k1: HMAC-SHA256 of “1795183509.” and the body." in screen_text(app)
            assert "\\u202e" in screen_text(app)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, EditScreen))
            assert engine.asked == []

    async def test_leaving_asks_only_when_something_was_changed(
        self, console: Callable[..., ConsoleApp], paths: ProjectPaths, engine: scene.ToldEngine
    ) -> None:
        app = console()
        async with app.run_test(size=SMALL, notifications=True) as pilot:
            await at(app, pilot, EDITED, "e", "Edit & send")
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.place)
            await pilot.press("e")
            await until(pilot, lambda: "Edit & send" in screen_text(app))
            replace_in_payload(app, "KIK-45", "KIK-99")
            await pilot.press("escape")
            await until(pilot, lambda: "was neither sent nor kept" in screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, EditScreen))
            await pilot.press("escape")
            await until(pilot, lambda: "Keep it" in screen_text(app))
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is app.place)
            await until(pilot, lambda: kept(paths) == [EDITED])
            await pilot.press("e")
            await until(pilot, lambda: "This is the draft that you kept" in screen_text(app))
            assert "KIK-99" in screen_text(app)
            await pilot.press("f8")
            await until(pilot, lambda: "KIK-45" in screen_text(app))
            await pilot.press("f5")
            await until(pilot, lambda: app.screen is app.place)
            assert engine.edits == [Edit()]
            await until(pilot, lambda: kept(paths) == [])

    async def test_why_it_cannot_be_sent_is_said_in_the_editor(
        self,
        console: Callable[..., ConsoleApp],
        engine: scene.ToldEngine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def gone(*_: object, **__: object) -> Result:
            raise EngineGone("/srv/marketing")

        monkeypatch.setattr(engine, "send", gone)
        app = console()
        async with app.run_test(size=SMALL) as pilot:
            await at(app, pilot, EDITED, "e", "Edit & send")
            app.screen.query_one("#edit-headers", Editor).load_text("no colon")
            await until(pilot, lambda: "Line 1 of the headers has no colon." in screen_text(app))
            await pilot.press("f5")
            await until(pilot, lambda: "Write them as Name: value." in screen_text(app))
            app.screen.query_one("#edit-headers", Editor).load_text("x-mine: 1")
            await pilot.press("f5")
            await until(pilot, lambda: "No engine runs for /srv/marketing." in screen_text(app))
            assert isinstance(app.screen, EditScreen), "what was typed is still there"

    async def test_what_was_edited_is_listed_in_the_details(
        self, console: Callable[..., ConsoleApp]
    ) -> None:
        story = scene.Story()
        first = story.webhook("issue.updated", "v2", scene.issue(45), 200, 900)
        changed = scene.issue(45, priority="low", more="\x1b[31m")
        again = story.webhook(
            "issue.updated", "v3", changed, 200, 900, replay_of=first, edited=True
        )
        app = console(story)
        async with app.run_test(size=(120, 40)) as pilot:
            await at(app, pilot, again, "left_square_bracket", f"Changed from {first} before")
            shown = " ".join(screen_text(app).split())
            assert "version v2 → v3" in shown
            assert '$.issue.priority "high" → "low"' in shown
            assert '$.issue.more + "\\u001b[31m"' in shown
            await at(app, pilot, first, "left_square_bracket", "Timeline")
            await settled(pilot)
            assert "Edited" not in screen_text(app)

    async def test_a_payload_that_is_too_large_to_type_into_is_left_to_an_editor(
        self, console: Callable[..., ConsoleApp], engine: scene.ToldEngine
    ) -> None:
        story = scene.Story()
        large = json.dumps({"items": [*range(MOST_LINES + 10)]}).encode()
        number = story.webhook("issue.updated", "v2", large, 200, 900)
        app = console(story)
        async with app.run_test(size=SMALL) as pilot:
            await at(app, pilot, number, "e", "too large to type into")
            await pilot.press("x")
            await until(pilot, lambda: "Too large to type into; f4 opens" in screen_text(app))
            editor(app).post_message(Paste("y"))
            await pilot.press("f5")
            await until(pilot, lambda: app.screen is app.place)
            assert engine.edits == [Edit()], "it is sent as it was"

    async def test_enter_goes_on_at_the_indentation_and_hidden_characters_show(
        self, console: Callable[..., ConsoleApp]
    ) -> None:
        app = console()
        async with app.run_test(size=SMALL) as pilot:
            await at(app, pilot, EDITED, "e", "Edit & send")
            editor(app).move_cursor((2, len('  "issue": {')))
            await pilot.press("enter", "x")
            assert editor(app).document.get_line(3) == "    x"
            app.screen.query_one("#edit-payload", Editor).focus()
            editor(app).post_message(Paste("\x1b[31m\tred\u202e"))
            await until(pilot, lambda: "\\x1b[31m  red\\u202e" in editor(app).text)
            await pilot.press("ctrl+end", *"end", "ctrl+shift+home", "delete", *"all", "ctrl+home")
            assert (editor(app).text, editor(app).cursor_location) == ("all", (0, 0))


def test_only_what_can_be_typed_into_without_a_delay_fits() -> None:
    assert fits("{\n}\n" * (MOST_LINES // 2 - 1))
    assert not fits("\n" * MOST_LINES)
    assert not fits("x" * 30_000)


class TestAgain:
    async def test_who_has_gone_elsewhere_while_it_took_its_time_stays_there(
        self,
        console: Callable[..., ConsoleApp],
        engine: scene.ToldEngine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A handler that stands at a breakpoint answers when its time comes."""
        answered = asyncio.Event()

        async def slowly(*_: Any) -> Result:
            await answered.wait()
            return Result(1196, "forwarded", 200, 9_000_000, "")

        monkeypatch.setattr(engine, "replay", slowly)
        monkeypatch.setattr(engine, "send_event", slowly)
        app = console()
        async with app.run_test(size=(100, 40), notifications=True) as pilot:
            await at(app, pilot, EDITED, "t", "your last one")
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is app.place)  # not for as long as it takes
            await pilot.press("r", "k")
            stays = app.whereabouts
            answered.set()
            await until(pilot, lambda: "issue.updated again: 200 in 9.0 s" in screen_text(app))
            await until(pilot, lambda: "issue.created v1: 200 in 9.0 s" in screen_text(app))
            assert app.whereabouts == stays

    async def test_a_way_a_version_and_a_number_of_times_can_be_chosen(
        self, console: Callable[..., ConsoleApp], engine: scene.ToldEngine
    ) -> None:
        app = console()
        async with app.run_test(size=SMALL, notifications=True) as pilot:
            await at(app, pilot, EDITED, "R", "exact bytes")
            await pilot.press("tab", "tab", "backspace", "x", "enter")
            await until(pilot, lambda: "“x” is no number of times." in screen_text(app))
            await pilot.press("backspace", "0", "enter")
            await until(pilot, lambda: "0 times cannot be sent." in screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.place)
            assert engine.asked == []
            await at(app, pilot, EDITED, "R", "Send 1195 issue.updated v2 again")
            await pilot.press("enter")
            await until(pilot, lambda: ("replay", "1195", "exact") in engine.asked)
            await pilot.press("R")
            await until(pilot, lambda: "exact bytes" in screen_text(app))
            await pilot.press("down", "down", "tab", "v", "1", "tab", "backspace", "3", "enter")
            await until(pilot, lambda: "3 sent · 3 ok" in screen_text(app))
            assert engine.asked[1:] == [("replay", "1195", "stale", "v1")] * 3
            await until(pilot, lambda: app.screen is app.place)

    async def test_several_that_are_selected_go_in_their_order_and_on_after_a_failure(
        self,
        console: Callable[..., ConsoleApp],
        engine: scene.ToldEngine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        async def replay(exchange_id: int, *_: object) -> Result:
            engine.asked.append(("replay", str(exchange_id)))
            if exchange_id == 1195:
                raise ConsoleError("Exchange 1195 was stored in part.")
            return Result(1196, "forwarded", 200, 900, "")

        monkeypatch.setattr(engine, "replay", replay)
        app = console()
        async with app.run_test(size=SMALL, notifications=True) as pilot:
            await at(app, pilot, 1194, "space", "1 selected")
            await pilot.press("down", "space", "down", "space", "r")
            said = "3 sent · 2 ok · 1 failed. Exchange 1195"
            await until(pilot, lambda: said in screen_text(app))
            assert [each[1] for each in engine.asked] == ["1194", "1195", "1196"]

    async def test_a_long_run_can_be_stopped(
        self,
        console: Callable[..., ConsoleApp],
        engine: scene.ToldEngine,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        never = asyncio.Event()

        async def replay(*_: object) -> Result:
            engine.asked.append(("replay",))
            if len(engine.asked) > 2:
                await never.wait()
            return engine.result

        monkeypatch.setattr(engine, "replay", replay)
        app = console()
        async with app.run_test(size=SMALL, notifications=True) as pilot:
            await at(app, pilot, EDITED, "R", "exact bytes")
            await pilot.press("tab", "tab", "0", "enter")
            await until(pilot, lambda: "2 of 10 sent · 2 ok" in screen_text(app))
            assert "Sending 10 deliveries" in screen_text(app)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.place)
            await until(pilot, lambda: "Stopped. 2 of 10 sent · 2 ok" in screen_text(app))


class TestTriggering:
    async def test_what_is_worked_out_late_does_not_matter_to_a_dialog_that_was_left(
        self, console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, go_on = threading.Event(), threading.Event()
        make = EventMaker.make

        def slowly(*asked: Any) -> Any:
            begun.set()
            assert go_on.wait(60)
            return make(*asked)

        monkeypatch.setattr(EventMaker, "make", slowly)
        app = console()
        async with app.run_test(size=SMALL) as pilot:
            await settled(pilot)
            await pilot.press("t")
            await until(pilot, lambda: begun.is_set() and isinstance(app.screen, TriggerScreen))
            assert isinstance(app.screen, TriggerScreen)
            async with asyncio.TaskGroup() as tasks:  # which does not end with the dialog
                tasks.create_task(app.screen._looked())
                await pilot.press("escape")
                await until(pilot, lambda: not isinstance(app.screen, TriggerScreen))
                go_on.set()

            await pilot.press("t")  # and to one that is being taken away
            await until(pilot, lambda: isinstance(app.screen, TriggerScreen))
            dialog = app.screen
            assert isinstance(dialog, TriggerScreen)
            await dialog.query_one(Said).remove()  # widgets go one by one
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(app, "_running", False)  # as all do when the console ends
                await dialog._looked()
            dialog.dismiss(None)
            assert dialog.is_attached
            await dialog._looked()

    async def test_values_are_set_looked_at_sent_and_remembered(
        self, console: Callable[..., ConsoleApp], engine: scene.ToldEngine
    ) -> None:
        app = console()
        async with app.run_test(size=(100, 40), notifications=True) as pilot:
            await at(app, pilot, EDITED, "t", "your last one")
            await until(pilot, lambda: '"KIK-46"' in screen_text(app))
            await pilot.press("tab")
            for sign in '$.issue.key="${last.$.issue.id}-x"':
                await pilot.press(SIGNS.get(sign, sign))
            await until(pilot, lambda: '"46-x"' in screen_text(app))
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is app.place and bool(engine.events))
            [event] = engine.events
            assert (event.name, event.version, event.like) == ("issue.created", "v1", 1196)
            assert json.loads(event.raw_payload or b"")["issue"]["key"] == "46-x"
            await pilot.press("t")
            await until(pilot, lambda: '$.issue.key="${last' in screen_text(app))

    async def test_an_event_named_on_the_command_line_is_there_to_be_sent(
        self, console: Callable[..., ConsoleApp], engine: scene.ToldEngine
    ) -> None:
        app = console()
        async with app.run_test(size=(100, 40)) as pilot:
            await at(app, pilot, EDITED, "colon", "enter run")
            for sign in "trigger comment.created":
                await pilot.press(SIGNS.get(sign, sign))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, TriggerScreen))
            await until(pilot, lambda: "▌ comment.created v1" in screen_text(app))
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is app.place and bool(engine.events))
            assert [event.name for event in engine.events] == ["comment.created"]

    async def test_a_path_is_completed_while_it_is_typed_or_corrected_with_tab(
        self, console: Callable[..., ConsoleApp], engine: scene.ToldEngine
    ) -> None:
        app = console()
        async with app.run_test(size=(100, 40)) as pilot:
            await at(app, pilot, EDITED, "t", "your last one")
            await until(pilot, lambda: '"KIK-46"' in screen_text(app))
            await pilot.press("tab")
            for sign in "$.is":
                await pilot.press(SIGNS.get(sign, sign))
            await pilot.press("tab", "t", "tab")
            await until(pilot, lambda: "$.issue.title=" in screen_text(app))
            app.screen.query_one("#set", Entry).value = ""
            for sign in "$.prioritty=1":
                await pilot.press(SIGNS.get(sign, sign))
            said = "▲ There is no $.prioritty. Did you mean $.issue.priority? tab takes it."
            await until(pilot, lambda: said in screen_text(app))
            await pilot.press("enter")
            assert engine.events == [], "nothing is sent while something is wrong"
            await pilot.press("tab")
            await until(pilot, lambda: "$.issue.priority=1" in screen_text(app))
            await until(pilot, lambda: '"priority": 1' in screen_text(app))
            await pilot.press("f6")
            await until(pilot, lambda: "Dry run: nothing was sent" in screen_text(app))
            assert engine.asked == []


SIGNS = {
    "$": "dollar_sign",
    ".": "full_stop",
    "=": "equals_sign",
    '"': "quotation_mark",
    "{": "left_curly_bracket",
    "}": "right_curly_bracket",
    "-": "minus",
    " ": "space",
}
