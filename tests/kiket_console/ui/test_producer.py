"""Producer: a message is written, looked at, sent, refused, explained, and sent again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec.structs import replace
from tests.snap import producer, scene
from tests.snap.producer import FUNCTION, PREVIEW, REFUSED, SINK, TAKEN, TRACKING
from tests.snap.scene import screen_text, settled, until

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import State
from kiket_console.ui.paint import composing
from kiket_console.ui.paint import producer as paint
from kiket_console.ui.paint.line import line_width
from kiket_console.ui.producer_history import HistoryReader, HistoryRows
from kiket_console.ui.screens.chooser import Chooser
from kiket_console.ui.screens.composer import Composer
from kiket_console.ui.sent_message import Sent
from kiket_console.ui.widgets.editor import Editor
from kiket_console.ui.widgets.entry import Entry
from kiket_console.ui.widgets.pick import Pick
from kiket_console.ui.widgets.prompt import Prompt
from kiket_console.ui.widgets.said import Said
from kiket_console.ui.widgets.views import ListView
from kiket_console.wire_producer import PRODUCER_WAYS, ProducerMessage, SinkFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

SMALL, TALL = (80, 24), (120, 36)
MASKED = (
    '{"event_type": "a", "message_channel": "b", "behavior": "instant",'
    ' "security_level": "sensitive", "payload": {"amount": "[masked:5d2f19ac]"}}'
)


def told() -> scene.Story:
    """Return the story of a few messages."""
    producer.tell_of_messages(story := scene.Story())
    return story


async def to_producer(pilot: Pilot[Any]) -> None:
    """Go to Producer, and wait until the message is looked at."""
    await settled(pilot)
    await pilot.press("7")
    await until(pilot, lambda: "to this engine" in screen_text(pilot.app))
    await until(pilot, lambda: "valid" in screen_text(pilot.app))


async def enter(pilot: Pilot[Any], key: str, text: str) -> None:
    """Enter a line that a key asks for; without a key, in the line that is there."""
    if key:
        await pilot.press(key)
    app = pilot.app
    await until(pilot, lambda: bool(app.screen.query(Prompt)))
    app.screen.query_one(Prompt).text = text
    await pilot.press("enter")


async def choose(pilot: Pilot[Any], key: str, text: str) -> None:
    """Choose from the list that a key shows."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, Chooser))
    pilot.app.screen.query_one(Entry).value = text
    await pilot.press("enter")


def newest(pilot: Pilot[Any]) -> int:
    """Return the exchange of the newest message in the list."""
    rows = pilot.app.screen.query_one("#list", ListView).rows
    assert isinstance(rows, HistoryRows)
    return rows.all[0].id


def composer(pilot: Pilot[Any]) -> Composer:
    """Return the message that is being written."""
    return pilot.app.screen.query_one(Composer)


def fields(message: ProducerMessage) -> dict[str, Any]:
    """Return what was sent."""
    return cast("dict[str, Any]", json.loads(message.message))


async def test_a_first_message_is_sent_as_it_stands_and_kept_as_a_template(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine, paths: ProjectPaths
) -> None:
    """Without an AWS account: an empty place says how, and by which variables code sends here.

    A message is kept as a file of the project, and is offered before ours.
    """
    app = console(scene.Story())
    async with app.run_test(size=SMALL) as pilot:
        await to_producer(pilot)
        await until(pilot, lambda: "Nothing has been sent yet." in screen_text(app))
        assert f"KINDO_MESSAGE_PRODUCER_URL={SINK}" in screen_text(app)
        await pilot.press("f5")
        await until(pilot, lambda: f"Taken in 12.3 ms. Tracking id {TRACKING}" in screen_text(app))
        [sent] = engine.producer.sent
        assert fields(sent)["event_type"] == "user.notification"
        assert (sent.url, sent.profile, sent.region, sent.way) == ("", "", "", "signed")
        await choose(pilot, "t", "payment")
        await until(pilot, lambda: "txn_abc123" in composer(pilot).text)
        await pilot.press("ctrl+s", "enter")
        file = paths.folder / "messages" / "payment.processed.json"
        await until(pilot, file.exists)
        await until(pilot, lambda: any("in clear" in each.message for each in app._notifications))
        assert json.loads(file.read_text())["security_level"] == "sensitive"
        await pilot.press("escape", "t")
        await until(pilot, lambda: "payment.processed · internal · 4" in screen_text(app))


async def test_where_only_a_file_of_the_project_says_messages_go_is_asked_about_once(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    app = console(scene.Story())
    engine.producer.told = replace(
        engine.producer.told, url=FUNCTION, stranger="/demo/kiket.toml:2", elsewhere="dev"
    )
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("7")
        await until(pilot, lambda: "to k3wq7xyzabc.lambda-url" in screen_text(app))
        await until(pilot, lambda: "valid" in screen_text(app))
        await pilot.press("f5")
        await until(pilot, lambda: "profile dev (AKIA…7Q)" in screen_text(app))
        await pilot.press("enter")  # the first answer is the safe one
        await until(pilot, lambda: "Nothing was sent." in screen_text(app))
        assert engine.producer.sent == []
        await pilot.press("f5")
        await until(pilot, lambda: "profile dev (AKIA…7Q)" in screen_text(app))
        assert "own producer" not in screen_text(app)
        await pilot.press("right", "enter")
        await until(pilot, lambda: "Taken in" in screen_text(app))
        await pilot.press("f5")
        await until(pilot, lambda: len(engine.producer.sent) == 2)
        assert {each.url for each in engine.producer.sent} == {FUNCTION}, "it names what was seen"
        await enter(pilot, "w", SINK.replace("127.0.0.1", "localhost"))
        await until(
            pilot, lambda: "local · ap-southeast-2 · to localhost:41233" in screen_text(app)
        )


async def test_the_form_and_the_json_are_one_message_and_a_mistake_is_at_its_line(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """One key goes from one to the other; what is typed in either is in both.

    With a mistake nothing is sent: send goes to it. JSON that fits no form stays JSON.
    """
    app = console(told())
    async with app.run_test(size=SMALL) as pilot:
        await to_producer(pilot)
        await pilot.press("i", "ctrl+u")
        await until(pilot, lambda: "✗ event type" in screen_text(app))
        assert '"event_type" is missing.' in screen_text(app)
        await pilot.press("escape", "f5")
        await until(pilot, lambda: "Nothing was sent." in screen_text(app))
        assert app.focused is app.screen.query_one("#field-event_type")
        await pilot.press("p", "right")  # completed from what was sent before
        await pilot.press("tab", "tab", "right", "tab", "right", "f2")
        text = composer(pilot).text
        assert '"event_type": "payment.processed"' in text
        assert '"behavior": "scheduled"' in text
        assert '"security_level": "sensitive"' in text
        await until(pilot, lambda: "3 values masked in history" in screen_text(app))
        editor = app.screen.query_one("#producer-text", Editor)
        editor.enter_text(text.replace("email", "post").replace('"scheduled",', '"later",x'))
        await pilot.press("f5")
        await until(pilot, lambda: "Nothing was sent. Line 4" in screen_text(app))
        assert editor.cursor_location == (3, text.splitlines()[3].index('"scheduled"') + 8)
        await pilot.press("f2")
        await until(pilot, lambda: "It fits no form. Line 4" in screen_text(app))
        await pilot.press("delete")
        said = 'Line 4: "later" is none of instant, scheduled, deferred'
        await until(pilot, lambda: said in screen_text(app))
        assert not engine.producer.sent
        await pilot.press("f2")
        app.screen.query_one("#field-behavior", Pick).action_choose(1)
        await pilot.press("f5")
        await until(pilot, lambda: bool(engine.producer.sent))
        message = fields(engine.producer.sent[0])
        assert (message["message_channel"], message["behavior"]) == ("post", "instant")
        await pilot.press("f2", "f2")
        assert fields(ProducerMessage(composer(pilot).text)) == message


async def test_a_refused_signature_is_explained_and_a_dry_run_shows_what_is_signed(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """Broken on purpose, read, mended: the sentence, what to do, and what was compared.

    How often, and how far apart, is asked in the same dialog.
    """
    app = console(told())
    async with app.run_test(size=TALL) as pilot:
        await to_producer(pilot)
        await pilot.press("i", "f6")
        await until(pilot, lambda: "Dry run: nothing was sent" in screen_text(app))
        shown = screen_text(app)
        for line in (*PREVIEW.canonical_request.split(), *PREVIEW.string_to_sign.split()):
            assert line in shown
        await pilot.press("y")
        assert PREVIEW.canonical_request in app.clipboard
        assert PREVIEW.string_to_sign in app.clipboard
        await pilot.press("escape", "escape")
        assert not engine.producer.sent
        assert len(engine.producer.previewed) == 1
        engine.producer.answers = [replace(REFUSED, exchange_id=newest(pilot))]
        await pilot.press("R", "down", "enter")
        await until(pilot, lambda: "Refused: wrong secret" in screen_text(app))
        shown = screen_text(app)
        assert "→ Choose the profile local with p, or set" in shown
        assert "5f1c09d2…" in shown
        assert "9c4ff2d1…" in shown
        sentence = composer(pilot).query_one(Said)
        assert "403: The signature was made with another secret key than the one" in shown
        assert "access key local." in shown
        assert sentence.size.height == 2
        engine.producer.answers = [TAKEN, REFUSED, TAKEN]
        await pilot.press("R", "tab", "backspace", "3", "enter")
        await until(pilot, lambda: "3 sent · 2 ok · 1 failed" in screen_text(app))
        assert "The producer refused the signature." in screen_text(app)
        ways = [each.way for each in engine.producer.sent]
        assert ways == ["wrong-secret", "signed", "signed", "signed"]
        columns = [
            composer(pilot).query_one(f"#field-{name}").region.x
            for name in ("event_type", "behavior", "message_channel", "security_level")
        ]
        assert (columns[0], columns[2]) == (columns[1], columns[3])  # what is below is in line


async def test_history_masks_what_is_sensitive_and_a_message_is_written_again(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """What was being written comes back with one key; the engine puts clear values in."""
    app = console(told())
    async with app.run_test(size=SMALL) as pilot:
        await to_producer(pilot)
        await until(pilot, lambda: "payment.processed ▒" in screen_text(app))
        assert "k3wq7xyzabc.lambda-url" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "the values are masked" in screen_text(app))
        assert "It was signed with another secret key" in screen_text(app)
        again = newest(pilot)
        engine.producer.messages[again] = ProducerMessage(MASKED, like=again)
        await pilot.press("e")
        await until(pilot, lambda: "[masked:5d2f19ac]" in composer(pilot).text)
        await pilot.press("f5")
        await until(pilot, lambda: bool(engine.producer.sent))
        assert engine.producer.sent[0].like == again
        await pilot.press("escape", "u")
        await until(pilot, lambda: "Welcome to Kindo!" in composer(pilot).text)
        await pilot.press("r")
        await until(pilot, lambda: bool(engine.producer.resent))
        assert engine.producer.resent == [again]


async def test_where_messages_go_who_signs_and_how_the_sink_fails_is_chosen_and_shown(
    console: Callable[..., ConsoleApp], engine: scene.ToldEngine
) -> None:
    """A function URL is signed for by a profile of AWS, for the region of its host.

    Failures of the sink stay until they are ended with one word. What cannot be sent is said
    where it is written, and stays there.
    """
    app = console(told())
    async with app.run_test(size=TALL) as pilot:
        await to_producer(pilot)
        await enter(pilot, "f", "sloow")
        await until(pilot, lambda: '"sloow" is no failure.' in screen_text(app))
        await enter(pilot, "", "slow 3x")
        await until(pilot, lambda: "it fails: slow 2s 3x" in screen_text(app))
        assert engine.producer.told.faults == (SinkFault("slow", 3, 2.0),)
        await enter(pilot, "f", "none")
        await until(pilot, lambda: not engine.producer.told.faults)
        await enter(pilot, "w", "http://example.com")
        await until(pilot, lambda: "is not encrypted" in screen_text(app))
        await enter(pilot, "", FUNCTION)
        await until(pilot, lambda: "eu-west-1 · to k3wq7xyzabc" in screen_text(app))
        await choose(pilot, "p", "prod")
        await choose(pilot, "o", "us-east")
        said = "There are no credentials for prod."
        engine.producer.answers = [ConsoleError(said, exit_code=ExitCode.AUTH)]
        await pilot.press("f5")
        await until(pilot, lambda: said in screen_text(app))
        [message] = engine.producer.sent
        assert (message.url, message.profile, message.region) == (FUNCTION, "prod", "us-east-1")
        assert "Welcome to Kindo!" in composer(pilot).text


def sent(**changes: object) -> Sent:
    """Return a message as it is listed."""
    facts: dict[str, object] = {
        "id": 7, "change": 1, "at_us": scene.NOW_US, "event_type": "payment.processed",
        "channel": "internal", "behavior": "instant", "is_sensitive": True,
        "state": State.FORWARDED, "status": 200, "took_us": 8_400, "tracking_id": TRACKING,
        "trouble": "", "signature": "ok sigv4",
    }  # fmt: skip
    return Sent(**(facts | changes))  # type: ignore[arg-type]  # one dict for all kinds


@pytest.mark.parametrize("width", [24, 39, 45, 71, 80, 120, 200])
def test_a_row_fits_any_width_and_keeps_how_it_ended(width: int) -> None:
    """Event types and answers come from outside: they neither widen a row nor act on it."""
    for each in (
        sent(),
        sent(event_type="日本語" * 30, tracking_id=""),
        sent(event_type="a\x1b[31m", status=403, tracking_id="", trouble="no\x1b]0;x\x07" * 40),
        sent(state=State.FAILED, status=None, took_us=None, tracking_id="", trouble="gone"),
        sent(state=State.RECEIVED, status=None, took_us=None, tracking_id=""),
    ):
        line = paint.row(each, width)
        assert line_width(line) <= width
        assert "\x1b" not in "".join(text for text, _ in line)
    assert line_width(paint.header(width)) <= width


def test_the_rule_says_last_where_messages_go() -> None:
    """What is cut off in a narrow terminal is what matters least."""
    state = replace(producer.STATE, faults=(SinkFault("throttle"),))
    here = composing.where(state, SINK, "local", "ap-southeast-2", "local")
    assert [text for text, _ in here][-1] == "it fails: throttle"
    there = composing.where(state, FUNCTION, "dev", "eu-west-1", "AKIA…7Q")
    assert [text for text, _ in there][-1] == "to k3wq7xyzabc.lambda-url.eu-west-1.on.aws"
    assert ("signs as AKIA…7Q", "muted") in there


def test_history_reads_what_is_new_and_forgets_what_was_deleted(paths: ProjectPaths) -> None:
    """A hundred thousand other exchanges are looked through once, not again for each message."""
    from kiket_console.store.reader import Reader
    from kiket_console.ui.store_view import StoreView

    producer.say(story := told(), "told.late", "email", {}, answer={"tracking_id": 4711})
    scene.write_store(paths.store, story)
    view = StoreView(Reader(paths.store), lambda _: None)
    history = HistoryReader(view)
    late, *found = everything = history.read(0)
    assert (late.tracking_id, late.trouble) == ("4711", ""), "a number is one, as when it came"
    assert [each.event_type for each in found][:2] == ["payment.processed", "system.started"]
    assert [each.trouble for each in found][:2] == [
        "It was signed with another secret key than that of local.",
        "k3wq7xyzabc.lambda-url.eu-west-1.on.aws cannot be reached: no such host.",
    ]
    assert found[0].is_sensitive
    assert found[2].tracking_id == TRACKING
    assert found[4].trouble == "Rate exceeded"
    assert history.read(0) == everything
    assert history.read(1) == everything
    history.close()


def test_each_way_to_send_can_be_chosen() -> None:
    from kiket_console.ui.screens.ways import MESSAGE_WAYS

    assert tuple(each.value for each in MESSAGE_WAYS) == PRODUCER_WAYS
